//! A stack: what it is made of, and its diary.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::kinds;
use super::operation::Operation;
use super::parameters::Parameter;
use super::references::References;
use super::resolve::{Names, Own, Scope};
use super::template::Template;

/// The type of a stack in its own events.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

/// A key and a value.
pub(super) type Tag = (String, String);

/// A template with its values: what a stack is, was, or is to become.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deployment {
    pub(super) template: Arc<Template>,
    pub(super) parameters: Vec<Parameter>,
    pub(super) tags: Vec<Tag>,
}

/// A resource that a deployment has, with the branches of its conditions chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) properties: Value,
    pub(super) metadata: Value,
    /// The resources that have to be there first.
    pub(super) needs: Vec<String>,
    pub(super) deletion: Option<String>,
    pub(super) replacement: Option<String>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resource {
    pub(super) logical: String,
    pub(super) kind: String,
    /// Absent until something exists.
    pub(super) physical: Option<String>,
    /// Resolved.
    pub(super) properties: Value,
    pub(super) attributes: Map<String, Value>,
    /// Those of the stack that it was given.
    pub(super) tags: Vec<Tag>,
    pub(super) metadata: Value,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) at: Duration,
    pub(super) needs: Vec<String>,
    pub(super) deletion: Option<String>,
    pub(super) replacement: Option<String>,
    /// What drift detection found last, and when.
    pub(super) drift: Option<(&'static str, Duration)>,
}

/// An entry of the diary.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) at: Duration,
    pub(super) logical: String,
    pub(super) physical: String,
    pub(super) kind: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) properties: Option<String>,
    pub(super) token: Option<String>,
    pub(super) operation: Option<(&'static str, String)>,
}

/// An output.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) description: Option<String>,
    pub(super) export: Option<String>,
}

/// A stack.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) own: Own,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) created: Duration,
    pub(super) updated: Option<Duration>,
    pub(super) deleted: Option<Duration>,
    /// Absent while a stack is only reviewed.
    pub(super) deployment: Option<Deployment>,
    pub(super) capabilities: Vec<String>,
    pub(super) role: Option<String>,
    pub(super) disable_rollback: bool,
    pub(super) protected: bool,
    pub(super) policy: Option<String>,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Vec<Output>,
    pub(super) events: Vec<Event>,
    /// What is going on, or what stopped in the middle and can be taken up again.
    pub(super) operation: Option<Operation>,
    /// Finished operations: their type, id and token, newest last.
    pub(super) history: Vec<(&'static str, String, Option<String>)>,
    pub(super) change_set: Option<String>,
    pub(super) drift: Option<(&'static str, Duration)>,
}

impl Deployment {
    /// The resources that are there under the parameters, each with what it needs.
    pub(super) fn wanted(&self, own: &Own) -> Result<Vec<Wanted>, String> {
        let scope = Scope::new(own, &self.template, &self.parameters)?;
        let active: BTreeSet<&str> = self
            .template
            .resources
            .iter()
            .filter(|spec| scope.holds(spec.condition.as_deref()))
            .map(|spec| spec.logical.as_str())
            .collect();
        let mut wanted = Vec::new();
        for spec in &self.template.resources {
            if !active.contains(spec.logical.as_str()) {
                continue;
            }
            let properties = scope.prune(&spec.properties)?;
            let mut found = References::default();
            found.collect(&properties);
            let named = found.refs.iter().chain(found.attributes.keys()).copied();
            let mut needs = BTreeSet::new();
            for name in named.filter(|name| self.template.resource(name).is_some()) {
                if !active.contains(name) {
                    return Err(format!(
                        "Template format error: Unresolved resource dependencies [{name}] in the \
                         Resources block of the template"
                    ));
                }
                needs.insert(name);
            }
            let depends = spec.depends_on.iter().map(String::as_str);
            needs.extend(depends.filter(|name| active.contains(name)));
            wanted.push(Wanted {
                logical: spec.logical.clone(),
                kind: spec.kind.clone(),
                needs: needs.into_iter().map(str::to_owned).collect(),
                properties,
                metadata: spec.metadata.clone(),
                deletion: spec.deletion_policy.clone(),
                replacement: spec.replace_policy.clone(),
            });
        }
        ordered(wanted)
    }

    /// Whether another one says the same to the letter.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let given = |of: &Self| -> BTreeMap<String, (String, Option<String>)> {
            let pairs = of.parameters.iter();
            pairs.map(|p| (p.key.clone(), (p.value.clone(), p.resolved.clone()))).collect()
        };
        self.template.body == other.template.body
            && given(self) == given(other)
            && self.tags == other.tags
    }
}

/// Puts what is needed before what needs it; refuses circles.
fn ordered(mut waiting: Vec<Wanted>) -> Result<Vec<Wanted>, String> {
    let mut done: Vec<Wanted> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let ready = |wanted: &Wanted| {
            wanted.needs.iter().all(|need| done.iter().any(|known| known.logical == *need))
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        if now.is_empty() {
            let names: Vec<&str> = later.iter().map(|wanted| wanted.logical.as_str()).collect();
            let list = names.join(", ");
            return Err(format!("Circular dependency between resources: [{list}]"));
        }
        done.extend(now);
        waiting = later;
    }
    Ok(done)
}

impl Resource {
    pub(super) fn new(wanted: &Wanted, at: Duration) -> Self {
        Self {
            logical: wanted.logical.clone(),
            kind: wanted.kind.clone(),
            physical: None,
            properties: Value::Object(Map::new()),
            attributes: Map::new(),
            tags: Vec::new(),
            metadata: wanted.metadata.clone(),
            status: "CREATE_IN_PROGRESS",
            reason: None,
            at,
            needs: wanted.needs.clone(),
            deletion: wanted.deletion.clone(),
            replacement: wanted.replacement.clone(),
            drift: None,
        }
    }

