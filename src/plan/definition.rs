//! The wanted task definition: the live one, with only what the configuration changes.

use serde_json::{Map, Value, json};

use crate::config::model::{HealthCheck, TaskSettings};
use crate::domain::LiveRevision;

use super::{Change, LogSource};

/// Members of `DescribeTaskDefinition` that `RegisterTaskDefinition` does not take.
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A task definition as the input of `RegisterTaskDefinition`, without tags.
pub(super) fn as_input(definition: &Value) -> Value {
    let mut input = definition.as_object().cloned().unwrap_or_default();
    for name in READ_ONLY {
        input.shift_remove(name);
    }
    Value::Object(input)
}

/// The wanted definition and how it differs from the live one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    /// The input of `RegisterTaskDefinition`, without tags.
    pub(super) input: Value,
    /// What differs; empty when nothing does.
    pub(super) changes: Vec<Change>,
}

/// Applies the configuration to the live definition. `image` replaces the main container's image.
///
/// The error names the container that the live definition does not have.
pub(super) fn wanted(
    live: &LiveRevision,
    container: &str,
    settings: &TaskSettings,
    image: Option<&str>,
) -> Result<Wanted, String> {
    let mut editor = Editor { input: as_input(&live.definition), changes: Vec::new() };
    if let Some(cpu) = settings.cpu {
        editor.set_task("cpu", cpu.to_string().into());
    }
    if let Some(memory) = settings.memory {
        editor.set_task("memory", memory.to_string().into());
    }
    if let Some(architecture) = settings.architecture {
        let mut platform = editor
            .input
            .get("runtimePlatform")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        platform.insert("cpuArchitecture".into(), json!(architecture));
        editor.set_task("runtimePlatform", Value::Object(platform));
    }
    let index = editor
        .input
        .get("containerDefinitions")
        .and_then(Value::as_array)
        .and_then(|all| all.iter().position(|found| found["name"] == container))
        .ok_or_else(|| format!("the live task definition has no container `{container}`"))?;
    let mut main = ContainerEditor { editor: &mut editor, index, name: container };
    if let Some(image) = image {
        main.set("image", image.into());
    }
    if let Some(stop) = settings.stop_timeout {
        main.set("stopTimeout", stop.as_secs().into());
    }
    if let Some(check) = &settings.health_check {
        main.set("healthCheck", health_check(check));
    }
    for (name, value) in &settings.environment {
        main.set_pair("environment", "value", name, value, Shown::No);
    }
    for (name, source) in &settings.secrets {
        main.set_pair("secrets", "valueFrom", name, source, Shown::Yes);
    }
    Ok(Wanted { input: editor.input, changes: editor.changes })
}

/// Where the main container logs to, when it logs with `awslogs` and a stream prefix.
pub(super) fn log_source(definition: &Value, container: &str) -> Option<LogSource> {
    let containers = definition.get("containerDefinitions")?.as_array()?;
    let found = containers.iter().find(|found| found["name"] == container)?;
    let logging = found.get("logConfiguration")?;
    if logging.get("logDriver")?.as_str()? != "awslogs" {
        return None;
    }
    let option = |name: &str| Some(logging.get("options")?.get(name)?.as_str()?.to_owned());
    Some(LogSource { group: option("awslogs-group")?, prefix: option("awslogs-stream-prefix")? })
}

fn health_check(check: &HealthCheck) -> Value {
    json!({
        "command": check.command,
        "interval": check.interval.as_secs(),
        "timeout": check.timeout.as_secs(),
        "retries": check.retries,
        "startPeriod": check.start_period.as_secs(),
    })
}

/// Whether a report may show the values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    No,
}

struct Editor {
    input: Value,
    changes: Vec<Change>,
}

impl Editor {
    fn set_task(&mut self, name: &str, value: Value) {
        let Some(task) = self.input.as_object_mut() else { return };
        if let Some(change) = set(task, name, value, name.to_owned()) {
            self.changes.push(change);
        }
    }
}

struct ContainerEditor<'a> {
    editor: &'a mut Editor,
    index: usize,
    name: &'a str,
}

impl ContainerEditor<'_> {
    fn object(&mut self) -> Option<&mut Map<String, Value>> {
        self.editor.input.get_mut("containerDefinitions")?.get_mut(self.index)?.as_object_mut()
    }

    fn set(&mut self, name: &str, value: Value) {
        let path = format!("containers.{}.{name}", self.name);
        let change = self.object().and_then(|object| set(object, name, value, path));
        self.editor.changes.extend(change);
    }

    /// Sets one entry of a list of name/value pairs; the others and their order stay.
    fn set_pair(&mut self, list: &str, key: &str, name: &str, value: &str, shown: Shown) {
        let path = format!("containers.{}.{list}.{name}", self.name);
        let Some(object) = self.object() else { return };
        let entries = object.entry(list).or_insert_with(|| json!([]));
        let Some(entries) = entries.as_array_mut() else { return };
        let before = match entries.iter_mut().find(|entry| entry["name"] == name) {
            Some(entry) if entry[key] == value => return,
            Some(entry) => {
                let before = entry[key].as_str().unwrap_or_default().to_owned();
                entry[key] = value.into();
                Some(before)
            }
            None => {
                entries.push(json!({ "name": name, key: value }));
                None
            }
        };
        let show = |text: &str| match shown {
            Shown::Yes => text.to_owned(),
            Shown::No => "(value not shown)".to_owned(),
        };
        self.editor.changes.push(Change {
            path,
            before: before.map_or_else(|| "(absent)".to_owned(), |text| show(&text)),
            after: show(value),
        });
    }
}

fn set(object: &mut Map<String, Value>, name: &str, value: Value, path: String) -> Option<Change> {
    let before = object.get(name).cloned();
    if before.as_ref() == Some(&value) {
        return None;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let change = Change {
        path,
        before: before.as_ref().map_or_else(|| "(absent)".to_owned(), text),
        after: text(&value),
    };
    object.insert(name.to_owned(), value);
    Some(change)
}
