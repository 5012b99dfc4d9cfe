//! Applications and deployment groups.

use std::time::Duration;

use serde_json::{Value, json};

use super::create::{check_alarms, check_rollback};
use super::{Deployment, Group};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{copy, page, seconds, text, texts};

/// The waits of a group's blue/green configuration.
struct Waits {
    ready: Option<Duration>,
    termination: Duration,
}

impl Waits {
    /// The longest that blue can stay (CodeDeploy user guide, quotas: 48 hours).
    const LONGEST: i64 = 2_880;

    /// Reads a `BlueGreenDeploymentConfiguration`; it replaces the old one as a whole.
    fn parse(input: &Value) -> Result<Self, ApiError> {
        let code = "InvalidBlueGreenDeploymentConfigurationException";
        let refuse = |text: &str| Err(ApiError::new(code, text));
        if input.get("greenFleetProvisioningOption").is_some() {
            return refuse(
                "greenFleetProvisioningOption is not supported for the ECS compute platform",
            );
        }
        let minutes = |option: &Value, name: &str| {
            let minutes = option.get(name).and_then(Value::as_i64).unwrap_or_default();
            u64::try_from(minutes)
                .ok()
                .filter(|_| minutes <= Self::LONGEST)
                .map(|minutes| Duration::from_secs(minutes * 60))
                .ok_or_else(|| {
                    let text = format!("{name} must be between 0 and {} minutes", Self::LONGEST);
                    ApiError::new(code, text)
                })
        };
        let blue = input.get("terminateBlueInstancesOnDeploymentSuccess").unwrap_or(&Value::Null);
        if text(blue, "action") == Some("KEEP_ALIVE") {
            return refuse("KEEP_ALIVE is not supported for the ECS compute platform");
        }
        let termination = minutes(blue, "terminationWaitTimeInMinutes")?;
        let option = input.get("deploymentReadyOption").unwrap_or(&Value::Null);
        let wait = minutes(option, "waitTimeInMinutes")?;
        let ready = match text(option, "actionOnTimeout") {
            Some("STOP_DEPLOYMENT") => Some(wait),
            _ if wait > Duration::ZERO => {
                return refuse("waitTimeInMinutes needs the action STOP_DEPLOYMENT");
            }
            _ => None,
        };
        Ok(Self { ready, termination })
    }
}

impl World {
    pub(super) fn list_applications(&self, input: &Value) -> Reply {
        let mut names: Vec<&str> =
            self.codedeploy.groups.iter().map(|group| group.application.as_str()).collect();
        names.dedup();
        let (names, next) =
            page(&names, text(input, "nextToken"), 100, "InvalidNextTokenException")?;
        Ok(json!({"applications": names, "nextToken": next}))
    }

    pub(super) fn get_application(&self, input: &Value) -> Reply {
        let name = self.find_application(input)?;
        let group = self.codedeploy.groups.iter().find(|group| group.application == name);
        Ok(json!({"application": {
            "applicationId": group.map(|group| group.application_id.as_str()),
            "applicationName": name,
            "createTime": group.map(|group| seconds(self.wall(group.created))),
            "linkedToGitHub": false,
            "computePlatform": "ECS",
        }}))
    }

    pub(super) fn list_groups(&self, input: &Value) -> Reply {
        let application = self.find_application(input)?;
        let groups = self.codedeploy.groups.iter().filter(|g| g.application == application);
        let names: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
        Ok(json!({"applicationName": application, "deploymentGroups": names}))
    }

    pub(super) fn get_group(&self, input: &Value) -> Reply {
        let index = self.find_group(input)?;
        let group = self.codedeploy.groups.get(index);
        Ok(json!({"deploymentGroupInfo": group.map(|group| self.group_info(index, group))}))
    }

    pub(super) fn batch_groups(&self, input: &Value) -> Reply {
        let application = self.find_application(input)?;
        let names = texts(input, "deploymentGroupNames");
        if names.len() > 100 {
            let text = "The maximum number of names or IDs allowed for this request was exceeded";
            return Err(ApiError::new("BatchLimitExceededException", text));
        }
        let found: Vec<Value> = self
            .codedeploy
            .groups
            .iter()
            .enumerate()
            .filter(|(_, g)| g.application == application && names.contains(&g.name.as_str()))
            .map(|(index, group)| self.group_info(index, group))
            .collect();
        Ok(json!({"deploymentGroupsInfo": found}))
    }

