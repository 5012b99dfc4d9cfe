//! How a deployment ends badly, and the deployment that undoes it.

use serde_json::{Value, json};

use super::machine::Cause;
use super::{Deployment, LifecycleRecord, Phase, Status};
use crate::rehearsal::scenario::Moment;
use crate::rehearsal::world::World;
use crate::rehearsal::world::ecs::SetStatus;
use crate::rehearsal::world::input::{flag, texts};

impl Cause {
    fn event(self) -> &'static str {
        match self {
            Self::Failure => "DEPLOYMENT_FAILURE",
            Self::Alarm => "DEPLOYMENT_STOP_ON_ALARM",
            Self::Request => "DEPLOYMENT_STOP_ON_REQUEST",
        }
    }
}

impl World {
    /// Ends a deployment and gives its rollback, when there is to be one. `asked` overrides the
    /// configuration, as `StopDeployment`'s `autoRollbackEnabled` does.
    pub(super) fn end(
        &mut self,
        d: &mut Deployment,
        status: Status,
        error: (&'static str, String),
        cause: Cause,
        asked: Option<bool>,
    ) -> Option<Deployment> {
        let removing = matches!(d.phase, Phase::Removing { .. });
        self.close_events(d, &error.1);
        self.remember_sets(d);
        d.status = status;
        d.completed = Some(self.now);
        d.phase = Phase::Over;
        d.error = Some(error);
        d.stop = None;
        d.hook = None;
        let configured = flag(&d.rollback, "enabled") == Some(true)
            && texts(&d.rollback, "events").contains(&cause.event());
        if d.is_rollback() || !asked.unwrap_or(configured) {
            return None;
        }
        if removing || !self.has_blue(d) {
            d.rollback_info = Some(json!({
                "rollbackMessage": "The deployment cannot be rolled back: the original task set \
                    is already being removed.",
            }));
            return None;
        }
        Some(self.roll_back(d))
    }

    fn has_blue(&self, d: &Deployment) -> bool {
        let service = self.ecs.services.get(d.service);
        let blue = service.zip(d.blue.as_ref()).and_then(|(service, id)| service.set(id));
        blue.is_some_and(|set| set.status != SetStatus::Draining)
    }

    /// Makes the deployment that gives the original task set its traffic back.
    fn roll_back(&mut self, d: &mut Deployment) -> Deployment {
        let id = self.ids.deployment();
        d.rollback_info = Some(json!({
            "rollbackDeploymentId": id,
            "rollbackMessage": format!("Deployment {} is being rolled back by deployment {id}.", d.id),
        }));
        let revision = d.previous.clone().unwrap_or_else(|| self.blue_revision(d));
        let mut rollback = d.clone();
        rollback.id = id;
        rollback.status = Status::Created;
        rollback.phase = Phase::Reroute {
            at: self.now + self.assumptions.deployment_start + self.assumptions.rollback_reroute,
        };
        rollback.created = self.now;
        rollback.started = None;
        rollback.completed = None;
        rollback.creator = "codeDeployRollback";
        rollback.description = None;
        rollback.previous = Some(d.revision.clone());
        rollback.revision = revision;
        rollback.error = None;
        rollback.rollback_info = Some(json!({
            "rollbackTriggeringDeploymentId": d.id,
            "rollbackMessage": format!("Deployment {} ended and is being rolled back.", d.id),
        }));
        // Which events a rollback shows is undocumented; it reroutes and does nothing else.
        rollback.events = vec![LifecycleRecord::new("AllowTraffic")];
        rollback.termination_started = false;
        rollback.last_sets = Vec::new();
        self.mark(d, Moment::RollbackCreated);
        rollback
    }

    /// An AppSpec for the original task set, when no earlier deployment left one.
    fn blue_revision(&self, d: &Deployment) -> Value {
        let service = self.ecs.services.get(d.service);
        let blue = service.zip(d.blue.as_ref()).and_then(|(service, id)| service.set(id));
        let content = json!({
            "version": 0.0,
            "Resources": [{"TargetService": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "TaskDefinition": blue.map(|set| set.definition.as_str()),
                    "LoadBalancerInfo": {
                        "ContainerName": service.map(|service| service.container.as_str()),
                        "ContainerPort": service.map(|service| service.port),
                    },
                },
            }}],
        });
        json!({
            "revisionType": "AppSpecContent",
            "appSpecContent": {"content": content.to_string()},
        })
    }

    /// Gives the original task set everything back and begins to remove the replacement.
    pub(super) fn reroute_back(&mut self, d: &mut Deployment) {
        if let Some(event) = d.events.first_mut() {
            event.status = super::EventStatus::Succeeded;
            event.start = d.started;
            event.end = Some(self.now);
        }
        self.set_split(d, 0);
        self.set_test_target(d.group, d.blue_group);
        if let Some(blue) = d.blue.clone() {
            self.make_primary(d.service, &blue);
        }
        self.remember_sets(d);
        match d.green.clone() {
            Some(set) => {
                self.delete_set(d.service, &set);
                d.phase = Phase::Removing { set };
            }
            None => d.phase = Phase::Event(d.events.len()),
        }
    }
}
