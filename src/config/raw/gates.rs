//! `services.<name>.rollout.gates`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Keyed;
use crate::config::kind::{DurationText, NameText, NonEmptyText, PathText};

/// Statistical gates: green against blue, valid at every look (docs/gate.md).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Gates {
    /// The largest share of healthy releases that may be rolled back by chance, over all metrics,
    /// looks and phases together.
    #[schemars(range(min = 0.0001, max = 0.2), extend("default" = 0.01))]
    pub(in crate::config) alpha: Option<f64>,
    /// How many times worse than blue is still accepted.
    #[schemars(range(min = 1.0, max = 100.0), extend("default" = 1.0))]
    pub(in crate::config) margin: Option<f64>,
    /// Requests to green before there is any verdict; with fewer at the end the evidence is
    /// inconclusive.
    #[schemars(range(min = 0, max = 1000000000), extend("default" = 0))]
    pub(in crate::config) min_requests: Option<u32>,
    /// Errors of green that count of one bucket at most, against one client that retries.
    #[schemars(range(min = 1, max = 1000000000))]
    pub(in crate::config) max_errors: Option<u32>,
    /// The error rate in percent that is accepted after the shift, when there is no blue to compare
    /// with, whatever blue did before.
    #[schemars(range(min = 0.0001, max = 50.0), extend("default" = 0.3))]
    pub(in crate::config) accepted_errors: Option<f64>,
    /// Latency thresholds, from blue's past hour: green may not exceed them more often than blue.
    #[schemars(length(max = 3), extend("uniqueItems" = true))]
    pub(in crate::config) latency: Option<Vec<Latency>>,
    /// Where requests and errors are counted; the load balancer's metrics by default.
    pub(in crate::config) source: Option<GateSource>,
    /// A threshold on green's success rate, beside the statistical gate.
    pub(in crate::config) success_rate: Option<SuccessRate>,
    /// What to do when the evidence says neither.
    #[schemars(extend("default" = "rollback"))]
    pub(in crate::config) inconclusive: Option<Inconclusive>,
    /// How much longer to watch before that.
    #[schemars(extend("x-min" = "0s", "x-max" = "24h", "default" = "0s"))]
    pub(in crate::config) inconclusive_hold: Option<DurationText>,
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

/// Where requests and errors are counted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "x-choose" = true))]
pub(in crate::config) struct GateSource {
    /// The target groups' metrics, minute by minute.
    pub(in crate::config) alb: Option<AlbSource>,
    /// A pair of metrics that the service publishes for each revision.
    pub(in crate::config) metric: Option<MetricSource>,
    /// A pair of metric-math expressions.
    pub(in crate::config) math: Option<MathSource>,
    /// Requests of our own: green through the test listener, blue through the production listener.
    pub(in crate::config) probe: Option<ProbeSource>,
}

/// The load balancer's metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct AlbSource {
    /// How long after its end a minute is counted.
    #[schemars(extend("x-min" = "10s", "x-max" = "10m", "default" = "60s"))]
    pub(in crate::config) settle: Option<DurationText>,
}

/// A pair of metrics.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MetricSource {
    /// The namespace.
    #[schemars(required)]
    pub(in crate::config) namespace: Option<NameText>,
    /// The metric whose sum is the number of requests.
    #[schemars(required)]
    pub(in crate::config) requests: Option<NameText>,
    /// The metric whose sum is the number of errors among them.
    #[schemars(required)]
    pub(in crate::config) errors: Option<NameText>,
    /// Their dimensions. `{revision}` stands for the task definition's `family:number`, `{number}`
    /// for its number, `{target_group}` for the target group's name.
    #[schemars(required)]
    pub(in crate::config) dimensions: Option<Keyed<NameText, NonEmptyText>>,
    /// How long a bucket is: 1, 5, 10, 20 or 30 seconds, or whole minutes.
    #[schemars(extend("x-min" = "1s", "x-max" = "1h", "default" = "10s"))]
    pub(in crate::config) period: Option<DurationText>,
    /// How long after its end a bucket is counted.
    #[schemars(extend("x-min" = "1s", "x-max" = "10m", "default" = "10s"))]
    pub(in crate::config) settle: Option<DurationText>,
}

/// A pair of metric-math expressions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MathSource {
    /// The expression of the number of requests; `{revision}`, `{number}` and `{target_group}` are
    /// replaced.
    #[schemars(required)]
    pub(in crate::config) requests: Option<NonEmptyText>,
    /// The expression of the number of errors among them.
    #[schemars(required)]
    pub(in crate::config) errors: Option<NonEmptyText>,
    /// How long a bucket is: 1, 5, 10, 20 or 30 seconds, or whole minutes.
    #[schemars(extend("x-min" = "1s", "x-max" = "1h", "default" = "60s"))]
    pub(in crate::config) period: Option<DurationText>,
    /// How long after its end a bucket is counted.
    #[schemars(extend("x-min" = "1s", "x-max" = "10m", "default" = "60s"))]
    pub(in crate::config) settle: Option<DurationText>,
}

/// Requests of our own.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ProbeSource {
    /// The path.
    #[schemars(required)]
    pub(in crate::config) path: Option<PathText>,
    /// Requests per second to each listener.
    #[schemars(range(min = 1, max = 20), extend("default" = 5))]
    pub(in crate::config) rate: Option<u32>,
    /// Time for one request; a later answer is an error.
    #[schemars(extend("x-min" = "1s", "x-max" = "30s", "default" = "2s"))]
    pub(in crate::config) timeout: Option<DurationText>,
}

/// A threshold on green's success rate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SuccessRate {
    /// The least share of good answers, in percent.
    #[schemars(required, range(min = 0.0, max = 100.0))]
    pub(in crate::config) at_least: Option<f64>,
    /// Intervals in a row that must pass.
    #[schemars(range(min = 1, max = 1000), extend("default" = 5))]
    pub(in crate::config) intervals: Option<u32>,
    /// Intervals that may fail in all; one more rolls back.
    #[schemars(range(min = 0, max = 1000), extend("default" = 0))]
    pub(in crate::config) failures: Option<u32>,
    /// How long an interval is; at least a bucket of the source.
    #[schemars(extend("x-min" = "1s", "x-max" = "1h", "default" = "60s"))]
    pub(in crate::config) interval: Option<DurationText>,
}
