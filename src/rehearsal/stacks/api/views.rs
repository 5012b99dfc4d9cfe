//! Stacks, resources and change sets in the spelling of the API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::change_sets::ChangeSet;
use crate::rehearsal::stacks::operation::OnFailure;
use crate::rehearsal::stacks::request::{list, text, texts};
use crate::rehearsal::stacks::stack::{Resource, Stack, tags_view};

/// A name for the last component of an ARN.
fn last_operations(stack: &Stack) -> Value {
    let running = stack.operation.as_ref().map(|operation| (operation.kind, &operation.id));
    let past = stack.history.iter().rev().map(|(kind, id, _)| (*kind, id));
    running
        .into_iter()
        .chain(past)
        .take(5)
        .map(|(kind, id)| json!({"OperationType": kind, "OperationId": id}))
        .collect()
}

/// A list, or nothing where AWS leaves an empty one out.
fn some(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::Array(items) }
}

impl Stacks {
    /// A moment as the API gives it.
    pub(in crate::rehearsal::stacks) fn stamp(&self, at: Duration) -> Value {
        let wall = self.origin.saturating_add(at);
        Value::from(wall.as_millis() as f64 / 1000.0)
    }

    pub(super) fn stack_view(&self, stack: &Stack) -> Value {
        let deployment = stack.deployment.as_ref();
        let parameters = deployment.map_or_else(Vec::new, |deployment| {
            deployment.parameters.iter().map(|parameter| parameter.view()).collect()
        });
        let outputs = stack.outputs.iter().map(|output| {
            json!({
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description,
                "ExportName": output.export,
            })
        });
        json!({
            "StackId": stack.id(),
            "StackName": stack.name(),
            "ChangeSetId": stack.change_set,
            "Description": deployment.and_then(|d| d.template.description.clone()),
            "Parameters": some(parameters),
            "CreationTime": self.stamp(stack.created),
            "LastUpdatedTime": stack.updated.map(|at| self.stamp(at)),
            "DeletionTime": stack.deleted.map(|at| self.stamp(at)),
            "RollbackConfiguration": {},
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DisableRollback": stack.disable_rollback,
            "NotificationARNs": [],
            "Capabilities": some(stack.capabilities.iter().map(|c| json!(c)).collect()),
            "Outputs": some(outputs.collect()),
            "RoleARN": stack.role,
            "Tags": deployment.map_or_else(|| json!([]), |d| tags_view(&d.tags)),
            "EnableTerminationProtection": stack.protected,
            "DriftInformation": self.drift_view(stack),
            "LastOperations": last_operations(stack),
        })
    }

    fn drift_view(&self, stack: &Stack) -> Value {
        match stack.drift {
            None => json!({"StackDriftStatus": "NOT_CHECKED"}),
            Some((status, at)) => {
                json!({"StackDriftStatus": status, "LastCheckTimestamp": self.stamp(at)})
            }
        }
    }

    pub(super) fn summary_view(&self, stack: &Stack) -> Value {
        let deployment = stack.deployment.as_ref();
        json!({
            "StackId": stack.id(),
            "StackName": stack.name(),
            "TemplateDescription": deployment.and_then(|d| d.template.description.clone()),
            "CreationTime": self.stamp(stack.created),
            "LastUpdatedTime": stack.updated.map(|at| self.stamp(at)),
            "DeletionTime": stack.deleted.map(|at| self.stamp(at)),
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DriftInformation": self.drift_view(stack),
            "LastOperations": last_operations(stack),
        })
    }

    /// A resource; `time` is what the operation calls its timestamp.
    pub(super) fn resource_view(&self, resource: &Resource, time: &str) -> Value {
        let drift = match resource.drift {
            None => json!({"StackResourceDriftStatus": "NOT_CHECKED"}),
            Some((status, at)) => {
                json!({"StackResourceDriftStatus": status, "LastCheckTimestamp": self.stamp(at)})
            }
        };
        json!({
            "LogicalResourceId": resource.logical,
            "PhysicalResourceId": resource.physical,
            "ResourceType": resource.kind,
            time: self.stamp(resource.at),
            "ResourceStatus": resource.status,
            "ResourceStatusReason": resource.reason,
            "DriftInformation": drift,
        })
    }

    pub(super) fn change_set_summary(&self, set: &ChangeSet, stack_name: &str) -> Value {
        json!({
            "StackId": set.stack_id,
            "StackName": stack_name,
            "ChangeSetId": set.id,
            "ChangeSetName": set.name,
            "ExecutionStatus": set.execution,
            "Status": set.status,
            "StatusReason": set.reason,
            "CreationTime": self.stamp(set.created),
            "Description": text(&set.echo, "Description"),
            "IncludeNestedStacks": false,
        })
    }

    pub(super) fn change_set_view(&self, set: &ChangeSet, stack_name: &str) -> Value {
        let mut view = self.change_set_summary(set, stack_name);
        let parameters: Vec<Value> =
            set.deployment.parameters.iter().map(|parameter| parameter.view()).collect();
        let more = json!({
            "Parameters": some(parameters),
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Capabilities": some(texts(&set.echo, "Capabilities").into_iter().map(Value::from).collect()),
            "Tags": if list(&set.echo, "Tags").is_empty() {
                Value::Null
            } else {
                tags_view(&set.deployment.tags)
            },
            "OnStackFailure": text(&set.echo, "OnStackFailure").map(|_| match set.on_failure {
                OnFailure::Nothing => "DO_NOTHING",
                OnFailure::Delete => "DELETE",
                OnFailure::Rollback => "ROLLBACK",
            }),
        });
        if let (Some(view), Value::Object(more)) = (view.as_object_mut(), more) {
            view.extend(more);
        }
        view
    }
}
