//! Pure: model × observed -> the steps that are left, each with its reason.
//!
//! A plan never awaits and never asks anybody. The pipeline walks it, reports print it, and a dry
//! run is a plan that nobody walks.

mod appspec;
mod checks;
pub mod cost;
mod definition;
mod deploy;
mod power;
mod rollback;
pub mod stacks;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use crate::config::model::{GateSource, Gates, Inconclusive, Migrate, SmokeTest, SuccessRate};
use crate::domain::{
    DeploymentConfig, DeploymentId, ImageDigest, OutcomeKind, Revision, ScalableTarget,
    ServiceName, Shift,
};

pub use appspec::with_task_definition;
pub use checks::account;
pub use deploy::{deployment_config, plan};
pub use rollback::{Target, TargetError, repository_of, rollback, target as rollback_target};

/// What starts the description of every deployment that ha-deploy makes.
pub const MARK: &str = "ha-deploy";

/// The steps for one service.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The service.
    pub service: ServiceName,
    /// Its ECS cluster.
    pub cluster: String,
    /// Its ECS service.
    pub ecs_service: String,
    /// Identifies the plan's goal: the same commit plans the same digest and finds its own work.
    pub digest: String,
    /// What was checked before anything may change.
    pub checks: Vec<Check>,
    /// What serves now.
    pub from: Side,
    /// What is to serve.
    pub to: Side,
    /// Where production traffic is decided.
    pub route: Route,
    /// What is left to do, in order.
    pub steps: Vec<Step>,
}

/// One side of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The task-definition revision; `None`: it will be registered.
    pub revision: Option<Revision>,
    /// Its ARN.
    pub arn: Option<String>,
    /// The main container's image digest, when pinned.
    pub digest: Option<ImageDigest>,
}

/// One preflight check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name, a few words.
    pub name: &'static str,
    /// What was found; may hold text from outside.
    pub found: String,
    /// How it went.
    pub result: CheckResult,
}

/// How a check went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum CheckResult {
    /// As it must be.
    Pass,
    /// The risk is stated.
    Warn,
    /// The deployment must not start.
    Refuse {
        /// What the command ends with.
        outcome: OutcomeKind,
        /// How to mend it.
        mend: String,
    },
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// A stable id.
    pub id: &'static str,
    /// What it does, in words.
    pub title: String,
    /// Why it is needed.
    pub reason: String,
    /// What the pipeline is to do.
    #[serde(flatten)]
    pub action: Action,
}

/// What a step does.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Registers a task definition.
    Register {
        /// The input of `RegisterTaskDefinition`; it holds values that a report must not show.
        #[serde(skip)]
        input: Value,
        /// What differs from the live one.
        changes: Vec<Change>,
    },
    /// Runs a one-off task with the new revision.
    Migrate(Migration),
    /// Suspends scale-in.
    SuspendScaleIn {
        /// The scalable target as it stands.
        now: ScalableTarget,
    },
    /// Sets the waits of the deployment group.
    AlignGroup {
        /// Wait for `ContinueDeployment`.
        ready_wait: Option<Duration>,
        /// How long blue stays.
        termination_wait: Duration,
    },
    /// Creates the deployment configuration.
    CreateConfig(DeploymentConfig),
    /// Creates the deployment, or joins it, and watches it to the end of the bake.
    Deploy(Box<Deployment>),
    /// Stops a running deployment, which rolls it back.
    Stop {
        /// The deployment.
        deployment: DeploymentId,
    },
    /// Records the revision as good.
    Record {
        /// The revision that a rollback left: it is good no longer, or the next rollback would
        /// return to it.
        demote: Option<Revision>,
    },
    /// Lets scale-in go on.
    ResumeScaleIn {
        /// The scalable target as it stood.
        now: ScalableTarget,
    },
}

/// A difference between the live task definition and the wanted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where, as a dotted path (`containers.api.image`).
    pub path: String,
    /// What it was; values of environment variables are never shown.
    pub before: String,
    /// What it becomes.
    pub after: String,
}

/// A one-off task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Migration {
    /// The command and its time limit.
    #[serde(flatten)]
    pub migrate: Migrate,
    /// The container whose command is replaced.
    pub container: String,
    /// Network and capacity, in the AppSpec's spelling.
    pub placement: Value,
    /// The log group and stream prefix of the container, when it logs with `awslogs`.
    pub logs: Option<LogSource>,
}

