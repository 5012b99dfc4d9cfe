//! Canary against baseline: the conditional-binomial e-process.
//!
//! Given the errors of a bucket, how many of them fall to the candidate is binomial with its share
//! of the requests, if both arms are equally good, whatever the error rate is. So a common incident,
//! which raises both rates, moves nothing, and neither does a change of the weights.
//!
//! For each ratio ρ of a grid, with `C`, `E` requests and errors of the candidate, `B`, `F` those of
//! the baseline, and `s = r₀C / (r₀C + B)`:
//!
//! ```text
//! ln L_ρ += E·ln ρ − (E + F)·ln(1 + s·(ρ − 1))          E-value = mean of L_ρ over the grid
//! ```
//!
//! Under the null hypothesis, in each bucket the candidate's mean error probability is at most r₀
//! times the baseline's, `E[L_ρ]` never grows (`ln(1 + x) ≤ x` per request), so the E-value is a
//! non-negative supermartingale from 1, and P(it *ever* reaches 1/α) ≤ α (Ville 1939). There is
//! nothing to correct for looking often, and nothing to tune per weight.
//!
//! Papers: Wald, *Sequential Tests of Statistical Hypotheses* (1945); Robbins, *Statistical Methods
//! Related to the Law of the Iterated Logarithm* (1970), for mixtures; Johari, Pekelis, Walsh,
//! *Always Valid Inference* (arXiv 1512.04922); Howard, Ramdas, McAuliffe, Sekhon (arXiv 1810.08240);
//! Lindon and Malek (arXiv 2011.03567), counts in canaries; Turner and Grünwald (arXiv 2302.11401),
//! two streams; Ramdas, Grünwald, Vovk, Shafer (arXiv 2210.01948), e-processes.

use super::counts::{Counts, Errors};
use super::mixture::{POINTS, log_sum_exp, ratios};

/// Evidence that the candidate's error rate is more than `margin` times the baseline's.
///
/// Its state is 48 numbers and the pending counts, however long it is fed.
#[derive(Debug, Clone)]
pub struct RatioTest {
    margin: f64,
    /// Ratios and their logarithms.
    grid: [(f64, f64); POINTS],
    ln_l: [f64; POINTS],
    pending: Counts,
    applied: Counts,
}

impl RatioTest {
    /// A test of the null hypothesis "the ratio of the error rates is at most `margin`". A margin
    /// that is no positive number counts as 1.
    pub fn new(margin: f64) -> Self {
        let margin = if margin.is_finite() && margin > 0.0 { margin } else { 1.0 };
        let grid = ratios().map(|ratio| (ratio, ratio.ln()));
        Self {
            margin,
            grid,
            ln_l: [0.0; POINTS],
            pending: Counts::default(),
            applied: Counts::default(),
        }
    }

    /// Takes one closed, settled bucket, once. Gives what was applied: while one of the arms has no
    /// requests, the counts are carried over to the next bucket.
    pub fn observe(&mut self, bucket: Counts) -> Option<Counts> {
        let counts = self.pending.plus(bucket);
        if !counts.comparable() {
            self.pending = counts;
            return None;
        }
        self.pending = Counts::default();
        self.applied = self.applied.plus(counts);
        let errors = Errors::of(counts, self.margin);
        if !errors.none() {
            for ((ratio, ln_ratio), ln_l) in self.grid.iter().zip(&mut self.ln_l) {
                *ln_l += errors.gain(*ratio, *ln_ratio);
            }
        }
        Some(counts)
    }

    /// The logarithm of the e-value: 0 at the start; at least `ln(1/α)` is evidence at level α.
    pub fn ln_e(&self) -> f64 {
        log_sum_exp(self.ln_l.iter().copied()) - (POINTS as f64).ln()
    }

    /// The counts that the e-value rests on.
    pub fn applied(&self) -> Counts {
        self.applied
    }
}
