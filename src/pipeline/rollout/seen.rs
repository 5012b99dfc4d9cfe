//! Turns repeated readings into events: only what changed is said.

use std::collections::BTreeMap;

use crate::aws::{DeploymentState, TargetState};
use crate::domain::{
    AlarmReading, AlarmState, DeploymentId, DeploymentStatus, LifecycleName, LifecycleStatus,
    Revision, TaskSetRole, TaskSetState, Weight, Weights,
};
use crate::pipeline::event::EventKind;
use crate::pipeline::walk::Walk;

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Seen {
    status: Option<DeploymentStatus>,
    lifecycle: BTreeMap<LifecycleName, LifecycleStatus>,
    weights: Option<Weights>,
    tasks: BTreeMap<&'static str, TaskSetState>,
    alarms: BTreeMap<String, AlarmState>,
}

impl Seen {
    /// Says what changed of the target; gives whether anything did.
    pub(super) fn target(
        &mut self,
        context: &Walk<'_>,
        deployment: &DeploymentId,
        target: &TargetState,
        candidate: Option<&Revision>,
    ) -> bool {
        let mut changed = false;
        for event in &target.lifecycle {
            let before = self.lifecycle.insert(event.name.clone(), event.status);
            // What has not begun is not news.
            let news = before != Some(event.status)
                && !(before.is_none() && event.status == LifecycleStatus::Pending);
            if news {
                changed = true;
                context.emit(EventKind::Lifecycle {
                    deployment: deployment.clone(),
                    event: event.clone(),
                });
            }
        }
        for set in &target.task_sets {
            let (key, revision) = match set.role {
                TaskSetRole::Blue => ("blue", None),
                TaskSetRole::Green => ("green", candidate.cloned()),
            };
            let set = TaskSetState { revision, ..set.clone() };
            let before = self.tasks.insert(key, set.clone());
            let counts = |set: &TaskSetState| (set.desired, set.running, set.pending);
            if before.as_ref().map(counts) != Some(counts(&set)) {
                changed = true;
                context.emit(EventKind::Tasks { task_set: set });
            }
        }
        changed | self.weights(context, weights(target))
    }

    /// Says a new split of the traffic; gives whether it is new.
    pub(super) fn weights(&mut self, context: &Walk<'_>, weights: Option<Weights>) -> bool {
        let Some(weights) = weights else { return false };
        let before = self.weights.replace(weights);
        let news = before != Some(weights);
        if news {
            context.emit(EventKind::Traffic { weights });
        }
        news
    }

    /// Says a new status; gives whether it is new.
    pub(super) fn status(&mut self, context: &Walk<'_>, state: &DeploymentState) -> bool {
        let news = self.status.as_ref() != Some(&state.status);
        if news {
            self.status = Some(state.status.clone());
            context.emit(EventKind::DeploymentStatus {
                deployment: state.id.clone(),
                status: state.status.clone(),
                message: state.error.clone(),
            });
        }
        news
    }

    /// Says alarms that changed.
    pub(super) fn alarms(&mut self, context: &Walk<'_>, alarms: &[AlarmReading]) {
        for alarm in alarms {
            let before = self.alarms.insert(alarm.name.clone(), alarm.state);
            if before.is_some_and(|before| before != alarm.state)
                || (before.is_none() && alarm.state == AlarmState::Alarm)
            {
                context.emit(EventKind::Alarm { alarm: alarm.clone() });
            }
        }
    }

    /// The last split that was read.
    pub(super) fn split(&self) -> Option<Weights> {
        self.weights
    }
}

/// The split that the task sets show; `None` before green exists.
fn weights(target: &TargetState) -> Option<Weights> {
    let weight = |role| target.task_sets.iter().find(|set| set.role == role).map(|set| set.weight);
    let green = weight(TaskSetRole::Green)?;
    let blue = weight(TaskSetRole::Blue).unwrap_or(Weight::NONE);
    Some(Weights { blue, green })
}
