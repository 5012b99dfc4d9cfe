//! `${env:NAME}`, `${ssm:NAME}`, `${git:sha}` and `$$` in values.
//!
//! What comes out is text: it is never read as YAML and never interpolated again, so a variable
//! cannot smuggle in structure or reach another variable.

use std::collections::BTreeMap;

use super::diagnostic::Code;
use super::source::{Fault, Faults, Source, Span};
use super::tree::{Scalar, quote};

/// More faults in one scalar tell nobody more, and each costs a search for the name meant.
const MOST_FAULTS: usize = 20;

/// What `${…}` stands for.
#[derive(Debug, Clone, Default)]
pub struct Lookup {
    /// Environment variables, for `${env:NAME}`.
    pub vars: BTreeMap<String, String>,
    /// The commit, for `${git:sha}`; `None` outside a repository.
    pub git_sha: Option<String>,
    /// SSM parameters, for `${ssm:NAME}`.
    pub ssm: SsmLookup,
}

/// SSM parameters, or the decision to leave them for later.
#[derive(Debug, Clone, Default)]
pub enum SsmLookup {
    /// Read without AWS: `${ssm:NAME}` stays as it is in free text, and is an error where the
    /// syntax of the value must be known.
    #[default]
    Deferred,
    /// The values of all parameters that [`super::ssm_references`] named and that exist.
    Resolved(BTreeMap<String, String>),
}

/// One interpolation in a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// `$$`.
    Dollar,
    Reference {
        kind: &'a str,
        name: &'a str,
    },
    /// `${` without `}`.
    Unclosed,
}

/// A scalar after interpolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolved {
    /// The text as written; nothing was interpolated.
    Literal(String),
    /// The text, with something interpolated.
    Text(String),
    /// Holds `${ssm:…}` that is read later.
    Deferred(String),
    /// Reported, or left alone in a lenient pass.
    Failed,
}

/// Splits a text into parts, each with the index of its `$` among all `$` of the text.
fn parts(text: &str) -> Vec<(Part<'_>, usize)> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut dollars = 0;
    while let Some((before, after)) = rest.split_once('$') {
        if !before.is_empty() {
            parts.push((Part::Text(before), dollars));
        }
        if let Some(tail) = after.strip_prefix('$') {
            parts.push((Part::Dollar, dollars));
            dollars += 2;
            rest = tail;
        } else if let Some(inner) = after.strip_prefix('{') {
            let Some((inside, tail)) = inner.split_once('}') else {
                parts.push((Part::Unclosed, dollars));
                return parts;
            };
            let (kind, name) = inside.split_once(':').unwrap_or((inside, ""));
            parts.push((Part::Reference { kind, name }, dollars));
            dollars += 1 + inside.matches('$').count();
            rest = tail;
        } else {
            // A lone dollar, as in a price or a shell variable, stands for itself.
            parts.push((Part::Text("$"), dollars));
            dollars += 1;
            rest = after;
        }
    }
    if !rest.is_empty() {
        parts.push((Part::Text(rest), dollars));
    }
    parts
}

/// The SSM parameters that a text refers to.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter_map(|(part, _)| match part {
        Part::Reference { kind: "ssm", name } if ssm_name(name) => Some(name),
        _ => None,
    })
}

fn variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A parameter name, with an optional `:version` or `:label`
/// (SSM API reference, `GetParameter`).
fn ssm_name(name: &str) -> bool {
    (1..=1011).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/:".contains(c))
}

/// Interpolates one scalar.
pub(super) struct Interpolation<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) lookup: &'a Lookup,
}

