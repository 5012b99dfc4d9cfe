//! The Beta closed form: a continuous mixture where the candidate's share never changes.
//!
//! It is not what the gate uses, because weights step; it is the form that other libraries have
//! (confseq's `beta_binomial_log_mixture`), and so the one by which ours is compared with theirs.

use super::special::{ln_beta, ln_upper_beta};

/// Which alternatives the mixture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Only a larger share of errors than that of requests (a worse candidate).
    Upper,
    /// Either.
    Both,
}

/// Evidence that errors fall to the candidate more often than its constant share `w` of requests:
///
/// ```text
/// E = B(kw+S, k(1−w)+F) / B(kw, k(1−w)) · [1 − I_w(kw+S, k(1−w)+F)] / [1 − I_w(kw, k(1−w))] / (w^S (1−w)^F)
/// ```
///
/// The bracketed quotient is left out for [`Tail::Both`] (Robbins 1970; Howard et al., arXiv
/// 1810.08240, section 3).
#[derive(Debug, Clone, Copy)]
pub struct Beta {
    share: f64,
    a: f64,
    b: f64,
    tail: Tail,
}

impl Beta {
    /// A mixture centred at `share`, with the strength of `strength` errors seen before. `None`
    /// unless 0 < share < 1 and strength > 0.
    pub fn new(strength: f64, share: f64, tail: Tail) -> Option<Self> {
        let valid = share > 0.0 && share < 1.0 && strength > 0.0 && strength.is_finite();
        valid.then_some(Self { share, a: strength * share, b: strength * (1.0 - share), tail })
    }

    /// The logarithm of the e-value after so many errors of the candidate and of the baseline in all.
    pub fn ln_e(&self, candidate_errors: u64, baseline_errors: u64) -> f64 {
        let (s, f) = (candidate_errors as f64, baseline_errors as f64);
        let (a, b) = (self.a + s, self.b + f);
        let null = s * self.share.ln() + f * (-self.share).ln_1p();
        let both = ln_beta(a, b) - ln_beta(self.a, self.b) - null;
        match self.tail {
            Tail::Both => both,
            Tail::Upper => {
                both + ln_upper_beta(a, b, self.share) - ln_upper_beta(self.a, self.b, self.share)
            }
        }
    }
}
