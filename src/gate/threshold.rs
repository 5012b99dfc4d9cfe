//! The gate that people move over from: a success rate over intervals, with a limit of failures.
//!
//! It has no statistics in it. `docs/gate.md` shows what that costs.

use super::counts::Arm;
use super::{Decision, Verdict};

/// A threshold on the success rate of the candidate alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuccessRate {
    /// The least share of good answers (0–1).
    pub at_least: f64,
    /// Intervals in a row that must pass before it promotes.
    pub intervals: u32,
    /// Intervals that may fail in all (Argo Rollouts' `failureLimit`); one more rolls back.
    pub failures: u32,
}

/// The state of such a gate.
#[derive(Debug, Clone)]
pub struct Threshold {
    rule: SuccessRate,
    passed: u32,
    failed: u32,
    worst: f64,
}

impl Threshold {
    /// A gate that has seen nothing.
    pub fn new(rule: SuccessRate) -> Self {
        Self { rule, passed: 0, failed: 0, worst: 1.0 }
    }

    /// Takes one interval; one without requests says nothing.
    pub fn observe(&mut self, candidate: Arm) {
        let Some(rate) = candidate.rate() else { return };
        let success = 1.0 - rate;
        self.worst = self.worst.min(success);
        if success >= self.rule.at_least {
            self.passed = self.passed.saturating_add(1);
        } else {
            self.failed = self.failed.saturating_add(1);
            self.passed = 0;
        }
    }

    /// What it says now.
    pub fn decision(&self) -> Decision {
        let SuccessRate { at_least, intervals, failures } = self.rule;
        let verdict = if self.failed > failures {
            Verdict::Rollback
        } else if self.passed >= intervals {
            Verdict::Promote
        } else {
            Verdict::Hold
        };
        let evidence = format!(
            "{} interval(s) below {:.2} % success ({failures} allowed), the worst {:.2} %; {} in a row passed",
            self.failed,
            at_least * 100.0,
            self.worst * 100.0,
            self.passed
        );
        Decision { gate: "success-rate", verdict, evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_add_up_and_passes_must_follow_each_other() {
        let rule = SuccessRate { at_least: 0.99, intervals: 3, failures: 1 };
        let mut gate = Threshold::new(rule);
        let mut say = |requests, errors| {
            gate.observe(Arm::new(requests, errors));
            gate.decision().verdict
        };
        assert_eq!(say(100, 1), Verdict::Hold);
        assert_eq!(say(0, 0), Verdict::Hold);
        assert_eq!(say(100, 5), Verdict::Hold);
        assert_eq!(say(100, 0), Verdict::Hold);
        assert_eq!(say(100, 0), Verdict::Hold);
        assert_eq!(say(100, 0), Verdict::Promote);
        assert_eq!(say(100, 2), Verdict::Rollback);
    }
}
