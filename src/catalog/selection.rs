//! Which templates an environment can use, and who decides.

use std::collections::BTreeSet;

/// Who decides whether a template is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// `stack.templates`; this is the default.
    Toggle(bool),
    /// Another key of the file, or another command.
    Elsewhere(&'static str),
}

/// Who decides about a template, and its default.
///
/// The default is the highly available set: what a service needs to run in several zones, to be
/// seen, backed up and recovered. What only some services want is asked for.
pub fn choice(template: &str) -> Choice {
    match template {
        "asg" | "cache" | "efs" | "cdn" => Choice::Toggle(false),
        "db-aurora" | "db-rds" => Choice::Elsewhere("`stack.database` chooses it"),
        "dr" => Choice::Elsewhere("`stack.dr` chooses it"),
        "service" | "service-codedeploy" => {
            Choice::Elsewhere("`services.<name>.rollout.controller` chooses it")
        }
        "bootstrap" => Choice::Elsewhere("`ha-deploy bootstrap` provisions it"),
        _ => Choice::Toggle(true),
    }
}

/// The templates that an environment uses when its file says nothing, without database and domain.
/// Only CodeDeploy moves traffic in this version, so it is its template of the service.
pub fn usual() -> BTreeSet<&'static str> {
    let toggles = super::names().filter(|name| choice(name) == Choice::Toggle(true));
    toggles.filter(|name| *name != "dns").chain(["service-codedeploy"]).collect()
}
