//! Elastic Load Balancing: listeners with weights, target groups, target health.

mod api;
mod health;
mod modify;
mod view;

use std::time::Duration;

use serde_json::Value;

pub(super) use health::{Check, Health};

/// A load balancer with its listeners.
pub(super) struct Balancer {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) dns: String,
    pub(super) created: Duration,
    pub(super) listeners: Vec<Listener>,
}

/// A listener with its rules.
pub(super) struct Listener {
    pub(super) arn: String,
    pub(super) port: u16,
    /// The default action; without a group it answers by itself.
    pub(super) forward: Forward,
    /// The default action as it was declared, when it is no forward.
    pub(super) fixed: Option<Value>,
    /// Those beside the default one.
    pub(super) rules: Vec<Rule>,
}

/// A rule of a listener.
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) priority: u32,
    pub(super) conditions: Vec<Value>,
    pub(super) forward: Forward,
}

impl Listener {
    /// The action by which requests get to one of these groups: a rule's, or the default one.
    pub(super) fn action(&self, groups: &[usize]) -> &Forward {
        let names = |forward: &Forward| forward.iter().any(|(group, _)| groups.contains(group));
        let rule = self.rules.iter().find(|rule| names(&rule.forward));
        rule.map_or(&self.forward, |rule| &rule.forward)
    }

    /// The action for a path: the first rule that fits, in the order of their priorities.
    pub(super) fn route(&self, path: &str) -> &Forward {
        let path = path.split('?').next().unwrap_or(path);
        let fits = |rule: &&Rule| {
            rule.conditions.iter().all(|condition| {
                let field = condition.get("Field").and_then(Value::as_str);
                // Hosts are not told apart: every name of a load balancer here leads to it.
                field != Some("path-pattern")
                    || patterns(condition).any(|pattern| match pattern.strip_suffix('*') {
                        Some(start) => path.starts_with(start),
                        None => path == pattern,
                    })
            })
        };
        let rule = self.rules.iter().filter(fits).min_by_key(|rule| rule.priority);
        rule.map_or(&self.forward, |rule| &rule.forward)
    }

    /// Every action of the listener.
    pub(super) fn actions(&self) -> impl Iterator<Item = &Forward> {
        std::iter::once(&self.forward).chain(self.rules.iter().map(|rule| &rule.forward))
    }

    /// Replaces the action that names one of the groups of the new one, or the default one.
    fn set_action(&mut self, forward: Forward) {
        let names =
            |known: &Forward| known.iter().any(|(g, _)| forward.iter().any(|(n, _)| n == g));
        match self.rules.iter_mut().find(|rule| names(&rule.forward)) {
            Some(rule) => rule.forward = forward,
            None => self.forward = forward,
        }
    }
}

/// The patterns of a condition, in either of its two spellings.
fn patterns(condition: &Value) -> impl Iterator<Item = &str> {
    let short = condition.get("Values");
    let long = condition.get("PathPatternConfig").and_then(|config| config.get("Values"));
    let lists = [short, long].into_iter().flatten().filter_map(Value::as_array);
    lists.flatten().filter_map(Value::as_str)
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

    /// A rule, not a default one, by ARN.
    pub(super) fn rule(&self, arn: &str) -> Option<&Rule> {
        self.listeners().flat_map(|l| &l.rules).find(|rule| rule.arn == arn)
    }

    /// Every listener.
    pub(super) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.balancers.iter().flat_map(|balancer| &balancer.listeners)
    }

    /// Every listener, to change it.
    pub(super) fn listeners_mut(&mut self) -> impl Iterator<Item = &mut Listener> {
        self.balancers.iter_mut().flat_map(|balancer| &mut balancer.listeners)
    }

    /// Replaces a listener's action; `false` when there is no such listener.
    pub(super) fn set_forward(&mut self, arn: &str, forward: Forward) -> bool {
        let listener =
            self.balancers.iter_mut().flat_map(|b| &mut b.listeners).find(|l| l.arn == arn);
        listener.map(|listener| listener.set_action(forward)).is_some()
    }

    /// Whether any listener names the group: only such groups are checked.
    pub(super) fn in_use(&self, group: usize) -> bool {
        self.balancers
            .iter()
            .flat_map(|b| &b.listeners)
            .flat_map(Listener::actions)
            .any(|forward| forward.iter().any(|(index, _)| *index == group))
    }
}
