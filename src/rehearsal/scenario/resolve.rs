//! Reads a scenario file: defaults, cross-checks, and errors with a place.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_saphyr::{Location, Spanned};

use super::quantity::{Span, shorten};
use super::raw;
use super::{
    Behaviour, Command, Crash, DeniedCall, Expect, Faults, Hook, HookAnswer, Initial, Latency,
    Migration, ResourceFault, ResourceVerb, Scenario, Split, Traffic, events,
};
use crate::domain::{LifecycleName, OutcomeKind, Weight};

/// The longest scenario file. The longest built-in one has 2 KiB.
const LONGEST_FILE: usize = 64 * 1024;
/// Most events of a scenario.
const MOST_EVENTS: usize = 200;
/// Most log lines of one container, and the longest.
const MOST_LINES: usize = 200;
const LONGEST_TEXT: usize = 2_000;

/// Says what is wrong with a scenario file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ScenarioError {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// One lower-case fragment.
    pub message: String,
}

/// A fault with its place, before the file's name is known.
pub(super) struct Fault(pub(super) Location, pub(super) String);

pub(super) type Checked<T> = Result<T, Fault>;

/// Reads a scenario. `file` names the source in errors and, without its extension, the scenario
/// when the file does not.
pub fn parse(text: &str, file: &str) -> Result<Scenario, ScenarioError> {
    let error = |line: u64, column: u64, message: String| ScenarioError {
        file: file.to_owned(),
        line: line.max(1),
        column: column.max(1),
        message,
    };
    if text.len() > LONGEST_FILE {
        return Err(error(1, 1, format!("a scenario file is at most {} KiB", LONGEST_FILE / 1024)));
    }
    // Anchors are refused: no scenario needs them, and without them no file can grow when read.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_depth: 16,
            flow_nesting_limit: 16,
            max_documents: 1,
            max_nodes: 5_000,
            max_inclusion_depth: 0,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let raw: raw::File = serde_saphyr::from_str_with_options(text, options).map_err(|fault| {
        let place = fault.location();
        let message = message_without_place(&fault.without_snippet().to_string());
        error(place.map_or(1, |at| at.line()), place.map_or(1, |at| at.column()), message)
    })?;
    resolve(raw, file).map_err(|Fault(at, message)| error(at.line(), at.column(), message))
}

/// Drops the place that serde-saphyr appends to its messages: ours stands in front.
fn message_without_place(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let cut = first.rfind(" at line ").and_then(|at| first.get(..at)).unwrap_or(first);
    cut.to_owned()
}

fn resolve(raw: raw::File, file: &str) -> Checked<Scenario> {
    let zones = raw.zones.map_or(3, |zones| if zones.0 == 2 { 2 } else { 3 });
    let live = behaviour(raw.revisions.live, None)?;
    let candidate = behaviour(raw.revisions.candidate, Some(&live))?;
    if raw.events.len() > MOST_EVENTS {
        let at = raw.events.last().map_or(Location::UNKNOWN, |event| event.referenced);
        return Err(Fault(at, format!("a scenario has at most {MOST_EVENTS} events")));
    }
    let events = raw.events.into_iter().map(|event| events::event(event, zones));
    Ok(Scenario {
        name: name(raw.name, file)?,
        description: text(raw.description)?,
        commands: commands(raw.command)?,
        zones,
        tasks: raw.tasks.map_or(4, |tasks| small(tasks.0)),
        deregistration_delay: raw.deregistration_delay.map(|span| span.0),
        publishes: raw.publishes.map(publishes).transpose()?,
        traffic: Traffic {
            requests_per_second: raw.traffic.requests_per_second.map_or(50.0, |rate| rate.0),
        },
        live,
        candidate,
        migration: migration(raw.migration)?,
        hooks: raw.hooks.into_iter().map(hook).collect::<Checked<BTreeMap<_, _>>>()?,
        events: events.collect::<Checked<Vec<_>>>()?,
        faults: faults(raw.faults)?,
        stacks: raw.stacks.into_iter().map(resource_fault).collect::<Checked<Vec<_>>>()?,
        initial: Initial {
            alarm_firing: raw.initial.alarm_firing,
            foreign_deployment: raw.initial.foreign_deployment,
            weights: match raw.initial.weights {
                Some(weights) => split(&weights)?,
                None => Split { live: Weight::ALL, candidate: Weight::NONE },
            },
        },
        expect: expect(raw.expect)?,
    })
}

