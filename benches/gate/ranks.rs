//! Rank tests of Kayenta and PipeCD.

/// Kayenta's constants (`MannWhitneyClassifier`, `NetflixACAJudge` at a69573b): 98 %, tolerance 0.25.
const CONFIDENCE_Z: f64 = 2.326_347_874;
const TOLERANCE: f64 = 0.25;

/// Whether Kayenta calls the metric High: the lower end of the confidence interval of the shift is
/// above a quarter of the Hodges–Lehmann estimate, and the candidate's mean is not below.
///
/// By the equivalent z-statistic: the interval is above `t` exactly when the test of
/// `candidate − t` against the baseline rejects (normal approximation, ties and continuity
/// corrected).
pub(crate) fn kayenta_high(candidate: &[f64], baseline: &[f64]) -> bool {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let same = candidate.iter().chain(baseline).all(|value| *value == candidate[0]);
    if same || mean(candidate) < mean(baseline) {
        return false;
    }
    let mut shifts: Vec<f64> =
        candidate.iter().flat_map(|c| baseline.iter().map(move |b| c - b)).collect();
    shifts.sort_by(f64::total_cmp);
    let middle = shifts.len() / 2;
    let estimate = if shifts.len() % 2 == 1 {
        shifts[middle]
    } else {
        (shifts[middle - 1] + shifts[middle]) / 2.0
    };
    let shifted: Vec<f64> =
        candidate.iter().map(|value| value - TOLERANCE * estimate.abs()).collect();
    z(&shifted, baseline) > CONFIDENCE_Z
}

/// The standardised Mann–Whitney statistic of `one` against `other`.
fn z(one: &[f64], other: &[f64]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let mut u = 0.0;
    for a in one {
        for b in other {
            u += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    let mut all: Vec<f64> = one.iter().chain(other).copied().collect();
    all.sort_by(f64::total_cmp);
    let ties: f64 = all
        .chunk_by(|a, b| a == b)
        .map(|group| {
            let t = group.len() as f64;
            t * t * t - t
        })
        .sum();
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 0.0;
    }
    (u - n * m / 2.0 - 0.5) / variance.sqrt()
}

/// Whether a two-sided exact test, over all ways to deal the values to two arms of equal size, finds
/// `one` larger.
pub(crate) fn significantly_higher(one: &[f64], other: &[f64], alpha: f64) -> bool {
    let all: Vec<f64> = one.iter().chain(other).copied().collect();
    let size = one.len();
    // Mid-ranks, doubled to stay whole.
    let rank = |value: f64| -> u32 {
        let below = all.iter().filter(|v| **v < value).count() as u32;
        let equal = all.iter().filter(|v| **v == value).count() as u32;
        2 * below + equal + 1
    };
    let ranks: Vec<u32> = all.iter().map(|value| rank(*value)).collect();
    let observed: u32 = ranks[..size].iter().sum();
    let (mut as_large, mut count) = (0_u32, 0_u32);
    for hand in 0_u32..1 << all.len() {
        if hand.count_ones() as usize != size {
            continue;
        }
        let sum: u32 = (0..all.len()).filter(|i| hand >> i & 1 == 1).map(|i| ranks[i]).sum();
        count += 1;
        as_large += u32::from(sum >= observed);
    }
    2.0 * f64::from(as_large) / f64::from(count) <= alpha
}
