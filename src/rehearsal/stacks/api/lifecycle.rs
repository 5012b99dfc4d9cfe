//! Making, changing, removing and rescuing stacks without a change set.

use std::time::Duration;

use serde_json::{Value, json};

use super::describe::imports_of;
use super::{absent, check_name};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::change_sets::{
    Start, flag, invalid, text, texts, unsimulated, updatable,
};
use crate::rehearsal::stacks::machine::Step;
use crate::rehearsal::stacks::operation::{OnFailure, Operation, Phase};
use crate::rehearsal::stacks::policy;
use crate::rehearsal::stacks::stack::Stack;
use crate::rehearsal::stacks::surroundings::Surroundings;

/// Refuses what the simulation would have to ignore.
fn only(operation: &str, input: &Value, known: &[&str]) -> Result<(), ApiError> {
    let members = input.as_object();
    let strange = members.and_then(|m| m.keys().find(|key| !known.contains(&key.as_str())));
    match strange {
        Some(strange) => Err(unsimulated(&format!("{operation} with {strange}"))),
        None => Ok(()),
    }
}

fn token(input: &Value) -> Option<String> {
    text(input, "ClientRequestToken").map(str::to_owned)
}

/// Whether the request was made before, by its token.
fn repeated(stack: &Stack, input: &Value) -> bool {
    token(input).is_some_and(|token| stack.knows_token(&token))
}

fn stack_policy(input: &Value, key: &str) -> Result<Option<String>, ApiError> {
    let body = text(input, key);
    body.map(policy::check).transpose().map_err(invalid)?;
    Ok(body.map(str::to_owned))
}

impl Stacks {
    pub(super) fn create_stack(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        only(
            "CreateStack",
            input,
            &[
                "StackName",
                "TemplateBody",
                "TemplateURL",
                "Parameters",
                "DisableRollback",
                "Capabilities",
                "RoleARN",
                "OnFailure",
                "StackPolicyBody",
                "Tags",
                "ClientRequestToken",
                "EnableTerminationProtection",
                "DisableValidation",
            ],
        )?;
        let name = text(input, "StackName").unwrap_or_default();
        check_name(name, "stackName")?;
        if let Some(stack) = self.find(region, name).and_then(|index| self.stacks.get(index)) {
            if repeated(stack, input) {
                return Ok(json!({"StackId": stack.id()}));
            }
            let text = format!("Stack [{name}] already exists");
            return Err(ApiError::new("AlreadyExistsException", text));
        }
        let own = self.identity(region, name, cloud);
        let deployment = self.wanted(input, &own, None, cloud)?;
        let policy = stack_policy(input, "StackPolicyBody")?;
        let mut stack = Stack::reviewed(own, now);
        stack.policy = policy;
        stack.protected = flag(input, "EnableTerminationProtection");
        let on_failure = match text(input, "OnFailure") {
            Some("DO_NOTHING") => OnFailure::Nothing,
            Some("DELETE") => OnFailure::Delete,
            _ if flag(input, "DisableRollback") => OnFailure::Nothing,
            _ => OnFailure::Rollback,
        };
        let start = start(input, deployment, on_failure, cloud);
        let answer = json!({"StackId": stack.id(), "OperationId": start.operation});
        self.stacks.push(stack);
        let index = self.stacks.len().saturating_sub(1);
        self.begin(index, start, now, cloud);
        Ok(answer)
    }

    pub(super) fn update_stack(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        only(
            "UpdateStack",
            input,
            &[
                "StackName",
                "TemplateBody",
                "TemplateURL",
                "UsePreviousTemplate",
                "Parameters",
                "Capabilities",
                "RoleARN",
                "StackPolicyBody",
                "StackPolicyDuringUpdateBody",
                "Tags",
                "ClientRequestToken",
                "DisableRollback",
                "DisableValidation",
            ],
        )?;
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let Some(stack) = self.stacks.get(index).cloned() else { return Err(absent(name)) };
        if repeated(&stack, input) {
            return Ok(json!({"StackId": stack.id()}));
        }
        updatable(&stack)?;
        let deployment = self.wanted(input, &stack.own, Some(&stack), cloud)?;
        let same = self.compare(&deployment, &stack.own, Some(&stack));
        if same.is_err() && stack.status != "UPDATE_FAILED" {
            let words = match same {
                // A change set and an update say it differently.
                Err(text) if !text.starts_with("The submitted") => text,
                _ => "No updates are to be performed.".to_owned(),
            };
            return Err(invalid(words));
        }
        let policy = stack_policy(input, "StackPolicyBody")?;
        let during = stack_policy(input, "StackPolicyDuringUpdateBody")?;
        let on_failure =
            if flag(input, "DisableRollback") { OnFailure::Nothing } else { OnFailure::Rollback };
        let mut start = start(input, deployment, on_failure, cloud);
        start.policy = during;
        let answer = json!({"StackId": stack.id(), "OperationId": start.operation});
        if let Some(stack) = self.stacks.get_mut(index)
            && policy.is_some()
        {
            stack.policy = policy;
        }
        self.outdate(stack.id());
        self.begin(index, start, now, cloud);
        Ok(answer)
    }

