//! `services.<name>.image`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Keyed;
use crate::config::kind::{
    DateText, DigestText, DurationText, NonEmptyText, PathText, RepositoryText, TagText,
    VariableText,
};

/// Which image to deploy. With none of `tag`, `digest` and `build`, the command line must say it
/// (`--image`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Image {
    /// The ECR repository, without registry.
    #[schemars(required, extend("x-aws" = "ECR `repositoryName`"))]
    pub(in crate::config) repository: Option<RepositoryText>,
    /// A tag; resolved to a digest before anything else happens.
    #[schemars(extend("x-aws" = "ECR `imageTag`"))]
    pub(in crate::config) tag: Option<TagText>,
    /// A digest.
    #[schemars(extend("x-aws" = "ECR `imageDigest`"))]
    pub(in crate::config) digest: Option<DigestText>,
    /// How to build the image, in place of `tag` and `digest`. What is built is pushed under a tag that
    /// stands for its content, and deployed by digest.
    pub(in crate::config) build: Option<Build>,
    /// What the image must keep, tested on the engine before it is pushed; also for
    /// `ha-deploy check-image`.
    pub(in crate::config) check: Option<Check>,
    /// Holds a deployment up for what ECR's scan finds in the image.
    pub(in crate::config) scan: Option<Scan>,
}

/// How to build an image, for the service's `architecture` (that of the engine by default).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Build {
    /// The build context, relative to the file; within its repository.
    #[schemars(required)]
    pub(in crate::config) context: Option<NonEmptyText>,
    /// The Dockerfile, relative to the context.
    #[schemars(extend("default" = "Dockerfile"))]
    pub(in crate::config) dockerfile: Option<NonEmptyText>,
    /// The stage to build; the last one by default.
    pub(in crate::config) target: Option<NonEmptyText>,
    /// Build arguments. They stay in the image's history: never secrets.
    pub(in crate::config) args: Option<Keyed<VariableText, String>>,
    /// Secrets for `RUN --mount=type=secret,id=…`: the environment variable that holds each, by id.
    pub(in crate::config) secrets: Option<Keyed<VariableText, VariableText>>,
    /// Where layers are cached between runs, with buildx: `github`, or the reference of an image in a
    /// registry that the engine is logged in to.
    pub(in crate::config) cache: Option<NonEmptyText>,
    /// The largest context in MiB; a larger one is taken for a mistake.
    #[schemars(range(min = 1, max = 102400), extend("default" = 1024))]
    pub(in crate::config) context_limit: Option<u32>,
}

/// What an image must keep. Each test has a name, which `docs/images.md` explains.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Check {
    /// Whether an image is tested before it is pushed.
    #[schemars(extend("default" = true))]
    pub(in crate::config) enabled: Option<bool>,
    /// The path of the load balancer's health check.
    #[schemars(extend("default" = "/health"))]
    pub(in crate::config) health: Option<PathText>,
    /// A path that says whether new requests should come.
    pub(in crate::config) ready: Option<PathText>,
    /// A path that says whether the process is alive.
    pub(in crate::config) live: Option<PathText>,
    /// A path with metrics.
    pub(in crate::config) metrics: Option<PathText>,
    /// A path whose answer takes a second or more; it is in flight when the container is stopped.
    pub(in crate::config) in_flight: Option<PathText>,
    /// Variables for the containers of the test.
    pub(in crate::config) environment: Option<Keyed<VariableText, String>>,
    /// Variables that point dependencies to where nothing answers, such as `http://127.0.0.1:9`.
    pub(in crate::config) away: Option<Keyed<VariableText, String>>,
    /// How long it may take until it listens and is healthy.
    #[schemars(extend("x-min" = "1s", "x-max" = "10m", "default" = "10s"))]
    pub(in crate::config) start: Option<DurationText>,
    /// How long the health path may take to answer.
    #[schemars(extend("x-min" = "1s", "x-max" = "2m", "default" = "5s"))]
    pub(in crate::config) answer: Option<DurationText>,
    /// The largest size in MiB.
    #[schemars(range(min = 1, max = 102400), extend("default" = 1024))]
    pub(in crate::config) max_size: Option<u32>,
    /// The most layers.
    #[schemars(range(min = 1, max = 127), extend("default" = 40))]
    pub(in crate::config) max_layers: Option<u32>,
    /// Tests whose failure is accepted.
    #[schemars(extend("uniqueItems" = true))]
    pub(in crate::config) accept: Option<Vec<NonEmptyText>>,
}

/// Holds a deployment up for what ECR's scan finds.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Scan {
    /// Findings of this severity and above stop the deployment.
    #[schemars(extend("default" = "critical"))]
    pub(in crate::config) severity: Option<Severity>,
    /// How long to wait for the scan to end.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h", "default" = "5m"))]
    pub(in crate::config) wait: Option<DurationText>,
    /// Findings that are accepted for a time.
    #[schemars(length(max = 200))]
    pub(in crate::config) allow: Option<Vec<Allowed>>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(in crate::config) enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

/// A finding that is accepted for a time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Allowed {
    /// Its identifier, such as `CVE-2026-1234`.
    #[schemars(required)]
    pub(in crate::config) id: Option<NonEmptyText>,
    /// The last day on which it is accepted.
    #[schemars(required)]
    pub(in crate::config) until: Option<DateText>,
    /// Why.
    #[schemars(required)]
    #[expect(dead_code, reason = "for those who read the file")]
    pub(in crate::config) reason: Option<NonEmptyText>,
}
