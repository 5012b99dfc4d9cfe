//! How deployments and their targets look from outside.

use serde_json::{Value, json};

use super::{Deployment, LifecycleRecord, Status};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::seconds;

impl World {
    /// The id of a deployment's only target: `<cluster>:<service>`.
    pub(super) fn target_id(&self, d: &Deployment) -> String {
        let service = self.ecs.services.get(d.service);
        service.map_or_else(String::new, |service| format!("{}:{}", service.cluster, service.name))
    }

    pub(super) fn deployment_view(&self, d: &Deployment) -> Value {
        let group = self.codedeploy.groups.get(d.group);
        let count = |status: &[Status]| u32::from(status.contains(&d.status));
        json!({
            "applicationName": group.map(|group| group.application.as_str()),
            "deploymentGroupName": group.map(|group| group.name.as_str()),
            "deploymentConfigName": d.config.name,
            "deploymentId": d.id,
            "previousRevision": d.previous,
            "revision": d.revision,
            "status": d.status.as_str(),
            "errorInformation": d.error.as_ref().map(|(code, message)| {
                json!({"code": code, "message": message})
            }),
            "createTime": seconds(self.wall(d.created)),
            "startTime": d.started.map(|at| seconds(self.wall(at))),
            "completeTime": d.completed.map(|at| seconds(self.wall(at))),
            "deploymentOverview": {
                "Pending": count(&[Status::Created]),
                "InProgress": count(&[Status::InProgress]),
                "Succeeded": count(&[Status::Succeeded]),
                "Failed": count(&[Status::Failed, Status::Stopped]),
                "Skipped": 0,
                "Ready": count(&[Status::Ready]),
            },
            "description": d.description,
            "creator": d.creator,
            "ignoreApplicationStopFailures": false,
            "autoRollbackConfiguration": d.rollback,
            "updateOutdatedInstancesOnly": false,
            "rollbackInfo": d.rollback_info,
            "deploymentStyle": Self::deployment_style(),
            "instanceTerminationWaitTimeStarted": d.termination_started,
            "blueGreenDeploymentConfiguration": Self::blue_green_view(d.ready_wait, d.termination_wait),
            "loadBalancerInfo": group.map(|group| self.routes_view(group)),
            "fileExistsBehavior": "DISALLOW",
            "deploymentStatusMessages": [],
            "computePlatform": "ECS",
            "overrideAlarmConfiguration": d.alarm_override,
        })
    }

    fn event_view(&self, event: &LifecycleRecord) -> Value {
        let diagnostics = event.message.as_ref().map(|message| {
            json!({"errorCode": "UnknownError", "scriptName": "", "message": message, "logTail": ""})
        });
        json!({
            "lifecycleEventName": event.name,
            "diagnostics": diagnostics,
            "startTime": event.start.map(|at| seconds(self.wall(at))),
            "endTime": event.end.map(|at| seconds(self.wall(at))),
            "status": event.status.as_str(),
        })
    }

    pub(super) fn target_view(&self, d: &Deployment) -> Value {
        let id = self.target_id(d);
        let status = match d.status {
            Status::Created => "Pending",
            Status::InProgress => "InProgress",
            Status::Ready => "Ready",
            Status::Succeeded => "Succeeded",
            Status::Failed | Status::Stopped => "Failed",
        };
        let times = d.events.iter().flat_map(|event| [event.start, event.end]).flatten();
        let updated = times.max().or(d.started).unwrap_or(d.created);
        let events: Vec<Value> = d.events.iter().map(|event| self.event_view(event)).collect();
        let arn = format!("{}/{}", self.arn("ecs", "service"), id.replace(':', "/"));
        // Once it is over, the target shows what there was, not a later deployment's task sets.
        let over = !d.status.is_active();
        let sets =
            if over && !d.last_sets.is_empty() { d.last_sets.clone() } else { self.sets_info(d) };
        json!({
            "deploymentTargetType": "ECSTarget",
            "ecsTarget": {
                "deploymentId": d.id,
                "targetId": id,
                "targetArn": arn,
                "lastUpdatedAt": seconds(self.wall(updated)),
                "lifecycleEvents": events,
                "status": status,
                "taskSetsInfo": sets,
            },
        })
    }

    /// Both task sets with their counts and weights, as far as they exist.
    fn sets_info(&self, d: &Deployment) -> Vec<Value> {
        let Some(service) = self.ecs.services.get(d.service) else { return Vec::new() };
        let sides = [("Blue", &d.blue), ("Green", &d.green)];
        let found = sides.into_iter().filter_map(|(label, id)| {
            let set = service.set(id.as_ref()?)?;
            let (running, pending) = self.counts(&set.id);
            let group = self.elb.groups.get(set.group)?;
            Some(json!({
                // AWS's own spelling.
                "identifer": set.id,
                "desiredCount": set.desired,
                "pendingCount": pending,
                "runningCount": running,
                "status": set.status.as_str(),
                "trafficWeight": f64::from(self.weight_of(d.group, set.group)),
                "targetGroup": {"name": group.name},
                "taskSetLabel": label,
            }))
        });
        found.collect()
    }

    /// The production weight of a target group.
    fn weight_of(&self, group: usize, target: usize) -> u32 {
        let Some(group) = self.codedeploy.groups.get(group) else { return 0 };
        let listener = self.elb.listener(&group.production);
        let forward = listener.map_or(&[][..], |listener| listener.action(&group.targets));
        forward.iter().find(|(index, _)| *index == target).map_or(0, |(_, weight)| *weight)
    }

    /// Keeps the task sets as they are now, before one is removed.
    pub(super) fn remember_sets(&self, d: &mut Deployment) {
        d.last_sets = self.sets_info(d);
    }
}
