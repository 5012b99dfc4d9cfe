//! One-off tasks.

use std::time::Duration;

use serde_json::{Value, json};

use super::services::invalid;
use super::{Owner, Task};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{list, number, text};

/// Refuses what names a call badly (ECS API reference, `RunTask`): `startedBy` has up to 128
/// letters, digits, hyphens, slashes and underscores, `clientToken` up to 64 characters.
fn check_identity(input: &Value) -> Result<(), ApiError> {
    let started_by = text(input, "startedBy").unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_');
    if started_by.len() > 128 || !started_by.chars().all(fits) {
        return Err(invalid("startedBy is not valid."));
    }
    if text(input, "clientToken").is_some_and(|token| token.chars().count() > 64) {
        return Err(invalid("clientToken must be at most 64 characters long."));
    }
    Ok(())
}

/// Refuses a task that has no place to run: no cluster here has a default strategy, and without
/// one a call that names neither asks for EC2 (ECS API reference, `RunTask`, `launchType`).
fn check_capacity(input: &Value) -> Result<(), ApiError> {
    let strategy = !list(input, "capacityProviderStrategy").is_empty();
    match (text(input, "launchType"), strategy) {
        (Some(_), true) => Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. \
             Remove one and try again.",
        )),
        (None, false) => Err(invalid("No Container Instances were found in your cluster.")),
        _ => Ok(()),
    }
}

impl World {
    /// Starts one-off tasks; the same client token gives the same tasks again.
    pub(super) fn run_task(&mut self, input: &Value) -> Reply {
        let cluster = self.cluster(input)?;
        let name = text(input, "taskDefinition").unwrap_or_default();
        let definition = self.find_definition(name).and_then(|i| self.ecs.definitions.get(i));
        let Some(definition) = definition else {
            return Err(ApiError::new("ClientException", "TaskDefinition not found."));
        };
        if !definition.active {
            return Err(ApiError::new("ClientException", "TaskDefinition is inactive"));
        }
        if text(&definition.body, "networkMode") == Some("awsvpc")
            && input.get("networkConfiguration").is_none()
        {
            return Err(invalid(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        }
        let overrides = input.get("overrides").map(|o| list(o, "containerOverrides"));
        for container in overrides.unwrap_or_default() {
            let name = text(container, "name").unwrap_or_default();
            if definition.container(name).is_none() {
                return Err(invalid(format!(
                    "Override for container named {name} is not a container in the \
                     TaskDefinition."
                )));
            }
        }
        let count = number(input, "count").unwrap_or(1);
        if !(1..=10).contains(&count) {
            return Err(invalid("Invalid count: must be between 1 and 10"));
        }
        check_identity(input)?;
        check_capacity(input)?;
        let definition = definition.arn.clone();
        let token = text(input, "clientToken").filter(|token| !token.is_empty());
        if let Some(known) = token.and_then(|token| self.with_token(token, input)) {
            return known.map(|tasks| json!({"tasks": tasks, "failures": []})).ok_or_else(|| {
                let text = "The clientToken was already used with other parameters.";
                ApiError::new("ConflictException", text)
            });
        }
        let (mut views, mut ids) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let Some(zone) = self.emptiest_zone(|task| task.cluster == cluster) else {
                return Ok(json!({
                    "tasks": views,
                    "failures": [{"reason": "RESOURCE:FARGATE"}],
                }));
            };
            let owner = Owner::OneOff { request: input.clone(), written: 0 };
            let task = self.new_task(cluster.clone(), owner, &definition, zone);
            views.push(self.task_view(&task));
            ids.push(task.id.clone());
            self.ecs.tasks.push(task);
        }
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), (input.clone(), ids));
        }
        Ok(json!({"tasks": views, "failures": []}))
    }

    /// The tasks of a client token: `Some(None)` when it came with other parameters.
    fn with_token(&self, token: &str, input: &Value) -> Option<Option<Vec<Value>>> {
        let (request, ids) = self.tokens.get(token)?;
        if input != request {
            return Some(None);
        }
        let tasks = ids.iter().filter_map(|id| self.ecs.task(id));
        Some(Some(tasks.map(|task| self.task_view(task)).collect()))
    }

    /// Writes the log lines of a one-off task that are due: they are spread over its run.
    pub(super) fn write_lines(&mut self, task: &mut Task) {
        let (Owner::OneOff { written, .. }, Some(running)) = (&task.owner, task.running) else {
            return;
        };
        if task.ended.is_some() {
            return;
        }
        let lines = self.scenario.migration.log.clone();
        let total = self.scenario.migration.duration;
        let mut done = *written;
        while let Some(line) = lines.get(done) {
            let share = (done + 1) as f64 / (lines.len() + 1) as f64;
            let due = running + total.mul_f64(share);
            if due > self.now {
                break;
            }
            self.write_log(task, due, line);
            done += 1;
        }
        if let Owner::OneOff { written, .. } = &mut task.owner {
            *written = done;
        }
    }

    /// Writes a line to the stream of the task's first container with the awslogs driver:
    /// `<prefix>/<container>/<task id>` (ECS developer guide, awslogs).
    pub(super) fn write_log(&mut self, task: &Task, at: Duration, line: &str) {
        let Some(definition) = self.ecs.definitions.iter().find(|d| d.arn == task.definition)
        else {
            return;
        };
        let place = definition.containers().iter().find_map(|container| {
            let log = container.get("logConfiguration")?;
            let options = log.get("options")?;
            let group = text(options, "awslogs-group")?;
            let prefix = text(options, "awslogs-stream-prefix")?;
            let name = text(container, "name")?;
            Some((group.to_owned(), format!("{prefix}/{name}/{}", task.id)))
        });
        if let Some((group, stream)) = place {
            self.guards.logs.write(&group, &stream, at, line);
        }
    }
}
