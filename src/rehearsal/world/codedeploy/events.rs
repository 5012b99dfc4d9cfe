//! What each lifecycle event does, and when it is complete.

use serde_json::json;

use super::{Deployment, EventStatus, HookRun};
use crate::domain::LifecycleName;
use crate::rehearsal::scenario::{Hook, HookAnswer};
use crate::rehearsal::world::World;
use crate::rehearsal::world::ecs::{NewSet, SetStatus};

type Error = (&'static str, String);

impl World {
    /// Begins an event.
    pub(super) fn begin_event(&mut self, d: &mut Deployment, name: &str) -> Result<(), Error> {
        match name {
            "Install" => self.install(d),
            "AllowTraffic" => {
                d.step = 0;
                d.next_step = self.now;
                Ok(())
            }
            "AllowTestTraffic" => Ok(()),
            _ => {
                self.begin_hook(d, name);
                Ok(())
            }
        }
    }

    /// Whether the event is complete; an error fails the deployment.
    pub(super) fn event_complete(
        &mut self,
        d: &mut Deployment,
        index: usize,
    ) -> Result<bool, Error> {
        let Some(event) = d.events.get(index) else { return Ok(true) };
        let (name, since) = (event.name, event.start.unwrap_or(self.now));
        match name {
            "Install" => {
                if self.is_steady(d) {
                    return Ok(true);
                }
                let limit = self.assumptions.install_timeout;
                if self.now < since + limit {
                    return Ok(false);
                }
                let text = format!(
                    "The deployment timed out while waiting for the replacement task set to \
                     become healthy. This time out period is {} minutes.",
                    limit.as_secs() / 60
                );
                Err(("TIMEOUT", text))
            }
            "AllowTestTraffic" => {
                if self.now < since + self.assumptions.test_reroute {
                    return Ok(false);
                }
                self.set_test_target(d.group, d.green_group);
                Ok(true)
            }
            "AllowTraffic" => self.shift(d),
            _ => match d.hook.clone() {
                None => Ok(self.now >= since + self.assumptions.empty_event),
                Some(hook) => self.hook_complete(d, name, &hook),
            },
        }
    }

    /// Makes the replacement task set. What the AppSpec leaves out is not carried over from the
    /// original, as far as that is known: see `Assumptions::network_carried_over`.
    fn install(&mut self, d: &mut Deployment) -> Result<(), Error> {
        let update = |text: &str| ("ECS_UPDATE_ERROR", text.to_owned());
        let Some(service) = self.ecs.services.get(d.service) else {
            return Err(update("The ECS service does not exist."));
        };
        let carried = self.assumptions.network_carried_over.then(|| service.network.clone());
        let network = d.appspec.network.clone().or(carried);
        let Some(network) = network else {
            return Err(update(
                "The ECS service cannot be updated due to an unexpected error: Network \
                 Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        };
        // A task set that an earlier, stopped deployment left behind makes place.
        let stray: Vec<String> = service
            .sets
            .iter()
            .filter(|set| set.status == SetStatus::Active && Some(&set.id) != d.blue.as_ref())
            .map(|set| set.id.clone())
            .collect();
        for id in stray {
            self.delete_set(d.service, &id);
        }
        let new = NewSet {
            definition: d.appspec.definition.clone(),
            group: d.green_group,
            external_id: Some(d.id.clone()),
            strategy: d.appspec.strategy.clone(),
            platform_version: d
                .appspec
                .platform_version
                .clone()
                .filter(|version| version != "LATEST")
                .unwrap_or_else(|| "1.4.0".to_owned()),
            network,
        };
        d.green = self.create_set(d.service, new, SetStatus::Active);
        Ok(())
    }

    /// Whether the replacement is steady.
    pub(super) fn is_steady(&self, d: &Deployment) -> bool {
        let service = self.ecs.services.get(d.service);
        let set = service.zip(d.green.as_ref()).and_then(|(service, id)| service.set(id));
        set.is_some_and(|set| set.steady)
    }

    /// Calls the Lambda function of an event, when the AppSpec names one.
    fn begin_hook(&mut self, d: &mut Deployment, name: &str) {
        d.hook = None;
        let Some((_, function)) = d.appspec.hooks.iter().find(|(event, _)| event == name) else {
            return;
        };
        let id = self.ids.hex(40);
        // The function's log shows what CodeDeploy sent it, as those in the user guide do.
        let line = json!({"DeploymentId": d.id, "LifecycleEventHookExecutionId": id});
        let function = function.rsplit(':').next().unwrap_or(function);
        let (group, now) = (format!("/aws/lambda/{function}"), self.now);
        self.guards.logs.write(&group, &d.id, now, line.to_string());
        let hook = self.scenario.hooks.get(&LifecycleName::parse(name)).copied();
        let answer = match hook {
            None => Some((self.now + self.assumptions.empty_event, true)),
            Some(Hook { answer: HookAnswer::Succeeded, duration }) => {
                Some((self.now + duration, true))
            }
            Some(Hook { answer: HookAnswer::Failed, duration }) => {
                Some((self.now + duration, false))
            }
            Some(Hook { answer: HookAnswer::Silent, .. }) => None,
        };
        d.hook = Some(HookRun { id, answer, deadline: self.now + self.assumptions.hook_timeout });
    }

    fn hook_complete(
        &mut self,
        d: &mut Deployment,
        name: &str,
        hook: &HookRun,
    ) -> Result<bool, Error> {
        match hook.answer {
            Some((at, true)) if self.now >= at => {
                d.hook = None;
                Ok(true)
            }
            Some((at, false)) if self.now >= at => {
                let text = format!(
                    "One or more of the lifecycle event validation functions failed. See the \
                     deployment details for more information. ({name})"
                );
                Err(("HOOK_EXECUTION_FAILURE", text))
            }
            _ if self.now >= hook.deadline => {
                let text = format!(
                    "The lifecycle event hook of {name} did not report a status within one hour."
                );
                Err(("HOOK_EXECUTION_FAILURE", text))
            }
            _ => Ok(false),
        }
    }

    /// Marks the events of a deployment that ended: the one at work failed, the rest is left out.
    pub(super) fn close_events(&self, d: &mut Deployment, message: &str) {
        for event in &mut d.events {
            match event.status {
                EventStatus::InProgress => {
                    event.status = EventStatus::Failed;
                    event.end = Some(self.now);
                    event.message = Some(message.to_owned());
                }
                EventStatus::Pending => event.status = EventStatus::Skipped,
                _ => {}
            }
        }
    }
}
