//! The services' API, and the dispatch of every ECS operation.

use serde_json::{Value, json};

use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{flag, list, number, page, tail, text, texts};

pub(super) fn cluster_not_found() -> ApiError {
    ApiError::new("ClusterNotFoundException", "Cluster not found.")
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterException", message)
}

impl World {
    /// Answers a call to ECS.
    pub(in crate::rehearsal::world) fn ecs_call(
        &mut self,
        operation: &str,
        input: &Value,
    ) -> Option<Reply> {
        Some(match operation {
            "RegisterTaskDefinition" => self.register_definition(input),
            "DescribeTaskDefinition" => self.describe_definition(input),
            "ListTaskDefinitions" => self.list_definitions(input),
            "DeregisterTaskDefinition" => self.deregister_definition(input),
            "TagResource" => self.tag_resource(input),
            "DescribeClusters" => self.describe_clusters(input),
            "ListServices" => self.list_services(input),
            "DescribeServices" => self.describe_services(input),
            "UpdateService" => self.update_service(input),
            "DescribeTaskSets" => self.describe_sets(input),
            "ListTasks" => self.list_tasks(input),
            "DescribeTasks" => self.describe_tasks(input),
            "RunTask" => self.run_task(input),
            "StopTask" => self.stop_task_call(input),
            _ => return None,
        })
    }

    /// The cluster that a call names, by short name.
    pub(super) fn cluster(&self, input: &Value) -> Result<String, ApiError> {
        let name = tail(text(input, "cluster").unwrap_or("default"));
        let known = self.ecs.has_cluster(name);
        known.then(|| name.to_owned()).ok_or_else(cluster_not_found)
    }

    /// A service by name or ARN within a cluster.
    pub(in crate::rehearsal::world) fn service_index(
        &self,
        cluster: &str,
        name: &str,
    ) -> Option<usize> {
        let mut services = self.ecs.services.iter();
        services.position(|s| s.cluster == cluster && (s.name == name || s.arn == name))
    }

    fn describe_clusters(&self, input: &Value) -> Reply {
        let asked = texts(input, "clusters");
        let asked = if asked.is_empty() { vec!["default"] } else { asked };
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in asked {
            let short = tail(name);
            let services = self.ecs.services.iter().filter(|s| s.cluster == short).count();
            if !self.ecs.has_cluster(short) {
                let arn = format!("{}/{short}", self.arn("ecs", "cluster"));
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            } else {
                found.push(self.cluster_view(short, services));
            }
        }
        Ok(json!({"clusters": found, "failures": failures}))
    }

    fn list_services(&self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let services = self.ecs.services.iter().filter(|service| service.cluster == cluster);
        let arns: Vec<&str> = services.map(|service| service.arn.as_str()).collect();
        let size = number(input, "maxResults").map_or(10, |size| size.clamp(1, 100) as usize);
        let token = text(input, "nextToken");
        let (arns, next) = page(&arns, token, size, "InvalidParameterException")?;
        Ok(json!({"serviceArns": arns, "nextToken": next}))
    }

    fn describe_services(&self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let asked = texts(input, "services");
        if asked.is_empty() {
            return Err(invalid("Services cannot be empty."));
        }
        if asked.len() > 10 {
            return Err(invalid("Services cannot contain more than 10 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for name in asked {
            match self.service_index(&cluster, name).and_then(|i| self.ecs.services.get(i)) {
                Some(service) => found.push(self.service_view(service)),
                None => {
                    let arn = if name.starts_with("arn:") {
                        name.to_owned()
                    } else {
                        format!("{}/{cluster}/{name}", self.arn("ecs", "service"))
                    };
                    failures.push(json!({"arn": arn, "reason": "MISSING"}));
                }
            }
        }
        Ok(json!({"services": found, "failures": failures}))
    }

    /// Changes what a CODE_DEPLOY service lets be changed: the desired count, the deployment
    /// configuration, the grace period, placement and tags (ECS API reference, `UpdateService`).
    fn update_service(&mut self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let name = text(input, "service").unwrap_or_default();
        let index = self.service_index(&cluster, name);
        let Some(index) = index else {
            return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
        };
        for (key, what) in [
            ("taskDefinition", "task definition"),
            ("loadBalancers", "load balancers"),
            ("networkConfiguration", "network configuration"),
            ("platformVersion", "platform version"),
            ("capacityProviderStrategy", "capacity provider strategy"),
        ] {
            if input.get(key).is_some() {
                return Err(invalid(format!(
                    "Unable to update {what} on services with a CODE_DEPLOY deployment controller. \
                     Use AWS CodeDeploy to trigger a new deployment."
                )));
            }
        }
        if flag(input, "forceNewDeployment") == Some(true) {
            return Err(invalid(
                "Cannot force a new deployment on services with a CODE_DEPLOY deployment \
                 controller. Use AWS CodeDeploy to trigger a new deployment.",
            ));
        }
        if let Some(desired) = number(input, "desiredCount") {
            let desired = u32::try_from(desired).unwrap_or(u32::MAX).min(10_000);
            self.set_desired(index, desired);
        }
        Ok(json!({"service": self.ecs.services.get(index).map(|s| self.service_view(s))}))
    }

    /// Gives every task set that is not being removed a new number: each is at 100 % of it.
    pub(in crate::rehearsal::world) fn set_desired(&mut self, service: usize, desired: u32) {
        let Some(service) = self.ecs.services.get_mut(service) else { return };
        self.guards.autoscaling.set_current(&service.name, desired);
        service.desired = desired;
        for set in &mut service.sets {
            if set.status != super::SetStatus::Draining && set.desired != desired {
                set.desired = desired;
                set.steady = false;
                set.steady_at = self.now;
                set.updated = self.now;
            }
        }
    }

    fn describe_sets(&self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let name = text(input, "service").unwrap_or_default();
        let service = self.service_index(&cluster, name).and_then(|i| self.ecs.services.get(i));
        let Some(service) = service else {
            return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
        };
        let asked: Vec<&str> = list(input, "taskSets").iter().filter_map(Value::as_str).collect();
        let fits =
            |id: &str, arn: &str| asked.is_empty() || asked.contains(&id) || asked.contains(&arn);
        let found: Vec<Value> = service
            .sets
            .iter()
            .filter(|set| fits(&set.id, &set.arn))
            .map(|set| self.set_view(service, set))
            .collect();
        let failures: Vec<Value> = asked
            .iter()
            .filter(|ask| !service.sets.iter().any(|set| set.id == **ask || set.arn == **ask))
            .map(|ask| json!({"arn": ask, "reason": "MISSING"}))
            .collect();
        Ok(json!({"taskSets": found, "failures": failures}))
    }
}