    /// Takes over what a template says without touching anything real.
    pub(super) fn adopt(&mut self, wanted: &Wanted) {
        self.needs.clone_from(&wanted.needs);
        self.metadata = wanted.metadata.clone();
        self.deletion.clone_from(&wanted.deletion);
        self.replacement.clone_from(&wanted.replacement);
    }

    pub(super) fn reference(&self) -> Value {
        kinds::reference(&self.kind, self.physical.as_deref().unwrap_or_default())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<Value> {
        if let Some(known) = self.attributes.get(name) {
            return Some(known.clone());
        }
        // A property that can be asked for, as the CIDR block of a VPC.
        let mut value = &self.properties;
        for part in name.split('.') {
            value = value.get(part)?;
        }
        Some(value.clone())
    }

    pub(super) fn is_there(&self) -> bool {
        self.physical.is_some()
    }
}

impl Stack {
    pub(super) fn resource(&self, logical: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.logical == logical)
    }

    pub(super) fn resource_mut(&mut self, logical: &str) -> Option<&mut Resource> {
        self.resources.iter_mut().find(|resource| resource.logical == logical)
    }

    pub(super) fn name(&self) -> &str {
        &self.own.stack_name
    }

    pub(super) fn id(&self) -> &str {
        &self.own.stack_id
    }

    /// Whether something is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }

    /// Whether it answers to its name.
    pub(super) fn exists(&self) -> bool {
        self.status != "DELETE_COMPLETE"
    }

    /// Sets the status of the stack, with an event.
    pub(super) fn turn(&mut self, at: Duration, status: &'static str, reason: Option<String>) {
        self.status = status;
        self.reason.clone_from(&reason);
        let (id, name) = (self.own.stack_id.clone(), self.own.stack_name.clone());
        self.note(at, &name, &id, STACK, status, reason, None);
    }

    /// Writes into the diary.
    #[expect(clippy::too_many_arguments, reason = "an event has as many parts")]
    pub(super) fn note(
        &mut self,
        at: Duration,
        logical: &str,
        physical: &str,
        kind: &str,
        status: &'static str,
        reason: Option<String>,
        properties: Option<&Value>,
    ) {
        let number = self.events.len();
        let operation = self.operation.as_ref();
        self.events.push(Event {
            id: format!("{logical}-{status}-{number:06}"),
            at,
            logical: logical.to_owned(),
            physical: physical.to_owned(),
            kind: kind.to_owned(),
            status,
            reason,
            properties: properties.map(Value::to_string),
            token: operation.and_then(|operation| operation.token.clone()),
            operation: operation.map(|operation| (operation.kind, operation.id.clone())),
        });
    }

    /// Sets the status of a resource, with an event.
    pub(super) fn mark(
        &mut self,
        at: Duration,
        logical: &str,
        status: &'static str,
        reason: Option<String>,
    ) {
        let Some(resource) = self.resource_mut(logical) else { return };
        resource.status = status;
        resource.reason.clone_from(&reason);
        resource.at = at;
        let (kind, physical) = (resource.kind.clone(), resource.physical.clone());
        let properties = resource.properties.clone();
        let physical = physical.unwrap_or_default();
        self.note(at, logical, &physical, &kind, status, reason, Some(&properties));
    }

    /// Computes the outputs.
    pub(super) fn outputs_of(
        &self,
        deployment: &Deployment,
        names: &dyn Names,
    ) -> Result<Vec<Output>, String> {
        let template = &deployment.template;
        let scope = Scope::new(&self.own, template, &deployment.parameters)?;
        let mut outputs = Vec::new();
        for spec in &template.outputs {
            if !scope.holds(spec.condition.as_deref()) {
                continue;
            }
            let text = |value: &Value| -> Result<String, String> {
                let resolved = scope.resolve(value, names)?.unwrap_or(Value::Null);
                super::parameters::scalar(&resolved).ok_or_else(|| {
                    let key = &spec.key;
                    format!(
                        "Template format error: Output {key} is malformed. The Value field of \
                             every Outputs member must evaluate to a String."
                    )
                })
            };
            outputs.push(Output {
                key: spec.key.clone(),
                value: text(&spec.value)?,
                description: spec.description.clone(),
                export: spec.export.as_ref().map(text).transpose()?,
            });
        }
        Ok(outputs)
    }
}

/// Tags as the API has them.
pub(super) fn tags_of(input: &Value) -> Vec<Tag> {
    let list = input.get("Tags").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|tag| {
            let key = tag.get("Key").and_then(Value::as_str)?;
            Some((key.to_owned(), tag.get("Value").and_then(Value::as_str)?.to_owned()))
        })
        .collect()
}

pub(super) fn tags_view(tags: &[Tag]) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// The names of a stack's resources as they are.
pub(super) struct Live<'a> {
    pub(super) resources: &'a [Resource],
    pub(super) exports: &'a BTreeMap<(String, String), String>,
    pub(super) region: &'a str,
}

impl Names for Live<'_> {
    fn reference(&self, logical: &str) -> Option<Value> {
        self.resources.iter().find(|r| r.logical == logical).map(Resource::reference)
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Option<Value> {
        self.resources.iter().find(|r| r.logical == logical)?.attribute(attribute)
    }

    fn import(&self, name: &str) -> Option<String> {
        self.exports.get(&(self.region.to_owned(), name.to_owned())).cloned()
    }
}
