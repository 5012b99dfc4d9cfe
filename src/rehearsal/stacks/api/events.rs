//! The diaries of stacks: `DescribeStackEvents`, and `DescribeEvents` by operation.

use serde_json::{Value, json};

use super::{absent, page};
use crate::rehearsal::call::Reply;
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::change_sets::ChangeSet;
use crate::rehearsal::stacks::request::{flag, invalid, text};
use crate::rehearsal::stacks::stack::{Event, STACK, Stack};

/// Events of one page (observed: 100).
const PAGE: usize = 100;

impl Stacks {
    pub(super) fn describe_stack_events(&self, region: &str, input: &Value) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let Some(stack) = self.stacks.get(index) else { return Err(absent(name)) };
        let events = stack.events.iter().rev().map(|event| self.event_view(stack, event));
        let (events, next) = page(events.collect(), input, PAGE)?;
        Ok(json!({"StackEvents": events, "NextToken": next}))
    }

    fn event_view(&self, stack: &Stack, event: &Event) -> Value {
        json!({
            "StackId": stack.id(),
            "EventId": event.id,
            "StackName": stack.name(),
            "OperationId": event.operation.as_ref().map(|(_, id)| id),
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "Timestamp": self.stamp(event.at),
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ResourceProperties": event.properties,
            "ClientRequestToken": event.token,
        })
    }

    pub(super) fn describe_events(&self, region: &str, input: &Value) -> Reply {
        let failed = input.get("Filters").is_some_and(|filters| flag(filters, "FailedEvents"));
        let mut found = Vec::new();
        if text(input, "ChangeSetName").is_some() {
            let at = self.change_set(region, input)?;
            if let Some(set) = self.change_sets.get(at) {
                found = self.validation_events(set);
            }
        } else if let Some(operation) = text(input, "OperationId") {
            let set = self.change_sets.iter().find(|set| {
                set.operation == operation && set.stack_id.contains(&format!(":{region}:"))
            });
            found.extend(set.map(|set| self.validation_events(set)).unwrap_or_default());
            for stack in self.stacks.iter().filter(|stack| stack.own.region == region) {
                let own = stack.events.iter().filter(|event| {
                    event.operation.as_ref().is_some_and(|(_, id)| id == operation)
                });
                found.extend(own.map(|event| self.operation_view(stack, event)));
            }
            if found.is_empty() {
                return Err(invalid(format!("Operation with id {operation} does not exist")));
            }
        } else {
            let Some(name) = text(input, "StackName") else {
                return Err(invalid("One of StackName, ChangeSetName and OperationId is required"));
            };
            let stack = self.known(region, name)?;
            found.extend(stack.events.iter().map(|event| self.operation_view(stack, event)));
        }
        found.reverse();
        if failed {
            found.retain(|event| {
                text(event, "OperationStatus") == Some("FAILED")
                    || text(event, "ResourceStatus").is_some_and(|s| s.ends_with("_FAILED"))
                    || text(event, "ValidationStatus") == Some("FAILED")
            });
        }
        let (events, next) = page(found, input, PAGE)?;
        Ok(json!({"OperationEvents": events, "NextToken": next}))
    }

    fn operation_view(&self, stack: &Stack, event: &Event) -> Value {
        let own = event.kind == STACK;
        let failed = event.status.ends_with("_FAILED");
        let status = match event.status {
            _ if failed => "FAILED",
            status if status.ends_with("_IN_PROGRESS") => "IN_PROGRESS",
            _ => "SUCCEEDED",
        };
        let kind = match (own, failed) {
            (true, _) => "STACK_EVENT",
            (false, true) => "PROVISIONING_ERROR",
            (false, false) => "PROGRESS_EVENT",
        };
        json!({
            "EventId": event.id,
            "StackId": stack.id(),
            "OperationId": event.operation.as_ref().map(|(_, id)| id),
            "OperationType": event.operation.as_ref().map(|(kind, _)| kind),
            "OperationStatus": own.then_some(status),
            "EventType": kind,
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "Timestamp": self.stamp(event.at),
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ResourceProperties": event.properties,
            "ClientRequestToken": event.token,
        })
    }

    fn validation_events(&self, set: &ChangeSet) -> Vec<Value> {
        let event = |number: usize, more: Value| {
            let mut event = json!({
                "EventId": format!("{}-{number:04}", set.operation),
                "StackId": set.stack_id,
                "OperationId": set.operation,
                "OperationType": "CREATE_CHANGESET",
                "Timestamp": self.stamp(set.created),
            });
            if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
                event.extend(more);
            }
            event
        };
        let status = match set.status {
            "FAILED" => "FAILED",
            "CREATE_IN_PROGRESS" => "IN_PROGRESS",
            _ => "SUCCEEDED",
        };
        let mut events = vec![event(
            0,
            json!({"EventType": "STACK_EVENT", "OperationStatus": status, "StartTime": self.stamp(set.created)}),
        )];
        for (index, fault) in set.faults.iter().enumerate() {
            events.push(event(
                index.saturating_add(1),
                json!({
                    "EventType": "VALIDATION_ERROR",
                    "LogicalResourceId": fault.logical,
                    "ResourceType": fault.kind,
                    "ValidationFailureMode": "FAIL",
                    "ValidationName": fault.check,
                    "ValidationStatus": "FAILED",
                    "ValidationStatusReason": fault.text,
                    "ValidationPath": fault.path,
                }),
            ));
        }
        events
    }
}
