//! The command line: clap types only.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Highly available blue/green deployments to Amazon ECS, gated by evidence
#[derive(Debug, Parser)]
#[command(name = "ha-deploy", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What every command takes
    #[command(flatten)]
    pub global: Global,
    /// The verb
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 a bug · 2 usage or configuration · 3 rolled back, service healthy on the \
previous revision · 4 failed and not restored: a person is needed · 5 evidence inconclusive, nothing \
shifted · 6 access denied or no credentials · 7 someone else's deployment is active · 130 cancelled";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The configuration file
    #[arg(long, short = 'c', global = true, value_name = "FILE", default_value = "ha-deploy.yml")]
    pub config: PathBuf,
    /// The environment; needed when the file has more than one
    #[arg(long, short = 'e', global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Say more (twice: with debug logs of the AWS SDK)
    #[arg(long, short = 'v', global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Say only what went wrong and how it ended
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration; every fault is reported at once
    Check(CheckArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Show what a provision and a deploy would do, and change nothing
    Plan(PlanArgs),
    /// Make the infrastructure what the configuration says; traffic stays where it is
    Provision(ProvisionArgs),
    /// Delete the infrastructure of an environment
    Destroy(DestroyArgs),
    /// Show what was changed beside CloudFormation
    Drift(DriftArgs),
    /// Provision what an account needs once: buckets, roles, GitHub's identity provider
    Bootstrap(BootstrapArgs),
    /// List, show or write out the embedded CloudFormation templates
    Templates(TemplatesArgs),
    /// Build the image of each service, test it, push it, and print its digest
    Build(BuildArgs),
    /// Test an image on the Docker engine for what zero downtime needs
    CheckImage(CheckImageArgs),
    /// Deploy: register, migrate, shift traffic, watch, roll back when it is bad
    Deploy(DeployArgs),
    /// Return to the last good revision, or to a given one
    Rollback(RollbackArgs),
    /// Show what serves, what is deploying, and what to do next
    Status(StatusArgs),
    /// Ask the statistical gate: replay samples, or compute what a shift can see
    Gate(GateArgs),
    /// Rehearse on the embedded cloud: no account, no network, virtual time
    Rehearse(RehearseArgs),
}

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// How to print faults
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
}

/// How faults are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// With an excerpt of the file
    Text,
    /// As annotations of a GitHub workflow
    Github,
    /// As JSON
    Json,
}

/// What builds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuilderChoice {
    /// The best there is
    Auto,
    /// docker buildx
    Buildx,
    /// The BuildKit of the engine
    Buildkit,
    /// The builder before BuildKit
    Classic,
}

/// Arguments of `build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Only this service; may be given more than once
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Vec<String>,
    /// Build although the registry has this content, without the engine's cache
    #[arg(long)]
    pub fresh: bool,
    /// Do not test the image
    #[arg(long)]
    pub no_check: bool,
    /// How many services are built at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub parallel: usize,
    /// What builds
    #[arg(long, value_enum, value_name = "BUILDER")]
    pub builder: Option<BuilderChoice>,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `check-image`.
