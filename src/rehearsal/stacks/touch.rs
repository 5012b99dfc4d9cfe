//! Begins work on one resource: make, change, replace, put back, remove.

use std::time::Duration;

use serde_json::Value;

use super::durations;
use super::kinds::{self, Context};
use super::machine::{Step, name_key, subject};
use super::operation::{State, Task};
use super::policy;
use super::resolve::Scope;
use super::stack::{Live, Resource, Stack, Tag, Wanted};
use super::surroundings::{Made, Subject, Trouble, Verb};
use super::types::{self, Recreation, same};

/// How soon a request that is refused is refused.
const REFUSAL: Duration = Duration::from_secs(2);

impl Stack {
    /// Begins a piece of work.
    pub(super) fn start(&mut self, index: usize, step: &mut Step<'_>) {
        let work = self.operation.as_ref().and_then(|operation| operation.work.get(index));
        let Some(work) = work else { return };
        let logical = work.logical.clone();
        match work.task.clone() {
            Task::Ensure(wanted) => self.ensure(index, &wanted, step),
            Task::Restore(before) => self.restore(index, &before, step),
            Task::Remove => match self.resource(&logical).cloned() {
                Some(resource) => self.remove(index, &resource, step),
                None => self.done(index),
            },
            Task::Discard(old) => self.remove(index, &old, step),
        }
    }

    fn done(&mut self, index: usize) {
        if let Some(work) = self.operation.as_mut().and_then(|o| o.work.get_mut(index)) {
            work.state = State::Done;
        }
    }

    fn run(
        &mut self,
        index: usize,
        verb: Verb,
        kind: &str,
        outcome: Result<(), Trouble>,
        replaces: Option<Resource>,
        now: Duration,
    ) {
        let operation = self.operation.as_mut();
        let adopt = operation.as_ref().is_some_and(|operation| operation.adopt);
        let time = match outcome {
            _ if adopt => Duration::ZERO,
            Ok(()) => durations::of(kind, verb),
            Err(_) => REFUSAL,
        };
        if let Some(work) = operation.and_then(|operation| operation.work.get_mut(index)) {
            let until = now.saturating_add(time);
            let replaces = replaces.map(Box::new);
            work.state = State::Running { verb, until, outcome, replaces };
        }
    }

    fn touched(&mut self, logical: &str) {
        if let Some(operation) = &mut self.operation {
            operation.touched.insert(logical.to_owned());
        }
    }

    /// The properties of a resource with everything that it needs in place.
    fn resolved(&self, wanted: &Wanted, step: &Step<'_>) -> Result<Value, String> {
        let Some(deployment) = &self.deployment else { return Ok(Value::Null) };
        let scope = Scope::new(&self.own, &deployment.template, &deployment.parameters)?;
        let names = Live {
            resources: &self.resources,
            exports: &step.shared.exports,
            region: &self.own.region,
        };
        Ok(scope.resolve(&wanted.properties, &names)?.unwrap_or(Value::Null))
    }

    fn stack_tags(&self, kind: &str) -> Vec<Tag> {
        let taggable = types::find(kind).is_some_and(|kind| kind.tags.is_some());
        match &self.deployment {
            Some(deployment) if taggable => deployment.tags.clone(),
            _ => Vec::new(),
        }
    }

    /// Makes or changes a resource so that it is as wanted; does nothing when it is.
    fn ensure(&mut self, index: usize, wanted: &Wanted, step: &mut Step<'_>) {
        let logical = wanted.logical.as_str();
        let properties = match self.resolved(wanted, step) {
            Ok(properties) => properties,
            Err(reason) => {
                self.refuse(index, wanted, reason, step);
                return;
            }
        };
        let tags = self.stack_tags(&wanted.kind);
        let Some(resource) = self.resource(logical).filter(|r| r.is_there()).cloned() else {
            self.create(index, wanted, properties, tags, None, step);
            return;
        };
        if same(&resource.properties, &properties) && resource.tags == tags {
            if let Some(resource) = self.resource_mut(logical) {
                resource.adopt(wanted);
            }
            self.done(index);
            return;
        }
        let replace = changed(&resource.properties, &properties)
            .iter()
            .any(|name| recreation(&wanted.kind, name) == Recreation::Always);
        let action = if replace { "Update:Replace" } else { "Update:Modify" };
        if let Some(refusal) = self.denied(logical, &wanted.kind, action) {
            self.refuse(index, wanted, refusal, step);
            return;
        }
        self.touched(logical);
        if !replace {
            if let Some(resource) = self.resource_mut(logical) {
                resource.adopt(wanted);
            }
            self.change(index, Verb::Update, &resource, properties, tags, step);
            return;
        }
        let name = kinds::name_property(&wanted.kind);
        let named =
            name.and_then(|key| Some((properties.get(key)?, resource.properties.get(key)?)));
        if named.is_some_and(|(new, old)| same(new, old)) {
            let reason = format!(
                "CloudFormation cannot update a stack when a custom-named resource requires \
                 replacing. Rename {} and update the stack again.",
                resource.physical.as_deref().unwrap_or_default()
            );
            self.refuse(index, wanted, reason, step);
            return;
        }
        self.create(index, wanted, properties, tags, Some(resource), step);
    }

