//! What the scenario lets go wrong with resources of stacks.

use crate::rehearsal::scenario::{ResourceFault, ResourceVerb};
use crate::rehearsal::stacks::surroundings::{Place, Subject, Verb};
use crate::rehearsal::world::World;

/// A fault of the scenario, and how often it is still to happen.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rehearsal::world) struct Failing {
    fault: ResourceFault,
    /// `None`: always.
    left: Option<u32>,
}

impl Failing {
    pub(in crate::rehearsal::world) fn new(fault: ResourceFault) -> Self {
        let left = fault.times;
        Self { fault, left }
    }
}

impl World {
    /// The message of a fault that hits a resource now. What is built before the client comes is
    /// never hit.
    pub(super) fn resource_fault(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        verb: Verb,
    ) -> Option<String> {
        if place.adopt {
            return None;
        }
        let wanted = match verb {
            Verb::Create => ResourceVerb::Create,
            Verb::Update => ResourceVerb::Update,
            Verb::Delete => ResourceVerb::Delete,
            Verb::Restore => ResourceVerb::Rollback,
        };
        let failing = self.failing.iter_mut().find(|failing| {
            let fault = &failing.fault;
            fault.resource == subject.logical
                && fault.verb == wanted
                && fault.stack.as_deref().is_none_or(|stack| stack == place.stack)
                && failing.left != Some(0)
        })?;
        failing.left = failing.left.map(|left| left.saturating_sub(1));
        Some(failing.fault.message.clone())
    }
}
