//! CodeDeploy: groups, configurations, deployments and what they are doing.

mod group;

use aws_sdk_codedeploy::types::{
    Alarm, AlarmConfiguration, AppSpecContent, AutoRollbackConfiguration, AutoRollbackEvent,
    DeploymentInfo, DeploymentStatus as Status, DeploymentWaitType, LifecycleEventStatus,
    RevisionLocation, RevisionLocationType, TargetLabel,
};

use crate::domain::{
    DeploymentId, DeploymentStatus, LifecycleEvent, LifecycleName, LifecycleStatus, Revision,
    RunningDeployment, TaskSetRole, TaskSetState, Weight,
};

pub use group::GroupSettings;

use super::{Aws, Fault};

/// A deployment to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentWish {
    /// The CodeDeploy application.
    pub application: String,
    /// The deployment group.
    pub group: String,
    /// The deployment configuration.
    pub config: String,
    /// The AppSpec, as JSON.
    pub appspec: String,
    /// How the deployment is found again (at most 256 characters).
    pub description: String,
    /// Alarms that stop it, in place of the group's; `None`: the group's.
    pub alarms: Option<Vec<String>>,
}

/// What a deployment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentState {
    /// Its id.
    pub id: DeploymentId,
    /// Its status.
    pub status: DeploymentStatus,
    /// CodeDeploy's error code and message; text from outside.
    pub error: Option<String>,
    /// The deployment that rolls this one back, once there is one.
    pub rollback: Option<DeploymentId>,
    /// How it is found again.
    pub description: String,
    /// Who made it.
    pub creator: String,
    /// The revision that its AppSpec names.
    pub revision: Option<Revision>,
}

/// What a deployment does to its one ECS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// Its lifecycle events, in CodeDeploy's order.
    pub lifecycle: Vec<LifecycleEvent>,
    /// Its task sets.
    pub task_sets: Vec<TaskSetState>,
}

impl Aws {
    /// The deployment of a group that is not over, if any; a group has at most one.
    pub async fn active_deployment(
        &self,
        application: &str,
        group: &str,
    ) -> Result<Option<RunningDeployment>, Fault> {
        let unfinished =
            [Status::Created, Status::Queued, Status::InProgress, Status::Baking, Status::Ready];
        let answer = self
            .codedeploy
            .list_deployments()
            .application_name(application)
            .deployment_group_name(group)
            .set_include_only_statuses(Some(unfinished.to_vec()))
            .send()
            .await
            .map_err(|error| Fault::of("codedeploy:ListDeployments", error))?;
        let Some(id) = answer.deployments().first() else { return Ok(None) };
        let state = self.deployment(&DeploymentId(id.clone())).await?;
        Ok((!state.status.is_terminal()).then_some(RunningDeployment {
            id: state.id,
            status: state.status,
            description: state.description,
            creator: state.creator,
            revision: state.revision,
        }))
    }

    /// Creates a deployment that rolls back by itself on failure, alarm and stop.
    pub async fn create_deployment(&self, wish: &DeploymentWish) -> Result<DeploymentId, Fault> {
        const ACTION: &str = "codedeploy:CreateDeployment";
        let revision = RevisionLocation::builder()
            .revision_type(RevisionLocationType::AppSpecContent)
            .app_spec_content(AppSpecContent::builder().content(&wish.appspec).build())
            .build();
        let alarms = wish.alarms.as_ref().map(|names| {
            let alarms = names.iter().map(|name| Alarm::builder().name(name).build()).collect();
            AlarmConfiguration::builder()
                .enabled(!names.is_empty())
                .set_alarms(Some(alarms))
                .build()
        });
        let answer = self
            .codedeploy
            .create_deployment()
            .application_name(&wish.application)
            .deployment_group_name(&wish.group)
            .deployment_config_name(&wish.config)
            .description(&wish.description)
            .revision(revision)
            .auto_rollback_configuration(
                AutoRollbackConfiguration::builder()
                    .enabled(true)
                    .set_events(Some(rollback_events().to_vec()))
                    .build(),
            )
            .set_override_alarm_configuration(alarms)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        answer
            .deployment_id()
            .map(|id| DeploymentId(id.to_owned()))
            .ok_or_else(|| Fault::incomplete(ACTION, "deploymentId"))
    }

    /// Reads a deployment.
    pub async fn deployment(&self, id: &DeploymentId) -> Result<DeploymentState, Fault> {
        const ACTION: &str = "codedeploy:GetDeployment";
        let answer = self
            .codedeploy
            .get_deployment()
            .deployment_id(&id.0)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let info =
            answer.deployment_info().ok_or_else(|| Fault::incomplete(ACTION, "deploymentInfo"))?;
        Ok(deployment_state(id, info))
    }

