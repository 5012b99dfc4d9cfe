//! The values of a stack's parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::instance::{Argument, ArgumentValue, Basis, Instance, Seed, Shelf};
use crate::catalog::{self, Parameter};
use crate::config::model::{Architecture, ImageSelector, Recovery, Service};
use crate::domain::{ObservedStack, ObservedStacks};

/// What stands for a value that nobody knows before its producer is there.
pub const LATER: &str = "(known after provision)";

/// The first priority that a production rule gets, and the distance to the next: room for rules
/// that a person adds between them.
const FIRST_PRIORITY: u32 = 100;
const PRIORITY_STEP: u32 = 10;
/// The priority of the service that answers what no other does: after all of them.
const LAST_PRIORITY: u32 = 40_000;

/// What only the first service says of a task: the stand-by region runs one service.
const STANDBY: [(&str, &str); 5] = [
    ("StandbyPort", "ContainerPort"),
    ("StandbyCpu", "Cpu"),
    ("StandbyMemory", "Memory"),
    ("StandbyArchitecture", "Architecture"),
    ("HealthPath", "HealthPath"),
];

/// What CloudFormation is told about a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// This value.
    Value(String),
    /// `UsePreviousValue`.
    Previous,
}

/// What all stacks of an environment share out among them.
#[derive(Debug, Default)]
pub(super) struct Shares<'a> {
    /// The priority of each service's production rule.
    priorities: BTreeMap<&'a str, u32>,
    /// The ECR repository of each slot of `shared`.
    slots: BTreeMap<String, String>,
}

impl<'a> Shares<'a> {
    pub(super) fn of(basis: Basis<'a>) -> Self {
        Self { priorities: priorities(basis), slots: slots(basis) }
    }
}

/// The priority of the production rule of each service. A rule keeps the one that it has: it is a
/// property of a guarded resource, and an order in a file is no reason to touch traffic.
fn priorities(basis: Basis<'_>) -> BTreeMap<&str, u32> {
    let taken: BTreeSet<u32> = basis
        .observed
        .stacks
        .values()
        .filter_map(|stack| stack.parameters.get("RulePriority")?.parse().ok())
        .collect();
    let free = |first: u32| {
        (0..).map(move |n| first + n * PRIORITY_STEP).filter(|priority| !taken.contains(priority))
    };
    let services = &basis.model.services;
    let (rest, some): (Vec<&Service>, Vec<&Service>) =
        services.iter().partition(|service| basis.model.answers_the_rest(service));
    let last = rest.into_iter().zip(free(LAST_PRIORITY));
    let all = some.into_iter().zip(free(FIRST_PRIORITY)).chain(last);
    all.map(|(service, priority)| (service.name.as_str(), priority)).collect()
}

/// The ECR repository of each slot. A repository keeps its slot, also when no service uses it any
/// more, because another name in the slot would replace it and lose its images.
fn slots(basis: Basis<'_>) -> BTreeMap<String, String> {
    let suffix = &basis.model.environment.suffix;
    let live = basis.observed.stack(&basis.model.environment.region, &format!("shared-{suffix}"));
    let slot = |number: usize| format!("Repository{number}Name");
    let mut slots: BTreeMap<String, String> = (1..=catalog::REPOSITORIES)
        .filter_map(|number| {
            let name = live?.parameters.get(&slot(number)).filter(|name| !name.is_empty())?;
            Some((slot(number), name.clone()))
        })
        .collect();
    for service in &basis.model.services {
        let repository = &service.image.repository;
        if !slots.values().any(|known| known == repository) {
            let free = (1..=catalog::REPOSITORIES).map(slot).find(|s| !slots.contains_key(s));
            slots.extend(free.map(|slot| (slot, repository.clone())));
        }
    }
    slots
}

