//! Sets the stage: an embedded cloud in which the configured services run.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::cli::{Global, RehearseArgs};
use crate::commands::job::chosen;
use crate::commands::{Host, load};
use crate::config;
use crate::config::model::{
    GateSource, Gates, ImageSelector, Inconclusive, Migrate, Model, Service, SmokeTest, Stack,
};
use crate::domain::{GoodRevision, ImageDigest, Revision};
use crate::error::Error;
use crate::rehearsal::scenario::{Act, Command, Scenario};
use crate::rehearsal::setup::{AlarmSetup, ServiceSetup, Setup};

/// What is rehearsed where there is no configuration.
const EXAMPLE: &str = include_str!("../../../examples/ha-deploy.yml");
/// The environment of the example.
const EXAMPLE_ENVIRONMENT: &str = "production";
/// When every rehearsal begins: 2026-01-05 09:00:00 UTC, a Monday.
const EPOCH: Duration = Duration::from_secs(1_767_603_600);
/// The share of 5xx answers among all requests that an alarm tolerates: the live revision makes
/// 0.1 %, and a tenth of the traffic on a candidate with 5 % makes 0.6 %.
const ERROR_SHARE: f64 = 0.004;
/// The share that an alarm tolerates beside the gate: an outage, not an incident.
const BACKSTOP_SHARE: f64 = 0.2;
/// The 99th percentile over all requests that an alarm tolerates, in seconds: the live revision
/// makes about 0.11, and a tenth of the traffic on one that is three times slower about 0.2.
const SLOW_SECONDS: f64 = 0.15;
/// What a service starts from that has no image of its own yet.
const FIRST_IMAGE: &str = "public.ecr.aws/docker/library/httpd:2.4";
/// The live revision's number; the one before it was good, too.
const LIVE_REVISION: u32 = 41;

/// A configuration, and the service that gets a new revision.
pub(super) struct Stage {
    /// The model, cut down to the one service.
    pub(super) model: Model,
    /// The registry that the embedded ECR stands for.
    pub(super) registry: Option<SocketAddr>,
}

impl Stage {
    /// Reads the configuration, or takes the example where there is none.
    pub(super) fn set(host: &Host, global: &Global, args: &RehearseArgs) -> Result<Self, Error> {
        let mut lookup = load::lookup(host);
        // A rehearsal outside a repository still needs a commit to name an image by.
        lookup.git_sha.get_or_insert_with(|| "0".repeat(40));
        let absent = global.config == Path::new("ha-deploy.yml")
            && !host.directory.join(&global.config).exists();
        let mut model = if absent {
            let _ = writeln!(
                host.stderr.clone(),
                "no ha-deploy.yml here: rehearsing the built-in example (examples/ha-deploy.yml)"
            );
            let name = global.environment.as_deref().unwrap_or(EXAMPLE_ENVIRONMENT);
            let file = Path::new("examples/ha-deploy.yml");
            config::load(EXAMPLE.as_bytes(), file, Some(name), &lookup)
                .map_err(|found| load::invalid(file, &found))?
                .model
        } else {
            let text = load::bytes(host, &global.config)?;
            load::load(host, global, &text, &lookup)?.model
        };
        let names: Vec<String> = args.service.iter().cloned().collect();
        let keep = chosen(&model, &names)?.first().map(|service| service.name.clone());
        model.services.retain(|service| Some(&service.name) == keep.as_ref());
        for service in &mut model.services {
            service
                .image
                .selector
                .get_or_insert_with(|| ImageSelector::Tag("candidate".to_owned()));
        }
        Ok(Self { model, registry: args.docker })
    }

    /// The stage with what a scenario is about, where the configuration lacks it: a migration that
    /// fails needs a `migrate` command, a smoke test that fails needs a smoke test, and a hook that
    /// fails a function.
    pub(super) fn dressed(&self, scenario: &Scenario) -> Self {
        let mut model = self.model.clone();
        if scenario.commands.iter().any(|command| *command != Command::Deploy) {
            model.stack.get_or_insert_with(Stack::usual);
        }
        for service in &mut model.services {
            // In an account where nothing stands, nobody has pushed an image yet.
            if scenario.begins_empty() {
                let own = service.stack_parameters.entry("service-codedeploy".to_owned());
                let image = own.or_default().entry("ImageUri".to_owned());
                image.or_insert_with(|| FIRST_IMAGE.to_owned());
            }
            if scenario.migration.exit_code != 0 && service.migrate.is_none() {
                let command = vec!["migrate".to_owned()];
                service.migrate = Some(Migrate { command, timeout: Duration::from_secs(600) });
            }
            if let (Some(period), None) = (scenario.publishes, &service.rollout.gates) {
                service.rollout.gates = Some(gates(scenario, service, period));
            }
            for event in scenario.hooks.keys() {
                let function = format!("rehearsal-{}", event.as_str());
                service.rollout.hooks.entry(event.as_str().to_owned()).or_insert(function);
            }
            if scenario.candidate.smoke >= 400 && service.rollout.smoke.is_empty() {
                service.rollout.smoke.push(SmokeTest {
                    path: "/".to_owned(),
                    status: vec![200],
                    contains: None,
                    timeout: Duration::from_secs(5),
                    attempts: 3,
                    base: None,
                });
            }
        }
        Self { model, registry: self.registry }
    }

