//! Reads JSON and CBOR bodies by shape into the tree of `Call::input`.
//!
//! The walk goes as deep as the shapes do, and no shape of the table is recursive. Members that
//! the shape does not have are ignored, as AWS does.

use aws_smithy_types::base64;
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value};

use super::table::{Kind, Service, Shape};
use crate::rehearsal::call::ApiError;

/// Deeper CBOR is refused before it is built; the deepest shape has less than half of it.
/// `serde_json` has its own limit of 128.
const MAX_DEPTH: usize = 64;

/// A parsed body, before its shape is known.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Json(&'a Value),
    Cbor(&'a Cbor),
}

/// One level of a body.
enum Part<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A CBOR timestamp; in JSON a number stands for it.
    Time(Number),
    List(Vec<Raw<'a>>),
    Map(Vec<(&'a str, Raw<'a>)>),
    /// Something that no shape has: a CBOR tag, a number beyond 64 bits, a key that is no text.
    Foreign,
}

/// Reads a JSON body.
pub(super) fn json(service: &Service, shape: &Shape, body: &[u8]) -> Result<Value, ApiError> {
    let parsed: Value = if body.is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| refuse(format!("Invalid JSON: {error}")))?
    };
    read(service, shape, Raw::Json(&parsed))
}

/// Reads a CBOR body.
pub(super) fn cbor(service: &Service, shape: &Shape, body: &[u8]) -> Result<Value, ApiError> {
    let parsed: Cbor = if body.is_empty() {
        Cbor::Map(Vec::new())
    } else {
        ciborium::de::from_reader_with_recursion_limit(body, MAX_DEPTH)
            .map_err(|error| refuse(format!("Invalid CBOR: {error}")))?
    };
    read(service, shape, Raw::Cbor(&parsed))
}

fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::new("SerializationException", message)
}

impl<'a> Raw<'a> {
    fn part(self) -> Part<'a> {
        match self {
            Self::Json(value) => match value {
                Value::Null => Part::Null,
                Value::Bool(b) => Part::Bool(*b),
                Value::Number(n) => match (n.as_i64(), n.as_f64()) {
                    (Some(int), _) => Part::Int(int),
                    (None, Some(float)) => Part::Float(float),
                    (None, None) => Part::Foreign,
                },
                Value::String(s) => Part::Text(s),
                Value::Array(items) => Part::List(items.iter().map(Self::Json).collect()),
                Value::Object(map) => {
                    Part::Map(map.iter().map(|(k, v)| (k.as_str(), Self::Json(v))).collect())
                }
            },
            Self::Cbor(value) => match value {
                Cbor::Null => Part::Null,
                Cbor::Bool(b) => Part::Bool(*b),
                Cbor::Integer(i) => i64::try_from(*i).map_or(Part::Foreign, Part::Int),
                Cbor::Float(f) => Part::Float(*f),
                Cbor::Text(s) => Part::Text(s),
                Cbor::Bytes(b) => Part::Bytes(b),
                Cbor::Tag(1, inner) => match inner.as_ref() {
                    Cbor::Integer(i) => {
                        i64::try_from(*i).map_or(Part::Foreign, |i| Part::Time(i.into()))
                    }
                    Cbor::Float(f) if f.is_finite() => Part::Time(seconds(*f)),
                    _ => Part::Foreign,
                },
                Cbor::Array(items) => Part::List(items.iter().map(Self::Cbor).collect()),
                Cbor::Map(pairs) => pairs
                    .iter()
                    .map(|(k, v)| k.as_text().map(|k| (k, Self::Cbor(v))))
                    .collect::<Option<_>>()
                    .map_or(Part::Foreign, Part::Map),
                _ => Part::Foreign,
            },
        }
    }
}

