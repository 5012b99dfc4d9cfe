//! The scenarios that the binary carries.

use super::{Scenario, ScenarioError, parse};

/// A built-in scenario: its name and the text of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// The name, as `rehearse --scenario` takes it.
    pub name: &'static str,
    /// The file's text, to be copied and changed.
    pub text: &'static str,
}

impl Builtin {
    /// Reads the file.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        parse(self.text, &format!("{}.yml", self.name))
    }
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../scenarios/", $name, ".yml")),
        }),*]
    };
}

/// Every built-in scenario, in the order that `rehearse --all` runs them.
pub fn builtin() -> &'static [Builtin] {
    files![
        "healthy",
        "bad-canary",
        "slow-canary",
        "crash-loop",
        "failed-hook",
        "failed-smoke",
        "dies-in-bake",
        "failed-migration",
        "common-incident",
        "zone-outage",
        "throttled",
        "alarm-firing-at-start",
        "foreign-deployment",
        "weights-drifted",
        "cancelled",
        "runner-killed",
        "retrying-client",
        "provision",
    ]
}

/// The built-in scenario of a name.
pub fn find(name: &str) -> Option<Builtin> {
    builtin().iter().find(|builtin| builtin.name == name).copied()
}
