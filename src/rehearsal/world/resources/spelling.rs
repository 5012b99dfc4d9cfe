//! From the spelling of CloudFormation to the one of ECS and CodeDeploy.

use serde_json::Value;

/// Members whose ECS spelling is not just the same with a small letter.
const ODD: [(&str, &str); 6] = [
    ("EFSVolumeConfiguration", "efsVolumeConfiguration"),
    ("FilesystemId", "fileSystemId"),
    ("FSxWindowsFileServerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"),
    ("IAM", "iam"),
    ("IpcMode", "ipcMode"),
    ("ECSServices", "ecsServices"),
];

/// Numbers of the API that a template may write as texts.
const NUMBERS: [&str; 22] = [
    "containerPort",
    "hostPort",
    "stopTimeout",
    "startTimeout",
    "interval",
    "timeout",
    "retries",
    "startPeriod",
    "softLimit",
    "hardLimit",
    "sizeInGiB",
    "memoryReservation",
    "transitEncryptionPort",
    "maxSwap",
    "swappiness",
    "sharedMemorySize",
    "size",
    "base",
    "weight",
    "desiredCount",
    "terminationWaitTimeInMinutes",
    "waitTimeInMinutes",
];

/// Spells every member with a small first letter, and numbers and flags as such.
pub(super) fn camel(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(camel).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| {
                    let key = small(key);
                    let value = scalar(&key, camel(value));
                    (key, value)
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn small(key: &str) -> String {
    if let Some((_, odd)) = ODD.iter().find(|(known, _)| *known == key) {
        return (*odd).to_owned();
    }
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn scalar(key: &str, value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    if NUMBERS.contains(&key) {
        return text.parse::<i64>().map_or(value, Value::from);
    }
    match (key, text.as_str()) {
        // Values of environment variables, tags and options stay texts.
        ("value" | "name" | "key", _) => value,
        (_, "true") => true.into(),
        (_, "false") => false.into(),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates_become_requests() {
        let from = json!({
            "ContainerDefinitions": [{"PortMappings": [{"ContainerPort": "8080"}], "Essential": "true",
                "Environment": [{"Name": "DEBUG", "Value": "true"}]}],
            "Volumes": [{"EFSVolumeConfiguration": {"FilesystemId": "fs-1"}}],
        });
        let to = json!({
            "containerDefinitions": [{"portMappings": [{"containerPort": 8080}], "essential": true,
                "environment": [{"name": "DEBUG", "value": "true"}]}],
            "volumes": [{"efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
        });
        assert_eq!(camel(&from), to);
    }
}
