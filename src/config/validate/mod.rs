//! What a schema cannot say: contradictions, names that overflow, pairs that do not exist.
//!
//! Works on one environment with its overrides applied, and makes the model from what is left
//! without a fault.

mod gates;
mod image;
mod names;
mod rollout;
mod scaling;
mod service;
mod stack;

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::diagnostic::Code;
use super::interpolate::{Interpolation, Lookup};
use super::model::{Environment, Model, Service};
use super::overlay;
use super::raw;
use super::shape::{Shape, View, list};
use super::source::{Fault, Faults, Source, Span};
use super::tree::{Entry, Node, Value, quote};
use crate::domain::{AccountId, EnvironmentName, Suffix};

/// One environment of a file.
pub(super) struct Context<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) lookup: &'a Lookup,
    pub(super) file: &'a Path,
    pub(super) environment: &'a Entry,
}

/// A service with its overrides applied, for finding places.
#[derive(Clone, Copy)]
struct Site<'a> {
    entry: &'a Entry,
}

impl Site<'_> {
    /// The place of a path: the value when it is there, else the deepest key above it.
    fn at(self, path: &[&str]) -> Span {
        let mut place = self.entry.key_span;
        let mut node = &self.entry.node;
        for key in path {
            let Some(entry) = node.entry(key) else { break };
            place = entry.node.place(entry.key_span);
            node = &entry.node;
        }
        place
    }

    /// The place of the key of a path, or of the deepest key above it.
    fn key(self, path: &[&str]) -> Span {
        let mut place = self.entry.key_span;
        let mut node = &self.entry.node;
        for key in path {
            let Some(entry) = node.entry(key) else { break };
            place = entry.key_span;
            node = &entry.node;
        }
        place
    }

    fn name(self) -> String {
        quote(&self.entry.key)
    }
}

