//! The ratio of the error rates with an interval that is valid at every look.

use serde::Serialize;

use super::counts::{Counts, Errors};
use super::mixture::{FIRST, POINTS, log_sum_exp, step};

/// How far the lattice reaches on either side of the margin: a factor of 33.
const HALF: usize = 31;
/// The ratios that may be an end of the interval.
const ENDS: usize = 2 * HALF + 1;
/// The ratios that are alternatives of some end.
const ALTERNATIVES: usize = ENDS + POINTS - 1;

/// The ends of an interval; `None` where it is unbounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Interval {
    /// The ratio is at least this.
    pub low: Option<f64>,
    /// And at most this.
    pub high: Option<f64>,
}

/// A confidence sequence for the ratio of the error rates, by inversion of [`RatioTest`] and of its
/// arms-swapped form: the ratios that neither rejects at level α.
///
/// The likelihood of a ratio `r`, given the errors of a bucket, is
/// `ℓ(r) = E·ln r − (E + F)·ln(1 + s·(r − 1))`, and the test of `r₀` is a mean of
/// `exp(ℓ(r₀·ρ) − ℓ(r₀))`, its swapped form of `exp(ℓ(r₀/ρ) − ℓ(r₀))`. So three geometric lattices
/// of ℓ with the step of the grid hold every test at once, whatever the weights did. The lower end
/// is above the margin exactly when the gate itself rejects.
///
/// Each end fails with probability at most α over the whole run (so both together with 2α), when
/// the ratio is constant; a drifting ratio has no one value to cover, and then the ends bound its
/// largest and its smallest value.
///
/// [`RatioTest`]: super::RatioTest
#[derive(Debug, Clone)]
pub struct RatioInterval {
    ends: Vec<Line>,
    above: Vec<Line>,
    below: Vec<Line>,
    pending: Counts,
}

/// One ratio of a lattice and its log-likelihood.
#[derive(Debug, Clone, Copy)]
struct Line {
    ratio: f64,
    ln: f64,
    likelihood: f64,
}

impl RatioInterval {
    /// An interval whose lattice has `margin` as one of its points.
    pub fn new(margin: f64) -> Self {
        let margin = if margin.is_finite() && margin > 0.0 { margin } else { 1.0 };
        let lattice = |first: f64, count: usize| {
            let line = |index: usize| {
                let ratio = first * step().powf(index as f64);
                Line { ratio, ln: ratio.ln(), likelihood: 0.0 }
            };
            (0..count).map(line).collect()
        };
        let lowest = margin * step().powf(-(HALF as f64));
        let far_below = lowest / FIRST * step().powf(-((POINTS - 1) as f64));
        let mut ends: Vec<Line> = lattice(lowest, ENDS);
        // Exactly the margin, not what the powers leave of it.
        if let Some(middle) = ends.get_mut(HALF) {
            *middle = Line { ratio: margin, ln: margin.ln(), likelihood: 0.0 };
        }
        Self {
            ends,
            above: lattice(lowest * FIRST, ALTERNATIVES),
            below: lattice(far_below, ALTERNATIVES),
            pending: Counts::default(),
        }
    }

    /// Takes one closed, settled bucket, once.
    pub fn observe(&mut self, bucket: Counts) {
        let counts = self.pending.plus(bucket);
        if !counts.comparable() {
            self.pending = counts;
            return;
        }
        self.pending = Counts::default();
        let errors = Errors::of(counts, 1.0);
        if errors.none() {
            return;
        }
        for lattice in [&mut self.ends, &mut self.above, &mut self.below] {
            let lines = lattice.iter_mut();
            errors.gains(lines.map(|line| (line.ratio, line.ln, &mut line.likelihood)));
        }
    }

    /// The bytes of the lattices.
    pub(super) fn footprint(&self) -> usize {
        let lines = self.ends.capacity() + self.above.capacity() + self.below.capacity();
        lines * size_of::<Line>()
    }

    /// The interval at level `alpha` for each end. Ends are points of the lattice, rounded outwards.
    pub fn at(&self, alpha: f64) -> Interval {
        let bar = -alpha.ln() + (POINTS as f64).ln();
        let rejected = |end: &Line, alternatives: &[Line]| {
            let terms = alternatives.iter().map(|line| line.likelihood - end.likelihood);
            // The largest term alone may decide, for the price of a comparison.
            let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
            most >= bar || (most + (POINTS as f64).ln() >= bar && log_sum_exp(terms) >= bar)
        };
        let low = self
            .ends
            .iter()
            .zip(self.above.windows(POINTS))
            .take_while(|(end, alternatives)| rejected(end, alternatives))
            .last();
        let high = self
            .ends
            .iter()
            .zip(self.below.windows(POINTS))
            .rev()
            .take_while(|(end, alternatives)| rejected(end, alternatives))
            .last();
        Interval { low: low.map(|(end, _)| end.ratio), high: high.map(|(end, _)| end.ratio) }
    }
}
