//! CloudWatch metrics as series of numbers, for gates: any metric, statistic or expression.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};
use aws_smithy_types::DateTime;

use super::{Aws, Fault};

/// Pages of one answer that are read at most; a page has up to 100,800 datapoints.
const MOST_PAGES: u32 = 20;

/// One entry of a `GetMetricData` call.
#[derive(Debug, Clone, PartialEq)]
pub struct CountQuery {
    /// Its id: a lower-case letter, then letters, digits and underscores.
    pub id: String,
    /// What is counted.
    pub counted: Counted,
    /// Whether its datapoints are wanted, or only expressions over them.
    pub returned: bool,
}

/// What an entry counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Counted {
    /// A statistic of a metric.
    Metric {
        /// The namespace.
        namespace: String,
        /// The metric's name.
        name: String,
        /// Dimensions by name.
        dimensions: BTreeMap<String, String>,
        /// `Sum`, `p90`, `TC(0.25:)` …
        statistic: String,
    },
    /// Metric math.
    Expression(String),
}

/// The buckets that are read: those that start within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From when, since the Unix epoch.
    pub from: Duration,
    /// Until when, excluded.
    pub until: Duration,
    /// The length of a bucket.
    pub period: Duration,
}

impl Aws {
    /// Reads several series in one call (and its pages): by id, the value of each bucket that has one,
    /// by its start since the Unix epoch.
    pub async fn counts(
        &self,
        queries: &[CountQuery],
        window: Window,
    ) -> Result<BTreeMap<String, BTreeMap<Duration, f64>>, Fault> {
        const ACTION: &str = "cloudwatch:GetMetricData";
        let entries: Vec<MetricDataQuery> =
            queries.iter().map(|query| entry(query, window.period)).collect();
        let mut series: BTreeMap<String, BTreeMap<Duration, f64>> = BTreeMap::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let answer = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(entries.clone()))
                .start_time(time(window.from))
                .end_time(time(window.until))
                .scan_by(ScanBy::TimestampAscending)
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| Fault::of(ACTION, error))?;
            for result in answer.metric_data_results() {
                let points = series.entry(result.id().unwrap_or_default().to_owned()).or_default();
                for (at, value) in result.timestamps().iter().zip(result.values()) {
                    if let Ok(seconds) = u64::try_from(at.secs()) {
                        points.insert(Duration::from_secs(seconds), *value);
                    }
                }
            }
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(series)
    }
}

fn time(at: Duration) -> DateTime {
    DateTime::from_secs(i64::try_from(at.as_secs()).unwrap_or(i64::MAX))
}

fn entry(query: &CountQuery, period: Duration) -> MetricDataQuery {
    let period = i32::try_from(period.as_secs()).unwrap_or(60);
    let builder = MetricDataQuery::builder().id(&query.id).return_data(query.returned);
    match &query.counted {
        Counted::Expression(text) => builder.expression(text).period(period).build(),
        Counted::Metric { namespace, name, dimensions, statistic } => {
            let dimensions = dimensions
                .iter()
                .map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let metric = Metric::builder()
                .namespace(namespace)
                .metric_name(name)
                .set_dimensions(Some(dimensions.collect()))
                .build();
            let stat = MetricStat::builder().metric(metric).period(period).stat(statistic).build();
            builder.metric_stat(stat).build()
        }
    }
}
