//! Intrinsic functions (CloudFormation user guide, "Intrinsic function reference").

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{Resolved, Truth, Unknown};
use super::{Given, MOST_PARTS, MOST_TEXT, Scope};

impl Scope<'_> {
    /// Evaluates a function; `None`: the name is that of an ordinary key.
    pub(super) fn function(&self, name: &str, argument: &Value, depth: usize) -> Option<Resolved> {
        let unknown = || Some(Resolved::Unknown(Unknown::Function(name.to_owned())));
        let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let resolved = match (name, items) {
            ("Ref", _) => match argument {
                Value::String(target) => self.reference(target),
                _ => return None,
            },
            ("Fn::If", [Value::String(condition), yes, no]) => {
                self.choose(condition, yes, no, depth)
            }
            ("Fn::FindInMap", [map, first, second, ..]) => self.find(map, first, second, depth),
            ("Fn::Sub", _) => self.substitute(argument, depth),
            ("Fn::Join", [Value::String(between), parts]) => self.join(between, parts, depth),
            ("Fn::Select", [index, from]) => self.select(index, from, depth),
            ("Fn::Split", [Value::String(at), text]) => self.split(at, text, depth),
            ("Fn::GetAZs", _) => self.zones(),
            ("Fn::GetAtt", [Value::String(id), attribute]) => {
                let attribute = attribute.as_str().unwrap_or("an attribute");
                Resolved::Unknown(Unknown::Attribute(id.clone(), attribute.to_owned()))
            }
            ("Fn::GetAtt", []) => match argument.as_str().and_then(|text| text.split_once('.')) {
                Some((id, attribute)) => {
                    Resolved::Unknown(Unknown::Attribute(id.to_owned(), attribute.to_owned()))
                }
                None => return unknown(),
            },
            (name, _) if name.starts_with("Fn::") => return unknown(),
            _ => return None,
        };
        Some(resolved)
    }

    /// What a name stands for.
    fn reference(&self, target: &str) -> Resolved {
        if target == "AWS::NoValue" {
            return Resolved::Absent;
        }
        match self.inputs.parameters.get(target) {
            Some(Given::Text(text)) => Resolved::text(text.clone()),
            Some(Given::List(items)) => {
                Resolved::List(items.iter().cloned().map(Resolved::text).collect())
            }
            Some(Given::Unknown) => Resolved::Unknown(Unknown::Parameter(target.to_owned())),
            None if target.starts_with("AWS::") => {
                Resolved::Unknown(Unknown::Parameter(target.to_owned()))
            }
            None => Resolved::Unknown(Unknown::Resource(target.to_owned())),
        }
    }

    /// One side, or both when they are the same.
    fn choose(&self, condition: &str, yes: &Value, no: &Value, depth: usize) -> Resolved {
        match self.named(condition, depth) {
            Truth::True => self.value(yes, depth + 1),
            Truth::False => self.value(no, depth + 1),
            Truth::Unknown => {
                let (yes, no) = (self.value(yes, depth + 1), self.value(no, depth + 1));
                // Two unknown sides may be equal in name only.
                if yes == no && yes.is_known() {
                    yes
                } else {
                    Resolved::Unknown(Unknown::Condition(condition.to_owned()))
                }
            }
        }
    }

    fn find(&self, map: &Value, first: &Value, second: &Value, depth: usize) -> Resolved {
        let key = |value: &Value| self.value(value, depth + 1).scalar();
        let (Some(map), Some(first), Some(second)) = (key(map), key(first), key(second)) else {
            return Resolved::Unknown(Unknown::Part);
        };
        let found = self.mappings.get(&map).and_then(|map| map.get(&first)?.get(&second));
        match found {
            // Mappings hold no functions; following one would let a template grow without end.
            Some(value) => self.literal(value, depth + 1),
            None => Resolved::Unknown(Unknown::Mapping(map)),
        }
    }

    fn substitute(&self, argument: &Value, depth: usize) -> Resolved {
        let (text, own) = match argument {
            Value::String(text) => (text, BTreeMap::new()),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text), Value::Object(own)] => (
                    text,
                    own.iter().map(|(key, value)| (key, self.value(value, depth + 1))).collect(),
                ),
                _ => return Resolved::Unknown(Unknown::Function("Fn::Sub".to_owned())),
            },
            _ => return Resolved::Unknown(Unknown::Function("Fn::Sub".to_owned())),
        };
        let mut made = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            made.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                rest = after;
                made.push_str("${");
                continue;
            };
            rest = after;
            let part = match (name.strip_prefix('!'), name.split_once('.')) {
                // `${!Literal}` is `${Literal}` in the result.
                (Some(literal), _) => Some(format!("${{{literal}}}")),
                (None, Some(_)) if !own.contains_key(&name.to_owned()) => None,
                (None, _) => match own.get(&name.to_owned()) {
                    Some(value) => value.scalar(),
                    None => self.reference(name).scalar(),
                },
            };
            let Some(part) = part else { return Resolved::Unknown(Unknown::Part) };
            made.push_str(&part);
            if made.len() > MOST_TEXT {
                return Resolved::Unknown(Unknown::TooLarge);
            }
        }
        made.push_str(rest);
        Resolved::text(made)
    }

    fn join(&self, between: &str, parts: &Value, depth: usize) -> Resolved {
        let Resolved::List(parts) = self.value(parts, depth + 1) else {
            return Resolved::Unknown(Unknown::Part);
        };
        let mut made = String::new();
        for (index, part) in parts.iter().enumerate() {
            let Some(part) = part.scalar() else { return Resolved::Unknown(Unknown::Part) };
            if index > 0 {
                made.push_str(between);
            }
            made.push_str(&part);
            if made.len() > MOST_TEXT {
                return Resolved::Unknown(Unknown::TooLarge);
            }
        }
        Resolved::text(made)
    }

    fn select(&self, index: &Value, from: &Value, depth: usize) -> Resolved {
        let index = self.value(index, depth + 1).whole().and_then(|one| usize::try_from(one).ok());
        let Some(index) = index else { return Resolved::Unknown(Unknown::Part) };
        match self.value(from, depth + 1) {
            Resolved::List(items) => match items.into_iter().nth(index) {
                Some(item) => item,
                None => Resolved::Unknown(Unknown::Function("Fn::Select".to_owned())),
            },
            Resolved::Unknown(why) => Resolved::Unknown(why),
            _ => Resolved::Unknown(Unknown::Function("Fn::Select".to_owned())),
        }
    }

    fn split(&self, at: &str, text: &Value, depth: usize) -> Resolved {
        match self.value(text, depth + 1) {
            // An empty delimiter would split between all characters, which CloudFormation refuses.
            Resolved::Text(text) if !at.is_empty() => {
                let parts = text.split(at).map(|part| Resolved::text(part.to_owned()));
                let parts: Vec<Resolved> = parts.take(MOST_PARTS + 1).collect();
                if parts.len() > MOST_PARTS {
                    return Resolved::Unknown(Unknown::TooLarge);
                }
                Resolved::List(parts)
            }
            Resolved::Unknown(why) => Resolved::Unknown(why),
            _ => Resolved::Unknown(Unknown::Function("Fn::Split".to_owned())),
        }
    }

    /// As many zones as there are; which, an account learns only from AWS.
    fn zones(&self) -> Resolved {
        match self.inputs.zones {
            Some(zones) => Resolved::List(
                (0..zones.min(26)).map(|zone| Resolved::Unknown(Unknown::Zone(zone))).collect(),
            ),
            None => Resolved::Unknown(Unknown::Function("Fn::GetAZs".to_owned())),
        }
    }
}
