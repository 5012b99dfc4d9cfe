//! Drift: what stands against what the stack says.

use std::time::Duration;

use serde_json::{Value, json};

use super::machine::subject;
use super::request::{invalid, text, texts};
use super::stack::{Resource, Stack};
use super::surroundings::Surroundings;
use super::types::same;
use super::{Stacks, durations};
use crate::rehearsal::call::Reply;

/// A drift detection.
#[derive(Debug, Clone)]
pub(super) struct Detection {
    id: String,
    stack_id: String,
    begun: Duration,
    /// What was found, per resource.
    found: Vec<Found>,
}

/// What was found about a resource.
#[derive(Debug, Clone)]
struct Found {
    logical: String,
    physical: String,
    kind: String,
    status: &'static str,
    expected: Value,
    actual: Option<Value>,
    differences: Vec<Value>,
}

impl Detection {
    fn is_done(&self, now: Duration) -> bool {
        now >= self.begun.saturating_add(durations::DRIFT)
    }
}

impl Stacks {
    pub(super) fn detect_drift(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name);
        let index = index.ok_or_else(|| invalid(format!("Stack [{name}] does not exist")))?;
        let id = [8, 4, 4, 4, 12].map(|length| cloud.hex(length)).join("-");
        let Some(stack) = self.stacks.get_mut(index) else { return Ok(json!({})) };
        let fit = matches!(
            stack.status,
            "CREATE_COMPLETE"
                | "UPDATE_COMPLETE"
                | "UPDATE_ROLLBACK_COMPLETE"
                | "UPDATE_ROLLBACK_FAILED"
        );
        if !fit {
            return Err(invalid(format!(
                "Drift detection cannot be performed on stack [{}] while in {} state.",
                stack.id(),
                stack.status
            )));
        }
        let only = texts(input, "LogicalResourceIds");
        let wanted = |resource: &&Resource| only.is_empty() || only.contains(&resource.logical);
        let found: Vec<Found> = stack
            .resources
            .iter()
            .filter(wanted)
            .filter_map(|resource| look(stack, resource, cloud))
            .collect();
        for entry in &found {
            if let Some(resource) = stack.resource_mut(&entry.logical) {
                resource.drift = Some((entry.status, now));
            }
        }
        let drifted = found.iter().any(|entry| matches!(entry.status, "MODIFIED" | "DELETED"));
        stack.drift = Some((if drifted { "DRIFTED" } else { "IN_SYNC" }, now));
        let stack_id = stack.id().to_owned();
        self.detections.push(Detection { id: id.clone(), stack_id, begun: now, found });
        Ok(json!({"StackDriftDetectionId": id}))
    }

    pub(super) fn drift_status(&self, now: Duration, input: &Value) -> Reply {
        let id = text(input, "StackDriftDetectionId").unwrap_or_default();
        let Some(detection) = self.detections.iter().find(|known| known.id == id) else {
            return Err(invalid(format!("Drift detection ID {id} does not exist")));
        };
        let drifted = |entry: &&Found| matches!(entry.status, "MODIFIED" | "DELETED");
        let count = detection.found.iter().filter(drifted).count();
        let done = detection.is_done(now);
        Ok(json!({
            "StackId": detection.stack_id,
            "StackDriftDetectionId": id,
            "StackDriftStatus": done.then_some(if count > 0 { "DRIFTED" } else { "IN_SYNC" }),
            "DetectionStatus": if done { "DETECTION_COMPLETE" } else { "DETECTION_IN_PROGRESS" },
            "DriftedStackResourceCount": done.then_some(count),
            "Timestamp": self.stamp(detection.begun),
        }))
    }

    pub(super) fn resource_drifts(&self, now: Duration, region: &str, input: &Value) -> Reply {
        let stack = self.known(region, text(input, "StackName").unwrap_or_default())?;
        let statuses = texts(input, "StackResourceDriftStatusFilters");
        let mut latest = self.detections.iter().rev();
        let latest = latest.find(|known| known.stack_id == stack.id() && known.is_done(now));
        let all: Vec<Value> = latest
            .into_iter()
            .flat_map(|detection| detection.found.iter().map(move |entry| (detection, entry)))
            .filter(|(_, e)| statuses.is_empty() || statuses.iter().any(|s| s == e.status))
            .map(|(detection, entry)| {
                json!({
                    "StackId": stack.id(),
                    "LogicalResourceId": entry.logical,
                    "PhysicalResourceId": entry.physical,
                    "ResourceType": entry.kind,
                    "ExpectedProperties": entry.expected.to_string(),
                    "ActualProperties": entry.actual.as_ref().map(Value::to_string),
                    "PropertyDifferences": entry.differences,
                    "StackResourceDriftStatus": entry.status,
                    "Timestamp": self.stamp(detection.begun),
                })
            })
            .collect();
        let size = input.get("MaxResults").and_then(Value::as_u64).unwrap_or(100);
        let size = usize::try_from(size).unwrap_or(100).clamp(1, 100);
        let from = match text(input, "NextToken") {
            None => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|offset| offset.parse::<usize>().ok())
                .ok_or_else(|| invalid("Invalid NextToken"))?,
        };
        let end = from.saturating_add(size);
        let next = (all.len() > end).then(|| format!("page-{end}"));
        let shown: Vec<Value> = all.into_iter().skip(from).take(size).collect();
        Ok(json!({"StackResourceDrifts": shown, "NextToken": next}))
    }
}

/// Compares one resource; `None` where nothing is simulated behind it: AWS lists only the types
/// that drift detection supports, too.
fn look(stack: &Stack, resource: &Resource, cloud: &dyn Surroundings) -> Option<Found> {
    let live = cloud.live(stack.place(), subject(resource))?;
    let expected = resource.properties.clone();
    let mut differences = Vec::new();
    let status = match &live {
        None => "DELETED",
        Some(actual) => {
            compare(&expected, actual, "", &mut differences);
            if differences.is_empty() { "IN_SYNC" } else { "MODIFIED" }
        }
    };
    Some(Found {
        logical: resource.logical.clone(),
        physical: resource.physical.clone().unwrap_or_default(),
        kind: resource.kind.clone(),
        status,
        expected,
        actual: live,
        differences,
    })
}

/// Lists the differences of two trees by JSON pointer. What only the live side has is no drift:
/// AWS compares what the template sets.
fn compare(expected: &Value, actual: &Value, path: &str, out: &mut Vec<Value>) {
    match (expected, actual) {
        (Value::Object(members), Value::Object(found)) => {
            for (name, value) in members {
                let path = format!("{path}/{name}");
                match found.get(name) {
                    Some(other) => compare(value, other, &path, out),
                    None => out.push(difference(&path, value, &Value::Null, "REMOVE")),
                }
            }
        }
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            for (index, (value, other)) in items.iter().zip(found).enumerate() {
                compare(value, other, &format!("{path}/{index}"), out);
            }
        }
        (value, other) if !same(value, other) => {
            out.push(difference(path, value, other, "NOT_EQUAL"));
        }
        _ => {}
    }
}

fn difference(path: &str, expected: &Value, actual: &Value, kind: &str) -> Value {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    json!({
        "PropertyPath": path,
        "ExpectedValue": text(expected),
        "ActualValue": text(actual),
        "DifferenceType": kind,
    })
}
