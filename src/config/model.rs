//! The configuration after validation: valid by construction, one environment, overrides applied.

mod stack;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::domain::{AccountId, EnvironmentName, ImageDigest, ServiceName, Shift, Suffix};

pub(super) use stack::{CIDR, ZONES};
pub use stack::{Nat, Parameters, Recovery, Scaling, Stack, TargetHealthCheck};

/// One environment of `ha-deploy.yml`, with its overrides applied.
#[derive(Debug, Clone, Serialize)]
pub struct Model {
    /// The application.
    pub app: String,
    /// The environment that the command chose.
    pub environment: Environment,
    /// The services, in the order of the file.
    pub services: Vec<Service>,
    /// The infrastructure around them; `None`: others provision it.
    pub stack: Option<Stack>,
    /// The file that it came from.
    pub file: PathBuf,
}

/// Where things are deployed, and as whom.
#[derive(Debug, Clone, Serialize)]
pub struct Environment {
    /// Its name in the file.
    pub name: EnvironmentName,
    /// What every resource name ends in.
    pub suffix: Suffix,
    /// The AWS region.
    pub region: String,
    /// Accounts that may be touched; never empty.
    pub accounts: Vec<AccountId>,
    /// The role to assume, if any.
    pub role: Option<String>,
    /// Whether destructive acts need the suffix typed.
    pub protect: bool,
}

/// One service.
#[derive(Debug, Clone, Serialize)]
pub struct Service {
    /// Its name in the file.
    pub name: ServiceName,
    /// The names of its AWS resources, by convention or as configured.
    pub names: Names,
    /// The image to deploy.
    pub image: ImageSource,
    /// The container that the load balancer talks to.
    pub container: String,
    /// The port that the container listens on.
    pub port: u16,
    /// What the task definition is to say; `None` and absent keys leave the live value alone.
    pub task: TaskSettings,
    /// Percentage of tasks on Fargate Spot (0–100); `None` carries the live strategy over.
    pub spot_percent: Option<u8>,
    /// A one-off command that runs with the new revision before traffic moves.
    pub migrate: Option<Migrate>,
    /// How traffic moves.
    pub rollout: Rollout,
    /// How many tasks run; for the stack.
    pub scaling: Scaling,
    /// How the load balancer checks each task; for the stack.
    pub target_health_check: TargetHealthCheck,
    /// Parameters of the service's own stacks, by template.
    pub stack_parameters: BTreeMap<String, Parameters>,
}

/// AWS resource names. Convention: `cluster-<suffix>`, `<service>-<suffix>` and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Names {
    /// The ECS cluster.
    pub cluster: String,
    /// The ECS service.
    pub service: String,
    /// The CodeDeploy application.
    pub application: String,
    /// The CodeDeploy deployment group.
    pub deployment_group: String,
    /// The blue target group (at most 32 characters); used by rehearsals and by the stack.
    pub blue_target_group: String,
    /// The green target group (at most 32 characters).
    pub green_target_group: String,
    /// The SSM parameter that keeps the good revisions.
    pub good_parameter: String,
}

/// Which image to deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSource {
    /// The ECR repository.
    pub repository: String,
    /// What names the image within it; `None`: the command line must (`--image`), or it is built.
    pub selector: Option<ImageSelector>,
    /// How it is built.
    pub build: Option<ImageBuild>,
    /// What it must keep.
    pub check: ImageCheck,
    /// What its scan may find; `None`: nobody asks.
    pub scan: Option<ScanGate>,
}

/// How to build an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageBuild {
    /// The context, relative to the file.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// The stage; `None`: the last.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The environment variable that holds a secret, by the secret's id.
    pub secrets: BTreeMap<String, String>,
    /// `github`, or the reference of an image.
    pub cache: Option<String>,
    /// The largest context in MiB.
    pub context_limit: u32,
}

