//! Values of which parts may be unknown.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Number, Value};

use super::MOST_TEXT;

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It depends on what is not known.
    Unknown,
}

impl Truth {
    /// Negates; what is not known stays so.
    pub(super) fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(flag: bool) -> Self {
        if flag { Self::True } else { Self::False }
    }
}

/// Why a value is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// A parameter whose value AWS looks up, or that has none.
    Parameter(String),
    /// The identifier of a resource of the same template.
    Resource(String),
    /// An attribute of a resource of the same template.
    Attribute(String, String),
    /// The two sides of a condition differ, and it is undecided.
    Condition(String),
    /// The name of a zone, by its place.
    Zone(usize),
    /// A mapping without such a key, or a key that is not known.
    Mapping(String),
    /// A dynamic reference, which AWS resolves.
    Dynamic,
    /// A function that is not evaluated here, or not of this form.
    Function(String),
    /// Made of parts of which some are unknown.
    Part,
    /// Deeper, longer or more than is followed.
    TooLarge,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "parameter {name} is not known"),
            Self::Resource(id) => write!(f, "the identifier of {id}"),
            Self::Attribute(id, name) => write!(f, "{name} of {id}"),
            Self::Condition(name) => write!(f, "condition {name} is undecided"),
            Self::Zone(index) => write!(f, "the name of zone {index}"),
            Self::Mapping(name) => write!(f, "no such key in mapping {name}"),
            Self::Dynamic => write!(f, "a dynamic reference"),
            Self::Function(name) => write!(f, "{name} is not evaluated"),
            Self::Part => write!(f, "a part of it is not known"),
            Self::TooLarge => write!(f, "too deep or too large"),
        }
    }
}

/// A value, known where it can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A mapping.
    Map(BTreeMap<String, Self>),
    /// Not known, and why.
    Unknown(Unknown),
    /// `AWS::NoValue`: the property is not there.
    Absent,
}

impl Resolved {
    /// A text, unless it is too long or refers to something that AWS resolves.
    pub(super) fn text(text: String) -> Self {
        if text.len() > MOST_TEXT {
            Self::Unknown(Unknown::TooLarge)
        } else if text.contains("{{resolve:") {
            Self::Unknown(Unknown::Dynamic)
        } else {
            Self::Text(text)
        }
    }

    /// The value under a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, key| match value {
            Self::Map(map) => map.get(*key),
            _ => None,
        })
    }

    /// A scalar as the text that CloudFormation makes of it.
    pub fn scalar(&self) -> Option<String> {
        match self {
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// A truth value, also written as a text.
    pub fn flag(&self) -> Option<bool> {
        match self.scalar()?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A whole number, also written as a text.
    pub fn whole(&self) -> Option<u64> {
        self.scalar()?.trim().parse().ok()
    }

    /// The items of a list.
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The resource of the same template that it refers to.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::Unknown(Unknown::Resource(id) | Unknown::Attribute(id, _)) => Some(id),
            _ => None,
        }
    }

    /// Whether nothing in it is unknown.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::List(items) => items.iter().all(Self::is_known),
            Self::Map(map) => map.values().all(Self::is_known),
            _ => true,
        }
    }
}

/// A JSON scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