    /// What the stack policy says against an action.
    fn denied(&self, logical: &str, kind: &str, action: &str) -> Option<String> {
        let operation = self.operation.as_ref()?;
        operation.before.as_ref()?;
        let policy = operation.policy.as_deref().or(self.policy.as_deref())?;
        policy::denies(policy, logical, kind, action)
    }

    /// Lets the work fail before anything is asked of a service.
    fn refuse(&mut self, index: usize, wanted: &Wanted, reason: String, step: &mut Step<'_>) {
        let there = self.resource(&wanted.logical).is_some_and(Resource::is_there);
        let (verb, status) = if there {
            (Verb::Update, "UPDATE_IN_PROGRESS")
        } else {
            (Verb::Create, "CREATE_IN_PROGRESS")
        };
        if !there && self.resource(&wanted.logical).is_none() {
            self.resources.push(Resource::new(wanted, step.now));
        }
        self.mark(step.now, &wanted.logical, status, None);
        self.run(index, verb, &wanted.kind, Err(Trouble::own(reason)), None, step.now);
    }

    fn create(
        &mut self,
        index: usize,
        wanted: &Wanted,
        properties: Value,
        tags: Vec<Tag>,
        replaces: Option<Resource>,
        step: &mut Step<'_>,
    ) {
        let logical = wanted.logical.as_str();
        let mut resource = Resource::new(wanted, step.now);
        resource.properties = properties;
        resource.tags = tags;
        let status = if replaces.is_some() { "UPDATE_IN_PROGRESS" } else { "CREATE_IN_PROGRESS" };
        let reason = replaces.as_ref().map(|_| {
            "Requested update requires the creation of a new physical resource; hence creating one."
                .to_owned()
        });
        match self.resource_mut(logical) {
            // The old physical resource stays the resource's until there is a new one.
            Some(known) => *known = resource.clone(),
            None => self.resources.push(resource.clone()),
        }
        if let (Some(known), Some(old)) = (self.resource_mut(logical), &replaces) {
            known.physical.clone_from(&old.physical);
            known.attributes.clone_from(&old.attributes);
        }
        self.mark(step.now, logical, status, reason);
        let made = self.make(&resource, step);
        let outcome = match made {
            Ok(made) => {
                if let Some(known) = self.resource_mut(logical) {
                    known.physical = Some(made.physical);
                    known.attributes = made.attributes;
                }
                self.touched(logical);
                self.mark(
                    step.now,
                    logical,
                    status,
                    Some("Resource creation Initiated".to_owned()),
                );
                Ok(())
            }
            Err(trouble) => Err(trouble),
        };
        // A replacement that failed leaves the old resource in its place.
        let (verb, replaces) = match (&outcome, replaces) {
            (Err(_), Some(old)) => {
                if let Some(known) = self.resource_mut(logical) {
                    known.properties = old.properties;
                }
                (Verb::Update, None)
            }
            (_, replaces) => (Verb::Create, replaces),
        };
        self.run(index, verb, &wanted.kind, outcome, replaces, step.now);
    }

