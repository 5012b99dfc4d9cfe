//! Scenarios: what happens in a rehearsal, and how it must end.
//!
//! Owns the file format (`docs/scenarios.md`), its bounds and the built-in files. A scenario says
//! what the world does; it never says what ha-deploy does, except in `expect`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{AlarmState, LifecycleName, OutcomeKind, Weight};

mod builtin;
mod events;
mod quantity;
mod raw;
mod resolve;
#[cfg(test)]
mod tests;

pub use builtin::{Builtin, builtin, find};
pub use resolve::{ScenarioError, parse};

/// A scenario, valid by construction: every number is within its bounds and every default is
/// filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, kebab-case.
    pub name: String,
    /// What happens and why it must end so, for a person.
    pub description: String,
    /// What is run, in order; never empty. A scenario that begins with `provision` begins in an
    /// account where nothing stands.
    pub commands: Vec<Command>,
    /// Availability zones that the service runs in: 2 or 3, named `a`, `b`, `c`.
    pub zones: u8,
    /// Tasks that the service wants at the start.
    pub tasks: u32,
    /// How long a target drains; `None`: the usual 30 s.
    pub deregistration_delay: Option<Duration>,
    /// The users.
    pub traffic: Traffic,
    /// How often the service publishes its own counts of requests and errors, and the evidence gate
    /// is on; `None`: neither.
    pub publishes: Option<Duration>,
    /// How the revision behaves that serves at the start.
    pub live: Behaviour,
    /// How the revision behaves that is deployed; what the file leaves out is as in `live`.
    pub candidate: Behaviour,
    /// How a one-off task behaves, when the configuration has a `migrate` command.
    pub migration: Migration,
    /// How the Lambda functions behave that the deployment names, by lifecycle event; those that
    /// are not listed succeed.
    pub hooks: BTreeMap<LifecycleName, Hook>,
    /// What happens by itself, in the order of the file.
    pub events: Vec<Event>,
    /// What is wrong with the way to AWS.
    pub faults: Faults,
    /// What goes wrong with resources of stacks.
    pub stacks: Vec<ResourceFault>,
    /// What is odd at the start.
    pub initial: Initial,
    /// How it must end.
    pub expect: Expect,
}

/// A command that a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `deploy`.
    Deploy,
    /// `provision`.
    Provision,
    /// `drift`.
    Drift,
    /// `destroy`.
    Destroy,
}

impl Scenario {
    /// Whether nothing stands at the start.
    pub fn begins_empty(&self) -> bool {
        self.commands.first() == Some(&Command::Provision)
    }
}

/// Requests of users: a Poisson stream, split by the live weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// The mean rate, 0–10 000 a second.
    pub requests_per_second: f64,
}

/// How the tasks of one revision behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// The share of requests that it answers with a 5xx (0–1).
    pub error_rate: f64,
    /// Response times.
    pub latency: Latency,
    /// How long a task takes from `PROVISIONING` until its container listens.
    pub start: Duration,
    /// When its container dies by itself; `None`: it stays up.
    pub crash: Option<Crash>,
    /// The status that it answers smoke tests with.
    pub smoke: u16,
    /// The status that it answers the load balancer's health check with.
    pub health: u16,
}

/// Log-normal response times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Half the requests are faster.
    pub median: Duration,
    /// The standard deviation of the logarithm (0–3).
    pub sigma: f64,
}

/// A container that dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// How long after it began to listen (or would have: 0 means that it never does).
    pub after: Duration,
    /// Its exit code (0–255).
    pub exit_code: u8,
    /// Its last log lines.
    pub log: Vec<String>,
}

/// A one-off task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The exit code of its container (0–255).
    pub exit_code: u8,
    /// How long it runs once started.
    pub duration: Duration,
    /// What it writes, spread over its run.
    pub log: Vec<String>,
}

/// A Lambda function that CodeDeploy calls in a lifecycle event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// What it reports with `PutLifecycleEventHookExecutionStatus`.
    pub answer: HookAnswer,
    /// How long it takes.
    pub duration: Duration,
}

/// What a hook reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAnswer {
    /// `Succeeded`.
    Succeeded,
    /// `Failed`.
    Failed,
    /// Nothing ever; CodeDeploy gives up after an hour.
    Silent,
}

/// Something that happens by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub when: When,
    /// What.
    pub act: Act,
}

/// When an event happens. Each happens once: at the first moment that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At a time since the start of the rehearsal.
    At(Duration),
    /// Some time after a moment of the deployment under test, which may never come.
    Since {
        /// The moment.
        moment: Moment,
        /// The time after it.
        delay: Duration,
    },
}

