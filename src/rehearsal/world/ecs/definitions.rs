//! Task definitions: register, describe, list, deregister, tag.

use serde_json::{Map, Value, json};

use super::fargate::{units, valid_size};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{copy, list, number, page, seconds, text, texts};

/// Which behaviour of the scenario the tasks of a definition show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rehearsal::world) enum Role {
    /// As the revision that served at the start.
    Live,
    /// As the one that is deployed.
    Candidate,
}

/// A revision of a task definition.
#[derive(Debug, Clone)]
pub(in crate::rehearsal::world) struct TaskDefinition {
    pub(in crate::rehearsal::world) arn: String,
    pub(in crate::rehearsal::world) family: String,
    pub(in crate::rehearsal::world) revision: u32,
    pub(in crate::rehearsal::world) active: bool,
    pub(in crate::rehearsal::world) role: Role,
    /// The `taskDefinition` as `DescribeTaskDefinition` gives it, without its status.
    pub(in crate::rehearsal::world) body: Value,
    pub(in crate::rehearsal::world) tags: Vec<Value>,
}

impl TaskDefinition {
    pub(in crate::rehearsal::world) fn view(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(members) = body.as_object_mut() {
            let status = if self.active { "ACTIVE" } else { "INACTIVE" };
            members.insert("status".to_owned(), status.into());
        }
        body
    }

    /// The containers.
    pub(in crate::rehearsal::world) fn containers(&self) -> &[Value] {
        list(&self.body, "containerDefinitions")
    }

    /// A container by name.
    pub(in crate::rehearsal::world) fn container(&self, name: &str) -> Option<&Value> {
        self.containers().iter().find(|container| text(container, "name") == Some(name))
    }
}

fn client(message: impl Into<String>) -> ApiError {
    ApiError::new("ClientException", message)
}

fn valid_family(family: &str) -> bool {
    (1..=255).contains(&family.len())
        && family.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Refuses what ECS refuses at registration.
fn validate(input: &Value) -> Result<(), ApiError> {
    let family = text(input, "family").unwrap_or_default();
    if !valid_family(family) {
        return Err(client("Invalid parameter: family"));
    }
    let containers = list(input, "containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    let mut names: Vec<&str> = Vec::new();
    for container in containers {
        let name = text(container, "name").unwrap_or_default();
        if name.is_empty() || text(container, "image").is_none_or(str::is_empty) {
            return Err(client("Container.image and Container.name should not be null or empty."));
        }
        if names.contains(&name) {
            return Err(client(format!("Duplicate container name: {name}")));
        }
        names.push(name);
    }
    if containers.iter().all(|c| c.get("essential").and_then(Value::as_bool) == Some(false)) {
        return Err(client("At least one container must be marked as essential."));
    }
    if texts(input, "requiresCompatibilities").contains(&"FARGATE") {
        validate_fargate(input)?;
    }
    Ok(())
}

fn validate_fargate(input: &Value) -> Result<(), ApiError> {
    if text(input, "networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode 'awsvpc'."));
    }
    let (Some(cpu), Some(memory)) = (text(input, "cpu"), text(input, "memory")) else {
        let text = "Fargate requires that 'cpu' and 'memory' be defined at the task level.";
        return Err(client(text));
    };
    let size = units(cpu).zip(units(memory));
    if !size.is_some_and(|(cpu, memory)| valid_size(cpu, memory)) {
        return Err(client(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the \
             Amazon ECS documentation for the valid values."
        )));
    }
    let containers = list(input, "containerDefinitions");
    let logs = |c: &Value| {
        c.get("logConfiguration").and_then(|log| text(log, "logDriver")) == Some("awslogs")
    };
    let needs = if containers.iter().any(logs) {
        Some("log driver awslogs")
    } else if containers.iter().any(|c| !list(c, "secrets").is_empty()) {
        Some("container secrets")
    } else {
        None
    };
    if let Some(needs) = needs
        && text(input, "executionRoleArn").is_none_or(str::is_empty)
    {
        return Err(client(format!(
            "Fargate requires task definition to have execution role ARN to support {needs}."
        )));
    }
    Ok(())
}

