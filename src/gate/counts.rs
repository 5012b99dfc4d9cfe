//! What one bucket says of both arms.

use serde::Serialize;

/// Requests and errors of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Arm {
    /// Requests.
    pub requests: u64,
    /// Those among them that failed, or were too slow; never more than `requests`.
    pub errors: u64,
}

impl Arm {
    /// Counts of one arm. An error is a request, too: where two metrics disagree, the larger
    /// number is believed.
    pub fn new(requests: u64, errors: u64) -> Self {
        Self { requests: requests.max(errors), errors }
    }

    /// The share of errors; `None` without requests.
    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    fn plus(self, other: Self) -> Self {
        Self::new(
            self.requests.saturating_add(other.requests),
            self.errors.saturating_add(other.errors),
        )
    }
}

/// Requests and errors of the candidate (the canary) and of the baseline in one closed bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The candidate.
    pub candidate: Arm,
    /// What served before and still serves the rest.
    pub baseline: Arm,
}

impl Counts {
    /// Counts of one bucket: candidate's requests and errors, then the baseline's.
    pub fn new(
        candidate_requests: u64,
        candidate_errors: u64,
        baseline_requests: u64,
        baseline_errors: u64,
    ) -> Self {
        Self {
            candidate: Arm::new(candidate_requests, candidate_errors),
            baseline: Arm::new(baseline_requests, baseline_errors),
        }
    }

    /// The sum, saturating at the largest count there is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            candidate: self.candidate.plus(other.candidate),
            baseline: self.baseline.plus(other.baseline),
        }
    }

    /// The same with the arms exchanged.
    #[must_use]
    pub fn swapped(self) -> Self {
        Self { candidate: self.baseline, baseline: self.candidate }
    }

    /// Whether both arms had requests, so that they can be compared.
    pub fn comparable(self) -> bool {
        self.candidate.requests > 0 && self.baseline.requests > 0
    }
}

/// The errors of one comparable bucket, as the likelihood of a ratio reads them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errors {
    candidate: f64,
    baseline: f64,
    /// The candidate's share of the requests, under the null hypothesis its share of the errors.
    share: f64,
    rest: f64,
}

impl Errors {
    /// Errors against shares, where `margin` times as many errors are the candidate's due.
    pub(super) fn of(counts: Counts, margin: f64) -> Self {
        let candidate = margin * counts.candidate.requests as f64;
        let baseline = counts.baseline.requests as f64;
        Self {
            candidate: counts.candidate.errors as f64,
            baseline: counts.baseline.errors as f64,
            share: candidate / (candidate + baseline),
            rest: baseline / (candidate + baseline),
        }
    }

    pub(super) fn none(self) -> bool {
        self.candidate + self.baseline == 0.0
    }

    /// Adds [`Self::gain`] to each `(ratio, ln ratio, sum)`. Where the smaller share is not tiny,
    /// `ln(1 + x)` needs no special care and costs half; the loss is below 1e-12 a bucket.
    pub(super) fn gains<'a>(self, lines: impl Iterator<Item = (f64, f64, &'a mut f64)>) {
        const TINY: f64 = 1e-4;
        const MANY: f64 = 1e6;
        let all = self.candidate + self.baseline;
        if self.share.min(self.rest) < TINY || all > MANY {
            lines.for_each(|(ratio, ln_ratio, sum)| *sum += self.gain(ratio, ln_ratio));
        } else {
            for (ratio, ln_ratio, sum) in lines {
                let mixed = self.rest + self.share * ratio;
                *sum += self.candidate * ln_ratio - all * mixed.ln();
            }
        }
    }

    /// `E·ln r − (E + F)·ln(1 + s·(r − 1))`, in the form that is exact for the smaller share.
    pub(super) fn gain(self, ratio: f64, ln_ratio: f64) -> f64 {
        let all = self.candidate + self.baseline;
        if self.share <= 0.5 {
            self.candidate * ln_ratio - all * (self.share * (ratio - 1.0)).ln_1p()
        } else {
            -self.baseline * ln_ratio - all * (self.rest * (1.0 / ratio - 1.0)).ln_1p()
        }
    }
}
