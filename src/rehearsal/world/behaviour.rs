//! How revisions behave at a moment: the scenario, plus incidents that are going on.

use std::time::Duration;

use super::ecs::Role;
use crate::rehearsal::scenario::{Behaviour, Revisions, Scenario};

/// What the scenario says about a role.
pub(super) fn of(scenario: &Scenario, role: Role) -> &Behaviour {
    match role {
        Role::Live => &scenario.live,
        Role::Candidate => &scenario.candidate,
    }
}

/// An incident that is going on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Incident {
    pub(super) revisions: Revisions,
    pub(super) error_rate: f64,
    pub(super) latency_factor: f64,
    pub(super) until: Duration,
}

impl Incident {
    fn hits(&self, role: Role) -> bool {
        match self.revisions {
            Revisions::Both => true,
            Revisions::Live => role == Role::Live,
            Revisions::Candidate => role == Role::Candidate,
        }
    }
}

/// What users get from a revision at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Service {
    /// The share of 5xx answers.
    pub(super) error_rate: f64,
    /// The median response time in seconds.
    pub(super) median: f64,
    /// The standard deviation of its logarithm.
    pub(super) sigma: f64,
}

impl Service {
    /// The mean response time in seconds.
    pub(super) fn mean(&self) -> f64 {
        self.median * (self.sigma * self.sigma / 2.0).exp()
    }
}

/// What users get from a role while incidents go on. Independent causes of failure multiply.
pub(super) fn served(scenario: &Scenario, incidents: &[Incident], role: Role) -> Service {
    let behaviour = of(scenario, role);
    let mut good = 1.0 - behaviour.error_rate;
    let mut median = behaviour.latency.median.as_secs_f64();
    for incident in incidents.iter().filter(|incident| incident.hits(role)) {
        good *= 1.0 - incident.error_rate;
        median *= incident.latency_factor;
    }
    Service {
        error_rate: (1.0 - good).clamp(0.0, 1.0),
        median: median.max(0.000_1),
        sigma: behaviour.latency.sigma,
    }
}
