//! Lets an operation go on: one phase after the other, each as parallel as its order allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::kinds;
use super::operation::{self, OnFailure, Operation, Phase, State, Task};
use super::resolve::Own;
use super::stack::{Live, Resource, Stack};
use super::surroundings::{Place, Subject, Surroundings, Trouble, Verb};

/// What the stacks of an account share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Names that are taken: region (empty: everywhere), type and name, and the stack's id.
    pub(super) names: BTreeMap<(String, String, String), String>,
    /// Exports by region and name.
    pub(super) exports: BTreeMap<(String, String), String>,
}

impl Shared {
    /// The stack that has a name.
    pub(super) fn owner(
        &self,
        own: &Own,
        kind: &str,
        properties: &Value,
        name: &str,
    ) -> Option<&str> {
        self.names.get(&name_key(own, kind, properties, name)).map(String::as_str)
    }
}

/// What must be unique about a name: the region, the type, and whose child it is.
pub(super) fn name_key(
    own: &Own,
    kind: &str,
    properties: &Value,
    name: &str,
) -> (String, String, String) {
    let region = if kinds::is_global(kind) { "" } else { own.region.as_str() };
    let parent = ["ApplicationName", "Cluster", "VpcId", "LogGroupName", "EventBusName"]
        .iter()
        .filter(|key| kinds::name_property(kind) != Some(key))
        .filter_map(|key| properties.get(*key).and_then(Value::as_str))
        .collect::<Vec<_>>()
        .join("|");
    (region.to_owned(), format!("{kind}|{parent}"), name.to_owned())
}

/// Everything that a step of a stack may use.
pub(super) struct Step<'a> {
    pub(super) now: Duration,
    pub(super) shared: &'a mut Shared,
    pub(super) cloud: &'a mut dyn Surroundings,
}

