//! What the load balancers report to CloudWatch, minute by minute.

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::elb::Health;
use crate::rehearsal::guards::cloudwatch::{Datum, Metric};

const NAMESPACE: &str = "AWS/ApplicationELB";

/// The counts of one minute.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// By target group: its service, and what its targets answered.
    groups: BTreeMap<usize, (usize, Answers)>,
    /// 5xx answers of the load balancer itself, by service.
    balancer: BTreeMap<usize, u64>,
}

/// What targets answered in a minute.
#[derive(Debug, Default)]
struct Answers {
    requests: u64,
    errors: u64,
    times: Vec<f64>,
}

impl Minute {
    /// Counts answers of targets.
    pub(super) fn answers(
        &mut self,
        service: usize,
        group: usize,
        requests: u64,
        errors: u64,
        times: Vec<f64>,
    ) {
        let (_, entry) = self.groups.entry(group).or_insert((service, Answers::default()));
        entry.requests += requests;
        entry.errors += errors;
        entry.times.extend(times);
    }

    /// Counts answers of the load balancer in place of a target.
    pub(super) fn balancer_errors(&mut self, service: usize, count: u64) {
        if count > 0 {
            *self.balancer.entry(service).or_default() += count;
        }
    }
}

impl World {
    /// Reports the minute that ended. Counters appear only when something was counted
    /// (ELB user guide, CloudWatch metrics).
    pub(super) fn tick_metrics(&mut self) {
        if !self.ticks.is_multiple_of(60) {
            return;
        }
        let at = self.now.saturating_sub(Duration::from_secs(60));
        let minute = std::mem::take(&mut self.minute);
        for (group, (service, answers)) in minute.groups {
            let Some(balancer) = self.elb.balancers.get(service).map(|b| b.dimension().to_owned())
            else {
                continue;
            };
            let Some(target) = self.elb.groups.get(group).map(|g| g.dimension().to_owned()) else {
                continue;
            };
            let both = [("LoadBalancer", balancer.as_str()), ("TargetGroup", target.as_str())];
            let good = answers.requests.saturating_sub(answers.errors);
            for dimensions in [&both[..1], &both[..]] {
                self.count("RequestCount", dimensions, at, answers.requests);
                self.count("HTTPCode_Target_2XX_Count", dimensions, at, good);
                self.count("HTTPCode_Target_5XX_Count", dimensions, at, answers.errors);
                let metric = Metric::new(NAMESPACE, "TargetResponseTime", dimensions);
                self.guards.cloudwatch.put(metric, at, Datum::Values(answers.times.clone()));
            }
        }
        for (service, count) in minute.balancer {
            let Some(balancer) = self.elb.balancers.get(service).map(|b| b.dimension().to_owned())
            else {
                continue;
            };
            let dimensions = [("LoadBalancer", balancer.as_str())];
            self.count("RequestCount", &dimensions, at, count);
            self.count("HTTPCode_ELB_5XX_Count", &dimensions, at, count);
        }
        self.report_hosts(at);
    }

    fn count(&mut self, name: &str, dimensions: &[(&str, &str)], at: Duration, count: u64) {
        if count > 0 {
            let metric = Metric::new(NAMESPACE, name, dimensions);
            self.guards.cloudwatch.put(metric, at, Datum::Sum(count as f64));
        }
    }

    fn report_hosts(&mut self, at: Duration) {
        for index in 0..self.elb.groups.len() {
            let Some(group) = self.elb.groups.get(index) else { continue };
            let Some(balancer) = self.elb.balancers.get(group.service) else { continue };
            let dimensions =
                [("LoadBalancer", balancer.dimension()), ("TargetGroup", group.dimension())];
            let healthy = group.healthy_count() as f64;
            let bad = |target: &&super::elb::Target| matches!(target.health, Health::Unhealthy(_));
            let unhealthy = group.targets.iter().filter(bad).count() as f64;
            let hosts = Metric::new(NAMESPACE, "HealthyHostCount", &dimensions);
            let others = Metric::new(NAMESPACE, "UnHealthyHostCount", &dimensions);
            self.guards.cloudwatch.put(hosts, at, Datum::Values(vec![healthy]));
            self.guards.cloudwatch.put(others, at, Datum::Values(vec![unhealthy]));
        }
    }
}
