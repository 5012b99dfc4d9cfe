//! Runs, made by hand, that reports are tested with.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_deploy::domain::{
    AccountId, AlarmReading, AlarmState, Colour, DeploymentId, DeploymentStatus, EnvironmentName,
    ImageDigest, LifecycleEvent, LifecycleName, LifecycleStatus, Outcome, OutcomeKind, Revision,
    TaskSetRole, TaskSetState, Weight, Weights,
};
use ha_deploy::gate::{Decision, Verdict};
use ha_deploy::pipeline::event::{ArmEvidence, CheckVerdict, Event, EventKind};
use ha_deploy::report::{Rehearsed, Requests, Run};

/// Collects events of one service with growing times.
pub(crate) struct Tape {
    at: u64,
    service: &'static str,
    pub(crate) events: Vec<Event>,
}

impl Tape {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { at: 0, service, events: Vec::new() }
    }

    /// Adds an event, some seconds after the last one.
    pub(crate) fn after(&mut self, seconds: u64, kind: EventKind) -> &mut Self {
        self.at += seconds;
        let (at, service) = (Duration::from_secs(self.at), Some(self.service.to_owned()));
        self.events.push(Event { at, service, kind });
        self
    }

    /// The run that these events belong to.
    pub(crate) fn run(&self, outcome: Outcome) -> Run {
        let mut events = self.events.clone();
        let at = Duration::from_secs(self.at);
        let finished = EventKind::Finished { outcome: outcome.clone() };
        events.push(Event { at, service: None, kind: finished });
        Run {
            app: Some("shop".to_owned()),
            environment: Some(EnvironmentName::new("prod").unwrap()),
            region: Some("eu-central-1".to_owned()),
            account: Some(AccountId::new("123456789012").unwrap()),
            events,
            took: at,
            api_calls: BTreeMap::from([
                ("codedeploy:GetDeployment".to_owned(), 42),
                ("ecs:DescribeServices".to_owned(), 17),
            ]),
            ..Run::new("deploy", outcome)
        }
    }
}

pub(crate) fn rehearsed() -> Rehearsed {
    Rehearsed {
        scenario: "bad-canary".to_owned(),
        seed: 7,
        requests: Requests { total: 84_000, failed: 61, dropped: 0 },
        bad_requests: 61,
        busiest_minute: 9,
        slowest_reaction_s: 8.7,
        violations: Vec::new(),
        expectations: Vec::new(),
    }
}

