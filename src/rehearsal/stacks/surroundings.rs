//! What the engine asks of the cloud around it.

use serde_json::{Map, Value};

/// Where a stack is.
#[derive(Debug, Clone, Copy)]
pub(in crate::rehearsal) struct Place<'a> {
    /// The account.
    pub(in crate::rehearsal) account: &'a str,
    /// The region.
    pub(in crate::rehearsal) region: &'a str,
    /// The name of the stack.
    pub(in crate::rehearsal) stack: &'a str,
    /// Whether what already stands under the name is taken over instead of refused.
    pub(in crate::rehearsal) adopt: bool,
}

/// A resource that something is done to.
#[derive(Debug, Clone, Copy)]
pub(in crate::rehearsal) struct Subject<'a> {
    /// The logical id.
    pub(in crate::rehearsal) logical: &'a str,
    /// The type.
    pub(in crate::rehearsal) kind: &'a str,
    /// The physical id, once there is one.
    pub(in crate::rehearsal) physical: &'a str,
    /// The resolved properties; of an update: the new ones.
    pub(in crate::rehearsal) properties: &'a Value,
}

/// What a creation gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::rehearsal) struct Made {
    /// The physical id.
    pub(in crate::rehearsal) physical: String,
    /// What `Fn::GetAtt` gives.
    pub(in crate::rehearsal) attributes: Map<String, Value>,
}

/// Why a resource's handler failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rehearsal) struct Trouble {
    /// What the service said.
    pub(in crate::rehearsal) message: String,
    /// The handler's error code (`AlreadyExists`, `InvalidRequest`, …); empty: the message is
    /// CloudFormation's own.
    pub(in crate::rehearsal) code: &'static str,
}

impl Trouble {
    /// Something that the service said.
    pub(in crate::rehearsal) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), code }
    }

    /// Something that CloudFormation says itself.
    pub(in crate::rehearsal) fn own(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: "" }
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::rehearsal) enum Verb {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
    /// It is changed back, after a failure.
    Restore,
}

/// The cloud as a stack sees it. `None` from a handler: the cloud does not simulate the type, and
/// the engine keeps the properties by itself.
pub(in crate::rehearsal) trait Surroundings {
    /// Lower-case hexadecimal digits.
    fn hex(&mut self, length: usize) -> String;
    /// The availability zones of a region.
    fn zones(&self, region: &str) -> Vec<String>;
    /// The value of an SSM parameter.
    fn parameter(&self, region: &str, name: &str) -> Option<String>;
    /// What the scenario lets go wrong.
    fn fault(&mut self, place: Place<'_>, subject: Subject<'_>, verb: Verb) -> Option<String>;
    /// Makes a resource.
    fn create(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<Made, Trouble>>;
    /// Changes a resource that had the properties `before`.
    fn update(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        before: &Value,
    ) -> Option<Result<(), Trouble>>;
    /// Removes a resource.
    fn delete(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<(), Trouble>>;
    /// Whether a resource has become stable.
    fn settled(&self, place: Place<'_>, subject: Subject<'_>) -> bool;
    /// The properties as they are now, of those that the template sets; `None`: not simulated.
    fn live(&self, place: Place<'_>, subject: Subject<'_>) -> Option<Option<Value>>;
}