/// Fills in what ECS fills in, so that what is read back differs from what was sent as in AWS.
fn with_defaults(container: &Value) -> Value {
    let mut members: Map<String, Value> = container.as_object().cloned().unwrap_or_default();
    for key in ["environment", "mountPoints", "volumesFrom", "systemControls", "portMappings"] {
        members.entry(key.to_owned()).or_insert_with(|| json!([]));
    }
    members.entry("cpu".to_owned()).or_insert_with(|| json!(0));
    members.entry("essential".to_owned()).or_insert_with(|| json!(true));
    let ports = members.get_mut("portMappings").and_then(Value::as_array_mut);
    for mapping in ports.into_iter().flatten() {
        let port = mapping.get("containerPort").cloned();
        if let (Some(mapping), Some(port)) = (mapping.as_object_mut(), port) {
            mapping.entry("hostPort".to_owned()).or_insert(port);
            mapping.entry("protocol".to_owned()).or_insert_with(|| json!("tcp"));
        }
    }
    Value::Object(members)
}

/// The members of `RegisterTaskDefinition` that come back as they were sent.
const KEPT: [&str; 18] = [
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "enableFaultInjection",
    "trustedExecutionConfiguration",
    "containerDefinitions",
];

impl World {
    /// Registers a definition; `role` is how its tasks will behave.
    pub(in crate::rehearsal::world) fn add_definition(
        &mut self,
        input: &Value,
        role: Role,
        number: Option<u32>,
    ) -> Result<usize, ApiError> {
        validate(input)?;
        let family = text(input, "family").unwrap_or_default().to_owned();
        let last = self.ecs.definitions.iter().filter(|d| d.family == family);
        let last = last.map(|definition| definition.revision).max().unwrap_or(0);
        let revision = number.unwrap_or_else(|| last.saturating_add(1));
        let arn = format!("{}/{family}:{revision}", self.arn("ecs", "task-definition"));
        let mut body = copy(input, &KEPT);
        body.entry("volumes".to_owned()).or_insert_with(|| json!([]));
        body.entry("placementConstraints".to_owned()).or_insert_with(|| json!([]));
        let containers: Vec<Value> =
            list(input, "containerDefinitions").iter().map(with_defaults).collect();
        body.insert("containerDefinitions".to_owned(), Value::Array(containers));
        body.insert("taskDefinitionArn".to_owned(), arn.clone().into());
        body.insert("revision".to_owned(), revision.into());
        body.insert("compatibilities".to_owned(), json!(["EC2", "FARGATE"]));
        body.insert(
            "requiresAttributes".to_owned(),
            json!([
                {"name": "com.amazonaws.ecs.capability.logging-driver.awslogs"},
                {"name": "ecs.capability.execution-role-awslogs"},
                {"name": "ecs.capability.task-eni"},
            ]),
        );
        body.insert("registeredAt".to_owned(), seconds(self.wall(self.now)));
        let by = format!("arn:aws:sts::{}:assumed-role/rehearsal/session", self.setup.account);
        body.insert("registeredBy".to_owned(), by.into());
        self.ecs.definitions.push(TaskDefinition {
            arn,
            family,
            revision,
            active: true,
            role,
            body: Value::Object(body),
            tags: list(input, "tags").to_vec(),
        });
        Ok(self.ecs.definitions.len() - 1)
    }

    /// Finds `family`, `family:revision` or an ARN; a bare family means its newest active one.
    pub(in crate::rehearsal::world) fn find_definition(&self, name: &str) -> Option<usize> {
        let short = name.rsplit_once("task-definition/").map_or(name, |(prefix, short)| {
            if prefix == format!("{}:", self.arn("ecs", "")) { short } else { "" }
        });
        let definitions = self.ecs.definitions.iter().enumerate();
        match short.split_once(':') {
            Some((family, revision)) => {
                let revision: u32 = revision.parse().ok()?;
                let mut found = definitions
                    .filter(|(_, definition)| definition.family == family)
                    .filter(|(_, definition)| definition.revision == revision);
                found.next().map(|(index, _)| index)
            }
            None => definitions
                .filter(|(_, definition)| definition.family == short && definition.active)
                .max_by_key(|(_, definition)| definition.revision)
                .map(|(index, _)| index),
        }
    }