impl Stack {
    /// Brings the stack up to the moment.
    pub(super) fn advance(&mut self, step: &mut Step<'_>) {
        // Every turn of this loop ends a phase or some work, so it ends.
        loop {
            let Some(operation) = &self.operation else { return };
            match operation.phase {
                Phase::Parked => return,
                Phase::Foreign { until } => {
                    if step.now >= until {
                        self.turn(step.now, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
                        self.turn(step.now, "UPDATE_COMPLETE", None);
                        self.end();
                    }
                    return;
                }
                _ => {}
            }
            if self.finish_due(step) {
                continue;
            }
            if let Some(index) = self.operation.as_ref().and_then(Operation::next_ready) {
                self.start(index, step);
                continue;
            }
            if !self.operation.as_ref().is_some_and(Operation::is_idle) {
                return;
            }
            self.next_phase(step);
        }
    }

    /// Ends an operation.
    pub(super) fn end(&mut self) {
        if let Some(operation) = self.operation.take() {
            self.history.push((operation.kind, operation.id, operation.token));
        }
    }

    fn set_state(&mut self, index: usize, state: State) {
        if let Some(work) = self.operation.as_mut().and_then(|o| o.work.get_mut(index)) {
            work.state = state;
        }
    }

    /// Ends one piece of work whose time has come; false when there is none.
    fn finish_due(&mut self, step: &mut Step<'_>) -> bool {
        let Some(operation) = &self.operation else { return false };
        let due = operation.work.iter().enumerate().find_map(|(index, work)| match &work.state {
            State::Running { verb, until, outcome, replaces } if *until <= step.now => {
                let logical = work.logical.clone();
                // An update that waits for a service gives up as its handler does: 3 hours
                // (resource provider development: the longest `timeoutInMinutes` is 2160).
                let late = step.now.saturating_sub(*until) > Duration::from_secs(3 * 3600);
                Some((index, logical, *verb, outcome.clone(), replaces.clone(), late))
            }
            _ => None,
        });
        let due = due.filter(|(_, logical, verb, outcome, _, late)| {
            outcome.is_err() || *late || self.is_settled(logical, *verb, step)
        });
        let Some((index, logical, verb, outcome, replaces, late)) = due else { return false };
        let outcome = if late && outcome.is_ok() {
            Err(Trouble::new("NotStabilized", "Exceeded attempts to wait"))
        } else {
            outcome
        };
        match outcome {
            Ok(()) => self.succeed(index, &logical, verb, replaces.map(|old| *old), step),
            Err(trouble) => self.fail(index, &logical, verb, trouble, step),
        }
        true
    }

    fn is_settled(&self, logical: &str, verb: Verb, step: &Step<'_>) -> bool {
        if verb == Verb::Delete {
            return true;
        }
        self.resource(logical)
            .is_none_or(|resource| step.cloud.settled(self.place(), subject(resource)))
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place {
            account: &self.own.account,
            region: &self.own.region,
            stack: &self.own.stack_name,
            adopt: self.operation.as_ref().is_some_and(|operation| operation.adopt),
        }
    }

    fn succeed(
        &mut self,
        index: usize,
        logical: &str,
        verb: Verb,
        replaces: Option<Resource>,
        step: &mut Step<'_>,
    ) {
        self.set_state(index, State::Done);
        let removed = match verb {
            Verb::Create if replaces.is_some() => {
                self.mark(step.now, logical, "UPDATE_COMPLETE", None);
                None
            }
            Verb::Create => {
                self.mark(step.now, logical, "CREATE_COMPLETE", None);
                None
            }
            Verb::Update | Verb::Restore => {
                self.mark(step.now, logical, "UPDATE_COMPLETE", None);
                None
            }
            Verb::Delete => self.task_of(index),
        };
        if let (Some(old), Some(operation)) = (replaces, &mut self.operation) {
            operation.discarded.push(old);
        }
        match removed {
            Some(Task::Discard(old)) => {
                let physical = old.physical.clone().unwrap_or_default();
                let (kind, properties) = (old.kind.clone(), old.properties.clone());
                self.note(
                    step.now,
                    logical,
                    &physical,
                    &kind,
                    "DELETE_COMPLETE",
                    None,
                    Some(&properties),
                );
            }
            Some(_) => self.mark(step.now, logical, "DELETE_COMPLETE", None),
            None => {}
        }
    }

    fn task_of(&self, index: usize) -> Option<Task> {
        self.operation.as_ref()?.work.get(index).map(|work| work.task.clone())
    }

    /// Notes a failure, and stops what cannot go on after it.
    pub(super) fn fail(
        &mut self,
        index: usize,
        logical: &str,
        verb: Verb,
        trouble: Trouble,
        step: &mut Step<'_>,
    ) {
        let reason = if trouble.code.is_empty() {
            trouble.message
        } else {
            let parts = [8, 4, 4, 4, 12].map(|length| step.cloud.hex(length));
            format!(
                "Resource handler returned message: \"{}\" (RequestToken: {}, HandlerErrorCode: {})",
                trouble.message,
                parts.join("-"),
                trouble.code
            )
        };
        self.set_state(index, State::Failed);
        if let Some(operation) = &mut self.operation {
            operation.failed.push((verb, logical.to_owned()));
        }
        self.mark_failed(index, logical, verb, reason, step.now);
        if self.operation.as_ref().is_some_and(|operation| operation.phase == Phase::Apply) {
            self.cancel_rest(step.now);
        }
    }

    fn mark_failed(
        &mut self,
        index: usize,
        logical: &str,
        verb: Verb,
        reason: String,
        now: Duration,
    ) {
        let status = match verb {
            Verb::Create => "CREATE_FAILED",
            Verb::Update | Verb::Restore => "UPDATE_FAILED",
            Verb::Delete => "DELETE_FAILED",
        };
        if let Some(Task::Discard(old)) = self.task_of(index) {
            let physical = old.physical.clone().unwrap_or_default();
            self.note(
                now,
                logical,
                &physical,
                &old.kind,
                status,
                Some(reason),
                Some(&old.properties),
            );
        } else {
            self.mark(now, logical, status, Some(reason));
        }
    }

    /// After a failure nothing new begins, and what runs is given up.
    pub(super) fn cancel_rest(&mut self, now: Duration) {
        let Some(operation) = &mut self.operation else { return };
        let mut cancelled = Vec::new();
        for work in &mut operation.work {
            match &work.state {
                State::Running { verb, replaces, .. } => {
                    cancelled.push((work.logical.clone(), *verb, replaces.clone()));
                    work.state = State::Failed;
                }
                State::Waiting => work.state = State::Failed,
                State::Done | State::Failed => {}
            }
        }
        for (logical, verb, replaces) in cancelled {
            let (status, reason) = match verb {
                Verb::Create => ("CREATE_FAILED", "Resource creation cancelled"),
                Verb::Delete => ("DELETE_FAILED", "Resource deletion cancelled"),
                Verb::Update | Verb::Restore => ("UPDATE_FAILED", "Resource update cancelled"),
            };
            if let Some(operation) = &mut self.operation {
                operation.failed.push((verb, logical.clone()));
                operation.discarded.extend(replaces.map(|old| *old));
            }
            self.mark(now, &logical, status, Some(reason.to_owned()));
        }
    }

    /// Goes on from a phase that is over.
    fn next_phase(&mut self, step: &mut Step<'_>) {
        let Some(operation) = &self.operation else { return };
        let failed = operation.reason();
        match operation.phase {
            Phase::Apply => match failed {
                None => self.applied(step),
                Some(reason) => self.apply_failed(&reason, step),
            },
            Phase::Cleanup => {
                let reason = failed.map(|_| {
                    "Update successful. One or more resources could not be deleted.".to_owned()
                });
                self.drop_removed(step);
                self.turn(step.now, "UPDATE_COMPLETE", reason);
                self.end();
            }
            Phase::Undo => match failed {
                None => self.undone(step),
                Some(reason) => {
                    self.turn(step.now, "UPDATE_ROLLBACK_FAILED", Some(reason));
                    self.park();
                }
            },
            Phase::UndoCleanup => {
                self.drop_removed(step);
                self.turn(step.now, "UPDATE_ROLLBACK_COMPLETE", None);
                self.end();
            }
            Phase::Delete => self.deleted(failed, step),
            Phase::Rollback => match failed {
                None => {
                    self.drop_removed(step);
                    self.turn(step.now, "ROLLBACK_COMPLETE", None);
                    self.end();
                }
                Some(reason) => {
                    self.turn(step.now, "ROLLBACK_FAILED", Some(reason));
                    self.end();
                }
            },
            Phase::Foreign { .. } | Phase::Parked => {}
        }
    }

    fn park(&mut self) {
        if let Some(operation) = &mut self.operation {
            operation.phase = Phase::Parked;
        }
    }

    /// Everything is as the target says: outputs, then what is no longer wanted.
    fn applied(&mut self, step: &mut Step<'_>) {
        let Some(deployment) = self.deployment.clone() else { return };
        let names = Live {
            resources: &self.resources,
            exports: &step.shared.exports,
            region: &self.own.region,
        };
        match self.outputs_of(&deployment, &names) {
            Ok(outputs) => self.outputs = outputs,
            Err(reason) => {
                self.apply_failed(&reason, step);
                return;
            }
        }
        let update = self.operation.as_ref().is_some_and(|operation| operation.before.is_some());
        if !update {
            self.turn(step.now, "CREATE_COMPLETE", None);
            self.end();
            return;
        }
        self.turn(step.now, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None);
        let wanted = deployment.wanted(&self.own).unwrap_or_default();
        let kept: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.logical.as_str()).collect();
        let gone = self.resources.iter().filter(|r| !kept.contains(r.logical.as_str()));
        let gone: Vec<Resource> = gone.cloned().collect();
        self.begin_cleanup(Phase::Cleanup, &gone);
    }

