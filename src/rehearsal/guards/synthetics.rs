//! CloudWatch Synthetics: canaries that probe from outside.
//!
//! Source: Synthetics API reference, `DescribeCanariesLastRun`, `GetCanaryRuns`;
//! `rate(1 minute)` is the shortest schedule.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, listed, page, page_size, refuse_unsimulated, required, text, texts, unknown};
use crate::rehearsal::call::{ApiError, Reply};

/// Runs that a canary remembers here; a rehearsal of a day has 1440 minutes.
const MOST_RUNS: usize = 1500;

/// A canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanarySetup {
    /// Its name.
    pub name: String,
    /// What it probes; only the world reads this.
    pub url: String,
    /// The time between the starts of two runs; at least a minute.
    pub interval: Duration,
    /// When the first run after the start of the rehearsal begins.
    pub phase: Duration,
    /// How long a run takes; less than the interval.
    pub run: Duration,
}

impl CanarySetup {
    /// A canary that runs every minute for eight seconds, first a second after the start.
    pub fn each_minute(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            interval: Duration::from_secs(60),
            phase: Duration::from_secs(1),
            run: Duration::from_secs(8),
        }
    }
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRun {
    /// The canary.
    pub canary: String,
    /// When it ended.
    pub at: Duration,
    /// Whether the probe was answered well.
    pub passed: bool,
}

/// The canaries of the account.
#[derive(Debug)]
pub struct Synthetics {
    place: Place,
    canaries: BTreeMap<String, Canary>,
}

#[derive(Debug)]
struct Canary {
    setup: CanarySetup,
    next: Duration,
    runs: VecDeque<Run>,
    begun: u64,
}

#[derive(Debug)]
struct Run {
    number: u64,
    started: Duration,
    completed: Option<Duration>,
    passed: bool,
}

impl Synthetics {
    /// The canaries, each with one passed run before the start.
    pub fn new(place: Place, canaries: Vec<CanarySetup>) -> Self {
        let canaries = canaries.into_iter().map(|mut setup| {
            setup.interval = setup.interval.max(Duration::from_secs(60));
            let run = Run {
                number: 0,
                started: Duration::ZERO,
                completed: Some(Duration::ZERO),
                passed: true,
            };
            let next = setup.phase;
            let canary = Canary { setup, next, runs: VecDeque::from([run]), begun: 1 };
            (canary.setup.name.clone(), canary)
        });
        Self { place, canaries: canaries.collect() }
    }

    /// Starts and ends the runs that are due. `probe` is asked once a run, when it starts.
    ///
    /// Call it often: a run that is discovered late asks `probe` about the present.
    pub fn advance(
        &mut self,
        now: Duration,
        probe: &mut dyn FnMut(&CanarySetup) -> bool,
    ) -> Vec<FinishedRun> {
        let mut finished = Vec::new();
        for canary in self.canaries.values_mut() {
            canary.advance(now, probe, &mut finished);
        }
        finished.sort_by_key(|run| run.at);
        finished
    }

    /// Answers a call.
    pub fn call(&mut self, _now: Duration, operation: &str, input: &Value) -> Reply {
        match operation {
            "DescribeCanariesLastRun" => {
                refuse_unsimulated(operation, input, &["NextToken", "MaxResults", "Names"])?;
                self.last_runs(input)
            }
            "GetCanaryRuns" => {
                refuse_unsimulated(operation, input, &["Name", "NextToken", "MaxResults"])?;
                self.runs(input)
            }
            other => Err(unknown("synthetics", other)),
        }
    }

    fn last_runs(&self, input: &Value) -> Reply {
        let names = texts(input, "Names");
        // A name that does not exist is left out, not refused: `DescribeCanariesLastRun`, `Names`.
        let chosen: Vec<&Canary> = self
            .canaries
            .values()
            .filter(|canary| names.is_empty() || names.contains(&canary.setup.name.as_str()))
            .collect();
        let (shown, next) = paged(&chosen, input)?;
        let shown = shown.iter().filter_map(|canary| {
            let run = canary.runs.back()?;
            Some(json!({ "CanaryName": canary.setup.name, "LastRun": self.run(canary, run) }))
        });
        Ok(listed("CanariesLastRun", shown.collect(), "NextToken", next))
    }

    fn runs(&self, input: &Value) -> Reply {
        let name = required(input, "Name");
        let Some(canary) = self.canaries.get(name) else {
            let message = format!("Canary {name} not found");
            return Err(ApiError::new("ResourceNotFoundException", message).status(404));
        };
        let newest_first: Vec<&Run> = canary.runs.iter().rev().collect();
        let (shown, next) = paged(&newest_first, input)?;
        let shown = shown.iter().map(|run| self.run(canary, run));
        Ok(listed("CanaryRuns", shown.collect(), "NextToken", next))
    }

