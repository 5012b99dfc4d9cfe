//! The program's error: a kind that decides the exit code, a cause, and hints.

use std::fmt;

use crate::domain::OutcomeKind;

/// An error that ends a command.
///
/// `Display` gives one lower-case fragment that fits after "failed to …:"; hints are sentences
/// that say how to mend it and are printed on their own lines.
#[derive(Debug)]
pub struct Error {
    kind: OutcomeKind,
    message: String,
    hints: Vec<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind.
    pub fn new(kind: OutcomeKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new(), source: None }
    }

    /// An error in what the user gave: arguments, files, values.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(OutcomeKind::Invalid, message)
    }

    /// A fault of ha-deploy itself.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(OutcomeKind::Bug, message)
    }

    /// Adds a sentence that says how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// The hints, most useful first.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