    /// Removes resources of the stack, and physical ones that are left over.
    fn begin_cleanup(&mut self, phase: Phase, gone: &[Resource]) {
        let Some(operation) = &mut self.operation else { return };
        let discarded = std::mem::take(&mut operation.discarded);
        let mut all = gone.to_vec();
        all.extend(discarded.iter().cloned());
        let count = gone.len();
        let mut work = operation::remove(&all, |resource| Task::Discard(resource.clone()));
        for piece in work.iter_mut().take(count) {
            piece.task = Task::Remove;
        }
        operation.phase = phase;
        operation.failed.clear();
        operation.work = work;
    }

    /// Forgets what has been deleted, and gives its names free.
    fn drop_removed(&mut self, step: &mut Step<'_>) {
        let stays =
            |resource: &Resource| !matches!(resource.status, "DELETE_COMPLETE" | "DELETE_SKIPPED");
        let _ = step;
        self.resources.retain(stays);
    }

    fn apply_failed(&mut self, reason: &str, step: &mut Step<'_>) {
        let Some(operation) = &mut self.operation else { return };
        let on_failure = operation.on_failure;
        if operation.before.is_some() {
            if on_failure == OnFailure::Nothing {
                self.turn(step.now, "UPDATE_FAILED", Some(reason.to_owned()));
                self.park();
            } else {
                self.begin_undo(Some(reason.to_owned()), step.now);
            }
            return;
        }
        match on_failure {
            OnFailure::Nothing => {
                self.turn(step.now, "CREATE_FAILED", Some(reason.to_owned()));
                self.end();
            }
            OnFailure::Rollback => {
                let reason = format!("{reason}Rollback requested by user.");
                self.begin_removal(Phase::Rollback, "ROLLBACK_IN_PROGRESS", Some(reason), step.now);
            }
            OnFailure::Delete => {
                let reason = format!("{reason}Delete requested by user.");
                self.begin_removal(Phase::Delete, "DELETE_IN_PROGRESS", Some(reason), step.now);
            }
        }
    }

