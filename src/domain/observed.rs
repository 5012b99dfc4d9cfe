//! What is live now. Filled by `observe`, read by `plan`; it is never written back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{
    AccountId, AlarmReading, DeploymentId, DeploymentStatus, GoodRevision, ImageDigest, Revision,
    ServiceName, Shift, Weight,
};

/// Everything that a plan needs to know about the world.
#[derive(Debug, Clone, Serialize)]
pub struct Observed {
    /// Whom AWS takes us for.
    pub identity: Identity,
    /// One entry a service, in the order of the configuration.
    pub services: Vec<ObservedService>,
}

/// The answer of `GetCallerIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The account that calls go to.
    pub account: AccountId,
    /// The caller.
    pub arn: String,
}

/// One service, its traffic and its guards.
#[derive(Debug, Clone, Serialize)]
pub struct ObservedService {
    /// The name in the configuration.
    pub name: ServiceName,
    /// What runs and serves now.
    pub live: LiveRevision,
    /// Tasks wanted, running and pending.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Pending tasks.
    pub pending: u32,
    /// The pair of target groups behind the production listener.
    pub groups: [PairedGroup; 2],
    /// The CodeDeploy deployment group.
    pub group: Group,
    /// The deployment that runs now, if any.
    pub active: Option<RunningDeployment>,
    /// Every gating alarm, as it stands.
    pub alarms: Vec<AlarmReading>,
    /// Gating alarms that do not exist.
    pub missing_alarms: Vec<String>,
    /// The configured image repository and selector, in words.
    pub image_wanted: String,
    /// The image that the deployment wants, when it exists.
    pub image: Option<Image>,
    /// The scalable target, when the service has one.
    pub scaling: Option<ScalableTarget>,
    /// Revisions that were good, newest first.
    pub good: Vec<GoodRevision>,
    /// The newest active revision of the live family, when it is not the live one.
    pub newest: Option<LiveRevision>,
    /// The deployment configuration that the configured shift needs.
    pub deployment_config: DeploymentConfig,
    /// Whether that configuration exists.
    pub deployment_config_exists: bool,
    /// Where the test listener answers, as a base URL, when there is one.
    pub test_url: Option<String>,
    /// The ARN of the production listener.
    pub listener: String,
    /// The `LoadBalancer` dimension of the listener's metrics.
    pub balancer: String,
    /// The container and port that the load balancer talks to.
    pub endpoint: Option<(String, u16)>,
    /// Whether the service's deployment controller is `CODE_DEPLOY`.
    pub codedeploy: bool,
    /// How many task sets the service has.
    pub task_sets: usize,
    /// What users did in the past hour, where a gate needs to know.
    pub traffic: Option<PastTraffic>,
    /// What is wrong with the production rule's weights, when they make no pair.
    pub weights_problem: Option<String>,
    /// Subnets, security groups and public-IP setting, platform version and capacity providers
    /// of the live task set: CodeDeploy drops what an AppSpec does not repeat.
    pub placement: serde_json::Value,
}

/// What users did in the past hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PastTraffic {
    /// Requests per second.
    pub rps: f64,
    /// The share of them that was answered with a 5xx.
    pub error_rate: f64,
}

/// The task definition that serves.
#[derive(Debug, Clone, Serialize)]
pub struct LiveRevision {
    /// Family and number.
    pub revision: Revision,
    /// Its ARN.
    pub arn: String,
    /// The digest of the main container's image, when it is pinned by one.
    pub digest: Option<ImageDigest>,
    /// The whole task definition as `DescribeTaskDefinition` answers it, in API spelling
    /// (camelCase), so that fields that this version does not know are carried over.
    pub definition: serde_json::Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// One target group of the pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairedGroup {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its live share of the production traffic; 0 when the rule does not name it.
    pub weight: Weight,
    /// Whether the primary task set registers in it.
    pub primary: bool,
    /// Its targets by health.
    pub health: TargetHealth,
}

/// The targets of a group, counted by `TargetHealth.State`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TargetHealth {
    /// `healthy`.
    pub healthy: u32,
    /// `unhealthy`.
    pub unhealthy: u32,
    /// `initial`.
    pub initial: u32,
    /// `draining`.
    pub draining: u32,
}

/// The CodeDeploy deployment group, as far as a plan compares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The CodeDeploy application.
    pub application: String,
    /// The deployment group.
    pub name: String,
    /// How long CodeDeploy waits for `ContinueDeployment` before it shifts; `None`: it does not wait.
    pub ready_wait: Option<Duration>,
    /// How long blue stays after the shift.
    pub termination_wait: Duration,
    /// Alarms that stop a deployment.
    pub alarms: Vec<String>,
    /// Whether the group rolls back by itself on failure, alarm and stop.
    pub auto_rollback: bool,
    /// Whether it ignores that alarms cannot be read.
    pub ignore_poll_alarm_failure: bool,
    /// Whether the production listener belongs to a Network Load Balancer.
    pub network_load_balancer: bool,
}

/// A deployment that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningDeployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its status.
    pub status: DeploymentStatus,
    /// Its description; ours carry the digest of their plan.
    pub description: String,
    /// Who or what made it (`user`, `autoscaling`, `codeDeployRollback`).
    pub creator: String,
    /// The revision that it deploys, when its AppSpec could be read.
    pub revision: Option<Revision>,
}

/// An image in ECR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The repository.
    pub repository: String,
    /// Its digest.
    pub digest: ImageDigest,
    /// The URI by digest, for a task definition.
    pub uri: String,
    /// Its tags; text from outside.
    pub tags: Vec<String>,
}

/// The service's scalable target in Application Auto Scaling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScalableTarget {
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// Whether scale-in is suspended.
    pub scale_in_suspended: bool,
    /// Whether scale-out is suspended.
    pub scale_out_suspended: bool,
    /// Whether scheduled scaling is suspended.
    pub scheduled_suspended: bool,
}

/// The CodeDeploy deployment configuration that a shift needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeploymentConfig {
    /// Its name; predefined ones start with `CodeDeployDefault.`.
    pub name: String,
    /// The shift.
    pub shift: Shift,
}
