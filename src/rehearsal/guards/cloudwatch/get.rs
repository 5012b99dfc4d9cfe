//! `GetMetricData`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{count, flag, list, refuse_unsimulated, required, text};
use super::query::{self, Query, Source, Window};
use super::statistic::Statistic;
use super::store::Store;
use super::{Metric, validation};
use crate::rehearsal::call::{ApiError, Reply};

/// Most queries of one call, and most datapoints of one answer (`GetMetricData`).
const MOST_QUERIES: usize = 500;
const MOST_POINTS: u64 = 100_800;

/// Answers `GetMetricData`; `now` is in seconds since the Unix epoch.
pub(super) fn get_metric_data(store: &Store, now: i64, input: &Value) -> Reply {
    let known =
        ["MetricDataQueries", "StartTime", "EndTime", "NextToken", "ScanBy", "MaxDatapoints"];
    refuse_unsimulated("GetMetricData", input, &known)?;
    let entries = list(input, "MetricDataQueries");
    if entries.is_empty() || entries.len() > MOST_QUERIES {
        let message = format!(
            "The collection MetricDataQueries must have a size between 1 and {MOST_QUERIES}."
        );
        return Err(validation(message));
    }
    let queries = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| query(index + 1, entry))
        .collect::<Result<Vec<_>, _>>()?;
    query::check(&queries).map_err(validation)?;
    let (start, end) = (time(input, "StartTime")?, time(input, "EndTime")?);
    if start >= end {
        return Err(validation("The parameter StartTime must be less than the parameter EndTime."));
    }
    let period = query::period_of(&queries).unwrap_or(60);
    // "CloudWatch rounds the specified timestamps": down to the minute, or to the period when
    // that is shorter.
    let grain = period.clamp(1, 60);
    let start = start.saturating_sub(start.rem_euclid(grain));
    let window = Window { range: start..end.min(now.saturating_add(60)).max(start), now, period };
    let results = query::evaluate(&queries, store, &window).map_err(validation)?;
    let ascending = match text(input, "ScanBy") {
        Some("TimestampAscending") => true,
        None | Some("TimestampDescending") => false,
        Some(other) => {
            return Err(validation(format!(
                "The value {other} for parameter ScanBy is not supported."
            )));
        }
    };
    let points =
        queries.iter().zip(results).filter(|(query, _)| query.returned).map(|(query, series)| {
            let all: Vec<(i64, f64)> = series.points.into_iter().collect();
            (query, if ascending { all } else { all.into_iter().rev().collect() })
        });
    answer(points.collect(), input)
}

/// Lays out one page: results in the order of the queries, each with as many of its datapoints
/// as the page still takes.
fn answer(results: Vec<(&Query, Vec<(i64, f64)>)>, input: &Value) -> Reply {
    let most = count(input, "MaxDatapoints").unwrap_or(MOST_POINTS);
    if !(1..=MOST_POINTS).contains(&most) {
        return Err(validation(format!("MaxDatapoints must lie between 1 and {MOST_POINTS}.")));
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let offset = match text(input, "NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("points-")
            .and_then(|digits| digits.parse::<usize>().ok())
            .ok_or_else(|| ApiError::new("InvalidNextToken", "The next token is invalid."))?,
    };
    let total: usize = results.iter().map(|(_, points)| points.len()).sum();
    let page_end = offset.saturating_add(most);
    let mut position = 0;
    let mut entries = Vec::new();
    for (query, points) in results {
        let from = offset.saturating_sub(position).min(points.len());
        let to = page_end.saturating_sub(position).min(points.len());
        position += points.len();
        let shown = points.get(from..to).unwrap_or_default();
        let complete = to == points.len();
        // Results that ended on an earlier page are not repeated.
        if offset > 0 && shown.is_empty() && complete {
            continue;
        }
        entries.push(json!({
            "Id": query.id,
            "Label": label(query),
            "Timestamps": shown.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
            "Values": shown.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "StatusCode": if complete { "Complete" } else { "PartialData" },
        }));
    }
    let mut answer = json!({ "MetricDataResults": entries, "Messages": [] });
    if let (true, Some(members)) = (page_end < total, answer.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!(format!("points-{page_end}")));
    }
    Ok(answer)
}

