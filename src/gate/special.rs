//! The two special functions that the Beta form needs.

use std::f64::consts::PI;

/// Lanczos' coefficients for g = 7, n = 9 (Godfrey 2001); relative error below 1e-14.
const LANCZOS: [f64; 9] = [
    0.999_999_999_999_809_9,
    676.520_368_121_885_1,
    -1_259.139_216_722_402_8,
    771.323_428_777_653_1,
    -176.615_029_162_140_6,
    12.507_343_278_686_905,
    -0.138_571_095_265_720_12,
    9.984_369_578_019_572e-6,
    1.505_632_735_149_311_6e-7,
];

/// `ln Γ(x)` for x > 0.
pub(super) fn ln_gamma(x: f64) -> f64 {
    if x < 0.5 {
        // Γ(x)·Γ(1 − x) = π / sin πx.
        return (PI / (PI * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    // Stirling's series is exact to the last digits here, and Lanczos' sum loses some.
    if x > 1e3 {
        let inverse = 1.0 / x;
        let series = inverse / 12.0 - inverse.powi(3) / 360.0 + inverse.powi(5) / 1260.0;
        return (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series;
    }
    let x = x - 1.0;
    let mut sum = LANCZOS[0];
    for (index, coefficient) in LANCZOS.iter().enumerate().skip(1) {
        sum += coefficient / (x + index as f64);
    }
    let t = x + 7.5;
    0.5 * (2.0 * PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// `ln B(a, b)`.
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// `ln (1 − I_x(a, b))`, the logarithm of the regularized upper incomplete Beta function.
pub(super) fn ln_upper_beta(a: f64, b: f64, x: f64) -> f64 {
    // 1 − I_x(a, b) = I_{1−x}(b, a); the continued fraction converges fast below the mean.
    let (front, flipped) = if 1.0 - x < (b + 1.0) / (a + b + 2.0) {
        (b * (1.0 - x).ln() + a * x.ln() - ln_beta(a, b) - b.ln(), false)
    } else {
        (a * x.ln() + b * (1.0 - x).ln() - ln_beta(a, b) - a.ln(), true)
    };
    if flipped {
        let lower = (front + fraction(a, b, x).ln()).exp();
        (-lower.min(1.0)).ln_1p()
    } else {
        front + fraction(b, a, 1.0 - x).ln()
    }
}

/// Lentz' evaluation of the continued fraction of `I_x(a, b)` (Press et al., section 6.4).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const ROUNDS: u32 = 10_000;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for round in 1..=ROUNDS {
        let m = f64::from(round);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!(ln_gamma(1.0).abs() < 1e-14);
        assert!((ln_gamma(0.5) - PI.sqrt().ln()).abs() < 1e-14);
        assert!((ln_gamma(10.0) - 362_880_f64.ln()).abs() < 1e-12);
        // ln Γ grows by ln x across the change of methods.
        let across = ln_gamma(1000.5) - ln_gamma(999.5);
        assert!((across - 999.5_f64.ln()).abs() < 1e-11, "{across}");
        // I_x(1, b) = 1 − (1 − x)^b.
        for x in [0.01_f64, 0.1, 0.5, 0.9] {
            let expected = 7.0 * (1.0 - x).ln();
            assert!((ln_upper_beta(1.0, 7.0, x) - expected).abs() < 1e-12, "{x}");
        }
    }
}
