//! The stack policy: the last net below our own care.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::catalog::Template;

/// The policy that forbids nothing. A stack cannot lose its policy, only get another one.
pub const ALLOW_ALL: &str =
    r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;

/// The policy of a stack of which `made` are the logical ids that exist; `None`: nothing in it
/// needs one.
///
/// Guarded resources are not updated at all, data stores are neither replaced nor deleted
/// (CloudFormation user guide, "Prevent updates to stack resources"). CloudFormation refuses a
/// policy that names an id that the stack does not have.
pub fn stack_policy(template: &Template, made: &BTreeSet<String>) -> Option<String> {
    let head = &template.head;
    let ids = |ids: &[String]| -> Vec<String> {
        let ids = ids.iter().filter(|id| made.contains(*id));
        ids.map(|id| format!("LogicalResourceId/{id}")).collect()
    };
    let (guarded, stores) = (ids(&head.guarded), ids(&head.data_stores));
    if guarded.is_empty() && stores.is_empty() {
        return None;
    }
    let mut statements = vec![json!({
        "Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*",
    })];
    if !guarded.is_empty() {
        statements.push(json!({
            "Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": guarded,
        }));
    }
    if !stores.is_empty() {
        statements.push(json!({
            "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*",
            "Resource": stores,
        }));
    }
    Some(json!({ "Statement": Value::Array(statements) }).to_string())
}

/// A policy that no longer forbids anything about some logical ids.
pub fn without(policy: &str, ids: &[String]) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(policy) else { return ALLOW_ALL.to_owned() };
    let lifted: Vec<String> = ids.iter().map(|id| format!("LogicalResourceId/{id}")).collect();
    if let Some(statements) = body.get_mut("Statement").and_then(Value::as_array_mut) {
        statements.retain_mut(|statement| match statement.get_mut("Resource") {
            Some(Value::Array(resources)) => {
                resources
                    .retain(|one| !one.as_str().is_some_and(|id| lifted.iter().any(|l| l == id)));
                !resources.is_empty()
            }
            _ => true,
        });
    }
    body.to_string()
}

/// Whether two policies say the same.
pub fn same_policy(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}
