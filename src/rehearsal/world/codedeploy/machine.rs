//! The state machine of a deployment, second by second.

use super::{Deployment, EventStatus, Phase, Status};
use crate::domain::{AlarmState, LifecycleName};
use crate::rehearsal::scenario::Moment;
use crate::rehearsal::world::World;
use crate::rehearsal::world::tally::Made;

/// Why a deployment ends badly; each has its rollback event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Failure,
    Alarm,
    Request,
}

impl World {
    /// Moves every active deployment.
    pub(in crate::rehearsal::world) fn tick_deployments(&mut self) {
        let mut deployments = std::mem::take(&mut self.codedeploy.deployments);
        let mut rollbacks = Vec::new();
        for deployment in deployments.iter_mut().filter(|d| d.status.is_active()) {
            rollbacks.extend(self.step(deployment));
        }
        // A rollback begins in the same second, so that nothing can come in between.
        for rollback in rollbacks {
            self.tally
                .deployments
                .push(Made { id: rollback.id.clone(), creator: rollback.creator });
            deployments.push(rollback);
        }
        self.codedeploy.deployments = deployments;
    }

    /// Moves one deployment; gives the rollback that it causes.
    fn step(&mut self, d: &mut Deployment) -> Option<Deployment> {
        if d.status == Status::Created {
            if self.now < d.created + self.assumptions.deployment_start {
                return None;
            }
            d.status = Status::InProgress;
            d.started = Some(self.now);
        }
        if let Some((at, rollback)) = d.stop
            && self.now >= at
        {
            let text = "The deployment was stopped by a user.".to_owned();
            return self.end(d, Status::Stopped, ("MANUAL_STOP", text), Cause::Request, rollback);
        }
        if let Some(message) = self.poll_alarms(d) {
            let error = ("ALARM_ACTIVE", message);
            return self.end(d, Status::Stopped, error, Cause::Alarm, None);
        }
        loop {
            match self.advance_phase(d) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    let status =
                        if error.0 == "TIMEOUT" && matches!(d.phase, Phase::ReadyWait { .. }) {
                            Status::Stopped
                        } else {
                            Status::Failed
                        };
                    return self.end(d, status, error, Cause::Failure, None);
                }
            }
        }
    }

    /// Reads the alarms when it is time to; gives the message when one stops the deployment.
    fn poll_alarms(&mut self, d: &mut Deployment) -> Option<String> {
        if d.alarms.is_empty() || d.is_rollback() || self.now < d.next_poll {
            return None;
        }
        d.next_poll = self.now + self.assumptions.alarm_poll;
        let states: Vec<(&String, Option<AlarmState>)> =
            d.alarms.iter().map(|name| (name, self.guards.cloudwatch.alarm_state(name))).collect();
        let firing: Vec<&str> = states
            .iter()
            .filter(|(_, state)| *state == Some(AlarmState::Alarm))
            .map(|(name, _)| name.as_str())
            .collect();
        if !firing.is_empty() {
            return Some(format!(
                "One or more alarms have been activated according to the Amazon CloudWatch \
                 metrics you selected, and the affected deployments have been stopped. Activated \
                 alarms: <{}>",
                firing.join(", ")
            ));
        }
        let unreadable = states.iter().any(|(_, state)| state.is_none());
        (unreadable && !d.ignore_poll_failure).then(|| {
            "The deployment was stopped because the state of one or more alarms could not be \
             retrieved from Amazon CloudWatch."
                .to_owned()
        })
    }

    /// Does what is due; `true` when something was, so that the next phase may be due too.
    fn advance_phase(&mut self, d: &mut Deployment) -> Result<bool, (&'static str, String)> {
        match d.phase.clone() {
            Phase::Event(index) => self.advance_event(d, index),
            Phase::ReadyWait { until, .. } => {
                if self.now < until {
                    return Ok(false);
                }
                let minutes = d.ready_wait.map_or(0, |wait| wait.as_secs() / 60);
                Err((
                    "TIMEOUT",
                    format!(
                        "The deployment timed out while waiting for a notification to continue. \
                         This time out period is {minutes} minutes."
                    ),
                ))
            }
            Phase::TerminationWait { until } => {
                if self.now < until {
                    return Ok(false);
                }
                match d.blue.clone() {
                    Some(set) => {
                        self.remember_sets(d);
                        self.delete_set(d.service, &set);
                        d.phase = Phase::Removing { set };
                    }
                    None => self.succeed(d),
                }
                Ok(true)
            }
            Phase::Removing { set } => {
                let service = self.ecs.services.get(d.service);
                let gone = service.is_none_or(|service| service.set(&set).is_none());
                if self.assumptions.waits_for_removal && !gone {
                    return Ok(false);
                }
                self.succeed(d);
                Ok(true)
            }
            Phase::Reroute { at } => {
                if self.now < at {
                    return Ok(false);
                }
                self.reroute_back(d);
                Ok(true)
            }
            Phase::Over => Ok(false),
        }
    }

    /// Begins an event, or ends it when it is complete.
    fn advance_event(
        &mut self,
        d: &mut Deployment,
        index: usize,
    ) -> Result<bool, (&'static str, String)> {
        let Some((name, status)) = d.events.get(index).map(|event| (event.name, event.status))
        else {
            self.all_shifted(d);
            return Ok(true);
        };
        if status == EventStatus::Pending {
            if let Some(event) = d.events.get_mut(index) {
                event.status = EventStatus::InProgress;
                event.start = Some(self.now);
            }
            self.begin_event(d, name)?;
            self.mark(d, Moment::Began(LifecycleName::parse(name)));
            return Ok(true);
        }
        if !self.event_complete(d, index)? {
            return Ok(false);
        }
        if let Some(event) = d.events.get_mut(index) {
            event.status = EventStatus::Succeeded;
            event.end = Some(self.now);
        }
        d.phase = Phase::Event(index + 1);
        self.mark(d, Moment::Ended(LifecycleName::parse(name)));
        self.maybe_wait(d, index + 1);
        Ok(true)
    }

    /// Waits for `ContinueDeployment` before production traffic moves, when the group says so.
    /// The console shows the wait between the test route and the rerouting; the exact event is
    /// undocumented.
    fn maybe_wait(&mut self, d: &mut Deployment, next: usize) {
        let before = d.events.get(next).is_some_and(|event| event.name == "BeforeAllowTraffic");
        if let (true, Some(wait)) = (before, d.ready_wait) {
            d.status = Status::Ready;
            d.phase = Phase::ReadyWait { next, until: self.now + wait };
        }
    }

    fn all_shifted(&mut self, d: &mut Deployment) {
        if d.is_rollback() {
            self.succeed(d);
            return;
        }
        d.termination_started = true;
        d.phase = Phase::TerminationWait { until: self.now + d.termination_wait };
    }

    fn succeed(&mut self, d: &mut Deployment) {
        d.status = Status::Succeeded;
        d.completed = Some(self.now);
        d.phase = Phase::Over;
    }
}
