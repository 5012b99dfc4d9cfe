//! Gates: evidence × policy -> a decision, with its evidence in words. Pure.

use serde::Serialize;

/// What a gate decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Enough evidence that the candidate is good.
    Promote,
    /// Not enough either way yet.
    Hold,
    /// Enough evidence that the candidate is bad.
    Rollback,
    /// Time is up and the evidence says neither.
    Inconclusive,
}

/// A gate's verdict and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// The gate (`alarms`, `synthetics`, `smoke` …).
    pub gate: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The evidence, a sentence for a tired person; may hold text from outside.
    pub evidence: String,
}
