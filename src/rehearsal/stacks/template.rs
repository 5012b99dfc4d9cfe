//! A template: its sections, and what CloudFormation refuses before anything happens.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::parameters::Declared;
use super::read::read;
use super::references::References;
use super::types;

/// Quotas of one template (CloudFormation user guide, "Understand CloudFormation quotas").
const MOST_RESOURCES: usize = 500;
const MOST_PARAMETERS: usize = 200;
const MOST_OUTPUTS: usize = 200;
const MOST_MAPPINGS: usize = 200;
/// The longest template in a request; a longer one has to come from S3.
pub(super) const LONGEST: usize = 51_200;

const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
];

/// A template whose form is right.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    /// As it was sent.
    pub(super) body: String,
    pub(super) description: Option<String>,
    pub(super) metadata: Value,
    pub(super) parameters: Vec<Declared>,
    pub(super) mappings: Map<String, Value>,
    pub(super) conditions: Map<String, Value>,
    pub(super) resources: Vec<Spec>,
    pub(super) outputs: Vec<OutputSpec>,
}

/// A resource as a template declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) logical: String,
    pub(super) kind: String,
    pub(super) condition: Option<String>,
    pub(super) properties: Value,
    pub(super) depends_on: Vec<String>,
    pub(super) deletion_policy: Option<String>,
    pub(super) replace_policy: Option<String>,
    pub(super) metadata: Value,
}

/// An output as a template declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OutputSpec {
    pub(super) key: String,
    pub(super) condition: Option<String>,
    pub(super) value: Value,
    pub(super) description: Option<String>,
    pub(super) export: Option<Value>,
}

type Checked<T> = Result<T, String>;

fn section<'a>(tree: &'a Map<String, Value>, name: &str) -> Checked<Vec<(&'a String, &'a Value)>> {
    match tree.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Object(members)) => Ok(members.iter().collect()),
        Some(_) => Err(format!("Template format error: [/{name}] 'null' values are not allowed")),
    }
}

fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn at_most(count: usize, most: usize, what: &str) -> Checked<()> {
    if count > most {
        return Err(format!(
            "Template format error: Number of {what}, {count}, is greater than maximum allowed, \
             {most}"
        ));
    }
    Ok(())
}

