//! Reads awsQuery forms by shape (`Actions.member.1.TargetGroupArn=…`).

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use aws_smithy_types::base64;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Number, Value};

use super::read::name;
use super::request::Form;
use super::table::{Kind, Service, Shape};
use crate::rehearsal::call::ApiError;

/// A key with more dots is refused: it bounds the tree that the keys make. The deepest shape of
/// the table needs 12.
const MAX_DOTS: usize = 24;

/// The keys of a form, split at their dots.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Self>,
}

/// Reads a form.
pub(super) fn form(service: &Service, shape: &Shape, form: Form) -> Result<Value, ApiError> {
    let mut root = Node::default();
    for (key, value) in form {
        if key.matches('.').count() > MAX_DOTS {
            return Err(ApiError::new("MalformedQueryString", "A parameter name is too deep."));
        }
        let mut node = &mut root;
        for part in key.split('.') {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
    }
    read(service, shape, &root, "")
}

fn read(service: &Service, shape: &Shape, node: &Node, path: &str) -> Result<Value, ApiError> {
    let below = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    Ok(match shape.kind {
        Kind::Structure => {
            let mut map = Map::new();
            for (name, member) in &shape.members {
                if let Some(child) = node.children.get(name) {
                    let value = read(service, service.shape(&member.shape), child, &below(name))?;
                    map.insert(name.clone(), value);
                }
            }
            Value::Object(map)
        }
        Kind::List => {
            let item = service.item(shape);
            let items = numbered(node, "member", path)?;
            let items = items.into_iter().map(|(n, child)| read(service, item, child, &below(n)));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Kind::Map => {
            let (_, value) = service.entry(shape);
            let mut map = Map::new();
            for (n, entry) in numbered(node, "entry", path)? {
                let key = entry.children.get("key").and_then(|key| key.text.clone());
                if let (Some(key), Some(child)) = (key, entry.children.get("value")) {
                    map.insert(key, read(service, value, child, &below(n))?);
                }
            }
            Value::Object(map)
        }
        _ => {
            let text = node.text.as_deref().unwrap_or_default();
            scalar(shape.kind, text).ok_or_else(|| {
                let text: String = text.chars().take(100).collect();
                let kind = name(shape.kind);
                ApiError::new(
                    "SerializationException",
                    format!("The value '{text}' of {path} can not be converted to {kind}"),
                )
            })?
        }
    })
}

/// The items under `X.member.N`, by number. An empty list is sent as `X=`.
fn numbered<'a>(
    node: &'a Node,
    item: &str,
    path: &str,
) -> Result<Vec<(&'a str, &'a Node)>, ApiError> {
    let mut items = Vec::new();
    for (key, child) in node.children.get(item).map(|list| &list.children).into_iter().flatten() {
        let number: u32 = key.parse().map_err(|_| {
            let key: String = key.chars().take(100).collect();
            ApiError::new("MalformedQueryString", format!("'{key}' in {path} is not an index."))
        })?;
        items.push((number, key.as_str(), child));
    }
    items.sort_by_key(|(number, _, _)| *number);
    Ok(items.into_iter().map(|(_, key, child)| (key, child)).collect())
}

/// Reads a scalar from its text.
pub(super) fn scalar(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::String => text.into(),
        Kind::Boolean => text.parse::<bool>().ok()?.into(),
        Kind::Integer => text.parse::<i32>().ok()?.into(),
        Kind::Long => text.parse::<i64>().ok()?.into(),
        Kind::Double | Kind::Float => Value::Number(Number::from_f64(text.parse().ok()?)?),
        Kind::Timestamp => {
            let time = DateTime::from_str(text, Format::DateTime)
                .or_else(|_| DateTime::from_str(text, Format::HttpDate))
                .ok()?;
            if time.subsec_nanos() == 0 {
                time.secs().into()
            } else {
                Value::Number(Number::from_f64(time.as_secs_f64())?)
            }
        }
        Kind::Blob => base64::decode(text).is_ok().then(|| text.into())?,
        Kind::Structure | Kind::List | Kind::Map | Kind::Document => return None,
    })
}
