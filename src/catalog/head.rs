//! `Metadata.HaDeploy`: what the engine must know of a template that CloudFormation does not.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// In which region a stack lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Region {
    /// The environment's own.
    Primary,
    /// The one that stands by.
    Dr,
    /// Where CloudFront's certificates and web ACLs must be (CloudFront developer guide).
    #[serde(rename = "us-east-1")]
    UsEast1,
}

/// A value that another stack publishes as an SSM parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The template that publishes it; `service`: the stack of the same service.
    pub stack: String,
    /// The last part of the parameter's name.
    pub key: String,
}

/// A parameter whose value is the *name* of an SSM parameter; the producer must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The template's parameter.
    pub parameter: String,
    /// Who publishes it.
    pub source: Source,
}

/// A parameter whose value the engine reads; the producer may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Want {
    /// The template's parameter.
    pub parameter: String,
    /// Who may publish it; the first that the environment uses counts.
    pub sources: Vec<Source>,
}

/// The head of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Where it lives.
    pub region: Region,
    /// Whether every service has a stack of its own.
    pub per_service: bool,
    /// Values that other stacks must have published.
    pub needs: Vec<Need>,
    /// Values that other stacks may have published.
    pub wants: Vec<Want>,
    /// Parameters whose values deployments change: an update keeps the stack's.
    pub live: Vec<String>,
    /// Logical ids that an update must not touch unless traffic is proved to stay where it is.
    pub guarded: Vec<String>,
    /// Logical ids that hold data: never replaced or deleted unasked.
    pub data_stores: Vec<String>,
}

/// The head as the file has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RawHead {
    region: Region,
    #[serde(default)]
    per_service: bool,
    #[serde(default)]
    needs: BTreeMap<String, RawSource>,
    #[serde(default)]
    wants: BTreeMap<String, OneOrMore>,
    #[serde(default)]
    live: Vec<String>,
    #[serde(default)]
    guarded: Vec<String>,
    #[serde(default)]
    data_stores: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(RawSource),
    More(Vec<RawSource>),
}

/// `<stack>/<key>`.
#[derive(Debug)]
struct RawSource(Source);

impl<'de> Deserialize<'de> for RawSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once('/') {
            Some((stack, key)) if !stack.is_empty() && !key.is_empty() && !key.contains('/') => {
                Ok(Self(Source { stack: stack.to_owned(), key: key.to_owned() }))
            }
            _ => Err(serde::de::Error::custom(format!("`{text}` is not <stack>/<key>"))),
        }
    }
}

impl From<RawHead> for Head {
    fn from(raw: RawHead) -> Self {
        let needs = raw.needs.into_iter();
        let wants = raw.wants.into_iter();
        Self {
            region: raw.region,
            per_service: raw.per_service,
            needs: needs.map(|(parameter, RawSource(source))| Need { parameter, source }).collect(),
            wants: wants
                .map(|(parameter, sources)| Want {
                    parameter,
                    sources: match sources {
                        OneOrMore::One(RawSource(source)) => vec![source],
                        OneOrMore::More(more) => more.into_iter().map(|source| source.0).collect(),
                    },
                })
                .collect(),
            live: raw.live,
            guarded: raw.guarded,
            data_stores: raw.data_stores,
        }
    }
}

impl Head {
    /// Every value of another stack that it takes, with the parameter that takes it.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        let needs = self.needs.iter().map(|need| (need.parameter.as_str(), &need.source));
        let wants = self.wants.iter().flat_map(|want| {
            want.sources.iter().map(move |source| (want.parameter.as_str(), source))
        });
        needs.chain(wants)
    }
}
