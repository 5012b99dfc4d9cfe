//! The alarms that a service behind a load balancer usually has.

use std::time::Duration;

use super::alarm::{AlarmSetup, Comparison, MissingData};
use super::{Metric, Query, Statistic};
use crate::domain::AlarmState;

const MINUTE: Duration = Duration::from_secs(60);

impl AlarmSetup {
    /// An alarm on one statistic of one metric, 1 of 1 minutes above a threshold.
    pub fn on_metric(
        name: impl Into<String>,
        metric: Metric,
        statistic: Statistic,
        threshold: f64,
    ) -> Self {
        Self {
            name: name.into(),
            description: String::new(),
            queries: vec![Query::metric("m1", metric, statistic, MINUTE)],
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            threshold,
            comparison: Comparison::Greater,
            missing: MissingData::Missing,
            initial: AlarmState::Ok,
        }
    }

    /// The share of 5xx answers of a target group's targets: 2 of 2 minutes above `threshold`
    /// (0–1). The counter is filled, since it is missing where nothing failed; the requests are
    /// not, so that a minute without traffic has no ratio.
    pub fn error_ratio(
        name: impl Into<String>,
        load_balancer: &str,
        target_group: &str,
        threshold: f64,
    ) -> Self {
        let dimensions = [("LoadBalancer", load_balancer), ("TargetGroup", target_group)];
        let metric = |name| Metric::new("AWS/ApplicationELB", name, &dimensions);
        let queries = vec![
            Query::input("errors", metric("HTTPCode_Target_5XX_Count"), Statistic::Sum, MINUTE),
            Query::input("requests", metric("RequestCount"), Statistic::Sum, MINUTE),
            Query::expression("ratio", "FILL(errors, 0) / requests"),
        ];
        let description = "share of 5xx answers".to_owned();
        Self { description, ..Self::of_two_minutes(name.into(), queries, threshold) }
    }

    /// The same share over several target groups together, with the 5xx answers of the load balancer
    /// itself: the alarm of a blue/green pair.
    pub fn error_ratio_of_all(
        name: impl Into<String>,
        load_balancer: &str,
        target_groups: &[&str],
        threshold: f64,
    ) -> Self {
        let mut queries = Vec::new();
        let (mut errors, mut requests) = (Vec::new(), Vec::new());
        for (number, target_group) in target_groups.iter().enumerate() {
            let dimensions = [("LoadBalancer", load_balancer), ("TargetGroup", *target_group)];
            let metric = |name| Metric::new("AWS/ApplicationELB", name, &dimensions);
            let (e, r) = (format!("e{number}"), format!("r{number}"));
            queries.push(Query::input(
                &e,
                metric("HTTPCode_Target_5XX_Count"),
                Statistic::Sum,
                MINUTE,
            ));
            queries.push(Query::input(&r, metric("RequestCount"), Statistic::Sum, MINUTE));
            errors.push(e);
            requests.push(r);
        }
        // What the load balancer answers itself because no target could (ELB user guide,
        // `HTTPCode_ELB_5XX_Count`; it has no TargetGroup dimension). It is in the denominator
        // too: in a total outage no target has requests, and the ratio would have no datapoint.
        let own = Metric::new(
            "AWS/ApplicationELB",
            "HTTPCode_ELB_5XX_Count",
            &[("LoadBalancer", load_balancer)],
        );
        queries.push(Query::input("elb", own, Statistic::Sum, MINUTE));
        errors.push("elb".to_owned());
        requests.push("elb".to_owned());
        let text =
            format!("FILL(SUM([{}]), 0) / SUM([{}])", errors.join(", "), requests.join(", "));
        queries.push(Query::expression("ratio", &text));
        let description = "share of 5xx answers of all target groups and the load balancer".into();
        Self { description, ..Self::of_two_minutes(name.into(), queries, threshold) }
    }

    /// The 99th percentile of a target group's response time: 2 of 2 minutes above a threshold.
    pub fn p99_latency(
        name: impl Into<String>,
        load_balancer: &str,
        target_group: &str,
        threshold: Duration,
    ) -> Self {
        let dimensions = [("LoadBalancer", load_balancer), ("TargetGroup", target_group)];
        let metric = Metric::new("AWS/ApplicationELB", "TargetResponseTime", &dimensions);
        let queries = vec![Query::metric("m1", metric, Statistic::Percentile(99.0), MINUTE)];
        let description = "p99 of the response time".to_owned();
        let threshold = threshold.as_secs_f64();
        Self { description, ..Self::of_two_minutes(name.into(), queries, threshold) }
    }

    fn of_two_minutes(name: String, queries: Vec<Query>, threshold: f64) -> Self {
        Self {
            name,
            description: String::new(),
            queries,
            evaluation_periods: 2,
            datapoints_to_alarm: 2,
            threshold,
            comparison: Comparison::Greater,
            missing: MissingData::NotBreaching,
            initial: AlarmState::Ok,
        }
    }
}
