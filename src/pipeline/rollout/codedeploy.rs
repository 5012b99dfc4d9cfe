//! CodeDeploy as a rollout controller.

use crate::aws::{DeploymentState, DeploymentWish, Fault, FaultKind, TargetState};
use crate::domain::DeploymentId;
use crate::pipeline::event::EventKind;
use crate::pipeline::walk::{Candidate, Stop, Walk};
use crate::plan::{Alarms, Deployment, deployment_config, with_task_definition};

/// A deployment through CodeDeploy.
#[derive(Clone, Copy)]
pub(super) struct Controller<'a> {
    pub(super) context: &'a Walk<'a>,
    pub(super) deployment: &'a Deployment,
}

/// What became of a wish to undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aborted {
    /// CodeDeploy stops the deployment and rolls it back.
    Stopping,
    /// The deployment was over; this one returns to the previous revision.
    Redeploying(DeploymentId),
}

impl Controller<'_> {
    /// Creates the deployment, or joins it when it is ours and active.
    pub(super) async fn start(&self, candidate: &Candidate) -> Result<DeploymentId, Stop> {
        if let Some(id) = &self.deployment.attach {
            self.started(id, true);
            return Ok(id.clone());
        }
        let wish = DeploymentWish {
            application: self.deployment.application.clone(),
            group: self.deployment.group.clone(),
            config: self.deployment.config.name.clone(),
            appspec: with_task_definition(&self.deployment.appspec, &candidate.arn),
            description: self.deployment.description.clone(),
            alarms: match &self.deployment.alarms {
                Alarms::Group => None,
                Alarms::These(names) => Some(names.clone()),
                Alarms::Off => Some(Vec::new()),
            },
        };
        match self.context.aws.create_deployment(&wish).await {
            Ok(id) => {
                self.started(&id, false);
                Ok(id)
            }
            // A call whose answer was lost may have had its effect: then the active one is ours.
            Err(fault) => match self.surely_ours(&self.deployment.description).await {
                Ok(Some(id)) => {
                    self.started(&id, true);
                    Ok(id)
                }
                Ok(None) => Err(fault.into()),
                Err(blind) => Err(Stop::Unknown(format!(
                    "{fault}; whether a deployment was created can't be read: {blind}"
                ))),
            },
        }
    }

    /// Looks for the active deployment with a description, and looks again while AWS can't be read.
    async fn surely_ours(&self, description: &str) -> Result<Option<DeploymentId>, Fault> {
        /// Looks, some seconds apart, on top of the retries of each.
        const LOOKS: u32 = 5;
        let mut look = 1;
        loop {
            match self.ours(description).await {
                Err(fault) if look < LOOKS && fault.kind != FaultKind::Denied => {
                    look += 1;
                    self.context.clock.sleep(super::pace::undo()).await;
                }
                answer => return answer,
            }
        }
    }

    fn started(&self, id: &DeploymentId, attached: bool) {
        self.context.emit(EventKind::DeploymentStarted { deployment: id.clone(), attached });
    }

    async fn ours(&self, description: &str) -> Result<Option<DeploymentId>, Fault> {
        let (application, group) = (&self.deployment.application, &self.deployment.group);
        let active = self.context.aws.active_deployment(application, group).await?;
        let ours = active.filter(|running| running.description == description);
        Ok(ours.map(|running| running.id))
    }

    /// Reads what the deployment does to the service.
    pub(super) async fn target(&self, id: &DeploymentId) -> Result<Option<TargetState>, Fault> {
        let (cluster, service) = (&self.deployment.cluster, &self.deployment.ecs_service);
        self.context.aws.deployment_target(id, cluster, service).await
    }

    /// Reads what the deployment says of itself.
    pub(super) async fn observe(&self, id: &DeploymentId) -> Result<DeploymentState, Fault> {
        self.context.aws.deployment(id).await
    }

    /// Lets production traffic move; `false` while CodeDeploy is not ready for that.
    pub(super) async fn promote(&self, id: &DeploymentId) -> Result<bool, Fault> {
        match self.context.aws.continue_deployment(id).await {
            Ok(()) => Ok(true),
            Err(fault) if fault.code == "DeploymentIsNotInReadyStateException" => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Undoes the deployment: stops it with rollback, or returns to `previous` when it is over.
    pub(super) async fn abort(
        &self,
        id: &DeploymentId,
        previous: Option<&str>,
    ) -> Result<Aborted, Fault> {
        self.context.aws.stop_deployment(id).await?;
        let state = self.observe(id).await?;
        let over = state.status == crate::domain::DeploymentStatus::Succeeded;
        let Some(previous) = previous.filter(|_| over) else { return Ok(Aborted::Stopping) };
        let config = deployment_config(crate::domain::Shift::AllAtOnce);
        let wish = DeploymentWish {
            application: self.deployment.application.clone(),
            group: self.deployment.group.clone(),
            config: config.name,
            appspec: with_task_definition(&self.deployment.appspec, previous),
            description: format!("{} undo {id}", crate::plan::MARK),
            // The alarms that the bad release set off must not stop its undoing.
            alarms: Some(Vec::new()),
        };
        match self.context.aws.create_deployment(&wish).await {
            Ok(id) => Ok(Aborted::Redeploying(id)),
            Err(fault) => match self.surely_ours(&wish.description).await? {
                Some(id) => Ok(Aborted::Redeploying(id)),
                None => Err(fault),
            },
        }
    }
}
