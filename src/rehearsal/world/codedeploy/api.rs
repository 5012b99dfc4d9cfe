//! CodeDeploy's API: dispatch, and reading deployments.

use serde_json::{Value, json};

use super::Deployment;
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{page, text, texts};

const STATUSES: [&str; 8] =
    ["Created", "Queued", "InProgress", "Baking", "Succeeded", "Failed", "Stopped", "Ready"];

impl World {
    /// Answers a call to CodeDeploy.
    pub(in crate::rehearsal::world) fn codedeploy_call(
        &mut self,
        operation: &str,
        input: &Value,
    ) -> Option<Reply> {
        Some(match operation {
            "ListApplications" => self.list_applications(input),
            "GetApplication" => self.get_application(input),
            "ListDeploymentGroups" => self.list_groups(input),
            "GetDeploymentGroup" => self.get_group(input),
            "BatchGetDeploymentGroups" => self.batch_groups(input),
            "UpdateDeploymentGroup" => self.update_group(input),
            "CreateDeploymentConfig" => self.create_config(input),
            "GetDeploymentConfig" => self.get_config(input),
            "ListDeploymentConfigs" => self.list_configs(input),
            "CreateDeployment" => self.create_deployment(input),
            "StopDeployment" => self.stop_deployment(input),
            "ContinueDeployment" => self.continue_deployment(input),
            "PutLifecycleEventHookExecutionStatus" => self.put_hook_status(input),
            "GetDeployment" => self.get_deployment(input),
            "BatchGetDeployments" => self.batch_deployments(input),
            "ListDeployments" => self.list_deployments(input),
            "ListDeploymentTargets" => self.list_targets(input),
            "GetDeploymentTarget" => self.get_target(input),
            "BatchGetDeploymentTargets" => self.batch_targets(input),
            _ => return None,
        })
    }

    fn get_deployment(&self, input: &Value) -> Reply {
        let index = self.find_deployment(input)?;
        let deployment = self.codedeploy.deployments.get(index);
        Ok(json!({"deploymentInfo": deployment.map(|d| self.deployment_view(d))}))
    }

    fn batch_deployments(&self, input: &Value) -> Reply {
        let ids = texts(input, "deploymentIds");
        if ids.len() > 25 {
            let text = "The maximum number of names or IDs allowed for this request was exceeded";
            return Err(ApiError::new("BatchLimitExceededException", text));
        }
        let found: Vec<Value> = ids
            .iter()
            .filter_map(|id| self.codedeploy.deployments.iter().find(|d| d.id == *id))
            .map(|deployment| self.deployment_view(deployment))
            .collect();
        Ok(json!({"deploymentsInfo": found}))
    }

    /// Lists deployment ids, newest first.
    fn list_deployments(&self, input: &Value) -> Reply {
        let group = match (text(input, "applicationName"), text(input, "deploymentGroupName")) {
            (None, None) => None,
            (None, Some(_)) => {
                let text = "Application name is missing";
                return Err(ApiError::new("ApplicationNameRequiredException", text));
            }
            (Some(_), None) => {
                self.find_application(input)?;
                let text = "Deployment Group name is missing";
                return Err(ApiError::new("DeploymentGroupNameRequiredException", text));
            }
            (Some(_), Some(_)) => Some(self.find_group(input)?),
        };
        let statuses = texts(input, "includeOnlyStatuses");
        if let Some(unknown) = statuses.iter().find(|status| !STATUSES.contains(status)) {
            let text = format!("The deployment status {unknown} is not valid");
            return Err(ApiError::new("InvalidDeploymentStatusException", text));
        }
        let range = input.get("createTimeRange");
        let bound = |key: &str| range.and_then(|range| range.get(key)).and_then(Value::as_f64);
        let in_range = |d: &Deployment| {
            let at = self.wall(d.created).as_secs_f64();
            bound("start").is_none_or(|start| at >= start)
                && bound("end").is_none_or(|end| at <= end)
        };
        let ids: Vec<&str> = self
            .codedeploy
            .deployments
            .iter()
            .rev()
            .filter(|d| group.is_none_or(|group| d.group == group))
            .filter(|d| statuses.is_empty() || statuses.contains(&d.status.as_str()))
            .filter(|d| in_range(d))
            .map(|d| d.id.as_str())
            .collect();
        let (ids, next) = page(&ids, text(input, "nextToken"), 100, "InvalidNextTokenException")?;
        Ok(json!({"deployments": ids, "nextToken": next}))
    }

    /// A deployment whose targets can be read: it has started.
    fn started(&self, input: &Value) -> Result<&Deployment, ApiError> {
        let index = self.find_deployment(input)?;
        let found = self.codedeploy.deployments.get(index).filter(|d| d.started.is_some());
        found.ok_or_else(|| {
            let id = text(input, "deploymentId").unwrap_or_default();
            let text = format!("The deployment {id} has not started");
            ApiError::new("DeploymentNotStartedException", text)
        })
    }

    fn list_targets(&self, input: &Value) -> Reply {
        let deployment = self.started(input)?;
        Ok(json!({"targetIds": [self.target_id(deployment)]}))
    }

    fn get_target(&self, input: &Value) -> Reply {
        let deployment = self.started(input)?;
        let id = text(input, "targetId").unwrap_or_default();
        if id != self.target_id(deployment) {
            let text = format!("The target {id} does not belong to the deployment");
            return Err(ApiError::new("DeploymentTargetDoesNotExistException", text));
        }
        Ok(json!({"deploymentTarget": self.target_view(deployment)}))
    }

    fn batch_targets(&self, input: &Value) -> Reply {
        let deployment = self.started(input)?;
        let ids = texts(input, "targetIds");
        if ids.is_empty() {
            let text = "At least one deployment target id is required";
            return Err(ApiError::new("DeploymentTargetIdRequiredException", text));
        }
        let own = self.target_id(deployment);
        if let Some(other) = ids.iter().find(|id| **id != own) {
            let text = format!("The target {other} does not belong to the deployment");
            return Err(ApiError::new("DeploymentTargetDoesNotExistException", text));
        }
        Ok(json!({"deploymentTargets": [self.target_view(deployment)]}))
    }
}
