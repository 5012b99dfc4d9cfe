//! The services around the deployment, filled from the setup.

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use crate::domain::AlarmState;
use crate::rehearsal::backend::{WebAnswer, WebRequest};
use crate::rehearsal::guards::Place;
use crate::rehearsal::guards::autoscaling::{AutoScaling, TargetSetup};
use crate::rehearsal::guards::backup::Backup;
use crate::rehearsal::guards::cloudwatch::{AlarmSetup, CloudWatch, Metric, Parameters, Statistic};
use crate::rehearsal::guards::ecr::{Ecr, ImageSetup};
use crate::rehearsal::guards::logs::Logs;
use crate::rehearsal::guards::s3::S3;
use crate::rehearsal::guards::ssm::Ssm;
use crate::rehearsal::guards::sts::Sts;
use crate::rehearsal::guards::synthetics::{CanarySetup, Synthetics};
use crate::rehearsal::setup::{Setup, Watched};

/// The services around the deployment.
pub(super) struct Periphery {
    pub(super) cloudwatch: CloudWatch,
    pub(super) logs: Logs,
    pub(super) synthetics: Synthetics,
    pub(super) autoscaling: AutoScaling,
    /// By region; one that nobody used has none yet.
    ssm: BTreeMap<String, Ssm>,
    home: Place,
    caller: String,
    pub(super) ecr: Ecr,
    pub(super) s3: S3,
    /// By region, as the parameters.
    backup: BTreeMap<String, Backup>,
    pub(super) sts: Sts,
}

impl Periphery {
    /// Everything that does not need a load balancer's ARN.
    pub(super) fn new(setup: &Setup, origin: Duration) -> Self {
        let place =
            Place { account: setup.account.clone(), region: setup.region.clone(), epoch: origin };
        let caller = format!("arn:aws:sts::{}:assumed-role/ha-deploy/rehearsal", setup.account);
        let mut ssm = Ssm::new(place.clone(), caller.clone());
        let mut ecr = Ecr::new(place.clone());
        ecr.back_with(setup.registry);
        let mut logs = Logs::new(place.clone());
        let mut canaries = Vec::new();
        let mut targets = Vec::new();
        for service in &setup.services {
            for value in &service.good_history {
                ssm.seed(&service.good_parameter, value);
            }
            logs.create_group(&service.log_group);
            let day = Duration::from_secs(86_400);
            let image = |digest: &str, tags: Vec<String>, age| ImageSetup {
                digest: digest.to_owned(),
                tags,
                bytes: 87_654_321,
                age,
            };
            let old = image(&service.live_digest, vec!["live".to_owned()], day);
            ecr.push(&service.repository, old);
            let tags = vec![service.candidate_tag.clone()];
            let new = image(&service.candidate_digest, tags, Duration::from_secs(1800));
            ecr.push(&service.repository, new);
            let url = format!("https://{}:{}/", service.dns_name, service.production_port);
            for name in &service.canaries {
                canaries.push(CanarySetup::each_minute(name, &url));
            }
            targets.push(TargetSetup {
                cluster: service.cluster.clone(),
                service: service.service.clone(),
                min: service.minimum,
                max: service.maximum,
                policies: Vec::new(),
            });
        }
        Self {
            cloudwatch: CloudWatch::new(place.clone(), Parameters::default()),
            logs,
            synthetics: Synthetics::new(place.clone(), canaries),
            autoscaling: AutoScaling::new(place.clone(), targets),
            ssm: BTreeMap::from([(setup.region.clone(), ssm)]),
            home: place.clone(),
            caller: caller.clone(),
            s3: S3::new(origin),
            backup: BTreeMap::new(),
            ecr,
            sts: Sts::new(place, caller, setup.roles.clone()),
        }
    }
    /// The Parameter Store of a region.
    pub(super) fn ssm_in(&mut self, region: &str) -> &mut Ssm {
        let (home, caller) = (&self.home, &self.caller);
        self.ssm.entry(region.to_owned()).or_insert_with(|| {
            let place = Place { region: region.to_owned(), ..home.clone() };
            Ssm::new(place, caller.clone())
        })
    }

