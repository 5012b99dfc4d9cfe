//! What a template makes of its parameters: the resources that exist, their properties resolved as
//! far as that is possible without AWS.
//!
//! Values that only AWS knows (`Fn::GetAtt`, `Ref` of a resource, SSM parameters) stay as the
//! function that asks for them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::arguments::LATER;
use crate::catalog::Template;

/// Functions nest this deep at most; a template of ours about six levels.
const DEEPEST: usize = 32;

/// A resource of a stack, resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedResource {
    /// Its logical id.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its properties; what only AWS knows is left as the function that asks for it.
    pub properties: Value,
}

/// Where a template is evaluated.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The region.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
    /// The stack's name.
    pub stack: &'a str,
    /// The values of parameters; one that is absent is not known.
    pub parameters: &'a BTreeMap<String, String>,
}

/// The resources that a template makes.
pub fn resources(template: &Template, setting: &Setting<'_>) -> Vec<PlannedResource> {
    let evaluator = Evaluator { template, setting };
    let made = template.resources.iter().filter(|resource| {
        // A condition that cannot be known is taken to hold: better one row too many.
        resource.condition.as_ref().is_none_or(|name| evaluator.condition(name, 0) != Some(false))
    });
    made.map(|resource| PlannedResource {
        id: resource.id.clone(),
        kind: resource.kind.clone(),
        properties: evaluator.value(&resource.properties, 0).unwrap_or(Value::Null),
    })
    .collect()
}

/// The logical ids that a template makes with some values of its parameters.
pub fn made(
    template: &Template,
    region: &str,
    parameters: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let setting = Setting { region, account: "", stack: "", parameters };
    let evaluator = Evaluator { template, setting: &setting };
    let resources = template.resources.iter();
    let made = resources.filter(|resource| {
        resource.condition.as_ref().is_none_or(|name| evaluator.condition(name, 0) != Some(false))
    });
    made.map(|resource| resource.id.clone()).collect()
}

struct Evaluator<'a> {
    template: &'a Template,
    setting: &'a Setting<'a>,
}

