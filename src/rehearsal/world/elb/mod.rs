//! Elastic Load Balancing: listeners with weights, target groups, target health.

mod api;
mod health;
mod modify;
mod view;

use std::time::Duration;

pub(super) use health::{Check, Health};

/// A load balancer with its listeners.
pub(super) struct Balancer {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) dns: String,
    pub(super) created: Duration,
    pub(super) listeners: Vec<Listener>,
}

/// A listener; its only rule is the default one.
pub(super) struct Listener {
    pub(super) arn: String,
    pub(super) port: u16,
    pub(super) forward: Forward,
}

/// A forward action: target groups by index, with their weights.
pub(super) type Forward = Vec<(usize, u32)>;

/// A target group.
pub(super) struct TargetGroup {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) port: u16,
    /// The service that it belongs to.
    pub(super) service: usize,
    pub(super) path: String,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) healthy: u32,
    pub(super) unhealthy: u32,
    pub(super) deregistration_delay: Duration,
    pub(super) targets: Vec<Target>,
    /// Requests in the last second to each target in service; what draining starts from.
    pub(super) rate: f64,
    /// Whether it has no healthy target by our doing: it got weight while it was empty, or it was
    /// emptied while it had weight. A revision that died by itself is nobody's doing.
    pub(super) emptied: bool,
}

/// A registered target: one task.
pub(super) struct Target {
    /// The task's id.
    pub(super) task: String,
    pub(super) ip: String,
    pub(super) zone: usize,
    pub(super) health: Health,
    pub(super) passes: u32,
    pub(super) failures: u32,
    pub(super) next_check: Duration,
    /// Requests that were under way when draining began.
    pub(super) in_flight: u64,
}

/// Load balancers and target groups.
#[derive(Default)]
pub(super) struct Elb {
    pub(super) balancers: Vec<Balancer>,
    pub(super) groups: Vec<TargetGroup>,
}

impl TargetGroup {
    /// Targets that get requests because they are healthy.
    pub(super) fn healthy_count(&self) -> usize {
        self.targets.iter().filter(|target| target.health == Health::Healthy).count()
    }

    /// Dimension value in CloudWatch: the ARN's resource part.
    pub(super) fn dimension(&self) -> &str {
        self.arn.splitn(6, ':').nth(5).unwrap_or(&self.arn)
    }

    /// Adds a target; its first check comes after one interval.
    pub(super) fn register(&mut self, task: &str, ip: &str, zone: usize, now: Duration) {
        self.targets.push(Target {
            task: task.to_owned(),
            ip: ip.to_owned(),
            zone,
            health: Health::Initial,
            passes: 0,
            failures: 0,
            next_check: now + self.interval,
            in_flight: 0,
        });
    }

    /// The target of a task.
    pub(super) fn target(&self, task: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.task == task)
    }
}

impl Balancer {
    /// Dimension value in CloudWatch: `app/<name>/<id>`.
    pub(super) fn dimension(&self) -> &str {
        self.arn.split_once("loadbalancer/").map_or(&self.arn, |(_, tail)| tail)
    }
}

impl Elb {
    /// The group of an ARN.
    pub(super) fn group_by_arn(&self, arn: &str) -> Option<usize> {
        self.groups.iter().position(|group| group.arn == arn)
    }

    /// A listener by ARN.
    pub(super) fn listener(&self, arn: &str) -> Option<&Listener> {
        self.balancers.iter().flat_map(|b| &b.listeners).find(|l| l.arn == arn)
    }

    /// Replaces a listener's action; `false` when there is no such listener.
    pub(super) fn set_forward(&mut self, arn: &str, forward: Forward) -> bool {
        let listener =
            self.balancers.iter_mut().flat_map(|b| &mut b.listeners).find(|l| l.arn == arn);
        listener.map(|listener| listener.forward = forward).is_some()
    }

    /// Whether any listener names the group: only such groups are checked.
    pub(super) fn in_use(&self, group: usize) -> bool {
        self.balancers
            .iter()
            .flat_map(|b| &b.listeners)
            .any(|l| l.forward.iter().any(|(index, _)| *index == group))
    }
}
