//! What a configured shift can see: how large a regression, how likely, how fast, and how many users
//! it costs. People choose hold times by this arithmetic.
//!
//! Exact for a stream of errors that is looked at one by one: given their number `n`, the
//! candidate's errors are a walk of independent steps with probability
//! `s·p₁ / (s·p₁ + (1−s)·p₀)`, and the gate rejects once the walk is above a boundary that depends
//! on `n` only. A recursion over `n` gives the distribution of the crossing, and the errors arrive
//! as a Poisson process. Buckets are then a delay: half a bucket until it closes on average, and the
//! time until it has settled.

use std::time::Duration;

use serde::Serialize;

use super::mixture::{POINTS, log_sum_exp, ratios};

/// The most errors that the recursion follows. More of them would see ever smaller regressions.
const MOST_ERRORS: usize = 3_000;
/// What is called "sees it".
const LIKELY: f64 = 0.8;
/// Regressions beyond this are called invisible.
const LARGEST_RATIO: f64 = 1_000.0;

/// What is known of a rollout beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Question {
    /// Requests per second, of both revisions together.
    pub rps: f64,
    /// The candidate's share of them (0–1, both excluded).
    pub weight: f64,
    /// The baseline's error rate (0–1, both excluded).
    pub baseline: f64,
    /// How long the candidate has that share.
    pub hold: Duration,
    /// How long a bucket is.
    pub period: Duration,
    /// How long after its end it is counted.
    pub settle: Duration,
    /// The gate's α.
    pub alpha: f64,
    /// The gate's margin.
    pub margin: f64,
}

/// What happens to a candidate with one error rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answer {
    /// The candidate's error rate.
    pub rate: f64,
    /// How many times the baseline's that is.
    pub ratio: f64,
    /// The probability that it is rolled back during the hold.
    pub detected: f64,
    /// The median time until then, from the first request; `None` when that is not within the hold.
    pub median_seconds: Option<f64>,
    /// The mean number of bad answers until it is rolled back or the hold is over.
    pub bad_requests: f64,
}

impl Question {
    /// Whether there is anything to compute.
    pub fn is_sound(&self) -> bool {
        let inside = |value: f64| value > 0.0 && value < 1.0;
        self.rps > 0.0
            && self.rps.is_finite()
            && inside(self.weight)
            && inside(self.baseline)
            && inside(self.alpha)
            && self.margin > 0.0
            && self.margin.is_finite()
    }

    fn delay(&self) -> f64 {
        self.period.as_secs_f64() / 2.0 + self.settle.as_secs_f64()
    }

    /// What happens to a candidate with error rate `rate`.
    pub fn answer(&self, rate: f64) -> Answer {
        let hold = self.hold.as_secs_f64();
        let delay = self.delay();
        let bad_per_second = self.rps * self.weight * rate;
        let errors_per_second = bad_per_second + self.rps * (1.0 - self.weight) * self.baseline;
        let step = bad_per_second / errors_per_second;
        // What is seen later than this is seen when all traffic has moved.
        let usable = (hold - delay).max(0.0);
        let crossing = self.crossing(step, errors_per_second * usable);
        let within = |seconds: f64| -> f64 {
            let arrived = Arrivals::new(errors_per_second * seconds);
            arrived.at_least(&crossing)
        };
        let detected = within(usable);
        let median = (detected >= 0.5).then(|| {
            let (mut low, mut high) = (0.0, usable);
            for _ in 0..40 {
                let middle = (low + high) / 2.0;
                if within(middle) >= 0.5 { high = middle } else { low = middle }
            }
            high + delay
        });
        // Mean time on the candidate: the integral of the probability that it is not yet seen, in
        // slices that are fine at the start, where large regressions are seen.
        const SLICES: u32 = 100;
        let edge = |index: u32| usable * (f64::from(index) / f64::from(SLICES)).powi(2);
        let unseen: f64 = (0..SLICES)
            .map(|index| {
                let (from, to) = (edge(index), edge(index + 1));
                (1.0 - within((from + to) / 2.0)) * (to - from)
            })
            .sum();
        let exposed = (unseen + delay).min(hold);
        Answer {
            rate,
            ratio: rate / self.baseline,
            detected,
            median_seconds: median,
            bad_requests: bad_per_second * exposed,
        }
    }

