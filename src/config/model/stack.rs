//! The infrastructure around the services, as the file wants it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Model, Service};
use crate::catalog;

/// Values by the name of a template's parameter.
pub type Parameters = BTreeMap<String, String>;

/// The stack of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stack {
    /// The templates that the environment uses, those of services included; sorted.
    pub templates: Vec<&'static str>,
    /// Availability zones: 2 or 3.
    pub zones: u32,
    /// The address block of the VPC.
    pub cidr: String,
    /// How tasks reach the internet.
    pub nat: Nat,
    /// The domain that the load balancer answers to.
    pub domain: Option<String>,
    /// How a second region stands by.
    pub recovery: Recovery,
    /// The region that stands by; there when `recovery` is not `None`.
    pub recovery_region: Option<String>,
    /// Who hears of alarms.
    pub alert_email: Option<String>,
    /// Parameters by template, checked against what it declares.
    pub parameters: BTreeMap<String, Parameters>,
}

/// The address block of the VPC when the file says nothing.
pub(in crate::config) const CIDR: &str = "10.0.0.0/16";
/// Availability zones when the file says nothing.
pub(in crate::config) const ZONES: u32 = 3;

impl Stack {
    /// What `stack: {database: none}` stands for.
    pub fn usual() -> Self {
        Self {
            templates: catalog::usual().into_iter().collect(),
            zones: ZONES,
            cidr: CIDR.to_owned(),
            nat: Nat::OnePerZone,
            domain: None,
            recovery: Recovery::None,
            recovery_region: None,
            alert_email: None,
            parameters: BTreeMap::new(),
        }
    }

    /// Whether the environment uses a template.
    pub fn uses(&self, template: &str) -> bool {
        self.templates.contains(&template)
    }
}

impl Model {
    /// Whether a service answers every request that no other one does: its production rule has no
    /// pattern of its own.
    pub fn answers_the_rest(&self, service: &Service) -> bool {
        let Some(stack) = &self.stack else { return true };
        let has = |values: &BTreeMap<String, Parameters>| {
            values.iter().any(|(template, values)| {
                template.starts_with("service")
                    && ["PathPattern", "HostHeader"].iter().any(|name| values.contains_key(*name))
            })
        };
        !has(&service.stack_parameters) && !has(&stack.parameters)
    }
}

/// How tasks reach the internet, as the template spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// A NAT gateway in every zone.
    OnePerZone,
    /// One for all zones: cheaper, and gone with its zone.
    Single,
    /// One regional NAT gateway.
    Regional,
    /// None: endpoints only.
    None,
}

impl Nat {
    /// The value of the templates' parameter `Nat`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnePerZone => "one-per-zone",
            Self::Single => "single",
            Self::Regional => "regional",
            Self::None => "none",
        }
    }
}

/// How a second region stands by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Not at all.
    None,
    /// Data only; compute is started when it is needed.
    PilotLight,
    /// Everything, small.
    WarmStandby,
}

impl Recovery {
    /// The value of the templates' parameter `StandbyMode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PilotLight => "pilot-light",
            Self::WarmStandby => "warm-standby",
        }
    }
}

/// How many tasks run, and when there are more; `None`: the template's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Scaling {
    /// The fewest tasks.
    pub min: Option<u32>,
    /// The most tasks.
    pub max: Option<u32>,
    /// The CPU utilization to hold, in percent.
    pub cpu: Option<u32>,
    /// The memory utilization to hold, in percent.
    pub memory: Option<u32>,
    /// The requests per task and minute to hold.
    pub requests: Option<u32>,
    /// Time after a scale-out until the next.
    pub scale_out_cooldown: Option<Duration>,
    /// Time after a scale-in until the next.
    pub scale_in_cooldown: Option<Duration>,
}

/// How the load balancer checks each task; `None`: the template's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TargetHealthCheck {
    /// The path that answers when the task is well.
    pub path: Option<String>,
    /// Time between two checks.
    pub interval: Option<Duration>,
    /// Time for one check.
    pub timeout: Option<Duration>,
    /// Successes until a task is healthy.
    pub healthy: Option<u32>,
    /// Failures until a task is unhealthy.
    pub unhealthy: Option<u32>,
}