    /// A stack that changes otherwise makes its change sets useless.
    pub(in crate::rehearsal::stacks) fn outdate(&mut self, stack: &str) {
        for set in self.change_sets.iter_mut().filter(|set| set.stack_id == stack) {
            if set.execution == "AVAILABLE" {
                set.execution = "OBSOLETE";
            }
        }
    }

    pub(super) fn delete_stack(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        only(
            "DeleteStack",
            input,
            &["StackName", "RetainResources", "RoleARN", "ClientRequestToken", "DeletionMode"],
        )?;
        let name = text(input, "StackName").unwrap_or_default();
        // Deleting what is not there is no error.
        let Some(index) = self.find(region, name) else { return Ok(json!({})) };
        let Some(stack) = self.stacks.get(index).cloned() else { return Ok(json!({})) };
        if !stack.exists() || repeated(&stack, input) || stack.status == "DELETE_IN_PROGRESS" {
            return Ok(json!({}));
        }
        if stack.protected {
            return Err(invalid(format!(
                "Stack [{}] cannot be deleted while TerminationProtection is enabled",
                stack.name()
            )));
        }
        let retained = texts(input, "RetainResources");
        let force = text(input, "DeletionMode") == Some("FORCE_DELETE_STACK");
        if (force || !retained.is_empty()) && stack.status != "DELETE_FAILED" {
            return Err(invalid(format!(
                "Invalid operation on stack [{}]. Specify {} only when the stack is in the \
                 DELETE_FAILED state.",
                stack.id(),
                if force { "DeletionMode FORCE_DELETE_STACK" } else { "RetainResources" }
            )));
        }
        if stack.is_busy() && !matches!(stack.status, "CREATE_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS")
        {
            return Err(invalid(format!(
                "Stack [{}] cannot be deleted while in status {}",
                stack.name(),
                stack.status
            )));
        }
        if let Some((export, user)) = self.imported(&stack) {
            return Err(invalid(format!(
                "Export {export} cannot be deleted as it is in use by {user}"
            )));
        }
        self.change_sets.retain(|set| set.stack_id != stack.id());
        let id = uuid(cloud);
        if let Some(stack) = self.stacks.get_mut(index) {
            let old = stack.operation.take();
            let mut operation = Operation::new("DELETE_STACK", id, token(input), Phase::Delete);
            operation.skip = retained.into_iter().collect();
            operation.force = force;
            operation.discarded = old.map(|old| old.discarded).unwrap_or_default();
            stack.operation = Some(operation);
            let reason = Some("User Initiated".to_owned());
            stack.begin_removal(Phase::Delete, "DELETE_IN_PROGRESS", reason, now);
        }
        self.step(index, now, cloud);
        Ok(json!({}))
    }

    /// An export of a stack that another one imports.
    fn imported(&self, stack: &Stack) -> Option<(String, String)> {
        for output in &stack.outputs {
            let Some(export) = &output.export else { continue };
            let user = self.stacks.iter().find(|other| {
                other.exists()
                    && other.id() != stack.id()
                    && other.own.region == stack.own.region
                    && imports_of(other).contains(export)
            });
            if let Some(user) = user {
                return Some((export.clone(), user.name().to_owned()));
            }
        }
        None
    }

    fn step(&mut self, index: usize, now: Duration, cloud: &mut dyn Surroundings) {
        let Self { stacks, shared, .. } = self;
        if let Some(stack) = stacks.get_mut(index) {
            stack.advance(&mut Step { now, shared, cloud });
        }
        self.publish();
    }

