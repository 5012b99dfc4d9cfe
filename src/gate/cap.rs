//! Against correlated errors: one client that retries is one misfortune, not forty.
//!
//! The e-process takes requests as independent. Where a source knows who asked, a client counts
//! once per bucket; where it knows only sums, the candidate's errors of a bucket can be capped.
//! Both only ever lower the evidence against the candidate, so they keep the promise on false
//! rollbacks, and both make the gate slower on a candidate that is really bad.

use std::collections::BTreeMap;

use super::counts::{Arm, Counts};

/// Caps the candidate's errors of one bucket. The baseline's are left: to take those away would be
/// evidence against the candidate.
#[must_use]
pub fn capped(counts: Counts, most_errors: Option<u64>) -> Counts {
    let Some(most) = most_errors else { return counts };
    let errors = counts.candidate.errors.min(most);
    Counts { candidate: Arm { errors, ..counts.candidate }, ..counts }
}

/// Counts clients instead of requests: each at most once a bucket and arm, with an error when any of
/// its requests failed.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    seen: [BTreeMap<u64, bool>; 2],
}

/// The arm that answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The candidate.
    Candidate,
    /// The baseline.
    Baseline,
}

impl Clients {
    /// Takes one request of the client with that key.
    pub fn request(&mut self, client: u64, side: Side, failed: bool) {
        let [candidate, baseline] = &mut self.seen;
        let seen = match side {
            Side::Candidate => candidate,
            Side::Baseline => baseline,
        };
        *seen.entry(client).or_default() |= failed;
    }

    /// Closes the bucket: its counts of clients.
    pub fn close(&mut self) -> Counts {
        let arm = |seen: &BTreeMap<u64, bool>| {
            let failed = seen.values().filter(|failed| **failed).count();
            Arm::new(seen.len() as u64, failed as u64)
        };
        let [candidate, baseline] = std::mem::take(&mut self.seen);
        Counts { candidate: arm(&candidate), baseline: arm(&baseline) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::RatioTest;

    #[test]
    fn one_client_that_retries_is_one_error() {
        let mut clients = Clients::default();
        for attempt in 0..40 {
            clients.request(7, Side::Candidate, attempt < 39);
        }
        for client in 100..149 {
            clients.request(client, Side::Candidate, false);
            clients.request(client, Side::Baseline, false);
        }
        assert_eq!(clients.close(), Counts::new(50, 1, 49, 0));
        assert_eq!(clients.close(), Counts::default());
    }

    #[test]
    fn a_cap_only_lowers_the_evidence() {
        let ln_e = |counts| {
            let mut test = RatioTest::new(1.0);
            test.observe(counts);
            test.ln_e()
        };
        let burst = Counts::new(90, 40, 450, 0);
        assert!(ln_e(burst) > 100_f64.ln());
        assert!(ln_e(capped(burst, Some(2))) < 100_f64.ln());
        assert_eq!(capped(burst, None), burst);
        let quiet = Counts::new(90, 1, 450, 60);
        assert_eq!(capped(quiet, Some(2)), quiet);
    }
}
