//! What is known of an image: how its tests went, and what a scan found in it.

use serde::Serialize;

use super::ImageDigest;

/// One test of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFinding {
    /// Its name.
    pub name: &'static str,
    /// How it went.
    pub verdict: ImageVerdict,
    /// What was found; may hold text from outside.
    pub found: String,
    /// What mends it; empty after a pass.
    pub mend: String,
}

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageVerdict {
    /// As it must be.
    Pass,
    /// Not as it must be.
    Fail,
    /// Not as it must be, and the configuration accepts that.
    Accepted,
    /// Could not be judged.
    Untested,
}

/// What a deploy would do to have an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImagePlan {
    /// The service that it is for.
    pub service: String,
    /// The repository.
    pub repository: String,
    /// The tag that stands for its content.
    pub tag: String,
    /// Its digest, when the registry has it; else it would be built.
    pub digest: Option<ImageDigest>,
    /// Whether it would be tested before it is pushed.
    pub checked: bool,
    /// Whether its scan would be read.
    pub scanned: bool,
}

/// One finding of a registry's scan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Vulnerability {
    /// `CVE-2026-1234`; text from outside.
    pub id: String,
    /// `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `INFORMATIONAL` or `UNDEFINED`.
    pub severity: String,
    /// The package that has it; text from outside.
    pub package: String,
}

impl ImageFinding {
    /// A test that went well.
    pub fn pass(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: ImageVerdict::Pass, found: found.into(), mend: String::new() }
    }

    /// A test that did not.
    pub fn fail(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, verdict: ImageVerdict::Fail, found: found.into(), mend: mend.into() }
    }

    /// A test that could not be judged.
    pub fn untested(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: ImageVerdict::Untested, found: found.into(), mend: String::new() }
    }

    /// A test that went well, or not.
    pub fn judged(
        name: &'static str,
        good: bool,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        if good { Self::pass(name, found) } else { Self::fail(name, found, mend) }
    }
}
