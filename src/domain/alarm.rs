//! CloudWatch alarms, as gates read them.

use serde::Serialize;

/// The state of an alarm, as `DescribeAlarms` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Firing.
    Alarm,
    /// Too few datapoints to say.
    InsufficientData,
}

/// One reading of one alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmReading {
    /// The name of the alarm.
    pub name: String,
    /// Its state when it was read.
    pub state: AlarmState,
    /// CloudWatch's reason for that state; it is text from outside.
    pub reason: String,
}
