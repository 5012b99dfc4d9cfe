//! `ha-deploy.yml`: from text to a valid model, or located diagnostics.
//!
//! Owns the file format. Reads no environment and asks no cloud: what `${…}` stands for is given
//! to it. The way of a file: `parse` (text to a tree with places, within limits) -> `shape` (the
//! tree against the schema, which `raw` derives) -> `overlay` (an environment's overrides) ->
//! `validate` (what a schema cannot say) -> `model`, which is what the rest of the program sees.
//! All faults are collected; none hides the next.

pub mod diagnostic;
mod interpolate;
mod kind;
pub mod model;
mod overlay;
mod parse;
mod raw;
mod read;
mod reference;
mod schema;
mod shape;
mod source;
mod tree;
mod validate;

use std::path::Path;

pub use interpolate::{Lookup, SsmLookup};

use diagnostic::Diagnostic;
use model::Model;

/// A file that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The chosen environment, its overrides applied.
    pub model: Model,
    /// What a person should look at.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a file for one environment; without a name, for the only one that it has.
///
/// # Errors
///
/// Everything that is wrong with the file, in its order, warnings included; at least one is an
/// error.
pub fn load(
    text: &[u8],
    file: &Path,
    environment: Option<&str>,
    lookup: &Lookup,
) -> Result<Loaded, Vec<Diagnostic>> {
    read::load(text, file, environment, lookup)
}

/// Checks a file for every environment that it has; empty when nothing is to be said.
pub fn check(text: &[u8], file: &Path, lookup: &Lookup) -> Vec<Diagnostic> {
    read::check(text, file, lookup)
}

/// The SSM parameters that a file refers to by `${ssm:…}`, sorted, each once. Empty when the file
/// is no YAML: [`load`] says why.
pub fn ssm_references(text: &[u8]) -> Vec<String> {
    read::ssm_references(text)
}

/// The JSON Schema (draft 2020-12) of the file, for editors. A text that holds `${…}` fits every
/// pattern: an editor cannot know what it stands for.
pub fn schema() -> serde_json::Value {
    let mut schema = schema::shared().clone();
    schema::admit_references(&mut schema);
    schema
}

/// The reference of every key and diagnostic, in Markdown (`docs/configuration.md`).
pub fn reference() -> String {
    reference::markdown()
}

/// Reads a duration as the file has them: `90s`, `5m`, `1h30m`.
pub fn duration(text: &str) -> Option<std::time::Duration> {
    kind::duration(text)
}

/// The known name that was probably meant.
fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer texts are no typos, and the comparison is quadratic in the length.
    const LONGEST: usize = 64;
    if text.len() > LONGEST {
        return None;
    }
    let lower = text.to_lowercase().replace(['-', ' '], "_");
    known
        .filter(|name| name.len() <= LONGEST)
        .map(|name| {
            let score = strsim::jaro_winkler(&lower, &name.to_lowercase().replace('-', "_"));
            (name, score)
        })
        .filter(|(_, score)| *score >= 0.8)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(name, _)| name)
}
