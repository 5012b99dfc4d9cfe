//! CloudFormation stacks as they stand, what a change set would do, and what happened to them.

use std::collections::BTreeMap;

use serde::Serialize;

/// A stack's place: names are unique within a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StackKey {
    /// The region.
    pub region: String,
    /// The name.
    pub name: String,
}

/// The stacks of an environment, and the values that they publish.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObservedStacks {
    /// Those that exist.
    #[serde(skip)]
    pub stacks: BTreeMap<StackKey, ObservedStack>,
    /// SSM parameters by region and name.
    #[serde(skip)]
    pub values: BTreeMap<(String, String), String>,
}

impl ObservedStacks {
    /// A stack, when it exists.
    pub fn stack(&self, region: &str, name: &str) -> Option<&ObservedStack> {
        let key = StackKey { region: region.to_owned(), name: name.to_owned() };
        self.stacks.get(&key)
    }
}

/// One stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedStack {
    /// Its name.
    pub name: String,
    /// Its ARN; it outlives the stack.
    pub id: String,
    /// Its status, as AWS spells it.
    pub status: StackStatus,
    /// Why it has that status; text from outside.
    pub reason: Option<String>,
    /// Its parameters as they were given.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Whether somebody switched termination protection on.
    pub termination_protection: bool,
}

/// The status of a stack (CloudFormation user guide, "Stack status codes").
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StackStatus(String);

/// What a status means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackPhase {
    /// A change set for its creation exists, and nothing else.
    Review,
    /// It can be updated.
    Settled,
    /// CloudFormation is at work on it.
    Moving,
    /// Its creation failed: it can only be deleted.
    Dead,
    /// The rollback of an update failed: it waits for a person or `ContinueUpdateRollback`.
    Stuck,
    /// Its deletion failed.
    Undeleted,
    /// It is gone.
    Gone,
    /// A status that this version does not know.
    Unknown,
}

impl StackStatus {
    /// Takes a status as AWS spells it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As AWS spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it means for us.
    pub fn phase(&self) -> StackPhase {
        match self.0.as_str() {
            "REVIEW_IN_PROGRESS" => StackPhase::Review,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => StackPhase::Dead,
            "UPDATE_ROLLBACK_FAILED" => StackPhase::Stuck,
            "DELETE_FAILED" => StackPhase::Undeleted,
            "DELETE_COMPLETE" => StackPhase::Gone,
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_FAILED"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE" => StackPhase::Settled,
            moving if moving.ends_with("_IN_PROGRESS") => StackPhase::Moving,
            _ => StackPhase::Unknown,
        }
    }

    /// Whether the operation that led here did what was asked.
    pub fn succeeded(&self) -> bool {
        matches!(
            self.0.as_str(),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | "DELETE_COMPLETE"
        )
    }
}

impl std::fmt::Display for StackStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A change set, as `DescribeChangeSet` answers it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The ARN of its stack.
    pub stack_id: String,
    /// How far its making is.
    pub status: ChangeSetStatus,
    /// Why; text from outside.
    pub reason: Option<String>,
    /// Whether it can be executed now (`AVAILABLE`), or why not.
    pub execution: String,
    /// What it would do.
    pub changes: Vec<ResourceChange>,
}

/// How far the making of a change set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSetStatus {
    /// AWS is at work on it.
    Pending,
    /// It can be executed.
    Ready,
    /// There is nothing to change.
    Empty,
    /// It could not be made.
    Failed,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeAction {
    /// It is made.
    Add,
    /// It is changed in place.
    Modify,
    /// It may be replaced: that is decided when the values are known.
    MayReplace,
    /// It is replaced by a new one.
    Replace,
    /// It is deleted.
    Remove,
    /// It is taken over, or known only when the change is made.
    Other,
}

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// What.
    pub action: ChangeAction,
    /// Its logical id.
    pub id: String,
    /// Its physical id, when it exists.
    pub physical: Option<String>,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What of it changes.
    pub details: Vec<PropertyChange>,
}

/// A change of one property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// The path of the property (`/Properties/Actions/0`), or `Tags`, `Metadata` …
    pub path: String,
    /// Its value before, when AWS says.
    pub before: Option<String>,
    /// Its value after, when AWS says.
    pub after: Option<String>,
    /// The parameter or resource that causes it.
    pub cause: Option<String>,
    /// Whether it replaces the resource.
    pub replaces: bool,
}

/// One event of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackEvent {
    /// Its id.
    pub id: String,
    /// The logical id of the resource; the stack's name for the stack itself.
    pub resource: String,
    /// The resource's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The physical id.
    pub physical: Option<String>,
    /// The resource's status.
    pub status: String,
    /// Why; text from outside.
    pub reason: Option<String>,
    /// The token of the operation that it belongs to.
    pub token: Option<String>,
    /// Whether it is about the stack itself.
    pub of_stack: bool,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackResource {
    /// Its logical id.
    pub id: String,
    /// Its physical id; empty before it has one.
    pub physical: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its status.
    pub status: String,
    /// Why; text from outside.
    pub reason: Option<String>,
}

/// How a resource differs from its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Its logical id.
    pub id: String,
    /// Its physical id.
    pub physical: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is gone.
    pub deleted: bool,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its path (`/Actions/0/ForwardConfig`).
    pub path: String,
    /// What the template says; text from outside.
    pub expected: String,
    /// What is there; text from outside.
    pub actual: String,
}
