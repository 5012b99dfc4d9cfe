//! What the scenario lets happen, and when.

use std::time::Duration;

use super::World;
use super::behaviour::Incident;
use super::codedeploy::Deployment;
use super::publish::Storm;
use crate::rehearsal::scenario::{Act, Moment, Split, When};

/// Something that happens to the runner, outside of the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Somebody pressed Ctrl-C.
    Cancel,
    /// The runner is gone.
    Kill {
        /// When the command is run again; `None`: never.
        run_again_after: Option<Duration>,
    },
}

impl World {
    /// Notes a moment of the deployment under test: the client's, not a foreign one and not a
    /// rollback. A second deployment of the client does not move moments that have been.
    pub(super) fn mark(&mut self, deployment: &Deployment, moment: Moment) {
        let ours = deployment.created >= self.arrival && !deployment.is_rollback();
        if ours {
            self.mark_moment(moment);
        }
    }

    /// Notes a moment once.
    pub(super) fn mark_moment(&mut self, moment: Moment) {
        if !self.moments.iter().any(|(known, _)| *known == moment) {
            self.moments.push((moment, self.now));
        }
    }

    /// Lets happen what is due.
    pub(super) fn happen(&mut self) {
        let now = self.now;
        self.incidents.retain(|incident| now < incident.until);
        self.storms.retain(|storm| now < storm.until);
        for index in 0..self.happened.len() {
            if self.happened.get(index).copied().unwrap_or(true) {
                continue;
            }
            let Some(event) = self.scenario.events.get(index).cloned() else { continue };
            let due = match &event.when {
                When::At(at) => Some(self.arrival + *at),
                When::Since { moment, delay } => {
                    let found = self.moments.iter().find(|(known, _)| known == moment);
                    found.map(|(_, at)| *at + *delay)
                }
            };
            if due.is_some_and(|due| now >= due && now >= self.arrival) {
                if let Some(happened) = self.happened.get_mut(index) {
                    *happened = true;
                }
                self.act(event.act);
            }
        }
    }

    fn act(&mut self, act: Act) {
        let now = self.now;
        match act {
            Act::Incident { revisions, error_rate, latency_factor, duration } => {
                let until = now + duration;
                self.incidents.push(Incident { revisions, error_rate, latency_factor, until });
            }
            Act::RetryStorm { revisions, requests_per_second, duration } => {
                let until = now + duration;
                let requests = u64::from(requests_per_second);
                self.storms.push(Storm { revisions, requests, until });
            }
            Act::ZoneOutage { zone, duration } => {
                let index = (zone as usize).saturating_sub('a' as usize);
                if let Some(out) = self.zones_out.get_mut(index) {
                    *out = Some(now + duration);
                }
                if let Some(since) = self.zones_since.get_mut(index) {
                    *since = now;
                }
            }
            Act::Cancel => self.signals.push(Signal::Cancel),
            Act::KillRunner { run_again_after } => {
                self.signals.push(Signal::Kill { run_again_after });
            }
            Act::Scale { desired } => {
                for service in 0..self.ecs.services.len() {
                    self.scale(service, desired);
                }
            }
            Act::StackUpdate { stack, duration } => {
                let region = self.setup.region.clone();
                self.with_stacks(|stacks, world| {
                    stacks.occupy(&region, &stack, now, now + duration, world);
                });
            }
            Act::Weights(split) => self.set_weights_by_hand(split),
            Act::Alarm { name, state, hold } => {
                let name = name.or_else(|| self.first_alarm());
                if let Some(name) = name {
                    let reason = "Set by the scenario.";
                    self.guards.cloudwatch.force_alarm(now, &name, state, reason, hold);
                }
            }
        }
    }

    /// What an operator does with `ModifyRule` or `ModifyListener`.
    fn set_weights_by_hand(&mut self, split: Split) {
        let Some(group) = self.codedeploy.groups.first() else { return };
        let (listener, [blue, green]) = (group.production.clone(), group.targets);
        let (live, candidate) = (split.live.percent(), split.candidate.percent());
        self.set_forward(&listener, vec![(blue, live.into()), (green, candidate.into())]);
    }

    /// The first gating alarm of the first service.
    pub(super) fn first_alarm(&self) -> Option<String> {
        let mut alarms = self.setup.services.iter().flat_map(|service| &service.alarms);
        alarms.next().map(|alarm| alarm.name.clone())
    }
}
