//! CodeDeploy to ECS: applications, groups, configurations, deployments.

mod api;
mod appspec;
mod configs;
mod create;
mod ending;
mod events;
mod groups;
mod machine;
mod shift;
mod view;
mod waits;

use std::time::Duration;

use serde_json::{Value, json};

pub(super) use appspec::AppSpec;
pub(super) use configs::{Config, predefined};

/// A deployment group; its application holds nothing else.
pub(super) struct Group {
    pub(super) application: String,
    pub(super) application_id: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) service: usize,
    pub(super) config: String,
    pub(super) alarms: Value,
    pub(super) rollback: Value,
    pub(super) ready_wait: Option<Duration>,
    pub(super) termination_wait: Duration,
    /// Both target groups, as they were at the start.
    pub(super) targets: [usize; 2],
    pub(super) production: String,
    pub(super) test: Option<String>,
    pub(super) created: Duration,
}

/// The status of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    InProgress,
    Ready,
    Succeeded,
    Failed,
    Stopped,
}

/// The status of a lifecycle event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventStatus {
    Pending,
    InProgress,
    Succeeded,
    Failed,
    Skipped,
}

/// A lifecycle event of a deployment.
#[derive(Debug, Clone)]
pub(super) struct LifecycleRecord {
    pub(super) name: &'static str,
    pub(super) status: EventStatus,
    pub(super) start: Option<Duration>,
    pub(super) end: Option<Duration>,
    pub(super) message: Option<String>,
}

/// Where a deployment is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Phase {
    /// In the lifecycle event of this index.
    Event(usize),
    /// Waiting for `ContinueDeployment` before the event of this index.
    ReadyWait { next: usize, until: Duration },
    /// All traffic on green, blue still there.
    TerminationWait { until: Duration },
    /// A task set is being removed, after which the deployment has succeeded.
    Removing { set: String },
    /// A rollback, before it turns the weights.
    Reroute { at: Duration },
    /// Over.
    Over,
}

/// A hook at work.
#[derive(Debug, Clone)]
pub(super) struct HookRun {
    pub(super) id: String,
    /// When and how the function answers by itself.
    pub(super) answer: Option<(Duration, bool)>,
    pub(super) deadline: Duration,
}

/// A deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) group: usize,
    pub(super) service: usize,
    pub(super) status: Status,
    pub(super) phase: Phase,
    pub(super) created: Duration,
    pub(super) started: Option<Duration>,
    pub(super) completed: Option<Duration>,
    pub(super) creator: &'static str,
    pub(super) description: Option<String>,
    /// The revision location as it was sent.
    pub(super) revision: Value,
    pub(super) previous: Option<Value>,
    pub(super) appspec: AppSpec,
    pub(super) config: Config,
    pub(super) alarms: Vec<String>,
    pub(super) ignore_poll_failure: bool,
    pub(super) alarm_override: Option<Value>,
    pub(super) rollback: Value,
    pub(super) rollback_info: Option<Value>,
    pub(super) error: Option<(&'static str, String)>,
    pub(super) events: Vec<LifecycleRecord>,
    pub(super) blue: Option<String>,
    pub(super) green: Option<String>,
    pub(super) blue_group: usize,
    pub(super) green_group: usize,
    /// The next step of the shift and its time.
    pub(super) step: usize,
    pub(super) next_step: Duration,
    pub(super) hook: Option<HookRun>,
    pub(super) next_poll: Duration,
    /// A stop that was asked for: when it takes effect, and whether to roll back.
    pub(super) stop: Option<(Duration, Option<bool>)>,
    /// The group's waits as they were when the deployment was made: a change of the group is for
    /// the next one.
    pub(super) ready_wait: Option<Duration>,
    pub(super) termination_wait: Duration,
    pub(super) termination_started: bool,
    /// The desired count that was last seen on green, and since when it is not reached.
    pub(super) scaled: Option<(u32, Option<Duration>)>,
    /// Task-set counts at the end, for the target's view once the task sets are gone.
    pub(super) last_sets: Vec<Value>,
}

/// Everything of CodeDeploy.
#[derive(Default)]
pub(super) struct CodeDeploy {
    pub(super) groups: Vec<Group>,
    pub(super) configs: Vec<Config>,
    /// In the order of their creation.
    pub(super) deployments: Vec<Deployment>,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::InProgress => "InProgress",
            Self::Ready => "Ready",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }

    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Created | Self::InProgress | Self::Ready)
    }
}

impl EventStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
        }
    }
}

impl LifecycleRecord {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, status: EventStatus::Pending, start: None, end: None, message: None }
    }
}

impl Group {
    /// The group's automatic rollback for every reason that there is.
    pub(super) fn every_rollback() -> Value {
        json!({
            "enabled": true,
            "events": [
                "DEPLOYMENT_FAILURE",
                "DEPLOYMENT_STOP_ON_ALARM",
                "DEPLOYMENT_STOP_ON_REQUEST",
            ],
        })
    }
}

impl Deployment {
    /// Whether it undoes another one.
    pub(super) fn is_rollback(&self) -> bool {
        self.creator == "codeDeployRollback"
    }
}

impl CodeDeploy {
    /// The active deployment of a group.
    pub(super) fn active(&self, group: usize) -> Option<&Deployment> {
        self.deployments.iter().find(|d| d.group == group && d.status.is_active())
    }
}