    /// Asks the service, or makes the resource up where no service is simulated.
    fn make(&self, resource: &Resource, step: &mut Step<'_>) -> Result<Made, Trouble> {
        if let Some(kind) = types::find(&resource.kind) {
            let faults = kind.faults(&resource.properties);
            if !faults.is_empty() {
                return Err(Trouble::own(format!(
                    "Properties validation failed for resource {} with message:\n{}",
                    resource.logical,
                    faults.join("\n")
                )));
            }
        }
        let fault = step.cloud.fault(self.place(), subject(resource), Verb::Create);
        if let Some(message) = fault {
            return Err(Trouble::new("GeneralServiceException", message));
        }
        let context = Context {
            account: &self.own.account,
            region: &self.own.region,
            stack: &self.own.stack_name,
            logical: &resource.logical,
        };
        let (kind, properties) = (resource.kind.as_str(), &resource.properties);
        let name = kinds::name(context, kind, properties, step.cloud);
        let key = kinds::name_property(kind).map(|_| name_key(&self.own, kind, properties, &name));
        if let Some(owner) = key.as_ref().and_then(|key| step.shared.names.get(key)) {
            return Err(Trouble::own(format!("{name} already exists in stack {owner}")));
        }
        let subject = Subject { physical: &name, ..subject(resource) };
        let made = match step.cloud.create(self.place(), subject) {
            Some(made) => made?,
            None => kinds::make(context, kind, &name, properties, step.cloud),
        };
        if let Some(key) = key {
            step.shared.names.insert(key, self.own.stack_id.clone());
        }
        Ok(made)
    }

    fn change(
        &mut self,
        index: usize,
        verb: Verb,
        before: &Resource,
        properties: Value,
        tags: Vec<Tag>,
        step: &mut Step<'_>,
    ) {
        let logical = before.logical.as_str();
        self.mark(step.now, logical, "UPDATE_IN_PROGRESS", None);
        let mut after = before.clone();
        after.properties = properties;
        after.tags = tags;
        let outcome = self.ask_change(verb, before, &after, step);
        if outcome.is_ok()
            && let Some(known) = self.resource_mut(logical)
        {
            known.properties = after.properties;
            known.tags = after.tags;
        }
        self.run(index, verb, &before.kind, outcome, None, step.now);
    }

    fn ask_change(
        &self,
        verb: Verb,
        before: &Resource,
        after: &Resource,
        step: &mut Step<'_>,
    ) -> Result<(), Trouble> {
        if let Some(kind) = types::find(&after.kind) {
            let faults = kind.faults(&after.properties);
            if !faults.is_empty() {
                return Err(Trouble::own(format!(
                    "Properties validation failed for resource {} with message:\n{}",
                    after.logical,
                    faults.join("\n")
                )));
            }
        }
        if let Some(message) = step.cloud.fault(self.place(), subject(after), verb) {
            return Err(Trouble::new("GeneralServiceException", message));
        }
        step.cloud.update(self.place(), subject(after), &before.properties).unwrap_or(Ok(()))
    }

    /// Puts a resource back as it was before the update.
    fn restore(&mut self, index: usize, before: &Resource, step: &mut Step<'_>) {
        let logical = before.logical.as_str();
        let operation = self.operation.as_ref();
        let skipped = operation.is_some_and(|operation| operation.skip.contains(logical));
        let touched = operation.is_some_and(|operation| operation.touched.contains(logical));
        let Some(current) = self.resource(logical).cloned() else {
            self.resources.push(before.clone());
            self.done(index);
            return;
        };
        if skipped {
            self.mark(step.now, logical, "UPDATE_COMPLETE", None);
            self.done(index);
            return;
        }
        if !touched {
            if let Some(known) = self.resource_mut(logical) {
                *known = before.clone();
            }
            self.done(index);
            return;
        }
        if current.physical != before.physical {
            // The resource that was there is still there; its replacement goes in the cleanup.
            if let Some(operation) = &mut self.operation {
                operation.discarded.retain(|old| old.physical != before.physical);
                operation.discarded.push(current);
            }
            if let Some(known) = self.resource_mut(logical) {
                *known = before.clone();
            }
            self.mark(step.now, logical, "UPDATE_COMPLETE", None);
            self.done(index);
            return;
        }
        if let Some(known) = self.resource_mut(logical) {
            known.needs.clone_from(&before.needs);
            known.metadata = before.metadata.clone();
            known.deletion.clone_from(&before.deletion);
            known.replacement.clone_from(&before.replacement);
        }
        let (properties, tags) = (before.properties.clone(), before.tags.clone());
        self.change(index, Verb::Restore, &current, properties, tags, step);
    }

