//! Why an alarm changed its state, in CloudWatch's words.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;

use super::alarm::{AlarmSetup, Comparison, MissingData};
use super::query::Source;
use super::{seconds, state_name};
use crate::domain::AlarmState;

/// A change of state that wants a reason.
pub(super) struct Words<'a> {
    pub(super) setup: &'a AlarmSetup,
    pub(super) period: i64,
    pub(super) from: AlarmState,
    pub(super) to: AlarmState,
}

/// A period's start and its value, if it has one.
type Point = (i64, Option<f64>);

impl Words<'_> {
    /// The `StateReason`, of at most 1023 characters as AWS's shape says.
    pub(super) fn text(&self, points: &[Point], filled: usize) -> String {
        self.sentence(points, filled).chars().take(1023).collect()
    }

    fn sentence(&self, points: &[Point], filled: usize) -> String {
        let real: Vec<&Point> = points.iter().filter(|(_, value)| value.is_some()).collect();
        let evaluated: Vec<&Point> = {
            let n = usize::try_from(self.setup.evaluation_periods).unwrap_or(usize::MAX);
            real.iter().rev().take(n).copied().collect()
        };
        if self.to == AlarmState::InsufficientData {
            let missing = self.setup.evaluation_periods;
            let (noun, verb) =
                if missing == 1 { ("datapoint", "was") } else { ("datapoints", "were") };
            return format!("Insufficient Data: {missing} {noun} {verb} unknown.");
        }
        if evaluated.is_empty() {
            let treated = match self.setup.missing {
                MissingData::Breaching => "Breaching",
                _ => "NonBreaching",
            };
            let (periods, noun) = (self.setup.evaluation_periods, plural(filled, "datapoint"));
            let periods_noun = if periods == 1 { "period" } else { "periods" };
            let verb = if filled == 1 { "was" } else { "were" };
            return format!(
                "Threshold Crossed: no datapoints were received for {periods} {periods_noun} and \
                 {filled} missing {noun} {verb} treated as [{treated}]."
            );
        }
        let wanted = self.to == AlarmState::Alarm;
        let comparison = self.setup.comparison;
        let matching: Vec<String> = evaluated
            .iter()
            .filter_map(|(at, value)| Some((*at, (*value)?)))
            .filter(|(_, value)| comparison.breaches(*value, self.setup.threshold) == wanted)
            .map(|(at, value)| format!("{} ({})", number(value), short_date(at)))
            .collect();
        let verb = match (matching.len() == 1, wanted) {
            (true, true) => "was",
            (false, true) => "were",
            (true, false) => "was not",
            (false, false) => "were not",
        };
        let n = self.setup.evaluation_periods;
        let m = self.setup.datapoints_to_alarm;
        // Leaving ALARM takes as many good datapoints as make M bad ones impossible.
        let minimum = if wanted { m } else { n.saturating_sub(m).saturating_add(1) };
        let minimum_noun = if minimum == 1 { "datapoint" } else { "datapoints" };
        format!(
            "Threshold Crossed: {} out of the last {n} {} [{}] {verb} {} the threshold ({}) \
             (minimum {minimum} {minimum_noun} for {} -> {} transition).",
            matching.len(),
            "datapoints",
            matching.join(", "),
            compared(comparison),
            number(self.setup.threshold),
            state_name(self.from),
            state_name(self.to),
        )
    }

    /// The `StateReasonData`, a JSON text.
    pub(super) fn data(&self, points: &[Point], now: i64) -> String {
        let n = usize::try_from(self.setup.evaluation_periods).unwrap_or(usize::MAX);
        let newest = points.iter().rev().filter_map(|(at, value)| Some((*at, (*value)?)));
        let mut real: Vec<(i64, f64)> = newest.take(n).collect();
        real.reverse();
        let evaluated: Vec<_> = real
            .iter()
            .rev()
            .map(|(at, value)| json!({ "timestamp": long_date(*at), "value": value }))
            .collect();
        let recent: Vec<f64> = real.iter().map(|(_, value)| *value).collect();
        let mut data = json!({
            "version": "1.0",
            "queryDate": long_date(now),
        });
        if let Some(members) = data.as_object_mut() {
            if let Some((first, _)) = real.first() {
                members.insert("startDate".to_owned(), json!(long_date(*first)));
            }
            if let [query] = self.setup.queries.as_slice()
                && let Source::Stat { statistic, .. } = &query.source
            {
                members.insert("statistic".to_owned(), json!(statistic.name()));
            }
            members.insert("period".to_owned(), json!(self.period));
            members.insert("recentDatapoints".to_owned(), json!(recent));
            members.insert("threshold".to_owned(), json!(self.setup.threshold));
            members.insert("evaluatedDatapoints".to_owned(), json!(evaluated));
        }
        data.to_string()
    }
}

/// The reason of the state that an alarm has at the start of a rehearsal.
pub(super) fn initial(setup: &AlarmSetup, since: Duration) -> String {
    match setup.initial {
        AlarmState::InsufficientData => "Unchecked: Initial alarm creation".to_owned(),
        state => {
            let direction = if state == AlarmState::Alarm { "" } else { "not " };
            format!(
                "Threshold Crossed: the datapoints up to {} were {direction}{} the threshold ({}).",
                short_date(seconds(since)),
                compared(setup.comparison),
                number(setup.threshold),
            )
        }
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        noun.trim_end_matches('s').to_owned()
    } else {
        format!("{}s", noun.trim_end_matches('s'))
    }
}

fn compared(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Greater => "greater than",
        Comparison::GreaterOrEqual => "greater than or equal to",
        Comparison::Less => "less than",
        Comparison::LessOrEqual => "less than or equal to",
    }
}

/// A number as Java prints a double: always with a fraction.
fn number(value: f64) -> String {
    format!("{value:?}")
}

fn date(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn short_date(unix: i64) -> String {
    let format = format_description!("[day]/[month]/[year repr:last_two] [hour]:[minute]:[second]");
    date(unix).format(format).unwrap_or_default()
}

fn long_date(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000+0000");
    date(unix).format(format).unwrap_or_default()
}
