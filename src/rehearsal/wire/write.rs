//! Writes checked trees as CBOR and XML. JSON needs no writer: the tree is what JSON sends.

use aws_smithy_types::DateTime;
use aws_smithy_types::base64;
use aws_smithy_types::date_time::Format;
use ciborium::Value as Cbor;
use quick_xml::escape::escape;
use serde_json::Value;

use super::table::{Kind, Service, Shape};

/// Turns a tree into CBOR; what does not fit the shape becomes null, and `check` has refused it.
pub(super) fn cbor(service: &Service, shape: &Shape, value: &Value) -> Cbor {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(map)) => Cbor::Map(
            map.iter()
                .filter_map(|(name, value)| {
                    let member = service.shape(&shape.members.get(name)?.shape);
                    Some((Cbor::Text(name.clone()), cbor(service, member, value)))
                })
                .collect(),
        ),
        (Kind::Map, Value::Object(map)) => {
            let (_, item) = service.entry(shape);
            let pair = |(k, v): (&String, &Value)| (Cbor::Text(k.clone()), cbor(service, item, v));
            Cbor::Map(map.iter().map(pair).collect())
        }
        (Kind::List, Value::Array(items)) => {
            let item = service.item(shape);
            Cbor::Array(items.iter().map(|value| cbor(service, item, value)).collect())
        }
        (Kind::Blob, Value::String(text)) => Cbor::Bytes(base64::decode(text).unwrap_or_default()),
        (Kind::Timestamp, Value::Number(_)) => Cbor::Tag(1, Box::new(number(value))),
        (Kind::Double | Kind::Float, Value::Number(n)) => {
            n.as_f64().map_or(Cbor::Null, Cbor::Float)
        }
        (_, Value::String(text)) => Cbor::Text(text.clone()),
        (_, Value::Bool(bool)) => Cbor::Bool(*bool),
        (_, Value::Number(_)) => number(value),
        _ => Cbor::Null,
    }
}

fn number(value: &Value) -> Cbor {
    match (value.as_i64(), value.as_f64()) {
        (Some(int), _) => Cbor::Integer(int.into()),
        (None, Some(float)) => Cbor::Float(float),
        (None, None) => Cbor::Null,
    }
}

/// Writes a CBOR item.
pub(super) fn cbor_bytes(item: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and the item has no value that CBOR lacks.
    let _ = ciborium::into_writer(item, &mut bytes);
    bytes
}

/// Appends the inside of an element: the children of a structure, or a scalar's text.
pub(super) fn xml(service: &Service, shape: &Shape, value: &Value, out: &mut String) {
    match (shape.kind, value) {
        (Kind::Structure, Value::Object(map)) => {
            for (name, value) in map {
                let Some(member) = shape.members.get(name) else { continue };
                let (tag, inner) =
                    (member.name.as_deref().unwrap_or(name), service.shape(&member.shape));
                match value {
                    Value::Array(items) if inner.flattened => {
                        let item = service.item(inner);
                        for value in items {
                            element(out, tag, |out| xml(service, item, value, out));
                        }
                    }
                    value => element(out, tag, |out| xml(service, inner, value, out)),
                }
            }
        }
        (Kind::List, Value::Array(items)) => {
            let item = service.item(shape);
            for value in items {
                element(out, "member", |out| xml(service, item, value, out));
            }
        }
        (Kind::Map, Value::Object(map)) => {
            let (_, item) = service.entry(shape);
            for (key, value) in map {
                element(out, "entry", |out| {
                    element(out, "key", |out| text(out, key));
                    element(out, "value", |out| xml(service, item, value, out));
                });
            }
        }
        (Kind::Timestamp, value) => {
            let time = DateTime::from_secs_f64(value.as_f64().unwrap_or_default());
            text(out, &time.fmt(Format::DateTime).unwrap_or_default());
        }
        (_, Value::String(value)) => text(out, value),
        (_, other) => text(out, &other.to_string()),
    }
}

/// Appends an element.
pub(super) fn element(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    inside(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends text. XML 1.0 cannot say control characters at all, and a parser would turn a carriage
/// return into a line feed.
pub(super) fn text(out: &mut String, value: &str) {
    let sayable = |c: char| match c {
        '\t' | '\n' | '\r' => c,
        c if c.is_control() && c < '\u{80}' => '\u{fffd}',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    };
    let value: String = value.chars().map(sayable).collect();
    out.push_str(&escape(value.as_str()).replace('\r', "&#13;"));
}