    /// Removes what stands behind a resource, unless a policy keeps it.
    fn remove(&mut self, index: usize, resource: &Resource, step: &mut Step<'_>) {
        let logical = resource.logical.as_str();
        let discard = self.operation.as_ref().and_then(|o| o.work.get(index));
        let discard = discard.is_some_and(|work| matches!(work.task, Task::Discard(_)));
        if resource.status == "DELETE_COMPLETE" && !discard {
            self.done(index);
            return;
        }
        let policy = if discard { &resource.replacement } else { &resource.deletion };
        let created_now = self.operation.as_ref().is_some_and(|operation| {
            operation.before.is_none() || operation.touched.contains(logical)
        });
        let keeps = match policy.as_deref() {
            Some("Retain") => true,
            Some("RetainExceptOnCreate") => !created_now,
            _ => false,
        };
        let skipped = self.operation.as_ref().is_some_and(|o| !discard && o.skip.contains(logical));
        if keeps || skipped {
            if !discard {
                self.mark(step.now, logical, "DELETE_SKIPPED", None);
            }
            self.done(index);
            return;
        }
        let status = "DELETE_IN_PROGRESS";
        if discard {
            let physical = resource.physical.clone().unwrap_or_default();
            let (kind, properties) = (&resource.kind, &resource.properties);
            self.note(step.now, logical, &physical, kind, status, None, Some(properties));
        } else {
            self.mark(step.now, logical, status, None);
        }
        let outcome = if resource.is_there() { self.ask_removal(resource, step) } else { Ok(()) };
        let kind = if resource.is_there() { resource.kind.as_str() } else { "" };
        self.run(index, Verb::Delete, kind, outcome, None, step.now);
    }

    fn ask_removal(&self, resource: &Resource, step: &mut Step<'_>) -> Result<(), Trouble> {
        if let Some(message) = step.cloud.fault(self.place(), subject(resource), Verb::Delete) {
            return Err(Trouble::new("GeneralServiceException", message));
        }
        if let Some(text) = protected(resource) {
            return Err(Trouble::new("InvalidRequest", text));
        }
        if let Some(outcome) = step.cloud.delete(self.place(), subject(resource)) {
            outcome?;
        }
        let own = kinds::name_property(&resource.kind);
        let name = own.and_then(|key| resource.properties.get(key)).and_then(Value::as_str);
        if let Some(name) = name {
            let key = name_key(&self.own, &resource.kind, &resource.properties, name);
            step.shared.names.remove(&key);
        }
        Ok(())
    }
}

/// What a service says against the deletion of a resource that is protected.
fn protected(resource: &Resource) -> Option<String> {
    let properties = &resource.properties;
    let yes = |value: Option<&Value>| {
        value.is_some_and(|value| value == true || value.as_str() == Some("true"))
    };
    let name = resource.physical.as_deref().unwrap_or_default();
    match resource.kind.as_str() {
        "AWS::RDS::DBCluster" if yes(properties.get("DeletionProtection")) => Some(
            "Cannot delete protected Cluster, please disable deletion protection and try again."
                .to_owned(),
        ),
        "AWS::RDS::DBInstance" if yes(properties.get("DeletionProtection")) => Some(
            "Cannot delete protected DB Instance, please disable deletion protection and try again."
                .to_owned(),
        ),
        "AWS::RDS::GlobalCluster" if yes(properties.get("DeletionProtection")) => Some(
            "This Global Cluster is protected and cannot be deleted. Disable deletion protection \
             and try again."
                .to_owned(),
        ),
        "AWS::DynamoDB::Table" if yes(properties.get("DeletionProtectionEnabled")) => Some(
            "Resource cannot be deleted as it is currently protected against deletion. Disable \
             deletion protection first."
                .to_owned(),
        ),
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let list = properties.get("LoadBalancerAttributes").and_then(Value::as_array)?;
            let set = list.iter().any(|attribute| {
                attribute.get("Key").and_then(Value::as_str) == Some("deletion_protection.enabled")
                    && yes(attribute.get("Value"))
            });
            set.then(|| {
                format!("Load balancer '{name}' cannot be deleted because deletion protection is enabled")
            })
        }
        _ => None,
    }
}

/// The top-level properties in which two sets differ.
pub(super) fn changed(before: &Value, after: &Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (before, after) =
        (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut names: Vec<String> = before
        .iter()
        .filter(|(name, value)| after.get(*name).is_none_or(|new| !same(value, new)))
        .map(|(name, _)| name.clone())
        .collect();
    names.extend(after.keys().filter(|name| !before.contains_key(*name)).cloned());
    names.sort();
    names
}

/// What a change of a property means for a type.
pub(super) fn recreation(kind: &str, property: &str) -> Recreation {
    types::find(kind).map_or(Recreation::Never, |kind| kind.recreation(property))
}
