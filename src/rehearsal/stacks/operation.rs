//! What is under way on a stack: its phase, and the work of that phase.

use std::collections::BTreeSet;
use std::time::Duration;

use super::stack::{Deployment, Output, Resource, Wanted};
use super::surroundings::{Trouble, Verb};

/// What becomes of a stack whose creation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    Rollback,
    Nothing,
    Delete,
}

/// Where an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Making and changing what the target says.
    Apply,
    /// Removing what the target no longer has.
    Cleanup,
    /// Changing back.
    Undo,
    /// Removing what the failed update made.
    UndoCleanup,
    /// Removing everything because the stack is deleted.
    Delete,
    /// Removing everything because its creation failed.
    Rollback,
    /// Somebody else's update, of which only the status is seen.
    Foreign {
        /// Until when.
        until: Duration,
    },
    /// Stopped in the middle; `ContinueUpdateRollback` or `RollbackStack` takes it up.
    Parked,
}

/// A piece of work on one resource.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) logical: String,
    pub(super) task: Task,
    /// Indices of the work that has to be done first.
    pub(super) after: Vec<usize>,
    pub(super) state: State,
}

#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Make it as wanted.
    Ensure(Wanted),
    /// Make it as it was.
    Restore(Resource),
    /// Remove it from the stack, and what stands behind it.
    Remove,
    /// Remove a physical resource that has been replaced, or whose replacement is not wanted.
    Discard(Resource),
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Waiting,
    Running {
        verb: Verb,
        until: Duration,
        /// What comes of it.
        outcome: Result<(), Trouble>,
        /// Whether a new physical resource takes the place of one, which is then discarded.
        replaces: Option<Box<Resource>>,
    },
    Done,
    Failed,
}

/// The stack before an update.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) deployment: Option<Deployment>,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Vec<Output>,
}

/// An operation on a stack.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `CREATE_STACK` and so on, as the API spells it.
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) token: Option<String>,
    pub(super) phase: Phase,
    pub(super) work: Vec<Work>,
    /// Of an update.
    pub(super) before: Option<Before>,
    pub(super) on_failure: OnFailure,
    /// What failed in this phase, in words: verb and logical id.
    pub(super) failed: Vec<(Verb, String)>,
    /// Resources that the update has done something to.
    pub(super) touched: BTreeSet<String>,
    /// Physical resources that are to go when all went well, or when all was undone.
    pub(super) discarded: Vec<Resource>,
    /// Logical ids that a rollback leaves alone, or that a deletion keeps.
    pub(super) skip: BTreeSet<String>,
    /// Whether a deletion goes on where resources cannot be deleted.
    pub(super) force: bool,
    /// A stack policy for this update alone.
    pub(super) policy: Option<String>,
    /// Whether the whole stack is taken over from what stands already.
    pub(super) adopt: bool,
}

impl Operation {
    pub(super) fn new(kind: &'static str, id: String, token: Option<String>, phase: Phase) -> Self {
        Self {
            kind,
            id,
            token,
            phase,
            work: Vec::new(),
            before: None,
            on_failure: OnFailure::Rollback,
            failed: Vec::new(),
            touched: BTreeSet::new(),
            discarded: Vec::new(),
            skip: BTreeSet::new(),
            force: false,
            policy: None,
            adopt: false,
        }
    }

    /// Whether anything runs or could.
    pub(super) fn is_idle(&self) -> bool {
        self.next_ready().is_none()
            && !self.work.iter().any(|work| matches!(work.state, State::Running { .. }))
    }

    /// The next work that can begin.
    pub(super) fn next_ready(&self) -> Option<usize> {
        self.work.iter().position(|work| {
            matches!(work.state, State::Waiting)
                && work.after.iter().all(|index| {
                    self.work.get(*index).is_none_or(|other| matches!(other.state, State::Done))
                })
        })
    }

    /// The reason of a failed phase, as the stack's status gives it.
    pub(super) fn reason(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (verbs, word) in [
            (&[Verb::Create][..], "create"),
            (&[Verb::Update, Verb::Restore][..], "update"),
            (&[Verb::Delete][..], "delete"),
        ] {
            let names: Vec<&str> = self
                .failed
                .iter()
                .filter(|(verb, _)| verbs.contains(verb))
                .map(|(_, name)| name.as_str())
                .collect();
            if !names.is_empty() {
                parts.push(format!(
                    "The following resource(s) failed to {word}: [{}]. ",
                    names.join(", ")
                ));
            }
        }
        (!parts.is_empty()).then(|| parts.concat())
    }
}

/// Work that makes resources as wanted, in the order of what they need.
pub(super) fn ensure(wanted: Vec<Wanted>) -> Vec<Work> {
    let names: Vec<String> = wanted.iter().map(|wanted| wanted.logical.clone()).collect();
    let index = |name: &String| names.iter().position(|known| known == name);
    wanted
        .into_iter()
        .map(|wanted| Work {
            logical: wanted.logical.clone(),
            after: wanted.needs.iter().filter_map(index).collect(),
            task: Task::Ensure(wanted),
            state: State::Waiting,
        })
        .collect()
}

/// Work that removes resources: first what needs, then what is needed.
pub(super) fn remove(resources: &[Resource], task: impl Fn(&Resource) -> Task) -> Vec<Work> {
    resources
        .iter()
        .map(|resource| Work {
            logical: resource.logical.clone(),
            after: resources
                .iter()
                .enumerate()
                .filter(|(_, other)| other.needs.contains(&resource.logical))
                .map(|(index, _)| index)
                .collect(),
            task: task(resource),
            state: State::Waiting,
        })
        .collect()
}

/// Work that puts resources back as they were, in the order of what they need.
pub(super) fn restore(resources: &[Resource]) -> Vec<Work> {
    let index = |name: &String| resources.iter().position(|known| known.logical == *name);
    resources
        .iter()
        .map(|resource| Work {
            logical: resource.logical.clone(),
            after: resource.needs.iter().filter_map(index).collect(),
            task: Task::Restore(resource.clone()),
            state: State::Waiting,
        })
        .collect()
}
