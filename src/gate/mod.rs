//! Gates: evidence × policy -> a decision, with its evidence in words. Pure.
//!
//! `ratio` holds the statistical gate of canary against baseline, `one_sample` its form without a
//! baseline, `interval` the confidence sequence, `panel` what puts them together for a rollout.
//! `signals` and `threshold` are what people use already. `docs/gate.md` is the guide.

mod beta;
mod cap;
mod counts;
mod evidence;
mod interval;
mod ledger;
mod mixture;
mod one_sample;
mod panel;
pub mod power;
mod ratio;
mod signals;
mod special;
#[cfg(test)]
mod tests;
mod threshold;

use serde::Serialize;

pub use beta::{Beta, Tail};
pub use cap::{Clients, Side, capped};
pub use counts::{Arm, Counts};
pub use evidence::Evidence;
pub use interval::{Interval, RatioInterval};
pub use ledger::{Bucket, Ledger, Oddities, Reading};
pub use mixture::ln_mean;
pub use one_sample::{OneSample, Onset, reference_rate};
pub use panel::{Panel, Phase, Phases, Policy};
pub use ratio::RatioTest;
pub use signals::{Run, alarms, crashes, serving, smoke, synthetics};
pub use threshold::{SuccessRate, Threshold};

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
