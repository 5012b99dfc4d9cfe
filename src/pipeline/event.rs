//! What happened, as it happens. The pipeline emits these; every report is made of them.

use std::time::Duration;

use serde::Serialize;

use crate::domain::{
    AlarmReading, DeploymentId, DeploymentStatus, ImageDigest, ImageFinding, LifecycleEvent,
    Outcome, Revision, StackEvent, TaskSetState, Vulnerability, Weights,
};

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// Time since the command began.
    #[serde(rename = "at_s", serialize_with = "seconds")]
    pub at: Duration,
    /// The service that it concerns, when it concerns one.
    pub service: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Writes a duration as seconds with millisecond resolution.
fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_millis() as f64) / 1000.0)
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// A preflight check was made.
    Preflight {
        /// Its name, a few words.
        check: &'static str,
        /// How it went.
        verdict: CheckVerdict,
        /// What was found.
        detail: String,
    },
    /// A step of the plan began.
    StepStarted {
        /// The step's stable id (`register`, `migrate`, `deploy` …).
        step: &'static str,
        /// What it does, in words.
        title: String,
    },
    /// A step ended well.
    StepFinished {
        /// The step.
        step: &'static str,
        /// What came of it.
        detail: String,
    },
    /// A step was not needed.
    StepSkipped {
        /// The step.
        step: &'static str,
        /// Why.
        reason: String,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: &'static str,
        /// Why.
        reason: String,
    },
    /// The revision that will be deployed is known.
    Revision {
        /// What served before.
        from: Revision,
        /// Its image digest, when pinned.
        from_digest: Option<ImageDigest>,
        /// What is deployed.
        to: Revision,
        /// Its image digest, when pinned.
        to_digest: Option<ImageDigest>,
    },
    /// A deployment was created, or ours was found and joined.
    DeploymentStarted {
        /// Its id.
        deployment: DeploymentId,
        /// Whether it was found rather than made.
        attached: bool,
    },
    /// The status of a deployment changed.
    DeploymentStatus {
        /// Its id.
        deployment: DeploymentId,
        /// The new status.
        status: DeploymentStatus,
        /// CodeDeploy's error code and message, if any; text from outside.
        message: Option<String>,
    },
    /// A lifecycle event changed.
    Lifecycle {
        /// The deployment.
        deployment: DeploymentId,
        /// The event and its new status.
        #[serde(rename = "lifecycle")]
        event: LifecycleEvent,
    },
    /// Production traffic moved.
    Traffic {
        /// The new split.
        weights: Weights,
    },
    /// The counts of a task set changed.
    Tasks {
        /// The task set.
        task_set: TaskSetState,
    },
    /// A task of the candidate, or a one-off task, stopped.
    TaskStopped {
        /// Its id.
        task: String,
        /// What it ran.
        revision: Option<Revision>,
        /// ECS's reason; text from outside.
        reason: String,
        /// Its main container's exit code.
        exit_code: Option<i32>,
        /// Its last log lines; text from outside.
        logs: Vec<String>,
    },
    /// A one-off task wrote log lines.
    Log {
        /// The lines; text from outside.
        lines: Vec<String>,
    },
    /// An alarm changed.
    Alarm {
        /// The reading.
        alarm: AlarmReading,
    },
    /// A smoke test was tried.
    Smoke {
        /// The path.
        path: String,
        /// Which try, from 1.
        attempt: u32,
        /// Whether it passed.
        passed: bool,
        /// What was found.
        detail: String,
    },
    /// A gate said something new.
    Gate {
        /// Its decision.
        decision: crate::gate::Decision,
    },
    /// Requests and errors of both revisions, for the report.
    Evidence {
        /// One entry a colour.
        arms: Vec<ArmEvidence>,
    },
    /// The statistical gate counted what has settled.
    Look {
        /// Where the evidence stands.
        evidence: Box<crate::gate::Evidence>,
    },
    /// A rollback began.
    RollbackStarted {
        /// The deployment that is undone.
        deployment: DeploymentId,
        /// CodeDeploy's new deployment that undoes it, once known.
        rollback: Option<DeploymentId>,
        /// Why.
        reason: String,
    },
    /// Weights and targets were read again after a rollback.
    Verified {
        /// Whether the previous revision has all traffic and healthy targets.
        restored: bool,
        /// What was read.
        detail: String,
    },
    /// Work on a stack began.
    StackStarted {
        /// Its name.
        stack: String,
        /// What is done (`create`, `update`, `delete` …).
        action: &'static str,
        /// How many resources it concerns, when that is known.
        changes: Option<usize>,
    },
    /// Something happened to a resource of a stack.
    StackResource {
        /// The stack's name.
        stack: String,
        /// What happened.
        #[serde(rename = "resource")]
        event: StackEvent,
    },
    /// A stack is as wanted.
    StackFinished {
        /// Its name.
        stack: String,
        /// How it came to be so.
        detail: String,
    },
    /// A stack is not as wanted.
    StackFailed {
        /// Its name.
        stack: String,
        /// The first cause; may hold text from outside.
        cause: String,
        /// How many failures only followed from it.
        cascades: usize,
    },
    /// A build or push wrote a line.
    Output {
        /// The line; text from outside.
        line: String,
    },
    /// An image is in the registry.
    Image {
        /// The repository.
        repository: String,
        /// The tag that stands for its content.
        tag: String,
        /// Its digest: what is deployed.
        digest: ImageDigest,
        /// Whether the registry had it, and nothing was built.
        reused: bool,
    },
    /// An image was tested on the engine.
    ImageChecked {
        /// Every test.
        findings: Vec<ImageFinding>,
    },
    /// The registry's scan of an image was read.
    Scanned {
        /// The image.
        digest: ImageDigest,
        /// What may not be deployed.
        stopping: Vec<Vulnerability>,
        /// How many were found in all.
        found: usize,
        /// How many are accepted for a time.
        accepted: usize,
        /// Found in this image and not in the running one, when that is known.
        added: Option<Vec<String>>,
        /// Found in the running image and not in this one.
        removed: Option<Vec<String>>,
    },
    /// Something a person should know that stops nothing.
    Warning {
        /// The text.
        text: String,
    },
    /// The command is over for this service, or as a whole.
    Finished {
        /// How.
        outcome: Outcome,
    },
}

/// How a preflight check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckVerdict {
    /// As it must be.
    Pass,
    /// Not as it should be; the risk is stated.
    Warn,
    /// The deployment must not start.
    Refuse,
}

/// Traffic counts of one revision over a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmEvidence {
    /// `blue` or `green`.
    pub arm: crate::domain::Colour,
    /// Requests answered by its targets.
    pub requests: u64,
    /// 5xx answers of its targets.
    pub errors: u64,
    /// The 99th percentile of the response time in seconds, of the worst minute.
    pub p99_seconds: Option<f64>,
}

/// Where events go.
pub trait Sink: Send + Sync {
    /// Takes one event; must not block for long.
    fn emit(&self, event: &Event);
}

impl<S: Sink + ?Sized> Sink for &S {
    fn emit(&self, event: &Event) {
        (**self).emit(event);
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn emit(&self, event: &Event) {
        (**self).emit(event);
    }
}
