//! Requests of our own through both listeners, at a bounded rate.
//!
//! The test listener leads to green alone. The production listener leads to blue and, by its weight,
//! to green: a baseline that is mixed with a bad candidate looks worse than it is, which makes the
//! gate slower, never wrong. Only the answers to these requests are seen, not those to users.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::{Fault, Web, Window};
use crate::clock::Clock;
use crate::gate::{Arm, Counts, Reading};

use super::source::{Look, Source};

/// Buckets that are kept: those that the books have not taken yet.
const KEPT: usize = 120;

/// The probes of one rollout.
pub(super) struct Probe<'a> {
    pub(super) web: &'a Web,
    pub(super) clock: &'a Clock,
    /// Base URLs of the test listener (green) and the production listener (blue).
    pub(super) bases: [String; 2],
    pub(super) path: String,
    pub(super) rate: u32,
    pub(super) timeout: Duration,
    pub(super) seen: BTreeMap<u64, Counts>,
}

impl Probe<'_> {
    /// One request to each listener; an answer below 500 in time is good.
    async fn once(&mut self) {
        let [green, blue] = &self.bases;
        let second = self.clock.now().as_secs();
        let (green, blue) = tokio::join!(
            self.web.get(green, &self.path, self.timeout),
            self.web.get(blue, &self.path, self.timeout),
        );
        let arm = |answer: Result<crate::aws::Page, String>| {
            Arm::new(1, u64::from(!answer.is_ok_and(|page| page.status < 500)))
        };
        let counts = Counts { candidate: arm(green), baseline: arm(blue) };
        let seen = self.seen.entry(second).or_default();
        *seen = seen.plus(counts);
        while self.seen.len() > KEPT {
            self.seen.pop_first();
        }
    }
}

impl Source for Probe<'_> {
    fn read(&mut self, window: Window) -> Look<'_, Result<Vec<Vec<Reading>>, Fault>> {
        // A second in which an earlier request was still waited for has none of its own: it is
        // complete all the same.
        let (from, until) = (window.from.as_secs(), window.until.as_secs());
        let readings = (from..until.min(from.saturating_add(KEPT as u64)))
            .map(|second| Reading {
                start: Duration::from_secs(second),
                counts: self.seen.get(&second).copied().unwrap_or_default(),
                candidate: true,
                baseline: true,
            })
            .collect();
        Box::pin(std::future::ready(Ok(vec![readings])))
    }

    fn gather(&mut self, time: Duration) -> Look<'_, ()> {
        Box::pin(async move {
            let every = Duration::from_secs(1) / self.rate.max(1);
            let end = self.clock.elapsed().saturating_add(time);
            loop {
                let began = self.clock.elapsed();
                // The last request must be answered when the time is over.
                if began.saturating_add(every) > end {
                    break;
                }
                self.once().await;
                let spent = self.clock.elapsed().saturating_sub(began);
                self.clock.sleep(every.saturating_sub(spent)).await;
            }
        })
    }
}
