//! Intrinsic functions, conditions and pseudo parameters.
//!
//! `prune` chooses the branches of `Fn::If`; `resolve` computes the rest. Where a value is not known
//! before resources exist, as when a change set is made, the marker of the real API stands for it.

use std::collections::BTreeMap;

use aws_smithy_types::base64;
use serde_json::{Map, Value, json};

use super::parameters::{Parameter, scalar};
use super::template::Template;

/// What stands for a value that only the execution brings (CloudFormation user guide, "Change sets
/// with property values").
pub(super) const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// More rounds than any chain of conditions has.
const DEEPEST: usize = 64;

/// Where names lead.
pub(super) trait Names {
    /// `Ref` of a resource.
    fn reference(&self, logical: &str) -> Option<Value>;
    /// `Fn::GetAtt`.
    fn attribute(&self, logical: &str, attribute: &str) -> Option<Value>;
    /// `Fn::ImportValue`.
    fn import(&self, name: &str) -> Option<String>;
}

/// What a stack knows of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Own {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) stack_id: String,
    pub(super) stack_name: String,
    pub(super) notifications: Vec<String>,
    pub(super) zones: Vec<String>,
}

/// Everything that an expression can refer to but resources.
pub(super) struct Scope<'a> {
    pub(super) own: &'a Own,
    pub(super) template: &'a Template,
    pub(super) parameters: &'a [Parameter],
    pub(super) conditions: BTreeMap<String, bool>,
}

type Resolved = Result<Option<Value>, String>;

impl<'a> Scope<'a> {
    /// Evaluates the conditions.
    pub(super) fn new(
        own: &'a Own,
        template: &'a Template,
        parameters: &'a [Parameter],
    ) -> Result<Self, String> {
        let mut scope = Self { own, template, parameters, conditions: BTreeMap::new() };
        for name in template.conditions.keys() {
            let value = scope.condition(name, 0)?;
            scope.conditions.insert(name.clone(), value);
        }
        Ok(scope)
    }

    fn condition(&self, name: &str, depth: usize) -> Result<bool, String> {
        if let Some(known) = self.conditions.get(name) {
            return Ok(*known);
        }
        if depth > DEEPEST {
            let text = "Template format error: Circular dependencies for Conditions";
            return Err(format!("{text}: [{name}]"));
        }
        let Some(value) = self.template.conditions.get(name) else {
            return Err(format!("Template error: condition {name} is not defined"));
        };
        self.truth(value, depth.saturating_add(1))
    }

