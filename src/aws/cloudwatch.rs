//! CloudWatch: alarms as gates read them, and traffic counts for the report.

use std::time::Duration;

use aws_sdk_cloudwatch::types::{
    Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StateValue,
};
use aws_smithy_types::DateTime;

use crate::domain::{AlarmReading, AlarmState};

use super::{Aws, Fault};

/// Traffic of one target group over a window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ArmMetrics {
    /// Requests answered by the targets.
    pub requests: f64,
    /// 5xx answers of the targets.
    pub errors: f64,
    /// Minutes with requests.
    pub minutes: u32,
    /// The worst minute's 99th percentile of the response time, in seconds.
    pub p99: Option<f64>,
}

/// ALB metrics have 60-second datapoints.
const PERIOD_SECONDS: i32 = 60;

impl Aws {
    /// Reads the named alarms; those that do not exist are left out.
    pub async fn alarms(&self, names: &[String]) -> Result<Vec<AlarmReading>, Fault> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self
            .cloudwatch
            .describe_alarms()
            .set_alarm_names(Some(names.to_vec()))
            .set_alarm_types(Some(vec!["MetricAlarm".into(), "CompositeAlarm".into()]))
            .send()
            .await
            .map_err(|error| Fault::of("cloudwatch:DescribeAlarms", error))?;
        let metric = answer.metric_alarms().iter().map(|alarm| {
            (alarm.alarm_name(), alarm.state_value(), alarm.state_reason().unwrap_or_default())
        });
        let composite = answer.composite_alarms().iter().map(|alarm| {
            (alarm.alarm_name(), alarm.state_value(), alarm.state_reason().unwrap_or_default())
        });
        let readings = metric.chain(composite).filter_map(|(name, state, reason)| {
            let state = match state {
                Some(StateValue::Alarm) => AlarmState::Alarm,
                Some(StateValue::Ok) => AlarmState::Ok,
                _ => AlarmState::InsufficientData,
            };
            Some(AlarmReading { name: name?.to_owned(), state, reason: reason.to_owned() })
        });
        let mut readings: Vec<AlarmReading> = readings.collect();
        readings.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(readings)
    }

    /// Reads requests, 5xx and p99 of two target groups of one load balancer between two times
    /// (since the Unix epoch), in one call.
    pub async fn traffic(
        &self,
        load_balancer: &str,
        groups: [&str; 2],
        from: Duration,
        to: Duration,
    ) -> Result<[ArmMetrics; 2], Fault> {
        let queries = groups.iter().enumerate().flat_map(|(index, group)| {
            [
                query(&format!("requests{index}"), "RequestCount", "Sum", load_balancer, group),
                query(
                    &format!("errors{index}"),
                    "HTTPCode_Target_5XX_Count",
                    "Sum",
                    load_balancer,
                    group,
                ),
                query(&format!("p99{index}"), "TargetResponseTime", "p99", load_balancer, group),
            ]
        });
        let answer = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(minute(from, 0))
            .end_time(minute(to, 60))
            .scan_by(ScanBy::TimestampAscending)
            .send()
            .await
            .map_err(|error| Fault::of("cloudwatch:GetMetricData", error))?;
        let values = |id: String| {
            let found = answer.metric_data_results().iter().find(|result| result.id() == Some(&id));
            found.map(|result| result.values().to_vec()).unwrap_or_default()
        };
        let arm = |index: usize| ArmMetrics {
            requests: values(format!("requests{index}")).iter().sum(),
            errors: values(format!("errors{index}")).iter().sum(),
            minutes: u32::try_from(values(format!("requests{index}")).len()).unwrap_or(u32::MAX),
            p99: values(format!("p99{index}")).into_iter().reduce(f64::max),
        };
        Ok([arm(0), arm(1)])
    }
}

/// A time rounded down to its minute, plus some seconds.
fn minute(at: Duration, plus: u64) -> DateTime {
    let seconds = at.as_secs() / 60 * 60 + plus;
    DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn query(id: &str, name: &str, stat: &str, balancer: &str, group: &str) -> MetricDataQuery {
    // The dimension is the ARN from `targetgroup/` on.
    let group = group.rfind("targetgroup/").and_then(|at| group.get(at..)).unwrap_or(group);
    let metric = Metric::builder()
        .namespace("AWS/ApplicationELB")
        .metric_name(name)
        .dimensions(Dimension::builder().name("TargetGroup").value(group).build())
        .dimensions(Dimension::builder().name("LoadBalancer").value(balancer).build())
        .build();
    let stat = MetricStat::builder().metric(metric).period(PERIOD_SECONDS).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).return_data(true).build()
}
