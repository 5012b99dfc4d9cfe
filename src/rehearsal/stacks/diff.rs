//! What a change set says that it would do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::change_sets::Fault;
use super::kinds;
use super::machine::Shared;
use super::parameters::Parameter;
use super::references::References;
use super::resolve::{Names, Own, Scope, UNKNOWN};
use super::stack::{Deployment, Resource, Stack, Wanted};
use super::touch::{changed, recreation};
use super::types::{self, Recreation, same};

/// What is to happen to a resource, as far as its dependents care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unchanged,
    Modified,
    MaybeReplaced,
    Replaced,
    Added,
}

/// The names of resources before anything is done: what will change is unknown.
struct Ahead<'a> {
    fates: &'a BTreeMap<String, Fate>,
    resources: &'a [Resource],
    shared: &'a Shared,
    region: &'a str,
}

impl Ahead<'_> {
    fn fate(&self, logical: &str) -> Fate {
        self.fates.get(logical).copied().unwrap_or(Fate::Added)
    }

    fn resource(&self, logical: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.logical == logical)
    }
}

impl Names for Ahead<'_> {
    fn reference(&self, logical: &str) -> Option<Value> {
        match self.fate(logical) {
            Fate::Unchanged | Fate::Modified => self.resource(logical).map(Resource::reference),
            Fate::MaybeReplaced | Fate::Replaced | Fate::Added => Some(UNKNOWN.into()),
        }
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Option<Value> {
        match self.fate(logical) {
            Fate::Unchanged => self.resource(logical)?.attribute(attribute),
            // CloudFormation does not know which attributes a change in place keeps.
            _ => Some(UNKNOWN.into()),
        }
    }

    fn import(&self, name: &str) -> Option<String> {
        self.shared.exports.get(&(self.region.to_owned(), name.to_owned())).cloned()
    }
}

/// A resource of the target with its properties, as far as they are known.
struct Foreseen {
    wanted: Wanted,
    properties: Value,
    fate: Fate,
}

fn foresee(
    deployment: &Deployment,
    own: &Own,
    previous: Option<&Stack>,
    shared: &Shared,
) -> Result<Vec<Foreseen>, String> {
    let scope = Scope::new(own, &deployment.template, &deployment.parameters)?;
    let resources = previous.map_or(&[][..], |stack| stack.resources.as_slice());
    let mut fates = BTreeMap::new();
    let mut foreseen = Vec::new();
    for wanted in deployment.wanted(own)? {
        let names = Ahead { fates: &fates, resources, shared, region: &own.region };
        let properties = scope.resolve(&wanted.properties, &names)?.unwrap_or(Value::Null);
        let fate = match names.resource(&wanted.logical).filter(|resource| resource.is_there()) {
            None => Fate::Added,
            Some(had) => fate(had, &wanted, &properties, deployment),
        };
        fates.insert(wanted.logical.clone(), fate);
        foreseen.push(Foreseen { wanted, properties, fate });
    }
    Ok(foreseen)
}

fn has_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(UNKNOWN),
        Value::Array(items) => items.iter().any(has_unknown),
        Value::Object(members) => members.values().any(has_unknown),
        _ => false,
    }
}

fn fate(had: &Resource, wanted: &Wanted, properties: &Value, deployment: &Deployment) -> Fate {
    let mut fate = Fate::Unchanged;
    for name in changed(&had.properties, properties) {
        let unknown = properties.get(&name).is_some_and(has_unknown);
        let new = match (recreation(&wanted.kind, &name), unknown) {
            (Recreation::Always, false) => Fate::Replaced,
            (Recreation::Always, true) | (Recreation::Conditionally, _) => Fate::MaybeReplaced,
            (Recreation::Never, _) => Fate::Modified,
        };
        if new as u8 > fate as u8 {
            fate = new;
        }
    }
    if fate == Fate::Unchanged && tags_differ(had, deployment) {
        fate = Fate::Modified;
    }
    fate
}

fn tags_differ(had: &Resource, deployment: &Deployment) -> bool {
    let taggable = types::find(&had.kind).is_some_and(|kind| kind.tags.is_some());
    taggable && had.tags != deployment.tags
}