/// Most commands of a scenario.
const MOST_COMMANDS: usize = 10;

fn commands(raw: Option<Spanned<Vec<raw::Command>>>) -> Checked<Vec<Command>> {
    let Some(raw) = raw else { return Ok(vec![Command::Deploy]) };
    if raw.value.is_empty() || raw.value.len() > MOST_COMMANDS {
        let rule = format!("a scenario runs 1 to {MOST_COMMANDS} commands");
        return Err(Fault(raw.referenced, rule));
    }
    let commands = raw.value.into_iter().map(|command| match command {
        raw::Command::Deploy => Command::Deploy,
        raw::Command::Provision => Command::Provision,
        raw::Command::Drift => Command::Drift,
        raw::Command::Destroy => Command::Destroy,
    });
    Ok(commands.collect())
}

fn name(name: Option<Spanned<String>>, file: &str) -> Checked<String> {
    let Some(name) = name else {
        let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let stem = stem.strip_suffix(".yml").or_else(|| stem.strip_suffix(".yaml"));
        let named = stem.filter(|stem| kebab(stem)).unwrap_or("scenario");
        return Ok(named.to_owned());
    };
    if kebab(&name.value) {
        Ok(name.value)
    } else {
        let rule = "a name is 1–40 lower-case letters, digits and dashes, starting with a letter";
        Err(Fault(name.referenced, rule.to_owned()))
    }
}

