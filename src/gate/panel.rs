//! All statistical tests of one rollout under one α.
//!
//! Each metric (errors, and answers slower than a threshold) has a two-arm test while both revisions
//! have traffic, and a one-sample test once all traffic is on the candidate. The mean of e-processes
//! with weights that are fixed beforehand is one, so the whole panel, both phases and every look
//! together, rolls a healthy release back with probability at most α.

use std::time::Duration;

use super::cap::capped;
use super::counts::{Arm, Counts};
use super::evidence::Evidence;
use super::interval::RatioInterval;
use super::ledger::Bucket;
use super::mixture::ln_weighted;
use super::one_sample::{Onset, reference_rate};
use super::ratio::RatioTest;
use super::{Decision, Verdict};

/// The part of α that is for the time after the shift, when evidence comes ten times as fast: less
/// costs the shift nothing, and the bake a few errors more.
const BAKE_SHARE: f64 = 0.02;

/// The buckets of a bake of unknown length: 15 minutes of 10 s.
const BAKE_BUCKETS: u32 = 90;

/// How the panel judges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// The largest share of healthy releases that may be rolled back.
    pub alpha: f64,
    /// How many times worse than the baseline the candidate may be.
    pub margin: f64,
    /// The candidate's requests before there is any verdict.
    pub min_requests: u64,
    /// The candidate is good once it is shown to be less than this many times as bad.
    pub promote_below: f64,
    /// The candidate's errors that count of one bucket at most.
    pub max_errors: Option<u64>,
    /// The error rate that is accepted after the shift whatever the baseline did before.
    pub floor: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            margin: 1.0,
            min_requests: 0,
            promote_below: 2.0,
            max_errors: None,
            floor: 0.003,
        }
    }
}

/// Which phases a rollout has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phases {
    /// Both revisions have traffic; nobody watches afterwards.
    Shift,
    /// Both have traffic, then the candidate has all.
    ShiftAndBake,
    /// The candidate has all at once.
    Bake,
}

impl Phases {
    fn weights(self) -> (f64, f64) {
        match self {
            Self::Shift => (1.0, 0.0),
            Self::ShiftAndBake => (1.0 - BAKE_SHARE, BAKE_SHARE),
            Self::Bake => (0.0, 1.0),
        }
    }
}

/// Which phase a bucket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The baseline had traffic in it.
    Shift,
    /// All of it is after the shift.
    Bake,
}

/// The tests of one metric.
#[derive(Debug, Clone)]
struct Metric {
    name: &'static str,
    worse: RatioTest,
    good: RatioTest,
    interval: RatioInterval,
    /// What the baseline did before and during the shift.
    baseline: Arm,
    bake: Option<Onset>,
}

/// What decided, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Decided {
    verdict: Verdict,
    at: Duration,
    ln_e: f64,
    metric: usize,
}

/// The statistical gate of one rollout. Its size does not depend on how long it watches.
#[derive(Debug, Clone)]
pub struct Panel {
    policy: Policy,
    phases: Phases,
    metrics: Vec<Metric>,
    /// About how many buckets the bake has.
    bake_buckets: u32,
    decided: Option<Decided>,
    last: Duration,
}

impl Panel {
    /// A panel over these metrics, in this order.
    pub fn new(policy: Policy, phases: Phases, metrics: &[&'static str]) -> Self {
        let metric = |name: &&'static str| Metric {
            name,
            worse: RatioTest::new(policy.margin),
            good: RatioTest::new(1.0 / policy.promote_below),
            interval: RatioInterval::new(policy.margin),
            baseline: Arm::default(),
            bake: None,
        };
        Self {
            policy,
            phases,
            metrics: metrics.iter().map(metric).collect(),
            bake_buckets: BAKE_BUCKETS,
            decided: None,
            last: Duration::ZERO,
        }
    }

    /// Says how many buckets the bake has, before the first of them.
    #[must_use]
    pub fn over(mut self, bake: Duration, period: Duration) -> Self {
        let buckets = bake.as_secs() / period.as_secs().max(1);
        self.bake_buckets = u32::try_from(buckets).unwrap_or(u32::MAX).max(1);
        self
    }

    /// Takes what the baseline did before the shift, for the time when there is none.
    pub fn past(&mut self, metric: usize, baseline: Arm) {
        if let Some(metric) = self.metrics.get_mut(metric) {
            metric.baseline = baseline;
        }
    }

    /// Takes one settled bucket of a metric, once.
    pub fn observe(&mut self, metric: usize, bucket: &Bucket, phase: Phase) {
        let policy = self.policy;
        let counts = capped(bucket.counts, policy.max_errors);
        self.last = self.last.max(bucket.end());
        let Some(tests) = self.metrics.get_mut(metric) else { return };
        match phase {
            Phase::Shift => {
                tests.baseline = Arm::new(
                    tests.baseline.requests.saturating_add(counts.baseline.requests),
                    tests.baseline.errors.saturating_add(counts.baseline.errors),
                );
                tests.worse.observe(counts);
                tests.interval.observe(counts);
                // Uncapped: a cap must not make a candidate look good.
                tests.good.observe(bucket.counts.swapped());
            }
            Phase::Bake => {
                if tests.bake.is_none() {
                    let rate = reference_rate(tests.baseline, policy.margin, policy.floor);
                    tests.bake = rate.map(|rate| Onset::new(rate, self.bake_buckets));
                }
                if let Some(bake) = &mut tests.bake {
                    bake.observe(counts.candidate);
                }
            }
        }
        self.decide(bucket.end());
    }

