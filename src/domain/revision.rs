//! Task-definition revisions and image digests: what a deployment moves between.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A task-definition revision, `family:number`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    family: String,
    number: u32,
}

impl Revision {
    /// Parses `family:number`, or the ARN that ends in it.
    pub fn parse(text: &str) -> Option<Self> {
        let tail = text.rsplit_once("task-definition/").map_or(text, |(_, tail)| tail);
        let (family, number) = tail.split_once(':')?;
        let valid = !family.is_empty()
            && family.len() <= 255
            && family.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let number = number.parse().ok().filter(|n| *n > 0)?;
        valid.then(|| Self { family: family.to_owned(), number })
    }

    /// The family, without the number.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The number within the family, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.family, self.number)
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

impl TryFrom<String> for Revision {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not family:number"))
    }
}

/// An image digest, `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageDigest(String);

impl ImageDigest {
    /// Accepts `sha256:` followed by 64 lower-case hexadecimal digits.
    pub fn new(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let valid = hex.len() == 64
            && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        valid.then(|| Self(text.to_owned()))
    }

    /// The digest with its algorithm, as registries write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 hexadecimal digits, as people read digests.
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or(&self.0)
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ImageDigest> for String {
    fn from(digest: ImageDigest) -> Self {
        digest.0
    }
}

impl TryFrom<String> for ImageDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or_else(|| format!("`{text}` is not sha256:<64 hex digits>"))
    }
}

/// A revision that once carried all traffic to the end of its bake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodRevision {
    /// The task-definition revision.
    pub revision: Revision,
    /// The image of its main container, when it was pinned by digest.
    pub digest: Option<ImageDigest>,
    /// The deployment that proved it.
    pub deployment: Option<String>,
    /// When it was proved, in seconds since the Unix epoch.
    pub at: i64,
}