/// The arguments of one stack, in the order of its template; those that take the template's
/// default are left out.
pub(super) fn arguments(shelf: &Shelf<'_>, seed: &Seed<'_>, shares: &Shares<'_>) -> Vec<Argument> {
    let head = &seed.template.head;
    let value = |parameter: &Parameter| -> Option<ArgumentValue> {
        let name = parameter.name.as_str();
        let live = head.live.iter().any(|live| live == name);
        if let Some(configured) = shelf.configured(seed, name) {
            let configured = configured.clone();
            return Some(if live {
                ArgumentValue::Kept(Some(configured))
            } else {
                ArgumentValue::Text(configured)
            });
        }
        if let Some(need) = head.needs.iter().find(|need| need.parameter == name) {
            let producer = shelf.producer(seed, &need.source)?;
            return Some(ArgumentValue::Text(shelf.ssm_name(producer, &need.source)));
        }
        if let Some(want) = head.wants.iter().find(|want| want.parameter == name) {
            let found = want.sources.iter().find_map(|source| {
                let producer = shelf.producer(seed, source)?;
                Some((shelf.region(producer.template), shelf.ssm_name(producer, source)))
            });
            return found.map(|(region, name)| ArgumentValue::Read { region, name });
        }
        let given = match seed.service {
            Some(service) if head.per_service => of_service(shelf.basis, service, name, shares),
            _ => None,
        };
        let given = given.or_else(|| of_environment(shelf, seed, name, shares));
        if live || kept(name) {
            Some(ArgumentValue::Kept(given))
        } else {
            given.map(ArgumentValue::Text)
        }
    };
    let parameters = seed.template.parameters.iter();
    parameters
        .filter_map(|parameter| {
            Some(Argument { name: parameter.name.clone(), value: value(parameter)? })
        })
        .collect()
}

/// What a stack keeps as it was made although no deployment changes it: CloudFormation cannot
/// change the capacity of a service that CodeDeploy deploys (ECS API reference, `UpdateService`),
/// and deployments do it. The priority is explained at [`priorities`].
fn kept(name: &str) -> bool {
    matches!(name, "RulePriority" | "OnDemandWeight" | "SpotWeight")
}

fn of_environment(
    shelf: &Shelf<'_>,
    seed: &Seed<'_>,
    name: &str,
    shares: &Shares<'_>,
) -> Option<String> {
    let (model, stack) = (shelf.basis.model, shelf.stack);
    let standby = stack.recovery != Recovery::None;
    if let Some((_, of_task)) = STANDBY.iter().find(|(standby, _)| *standby == name) {
        let service = model.services.first().filter(|_| seed.service.is_none())?;
        return of_service(shelf.basis, service, of_task, shares);
    }
    Some(match name {
        "App" => model.app.clone(),
        "Suffix" => model.environment.suffix.to_string(),
        "Protect" => model.environment.protect.to_string(),
        "Zones" => stack.zones.to_string(),
        "VpcCidr" => stack.cidr.clone(),
        "Nat" => stack.nat.as_str().to_owned(),
        "DomainName" => stack.domain.clone()?,
        "AlertEmail" => stack.alert_email.clone()?,
        "StandbyMode" if standby => stack.recovery.as_str().to_owned(),
        "GlobalDatabase" if standby => "true".to_owned(),
        _ if seed.template.name == "shared" => shares.slots.get(name)?.clone(),
        _ => return None,
    })
}

fn of_service(
    basis: Basis<'_>,
    service: &Service,
    name: &str,
    shares: &Shares<'_>,
) -> Option<String> {
    let seconds = |duration: Option<Duration>| duration.map(|d| d.as_secs().to_string());
    let number = |number: Option<u32>| number.map(|n| n.to_string());
    let (scaling, health) = (&service.scaling, &service.target_health_check);
    match name {
        "Service" => Some(service.name.to_string()),
        "ContainerName" => Some(service.container.clone()),
        "ContainerPort" => Some(service.port.to_string()),
        "ImageUri" => Some(image(basis, service)),
        "Cpu" => number(service.task.cpu),
        "Memory" => number(service.task.memory),
        "Architecture" => service.task.architecture.map(|architecture| {
            match architecture {
                Architecture::X86_64 => "X86_64",
                Architecture::Arm64 => "ARM64",
            }
            .to_owned()
        }),
        "StopTimeout" => seconds(service.task.stop_timeout),
        "HealthPath" => health.path.clone(),
        "HealthInterval" => seconds(health.interval),
        "HealthTimeout" => seconds(health.timeout),
        "HealthyThreshold" => number(health.healthy),
        "UnhealthyThreshold" => number(health.unhealthy),
        "MinTasks" => number(scaling.min),
        "MaxTasks" => number(scaling.max),
        "CpuTarget" => number(scaling.cpu),
        "MemoryTarget" => number(scaling.memory),
        "RequestsTarget" => number(scaling.requests),
        "ScaleOutCooldown" => seconds(scaling.scale_out_cooldown),
        "ScaleInCooldown" => seconds(scaling.scale_in_cooldown),
        "ShiftConfig" => {
            // One of ours is made by the first deployment that needs it, after the group.
            let config = crate::plan::deployment_config(service.rollout.shift).name;
            config.starts_with("CodeDeployDefault.").then_some(config)
        }
        "TerminationWaitMinutes" => {
            service.rollout.termination_wait.map(|wait| (wait.as_secs() / 60).to_string())
        }
        "AlarmNames" if !service.rollout.alarms.is_empty() => {
            Some(service.rollout.alarms.join(","))
        }
        "RulePriority" => shares.priorities.get(service.name.as_str()).map(u32::to_string),
        "OnDemandWeight" => {
            service.spot_percent.map(|spot| 100_u8.saturating_sub(spot).to_string())
        }
        "SpotWeight" => service.spot_percent.map(|spot| spot.to_string()),
        _ => None,
    }
}

