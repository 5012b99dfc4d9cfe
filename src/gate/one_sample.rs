//! One arm against a fixed reference: what is left when all traffic is on the candidate.

use super::counts::Arm;
use super::mixture::{POINTS, log_sum_exp, ratios};

/// The largest reference rate: the grid must have room above it.
const LARGEST: f64 = 0.7;
/// The smallest: below it a single error would be a verdict.
const SMALLEST: f64 = 1e-9;
/// No alternative is larger.
const CEILING: f64 = 0.9;

/// Evidence that an arm fails more often than a reference rate that was fixed beforehand:
///
/// ```text
/// E-value = mean over q of (q / p)^E · ((1 − q) / (1 − p))^(C − E),   q = min(p · ratio, 0.9)
/// ```
///
/// Its null hypothesis is *absolute*, so an incident of everybody looks like a bad candidate. It is
/// for the time after the shift, when there is no baseline.
#[derive(Debug, Clone)]
pub struct OneSample {
    reference: f64,
    /// `ln(q/p)` and `ln((1−q)/(1−p))`.
    grid: [(f64, f64); POINTS],
    seen: Arm,
}

impl OneSample {
    /// A test of "the error rate is at most `reference`", which is kept within (0, 0.7].
    pub fn new(reference: f64) -> Self {
        let reference = if reference.is_nan() { LARGEST } else { reference };
        let p = reference.clamp(SMALLEST, LARGEST);
        let grid = ratios().map(|ratio| {
            let q = (p * ratio).min(CEILING);
            ((q / p).ln(), (-q).ln_1p() - (-p).ln_1p())
        });
        Self { reference: p, grid, seen: Arm::default() }
    }

    /// Takes one closed, settled bucket, once.
    pub fn observe(&mut self, arm: Arm) {
        self.seen = Arm::new(
            self.seen.requests.saturating_add(arm.requests),
            self.seen.errors.saturating_add(arm.errors),
        );
    }

    /// The logarithm of the e-value.
    pub fn ln_e(&self) -> f64 {
        let errors = self.seen.errors as f64;
        let good = self.seen.requests.saturating_sub(self.seen.errors) as f64;
        let terms = self.grid.iter().map(|(bad_ln, good_ln)| errors * bad_ln + good * good_ln);
        log_sum_exp(terms) - (POINTS as f64).ln()
    }

    /// What it was fed.
    pub fn seen(&self) -> Arm {
        self.seen
    }

    /// The rate that it compares with.
    pub fn reference(&self) -> f64 {
        self.reference
    }
}

/// A reference rate for the time after the shift, from what the baseline did before: `margin` times
/// a generous upper bound of its rate (three standard deviations and three errors above what was
/// counted), at least `floor`. `None` while the baseline had no requests.
///
/// It must be fixed before the first request that is judged by it.
pub fn reference_rate(baseline: Arm, margin: f64, floor: f64) -> Option<f64> {
    baseline.rate()?;
    let errors = baseline.errors as f64;
    let upper = (errors + 3.0 * (errors + 1.0).sqrt() + 3.0) / baseline.requests as f64;
    Some((margin * upper).max(floor).min(LARGEST))
}
