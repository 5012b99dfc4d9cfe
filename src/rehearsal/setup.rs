//! What stands in the cloud before a rehearsal begins.
//!
//! Plain data: the caller fills it from a configuration, the world builds itself from it. Nothing
//! here knows about the program that is rehearsed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The account, and the services that run in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The twelve-digit account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The wall time at the start, since the Unix epoch.
    pub epoch: Duration,
    /// The names of the availability zones; at least one.
    pub zones: Vec<String>,
    /// ARNs of the roles that the caller may assume.
    pub roles: Vec<String>,
    /// A real registry on the loopback that ECR stands for, when there is one.
    pub registry: Option<SocketAddr>,
    /// The services, each behind a load balancer of its own.
    pub services: Vec<ServiceSetup>,
    /// The stacks that were deployed earlier, each after those that it refers to. They take over
    /// what the services name.
    pub stacks: Vec<StackSetup>,
}

/// A CloudFormation stack that stands from the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StackSetup {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The template's text.
    pub template: String,
    /// The parameters; what is missing has its default.
    pub parameters: BTreeMap<String, String>,
    /// The stack policy.
    pub policy: Option<String>,
    /// The tags of the stack.
    pub tags: Vec<(String, String)>,
}

/// One service with its load balancer, deployment group and guards.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSetup {
    /// The ECS cluster.
    pub cluster: String,
    /// The ECS service.
    pub service: String,
    /// The CodeDeploy application.
    pub application: String,
    /// The CodeDeploy deployment group.
    pub deployment_group: String,
    /// The target group that serves at the start.
    pub blue_target_group: String,
    /// The other target group.
    pub green_target_group: String,
    /// The task-definition family.
    pub family: String,
    /// The number of the live revision; the ones before it exist too.
    pub live_revision: u32,
    /// The container that the load balancer talks to.
    pub container: String,
    /// The port that it listens on.
    pub port: u16,
    /// The ECR repository.
    pub repository: String,
    /// The digest that is live.
    pub live_digest: String,
    /// The digest to deploy.
    pub candidate_digest: String,
    /// The tag that names the candidate.
    pub candidate_tag: String,
    /// Wanted tasks; `None`: as many as the scenario says.
    pub desired: Option<u32>,
    /// Autoscaling's lower bound.
    pub minimum: u32,
    /// Autoscaling's upper bound.
    pub maximum: u32,
    /// CPU units of a task.
    pub cpu: u32,
    /// Memory of a task in MiB.
    pub memory: u32,
    /// Time between SIGTERM and SIGKILL.
    pub stop_timeout: Duration,
    /// How long a target drains.
    pub deregistration_delay: Duration,
    /// The target groups' health check.
    pub health: HealthSetup,
    /// The alarms attached to the deployment group.
    pub alarms: Vec<AlarmSetup>,
    /// CloudWatch Synthetics canaries that watch the service.
    pub canaries: Vec<String>,
    /// How long blue stays after the shift.
    pub termination_wait: Duration,
    /// How long CodeDeploy waits for `ContinueDeployment`; `None`: it goes on by itself.
    pub ready_wait: Option<Duration>,
    /// The deployment group's own deployment configuration.
    pub deployment_config: String,
    /// The log group of the containers.
    pub log_group: String,
    /// The SSM parameter that keeps the good revisions.
    pub good_parameter: String,
    /// The values that it had, oldest first; empty: the parameter does not exist.
    pub good_history: Vec<String>,
    /// What a healthy revision answers at a path, where it matters; elsewhere `ok`.
    pub pages: BTreeMap<String, String>,
    /// The load balancer's host name.
    pub dns_name: String,
    /// The port of the production listener.
    pub production_port: u16,
    /// The port of the test listener, when there is one.
    pub test_port: Option<u16>,
    /// The capacity providers as (name, base, weight); empty: launch type FARGATE.
    pub capacity_providers: Vec<(String, u32, u32)>,
    /// The Fargate platform version of the live task set.
    pub platform_version: String,
}