fn read(service: &Service, shape: &Shape, raw: Raw<'_>) -> Result<Value, ApiError> {
    if let (Kind::Document, Raw::Json(value)) = (shape.kind, raw) {
        return Ok(value.clone());
    }
    let in_json = matches!(raw, Raw::Json(_));
    Ok(match (shape.kind, raw.part()) {
        (Kind::Structure, Part::Map(pairs)) => {
            let mut map = Map::new();
            for (name, raw) in pairs {
                if let Some(member) = shape.members.get(name)
                    && member.label.is_none()
                    && !matches!(raw.part(), Part::Null)
                {
                    map.insert(name.to_owned(), read(service, service.shape(&member.shape), raw)?);
                }
            }
            Value::Object(map)
        }
        (Kind::Map, Part::Map(pairs)) => {
            let (_, value) = service.entry(shape);
            let mut map = Map::new();
            for (name, raw) in pairs {
                map.insert(name.to_owned(), read(service, value, raw)?);
            }
            Value::Object(map)
        }
        (Kind::List, Part::List(items)) => {
            let item = service.item(shape);
            Value::Array(
                items.into_iter().map(|raw| read(service, item, raw)).collect::<Result<_, _>>()?,
            )
        }
        (Kind::String, Part::Text(text)) => text.into(),
        (Kind::Boolean, Part::Bool(bool)) => bool.into(),
        (Kind::Long, Part::Int(int)) => int.into(),
        (Kind::Integer, Part::Int(int)) if i32::try_from(int).is_ok() => int.into(),
        // AWS's own range check is at 2^53; beyond it a float would change the number silently.
        #[expect(clippy::cast_precision_loss, reason = "a double is what the shape asks for")]
        (Kind::Double | Kind::Float, Part::Int(int)) => (int as f64).into(),
        (Kind::Double | Kind::Float, Part::Float(float)) if float.is_finite() => float.into(),
        (Kind::Timestamp, Part::Time(time)) => Value::Number(time),
        (Kind::Timestamp, Part::Int(int)) if in_json => int.into(),
        (Kind::Timestamp, Part::Float(float)) if in_json && float.is_finite() => {
            Value::Number(seconds(float))
        }
        (Kind::Blob, Part::Bytes(bytes)) => base64::encode(bytes).into(),
        (Kind::Blob, Part::Text(text)) if in_json && base64::decode(text).is_ok() => text.into(),
        (kind, part) => return Err(mismatch(kind, &part)),
    })
}

/// A time as a whole number where it is one: some clients send every time as a float.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn seconds(time: f64) -> Number {
    if time.fract() == 0.0 && time.abs() < 1e15 {
        (time as i64).into()
    } else {
        Number::from_f64(time).unwrap_or_else(|| 0.into())
    }
}

/// Says what does not fit, as AWS's JSON front end does.
fn mismatch(kind: Kind, part: &Part<'_>) -> ApiError {
    let token = match part {
        Part::Null => "NULL_VALUE",
        Part::Bool(true) => "TRUE_VALUE",
        Part::Bool(false) => "FALSE_VALUE",
        Part::Int(_) | Part::Float(_) => "NUMBER_VALUE",
        Part::Text(_) => "STRING_VALUE",
        Part::Bytes(_) => "BYTES_VALUE",
        Part::Time(_) => "TIMESTAMP_VALUE",
        Part::List(_) => return refuse("Unrecognized collection type: a list was not expected"),
        Part::Map(_) => return refuse("Start of structure or map found where not expected."),
        Part::Foreign => "UNKNOWN_VALUE",
    };
    refuse(format!("{token} can not be converted to {}", name(kind)))
}

/// What the shape asks for, in a message.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Structure => "a Structure",
        Kind::List => "a List",
        Kind::Map => "a Map",
        Kind::String => "a String",
        Kind::Integer => "an Integer",
        Kind::Long => "a Long",
        Kind::Boolean => "a Boolean",
        Kind::Double => "a Double",
        Kind::Float => "a Float",
        Kind::Timestamp => "a Timestamp",
        Kind::Blob => "a Blob",
        Kind::Document => "a Document",
    }
}
