//! Change sets: made, found to change something or not, executed once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::operation::OnFailure;
use super::parameters::bind;
use super::request::{flag, invalid, list, template_error, text, texts, unsimulated, updatable};
use super::resolve::Own;
use super::stack::{Deployment, Live, Stack, tags_of};
use super::start::Start;
use super::surroundings::Surroundings;
use super::template::{LONGEST, Template};
use super::{Stacks, diff, durations};
use crate::rehearsal::call::{ApiError, Reply};

/// A change set.
#[derive(Debug, Clone)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) stack_id: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) execution: &'static str,
    pub(super) created: Duration,
    /// What comes out when it is done: its changes, or why it fails.
    pub(super) result: Result<Vec<Value>, String>,
    pub(super) deployment: Deployment,
    pub(super) operation: String,
    /// Properties that the early validation refuses: resource, type and text.
    pub(super) faults: Vec<Fault>,
    pub(super) on_failure: OnFailure,
    /// What the request said that comes back as it is.
    pub(super) echo: Value,
}

/// What the early validation of a change set finds.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) check: &'static str,
    pub(super) text: String,
    pub(super) path: String,
}

impl Stacks {
    /// The template that a request means.
    pub(super) fn template(
        &self,
        input: &Value,
        previous: Option<&Stack>,
    ) -> Result<Arc<Template>, ApiError> {
        if input.get("TemplateURL").is_some() {
            return Err(unsimulated("TemplateURL"));
        }
        if flag(input, "UsePreviousTemplate") {
            if input.get("TemplateBody").is_some() {
                return Err(invalid(
                    "You cannot specify both usePreviousTemplate and Template Body/Template URL.",
                ));
            }
            let deployment = previous.and_then(|stack| stack.deployment.as_ref());
            return deployment
                .map(|deployment| Arc::clone(&deployment.template))
                .ok_or_else(|| invalid("A previous template is not available for the stack."));
        }
        let Some(body) = text(input, "TemplateBody") else {
            return Err(invalid("Either Template URL or Template Body must be specified."));
        };
        if body.len() > LONGEST {
            return Err(invalid(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: \
                 Member must have length less than or equal to {LONGEST}"
            )));
        }
        Template::parse(body).map(Arc::new).map_err(template_error)
    }

    /// What a request wants a stack to become.
    pub(super) fn wanted(
        &self,
        input: &Value,
        own: &Own,
        previous: Option<&Stack>,
        cloud: &dyn Surroundings,
    ) -> Result<Deployment, ApiError> {
        let template = self.template(input, previous)?;
        let capabilities = texts(input, "Capabilities");
        if let Some((needed, _)) = template.capability() {
            let named = capabilities.iter().any(|c| c == "CAPABILITY_NAMED_IAM");
            if !(named || needed == "CAPABILITY_IAM" && capabilities.iter().any(|c| c == needed)) {
                let text = format!("Requires capabilities : [{needed}]");
                return Err(ApiError::new("InsufficientCapabilitiesException", text));
            }
        }
        let had = previous.and_then(|stack| stack.deployment.as_ref());
        let before = had.map_or(&[][..], |deployment| deployment.parameters.as_slice());
        let ssm = |name: &str| cloud.parameter(&own.region, name);
        let parameters =
            bind(&template.parameters, list(input, "Parameters"), before, &ssm).map_err(invalid)?;
        let tags = match (input.get("Tags"), had) {
            (None, Some(had)) => had.tags.clone(),
            _ => tags_of(input),
        };
        let deployment = Deployment { template, parameters, tags };
        let wanted = deployment.wanted(own).map_err(template_error)?;
        if let Some(had) = had {
            let old = had.wanted(own).unwrap_or_default();
            let retyped: Vec<&str> = wanted
                .iter()
                .filter(|w| old.iter().any(|o| o.logical == w.logical && o.kind != w.kind))
                .map(|wanted| wanted.logical.as_str())
                .collect();
            if !retyped.is_empty() {
                return Err(invalid(format!(
                    "Update of resource type is not permitted. The new template modifies resource \
                     type of the following resources: [{}]",
                    retyped.join(", ")
                )));
            }
        }
        Ok(deployment)
    }

    /// The identity of a stack that does not exist yet.
    pub(super) fn identity(&self, region: &str, name: &str, cloud: &mut dyn Surroundings) -> Own {
        let id = [8, 4, 4, 4, 12].map(|length| cloud.hex(length)).join("-");
        Own {
            account: self.account.clone(),
            region: region.to_owned(),
            stack_id: format!("arn:aws:cloudformation:{region}:{}:stack/{name}/{id}", self.account),
            stack_name: name.to_owned(),
            notifications: Vec::new(),
            zones: cloud.zones(region),
        }
    }

    pub(super) fn create_change_set(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        let known = [
            "StackName",
            "TemplateBody",
            "TemplateURL",
            "UsePreviousTemplate",
            "Parameters",
            "Capabilities",
            "Tags",
            "ChangeSetName",
            "ClientToken",
            "Description",
            "ChangeSetType",
            "OnStackFailure",
            "IncludeNestedStacks",
            "DisableValidation",
            "RoleARN",
        ];
        let strange = input
            .as_object()
            .and_then(|members| members.keys().find(|key| !known.contains(&key.as_str())).cloned());
        if let Some(strange) = strange {
            return Err(unsimulated(&format!("CreateChangeSet with {strange}")));
        }
        let kind = text(input, "ChangeSetType").unwrap_or("UPDATE");
        if kind == "IMPORT" || flag(input, "IncludeNestedStacks") {
            return Err(unsimulated("CreateChangeSet with IMPORT or IncludeNestedStacks"));
        }
        let stack_name = text(input, "StackName").unwrap_or_default();
        let name = text(input, "ChangeSetName").unwrap_or_default();
        super::api::check_name(name, "changeSetName")?;
        let index = self.find(region, stack_name);
        let existing = index.and_then(|index| self.stacks.get(index)).cloned();
        match (kind, &existing) {
            ("CREATE", Some(stack)) if stack.status != "REVIEW_IN_PROGRESS" => {
                return Err(invalid(format!(
                    "Stack [{}] already exists and cannot be created again with the changeSet \
                     [{name}].",
                    stack.name()
                )));
            }
            ("CREATE", _) => {}
            (_, None) => return Err(invalid(format!("Stack [{stack_name}] does not exist"))),
            (_, Some(stack)) => updatable(stack)?,
        }
        if let Some(stack) = &existing {
            let same = self.change_sets.iter().find(|c| c.stack_id == stack.id() && c.name == name);
            if let Some(same) = same {
                // The same request again, by its token, is answered as before.
                let token = text(input, "ClientToken");
                if token.is_some() && token == text(&same.echo, "ClientToken") {
                    return Ok(json!({"Id": same.id, "StackId": same.stack_id}));
                }
                let text = format!("ChangeSet {name} already exists");
                return Err(ApiError::new("AlreadyExistsException", text));
            }
        }
        let own = match &existing {
            Some(stack) => stack.own.clone(),
            None => {
                super::api::check_name(stack_name, "stackName")?;
                self.identity(region, stack_name, cloud)
            }
        };
        let previous = existing.as_ref().filter(|stack| stack.deployment.is_some());
        let deployment = self.wanted(input, &own, previous, cloud)?;
        let result = self.compare(&deployment, &own, previous);
        let faults = match flag(input, "DisableValidation") {
            true => Vec::new(),
            false => diff::faults(&deployment, &own, previous, &self.shared),
        };
        let (id, operation) = (cloud.hex(32), cloud.hex(32));
        let uuid = |digits: &str| {
            [0..8, 8..12, 12..16, 16..20, 20..32]
                .map(|part| digits.get(part).unwrap_or("0"))
                .join("-")
        };
        let arn = format!(
            "arn:aws:cloudformation:{region}:{}:changeSet/{name}/{}",
            self.account,
            uuid(&id)
        );
        if existing.is_none() {
            let mut stack = Stack::reviewed(own.clone(), now);
            // Without an event: the API model has no such status of a resource.
            stack.reason = Some("User Initiated".to_owned());
            self.stacks.push(stack);
        }
        let on_failure = match text(input, "OnStackFailure") {
            Some("DO_NOTHING") => OnFailure::Nothing,
            Some("DELETE") => OnFailure::Delete,
            _ => OnFailure::Rollback,
        };
        self.change_sets.push(ChangeSet {
            id: arn.clone(),
            name: name.to_owned(),
            stack_id: own.stack_id.clone(),
            status: "CREATE_IN_PROGRESS",
            reason: None,
            execution: "UNAVAILABLE",
            created: now,
            result,
            deployment,
            operation: uuid(&operation),
            faults,
            on_failure,
            echo: input.clone(),
        });
        Ok(json!({"Id": arn, "StackId": own.stack_id}))
    }

    /// The changes of a change set, or why there are none.
    pub(super) fn compare(
        &self,
        deployment: &Deployment,
        own: &Own,
        previous: Option<&Stack>,
    ) -> Result<Vec<Value>, String> {
        let changes = diff::changes(deployment, own, previous, &self.shared)?;
        let Some(stack) = previous else { return Ok(changes) };
        if !changes.is_empty() {
            return Ok(changes);
        }
        let Some(had) = &stack.deployment else { return Ok(changes) };
        if had.says_the_same(deployment) {
            return Err("The submitted information didn't contain changes. Submit different \
                        information to create a change set."
                .to_owned());
        }
        let names = Live {
            resources: &stack.resources,
            exports: &self.shared.exports,
            region: &own.region,
        };
        match stack.outputs_of(deployment, &names) {
            Ok(outputs) if outputs == stack.outputs && had.tags == deployment.tags => {
                Err("No updates are to be performed.".to_owned())
            }
            _ => Ok(changes),
        }
    }

    /// Ends the change sets whose time has come.
    pub(super) fn finish_change_sets(&mut self, now: Duration) {
        for set in &mut self.change_sets {
            if set.status != "CREATE_IN_PROGRESS" || now < set.created + durations::CHANGE_SET {
                continue;
            }
            let refused = set.faults.first().map(|fault| {
                format!(
                    "The following hook(s)/validation failed: [{}]. To troubleshoot Early \
                     Validation errors, use the DescribeEvents API for detailed failure \
                     information.",
                    fault.check
                )
            });
            match (refused, &set.result) {
                (Some(reason), _) => {
                    set.status = "FAILED";
                    set.reason = Some(reason);
                }
                (None, Err(reason)) => {
                    set.status = "FAILED";
                    set.reason = Some(reason.clone());
                }
                (None, Ok(_)) => {
                    set.status = "CREATE_COMPLETE";
                    set.execution = "AVAILABLE";
                }
            }
        }
    }

    /// A change set by ARN, or by name and stack.
    pub(super) fn change_set(&self, region: &str, input: &Value) -> Result<usize, ApiError> {
        let name = text(input, "ChangeSetName").unwrap_or_default();
        let not_found = || {
            let text = format!("ChangeSet [{name}] does not exist");
            ApiError::new("ChangeSetNotFoundException", text).status(404)
        };
        if name.starts_with("arn:") {
            let here = format!(":{region}:");
            let found = self.change_sets.iter().position(|set| set.id == name);
            return found.filter(|_| name.contains(&here)).ok_or_else(not_found);
        }
        let Some(stack) = text(input, "StackName") else {
            return Err(invalid(
                "StackName must be specified if ChangeSetName is not specified as an ARN.",
            ));
        };
        let index = self.find(region, stack);
        let Some(stack) = index.and_then(|index| self.stacks.get(index)) else {
            return Err(invalid(format!("Stack [{stack}] does not exist")));
        };
        let mut sets = self.change_sets.iter();
        sets.position(|set| set.name == name && set.stack_id == stack.id()).ok_or_else(not_found)
    }

    pub(super) fn execute_change_set(
        &mut self,
        now: Duration,
        region: &str,
        input: &Value,
        cloud: &mut dyn Surroundings,
    ) -> Reply {
        if flag(input, "RetainExceptOnCreate") {
            return Err(unsimulated("ExecuteChangeSet with RetainExceptOnCreate"));
        }
        let at = self.change_set(region, input)?;
        let Some(set) = self.change_sets.get(at).cloned() else { return Ok(json!({})) };
        let index = self.find(region, &set.stack_id).unwrap_or_default();
        let Some(stack) = self.stacks.get(index) else { return Ok(json!({})) };
        let token = text(input, "ClientRequestToken").map(str::to_owned);
        if let Some(token) = &token
            && stack.change_set.as_deref() == Some(&set.id)
            && stack.knows_token(token)
        {
            return Ok(json!({}));
        }
        let refuse = |text: String| Err(ApiError::new("InvalidChangeSetStatusException", text));
        if set.status != "CREATE_COMPLETE" {
            return refuse(format!(
                "ChangeSet [{}] cannot be executed in its current status of [{}]",
                set.id, set.status
            ));
        }
        if set.execution != "AVAILABLE" {
            return refuse(format!(
                "ChangeSet [{}] cannot be executed in its current execution status of [{}]",
                set.id, set.execution
            ));
        }
        if let Some(token) = &token
            && stack.knows_token(token)
        {
            let text = format!("Token {token} already exists");
            return Err(ApiError::new("TokenAlreadyExistsException", text));
        }
        if stack.status != "REVIEW_IN_PROGRESS" {
            updatable(stack)?;
        }
        for other in &mut self.change_sets {
            if other.stack_id == set.stack_id && other.execution == "AVAILABLE" {
                other.execution = "OBSOLETE";
            }
        }
        if let Some(own) = self.change_sets.get_mut(at) {
            own.execution = "EXECUTE_IN_PROGRESS";
        }
        let on_failure =
            if flag(input, "DisableRollback") { OnFailure::Nothing } else { set.on_failure };
        let capabilities = texts(&set.echo, "Capabilities");
        let role = text(&set.echo, "RoleARN").map(str::to_owned);
        let start = Start {
            deployment: set.deployment,
            capabilities,
            role,
            on_failure,
            token,
            operation: set.operation,
            policy: None,
        };
        if let Some(stack) = self.stacks.get_mut(index) {
            stack.change_set = Some(set.id.clone());
        }
        self.begin(index, start, now, cloud);
        if let Some(own) = self.change_sets.get_mut(at) {
            own.execution = "EXECUTE_COMPLETE";
        }
        Ok(json!({}))
    }

    pub(super) fn delete_change_set(&mut self, region: &str, input: &Value) -> Reply {
        let at = match self.change_set(region, input) {
            // What is not there needs no deletion.
            Err(error) if error.code == "ChangeSetNotFoundException" => return Ok(json!({})),
            other => other?,
        };
        let Some(set) = self.change_sets.get(at) else { return Ok(json!({})) };
        if set.execution == "EXECUTE_IN_PROGRESS" || set.status == "CREATE_IN_PROGRESS" {
            let text = format!(
                "ChangeSet [{}] cannot be deleted in its current status of [{}]",
                set.id, set.status
            );
            return Err(ApiError::new("InvalidChangeSetStatusException", text));
        }
        self.change_sets.remove(at);
        Ok(json!({}))
    }
}