/// The changes in the form of the API.
pub(super) fn changes(
    deployment: &Deployment,
    own: &Own,
    previous: Option<&Stack>,
    shared: &Shared,
) -> Result<Vec<Value>, String> {
    let foreseen = foresee(deployment, own, previous, shared)?;
    let fates: BTreeMap<&str, Fate> =
        foreseen.iter().map(|f| (f.wanted.logical.as_str(), f.fate)).collect();
    let mut changes = Vec::new();
    let Some(stack) = previous else {
        for new in &foreseen {
            changes.push(added(new));
        }
        sort(&mut changes);
        return Ok(changes);
    };
    let had_parameters = stack.deployment.as_ref().map_or(&[][..], |d| d.parameters.as_slice());
    let parameters = changed_parameters(had_parameters, &deployment.parameters);
    for new in &foreseen {
        match stack.resource(&new.wanted.logical).filter(|resource| resource.is_there()) {
            None => changes.push(added(new)),
            Some(had) => changes.extend(modified(new, had, deployment, &parameters, &fates)),
        }
    }
    let kept: BTreeSet<&str> = fates.keys().copied().collect();
    for gone in stack.resources.iter().filter(|r| !kept.contains(r.logical.as_str())) {
        let policy = match gone.deletion.as_deref() {
            Some("Retain") => "Retain",
            Some("Snapshot") => "Snapshot",
            _ => "Delete",
        };
        changes.push(change(json!({
            "Action": "Remove",
            "LogicalResourceId": gone.logical,
            "PhysicalResourceId": gone.physical,
            "ResourceType": gone.kind,
            "PolicyAction": policy,
            "Scope": [],
            "Details": [],
            "BeforeContext": json!({"Properties": gone.properties}).to_string(),
        })));
    }
    sort(&mut changes);
    Ok(changes)
}

/// By logical id, as the API lists them.
fn sort(changes: &mut [Value]) {
    changes.sort_by_key(|change| {
        let id = change.pointer("/ResourceChange/LogicalResourceId");
        id.and_then(Value::as_str).map(str::to_owned)
    });
}

fn change(resource: Value) -> Value {
    json!({"Type": "Resource", "ResourceChange": resource})
}

fn added(new: &Foreseen) -> Value {
    change(json!({
        "Action": "Add",
        "LogicalResourceId": new.wanted.logical,
        "ResourceType": new.wanted.kind,
        "Scope": [],
        "Details": [],
        "AfterContext": json!({"Properties": new.properties}).to_string(),
    }))
}

fn changed_parameters<'a>(before: &[Parameter], after: &'a [Parameter]) -> BTreeSet<&'a str> {
    after
        .iter()
        .filter(|new| {
            before
                .iter()
                .find(|old| old.key == new.key)
                .is_none_or(|old| old.value != new.value || old.resolved != new.resolved)
        })
        .map(|parameter| parameter.key.as_str())
        .collect()
}

