//! Reads the events of a scenario file: when, and what.

use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::quantity::Span;
use super::raw;
use super::resolve::{Checked, Fault, lifecycle, small, span_or};
use super::{Act, Event, Moment, Revisions, When};
use crate::domain::AlarmState;

/// Reads one event: exactly one time and exactly one act.
pub(super) fn event(event: Spanned<raw::Event>, zones: u8) -> Checked<Event> {
    let at = event.referenced;
    let raw = event.value;
    let when = when(raw.at, raw.after, raw.during, raw.delay, at)?;
    let mut acts = Vec::new();
    if let Some(incident) = raw.incident {
        acts.push(self::incident(incident, at)?);
    }
    if let Some(storm) = raw.retry_storm {
        acts.push(Act::RetryStorm {
            revisions: revisions(storm.revisions),
            requests_per_second: small(storm.requests_per_second.0),
            duration: storm.duration.0,
        });
    }
    if let Some(outage) = raw.zone_outage {
        let zone = ['a', 'b', 'c'].into_iter().take(usize::from(zones));
        let zone = zone.into_iter().find(|zone| outage.zone.chars().eq([*zone]));
        let rule = || Fault(at, format!("`zone` is one of the first {zones} letters: a, b, c"));
        acts.push(Act::ZoneOutage { zone: zone.ok_or_else(rule)?, duration: outage.duration.0 });
    }
    if let Some(raw::Cancel::Sigint) = raw.cancel {
        acts.push(Act::Cancel);
    }
    if let Some(kill) = raw.kill_runner {
        acts.push(Act::KillRunner { run_again_after: kill.run_again_after.map(|span| span.0) });
    }
    if let Some(scale) = raw.scale {
        acts.push(Act::Scale { desired: small(scale.desired.0) });
    }
    if let Some(alarm) = raw.alarm {
        let state = match alarm.state {
            raw::AlarmState::Ok => AlarmState::Ok,
            raw::AlarmState::Alarm => AlarmState::Alarm,
            raw::AlarmState::InsufficientData => AlarmState::InsufficientData,
        };
        let hold = span_or(alarm.hold, Duration::ZERO);
        acts.push(Act::Alarm { name: alarm.name, state, hold });
    }
    if let Some(update) = raw.stack_update {
        let stack = super::resolve::stack_name(update.stack)?;
        acts.push(Act::StackUpdate { stack, duration: update.duration.0 });
    }
    if let Some(weights) = raw.weights {
        acts.push(Act::Weights(super::resolve::split(&weights)?));
    }
    let rule = "an event has exactly one of incident, retry_storm, zone_outage, cancel, kill_runner, scale, \
                alarm, stack_update, weights";
    let mut acts = acts.into_iter();
    match (acts.next(), acts.next()) {
        (Some(act), None) => Ok(Event { when, act }),
        _ => Err(Fault(at, rule.to_owned())),
    }
}

fn incident(raw: raw::Incident, at: Location) -> Checked<Act> {
    let error_rate = raw.error_rate.map_or(0.0, |rate| rate.0);
    let latency_factor = raw.latency_factor.map_or(1.0, |factor| factor.0);
    if error_rate == 0.0 && latency_factor == 1.0 {
        let rule = "an incident has an `error_rate`, a `latency_factor` or both";
        return Err(Fault(at, rule.to_owned()));
    }
    let revisions = revisions(raw.revisions);
    Ok(Act::Incident { revisions, error_rate, latency_factor, duration: raw.duration.0 })
}

fn revisions(raw: raw::IncidentRevisions) -> Revisions {
    match raw {
        raw::IncidentRevisions::Both => Revisions::Both,
        raw::IncidentRevisions::Live => Revisions::Live,
        raw::IncidentRevisions::Candidate => Revisions::Candidate,
    }
}

fn when(
    at: Option<Span>,
    after: Option<String>,
    during: Option<String>,
    delay: Option<Span>,
    place: Location,
) -> Checked<When> {
    let moment = match (&at, after, during) {
        (Some(time), None, None) if delay.is_none() => return Ok(When::At(time.0)),
        (Some(_), None, None) => {
            let rule = "`delay` goes with `after` or `during`; add it to `at` instead";
            return Err(Fault(place, rule.to_owned()));
        }
        (None, Some(after), None) => match after.as_str() {
            "deployment-created" => Moment::DeploymentCreated,
            "first-shift" => Moment::FirstShift,
            "all-traffic" => Moment::AllTraffic,
            "rollback-created" => Moment::RollbackCreated,
            name => Moment::Ended(lifecycle(name, place).map_err(|Fault(at, message)| {
                Fault(at, format!("{message}; or deployment-created, first-shift, all-traffic, rollback-created"))
            })?),
        },
        (None, None, Some(during)) => Moment::Began(lifecycle(&during, place)?),
        _ => {
            let rule = "an event has exactly one of `at`, `after` and `during`";
            return Err(Fault(place, rule.to_owned()));
        }
    };
    Ok(When::Since { moment, delay: span_or(delay, Duration::ZERO) })
}
