//! The tasks' API: list, describe, stop.

use serde_json::{Map, Value, json};

use super::services::invalid;
use super::{Owner, Stage, Stop, StopCode, Task};
use crate::rehearsal::call::Reply;
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{list, number, page, seconds, tail, text, texts};

impl StopCode {
    /// AWS's spelling.
    fn as_str(self) -> &'static str {
        match self {
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::InfrastructureHealth => "InfrastructureHealth",
        }
    }
}

/// The `startedBy` of a task: the task set, or what `RunTask` was told.
fn started_by(task: &Task) -> Option<&str> {
    match &task.owner {
        Owner::Set { set, .. } => Some(set),
        Owner::OneOff { request, .. } => text(request, "startedBy"),
    }
}

impl World {
    fn task_arn(&self, task: &Task) -> String {
        format!("{}/{}/{}", self.arn("ecs", "task"), task.cluster, task.id)
    }

    pub(super) fn list_tasks(&self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let service = match text(input, "serviceName") {
            Some(name) => Some(self.service_index(&cluster, name).ok_or_else(|| {
                crate::rehearsal::call::ApiError::new(
                    "ServiceNotFoundException",
                    "Service not found.",
                )
            })?),
            None => None,
        };
        let stopped = match text(input, "desiredStatus").unwrap_or("RUNNING") {
            "STOPPED" => true,
            "RUNNING" | "PENDING" => false,
            other => return Err(invalid(format!("Invalid desiredStatus: {other}"))),
        };
        let fits = |task: &&Task| {
            let of_service = match (&task.owner, service) {
                (_, None) => true,
                (Owner::Set { service, .. }, Some(wanted)) => *service == wanted,
                (Owner::OneOff { .. }, Some(_)) => false,
            };
            let family = tail(&task.definition).split(':').next();
            task.cluster == cluster
                && of_service
                && task.is_wanted() != stopped
                && text(input, "family").is_none_or(|wanted| family == Some(wanted))
                && text(input, "startedBy").is_none_or(|wanted| started_by(task) == Some(wanted))
                && text(input, "launchType").is_none_or(|wanted| wanted == "FARGATE")
        };
        let arns: Vec<String> =
            self.ecs.tasks.iter().filter(fits).map(|task| self.task_arn(task)).collect();
        let size = number(input, "maxResults").map_or(100, |size| size.clamp(1, 100) as usize);
        let token = text(input, "nextToken");
        let (arns, next) = page(&arns, token, size, "InvalidParameterException")?;
        Ok(json!({"taskArns": arns, "nextToken": next}))
    }

    pub(super) fn describe_tasks(&self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let asked = texts(input, "tasks");
        if asked.is_empty() {
            return Err(invalid("Tasks cannot be empty."));
        }
        if asked.len() > 100 {
            return Err(invalid("Tasks cannot contain more than 100 elements."));
        }
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for ask in asked {
            match self.ecs.task(tail(ask)).filter(|task| task.cluster == cluster) {
                Some(task) => found.push(self.task_view(task)),
                None => {
                    let arn = format!("{}/{cluster}/{}", self.arn("ecs", "task"), tail(ask));
                    failures.push(json!({"arn": arn, "reason": "MISSING"}));
                }
            }
        }
        Ok(json!({"tasks": found, "failures": failures}))
    }

    pub(super) fn stop_task_call(&mut self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let id = tail(text(input, "task").unwrap_or_default()).to_owned();
        if self.ecs.task(&id).is_none_or(|task| task.cluster != cluster) {
            return Err(invalid("The referenced task was not found."));
        }
        let reason = text(input, "reason").unwrap_or("Task stopped by user").to_owned();
        let stop = Stop { code: StopCode::UserInitiated, reason, exit_code: Some(0) };
        self.stop_where(|task| task.id == id, &stop);
        Ok(json!({"task": self.ecs.task(&id).map(|task| self.task_view(task))}))
    }