impl Context<'_> {
    /// Validates the environment; `None` when something is missing that was reported.
    pub(super) fn model(&self, root: &Node, faults: &mut Faults) -> Option<Model> {
        let app = self.app(root, faults);
        let raw = self.environment(faults);
        // Names are checked even when the rest of the environment has faults.
        let suffix = raw.as_ref().and_then(|raw| Suffix::new(&raw.suffix.as_ref()?.0).ok());
        let sites = self.sites(root, faults);
        let mut services = Vec::new();
        for entry in sites.iter().take(super::read::MOST_ENTRIES) {
            let site = Site { entry };
            let definition = View::definition("Service")?;
            let path = ["services", &entry.key];
            let json = self.shape(faults, &path).walk(&entry.node, definition, entry.key_span);
            let Some(raw) = json.and_then(|json| read::<raw::Service>(json, site, faults)) else {
                continue;
            };
            let names = names::Convention {
                app: app.as_deref(),
                suffix: suffix.as_ref(),
                suffix_at: self.suffix_at(),
                environment: &self.environment.key,
            };
            services.extend(service::service(raw, site, &names, faults).map(|s| (s, site)));
        }
        names::clashes(&services, faults);
        let stack = self.stack(root, &services, faults);
        let complete = services.len() == sites.len() && !sites.is_empty();
        let services: Vec<Service> = services.into_iter().map(|(service, _)| service).collect();
        let (app, environment) = (app?, self.assemble(raw?, suffix?)?);
        let file = self.file.to_owned();
        complete.then_some(Model { app, environment, services, stack, file })
    }

    fn shape<'f>(&'f self, faults: &'f mut Faults, path: &[&str]) -> Shape<'f> {
        Shape {
            interpolation: Interpolation { source: self.source, lookup: self.lookup },
            faults,
            lenient: false,
            path: path.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    fn app(&self, root: &Node, faults: &mut Faults) -> Option<String> {
        let entry = root.entry("app")?;
        let property = View::new(super::schema::shared()).property("app")?;
        let json = self.shape(faults, &["app"]).walk(&entry.node, property, entry.key_span)?;
        json.as_str().map(str::to_owned)
    }

    fn suffix_at(&self) -> Span {
        Site { entry: self.environment }.at(&["suffix"])
    }

    fn environment(&self, faults: &mut Faults) -> Option<raw::Environment> {
        let entries = self.environment.node.map()?;
        let own = |entry: &&Entry| !overlay::SECTIONS.contains(&&*entry.key);
        let own = Value::Map(entries.iter().filter(own).cloned().collect());
        let node = Node { span: self.environment.node.span, value: own };
        let definition = View::definition("Environment")?;
        let path = ["environments", &self.environment.key];
        let json = self.shape(faults, &path).walk(&node, definition, self.environment.key_span)?;
        read(json, Site { entry: self.environment }, faults)
    }

    fn assemble(&self, raw: raw::Environment, suffix: Suffix) -> Option<Environment> {
        let accounts: Vec<AccountId> =
            raw.accounts?.iter().filter_map(|account| AccountId::new(&account.0).ok()).collect();
        if accounts.is_empty() {
            return None;
        }
        Some(Environment {
            name: EnvironmentName::new(&self.environment.key).ok()?,
            suffix,
            region: raw.region?.0,
            accounts,
            role: raw.role.map(|role| role.0),
            protect: raw.protect.unwrap_or(false),
        })
    }

    /// The services with this environment's overrides, in the order of the file.
    fn sites(&self, root: &Node, faults: &mut Faults) -> Vec<Entry> {
        let Some(base) = root.get("services") else { return Vec::new() };
        let Some(declared) = base.map() else { return Vec::new() };
        let Some(over) = self.environment.node.get("services") else { return declared.to_vec() };
        let names: Vec<&str> = declared.iter().map(|entry| entry.key.as_str()).collect();
        for entry in over.map().unwrap_or_default() {
            if names.contains(&entry.key.as_str()) {
                continue;
            }
            let message = format!("there is no service {} to override", quote(&entry.key));
            let fault = Fault::new(Code::UnknownName, entry.key_span, message);
            faults.push(match super::nearest(&entry.key, names.iter().copied()) {
                Some(near) => fault.help(format!("perhaps `{near}` is meant")),
                None => fault.help(format!(
                    "declare it under the top-level `services`, which has {}",
                    list(&names, "and")
                )),
            });
        }
        if over.map().is_none() {
            // Reported by the shape pass; the base alone is still worth checking.
            return declared.to_vec();
        }
        let merged = overlay::section(base, over);
        let known = |entry: &&Entry| names.contains(&entry.key.as_str());
        merged.map().unwrap_or_default().iter().filter(known).cloned().collect()
    }
}

/// Turns a checked value into its raw type. The shape pass removed what does not fit, so a failure
/// is a difference between schema and types, which is a bug.
fn read<T: DeserializeOwned>(json: Json, site: Site<'_>, faults: &mut Faults) -> Option<T> {
    match serde_json::from_value(json) {
        Ok(raw) => Some(raw),
        Err(error) => {
            let message = format!("the schema and the reader differ: {error}");
            faults.push(
                Fault::new(Code::Internal, site.entry.key_span, message)
                    .help("this is a bug in ha-deploy; please report it with the file"),
            );
            None
        }
    }
}

/// Two environments with the same suffix, region and account would share every resource, so that
/// a deployment to one is a deployment to the other.
pub(super) fn suffixes(root: &Node, faults: &mut Faults) {
    let literal = |node: &Node, key: &str| {
        let text = node.get(key)?.scalar()?.text.clone();
        (!text.contains('$')).then_some(text)
    };
    let accounts = |node: &Node| -> Vec<String> {
        match node.get("accounts").map(|accounts| &accounts.value) {
            Some(Value::Seq(items)) => {
                items.iter().filter_map(|item| Some(item.scalar()?.text.clone())).collect()
            }
            _ => Vec::new(),
        }
    };
    let mut seen: BTreeMap<(String, String, String), (&Entry, Span)> = BTreeMap::new();
    for entry in root.get("environments").and_then(Node::map).unwrap_or_default() {
        let node = &entry.node;
        let (Some(suffix), Some(region)) = (literal(node, "suffix"), literal(node, "region"))
        else {
            continue;
        };
        let at = Site { entry }.at(&["suffix"]);
        for account in accounts(node) {
            let key = (suffix.clone(), region.clone(), account);
            match seen.get(&key) {
                Some((first, _)) if first.key == entry.key => {}
                Some((first, first_at)) => {
                    let message = format!(
                        "{} has the suffix, region and account of {}, so both name the same \
                         resources",
                        quote(&entry.key),
                        quote(&first.key)
                    );
                    faults.push(
                        Fault::new(Code::NameClash, at, message)
                            .help("give each environment its own suffix")
                            .related(*first_at, "the same suffix"),
                    );
                    break;
                }
                None => {
                    seen.insert(key, (entry, at));
                }
            }
        }
    }
}