/// What an image must keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImageCheck {
    /// Whether it is tested before it is pushed.
    pub enabled: bool,
    /// The path of the load balancer's health check.
    pub health: String,
    /// A path that says whether new requests should come.
    pub ready: Option<String>,
    /// A path that says whether the process is alive.
    pub live: Option<String>,
    /// A path with metrics.
    pub metrics: Option<String>,
    /// A path whose answer takes a second or more.
    pub in_flight: Option<String>,
    /// Variables for the containers of the test.
    pub environment: BTreeMap<String, String>,
    /// Variables that point dependencies to where nothing answers.
    pub away: BTreeMap<String, String>,
    /// How long it may take until it listens and is healthy.
    pub start: Duration,
    /// How long the health path may take to answer.
    pub answer: Duration,
    /// The largest size in MiB.
    pub max_size: u32,
    /// The most layers.
    pub max_layers: u32,
    /// Tests whose failure is accepted.
    pub accept: Vec<String>,
}

/// What a scan may find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanGate {
    /// Findings of this severity and above stop the deployment.
    pub severity: ScanSeverity,
    /// How long to wait for the scan.
    pub wait: Duration,
    /// Findings that are accepted, and the second, since the Unix epoch, at which that ends.
    pub allow: BTreeMap<String, i64>,
}

/// How bad a finding is, as ECR spells it; the least bad first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ScanSeverity {
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
    /// `CRITICAL`.
    Critical,
}

/// What names an image within its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageSelector {
    /// A tag, resolved to a digest before anything else happens.
    Tag(String),
    /// A digest.
    Digest(ImageDigest),
}

/// Settings of the task definition and its main container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskSettings {
    /// CPU units (256 = ¼ vCPU).
    pub cpu: Option<u32>,
    /// Memory in MiB.
    pub memory: Option<u32>,
    /// The processor architecture.
    pub architecture: Option<Architecture>,
    /// Environment variables to set; others are left alone.
    pub environment: BTreeMap<String, String>,
    /// Secrets by variable name; the value is an ARN or SSM parameter name, never the secret.
    pub secrets: BTreeMap<String, String>,
    /// Seconds between SIGTERM and SIGKILL (2–120 on Fargate).
    pub stop_timeout: Option<Duration>,
    /// The container's own health check.
    pub health_check: Option<HealthCheck>,
}

/// A processor architecture, as ECS spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Architecture {
    /// `X86_64`.
    #[serde(rename = "X86_64")]
    X86_64,
    /// `ARM64`.
    #[serde(rename = "ARM64")]
    Arm64,
}

/// The container's health check (`HealthCheck` in the ECS API).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthCheck {
    /// `CMD` or `CMD-SHELL` and its arguments.
    pub command: Vec<String>,
    /// Time between two checks (5–300 s).
    pub interval: Duration,
    /// Time for one check (2–60 s).
    pub timeout: Duration,
    /// Failures until it counts as unhealthy (1–10).
    pub retries: u32,
    /// Grace at the start (0–300 s).
    pub start_period: Duration,
}

/// A one-off task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Migrate {
    /// The command, as the container override takes it.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// How traffic moves, and what stops it.
#[derive(Debug, Clone, Serialize)]
pub struct Rollout {
    /// The steps.
    pub shift: Shift,
    /// How long to watch with all traffic on green before calling it good.
    pub bake: Duration,
    /// CodeDeploy's wait for `ContinueDeployment`; `None`: no wait.
    pub ready_wait: Option<Duration>,
    /// How long blue stays after the shift (at most 48 h); `None` leaves the group's value alone.
    pub termination_wait: Option<Duration>,
    /// Requests that must succeed on the test listener before traffic moves.
    pub smoke: Vec<SmokeTest>,
    /// Alarms that stop the deployment (at most 10).
    pub alarms: Vec<String>,
    /// CloudWatch Synthetics canaries whose last run must have passed.
    pub canaries: Vec<String>,
    /// The statistical gates.
    pub gates: Option<Gates>,
    /// How long the whole rollout may take, the bake included.
    pub timeout: Duration,
    /// Whether scale-in is suspended while traffic moves.
    pub suspend_scale_in: bool,
    /// Lambda functions by CodeDeploy lifecycle event (`AfterAllowTestTraffic` …).
    pub hooks: BTreeMap<String, String>,
}

