//! Which buckets may be counted: each once, in order, and only when it has settled.
//!
//! An e-process may look as often as it likes, but at each request only once. CloudWatch publishes a
//! bucket late, may revise it, and has no datapoint where nothing happened; so a bucket waits until
//! its datapoints have settled, and what comes afterwards is counted as a nuisance, not as evidence.

use std::time::Duration;

use super::counts::Counts;

/// How many counted buckets are remembered to notice that they changed.
const REMEMBERED: usize = 16;

/// What a source says of one bucket, at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When the bucket starts, since the Unix epoch; a multiple of the period.
    pub start: Duration,
    /// The counts; 0 where there is no datapoint.
    pub counts: Counts,
    /// Whether the candidate has a datapoint of its requests.
    pub candidate: bool,
    /// Whether the baseline has one.
    pub baseline: bool,
}

/// A bucket that may be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When it starts, since the Unix epoch.
    pub start: Duration,
    /// How long it is.
    pub period: Duration,
    /// The counts.
    pub counts: Counts,
}

impl Bucket {
    /// When it ends, since the Unix epoch.
    pub fn end(&self) -> Duration {
        self.start.saturating_add(self.period)
    }
}

/// What was odd about the datapoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Buckets that were counted without a datapoint of both arms.
    pub missing: u64,
    /// Buckets whose datapoints came or changed after they were counted; the change is left out.
    pub revised: u64,
}

/// The books of one source: what was counted, and what is next.
#[derive(Debug, Clone)]
pub struct Ledger {
    period: Duration,
    settle: Duration,
    patience: Duration,
    next: Duration,
    counted: [Option<Reading>; REMEMBERED],
    oddities: Oddities,
}

impl Ledger {
    /// Books that begin with the bucket in which `from` is (since the Unix epoch). A bucket counts
    /// `settle` after its end, and two periods later where a datapoint of an arm is missing.
    pub fn new(period: Duration, settle: Duration, from: Duration) -> Self {
        let period = period.max(Duration::from_secs(1));
        let into = Duration::from_secs(from.as_secs() % period.as_secs());
        Self {
            period,
            settle,
            patience: period * 2,
            next: Duration::from_secs(from.as_secs()).saturating_sub(into),
            counted: [None; REMEMBERED],
            oddities: Oddities::default(),
        }
    }

    /// The next bucket's start: what a source must be asked from.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// When the next bucket can be counted at the earliest.
    pub fn due(&self) -> Duration {
        self.next.saturating_add(self.period).saturating_add(self.settle)
    }

    /// From when on a source should be asked, so that changes of what was counted are noticed.
    pub fn look_back(&self) -> Duration {
        self.next.saturating_sub(self.period * 3)
    }

    /// What was odd so far.
    pub fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// When the source should be asked next, at `now`: when a bucket settles, the next one or, while
    /// that one is waited for, those after it.
    pub fn ask_at(&self, now: Duration) -> Duration {
        let due = self.due();
        let Some(late) = now.checked_sub(due) else { return due };
        let periods = late.as_millis() / self.period.as_millis().max(1) + 1;
        due.saturating_add(self.period * u32::try_from(periods).unwrap_or(u32::MAX))
    }

    /// Takes what a source says at `now`, in any order, and gives the buckets that count now. From
    /// `alone` on (since the Unix epoch) there is no baseline to be waited for.
    pub fn take(
        &mut self,
        now: Duration,
        readings: &[Reading],
        alone: Option<Duration>,
    ) -> Vec<Bucket> {
        let is_complete = |reading: &Reading| {
            let single = alone.is_some_and(|alone| reading.start >= alone);
            reading.candidate && (reading.baseline || single)
        };
        let next = self.next;
        for reading in readings.iter().filter(|reading| reading.start < next) {
            self.notice(reading);
        }
        let mut buckets = Vec::new();
        while now >= self.due() {
            let start = self.next;
            // Twice the same bucket in one answer: the one with more requests knows more.
            let found =
                readings.iter().filter(|reading| reading.start == start).max_by_key(|reading| {
                    let Counts { candidate, baseline } = reading.counts;
                    (is_complete(reading), candidate.requests.saturating_add(baseline.requests))
                });
            // Where a later bucket is complete nothing is under way: there was no traffic.
            let complete = found.is_some_and(is_complete);
            let passed = readings.iter().any(|later| later.start > start && is_complete(later));
            if !complete && !passed && now < self.due().saturating_add(self.patience) {
                break;
            }
            if !complete {
                self.oddities.missing += 1;
            }
            let counts = found.map(|reading| reading.counts).unwrap_or_default();
            self.remember(Reading { start, counts, candidate: true, baseline: true });
            buckets.push(Bucket { start, period: self.period, counts });
            self.next = start.saturating_add(self.period);
        }
        buckets
    }

