//! Reads template text: JSON, or YAML with CloudFormation's short tags.
//!
//! The short form is spelled out here (`!Ref x` becomes `{"Ref": "x"}`), so that everything behind
//! sees one form only.

use serde_json::{Map, Number, Value, json};
use serde_yaml::Value as Yaml;

/// Deeper nesting is refused before it can exhaust the stack. CloudFormation's own limit is not
/// documented; no template of the project has a third of it.
const DEEPEST: usize = 64;

/// Reads a template, or says what is wrong with it in CloudFormation's words.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let tree = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("Template format error: JSON not well-formed. (line {line}, column {column})")
        })?
    } else {
        let yaml: Yaml = serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map_or_else(String::new, |at| {
                format!(" (line {}, column {})", at.line(), at.column())
            });
            format!("Template format error: YAML not well-formed.{place}")
        })?;
        plain(yaml, 0)?
    };
    if tree.is_object() {
        Ok(tree)
    } else {
        Err("Template format error: unsupported structure.".to_owned())
    }
}

fn plain(yaml: Yaml, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err("Template format error: the template is nested too deeply.".to_owned());
    }
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => int.into(),
            (None, Some(float)) => Number::from_f64(float).map_or(Value::Null, Value::Number),
            (None, None) => Value::Null,
        },
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            let items = items.into_iter().map(|item| plain(item, depth.saturating_add(1)));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(pairs) => {
            let mut members = Map::new();
            for (key, value) in pairs {
                members.insert(key_text(&key)?, plain(value, depth.saturating_add(1))?);
            }
            Value::Object(members)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let value = plain(tagged.value, depth.saturating_add(1))?;
            long_form(tag.trim_start_matches('!'), value)?
        }
    })
}

/// A key of a mapping: account ids and ports come unquoted and are meant as texts.
fn key_text(key: &Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(value) => Ok(value.to_string()),
        _ => Err("Template format error: [/] map keys must be strings; received something else \
                  instead"
            .to_owned()),
    }
}

fn long_form(tag: &str, value: Value) -> Result<Value, String> {
    let known = [
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ];
    Ok(match tag {
        "Ref" | "Condition" => json!({ tag: value }),
        "GetAtt" => match value.as_str().and_then(|text| text.split_once('.')) {
            Some((resource, attribute)) => json!({"Fn::GetAtt": [resource, attribute]}),
            None => json!({"Fn::GetAtt": value}),
        },
        _ if known.contains(&tag) => json!({ format!("Fn::{tag}"): value }),
        _ => {
            let tag: String = tag.chars().take(40).collect();
            return Err(format!(
                "Template format error: YAML not well-formed. (unknown tag !{tag})"
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_the_long_form() {
        let text = "A: !Sub '${X}-b'\nB: !GetAtt Vpc.CidrBlock\nC: !If [Y, !Ref AWS::NoValue, 1]\n";
        let expected = json!({
            "A": {"Fn::Sub": "${X}-b"},
            "B": {"Fn::GetAtt": ["Vpc", "CidrBlock"]},
            "C": {"Fn::If": ["Y", {"Ref": "AWS::NoValue"}, 1]},
        });
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        assert!(read("- a\n").unwrap_err().contains("unsupported structure"));
        assert!(read("a: [\n").unwrap_err().contains("YAML not well-formed. (line"));
        assert!(read("{\"a\": }").unwrap_err().contains("JSON not well-formed. (line 1, column"));
        assert!(read("a: !Nonsense x\n").unwrap_err().contains("!Nonsense"));
        let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
        assert!(read(&deep).is_err());
        let json = "{\"Version\": \"2012-10-17\"}";
        assert_eq!(read("Version: 2012-10-17").unwrap(), read(json).unwrap());
    }
}