/// The image that the service starts with. Deployments replace it, so it counts only when the
/// stack is made.
fn image(basis: Basis<'_>, service: &Service) -> String {
    let environment = &basis.model.environment;
    let account = basis.account.or_else(|| environment.accounts.first());
    let account = account.map_or("000000000000", |account| account.as_str());
    let region = &environment.region;
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let repository = &service.image.repository;
    let image = format!("{account}.dkr.ecr.{region}.{suffix}/{repository}");
    match &service.image.selector {
        Some(ImageSelector::Tag(tag)) => format!("{image}:{tag}"),
        Some(ImageSelector::Digest(digest)) => format!("{image}@{digest}"),
        None => format!("{image}:latest"),
    }
}

impl Instance {
    /// What CloudFormation is told: `live` is the stack as it stands, when it can be updated.
    pub fn given(
        &self,
        live: Option<&ObservedStack>,
        observed: &ObservedStacks,
    ) -> Vec<(String, Given)> {
        let value = |argument: &Argument| match &argument.value {
            ArgumentValue::Text(text) => Some(Given::Value(text.clone())),
            ArgumentValue::Read { region, name } => {
                let value = observed.values.get(&(region.clone(), name.clone()));
                Some(Given::Value(value.cloned().unwrap_or_default()))
            }
            // A parameter that the template has only now has no previous value.
            ArgumentValue::Kept(_)
                if live.is_some_and(|live| live.parameters.contains_key(&argument.name)) =>
            {
                Some(Given::Previous)
            }
            ArgumentValue::Kept(initial) => initial.clone().map(Given::Value),
        };
        self.arguments
            .iter()
            .filter_map(|argument| Some((argument.name.clone(), value(argument)?)))
            .collect()
    }

    /// The values of all parameters as far as they are known, defaults included.
    pub fn values(
        &self,
        live: Option<&ObservedStack>,
        observed: &ObservedStacks,
    ) -> BTreeMap<String, String> {
        let given: BTreeMap<String, Given> = self.given(live, observed).into_iter().collect();
        let reads = |name: &str| {
            self.arguments.iter().any(|argument| {
                argument.name == name
                    && matches!(&argument.value, ArgumentValue::Read { region, name }
                        if !observed.values.contains_key(&(region.clone(), name.clone())))
            })
        };
        let value = |parameter: &Parameter| match given.get(&parameter.name) {
            Some(Given::Value(_)) if reads(&parameter.name) => Some(LATER.to_owned()),
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => live?.parameters.get(&parameter.name).cloned(),
            None => parameter.default.clone(),
        };
        let parameters = self.template.parameters.iter();
        parameters
            .filter_map(|parameter| Some((parameter.name.clone(), value(parameter)?)))
            .collect()
    }

    /// The SSM parameters that it reads, by region.
    pub fn reads(&self) -> impl Iterator<Item = (&str, &str)> {
        self.arguments.iter().filter_map(|argument| match &argument.value {
            ArgumentValue::Read { region, name } => Some((region.as_str(), name.as_str())),
            _ => None,
        })
    }

    /// Identifies what is asked of CloudFormation: the same intent has the same digest, so that a
    /// run finds the work of the one before.
    pub fn digest(&self, given: &[(String, Given)]) -> String {
        let mut hasher = Sha256::new();
        let mut add = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update([0]);
        };
        add(&self.region);
        add(&self.name);
        add(&self.template.digest);
        for (name, value) in given {
            add(name);
            match value {
                Given::Value(value) => add(value),
                Given::Previous => add("\u{1}previous"),
            }
        }
        for (name, value) in &self.tags {
            add(name);
            add(value);
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}
