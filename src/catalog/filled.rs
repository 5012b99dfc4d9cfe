//! Parameters that have a key of their own in `ha-deploy.yml`.

use super::Template;

/// For whom a parameter is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Every template that declares it.
    Environment,
    /// Templates of which every service has a stack.
    Service,
}

use Scope::{Environment, Service};

/// Parameter, for whom, and the key that it comes from.
const FILLED: &[(&str, Scope, &str)] = &[
    ("App", Environment, "`app`"),
    ("Suffix", Environment, "`environments.<name>.suffix`"),
    ("Protect", Environment, "`environments.<name>.protect`"),
    ("Zones", Environment, "`stack.zones`"),
    ("VpcCidr", Environment, "`stack.cidr`"),
    ("Nat", Environment, "`stack.nat`"),
    ("DomainName", Environment, "`stack.domain`"),
    ("AlertEmail", Environment, "`stack.alert_email`"),
    ("StandbyMode", Environment, "`stack.dr`"),
    ("Service", Service, "the name of the service"),
    ("ContainerName", Service, "`services.<name>.container`"),
    ("ContainerPort", Service, "`services.<name>.port`"),
    ("Cpu", Service, "`services.<name>.cpu`"),
    ("Memory", Service, "`services.<name>.memory`"),
    ("Architecture", Service, "`services.<name>.architecture`"),
    ("StopTimeout", Service, "`services.<name>.stop_timeout`"),
    ("HealthPath", Service, "`services.<name>.target_health_check.path`"),
    ("HealthInterval", Service, "`services.<name>.target_health_check.interval`"),
    ("HealthTimeout", Service, "`services.<name>.target_health_check.timeout`"),
    ("HealthyThreshold", Service, "`services.<name>.target_health_check.healthy`"),
    ("UnhealthyThreshold", Service, "`services.<name>.target_health_check.unhealthy`"),
    ("OnDemandWeight", Service, "`services.<name>.spot_percent`"),
    ("SpotWeight", Service, "`services.<name>.spot_percent`"),
    ("MinTasks", Service, "`services.<name>.scaling.min`"),
    ("MaxTasks", Service, "`services.<name>.scaling.max`"),
    ("CpuTarget", Service, "`services.<name>.scaling.cpu.target`"),
    ("MemoryTarget", Service, "`services.<name>.scaling.memory.target`"),
    ("RequestsTarget", Service, "`services.<name>.scaling.requests.target`"),
    ("ScaleOutCooldown", Service, "the `scale_out_cooldown` of `services.<name>.scaling`"),
    ("ScaleInCooldown", Service, "the `scale_in_cooldown` of `services.<name>.scaling`"),
    ("ShiftConfig", Service, "`services.<name>.rollout.shift`"),
    ("TerminationWaitMinutes", Service, "`services.<name>.rollout.termination_wait`"),
    ("AlarmNames", Service, "`services.<name>.rollout.alarms`"),
    ("BlueWeight", Service, "the deployments: they own the weights"),
    ("GreenWeight", Service, "the deployments: they own the weights"),
    ("LiveTaskDefinition", Service, "the deployments: they own the live revision"),
];

/// Where the value of a template's parameter comes from, when the file has a key for it.
pub fn filled_from(template: &Template, parameter: &str) -> Option<&'static str> {
    let (_, scope, key) = FILLED.iter().find(|(name, _, _)| *name == parameter)?;
    (*scope == Environment || template.head.per_service).then_some(*key)
}