    pub(super) fn continue_rollback(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        let known = ["StackName", "ResourcesToSkip", "RoleARN", "ClientRequestToken"];
        only("ContinueUpdateRollback", input, &known)?;
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let skip = texts(input, "ResourcesToSkip");
        let Some(stack) = self.stacks.get_mut(index) else { return Err(absent(name)) };
        if repeated(stack, input) {
            return Ok(json!({}));
        }
        if stack.status != "UPDATE_ROLLBACK_FAILED" {
            return Err(invalid(format!(
                "Stack [{}] is in {} state and can not continue rollback; it must be in \
                 UPDATE_ROLLBACK_FAILED",
                stack.id(),
                stack.status
            )));
        }
        let wrong: Vec<&str> = skip
            .iter()
            .map(String::as_str)
            .filter(|name| stack.resource(name).is_none_or(|r| r.status != "UPDATE_FAILED"))
            .collect();
        if !wrong.is_empty() {
            return Err(invalid(format!(
                "The following resource(s) cannot be skipped as they are not in UPDATE_FAILED \
                 state: [{}]",
                wrong.join(", ")
            )));
        }
        if let Some(operation) = &mut stack.operation {
            operation.kind = "CONTINUE_ROLLBACK";
            operation.id = uuid(cloud);
            operation.token = token(input);
            operation.skip = skip.into_iter().collect();
        }
        stack.begin_undo(Some("User Initiated".to_owned()), now);
        self.step(index, now, cloud);
        Ok(json!({}))
    }

    pub(super) fn rollback_stack(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        only("RollbackStack", input, &["StackName", "RoleARN", "ClientRequestToken"])?;
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let id = uuid(cloud);
        let Some(stack) = self.stacks.get_mut(index) else { return Err(absent(name)) };
        let answer = json!({"StackId": stack.id(), "OperationId": id});
        if repeated(stack, input) {
            return Ok(answer);
        }
        let reason = Some("User Initiated".to_owned());
        match stack.status {
            "CREATE_FAILED" => {
                let operation = Operation::new("ROLLBACK", id, token(input), Phase::Rollback);
                stack.operation = Some(operation);
                stack.begin_removal(Phase::Rollback, "ROLLBACK_IN_PROGRESS", reason, now);
            }
            "UPDATE_FAILED" => {
                if let Some(operation) = &mut stack.operation {
                    operation.kind = "ROLLBACK";
                    operation.id = id;
                    operation.token = token(input);
                }
                stack.begin_undo(reason, now);
            }
            status => {
                return Err(invalid(format!(
                    "Stack [{}] is in {status} state and can not be rolled back; it must be in \
                     CREATE_FAILED or UPDATE_FAILED",
                    stack.id()
                )));
            }
        }
        self.step(index, now, cloud);
        Ok(answer)
    }

    pub(super) fn cancel_update(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let Some(stack) = self.stacks.get_mut(index) else { return Err(absent(name)) };
        if stack.status != "UPDATE_IN_PROGRESS" {
            return Err(invalid("CancelUpdateStack cannot be called from current stack status"));
        }
        stack.cancel_rest(now);
        stack.begin_undo(Some("User Initiated".to_owned()), now);
        self.step(index, now, cloud);
        Ok(json!({}))
    }

    pub(super) fn set_policy(&mut self, region: &str, input: &Value) -> Reply {
        only("SetStackPolicy", input, &["StackName", "StackPolicyBody"])?;
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.known_index(region, name)?;
        let policy = stack_policy(input, "StackPolicyBody")?;
        if let Some(stack) = self.stacks.get_mut(index) {
            stack.policy = policy;
        }
        Ok(json!({}))
    }

    pub(super) fn protect(&mut self, region: &str, input: &Value) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let Some(stack) = self.stacks.get_mut(index) else { return Err(absent(name)) };
        stack.protected = flag(input, "EnableTerminationProtection");
        Ok(json!({"StackId": stack.id()}))
    }
}

fn uuid(cloud: &mut dyn Surroundings) -> String {
    [8, 4, 4, 4, 12].map(|length| cloud.hex(length)).join("-")
}

fn start(
    input: &Value,
    deployment: crate::rehearsal::stacks::stack::Deployment,
    on_failure: OnFailure,
    cloud: &mut dyn Surroundings,
) -> Start {
    Start {
        deployment,
        capabilities: texts(input, "Capabilities"),
        role: text(input, "RoleARN").map(str::to_owned),
        on_failure,
        token: token(input),
        operation: uuid(cloud),
        policy: None,
    }
}
