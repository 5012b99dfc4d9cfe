//! Application Auto Scaling: the service's scalable target.

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace, SuspendedState};

use crate::domain::ScalableTarget;

use super::{Aws, Fault};

fn resource_id(cluster: &str, service: &str) -> String {
    format!("service/{cluster}/{service}")
}

impl Aws {
    /// Reads the scalable target of a service; `None` when it has none.
    pub async fn scalable_target(
        &self,
        cluster: &str,
        service: &str,
    ) -> Result<Option<ScalableTarget>, Fault> {
        let answer = self
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(resource_id(cluster, service))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .send()
            .await
            .map_err(|e| Fault::of("application-autoscaling:DescribeScalableTargets", e))?;
        Ok(answer.scalable_targets().first().map(|target| {
            let state = target.suspended_state();
            let suspended = |pick: fn(&SuspendedState) -> Option<bool>| {
                state.and_then(pick).unwrap_or_default()
            };
            ScalableTarget {
                min: u32::try_from(target.min_capacity()).unwrap_or_default(),
                max: u32::try_from(target.max_capacity()).unwrap_or_default(),
                scale_in_suspended: suspended(SuspendedState::dynamic_scaling_in_suspended),
                scale_out_suspended: suspended(SuspendedState::dynamic_scaling_out_suspended),
                scheduled_suspended: suspended(SuspendedState::scheduled_scaling_suspended),
            }
        }))
    }

    /// Suspends or resumes dynamic scale-in; the other switches keep the values of `now`.
    pub async fn suspend_scale_in(
        &self,
        cluster: &str,
        service: &str,
        now: &ScalableTarget,
        suspended: bool,
    ) -> Result<(), Fault> {
        let state = SuspendedState::builder()
            .dynamic_scaling_in_suspended(suspended)
            .dynamic_scaling_out_suspended(now.scale_out_suspended)
            .scheduled_scaling_suspended(now.scheduled_suspended)
            .build();
        self.scaling
            .register_scalable_target()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(resource_id(cluster, service))
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .suspended_state(state)
            .send()
            .await
            .map_err(|e| Fault::of("application-autoscaling:RegisterScalableTarget", e))?;
        Ok(())
    }
}