impl Interpolation<'_> {
    /// Resolves every `${…}` of a scalar. In a `lenient` pass, a missing value is no fault: the
    /// environment at hand may replace the whole scalar.
    pub(super) fn resolve(
        &self,
        scalar: &Scalar,
        span: Span,
        lenient: bool,
        faults: &mut Faults,
    ) -> Resolved {
        if !scalar.text.contains('$') {
            return Resolved::Literal(scalar.text.clone());
        }
        let dollars = self.dollars(scalar, span);
        let before = faults.count();
        let mut text = String::new();
        let (mut replaced, mut deferred, mut failed) = (false, false, false);
        for (part, dollar) in parts(&scalar.text) {
            if faults.is_full() || faults.count() - before >= MOST_FAULTS {
                return Resolved::Failed;
            }
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Dollar => text.push('$'),
                Part::Unclosed => {
                    failed = true;
                    faults.push(
                        Fault::new(
                            Code::BadInterpolation,
                            self.locate(&dollars, span, dollar, 2),
                            "`${` is never closed by `}`",
                        )
                        .help("close it, or write `$${` for a literal `${`"),
                    );
                }
                Part::Reference { kind, name } => {
                    // `${`, `:` and `}` stand around the kind and the name.
                    let colon = usize::from(!name.is_empty());
                    let length = 3 + kind.len() + colon + name.len();
                    let at = self.locate(&dollars, span, dollar, length);
                    replaced = true;
                    match self.value(kind, name, at) {
                        Ok(Some(value)) => text.push_str(value),
                        Ok(None) => {
                            deferred = true;
                            text.push_str("${ssm:");
                            text.push_str(name);
                            text.push('}');
                        }
                        Err((_, true)) if lenient => failed = true,
                        Err((fault, _)) => {
                            failed = true;
                            faults.push(fault);
                        }
                    }
                }
            }
        }
        match (failed, deferred, replaced) {
            (true, _, _) => Resolved::Failed,
            (false, true, _) => Resolved::Deferred(text),
            (false, false, true) => Resolved::Text(text),
            (false, false, false) => Resolved::Literal(text),
        }
    }

    /// The value of one reference; `Ok(None)` is read later. The flag of an error says that the
    /// reference is well formed and only its value is missing.
    fn value(&self, kind: &str, name: &str, at: Span) -> Result<Option<&str>, (Fault, bool)> {
        let bad = |message: String, help: &str| {
            (Fault::new(Code::BadInterpolation, at, message).help(help), false)
        };
        match kind {
            "env" if !variable_name(name) => Err(bad(
                format!("{} is not the name of an environment variable", quote(name)),
                "a name has letters, digits and underscores and starts with no digit",
            )),
            "env" => match self.lookup.vars.get(name) {
                Some(value) => Ok(Some(value)),
                None => {
                    let message = format!("the environment variable `{name}` is not set");
                    let near = super::nearest(name, self.lookup.vars.keys().map(String::as_str));
                    let help = match near {
                        Some(near) => format!("set it; `{near}` is set, perhaps that is meant"),
                        None => format!(
                            "set it, for instance with `env: {name}: …` in the workflow step"
                        ),
                    };
                    Err((Fault::new(Code::MissingVariable, at, message).help(help), true))
                }
            },
            "ssm" if !ssm_name(name) => Err(bad(
                format!("{} is not the name of an SSM parameter", quote(name)),
                "write `${ssm:/path/to/parameter}`",
            )),
            "ssm" => match &self.lookup.ssm {
                SsmLookup::Deferred => Ok(None),
                SsmLookup::Resolved(values) => match values.get(name) {
                    Some(value) => Ok(Some(value)),
                    None => {
                        let message = format!("the SSM parameter `{name}` does not exist");
                        let help = "create it in the account and region of this environment, \
                                    or correct the name";
                        Err((Fault::new(Code::MissingParameter, at, message).help(help), true))
                    }
                },
            },
            "git" if name == "sha" => match &self.lookup.git_sha {
                Some(sha) => Ok(Some(sha)),
                None => {
                    let message = "`${git:sha}` has no value, because no commit was found";
                    let help = "run inside a git checkout, or set GITHUB_SHA";
                    Err((Fault::new(Code::MissingCommit, at, message).help(help), true))
                }
            },
            "git" => Err(bad(
                format!("{} is nothing that git is asked for", quote(name)),
                "only `${git:sha}` exists",
            )),
            _ => {
                let near = super::nearest(kind, ["env", "ssm", "git"].into_iter());
                let help = match near {
                    Some(near) => format!("perhaps `${{{near}:…}}` is meant; "),
                    None => String::new(),
                } + "there are `${env:NAME}`, `${ssm:NAME}` and `${git:sha}`; write `$$` for a literal `$`";
                let message = format!("{} is no kind of interpolation", quote(kind));
                Err((Fault::new(Code::BadInterpolation, at, message).help(help), false))
            }
        }
    }

    /// The offsets of all `$` of a scalar.
    ///
    /// The source text has the same dollars in the same order unless an escape of a double-quoted
    /// text makes one; then there are none, and the whole scalar is marked.
    fn dollars(&self, scalar: &Scalar, span: Span) -> Vec<usize> {
        let written = self.source.slice(span).match_indices('$').map(|(at, _)| span.start + at);
        let written: Vec<usize> = written.collect();
        let decoded = scalar.text.matches('$').count();
        if written.len() == decoded { written } else { Vec::new() }
    }

    /// The place of the `dollar`-th `$` of a scalar.
    fn locate(&self, dollars: &[usize], span: Span, dollar: usize, length: usize) -> Span {
        match dollars.get(dollar) {
            Some(&start) => {
                let end = self.source.text.floor_char_boundary((start + length).min(span.end));
                Span::new(start, end)
            }
            None => span,
        }
    }
}
