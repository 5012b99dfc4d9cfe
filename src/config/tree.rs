//! The file as a tree of values, each with its place.
//!
//! Scalars keep their text and are not typed here: `shape` knows which type a key takes, so
//! `0123` stays `0123` where a text is wanted.

use std::borrow::Cow;

use super::source::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What stands at a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Scalar(Scalar),
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a mapping, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    /// The text after YAML's escapes, before interpolation.
    pub(super) text: String,
    /// Whether it stands without quotes, so that YAML gives it a type.
    pub(super) plain: bool,
}

/// What an editor's YAML reader makes of a plain scalar (YAML 1.2 core schema).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainKind {
    Null,
    Boolean,
    Integer,
    Float,
    Text,
}

impl Scalar {
    pub(super) fn kind(&self) -> PlainKind {
        if self.plain { plain_kind(&self.text) } else { PlainKind::Text }
    }
}

fn plain_kind(text: &str) -> PlainKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return PlainKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return PlainKind::Boolean,
        ".nan" | ".NaN" | ".NAN" => return PlainKind::Float,
        _ => {}
    }
    let digits = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if text.strip_prefix("0x").is_some_and(|hex| digits(hex, 16))
        || text.strip_prefix("0o").is_some_and(|octal| digits(octal, 8))
    {
        return PlainKind::Integer;
    }
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits(bare, 10) {
        return PlainKind::Integer;
    }
    if matches!(bare, ".inf" | ".Inf" | ".INF") || is_float(bare) {
        return PlainKind::Float;
    }
    PlainKind::Text
}

/// `[0-9]* ( . [0-9]* )? ( [eE] [-+]? [0-9]+ )?` with at least one digit before the exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let bare = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !bare.is_empty() && digits(bare)
    });
    digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && exponent_fits
}

impl Node {
    pub(super) fn map(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.map()?.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(super) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.kind() == PlainKind::Null)
    }

    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.value, Value::Seq(items) if items.is_empty())
    }

    /// What a person calls it, in "must be a number, not …".
    pub(super) fn describe(&self) -> Cow<'static, str> {
        match &self.value {
            Value::Seq(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
            Value::Scalar(scalar) => {
                let text = quote(&scalar.text);
                match (scalar.kind(), scalar.plain) {
                    (PlainKind::Null, _) => "nothing".into(),
                    (PlainKind::Boolean, _) => format!("the boolean {text}").into(),
                    (PlainKind::Integer | PlainKind::Float, _) => {
                        format!("the number {text}").into()
                    }
                    (PlainKind::Text, true) => format!("the text {text}").into(),
                    (PlainKind::Text, false) => format!("the quoted text {text}").into(),
                }
            }
        }
    }

    /// The place that a fault about this value points at: the value where it is on one line, else
    /// the key.
    pub(super) fn place(&self, key: Span) -> Span {
        match &self.value {
            Value::Scalar(_) if !self.span.is_empty() => self.span,
            _ => key,
        }
    }
}

/// Quotes a text for a message: shortened, on one line.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{}`", shown.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'"))
}