    fn run(&self, canary: &Canary, run: &Run) -> Value {
        let (state, result) = match (run.completed, run.passed) {
            (None, _) => ("RUNNING", "UNKNOWN"),
            (Some(_), true) => ("PASSED", "PASSED"),
            (Some(_), false) => ("FAILED", "FAILED"),
        };
        let mut status = json!({ "State": state, "TestResult": result });
        if state == "FAILED"
            && let Some(members) = status.as_object_mut()
        {
            let reason = format!("Failed to load {}", canary.setup.url);
            members.insert("StateReason".to_owned(), json!(reason));
            members.insert("StateReasonCode".to_owned(), json!("CANARY_FAILURE"));
        }
        let mut timeline = json!({ "Started": self.place.stamp(run.started) });
        if let (Some(completed), Some(members)) = (run.completed, timeline.as_object_mut()) {
            members.insert("Completed".to_owned(), self.place.stamp(completed));
        }
        let name = &canary.setup.name;
        json!({
            "Id": format!("00000000-0000-4000-8000-{:012}", run.number),
            "Name": name,
            "Status": status,
            "Timeline": timeline,
            "ArtifactS3Location": format!("cw-syn-results-{}/{name}", self.place.account),
        })
    }
}

impl Canary {
    fn advance(
        &mut self,
        now: Duration,
        probe: &mut dyn FnMut(&CanarySetup) -> bool,
        finished: &mut Vec<FinishedRun>,
    ) {
        while self.next <= now {
            let started = self.next;
            self.end_runs(started, finished);
            let passed = probe(&self.setup);
            self.runs.push_back(Run { number: self.begun, started, completed: None, passed });
            self.begun = self.begun.saturating_add(1);
            if self.runs.len() > MOST_RUNS {
                self.runs.pop_front();
            }
            self.next = self.next.saturating_add(self.setup.interval);
        }
        self.end_runs(now, finished);
    }

    fn end_runs(&mut self, now: Duration, finished: &mut Vec<FinishedRun>) {
        let length = self.setup.run.min(self.setup.interval);
        for run in self.runs.iter_mut().filter(|run| run.completed.is_none()) {
            let end = run.started.saturating_add(length);
            if end <= now {
                run.completed = Some(end);
                let canary = self.setup.name.clone();
                finished.push(FinishedRun { canary, at: end, passed: run.passed });
            }
        }
    }
}

fn paged<'a, T>(all: &'a [T], input: &Value) -> Result<(&'a [T], Option<String>), ApiError> {
    page(all, text(input, "NextToken"), page_size(input, "MaxResults", 100))
        .ok_or_else(|| ApiError::new("ValidationException", "Invalid NextToken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synthetics() -> Synthetics {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            epoch: Duration::from_secs(1_800_000_000),
        };
        Synthetics::new(place, vec![CanarySetup::each_minute("web", "http://web/")])
    }

    fn last(synthetics: &mut Synthetics) -> Value {
        let answer = synthetics.call(
            Duration::ZERO,
            "DescribeCanariesLastRun",
            &json!({ "Names": ["web", "x"] }),
        );
        answer.unwrap()["CanariesLastRun"][0]["LastRun"].clone()
    }

    #[test]
    fn a_run_takes_its_time_and_then_tells_what_it_saw_when_it_began() {
        let mut synthetics = synthetics();
        assert_eq!(last(&mut synthetics)["Status"]["State"], json!("PASSED"));
        assert!(synthetics.advance(Duration::from_secs(2), &mut |_| false).is_empty());
        assert_eq!(last(&mut synthetics)["Status"]["State"], json!("RUNNING"));
        let finished = synthetics.advance(Duration::from_secs(9), &mut |_| true);
        let run =
            FinishedRun { canary: "web".to_owned(), at: Duration::from_secs(9), passed: false };
        assert_eq!(finished, [run]);
        let run = last(&mut synthetics);
        assert_eq!(run["Status"]["StateReasonCode"], json!("CANARY_FAILURE"));
        assert_eq!(run["Timeline"]["Completed"], json!(1_800_000_009));
    }

    #[test]
    fn runs_come_newest_first_and_an_unknown_canary_is_refused() {
        let mut synthetics = synthetics();
        let mut probes = 0;
        synthetics.advance(Duration::from_secs(190), &mut |_| {
            probes += 1;
            true
        });
        assert_eq!(probes, 4);
        let answer = synthetics.call(
            Duration::ZERO,
            "GetCanaryRuns",
            &json!({ "Name": "web", "MaxResults": 2 }),
        );
        let answer = answer.unwrap();
        assert_eq!(answer["CanaryRuns"][0]["Timeline"]["Started"], json!(1_800_000_181));
        assert!(answer["NextToken"].is_string());
        let error = synthetics.call(Duration::ZERO, "GetCanaryRuns", &json!({ "Name": "x" }));
        assert_eq!(error.unwrap_err().status, 404);
    }
}