    /// The smallest ratio that is seen with probability 80 %; `None` when there is none that means
    /// anything: the gate is blind.
    pub fn visible_ratio(&self) -> Option<f64> {
        let most = (1.0 / self.baseline).min(LARGEST_RATIO);
        let seen = |ratio: f64| self.answer_only(ratio * self.baseline) >= LIKELY;
        if !seen(most) {
            return None;
        }
        let (mut low, mut high) = (self.margin.min(most), most);
        for _ in 0..12 {
            let middle = (low * high).sqrt();
            if seen(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }

    /// One sentence for the plan of a rollout.
    pub fn summary(&self) -> String {
        let conditions = format!(
            "{} requests/s, {} on green for {}, base error rate {}",
            number(self.rps),
            percent(self.weight),
            span(self.hold),
            percent(self.baseline),
        );
        match self.visible_ratio() {
            None => format!("{conditions}: the gate is blind, no regression is seen with 80 %"),
            Some(ratio) => {
                let answer = self.answer(ratio * self.baseline);
                let median = answer.median_seconds.map_or(String::new(), |seconds| {
                    format!(", half of them within {seconds:.0} s")
                });
                format!(
                    "{conditions}: {} times the errors ({}) are seen with {:.0} %{median}, for {:.0} \
                     bad answers on average",
                    number(ratio),
                    percent(answer.rate),
                    answer.detected * 100.0,
                    answer.bad_requests,
                )
            }
        }
    }

    fn answer_only(&self, rate: f64) -> f64 {
        let bad = self.rps * self.weight * rate;
        let all = bad + self.rps * (1.0 - self.weight) * self.baseline;
        let expected = all * (self.hold.as_secs_f64() - self.delay()).max(0.0);
        Arrivals::new(expected).at_least(&self.crossing(bad / all, expected))
    }

    /// The probability that the boundary is crossed with the n-th error, for n = 1, 2 …
    fn crossing(&self, step: f64, expected: f64) -> Vec<f64> {
        let null = self.margin * self.weight / (self.margin * self.weight + 1.0 - self.weight);
        let grid = ratios().map(|ratio| (ratio.ln(), (null * (ratio - 1.0)).ln_1p()));
        let bar = -self.alpha.ln() + (POINTS as f64).ln();
        let rejects = |own: usize, all: usize| {
            let (own, all) = (own as f64, all as f64);
            log_sum_exp(grid.iter().map(|(gain, cost)| own * gain - all * cost)) >= bar
        };
        let enough = expected + 6.0 * expected.sqrt() + 10.0;
        let most = if enough.is_finite() { (enough as usize).min(MOST_ERRORS) } else { 0 };
        let mut crossing = Vec::with_capacity(most);
        // alive[k]: not crossed, with k errors of the candidate.
        let mut alive = vec![1.0_f64];
        let mut boundary = 1;
        for n in 1..=most {
            // The boundary never falls: a further error elsewhere is no evidence.
            while boundary <= n && !rejects(boundary, n) {
                boundary += 1;
            }
            let mut next = vec![0.0; alive.len() + 1];
            for (own, mass) in alive.iter().enumerate() {
                for (slot, share) in [(own, 1.0 - step), (own + 1, step)] {
                    if let Some(cell) = next.get_mut(slot) {
                        *cell += mass * share;
                    }
                }
            }
            crossing.push(next.iter().skip(boundary).sum());
            next.truncate(boundary);
            alive = next;
        }
        crossing
    }
}

/// A number with two significant digits at most after the point.
fn number(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 10.0 { format!("{percent:.0} %") } else { format!("{percent:.2} %") }
}

fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

/// How many errors have arrived: Poisson.
struct Arrivals {
    mean: f64,
}

impl Arrivals {
    fn new(mean: f64) -> Self {
        Self { mean }
    }

    /// Σ crossing(n) · P(at least n have arrived).
    fn at_least(&self, crossing: &[f64]) -> f64 {
        if self.mean <= 0.0 {
            return 0.0;
        }
        let mut ln_mass = -self.mean;
        let mut below = 0.0;
        let mut sum = 0.0;
        for (index, mass) in crossing.iter().enumerate() {
            // `below` is P(fewer than n have arrived), n = index + 1.
            below += ln_mass.exp();
            ln_mass += (self.mean / (index as f64 + 1.0)).ln();
            sum += mass * (1.0 - below).max(0.0);
        }
        sum.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(rps: f64) -> Question {
        Question {
            rps,
            weight: 0.1,
            baseline: 0.001,
            hold: Duration::from_secs(900),
            period: Duration::from_secs(1),
            settle: Duration::from_secs(2),
            alpha: 0.01,
            margin: 1.0,
        }
    }

    #[test]
    fn it_predicts_what_was_simulated() {
        // Medians and bad requests of 10,000 simulated runs each (docs/gate.md, 1-second stream).
        for (rate, seconds, bad) in [(0.01, 98.0, 5.8), (0.05, 14.0, 4.1), (0.2, 5.0, 5.6)] {
            let answer = question(50.0).answer(rate);
            assert!(answer.detected > 0.99, "{answer:?}");
            let median = answer.median_seconds.unwrap();
            assert!((median - seconds).abs() < 0.15 * seconds + 1.0, "{answer:?}");
            assert!((answer.bad_requests - bad).abs() < 0.15 * bad, "{answer:?}");
        }
        let half = question(50.0).answer(0.005);
        assert!((0.90..0.99).contains(&half.detected), "{half:?}");
    }

    #[test]
    fn a_gate_without_traffic_is_blind_and_says_so() {
        assert_eq!(question(0.001).visible_ratio(), None);
        let few = question(5.0).visible_ratio().unwrap();
        let many = question(500.0).visible_ratio().unwrap();
        assert!(many < few && many > 1.0, "{many} {few}");
        let odd = Question { rps: f64::MAX, ..question(1.0) };
        assert!(odd.is_sound() && odd.answer(0.05).detected.is_finite());
        assert!(!Question { weight: 1.0, ..question(1.0) }.is_sound());
    }
}