    /// The service that gets a new revision.
    pub(super) fn service(&self) -> Result<&Service, Error> {
        self.model.services.first().ok_or_else(|| Error::invalid("no service to rehearse"))
    }

    /// The cloud in which the service runs.
    pub(super) fn setup(&self, scenario: &Scenario) -> Result<Setup, Error> {
        let environment = &self.model.environment;
        let account = environment.accounts.first().map_or("123456789012", |a| a.as_str());
        let services = if scenario.begins_empty() {
            Vec::new()
        } else {
            vec![self.service_setup(self.service()?)]
        };
        let zones = ["a", "b", "c"].iter().take(usize::from(scenario.zones));
        Ok(Setup {
            stacks: Vec::new(),
            account: account.to_owned(),
            region: environment.region.clone(),
            epoch: EPOCH,
            zones: zones.map(|zone| format!("{}{zone}", environment.region)).collect(),
            roles: environment.role.iter().cloned().collect(),
            registry: self.registry,
            services,
        })
    }

    fn service_setup(&self, service: &Service) -> ServiceSetup {
        let sample = ServiceSetup::sample(service.name.as_str());
        let suffix = &self.model.environment.suffix;
        let alarms = if service.rollout.alarms.is_empty() {
            vec![format!("{}-5xx-{suffix}", service.name), format!("{}-p99-{suffix}", service.name)]
        } else {
            service.rollout.alarms.clone()
        };
        // CodeDeploy rolls back on any alarm, whoever is at fault: where the gate judges, the alarm
        // is for what the gate is not there to see.
        let tolerated = if service.rollout.gates.is_some() { BACKSTOP_SHARE } else { ERROR_SHARE };
        let (candidate_tag, candidate_digest) = match &service.image.selector {
            Some(ImageSelector::Tag(tag)) => (tag.clone(), sample.candidate_digest.clone()),
            Some(ImageSelector::Digest(digest)) => {
                ("candidate".to_owned(), digest.as_str().to_owned())
            }
            None => (sample.candidate_tag.clone(), sample.candidate_digest.clone()),
        };
        ServiceSetup {
            cluster: service.names.cluster.clone(),
            service: service.names.service.clone(),
            application: service.names.application.clone(),
            deployment_group: service.names.deployment_group.clone(),
            blue_target_group: service.names.blue_target_group.clone(),
            green_target_group: service.names.green_target_group.clone(),
            family: service.names.service.clone(),
            live_revision: LIVE_REVISION,
            container: service.container.clone(),
            port: service.port,
            repository: service.image.repository.clone(),
            candidate_digest,
            candidate_tag,
            alarms: alarms
                .into_iter()
                .map(|name| AlarmSetup::named(name, tolerated, SLOW_SECONDS))
                .collect(),
            canaries: service.rollout.canaries.clone(),
            termination_wait: service.rollout.termination_wait.unwrap_or(sample.termination_wait),
            ready_wait: service.rollout.ready_wait,
            log_group: format!("/ecs/{}", service.names.service),
            good_parameter: service.names.good_parameter.clone(),
            good_history: good_history(service, &sample),
            pages: service
                .rollout
                .smoke
                .iter()
                .filter_map(|test| Some((test.path.clone(), test.contains.clone()?)))
                .collect(),
            dns_name: format!(
                "alb-{suffix}-1234567890.{}.elb.amazonaws.com",
                self.model.environment.region
            ),
            ..sample
        }
    }
}

/// The gate of a service that publishes its own counts; of one with a client that repeats itself,
/// with a cap.
fn gates(scenario: &Scenario, service: &Service, period: Duration) -> Gates {
    let retries = scenario.events.iter().any(|event| matches!(event.act, Act::RetryStorm { .. }));
    let dimension = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Gates {
        alpha: 0.01,
        margin: 1.0,
        min_requests: 0,
        max_errors: retries.then_some(1),
        accepted_errors: 0.003,
        latency: Vec::new(),
        source: GateSource::Metric {
            namespace: "App".to_owned(),
            requests: "Requests".to_owned(),
            errors: "Errors".to_owned(),
            dimensions: BTreeMap::from([
                dimension("Service", &service.names.service),
                dimension("Revision", "{revision}"),
            ]),
            period,
            // As long as the world takes to show a datapoint.
            settle: Duration::from_secs(10),
        },
        success_rate: None,
        inconclusive: Inconclusive::Rollback,
        inconclusive_hold: Duration::ZERO,
    }
}

/// The parameter as earlier deployments would have left it.
fn good_history(service: &Service, sample: &ServiceSetup) -> Vec<String> {
    let good = |number: u32| {
        let revision = Revision::parse(&format!("{}:{number}", service.names.service))?;
        Some(GoodRevision {
            revision,
            digest: ImageDigest::new(&sample.live_digest),
            deployment: None,
            at: i64::try_from(EPOCH.as_secs()).unwrap_or_default()
                - i64::from(LIVE_REVISION + 1 - number) * 86_400,
        })
    };
    let list: Vec<GoodRevision> =
        [LIVE_REVISION, LIVE_REVISION - 1].into_iter().filter_map(good).collect();
    serde_json::to_string(&list).into_iter().collect()
}