fn modified(
    new: &Foreseen,
    had: &Resource,
    deployment: &Deployment,
    parameters: &BTreeSet<&str>,
    fates: &BTreeMap<&str, Fate>,
) -> Option<Value> {
    let names = changed(&had.properties, &new.properties);
    let (mut scope, mut details) = (Vec::new(), Vec::new());
    for name in &names {
        details.extend(detail(new, had, name, parameters, fates));
    }
    if !names.is_empty() {
        scope.push("Properties");
    }
    if tags_differ(had, deployment) {
        scope.push("Tags");
        details.push(json!({
            "Target": {"Attribute": "Tags", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }));
    }
    for (attribute, before, after) in [
        ("Metadata", &had.metadata, &new.wanted.metadata),
        ("DeletionPolicy", &json!(had.deletion), &json!(new.wanted.deletion)),
        ("UpdateReplacePolicy", &json!(had.replacement), &json!(new.wanted.replacement)),
    ] {
        if !same(before, after) {
            scope.push(attribute);
            details.push(json!({
                "Target": {"Attribute": attribute, "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }));
        }
    }
    if details.is_empty() {
        return None;
    }
    let replacement = match new.fate {
        Fate::Replaced => "True",
        Fate::MaybeReplaced => "Conditional",
        _ => "False",
    };
    let policy = (new.fate == Fate::Replaced).then_some(match had.replacement.as_deref() {
        Some("Retain") => "ReplaceAndRetain",
        Some("Snapshot") => "ReplaceAndSnapshot",
        _ => "ReplaceAndDelete",
    });
    Some(change(json!({
        "Action": "Modify",
        "LogicalResourceId": had.logical,
        "PhysicalResourceId": had.physical,
        "ResourceType": had.kind,
        "Replacement": replacement,
        "PolicyAction": policy,
        "Scope": scope,
        "Details": details,
        "BeforeContext": json!({"Properties": had.properties}).to_string(),
        "AfterContext": json!({"Properties": new.properties}).to_string(),
    })))
}

/// Why a property changes: by a parameter, by another resource, or because the template says so.
fn detail(
    new: &Foreseen,
    had: &Resource,
    name: &str,
    parameters: &BTreeSet<&str>,
    fates: &BTreeMap<&str, Fate>,
) -> Vec<Value> {
    let expression = new.wanted.properties.get(name).unwrap_or(&Value::Null);
    let mut found = References::default();
    found.collect(expression);
    let before = had.properties.get(name);
    let after = new.properties.get(name);
    let kind = match (before, after) {
        (None, _) => "Add",
        (_, None) => "Remove",
        _ => "Modify",
    };
    let shown = |value: Option<&Value>| {
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let target = json!({
        "Attribute": "Properties",
        "Name": name,
        "RequiresRecreation": recreation(&had.kind, name).as_str(),
        "Path": format!("/Properties/{name}"),
        "BeforeValue": shown(before),
        "AfterValue": shown(after),
        "AttributeChangeType": kind,
    });
    let entry = |source: &str, evaluation: &str, cause: Option<String>| {
        json!({
            "Target": target,
            "Evaluation": evaluation,
            "ChangeSource": source,
            "CausingEntity": cause,
        })
    };
    let moved = |logical: &str| fates.get(logical).is_some_and(|fate| *fate != Fate::Unchanged);
    let replaced = |logical: &str| {
        fates.get(logical).is_some_and(|f| !matches!(f, Fate::Unchanged | Fate::Modified))
    };
    let mut entries = Vec::new();
    for name in found.refs.iter().filter(|name| parameters.contains(**name)) {
        entries.push(entry("ParameterReference", "Static", Some((*name).to_owned())));
    }
    for name in found.refs.iter().filter(|name| replaced(name)) {
        entries.push(entry("ResourceReference", "Dynamic", Some((*name).to_owned())));
    }
    for (name, attributes) in found.attributes.iter().filter(|(name, _)| moved(name)) {
        for attribute in attributes {
            entries.push(entry(
                "ResourceAttribute",
                "Dynamic",
                Some(format!("{name}.{attribute}")),
            ));
        }
    }
    // Beside a parameter CloudFormation names a possible direct change, too; alone it is certain.
    let evaluation = if entries.is_empty() { "Static" } else { "Dynamic" };
    entries.push(entry("DirectModification", evaluation, None));
    entries
}

/// Removes what `DescribeChangeSet` shows only with `IncludePropertyValues`.
pub(super) fn without_values(change: &mut Value) {
    let Some(resource) = change.get_mut("ResourceChange").and_then(Value::as_object_mut) else {
        return;
    };
    resource.remove("BeforeContext");
    resource.remove("AfterContext");
    let details = resource.get_mut("Details").and_then(Value::as_array_mut);
    for detail in details.into_iter().flatten() {
        if let Some(target) = detail.get_mut("Target").and_then(Value::as_object_mut) {
            for key in ["Path", "BeforeValue", "AfterValue", "AttributeChangeType"] {
                target.remove(key);
            }
        }
    }
}

/// What the early validation of a change set finds: properties that the schema refuses, and names
/// that are taken (CloudFormation user guide, "Validate stack deployments").
pub(super) fn faults(
    deployment: &Deployment,
    own: &Own,
    previous: Option<&Stack>,
    shared: &Shared,
) -> Vec<Fault> {
    let Ok(foreseen) = foresee(deployment, own, previous, shared) else { return Vec::new() };
    let mut faults = Vec::new();
    for new in foreseen.iter().filter(|new| new.fate != Fate::Unchanged) {
        let (logical, kind) = (&new.wanted.logical, &new.wanted.kind);
        let found = types::find(kind).map(|kind| kind.faults(&new.properties));
        for text in found.unwrap_or_default() {
            faults.push(Fault {
                logical: logical.clone(),
                kind: kind.clone(),
                check: "AWS::EarlyValidation::PropertyValidation",
                path: format!("/Resources/{logical}/Properties"),
                text,
            });
        }
        let own_name = kinds::name_property(kind).and_then(|key| new.properties.get(key));
        let Some(name) = own_name.and_then(Value::as_str).filter(|_| new.fate == Fate::Added)
        else {
            continue;
        };
        if let Some(owner) = shared.owner(own, kind, &new.properties, name) {
            faults.push(Fault {
                logical: logical.clone(),
                kind: kind.clone(),
                check: "AWS::EarlyValidation::ResourceExistenceCheck",
                path: format!("/Resources/{logical}"),
                text: format!(
                    "Resource of type '{kind}' with identifier '{name}' already exists ({owner})."
                ),
            });
        }
    }
    faults
}
