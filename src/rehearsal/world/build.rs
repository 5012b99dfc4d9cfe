//! The world at its beginning: what the setup names, running and warm.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use super::ecs::{NewSet, Role, Service, SetStatus, Stage};
use super::elb::{Balancer, Health, Listener, TargetGroup};
use super::ids::{Ids, Stream, stream};
use super::periphery::Periphery;
use super::resources::Failing;
use super::traffic::Exposure;
use super::{Assumptions, World, codedeploy, ecs, elb, metrics, tally};
use crate::rehearsal::scenario::Scenario;
use crate::rehearsal::setup::{ServiceSetup, Setup};
use crate::rehearsal::stacks::Stacks;

impl World {
    /// Builds the world and runs it until the client comes.
    pub(super) fn build(
        mut setup: Setup,
        scenario: Scenario,
        seed: u64,
        assumptions: Assumptions,
    ) -> Self {
        setup.zones.truncate(usize::from(scenario.zones).max(1));
        for letter in ('a'..='c').take(usize::from(scenario.zones)).skip(setup.zones.len()) {
            setup.zones.push(format!("{}{letter}", setup.region));
        }
        // Inner minutes are minutes of the wall clock, as CloudWatch's periods are.
        let minute = setup.epoch.saturating_sub(assumptions.warm_up).as_secs() / 60;
        let origin = Duration::from_secs(minute * 60);
        let arrival = setup.epoch.saturating_sub(origin);
        let guards = Periphery::new(&setup, origin);
        let mut world = Self {
            origin,
            arrival,
            now: Duration::ZERO,
            ticks: 0,
            ids: Ids::new(seed),
            traffic_rng: stream(seed, Stream::Traffic),
            task_rng: stream(seed, Stream::Tasks),
            fault_rng: stream(seed, Stream::Faults),
            web_rng: stream(seed, Stream::Web),
            ecs: ecs::Ecs::default(),
            elb: elb::Elb::default(),
            codedeploy: codedeploy::CodeDeploy {
                configs: codedeploy::predefined(),
                ..codedeploy::CodeDeploy::default()
            },
            guards,
            stacks: Stacks::new(&setup.account, origin),
            failing: scenario.stacks.iter().cloned().map(Failing::new).collect(),
            zones_out: vec![None; setup.zones.len()],
            zones_since: vec![Duration::ZERO; setup.zones.len()],
            incidents: Vec::new(),
            storms: Vec::new(),
            published: Default::default(),
            happened: vec![false; scenario.events.len()],
            signals: Vec::new(),
            moments: Vec::new(),
            minute: metrics::Minute::default(),
            tokens: BTreeMap::new(),
            tally: tally::Tally::default(),
            exposed: vec![Exposure::default(); setup.services.len()],
            setup,
            scenario,
            assumptions,
        };
        for index in 0..world.setup.services.len() {
            if let Some(service) = world.setup.services.get(index).cloned() {
                world.build_service(index, &service);
            }
        }
        world.add_alarms();
        world.build_stacks();
        world.warm_up();
        world
    }

    /// Runs until the client comes, with what is odd at its start.
    fn warm_up(&mut self) {
        let lead = Duration::from_secs(120);
        self.advance_to(self.arrival.saturating_sub(lead));
        if self.scenario.initial.foreign_deployment {
            self.create_foreign();
        }
        self.advance_to(self.arrival);
        self.now = self.arrival;
        if self.scenario.initial.alarm_firing {
            self.hold_first_alarm();
        }
        let known = std::mem::take(&mut self.tally);
        self.tally.violations = known.violations;
        for service in 0..self.ecs.services.len() {
            self.note_weights(service);
        }
    }

