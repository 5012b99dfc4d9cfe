//! Health checks and draining.

use std::time::Duration;

use super::{Elb, Target, TargetGroup};

/// The health of a target, as `DescribeTargetHealth` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rehearsal::world) enum Health {
    /// Registered, not yet checked often enough.
    Initial,
    /// Passes.
    Healthy,
    /// Fails, and how.
    Unhealthy(Check),
    /// Being deregistered since.
    Draining {
        /// When it began.
        since: Duration,
    },
}

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rehearsal::world) enum Check {
    /// The expected status.
    Passed,
    /// Another status.
    Mismatch(u16),
    /// No answer.
    TimedOut,
}

impl Health {
    /// Whether the target is being deregistered.
    pub(in crate::rehearsal::world) fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }

    /// AWS's state, reason code and description.
    pub(super) fn describe(self) -> (&'static str, Option<&'static str>, Option<String>) {
        match self {
            Self::Initial => (
                "initial",
                Some("Elb.InitialHealthChecking"),
                Some("Initial health checks in progress".to_owned()),
            ),
            Self::Healthy => ("healthy", None, None),
            Self::Unhealthy(Check::Mismatch(status)) => (
                "unhealthy",
                Some("Target.ResponseCodeMismatch"),
                Some(format!("Health checks failed with these codes: [{status}]")),
            ),
            Self::Unhealthy(Check::TimedOut) => {
                ("unhealthy", Some("Target.Timeout"), Some("Request timed out".to_owned()))
            }
            Self::Unhealthy(Check::Passed) => (
                "unhealthy",
                Some("Target.FailedHealthChecks"),
                Some("Health checks failed".into()),
            ),
            Self::Draining { .. } => (
                "draining",
                Some("Target.DeregistrationInProgress"),
                Some("Target deregistration is in progress".to_owned()),
            ),
        }
    }
}

impl Elb {
    /// Runs the checks that are due. `probe` asks a task (by id) at this moment.
    pub(in crate::rehearsal::world) fn check(
        &mut self,
        now: Duration,
        initial_passes: Option<u32>,
        probe: &mut dyn FnMut(&str) -> Check,
    ) {
        let used: Vec<bool> = (0..self.groups.len()).map(|group| self.in_use(group)).collect();
        for (group, used) in self.groups.iter_mut().zip(used) {
            if used {
                group.check(now, initial_passes, probe);
            }
        }
    }
}

impl TargetGroup {
    fn check(
        &mut self,
        now: Duration,
        initial_passes: Option<u32>,
        probe: &mut dyn FnMut(&str) -> Check,
    ) {
        let (interval, healthy, unhealthy) = (self.interval, self.healthy, self.unhealthy);
        for target in &mut self.targets {
            if target.health.is_draining() || now < target.next_check {
                continue;
            }
            target.next_check = now + interval;
            target.take(probe(&target.task), initial_passes, healthy, unhealthy);
        }
    }

    /// Begins to deregister a task's target; how long that takes is the group's setting.
    pub(in crate::rehearsal::world) fn drain(&mut self, task: &str, now: Duration, in_flight: u64) {
        if let Some(target) = self.targets.iter_mut().find(|target| target.task == task)
            && !target.health.is_draining()
        {
            target.health = Health::Draining { since: now };
            target.in_flight = in_flight;
        }
    }

    /// Forgets targets whose deregistration delay is over.
    pub(in crate::rehearsal::world) fn forget_drained(&mut self, now: Duration) {
        let delay = self.deregistration_delay;
        self.targets.retain(|target| match target.health {
            Health::Draining { since } => now < since + delay,
            _ => true,
        });
    }
}

impl Target {
    /// Counts a check. A new target and a failed one need passes in a row, a good one failures.
    fn take(&mut self, check: Check, initial_passes: Option<u32>, healthy: u32, unhealthy: u32) {
        if check == Check::Passed {
            self.passes = self.passes.saturating_add(1);
            self.failures = 0;
            let needed = match self.health {
                Health::Initial => initial_passes.unwrap_or(healthy),
                _ => healthy,
            };
            if self.passes >= needed {
                self.health = Health::Healthy;
            }
        } else {
            self.failures = self.failures.saturating_add(1);
            self.passes = 0;
            if self.failures >= unhealthy {
                self.health = Health::Unhealthy(check);
            }
        }
    }
}
