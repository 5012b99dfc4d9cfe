//! CloudWatch: metrics that appear late, metric math, and alarms that evaluate them.
//!
//! Owns datapoints and alarm states. Who produces the datapoints is the world's business.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, required, text, unknown};
use crate::domain::AlarmState;
use crate::rehearsal::call::{ApiError, Reply};

mod alarm;
mod describe;
mod evaluate;
mod get;
mod math;
mod parse;
mod put;
mod query;
mod reason;
mod setups;
mod statistic;
mod store;
#[cfg(test)]
mod tests;

pub use alarm::{AlarmSetup, Comparison, InvalidAlarm, MissingData};
pub use query::Query;
pub use statistic::Statistic;

use alarm::Alarm;
use store::Store;

/// What was assumed about CloudWatch, not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// How long after a minute has closed its datapoints of `AWS/…` metrics can be read.
    ///
    /// Two anecdotes: a dense metric had alarmed 52 s after the close (Server Fault question
    /// 968465), a sparse one 3 minutes after it (Stack Overflow question 64045238). The lateness
    /// of sparse ones comes on top, from the evaluation range.
    pub aws_visibility: Duration,
    /// How long after a second has closed its custom, high-resolution datapoints can be read.
    /// AWS says "soon"; ten seconds is on the safe side of what people report.
    pub custom_visibility: Duration,
    /// How many datapoints beyond its evaluation periods an alarm retrieves. AWS does not say;
    /// its examples retrieve 5 for 3 ("Configuring how CloudWatch alarms treat missing data").
    pub extra_datapoints: u32,
    /// When in the minute alarms of a minute or longer are evaluated (0–59 s); it is fixed for an
    /// alarm and AWS does not tell it.
    pub evaluation_second: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            aws_visibility: Duration::from_secs(60),
            custom_visibility: Duration::from_secs(10),
            extra_datapoints: 2,
            evaluation_second: 0,
        }
    }
}

/// A metric: its namespace, name and dimensions together are its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metric {
    /// `AWS/ApplicationELB` …
    pub namespace: String,
    /// `HTTPCode_Target_5XX_Count` …
    pub name: String,
    /// Dimensions by name.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric with its dimensions.
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(pair).collect(),
        }
    }

    /// Whether AWS itself publishes it: once a minute and a minute late.
    fn published_by_aws(&self) -> bool {
        self.namespace.starts_with("AWS/")
    }
}

/// What is added to a metric at a time.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// Adds to a count. In an `AWS/…` namespace each unit is a sample of the value 1, as load
    /// balancers report, and 0 adds nothing: their counters appear only when something happened.
    /// In another namespace it is one sample of that value.
    Sum(f64),
    /// Samples, a response time each for instance.
    Values(Vec<f64>),
}

/// CloudWatch in one region.
#[derive(Debug)]
pub struct CloudWatch {
    place: Place,
    parameters: Parameters,
    store: Store,
    alarms: BTreeMap<String, Alarm>,
    /// The last evaluation tick, in seconds since the Unix epoch.
    ticked: i64,
}

/// The distance between two evaluations of high-resolution alarms ("Alarm evaluation": alarms
/// with periods of 10 s, 20 s and 30 s are evaluated every 10 seconds, others every minute).
const TICK: i64 = 10;

impl CloudWatch {
    /// CloudWatch without metrics and alarms.
    pub fn new(place: Place, parameters: Parameters) -> Self {
        let ticked = seconds(place.epoch);
        Self { place, parameters, store: Store::default(), alarms: BTreeMap::new(), ticked }
    }

    /// Adds an alarm, or says why AWS would refuse it.
    pub fn add_alarm(&mut self, setup: AlarmSetup) -> Result<(), InvalidAlarm> {
        let alarm = Alarm::new(setup, self.place.epoch)?;
        self.alarms.insert(alarm.setup.name.clone(), alarm);
        Ok(())
    }

    /// Adds to a metric at a time since the start.
    pub fn put(&mut self, metric: Metric, at: Duration, datum: Datum) {
        let unix = self.place.epoch.saturating_add(at);
        self.put_unix(metric, unix, datum);
    }

    /// Adds to a metric at a time `before` the start, so that a rehearsal begins with a past.
    pub fn put_before(&mut self, metric: Metric, before: Duration, datum: Datum) {
        let unix = self.place.epoch.saturating_sub(before);
        self.put_unix(metric, unix, datum);
    }

