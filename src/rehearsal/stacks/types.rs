//! The resource types, from the provider schemas that CloudFormation publishes.
//!
//! `scripts/resource_types.py` writes the table. A template may use these types and no others.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use super::resolve::UNKNOWN;

/// The table. It is part of the binary; a test proves that it parses.
static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("types.json")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
struct Table {
    types: BTreeMap<String, Type>,
}

/// What is known of a resource type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Type {
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    definitions: BTreeMap<String, Schema>,
    create_only: Vec<String>,
    conditional: Vec<String>,
    pub(super) read_only: Vec<String>,
    pub(super) identifier: Vec<String>,
    attributes: Vec<String>,
    /// The property that holds tags, when the type can be tagged.
    pub(super) tags: Option<String>,
}

/// The constraints of a value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Schema {
    #[serde(rename = "type")]
    kind: Value,
    #[serde(rename = "$ref")]
    reference: Option<String>,
    required: Vec<String>,
    properties: BTreeMap<String, Self>,
    items: Option<Box<Self>>,
    #[serde(rename = "enum")]
    values: Option<Vec<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    closed: bool,
}

/// When a change of a property makes a new resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recreation {
    Never,
    Conditionally,
    Always,
}

impl Recreation {
    /// As the API spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::Conditionally => "Conditionally",
            Self::Always => "Always",
        }
    }
}

/// A type by name.
pub(super) fn find(name: &str) -> Option<&'static Type> {
    TABLE.types.get(name)
}

/// Deeper values are not looked at; the schemas are recursive in a few places.
const DEEPEST: usize = 24;

