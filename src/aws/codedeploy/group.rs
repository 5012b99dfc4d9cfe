//! Deployment groups and deployment configurations.

use std::time::Duration;

use aws_sdk_codedeploy::types::{
    AlarmConfiguration, AutoRollbackConfiguration, BlueGreenDeploymentConfiguration,
    BlueInstanceTerminationOption, ComputePlatform, DeploymentReadyAction, DeploymentReadyOption,
    InstanceAction, TimeBasedCanary, TimeBasedLinear, TrafficRoutingConfig, TrafficRoutingType,
};

use super::rollback_events;
use crate::aws::{Aws, Fault, FaultKind};
use crate::domain::{Group, Shift, Weight};

/// A deployment group with what it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// What a plan compares.
    pub group: Group,
    /// The names of the two target groups.
    pub target_groups: [String; 2],
    /// The production listener.
    pub production_listener: String,
    /// The test listener, when there is one.
    pub test_listener: Option<String>,
}

impl Aws {
    /// Reads a deployment group.
    pub async fn deployment_group(
        &self,
        application: &str,
        name: &str,
    ) -> Result<GroupSettings, Fault> {
        const ACTION: &str = "codedeploy:GetDeploymentGroup";
        let answer = self
            .codedeploy
            .get_deployment_group()
            .application_name(application)
            .deployment_group_name(name)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let info = answer
            .deployment_group_info()
            .ok_or_else(|| Fault::incomplete(ACTION, "deploymentGroupInfo"))?;
        let pair = info
            .load_balancer_info()
            .and_then(|balancer| balancer.target_group_pair_info_list().first())
            .ok_or_else(|| Fault::incomplete(ACTION, "target group pair: not an ECS group?"))?;
        let names: Vec<&str> = pair.target_groups().iter().filter_map(|g| g.name()).collect();
        let &[first, second] = names.as_slice() else {
            return Err(Fault::incomplete(ACTION, "pair of two target groups"));
        };
        let listener = |route: Option<&aws_sdk_codedeploy::types::TrafficRoute>| {
            route.and_then(|route| route.listener_arns().first().cloned())
        };
        let production_listener = listener(pair.prod_traffic_route())
            .ok_or_else(|| Fault::incomplete(ACTION, "production listener"))?;
        let blue_green = info.blue_green_deployment_configuration();
        let termination = blue_green
            .and_then(|c| c.terminate_blue_instances_on_deployment_success())
            .map_or(0, BlueInstanceTerminationOption::termination_wait_time_in_minutes);
        let ready = blue_green.and_then(|c| c.deployment_ready_option()).filter(|option| {
            option.action_on_timeout() == Some(&DeploymentReadyAction::StopDeployment)
        });
        let alarms = info.alarm_configuration().filter(|alarms| alarms.enabled());
        let events = info
            .auto_rollback_configuration()
            .filter(|rollback| rollback.enabled())
            .map(AutoRollbackConfiguration::events)
            .unwrap_or_default();
        Ok(GroupSettings {
            group: Group {
                application: application.to_owned(),
                name: name.to_owned(),
                ready_wait: ready.map(|option| minutes(option.wait_time_in_minutes())),
                termination_wait: minutes(termination),
                alarms: alarms
                    .map(|alarms| {
                        alarms.alarms().iter().filter_map(|a| a.name().map(str::to_owned)).collect()
                    })
                    .unwrap_or_default(),
                auto_rollback: rollback_events().iter().all(|event| events.contains(event)),
                ignore_poll_alarm_failure: alarms
                    .is_some_and(AlarmConfiguration::ignore_poll_alarm_failure),
                // The listener's load balancer says so; `observe` fills it in.
                network_load_balancer: false,
            },
            target_groups: [first.to_owned(), second.to_owned()],
            production_listener,
            test_listener: listener(pair.test_traffic_route()),
        })
    }

    /// Sets the two waits of a group; everything else stays as it is.
    pub async fn set_waits(
        &self,
        application: &str,
        name: &str,
        ready: Option<Duration>,
        termination: Duration,
    ) -> Result<(), Fault> {
        let ready = match ready {
            None => DeploymentReadyOption::builder()
                .action_on_timeout(DeploymentReadyAction::ContinueDeployment)
                .build(),
            Some(wait) => DeploymentReadyOption::builder()
                .action_on_timeout(DeploymentReadyAction::StopDeployment)
                .wait_time_in_minutes(whole_minutes(wait))
                .build(),
        };
        let blue = BlueInstanceTerminationOption::builder()
            .action(InstanceAction::Terminate)
            .termination_wait_time_in_minutes(whole_minutes(termination))
            .build();
        self.codedeploy
            .update_deployment_group()
            .application_name(application)
            .current_deployment_group_name(name)
            .blue_green_deployment_configuration(
                BlueGreenDeploymentConfiguration::builder()
                    .deployment_ready_option(ready)
                    .terminate_blue_instances_on_deployment_success(blue)
                    .build(),
            )
            .send()
            .await
            .map_err(|error| Fault::of("codedeploy:UpdateDeploymentGroup", error))?;
        Ok(())
    }

    /// Whether a deployment configuration exists.
    pub async fn deployment_config_exists(&self, name: &str) -> Result<bool, Fault> {
        match self.codedeploy.get_deployment_config().deployment_config_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let fault = Fault::of("codedeploy:GetDeploymentConfig", error);
                if fault.is_not_found() { Ok(false) } else { Err(fault) }
            }
        }
    }

    /// Creates a deployment configuration for ECS; one that exists is left alone.
    pub async fn create_deployment_config(&self, name: &str, shift: Shift) -> Result<(), Fault> {
        let percent = |weight: Weight| i32::from(weight.percent());
        let routing = match shift {
            Shift::AllAtOnce => {
                TrafficRoutingConfig::builder().r#type(TrafficRoutingType::AllAtOnce)
            }
            Shift::Canary { percent: first, hold } => TrafficRoutingConfig::builder()
                .r#type(TrafficRoutingType::TimeBasedCanary)
                .time_based_canary(
                    TimeBasedCanary::builder()
                        .canary_percentage(percent(first))
                        .canary_interval(whole_minutes(hold))
                        .build(),
                ),
            Shift::Linear { percent: step, hold } => TrafficRoutingConfig::builder()
                .r#type(TrafficRoutingType::TimeBasedLinear)
                .time_based_linear(
                    TimeBasedLinear::builder()
                        .linear_percentage(percent(step))
                        .linear_interval(whole_minutes(hold))
                        .build(),
                ),
        };
        let answer = self
            .codedeploy
            .create_deployment_config()
            .deployment_config_name(name)
            .compute_platform(ComputePlatform::Ecs)
            .traffic_routing_config(routing.build())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::of("codedeploy:CreateDeploymentConfig", error);
                let exists = fault.kind == FaultKind::NoChange;
                if exists { Ok(()) } else { Err(fault) }
            }
        }
    }
}

fn minutes(number: i32) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or_default() * 60)
}

fn whole_minutes(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs() / 60).unwrap_or(i32::MAX)
}
