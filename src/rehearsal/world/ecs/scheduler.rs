//! The service scheduler: keeps task sets at their number, across zones.

use std::time::Duration;

use rand::RngExt;

use super::{Owner, SetStatus, Stage, Stop, StopCode, Task};
use crate::rehearsal::world::World;
use crate::rehearsal::world::behaviour;
use crate::rehearsal::world::elb::Health;

impl World {
    /// Starts and stops tasks, replaces failed ones and says which task sets are steady.
    pub(in crate::rehearsal::world) fn tick_services(&mut self) {
        for service in 0..self.ecs.services.len() {
            let Some(ids) = self.ecs.services.get(service) else { continue };
            let ids: Vec<String> = ids.sets.iter().map(|set| set.id.clone()).collect();
            for id in &ids {
                self.stop_unhealthy(service, id);
                self.fill(service, id);
                self.judge_steady(service, id);
            }
            self.forget_empty(service);
        }
    }

    /// Stops tasks whose target fails its checks, after the grace period.
    fn stop_unhealthy(&mut self, service: usize, id: &str) {
        let Some((group, grace)) = self
            .ecs
            .services
            .get(service)
            .and_then(|service| service.set(id).map(|set| (set.group, service.grace)))
        else {
            return;
        };
        let Some(group) = self.elb.groups.get(group) else { return };
        let now = self.now;
        let failed: Vec<String> = self
            .ecs
            .tasks_of(id)
            .filter(|task| task.is_wanted())
            .filter(|task| task.running.is_some_and(|at| now >= at + grace))
            .filter(|task| {
                let target = group.target(&task.id);
                target.is_some_and(|target| matches!(target.health, Health::Unhealthy(_)))
            })
            .map(|task| task.id.clone())
            .collect();
        if failed.is_empty() {
            return;
        }
        let stop = Stop {
            code: StopCode::ServiceSchedulerInitiated,
            reason: format!("Task failed ELB health checks in (target-group {})", group.arn),
            exit_code: Some(0),
        };
        self.stop_where(|task| failed.contains(&task.id), &stop);
        for _ in &failed {
            self.set_failed(service, id, now);
        }
    }

    /// Starts what is missing and stops what is too much.
    fn fill(&mut self, service: usize, id: &str) {
        let Some(set) = self.ecs.services.get(service).and_then(|service| service.set(id)) else {
            return;
        };
        let (desired, not_before) = (set.desired, set.not_before);
        let wanted: Vec<String> =
            self.ecs.tasks_of(id).filter(|t| t.is_wanted()).map(|t| t.id.clone()).collect();
        let have = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
        if have < desired && self.now >= not_before {
            for _ in have..desired {
                self.start_task(service, id);
            }
        } else if have > desired {
            // The newest go first, so that what serves longest stays.
            let surplus: Vec<String> =
                wanted.into_iter().rev().take((have - desired) as usize).collect();
            let stop = Stop {
                code: StopCode::ServiceSchedulerInitiated,
                reason: format!("Scaling activity initiated by (deployment {id})"),
                exit_code: Some(0),
            };
            self.stop_where(|task| surplus.contains(&task.id), &stop);
        }
    }

    fn start_task(&mut self, service: usize, id: &str) {
        let zone = self.emptiest_zone(|task| task.set_id() == Some(id));
        let Some((cluster, set)) =
            self.ecs.services.get(service).and_then(|service| {
                service.set(id).map(|set| (service.cluster.clone(), set.clone()))
            })
        else {
            return;
        };
        let Some(zone) = zone else { return };
        let owner = Owner::Set { service, set: id.to_owned(), group: set.group };
        let task = self.new_task(cluster, owner, &set.definition, zone);
        let message = {
            let name = self.ecs.services.get(service).map(|service| service.name.as_str());
            format!("(service {}) has started 1 tasks: (task {}).", name.unwrap_or(""), task.id)
        };
        self.ecs.tasks.push(task);
        self.note(service, message);
    }

    /// Adds an event to a service.
    pub(in crate::rehearsal::world) fn note(&mut self, service: usize, message: String) {
        let (id, now) = (self.ids.uuid(), self.now);
        if let Some(service) = self.ecs.services.get_mut(service) {
            service.note(id, now, message);
        }
    }