impl Type {
    /// Whether `Fn::GetAtt` can ask for it.
    pub(super) fn has_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|known| known == name)
            // Outputs of a secret that AWS manages, and of maps with free keys.
            || self.attributes.iter().any(|known| {
                name.split_once('.').is_some_and(|(head, _)| known == head)
            })
    }

    pub(super) fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// What a change of a top-level property means, by the paths that changed below it.
    pub(super) fn recreation(&self, property: &str) -> Recreation {
        let hits =
            |list: &[String]| list.iter().any(|path| path.split('/').next() == Some(property));
        if hits(&self.create_only) {
            Recreation::Always
        } else if hits(&self.conditional) {
            Recreation::Conditionally
        } else {
            Recreation::Never
        }
    }

    /// What is wrong with the properties of a resource, in CloudFormation's words.
    pub(super) fn faults(&self, properties: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let empty = serde_json::Map::new();
        let members = properties.as_object().unwrap_or(&empty);
        for name in self.required.iter().filter(|name| !members.contains_key(*name)) {
            faults.push(format!("#: required key [{name}] not found"));
        }
        for (name, value) in members {
            let read_only = self.read_only.contains(name) && !self.identifier.contains(name);
            match self.properties.get(name) {
                Some(_) if read_only => {
                    faults.push(format!("#: read only key [{name}] is not permitted"));
                }
                Some(schema) => self.walk(schema, value, &format!("#/{name}"), 0, &mut faults),
                None => faults.push(format!("#: extraneous key [{name}] is not permitted")),
            }
        }
        faults
    }

    fn walk(
        &self,
        schema: &Schema,
        value: &Value,
        path: &str,
        depth: usize,
        out: &mut Vec<String>,
    ) {
        if depth > DEEPEST || unknown(value) {
            return;
        }
        let below = depth.saturating_add(1);
        if let Some(name) = &schema.reference {
            if let Some(schema) = self.definitions.get(name) {
                self.walk(schema, value, path, below, out);
            }
            return;
        }
        if let Some(wanted) = mismatch(&schema.kind, value) {
            out.push(format!("{path}: expected type: {wanted}, found: {}", found(value)));
            return;
        }
        if let Some(values) = &schema.values
            && !values.iter().any(|known| same(known, value))
        {
            out.push(format!("{path}: {} is not a valid enum value", plain(value)));
        }
        self.bounds(schema, value, path, out);
        match value {
            Value::Object(members) if !schema.properties.is_empty() => {
                for name in schema.required.iter().filter(|name| !members.contains_key(*name)) {
                    out.push(format!("{path}: required key [{name}] not found"));
                }
                for (name, value) in members {
                    match schema.properties.get(name) {
                        Some(schema) => {
                            self.walk(schema, value, &format!("{path}/{name}"), below, out);
                        }
                        None if schema.closed => {
                            out.push(format!("{path}: extraneous key [{name}] is not permitted"));
                        }
                        None => {}
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = &schema.items else { return };
                for (index, item) in items.iter().enumerate() {
                    self.walk(schema, item, &format!("{path}/{index}"), below, out);
                }
            }
            _ => {}
        }
    }

    fn bounds(&self, schema: &Schema, value: &Value, path: &str, out: &mut Vec<String>) {
        if let Some(number) = number(value)
            && (schema.minimum.is_some() || schema.maximum.is_some())
        {
            if let Some(least) = schema.minimum.filter(|least| number < *least) {
                out.push(format!("{path}: {number} is not greater or equal to {least}"));
            }
            if let Some(most) = schema.maximum.filter(|most| number > *most) {
                out.push(format!("{path}: {number} is not less or equal to {most}"));
            }
        }
        if let Value::String(text) = value {
            // A length in front of a dynamic reference or a marker says nothing.
            let length = text.chars().count();
            if text.contains("{{") {
                return;
            }
            if let Some(least) = schema.min_length.filter(|least| length < *least) {
                out.push(format!("{path}: expected minLength: {least}, actual: {length}"));
            }
            if let Some(most) = schema.max_length.filter(|most| length > *most) {
                out.push(format!("{path}: expected maxLength: {most}, actual: {length}"));
            }
        }
        if let Value::Array(items) = value {
            let count = items.len();
            if let Some(least) = schema.min_items.filter(|least| count < *least) {
                out.push(format!("{path}: expected minimum item count: {least}, found: {count}"));
            }
            if let Some(most) = schema.max_items.filter(|most| count > *most) {
                out.push(format!("{path}: expected maximum item count: {most}, found: {count}"));
            }
        }
    }
}

fn unknown(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(UNKNOWN))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The type that was wanted, when the value is of another one. CloudFormation turns scalars into
/// one another where that is possible.
fn mismatch(kind: &Value, value: &Value) -> Option<String> {
    let fits = |kind: &str| match kind {
        "string" => value.is_string() || value.is_number() || value.is_boolean(),
        "integer" => number(value).is_some_and(|number| number.fract() == 0.0),
        "number" => number(value).is_some(),
        "boolean" => {
            value.is_boolean()
                || value.as_str().is_some_and(|t| matches!(&*t.to_lowercase(), "true" | "false"))
        }
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
    };
    let capital = |kind: &str| match kind {
        "object" => "JSONObject".to_owned(),
        "array" => "JSONArray".to_owned(),
        other => {
            let mut letters = other.chars();
            letters.next().map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
        }
    };
    match kind {
        Value::String(kind) if !fits(kind) => Some(capital(kind)),
        Value::Array(kinds) if !kinds.iter().filter_map(Value::as_str).any(fits) => {
            kinds.first().and_then(Value::as_str).map(capital)
        }
        _ => None,
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(_) => "String",
        Value::Array(_) => "JSONArray",
        Value::Object(_) => "JSONObject",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether two values are the same to CloudFormation, which does not tell `"80"` from `80`.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (a, b) => plain(a) == plain(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_parses() {
        let table: Table = serde_json::from_str(include_str!("types.json")).unwrap();
        assert!(table.types.len() > 100);
        for (name, kind) in &table.types {
            assert!(!kind.identifier.is_empty(), "{name}");
            assert!(kind.required.iter().all(|r| kind.properties.contains_key(r)), "{name}");
        }
    }

    #[test]
    fn properties_are_held_to_the_schema() {
        let kind = find("AWS::ElasticLoadBalancingV2::TargetGroup").unwrap();
        assert_eq!(kind.faults(&json!({"Name": "a", "Port": "80", "Protocol": "HTTP"})), [""; 0]);
        let faults = kind.faults(&json!({"Port": "eighty", "Prot": 1, "Matcher": []}));
        assert!(
            faults.contains(&"#/Port: expected type: Integer, found: String".to_owned()),
            "{faults:?}"
        );
        assert!(faults.contains(&"#: extraneous key [Prot] is not permitted".to_owned()));
        assert_eq!(faults.len(), 3, "{faults:?}");
        let log = find("AWS::ECS::Service").unwrap();
        assert_eq!(log.recreation("ServiceName"), Recreation::Always);
        assert_eq!(log.recreation("TaskDefinition"), Recreation::Never);
    }
}
