//! The state of services as text and JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::domain::{AlarmState, ObservedService, Weight};
use crate::error::Error;

use super::text::Plain;

/// What a service is doing, and the command that follows from it.
fn state(environment: &str, observed: &ObservedService) -> (&'static str, String) {
    let service = &observed.name;
    if observed.active.is_some() {
        return (
            "deploying",
            format!(
                "wait, join it with the command that began it, or undo it: ha-deploy rollback --environment {environment} --service {service}"
            ),
        );
    }
    let whole = observed.groups.iter().any(|g| g.weight == Weight::ALL && g.primary);
    if observed.weights_problem.is_some() || !whole {
        return ("weights drifted", "repair the production listener's rule by hand".to_owned());
    }
    let serving = observed.groups.iter().find(|group| group.weight > Weight::NONE);
    if serving.is_none_or(|group| group.health.healthy == 0) {
        return (
            "down",
            format!("ha-deploy rollback --environment {environment} --service {service}"),
        );
    }
    if observed.running != observed.desired || observed.pending > 0 {
        return ("unsteady", "wait until all tasks run".to_owned());
    }
    ("steady", format!("ha-deploy deploy --environment {environment} --service {service}"))
}

/// Services as text.
pub fn text(environment: &str, services: &[ObservedService]) -> String {
    let mut out = String::new();
    for observed in services {
        let (state, next) = state(environment, observed);
        let _ = writeln!(out, "{}: {state}", observed.name);
        let digest = observed.live.digest.as_ref().map_or("not pinned", |digest| digest.short());
        let _ = writeln!(out, "  serves      {} @{digest}", observed.live.revision);
        let _ = writeln!(
            out,
            "  tasks       {} of {} running, {} pending",
            observed.running, observed.desired, observed.pending
        );
        if let Some(problem) = &observed.weights_problem {
            let _ = writeln!(out, "  traffic     {}", Plain(problem));
        }
        for group in &observed.groups {
            let _ = writeln!(
                out,
                "  traffic     {:>5} {}{}: {} healthy, {} unhealthy, {} draining",
                group.weight.to_string(),
                Plain(&group.name),
                if group.primary { " (primary)" } else { "" },
                group.health.healthy,
                group.health.unhealthy,
                group.health.draining
            );
        }
        if let Some(running) = &observed.active {
            let _ = writeln!(
                out,
                "  deployment  {} by {}: {}",
                Plain(&running.id.0),
                Plain(&running.creator),
                Plain(&running.description)
            );
        }
        for alarm in observed.alarms.iter().filter(|alarm| alarm.state != AlarmState::Ok) {
            let word = if alarm.state == AlarmState::Alarm { "firing" } else { "no data" };
            let _ = writeln!(
                out,
                "  alarm       {} {word}: {}",
                Plain(&alarm.name),
                Plain(&alarm.reason)
            );
        }
        for name in &observed.missing_alarms {
            let _ = writeln!(out, "  alarm       {} does not exist", Plain(name));
        }
        if observed.scaling.as_ref().is_some_and(|target| target.scale_in_suspended) {
            let _ = writeln!(out, "  autoscaling scale-in is suspended");
        }
        for good in &observed.good {
            let digest = good.digest.as_ref().map_or("not pinned", |digest| digest.short());
            let _ = writeln!(out, "  good        {} @{digest}", good.revision);
        }
        let _ = writeln!(out, "  next        {next}\n");
    }
    out
}

/// Services as JSON.
pub fn json(environment: &str, services: &[ObservedService]) -> Result<String, Error> {
    let services: Vec<_> = services
        .iter()
        .map(|observed| {
            let (state, next) = state(environment, observed);
            json!({
                "service": observed.name,
                "state": state,
                "next": next,
                "revision": observed.live.revision,
                "digest": observed.live.digest,
                "tasks": { "desired": observed.desired, "running": observed.running, "pending": observed.pending },
                "target_groups": observed.groups,
                "weights_problem": observed.weights_problem,
                "deployment": observed.active,
                "alarms": observed.alarms,
                "missing_alarms": observed.missing_alarms,
                "scaling": observed.scaling,
                "good": observed.good,
            })
        })
        .collect();
    let document =
        json!({ "schema": "ha-deploy/status/1", "environment": environment, "services": services });
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .map_err(|error| Error::bug("the status cannot be written").caused_by(error))
}