    /// A task at the beginning of its life.
    pub(in crate::rehearsal::world) fn new_task(
        &mut self,
        cluster: String,
        owner: Owner,
        definition: &str,
        zone: usize,
    ) -> Task {
        let role = self.role_of(definition);
        let jitter = self.assumptions.start_jitter;
        let spread = if jitter > 0.0 { self.task_rng.random_range(-jitter..jitter) } else { 0.0 };
        let start = behaviour::of(&self.scenario, role).start.mul_f64((1.0 + spread).max(0.0));
        let now = self.now;
        Task {
            id: self.ids.hex(32),
            cluster,
            owner,
            definition: definition.to_owned(),
            role,
            zone,
            ip: self.ids.address(zone),
            stage: Stage::Provisioning,
            created: now,
            start,
            until: Some(now + start.mul_f64(self.assumptions.start_shares.0)),
            pulled: None,
            running: None,
            stopping: None,
            ended: None,
            stopped: None,
            stop: None,
        }
    }

    /// The zone with the fewest fitting tasks that is not out; `None` when all are.
    pub(in crate::rehearsal::world) fn emptiest_zone(
        &self,
        fits: impl Fn(&Task) -> bool,
    ) -> Option<usize> {
        (0..self.zones_out.len())
            .filter(|zone| self.zones_out.get(*zone).is_some_and(Option::is_none))
            .min_by_key(|zone| {
                let tasks = self.ecs.tasks.iter().filter(|task| task.is_wanted() && fits(task));
                tasks.filter(|task| task.zone == *zone).count()
            })
    }

    /// Counts a failed task of a task set and slows its replacement down when they keep failing
    /// (ECS developer guide, service throttle logic).
    pub(in crate::rehearsal::world) fn set_failed(
        &mut self,
        service: usize,
        id: &str,
        at: Duration,
    ) {
        let (free, first, longest) = (
            self.assumptions.restart_free,
            self.assumptions.restart_backoff,
            self.assumptions.restart_backoff_max,
        );
        let Some(set) = self.ecs.services.get_mut(service).and_then(|s| s.set_mut(id)) else {
            return;
        };
        set.failures = set.failures.saturating_add(1);
        if let Some(exponent) = set.failures.checked_sub(free.saturating_add(1)) {
            let factor = 2_u32.saturating_pow(exponent.min(10));
            set.not_before = at + first.saturating_mul(factor).min(longest);
        }
    }

    /// A task set is steady when it has its number, nothing pending, and all targets healthy
    /// (ECS API reference, `TaskSet.stabilityStatus`).
    fn judge_steady(&mut self, service: usize, id: &str) {
        let (running, pending) = self.counts(id);
        let now = self.now;
        let Some(set) = self.ecs.services.get(service).and_then(|service| service.set(id)) else {
            return;
        };
        let group = self.elb.groups.get(set.group);
        let healthy = group.is_some_and(|group| {
            self.ecs.tasks_of(id).filter(|task| task.is_wanted()).all(|task| {
                group.target(&task.id).is_some_and(|target| target.health == Health::Healthy)
            })
        });
        let steady =
            set.status != SetStatus::Draining && running == set.desired && pending == 0 && healthy;
        let changed = steady != set.steady;
        let Some(service_entry) = self.ecs.services.get_mut(service) else { return };
        let name = service_entry.name.clone();
        if let Some(set) = service_entry.set_mut(id)
            && changed
        {
            set.steady = steady;
            set.steady_at = now;
            set.updated = now;
            if steady {
                set.failures = 0;
                let message = format!("(service {name}, taskSet {id}) has reached a steady state.");
                self.note(service, message);
            }
        }
    }

    /// Forgets task sets that drained to the last task.
    fn forget_empty(&mut self, service: usize) {
        let tasks = &self.ecs.tasks;
        let busy = |id: &str| {
            tasks.iter().any(|task| task.set_id() == Some(id) && task.stage != Stage::Stopped)
        };
        if let Some(service) = self.ecs.services.get_mut(service) {
            service.sets.retain(|set| set.status != SetStatus::Draining || busy(&set.id));
        }
    }
}
