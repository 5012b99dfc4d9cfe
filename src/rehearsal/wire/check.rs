//! Holds the world to the shapes: what it answers must be what AWS could answer.
//!
//! A member that the shape does not have would be dropped silently by every client, and a wrong
//! type would look like an AWS fault. Both are bugs of the world, so both are reported by path.

use aws_smithy_types::base64;
use serde_json::Value;

use super::table::{Kind, Service, Shape};

/// The last second of the year 9999, the last that an ISO 8601 timestamp can say.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Checks an output tree; the error names the path and what is wrong there.
pub(super) fn output(
    service: &Service,
    shape: &Shape,
    value: &Value,
    path: &str,
) -> Result<(), String> {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(map)) => {
            for name in &shape.required {
                if !map.contains_key(name) {
                    return Err(format!("{path}.{name} is required and absent"));
                }
            }
            if shape.union && map.len() != 1 {
                return Err(format!("{path} is a union with {} members, not one", map.len()));
            }
            for (name, value) in map {
                let member = shape.members.get(name);
                let member = member.ok_or_else(|| format!("{path} has no member {name}"))?;
                let path = format!("{path}.{name}");
                output(service, service.shape(&member.shape), value, &path)?;
            }
            Ok(())
        }
        (Kind::List, Value::Array(items)) => {
            let item = service.item(shape);
            items
                .iter()
                .enumerate()
                .try_for_each(|(i, value)| output(service, item, value, &format!("{path}[{i}]")))
        }
        (Kind::Map, Value::Object(map)) => {
            let (_, item) = service.entry(shape);
            map.iter()
                .try_for_each(|(key, value)| output(service, item, value, &format!("{path}.{key}")))
        }
        (Kind::String, Value::String(text)) => {
            if shape.values.is_empty() || shape.values.contains(text) {
                Ok(())
            } else {
                Err(format!("{path} is '{text}', which is none of its values"))
            }
        }
        (kind, value) if scalar(kind, value) => Ok(()),
        (kind, value) => {
            let value: String = value.to_string().chars().take(100).collect();
            Err(format!("{path} is {value}, not {}", super::read::name(kind)))
        }
    }
}

fn scalar(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Boolean => value.is_boolean(),
        Kind::Integer => value.as_i64().is_some_and(|int| i32::try_from(int).is_ok()),
        Kind::Long => value.is_i64(),
        Kind::Double | Kind::Float => value.is_number(),
        Kind::Timestamp => value.as_f64().is_some_and(|time| (0.0..=LAST_SECOND).contains(&time)),
        Kind::Blob => value.as_str().is_some_and(|text| base64::decode(text).is_ok()),
        Kind::Document => true,
        Kind::Structure | Kind::List | Kind::Map | Kind::String => false,
    }
}
