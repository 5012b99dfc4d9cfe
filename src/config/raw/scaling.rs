//! `services.<name>.scaling`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::kind::DurationText;

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
