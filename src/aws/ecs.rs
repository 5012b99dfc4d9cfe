//! ECS services and their task sets.

use aws_sdk_ecs::types::{DeploymentControllerType, NetworkConfiguration, Service, TaskSet};
use serde_json::{Map, Value, json};

use super::{Aws, Fault};

/// A service that CodeDeploy deploys to, as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveService {
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Pending tasks.
    pub pending: u32,
    /// Whether its deployment controller is `CODE_DEPLOY`.
    pub codedeploy: bool,
    /// The ARN of the task definition that the primary task set runs.
    pub task_definition: String,
    /// The target group that the primary task set registers in.
    pub target_group: Option<String>,
    /// The container and port that the load balancer talks to.
    pub endpoint: Option<(String, u16)>,
    /// How many task sets there are; two while blue has not been terminated.
    pub task_sets: usize,
    /// What an AppSpec must repeat, in its spelling: `PlatformVersion`, `NetworkConfiguration`,
    /// `CapacityProviderStrategy`.
    pub placement: Value,
}

impl Aws {
    /// Reads a service; the fault is `NotFound` when cluster or service do not exist or the
    /// service is not ACTIVE.
    pub async fn service(&self, cluster: &str, service: &str) -> Result<LiveService, Fault> {
        const ACTION: &str = "ecs:DescribeServices";
        let answer = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(service)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let found = answer.services().iter().find(|found| found.status() == Some("ACTIVE"));
        let found = found.ok_or_else(|| {
            Fault::not_found(ACTION, format!("no active service `{service}` in `{cluster}`"))
        })?;
        let primary = found.task_sets().iter().find(|set| set.status() == Some("PRIMARY"));
        let task_definition = primary
            .and_then(TaskSet::task_definition)
            .or_else(|| found.task_definition())
            .ok_or_else(|| Fault::incomplete(ACTION, "taskDefinition"))?
            .to_owned();
        let balancer = primary
            .and_then(|set| set.load_balancers().first())
            .or_else(|| found.load_balancers().first());
        let controller = found.deployment_controller().map(|controller| controller.r#type());
        Ok(LiveService {
            desired: count(found.desired_count()),
            running: count(found.running_count()),
            pending: count(found.pending_count()),
            codedeploy: controller == Some(&DeploymentControllerType::CodeDeploy),
            task_definition,
            target_group: balancer.and_then(|b| b.target_group_arn()).map(str::to_owned),
            endpoint: balancer.and_then(|b| {
                let port = u16::try_from(b.container_port()?).ok()?;
                Some((b.container_name()?.to_owned(), port))
            }),
            task_sets: found.task_sets().len(),
            placement: placement(found, primary),
        })
    }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// What CodeDeploy drops unless the AppSpec repeats it (containers-roadmap #1752, #713).
fn placement(service: &Service, primary: Option<&TaskSet>) -> Value {
    let mut found = Map::new();
    let platform = primary
        .and_then(TaskSet::platform_version)
        .or_else(|| service.platform_version())
        .filter(|version| !version.is_empty());
    if let Some(version) = platform {
        found.insert("PlatformVersion".into(), version.into());
    }
    let network = primary
        .and_then(TaskSet::network_configuration)
        .or_else(|| service.network_configuration());
    if let Some(network) = network.and_then(network_configuration) {
        found.insert("NetworkConfiguration".into(), network);
    }
    let strategy = primary
        .map(TaskSet::capacity_provider_strategy)
        .filter(|strategy| !strategy.is_empty())
        .unwrap_or_else(|| service.capacity_provider_strategy());
    if !strategy.is_empty() {
        let items = strategy.iter().map(|item| {
            json!({
                "Base": item.base(),
                "CapacityProvider": item.capacity_provider(),
                "Weight": item.weight(),
            })
        });
        found.insert("CapacityProviderStrategy".into(), items.collect());
    }
    Value::Object(found)
}

fn network_configuration(network: &NetworkConfiguration) -> Option<Value> {
    let vpc = network.awsvpc_configuration()?;
    let mut inner = Map::new();
    inner.insert("Subnets".into(), json!(vpc.subnets()));
    inner.insert("SecurityGroups".into(), json!(vpc.security_groups()));
    if let Some(public) = vpc.assign_public_ip() {
        inner.insert("AssignPublicIp".into(), public.as_str().into());
    }
    Some(json!({ "AwsvpcConfiguration": inner }))
}
