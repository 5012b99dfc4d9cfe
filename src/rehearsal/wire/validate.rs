//! The constraints that AWS checks before an operation sees its input.
//!
//! Patterns are not checked: most services report them from their own code, in their own words.

use serde_json::Value;

use super::request::Route;
use super::table::{Kind, Service, Shape};
use crate::rehearsal::call::ApiError;

/// More faults are not collected: a message is for a person.
const MAX_FAULTS: usize = 10;

/// One constraint that does not hold.
struct Fault {
    /// The member of the input that it is in, as the API spells it.
    top: String,
    /// `containerDefinitions.1.member.name`, in AWS's lower camel case.
    path: String,
    /// The value as AWS prints it, with its quotes; a missing one is a bare `null`.
    value: String,
    constraint: String,
    missing: bool,
}

/// Checks an input against its shape's constraints.
pub(super) fn input(route: &Route, input: &Value) -> Result<(), ApiError> {
    let Some(shape) = &route.operation.input else { return Ok(()) };
    let mut faults = Vec::new();
    walk(route.service, route.service.shape(shape), input, "", "", &mut faults);
    if faults.is_empty() { Ok(()) } else { Err(refusal(route, &faults)) }
}

fn walk(
    service: &Service,
    shape: &Shape,
    value: &Value,
    top: &str,
    path: &str,
    faults: &mut Vec<Fault>,
) {
    if faults.len() >= MAX_FAULTS {
        return;
    }
    let mut fail = |constraint: String| {
        let value = match value {
            Value::String(text) => format!("'{}'", text.chars().take(256).collect::<String>()),
            Value::Array(_) | Value::Object(_) => "'[...]'".to_owned(),
            other => format!("'{other}'"),
        };
        let (top, path) = (top.to_owned(), path.to_owned());
        faults.push(Fault { top, path, value, constraint, missing: false });
    };
    bounds(shape, value, &mut fail);
    if let Value::String(text) = value
        && !shape.values.is_empty()
        && !shape.values.contains(text)
    {
        fail(format!("Member must satisfy enum value set: [{}]", shape.values.join(", ")));
    }
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(map)) => {
            for name in shape.required.iter().filter(|name| !map.contains_key(*name)) {
                faults.push(Fault {
                    top: if top.is_empty() { name.clone() } else { top.to_owned() },
                    path: join(path, &camel(name)),
                    value: "null".to_owned(),
                    constraint: "Member must not be null".to_owned(),
                    missing: true,
                });
            }
            for (name, value) in map {
                if let Some(member) = shape.members.get(name) {
                    let top = if top.is_empty() { name } else { top };
                    let path = join(path, &camel(name));
                    walk(service, service.shape(&member.shape), value, top, &path, faults);
                }
            }
        }
        (Kind::List, Value::Array(items)) => {
            let item = service.item(shape);
            for (index, value) in items.iter().enumerate() {
                let path = format!("{path}.{}.member", index + 1);
                walk(service, item, value, top, &path, faults);
            }
        }
        (Kind::Map, Value::Object(map)) => {
            let (key_shape, value_shape) = service.entry(shape);
            for (key, value) in map {
                let path = format!("{path}.{key}.member");
                walk(service, key_shape, &Value::String(key.clone()), top, &path, faults);
                walk(service, value_shape, value, top, &path, faults);
            }
        }
        _ => {}
    }
}

/// Checks length and range.
fn bounds(shape: &Shape, value: &Value, fail: &mut impl FnMut(String)) {
    let (what, size) = match value {
        Value::String(text) => ("length", i64::try_from(text.chars().count()).unwrap_or(i64::MAX)),
        Value::Array(items) => ("length", i64::try_from(items.len()).unwrap_or(i64::MAX)),
        Value::Object(map) => ("length", i64::try_from(map.len()).unwrap_or(i64::MAX)),
        other => match other.as_i64() {
            Some(int) => ("value", int),
            None => return,
        },
    };
    if shape.min.is_some_and(|min| size < min) {
        let min = shape.min.unwrap_or_default();
        fail(format!("Member must have {what} greater than or equal to {min}"));
    }
    if shape.max.is_some_and(|max| size > max) {
        let max = shape.max.unwrap_or_default();
        fail(format!("Member must have {what} less than or equal to {max}"));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The first letter in the other case, as AWS prints members.
fn camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Words the refusal as the service does. `CodeDeploy` has an exception for each member; ECS, ECR
/// and Logs say `InvalidParameterException`; the rest are as their front ends print them.
fn refusal(route: &Route, faults: &[Fault]) -> ApiError {
    let modelled = |code: &str| route.operation.errors.iter().any(|error| error == code);
    let count = faults.len();
    let list: Vec<String> = faults
        .iter()
        .map(|f| {
            format!(
                "Value {} at '{}' failed to satisfy constraint: {}",
                f.value, f.path, f.constraint
            )
        })
        .collect();
    let plural = if count == 1 { "error" } else { "errors" };
    let text = format!("{count} validation {plural} detected: {}", list.join("; "));
    let Some(first) = faults.first() else { return ApiError::new("ValidationException", text) };
    let top = pascal(&first.top);
    match route.name {
        "codedeploy" => {
            let code = if first.missing {
                format!("{top}RequiredException")
            } else {
                format!("Invalid{top}Exception")
            };
            ApiError::new(if modelled(&code) { code } else { "ValidationException".into() }, text)
        }
        "ecs" if first.missing => {
            ApiError::new("InvalidParameterException", format!("{top} can not be blank."))
        }
        "ecr" => ApiError::new(
            "InvalidParameterException",
            format!(
                "Invalid parameter at '{}' failed to satisfy constraint: '{}'",
                first.path, first.constraint
            ),
        ),
        "cloudwatch" if first.missing && modelled("MissingRequiredParameterException") => {
            ApiError::new(
                "MissingRequiredParameterException",
                format!("The parameter {} is required.", pascal(&first.path)),
            )
        }
        "ecs" | "logs" => ApiError::new("InvalidParameterException", text),
        _ => ApiError::new("ValidationException", text),
    }
}
