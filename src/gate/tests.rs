//! Golden vectors, and what must hold for all counts.

use proptest::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

/// Checks within 1e-8 relative, 1e-12 absolute at 0.
fn close(actual: f64, expected: f64) {
    let tolerance = if expected == 0.0 { 1e-12 } else { 1e-8 * expected.abs() };
    assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected}");
}

fn run(margin: f64, buckets: &[[u64; 4]]) -> Vec<f64> {
    let mut test = RatioTest::new(margin);
    buckets
        .iter()
        .map(|[c, e, b, f]| {
            test.observe(Counts::new(*c, *e, *b, *f));
            test.ln_e()
        })
        .collect()
}

fn golden(margin: f64, buckets: &[[u64; 4]], expected: &[f64]) {
    let actual = run(margin, buckets);
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(expected) {
        close(*actual, *expected);
    }
}

const WORSE: [[u64; 4]; 1] = [[300, 3, 2700, 2]];
const SIX: [[u64; 4]; 6] = [
    [50, 0, 450, 0],
    [50, 1, 450, 1],
    [50, 3, 450, 0],
    [50, 2, 450, 1],
    [50, 4, 450, 0],
    [50, 3, 450, 0],
];

#[test]
fn golden_vectors_of_the_error_gate() {
    golden(1.0, &[[300, 0, 2700, 3]], &[-1.505_591_936]);
    golden(1.0, &WORSE, &[2.928_979_681]);
    golden(1.0, &[WORSE[0], [300, 2, 2700, 3]], &[2.928_979_681, 3.899_341_589]);
    golden(
        1.0,
        &SIX,
        &[0.0, 0.554_735_762, 6.105_625_293, 8.575_986_331, 16.795_234_518, 23.171_902_691],
    );
    golden(
        1.0,
        &[[5, 1, 45, 0], [0, 0, 40, 1], [4, 2, 50, 0]],
        &[1.807_823_568, 1.807_823_568, 5.853_307_124],
    );
}

#[test]
fn golden_vectors_of_margins() {
    golden(1.5, &WORSE, &[1.949_754_682]);
    golden(
        1.5,
        &SIX,
        &[0.0, 0.201_244_179, 4.770_211_654, 6.543_869_885, 13.351_117_649, 18.671_673_059],
    );
    golden(2.0, &WORSE, &[1.305_414_478]);
    golden(
        2.0,
        &SIX,
        &[0.0, -0.041_340_982, 3.872_607_546, 5.193_476_732, 11.042_054_372, 15.644_634_363],
    );
}

#[test]
fn golden_vectors_of_one_sample() {
    let mut test = OneSample::new(0.003);
    for (errors, expected) in [(4, 1.406_693_104), (6, 7.079_040_556)] {
        test.observe(Arm::new(300, errors));
        close(test.ln_e(), expected);
    }
}

#[test]
fn golden_vectors_of_the_beta_form() {
    let beta = Beta::new(10.0, 0.1, Tail::Upper).unwrap();
    for (s, f, expected) in [
        (3, 2, 1.923_759_97),
        (5, 5, 3.176_338_517),
        (0, 20, -1.170_071_253),
        (7, 3, 6.266_958_074),
    ] {
        close(beta.ln_e(s, f), expected);
    }
    let both = Beta::new(10.0, 0.1, Tail::Both).unwrap();
    close(both.ln_e(7, 3).exp(), 204.176_904_096_637_26);
    assert!(Beta::new(10.0, 1.0, Tail::Both).is_none());
}

/// `n choose k` as a number.
fn choose(n: u64, k: u64) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

/// The mean of the e-value of one bucket over a law of the candidate's errors.
fn mean(margin: f64, law: impl Fn(u64) -> f64) -> f64 {
    (0..=5)
        .map(|errors| {
            let mut test = RatioTest::new(margin);
            test.observe(Counts::new(100, errors, 900, 5 - errors));
            law(errors) * test.ln_e().exp()
        })
        .sum()
}