    /// Reads what a deployment does to the service; `None` before it has begun.
    pub async fn deployment_target(
        &self,
        id: &DeploymentId,
        cluster: &str,
        service: &str,
    ) -> Result<Option<TargetState>, Fault> {
        const ACTION: &str = "codedeploy:GetDeploymentTarget";
        let answer = self
            .codedeploy
            .get_deployment_target()
            .deployment_id(&id.0)
            .target_id(format!("{cluster}:{service}"))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let fault = Fault::of(ACTION, error);
                let early = fault.is_not_found() || fault.code == "DeploymentNotStartedException";
                return if early { Ok(None) } else { Err(fault) };
            }
        };
        let Some(target) = answer.deployment_target().and_then(|target| target.ecs_target()) else {
            return Ok(None);
        };
        Ok(Some(TargetState {
            lifecycle: target.lifecycle_events().iter().map(lifecycle_event).collect(),
            task_sets: target.task_sets_info().iter().filter_map(task_set).collect(),
        }))
    }

    /// Stops a deployment and has it rolled back. One that is over already is left alone.
    pub async fn stop_deployment(&self, id: &DeploymentId) -> Result<(), Fault> {
        let answer = self
            .codedeploy
            .stop_deployment()
            .deployment_id(&id.0)
            .auto_rollback_enabled(true)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let fault = Fault::of("codedeploy:StopDeployment", error);
                let over = fault.code == "DeploymentAlreadyCompletedException";
                if over { Ok(()) } else { Err(fault) }
            }
        }
    }

    /// Ends the ready wait, so that traffic moves now.
    pub async fn continue_deployment(&self, id: &DeploymentId) -> Result<(), Fault> {
        self.codedeploy
            .continue_deployment()
            .deployment_id(&id.0)
            .deployment_wait_type(DeploymentWaitType::ReadyWait)
            .send()
            .await
            .map_err(|error| Fault::of("codedeploy:ContinueDeployment", error))?;
        Ok(())
    }
}

fn rollback_events() -> [AutoRollbackEvent; 3] {
    [
        AutoRollbackEvent::DeploymentFailure,
        AutoRollbackEvent::DeploymentStopOnAlarm,
        AutoRollbackEvent::DeploymentStopOnRequest,
    ]
}

fn deployment_state(id: &DeploymentId, info: &DeploymentInfo) -> DeploymentState {
    let error = info.error_information().map(|error| {
        let code = error.code().map(|code| code.as_str()).unwrap_or_default();
        format!("{code}: {}", error.message().unwrap_or_default())
    });
    let rollback = info.rollback_info().and_then(|rollback| rollback.rollback_deployment_id());
    let revision = info
        .revision()
        .and_then(|revision| {
            let content = revision.app_spec_content().and_then(|spec| spec.content());
            #[allow(deprecated, reason = "older clients send the AppSpec as a String revision")]
            content.or_else(|| revision.string().and_then(|raw| raw.content()))
        })
        .and_then(appspec_revision);
    DeploymentState {
        id: id.clone(),
        status: info.status().map_or_else(|| DeploymentStatus::Other("none".into()), status),
        error,
        rollback: rollback.filter(|id| !id.is_empty()).map(|id| DeploymentId(id.to_owned())),
        description: info.description().unwrap_or_default().to_owned(),
        creator: info.creator().map(|who| who.as_str().to_owned()).unwrap_or_default(),
        revision,
    }
}

/// The task definition that an AppSpec names; JSON and YAML both parse as YAML.
fn appspec_revision(content: &str) -> Option<Revision> {
    let spec: serde_yaml::Value = serde_yaml::from_str(content).ok()?;
    let field = |map: &serde_yaml::Value, name: &str| {
        map.as_mapping()?.iter().find_map(|(key, value)| {
            key.as_str().filter(|key| key.eq_ignore_ascii_case(name)).map(|_| value.clone())
        })
    };
    let resources = field(&spec, "Resources")?;
    let service = field(resources.as_sequence()?.first()?, "TargetService")?;
    let arn = field(&field(&service, "Properties")?, "TaskDefinition")?;
    Revision::parse(arn.as_str()?)
}

fn status(status: &Status) -> DeploymentStatus {
    match status {
        Status::Created => DeploymentStatus::Created,
        Status::Queued => DeploymentStatus::Queued,
        Status::InProgress => DeploymentStatus::InProgress,
        Status::Baking => DeploymentStatus::Baking,
        Status::Ready => DeploymentStatus::Ready,
        Status::Succeeded => DeploymentStatus::Succeeded,
        Status::Failed => DeploymentStatus::Failed,
        Status::Stopped => DeploymentStatus::Stopped,
        other => DeploymentStatus::Other(other.as_str().to_owned()),
    }
}

fn lifecycle_event(event: &aws_sdk_codedeploy::types::LifecycleEvent) -> LifecycleEvent {
    let message = event.diagnostics().and_then(|d| d.message().or_else(|| d.log_tail()));
    LifecycleEvent {
        name: LifecycleName::parse(event.lifecycle_event_name().unwrap_or_default()),
        status: match event.status() {
            Some(LifecycleEventStatus::Pending) => LifecycleStatus::Pending,
            Some(LifecycleEventStatus::InProgress) => LifecycleStatus::InProgress,
            Some(LifecycleEventStatus::Succeeded) => LifecycleStatus::Succeeded,
            Some(LifecycleEventStatus::Failed) => LifecycleStatus::Failed,
            Some(LifecycleEventStatus::Skipped) => LifecycleStatus::Skipped,
            _ => LifecycleStatus::Unknown,
        },
        message: message.filter(|message| !message.is_empty()).map(str::to_owned),
    }
}

fn task_set(set: &aws_sdk_codedeploy::types::EcsTaskSet) -> Option<TaskSetState> {
    let number = |count: i64| u32::try_from(count).unwrap_or_default();
    // The weight is a percentage as a double; more than 100 cannot be.
    let percent = set.traffic_weight().clamp(0.0, 100.0).round() as u8;
    Some(TaskSetState {
        role: match set.task_set_label() {
            Some(TargetLabel::Green) => TaskSetRole::Green,
            Some(TargetLabel::Blue) => TaskSetRole::Blue,
            _ => return None,
        },
        id: set.identifer().unwrap_or_default().to_owned(),
        revision: None,
        weight: Weight::new(percent).unwrap_or(Weight::NONE),
        desired: number(set.desired_count()),
        running: number(set.running_count()),
        pending: number(set.pending_count()),
    })
}
