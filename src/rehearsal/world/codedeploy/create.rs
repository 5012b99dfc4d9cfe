//! `CreateDeployment`, and everything it refuses.

use serde_json::{Value, json};

use super::appspec::{self, HOOKS};
use super::{AppSpec, Deployment, LifecycleRecord, Phase, Status};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{flag, list, text, texts};
use crate::rehearsal::world::tally::Made;

const ROLLBACK_EVENTS: [&str; 3] =
    ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"];

fn invalid_revision(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidRevisionException", message)
}

impl World {
    /// Finds a deployment group with AWS's errors.
    pub(super) fn find_group(&self, input: &Value) -> Result<usize, ApiError> {
        let application = self.find_application(input)?;
        let name = text(input, "deploymentGroupName").filter(|name| !name.is_empty());
        let Some(name) = name else {
            let text = "Deployment Group name is missing";
            return Err(ApiError::new("DeploymentGroupNameRequiredException", text));
        };
        let mut groups = self.codedeploy.groups.iter();
        groups.position(|group| group.application == application && group.name == name).ok_or_else(
            || {
                ApiError::new(
                    "DeploymentGroupDoesNotExistException",
                    format!("No Deployment Group found for name: {name}"),
                )
            },
        )
    }

    /// The application that a call names.
    pub(super) fn find_application(&self, input: &Value) -> Result<String, ApiError> {
        let name = text(input, "applicationName").unwrap_or_default();
        if name.is_empty() {
            let text = "Application name is missing";
            return Err(ApiError::new("ApplicationNameRequiredException", text));
        }
        let known = self.codedeploy.groups.iter().any(|group| group.application == name);
        known.then(|| name.to_owned()).ok_or_else(|| {
            let text = format!("No application found for name: {name}");
            ApiError::new("ApplicationDoesNotExistException", text)
        })
    }

    pub(super) fn create_deployment(&mut self, input: &Value) -> Reply {
        let index = self.find_group(input)?;
        let revision = input.get("revision").filter(|revision| !revision.is_null());
        let Some(revision) = revision else {
            return Err(ApiError::new("RevisionRequiredException", "Revision is required"));
        };
        let content = appspec::content(revision).map_err(invalid_revision)?;
        let spec = appspec::parse(content).map_err(invalid_revision)?;
        if text(input, "description").is_some_and(|text| text.chars().count() > 256) {
            let text = "The description is longer than 256 characters";
            return Err(ApiError::new("DescriptionTooLongException", text));
        }
        check_alarms(input.get("overrideAlarmConfiguration"))?;
        check_rollback(input.get("autoRollbackConfiguration"))?;
        let spec = self.check_spec(index, spec)?;
        let deployment = self.draft(index, input, revision, spec)?;
        if let Some(active) = self.codedeploy.active(index) {
            let name = self.codedeploy.groups.get(index).map_or("", |group| group.name.as_str());
            return Err(ApiError::new(
                "DeploymentLimitExceededException",
                format!(
                    "The Deployment Group '{name}' already has an active Deployment '{}'",
                    active.id
                ),
            ));
        }
        let id = deployment.id.clone();
        self.tally.deployments.push(Made { id: id.clone(), creator: deployment.creator });
        self.codedeploy.deployments.push(deployment);
        Ok(json!({"deploymentId": id}))
    }

    /// Refuses an AppSpec that names what is not there, and resolves the definition to its ARN.
    fn check_spec(&self, group: usize, mut spec: AppSpec) -> Result<AppSpec, ApiError> {
        let definition =
            self.find_definition(&spec.definition).and_then(|i| self.ecs.definitions.get(i));
        let Some(definition) = definition.filter(|definition| definition.active) else {
            return Err(invalid_revision(format!(
                "The task definition {} does not exist or is not active",
                spec.definition
            )));
        };
        let Some(container) = definition.container(&spec.container) else {
            return Err(invalid_revision(format!(
                "The container {} does not exist in the task definition",
                spec.container
            )));
        };
        let port = |mapping: &Value| mapping.get("containerPort").and_then(Value::as_u64);
        if !list(container, "portMappings").iter().any(|m| port(m) == Some(spec.port)) {
            return Err(invalid_revision(format!(
                "The container {} does not expose port {}",
                spec.container, spec.port
            )));
        }
        let group = self.codedeploy.groups.get(group);
        let tested = group.is_some_and(|group| group.test.is_some());
        if !tested && spec.hooks.iter().any(|(event, _)| event == "AfterAllowTestTraffic") {
            return Err(invalid_revision(
                "AfterAllowTestTraffic needs a test listener in the deployment group",
            ));
        }
        spec.definition = definition.arn.clone();
        Ok(spec)
    }