    pub(super) fn task_view(&self, task: &Task) -> Value {
        let definition = self.ecs.definitions.iter().find(|d| d.arn == task.definition);
        let arn = self.task_arn(task);
        let containers: Vec<Value> = definition
            .map(|definition| definition.containers())
            .unwrap_or_default()
            .iter()
            .map(|container| self.container_view(task, &arn, container))
            .collect();
        let body = definition.map(|definition| &definition.body);
        let time = |at: Option<std::time::Duration>| at.map(|at| seconds(self.wall(at)));
        let provider = self.provider_of(task);
        let (group, overrides) = match &task.owner {
            Owner::Set { service, .. } => {
                let name = self.ecs.services.get(*service).map(|s| s.name.as_str());
                (format!("service:{}", name.unwrap_or_default()), None)
            }
            Owner::OneOff { request, .. } => {
                let family = tail(&task.definition).split(':').next().unwrap_or_default();
                let group = text(request, "group").map(str::to_owned);
                (group.unwrap_or_else(|| format!("family:{family}")), request.get("overrides"))
            }
        };
        let mut overrides: Map<String, Value> =
            overrides.and_then(Value::as_object).cloned().unwrap_or_default();
        overrides.entry("containerOverrides".to_owned()).or_insert_with(|| json!([]));
        json!({
            "attachments": [{
                "id": task.id.get(..8),
                "type": "ElasticNetworkInterface",
                "status": if task.stage >= Stage::Deprovisioning { "DELETED" } else { "ATTACHED" },
                "details": [{"name": "privateIPv4Address", "value": task.ip}],
            }],
            "availabilityZone": self.setup.zones.get(task.zone),
            "clusterArn": format!("{}/{}", self.arn("ecs", "cluster"), task.cluster),
            "connectivity": (task.stage >= Stage::Running).then_some("CONNECTED"),
            "containers": containers,
            "cpu": body.and_then(|body| body.get("cpu")),
            "memory": body.and_then(|body| body.get("memory")),
            "createdAt": seconds(self.wall(task.created)),
            "desiredStatus": if task.is_wanted() { "RUNNING" } else { "STOPPED" },
            "enableExecuteCommand": false,
            "executionStoppedAt": time(task.ended),
            "group": group,
            "healthStatus": "UNKNOWN",
            "lastStatus": task.stage.as_str(),
            "launchType": provider.is_none().then_some("FARGATE"),
            "capacityProviderName": provider,
            "overrides": overrides,
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "pullStartedAt": time(task.pulled.map(|(from, _)| from)),
            "pullStoppedAt": time(task.pulled.map(|(_, to)| to)),
            "startedAt": time(task.running),
            "startedBy": started_by(task),
            "stopCode": task.stop.as_ref().map(|stop| stop.code.as_str()),
            "stoppedReason": task.stop.as_ref().map(|stop| stop.reason.as_str()),
            "stoppingAt": time(task.stopping),
            "stoppedAt": time(task.stopped),
            "tags": [],
            "taskArn": arn,
            "taskDefinitionArn": task.definition,
            "version": 1 + task.stage as u64,
            "ephemeralStorage": {"sizeInGiB": 20},
        })
    }

    /// The first capacity provider of the task's task set.
    fn provider_of(&self, task: &Task) -> Option<&str> {
        let Owner::Set { service, set, .. } = &task.owner else { return None };
        let set = self.ecs.services.get(*service)?.set(set)?;
        set.strategy.first().and_then(|item| text(item, "capacityProvider"))
    }

    fn container_view(&self, task: &Task, arn: &str, container: &Value) -> Value {
        let name = text(container, "name").unwrap_or_default();
        let image = text(container, "image").unwrap_or_default();
        let ended = task.ended.is_some();
        let status = match task.stage {
            Stage::Provisioning | Stage::Pending | Stage::Activating => "PENDING",
            _ if ended => "STOPPED",
            _ => "RUNNING",
        };
        let exit_code = task.stop.as_ref().filter(|_| ended && task.running.is_some());
        let ports: Vec<Value> = list(container, "portMappings").to_vec();
        json!({
            "containerArn": format!(
                "{}/{}/{}/{name}", self.arn("ecs", "container"), task.cluster, task.id
            ),
            "taskArn": arn,
            "name": name,
            "image": image,
            "imageDigest": self.digest_of(image),
            "runtimeId": task.running.map(|_| format!("{}-0000000000", task.id)),
            "lastStatus": status,
            "exitCode": exit_code.and_then(|stop| stop.exit_code),
            "networkBindings": [],
            "networkInterfaces": ports.first().map(|_| json!([{
                "attachmentId": task.id.get(..8),
                "privateIpv4Address": task.ip,
            }])),
            "healthStatus": "UNKNOWN",
            "cpu": "0",
        })
    }

    /// The digest that an image reference stands for, as far as the world knows.
    fn digest_of(&self, image: &str) -> Option<String> {
        if let Some((_, digest)) = image.rsplit_once('@') {
            return Some(digest.to_owned());
        }
        let mut services = self.setup.services.iter();
        services
            .find(|service| {
                image.ends_with(&format!("{}:{}", service.repository, service.candidate_tag))
            })
            .map(|service| service.candidate_digest.clone())
    }
}
