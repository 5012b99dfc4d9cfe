//! Reading decoded inputs and writing outputs.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::rehearsal::call::ApiError;

/// A text member.
pub(super) fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key).and_then(Value::as_str)
}

/// A list member; absent is empty.
pub(super) fn list<'a>(input: &'a Value, key: &str) -> &'a [Value] {
    input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A list of texts; absent is empty.
pub(super) fn texts<'a>(input: &'a Value, key: &str) -> Vec<&'a str> {
    list(input, key).iter().filter_map(Value::as_str).collect()
}

/// A whole number that is not negative.
pub(super) fn number(input: &Value, key: &str) -> Option<u64> {
    input.get(key).and_then(Value::as_u64)
}

/// The same; a template may say it as a text.
pub(super) fn whole(input: &Value, key: &str) -> Option<u64> {
    let value = input.get(key)?;
    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// A flag.
pub(super) fn flag(input: &Value, key: &str) -> Option<bool> {
    input.get(key).and_then(Value::as_bool)
}

/// Copies the members that are there.
pub(super) fn copy(from: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|key| from.get(*key).map(|value| ((*key).to_owned(), value.clone())))
        .collect()
}

/// Removes members that are null: AWS leaves them out.
pub(super) fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// A timestamp as the wire wants it: seconds with millisecond resolution.
pub(super) fn seconds(at: Duration) -> Value {
    Value::from(at.as_millis() as f64 / 1000.0)
}

/// The last part of an ARN, or the text itself.
pub(super) fn tail(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, tail)| tail)
}

/// One page of a list, with the token of the next. Tokens are offsets; a client must not care.
pub(super) fn page<T: Clone>(
    items: &[T],
    token: Option<&str>,
    size: usize,
    error: &str,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let from = match token {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|offset| offset.parse::<usize>().ok())
            .ok_or_else(|| ApiError::new(error, "The specified next token is not valid."))?,
    };
    let items: Vec<T> = items.iter().skip(from).cloned().collect();
    let next = (items.len() > size).then(|| format!("page-{}", from.saturating_add(size)));
    Ok((items.into_iter().take(size).collect(), next))
}