/// A moment in the life of the deployment that ha-deploy makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// CodeDeploy accepted it.
    DeploymentCreated,
    /// The candidate got its first share of production traffic.
    FirstShift,
    /// The candidate got all production traffic.
    AllTraffic,
    /// CodeDeploy began a rollback deployment.
    RollbackCreated,
    /// A lifecycle event began (`during:`).
    Began(LifecycleName),
    /// A lifecycle event is over, well or badly (`after:`).
    Ended(LifecycleName),
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Revisions fail for a while, on top of their own error rate.
    Incident {
        /// Which.
        revisions: Revisions,
        /// The share of requests that fail (0–1).
        error_rate: f64,
        /// The factor on response times (1: none).
        latency_factor: f64,
        /// How long.
        duration: Duration,
    },
    /// One client, bound to one revision, repeats a request that fails each time.
    RetryStorm {
        /// The revision; with `Both` each gets as many.
        revisions: Revisions,
        /// How often it asks, in a second.
        requests_per_second: u32,
        /// How long.
        duration: Duration,
    },
    /// A zone is gone: its tasks stop answering and none starts there.
    ZoneOutage {
        /// `a`, `b` or `c`; one of the scenario's zones.
        zone: char,
        /// How long.
        duration: Duration,
    },
    /// Somebody presses Ctrl-C on the runner.
    Cancel,
    /// The runner is gone between two calls.
    KillRunner {
        /// When the command is run again; `None`: never.
        run_again_after: Option<Duration>,
    },
    /// Autoscaling wants another number of tasks.
    Scale {
        /// The number.
        desired: u32,
    },
    /// Another operator updates a stack; nothing of it changes.
    StackUpdate {
        /// The stack, in the region of the rehearsal.
        stack: String,
        /// How long.
        duration: Duration,
    },
    /// Another operator sets the production weights of the first service by hand.
    Weights(Split),
    /// An alarm is set by hand, as `SetAlarmState` does: the next evaluation decides again.
    Alarm {
        /// Its name; `None`: the first gating alarm.
        name: Option<String>,
        /// The state.
        state: AlarmState,
        /// How long evaluations leave it alone; zero: until the next one.
        hold: Duration,
    },
}

/// Which revisions an incident hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revisions {
    /// Both: the cause is elsewhere, a database for instance.
    Both,
    /// The one that served at the start.
    Live,
    /// The candidate.
    Candidate,
}

/// What is wrong with the way to AWS. Probabilities are per call and independent.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// How likely a call is answered with a throttling error (0–0.9).
    pub throttle: f64,
    /// How likely the connection is reset, with or without the call's effect (0–0.9).
    pub reset: f64,
    /// How likely no answer ever comes (0–0.5).
    pub silent: f64,
    /// How long a call takes.
    pub latency: Latency,
    /// Calls that are denied, as `service:Operation`.
    pub deny: Vec<DeniedCall>,
}

/// A resource of a stack that cannot be made, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceFault {
    /// The stack; `None`: any.
    pub stack: Option<String>,
    /// The logical id.
    pub resource: String,
    /// What fails.
    pub verb: ResourceVerb,
    /// What the service says.
    pub message: String,
    /// How often; `None`: always.
    pub times: Option<u32>,
}

/// What is done to a resource of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceVerb {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is removed.
    Delete,
    /// It is changed back after a failure.
    Rollback,
}

/// A call that the caller's policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedCall {
    /// The botocore service name (`codedeploy`).
    pub service: String,
    /// The operation (`CreateDeployment`).
    pub operation: String,
}

/// What is odd at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initial {
    /// The first gating alarm is in `ALARM` and stays there.
    pub alarm_firing: bool,
    /// Somebody else's deployment is in progress.
    pub foreign_deployment: bool,
    /// The weights of the production rule; anything but 100/0 means that somebody changed them.
    pub weights: Split,
}

/// A split of traffic between the live revision and the candidate (at the start: the idle group).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The share of the revision that served at the start.
    pub live: Weight,
    /// The other share.
    pub candidate: Weight,
}

/// How a rehearsal must end. What is `None` is not checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// The outcome of the last run, which fixes the exit code.
    pub outcome: OutcomeKind,
    /// The weights at the end.
    pub final_weights: Option<Split>,
    /// Words that the summary of the last run holds: that it ended well for the right reason.
    pub because: Option<String>,
    /// Whether CodeDeploy made a rollback deployment.
    pub rolled_back: Option<bool>,
    /// How many deployments the client makes.
    pub deployments: Option<u64>,
    /// Requests that may be cut off by our doing; 0 unless the file says otherwise.
    pub dropped: u64,
    /// The most requests that the candidate may have answered badly.
    pub max_bad_requests: Option<u64>,
    /// The longest time from the first bad answer of the candidate until the rollback begins.
    pub detected_within: Option<Duration>,
    /// The longest time from the first bad answer until the live revision has all traffic again.
    pub restored_within: Option<Duration>,
}

impl Expect {
    /// The exit code of the last run.
    pub fn exit_code(&self) -> u8 {
        self.outcome.exit_code()
    }
}