fn kebab(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn text(text: Spanned<String>) -> Checked<String> {
    let trimmed = text.value.trim();
    if trimmed.is_empty() || trimmed.len() > LONGEST_TEXT {
        let rule = format!("must be a text of 1 to {LONGEST_TEXT} bytes");
        return Err(Fault(text.referenced, rule));
    }
    Ok(trimmed.to_owned())
}

fn lines(lines: Spanned<Vec<String>>) -> Checked<Vec<String>> {
    let long = lines.value.iter().any(|line| line.is_empty() || line.len() > LONGEST_TEXT);
    if long || lines.value.len() > MOST_LINES {
        let rule = format!("at most {MOST_LINES} lines of 1 to {LONGEST_TEXT} bytes each");
        return Err(Fault(lines.referenced, rule));
    }
    Ok(lines.value)
}

/// Fills in what the file leaves out: from `base` for the candidate, else from the defaults.
fn behaviour(raw: raw::Behaviour, base: Option<&Behaviour>) -> Checked<Behaviour> {
    let default = Behaviour {
        error_rate: 0.001,
        latency: Latency { median: Duration::from_millis(40), sigma: 0.4 },
        start: Duration::from_secs(25),
        crash: None,
        smoke: 200,
        health: 200,
    };
    let base = base.unwrap_or(&default);
    let latency = match (raw.latency, raw.latency_factor) {
        (Some(_), Some(factor)) => {
            let rule = "`latency_factor` multiplies the live latency; leave `latency` out";
            return Err(Fault(factor.referenced, rule.to_owned()));
        }
        (Some(own), None) => self::latency(own.value, base.latency),
        (None, Some(factor)) => {
            let median = base.latency.median.as_secs_f64() * factor.value.0;
            let median = Duration::try_from_secs_f64(median).ok();
            let median = median.filter(|median| *median <= super::quantity::LONGEST);
            let rule = || Fault(factor.referenced, "a latency is at most 24h".to_owned());
            Latency { median: median.ok_or_else(rule)?, ..base.latency }
        }
        (None, None) => base.latency,
    };
    Ok(Behaviour {
        error_rate: raw.error_rate.map_or(base.error_rate, |rate| rate.0),
        latency,
        start: span_or(raw.start, base.start),
        crash: match raw.crash {
            Some(crash) => Some(Crash {
                after: span_or(crash.after, Duration::ZERO),
                exit_code: crash.exit_code.map_or(1, byte),
                log: crash.log.map(lines).transpose()?.unwrap_or_default(),
            }),
            None => base.crash.clone(),
        },
        smoke: raw.smoke.map_or(base.smoke, status),
        health: raw.health.map_or(base.health, status),
    })
}

/// CloudWatch has datapoints of 1, 5, 10, 20 and 30 seconds below a minute (`MetricStat`).
fn publishes(raw: Spanned<raw::Publishes>) -> Checked<Duration> {
    let period = raw.value.period.0;
    let known = [1, 5, 10, 20, 30, 60].map(Duration::from_secs);
    if known.contains(&period) {
        return Ok(period);
    }
    Err(Fault(raw.referenced, "`period` is 1s, 5s, 10s, 20s, 30s or 1m".to_owned()))
}

fn latency(raw: raw::Latency, base: Latency) -> Latency {
    Latency {
        median: span_or(raw.median, base.median),
        sigma: raw.sigma.map_or(base.sigma, |sigma| sigma.0),
    }
}

pub(super) fn span_or(span: Option<Span>, default: Duration) -> Duration {
    span.map_or(default, |span| span.0)
}

/// Narrows a number whose type already bounds it.
pub(super) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn byte(code: raw::ExitCode) -> u8 {
    u8::try_from(code.0).unwrap_or(u8::MAX)
}

fn status(answer: raw::Answer) -> u16 {
    u16::try_from(answer.status.0).unwrap_or(500)
}

fn migration(raw: raw::Migration) -> Checked<Migration> {
    Ok(Migration {
        exit_code: raw.exit_code.map_or(0, byte),
        duration: span_or(raw.duration, Duration::from_secs(20)),
        log: match raw.log {
            Some(log) => lines(log)?,
            None => vec!["migrating".to_owned(), "migrations are up to date".to_owned()],
        },
    })
}

pub(super) fn lifecycle(name: &str, at: Location) -> Checked<LifecycleName> {
    match LifecycleName::parse(name) {
        LifecycleName::Other(_) => {
            let message = format!(
                "`{}` is not a lifecycle event; they are BeforeInstall, Install, AfterInstall, \
                 AllowTestTraffic, AfterAllowTestTraffic, BeforeAllowTraffic, AllowTraffic and \
                 AfterAllowTraffic",
                shorten(name)
            );
            Err(Fault(at, message))
        }
        known => Ok(known),
    }
}

fn hook((event, hook): (String, Spanned<raw::Hook>)) -> Checked<(LifecycleName, Hook)> {
    let name = lifecycle(&event, hook.referenced)?;
    // CodeDeploy developer guide, "AppSpec 'hooks' section for an Amazon ECS deployment":
    // these three are CodeDeploy's own and take no function.
    let own =
        [LifecycleName::Install, LifecycleName::AllowTestTraffic, LifecycleName::AllowTraffic];
    if own.contains(&name) {
        return Err(Fault(hook.referenced, format!("`{}` takes no hook", name.as_str())));
    }
    let answer = match hook.value.answer {
        raw::HookAnswer::Succeeded => HookAnswer::Succeeded,
        raw::HookAnswer::Failed => HookAnswer::Failed,
        raw::HookAnswer::Silent => HookAnswer::Silent,
    };
    let duration = span_or(hook.value.duration, Duration::from_secs(3));
    Ok((name, Hook { answer, duration }))
}

fn faults(raw: raw::Faults) -> Checked<Faults> {
    // Retries give up when nearly everything fails, and then a scenario tests only patience.
    let share = |share: Option<Spanned<super::quantity::Share>>, most: f64| match share {
        Some(share) if share.value.0 > most => {
            Err(Fault(share.referenced, format!("must be at most {most}")))
        }
        Some(share) => Ok(share.value.0),
        None => Ok(0.0),
    };
    let default = Latency { median: Duration::from_millis(40), sigma: 0.3 };
    Ok(Faults {
        throttle: share(raw.throttle, 0.9)?,
        reset: share(raw.reset, 0.9)?,
        silent: share(raw.silent, 0.5)?,
        latency: raw.latency.map_or(default, |own| latency(own, default)),
        deny: raw.deny.into_iter().map(denied).collect::<Checked<Vec<_>>>()?,
    })
}

/// The name of a stack: letters, digits and dashes, at most 128, from a letter on.
pub(super) fn stack_name(name: Spanned<String>) -> Checked<String> {
    let fits = (1..=128).contains(&name.value.len())
        && name.value.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        Ok(name.value)
    } else {
        Err(Fault(name.referenced, "a stack is named by letters, digits and dashes".to_owned()))
    }
}

