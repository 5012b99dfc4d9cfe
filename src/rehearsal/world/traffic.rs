//! Users: requests by the live weights, answered as the serving revision behaves.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution, LogNormal, Poisson};

use super::World;
use super::behaviour::{self, Service};
use super::ecs::{Owner, Role};
use super::elb::Health;

/// Whether the candidate has production traffic since the last time that it had none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exposure {
    pub(super) was: bool,
}

/// Draws how many of `n` happen.
fn binomial(rng: &mut ChaCha8Rng, n: u64, p: f64) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    Binomial::new(n, p.min(1.0)).map_or(0, |law| law.sample(rng).min(n))
}

/// Draws a count with a mean.
fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> u64 {
    if mean <= 0.0 {
        return 0;
    }
    Poisson::new(mean).map_or(0, |law| law.sample(rng) as u64)
}

/// The targets of a group that requests go to in this second.
struct Serving {
    live: u64,
    candidate: u64,
    /// Those that cannot answer although requests still go to them.
    dead: u64,
}

impl Serving {
    fn count(&self) -> u64 {
        self.live + self.candidate + self.dead
    }
}

impl World {
    /// One second of requests for every service.
    pub(super) fn tick_users(&mut self) {
        for service in 0..self.ecs.services.len() {
            if !self.has_users(service) {
                continue;
            }
            let rate = self.scenario.traffic.requests_per_second;
            let mut left = poisson(&mut self.traffic_rng, rate);
            self.count_requests(left);
            let forward = self.forward_of(service);
            let mut weight_left: u32 = forward.iter().map(|(_, weight)| weight).sum();
            if weight_left == 0 {
                self.lose(left, true);
                continue;
            }
            for (group, weight) in forward {
                let share = f64::from(weight) / f64::from(weight_left.max(1));
                let here = binomial(&mut self.traffic_rng, left, share);
                left -= here;
                weight_left -= weight;
                self.serve(service, group, here);
            }
        }
    }

    fn count_requests(&mut self, count: u64) {
        if self.arrived() {
            self.tally.requests.total += count;
        }
    }

    /// Counts requests that were not answered.
    fn lose(&mut self, count: u64, our_doing: bool) {
        if self.arrived() {
            self.tally.requests.failed += count;
            if our_doing {
                self.tally.requests.dropped += count;
            }
        }
    }

    /// Where the requests to a group go: to its healthy targets, or, when there are none, to all
    /// that are registered ("fail open", ELB user guide, target group health).
    fn serving(&self, group: usize) -> Serving {
        let mut serving = Serving { live: 0, candidate: 0, dead: 0 };
        let Some(group) = self.elb.groups.get(group) else { return serving };
        let any_healthy = group.healthy_count() > 0;
        for target in &group.targets {
            let used =
                target.health == Health::Healthy || (!any_healthy && !target.health.is_draining());
            if !used {
                continue;
            }
            let out = self.zones_out.get(target.zone).is_some_and(Option::is_some);
            match self.ecs.task(&target.task) {
                Some(task) if task.listens() && !out => match task.role {
                    Role::Live => serving.live += 1,
                    Role::Candidate => serving.candidate += 1,
                },
                _ => serving.dead += 1,
            }
        }
        serving
    }

    fn serve(&mut self, service: usize, group: usize, requests: u64) {
        let serving = self.serving(group);
        let count = serving.count();
        if let Some(group) = self.elb.groups.get_mut(group) {
            group.rate = requests as f64 / count.max(1) as f64;
        }
        if requests == 0 {
            return;
        }
        if count == 0 {
            // 503: weight on a group that has nobody to answer.
            self.leave(group, requests);
            self.minute.balancer_errors(service, requests);
            return;
        }
        let dead = serving.dead as f64 / count as f64;
        let unanswered = binomial(&mut self.traffic_rng, requests, dead);
        self.leave(group, unanswered);
        self.minute.balancer_errors(service, unanswered);
        let answered = requests - unanswered;
        let share = serving.candidate as f64 / (serving.live + serving.candidate).max(1) as f64;
        let candidate = binomial(&mut self.traffic_rng, answered, share);
        self.serve_role(service, group, Role::Live, answered - candidate);
        self.serve_role(service, group, Role::Candidate, candidate);
    }

    fn serve_role(&mut self, service: usize, group: usize, role: Role, requests: u64) {
        if requests == 0 {
            return;
        }
        let served = behaviour::served(&self.scenario, &self.incidents, role);
        let errors = binomial(&mut self.traffic_rng, requests, served.error_rate);
        let times = self.response_times(&served, requests);
        let limit = self.scenario.live.latency.median.as_secs_f64() * self.assumptions.slow_factor;
        let slow_samples = times.iter().filter(|time| **time > limit).count() as f64;
        let slow_share = slow_samples / times.len().max(1) as f64;
        let slow = ((requests - errors) as f64 * slow_share).round() as u64;
        self.minute.answers(service, group, requests, errors, times);
        self.publish(service, group, requests, errors);
        self.lose(errors, false);
        if role == Role::Candidate {
            self.suffer(errors + slow);
        }
    }

