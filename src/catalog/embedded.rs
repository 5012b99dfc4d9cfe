//! The list of templates that are part of the program.

use std::sync::OnceLock;

use super::template::{Template, TemplateError};

/// One file of `templates/cloudformation`.
struct Embedded {
    name: &'static str,
    text: &'static str,
    read: OnceLock<Result<Template, TemplateError>>,
}

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        static EMBEDDED: [Embedded; [$($name),+].len()] = [$(Embedded {
            name: $name,
            text: include_str!(concat!("../../templates/cloudformation/", $name, ".yml")),
            read: OnceLock::new(),
        },)+];
    };
}

embedded![
    "asg",
    "backup",
    "bootstrap",
    "cache",
    "cdn",
    "cluster",
    "db-aurora",
    "db-rds",
    "dns",
    "dr",
    "edge",
    "efs",
    "network",
    "observability",
    "runbooks",
    "scaling",
    "service",
    "service-codedeploy",
    "shared",
    "storage",
];

/// The names of all templates, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|embedded| embedded.name)
}

/// The text of a template as it is embedded.
pub fn text(name: &str) -> Option<&'static str> {
    EMBEDDED.iter().find(|embedded| embedded.name == name).map(|embedded| embedded.text)
}

/// A template by name; it is read once, when somebody asks for it.
///
/// # Errors
///
/// When the embedded file is no template of ours, which a test rules out.
pub fn template(name: &str) -> Option<Result<&'static Template, &'static TemplateError>> {
    let embedded = EMBEDDED.iter().find(|embedded| embedded.name == name)?;
    Some(embedded.read.get_or_init(|| Template::read(embedded.name, embedded.text)).as_ref())
}

/// All templates, sorted by name.
///
/// # Errors
///
/// As for [`template`].
pub fn templates() -> Result<Vec<&'static Template>, &'static TemplateError> {
    names().filter_map(template).collect()
}