    /// The vaults of a region.
    pub(super) fn backup_in(&mut self, region: &str) -> &mut Backup {
        let home = &self.home;
        self.backup
            .entry(region.to_owned())
            .or_insert_with(|| Backup::new(Place { region: region.to_owned(), ..home.clone() }))
    }

    /// The current value of an SSM parameter.
    pub(super) fn parameter(&self, region: &str, name: &str) -> Option<&str> {
        self.ssm.get(region)?.value(name)
    }
}

impl World {
    /// Adds the alarms, which name load balancers and target groups by ARN parts.
    pub(super) fn add_alarms(&mut self) {
        for (index, service) in self.setup.services.iter().enumerate() {
            let Some(balancer) = self.elb.balancers.get(index) else { continue };
            let groups = self.elb.groups.iter().filter(|group| group.service == index);
            let groups: Vec<&str> = groups.map(|group| group.dimension()).collect();
            for alarm in &service.alarms {
                let mut made = match alarm.watches {
                    Watched::Errors => AlarmSetup::error_ratio_of_all(
                        &alarm.name,
                        balancer.dimension(),
                        &groups,
                        alarm.threshold,
                    ),
                    Watched::Latency => {
                        let dimensions = [("LoadBalancer", balancer.dimension())];
                        let name = "TargetResponseTime";
                        let metric = Metric::new("AWS/ApplicationELB", name, &dimensions);
                        let p99 = Statistic::Percentile(99.0);
                        AlarmSetup::on_metric(&alarm.name, metric, p99, alarm.threshold)
                    }
                };
                made.evaluation_periods = alarm.periods;
                made.datapoints_to_alarm = alarm.datapoints;
                if let Err(invalid) = self.guards.cloudwatch.add_alarm(made) {
                    self.tally.violate(format!("setup: {invalid}"), 0.0);
                }
            }
        }
    }

    /// Brings the services around up to the second.
    pub(super) fn tick_guards(&mut self) {
        let now = self.now;
        self.guards.cloudwatch.advance(now);
        // Canaries ask the load balancer like any client; they are few, so the answer is fetched
        // for every due run when it begins.
        let nobody = Synthetics::new(self.place(), Vec::new());
        let mut synthetics = std::mem::replace(&mut self.guards.synthetics, nobody);
        synthetics.advance(now, &mut |canary| self.probe(&canary.url));
        self.guards.synthetics = synthetics;
        for change in self.guards.autoscaling.advance(now, &self.guards.cloudwatch) {
            let index = self.ecs.services.iter().position(|s| s.name == change.service);
            if let Some(index) = index {
                self.set_desired(index, change.desired);
            }
        }
    }

    fn place(&self) -> Place {
        Place {
            account: self.setup.account.clone(),
            region: self.setup.region.clone(),
            epoch: self.origin,
        }
    }

    /// One request of a canary to `https://host:port/`.
    fn probe(&mut self, url: &str) -> bool {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let request = WebRequest {
            host: host.to_owned(),
            port: port.parse().unwrap_or(443),
            method: "GET".to_owned(),
            path: format!("/{path}"),
        };
        match self.web(&request) {
            WebAnswer::Response { status, .. } => status < 400,
            WebAnswer::Refused | WebAnswer::UnknownHost => false,
        }
    }

    /// Autoscaling wants another number; its limits and suspensions hold.
    pub(super) fn scale(&mut self, service: usize, desired: u32) {
        let Some(name) = self.ecs.services.get(service).map(|service| service.name.clone()) else {
            return;
        };
        if let Some(change) = self.guards.autoscaling.fire(self.now, &name, desired) {
            self.set_desired(service, change.desired);
        }
    }

    /// Holds the first gating alarm in `ALARM` for the whole rehearsal.
    pub(super) fn hold_first_alarm(&mut self) {
        if let Some(name) = self.first_alarm() {
            let year = Duration::from_secs(365 * 86_400);
            let (now, reason) = (self.now, "Set by the scenario.");
            self.guards.cloudwatch.force_alarm(now, &name, AlarmState::Alarm, reason, year);
        }
    }
}
