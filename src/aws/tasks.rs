//! ECS tasks: why those of the candidate stop, and one-off tasks.

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride,
    DesiredStatus, LaunchType, NetworkConfiguration, Task, TaskOverride,
};
use serde_json::Value;

use crate::domain::Revision;

use super::{Aws, Fault};

/// The most tasks that one `DescribeTasks` call takes.
const TASKS_A_CALL: usize = 100;

/// A stopped task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedTask {
    /// Its id, the tail of its ARN.
    pub id: String,
    /// What it ran.
    pub revision: Option<Revision>,
    /// ECS's reason, with the container's own when there is one; text from outside.
    pub reason: String,
    /// The first non-zero exit code of its containers, or the first.
    pub exit_code: Option<i32>,
}

/// What to run once.
#[derive(Debug, Clone)]
pub struct OneOff<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The ARN of the task definition.
    pub task_definition: &'a str,
    /// The container whose command is replaced.
    pub container: &'a str,
    /// The command.
    pub command: &'a [String],
    /// Network and capacity, in the AppSpec's spelling.
    pub placement: &'a Value,
    /// Makes a repeated call find the same task (at most 64 characters).
    pub token: &'a str,
    /// Who started it (at most 128 characters).
    pub started_by: &'a str,
}

/// How far a one-off task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskProgress {
    /// Not stopped; ECS's status.
    Under(String),
    /// Stopped.
    Stopped(StoppedTask),
}

impl Aws {
    /// Reads the stopped tasks of a service that belonged to one task set (`ecs-svc/…`). ECS shows
    /// them for about an hour, so those of other task sets of the same revision are there, too.
    pub async fn stopped_tasks(
        &self,
        cluster: &str,
        service: &str,
        task_set: &str,
        known: &[String],
    ) -> Result<Vec<StoppedTask>, Fault> {
        let listed = self
            .ecs
            .list_tasks()
            .cluster(cluster)
            .service_name(service)
            .desired_status(DesiredStatus::Stopped)
            .send()
            .await
            .map_err(|error| Fault::of("ecs:ListTasks", error))?;
        let mut new: Vec<String> = listed
            .task_arns()
            .iter()
            .filter(|arn| !known.iter().any(|id| arn.ends_with(id.as_str())))
            .cloned()
            .collect();
        new.truncate(TASKS_A_CALL);
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(new))
            .send()
            .await
            .map_err(|error| Fault::of("ecs:DescribeTasks", error))?;
        let stopped = answer.tasks().iter().filter(|task| {
            task.last_status() == Some("STOPPED") && task.started_by() == Some(task_set)
        });
        Ok(stopped.map(|task| stopped_task(task, None)).collect())
    }

    /// Starts a one-off task; gives its id.
    pub async fn run_once(&self, task: &OneOff<'_>) -> Result<String, Fault> {
        const ACTION: &str = "ecs:RunTask";
        let overrides = TaskOverride::builder()
            .container_overrides(
                ContainerOverride::builder()
                    .name(task.container)
                    .set_command(Some(task.command.to_vec()))
                    .build(),
            )
            .build();
        let strategy = capacity(task.placement);
        let launch_type = strategy.is_empty().then_some(LaunchType::Fargate);
        let answer = self
            .ecs
            .run_task()
            .cluster(task.cluster)
            .task_definition(task.task_definition)
            .overrides(overrides)
            .set_launch_type(launch_type)
            .set_capacity_provider_strategy((!strategy.is_empty()).then_some(strategy))
            .set_network_configuration(network(task.placement))
            .client_token(task.token)
            .started_by(task.started_by)
            .count(1)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        if let Some(arn) = answer.tasks().first().and_then(Task::task_arn) {
            return Ok(tail(arn));
        }
        let failure = answer.failures().first();
        Err(Fault {
            kind: super::FaultKind::Other,
            action: ACTION,
            code: failure.and_then(|f| f.reason()).unwrap_or("no task started").to_owned(),
            message: failure.and_then(|f| f.detail()).unwrap_or_default().to_owned(),
            request_id: None,
        })
    }

    /// Finds the one-off tasks of a family that `started_by` started, running or lately stopped.
    pub async fn one_offs(
        &self,
        cluster: &str,
        family: &str,
        started_by: &str,
        container: &str,
    ) -> Result<Vec<(String, TaskProgress)>, Fault> {
        let mut arns = Vec::new();
        for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let listed = self
                .ecs
                .list_tasks()
                .cluster(cluster)
                .family(family)
                .desired_status(status)
                .send()
                .await
                .map_err(|error| Fault::of("ecs:ListTasks", error))?;
            arns.extend(listed.task_arns().iter().cloned());
        }
        arns.sort();
        arns.dedup();
        let mut found = Vec::new();
        for some in arns.chunks(TASKS_A_CALL) {
            let answer = self
                .ecs
                .describe_tasks()
                .cluster(cluster)
                .set_tasks(Some(some.to_vec()))
                .send()
                .await
                .map_err(|error| Fault::of("ecs:DescribeTasks", error))?;
            let ours = answer.tasks().iter().filter(|task| task.started_by() == Some(started_by));
            found.extend(ours.map(|task| {
                (task.task_arn().map(tail).unwrap_or_default(), progress_of(task, container))
            }));
        }
        Ok(found)
    }

    /// Reads how far a one-off task is.
    pub async fn progress(
        &self,
        cluster: &str,
        task: &str,
        container: &str,
    ) -> Result<TaskProgress, Fault> {
        const ACTION: &str = "ecs:DescribeTasks";
        let answer = self
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .tasks(task)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let found = answer
            .tasks()
            .first()
            .ok_or_else(|| Fault::not_found(ACTION, format!("no task {task}")))?;
        Ok(progress_of(found, container))
    }

    /// Stops a task, with a reason that `DescribeTasks` shows.
    pub async fn stop_task(&self, cluster: &str, task: &str, reason: &str) -> Result<(), Fault> {
        self.ecs
            .stop_task()
            .cluster(cluster)
            .task(task)
            .reason(reason)
            .send()
            .await
            .map_err(|error| Fault::of("ecs:StopTask", error))?;
        Ok(())
    }
}