/// One smoke test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmokeTest {
    /// The path, starting with `/`.
    pub path: String,
    /// Status codes that pass.
    pub status: Vec<u16>,
    /// Text that the body must hold.
    pub contains: Option<String>,
    /// Time for one try.
    pub timeout: Duration,
    /// Tries, at least 1.
    pub attempts: u32,
    /// An absolute base URL (`https://test.example.org`); `None`: the test listener of the load balancer.
    pub base: Option<String>,
}

/// The statistical gates of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gates {
    /// The largest share of healthy releases that may be rolled back (0–1).
    pub alpha: f64,
    /// How many times worse than blue is accepted.
    pub margin: f64,
    /// Requests to green before there is a verdict.
    pub min_requests: u64,
    /// Errors of green that count of one bucket at most.
    pub max_errors: Option<u64>,
    /// The error rate that is accepted after the shift (0–1).
    pub accepted_errors: f64,
    /// Percentiles of blue's past that are latency thresholds, in percent.
    pub latency: Vec<u8>,
    /// Where requests and errors are counted.
    pub source: GateSource,
    /// A threshold on green's success rate.
    pub success_rate: Option<SuccessRate>,
    /// What to do when the evidence says neither.
    pub inconclusive: Inconclusive,
    /// How much longer to watch before that.
    pub inconclusive_hold: Duration,
}

/// What to do without enough evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inconclusive {
    /// Keep the candidate.
    Promote,
    /// Return to the previous revision.
    Rollback,
}

/// Where requests and errors are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GateSource {
    /// The target groups' metrics.
    Alb {
        /// How long after its end a minute is counted.
        settle: Duration,
    },
    /// A pair of metrics; dimension values hold `{revision}`, `{number}` or `{target_group}`.
    Metric {
        /// The namespace.
        namespace: String,
        /// The metric of requests.
        requests: String,
        /// The metric of errors.
        errors: String,
        /// Dimensions by name.
        dimensions: BTreeMap<String, String>,
        /// How long a bucket is.
        period: Duration,
        /// How long after its end it is counted.
        settle: Duration,
    },
    /// A pair of metric-math expressions with the same placeholders.
    Math {
        /// The requests.
        requests: String,
        /// The errors.
        errors: String,
        /// How long a bucket is.
        period: Duration,
        /// How long after its end it is counted.
        settle: Duration,
    },
    /// Requests of our own.
    Probe {
        /// The path.
        path: String,
        /// Requests per second to each listener.
        rate: u32,
        /// Time for one request.
        timeout: Duration,
    },
}

impl GateSource {
    /// How long a bucket is.
    pub fn period(&self) -> Duration {
        match self {
            Self::Alb { .. } => Duration::from_secs(60),
            Self::Metric { period, .. } | Self::Math { period, .. } => *period,
            Self::Probe { .. } => Duration::from_secs(1),
        }
    }

    /// How long after its end a bucket is counted.
    pub fn settle(&self) -> Duration {
        match self {
            Self::Alb { settle } | Self::Metric { settle, .. } | Self::Math { settle, .. } => {
                *settle
            }
            Self::Probe { timeout, .. } => *timeout,
        }
    }
}

/// A threshold on green's success rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SuccessRate {
    /// The least share of good answers (0–1).
    pub at_least: f64,
    /// Intervals in a row that must pass.
    pub intervals: u32,
    /// Intervals that may fail in all.
    pub failures: u32,
    /// How long an interval is.
    pub interval: Duration,
}