impl Template {
    /// Reads and checks a template.
    pub(super) fn parse(body: &str) -> Checked<Self> {
        let tree = read(body)?;
        let empty = Map::new();
        let tree = tree.as_object().unwrap_or(&empty);
        let strange: Vec<&str> =
            tree.keys().map(String::as_str).filter(|key| !SECTIONS.contains(key)).collect();
        if !strange.is_empty() {
            let list = strange.join(", ");
            return Err(format!("Invalid template property or properties [{list}]"));
        }
        if tree.get("AWSTemplateFormatVersion").is_some_and(|v| v != "2010-09-09") {
            return Err(
                "Template format error: unsupported value for AWSTemplateFormatVersion.".to_owned()
            );
        }
        for name in ["Transform", "Rules"] {
            if tree.contains_key(name) {
                return Err(format!("the rehearsal does not simulate templates with {name}"));
            }
        }
        let parameters = section(tree, "Parameters")?
            .into_iter()
            .map(|(name, declared)| Declared::parse(name, declared))
            .collect::<Checked<Vec<_>>>()?;
        let resources = section(tree, "Resources")?
            .into_iter()
            .map(|(logical, spec)| Spec::parse(logical, spec))
            .collect::<Checked<Vec<_>>>()?;
        if resources.is_empty() {
            let text = "Template format error: At least one Resources member must be defined.";
            return Err(text.to_owned());
        }
        let outputs = section(tree, "Outputs")?
            .into_iter()
            .map(|(key, spec)| OutputSpec::parse(key, spec))
            .collect::<Checked<Vec<_>>>()?;
        let members = |name: &str| tree.get(name).and_then(Value::as_object).cloned();
        section(tree, "Mappings")?;
        section(tree, "Conditions")?;
        let template = Self {
            body: body.to_owned(),
            description: tree.get("Description").and_then(Value::as_str).map(str::to_owned),
            metadata: tree.get("Metadata").cloned().unwrap_or(Value::Null),
            parameters,
            mappings: members("Mappings").unwrap_or_default(),
            conditions: members("Conditions").unwrap_or_default(),
            resources,
            outputs,
        };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Checked<()> {
        at_most(self.parameters.len(), MOST_PARAMETERS, "parameters")?;
        at_most(self.resources.len(), MOST_RESOURCES, "resources")?;
        at_most(self.outputs.len(), MOST_OUTPUTS, "outputs")?;
        at_most(self.mappings.len(), MOST_MAPPINGS, "mappings")?;
        let unknown: BTreeSet<&str> =
            self.resources.iter().map(|spec| spec.kind.as_str()).collect();
        let unknown: Vec<&str> = unknown.into_iter().filter(|k| types::find(k).is_none()).collect();
        if !unknown.is_empty() {
            let list = unknown.join(", ");
            return Err(format!("Template format error: Unrecognized resource types: [{list}]"));
        }
        let mut uses = BTreeSet::new();
        for spec in &self.resources {
            let unknown: Vec<&str> = spec
                .depends_on
                .iter()
                .map(String::as_str)
                .filter(|name| self.resource(name).is_none())
                .collect();
            if !unknown.is_empty() {
                return Err(unresolved(&unknown, "Resources"));
            }
            self.check_references(&spec.properties, "Resources", &mut uses)?;
        }
        for output in &self.outputs {
            for value in std::iter::once(&output.value).chain(&output.export) {
                self.check_references(value, "Outputs", &mut uses)?;
            }
        }
        for value in self.conditions.values() {
            self.check_condition(value, &mut uses)?;
        }
        uses.extend(self.resources.iter().filter_map(|spec| spec.condition.as_deref()));
        uses.extend(self.outputs.iter().filter_map(|spec| spec.condition.as_deref()));
        let unknown: Vec<&str> =
            uses.into_iter().filter(|name| !self.conditions.contains_key(*name)).collect();
        if !unknown.is_empty() {
            let list = unknown.join(", ");
            return Err(format!(
                "Template format error: Unresolved condition dependency {list} in \
                                the Conditions block of the template"
            ));
        }
        Ok(())
    }

    /// Conditions may refer to parameters and other conditions only.
    fn check_condition<'a>(&self, value: &'a Value, uses: &mut BTreeSet<&'a str>) -> Checked<()> {
        let mut found = References::default();
        found.collect(value);
        uses.extend(&found.conditions);
        let strange: Vec<&str> = found
            .refs
            .iter()
            .copied()
            .filter(|name| !self.has_parameter(name) && !name.starts_with("AWS::"))
            .chain(found.attributes.keys().copied())
            .collect();
        if strange.is_empty() { Ok(()) } else { Err(unresolved(&strange, "Conditions")) }
    }

    /// Refuses references that lead nowhere, wherever they stand: CloudFormation does so before
    /// it looks at conditions.
    fn check_references<'a>(
        &self,
        value: &'a Value,
        block: &str,
        uses: &mut BTreeSet<&'a str>,
    ) -> Checked<()> {
        let mut found = References::default();
        found.collect(value);
        uses.extend(&found.conditions);
        let strange: Vec<&str> = found
            .refs
            .iter()
            .copied()
            .filter(|name| {
                !self.has_parameter(name) && self.resource(name).is_none() && !PSEUDO.contains(name)
            })
            .collect();
        if !strange.is_empty() {
            return Err(unresolved(&strange, block));
        }
        for (name, attributes) in &found.attributes {
            let Some(spec) = self.resource(name) else {
                return Err(format!(
                    "Template error: instance of Fn::GetAtt references undefined resource {name}"
                ));
            };
            let kind = types::find(&spec.kind);
            for attribute in attributes {
                if kind.is_some_and(|kind| !kind.has_attribute(attribute)) {
                    return Err(format!(
                        "Template error: resource {name} does not support attribute type \
                         {attribute} in Fn::GetAtt"
                    ));
                }
            }
        }
        let unmapped = found.maps.iter().find(|name| !self.mappings.contains_key(**name));
        if let Some(name) = unmapped {
            return Err(format!(
                "Template error: Mapping named '{name}' is not present in the 'Mappings' section \
                 of template."
            ));
        }
        Ok(())
    }

    pub(super) fn resource(&self, logical: &str) -> Option<&Spec> {
        self.resources.iter().find(|spec| spec.logical == logical)
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|declared| declared.name == name)
    }

    /// The capability that the template needs, and the resources that need it.
    pub(super) fn capability(&self) -> Option<(&'static str, Vec<&str>)> {
        let iam = self.resources.iter().filter(|spec| needs_capability(&spec.kind));
        let iam: Vec<&Spec> = iam.collect();
        let named = |spec: &&Spec| {
            ["RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"]
                .iter()
                .any(|key| spec.properties.get(key).is_some())
        };
        if iam.is_empty() {
            return None;
        }
        let capability =
            if iam.iter().any(named) { "CAPABILITY_NAMED_IAM" } else { "CAPABILITY_IAM" };
        let mut kinds: Vec<&str> = iam.iter().map(|spec| spec.kind.as_str()).collect();
        kinds.dedup();
        Some((capability, kinds))
    }
}

