//! `services.<name>`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Image, Keyed, Rollout, Scaling};
use crate::config::kind::{
    CodeDeployText, ContainerText, DurationText, EcsText, NonEmptyText, ParameterNameText,
    ParameterText, PathText, SecretText, TargetGroupText, TemplateText, VariableText,
};

/// One service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Service {
    /// The image to deploy.
    #[schemars(required)]
    pub(in crate::config) image: Option<Image>,
    /// The container that the load balancer talks to; the name of the service by default.
    #[schemars(extend("x-aws" = "ECS `containerDefinitions[].name`"))]
    pub(in crate::config) container: Option<ContainerText>,
    /// The port that the container listens on.
    #[schemars(required, range(min = 1, max = 65535), extend("x-aws" = "ECS `containerPort`"))]
    pub(in crate::config) port: Option<u32>,
    /// CPU units of the task, 256 to a quarter vCPU. Without it the live value stays.
    #[schemars(extend(
        "enum" = [256, 512, 1024, 2048, 4096, 8192, 16384],
        "x-aws" = "ECS task `cpu`"
    ))]
    pub(in crate::config) cpu: Option<u32>,
    /// Memory of the task in MiB; Fargate offers certain pairs with `cpu`. Without it the live
    /// value stays.
    #[schemars(range(min = 512, max = 122880), extend("x-aws" = "ECS task `memory`"))]
    pub(in crate::config) memory: Option<u32>,
    /// The processor architecture. Without it the live value stays.
    #[schemars(extend("x-aws" = "ECS `runtimePlatform.cpuArchitecture`"))]
    pub(in crate::config) architecture: Option<Architecture>,
    /// Environment variables to set; others of the live revision stay.
    #[schemars(extend("x-aws" = "ECS container `environment`"))]
    pub(in crate::config) environment: Option<Keyed<VariableText, String>>,
    /// Secrets by variable name: a Secrets Manager ARN, an SSM parameter ARN or an SSM path.
    #[schemars(extend("x-aws" = "ECS container `secrets[].valueFrom`"))]
    pub(in crate::config) secrets: Option<Keyed<VariableText, SecretText>>,
    /// Time between SIGTERM and SIGKILL.
    #[schemars(extend("x-min" = "2s", "x-max" = "120s", "x-aws" = "ECS container `stopTimeout`"))]
    pub(in crate::config) stop_timeout: Option<DurationText>,
    /// The container's own health check.
    #[schemars(extend("x-aws" = "ECS container `healthCheck`"))]
    pub(in crate::config) health_check: Option<HealthCheck>,
    /// How the load balancer checks each task.
    #[schemars(extend("x-aws" = "ELBv2 target group health check"))]
    pub(in crate::config) target_health_check: Option<TargetHealthCheck>,
    /// Percentage of tasks on Fargate Spot. Without it the live strategy stays.
    #[schemars(range(min = 0, max = 100), extend("x-aws" = "ECS `capacityProviderStrategy`"))]
    pub(in crate::config) spot_percent: Option<u32>,
    /// How many tasks run, and when there are more.
    #[schemars(extend("x-aws" = "Application Auto Scaling"))]
    pub(in crate::config) scaling: Option<Scaling>,
    /// A one-off command that runs with the new revision before traffic moves.
    #[schemars(extend("x-aws" = "ECS `RunTask`"))]
    pub(in crate::config) migrate: Option<Migrate>,
    /// How traffic moves, and what stops it.
    pub(in crate::config) rollout: Option<Rollout>,
    /// Parameters of this service's own stacks, by template and name; over `stack.parameters`.
    #[schemars(extend("x-aws" = "CloudFormation `Parameters`"))]
    pub(in crate::config) stack_parameters:
        Option<Keyed<TemplateText, Keyed<ParameterNameText, String>>>,
    /// Names of AWS resources that do not follow the convention, for adopting what exists.
    pub(in crate::config) names: Option<Names>,
}

/// A processor architecture.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Architecture {
    #[serde(rename = "x86_64")]
    X86_64,
    Arm64,
}

/// The container's own health check.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct HealthCheck {
    /// `CMD` and arguments, or `CMD-SHELL` and one shell command.
    #[schemars(required, length(min = 2))]
    pub(in crate::config) command: Option<Vec<NonEmptyText>>,
    /// Time between two checks.
    #[schemars(extend("x-min" = "5s", "x-max" = "300s", "default" = "30s"))]
    pub(in crate::config) interval: Option<DurationText>,
    /// Time for one check.
    #[schemars(extend("x-min" = "2s", "x-max" = "60s", "default" = "5s"))]
    pub(in crate::config) timeout: Option<DurationText>,
    /// Failures until the container counts as unhealthy.
    #[schemars(range(min = 1, max = 10), extend("default" = 3))]
    pub(in crate::config) retries: Option<u32>,
    /// Time at the start in which failures do not count.
    #[schemars(extend("x-min" = "0s", "x-max" = "300s", "default" = "0s",
        "x-aws" = "ECS `healthCheck.startPeriod`"))]
    pub(in crate::config) start_period: Option<DurationText>,
}

/// How the load balancer checks each task.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TargetHealthCheck {
    /// The path that answers when the task is well.
    #[schemars(extend("default" = "/health"))]
    pub(in crate::config) path: Option<PathText>,
    /// Time between two checks.
    #[schemars(extend("x-min" = "5s", "x-max" = "300s", "default" = "30s"))]
    pub(in crate::config) interval: Option<DurationText>,
    /// Time for one check.
    #[schemars(extend("x-min" = "2s", "x-max" = "120s", "default" = "5s"))]
    pub(in crate::config) timeout: Option<DurationText>,
    /// Successes until a task is healthy.
    #[schemars(range(min = 2, max = 10), extend("default" = 2))]
    pub(in crate::config) healthy: Option<u32>,
    /// Failures until a task is unhealthy.
    #[schemars(range(min = 2, max = 10), extend("default" = 3))]
    pub(in crate::config) unhealthy: Option<u32>,
}

/// A one-off command.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Migrate {
    /// The command and its arguments.
    #[schemars(required, length(min = 1),
        extend("x-aws" = "ECS `overrides.containerOverrides[].command`"))]
    pub(in crate::config) command: Option<Vec<NonEmptyText>>,
    /// How long it may take.
    #[schemars(extend("x-min" = "1s", "x-max" = "24h", "default" = "10m"))]
    pub(in crate::config) timeout: Option<DurationText>,
}

/// Names of AWS resources that do not follow the convention.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Names {
    /// The ECS cluster; `cluster-<suffix>` by default.
    pub(in crate::config) cluster: Option<EcsText>,
    /// The ECS service; `<service>-<suffix>` by default.
    pub(in crate::config) service: Option<EcsText>,
    /// The CodeDeploy application; `<app>-<service>-<suffix>` by default.
    pub(in crate::config) application: Option<CodeDeployText>,
    /// The CodeDeploy deployment group; `<service>-<suffix>` by default.
    pub(in crate::config) deployment_group: Option<CodeDeployText>,
    /// The blue target group; `<service>-blue-<suffix>` by default.
    pub(in crate::config) blue_target_group: Option<TargetGroupText>,
    /// The green target group; `<service>-green-<suffix>` by default.
    pub(in crate::config) green_target_group: Option<TargetGroupText>,
    /// The SSM parameter that keeps the good revisions; `/ha/<suffix>/<service>/good-revisions` by
    /// default.
    pub(in crate::config) good_parameter: Option<ParameterText>,
}
