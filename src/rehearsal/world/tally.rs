//! What a rehearsal is judged by.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// Counts and marks of one rehearsal; times are virtual seconds since the client came.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// What the users got.
    pub requests: Requests,
    /// 5xx or slow answers that users got from the candidate, and requests that it left unanswered.
    pub bad_requests: u64,
    /// When the first of them was given.
    pub first_bad_at_s: Option<f64>,
    /// When all production traffic was back on the live revision after the candidate had some.
    pub restored_at_s: Option<f64>,
    /// Every change of production weights.
    pub weights: Vec<WeightChange>,
    /// Broken invariants, each once, with the second at which it was first seen.
    pub violations: Vec<String>,
    /// Calls by `service:Operation`.
    pub api_calls: BTreeMap<String, u64>,
    /// When each of them came.
    pub call_times_s: Vec<f64>,
    /// The deployments that were created, in order.
    pub deployments: Vec<Made>,
}

/// A deployment that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Who made it, as `GetDeployment` says: `user` or `codeDeployRollback`.
    pub creator: &'static str,
}

impl Made {
    /// Whether CodeDeploy made it to undo another one.
    pub fn is_rollback(&self) -> bool {
        self.creator == "codeDeployRollback"
    }
}

/// What the users got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Requests that users sent.
    pub total: u64,
    /// Those that got a 5xx answer or none.
    pub failed: u64,
    /// Those that had no answer by our doing: weight put on an empty group, a group emptied while
    /// it had weight, or a connection cut because draining ended too early. Part of `failed`.
    pub dropped: u64,
}

/// A change of the production weights of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightChange {
    /// When.
    pub at_s: f64,
    /// The service.
    pub service: String,
    /// Target-group names and their weights.
    pub weights: BTreeMap<String, u32>,
}

impl Tally {
    /// Notes a broken invariant once.
    pub(super) fn violate(&mut self, violation: String, at_s: f64) {
        if !self.violations.iter().any(|known| known.starts_with(&violation)) {
            self.violations.push(format!("{violation} (first at {at_s} s)"));
        }
    }
}

/// A time as the tally writes it.
pub(super) fn at_s(at: Duration) -> f64 {
    at.as_millis() as f64 / 1000.0
}
