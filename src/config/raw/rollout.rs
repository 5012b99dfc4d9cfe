//! `services.<name>.rollout`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Gates;
use crate::config::kind::{
    BaseText, CanaryText, DurationText, FunctionText, NameText, NonEmptyText, PathText,
};

/// How traffic moves, and what stops it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rollout {
    /// Who moves the traffic: CodeDeploy, or ECS itself.
    #[schemars(extend("default" = "codedeploy", "x-aws" = "ECS `deploymentController`"))]
    pub(in crate::config) controller: Option<Controller>,
    /// The steps; a canary of 10 % for 5 minutes by default, all at once behind a Network Load
    /// Balancer.
    #[schemars(extend("x-aws" = "CodeDeploy deployment configuration"))]
    pub(in crate::config) shift: Option<Shift>,
    /// The kind of load balancer.
    #[schemars(extend("default" = "application"))]
    pub(in crate::config) load_balancer: Option<LoadBalancer>,
    /// How long to watch with all traffic on green before calling it good.
    #[schemars(extend("x-min" = "0s", "x-max" = "24h", "default" = "10m"))]
    pub(in crate::config) bake: Option<DurationText>,
    /// Waits with the test traffic on green until `ContinueDeployment`, at most this long. Whole
    /// minutes.
    #[schemars(extend("x-min" = "1m", "x-max" = "48h", "x-minutes" = true,
        "x-aws" = "CodeDeploy `deploymentReadyOption.waitTimeInMinutes`"))]
    pub(in crate::config) ready_wait: Option<DurationText>,
    /// How long blue stays after the shift. Whole minutes; without it the deployment group's value
    /// stays.
    #[schemars(extend("x-min" = "0m", "x-max" = "48h", "x-minutes" = true,
        "x-aws" = "CodeDeploy `terminationWaitTimeInMinutes`"))]
    pub(in crate::config) termination_wait: Option<DurationText>,
    /// Requests that must succeed before production traffic moves.
    #[schemars(length(max = 50))]
    pub(in crate::config) smoke: Option<Vec<Smoke>>,
    /// CloudWatch alarms that stop the deployment.
    #[schemars(length(max = 10), extend("uniqueItems" = true,
        "x-aws" = "CodeDeploy `alarmConfiguration`"))]
    pub(in crate::config) alarms: Option<Vec<NameText>>,
    /// CloudWatch Synthetics canaries whose last run must have passed.
    #[schemars(length(max = 20), extend("uniqueItems" = true))]
    pub(in crate::config) canaries: Option<Vec<CanaryText>>,
    /// How long the whole rollout may take, the bake included; by default as long as its parts
    /// may take, and half an hour.
    #[schemars(extend("x-min" = "1m", "x-max" = "120h"))]
    pub(in crate::config) timeout: Option<DurationText>,
    /// Whether scale-in is suspended while traffic moves.
    #[schemars(extend("default" = true, "x-aws" = "Application Auto Scaling `suspendedState`"))]
    pub(in crate::config) suspend_scale_in: Option<bool>,
    /// Lambda functions by lifecycle event.
    #[schemars(extend("x-aws" = "CodeDeploy AppSpec `Hooks`"))]
    pub(in crate::config) hooks: Option<Hooks>,
    /// Statistical gates on errors and latency.
    pub(in crate::config) gates: Option<Gates>,
}

/// Who moves the traffic.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Controller {
    Codedeploy,
    Ecs,
}

/// The kind of load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum LoadBalancer {
    Application,
    Network,
}

/// The steps: `all-at-once`, or a mapping with `canary` or `linear`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum Shift {
    /// Everything in one step.
    Name(ShiftName),
    /// Steps with a size and a hold.
    Steps(ShiftChoice),
}

/// A shift without settings.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum ShiftName {
    AllAtOnce,
}

/// A shift with settings.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "x-choose" = true))]
pub(in crate::config) struct ShiftChoice {
    /// One small step, a hold, then the rest.
    #[schemars(extend("x-aws" = "CodeDeploy `TimeBasedCanary`"))]
    pub(in crate::config) canary: Option<Step>,
    /// Equal steps at equal distances.
    #[schemars(extend("x-aws" = "CodeDeploy `TimeBasedLinear`"))]
    pub(in crate::config) linear: Option<Step>,
}

/// The size of a step and the time after it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Step {
    /// The share of the traffic that one step moves.
    #[schemars(required, range(min = 1, max = 99),
        extend("x-aws" = "`canaryPercentage`, `linearPercentage`"))]
    pub(in crate::config) percent: Option<u8>,
    /// How long to stay there. Whole minutes.
    #[schemars(required, extend("x-min" = "1m", "x-max" = "48h", "x-minutes" = true,
        "x-aws" = "`canaryInterval`, `linearInterval`"))]
    pub(in crate::config) hold: Option<DurationText>,
}

/// A request that must succeed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Smoke {
    /// The path.
    #[schemars(required)]
    pub(in crate::config) path: Option<PathText>,
    /// Status codes that pass.
    #[schemars(length(min = 1, max = 20), inner(range(min = 100, max = 599)),
        extend("default" = [200]))]
    pub(in crate::config) status: Option<Vec<u16>>,
    /// Text that the body must hold.
    pub(in crate::config) contains: Option<NonEmptyText>,
    /// Time for one try.
    #[schemars(extend("x-min" = "1s", "x-max" = "5m", "default" = "5s"))]
    pub(in crate::config) timeout: Option<DurationText>,
    /// Tries.
    #[schemars(range(min = 1, max = 20), extend("default" = 3))]
    pub(in crate::config) attempts: Option<u32>,
    /// Where to send it; the test listener of the load balancer by default.
    pub(in crate::config) base: Option<BaseText>,
}

/// Lambda functions by CodeDeploy lifecycle event.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(in crate::config) struct Hooks {
    /// Before the replacement tasks are made; a failure here cannot roll back.
    pub(in crate::config) before_install: Option<FunctionText>,
    /// After the replacement tasks are healthy.
    pub(in crate::config) after_install: Option<FunctionText>,
    /// After the test listener turned to them.
    pub(in crate::config) after_allow_test_traffic: Option<FunctionText>,
    /// The last chance before production traffic.
    pub(in crate::config) before_allow_traffic: Option<FunctionText>,
    /// After all production traffic moved.
    pub(in crate::config) after_allow_traffic: Option<FunctionText>,
}
