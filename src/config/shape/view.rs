//! Reading the schema itself.

use std::time::Duration;

use serde_json::Value as Json;

use crate::config::kind::duration;
use crate::config::schema;

/// A schema with its `$ref` followed; keywords beside the reference come first.
#[derive(Clone, Copy)]
pub(in crate::config) struct View<'s> {
    local: &'s Json,
    target: Option<&'s Json>,
}

impl<'s> View<'s> {
    pub(in crate::config) fn new(local: &'s Json) -> Self {
        let target = local.get("$ref").and_then(Json::as_str).and_then(|reference| {
            schema::shared().pointer(reference.strip_prefix('#').unwrap_or(reference))
        });
        Self { local, target }
    }

    /// The definition of a name in `$defs`.
    pub(in crate::config) fn definition(name: &str) -> Option<Self> {
        let definition = schema::shared().get("$defs")?.get(name)?;
        Some(Self::new(definition))
    }

    pub(in crate::config) fn get(self, key: &str) -> Option<&'s Json> {
        self.local.get(key).or_else(|| self.target?.get(key))
    }

    pub(in crate::config) fn text(self, key: &str) -> Option<&'s str> {
        self.get(key).and_then(Json::as_str)
    }

    pub(super) fn number(self, key: &str) -> Option<f64> {
        self.get(key).and_then(Json::as_f64)
    }

    pub(in crate::config) fn flag(self, key: &str) -> bool {
        self.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    pub(in crate::config) fn property(self, key: &str) -> Option<Self> {
        self.get("properties")?.get(key).map(Self::new)
    }

    pub(super) fn properties(self) -> impl Iterator<Item = &'s str> {
        self.get("properties")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| &**key)
    }

    pub(super) fn branches(self) -> impl Iterator<Item = Self> {
        self.get("anyOf").and_then(Json::as_array).into_iter().flatten().map(Self::new)
    }

    pub(super) fn allows_null(self) -> bool {
        self.branches().any(|branch| branch.text("type") == Some("null"))
    }

    pub(super) fn duration(self, key: &str) -> Option<Duration> {
        self.text(key).and_then(duration)
    }
}