    fn draft(
        &mut self,
        index: usize,
        input: &Value,
        revision: &Value,
        appspec: AppSpec,
    ) -> Result<Deployment, ApiError> {
        let missing = || ApiError::new("InvalidECSServiceException", "The ECS service is gone");
        let group = self.codedeploy.groups.get(index).ok_or_else(missing)?;
        let config = text(input, "deploymentConfigName").unwrap_or(&group.config);
        let config = self.find_config(config)?.clone();
        let service = group.service;
        let blue = self.ecs.services.get(service).and_then(|s| s.primary()).ok_or_else(missing)?;
        let (blue_id, blue_group) = (blue.id.clone(), blue.group);
        let [first, second] = group.targets;
        let green_group = if blue_group == first { second } else { first };
        let alarms = input.get("overrideAlarmConfiguration").unwrap_or(&group.alarms);
        let enabled = flag(alarms, "enabled").unwrap_or(false);
        let names = list(alarms, "alarms").iter().filter_map(|alarm| text(alarm, "name"));
        let rollback = input.get("autoRollbackConfiguration").unwrap_or(&group.rollback).clone();
        let previous = self.last_successful(index).map(|d| d.revision.clone());
        let alarm_names = if enabled { names.map(str::to_owned).collect() } else { Vec::new() };
        let ignore_poll_failure = flag(alarms, "ignorePollAlarmFailure").unwrap_or(false);
        let (ready_wait, termination_wait) = (group.ready_wait, group.termination_wait);
        let events = lifecycle(group.test.is_some());
        Ok(Deployment {
            id: self.ids.deployment(),
            group: index,
            service,
            status: Status::Created,
            phase: Phase::Event(0),
            created: self.now,
            started: None,
            completed: None,
            creator: "user",
            description: text(input, "description").map(str::to_owned),
            revision: revision.clone(),
            previous,
            appspec,
            config,
            alarms: alarm_names,
            ignore_poll_failure,
            alarm_override: input.get("overrideAlarmConfiguration").cloned(),
            rollback,
            rollback_info: None,
            error: None,
            events,
            blue: Some(blue_id),
            green: None,
            blue_group,
            green_group,
            step: 0,
            next_step: self.now,
            hook: None,
            next_poll: self.now + self.assumptions.alarm_poll,
            stop: None,
            ready_wait,
            termination_wait,
            termination_started: false,
            scaled: None,
            last_sets: Vec::new(),
        })
    }

    /// The last deployment of a group that succeeded.
    pub(super) fn last_successful(&self, group: usize) -> Option<&Deployment> {
        let mut deployments = self.codedeploy.deployments.iter().rev();
        deployments.find(|d| d.group == group && d.status == Status::Succeeded)
    }
}

/// The lifecycle events of a deployment, in order (CodeDeploy user guide, AppSpec hooks for ECS).
fn lifecycle(tested: bool) -> Vec<LifecycleRecord> {
    let [before_install, after_install, after_test, before_allow, after_allow] = HOOKS;
    let mut names = vec![before_install, "Install", after_install];
    if tested {
        names.extend(["AllowTestTraffic", after_test]);
    }
    names.extend([before_allow, "AllowTraffic", after_allow]);
    names.into_iter().map(LifecycleRecord::new).collect()
}

pub(super) fn check_alarms(config: Option<&Value>) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    let alarms = list(config, "alarms");
    if alarms.len() > 10 {
        let text = "A maximum of 10 alarms can be added";
        return Err(ApiError::new("AlarmsLimitExceededException", text));
    }
    if flag(config, "enabled") == Some(true) && alarms.is_empty() {
        let text = "Alarms must be specified when the alarm configuration is enabled";
        return Err(ApiError::new("InvalidAlarmConfigException", text));
    }
    if alarms.iter().any(|alarm| text(alarm, "name").is_none_or(str::is_empty)) {
        return Err(ApiError::new("InvalidAlarmConfigException", "An alarm has no name"));
    }
    Ok(())
}

pub(super) fn check_rollback(config: Option<&Value>) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    let events = texts(config, "events");
    if events.iter().any(|event| !ROLLBACK_EVENTS.contains(event)) {
        let text = "An automatic rollback event is not valid";
        return Err(ApiError::new("InvalidAutoRollbackConfigException", text));
    }
    if flag(config, "enabled") == Some(true) && events.is_empty() {
        let text = "Events must be specified when automatic rollback is enabled";
        return Err(ApiError::new("InvalidAutoRollbackConfigException", text));
    }
    Ok(())
}
