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
        let p = sound(reference);
        Self { reference: p, grid: alternatives(p), seen: Arm::default() }
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

/// A reference rate within its bounds.
fn sound(reference: f64) -> f64 {
    if reference.is_nan() { LARGEST } else { reference.clamp(SMALLEST, LARGEST) }
}

/// What an error and a good answer say for each rate of the grid: `ln(q/p)`, `ln((1−q)/(1−p))`.
fn alternatives(p: f64) -> [(f64, f64); POINTS] {
    ratios().map(|ratio| {
        let q = (p * ratio).min(CEILING);
        ((q / p).ln(), (-q).ln_1p() - (-p).ln_1p())
    })
}

/// [`OneSample`] for a fault that begins at an unknown bucket: a leak, a full disk, an expired token.
///
/// A test that has seen an hour of good answers needs as much of bad ones before it doubts. So this is
/// a mixture over the bucket at which the fault begins, half of it on the first and half spread over
/// the bake; a mixture of e-processes with fixed weights is one. With `w` the weight of a begin
/// now and `Λ` the bucket's likelihood ratio the sum over all begins is `R ← (R + w)·Λ`, the recursion
/// of Shiryaev and Roberts, so that memory stays constant; begins that are still to come count with
/// their weight (Shin, Ramdas, Rinaldo, *E-detectors*, arXiv 2203.03532).
#[derive(Debug, Clone)]
pub struct Onset {
    reference: f64,
    grid: [(f64, f64); POINTS],
    /// The logarithm of R for each rate.
    ln_r: [f64; POINTS],
    /// Weight of one later begin, and how many are left.
    each: f64,
    left: u32,
    seen: Arm,
}

impl Onset {
    /// A test of "the error rate is at most `reference`" over a bake of about so many buckets.
    pub fn new(reference: f64, buckets: u32) -> Self {
        let p = sound(reference);
        let later = buckets.saturating_sub(1);
        let (first, each) = if later == 0 { (1.0, 0.0) } else { (0.5, 0.5 / f64::from(later)) };
        Self {
            reference: p,
            grid: alternatives(p),
            ln_r: [f64::ln(first); POINTS],
            each,
            left: later,
            seen: Arm::default(),
        }
    }

    /// Takes one closed, settled bucket, once.
    pub fn observe(&mut self, arm: Arm) {
        let begins = self.seen.requests > 0 && self.left > 0;
        if begins {
            self.left -= 1;
        }
        self.seen = Arm::new(
            self.seen.requests.saturating_add(arm.requests),
            self.seen.errors.saturating_add(arm.errors),
        );
        let (errors, good) = (arm.errors as f64, arm.requests.saturating_sub(arm.errors) as f64);
        for ((bad_ln, good_ln), ln_r) in self.grid.iter().zip(&mut self.ln_r) {
            if begins {
                *ln_r = log_sum_exp([*ln_r, self.each.ln()].into_iter());
            }
            *ln_r += errors * bad_ln + good * good_ln;
        }
    }

    /// The logarithm of the e-value.
    pub fn ln_e(&self) -> f64 {
        let begun = log_sum_exp(self.ln_r.iter().copied()) - (POINTS as f64).ln();
        let to_come = (self.each * f64::from(self.left)).ln();
        log_sum_exp([begun, to_come].into_iter())
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