    fn put_unix(&mut self, metric: Metric, unix: Duration, datum: Datum) {
        let lag = if metric.published_by_aws() {
            self.parameters.aws_visibility
        } else {
            self.parameters.custom_visibility
        };
        self.store.put(metric, seconds(unix), seconds(lag), datum);
    }

    /// Evaluates the alarms that are due until `now`.
    pub fn advance(&mut self, now: Duration) {
        let now = seconds(self.place.epoch.saturating_add(now));
        let second = i64::from(self.parameters.evaluation_second.min(59));
        let mut tick = self.ticked.saturating_add(1);
        while tick <= now {
            let each_minute = tick.rem_euclid(60) == second;
            let each_tick = tick.rem_euclid(TICK) == 0;
            if each_minute || each_tick {
                for alarm in self.alarms.values_mut() {
                    if if alarm.high_resolution() { each_tick } else { each_minute } {
                        alarm.evaluate(&self.store, tick, self.parameters.extra_datapoints);
                    }
                }
            }
            tick = tick.saturating_add(1);
        }
        self.ticked = self.ticked.max(now);
    }

    /// The state of an alarm, or `None` when there is no such alarm.
    pub fn alarm_state(&self, name: &str) -> Option<AlarmState> {
        self.alarms.get(name).map(|alarm| alarm.state())
    }

    /// The names of all alarms.
    pub fn alarm_names(&self) -> impl Iterator<Item = &str> {
        self.alarms.keys().map(String::as_str)
    }

    /// Sets an alarm by hand, as `SetAlarmState` does; evaluations leave it alone for `hold`.
    ///
    /// Returns whether there is such an alarm. `hold` is a device of scenarios: AWS has none.
    pub fn force_alarm(
        &mut self,
        now: Duration,
        name: &str,
        state: AlarmState,
        reason: &str,
        hold: Duration,
    ) -> bool {
        let unix = self.place.epoch.saturating_add(now);
        let Some(alarm) = self.alarms.get_mut(name) else { return false };
        alarm.set(state, unix, reason.to_owned(), None);
        alarm.hold_until(seconds(unix.saturating_add(hold)));
        true
    }

    /// The newest readable values of a statistic, oldest first: one for each of the last
    /// `periods` closed periods that has data. Autoscaling policies read metrics this way.
    pub fn latest(
        &self,
        now: Duration,
        metric: &Metric,
        statistic: Statistic,
        period: Duration,
        periods: u32,
    ) -> Vec<f64> {
        let now = seconds(self.place.epoch.saturating_add(now));
        let period = seconds(period).max(1);
        let end = now.saturating_sub(now.rem_euclid(period));
        let start = end.saturating_sub(period.saturating_mul(i64::from(periods)));
        let points = self.store.points(metric, statistic, period, start..end, now);
        points.into_values().collect()
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        self.advance(now);
        match operation {
            "GetMetricData" => get::get_metric_data(&self.store, self.unix(now), input),
            "PutMetricData" => self.put_metric_data(now, input),
            "SetAlarmState" => self.set_alarm_state(now, input),
            "DescribeAlarms" => self.describe_alarms(input),
            other => Err(unknown("cloudwatch", other)),
        }
    }

    fn unix(&self, now: Duration) -> i64 {
        seconds(self.place.epoch.saturating_add(now))
    }

    fn set_alarm_state(&mut self, now: Duration, input: &Value) -> Reply {
        let name = required(input, "AlarmName");
        let Some(state) = state_from_name(required(input, "StateValue")) else {
            return Err(validation("The value of StateValue is not an alarm state."));
        };
        let data = text(input, "StateReasonData").map(str::to_owned);
        let unreadable =
            data.as_deref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err());
        if unreadable {
            return Err(ApiError::new("InvalidFormatFault", "StateReasonData was not valid JSON"));
        }
        let unix = self.place.epoch.saturating_add(now);
        let reason = required(input, "StateReason").to_owned();
        let Some(alarm) = self.alarms.get_mut(name) else {
            let message = format!("Could not find alarm {name}");
            return Err(ApiError::new("ResourceNotFound", message).status(404));
        };
        alarm.set(state, unix, reason, data);
        Ok(json!({}))
    }
}

/// Whole seconds of a time, rounded down.
fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4)
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

fn state_name(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Ok => "OK",
        AlarmState::Alarm => "ALARM",
        AlarmState::InsufficientData => "INSUFFICIENT_DATA",
    }
}

fn state_from_name(name: &str) -> Option<AlarmState> {
    let all = [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData];
    all.into_iter().find(|state| state_name(*state) == name)
}
