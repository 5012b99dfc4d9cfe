//! Templates: what they say, without a stack.

use serde_json::{Value, json};

use crate::rehearsal::call::Reply;
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::request::{invalid, text};
use crate::rehearsal::stacks::template::Template;
use crate::rehearsal::stacks::types;

impl Stacks {
    pub(super) fn get_template(&self, region: &str, input: &Value) -> Reply {
        let body = if text(input, "ChangeSetName").is_some() {
            let at = self.change_set(region, input)?;
            self.change_sets.get(at).map(|set| set.deployment.template.body.clone())
        } else {
            let name = text(input, "StackName").unwrap_or_default();
            let stack = self.known(region, name)?;
            stack.deployment.as_ref().map(|deployment| deployment.template.body.clone())
        };
        Ok(json!({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}))
    }

    pub(super) fn validate_template(&self, input: &Value) -> Reply {
        let template = self.template(input, None)?;
        let parameters: Vec<Value> = template
            .parameters
            .iter()
            .map(|declared| {
                json!({
                    "ParameterKey": declared.name,
                    "DefaultValue": declared.default,
                    "NoEcho": declared.no_echo,
                    "Description": declared.description,
                })
            })
            .collect();
        let (capabilities, reason) = capabilities(&template);
        Ok(json!({
            "Parameters": parameters,
            "Description": template.description,
            "Capabilities": capabilities,
            "CapabilitiesReason": reason,
        }))
    }

    pub(super) fn get_template_summary(&self, region: &str, input: &Value) -> Reply {
        let template = match text(input, "StackName") {
            Some(name) => {
                let stack = self.known(region, name)?;
                let deployment = stack.deployment.as_ref();
                deployment
                    .map(|deployment| std::sync::Arc::clone(&deployment.template))
                    .ok_or_else(|| invalid(format!("Stack with id {name} has no template")))?
            }
            None => self.template(input, None)?,
        };
        let parameters: Vec<Value> = template
            .parameters
            .iter()
            .map(|declared| {
                json!({
                    "ParameterKey": declared.name,
                    "DefaultValue": declared.default,
                    "ParameterType": declared.kind,
                    "NoEcho": declared.no_echo,
                    "Description": declared.description,
                    "ParameterConstraints": {"AllowedValues": declared.allowed},
                })
            })
            .collect();
        let mut kinds: Vec<&str> =
            template.resources.iter().map(|spec| spec.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let identifiers: Vec<Value> = kinds
            .iter()
            .filter_map(|kind| {
                let specs = template.resources.iter().filter(|spec| spec.kind == *kind);
                let logical: Vec<&str> = specs.map(|spec| spec.logical.as_str()).collect();
                Some(json!({
                    "ResourceType": kind,
                    "LogicalResourceIds": logical,
                    "ResourceIdentifiers": types::find(kind)?.identifier,
                }))
            })
            .collect();
        let (capabilities, reason) = capabilities(&template);
        Ok(json!({
            "Parameters": parameters,
            "Description": template.description,
            "Capabilities": capabilities,
            "CapabilitiesReason": reason,
            "ResourceTypes": kinds,
            "Version": "2010-09-09",
            "Metadata": (!template.metadata.is_null()).then(|| template.metadata.to_string()),
            "ResourceIdentifierSummaries": identifiers,
        }))
    }
}

fn capabilities(template: &Template) -> (Option<[&'static str; 1]>, Option<String>) {
    match template.capability() {
        None => (None, None),
        Some((capability, kinds)) => {
            let list = kinds.join(", ");
            let reason = format!("The following resource(s) require capabilities: [{list}]");
            (Some([capability]), Some(reason))
        }
    }
}
