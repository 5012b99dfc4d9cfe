//! `stack`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Keyed;
use crate::config::kind::{
    CidrText, DomainText, EmailText, ParameterNameText, RegionText, TemplateText,
};

/// The infrastructure around the services.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Stack {
    /// Availability zones.
    #[schemars(range(min = 2, max = 3), extend("default" = 3))]
    pub(in crate::config) zones: Option<u32>,
    /// The address block of the VPC.
    #[schemars(extend("default" = "10.0.0.0/16", "x-aws" = "EC2 `CidrBlock`"))]
    pub(in crate::config) cidr: Option<CidrText>,
    /// How tasks reach the internet.
    #[schemars(extend("default" = "one-per-zone"))]
    pub(in crate::config) nat: Option<Nat>,
    /// The domain that the load balancer answers to; brings the `dns` stack.
    pub(in crate::config) domain: Option<DomainText>,
    /// The database.
    #[schemars(extend("default" = "aurora"))]
    pub(in crate::config) database: Option<Database>,
    /// Whether a second region stands by.
    #[schemars(extend("default" = "none"))]
    pub(in crate::config) dr: Option<Recovery>,
    /// The region that stands by.
    pub(in crate::config) dr_region: Option<RegionText>,
    /// Who hears of alarms; AWS asks the address to confirm.
    #[schemars(extend("x-aws" = "SNS `Subscription`"))]
    pub(in crate::config) alert_email: Option<EmailText>,
    /// Which templates are used, where the default is not what is wanted: `cache: true`,
    /// `runbooks: false`. `ha-deploy templates list` shows them.
    pub(in crate::config) templates: Option<Keyed<TemplateText, bool>>,
    /// Parameters by template and name, for what has no key of its own. `ha-deploy templates show`
    /// lists them. CloudFormation knows texts only, so numbers are quoted.
    #[schemars(extend("x-aws" = "CloudFormation `Parameters`"))]
    pub(in crate::config) parameters: Option<Keyed<TemplateText, Keyed<ParameterNameText, String>>>,
}

/// How tasks reach the internet.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Nat {
    OnePerZone,
    Single,
    Regional,
    None,
}

/// The kind of database.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Database {
    None,
    Aurora,
    Rds,
}

/// How a second region stands by.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::config) enum Recovery {
    None,
    PilotLight,
    WarmStandby,
}
