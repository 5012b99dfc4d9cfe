//! The operations of CloudFormation, one file a family.

mod describe;
mod events;
mod lifecycle;
mod templates;
mod views;

use std::time::Duration;

use serde_json::{Value, json};

use super::Stacks;
use super::request::{invalid, text, unsimulated};
use super::stack::Stack;
use super::surroundings::Surroundings;
use crate::rehearsal::call::{ApiError, Reply};

/// Refuses a name that CloudFormation refuses.
pub(super) fn check_name(name: &str, member: &str) -> Result<(), ApiError> {
    let fine = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 128
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine {
        return Ok(());
    }
    let name: String = name.chars().take(200).collect();
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
    )))
}

/// One page of a list, with the token of the next.
fn page(
    items: Vec<Value>,
    input: &Value,
    size: usize,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let from = match text(input, "NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|offset| offset.parse::<usize>().ok())
            .ok_or_else(|| invalid("Invalid NextToken"))?,
    };
    let end = from.saturating_add(size);
    let next = (items.len() > end).then(|| format!("page-{end}"));
    Ok((items.into_iter().skip(from).take(size).collect(), next))
}

impl Stacks {
    /// Answers a call.
    pub(in crate::rehearsal) fn call(
        &mut self,
        now: Duration,
        region: &str,
        operation: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        self.finish_change_sets(now);
        match operation {
            "CreateChangeSet" => self.create_change_set(now, region, input, cloud),
            "DescribeChangeSet" => self.describe_change_set(region, input),
            "ExecuteChangeSet" => self.execute_change_set(now, region, input, cloud),
            "DeleteChangeSet" => self.delete_change_set(region, input),
            "ListChangeSets" => self.list_change_sets(region, input),
            "DescribeStacks" => self.describe_stacks(region, input),
            "ListStacks" => self.list_stacks(region, input),
            "DescribeStackEvents" => self.describe_stack_events(region, input),
            "DescribeEvents" => self.describe_events(region, input),
            "ListStackResources" => self.list_stack_resources(region, input),
            "DescribeStackResources" => self.describe_stack_resources(region, input),
            "DescribeStackResource" => self.describe_stack_resource(region, input),
            "GetTemplate" => self.get_template(region, input),
            "GetTemplateSummary" => self.get_template_summary(region, input),
            "ValidateTemplate" => self.validate_template(input),
            "CreateStack" => self.create_stack(now, region, input, cloud),
            "UpdateStack" => self.update_stack(now, region, input, cloud),
            "DeleteStack" => self.delete_stack(now, region, input, cloud),
            "ContinueUpdateRollback" => self.continue_rollback(now, region, input, cloud),
            "RollbackStack" => self.rollback_stack(now, region, input, cloud),
            "CancelUpdateStack" => self.cancel_update(now, region, input, cloud),
            "SetStackPolicy" => self.set_policy(region, input),
            "GetStackPolicy" => {
                let stack = self.known(region, text(input, "StackName").unwrap_or_default())?;
                Ok(json!({"StackPolicyBody": stack.policy}))
            }
            "UpdateTerminationProtection" => self.protect(region, input),
            "DetectStackDrift" => self.detect_drift(now, region, input, cloud),
            "DescribeStackDriftDetectionStatus" => self.drift_status(now, input),
            "DescribeStackResourceDrifts" => self.resource_drifts(now, region, input),
            "ListExports" => self.list_exports(region, input),
            "ListImports" => self.list_imports(region, input),
            other => Err(unsimulated(&format!("cloudformation:{other}"))),
        }
    }

    /// A stack that has to exist.
    pub(super) fn known(&self, region: &str, name: &str) -> Result<&Stack, ApiError> {
        let index = self.known_index(region, name)?;
        self.stacks.get(index).ok_or_else(|| missing(name))
    }

    pub(super) fn known_index(&self, region: &str, name: &str) -> Result<usize, ApiError> {
        self.find(region, name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> ApiError {
    invalid(format!("Stack with id {name} does not exist"))
}

/// The words of the operations that name a stack in brackets.
fn absent(name: &str) -> ApiError {
    invalid(format!("Stack [{name}] does not exist"))
}
