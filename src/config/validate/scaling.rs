//! How many tasks run, and how the load balancer checks each.

use std::time::Duration;

use super::Site;
use super::service::time;
use crate::config::diagnostic::Code;
use crate::config::kind::{DurationText, show};
use crate::config::model::{Scaling, TargetHealthCheck};
use crate::config::raw;
use crate::config::source::{Fault, Faults};

/// Judges the scaling of a service.
pub(super) fn scaling(raw: raw::Scaling, site: Site<'_>, faults: &mut Faults) -> Scaling {
    let (min, max) = (raw.min.unwrap_or(2), raw.max.unwrap_or(10));
    if min > max {
        let message = format!("the minimum of {min} tasks is above the maximum of {max}");
        faults.push(
            Fault::new(Code::Contradiction, site.at(&["scaling", "min"]), message)
                .help("raise `max` or lower `min`")
                .related(site.at(&["scaling", "max"]), "the maximum"),
        );
    }
    let utilization = |raw: Option<&raw::Utilization>| raw.and_then(|raw| raw.target);
    type Cooldown = fn(&raw::Scaling, &str) -> Option<DurationText>;
    let out: Cooldown = |raw, key| match key {
        "cpu" => raw.cpu.as_ref()?.scale_out_cooldown.clone(),
        "memory" => raw.memory.as_ref()?.scale_out_cooldown.clone(),
        _ => raw.requests.as_ref()?.scale_out_cooldown.clone(),
    };
    let back: Cooldown = |raw, key| match key {
        "cpu" => raw.cpu.as_ref()?.scale_in_cooldown.clone(),
        "memory" => raw.memory.as_ref()?.scale_in_cooldown.clone(),
        _ => raw.requests.as_ref()?.scale_in_cooldown.clone(),
    };
    Scaling {
        min: raw.min,
        max: raw.max,
        cpu: utilization(raw.cpu.as_ref()),
        memory: utilization(raw.memory.as_ref()),
        requests: raw.requests.as_ref().and_then(|raw| raw.target),
        scale_out_cooldown: cooldown(&raw, out, "scale_out_cooldown", site, faults),
        scale_in_cooldown: cooldown(&raw, back, "scale_in_cooldown", site, faults),
    }
}

/// The one cooldown that the policies of the `scaling` template share.
fn cooldown(
    raw: &raw::Scaling,
    of: fn(&raw::Scaling, &str) -> Option<DurationText>,
    name: &str,
    site: Site<'_>,
    faults: &mut Faults,
) -> Option<Duration> {
    let mut found: Option<(Duration, &str)> = None;
    for key in ["cpu", "memory", "requests"] {
        let Some(value) = time(of(raw, key).as_ref()) else { continue };
        match found {
            Some((first, first_key)) if first != value => {
                let message = format!(
                    "the policies of a service share one `{name}`, and {} and {} differ",
                    show(first),
                    show(value)
                );
                faults.push(
                    Fault::new(Code::Contradiction, site.at(&["scaling", key, name]), message)
                        .help("give it once, or the same value each time")
                        .related(site.at(&["scaling", first_key, name]), "the other one"),
                );
            }
            Some(_) => {}
            None => found = Some((value, key)),
        }
    }
    found.map(|(value, _)| value)
}

/// Judges the health check of the target groups.
pub(super) fn target_health_check(
    raw: raw::TargetHealthCheck,
    site: Site<'_>,
    faults: &mut Faults,
) -> TargetHealthCheck {
    let (interval, timeout) = (time(raw.interval.as_ref()), time(raw.timeout.as_ref()));
    let (every, takes) =
        (interval.unwrap_or(Duration::from_secs(30)), timeout.unwrap_or(Duration::from_secs(5)));
    // ELBv2 API reference, `CreateTargetGroup`: the timeout must be below the interval.
    if takes >= every {
        let message =
            format!("a check that takes up to {} cannot run every {}", show(takes), show(every));
        let path = ["target_health_check", "timeout"];
        faults.push(
            Fault::new(Code::Contradiction, site.at(&path), message)
                .help("keep `timeout` below `interval`")
                .related(site.at(&["target_health_check", "interval"]), "the interval"),
        );
    }
    TargetHealthCheck {
        path: raw.path.map(|path| path.0),
        interval,
        timeout,
        healthy: raw.healthy,
        unhealthy: raw.unhealthy,
    }
}
