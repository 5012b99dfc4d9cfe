//! What a command hands to the report room when it is over.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{AccountId, EnvironmentName, Outcome};
use crate::pipeline::event::Event;

/// One run of a command, from its first event to its outcome.
#[derive(Debug, Clone)]
pub struct Run {
    /// The verb (`deploy`, `rollback` …).
    pub command: &'static str,
    /// The application; `None` when the configuration could not be read.
    pub app: Option<String>,
    /// The environment; `None` when it is not known which.
    pub environment: Option<EnvironmentName>,
    /// The AWS region.
    pub region: Option<String>,
    /// The AWS account that the calls went to, once known.
    pub account: Option<AccountId>,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// API calls by operation (`ecs:DescribeServices`).
    pub api_calls: BTreeMap<String, u64>,
    /// What only a rehearsal can know.
    pub rehearsed: Option<Rehearsed>,
}

impl Run {
    /// A run of which only the outcome is known yet; the caller fills in the rest.
    pub fn new(command: &'static str, outcome: Outcome) -> Self {
        Self {
            command,
            app: None,
            environment: None,
            region: None,
            account: None,
            events: Vec::new(),
            outcome,
            took: Duration::ZERO,
            api_calls: BTreeMap::new(),
            rehearsed: None,
        }
    }
}

/// What the embedded cloud saw from the other side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rehearsed {
    /// The scenario.
    pub scenario: String,
    /// The seed that reproduces the run.
    pub seed: u64,
    /// What the users' requests came to.
    pub requests: Requests,
    /// Requests that a bad candidate answered badly.
    pub bad_requests: u64,
    /// The most API calls in any minute between the start of the deployment and its end.
    pub busiest_minute: u64,
    /// The longest time from a change of the production weights until the run said so, in seconds.
    pub slowest_reaction_s: f64,
    /// Rules of the world that the program broke (weight on a group without healthy targets …).
    pub violations: Vec<String>,
    /// What the scenario expects, and what came.
    pub expectations: Vec<Expectation>,
}

/// The users' requests over a whole rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Requests {
    /// Requests sent.
    pub total: u64,
    /// Answered with 5xx.
    pub failed: u64,
    /// Not answered: connection refused or cut off.
    pub dropped: u64,
}

/// One thing that a scenario expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// What is looked at (`outcome`, `final_weights.api` …).
    pub what: String,
    /// What the scenario says.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// Whether they agree.
    pub met: bool,
}
