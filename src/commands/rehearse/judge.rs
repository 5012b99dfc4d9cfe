//! Judges a rehearsal against what its scenario expects.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::model::Service;
use crate::domain::Weight;
use crate::pipeline::event::EventKind;
use crate::rehearsal::scenario::Scenario;
use crate::rehearsal::world::{Made, Tally};
use crate::report::text::Plain;
use crate::report::{Expectation, Rehearsed, Requests, Run, timing};

/// Compares a run with what the scenario expects.
pub(super) fn judge(
    scenario: &Scenario,
    seed: u64,
    run: &Run,
    tally: &Tally,
    service: &Service,
) -> Rehearsed {
    let expect = &scenario.expect;
    let mut list = Vec::new();
    let mut say = |what: &str, expected: String, actual: String, met: bool| {
        list.push(Expectation { what: what.to_owned(), expected, actual, met });
    };
    let outcome = run.outcome.kind;
    say(
        "exit_code",
        expect.outcome.exit_code().to_string(),
        outcome.exit_code().to_string(),
        outcome == expect.outcome,
    );
    if let Some(because) = &expect.because {
        let met = run.outcome.summary.contains(because.as_str());
        say("because", because.clone(), run.outcome.summary.clone(), met);
    }
    if let Some(split) = expect.final_weights {
        let (live, candidate) = final_weights(scenario, tally, service);
        let met = live == split.live && candidate == split.candidate;
        say(
            "final_weights",
            format!("live {}, candidate {}", split.live, split.candidate),
            format!("live {live}, candidate {candidate}"),
            met,
        );
    }
    if let Some(expected) = expect.rolled_back {
        let actual = tally.deployments.iter().any(Made::is_rollback);
        say("rolled_back", expected.to_string(), actual.to_string(), expected == actual);
    }
    if let Some(expected) = expect.deployments {
        let made = tally.deployments.iter().filter(|made| !made.is_rollback()).count() as u64;
        say("deployments", expected.to_string(), made.to_string(), expected == made);
    }
    let dropped = tally.requests.dropped;
    say(
        "dropped",
        format!("at most {}", expect.dropped),
        dropped.to_string(),
        dropped <= expect.dropped,
    );
    if let Some(most) = expect.max_bad_requests {
        let bad = tally.bad_requests;
        say("bad_requests", format!("at most {most}"), bad.to_string(), bad <= most);
    }
    let timing = timing::of_run(&run.events);
    let within = [
        ("detected_after", expect.detected_within, timing.detected_after),
        ("restored_after", expect.restored_within, timing.restored_after),
    ];
    for (what, limit, actual) in within {
        if let Some(limit) = limit {
            let words =
                actual.map_or_else(|| "never".to_owned(), |t| format!("{:.1} s", t.as_secs_f64()));
            let met = actual.is_some_and(|actual| actual <= limit);
            say(what, format!("within {} s", limit.as_secs()), words, met);
        }
    }
    Rehearsed {
        scenario: scenario.name.clone(),
        seed,
        requests: Requests {
            total: tally.requests.total,
            failed: tally.requests.failed,
            dropped: tally.requests.dropped,
        },
        bad_requests: tally.bad_requests,
        busiest_minute: busiest_minute(run, tally),
        slowest_reaction_s: slowest_reaction(run, tally, service),
        violations: tally.violations.clone(),
        expectations: list,
    }
}

/// The most calls in any minute while the run watched a deployment.
fn busiest_minute(run: &Run, tally: &Tally) -> u64 {
    const MINUTE: f64 = 60.0;
    let began = run.events.iter().find_map(|event| {
        let started = matches!(event.kind, EventKind::DeploymentStarted { .. });
        started.then_some(event.at.as_secs_f64())
    });
    // What comes after the last look at the deployment is not waiting.
    let ended = run.events.iter().find_map(|event| {
        let decided = matches!(
            &event.kind,
            EventKind::Gate { .. } | EventKind::RollbackStarted { .. } | EventKind::Evidence { .. }
        );
        decided.then_some(event.at.as_secs_f64())
    });
    let (Some(began), Some(ended)) = (began, ended) else { return 0 };
    let calls: Vec<f64> =
        tally.call_times_s.iter().copied().filter(|at| *at > began && *at < ended).collect();
    let in_minute =
        |from: f64| calls.iter().filter(|at| (from..from + MINUTE).contains(at)).count();
    calls.iter().map(|at| in_minute(*at) as u64).max().unwrap_or_default()
}

