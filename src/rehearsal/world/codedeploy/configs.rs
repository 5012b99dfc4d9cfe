//! Deployment configurations: how traffic moves.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{number, page, seconds, text};

/// A deployment configuration for ECS.
#[derive(Debug, Clone)]
pub(in crate::rehearsal::world) struct Config {
    pub(in crate::rehearsal::world) name: String,
    id: String,
    created: Duration,
    pub(super) routing: Routing,
}

/// How traffic moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Routing {
    AllAtOnce,
    Canary { percent: u32, minutes: u64 },
    Linear { percent: u32, minutes: u64 },
}

/// The predefined configurations for ECS (CodeDeploy user guide, deployment configurations).
pub(in crate::rehearsal::world) fn predefined() -> Vec<Config> {
    let canary = |percent, minutes| Routing::Canary { percent, minutes };
    let linear = |percent, minutes| Routing::Linear { percent, minutes };
    [
        ("ECSLinear10PercentEvery1Minutes", linear(10, 1)),
        ("ECSLinear10PercentEvery3Minutes", linear(10, 3)),
        ("ECSCanary10Percent5Minutes", canary(10, 5)),
        ("ECSCanary10Percent15Minutes", canary(10, 15)),
        ("ECSAllAtOnce", Routing::AllAtOnce),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, (name, routing))| Config {
        name: format!("CodeDeployDefault.{name}"),
        id: format!("00000000-0000-0000-0000-{index:012}"),
        created: Duration::ZERO,
        routing,
    })
    .collect()
}

impl Routing {
    /// The weights of green and the times since the first one.
    pub(super) fn steps(self) -> Vec<(Duration, u32)> {
        let minutes = |n: u64| Duration::from_secs(n.saturating_mul(60));
        match self {
            Self::AllAtOnce => vec![(Duration::ZERO, 100)],
            Self::Canary { percent, minutes: hold } => {
                vec![(Duration::ZERO, percent), (minutes(hold), 100)]
            }
            Self::Linear { percent, minutes: hold } => {
                let count = 100_u32.div_ceil(percent.max(1));
                (1..=count)
                    .map(|step| {
                        let at = minutes(hold).saturating_mul(step - 1);
                        (at, step.saturating_mul(percent).min(100))
                    })
                    .collect()
            }
        }
    }

    fn view(self) -> Value {
        match self {
            Self::AllAtOnce => json!({"type": "AllAtOnce"}),
            Self::Canary { percent, minutes } => json!({
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": minutes},
            }),
            Self::Linear { percent, minutes } => json!({
                "type": "TimeBasedLinear",
                "timeBasedLinear": {"linearPercentage": percent, "linearInterval": minutes},
            }),
        }
    }

    /// Reads `trafficRoutingConfig`. Percentages are 1–99; an interval is at least a minute and
    /// the whole shift at most two days (CodeDeploy user guide, quotas).
    fn parse(config: &Value) -> Result<Self, String> {
        let pair = |key: &str, percent: &str, interval: &str| {
            let inner = config.get(key).unwrap_or(&Value::Null);
            let share = number(inner, percent).filter(|share| (1..=99).contains(share));
            let share = share.ok_or_else(|| format!("{percent} must be between 1 and 99"))?;
            let minutes = number(inner, interval).filter(|minutes| (1..=2880).contains(minutes));
            let minutes =
                minutes.ok_or_else(|| format!("{interval} must be between 1 and 2880"))?;
            Ok::<_, String>((share as u32, minutes))
        };
        match text(config, "type") {
            Some("AllAtOnce") => Ok(Self::AllAtOnce),
            Some("TimeBasedCanary") => {
                let (percent, minutes) =
                    pair("timeBasedCanary", "canaryPercentage", "canaryInterval")?;
                Ok(Self::Canary { percent, minutes })
            }
            Some("TimeBasedLinear") => {
                let (percent, minutes) =
                    pair("timeBasedLinear", "linearPercentage", "linearInterval")?;
                let steps = u64::from(100_u32.div_ceil(percent));
                if steps.saturating_sub(1).saturating_mul(minutes) > 2880 {
                    return Err("the shift must take at most 2880 minutes".to_owned());
                }
                Ok(Self::Linear { percent, minutes })
            }
            _ => Err("a traffic routing type is required".to_owned()),
        }
    }
}

impl World {
    pub(super) fn find_config(&self, name: &str) -> Result<&Config, ApiError> {
        self.codedeploy.configs.iter().find(|config| config.name == name).ok_or_else(|| {
            ApiError::new(
                "DeploymentConfigDoesNotExistException",
                format!("No Deployment Configuration found for name: {name}"),
            )
        })
    }

    pub(super) fn create_config(&mut self, input: &Value) -> Reply {
        let name = text(input, "deploymentConfigName").unwrap_or_default();
        let valid = (1..=100).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-=._,@".contains(&b));
        if !valid || name.starts_with("CodeDeployDefault.") {
            return Err(ApiError::new(
                "InvalidDeploymentConfigNameException",
                format!("Invalid Deployment Configuration name: {name}"),
            ));
        }
        if self.find_config(name).is_ok() {
            return Err(ApiError::new(
                "DeploymentConfigAlreadyExistsException",
                format!("Deployment Configuration already exists for name: {name}"),
            ));
        }
        if text(input, "computePlatform") != Some("ECS") {
            let text = "Only the ECS compute platform is part of this cloud";
            return Err(ApiError::new("InvalidComputePlatformException", text));
        }
        if input.get("minimumHealthyHosts").is_some() {
            let text = "minimumHealthyHosts cannot be specified for the ECS compute platform";
            return Err(ApiError::new("InvalidMinimumHealthyHostValueException", text));
        }
        let routing = input.get("trafficRoutingConfig").unwrap_or(&Value::Null);
        let routing = Routing::parse(routing).map_err(|message| {
            ApiError::new("InvalidTrafficRoutingConfigurationException", message)
        })?;
        let id = self.ids.uuid();
        let config = Config { name: name.to_owned(), id: id.clone(), created: self.now, routing };
        self.codedeploy.configs.push(config);
        Ok(json!({"deploymentConfigId": id}))
    }

    pub(super) fn get_config(&self, input: &Value) -> Reply {
        let config = self.find_config(text(input, "deploymentConfigName").unwrap_or_default())?;
        Ok(json!({"deploymentConfigInfo": {
            "deploymentConfigId": config.id,
            "deploymentConfigName": config.name,
            "createTime": seconds(self.wall(config.created)),
            "computePlatform": "ECS",
            "trafficRoutingConfig": config.routing.view(),
        }}))
    }

    pub(super) fn list_configs(&self, input: &Value) -> Reply {
        let names: Vec<&str> = self.codedeploy.configs.iter().map(|c| c.name.as_str()).collect();
        let (names, next) =
            page(&names, text(input, "nextToken"), 100, "InvalidNextTokenException")?;
        Ok(json!({"deploymentConfigsList": names, "nextToken": next}))
    }
}