fn label(query: &Query) -> String {
    match (&query.label, &query.source) {
        (Some(label), _) => label.clone(),
        (None, Source::Stat { metric, .. }) => metric.name.clone(),
        (None, Source::Expression { .. }) => query.id.clone(),
    }
}

fn time(input: &Value, member: &str) -> Result<i64, ApiError> {
    let seconds = input.get(member).and_then(Value::as_f64).filter(|seconds| seconds.is_finite());
    let seconds =
        seconds.ok_or_else(|| validation(format!("The parameter {member} is required.")))?;
    // Times far outside of a rehearsal see no data, so clamping them changes no answer.
    Ok(seconds.clamp(0.0, 4e11) as i64)
}

/// Reads one `MetricDataQuery`; `number` counts from 1 for messages.
fn query(number: usize, entry: &Value) -> Result<Query, ApiError> {
    let known = ["Id", "MetricStat", "Expression", "Label", "ReturnData", "Period"];
    refuse_unsimulated("GetMetricData.MetricDataQueries", entry, &known)?;
    let own_period =
        entry.get("Period").map(|period| checked_period(number, period)).transpose()?;
    let source = match (entry.get("MetricStat"), text(entry, "Expression")) {
        (Some(stat), None) => stat_source(number, stat)?,
        (None, Some(expression)) => {
            Source::Expression { text: expression.to_owned(), period: own_period }
        }
        _ => {
            return Err(validation(format!(
                "Exactly one of MetricStat and Expression is required in MetricDataQueries.member.{number}."
            )));
        }
    };
    let returned = entry.get("ReturnData").is_none() || flag(entry, "ReturnData");
    let label = text(entry, "Label").map(str::to_owned);
    Ok(Query { id: required(entry, "Id").to_owned(), source, label, returned })
}

fn stat_source(number: usize, stat: &Value) -> Result<Source, ApiError> {
    refuse_unsimulated("MetricStat", stat, &["Metric", "Period", "Stat"])?;
    let name = required(stat, "Stat");
    let statistic = Statistic::parse(name).ok_or_else(|| {
        validation(format!(
            "The value {name} for parameter MetricDataQueries.member.{number}.MetricStat.Stat is \
             not supported by the rehearsal."
        ))
    })?;
    let period = checked_period(number, stat.get("Period").unwrap_or(&Value::Null))?;
    let metric = stat.get("Metric").unwrap_or(&Value::Null);
    Ok(Source::Stat {
        metric: metric_of(metric, required(metric, "MetricName")),
        statistic,
        period,
    })
}

/// The metric of a tree with `Namespace` and `Dimensions`.
pub(super) fn metric_of(tree: &Value, name: &str) -> Metric {
    Metric {
        namespace: required(tree, "Namespace").to_owned(),
        name: name.to_owned(),
        dimensions: dimensions_of(tree),
    }
}

pub(super) fn dimensions_of(tree: &Value) -> BTreeMap<String, String> {
    let pair =
        |entry: &Value| (required(entry, "Name").to_owned(), required(entry, "Value").to_owned());
    list(tree, "Dimensions").iter().map(pair).collect()
}

/// A period of 1, 5, 10, 20 or 30 seconds or a multiple of 60 (`MetricStat`, `Period`).
fn checked_period(number: usize, period: &Value) -> Result<i64, ApiError> {
    let valid = |period: &i64| {
        matches!(period, 1 | 5 | 10 | 20 | 30)
            || (*period > 0 && *period <= 86_400 && period % 60 == 0)
    };
    period.as_i64().filter(valid).ok_or_else(|| {
        validation(format!(
            "The parameter MetricDataQueries.member.{number}.MetricStat.Period must be 1, 5, 10, \
             20, 30 or a multiple of 60."
        ))
    })
}
