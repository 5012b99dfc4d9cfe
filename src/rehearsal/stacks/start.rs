//! How operations on stacks begin.

use std::time::Duration;

use super::Stacks;
use super::machine::Step;
use super::operation::{self, Before, OnFailure, Operation, Phase};
use super::resolve::Own;
use super::stack::{Deployment, Stack};
use super::surroundings::Surroundings;

impl Stacks {
    /// Starts to make a stack what a deployment says.
    pub(super) fn begin(
        &mut self,
        index: usize,
        start: Start,
        now: Duration,
        cloud: &mut dyn Surroundings,
    ) {
        let Self { stacks, shared, .. } = self;
        let Some(stack) = stacks.get_mut(index) else { return };
        stack.begin(start, now);
        stack.advance(&mut Step { now, shared, cloud });
        self.publish();
    }
}

/// How an operation begins.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) deployment: Deployment,
    pub(super) capabilities: Vec<String>,
    pub(super) role: Option<String>,
    pub(super) on_failure: OnFailure,
    pub(super) token: Option<String>,
    pub(super) operation: String,
    pub(super) policy: Option<String>,
}

impl Stack {
    /// A stack that is only reviewed.
    pub(super) fn reviewed(own: Own, now: Duration) -> Self {
        Self {
            own,
            status: "REVIEW_IN_PROGRESS",
            reason: None,
            created: now,
            updated: None,
            deleted: None,
            deployment: None,
            capabilities: Vec::new(),
            role: None,
            disable_rollback: false,
            protected: false,
            policy: None,
            resources: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            operation: None,
            history: Vec::new(),
            change_set: None,
            drift: None,
        }
    }

    /// Whether a request with this token was made.
    pub(super) fn knows_token(&self, token: &str) -> bool {
        let current = self.operation.as_ref().and_then(|operation| operation.token.as_deref());
        let mut past = self.history.iter().filter_map(|(_, _, token)| token.as_deref());
        current == Some(token) || past.any(|known| known == token)
    }

    /// Begins to become what a deployment says.
    pub(super) fn begin(&mut self, start: Start, now: Duration) {
        let create = self.status == "REVIEW_IN_PROGRESS";
        let kind = if create { "CREATE_STACK" } else { "UPDATE_STACK" };
        let mut operation = Operation::new(kind, start.operation, start.token, Phase::Apply);
        operation.on_failure = start.on_failure;
        operation.policy = start.policy;
        if !create {
            // What stopped in the middle of an earlier update can still be rolled back to.
            let parked = self.operation.take();
            let discarded = parked.map(|parked| (parked.before, parked.discarded, parked.touched));
            let before = Before {
                deployment: self.deployment.clone(),
                resources: self.resources.clone(),
                outputs: self.outputs.clone(),
            };
            operation.before = Some(before);
            if let Some((Some(before), discarded, touched)) = discarded {
                operation.before = Some(before);
                operation.discarded = discarded;
                operation.touched = touched;
            }
        }
        let wanted = start.deployment.wanted(&self.own).unwrap_or_default();
        operation.work = operation::ensure(wanted);
        self.deployment = Some(start.deployment);
        if !start.capabilities.is_empty() {
            self.capabilities = start.capabilities;
        }
        if start.role.is_some() {
            self.role = start.role;
        }
        self.disable_rollback = start.on_failure == OnFailure::Nothing;
        self.operation = Some(operation);
        let reason = Some("User Initiated".to_owned());
        if create {
            self.turn(now, "CREATE_IN_PROGRESS", reason);
        } else {
            self.updated = Some(now);
            self.turn(now, "UPDATE_IN_PROGRESS", reason);
        }
        // An update works on what is there; what an earlier failure left half done is made anew.
        self.resources.retain(|resource| resource.is_there() || !create);
    }
}