#[derive(Debug, Clone, Args)]
pub struct CheckImageArgs {
    /// A name, id or digest of an image that the engine has
    #[arg(value_name = "IMAGE|DIGEST")]
    pub image: String,
    /// The service whose settings apply; needed when the file has more than one
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Option<String>,
    /// The port that the image listens on; default: that of the service
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// Arguments of `plan` and `deploy`.
#[derive(Debug, Clone, Args)]
pub struct DeployArgs {
    /// Only this service; may be given more than once
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Vec<String>,
    /// The image of a service, as a tag or a digest in its repository
    #[arg(long, value_name = "SERVICE=TAG|DIGEST")]
    pub image: Vec<String>,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Return only when blue has been terminated, too
    #[arg(long)]
    pub wait_termination: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The service; needed when the file has more than one
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Option<String>,
    /// The revision (`family:7` or `7`) or image digest to return to; default: the last good one
    #[arg(long, value_name = "REVISION|DIGEST")]
    pub to: Option<String>,
    /// Go through an alarm that is firing
    #[arg(long)]
    pub override_alarms: bool,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Only this service; may be given more than once
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Vec<String>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `gate`.
#[derive(Debug, Clone, Args)]
pub struct GateArgs {
    /// The question
    #[command(subcommand)]
    pub command: GateCommand,
}

/// What the gate is asked.
#[derive(Debug, Clone, Subcommand)]
pub enum GateCommand {
    /// Replay recorded samples: per row the evidence, the interval of the ratio, the verdict
    Replay(ReplayArgs),
    /// Compute how large a regression a shift can see, how likely, how fast, at what cost
    Power(PowerArgs),
}

/// Arguments of `gate replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// A CSV file: seconds,candidate_requests,candidate_errors,baseline_requests,baseline_errors
    #[arg(long, value_name = "FILE")]
    pub samples: PathBuf,
    /// Which evidence: `ratio`, `one-sample=RATE`, `beta=STRENGTH,SHARE` or `beta-both=…`
    #[arg(long, value_name = "POLICY", default_value = "ratio")]
    pub policy: String,
    /// The share of healthy releases that may be rolled back by chance
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub alpha: f64,
    /// How many times worse than the baseline is still accepted
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    pub margin: f64,
    /// Requests of the candidate before there is any verdict
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_requests: u64,
    /// Errors of the candidate that count of one row at most, against one client that retries
    #[arg(long, value_name = "N")]
    pub max_errors: Option<u64>,
}

/// Arguments of `gate power`.
#[derive(Debug, Clone, Args)]
pub struct PowerArgs {
    /// Requests per second of both revisions together
    #[arg(long, value_name = "N")]
    pub rps: f64,
    /// The candidate's share, such as 10% or 0.1
    #[arg(long, value_name = "SHARE", default_value = "10%")]
    pub weight: String,
    /// The baseline's error rate, such as 0.1% or 0.001
    #[arg(long, value_name = "SHARE")]
    pub baseline: String,
    /// How long the candidate has that share
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    pub hold: String,
    /// How long a bucket is
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub period: String,
    /// How long after its end a bucket is counted
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub settle: String,
    /// The share of healthy releases that may be rolled back by chance
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub alpha: f64,
    /// How many times worse than the baseline is still accepted
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    pub margin: f64,
}

/// Arguments of `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// A built-in scenario, or a YAML file
    #[arg(long, value_name = "NAME|FILE", default_value = "healthy", conflicts_with_all = ["all", "list"])]
    pub scenario: String,
    /// List the built-in scenarios
    #[arg(long)]
    pub list: bool,
    /// Run every built-in scenario; fail when one ends otherwise than it expects
    #[arg(long, conflicts_with = "list")]
    pub all: bool,
    /// The seed: the same one gives the same run, byte for byte
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The service that gets a new revision; default: the first of the file
    #[arg(long, short = 's', value_name = "NAME")]
    pub service: Option<String>,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Build with the Docker engine, push to the registry at this loopback address, and deploy what was
    /// pushed
    #[arg(long, value_name = "REGISTRY", conflicts_with_all = ["all", "list"])]
    pub docker: Option<SocketAddr>,
    /// Serve the embedded cloud on a loopback address, for any AWS client (AWS_ENDPOINT_URL)
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["all", "list"])]
    pub serve: Option<SocketAddr>,
    /// How many times faster than real time the served cloud runs
    #[arg(long, default_value_t = 1.0, value_name = "N", requires = "serve")]
    pub speed: f64,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// What a deploy takes, too
    #[command(flatten)]
    pub deploy: DeployArgs,
    /// Ask nobody: plan the stack against nothing
    #[arg(long, conflicts_with_all = ["drift", "image", "service"])]
    pub offline: bool,
    /// Also look for what was changed beside CloudFormation
    #[arg(long)]
    pub drift: bool,
    /// A data store that may be replaced or deleted; may be given more than once
    #[arg(long, value_name = "STACK/RESOURCE")]
    pub allow_replacement: Vec<String>,
    /// How much is used, for the monthly estimate (YAML, see docs/cost.md)
    #[arg(long, value_name = "FILE")]
    pub usage: Option<PathBuf>,
}

/// Arguments of `provision`.
#[derive(Debug, Clone, Args)]
pub struct ProvisionArgs {
    /// A data store that may be replaced or deleted; may be given more than once
    #[arg(long, value_name = "STACK/RESOURCE")]
    pub allow_replacement: Vec<String>,
    /// Minutes to wait for somebody else's operation on a stack
    #[arg(long, default_value_t = 30, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(0..=1440))]
    pub wait: u64,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `destroy`.
#[derive(Debug, Clone, Args)]
pub struct DestroyArgs {
    /// The environment's suffix, as proof that it is meant
    #[arg(long, value_name = "SUFFIX")]
    pub confirm: Option<String>,
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `drift`.
#[derive(Debug, Clone, Args)]
pub struct DriftArgs {
    /// Write the Markdown of the pull-request comment to this file
    #[arg(long, value_name = "FILE")]
    pub comment: Option<PathBuf>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `bootstrap`.
#[derive(Debug, Clone, Args)]
pub struct BootstrapArgs {
    /// The GitHub repository whose workflows may deploy; default: GITHUB_REPOSITORY
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
    /// Its numeric id, which a renamed or squatted repository does not have; default:
    /// GITHUB_REPOSITORY_ID
    #[arg(long, value_name = "ID")]
    pub repository_id: Option<u64>,
    /// The numeric id of its owner; default: GITHUB_REPOSITORY_OWNER_ID
    #[arg(long, value_name = "ID")]
    pub owner_id: Option<u64>,
    /// What the names of these resources end in
    #[arg(long, value_name = "SUFFIX", default_value = "account")]
    pub suffix: String,
    /// A parameter of the template; may be given more than once
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Use this profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

/// Arguments of `templates`.
#[derive(Debug, Clone, Args)]
pub struct TemplatesArgs {
    /// What to do
    #[command(subcommand)]
    pub command: TemplatesCommand,
}

/// What to do with the templates.
#[derive(Debug, Clone, Subcommand)]
pub enum TemplatesCommand {
    /// List them
    List,
    /// Print one; with --json, what it takes, makes and publishes
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write all of them into a directory; nothing is overwritten
    Eject {
        /// The directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}
