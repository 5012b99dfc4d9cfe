//! `PutMetricData`.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{count, list, refuse_unsimulated, required};
use super::get::dimensions_of;
use super::statistic::Summary;
use super::{CloudWatch, Metric, seconds};
use crate::rehearsal::call::{ApiError, Reply};

/// Most data of one call (`PutMetricData`).
const MOST_DATA: usize = 1000;
/// Most values of one datum.
const MOST_VALUES: usize = 150;

impl CloudWatch {
    pub(super) fn put_metric_data(&mut self, now: Duration, input: &Value) -> Reply {
        refuse_unsimulated("PutMetricData", input, &["Namespace", "MetricData"])?;
        let namespace = required(input, "Namespace");
        if namespace.starts_with("AWS/") {
            let message = "The value AWS/ for parameter Namespace is invalid.";
            return Err(ApiError::new("InvalidParameterValueException", message));
        }
        let data = list(input, "MetricData");
        if data.len() > MOST_DATA {
            let message =
                format!("The collection MetricData must not have a size greater than {MOST_DATA}.");
            return Err(ApiError::new("InvalidParameterValueException", message));
        }
        // Nothing is taken when one datum is refused.
        let read = data
            .iter()
            .enumerate()
            .map(|(index, datum)| self.datum(now, namespace, index + 1, datum));
        let read = read.collect::<Result<Vec<_>, _>>()?;
        let lag = seconds(self.parameters.custom_visibility);
        for (metric, resolution, at, summary) in read {
            self.store.bucket(metric, resolution, at, lag).merge(&summary);
        }
        Ok(json!({}))
    }

    fn datum(
        &self,
        now: Duration,
        namespace: &str,
        number: usize,
        datum: &Value,
    ) -> Result<(Metric, i64, i64, Summary), ApiError> {
        let known = [
            "MetricName",
            "Dimensions",
            "Timestamp",
            "Value",
            "StatisticValues",
            "Values",
            "Counts",
            "Unit",
            "StorageResolution",
        ];
        refuse_unsimulated("PutMetricData.MetricData", datum, &known)?;
        let at = match datum.get("Timestamp").and_then(Value::as_f64) {
            None => self.unix(now),
            Some(at) => at.clamp(0.0, 4e11) as i64,
        };
        // PutMetricData: time stamps from two weeks ago up to two hours ahead.
        let (oldest, newest) = (self.unix(now) - 14 * 86_400, self.unix(now) + 2 * 3600);
        if !(oldest..=newest).contains(&at) {
            let message = format!(
                "The parameter MetricData.member.{number}.Timestamp must specify a time no more \
                 than two hours in the future and no more than two weeks in the past."
            );
            return Err(ApiError::new("InvalidParameterValueException", message));
        }
        let resolution = match count(datum, "StorageResolution") {
            None | Some(60) => 60,
            Some(1) => 1,
            Some(_) => {
                let message =
                    format!("MetricData.member.{number}.StorageResolution must be 1 or 60.");
                return Err(ApiError::new("InvalidParameterValueException", message));
            }
        };
        let metric = Metric {
            namespace: namespace.to_owned(),
            name: required(datum, "MetricName").to_owned(),
            dimensions: dimensions_of(datum),
        };
        Ok((metric, resolution, at, summary(number, datum)?))
    }
}

/// The samples of a datum, in whichever of its three forms it has.
fn summary(number: usize, datum: &Value) -> Result<Summary, ApiError> {
    let mut summary = Summary::default();
    let value = datum.get("Value").and_then(Value::as_f64);
    let values = list(datum, "Values");
    match (value, datum.get("StatisticValues"), values) {
        (Some(value), None, []) => summary.add(value, 1.0),
        (None, Some(set), []) => {
            let part = |member: &str| set.get(member).and_then(Value::as_f64).unwrap_or_default();
            let (count, sum) = (part("SampleCount"), part("Sum"));
            summary.add_summary(count, sum, part("Minimum"), part("Maximum"));
        }
        (None, None, values) if !values.is_empty() && values.len() <= MOST_VALUES => {
            let counts = list(datum, "Counts");
            if !counts.is_empty() && counts.len() != values.len() {
                return Err(invalid(number, "Counts and Values must have the same size."));
            }
            for (index, value) in values.iter().enumerate() {
                let times = counts.get(index).and_then(Value::as_f64).unwrap_or(1.0);
                summary.add(value.as_f64().unwrap_or_default(), times);
            }
        }
        _ => {
            let rule =
                "exactly one of Value, Values (at most 150) and StatisticValues is required.";
            return Err(invalid(number, rule));
        }
    }
    Ok(summary)
}

fn invalid(number: usize, rule: &str) -> ApiError {
    let message = format!("MetricData.member.{number}: {rule}");
    ApiError::new("InvalidParameterCombinationException", message)
}
