//! A circuit breaker: after five failures in a row it stays open for a minute, then lets one call try.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open.
const OPEN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Closed,
    HalfOpen,
    Open,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    failures: u32,
    opened: Option<Instant>,
    trying: bool,
}

#[derive(Debug, Default)]
pub struct Breaker(Mutex<Inner>);

impl Breaker {
    /// Whether a call may be made now. Half open, one may; the others wait for what comes of it.
    pub fn admits(&self, now: Instant) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.opened {
            None => true,
            Some(at) if now.duration_since(at) < OPEN || inner.trying => false,
            Some(_) => {
                inner.trying = true;
                true
            }
        }
    }

    pub fn succeeded(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }

    pub fn failed(&self, now: Instant) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failures = inner.failures.saturating_add(1);
        if inner.failures >= FAILURES || inner.trying {
            inner.opened = Some(now);
        }
        inner.trying = false;
    }

    pub fn state(&self, now: Instant) -> State {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).opened {
            None => State::Closed,
            Some(at) if now.duration_since(at) < OPEN => State::Open,
            Some(_) => State::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_five_failures_and_lets_one_call_try_after_a_minute() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            breaker.failed(start);
        }
        assert!(breaker.admits(start));
        breaker.failed(start);
        assert!(!breaker.admits(start + Duration::from_secs(59)));
        let later = start + Duration::from_secs(60);
        assert_eq!(breaker.state(later), State::HalfOpen);
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later), "only one tries");
        breaker.failed(later);
        assert!(!breaker.admits(later + Duration::from_secs(59)), "one failure opens it again");
        assert!(breaker.admits(later + Duration::from_secs(60)));
        breaker.succeeded();
        assert_eq!(breaker.state(later), State::Closed);
    }

    #[test]
    fn a_success_forgets_earlier_failures() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            (0..4).for_each(|_| breaker.failed(now));
            breaker.succeeded();
        }
        assert!(breaker.admits(now));
    }
}