    /// Requests that all fail whatever the revision does otherwise.
    pub(super) fn fail_all(
        &mut self,
        service: usize,
        group: usize,
        role: Option<Role>,
        requests: u64,
    ) {
        self.count_requests(requests);
        self.minute.answers(service, group, requests, requests, Vec::new());
        self.publish(service, group, requests, requests);
        self.lose(requests, false);
        if role == Some(Role::Candidate) {
            self.suffer(requests);
        }
    }

    /// Counts requests to a group that nobody there answers: dropped when the group is empty by
    /// our doing, else the outage of the revision behind it.
    fn leave(&mut self, group: usize, requests: u64) {
        let emptied = self.elb.groups.get(group).is_some_and(|group| group.emptied);
        self.lose(requests, emptied);
        if !emptied && self.group_role(group) == Some(Role::Candidate) {
            self.suffer(requests);
        }
    }

    /// Counts what users had to bear from the candidate.
    fn suffer(&mut self, count: u64) {
        if self.arrived() && count > 0 {
            self.tally.bad_requests += count;
            let at_s = self.client_time(self.now);
            self.tally.first_bad_at_s.get_or_insert(at_s);
        }
    }

    /// Draws response times in seconds; at high rates a sample of them.
    fn response_times(&mut self, served: &Service, requests: u64) -> Vec<f64> {
        let count = requests.min(self.assumptions.latency_samples);
        let Ok(law) = LogNormal::new(served.median.ln(), served.sigma) else {
            return vec![served.median; usize::try_from(count).unwrap_or_default()];
        };
        (0..count).map(|_| law.sample(&mut self.traffic_rng)).collect()
    }

    /// Requests that are under way at a target when its draining begins.
    pub(super) fn in_flight(&mut self, group: usize, task: &str, role: Role) -> u64 {
        let Some(group) = self.elb.groups.get(group) else { return 0 };
        let serves = group.target(task).is_some_and(|target| target.health == Health::Healthy);
        if !serves {
            return 0;
        }
        let mean = behaviour::served(&self.scenario, &self.incidents, role).mean();
        let under_way = group.rate * mean;
        poisson(&mut self.task_rng, under_way)
    }

    /// Cuts what is still under way at targets whose deregistration delay is over: those requests
    /// have no answer, and that is our doing. The rest of a request is taken as exponential.
    pub(super) fn cut_drained(&mut self) {
        let mut cut = 0;
        for group in 0..self.elb.groups.len() {
            let Some(entry) = self.elb.groups.get(group) else { continue };
            let delay = entry.deregistration_delay;
            let due: Vec<(u64, String)> = entry
                .targets
                .iter()
                .filter(|target| match target.health {
                    Health::Draining { since } => self.now >= since + delay,
                    _ => false,
                })
                .map(|target| (target.in_flight, target.task.clone()))
                .collect();
            for (in_flight, task) in due {
                let role = self.ecs.task(&task).map_or(Role::Live, |task| task.role);
                let mean = behaviour::served(&self.scenario, &self.incidents, role).mean();
                let left = (-delay.as_secs_f64() / mean.max(0.001)).exp();
                cut += binomial(&mut self.task_rng, in_flight, left);
            }
        }
        self.lose(cut, true);
    }

    /// A target is gone at once, with what it was working on; that is nobody's doing here.
    pub(super) fn lose_target(&mut self, group: usize, task: &str, at: Duration) {
        if let Some(group) = self.elb.groups.get_mut(group) {
            group.drain(task, at, 0);
        }
    }

    /// Stops what runs in zones that are lost, and opens zones that are back.
    pub(super) fn tick_zones(&mut self) {
        let now = self.now;
        for until in &mut self.zones_out {
            if until.is_some_and(|until| now >= until) {
                *until = None;
            }
        }
        if self.zones_out.iter().all(Option::is_none) {
            return;
        }
        let loss = self.assumptions.zone_loss;
        let since = self.zones_since.clone();
        let lost = |zone: usize| {
            let out = self.zones_out.get(zone).is_some_and(Option::is_some);
            out && since.get(zone).is_some_and(|since| now >= *since + loss)
        };
        let doomed: Vec<String> = self
            .ecs
            .tasks
            .iter()
            .filter(|task| task.stopped.is_none() && lost(task.zone))
            .map(|task| task.id.clone())
            .collect();
        if doomed.is_empty() {
            return;
        }
        let mut tasks = std::mem::take(&mut self.ecs.tasks);
        for task in tasks.iter_mut().filter(|task| doomed.contains(&task.id)) {
            self.lose_task(task);
            if let Owner::Set { service, .. } = &task.owner {
                let message = format!("(task {}) was lost with its availability zone.", task.id);
                self.note(*service, message);
            }
        }
        self.ecs.tasks = tasks;
    }
}