    fn build_service(&mut self, index: usize, service: &ServiceSetup) {
        let [blue, green] = [&service.blue_target_group, &service.green_target_group]
            .map(|name| self.build_group(index, service, name));
        let (production, test) = self.build_balancer(service, blue, green);
        let definition = self.build_definitions(service);
        self.ecs.services.push(Service {
            cluster: service.cluster.clone(),
            name: service.service.clone(),
            arn: format!("{}/{}/{}", self.arn("ecs", "service"), service.cluster, service.service),
            container: service.container.clone(),
            port: service.port,
            desired: service.desired.unwrap_or(self.scenario.tasks),
            grace: service.health.grace,
            stop_timeout: service.stop_timeout,
            created: Duration::ZERO,
            network: self.network(),
            sets: Vec::new(),
            events: VecDeque::new(),
        });
        let desired = self.ecs.services.get(index).map_or(0, |service| service.desired);
        self.guards.autoscaling.set_current(&service.service, desired);
        self.build_set(index, service, blue, &definition, SetStatus::Primary);
        if self.scenario.initial.weights.candidate.percent() > 0 {
            // What a stopped deployment leaves behind: a second task set with traffic.
            self.build_set(index, service, green, &definition, SetStatus::Active);
        }
        let alarms: Vec<Value> =
            service.alarms.iter().map(|alarm| json!({"name": alarm.name})).collect();
        let (application_id, id) = (self.ids.uuid(), self.ids.uuid());
        self.codedeploy.groups.push(codedeploy::Group {
            application: service.application.clone(),
            application_id,
            name: service.deployment_group.clone(),
            id,
            service: index,
            config: service.deployment_config.clone(),
            alarms: json!({
                "enabled": !alarms.is_empty(),
                "ignorePollAlarmFailure": false,
                "alarms": alarms,
            }),
            rollback: codedeploy::Group::every_rollback(),
            ready_wait: service.ready_wait,
            termination_wait: service.termination_wait,
            targets: [blue, green],
            production,
            test,
            created: Duration::ZERO,
        });
    }

    fn build_group(&mut self, index: usize, service: &ServiceSetup, name: &str) -> usize {
        let id = self.ids.hex(16);
        self.elb.groups.push(TargetGroup {
            arn: format!("{}/{name}/{id}", self.arn("elasticloadbalancing", "targetgroup")),
            name: name.to_owned(),
            port: service.port,
            service: index,
            path: service.health.path.clone(),
            interval: service.health.interval,
            timeout: service.health.timeout,
            healthy: service.health.healthy,
            unhealthy: service.health.unhealthy,
            deregistration_delay: self
                .scenario
                .deregistration_delay
                .unwrap_or(service.deregistration_delay),
            targets: Vec::new(),
            rate: 0.0,
            emptied: false,
        });
        self.elb.groups.len() - 1
    }

    /// Makes the load balancer; gives the ARNs of the production and the test listener.
    fn build_balancer(
        &mut self,
        service: &ServiceSetup,
        blue: usize,
        green: usize,
    ) -> (String, Option<String>) {
        let dns = service.dns_name.clone();
        let first = dns.split('.').next().unwrap_or(&dns);
        let name = first.rsplit_once('-').map_or(first, |(name, _)| name).to_owned();
        let tail = format!("app/{name}/{}", self.ids.hex(16));
        let prefix = self.arn("elasticloadbalancing", "");
        let weights = self.scenario.initial.weights;
        let listener = |id: String, port: u16, forward| Listener {
            arn: format!("{prefix}:listener/{tail}/{id}"),
            port,
            forward,
            fixed: None,
            rules: Vec::new(),
        };
        let split = vec![
            (blue, u32::from(weights.live.percent())),
            (green, u32::from(weights.candidate.percent())),
        ];
        let mut listeners = vec![listener(self.ids.hex(16), service.production_port, split)];
        if let Some(port) = service.test_port {
            listeners.push(listener(self.ids.hex(16), port, vec![(blue, 100)]));
        }
        let production = listeners.first().map(|l| l.arn.clone()).unwrap_or_default();
        let test = listeners.get(1).map(|listener| listener.arn.clone());
        let arn = format!("{prefix}:loadbalancer/{tail}");
        let created = Duration::ZERO;
        self.elb.balancers.push(Balancer { arn, name, dns, created, listeners });
        (production, test)
    }

    /// The network of every task here.
    fn network(&self) -> Value {
        let subnets: Vec<String> = self.setup.zones.iter().map(|zone| self.subnet(zone)).collect();
        json!({"awsvpcConfiguration": {
            "subnets": subnets,
            "securityGroups": ["sg-0b2c3d4e5f6071829"],
            "assignPublicIp": "DISABLED",
        }})
    }

