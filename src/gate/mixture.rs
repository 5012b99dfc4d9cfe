//! The grid of alternatives that every e-process here mixes over, and sums of exponentials.

/// How many ratios the grid has.
pub(super) const POINTS: usize = 48;
/// The smallest ratio of the grid.
pub(super) const FIRST: f64 = 1.25;
/// The largest.
const LAST: f64 = 256.0;

/// The ratios `1.25 · (256 / 1.25)^(i / 47)`, `i = 0 … 47`, each with weight 1/48.
///
/// A regression of unknown size is between "a quarter more errors" and "nothing works"; on a
/// logarithmic scale each is as likely as the next. A mixture of e-processes with fixed weights is
/// one itself, and costs at most `ln 48` against the best single ratio.
pub(super) fn ratios() -> [f64; POINTS] {
    let mut ratios = [FIRST; POINTS];
    for (index, ratio) in ratios.iter_mut().enumerate() {
        *ratio = FIRST * (LAST / FIRST).powf(index as f64 / (POINTS - 1) as f64);
    }
    ratios
}

/// The factor between two neighbours of the grid.
pub(super) fn step() -> f64 {
    (LAST / FIRST).powf(1.0 / (POINTS - 1) as f64)
}

/// `ln Σ exp(x)` without overflow; −∞ of nothing.
pub(super) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return most;
    }
    most + terms.map(|term| (term - most).exp()).sum::<f64>().ln()
}

/// The logarithm of the mean of values whose logarithms these are: the mean of e-processes is an
/// e-process, so several metrics share one α.
pub fn ln_mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    log_sum_exp(values.iter().copied()) - (values.len() as f64).ln()
}

/// The same with weights, which must be fixed in advance and sum to 1.
pub(super) fn ln_weighted(terms: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let weighted = terms.filter(|(weight, _)| *weight > 0.0);
    log_sum_exp(weighted.map(|(weight, ln_e)| weight.ln() + ln_e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_the_tested_one() {
        let grid = ratios();
        assert_eq!(grid[0], 1.25);
        assert!((grid[1] - 1.399_868_52).abs() < 1e-8);
        assert!((grid[47] - 256.0).abs() < 1e-10);
    }

    #[test]
    fn sums_of_exponentials_neither_overflow_nor_vanish() {
        assert!((log_sum_exp([1e300, 1e300].into_iter()) - 1e300).abs() < 1e285);
        assert!((log_sum_exp([-800.0, -800.0].into_iter()) - (-800.0 + 2_f64.ln())).abs() < 1e-12);
        assert_eq!(log_sum_exp(std::iter::empty()), f64::NEG_INFINITY);
        assert!((ln_mean(&[3.0, 3.0]) - 3.0).abs() < 1e-12);
        assert_eq!(ln_mean(&[]), 0.0);
    }
}
