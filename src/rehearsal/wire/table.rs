//! The shape table: which operations exist, and what goes in and comes out.
//!
//! Derived from botocore by `scripts/shapes.py`, so that the SDK clients judge the server instead
//! of sharing its code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The table. It is part of the binary; a test proves that it parses and is closed.
pub(super) static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
pub(super) struct Table {
    pub(super) services: BTreeMap<String, Service>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    /// The service of the credential scope.
    pub(super) signing: String,
    pub(super) version: String,
    pub(super) protocols: Vec<Protocol>,
    /// The awsJson version (`1.1`).
    #[serde(default)]
    pub(super) json: String,
    /// The prefix of `X-Amz-Target`, and the Smithy service name of rpc-v2-cbor.
    #[serde(default)]
    pub(super) target: String,
    #[serde(default)]
    pub(super) namespace: String,
    /// Whether errors also carry their awsQuery code in `x-amzn-query-error`.
    #[serde(default)]
    pub(super) query_compatible: bool,
    pub(super) operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Operation {
    /// The REST path with labels; empty for the protocols that use `/`.
    #[serde(default)]
    pub(super) uri: String,
    /// The query parameter without a value that tells REST operations on one path apart.
    #[serde(default)]
    pub(super) flag: Option<String>,
    /// The HTTP method; absent: POST.
    #[serde(default)]
    pub(super) method: Option<String>,
    #[serde(default)]
    pub(super) input: Option<String>,
    #[serde(default)]
    pub(super) output: Option<String>,
    /// The element of awsQuery around the output (`DescribeRulesResult`).
    #[serde(default)]
    pub(super) wrapper: Option<String>,
    pub(super) errors: Vec<String>,
}

/// How a request was spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Protocol {
    /// awsJson1.0 and awsJson1.1.
    #[serde(rename = "json")]
    Json,
    /// awsQuery: a form goes in, XML comes out.
    #[serde(rename = "query")]
    Query,
    /// Smithy RPC v2 with CBOR.
    #[serde(rename = "smithy-rpc-v2-cbor")]
    Cbor,
    /// restJson1.
    #[serde(rename = "rest-json")]
    Rest,
    /// restXml, which S3 alone speaks.
    #[serde(rename = "rest-xml")]
    RestXml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Boolean,
    Double,
    Float,
    Timestamp,
    Blob,
    /// Free-form JSON.
    Document,
}

#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Reference>,
    #[serde(default)]
    pub(super) required: Vec<String>,
    /// Whether exactly one member is set.
    #[serde(default)]
    pub(super) union: bool,
    #[serde(default)]
    member: Option<Reference>,
    #[serde(default)]
    key: Option<Reference>,
    #[serde(default)]
    value: Option<Reference>,
    #[serde(default, rename = "enum")]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) min: Option<i64>,
    #[serde(default)]
    pub(super) max: Option<i64>,
    #[serde(default)]
    pub(super) error: Option<ErrorTrait>,
    /// The member that the body carries.
    #[serde(default)]
    pub(super) payload: Option<String>,
    /// Whether the items of a list stand in XML without an element around them.
    #[serde(default)]
    pub(super) flattened: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub(super) shape: String,
    /// The label of the REST path that carries the member.
    #[serde(default)]
    pub(super) label: Option<String>,
    /// The query parameter that carries it.
    #[serde(default)]
    pub(super) query: Option<String>,
    /// Its element in XML, where that is not its own name.
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorTrait {
    /// The awsQuery code, where it differs from the shape's name.
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) http_status_code: Option<u16>,
    /// Whether the service, not the caller, is to blame.
    #[serde(default)]
    pub(super) fault: bool,
}

impl Shape {
    pub(super) const fn plain(kind: Kind) -> Self {
        Self {
            kind,
            members: BTreeMap::new(),
            required: Vec::new(),
            union: false,
            member: None,
            key: None,
            value: None,
            values: Vec::new(),
            min: None,
            max: None,
            error: None,
            payload: None,
            flattened: false,
        }
    }
}

/// The scalars without constraints, which the table does not list. The last one also stands for
/// a reference that leads nowhere; a test proves that there is none.
static PLAIN: [(&str, Shape); 9] = [
    ("string", Shape::plain(Kind::String)),
    ("integer", Shape::plain(Kind::Integer)),
    ("long", Shape::plain(Kind::Long)),
    ("boolean", Shape::plain(Kind::Boolean)),
    ("double", Shape::plain(Kind::Double)),
    ("float", Shape::plain(Kind::Float)),
    ("timestamp", Shape::plain(Kind::Timestamp)),
    ("blob", Shape::plain(Kind::Blob)),
    ("document", Shape::plain(Kind::Document)),
];

impl Service {
    /// Finds a shape by the name that a reference gives.
    pub(super) fn shape(&self, name: &str) -> &Shape {
        self.find(name).unwrap_or(&PLAIN[PLAIN.len() - 1].1)
    }

    fn find(&self, name: &str) -> Option<&Shape> {
        let plain = || PLAIN.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape);
        self.shapes.get(name).or_else(plain)
    }

    fn follow(&self, reference: &Option<Reference>) -> &Shape {
        self.shape(reference.as_ref().map_or("document", |r| r.shape.as_str()))
    }

    /// The shape of a list's items.
    pub(super) fn item(&self, list: &Shape) -> &Shape {
        self.follow(&list.member)
    }

    /// The shapes of a map's keys and values.
    pub(super) fn entry(&self, map: &Shape) -> (&Shape, &Shape) {
        (self.follow(&map.key), self.follow(&map.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_parses_and_is_closed() {
        let table: Table = serde_json::from_str(include_str!("shapes.json")).unwrap();
        assert_eq!(table.services.len(), 13);
        assert_eq!(table.services.values().map(|s| s.operations.len()).sum::<usize>(), 100);
        for service in table.services.values() {
            for operation in service.operations.values() {
                for name in operation.errors.iter().chain(&operation.input).chain(&operation.output)
                {
                    assert!(service.shapes.contains_key(name), "{name}");
                }
            }
            for (name, shape) in &service.shapes {
                let references = shape.members.values();
                let inner = [&shape.member, &shape.key, &shape.value];
                for reference in references.chain(inner.into_iter().flatten()) {
                    assert!(service.find(&reference.shape).is_some(), "{name}: {reference:?}");
                }
                assert_eq!(shape.kind == Kind::List, shape.member.is_some(), "{name}");
                assert_eq!(shape.kind == Kind::Map, shape.value.is_some(), "{name}");
                assert!(shape.required.iter().all(|r| shape.members.contains_key(r)), "{name}");
            }
        }
    }
}
