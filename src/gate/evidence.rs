//! What a statistical verdict rests on, for people and for machines.

use std::time::Duration;

use serde::Serialize;

use super::Verdict;
use super::counts::{Arm, Counts};
use super::interval::Interval;

/// What a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The metric that speaks loudest (`errors`, `slower than p90` …).
    pub metric: &'static str,
    /// The verdict at this look.
    pub verdict: Verdict,
    /// What was counted of it.
    pub counts: Counts,
    /// The rate that the candidate is compared with, where there is no baseline.
    pub reference: Option<f64>,
    /// The ratio of the rates, each end at level α.
    pub interval: Interval,
    /// How many times worse is accepted.
    pub margin: f64,
    /// The logarithm of the e-value of all metrics together.
    pub ln_e: f64,
    /// What it must reach to roll back.
    pub threshold: f64,
    /// The end of the bucket that decided, since the Unix epoch.
    #[serde(serialize_with = "seconds")]
    pub decided_at: Option<Duration>,
    /// The end of the last bucket, since the Unix epoch.
    #[serde(skip)]
    pub last: Duration,
}

fn seconds<S: serde::Serializer>(at: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.as_secs()).serialize(to)
}

impl Evidence {
    /// The ratio of the rates; `None` while a rate is 0 or unknown.
    pub fn ratio(&self) -> Option<f64> {
        let baseline = self.reference.or_else(|| self.counts.baseline.rate())?;
        let candidate = self.counts.candidate.rate()?;
        (baseline > 0.0).then(|| candidate / baseline)
    }

    /// One sentence for a tired person.
    pub fn words(&self) -> String {
        let Counts { candidate, baseline } = self.counts;
        if candidate.requests == 0 {
            return format!("{}: no request of the candidate was counted", self.metric);
        }
        let against = match self.reference {
            Some(rate) => format!("at most {} is accepted", percent(rate)),
            None => format!("blue {}", share(baseline)),
        };
        let mut words = format!("{}: green {}, {against}", self.metric, share(candidate));
        if self.reference.is_none() {
            words.push_str(&self.interval_words());
        }
        let comparison = if self.ln_e >= self.threshold { "≥" } else { "<" };
        words.push_str(&format!(
            "; evidence ln E = {:.2} {comparison} {:.2}",
            self.ln_e, self.threshold
        ));
        words
    }

    fn interval_words(&self) -> String {
        match (self.interval.low, self.interval.high) {
            (Some(low), Some(high)) => format!("; {} to {} times as bad", times(low), times(high)),
            (Some(low), None) => format!("; at least {} times as bad", times(low)),
            (None, Some(high)) => format!("; at most {} times as bad", times(high)),
            (None, None) => String::new(),
        }
    }
}

fn share(arm: Arm) -> String {
    let rate = arm.rate().map_or("–".to_owned(), percent);
    format!("{} of {} ({rate})", arm.errors, arm.requests)
}

fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.2} %") }
}

fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{ratio:.1}") }
}