fn digest(digit: char) -> ImageDigest {
    ImageDigest::new(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

pub(crate) fn deployment(id: &str) -> DeploymentId {
    DeploymentId(id.to_owned())
}

pub(crate) fn lifecycle(
    name: LifecycleName,
    status: LifecycleStatus,
    message: Option<&str>,
) -> EventKind {
    let event = LifecycleEvent { name, status, message: message.map(str::to_owned) };
    EventKind::Lifecycle { deployment: deployment("d-AAAAAAAAA"), event }
}

pub(crate) fn traffic(green: u8) -> EventKind {
    let green = Weight::new(green).unwrap();
    EventKind::Traffic { weights: Weights { blue: green.rest(), green } }
}

pub(crate) fn gate(gate: &'static str, verdict: Verdict, evidence: &str) -> EventKind {
    EventKind::Gate { decision: Decision { gate, verdict, evidence: evidence.to_owned() } }
}

pub(crate) fn status(status: DeploymentStatus, message: Option<&str>) -> EventKind {
    let message = message.map(str::to_owned);
    EventKind::DeploymentStatus { deployment: deployment("d-AAAAAAAAA"), status, message }
}

pub(crate) fn preflight(check: &'static str, verdict: CheckVerdict, detail: &str) -> EventKind {
    EventKind::Preflight { check, verdict, detail: detail.to_owned() }
}

pub(crate) fn started(step: &'static str, title: &str) -> EventKind {
    EventKind::StepStarted { step, title: title.to_owned() }
}

pub(crate) fn finished(step: &'static str, detail: &str) -> EventKind {
    EventKind::StepFinished { step, detail: detail.to_owned() }
}

pub(crate) fn failed(step: &'static str, reason: &str) -> EventKind {
    EventKind::StepFailed { step, reason: reason.to_owned() }
}

pub(crate) fn smoke(path: &str, attempt: u32, passed: bool, detail: &str) -> EventKind {
    EventKind::Smoke { path: path.to_owned(), attempt, passed, detail: detail.to_owned() }
}

pub(crate) fn alarm(name: &str, state: AlarmState, reason: &str) -> EventKind {
    let reason = reason.to_owned();
    EventKind::Alarm { alarm: AlarmReading { name: name.to_owned(), state, reason } }
}

pub(crate) fn stopped(
    task: &str,
    reason: &str,
    exit_code: Option<i32>,
    logs: &[&str],
) -> EventKind {
    EventKind::TaskStopped {
        task: task.to_owned(),
        revision: Revision::parse("api-prod:42"),
        reason: reason.to_owned(),
        exit_code,
        logs: logs.iter().map(|line| (*line).to_owned()).collect(),
    }
}

pub(crate) fn evidence(errors: u64) -> EventKind {
    let arm = |arm, requests, errors, p99| ArmEvidence { arm, requests, errors, p99_seconds: p99 };
    EventKind::Evidence {
        arms: vec![
            arm(Colour::Blue, 10_800, 3, Some(0.21)),
            arm(Colour::Green, 1_200, errors, Some(0.234)),
        ],
    }
}

pub(crate) fn tasks(running: u32) -> EventKind {
    EventKind::Tasks {
        task_set: TaskSetState {
            role: TaskSetRole::Green,
            id: "ecs-svc/2".to_owned(),
            revision: Revision::parse("api-prod:42"),
            weight: Weight::NONE,
            desired: 4,
            running,
            pending: 4 - running,
        },
    }
}

/// Preflight to the deployment, as every deployment begins.
pub(crate) fn beginning() -> Tape {
    let mut tape = Tape::new("api");
    tape.after(0, preflight("identity", CheckVerdict::Pass, "account 123456789012"))
        .after(1, preflight("service is stable", CheckVerdict::Pass, "4 of 4 tasks running"))
        .after(0, preflight("scaling", CheckVerdict::Warn, "scale-in may fire while traffic moves"))
        .after(1, started("register", "register a task definition"))
        .after(
            0,
            EventKind::Revision {
                from: Revision::parse("api-prod:41").unwrap(),
                from_digest: Some(digest('a')),
                to: Revision::parse("api-prod:42").unwrap(),
                to_digest: Some(digest('b')),
            },
        )
        .after(1, finished("register", "api-prod:42"));
    tape
}

/// From the deployment to the test traffic.
pub(crate) fn installing(tape: &mut Tape) {
    tape.after(1, started("deploy", "deploy through CodeDeploy"))
        .after(
            1,
            EventKind::DeploymentStarted { deployment: deployment("d-AAAAAAAAA"), attached: false },
        )
        .after(2, status(DeploymentStatus::InProgress, None))
        .after(1, lifecycle(LifecycleName::BeforeInstall, LifecycleStatus::Succeeded, None))
        .after(1, lifecycle(LifecycleName::Install, LifecycleStatus::InProgress, None))
        .after(20, tasks(1));
}

/// The tasks come up, the test listener is green, and the smoke test passes.
pub(crate) fn tested(tape: &mut Tape) {
    tape.after(40, tasks(4))
        .after(5, lifecycle(LifecycleName::Install, LifecycleStatus::Succeeded, None))
        .after(5, lifecycle(LifecycleName::AllowTestTraffic, LifecycleStatus::Succeeded, None))
        .after(4, smoke("/health", 1, false, "502"))
        .after(5, smoke("/health", 2, true, "200 in 31 ms"))
        .after(1, lifecycle(LifecycleName::AllowTraffic, LifecycleStatus::InProgress, None))
        .after(3, traffic(10));
}

/// A deployment that goes well.
pub(crate) fn success() -> Run {
    let mut tape = beginning();
    installing(&mut tape);
    tested(&mut tape);
    tape.after(120, gate("alarms", Verdict::Hold, "2 alarms OK; 1 min of 5 seen"))
        .after(180, evidence(1))
        .after(1, traffic(100))
        .after(2, lifecycle(LifecycleName::AllowTraffic, LifecycleStatus::Succeeded, None))
        .after(300, gate("alarms", Verdict::Promote, "2 alarms OK for the whole bake"))
        .after(1, finished("deploy", "all traffic on api-prod:42, bake over"));
    let summary = "api serves api-prod:42 with all traffic, and its bake is over";
    tape.run(Outcome::new(OutcomeKind::Done, summary))
}

/// An alarm fires while green has a tenth of the traffic.
pub(crate) fn rolled_back_by_alarm() -> Run {
    let mut tape = beginning();
    installing(&mut tape);
    tested(&mut tape);
    let reason = "Threshold Crossed: 3 datapoints [5.1, 4.9, 5.3] were > 1.0";
    tape.after(150, alarm("api-5xx-prod", AlarmState::Alarm, reason))
        .after(1, gate("alarms", Verdict::Rollback, "api-5xx-prod is in ALARM for 3 of 3 minutes"))
        .after(2, evidence(61))
        .after(3, status(DeploymentStatus::Stopped, Some("ALARM_ACTIVE: api-5xx-prod is active")))
        .after(
            2,
            EventKind::RollbackStarted {
                deployment: deployment("d-AAAAAAAAA"),
                rollback: Some(deployment("d-BBBBBBBBB")),
                reason: "api-5xx-prod is in ALARM".to_owned(),
            },
        )
        .after(12, traffic(0))
        .after(
            10,
            EventKind::Verified {
                restored: true,
                detail: "blue 100 %, 4 of 4 targets healthy".to_owned(),
            },
        );
    let outcome = Outcome::new(
        OutcomeKind::RolledBack,
        "api-5xx-prod fired at 10 %; api is back on api-prod:41 with 4 healthy targets",
    )
    .next("look at the errors of `api-prod:42` below and push a fix");
    Run { rehearsed: Some(rehearsed()), ..tape.run(outcome) }
}

/// The candidate exits at once, again and again.
pub(crate) fn crash_loop() -> Run {
    let mut tape = beginning();
    installing(&mut tape);
    let logs =
        ["starting on :8080", "Error: DATABASE_URL is not set", "    at main (server.js:12)"];
    for task in ["1f0c1b", "2ad8e0", "39bb42"] {
        tape.after(30, stopped(task, "Essential container in task exited", Some(1), &logs));
    }
    tape.after(
        600,
        lifecycle(LifecycleName::Install, LifecycleStatus::Failed, Some("tasks failed to start")),
    )
    .after(1, status(DeploymentStatus::Failed, Some("TIMEOUT: tasks failed to start")))
    .after(1, failed("deploy", "no task of api-prod:42 became healthy"))
    .after(5, EventKind::Verified { restored: true, detail: "blue 100 %, 4 healthy".to_owned() });
    let summary = "no task of api-prod:42 became healthy; api-prod:41 kept all traffic";
    tape.run(
        Outcome::new(OutcomeKind::RolledBack, summary).next("set DATABASE_URL, then deploy again"),
    )
}

/// The migration fails, so nothing shifts.
pub(crate) fn failed_migration() -> Run {
    let mut tape = beginning();
    let lines = ["applying 0007_orders", "ERROR: relation \"orders\" already exists"];
    let lines = lines.map(str::to_owned).to_vec();
    tape.after(1, started("migrate", "run `bin/migrate` with api-prod:42"))
        .after(14, EventKind::Log { lines })
        .after(2, failed("migrate", "the task exited with 1"));
    let summary = "the migration failed; nothing was shifted";
    tape.run(Outcome::new(OutcomeKind::Inconclusive, summary).next("mend the migration"))
}

/// The rollback does not bring the service back.
pub(crate) fn needs_person() -> Run {
    let mut tape = beginning();
    installing(&mut tape);
    tested(&mut tape);
    tape.after(30, gate("smoke", Verdict::Rollback, "GET /health answered 500 five times"))
        .after(
            1,
            EventKind::RollbackStarted {
                deployment: deployment("d-AAAAAAAAA"),
                rollback: None,
                reason: "GET /health answered 500 five times".to_owned(),
            },
        )
        .after(600, EventKind::Warning { text: "CodeDeploy made no rollback in 10 min".to_owned() })
        .after(
            2,
            EventKind::Verified {
                restored: false,
                detail: "blue 90 %, green 10 %; 0 of 4 blue targets healthy".to_owned(),
            },
        );
    let summary = "green still has 10 % of the traffic and blue has no healthy target";
    tape.run(
        Outcome::new(OutcomeKind::NeedsPerson, summary)
            .next("ha-deploy rollback --environment prod --service api --override-alarms")
            .next("page whoever owns `api`"),
    )
}

/// A writer that a test can read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
