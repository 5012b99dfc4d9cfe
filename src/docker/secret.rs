//! Text that must not be shown.

use std::fmt;

/// A value that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that needs it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Shorter values would blank ordinary text, and protect nothing.
const SHORTEST: usize = 4;

/// Replaces what is secret in a line. A secret of several lines is replaced line by line, since output
/// comes in lines.
pub(super) fn redact(line: &str, secrets: &[Secret]) -> String {
    let mut shown = line.to_owned();
    for secret in secrets {
        for piece in secret.0.lines().map(str::trim).filter(|piece| piece.len() >= SHORTEST) {
            if shown.contains(piece) {
                shown = shown.replace(piece, "***");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secrets = [Secret::new("hunter2-and\nsecond line"), Secret::new("ab")];
        assert_eq!(redact("ab: x hunter2-and y", &secrets), "ab: x *** y");
        assert_eq!(redact("  second line", &secrets), "  ***");
        assert_eq!(format!("{:?}", secrets[0]), "***");
    }
}
