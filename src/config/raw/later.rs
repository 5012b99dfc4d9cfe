//! Parts of the file that a later part of the tool acts on. They are checked like the rest, so
//! that a file that is ready for them stays valid, and then reported as not supported yet.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::kind::DurationText;

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