    fn decide(&mut self, at: Duration) {
        let rolled_back = self.decided.is_some_and(|known| known.verdict == Verdict::Rollback);
        if rolled_back || self.requests() < self.policy.min_requests {
            return;
        }
        let ln_e = self.ln_e();
        let metric = self.strongest();
        if ln_e >= self.threshold() {
            self.decided = Some(Decided { verdict: Verdict::Rollback, at, ln_e, metric });
        } else if self.decided.is_none() && self.shown_good() {
            self.decided = Some(Decided { verdict: Verdict::Promote, at, ln_e, metric });
        }
    }

    /// Whether every metric is shown to be good. Each is tested at level α, and all must hold, so
    /// the probability that a candidate passes that is too bad in one of them is at most α.
    fn shown_good(&self) -> bool {
        !self.metrics.is_empty()
            && self.metrics.iter().all(|metric| metric.good.ln_e() >= self.threshold())
    }

    /// `ln(1/α)`.
    pub fn threshold(&self) -> f64 {
        -self.policy.alpha.ln()
    }

    /// The logarithm of the panel's e-value.
    pub fn ln_e(&self) -> f64 {
        let (shift, bake) = self.phases.weights();
        let count = self.metrics.len().max(1) as f64;
        ln_weighted(self.metrics.iter().flat_map(|metric| {
            let later = metric.bake.as_ref().map_or(0.0, Onset::ln_e);
            [(shift / count, metric.worse.ln_e()), (bake / count, later)]
        }))
    }

    /// The metric with the most evidence.
    fn strongest(&self) -> usize {
        let strength = |metric: &Metric| {
            metric.worse.ln_e().max(metric.bake.as_ref().map_or(0.0, Onset::ln_e))
        };
        let all = self.metrics.iter().enumerate();
        let best = all.max_by(|(_, one), (_, other)| strength(one).total_cmp(&strength(other)));
        best.map_or(0, |(index, _)| index)
    }

    /// The candidate's requests that were counted.
    pub fn requests(&self) -> u64 {
        let seen = |metric: &Metric| {
            let later = metric.bake.as_ref().map_or(0, |bake| bake.seen().requests);
            metric.worse.applied().candidate.requests.saturating_add(later)
        };
        self.metrics.iter().map(seen).max().unwrap_or_default()
    }

    /// The verdict at this look.
    pub fn verdict(&self) -> Verdict {
        self.decided.map_or(Verdict::Hold, |decided| decided.verdict)
    }

    /// The verdict when nobody waits any longer. Without the requests that were asked for, nothing
    /// was learnt; with them, "nothing speaks against it" is enough.
    pub fn conclusion(&self) -> Verdict {
        match self.verdict() {
            Verdict::Rollback => Verdict::Rollback,
            _ if self.requests() < self.policy.min_requests.max(1) => Verdict::Inconclusive,
            _ => Verdict::Promote,
        }
    }

    /// How many bytes the panel holds: the same, however long it has watched.
    pub fn footprint(&self) -> usize {
        let own = |metric: &Metric| size_of::<Metric>() + metric.interval.footprint();
        size_of::<Self>() + self.metrics.iter().map(own).sum::<usize>()
    }

    /// What the verdict rests on, of the metric with the most evidence.
    pub fn evidence(&self) -> Evidence {
        let decided = self.decided.filter(|decided| decided.verdict == Verdict::Rollback);
        let index = decided.map_or_else(|| self.strongest(), |decided| decided.metric);
        let metric = self.metrics.get(index);
        let bake = metric.and_then(|metric| metric.bake.as_ref());
        let judged_by_bake = metric.is_some_and(|metric| {
            bake.is_some_and(|bake| {
                self.phases == Phases::Bake || bake.ln_e() > metric.worse.ln_e()
            })
        });
        let counts = match (metric, bake) {
            (Some(_), Some(bake)) if judged_by_bake => {
                Counts { candidate: bake.seen(), baseline: Arm::default() }
            }
            (Some(metric), _) => metric.worse.applied(),
            (None, _) => Counts::default(),
        };
        Evidence {
            metric: metric.map_or("", |metric| metric.name),
            verdict: self.verdict(),
            counts,
            reference: bake.filter(|_| judged_by_bake).map(Onset::reference),
            interval: metric.map(|m| m.interval.at(self.policy.alpha)).unwrap_or_default(),
            margin: self.policy.margin,
            ln_e: self.ln_e(),
            threshold: self.threshold(),
            decided_at: self.decided.map(|decided| decided.at),
            last: self.last,
        }
    }

    /// The decision in words.
    pub fn decision(&self, verdict: Verdict) -> Decision {
        Decision { gate: "evidence", verdict, evidence: self.evidence().words() }
    }
}
