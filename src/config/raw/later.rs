//! Parts of the file that a later part of the tool acts on. They are checked like the rest, so
//! that a file that is ready for them stays valid, and then reported as not supported yet.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Keyed;
use crate::config::kind::{CidrText, DomainText, DurationText, NonEmptyText, VariableText};

/// The infrastructure around the services.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Stack {
    /// Availability zones.
    #[schemars(range(min = 2, max = 3), extend("default" = 3))]
    pub(in crate::config) zones: Option<u32>,
    /// The address block of the VPC.
    #[schemars(extend("default" = "10.0.0.0/16", "x-aws" = "EC2 `CidrBlock`"))]
    pub(in crate::config) cidr: Option<CidrText>,
    /// How tasks reach the internet.
    #[schemars(extend("default" = "one-per-zone"))]
    pub(in crate::config) nat: Option<Nat>,
    /// The domain that the load balancer answers to.
    pub(in crate::config) domain: Option<DomainText>,
    /// The database.
    pub(in crate::config) database: Option<Database>,
    /// Whether a second region stands by.
    #[schemars(extend("default" = "none"))]
    pub(in crate::config) dr: Option<Recovery>,
}

/// How tasks reach the internet.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Nat {
    OnePerZone,
    Single,
    Regional,
    None,
}

/// The kind of database.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Database {
    None,
    Aurora,
    Rds,
}

/// How a second region stands by.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Recovery {
    None,
    PilotLight,
    WarmStandby,
}

/// How to build an image.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Build {
    /// The build context, relative to the file.
    #[schemars(required)]
    pub(in crate::config) context: Option<NonEmptyText>,
    /// The Dockerfile, relative to the context.
    #[schemars(extend("default" = "Dockerfile"))]
    pub(in crate::config) dockerfile: Option<NonEmptyText>,
    /// The stage to build; the last one by default.
    pub(in crate::config) target: Option<NonEmptyText>,
    /// Build arguments.
    pub(in crate::config) args: Option<Keyed<VariableText, String>>,
}

/// How many tasks run, and when there are more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Scaling {
    /// The fewest tasks.
    #[schemars(range(min = 0, max = 5000), extend("default" = 2))]
    pub(in crate::config) min: Option<u32>,
    /// The most tasks.
    #[schemars(range(min = 1, max = 5000), extend("default" = 10))]
    pub(in crate::config) max: Option<u32>,
    /// Scales to a CPU utilization in percent.
    #[schemars(extend("x-aws" = "`ECSServiceAverageCPUUtilization`"))]
    pub(in crate::config) cpu: Option<Utilization>,
    /// Scales to a memory utilization in percent.
    #[schemars(extend("x-aws" = "`ECSServiceAverageMemoryUtilization`"))]
    pub(in crate::config) memory: Option<Utilization>,
    /// Scales to a number of requests per task and minute.
    #[schemars(extend("x-aws" = "`ALBRequestCountPerTarget`"))]
    pub(in crate::config) requests: Option<Requests>,
}

/// A target utilization.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Utilization {
    /// The utilization to hold, in percent.
    #[schemars(required, range(min = 1, max = 100))]
    pub(in crate::config) target: Option<u32>,
    /// Time after a scale-out until the next.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h", "default" = "1m"))]
    pub(in crate::config) scale_out_cooldown: Option<DurationText>,
    /// Time after a scale-in until the next.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h", "default" = "5m"))]
    pub(in crate::config) scale_in_cooldown: Option<DurationText>,
}

/// A target request rate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Requests {
    /// Requests per task and minute.
    #[schemars(required, range(min = 1, max = 1000000))]
    pub(in crate::config) target: Option<u32>,
    /// Time after a scale-out until the next.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h", "default" = "1m"))]
    pub(in crate::config) scale_out_cooldown: Option<DurationText>,
    /// Time after a scale-in until the next.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h", "default" = "5m"))]
    pub(in crate::config) scale_in_cooldown: Option<DurationText>,
}

/// Backups and recovery objectives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backup {
    /// How much data may be lost.
    #[schemars(extend("x-min" = "1m", "x-max" = "168h"))]
    pub(in crate::config) rpo: Option<DurationText>,
    /// How long recovery may take.
    #[schemars(extend("x-min" = "1m", "x-max" = "168h"))]
    pub(in crate::config) rto: Option<DurationText>,
    /// How many days backups are kept.
    #[schemars(range(min = 1, max = 36500), extend("default" = 7))]
    pub(in crate::config) retention_days: Option<u32>,
    /// Whether to take a snapshot before a migration.
    #[schemars(extend("default" = true))]
    pub(in crate::config) before_migration: Option<bool>,
}

/// Where results are reported besides the console.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Report {
    /// Whether to write the comment on the pull request.
    #[schemars(extend("default" = true))]
    pub(in crate::config) comment: Option<bool>,
    /// Whether to record GitHub Deployments.
    #[schemars(extend("default" = true))]
    pub(in crate::config) deployments: Option<bool>,
}
