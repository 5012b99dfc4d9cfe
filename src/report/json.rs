//! The document that `--json` prints: everything a program wants to know about a run.
//!
//! A reader of the JSON gets strings as they came; a terminal or the GitHub runner that the text
//! passes through finds nothing to act on. The schema's name changes when a field changes its
//! meaning or goes; new fields may come at any time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::run::{Expectation, Requests, Run};
use super::story::{Story, stories};
use super::text::is_hidden;
use super::timing;
use crate::domain::{
    AccountId, DeploymentId, EnvironmentName, ImageDigest, ImageFinding, OutcomeKind, Revision,
    Vulnerability, Weights,
};
use crate::error::Error;
use crate::pipeline::event::Event;

/// The name of the document's schema.
pub const SCHEMA: &str = "ha-deploy/result/1";

/// The document.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    command: &'a str,
    app: Option<&'a str>,
    environment: Option<&'a EnvironmentName>,
    region: Option<&'a str>,
    account: Option<&'a AccountId>,
    outcome: OutcomeKind,
    exit_code: u8,
    summary: &'a str,
    next: &'a [String],
    took_s: f64,
    services: BTreeMap<&'a str, Service<'a>>,
    final_weights: BTreeMap<&'a str, Weights>,
    detected_after_s: Option<f64>,
    restored_after_s: Option<f64>,
    requests: Option<Requests>,
    bad_requests: Option<u64>,
    rehearsal: Option<Rehearsal<'a>>,
    api_calls: &'a BTreeMap<String, u64>,
    events: &'a [Event],
}

/// One service of the document.
#[derive(Debug, Serialize)]
struct Service<'a> {
    from: Option<Version<'a>>,
    to: Option<Version<'a>>,
    image: Option<Image<'a>>,
    deployment: Option<&'a DeploymentId>,
    rollback: Option<&'a DeploymentId>,
    final_weights: Option<Weights>,
    restored: Option<bool>,
    detected_after_s: Option<f64>,
    restored_after_s: Option<f64>,
}

/// A revision and the image that it pins.
#[derive(Debug, Serialize)]
struct Version<'a> {
    revision: &'a Revision,
    digest: Option<&'a ImageDigest>,
}

/// The image of a service, when this run built, found or tested it.
#[derive(Debug, Serialize)]
struct Image<'a> {
    repository: Option<&'a str>,
    tag: Option<&'a str>,
    digest: Option<&'a ImageDigest>,
    reused: Option<bool>,
    checks: &'a [ImageFinding],
    scan: Option<Scan<'a>>,
}

/// What scanning found.
#[derive(Debug, Serialize)]
struct Scan<'a> {
    found: usize,
    accepted: usize,
    stopping: &'a [Vulnerability],
    added: Option<&'a [String]>,
    removed: Option<&'a [String]>,
}

/// What only a rehearsal can say.
#[derive(Debug, Serialize)]
struct Rehearsal<'a> {
    scenario: &'a str,
    seed: u64,
    busiest_minute: u64,
    slowest_reaction_s: f64,
    violations: &'a [String],
    expectations: &'a [Expectation],
}

/// Renders a run as pretty-printed JSON that ends in a newline.
pub fn render(run: &Run) -> Result<String, Error> {
    let stories = stories(&run.events);
    let named = || stories.iter().filter(|story| !story.service.is_empty());
    let timing = timing::of_run(&run.events);
    let rehearsed = run.rehearsed.as_ref();
    let document = Document {
        schema: SCHEMA,
        command: run.command,
        app: run.app.as_deref(),
        environment: run.environment.as_ref(),
        region: run.region.as_deref(),
        account: run.account.as_ref(),
        outcome: run.outcome.kind,
        exit_code: run.outcome.kind.exit_code(),
        summary: &run.outcome.summary,
        next: &run.outcome.next,
        took_s: seconds(run.took),
        services: named().map(|story| (story.service, service(run, story))).collect(),
        final_weights: named()
            .filter_map(|story| story.weights.map(|weights| (story.service, weights)))
            .collect(),
        detected_after_s: timing.detected_after.map(seconds),
        restored_after_s: timing.restored_after.map(seconds),
        requests: rehearsed.map(|r| r.requests),
        bad_requests: rehearsed.map(|r| r.bad_requests),
        rehearsal: rehearsed.map(|r| Rehearsal {
            scenario: &r.scenario,
            seed: r.seed,
            busiest_minute: r.busiest_minute,
            slowest_reaction_s: r.slowest_reaction_s,
            violations: &r.violations,
            expectations: &r.expectations,
        }),
        api_calls: &run.api_calls,
        events: &run.events,
    };
    let text = serde_json::to_string_pretty(&document)
        .map_err(|e| Error::bug("the result cannot be written as JSON").caused_by(e))?;
    Ok(inert(&text))
}

/// Writes JSON's own escape for what a terminal or the runner would act on. Each such character can
/// only stand inside a string, so the document says the same as before.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    let mut units = [0; 2];
    for character in json.replace("##[", "#\\u0023[").chars() {
        if character != '\n' && is_hidden(character) {
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    text.push('\n');
    text
}

fn service<'a>(run: &Run, story: &Story<'a>) -> Service<'a> {
    let timing = timing::of_service(&run.events, story.service);
    let change = story.revision.as_ref();
    Service {
        from: change.map(|c| Version { revision: c.from, digest: c.from_digest }),
        to: change.map(|c| Version { revision: c.to, digest: c.to_digest }),
        image: image(story),
        deployment: story.deployment,
        rollback: story.rollback,
        final_weights: story.weights,
        restored: story.verified.map(|(restored, _)| restored),
        detected_after_s: timing.detected_after.map(seconds),
        restored_after_s: timing.restored_after.map(seconds),
    }
}

fn image<'a>(story: &Story<'a>) -> Option<Image<'a>> {
    let checks = story.image_findings;
    let known = story.image.as_ref();
    (known.is_some() || !checks.is_empty()).then(|| Image {
        repository: known.map(|image| image.repository),
        tag: known.map(|image| image.tag),
        digest: known.map(|image| image.digest),
        reused: known.map(|image| image.reused),
        checks,
        scan: story.scan.as_ref().map(|scan| Scan {
            found: scan.found,
            accepted: scan.accepted,
            stopping: scan.stopping,
            added: scan.added,
            removed: scan.removed,
        }),
    })
}

/// Seconds with millisecond resolution, so that the same run gives the same bytes.
fn seconds(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outcome;

    #[test]
    fn hostile_text_survives_a_round_trip_and_shows_nothing_to_act_on() {
        let hostile = "a\u{1b}[2J ##[error]x \u{202e}b \u{9b}1m \u{e0041}\n::error::y";
        let run = Run::new("deploy", Outcome::new(OutcomeKind::Bug, hostile));
        let text = render(&run).unwrap();
        assert!(!text.contains("##["), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["summary"], hostile);
        assert_eq!(value["exit_code"], 1);
        assert!(value["requests"].is_null());
    }
}
