//! Virtual time: one second after the other.

use std::time::Duration;

use super::World;
use super::ecs::Role;
use super::elb::{Check, Forward};
use super::tally::WeightChange;
use super::{behaviour, tally};

impl World {
    /// Brings the world to `now` since the client came.
    pub(super) fn reach(&mut self, now: Duration) {
        self.advance_to(self.arrival.saturating_add(now));
    }

    /// Brings the world to an inner time.
    pub(super) fn advance_to(&mut self, inner: Duration) {
        while self.ticks < inner.as_secs() {
            self.ticks += 1;
            self.now = Duration::from_secs(self.ticks);
            self.tick();
        }
        self.now = self.now.max(inner);
    }

    fn tick(&mut self) {
        self.happen();
        self.tick_zones();
        self.tick_tasks();
        self.tick_services();
        self.tick_targets();
        self.tick_deployments();
        self.tick_users();
        self.tick_storms();
        self.tick_published();
        self.tick_metrics();
        self.tick_guards();
        self.tick_stacks();
        self.check_invariants();
    }

    /// Whether nothing goes on that has an end of its own.
    pub(super) fn is_quiet(&self) -> bool {
        let active = self.codedeploy.deployments.iter().any(|d| d.status.is_active());
        let mut targets = self.elb.groups.iter().flat_map(|group| &group.targets);
        !active && self.stacks.is_quiet() && !targets.any(|target| target.health.is_draining())
    }

    /// Ends drains and runs the health checks that are due.
    fn tick_targets(&mut self) {
        let now = self.now;
        self.cut_drained();
        for group in &mut self.elb.groups {
            group.forget_drained(now);
        }
        let (tasks, scenario, zones) = (&self.ecs.tasks, &self.scenario, &self.zones_out);
        let passes = self.assumptions.initial_passes;
        self.elb.check(now, passes, &mut |id| {
            let Some(task) = tasks.iter().find(|task| task.id == id) else {
                return Check::TimedOut;
            };
            let out = zones.get(task.zone).is_some_and(Option::is_some);
            if out || !task.listens() {
                return Check::TimedOut;
            }
            match behaviour::of(scenario, task.role).health {
                200 => Check::Passed,
                status => Check::Mismatch(status),
            }
        });
        for group in self.elb.groups.iter_mut().filter(|group| group.healthy_count() > 0) {
            group.emptied = false;
        }
    }

    /// Replaces the action of a listener, and notes it when it is a production listener.
    pub(super) fn set_forward(&mut self, listener: &str, forward: Forward) {
        let ours = |group: &&super::codedeploy::Group| {
            group.production == listener
                && forward.iter().any(|(index, _)| group.targets.contains(index))
        };
        let group = self.codedeploy.groups.iter().find(ours);
        let Some(service) = group.map(|group| group.service) else {
            self.elb.set_forward(listener, forward);
            return;
        };
        let before = self.forward_of(service);
        for (group, weight) in &forward {
            let had = before.iter().find(|(known, _)| known == group).map_or(0, |(_, had)| *had);
            if let Some(group) = self.elb.groups.get_mut(*group)
                && *weight > had
                && group.healthy_count() == 0
            {
                group.emptied = true;
            }
        }
        self.elb.set_forward(listener, forward);
        self.note_weights(service);
    }

    /// Writes the weights of a service into the tally, and when users of the candidate are safe.
    pub(super) fn note_weights(&mut self, service: usize) {
        let Some(name) = self.ecs.services.get(service).map(|service| service.name.clone()) else {
            return;
        };
        let at_s = self.client_time(self.now);
        let weights = self.weights_by_name(&name);
        if self
            .tally
            .weights
            .last()
            .is_none_or(|last| last.service != name || last.weights != weights)
        {
            self.tally.weights.push(WeightChange { at_s, service: name, weights });
        }
        let exposed_now = self
            .forward_of(service)
            .iter()
            .any(|(group, weight)| *weight > 0 && self.group_role(*group) == Some(Role::Candidate));
        let Some(exposure) = self.exposed.get_mut(service) else { return };
        if exposed_now {
            exposure.was = true;
            self.tally.restored_at_s = None;
        } else if exposure.was {
            exposure.was = false;
            self.tally.restored_at_s = Some(at_s);
        }
    }

    /// The role of the tasks behind a target group.
    pub(super) fn group_role(&self, group: usize) -> Option<Role> {
        let mut sets = self.ecs.services.iter().flat_map(|service| &service.sets);
        sets.find(|set| set.group == group).map(|set| set.role)
    }

    /// Whether users are sent to a target group.
    pub(super) fn has_weight(&self, group: usize) -> bool {
        let service = self.elb.groups.get(group).map(|group| group.service);
        let forward = service.map(|service| self.forward_of(service)).unwrap_or_default();
        forward.iter().any(|(known, weight)| *known == group && *weight > 0)
    }

    /// Whether users are sent to a service: one that is being made gets them once its deployment
    /// group says where from.
    pub(super) fn has_users(&self, service: usize) -> bool {
        self.codedeploy.groups.iter().any(|group| group.service == service)
    }

    /// The production action of a service.
    pub(super) fn forward_of(&self, service: usize) -> Forward {
        let group = self.codedeploy.groups.iter().find(|group| group.service == service);
        let found = group.and_then(|group| Some((self.elb.listener(&group.production)?, group)));
        found.map(|(listener, group)| listener.action(&group.targets).clone()).unwrap_or_default()
    }

    pub(super) fn weights_by_name(&self, service: &str) -> std::collections::BTreeMap<String, u32> {
        let index = self.ecs.services.iter().position(|known| known.name == service);
        let forward = index.map(|index| self.forward_of(index)).unwrap_or_default();
        let named = forward.into_iter().filter_map(|(group, weight)| {
            self.elb.groups.get(group).map(|group| (group.name.clone(), weight))
        });
        named.collect()
    }

    /// What must always hold; what does not is kept for the verdict.
    fn check_invariants(&mut self) {
        let mut broken = Vec::new();
        for (index, service) in self.ecs.services.iter().enumerate() {
            if !self.has_users(index) {
                continue;
            }
            let forward = self.forward_of(index);
            let sum: u32 = forward.iter().map(|(_, weight)| weight).sum();
            if sum != 100 {
                broken.push(format!("{}: weights sum to {sum}, not 100", service.name));
            }
            for (group, _) in forward.iter().filter(|(_, weight)| *weight > 0) {
                let Some(group) = self.elb.groups.get(*group) else { continue };
                if group.healthy_count() == 0 && group.emptied {
                    broken.push(format!(
                        "{}: {} has weight and no healthy target",
                        service.name, group.name
                    ));
                }
            }
        }
        for (index, group) in self.codedeploy.groups.iter().enumerate() {
            let all = self.codedeploy.deployments.iter();
            if all.filter(|d| d.group == index && d.status.is_active()).count() > 1 {
                broken.push(format!("{}: two deployments are active", group.name));
            }
        }
        if self.arrived() {
            let at = tally::at_s(self.now.saturating_sub(self.arrival));
            for text in broken {
                self.tally.violate(text, at);
            }
        }
    }
}