fn resource_fault(raw: raw::ResourceFault) -> Checked<ResourceFault> {
    let logical = &raw.resource.value;
    if logical.is_empty()
        || logical.len() > 255
        || !logical.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        let rule = "a resource is named by its logical id: letters and digits";
        return Err(Fault(raw.resource.referenced, rule.to_owned()));
    }
    Ok(ResourceFault {
        stack: raw.stack.map(stack_name).transpose()?,
        resource: raw.resource.value,
        verb: match raw.on {
            raw::ResourceVerb::Create => ResourceVerb::Create,
            raw::ResourceVerb::Update => ResourceVerb::Update,
            raw::ResourceVerb::Delete => ResourceVerb::Delete,
            raw::ResourceVerb::Rollback => ResourceVerb::Rollback,
        },
        message: text(raw.message)?,
        times: raw.times.map(|times| small(times.0)),
    })
}

fn denied(call: Spanned<String>) -> Checked<DeniedCall> {
    let word = |text: &str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    match call.value.split_once(':') {
        Some((service, operation)) if word(service) && word(operation) => {
            Ok(DeniedCall { service: service.to_owned(), operation: operation.to_owned() })
        }
        _ => Err(Fault(
            call.referenced,
            "write service:Operation, as codedeploy:CreateDeployment".to_owned(),
        )),
    }
}

pub(super) fn split(split: &Spanned<raw::Split>) -> Checked<Split> {
    let weight = |percent: raw::Percent| u8::try_from(percent.0).ok().and_then(Weight::new);
    match (weight(split.value.live), weight(split.value.candidate)) {
        (Some(live), Some(candidate)) if live.rest() == candidate => Ok(Split { live, candidate }),
        _ => Err(Fault(split.referenced, "`live` and `candidate` must add up to 100".to_owned())),
    }
}

fn expect(raw: raw::Expect) -> Checked<Expect> {
    let wanted = raw.outcome.value.as_str();
    let outcome = OutcomeKind::ALL.into_iter().find(|kind| outcome_name(*kind) == wanted);
    let Some(outcome) = outcome else {
        let names: Vec<_> = OutcomeKind::ALL.into_iter().map(outcome_name).collect();
        let message = format!("an outcome is one of {}", names.join(", "));
        return Err(Fault(raw.outcome.referenced, message));
    };
    if let Some(code) = raw.exit_code
        && byte(code.value) != outcome.exit_code()
    {
        let message = format!("`{wanted}` has exit code {}", outcome.exit_code());
        return Err(Fault(code.referenced, message));
    }
    Ok(Expect {
        outcome,
        final_weights: raw.final_weights.as_ref().map(split).transpose()?,
        because: raw.because.clone(),
        rolled_back: raw.rolled_back,
        deployments: raw.deployments.map(|count| count.0),
        dropped: raw.dropped.map_or(0, |dropped| dropped.0),
        max_bad_requests: raw.max_bad_requests.map(|most| most.0),
        detected_within: raw.detected_within.map(|span| span.0),
        restored_within: raw.restored_within.map(|span| span.0),
    })
}

/// The name of an outcome, as reports spell it.
pub(super) fn outcome_name(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Done => "done",
        OutcomeKind::Bug => "bug",
        OutcomeKind::Invalid => "invalid",
        OutcomeKind::RolledBack => "rolled-back",
        OutcomeKind::NeedsPerson => "needs-person",
        OutcomeKind::Inconclusive => "inconclusive",
        OutcomeKind::Denied => "denied",
        OutcomeKind::Busy => "busy",
        OutcomeKind::Cancelled => "cancelled",
    }
}
