//! One service of one environment.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Site;
use super::image::image;
use super::names::{Convention, names};
use super::rollout::rollout;
use super::scaling;
use crate::config::diagnostic::Code;
use crate::config::kind::{DurationText, duration, show};
use crate::config::model::{Architecture, HealthCheck, Migrate, Service, TaskSettings};
use crate::config::raw::{self, Keyed};
use crate::config::source::{Fault, Faults};
use crate::domain::ServiceName;

/// CPU units and the memory in MiB that Fargate offers with them (ECS developer guide, "Task CPU
/// and memory").
const FARGATE: &[(u32, Memory)] = &[
    (256, Memory::Sizes(&[512, 1024, 2048])),
    (512, Memory::Steps { least: 1024, most: 4096, step: 1024 }),
    (1024, Memory::Steps { least: 2048, most: 8192, step: 1024 }),
    (2048, Memory::Steps { least: 4096, most: 16384, step: 1024 }),
    (4096, Memory::Steps { least: 8192, most: 30720, step: 1024 }),
    (8192, Memory::Steps { least: 16384, most: 61440, step: 4096 }),
    (16384, Memory::Steps { least: 32768, most: 122_880, step: 8192 }),
];

#[derive(Clone, Copy)]
enum Memory {
    Sizes(&'static [u32]),
    Steps { least: u32, most: u32, step: u32 },
}

impl Memory {
    fn offers(self, memory: u32) -> bool {
        match self {
            Self::Sizes(sizes) => sizes.contains(&memory),
            Self::Steps { least, most, step } => {
                (least..=most).contains(&memory) && memory.is_multiple_of(step)
            }
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes(sizes) => {
                let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
                write!(f, "one of {}", sizes.join(", "))
            }
            Self::Steps { least, most, step } => write!(f, "{least} to {most} in steps of {step}"),
        }
    }
}

/// Judges one service; `None` when something is missing that was reported.
pub(super) fn service(
    raw: raw::Service,
    site: Site<'_>,
    convention: &Convention<'_>,
    faults: &mut Faults,
) -> Option<Service> {
    fargate(raw.cpu, raw.memory, site, faults);
    variables(&raw, site, faults);
    let scaling = scaling::scaling(raw.scaling.unwrap_or_default(), site, faults);
    let target_health_check =
        scaling::target_health_check(raw.target_health_check.unwrap_or_default(), site, faults);
    let stack_parameters = super::stack::plain(raw.stack_parameters);
    let health_check = raw.health_check.and_then(|check| health(check, site, faults));
    let names = names(raw.names.unwrap_or_default(), site, convention, faults);
    let image = raw.image.and_then(|raw| image(raw, site, faults));
    let rollout = rollout(raw.rollout.unwrap_or_default(), site, faults);
    let task = TaskSettings {
        cpu: raw.cpu,
        memory: raw.memory,
        architecture: raw.architecture.map(|architecture| match architecture {
            raw::Architecture::X86_64 => Architecture::X86_64,
            raw::Architecture::Arm64 => Architecture::Arm64,
        }),
        environment: raw.environment.map(|environment| environment.0).unwrap_or_default(),
        secrets: plain(raw.secrets),
        stop_timeout: time(raw.stop_timeout.as_ref()),
        health_check,
    };
    let migrate = match raw.migrate {
        Some(migrate) => Some(Migrate {
            command: migrate.command?.into_iter().map(|word| word.0).collect(),
            timeout: time(migrate.timeout.as_ref()).unwrap_or(Duration::from_secs(600)),
        }),
        None => None,
    };
    let name = ServiceName::new(&site.entry.key).ok()?;
    Some(Service {
        container: raw.container.map_or_else(|| name.as_str().to_owned(), |name| name.0),
        name,
        names: names?,
        image: image?,
        port: u16::try_from(raw.port?).ok()?,
        task,
        spot_percent: raw.spot_percent.and_then(|percent| u8::try_from(percent).ok()),
        migrate,
        rollout: rollout?,
        scaling,
        target_health_check,
        stack_parameters,
    })
}

/// The duration of a checked text.
pub(super) fn time(text: Option<&DurationText>) -> Option<Duration> {
    text.and_then(|text| duration(&text.0))
}

fn plain<K>(
    secrets: Option<Keyed<K, crate::config::kind::SecretText>>,
) -> BTreeMap<String, String> {
    let secrets = secrets.map(|secrets| secrets.0).unwrap_or_default();
    secrets.into_iter().map(|(name, value)| (name, value.0)).collect()
}

fn fargate(cpu: Option<u32>, memory: Option<u32>, site: Site<'_>, faults: &mut Faults) {
    let (Some(cpu), Some(memory)) = (cpu, memory) else { return };
    // Units that Fargate does not know were reported by the shape pass.
    let Some((_, offered)) = FARGATE.iter().find(|(units, _)| *units == cpu) else { return };
    if offered.offers(memory) {
        return;
    }
    let message = format!("Fargate has no task with {cpu} CPU units and {memory} MiB of memory");
    faults.push(
        Fault::new(Code::FargatePair, site.at(&["memory"]), message)
            .help(format!("with {cpu} CPU units, `memory` is {offered}"))
            .related(site.at(&["cpu"]), "the CPU units"),
    );
}

/// A variable can be a secret or not, and ECS refuses one that is both (ECS API reference,
/// `ContainerDefinition`: secret names must be unique among `environment`).
fn variables(raw: &raw::Service, site: Site<'_>, faults: &mut Faults) {
    let environment = raw.environment.as_ref().map(|environment| &environment.0);
    for (name, value) in environment.into_iter().flatten() {
        let secret = raw.secrets.as_ref().is_some_and(|secrets| secrets.0.contains_key(name));
        if secret {
            let message = format!("`{name}` is both in `environment` and in `secrets`");
            faults.push(
                Fault::new(Code::Contradiction, site.key(&["environment", name]), message)
                    .help("keep the one in `secrets`")
                    .related(site.key(&["secrets", name]), "the secret"),
            );
        }
        if looks_secret(value) {
            let at = site.at(&["environment", name]);
            faults.mask(at);
            let message = format!("the value of `{name}` looks like a secret");
            faults.push(Fault::new(Code::LiteralSecret, at, message).warning().help(
                "keep it in Secrets Manager or SSM and name it under `secrets`; everyone who \
                     can read the task definition can read `environment`",
            ));
        }
    }
}

/// Only what cannot be anything else: published prefixes of credentials.
pub(super) fn looks_secret(value: &str) -> bool {
    let key_id = |prefix: &str| {
        value.len() == 20
            && value.starts_with(prefix)
            && value.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    key_id("AKIA")
        || key_id("ASIA")
        || ["ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "xoxp-", "sk_live_"]
            .iter()
            .any(|prefix| value.len() >= 20 && value.starts_with(prefix))
        || (value.contains("-----BEGIN") && value.contains("PRIVATE KEY-----"))
}

fn health(raw: raw::HealthCheck, site: Site<'_>, faults: &mut Faults) -> Option<HealthCheck> {
    let command: Vec<String> = raw.command?.into_iter().map(|word| word.0).collect();
    let path = ["health_check", "command"];
    match command.first().map(String::as_str) {
        Some("CMD") => {}
        Some("CMD-SHELL") if command.len() == 2 => {}
        Some("CMD-SHELL") => faults.push(
            Fault::new(
                Code::InvalidValue,
                site.at(&path),
                format!("`CMD-SHELL` takes one shell command, not {}", command.len() - 1),
            )
            .help("put the whole command into one text, or use `CMD`"),
        ),
        _ => faults.push(
            Fault::new(
                Code::InvalidValue,
                site.at(&path),
                format!("the health check of {} must start with `CMD` or `CMD-SHELL`", site.name()),
            )
            .help("for example `[CMD-SHELL, \"curl -f http://localhost:8080/health\"]`"),
        ),
    }
    let seconds = |text, default| time(text).unwrap_or(Duration::from_secs(default));
    let interval = seconds(raw.interval.as_ref(), 30);
    let timeout = seconds(raw.timeout.as_ref(), 5);
    if timeout > interval {
        let message = format!(
            "a health check that takes up to {} cannot run every {}",
            show(timeout),
            show(interval)
        );
        faults.push(
            Fault::new(Code::Contradiction, site.at(&["health_check", "timeout"]), message)
                .help("keep `timeout` at or below `interval`")
                .related(site.at(&["health_check", "interval"]), "the interval"),
        );
    }
    Some(HealthCheck {
        command,
        interval,
        timeout,
        retries: raw.retries.unwrap_or(3),
        start_period: seconds(raw.start_period.as_ref(), 0),
    })
}