    /// Begins to remove everything.
    pub(super) fn begin_removal(
        &mut self,
        phase: Phase,
        status: &'static str,
        reason: Option<String>,
        now: Duration,
    ) {
        let resources = self.resources.clone();
        if let Some(operation) = &mut self.operation {
            operation.phase = phase;
            operation.failed.clear();
            operation.work = operation::remove(&resources, |_| Task::Remove);
            // What was replaced in a failed update is still there.
            for old in std::mem::take(&mut operation.discarded) {
                operation.work.extend(operation::remove(&[old], |old| Task::Discard(old.clone())));
            }
        }
        self.turn(now, status, reason);
    }

    /// Begins to change everything back.
    pub(super) fn begin_undo(&mut self, reason: Option<String>, now: Duration) {
        let Some(operation) = &mut self.operation else { return };
        let Some(before) = operation.before.clone() else { return };
        operation.phase = Phase::Undo;
        operation.failed.clear();
        operation.work = operation::restore(&before.resources);
        self.deployment = before.deployment;
        self.outputs = before.outputs;
        self.turn(now, "UPDATE_ROLLBACK_IN_PROGRESS", reason);
    }

    /// Everything is as it was: what the update made goes.
    fn undone(&mut self, step: &mut Step<'_>) {
        self.turn(step.now, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None);
        let before = self.operation.as_ref().and_then(|operation| operation.before.as_ref());
        let kept: BTreeSet<String> = before
            .map(|before| before.resources.iter().map(|r| r.logical.clone()).collect())
            .unwrap_or_default();
        let gone = self.resources.iter().filter(|r| !kept.contains(&r.logical));
        let gone: Vec<Resource> = gone.cloned().collect();
        self.begin_cleanup(Phase::UndoCleanup, &gone);
    }

    fn deleted(&mut self, failed: Option<String>, step: &mut Step<'_>) {
        let force = self.operation.as_ref().is_some_and(|operation| operation.force);
        match failed {
            Some(reason) if !force => {
                self.resources
                    .retain(|r| !matches!(r.status, "DELETE_COMPLETE" | "DELETE_SKIPPED"));
                self.turn(step.now, "DELETE_FAILED", Some(reason));
                self.end();
            }
            _ => {
                self.turn(step.now, "DELETE_COMPLETE", None);
                self.deleted = Some(step.now);
                self.outputs.clear();
                self.end();
            }
        }
    }
}

/// A resource of a stack as its handler sees it.
pub(super) fn subject(resource: &Resource) -> Subject<'_> {
    Subject {
        logical: &resource.logical,
        kind: &resource.kind,
        physical: resource.physical.as_deref().unwrap_or_default(),
        properties: &resource.properties,
    }
}
