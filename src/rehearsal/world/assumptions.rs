//! What the world assumes about AWS, each with its source.

use std::time::Duration;

/// Parameters of AWS's behaviour that a user of AWS cannot set.
///
/// Where the documentation gives a number it is named; "undocumented" marks a plausible value that
/// only real accounts can confirm.
#[derive(Debug, Clone, PartialEq)]
pub struct Assumptions {
    /// From `CreateDeployment` to the first lifecycle event. Undocumented.
    pub deployment_start: Duration,
    /// How long a lifecycle event without a hook takes. Undocumented; they show as succeeded
    /// within a second.
    pub empty_event: Duration,
    /// How long the test listener takes to turn. Undocumented.
    pub test_reroute: Duration,
    /// How often CodeDeploy reads the alarms. Undocumented.
    pub alarm_poll: Duration,
    /// From `StopDeployment` to `Stopped`. Undocumented; the API only promises `Pending`.
    pub stop: Duration,
    /// From the end of a deployment to its automatic rollback's turn of the weights. Undocumented.
    pub rollback_reroute: Duration,
    /// How long the replacement may take to become steady: 60 minutes (CodeDeploy user guide,
    /// troubleshooting-ecs: "This time out period is 60 minutes").
    pub install_timeout: Duration,
    /// How long a hook may take: one hour (CodeDeploy user guide, AppSpec hooks for Amazon ECS).
    pub hook_timeout: Duration,
    /// How long a task set may be unsteady after autoscaling changed it in the middle of a shift:
    /// five minutes (ECS developer guide, deployment-type-bluegreen).
    pub scaling_timeout: Duration,
    /// Whether CodeDeploy keeps a deployment open until the tasks of a removed task set are gone.
    /// Undocumented; the stricter answer.
    pub waits_for_removal: bool,
    /// Whether CodeDeploy takes the network configuration of the service when the AppSpec has
    /// none. The ECS tutorial's AppSpec has none and works; capacity providers and the platform
    /// version are not carried (aws/containers-roadmap#713, #1752).
    pub network_carried_over: bool,
    /// The shares of a task's start time at which it leaves `PROVISIONING` and `PENDING`.
    /// Undocumented; usual on Fargate.
    pub start_shares: (f64, f64),
    /// How far a start time may be from its mean, as a share of it. Undocumented.
    pub start_jitter: f64,
    /// How long a container takes to end after SIGTERM when it behaves.
    pub shutdown: Duration,
    /// From the end of the container to `STOPPED`. Undocumented.
    pub deprovisioning: Duration,
    /// How long stopped tasks stay visible: one hour (ECS API reference, `DescribeTasks`).
    pub stopped_visible: Duration,
    /// The first pause before ECS replaces tasks that keep failing; it doubles. The principle is
    /// documented (service throttle logic), the first value is not.
    pub restart_backoff: Duration,
    /// The longest such pause: 15 minutes (ECS developer guide, service throttle logic).
    pub restart_backoff_max: Duration,
    /// Failures in a row before ECS pauses at all. Undocumented.
    pub restart_free: u32,
    /// Passes that make a new target healthy; `None`: the healthy threshold. The user guide says
    /// one ("it must pass one health check"); the threshold is the stricter answer.
    pub initial_passes: Option<u32>,
    /// From the loss of a zone to the stop of its tasks. Undocumented.
    pub zone_loss: Duration,
    /// Response times that a user would call slow, as a multiple of the live revision's median.
    /// A definition of ours, for `Tally::bad_requests`; above nearly all of its answers.
    pub slow_factor: f64,
    /// How likely a call whose answer is lost had its effect all the same. A definition of ours:
    /// a connection breaks before the request as well as after it.
    pub lost_effect: f64,
    /// Time that the world runs before the client comes, so that metrics and alarms have a past.
    pub warm_up: Duration,
    /// Response times drawn per second and target group at most; counts are always exact.
    pub latency_samples: u64,
}

impl Default for Assumptions {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            deployment_start: s(3),
            empty_event: s(1),
            test_reroute: s(2),
            alarm_poll: s(10),
            stop: s(2),
            rollback_reroute: s(5),
            install_timeout: s(3600),
            hook_timeout: s(3600),
            scaling_timeout: s(300),
            waits_for_removal: true,
            network_carried_over: true,
            start_shares: (0.35, 0.85),
            start_jitter: 0.2,
            shutdown: s(2),
            deprovisioning: s(6),
            stopped_visible: s(3600),
            restart_backoff: s(10),
            restart_backoff_max: s(900),
            restart_free: 3,
            initial_passes: None,
            zone_loss: s(45),
            slow_factor: 4.0,
            lost_effect: 0.5,
            warm_up: s(600),
            latency_samples: 200,
        }
    }
}
