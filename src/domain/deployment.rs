//! A CodeDeploy deployment to ECS, as an outsider sees it.
//!
//! Source: CodeDeploy API reference, `DeploymentInfo`, `ECSTarget`, `LifecycleEvent`.

use std::fmt;

use serde::Serialize;

use super::{Revision, Weight};

/// The id of a deployment (`d-` and nine or more characters).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DeploymentId(pub String);

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The status of a deployment; what AWS adds later is kept as `Other`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum DeploymentStatus {
    /// Accepted.
    Created,
    /// Waiting for its turn.
    Queued,
    /// At work, the termination wait included.
    InProgress,
    /// In the bake that CodeDeploy runs.
    Baking,
    /// Waiting for `ContinueDeployment`.
    Ready,
    /// Done, the termination wait included.
    Succeeded,
    /// Failed by itself.
    Failed,
    /// Stopped by an alarm or by somebody.
    Stopped,
    /// A status that this version does not know.
    Other(String),
}

impl DeploymentStatus {
    /// Whether the deployment can no longer change.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
    }
}

/// The lifecycle events of an ECS deployment, in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum LifecycleName {
    /// Scriptable; before the replacement task set is made.
    BeforeInstall,
    /// The replacement task set starts and becomes healthy.
    Install,
    /// Scriptable.
    AfterInstall,
    /// The test listener turns to the replacement.
    AllowTestTraffic,
    /// Scriptable; smoke tests belong here.
    AfterAllowTestTraffic,
    /// Scriptable; the last chance before production traffic.
    BeforeAllowTraffic,
    /// Production traffic moves.
    AllowTraffic,
    /// Scriptable.
    AfterAllowTraffic,
    /// An event that this version does not know.
    Other(String),
}

impl LifecycleName {
    /// Reads AWS's spelling.
    pub fn parse(text: &str) -> Self {
        match text {
            "BeforeInstall" => Self::BeforeInstall,
            "Install" => Self::Install,
            "AfterInstall" => Self::AfterInstall,
            "AllowTestTraffic" => Self::AllowTestTraffic,
            "AfterAllowTestTraffic" => Self::AfterAllowTestTraffic,
            "BeforeAllowTraffic" => Self::BeforeAllowTraffic,
            "AllowTraffic" => Self::AllowTraffic,
            "AfterAllowTraffic" => Self::AfterAllowTraffic,
            other => Self::Other(other.to_owned()),
        }
    }

    /// AWS's spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BeforeInstall => "BeforeInstall",
            Self::Install => "Install",
            Self::AfterInstall => "AfterInstall",
            Self::AllowTestTraffic => "AllowTestTraffic",
            Self::AfterAllowTestTraffic => "AfterAllowTestTraffic",
            Self::BeforeAllowTraffic => "BeforeAllowTraffic",
            Self::AllowTraffic => "AllowTraffic",
            Self::AfterAllowTraffic => "AfterAllowTraffic",
            Self::Other(text) => text,
        }
    }
}

/// The status of one lifecycle event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifecycleStatus {
    /// Not begun.
    Pending,
    /// Begun.
    InProgress,
    /// Over, well.
    Succeeded,
    /// Over, badly.
    Failed,
    /// Left out.
    Skipped,
    /// A status that this version does not know.
    Unknown,
}

/// One lifecycle event of a deployment target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleEvent {
    /// Which event.
    pub name: LifecycleName,
    /// How far it is.
    pub status: LifecycleStatus,
    /// What CodeDeploy says about a failure; text from outside.
    pub message: Option<String>,
}

/// Which of the two task sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskSetRole {
    /// The one that served before.
    Blue,
    /// The candidate.
    Green,
}

/// One task set of a deployment, from `ECSTaskSet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskSetState {
    /// Blue or green.
    pub role: TaskSetRole,
    /// Its id (`ecs-svc/…`).
    pub id: String,
    /// What it runs, when known.
    pub revision: Option<Revision>,
    /// Its share of the production traffic.
    pub weight: Weight,
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Tasks on their way.
    pub pending: u32,
}
