//! How a command ended, and the exit code that says so.

use serde::Serialize;

/// The closed list of ways a command can end. Exit codes are part of the interface
/// and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeKind {
    /// Done: everything asked for holds.
    Done,
    /// A bug in ha-deploy.
    Bug,
    /// Usage or configuration.
    Invalid,
    /// Rolled back; the service is healthy on the previous revision.
    RolledBack,
    /// Failed and not restored: a person is needed.
    NeedsPerson,
    /// Evidence inconclusive, nothing shifted.
    Inconclusive,
    /// Access denied, or no credentials.
    Denied,
    /// Someone else's deployment is active.
    Busy,
    /// Cancelled.
    Cancelled,
}

impl OutcomeKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Bug,
        Self::Invalid,
        Self::RolledBack,
        Self::NeedsPerson,
        Self::Inconclusive,
        Self::Denied,
        Self::Busy,
        Self::Cancelled,
    ];

    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Bug => 1,
            Self::Invalid => 2,
            Self::RolledBack => 3,
            Self::NeedsPerson => 4,
            Self::Inconclusive => 5,
            Self::Denied => 6,
            Self::Busy => 7,
            Self::Cancelled => 130,
        }
    }

    /// One sentence that says what the code means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Bug => "a bug in ha-deploy; please report it",
            Self::Invalid => "usage or configuration; nothing was changed",
            Self::RolledBack => "rolled back; the service is healthy on the previous revision",
            Self::NeedsPerson => "failed and not restored: a person is needed",
            Self::Inconclusive => "evidence inconclusive; nothing was shifted",
            Self::Denied => "access denied, or no credentials",
            Self::Busy => "someone else's deployment is active",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a command ended, with the reason in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The kind, which decides the exit code.
    pub kind: OutcomeKind,
    /// One sentence for a person; may hold text from outside.
    pub summary: String,
    /// What to do next, most useful first; each is a sentence or a command.
    pub next: Vec<String>,
}

impl Outcome {
    /// An outcome with nothing to do next.
    pub fn new(kind: OutcomeKind, summary: impl Into<String>) -> Self {
        Self { kind, summary: summary.into(), next: Vec::new() }
    }

    /// Adds something to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next.push(step.into());
        self
    }
}
