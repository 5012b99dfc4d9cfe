//! Why a stack is not as wanted.

use std::fmt;

use crate::aws::{Fault, FaultKind};
use crate::domain::{OutcomeKind, StackStatus};
use crate::plan::stacks::Loss;

/// Why a stack is not as wanted.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The command was cancelled.
    Cancelled,
    /// A stack that it needs is not there.
    Skipped {
        /// Which.
        on: String,
    },
    /// AWS refused, or could not be reached.
    Fault(Fault),
    /// CloudFormation tried and went back, or could not.
    Operation {
        /// How the stack is now.
        status: StackStatus,
        /// The first failure.
        cause: String,
        /// How many failures followed from it.
        cascades: usize,
    },
    /// The change set could not be made.
    Unplannable(String),
    /// Data would be lost that nobody said may be lost.
    Losses(Vec<Loss>),
    /// Somebody else is at work.
    Busy(String),
    /// Something must be there first.
    Missing {
        /// What.
        what: String,
        /// How it comes to be there.
        mend: String,
    },
    /// A person must look.
    Person(String),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Trouble {
    /// How the command ends.
    pub(super) fn kind(&self) -> OutcomeKind {
        match self {
            Self::Cancelled => OutcomeKind::Cancelled,
            Self::Skipped { .. } => OutcomeKind::Inconclusive,
            Self::Fault(fault) => match fault.kind {
                FaultKind::Denied | FaultKind::Credentials => OutcomeKind::Denied,
                FaultKind::Conflict => OutcomeKind::Busy,
                _ => OutcomeKind::Inconclusive,
            },
            Self::Operation { status, .. } => {
                // What was there before is there again, or the little that was made is gone.
                match status.as_str() {
                    // Left half-way on purpose: what was done is what is live, and the next run
                    // goes on.
                    "UPDATE_FAILED" => OutcomeKind::Inconclusive,
                    "UPDATE_ROLLBACK_COMPLETE" | "ROLLBACK_COMPLETE" => OutcomeKind::RolledBack,
                    _ => OutcomeKind::NeedsPerson,
                }
            }
            Self::Unplannable(_) | Self::Losses(_) | Self::Missing { .. } => OutcomeKind::Invalid,
            Self::Busy(_) => OutcomeKind::Busy,
            Self::Person(_) => OutcomeKind::NeedsPerson,
        }
    }

    /// Which of several decides about the end: the smallest.
    pub(super) fn gravity(&self) -> usize {
        const ORDER: [OutcomeKind; 7] = [
            OutcomeKind::NeedsPerson,
            OutcomeKind::RolledBack,
            OutcomeKind::Denied,
            OutcomeKind::Busy,
            OutcomeKind::Invalid,
            OutcomeKind::Inconclusive,
            OutcomeKind::Cancelled,
        ];
        ORDER.iter().position(|kind| *kind == self.kind()).unwrap_or(ORDER.len())
    }

    /// How many failures only followed from the first.
    pub(super) fn cascades(&self) -> usize {
        match self {
            Self::Operation { cascades, .. } => *cascades,
            _ => 0,
        }
    }

    /// What to do about it.
    pub(super) fn next(&self, stack: &str) -> Option<String> {
        match self {
            Self::Fault(fault) if fault.kind == FaultKind::Denied => {
                Some(format!("Allow `{}` for the deploying role.", fault.action))
            }
            Self::Losses(losses) => {
                let arguments: Vec<String> = losses
                    .iter()
                    .filter(|loss| !loss.allowed)
                    .map(|loss| format!("--allow-replacement {}", loss.resource))
                    .collect();
                Some(format!("To lose these data after all: {}.", arguments.join(" ")))
            }
            Self::Missing { mend, .. } => Some(mend.clone()),
            Self::Operation { .. } | Self::Unplannable(_) => {
                Some(format!("Mend the cause in {stack}, then run the same command again."))
            }
            Self::Person(_) => Some(format!("Look at {stack} in the CloudFormation console.")),
            Self::Cancelled | Self::Skipped { .. } | Self::Fault(_) | Self::Busy(_) => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Skipped { on } => write!(f, "it needs {on}"),
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Operation { status, cause, .. } => write!(f, "{cause}; the stack is {status}"),
            Self::Unplannable(reason) => write!(f, "the change cannot be planned: {reason}"),
            Self::Losses(losses) => {
                let lost: Vec<&str> = losses
                    .iter()
                    .filter(|loss| !loss.allowed)
                    .map(|loss| loss.resource.as_str())
                    .collect();
                write!(f, "data would be lost: {}", lost.join(", "))
            }
            Self::Busy(what) => f.write_str(what),
            Self::Missing { what, .. } => f.write_str(what),
            Self::Person(what) => f.write_str(what),
        }
    }
}
