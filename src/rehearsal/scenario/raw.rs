//! What a scenario file says, before defaults and cross-checks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::quantity::{Real, Share, Span, Whole};

/// An exit code of a process.
pub(super) type ExitCode = Whole<0, 255>;

/// A count of tasks.
pub(super) type Tasks = Whole<0, 200>;

/// An HTTP status.
pub(super) type Status = Whole<100, 599>;

/// A percentage of traffic.
pub(super) type Percent = Whole<0, 100>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Option<Spanned<String>>,
    pub(super) description: Spanned<String>,
    #[serde(default)]
    pub(super) zones: Option<Whole<2, 3>>,
    #[serde(default)]
    pub(super) tasks: Option<Whole<1, 200>>,
    /// What is run, in order; `[deploy]` by default.
    pub(super) command: Option<Spanned<Vec<Command>>>,
    pub(super) deregistration_delay: Option<Span>,
    #[serde(default)]
    pub(super) traffic: Traffic,
    pub(super) publishes: Option<Spanned<Publishes>>,
    #[serde(default)]
    pub(super) revisions: Revisions,
    #[serde(default)]
    pub(super) migration: Migration,
    #[serde(default)]
    pub(super) hooks: BTreeMap<String, Spanned<Hook>>,
    #[serde(default)]
    pub(super) events: Vec<Spanned<Event>>,
    #[serde(default)]
    pub(super) faults: Faults,
    #[serde(default)]
    pub(super) stacks: Vec<ResourceFault>,
    #[serde(default)]
    pub(super) initial: Initial,
    pub(super) expect: Expect,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Command {
    Deploy,
    Provision,
    Drift,
    Destroy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResourceFault {
    pub(super) stack: Option<Spanned<String>>,
    pub(super) resource: Spanned<String>,
    pub(super) on: ResourceVerb,
    pub(super) message: Spanned<String>,
    pub(super) times: Option<Whole<1, 1_000>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ResourceVerb {
    Create,
    Update,
    Delete,
    Rollback,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StackUpdate {
    pub(super) stack: Spanned<String>,
    pub(super) duration: Span,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Traffic {
    pub(super) requests_per_second: Option<Real<0, 10_000_000>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publishes {
    pub(super) period: Span,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revisions {
    #[serde(default)]
    pub(super) live: Behaviour,
    #[serde(default)]
    pub(super) candidate: Behaviour,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Behaviour {
    pub(super) error_rate: Option<Share>,
    pub(super) latency: Option<Spanned<Latency>>,
    pub(super) latency_factor: Option<Spanned<Real<10, 1_000_000>>>,
    pub(super) start: Option<Span>,
    pub(super) crash: Option<Crash>,
    pub(super) smoke: Option<Answer>,
    pub(super) health: Option<Answer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Latency {
    pub(super) median: Option<Span>,
    pub(super) sigma: Option<Real<0, 3_000>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crash {
    pub(super) after: Option<Span>,
    pub(super) exit_code: Option<ExitCode>,
    pub(super) log: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Migration {
    pub(super) exit_code: Option<ExitCode>,
    pub(super) duration: Option<Span>,
    pub(super) log: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    pub(super) answer: HookAnswer,
    pub(super) duration: Option<Span>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HookAnswer {
    Succeeded,
    Failed,
    Silent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    pub(super) at: Option<Span>,
    pub(super) after: Option<String>,
    pub(super) during: Option<String>,
    pub(super) delay: Option<Span>,
    pub(super) incident: Option<Incident>,
    pub(super) retry_storm: Option<RetryStorm>,
    pub(super) zone_outage: Option<ZoneOutage>,
    pub(super) cancel: Option<Cancel>,
    pub(super) kill_runner: Option<KillRunner>,
    pub(super) scale: Option<Scale>,
    pub(super) alarm: Option<Alarm>,
    pub(super) stack_update: Option<StackUpdate>,
    pub(super) weights: Option<Spanned<Split>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incident {
    #[serde(default)]
    pub(super) revisions: IncidentRevisions,
    pub(super) error_rate: Option<Share>,
    pub(super) latency_factor: Option<Real<1_000, 1_000_000>>,
    pub(super) duration: Span,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryStorm {
    #[serde(default)]
    pub(super) revisions: IncidentRevisions,
    pub(super) requests_per_second: Whole<1, 1000>,
    pub(super) duration: Span,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IncidentRevisions {
    #[default]
    Both,
    Live,
    Candidate,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneOutage {
    pub(super) zone: String,
    pub(super) duration: Span,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Cancel {
    Sigint,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KillRunner {
    pub(super) run_again_after: Option<Span>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub(super) desired: Tasks,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alarm {
    pub(super) name: Option<String>,
    pub(super) state: AlarmState,
    pub(super) hold: Option<Span>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum AlarmState {
    #[serde(rename = "OK")]
    Ok,
    #[serde(rename = "ALARM")]
    Alarm,
    #[serde(rename = "INSUFFICIENT_DATA")]
    InsufficientData,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Faults {
    pub(super) throttle: Option<Spanned<Share>>,
    pub(super) reset: Option<Spanned<Share>>,
    pub(super) silent: Option<Spanned<Share>>,
    pub(super) latency: Option<Latency>,
    #[serde(default)]
    pub(super) deny: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Initial {
    #[serde(default)]
    pub(super) alarm_firing: bool,
    #[serde(default)]
    pub(super) foreign_deployment: bool,
    pub(super) weights: Option<Spanned<Split>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Split {
    pub(super) live: Percent,
    pub(super) candidate: Percent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) exit_code: Option<Spanned<ExitCode>>,
    pub(super) outcome: Spanned<String>,
    pub(super) final_weights: Option<Spanned<Split>>,
    pub(super) because: Option<String>,
    pub(super) rolled_back: Option<bool>,
    pub(super) deployments: Option<Whole<0, 100>>,
    pub(super) dropped: Option<Whole<0, 1_000_000_000>>,
    pub(super) max_bad_requests: Option<Whole<0, 1_000_000_000>>,
    pub(super) detected_within: Option<Span>,
    pub(super) restored_within: Option<Span>,
}