    fn truth(&self, value: &Value, depth: usize) -> Result<bool, String> {
        let malformed =
            || "Template error: every Condition member must be a condition function".to_owned();
        let (name, argument) = function(value).ok_or_else(malformed)?;
        let items = argument.as_array().map_or(&[][..], Vec::as_slice);
        match name {
            "Condition" => self.condition(argument.as_str().unwrap_or_default(), depth),
            "Fn::And" | "Fn::Or" if (2..=10).contains(&items.len()) => {
                let mut values = Vec::new();
                for item in items {
                    values.push(self.truth(item, depth)?);
                }
                let all = name == "Fn::And";
                Ok(if all { values.iter().all(|v| *v) } else { values.iter().any(|v| *v) })
            }
            "Fn::Not" if items.len() == 1 => {
                Ok(!self.truth(items.first().unwrap_or(&Value::Null), depth)?)
            }
            "Fn::Equals" if items.len() == 2 => {
                let mut values = items.iter().map(|item| self.resolve(item, &Nothing));
                let (a, b) = (values.next().transpose()?, values.next().transpose()?);
                let text = |v: Option<Option<Value>>| {
                    v.flatten().map(|v| scalar(&v).unwrap_or_else(|| v.to_string()))
                };
                Ok(text(a) == text(b))
            }
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" => Err(format!(
                "Template validation error: Template error: every {name} object requires a list of \
                 the right number of parameters"
            )),
            _ => Err(malformed()),
        }
    }

    /// Whether something with this condition is there.
    pub(super) fn holds(&self, condition: Option<&str>) -> bool {
        condition.is_none_or(|name| self.conditions.get(name).copied().unwrap_or(false))
    }

    /// Chooses the branches of `Fn::If`, so that what is left refers only to what is there.
    pub(super) fn prune(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.prune(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                if let Some(("Fn::If", argument)) = function(value) {
                    let items = argument.as_array().map_or(&[][..], Vec::as_slice);
                    let [Value::String(name), yes, no] = items else {
                        return Err("Template error: Fn::If requires a list argument with three \
                                    parameters"
                            .to_owned());
                    };
                    return self.prune(if self.holds(Some(name)) { yes } else { no });
                }
                let mut pruned = Map::new();
                for (key, member) in members {
                    pruned.insert(key.clone(), self.prune(member)?);
                }
                Value::Object(pruned)
            }
            other => other.clone(),
        })
    }

    /// Computes an expression; `None` is `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value, names: &dyn Names) -> Resolved {
        match value {
            Value::Array(items) => {
                let mut out = Vec::new();
                for item in items {
                    out.extend(self.resolve(item, names)?);
                }
                Ok(Some(Value::Array(out)))
            }
            Value::Object(members) => {
                if let Some((name, argument)) = function(value)
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.call(name, argument, names);
                }
                let mut out = Map::new();
                for (key, member) in members {
                    if let Some(member) = self.resolve(member, names)? {
                        out.insert(key.clone(), member);
                    }
                }
                Ok(Some(Value::Object(out)))
            }
            other => Ok(Some(other.clone())),
        }
    }

    fn call(&self, name: &str, argument: &Value, names: &dyn Names) -> Resolved {
        match name {
            "Ref" => self.reference(argument.as_str().unwrap_or_default(), names),
            "Fn::GetAtt" => {
                let (resource, attribute) = match argument {
                    Value::Array(parts) => (
                        parts.first().and_then(Value::as_str).unwrap_or_default(),
                        parts.get(1).and_then(Value::as_str).unwrap_or_default(),
                    ),
                    other => other.as_str().and_then(|t| t.split_once('.')).unwrap_or_default(),
                };
                self.attribute(resource, attribute, names)
            }
            "Fn::Sub" => self.sub(argument, names),
            "Fn::If" => {
                let chosen = self.prune(&json!({ name: argument }))?;
                self.resolve(&chosen, names)
            }
            _ => {
                let argument = self.resolve(argument, names)?.unwrap_or(Value::Null);
                self.plain_call(name, &argument, names).map(Some)
            }
        }
    }

    /// The functions that compute with values only.
    fn plain_call(&self, name: &str, argument: &Value, names: &dyn Names) -> Result<Value, String> {
        let items = argument.as_array().map_or(&[][..], Vec::as_slice);
        let (first, second) = (items.first(), items.get(1));
        let wrong = |what: &str| Err(format!("Template error: {name} {what}"));
        match name {
            "Fn::Join" => {
                let (Some(delimiter), Some(list)) = (first.and_then(Value::as_str), second) else {
                    return wrong("requires a list argument with two parameters");
                };
                let Some(list) = list.as_array() else {
                    // An unknown list joins to something unknown.
                    return Ok(list.clone());
                };
                let parts: Option<Vec<String>> = list.iter().map(scalar).collect();
                match parts {
                    Some(parts) => Ok(parts.join(delimiter).into()),
                    None => wrong("requires its list to hold texts"),
                }
            }
            "Fn::Select" => {
                let index = first.and_then(scalar).and_then(|text| text.parse::<usize>().ok());
                match (index, second) {
                    (Some(_), Some(Value::String(text))) if text.contains(UNKNOWN) => {
                        Ok(UNKNOWN.into())
                    }
                    (Some(index), Some(Value::Array(list))) => match list.get(index) {
                        Some(item) if !item.is_null() => Ok(item.clone()),
                        _ => wrong("cannot select nonexistent value at index {}")
                            .map_err(|text: String| text.replace("{}", &index.to_string())),
                    },
                    _ => wrong("requires a list argument with two parameters"),
                }
            }
            "Fn::Split" => match (first.and_then(Value::as_str), second) {
                (Some(_), Some(Value::String(text))) if text.contains(UNKNOWN) => {
                    Ok(UNKNOWN.into())
                }
                (Some(delimiter), Some(Value::String(text))) if !delimiter.is_empty() => {
                    Ok(text.split(delimiter).map(Value::from).collect())
                }
                _ => wrong("requires a list argument with two parameters"),
            },
            "Fn::GetAZs" => {
                let region = argument.as_str().unwrap_or_default();
                if region.is_empty() || region == self.own.region {
                    return Ok(json!(self.own.zones));
                }
                Ok(['a', 'b', 'c'].iter().map(|z| Value::from(format!("{region}{z}"))).collect())
            }
            "Fn::FindInMap" => {
                let path: Vec<String> = items.iter().take(3).filter_map(scalar).collect();
                let [map, top, second] = path.as_slice() else {
                    return wrong("requires a list argument with three parameters");
                };
                let found = self.template.mappings.get(map).and_then(|m| m.get(top));
                found.and_then(|m| m.get(second)).cloned().ok_or_else(|| {
                    format!("Template error: Unable to get mapping for {map}::{top}::{second}")
                })
            }
            "Fn::Base64" => match argument {
                Value::String(text) if text.contains(UNKNOWN) => Ok(UNKNOWN.into()),
                other => match scalar(other) {
                    Some(text) => Ok(base64::encode(text).into()),
                    None => wrong("requires a text"),
                },
            },
            "Fn::ImportValue" => {
                let export = argument.as_str().unwrap_or_default();
                names
                    .import(export)
                    .map(Value::from)
                    .ok_or_else(|| format!("No export named {export} found."))
            }
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" => {
                wrong("is allowed in conditions only")
            }
            _ => Err(format!("the rehearsal does not simulate {name}")),
        }
    }

    fn reference(&self, name: &str, names: &dyn Names) -> Resolved {
        let own = self.own;
        Ok(Some(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::AccountId" => own.account.as_str().into(),
            "AWS::Region" => own.region.as_str().into(),
            "AWS::StackId" => own.stack_id.as_str().into(),
            "AWS::StackName" => own.stack_name.as_str().into(),
            "AWS::Partition" => "aws".into(),
            "AWS::URLSuffix" => "amazonaws.com".into(),
            "AWS::NotificationARNs" => json!(own.notifications),
            _ => match self.parameters.iter().find(|known| known.key == name) {
                Some(parameter) => parameter.reference(),
                None => names.reference(name).ok_or_else(|| gone(name))?,
            },
        }))
    }

    fn attribute(&self, resource: &str, attribute: &str, names: &dyn Names) -> Resolved {
        names.attribute(resource, attribute).map(Some).ok_or_else(|| gone(resource))
    }

    fn sub(&self, argument: &Value, names: &dyn Names) -> Resolved {
        let (pattern, own) = match argument {
            Value::Array(parts) => {
                let own = parts.get(1).map(|own| self.resolve(own, names)).transpose()?;
                (parts.first().and_then(Value::as_str), own.flatten())
            }
            other => (other.as_str(), None),
        };
        let Some(pattern) = pattern else {
            return Err("Template error: One or more Fn::Sub intrinsic functions don't specify \
                        expected arguments. Specify a string as first argument, and an optional \
                        second argument to specify a mapping of values to replace in the string"
                .to_owned());
        };
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            rest = behind;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let name = name.trim();
            let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
            if !name.chars().all(letters) {
                return Err("Template error: variable names in Fn::Sub syntax must contain only \
                            alphanumeric characters, underscores, periods, and colons"
                    .to_owned());
            }
            let value = match own.as_ref().and_then(|own| own.get(name)) {
                Some(value) => Some(value.clone()),
                None => match name.split_once('.') {
                    Some((resource, attribute)) => self.attribute(resource, attribute, names)?,
                    None => self.reference(name, names)?,
                },
            };
            let text = value
                .as_ref()
                .and_then(scalar)
                .ok_or_else(|| format!("Template error: Fn::Sub cannot put {name} into a text"))?;
            out.push_str(&text);
        }
        out.push_str(rest);
        Ok(Some(out.into()))
    }
}

fn gone(name: &str) -> String {
    format!(
        "Template format error: Unresolved resource dependencies [{name}] in the Resources block \
         of the template"
    )
}

/// The function that an object with one member is.
pub(super) fn function(value: &Value) -> Option<(&str, &Value)> {
    let mut pairs = value.as_object()?.iter();
    let (name, argument) = pairs.next()?;
    let known = name == "Ref" || name == "Condition" || name.starts_with("Fn::");
    (known && pairs.next().is_none()).then_some((name.as_str(), argument))
}

/// For expressions that may not refer to resources.
pub(super) struct Nothing;

impl Names for Nothing {
    fn reference(&self, _: &str) -> Option<Value> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<Value> {
        None
    }

    fn import(&self, _: &str) -> Option<String> {
        None
    }
}
