//! Change sets: made, read, executed, deleted.

use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction as SdkAction, ChangeSetStatus as SdkStatus, ChangeSetType, Parameter,
    Replacement, ResourceChange as SdkChange, ResourceChangeDetail, Tag,
};

use crate::aws::{Aws, Fault};
use crate::domain::{ChangeAction, ChangeSet, ChangeSetStatus, PropertyChange, ResourceChange};

/// Where the template of a change set comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// This text, for a stack that does not exist.
    Create(&'a str),
    /// This text, for a stack that exists.
    Update(&'a str),
    /// The template that the stack has.
    Previous,
}

/// What CloudFormation does when a change fails half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes back to what was before.
    RollBack,
    /// It leaves what is done as it is.
    Stay,
}

/// A change set to make.
#[derive(Debug, Clone)]
pub struct ChangeSetWish<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The change set's name.
    pub name: &'a str,
    /// The template.
    pub origin: Origin<'a>,
    /// Parameters; `None`: the previous value.
    pub parameters: Vec<(String, Option<String>)>,
    /// Tags, also of the resources.
    pub tags: Vec<(String, String)>,
    /// Acknowledged capabilities.
    pub capabilities: Vec<&'static str>,
    /// The role that CloudFormation works as.
    pub role: Option<&'a str>,
    /// What a person reads.
    pub description: String,
}

/// A change set's ARN and that of its stack.
type Made = (String, String);

impl Aws {
    /// Makes a change set; gives its ARN and the stack's.
    pub async fn create_change_set(&self, wish: &ChangeSetWish<'_>) -> Result<Made, Fault> {
        const ACTION: &str = "cloudformation:CreateChangeSet";
        let mut request = self
            .cloudformation
            .create_change_set()
            .stack_name(wish.stack)
            .change_set_name(wish.name)
            .description(&wish.description)
            .include_nested_stacks(false)
            .set_role_arn(wish.role.map(str::to_owned));
        request = match wish.origin {
            Origin::Create(text) => {
                request.change_set_type(ChangeSetType::Create).template_body(text)
            }
            Origin::Update(text) => {
                request.change_set_type(ChangeSetType::Update).template_body(text)
            }
            Origin::Previous => {
                request.change_set_type(ChangeSetType::Update).use_previous_template(true)
            }
        };
        for (name, value) in &wish.parameters {
            let parameter = Parameter::builder().parameter_key(name);
            request = request.parameters(match value {
                Some(value) => parameter.parameter_value(value).build(),
                None => parameter.use_previous_value(true).build(),
            });
        }
        for (key, value) in &wish.tags {
            request = request.tags(Tag::builder().key(key).value(value).build());
        }
        for capability in &wish.capabilities {
            request = request.capabilities(Capability::from(*capability));
        }
        let answer = request.send().await.map_err(|error| Fault::of(ACTION, error))?;
        match (answer.id(), answer.stack_id()) {
            (Some(id), Some(stack)) => Ok((id.to_owned(), stack.to_owned())),
            _ => Err(Fault::incomplete(ACTION, "Id")),
        }
    }

    /// Reads a change set, all its pages; by ARN, or by name within a stack.
    pub async fn change_set(&self, name: &str, stack: Option<&str>) -> Result<ChangeSet, Fault> {
        const ACTION: &str = "cloudformation:DescribeChangeSet";
        let mut token = None;
        let mut changes = Vec::new();
        loop {
            let answer = self
                .cloudformation
                .describe_change_set()
                .change_set_name(name)
                .set_stack_name(stack.map(str::to_owned))
                .include_property_values(true)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| Fault::of(ACTION, error))?;
            changes.extend(answer.changes().iter().filter_map(|c| c.resource_change()).map(change));
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                return head(&answer, changes);
            }
        }
    }

    /// Executes a change set by its ARN: by name, another stack's set of the same name could be
    /// meant.
    pub async fn execute_change_set(
        &self,
        id: &str,
        token: &str,
        failure: OnFailure,
    ) -> Result<(), Fault> {
        self.cloudformation
            .execute_change_set()
            .change_set_name(id)
            .client_request_token(token)
            .set_disable_rollback((failure == OnFailure::Stay).then_some(true))
            .send()
            .await
            .map_err(|error| Fault::of("cloudformation:ExecuteChangeSet", error))?;
        Ok(())
    }

    /// Deletes a change set; one that does not exist is deleted already.
    pub async fn delete_change_set(&self, id: &str, stack: Option<&str>) -> Result<(), Fault> {
        let request = self.cloudformation.delete_change_set().change_set_name(id);
        match request.set_stack_name(stack.map(str::to_owned)).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::of("cloudformation:DeleteChangeSet", error);
                if super::does_not_exist(&fault) { Ok(()) } else { Err(fault) }
            }
        }
    }
}

fn head(
    answer: &DescribeChangeSetOutput,
    changes: Vec<ResourceChange>,
) -> Result<ChangeSet, Fault> {
    let text = |member: &'static str, text: Option<&str>| {
        text.map(str::to_owned)
            .ok_or_else(|| Fault::incomplete("cloudformation:DescribeChangeSet", member))
    };
    let reason = answer.status_reason().map(str::to_owned);
    let status = match answer.status() {
        Some(SdkStatus::CreateComplete) => ChangeSetStatus::Ready,
        Some(SdkStatus::Failed) if reason.as_deref().is_some_and(is_empty) => {
            ChangeSetStatus::Empty
        }
        Some(SdkStatus::CreateInProgress | SdkStatus::CreatePending) => ChangeSetStatus::Pending,
        _ => ChangeSetStatus::Failed,
    };
    Ok(ChangeSet {
        id: text("ChangeSetId", answer.change_set_id())?,
        name: text("ChangeSetName", answer.change_set_name())?,
        stack_id: text("StackId", answer.stack_id())?,
        status,
        reason,
        execution: answer.execution_status().map(|s| s.as_str().to_owned()).unwrap_or_default(),
        changes,
    })
}

/// How AWS says that nothing changes: there is no code for it.
fn is_empty(reason: &str) -> bool {
    reason.contains("didn't contain changes")
        || reason.contains("No updates are to be performed")
        || reason.contains("doesn't contain changes")
}

fn change(change: &SdkChange) -> ResourceChange {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    ResourceChange {
        action: match (change.action(), change.replacement()) {
            (Some(SdkAction::Add), _) => ChangeAction::Add,
            (Some(SdkAction::Remove), _) => ChangeAction::Remove,
            (Some(SdkAction::Modify), Some(Replacement::True)) => ChangeAction::Replace,
            (Some(SdkAction::Modify), Some(Replacement::Conditional)) => ChangeAction::MayReplace,
            (Some(SdkAction::Modify), _) => ChangeAction::Modify,
            _ => ChangeAction::Other,
        },
        id: text(change.logical_resource_id()),
        physical: change.physical_resource_id().map(str::to_owned),
        kind: text(change.resource_type()),
        details: change.details().iter().filter_map(property).collect(),
    }
}

fn property(detail: &ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target()?;
    let attribute = target.attribute().map_or("", |attribute| attribute.as_str());
    let path = match (target.path(), target.name()) {
        (Some(path), _) => path.to_owned(),
        (None, Some(name)) => format!("/{attribute}/{name}"),
        (None, None) => format!("/{attribute}"),
    };
    let recreation = target.requires_recreation();
    Some(PropertyChange {
        path,
        before: target.before_value().map(str::to_owned),
        after: target.after_value().map(str::to_owned),
        cause: detail.causing_entity().map(str::to_owned),
        replaces: recreation.is_some_and(|recreation| recreation.as_str() == "Always"),
    })
}
