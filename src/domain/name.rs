//! Names whose syntax AWS or the configuration restricts.

use std::fmt;

use serde::Serialize;

/// Says why a text is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {rule}")]
pub struct InvalidName {
    /// The kind of name, as a person calls it.
    pub what: &'static str,
    /// The rule that the text breaks.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The rule that a valid name follows, for error messages.
            pub const RULE: &'static str = $rule;

            /// Accepts `text` when it follows [`Self::RULE`].
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { what: $what, rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

fn kebab(text: &str, longest: usize) -> bool {
    let bytes = text.as_bytes();
    (1..=longest).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && !text.ends_with('-')
        && !text.contains("--")
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

name!(
    /// The suffix that every resource of one environment carries (`prod`, `pr-17`).
    Suffix,
    "suffix",
    "must be 1–16 lower-case letters, digits or single dashes, starting with a letter",
    |text| kebab(text, 16)
);
name!(
    /// The name of a service in `ha-deploy.yml`.
    ServiceName,
    "service name",
    "must be 1–24 lower-case letters, digits or single dashes, starting with a letter",
    |text| kebab(text, 24)
);
name!(
    /// The name of an environment in `ha-deploy.yml`.
    EnvironmentName,
    "environment name",
    "must be 1–32 lower-case letters, digits or single dashes, starting with a letter",
    |text| kebab(text, 32)
);
name!(
    /// A 12-digit AWS account id.
    AccountId,
    "account id",
    "must be 12 digits (quote it, or YAML drops leading zeros)",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
