//! The experiment: traffic of both arms second by second, as buckets show it to a gate.

use ha_deploy::gate::Counts;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution, Poisson};

/// How long the candidate has its share, in seconds.
pub(crate) const BAKE: usize = 900;
/// Requests per second of both arms together.
pub(crate) const RPS: f64 = 50.0;
/// The candidate's share.
pub(crate) const WEIGHT: f64 = 0.1;
/// The baseline's error rate.
pub(crate) const BASE: f64 = 0.001;
/// An incident of both arms: error rate and length.
pub(crate) const INCIDENT: (f64, usize) = (0.05, 120);

/// What is wrong.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    /// The candidate's error rate; the baseline's is `BASE`.
    Candidate(f64),
    /// A healthy candidate, and an incident of both arms from a random second in [60, 780).
    Incident,
}

/// One run: counts of every second, running sums of which give any bucket.
pub(crate) struct Run {
    sums: Vec<Counts>,
    /// A uniform number for the phase of the buckets and one for that of a gate's loop.
    bucket_phase: f64,
    loop_phase: f64,
}

/// A bucket, in seconds since the candidate's first request.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) end: f64,
    pub(crate) counts: Counts,
}

impl Run {
    pub(crate) fn draw(trouble: Trouble, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (bucket_phase, loop_phase) = (rng.random::<f64>(), rng.random::<f64>());
        let start = rng.random_range(60..780_usize);
        let candidate = Poisson::new(RPS * WEIGHT).expect("a mean");
        let baseline = Poisson::new(RPS * (1.0 - WEIGHT)).expect("a mean");
        let mut sums = Vec::with_capacity(BAKE + 1);
        let mut sum = Counts::default();
        sums.push(sum);
        for second in 0..BAKE {
            let (p1, p0) = match trouble {
                Trouble::Candidate(rate) => (rate, BASE),
                Trouble::Incident if (start..start + INCIDENT.1).contains(&second) => {
                    (INCIDENT.0, INCIDENT.0)
                }
                Trouble::Incident => (BASE, BASE),
            };
            let mut arm = |law: &Poisson<f64>, rate: f64| {
                let requests = law.sample(&mut rng) as u64;
                let errors = match requests {
                    0 => 0,
                    n => Binomial::new(n, rate).expect("a share").sample(&mut rng),
                };
                (requests, errors)
            };
            let (c, e) = arm(&candidate, p1);
            let (b, f) = arm(&baseline, p0);
            sum = sum.plus(Counts::new(c, e, b, f));
            sums.push(sum);
        }
        Self { sums, bucket_phase, loop_phase }
    }

    /// Bad answers of the candidate until a rollback, of the second in which it is by its share;
    /// all of them when there was none.
    pub(crate) fn bad(&self, until: Option<f64>) -> f64 {
        let at = until.unwrap_or(BAKE as f64).min(BAKE as f64);
        let errors = |second: usize| self.sums[second.min(BAKE)].candidate.errors as f64;
        let (whole, part) = (at as usize, at.fract());
        errors(whole) + part * (errors(whole + 1) - errors(whole))
    }

    /// The buckets of a width, the first one partial.
    pub(crate) fn buckets(&self, width: usize) -> impl Iterator<Item = Seen> + '_ {
        let first = ((self.bucket_phase * width as f64) as usize).clamp(1, width);
        let edges = std::iter::successors(Some(first), move |end| Some(end + width));
        let mut from = 0;
        edges.take_while(|end| *end <= BAKE).map(move |end| {
            let counts = self.between(from, end);
            from = end;
            Seen { end: end as f64, counts }
        })
    }

    /// The minutes from the first request on.
    pub(crate) fn minutes(&self) -> Vec<Counts> {
        (0..BAKE / 60).map(|minute| self.between(minute * 60, minute * 60 + 60)).collect()
    }

    fn between(&self, from: usize, to: usize) -> Counts {
        let (a, b) = (self.sums[from], self.sums[to]);
        Counts::new(
            b.candidate.requests - a.candidate.requests,
            b.candidate.errors - a.candidate.errors,
            b.baseline.requests - a.baseline.requests,
            b.baseline.errors - a.baseline.errors,
        )
    }

    /// The first look of a loop at or after `visible`.
    pub(crate) fn look(&self, visible: f64, every: f64) -> f64 {
        let phase = self.loop_phase * every;
        phase + ((visible - phase) / every).ceil().max(0.0) * every
    }
}