/// The longest time from a change of the weights until the run said so; 0 when nothing changed or
/// nobody was there to see it.
fn slowest_reaction(run: &Run, tally: &Tally, service: &Service) -> f64 {
    let seen: Vec<f64> = run
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Traffic { .. }))
        .map(|event| event.at.as_secs_f64())
        .collect();
    let end = run.took.as_secs_f64();
    tally
        .weights
        .iter()
        .filter(|change| {
            change.service == service.names.service && change.at_s > 0.0 && change.at_s < end
        })
        .filter_map(|change| seen.iter().find(|at| **at >= change.at_s).map(|at| at - change.at_s))
        .fold(0.0, f64::max)
}

/// The weights of the two groups at the end: the live revision starts in the blue group.
fn final_weights(scenario: &Scenario, tally: &Tally, service: &Service) -> (Weight, Weight) {
    let last = tally.weights.iter().rev().find(|change| change.service == service.names.service);
    let Some(last) = last else {
        return (scenario.initial.weights.live, scenario.initial.weights.candidate);
    };
    let of = |name: &str| {
        let weight = last.weights.get(name).copied().unwrap_or_default();
        u8::try_from(weight).ok().and_then(Weight::new).unwrap_or(Weight::NONE)
    };
    (of(&service.names.blue_target_group), of(&service.names.green_target_group))
}

/// One line for `--all`, with what was not met below it.
pub(super) fn text(run: &Run, simulated: Duration) -> String {
    let Some(rehearsed) = &run.rehearsed else { return String::new() };
    let met = super::expected(run);
    let mut out = format!(
        "{} {:<24} exit {:>3}  {:>5} s of {:>5} s  {:>7} requests, {:>4} failed, {} dropped, {:>4} bad, {:>4} API calls\n",
        if met { "ok  " } else { "FAIL" },
        rehearsed.scenario,
        run.outcome.kind.exit_code(),
        run.took.as_secs(),
        simulated.as_secs(),
        rehearsed.requests.total,
        rehearsed.requests.failed,
        rehearsed.requests.dropped,
        rehearsed.bad_requests,
        run.api_calls.values().sum::<u64>(),
    );
    for expectation in rehearsed.expectations.iter().filter(|e| !e.met) {
        let Expectation { what, expected, actual, .. } = expectation;
        let _ = writeln!(out, "       {what}: expected {expected}, got {actual}");
    }
    if !met {
        let _ = writeln!(out, "       {}", Plain(&run.outcome.summary));
    }
    for violation in &rehearsed.violations {
        let _ = writeln!(out, "       violation: {}", Plain(violation));
    }
    out
}

/// The same as JSON.
pub(super) fn line(run: &Run, simulated: Duration) -> Value {
    json!({
        "met": super::expected(run),
        "exit_code": run.outcome.kind.exit_code(),
        "summary": run.outcome.summary,
        "took_s": run.took.as_secs_f64(),
        "simulated_s": simulated.as_secs_f64(),
        "rehearsal": run.rehearsed,
        "api_calls": run.api_calls,
    })
}

/// What a person reads after a single rehearsal.
pub(super) fn details(run: &Run, simulated: Duration) -> String {
    let Some(rehearsed) = &run.rehearsed else { return String::new() };
    let mut out = String::new();
    let requests = &rehearsed.requests;
    let _ = writeln!(
        out,
        "\nseed {} · run of {} virtual s, world of {} s · {} requests, {} failed, {} dropped by us, {} bad from the candidate · {} API calls",
        rehearsed.seed,
        run.took.as_secs(),
        simulated.as_secs(),
        requests.total,
        requests.failed,
        requests.dropped,
        rehearsed.bad_requests,
        run.api_calls.values().sum::<u64>(),
    );
    for expectation in &rehearsed.expectations {
        let mark = if expectation.met { "as expected" } else { "UNEXPECTED " };
        let Expectation { what, expected, actual, .. } = expectation;
        let _ = writeln!(out, "{mark}  {what}: {actual} (expected {expected})");
    }
    for violation in &rehearsed.violations {
        let _ = writeln!(out, "VIOLATION    {}", Plain(violation));
    }
    out
}
