//! CloudFormation: templates, change sets, stacks, events, drift.
//!
//! Owns the state of every stack of the account and what happens to it. It asks the cloud around it
//! (`surroundings`) for what is real and makes up the rest; of scenarios it knows only that something
//! may fail. It shares no code with the program that is rehearsed, so that it can judge it.

mod api;
mod change_sets;
mod diff;
mod drift;
mod durations;
mod kinds;
mod machine;
mod operation;
mod parameters;
mod policy;
mod read;
mod resolve;
mod setup;
mod stack;
pub(in crate::rehearsal) mod surroundings;
mod template;
#[cfg(test)]
pub(in crate::rehearsal) mod tests;
mod touch;
mod types;

use std::time::Duration;

use change_sets::ChangeSet;
use drift::Detection;
use machine::{Shared, Step};
use operation::{Operation, Phase};
use stack::Stack;
use surroundings::Surroundings;

/// Every stack of the account, in every region.
#[derive(Debug, Default)]
pub(in crate::rehearsal) struct Stacks {
    account: String,
    /// The wall time at the inner time zero.
    origin: Duration,
    /// In the order of their creation; deleted ones stay, as AWS keeps them for 90 days.
    stacks: Vec<Stack>,
    change_sets: Vec<ChangeSet>,
    detections: Vec<Detection>,
    shared: Shared,
}

impl Stacks {
    /// An account without stacks.
    pub(in crate::rehearsal) fn new(account: &str, origin: Duration) -> Self {
        Self { account: account.to_owned(), origin, ..Self::default() }
    }

    /// Brings everything up to the moment.
    pub(in crate::rehearsal) fn advance(&mut self, now: Duration, cloud: &mut dyn Surroundings) {
        for index in 0..self.stacks.len() {
            self.advance_one(index, now, cloud);
        }
        self.finish_change_sets(now);
    }

    fn advance_one(&mut self, index: usize, now: Duration, cloud: &mut dyn Surroundings) {
        let Self { stacks, shared, .. } = self;
        let Some(stack) = stacks.get_mut(index) else { return };
        if stack.operation.is_none() {
            return;
        }
        let before = stack.status;
        stack.advance(&mut Step { now, shared, cloud });
        if stack.status != before {
            self.publish();
        }
    }

    /// Brings the exports up to date.
    fn publish(&mut self) {
        self.shared.exports.clear();
        for stack in self.stacks.iter().filter(|stack| stack.exists()) {
            for output in &stack.outputs {
                if let Some(name) = &output.export {
                    let key = (stack.own.region.clone(), name.clone());
                    self.shared.exports.insert(key, output.value.clone());
                }
            }
        }
    }

    /// Lets another operator update a stack for a while, if it can be updated now.
    pub(in crate::rehearsal) fn occupy(
        &mut self,
        region: &str,
        name: &str,
        now: Duration,
        until: Duration,
        cloud: &mut dyn Surroundings,
    ) {
        let id = [8, 4, 4, 4, 12].map(|length| cloud.hex(length)).join("-");
        let index = self.find(region, name);
        let Some(stack) = index.and_then(|index| self.stacks.get_mut(index)) else { return };
        if change_sets::updatable(stack).is_err() {
            return;
        }
        let phase = Phase::Foreign { until };
        stack.operation = Some(Operation::new("UPDATE_STACK", id, None, phase));
        stack.updated = Some(now);
        stack.turn(now, "UPDATE_IN_PROGRESS", Some("User Initiated".to_owned()));
        let id = stack.id().to_owned();
        self.outdate(&id);
    }

    /// Whether no stack is under way.
    pub(in crate::rehearsal) fn is_quiet(&self) -> bool {
        !self.stacks.iter().any(Stack::is_busy)
    }

    /// The status of a stack.
    #[cfg(test)]
    pub(in crate::rehearsal) fn status(&self, region: &str, name: &str) -> Option<&'static str> {
        self.find(region, name).and_then(|index| self.stacks.get(index)).map(|stack| stack.status)
    }

    /// A stack by name or id. A name finds what exists; an id finds what was deleted, too.
    fn find(&self, region: &str, name: &str) -> Option<usize> {
        let by_id = name.starts_with("arn:");
        self.stacks.iter().rposition(|stack| {
            stack.own.region == region
                && if by_id { stack.id() == name } else { stack.name() == name && stack.exists() }
        })
    }
}
