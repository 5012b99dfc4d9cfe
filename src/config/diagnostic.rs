//! What is wrong with a file: located, with an excerpt and a mend.
//!
//! Rendering belongs to `report`; here is only what there is to say.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but a person should look.
    Warning,
}

/// One finding in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as the caller named it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The first column, from 1, counted in characters.
    pub column: usize,
    /// The column after the last one, on the same line; greater than `column`.
    pub end_column: usize,
    /// What kind of finding it is; never changes its meaning between versions.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The line it is about; absent when the file has none to show.
    pub excerpt: Option<Excerpt>,
    /// How to mend it.
    pub help: Option<String>,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
}

/// Another place that has to do with a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Related {
    /// The line, from 1.
    pub line: usize,
    /// The first column, from 1, counted in characters.
    pub column: usize,
    /// What is there.
    pub message: String,
}

/// A line of the file, or the part of a long line around the finding.
///
/// Values that look like secrets are masked, because excerpts end up in CI logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// The text, with its control characters as they are in the file.
    pub text: String,
    /// The first marked character, from 0, within `text`.
    pub start: usize,
    /// The number of marked characters, at least 1; may reach one past the end of `text`.
    pub length: usize,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The closed list of findings. The texts are part of the interface and never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable identifier.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it means, for the reference.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc,)+),)+
                }
            }
        }
    };
}

codes! {
    /// The file is larger than 1 MiB.
    FileTooLarge = "file-too-large",
    /// The file is not UTF-8.
    NotUtf8 = "not-utf-8",
    /// The file holds nothing.
    EmptyFile = "empty-file",
    /// The file is not YAML.
    Syntax = "syntax",
    /// The file holds more than one YAML document.
    MultipleDocuments = "multiple-documents",
    /// Values are nested deeper than 32 levels.
    TooDeep = "too-deep",
    /// The file, its aliases expanded, holds too many values.
    TooManyValues = "too-many-values",
    /// An alias has no anchor, or refers to the value that it is part of.
    UnknownAlias = "unknown-alias",
    /// A YAML tag such as `!!str` or `!Ref`.
    TagNotAllowed = "tag-not-allowed",
    /// A merge key `<<`.
    MergeKey = "merge-key",
    /// A key that is not a plain text.
    BadKey = "bad-key",
    /// A key that stands twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A key that does not exist at this place.
    UnknownKey = "unknown-key",
    /// A key that must be there and is not.
    MissingKey = "missing-key",
    /// A key without a value.
    MissingValue = "missing-value",
    /// A value of another type than the key takes.
    WrongType = "wrong-type",
    /// A value that does not follow the rule of its kind.
    InvalidValue = "invalid-value",
    /// A value outside its range, or a list with too few or too many items.
    OutOfRange = "out-of-range",
    /// None, or more than one, of several keys of which exactly one is wanted.
    ChooseOne = "choose-one",
    /// A version of the file format that this program does not read.
    UnsupportedVersion = "unsupported-version",
    /// An interpolation that is not closed, empty or of an unknown kind.
    BadInterpolation = "bad-interpolation",
    /// `${env:NAME}` where NAME is not set.
    MissingVariable = "missing-variable",
    /// `${ssm:NAME}` where the parameter does not exist.
    MissingParameter = "missing-parameter",
    /// `${git:sha}` outside a repository.
    MissingCommit = "missing-commit",
    /// `${ssm:NAME}` in a value whose syntax must be known, read without AWS.
    DeferredParameter = "deferred-parameter",
    /// An environment, service or other name that the file does not define.
    UnknownName = "unknown-name",
    /// No environment was chosen and the file has several.
    ChooseEnvironment = "choose-environment",
    /// Two resources with the same name.
    NameClash = "name-clash",
    /// A resource name that AWS would refuse for its length.
    NameTooLong = "name-too-long",
    /// A CPU and memory pair that Fargate does not offer.
    FargatePair = "fargate-pair",
    /// Two values that cannot hold together.
    Contradiction = "contradiction",
    /// A value that looks like a secret itself, not like a reference to one.
    LiteralSecret = "literal-secret",
    /// A rollout that nothing can stop.
    UngatedRollout = "ungated-rollout",
    /// A valid setting that no part of this version acts on yet.
    NotSupportedYet = "not-supported-yet",
    /// More findings than are shown.
    TooManyFindings = "too-many-findings",
    /// A fault of ha-deploy itself.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