#[test]
fn the_mean_of_the_evidence_is_exactly_one_where_it_must_be() {
    for margin in [1.0, 1.5, 2.0] {
        let share: f64 = margin * 0.1 / (margin * 0.1 + 0.9);
        let binomial = |errors: u64| {
            choose(5, errors) * share.powi(errors as i32) * (1.0 - share).powi(5 - errors as i32)
        };
        assert!((mean(margin, binomial) - 1.0).abs() < 1e-9);
    }
    let hypergeometric =
        |errors: u64| choose(100, errors) * choose(900, 5 - errors) / choose(1000, 5);
    close((mean(1.0, hypergeometric) * 1e6).round(), 962_908.0);
}

#[test]
fn the_interval_agrees_with_the_gate_and_holds_the_ratio() {
    for margin in [1.0, 1.5, 2.0] {
        let mut test = RatioTest::new(margin);
        let mut interval = RatioInterval::new(margin);
        for [c, e, b, f] in SIX {
            let counts = Counts::new(c, e, b, f);
            test.observe(counts);
            interval.observe(counts);
            let rejects = test.ln_e() >= 100_f64.ln();
            let low = interval.at(0.01).low.unwrap_or(0.0);
            assert_eq!(low >= margin * (1.0 - 1e-12), rejects, "{low}");
        }
    }
    let mut interval = RatioInterval::new(1.0);
    assert_eq!(interval.at(0.01), Interval::default());
    interval.observe(Counts::new(100_000, 400, 900_000, 900));
    let Interval { low: Some(low), high: Some(high) } = interval.at(0.01) else {
        panic!("bounded on both sides");
    };
    assert!((2.5..4.0).contains(&low) && (4.0..6.0).contains(&high), "{low} {high}");
}

proptest! {
    #[test]
    fn no_count_makes_a_gate_lose_its_mind(
        buckets in prop::collection::vec(prop::array::uniform4(extreme()), 1..8),
        margin in prop_oneof![Just(1.0), 0.01_f64..100.0],
    ) {
        let mut test = RatioTest::new(margin);
        let mut back = RatioTest::new(1.0 / margin);
        let mut interval = RatioInterval::new(margin);
        let mut one = OneSample::new(margin / 200.0);
        let mut onset = Onset::new(margin / 200.0, 3);
        for [c, e, b, f] in buckets {
            let counts = Counts::new(c, e, b, f);
            test.observe(counts);
            back.observe(counts.swapped());
            interval.observe(counts);
            one.observe(counts.candidate);
            onset.observe(counts.candidate);
            prop_assert!(onset.ln_e().is_finite());
            prop_assert!(test.ln_e().is_finite());
            prop_assert!(back.ln_e().is_finite());
            prop_assert!(one.ln_e().is_finite());
            let Interval { low, high } = interval.at(0.01);
            prop_assert!(low.is_none_or(f64::is_finite) && high.is_none_or(f64::is_finite));
            prop_assert!(!low.zip(high).is_some_and(|(low, high)| low > high));
        }
    }

    #[test]
    fn what_is_carried_over_counts_as_one_bucket(
        first in 0_u64..50, second in 1_u64..50, errors in 0_u64..5, baseline in 1_u64..500,
    ) {
        let whole = run(1.0, &[[first + second, errors.min(second), baseline, 0]]);
        let split = run(1.0, &[[first, 0, 0, 0], [second, errors.min(second), baseline, 0]]);
        prop_assert_eq!(whole.last(), split.last());
    }

    #[test]
    fn the_order_within_a_bucket_changes_nothing(
        requests in prop::collection::vec((any::<bool>(), any::<bool>()), 1..200), turn in 0_usize..200,
    ) {
        let ln_e = |requests: &[(bool, bool)]| {
            let one = |candidate: bool, failed: bool| match candidate {
                true => Counts::new(1, u64::from(failed), 0, 0),
                false => Counts::new(0, 0, 1, u64::from(failed)),
            };
            let sum = requests.iter().fold(Counts::default(), |sum, (c, f)| sum.plus(one(*c, *f)));
            let mut test = RatioTest::new(1.0);
            test.observe(sum);
            test.ln_e()
        };
        let mut turned = requests.clone();
        turned.rotate_left(turn % requests.len());
        turned.reverse();
        prop_assert_eq!(ln_e(&requests), ln_e(&turned));
    }

    #[test]
    fn more_errors_of_the_candidate_are_never_less_evidence(
        c in 1_u64..1000, b in 1_u64..10_000, e in 0_u64..20, f in 0_u64..20,
    ) {
        let few = run(1.0, &[[c + 20, e, b + 20, f]]);
        let more = run(1.0, &[[c + 20, e + 1, b + 20, f]]);
        let elsewhere = run(1.0, &[[c + 20, e, b + 20, f + 1]]);
        prop_assert!(more[0] > few[0]);
        prop_assert!(elsewhere[0] < few[0]);
    }
}

fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>(), 0_u64..1000]
}

/// A healthy candidate under arbitrary weights and base rates that drift from bucket to bucket.
fn healthy(rng: &mut ChaCha8Rng, schedule: &[(u64, u64, f64)]) -> Vec<Counts> {
    let mut errors = |requests: u64, rate: f64| {
        (0..requests).filter(|_| rng.random::<f64>() < rate).count() as u64
    };
    schedule
        .iter()
        .map(|(c, b, rate)| Counts::new(*c, errors(*c, *rate), *b, errors(*b, *rate)))
        .collect()
}

#[test]
fn the_mean_of_the_evidence_is_at_most_one_whatever_the_weights_and_the_base_rate() {
    const RUNS: u32 = 4_000;
    for seed in 0..5 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let schedule: Vec<(u64, u64, f64)> = (0..4)
            .map(|_| {
                let (c, b) = (rng.random_range(0..12), rng.random_range(0..30));
                (c, b, rng.random_range(0.0..0.4))
            })
            .collect();
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..RUNS {
            let mut test = RatioTest::new(1.0);
            for counts in healthy(&mut rng, &schedule) {
                test.observe(counts);
            }
            let e = test.ln_e().exp();
            sum += e;
            squares += e * e;
        }
        let mean = sum / f64::from(RUNS);
        let error = (squares / f64::from(RUNS) - mean * mean).sqrt() / f64::from(RUNS).sqrt();
        // Four standard errors: one false failure in 30,000 runs of this test, and the seeds are fixed.
        assert!(mean <= 1.0 + 4.0 * error, "seed {seed}: {mean} ± {error}, {schedule:?}");
    }
}

#[test]
fn splitting_buckets_keeps_false_alarms_below_alpha() {
    const RUNS: u32 = 1_500;
    const ALPHA: f64 = 0.05;
    let seconds: Vec<(u64, u64, f64)> = (0..60).map(|_| (5, 20, 0.03)).collect();
    let mut crossed = [0_u32; 3];
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..RUNS {
        let counts = healthy(&mut rng, &seconds);
        for (crossed, width) in crossed.iter_mut().zip([30, 6, 1]) {
            let mut test = RatioTest::new(1.0);
            let crosses = counts.chunks(width).any(|bucket| {
                test.observe(bucket.iter().fold(Counts::default(), |sum, part| sum.plus(*part)));
                test.ln_e() >= -ALPHA.ln()
            });
            *crossed += u32::from(crosses);
        }
    }
    // Three standard deviations of a share of 5 %.
    let most = ALPHA + 3.0 * (ALPHA * (1.0 - ALPHA) / f64::from(RUNS)).sqrt();
    for crossed in crossed {
        assert!(f64::from(crossed) / f64::from(RUNS) <= most, "{crossed} of {RUNS}");
    }
    assert!(crossed[2] > 0, "the test is strong enough to see anything");
}