fn progress_of(task: &Task, container: &str) -> TaskProgress {
    match task.last_status() {
        Some("STOPPED") => TaskProgress::Stopped(stopped_task(task, Some(container))),
        other => TaskProgress::Under(other.unwrap_or("UNKNOWN").to_owned()),
    }
}

fn tail(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

/// `main`: the container whose exit code counts; without it, the first that is not 0. Sidecars are
/// stopped by a signal when an essential container is done.
fn stopped_task(task: &Task, main: Option<&str>) -> StoppedTask {
    let counts = task.containers().iter().filter(|c| main.is_none() || c.name() == main);
    let codes: Vec<i32> = counts.filter_map(|c| c.exit_code()).collect();
    let container = task.containers().iter().find_map(|container| container.reason());
    let reason = task.stopped_reason().unwrap_or("no reason given");
    StoppedTask {
        id: task.task_arn().map(tail).unwrap_or_default(),
        revision: task.task_definition_arn().and_then(Revision::parse),
        reason: match container {
            Some(container) if container != reason => format!("{reason}: {container}"),
            _ => reason.to_owned(),
        },
        exit_code: codes.iter().copied().find(|code| *code != 0).or(codes.first().copied()),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn network(placement: &Value) -> Option<NetworkConfiguration> {
    let vpc = placement.get("NetworkConfiguration")?.get("AwsvpcConfiguration")?;
    let public = vpc.get("AssignPublicIp").and_then(Value::as_str).map(AssignPublicIp::from);
    let configuration = AwsVpcConfiguration::builder()
        .set_subnets(Some(texts(vpc.get("Subnets"))))
        .set_security_groups(Some(texts(vpc.get("SecurityGroups"))))
        .set_assign_public_ip(public)
        .build()
        .ok()?;
    Some(NetworkConfiguration::builder().awsvpc_configuration(configuration).build())
}

fn capacity(placement: &Value) -> Vec<CapacityProviderStrategyItem> {
    let items = placement.get("CapacityProviderStrategy").and_then(Value::as_array);
    let number = |item: &Value, key: &str| {
        item.get(key).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok()).unwrap_or(0)
    };
    let items = items.map(Vec::as_slice).unwrap_or_default().iter();
    items
        .filter_map(|item| {
            CapacityProviderStrategyItem::builder()
                .capacity_provider(item.get("CapacityProvider")?.as_str()?)
                .base(number(item, "Base"))
                .weight(number(item, "Weight"))
                .build()
                .ok()
        })
        .collect()
}
