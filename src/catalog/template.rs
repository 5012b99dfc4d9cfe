//! One template, read.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::head::{Head, RawHead};
use super::parameter::Parameter;
use super::yaml;

/// A template of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The name of its file.
    pub name: &'static str,
    /// The text that CloudFormation gets.
    pub text: &'static str,
    /// The SHA-256 of the text, in hexadecimal digits.
    pub digest: String,
    /// What it is, for a person.
    pub description: String,
    /// What the engine must know of it.
    pub head: Head,
    /// Its parameters, in the order of the file.
    pub parameters: Vec<Parameter>,
    /// Its resources, in the order of the file.
    pub resources: Vec<Resource>,
    /// Its outputs, in the order of the file.
    pub outputs: Vec<Output>,
    /// `Conditions`, functions in their long form.
    pub conditions: Map<String, Value>,
    /// `Mappings`.
    pub mappings: Map<String, Value>,
}

/// A declared resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The condition under which it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Its properties, functions in their long form.
    #[serde(skip)]
    pub properties: Value,
}

/// A declared output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
}

/// Why a text is no template of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The template.
    pub name: &'static str,
    /// What is wrong, with the place where there is one.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "templates/cloudformation/{}.yml: {}", self.name, self.message)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template; the error says what is wrong and where.
    pub(super) fn read(name: &'static str, text: &'static str) -> Result<Self, TemplateError> {
        let fail = |message: String| TemplateError { name, message };
        let yaml = serde_yaml::from_str(text).map_err(|error| fail(error.to_string()))?;
        let Value::Object(mut body) = yaml::json(yaml).map_err(fail)? else {
            return Err(fail("the template is no mapping".into()));
        };
        let head: RawHead = match body.get("Metadata").and_then(|meta| meta.get("HaDeploy")) {
            Some(head) => serde_json::from_value(head.clone())
                .map_err(|error| fail(format!("Metadata.HaDeploy: {error}")))?,
            None => return Err(fail("Metadata.HaDeploy is missing".into())),
        };
        let parameters = object(&mut body, "Parameters")
            .into_iter()
            .map(|(id, value)| {
                let parameter: Parameter = serde_json::from_value(value)
                    .map_err(|error| fail(format!("Parameters.{id}: {error}")))?;
                Ok(Parameter { name: id, ..parameter })
            })
            .collect::<Result<_, TemplateError>>()?;
        let resources = object(&mut body, "Resources")
            .into_iter()
            .map(|(id, mut value)| {
                let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
                let (kind, condition) = (text("Type"), text("Condition"));
                let properties = value.get_mut("Properties").map(Value::take).unwrap_or_default();
                match kind {
                    Some(kind) => Ok(Resource { id, kind, condition, properties }),
                    None => Err(fail(format!("Resources.{id} has no Type"))),
                }
            })
            .collect::<Result<_, _>>()?;
        let outputs = object(&mut body, "Outputs").into_iter().map(|(name, value)| Output {
            name,
            description: value.get("Description").and_then(Value::as_str).map(str::to_owned),
        });
        let outputs = outputs.collect();
        let description = body.get("Description").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            name,
            text,
            digest: hex(&Sha256::digest(text.as_bytes())),
            description: description.trim().to_owned(),
            head: head.into(),
            parameters,
            resources,
            outputs,
            conditions: object(&mut body, "Conditions"),
            mappings: object(&mut body, "Mappings"),
        })
    }

    /// A parameter by name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// A resource by logical id.
    pub fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// The capabilities that a change set must acknowledge (CloudFormation API reference,
    /// `CreateChangeSet`): named IAM resources are in most templates, macros in none.
    pub fn capabilities(&self) -> Vec<&'static str> {
        let iam = self.resources.iter().any(|resource| resource.kind.starts_with("AWS::IAM::"));
        if iam { vec!["CAPABILITY_NAMED_IAM"] } else { Vec::new() }
    }
}

fn object(body: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match body.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