#[test]
fn a_panel_shares_one_alpha_and_remembers_what_decided() {
    use std::time::Duration;
    let policy = Policy { min_requests: 150, ..Policy::default() };
    let mut panel = Panel::new(policy, Phases::ShiftAndBake, &["errors", "slower"]);
    assert_eq!(panel.conclusion(), Verdict::Inconclusive);
    let bucket = |index: u64, counts| Bucket {
        start: Duration::from_secs(index * 10),
        period: Duration::from_secs(10),
        counts,
    };
    for (index, [c, e, b, f]) in (0..).zip(SIX) {
        panel.observe(1, &bucket(index, Counts::new(c, 0, b, 0)), Phase::Shift);
        panel.observe(0, &bucket(index, Counts::new(c, e, b, f)), Phase::Shift);
        let evidence = panel.evidence();
        // The third bucket has evidence enough; the price of the second metric is ln 2, and of the
        // bake ln (1/0.98).
        assert_eq!(evidence.verdict == Verdict::Rollback, index >= 2, "{index}");
        if index >= 2 {
            assert_eq!(evidence.decided_at, Some(Duration::from_secs(30)));
            assert_eq!(evidence.metric, "errors");
        }
    }
    assert_eq!(panel.conclusion(), Verdict::Rollback);
    let words = panel.evidence().words();
    assert!(
        words.starts_with("errors: green 13 of 300 (4.33 %), blue 2 of 2700 (0.07 %)"),
        "{words}"
    );

    let mut bake = Panel::new(Policy::default(), Phases::Bake, &["errors"]);
    bake.past(0, Arm::new(100_000, 100));
    for index in 0..60 {
        bake.observe(0, &bucket(index, Counts::new(500, 1, 0, 0)), Phase::Bake);
    }
    assert_eq!(bake.conclusion(), Verdict::Promote);
    bake.observe(0, &bucket(60, Counts::new(500, 50, 0, 0)), Phase::Bake);
    assert_eq!(bake.verdict(), Verdict::Rollback);
    assert!(bake.evidence().words().contains("at most 0.30 % is accepted"));
}

#[test]
fn a_fault_of_unknown_onset_is_found_and_its_mean_is_one() {
    let (mut plain, mut onset) = (OneSample::new(0.003), Onset::new(0.003, 90));
    for _ in 0..60 {
        plain.observe(Arm::new(500, 1));
        onset.observe(Arm::new(500, 1));
    }
    plain.observe(Arm::new(500, 25));
    onset.observe(Arm::new(500, 25));
    assert!(plain.ln_e() < 0.0 && onset.ln_e() > 100_f64.ln());
    // All outcomes of three buckets of one request, weighted by their probability at the boundary.
    let p: f64 = 0.2;
    let mean: f64 = (0..8_u32)
        .map(|outcome| {
            let mut onset = Onset::new(p, 3);
            let mut probability = 1.0;
            for bucket in 0..3 {
                let failed = outcome >> bucket & 1 == 1;
                probability *= if failed { p } else { 1.0 - p };
                onset.observe(Arm::new(1, u64::from(failed)));
            }
            probability * onset.ln_e().exp()
        })
        .sum();
    assert!((mean - 1.0).abs() < 1e-12, "{mean}");
}

#[test]
fn a_candidate_that_is_as_good_is_shown_to_be() {
    let mut panel = Panel::new(Policy::default(), Phases::Shift, &["errors"]);
    let start = std::time::Duration::from_secs(10);
    let bucket = Bucket { start, period: start, counts: Counts::new(5_000, 50, 45_000, 450) };
    panel.observe(0, &bucket, Phase::Shift);
    assert_eq!(panel.verdict(), Verdict::Promote);
    // Evidence against it later still counts.
    let bad = Bucket { counts: Counts::new(500, 60, 4_500, 45), ..bucket };
    panel.observe(0, &bad, Phase::Shift);
    assert_eq!(panel.verdict(), Verdict::Rollback);
}
