//! The stack policy: the last net below our own care.

use serde_json::{Value, json};

use crate::catalog::Template;

/// The policy that forbids nothing. A stack cannot lose its policy, only get another one.
pub const ALLOW_ALL: &str =
    r#"{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}"#;

/// The policy of a stack; `None`: nothing in it needs one.
///
/// Guarded resources are not updated at all, data stores are neither replaced nor deleted
/// (CloudFormation user guide, "Prevent updates to stack resources"). `allowed` are the data
/// stores that may be replaced after all, for one update.
pub fn stack_policy(template: &Template, allowed: &[&str]) -> Option<String> {
    let head = &template.head;
    // An id that a template does not make under any condition is refused by CloudFormation.
    let ids = |ids: &[String]| -> Vec<String> {
        ids.iter()
            .filter(|id| template.resource(id).is_some() && !allowed.contains(&id.as_str()))
            .map(|id| format!("LogicalResourceId/{id}"))
            .collect()
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