/// The types that CloudFormation makes acknowledge (user guide, "Acknowledging IAM resources").
fn needs_capability(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::IAM::InstanceProfile"
            | "AWS::IAM::ManagedPolicy"
            | "AWS::IAM::Policy"
            | "AWS::IAM::Role"
            | "AWS::IAM::RolePolicy"
    )
}

fn unresolved(names: &[&str], block: &str) -> String {
    let list = names.join(", ");
    format!(
        "Template format error: Unresolved resource dependencies [{list}] in the {block} block of \
         the template"
    )
}

pub(super) const PSEUDO: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

impl Spec {
    fn parse(logical: &str, spec: &Value) -> Checked<Self> {
        if logical.is_empty() || !logical.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!(
                "Template format error: Resource name {logical} is non alphanumeric."
            ));
        }
        let Some(members) = spec.as_object() else {
            return Err(
                "Template format error: Every Resources object must contain a Type member."
                    .to_owned(),
            );
        };
        let known = [
            "Type",
            "Properties",
            "Condition",
            "DependsOn",
            "DeletionPolicy",
            "UpdateReplacePolicy",
            "Metadata",
            "CreationPolicy",
            "UpdatePolicy",
        ];
        if let Some(strange) = members.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("Invalid template resource property '{strange}'"));
        }
        let Some(kind) = text(spec, "Type") else {
            let text = "Template format error: [/Resources/{}] Every Resources object must contain \
                        a Type member.";
            return Err(text.replace("{}", logical));
        };
        for key in ["CreationPolicy", "UpdatePolicy"] {
            // A creation policy without resource signals only asks for what is simulated anyway.
            if key == "CreationPolicy"
                && members.get(key).is_some_and(|p| p.get("ResourceSignal").is_some())
            {
                return Err(format!("the rehearsal does not simulate {logical} with {key}"));
            }
        }
        let policies = |key: &str| -> Checked<Option<String>> {
            let allowed = ["Delete", "Retain", "Snapshot", "RetainExceptOnCreate"];
            match members.get(key) {
                None => Ok(None),
                Some(Value::String(policy)) if allowed.contains(&policy.as_str()) => {
                    Ok(Some(policy.clone()))
                }
                Some(_) => {
                    Err(format!("Template format error: Unrecognized {key} in resource {logical}"))
                }
            }
        };
        let properties = members.get("Properties").cloned().unwrap_or(Value::Object(Map::new()));
        if !properties.is_object() {
            return Err(format!(
                "Template format error: [/Resources/{logical}/Properties] 'null' values are not \
                 allowed in templates"
            ));
        }
        Ok(Self {
            logical: logical.to_owned(),
            kind,
            condition: text(spec, "Condition"),
            properties,
            depends_on: match members.get("DependsOn") {
                Some(Value::String(one)) => vec![one.clone()],
                Some(Value::Array(some)) => {
                    some.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
            deletion_policy: policies("DeletionPolicy")?,
            replace_policy: policies("UpdateReplacePolicy")?,
            metadata: members.get("Metadata").cloned().unwrap_or(Value::Null),
        })
    }
}

impl OutputSpec {
    fn parse(key: &str, spec: &Value) -> Checked<Self> {
        let Some(value) = spec.get("Value") else {
            return Err(format!(
                "Template format error: Output {key} is malformed. The Value field is required."
            ));
        };
        Ok(Self {
            key: key.to_owned(),
            condition: text(spec, "Condition"),
            value: value.clone(),
            description: text(spec, "Description"),
            export: spec.get("Export").and_then(|export| export.get("Name")).cloned(),
        })
    }
}
