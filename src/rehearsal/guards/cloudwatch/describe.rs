//! `DescribeAlarms`.

use serde_json::{Value, json};

use super::super::{page, page_size, refuse_unsimulated, stamp, text, texts};
use super::alarm::{Alarm, Comparison, MissingData};
use super::query::{Source, dimensions};
use super::{CloudWatch, state_name};
use crate::rehearsal::call::{ApiError, Reply};

impl CloudWatch {
    pub(super) fn describe_alarms(&self, input: &Value) -> Reply {
        let known = [
            "AlarmNames",
            "AlarmNamePrefix",
            "AlarmTypes",
            "StateValue",
            "MaxRecords",
            "NextToken",
        ];
        refuse_unsimulated("DescribeAlarms", input, &known)?;
        let names = texts(input, "AlarmNames");
        let prefix = text(input, "AlarmNamePrefix");
        if !names.is_empty() && prefix.is_some() {
            let message = "AlarmNamePrefix and AlarmNames are mutually exclusive";
            return Err(ApiError::new("InvalidParameterCombinationException", message));
        }
        let types = texts(input, "AlarmTypes");
        let metric_alarms = types.is_empty() || types.contains(&"MetricAlarm");
        let state = text(input, "StateValue");
        // Names that do not exist are left out, not refused.
        let chosen: Vec<&Alarm> = self
            .alarms
            .values()
            .filter(|_| metric_alarms)
            .filter(|alarm| {
                let name = alarm.setup.name.as_str();
                (names.is_empty() || names.contains(&name))
                    && name.starts_with(prefix.unwrap_or_default())
                    && state.is_none_or(|state| state == state_name(alarm.state()))
            })
            .collect();
        let size = page_size(input, "MaxRecords", 50).min(100);
        let Some((shown, next)) = page(&chosen, text(input, "NextToken"), size) else {
            return Err(ApiError::new("InvalidNextToken", "The next token is invalid."));
        };
        let shown: Vec<Value> = shown.iter().map(|alarm| self.alarm_json(alarm)).collect();
        let mut answer = json!({ "CompositeAlarms": [], "MetricAlarms": shown });
        if let (Some(next), Some(members)) = (next, answer.as_object_mut()) {
            members.insert("NextToken".to_owned(), json!(next));
        }
        Ok(answer)
    }

    fn alarm_json(&self, alarm: &Alarm) -> Value {
        let setup = &alarm.setup;
        let mut answer = json!({
            "AlarmName": setup.name,
            "AlarmArn": self.place.arn("cloudwatch", &format!("alarm:{}", setup.name)),
            "AlarmConfigurationUpdatedTimestamp": stamp(alarm.created),
            "ActionsEnabled": true,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "StateValue": state_name(alarm.state()),
            "StateReason": alarm.reason,
            "StateUpdatedTimestamp": stamp(alarm.updated),
            "StateTransitionedTimestamp": stamp(alarm.updated),
            "EvaluationPeriods": setup.evaluation_periods,
            "DatapointsToAlarm": setup.datapoints_to_alarm,
            "Threshold": setup.threshold,
            "ComparisonOperator": match setup.comparison {
                Comparison::Greater => "GreaterThanThreshold",
                Comparison::GreaterOrEqual => "GreaterThanOrEqualToThreshold",
                Comparison::Less => "LessThanThreshold",
                Comparison::LessOrEqual => "LessThanOrEqualToThreshold",
            },
            "TreatMissingData": match setup.missing {
                MissingData::Missing => "missing",
                MissingData::Ignore => "ignore",
                MissingData::Breaching => "breaching",
                MissingData::NotBreaching => "notBreaching",
            },
        });
        let Some(members) = answer.as_object_mut() else { return answer };
        if !setup.description.is_empty() {
            members.insert("AlarmDescription".to_owned(), json!(setup.description));
        }
        if let Some(data) = &alarm.reason_data {
            members.insert("StateReasonData".to_owned(), json!(data));
        }
        match setup.queries.as_slice() {
            [query] if matches!(query.source, Source::Stat { .. }) => {
                if let Source::Stat { metric, statistic, period } = &query.source {
                    let kind = if statistic.is_basic() { "Statistic" } else { "ExtendedStatistic" };
                    members.insert("Namespace".to_owned(), json!(metric.namespace));
                    members.insert("MetricName".to_owned(), json!(metric.name));
                    members.insert("Dimensions".to_owned(), dimensions(metric));
                    members.insert("Period".to_owned(), json!(period));
                    members.insert(kind.to_owned(), json!(statistic.name()));
                }
            }
            queries => {
                let queries: Value = queries.iter().map(super::Query::to_json).collect();
                members.insert("Metrics".to_owned(), queries);
            }
        }
        answer
    }
}