    pub(super) fn register_definition(&mut self, input: &Value) -> Reply {
        let image = list(input, "containerDefinitions").iter().filter_map(|c| text(c, "image"));
        let images: Vec<&str> = image.collect();
        let index = self.add_definition(input, self.role_of_images(&images), None)?;
        let definition = self.ecs.definitions.get(index);
        Ok(json!({
            "taskDefinition": definition.map(TaskDefinition::view),
            "tags": definition.map(|definition| definition.tags.clone()),
        }))
    }

    /// A new definition is the candidate, unless it only brings back an image that was known
    /// good at the start and differs from the candidate's.
    pub(in crate::rehearsal::world) fn role_of_images(&self, images: &[&str]) -> Role {
        let old = self.setup.services.iter().any(|service| {
            service.live_digest != service.candidate_digest
                && images.iter().any(|image| image.contains(&service.live_digest))
        });
        if old { Role::Live } else { Role::Candidate }
    }

    pub(super) fn describe_definition(&self, input: &Value) -> Reply {
        let name = text(input, "taskDefinition").unwrap_or_default();
        let definition = self.find_definition(name).and_then(|i| self.ecs.definitions.get(i));
        let definition = definition.ok_or_else(|| client("Unable to describe task definition."))?;
        let tags = texts(input, "include").contains(&"TAGS").then(|| definition.tags.clone());
        Ok(json!({"taskDefinition": definition.view(), "tags": tags}))
    }

    pub(super) fn list_definitions(&self, input: &Value) -> Reply {
        let active = text(input, "status").unwrap_or("ACTIVE") == "ACTIVE";
        let mut found: Vec<(&str, u32, &str)> = self
            .ecs
            .definitions
            .iter()
            .filter(|d| d.active == active)
            .filter(|d| text(input, "familyPrefix").is_none_or(|family| d.family == family))
            .map(|d| (d.family.as_str(), d.revision, d.arn.as_str()))
            .collect();
        found.sort_unstable();
        if text(input, "sort") == Some("DESC") {
            found.reverse();
        }
        let arns: Vec<&str> = found.into_iter().map(|(_, _, arn)| arn).collect();
        let size = number(input, "maxResults").map_or(100, |size| size.clamp(1, 100) as usize);
        let token = text(input, "nextToken");
        let (arns, next) = page(&arns, token, size, "InvalidParameterException")?;
        Ok(json!({"taskDefinitionArns": arns, "nextToken": next}))
    }

    pub(super) fn deregister_definition(&mut self, input: &Value) -> Reply {
        let name = text(input, "taskDefinition").unwrap_or_default();
        if !name.contains(':') {
            return Err(client("The specified task definition does not have a revision."));
        }
        let index = self.find_definition(name);
        let definition = index.and_then(|index| self.ecs.definitions.get_mut(index));
        let definition =
            definition.ok_or_else(|| client("The specified task definition does not exist."))?;
        definition.active = false;
        Ok(json!({"taskDefinition": definition.view()}))
    }

    pub(super) fn tag_resource(&mut self, input: &Value) -> Reply {
        let arn = text(input, "resourceArn").unwrap_or_default();
        let definition = self.ecs.definitions.iter_mut().find(|d| d.arn == arn);
        let Some(definition) = definition else {
            let text = "The specified resource was not found.";
            return Err(ApiError::new("ResourceNotFoundException", text));
        };
        for tag in list(input, "tags") {
            definition.tags.retain(|known| text(known, "key") != text(tag, "key"));
            definition.tags.push(tag.clone());
        }
        Ok(json!({}))
    }
}
