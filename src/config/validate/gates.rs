//! The statistical gates: what a schema cannot say.

use std::time::Duration;

use super::Site;
use super::service::time;
use crate::config::diagnostic::Code;
use crate::config::kind::show;
use crate::config::model::{GateSource, Gates, Inconclusive, SuccessRate};
use crate::config::raw::{self, Latency};
use crate::config::source::{Fault, Faults};

const MINUTE: Duration = Duration::from_secs(60);
const TEN: Duration = Duration::from_secs(10);

/// Judges the gates; `None` when something is missing that was reported.
pub(super) fn gates(raw: raw::Gates, site: Site<'_>, faults: &mut Faults) -> Option<Gates> {
    let source = match raw.source {
        None => GateSource::Alb { settle: MINUTE },
        Some(source) => self::source(source, site, faults)?,
    };
    let latency: Vec<u8> = raw.latency.unwrap_or_default().into_iter().map(percent).collect();
    if !latency.is_empty() && !matches!(source, GateSource::Alb { .. }) {
        let message = "only the load balancer's metrics have response times of every request";
        faults.push(
            Fault::new(Code::Contradiction, site.at(&["rollout", "gates", "latency"]), message)
                .help("use `source: {alb: {}}`, or remove `latency`")
                .related(site.at(&["rollout", "gates", "source"]), "the source"),
        );
    }
    let success_rate = match raw.success_rate {
        None => None,
        Some(rate) => Some(SuccessRate {
            at_least: rate.at_least? / 100.0,
            intervals: rate.intervals.unwrap_or(5),
            failures: rate.failures.unwrap_or(0),
            interval: time(rate.interval.as_ref()).unwrap_or(MINUTE),
        }),
    };
    Some(Gates {
        alpha: raw.alpha.unwrap_or(0.01),
        margin: raw.margin.unwrap_or(1.0),
        min_requests: u64::from(raw.min_requests.unwrap_or(0)),
        max_errors: raw.max_errors.map(u64::from),
        accepted_errors: raw.accepted_errors.unwrap_or(0.3) / 100.0,
        latency,
        source,
        success_rate,
        inconclusive: match raw.inconclusive {
            Some(raw::Inconclusive::Promote) => Inconclusive::Promote,
            Some(raw::Inconclusive::Rollback) | None => Inconclusive::Rollback,
        },
        inconclusive_hold: time(raw.inconclusive_hold.as_ref()).unwrap_or(Duration::ZERO),
    })
}

fn percent(latency: Latency) -> u8 {
    match latency {
        Latency::P50 => 50,
        Latency::P90 => 90,
        Latency::P99 => 99,
    }
}

fn source(raw: raw::GateSource, site: Site<'_>, faults: &mut Faults) -> Option<GateSource> {
    if let Some(alb) = raw.alb {
        return Some(GateSource::Alb { settle: time(alb.settle.as_ref()).unwrap_or(MINUTE) });
    }
    if let Some(metric) = raw.metric {
        let period = time(metric.period.as_ref()).unwrap_or(TEN);
        is_period(period, "metric", site, faults);
        let dimensions = metric.dimensions?.0;
        let values = || dimensions.values().map(|value| value.0.as_str());
        tells_revisions(values(), "dimensions", ["metric", "dimensions"], site, faults);
        return Some(GateSource::Metric {
            namespace: metric.namespace?.0,
            requests: metric.requests?.0,
            errors: metric.errors?.0,
            dimensions: dimensions.into_iter().map(|(name, value)| (name, value.0)).collect(),
            period,
            settle: time(metric.settle.as_ref()).unwrap_or(TEN),
        });
    }
    if let Some(math) = raw.math {
        let period = time(math.period.as_ref()).unwrap_or(MINUTE);
        is_period(period, "math", site, faults);
        let (requests, errors) = (math.requests?.0, math.errors?.0);
        for (text, key) in [(&requests, "requests"), (&errors, "errors")] {
            tells_revisions([text.as_str()], "expression", ["math", key], site, faults);
        }
        let settle = time(math.settle.as_ref()).unwrap_or(MINUTE);
        return Some(GateSource::Math { requests, errors, period, settle });
    }
    let probe = raw.probe?;
    Some(GateSource::Probe {
        path: probe.path?.0,
        rate: probe.rate.unwrap_or(5),
        timeout: time(probe.timeout.as_ref()).unwrap_or(Duration::from_secs(2)),
    })
}

/// CloudWatch has datapoints of 1, 5, 10, 20 and 30 seconds, and of whole minutes (`MetricStat`).
fn is_period(period: Duration, key: &str, site: Site<'_>, faults: &mut Faults) {
    let seconds = period.as_secs();
    if matches!(seconds, 1 | 5 | 10 | 20 | 30) || (seconds > 0 && seconds.is_multiple_of(60)) {
        return;
    }
    let at = site.at(&["rollout", "gates", "source", key, "period"]);
    let message = format!("CloudWatch has no period of {}", show(period));
    faults.push(
        Fault::new(Code::OutOfRange, at, message)
            .help("write 1s, 5s, 10s, 20s, 30s or whole minutes"),
    );
}

/// Without a placeholder both arms read the same datapoints, and the gate compares green with itself.
fn tells_revisions<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    what: &str,
    path: [&str; 2],
    site: Site<'_>,
    faults: &mut Faults,
) {
    const PLACEHOLDERS: [&str; 3] = ["{revision}", "{number}", "{target_group}"];
    let tells = |text: &str| PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder));
    if texts.into_iter().any(tells) {
        return;
    }
    let at = site.at(&["rollout", "gates", "source", path[0], path[1]]);
    let message = format!("the {what} do not tell green from blue");
    faults.push(
        Fault::new(Code::Contradiction, at, message)
            .help("use `{revision}`, `{number}` or `{target_group}` in it"),
    );
}
