//! Parts of the file that a later part of the tool acts on. They are checked like the rest, so
//! that a file that is ready for them stays valid, and then reported as not supported yet.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Keyed;
use crate::config::kind::{DurationText, NonEmptyText, VariableText};

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

/// Statistical gates: green against blue, valid at every look.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Gates {
    /// The share of healthy releases that may be rolled back by chance.
    #[schemars(range(min = 0.0001, max = 0.2), extend("default" = 0.01))]
    pub(in crate::config) alpha: Option<f64>,
    /// How many times worse than blue is still accepted.
    #[schemars(range(min = 1.0, max = 100.0), extend("default" = 1.0))]
    pub(in crate::config) margin: Option<f64>,
    /// Requests to green before it may be promoted early.
    #[schemars(range(min = 0, max = 1000000000))]
    pub(in crate::config) min_requests: Option<u32>,
    /// Latency thresholds: green may not exceed them more often than blue.
    #[schemars(length(max = 5))]
    pub(in crate::config) latency: Option<Vec<Latency>>,
    /// What to do when the evidence says neither.
    #[schemars(extend("default" = "rollback"))]
    pub(in crate::config) inconclusive: Option<Inconclusive>,
}

/// A latency threshold.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Latency {
    P50,
    P90,
    P99,
}

/// What to do without enough evidence.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Inconclusive {
    Promote,
    Rollback,
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
