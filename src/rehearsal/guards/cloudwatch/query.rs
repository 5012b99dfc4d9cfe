//! Queries of metrics and of expressions over them, for `GetMetricData` and for alarms alike.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use super::math::{self, Series};
use super::statistic::Statistic;
use super::store::Store;
use super::{Metric, seconds};

/// One entry of a list of queries: a metric's statistic, or an expression over other entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) id: String,
    pub(super) source: Source,
    pub(super) label: Option<String>,
    pub(super) returned: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    Stat { metric: Metric, statistic: Statistic, period: i64 },
    Expression { text: String, period: Option<i64> },
}

impl Query {
    /// A statistic of a metric that is only used in expressions.
    pub fn input(id: &str, metric: Metric, statistic: Statistic, period: Duration) -> Self {
        let source = Source::Stat { metric, statistic, period: seconds(period).max(1) };
        Self { id: id.to_owned(), source, label: None, returned: false }
    }

    /// A statistic of a metric that is the result.
    pub fn metric(id: &str, metric: Metric, statistic: Statistic, period: Duration) -> Self {
        Self { returned: true, ..Self::input(id, metric, statistic, period) }
    }

    /// An expression that is the result.
    pub fn expression(id: &str, text: &str) -> Self {
        let source = Source::Expression { text: text.to_owned(), period: None };
        Self { id: id.to_owned(), source, label: None, returned: true }
    }

    /// The `MetricDataQuery` of `DescribeAlarms`.
    pub(super) fn to_json(&self) -> Value {
        let mut entry = match &self.source {
            Source::Stat { metric, statistic, period } => json!({
                "Id": self.id,
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": dimensions(metric),
                    },
                    "Period": period,
                    "Stat": statistic.name(),
                },
                "ReturnData": self.returned,
            }),
            Source::Expression { text, .. } => {
                json!({ "Id": self.id, "Expression": text, "ReturnData": self.returned })
            }
        };
        if let (Some(label), Some(members)) = (&self.label, entry.as_object_mut()) {
            members.insert("Label".to_owned(), json!(label));
        }
        entry
    }
}

/// The dimensions of a metric in AWS's spelling.
pub(super) fn dimensions(metric: &Metric) -> Value {
    let pair = |(name, value): (&String, &String)| json!({ "Name": name, "Value": value });
    metric.dimensions.iter().map(pair).collect()
}

/// The shortest period of the metrics in a list of queries.
pub(super) fn period_of(queries: &[Query]) -> Option<i64> {
    let periods = queries.iter().filter_map(|query| match &query.source {
        Source::Stat { period, .. } => Some(*period),
        Source::Expression { period, .. } => *period,
    });
    periods.min()
}

/// Refuses lists that CloudWatch refuses whatever the data: ids, expressions and references.
pub(super) fn check(queries: &[Query]) -> Result<(), String> {
    for (position, query) in queries.iter().enumerate() {
        let mut characters = query.id.chars();
        let valid = characters.next().is_some_and(|c| c.is_ascii_lowercase())
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid || query.id.len() > 255 {
            return Err(format!(
                "The value {} for parameter Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.",
                query.id
            ));
        }
        if queries.iter().take(position).any(|other| other.id == query.id) {
            return Err(format!(
                "The values for parameter id in MetricDataQueries are not unique: {}",
                query.id
            ));
        }
    }
    // An evaluation over no data meets every expression and every reference once.
    let nothing = Window { range: 0..0, now: 0, period: 60 };
    evaluate(queries, &Store::default(), &nothing).map(|_| ())
}

/// Which datapoints a list of queries is about.
pub(super) struct Window {
    /// The starts of periods, in seconds since the Unix epoch.
    pub(super) range: Range<i64>,
    /// When it is asked.
    pub(super) now: i64,
    /// The period of expressions that do not inherit one.
    pub(super) period: i64,
}

/// Evaluates every query; the result has an entry for each, in their order.
pub(super) fn evaluate(
    queries: &[Query],
    store: &Store,
    window: &Window,
) -> Result<Vec<Series>, String> {
    let mut results = BTreeMap::new();
    for query in queries {
        let mut open = Vec::new();
        resolve(query, queries, store, window, &mut results, &mut open)?;
    }
    let taken = queries.iter().map(|query| match results.get(&query.id) {
        Some(math::Outcome::Series(series)) => Ok(series.clone()),
        _ => Err(format!(
            "The expression '{}' did not return a time series; a scalar can only be part of another expression.",
            query.id
        )),
    });
    // A scalar may stand in a list as long as it is not returned.
    taken
        .zip(queries)
        .map(|(series, query)| if query.returned { series } else { Ok(series.unwrap_or_default()) })
        .collect()
}

fn resolve(
    query: &Query,
    queries: &[Query],
    store: &Store,
    window: &Window,
    results: &mut BTreeMap<String, math::Outcome>,
    open: &mut Vec<String>,
) -> Result<(), String> {
    if results.contains_key(&query.id) {
        return Ok(());
    }
    if open.contains(&query.id) {
        return Err(format!("The expressions refer to each other in a circle: {}", query.id));
    }
    let outcome = match &query.source {
        Source::Stat { metric, statistic, period } => {
            // Points of the first period count even when the window opens within it.
            let start = window.range.start.saturating_sub(window.range.start.rem_euclid(*period));
            let points =
                store.points(metric, *statistic, *period, start..window.range.end, window.now);
            math::Outcome::Series(Series { period: *period, points })
        }
        Source::Expression { text, period } => {
            let expression = math::parse(text)?;
            open.push(query.id.clone());
            for id in expression.references() {
                let referred = queries.iter().find(|other| other.id == id).ok_or_else(|| {
                    format!("Error in expression '{}': undeclared identifier {id}", query.id)
                })?;
                resolve(referred, queries, store, window, results, open)?;
            }
            open.pop();
            let scope = math::Scope {
                values: results,
                range: window.range.clone(),
                period: period.unwrap_or(window.period),
            };
            math::evaluate(&expression, &scope)
                .map_err(|fault| format!("Error in expression '{}': {fault}", query.id))?
        }
    };
    results.insert(query.id.clone(), outcome);
    Ok(())
}
