//! Judges a rehearsal against what its scenario expects.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::config::model::Service;
use crate::domain::Weight;
use crate::pipeline::event::EventKind;
use crate::rehearsal::scenario::Scenario;
use crate::rehearsal::world::Tally;
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
        let actual = run.events.iter().any(|event| {
            matches!(&event.kind, EventKind::RollbackStarted { rollback: Some(_), .. })
        });
        say("rolled_back", expected.to_string(), actual.to_string(), expected == actual);
    }
    let dropped = tally.requests.dropped;
    say("dropped", format!("at most {}", expect.dropped), dropped.to_string(), dropped <= expect.dropped);
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
            let words = actual.map_or_else(|| "never".to_owned(), |t| format!("{:.1} s", t.as_secs_f64()));
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
        violations: tally.violations.clone(),
        expectations: list,
    }
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
pub(super) fn text(run: &Run) -> String {
    let Some(rehearsed) = &run.rehearsed else { return String::new() };
    let met = super::expected(run);
    let mut out = format!(
        "{} {:<24} exit {:>3}  {:>5} s  {:>7} requests, {:>4} failed, {} dropped, {:>4} bad, {:>4} API calls\n",
        if met { "ok  " } else { "FAIL" },
        rehearsed.scenario,
        run.outcome.kind.exit_code(),
        run.took.as_secs(),
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
pub(super) fn line(run: &Run) -> Value {
    json!({
        "met": super::expected(run),
        "exit_code": run.outcome.kind.exit_code(),
        "summary": run.outcome.summary,
        "took_s": run.took.as_secs_f64(),
        "rehearsal": run.rehearsed,
        "api_calls": run.api_calls,
    })
}

/// What a person reads after a single rehearsal.
pub(super) fn details(run: &Run) -> String {
    let Some(rehearsed) = &run.rehearsed else { return String::new() };
    let mut out = String::new();
    let requests = &rehearsed.requests;
    let _ = writeln!(
        out,
        "\nseed {} · {} virtual s · {} requests, {} failed, {} dropped by us, {} bad from the candidate · {} API calls",
        rehearsed.seed,
        run.took.as_secs(),
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
