//! CloudFormation's YAML as plain JSON: the short forms of functions become their long ones.

use serde_json::{Map, Value};
use serde_yaml::Value as Yaml;

/// Turns a YAML tree into JSON; the error says what JSON cannot hold.
pub(super) fn json(yaml: Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => Value::Bool(flag),
        Yaml::Number(number) => serde_json::to_value(number).map_err(|error| error.to_string())?,
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(text) => text,
                    Yaml::Number(number) => number.to_string(),
                    Yaml::Bool(flag) => flag.to_string(),
                    other => return Err(format!("a key that is no text: {other:?}")),
                };
                if object.insert(key.clone(), json(value)?).is_some() {
                    return Err(format!("the key `{key}` stands twice"));
                }
            }
            Value::Object(object)
        }
        Yaml::Tagged(tagged) => function(&tagged.tag.to_string(), json(tagged.value)?)?,
    })
}

/// `!Ref x` and its like (CloudFormation user guide, "Intrinsic function reference").
fn function(tag: &str, value: Value) -> Result<Value, String> {
    let name = tag.trim_start_matches('!');
    let long = match name {
        "Ref" | "Condition" => name.to_owned(),
        "Sub" | "Join" | "Select" | "Split" | "GetAZs" | "FindInMap" | "If" | "And" | "Or"
        | "Not" | "Equals" | "Base64" | "GetAtt" => format!("Fn::{name}"),
        _ => return Err(format!("the function `!{name}` is not used in these templates")),
    };
    let value = match (name, value) {
        // The short form may name resource and attribute in one text.
        ("GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => Value::Array(vec![resource.into(), attribute.into()]),
            None => return Err(format!("`!GetAtt {text}` names no attribute")),
        },
        (_, value) => value,
    };
    Ok(Value::Object(Map::from_iter([(long, value)])))
}
