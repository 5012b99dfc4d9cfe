//! Traffic: who gets how much of it, and how it moves.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// A share of the traffic, in whole percent from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Weight(u8);

impl Weight {
    /// No traffic.
    pub const NONE: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(100);

    /// Accepts 0 to 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The percentage.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// What is left to 100 %.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(100 - self.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// The two sides of a blue/green deployment: blue serves now, green is the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// The revision that served before the deployment.
    Blue,
    /// The candidate.
    Green,
}

/// The live split between blue and green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Weights {
    /// The share of the revision that served before.
    pub blue: Weight,
    /// The share of the candidate.
    pub green: Weight,
}

/// How production traffic moves from blue to green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Shift {
    /// Everything in one step.
    AllAtOnce,
    /// One small step, a hold, then the rest.
    Canary {
        /// The first step.
        percent: Weight,
        /// How long it stays there.
        hold: Duration,
    },
    /// Equal steps at equal distances.
    Linear {
        /// The size of each step.
        percent: Weight,
        /// The time between two steps.
        hold: Duration,
    },
}
