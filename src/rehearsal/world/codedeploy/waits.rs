//! Calls that change a deployment: stop, continue, a hook's answer.

use serde_json::{Value, json};

use super::{Deployment, Phase, Status};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{flag, text};

impl World {
    /// The place of a deployment, with AWS's errors.
    pub(super) fn find_deployment(&self, input: &Value) -> Result<usize, ApiError> {
        let id = text(input, "deploymentId").unwrap_or_default();
        if id.is_empty() {
            let text = "Deployment ID is missing";
            return Err(ApiError::new("DeploymentIdRequiredException", text));
        }
        let valid = id.strip_prefix("d-").is_some_and(|tail| {
            !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if !valid {
            let text = format!("Specified DeploymentId is not in the valid format: {id}");
            return Err(ApiError::new("InvalidDeploymentIdException", text));
        }
        self.codedeploy.deployments.iter().position(|d| d.id == id).ok_or_else(|| {
            let text = format!("The deployment {id} could not be found");
            ApiError::new("DeploymentDoesNotExistException", text)
        })
    }

    /// A deployment that is still active, to change it.
    fn active_mut(&mut self, input: &Value) -> Result<&mut Deployment, ApiError> {
        let index = self.find_deployment(input)?;
        let found = self.codedeploy.deployments.get_mut(index).filter(|d| d.status.is_active());
        found.ok_or_else(|| {
            let id = text(input, "deploymentId").unwrap_or_default();
            let text = format!("The deployment {id} is already completed");
            ApiError::new("DeploymentAlreadyCompletedException", text)
        })
    }

    pub(super) fn stop_deployment(&mut self, input: &Value) -> Reply {
        let at = self.now + self.assumptions.stop;
        let deployment = self.active_mut(input)?;
        let asked = flag(input, "autoRollbackEnabled");
        deployment.stop.get_or_insert((at, asked));
        Ok(json!({
            "status": "Pending",
            "statusMessage": "No more events will be scheduled for this deployment.",
        }))
    }

    pub(super) fn continue_deployment(&mut self, input: &Value) -> Reply {
        let now = self.now;
        let wait = text(input, "deploymentWaitType").unwrap_or("READY_WAIT").to_owned();
        let deployment = self.active_mut(input)?;
        match (wait.as_str(), deployment.phase.clone()) {
            ("READY_WAIT", Phase::ReadyWait { next, .. }) => {
                deployment.status = Status::InProgress;
                deployment.phase = Phase::Event(next);
                Ok(json!({}))
            }
            ("TERMINATION_WAIT", Phase::TerminationWait { .. }) => {
                deployment.phase = Phase::TerminationWait { until: now };
                Ok(json!({}))
            }
            ("READY_WAIT" | "TERMINATION_WAIT", _) => {
                let text = "The deployment does not have a status of Ready and can't continue yet";
                Err(ApiError::new("DeploymentIsNotInReadyStateException", text))
            }
            _ => {
                let text = "The wait type is invalid";
                Err(ApiError::new("InvalidDeploymentWaitTypeException", text))
            }
        }
    }

    /// Takes the answer of a hook from outside.
    pub(super) fn put_hook_status(&mut self, input: &Value) -> Reply {
        let succeeded = match text(input, "status") {
            Some("Succeeded") => true,
            Some("Failed") => false,
            _ => {
                let text = "The status of a lifecycle event hook must be Succeeded or Failed";
                let code = "InvalidLifecycleEventHookExecutionStatusException";
                return Err(ApiError::new(code, text));
            }
        };
        let now = self.now;
        let id = text(input, "lifecycleEventHookExecutionId").unwrap_or_default().to_owned();
        let index = self.find_deployment(input)?;
        let deployment = self.codedeploy.deployments.get_mut(index);
        let hook = deployment.and_then(|d| d.hook.as_mut()).filter(|hook| hook.id == id);
        let Some(hook) = hook else {
            let text = "The lifecycle event hook execution id does not exist";
            return Err(ApiError::new("InvalidLifecycleEventHookExecutionIdException", text));
        };
        hook.answer = Some((now, succeeded));
        Ok(json!({"lifecycleEventHookExecutionId": id}))
    }
}