/// Where a container's log lines go (`awslogs` driver): stream `<prefix>/<container>/<task id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSource {
    /// The log group.
    pub group: String,
    /// The stream prefix.
    pub prefix: String,
}

/// A deployment to create and watch.
#[derive(Debug, Clone, Serialize)]
pub struct Deployment {
    /// Our own deployment that is active already: join it.
    pub attach: Option<DeploymentId>,
    /// The CodeDeploy application.
    pub application: String,
    /// The deployment group.
    pub group: String,
    /// The ECS cluster.
    pub cluster: String,
    /// The ECS service.
    pub ecs_service: String,
    /// The deployment configuration.
    pub config: DeploymentConfig,
    /// The AppSpec, without the task definition.
    pub appspec: Value,
    /// What CodeDeploy keeps as description.
    pub description: String,
    /// Alarms that stop it, in place of the group's.
    pub alarms: Alarms,
    /// Names of the alarms that our own gate reads.
    pub gating_alarms: Vec<String>,
    /// Synthetics canaries that our own gate reads.
    pub canaries: Vec<String>,
    /// The statistical gates.
    pub gates: Option<Gates>,
    /// Requests to make on the test listener before traffic moves.
    pub smoke: Vec<SmokeTest>,
    /// The base URL of the test listener.
    pub test_url: Option<String>,
    /// Whether CodeDeploy waits for us before it moves traffic.
    pub ready_wait: bool,
    /// How long to watch with all traffic on green.
    pub bake: Duration,
    /// How long the whole may take.
    pub timeout: Duration,
    /// The production listener and the pair of target groups: what "restored" is read from.
    pub route: Route,
    /// Where the candidate's log lines go.
    pub logs: Option<LogSource>,
    /// The main container.
    pub container: String,
}

/// Where production traffic is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The production listener's ARN.
    pub listener: String,
    /// The ARN of the target group that serves now.
    pub blue: String,
    /// The ARN of the other one.
    pub green: String,
    /// The `LoadBalancer` dimension of the metrics.
    pub balancer: String,
}

/// Which alarms CodeDeploy watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "alarms", content = "names", rename_all = "lowercase")]
pub enum Alarms {
    /// Those of the group.
    Group,
    /// These.
    These(Vec<String>),
    /// None: a rollback through a firing alarm.
    Off,
}

impl Plan {
    /// The refusals among the checks, in the order in which they were made.
    pub fn refusals(&self) -> impl Iterator<Item = (&Check, OutcomeKind, &str)> {
        self.checks.iter().filter_map(|check| match &check.result {
            CheckResult::Refuse { outcome, mend } => Some((check, *outcome, mend.as_str())),
            _ => None,
        })
    }

    /// Whether nothing is left to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A value without the orders that mean nothing: of members, and of lists of named things. AWS
/// answers both in another order than they were sent (aws-sdk-java#3043).
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut sorted: Value =
                members.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            sorted.sort_all_objects();
            sorted
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            let named = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
            if items.iter().all(|item| named(item).is_some()) {
                items.sort_by_key(named);
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// The first 16 hexadecimal digits of the SHA-256 of some values' JSON in canonical order.
fn digest(values: &[&Value]) -> String {
    let mut hasher = Sha256::new();
    for value in values {
        hasher.update(canonical(value).to_string().as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The predefined configuration for a shift where there is one, ours by name where not.
fn config_name(shift: Shift) -> String {
    match shift {
        Shift::AllAtOnce => "CodeDeployDefault.ECSAllAtOnce".to_owned(),
        Shift::Canary { percent, hold } => match (percent.percent(), hold.as_secs()) {
            (10, 300) => "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
            (10, 900) => "CodeDeployDefault.ECSCanary10Percent15Minutes".to_owned(),
            (percent, seconds) => {
                format!("ha-deploy-canary-{percent}-percent-{}-minutes", seconds / 60)
            }
        },
        Shift::Linear { percent, hold } => match (percent.percent(), hold.as_secs()) {
            (10, 60) => "CodeDeployDefault.ECSLinear10PercentEvery1Minutes".to_owned(),
            (10, 180) => "CodeDeployDefault.ECSLinear10PercentEvery3Minutes".to_owned(),
            (percent, seconds) => {
                format!("ha-deploy-linear-{percent}-percent-{}-minutes", seconds / 60)
            }
        },
    }
}