    fn remember(&mut self, reading: Reading) {
        self.counted.rotate_right(1);
        self.counted[0] = Some(reading);
    }

    /// Compares a reading with what was counted for its bucket; each change is noticed once.
    fn notice(&mut self, reading: &Reading) {
        let known = self.counted.iter_mut().flatten().find(|known| known.start == reading.start);
        if let Some(known) = known
            && known.counts != reading.counts
        {
            known.counts = reading.counts;
            self.oddities.revised += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn reading(start: u64, candidate: u64, errors: u64) -> Reading {
        Reading {
            start: S(start),
            counts: Counts::new(candidate, errors, 450, 0),
            candidate: true,
            baseline: true,
        }
    }

    fn starts(buckets: &[Bucket]) -> Vec<u64> {
        buckets.iter().map(|bucket| bucket.start.as_secs()).collect()
    }

    #[test]
    fn a_bucket_counts_once_and_only_when_it_has_settled() {
        let mut ledger = Ledger::new(S(10), S(10), S(1003));
        let all = [reading(1010, 50, 1), reading(1000, 7, 0), reading(1000, 7, 0)];
        assert_eq!(starts(&ledger.take(S(1019), &all, None)), [0; 0]);
        assert_eq!(starts(&ledger.take(S(1020), &all, None)), [1000]);
        assert_eq!(starts(&ledger.take(S(1025), &all, None)), [0; 0]);
        let buckets = ledger.take(S(1030), &all, None);
        assert_eq!(starts(&buckets), [1010]);
        assert_eq!(buckets[0].counts.candidate, crate::gate::Arm::new(50, 1));
        assert_eq!(ledger.oddities(), Oddities::default());
    }

    #[test]
    fn what_changes_later_is_noticed_and_left_out() {
        let mut ledger = Ledger::new(S(10), S(10), S(1000));
        assert_eq!(ledger.take(S(1020), &[reading(1000, 50, 0)], None).len(), 1);
        for _ in 0..2 {
            assert_eq!(ledger.take(S(1021), &[reading(1000, 50, 9)], None).len(), 0);
        }
        assert_eq!(ledger.oddities().revised, 1);
    }

    #[test]
    fn a_missing_bucket_is_waited_for_and_then_counts_as_nothing() {
        let mut ledger = Ledger::new(S(10), S(10), S(1000));
        assert_eq!(ledger.ask_at(S(1005)), S(1020));
        assert_eq!(ledger.take(S(1020), &[], None).len(), 0);
        assert_eq!(ledger.ask_at(S(1020)), S(1030));
        assert_eq!(ledger.take(S(1039), &[], None).len(), 0);
        assert_eq!(starts(&ledger.take(S(1040), &[], None)), [1000]);
        assert_eq!(ledger.oddities().missing, 1);
    }

    #[test]
    fn a_hole_before_later_data_had_no_traffic() {
        let mut ledger = Ledger::new(S(10), S(10), S(1000));
        let later = [reading(1010, 50, 0)];
        assert_eq!(starts(&ledger.take(S(1030), &later, None)), [1000, 1010]);
        let single = [Reading { baseline: false, ..reading(1020, 50, 0) }];
        assert_eq!(ledger.take(S(1040), &single, None).len(), 0);
        assert_eq!(starts(&ledger.take(S(1040), &single, Some(S(1020)))), [1020]);
        let mut ledger = Ledger::new(S(10), S(10), S(1000));
        let late = [reading(1010, 50, 0), reading(1020, 50, 0)];
        let buckets = ledger.take(S(1040), &late, None);
        assert_eq!(starts(&buckets), [1000, 1010, 1020]);
        assert_eq!(buckets[0].counts, Counts::default());
        assert_eq!(ledger.oddities().missing, 1);
        // It comes after all: too late.
        assert_eq!(ledger.take(S(1041), &[reading(1000, 50, 5)], None).len(), 0);
        assert_eq!(ledger.oddities().revised, 1);
    }
}