/// The health check of both target groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSetup {
    /// The path that is asked.
    pub path: String,
    /// Time between two checks.
    pub interval: Duration,
    /// Time for one check.
    pub timeout: Duration,
    /// Passes in a row that make a target healthy.
    pub healthy: u32,
    /// Failures in a row that make it unhealthy.
    pub unhealthy: u32,
    /// How long ECS ignores failing checks of a new task.
    pub grace: Duration,
}

/// A CloudWatch alarm on the load balancer.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSetup {
    /// The alarm's name.
    pub name: String,
    /// What it watches.
    pub watches: Watched,
    /// It fires above this value: a share of requests (0–1), or seconds.
    pub threshold: f64,
    /// Datapoints that must breach (M).
    pub datapoints: u32,
    /// Datapoints that are looked at (N).
    pub periods: u32,
}

/// What an alarm watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The share of 5xx answers among those of all targets.
    Errors,
    /// The 99th percentile of the response time of all targets.
    Latency,
}

impl AlarmSetup {
    /// An alarm that a name suggests: one with `latency`, `slow`, `p99` or `response` watches the
    /// response time, any other the 5xx answers; two breaching minutes in a row fire it.
    ///
    /// `errors` is a share of requests, `latency` in seconds.
    pub fn named(name: impl Into<String>, errors: f64, latency: f64) -> Self {
        let name = name.into();
        let lower = name.to_ascii_lowercase();
        let slow = ["latency", "slow", "p99", "response"].iter().any(|word| lower.contains(word));
        let (watches, threshold) =
            if slow { (Watched::Latency, latency) } else { (Watched::Errors, errors) };
        Self { name, watches, threshold, datapoints: 2, periods: 2 }
    }
}

impl Setup {
    /// One service, `api`, with four tasks in three zones.
    pub fn sample() -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            epoch: Duration::from_secs(1_790_000_000),
            zones: ["a", "b", "c"].map(|zone| format!("eu-central-1{zone}")).to_vec(),
            roles: Vec::new(),
            registry: None,
            services: vec![ServiceSetup::sample("api")],
            stacks: Vec::new(),
        }
    }
}

impl ServiceSetup {
    /// A service with usual values.
    pub fn sample(name: &str) -> Self {
        Self {
            cluster: "cluster-prod".to_owned(),
            service: format!("{name}-prod"),
            application: format!("{name}-prod"),
            deployment_group: format!("{name}-prod"),
            blue_target_group: format!("{name}-blue-prod"),
            green_target_group: format!("{name}-green-prod"),
            family: format!("{name}-prod"),
            live_revision: 41,
            container: name.to_owned(),
            port: 8080,
            repository: name.to_owned(),
            live_digest: format!("sha256:{}", "a1".repeat(32)),
            candidate_digest: format!("sha256:{}", "c2".repeat(32)),
            candidate_tag: "candidate".to_owned(),
            desired: None,
            minimum: 2,
            maximum: 12,
            cpu: 512,
            memory: 1024,
            stop_timeout: Duration::from_secs(30),
            deregistration_delay: Duration::from_secs(30),
            health: HealthSetup::default(),
            alarms: vec![
                AlarmSetup::named(format!("{name}-5xx-prod"), 0.004, 0.15),
                AlarmSetup::named(format!("{name}-latency-prod"), 0.004, 0.15),
            ],
            canaries: Vec::new(),
            termination_wait: Duration::from_secs(300),
            ready_wait: None,
            deployment_config: "CodeDeployDefault.ECSCanary10Percent5Minutes".to_owned(),
            log_group: format!("/ecs/{name}-prod"),
            good_parameter: format!("/ha-deploy/prod/{name}/good"),
            good_history: Vec::new(),
            pages: BTreeMap::new(),
            dns_name: format!("{name}-prod-1234567890.eu-central-1.elb.amazonaws.com"),
            production_port: 443,
            test_port: Some(8443),
            capacity_providers: Vec::new(),
            platform_version: "1.4.0".to_owned(),
        }
    }
}

impl Default for HealthSetup {
    /// Ten seconds apart, three to become healthy, two to become unhealthy.
    fn default() -> Self {
        Self {
            path: "/healthz".to_owned(),
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            healthy: 3,
            unhealthy: 2,
            grace: Duration::from_secs(60),
        }
    }
}