    /// Changes what can be changed about a group; the rest is refused, not ignored.
    pub(super) fn update_group(&mut self, input: &Value) -> Reply {
        let mut named = copy(input, &["applicationName"]);
        if let Some(name) = input.get("currentDeploymentGroupName") {
            named.insert("deploymentGroupName".to_owned(), name.clone());
        }
        let index = self.find_group(&Value::Object(named))?;
        let known = [
            "applicationName",
            "currentDeploymentGroupName",
            "deploymentConfigName",
            "alarmConfiguration",
            "autoRollbackConfiguration",
            "blueGreenDeploymentConfiguration",
        ];
        let other = input.as_object().and_then(|o| o.keys().find(|key| !known.contains(&&***key)));
        if let Some(other) = other {
            let text = format!("The embedded cloud cannot change {other} of a deployment group");
            return Err(ApiError::new("InvalidInputException", text));
        }
        check_alarms(input.get("alarmConfiguration"))?;
        check_rollback(input.get("autoRollbackConfiguration"))?;
        let waits = match input.get("blueGreenDeploymentConfiguration") {
            Some(waits) => Some(Waits::parse(waits)?),
            None => None,
        };
        let config = match text(input, "deploymentConfigName") {
            Some(name) => Some(self.find_config(name)?.name.clone()),
            None => None,
        };
        if let Some(group) = self.codedeploy.groups.get_mut(index) {
            if let Some(config) = config {
                group.config = config;
            }
            if let Some(waits) = waits {
                group.ready_wait = waits.ready;
                group.termination_wait = waits.termination;
            }
            if let Some(alarms) = input.get("alarmConfiguration") {
                group.alarms = alarms.clone();
            }
            if let Some(rollback) = input.get("autoRollbackConfiguration") {
                group.rollback = rollback.clone();
            }
        }
        Ok(json!({"hooksNotCleanedUp": []}))
    }

    fn group_info(&self, index: usize, group: &Group) -> Value {
        let service = self.ecs.services.get(group.service);
        let last = |found: Option<&Deployment>| {
            found.map(|d| {
                json!({
                    "deploymentId": d.id,
                    "status": d.status.as_str(),
                    "createTime": seconds(self.wall(d.created)),
                    "endTime": d.completed.map(|at| seconds(self.wall(at))),
                })
            })
        };
        let attempted = self.codedeploy.deployments.iter().rev().find(|d| d.group == index);
        let successful = self.last_successful(index);
        json!({
            "applicationName": group.application,
            "deploymentGroupId": group.id,
            "deploymentGroupName": group.name,
            "deploymentConfigName": group.config,
            "serviceRoleArn": format!(
                "arn:aws:iam::{}:role/ecs-code-deploy", self.setup.account
            ),
            "targetRevision": successful.map(|d| &d.revision),
            "triggerConfigurations": [],
            "alarmConfiguration": group.alarms,
            "autoRollbackConfiguration": group.rollback,
            "deploymentStyle": Self::deployment_style(),
            "outdatedInstancesStrategy": "UPDATE",
            "blueGreenDeploymentConfiguration": Self::blue_green_view(group.ready_wait, group.termination_wait),
            "loadBalancerInfo": self.routes_view(group),
            "lastSuccessfulDeployment": last(successful),
            "lastAttemptedDeployment": last(attempted),
            "computePlatform": "ECS",
            "ecsServices": service.map(|service| {
                json!([{"serviceName": service.name, "clusterName": service.cluster}])
            }),
        })
    }

    pub(super) fn deployment_style() -> Value {
        json!({"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"})
    }

    pub(super) fn blue_green_view(ready: Option<Duration>, termination: Duration) -> Value {
        let ready = match ready {
            Some(wait) => json!({
                "actionOnTimeout": "STOP_DEPLOYMENT",
                "waitTimeInMinutes": wait.as_secs() / 60,
            }),
            None => json!({"actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0}),
        };
        json!({
            "terminateBlueInstancesOnDeploymentSuccess": {
                "action": "TERMINATE",
                "terminationWaitTimeInMinutes": termination.as_secs() / 60,
            },
            "deploymentReadyOption": ready,
        })
    }

    pub(super) fn routes_view(&self, group: &Group) -> Value {
        let names: Vec<Value> = group
            .targets
            .iter()
            .filter_map(|index| self.elb.groups.get(*index))
            .map(|group| json!({"name": group.name}))
            .collect();
        json!({"targetGroupPairInfoList": [{
            "targetGroups": names,
            "prodTrafficRoute": {"listenerArns": [group.production]},
            "testTrafficRoute": group.test.as_ref().map(|arn| json!({"listenerArns": [arn]})),
        }]})
    }
}
