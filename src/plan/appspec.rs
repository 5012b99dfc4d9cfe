//! The AppSpec of a deployment to ECS.
//!
//! Source: CodeDeploy user guide, "AppSpec file structure" (resources and hooks for ECS).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// An AppSpec without its task definition.
///
/// `placement` repeats network, platform version and capacity providers of the live task set:
/// CodeDeploy drops what the AppSpec does not name (containers-roadmap #1752, #713).
pub(super) fn appspec(
    container: &str,
    port: u16,
    placement: &Value,
    spot_percent: Option<u8>,
    hooks: &BTreeMap<String, String>,
) -> Value {
    let mut properties = Map::new();
    properties.insert(
        "LoadBalancerInfo".into(),
        json!({ "ContainerName": container, "ContainerPort": port }),
    );
    if let Some(placement) = placement.as_object() {
        properties.extend(placement.clone());
    }
    if let Some(spot) = spot_percent {
        properties.insert(
            "CapacityProviderStrategy".into(),
            json!([
                { "Base": 0, "CapacityProvider": "FARGATE", "Weight": 100 - u32::from(spot.min(100)) },
                { "Base": 0, "CapacityProvider": "FARGATE_SPOT", "Weight": spot.min(100) },
            ]),
        );
    }
    let mut spec = json!({
        "version": 0.0,
        "Resources": [{
            "TargetService": { "Type": "AWS::ECS::Service", "Properties": properties }
        }],
    });
    if !hooks.is_empty() {
        let hooks: Vec<Value> = hooks.iter().map(|(event, name)| json!({ event: name })).collect();
        spec["Hooks"] = Value::Array(hooks);
    }
    spec
}

/// The AppSpec as JSON text, with its task definition.
pub fn with_task_definition(appspec: &Value, arn: &str) -> String {
    let mut spec = appspec.clone();
    if let Some(properties) =
        spec.pointer_mut("/Resources/0/TargetService/Properties").and_then(Value::as_object_mut)
    {
        properties.insert("TaskDefinition".into(), arn.into());
    }
    spec.to_string()
}
