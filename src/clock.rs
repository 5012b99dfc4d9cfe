//! Wall and monotonic time that a rehearsal can replace.
//!
//! The only room that reads the system's clock. Every wait is a tokio sleep, so under a paused
//! runtime the same program runs in virtual time.

use std::time::Duration;

use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

/// Where "now" comes from.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Duration,
    start: Instant,
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn system() -> Self {
        let epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { epoch, start: Instant::now() }
    }

    /// A clock that stands at `epoch` (since the Unix epoch) now and moves with tokio's time.
    pub fn starting_at(epoch: Duration) -> Self {
        Self { epoch, start: Instant::now() }
    }

    /// The time since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.epoch + self.start.elapsed()
    }

    /// The time since this clock was made.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl TimeSource for Clock {
    fn now(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH + Self::now(self)
    }
}
