//! The AppSpec of an ECS deployment.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::rehearsal::world::input::{list, number, text};

/// The lifecycle events that may have a hook.
pub(super) const HOOKS: [&str; 5] = [
    "BeforeInstall",
    "AfterInstall",
    "AfterAllowTestTraffic",
    "BeforeAllowTraffic",
    "AfterAllowTraffic",
];

/// The largest AppSpec that is read; CodeDeploy's own limit for a String revision is of that order.
const LARGEST: usize = 64 * 1024;

/// What an AppSpec says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::rehearsal::world) struct AppSpec {
    pub(super) definition: String,
    pub(super) container: String,
    pub(super) port: u64,
    pub(super) platform_version: Option<String>,
    /// In the spelling of the ECS API.
    pub(super) network: Option<Value>,
    /// In the spelling of the ECS API.
    pub(super) strategy: Vec<Value>,
    /// Event and function.
    pub(super) hooks: Vec<(String, String)>,
}

/// The content of a revision location, after its checksum was compared.
pub(super) fn content(revision: &Value) -> Result<&str, String> {
    let inner = match text(revision, "revisionType") {
        Some("AppSpecContent") => revision.get("appSpecContent"),
        Some("String") => revision.get("string"),
        Some(other) => return Err(format!("revision type {other} is not part of this cloud")),
        None => return Err("a revision type is required".to_owned()),
    };
    let inner = inner.unwrap_or(&Value::Null);
    let content = text(inner, "content").ok_or("the revision has no content")?;
    if content.len() > LARGEST {
        return Err("the AppSpec is too large".to_owned());
    }
    if let Some(expected) = text(inner, "sha256").filter(|sum| !sum.is_empty()) {
        let digest = Sha256::digest(content.as_bytes());
        let actual: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if !actual.eq_ignore_ascii_case(expected) {
            return Err("the SHA256 of the AppSpec does not match its content".to_owned());
        }
    }
    Ok(content)
}

/// Reads an AppSpec in JSON or YAML.
pub(super) fn parse(content: &str) -> Result<AppSpec, String> {
    let tree: Value = match serde_json::from_str(content) {
        Ok(tree) => tree,
        Err(_) => serde_yaml::from_str(content)
            .map_err(|_| "The AppSpec file is neither valid JSON nor valid YAML".to_owned())?,
    };
    let version = tree.get("version").and_then(|v| match v {
        Value::String(version) => version.parse().ok(),
        other => other.as_f64(),
    });
    if version != Some(0.0) {
        return Err("The AppSpec file has an invalid or missing version".to_owned());
    }
    let [resource] = list(&tree, "Resources") else {
        return Err("The AppSpec file must have exactly one resource".to_owned());
    };
    let target = resource.get("TargetService").ok_or("The resource must be a TargetService")?;
    if text(target, "Type") != Some("AWS::ECS::Service") {
        return Err("The type of the resource must be AWS::ECS::Service".to_owned());
    }
    let properties = target.get("Properties").unwrap_or(&Value::Null);
    let balancer = properties.get("LoadBalancerInfo").unwrap_or(&Value::Null);
    Ok(AppSpec {
        definition: text(properties, "TaskDefinition")
            .ok_or("The AppSpec file has no TaskDefinition")?
            .to_owned(),
        container: text(balancer, "ContainerName")
            .ok_or("The AppSpec file has no ContainerName")?
            .to_owned(),
        port: number(balancer, "ContainerPort").ok_or("The AppSpec file has no ContainerPort")?,
        platform_version: text(properties, "PlatformVersion").map(str::to_owned),
        network: properties.get("NetworkConfiguration").map(network).transpose()?,
        strategy: list(properties, "CapacityProviderStrategy")
            .iter()
            .map(provider)
            .collect::<Result<_, _>>()?,
        hooks: hooks(list(&tree, "Hooks"))?,
    })
}

fn network(network: &Value) -> Result<Value, String> {
    let inner = network
        .get("AwsvpcConfiguration")
        .ok_or("NetworkConfiguration has no AwsvpcConfiguration")?;
    if list(inner, "Subnets").is_empty() {
        return Err("AwsvpcConfiguration has no Subnets".to_owned());
    }
    let mut members = Map::new();
    for (theirs, ours) in [
        ("Subnets", "subnets"),
        ("SecurityGroups", "securityGroups"),
        ("AssignPublicIp", "assignPublicIp"),
    ] {
        if let Some(value) = inner.get(theirs) {
            members.insert(ours.to_owned(), value.clone());
        }
    }
    Ok(json!({"awsvpcConfiguration": members}))
}

fn provider(item: &Value) -> Result<Value, String> {
    let name = text(item, "CapacityProvider").ok_or("A capacity provider has no name")?;
    if !matches!(name, "FARGATE" | "FARGATE_SPOT") {
        return Err(format!("The capacity provider {name} does not exist"));
    }
    Ok(json!({
        "capacityProvider": name,
        "base": number(item, "Base").unwrap_or(0),
        "weight": number(item, "Weight").unwrap_or(0),
    }))
}

fn hooks(hooks: &[Value]) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for hook in hooks {
        for (event, function) in hook.as_object().into_iter().flatten() {
            if !HOOKS.contains(&event.as_str()) {
                return Err(format!("The AppSpec file has an unknown hook: {event}"));
            }
            let function = function.as_str().filter(|name| !name.is_empty());
            let function = function.ok_or_else(|| format!("The hook {event} has no function"))?;
            if found.iter().any(|(known, _)| known == event) {
                return Err(format!("The AppSpec file has the hook {event} twice"));
            }
            found.push((event.clone(), function.to_owned()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "version: 0.0\nResources:\n  - TargetService:\n      Type: AWS::ECS::Service\n      \
        Properties:\n        TaskDefinition: api:2\n        LoadBalancerInfo:\n          \
        ContainerName: api\n          ContainerPort: 8080\nHooks:\n  - BeforeInstall: check\n";

    #[test]
    fn reads_yaml_and_checks_hooks() {
        let spec = parse(YAML).unwrap();
        assert_eq!((spec.definition.as_str(), spec.port), ("api:2", 8080));
        assert_eq!(spec.hooks, [("BeforeInstall".to_owned(), "check".to_owned())]);
        assert!(parse(&YAML.replace("BeforeInstall", "BeforeLunch")).is_err());
        assert!(parse(&YAML.replace("0.0", "1.0")).is_err());
        assert!(parse("{").is_err());
    }

    #[test]
    fn compares_the_checksum() {
        let wrong = json!({"revisionType": "AppSpecContent",
            "appSpecContent": {"content": "x", "sha256": "00"}});
        assert!(content(&wrong).is_err());
        let none = json!({"revisionType": "String", "string": {"content": "x"}});
        assert_eq!(content(&none), Ok("x"));
    }
}
