//! The services around a deployment: what guards it and what feeds it.
//!
//! Owns CloudWatch, CloudWatch Logs, Synthetics, Application Auto Scaling, SSM parameters, ECR
//! metadata and STS, each a state machine of its own. They know nothing of each other, of ECS or
//! of scenarios: the world feeds them and asks them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::call::ApiError;

pub mod autoscaling;
pub mod backup;
pub mod cloudwatch;
pub mod ecr;
pub mod logs;
pub mod s3;
pub mod ssm;
pub mod sts;
pub mod synthetics;

/// The account, region and start of the rehearsal, as every service needs them for its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The 12-digit account id.
    pub account: String,
    /// The region.
    pub region: String,
    /// The wall time at the start of the rehearsal, since the Unix epoch.
    pub epoch: Duration,
}

impl Place {
    /// An ARN in this account and region.
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The wall time `now` after the start, as answers carry it: seconds since the Unix epoch.
    fn stamp(&self, now: Duration) -> Value {
        stamp(self.epoch.saturating_add(now))
    }

    /// The wall time `now` after the start in whole milliseconds since the Unix epoch.
    fn millis(&self, now: Duration) -> i64 {
        i64::try_from(self.epoch.saturating_add(now).as_millis()).unwrap_or(i64::MAX)
    }
}

/// A wall time as answers carry it: whole seconds as an integer, else with milliseconds.
fn stamp(unix: Duration) -> Value {
    if unix.subsec_millis() == 0 {
        json!(unix.as_secs())
    } else {
        json!((unix.as_millis() as f64) / 1000.0)
    }
}

/// The answer to an operation that a service does not simulate.
fn unknown(service: &str, operation: &str) -> ApiError {
    let message = format!("the rehearsal does not simulate {service}:{operation}");
    ApiError::new("UnknownOperationException", message).status(501)
}

/// Refuses the members of `input` that the simulation would have to ignore.
///
/// A real service would act on them, and a rehearsal may not be kinder than AWS.
fn refuse_unsimulated(operation: &str, input: &Value, known: &[&str]) -> Result<(), ApiError> {
    let strange = input.as_object().and_then(|members| {
        members.iter().find(|(name, value)| !known.contains(&name.as_str()) && !value.is_null())
    });
    match strange {
        Some((name, _)) => {
            let message = format!("the rehearsal does not simulate {operation} with {name}");
            Err(ApiError::new("UnknownOperationException", message).status(501))
        }
        None => Ok(()),
    }
}

/// A text member of an input.
fn text<'a>(input: &'a Value, member: &str) -> Option<&'a str> {
    input.get(member).and_then(Value::as_str)
}

/// A required text member. The wire has refused its absence already, so an empty text is only
/// what a direct caller gets.
fn required<'a>(input: &'a Value, member: &str) -> &'a str {
    text(input, member).unwrap_or_default()
}

/// A boolean member, false when absent.
fn flag(input: &Value, member: &str) -> bool {
    input.get(member).and_then(Value::as_bool).unwrap_or(false)
}

/// A whole number that is not negative.
fn count(input: &Value, member: &str) -> Option<u64> {
    input.get(member).and_then(Value::as_u64)
}

/// The elements of a list member; none when absent.
fn list<'a>(input: &'a Value, member: &str) -> &'a [Value] {
    input.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list member.
fn texts<'a>(input: &'a Value, member: &str) -> Vec<&'a str> {
    list(input, member).iter().filter_map(Value::as_str).collect()
}

/// One page of `all`, from an offset in a token that this function made.
///
/// Returns the page and the next token, or `None` for a token of somebody else's.
fn page<'a, T>(
    all: &'a [T],
    token: Option<&str>,
    size: usize,
) -> Option<(&'a [T], Option<String>)> {
    let from = match token {
        None => 0,
        Some(token) => token.strip_prefix("page-")?.parse::<usize>().ok()?,
    };
    let rest = all.get(from..)?;
    let to = size.max(1).min(rest.len());
    let page = rest.get(..to)?;
    let next = (to < rest.len()).then(|| format!("page-{}", from.saturating_add(to)));
    Some((page, next))
}

/// The requested page size, or the service's own.
fn page_size(input: &Value, member: &str, default: usize) -> usize {
    count(input, member).and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
}

/// An answer with one list, and a token when there is more.
fn listed(member: &str, items: Vec<Value>, token: &str, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(member.to_owned(), Value::Array(items));
    if let Some(next) = next {
        answer.insert(token.to_owned(), Value::String(next));
    }
    Value::Object(answer)
}
