//! An alarm: what it watches, and its state.

use std::time::Duration;

use super::query::{self, Query, Window};
use super::store::Store;
use super::{evaluate, reason};
use crate::domain::AlarmState;

/// How an alarm treats periods without data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    /// `missing`, the default: all missing is `INSUFFICIENT_DATA`.
    Missing,
    /// `ignore`: the state stays.
    Ignore,
    /// `breaching`.
    Breaching,
    /// `notBreaching`.
    NotBreaching,
}

/// How a value is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `GreaterThanThreshold`.
    Greater,
    /// `GreaterThanOrEqualToThreshold`.
    GreaterOrEqual,
    /// `LessThanThreshold`.
    Less,
    /// `LessThanOrEqualToThreshold`.
    LessOrEqual,
}

impl Comparison {
    pub(super) fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Greater => value > threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Less => value < threshold,
            Self::LessOrEqual => value <= threshold,
        }
    }
}

/// An alarm as somebody defined it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSetup {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// What it watches: exactly one query is returned, and all metrics have one period.
    pub queries: Vec<Query>,
    /// How many periods it looks at (N).
    pub evaluation_periods: u32,
    /// How many of them must breach (M).
    pub datapoints_to_alarm: u32,
    /// The threshold.
    pub threshold: f64,
    /// How values are compared with it.
    pub comparison: Comparison,
    /// How it treats periods without data.
    pub missing: MissingData,
    /// Its state at the start.
    pub initial: AlarmState,
}

/// Says why an alarm cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("alarm {name}: {rule}")]
pub struct InvalidAlarm {
    /// The alarm.
    pub name: String,
    /// The rule that it breaks.
    pub rule: String,
}

/// An alarm at work.
#[derive(Debug)]
pub(super) struct Alarm {
    pub(super) setup: AlarmSetup,
    pub(super) period: i64,
    pub(super) created: Duration,
    pub(super) updated: Duration,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
    state: AlarmState,
    held_until: i64,
}

impl Alarm {
    pub(super) fn new(setup: AlarmSetup, epoch: Duration) -> Result<Self, InvalidAlarm> {
        let invalid = |rule: &str| InvalidAlarm { name: setup.name.clone(), rule: rule.to_owned() };
        query::check(&setup.queries).map_err(|rule| invalid(&rule))?;
        if setup.queries.iter().filter(|query| query.returned).count() != 1 {
            return Err(invalid("exactly one of its queries must be returned"));
        }
        let period = query::period_of(&setup.queries).ok_or_else(|| invalid("it has no metric"))?;
        if !(matches!(period, 10 | 20 | 30) || period % 60 == 0) {
            return Err(invalid("a period is 10, 20, 30 or a multiple of 60 seconds"));
        }
        let (n, m) = (setup.evaluation_periods, setup.datapoints_to_alarm);
        if m == 0 || m > n {
            return Err(invalid("datapoints to alarm lie between 1 and the evaluation periods"));
        }
        // PutMetricAlarm: N periods together at most a day (a week from periods of an hour).
        let longest = if period >= 3600 { 604_800 } else { 86_400 };
        if period.saturating_mul(i64::from(n)) > longest {
            return Err(invalid("the evaluation periods together are too long"));
        }
        if !setup.threshold.is_finite() {
            return Err(invalid("the threshold is a number"));
        }
        let state = setup.initial;
        // A rehearsal's alarms are older than the rehearsal.
        let created = epoch.saturating_sub(Duration::from_secs(30 * 86_400));
        let updated = epoch.saturating_sub(Duration::from_secs(3600));
        let reason = reason::initial(&setup, updated);
        Ok(Self {
            setup,
            period,
            created,
            updated,
            reason,
            reason_data: None,
            state,
            held_until: 0,
        })
    }

    pub(super) fn state(&self) -> AlarmState {
        self.state
    }

    pub(super) fn high_resolution(&self) -> bool {
        self.period < 60
    }

    /// Keeps evaluations away until a time.
    pub(super) fn hold_until(&mut self, unix: i64) {
        self.held_until = self.held_until.max(unix);
    }

    /// Moves to a state.
    pub(super) fn set(
        &mut self,
        state: AlarmState,
        unix: Duration,
        reason: String,
        data: Option<String>,
    ) {
        self.state = state;
        self.updated = unix;
        self.reason = reason;
        self.reason_data = data;
    }

    /// Evaluates at a time; the state and its reason change only when the state does.
    pub(super) fn evaluate(&mut self, store: &Store, now: i64, extra: u32) {
        if now < self.held_until {
            return;
        }
        let slots = i64::from(self.setup.evaluation_periods.saturating_add(extra));
        let end = now.saturating_sub(now.rem_euclid(self.period));
        let start = end.saturating_sub(slots.saturating_mul(self.period));
        let window = Window { range: start..end, now, period: self.period };
        let returned = self.setup.queries.iter().position(|query| query.returned);
        // The queries were checked when the alarm was made, so this finds its result.
        let series = query::evaluate(&self.setup.queries, store, &window)
            .ok()
            .and_then(|all| all.into_iter().nth(returned?));
        let Some(series) = series else { return };
        let mut points = Vec::new();
        let mut at = start;
        while at < end {
            points.push((at, series.points.get(&at).copied()));
            at = at.saturating_add(self.period);
        }
        let (comparison, threshold) = (self.setup.comparison, self.setup.threshold);
        let breaching: Vec<Option<bool>> =
            points.iter().map(|(_, v)| v.map(|v| comparison.breaches(v, threshold))).collect();
        let decision = evaluate::decide(
            &breaching,
            usize::try_from(self.setup.evaluation_periods).unwrap_or(usize::MAX),
            usize::try_from(self.setup.datapoints_to_alarm).unwrap_or(usize::MAX),
            self.setup.missing,
        );
        let Some(state) = decision.state.filter(|state| *state != self.state) else { return };
        let words =
            reason::Words { setup: &self.setup, period: self.period, from: self.state, to: state };
        let text = words.text(&points, decision.filled);
        let data = words.data(&points, now);
        self.set(state, Duration::from_secs(u64::try_from(now).unwrap_or(0)), text, Some(data));
    }
}
