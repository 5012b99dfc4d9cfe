//! When to look again: bounded, jittered, and at most 12 calls a minute in all.

use std::time::Duration;

/// Between two looks at the deployment's target: a change is seen within 10 s.
///
/// The jitter keeps many runners from asking in step.
pub(super) fn look() -> Duration {
    Duration::from_millis(8_500 + fastrand::u64(0..1_000))
}

/// Between two looks at a rollback: somebody waits for it.
pub(super) fn undo() -> Duration {
    Duration::from_millis(4_500 + fastrand::u64(0..1_000))
}

/// Between two looks at the deployment itself, while nothing has changed.
pub(super) const STATUS: Duration = Duration::from_secs(30);
/// Between two looks at the alarms. CodeDeploy polls them too.
pub(super) const ALARMS: Duration = Duration::from_secs(30);
/// Between two looks at Synthetics canaries, which run once a minute at most.
pub(super) const CANARIES: Duration = Duration::from_secs(60);
/// Between two looks for stopped tasks, while green is not at full strength.
pub(super) const STOPPED_TASKS: Duration = Duration::from_secs(30);
/// How long green may take before stopped tasks are looked for.
pub(super) const START_GRACE: Duration = Duration::from_secs(45);
/// How long AWS may be unreadable before a person is told.
pub(super) const BLIND: Duration = Duration::from_secs(10 * 60);
/// How long a rollback may take.
pub(super) const UNDO: Duration = Duration::from_secs(30 * 60);
/// How long CodeDeploy may take to name the deployment that rolls back.
pub(super) const NAMING: Duration = Duration::from_secs(60);

/// Something to be done again after a while.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Due(Option<Duration>);

impl Due {
    /// Whether it is time.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.0.is_none_or(|next| now >= next)
    }

    /// Sets the next time, once it is done: what failed is due still.
    pub(super) fn again(&mut self, now: Duration, every: Duration) {
        self.0 = Some(now + every);
    }

    /// Makes it due at once.
    pub(super) fn hurry(&mut self) {
        self.0 = None;
    }
}