impl Evaluator<'_> {
    /// A value with its functions resolved; `None`: `AWS::NoValue`.
    fn value(&self, value: &Value, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return Some(value.clone());
        }
        match value {
            Value::Array(items) => {
                Some(items.iter().filter_map(|item| self.value(item, depth + 1)).collect())
            }
            Value::Object(object) => {
                if let (1, Some((name, argument))) = (object.len(), object.iter().next())
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.function(name, argument, depth + 1);
                }
                let members = object.iter();
                let members = members.filter_map(|(key, member)| {
                    Some((key.clone(), self.value(member, depth + 1)?))
                });
                Some(Value::Object(members.collect()))
            }
            other => Some(other.clone()),
        }
    }

    fn function(&self, name: &str, argument: &Value, depth: usize) -> Option<Value> {
        let unresolved =
            |argument: Value| Value::Object(Map::from_iter([(name.to_owned(), argument)]));
        let resolved = match name {
            "Ref" => match argument.as_str()? {
                "AWS::NoValue" => return None,
                other => self.reference(other),
            },
            "Fn::If" => {
                let [condition, then, otherwise] = argument.as_array()?.as_slice() else {
                    return Some(unresolved(argument.clone()));
                };
                let holds = self.condition(condition.as_str()?, depth).unwrap_or(true);
                return self.value(if holds { then } else { otherwise }, depth);
            }
            "Fn::GetAtt" => None,
            "Fn::Sub" => Some(self.sub(argument, depth)),
            _ => {
                let argument = self.value(argument, depth)?;
                return Some(self.plain(name, &argument).unwrap_or_else(|| unresolved(argument)));
            }
        };
        Some(resolved.unwrap_or_else(|| unresolved(argument.clone())))
    }

    /// A parameter or pseudo parameter; `None`: a resource, or a value that is not known.
    fn reference(&self, name: &str) -> Option<Value> {
        let setting = self.setting;
        let text = match name {
            "AWS::Region" => setting.region.to_owned(),
            "AWS::AccountId" => setting.account.to_owned(),
            "AWS::StackName" => setting.stack.to_owned(),
            "AWS::Partition" => match setting.region {
                china if china.starts_with("cn-") => "aws-cn".to_owned(),
                gov if gov.starts_with("us-gov-") => "aws-us-gov".to_owned(),
                _ => "aws".to_owned(),
            },
            "AWS::URLSuffix" => match setting.region {
                china if china.starts_with("cn-") => "amazonaws.com.cn".to_owned(),
                _ => "amazonaws.com".to_owned(),
            },
            parameter => {
                let declared = self.template.parameter(parameter)?;
                // The value of the argument is the parameter's name, not what it holds.
                if declared.takes_ssm_name() {
                    return None;
                }
                let value = setting.parameters.get(parameter)?;
                if declared.kind.starts_with("List<") || declared.kind == "CommaDelimitedList" {
                    return Some(value.split(',').map(str::trim).collect());
                }
                value.clone()
            }
        };
        Some(Value::String(text))
    }

    /// Functions whose arguments are resolved already; `None`: they are not.
    fn plain(&self, name: &str, argument: &Value) -> Option<Value> {
        let items = argument.as_array();
        match name {
            "Fn::Join" => {
                let [separator, values] = items?.as_slice() else { return None };
                let texts: Option<Vec<&str>> =
                    values.as_array()?.iter().map(Value::as_str).collect();
                Some(Value::String(texts?.join(separator.as_str()?)))
            }
            "Fn::Split" => {
                let [separator, text] = items?.as_slice() else { return None };
                Some(text.as_str()?.split(separator.as_str()?).collect())
            }
            "Fn::Select" => {
                let [index, values] = items?.as_slice() else { return None };
                let index = index.as_u64().or_else(|| index.as_str()?.parse().ok())?;
                values.as_array()?.get(usize::try_from(index).ok()?).cloned()
            }
            // Which zones an account has is not known here; their letters are what it is about.
            "Fn::GetAZs" => {
                let region = argument.as_str().filter(|region| !region.is_empty());
                let region = region.unwrap_or(self.setting.region);
                Some(["a", "b", "c"].iter().map(|zone| format!("{region}{zone}")).collect())
            }
            "Fn::FindInMap" => {
                let [map, first, second] = items?.as_slice() else { return None };
                let map = self.template.mappings.get(map.as_str()?)?;
                map.get(first.as_str()?)?.get(second.as_str()?).cloned()
            }
            "Fn::Base64" => argument.as_str().map(|text| json!(text)),
            _ => None,
        }
    }

    /// A text with its `${…}` replaced as far as they are known.
    fn sub(&self, argument: &Value, depth: usize) -> Value {
        let (text, own) = match argument {
            Value::Array(items) => (items.first(), items.get(1).and_then(Value::as_object)),
            text => (Some(text), None),
        };
        let Some(mut rest) = text.and_then(Value::as_str) else { return argument.clone() };
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            let value = match own.and_then(|own| own.get(name)) {
                Some(value) => self.value(value, depth + 1),
                None if name.starts_with('!') => None,
                None => self.reference(name),
            };
            match value.as_ref().and_then(Value::as_str) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = tail;
        }
        out.push_str(rest);
        Value::String(out)
    }

    /// Whether a condition holds; `None`: that is not known.
    fn condition(&self, name: &str, depth: usize) -> Option<bool> {
        self.holds(self.template.conditions.get(name)?, depth + 1)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Option<bool> {
        if depth > DEEPEST {
            return None;
        }
        let (name, argument) = condition.as_object()?.iter().next()?;
        let all = || -> Vec<Option<bool>> {
            let parts = argument.as_array().into_iter().flatten();
            parts.map(|part| self.holds(part, depth + 1)).collect()
        };
        match name.as_str() {
            "Condition" => self.condition(argument.as_str()?, depth),
            "Fn::Not" => all().first().copied().flatten().map(|holds| !holds),
            "Fn::And" => {
                let parts = all();
                if parts.contains(&Some(false)) {
                    return Some(false);
                }
                parts.iter().all(Option::is_some).then_some(true)
            }
            "Fn::Or" => {
                let parts = all();
                if parts.contains(&Some(true)) {
                    return Some(true);
                }
                parts.iter().all(Option::is_some).then_some(false)
            }
            "Fn::Equals" => {
                let [left, right] = argument.as_array()?.as_slice() else { return None };
                let side = |value: &Value| match self.value(value, depth + 1)? {
                    Value::String(text) => Some(text),
                    Value::Number(number) => Some(number.to_string()),
                    Value::Bool(flag) => Some(flag.to_string()),
                    _ => None,
                };
                let (left, right) = (side(left)?, side(right)?);
                // A value that comes later is not empty, and nothing else is known of it.
                match (left == LATER, right == LATER) {
                    (false, false) => Some(left == right),
                    (true, false) if right.is_empty() => Some(false),
                    (false, true) if left.is_empty() => Some(false),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
