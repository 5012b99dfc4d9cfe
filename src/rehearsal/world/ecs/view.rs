//! How ECS looks from outside.

use serde_json::{Value, json};

use super::{Service, Stage, TaskSet};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::seconds;

impl World {
    pub(super) fn cluster_view(&self, name: &str, services: usize) -> Value {
        let count = |stages: std::ops::RangeInclusive<Stage>| {
            let tasks = self.ecs.tasks.iter();
            tasks.filter(|t| t.cluster == name && stages.contains(&t.stage)).count()
        };
        json!({
            "clusterArn": format!("{}/{name}", self.arn("ecs", "cluster")),
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": count(Stage::Running..=Stage::Running),
            "pendingTasksCount": count(Stage::Provisioning..=Stage::Activating),
            "activeServicesCount": services,
            "statistics": [],
            "tags": [],
            "settings": [{"name": "containerInsights", "value": "disabled"}],
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": [],
        })
    }

    fn balancers_view(&self, service: &Service, set: &TaskSet) -> Value {
        json!([{
            "targetGroupArn": self.elb.groups.get(set.group).map(|group| group.arn.as_str()),
            "containerName": service.container,
            "containerPort": service.port,
        }])
    }

    pub(super) fn set_view(&self, service: &Service, set: &TaskSet) -> Value {
        let (running, pending) = self.counts(&set.id);
        let launch = set.strategy.is_empty().then_some("FARGATE");
        json!({
            "id": set.id,
            "taskSetArn": set.arn,
            "serviceArn": service.arn,
            "clusterArn": format!("{}/{}", self.arn("ecs", "cluster"), service.cluster),
            "startedBy": set.external_id.as_ref().map(|_| "CODE_DEPLOY"),
            "externalId": set.external_id,
            "status": set.status.as_str(),
            "taskDefinition": set.definition,
            "computedDesiredCount": set.desired,
            "pendingCount": pending,
            "runningCount": running,
            "createdAt": seconds(self.wall(set.created)),
            "updatedAt": seconds(self.wall(set.updated)),
            "launchType": launch,
            "capacityProviderStrategy": (!set.strategy.is_empty()).then_some(&set.strategy),
            "platformVersion": set.platform_version,
            "platformFamily": "Linux",
            "networkConfiguration": set.network,
            "loadBalancers": self.balancers_view(service, set),
            "serviceRegistries": [],
            "scale": {"value": if set.desired == 0 { 0.0 } else { 100.0 }, "unit": "PERCENT"},
            "stabilityStatus": if set.steady { "STEADY_STATE" } else { "STABILIZING" },
            "stabilityStatusAt": seconds(self.wall(set.steady_at)),
            "tags": [],
        })
    }

    pub(super) fn service_view(&self, service: &Service) -> Value {
        let counts: Vec<(u32, u32)> = service.sets.iter().map(|s| self.counts(&s.id)).collect();
        let sets: Vec<Value> = service.sets.iter().map(|set| self.set_view(service, set)).collect();
        let events: Vec<Value> = service
            .events
            .iter()
            .map(|(id, at, message)| {
                json!({"id": id, "createdAt": seconds(self.wall(*at)), "message": message})
            })
            .collect();
        let primary = service.primary();
        let strategy = primary.map(|set| &set.strategy).filter(|strategy| !strategy.is_empty());
        json!({
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": format!("{}/{}", self.arn("ecs", "cluster"), service.cluster),
            "loadBalancers": primary.map(|set| self.balancers_view(service, set)),
            "serviceRegistries": [],
            "status": "ACTIVE",
            "desiredCount": service.desired,
            "runningCount": counts.iter().map(|(running, _)| running).sum::<u32>(),
            "pendingCount": counts.iter().map(|(_, pending)| pending).sum::<u32>(),
            "launchType": strategy.is_none().then_some("FARGATE"),
            "capacityProviderStrategy": strategy,
            "platformVersion": primary.map(|set| set.platform_version.as_str()),
            "platformFamily": "Linux",
            "taskDefinition": primary.map(|set| set.definition.as_str()),
            "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
            "taskSets": sets,
            "deployments": [],
            "roleArn": format!(
                "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                self.setup.account
            ),
            "events": events,
            "createdAt": seconds(self.wall(service.created)),
            "placementConstraints": [],
            "placementStrategy": [],
            "networkConfiguration": service.network,
            "healthCheckGracePeriodSeconds": service.grace.as_secs(),
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "CODE_DEPLOY"},
            "tags": [],
            "enableECSManagedTags": false,
            "propagateTags": "NONE",
            "enableExecuteCommand": false,
        })
    }
}
