//! Reading requests, and the refusals that many of them share.

use serde_json::Value;

use super::stack::Stack;
use crate::rehearsal::call::ApiError;

/// A refusal in CloudFormation's usual code.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

pub(super) fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key).and_then(Value::as_str)
}

pub(super) fn flag(input: &Value, key: &str) -> bool {
    input.get(key).and_then(Value::as_bool).unwrap_or(false)
}

pub(super) fn list<'a>(input: &'a Value, key: &str) -> &'a [Value] {
    input.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(super) fn texts(input: &Value, key: &str) -> Vec<String> {
    list(input, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// An answer that the rehearsal owes.
pub(super) fn unsimulated(what: &str) -> ApiError {
    let text = format!("the rehearsal does not simulate {what}");
    ApiError::new("UnknownOperationException", text).status(501)
}

/// Turns a fault of a template into the error of the call.
pub(super) fn template_error(text: String) -> ApiError {
    if text.starts_with("the rehearsal does not simulate") {
        ApiError::new("UnknownOperationException", text).status(501)
    } else {
        invalid(text)
    }
}

/// The statuses from which a stack can be updated.
pub(super) fn updatable(stack: &Stack) -> Result<(), ApiError> {
    let fine = matches!(
        stack.status,
        "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "UPDATE_FAILED"
            | "CREATE_FAILED"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE"
    );
    // A stack whose creation failed can be updated only if it was told to keep what it had.
    if fine && (stack.status != "CREATE_FAILED" || stack.disable_rollback) {
        return Ok(());
    }
    Err(invalid(format!(
        "Stack:{} is in {} state and can not be updated.",
        stack.id(),
        stack.status
    )))
}
