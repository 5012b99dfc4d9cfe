//! What the file says, before it is judged.
//!
//! The one source of truth for keys, types, ranges and their documentation: `schema` derives the
//! JSON Schema from these types, `shape` checks the file against that schema and finds the places,
//! `reference` prints it. Every field is optional here, also the required ones: `shape` has
//! reported what is missing, and `validate` goes on with the rest.
//!
//! Extensions of the schema: `x-kind` (see `kind`), `x-min`/`x-max` (durations), `x-minutes`
//! (whole minutes), `x-choose` (exactly one key), `x-not-yet` (which part will act on it),
//! `x-aws` (what AWS calls it).

mod gates;
mod image;
#[expect(dead_code, reason = "checked by their schema; nothing acts on them yet")]
mod later;
mod rollout;
mod scaling;
mod service;
mod stack;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

pub(super) use gates::{GateSource, Gates, Inconclusive, Latency};
pub(super) use image::{Build, Check, Image, Scan, Severity};
pub(super) use later::{Backup, Report};
pub(super) use rollout::{Controller, Hooks, LoadBalancer, Rollout, Shift, Smoke, Step};
pub(super) use scaling::{Scaling, Utilization};
pub(super) use service::{Architecture, HealthCheck, Names, Service, TargetHealthCheck};
pub(super) use stack::{Database, Nat, Recovery, Stack};

use super::kind::SuffixText;
use super::kind::{AccountText, AppText, EnvironmentText, RegionText, RoleText, ServiceText};

/// The configuration of ha-deploy: what is deployed where, and how traffic moves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "ha-deploy.yml")]
#[expect(dead_code, reason = "describes the file; its parts are read one by one, in file order")]
pub(super) struct File {
    /// The version of this file format; always `1`.
    #[schemars(required, range(min = 1, max = 1))]
    version: Option<u32>,
    /// The application; part of CodeDeploy application names.
    #[schemars(required)]
    app: Option<AppText>,
    /// Where it is deployed, by name. One command works on one environment.
    #[schemars(required, extend("minProperties" = 1, "maxProperties" = 50))]
    environments: Option<Keyed<EnvironmentText, Environment>>,
    /// The services, by name.
    #[schemars(required, extend("minProperties" = 1, "maxProperties" = 50))]
    services: Option<Keyed<ServiceText, Service>>,
    /// The infrastructure around the services. Without it, ha-deploy works in what is there and
    /// provisions nothing.
    stack: Option<Stack>,
    /// Backups and recovery objectives.
    #[schemars(extend("x-not-yet" = "the backup part (`ha-deploy backup`)"))]
    backup: Option<Backup>,
    /// Where results are reported besides the console.
    #[schemars(extend("x-not-yet" = "the GitHub part"))]
    report: Option<Report>,
}

/// One environment. `services`, `stack`, `backup` and `report` override the top level key by key;
/// `null` removes an inherited value, lists are replaced as a whole.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "overrides are laid over the tree, not read from here")]
pub(super) struct Environment {
    /// What every resource name of the environment ends in.
    #[schemars(required)]
    pub(super) suffix: Option<SuffixText>,
    /// The AWS region.
    #[schemars(required)]
    pub(super) region: Option<RegionText>,
    /// The AWS accounts that may be touched; any other is refused before the first change.
    #[schemars(required, length(min = 1), extend("uniqueItems" = true))]
    pub(super) accounts: Option<Vec<AccountText>>,
    /// The IAM role to assume.
    pub(super) role: Option<RoleText>,
    /// Whether destructive acts need the suffix typed.
    #[schemars(extend("default" = false))]
    pub(super) protect: Option<bool>,
    /// Overrides of services that the top level declares.
    #[schemars(with = "Option<Keyed<ServiceText, Service>>", extend("x-override" = true))]
    services: Option<serde_json::Value>,
    /// Overrides of `stack`.
    #[schemars(with = "Option<Stack>", extend("x-override" = true))]
    stack: Option<serde_json::Value>,
    /// Overrides of `backup`.
    #[schemars(with = "Option<Backup>", extend("x-override" = true, "x-not-yet" = "the backup part (`ha-deploy backup`)"))]
    backup: Option<serde_json::Value>,
    /// Overrides of `report`.
    #[schemars(with = "Option<Report>", extend("x-override" = true, "x-not-yet" = "the GitHub part"))]
    report: Option<serde_json::Value>,
}

/// A mapping whose keys are of a kind.
#[derive(Debug)]
pub(super) struct Keyed<K, V>(pub(super) BTreeMap<String, V>, PhantomData<K>);

impl<K, V> Default for Keyed<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new(), PhantomData)
    }
}

impl<'de, K, V: Deserialize<'de>> Deserialize<'de> for Keyed<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|map| Self(map, PhantomData))
    }
}

impl<K: JsonSchema, V: JsonSchema> JsonSchema for Keyed<K, V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}By{}", V::schema_name(), K::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = K::json_schema(generator);
        let values = generator.subschema_for::<V>();
        json_schema!({
            "type": "object",
            "propertyNames": keys,
            "additionalProperties": values,
        })
    }
}