    /// Registers the live revision and the one before it; gives the live one's ARN.
    fn build_definitions(&mut self, service: &ServiceSetup) -> String {
        let live = service.live_revision.max(1);
        let mut arn = String::new();
        for number in live.saturating_sub(1).max(1)..=live {
            let input = self.definition_input(service);
            match self.add_definition(&input, Role::Live, Some(number)) {
                Ok(index) => {
                    let made = self.ecs.definitions.get(index);
                    arn = made.map(|made| made.arn.clone()).unwrap_or_default();
                }
                Err(error) => {
                    let text = format!("setup: {}: {}", service.family, error.message);
                    self.tally.violate(text, 0.0);
                }
            }
        }
        arn
    }

    fn definition_input(&self, service: &ServiceSetup) -> Value {
        let (account, region) = (&self.setup.account, &self.setup.region);
        let registry = format!("{account}.dkr.ecr.{region}.amazonaws.com");
        json!({
            "family": service.family,
            "taskRoleArn": format!("arn:aws:iam::{account}:role/{}-task", service.family),
            "executionRoleArn": format!("arn:aws:iam::{account}:role/{}-execution", service.family),
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": service.cpu.to_string(),
            "memory": service.memory.to_string(),
            "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            "containerDefinitions": [{
                "name": service.container,
                "image": format!("{registry}/{}@{}", service.repository, service.live_digest),
                "essential": true,
                "portMappings": [{"containerPort": service.port}],
                "stopTimeout": service.stop_timeout.as_secs(),
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": service.log_group,
                        "awslogs-region": region,
                        "awslogs-stream-prefix": service.container,
                    },
                },
            }],
            "tags": [{"key": "service", "value": service.service}],
        })
    }

    /// Makes a task set whose tasks run and are healthy from the first second.
    fn build_set(
        &mut self,
        index: usize,
        service: &ServiceSetup,
        group: usize,
        definition: &str,
        status: SetStatus,
    ) {
        let strategy: Vec<Value> = service
            .capacity_providers
            .iter()
            .map(|(name, base, weight)| {
                json!({"capacityProvider": name, "base": base, "weight": weight})
            })
            .collect();
        let new = NewSet {
            definition: definition.to_owned(),
            group,
            external_id: None,
            strategy,
            platform_version: service.platform_version.clone(),
            network: self.network(),
        };
        let Some(id) = self.create_set(index, new, status) else { return };
        self.tick_services();
        let Some(entry) = self.elb.groups.get_mut(group) else { return };
        for task in self.ecs.tasks.iter_mut().filter(|task| task.set_id() == Some(&id)) {
            task.stage = Stage::Running;
            task.running = Some(Duration::ZERO);
            task.pulled = Some((Duration::ZERO, Duration::ZERO));
            task.until = None;
            entry.register(&task.id, &task.ip, task.zone, Duration::ZERO);
        }
        for target in &mut entry.targets {
            target.health = Health::Healthy;
        }
        self.tick_services();
    }

    /// Starts somebody else's deployment of the live image, with a hold that outlasts everything.
    fn create_foreign(&mut self) {
        let name = "Custom.ECSCanary10Percent12Hours";
        let config = json!({
            "deploymentConfigName": name,
            "computePlatform": "ECS",
            "trafficRoutingConfig": {
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 720},
            },
        });
        let Some(service) = self.setup.services.first().cloned() else { return };
        let input = self.definition_input(&service);
        let number = service.live_revision.max(1).saturating_add(1);
        let definition = self.add_definition(&input, Role::Live, Some(number));
        let arn = definition.ok().and_then(|index| self.ecs.definitions.get(index));
        let Some(arn) = arn.map(|definition| definition.arn.clone()) else { return };
        let content = json!({
            "version": 0.0,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
                "TaskDefinition": arn,
                "LoadBalancerInfo": {
                    "ContainerName": service.container,
                    "ContainerPort": service.port,
                },
            }}}],
        });
        let deployment = json!({
            "applicationName": service.application,
            "deploymentGroupName": service.deployment_group,
            "deploymentConfigName": name,
            "description": "Nightly release of another team",
            "revision": {
                "revisionType": "AppSpecContent",
                "appSpecContent": {"content": content.to_string()},
            },
        });
        for (operation, input) in
            [("CreateDeploymentConfig", config), ("CreateDeployment", deployment)]
        {
            if let Some(Err(error)) = self.codedeploy_call(operation, &input) {
                self.tally.violate(format!("setup: foreign deployment: {}", error.message), 0.0);
            }
        }
    }
}
