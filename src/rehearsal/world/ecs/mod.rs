//! Elastic Container Service: task definitions, services with task sets, tasks.

mod definitions;
mod fargate;
mod lifecycle;
mod run;
mod scheduler;
mod services;
mod sets;
mod tasks;
mod view;

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

pub(super) use definitions::{Role, TaskDefinition};
pub(super) use lifecycle::{Owner, Stage, Stop, StopCode, Task};
pub(super) use sets::{NewSet, SetStatus, TaskSet};

/// A service with a CODE_DEPLOY deployment controller.
pub(super) struct Service {
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) container: String,
    pub(super) port: u16,
    pub(super) desired: u32,
    pub(super) grace: Duration,
    pub(super) stop_timeout: Duration,
    pub(super) created: Duration,
    pub(super) network: Value,
    pub(super) sets: Vec<TaskSet>,
    /// Newest first, at most 100, as AWS keeps them.
    pub(super) events: VecDeque<(String, Duration, String)>,
}

/// Everything of ECS.
#[derive(Default)]
pub(super) struct Ecs {
    pub(super) definitions: Vec<TaskDefinition>,
    /// Clusters from stacks; the setup's are those that its services name.
    pub(super) clusters: Vec<String>,
    pub(super) services: Vec<Service>,
    /// In the order of their start.
    pub(super) tasks: Vec<Task>,
}

impl Service {
    /// The task set that is primary.
    pub(super) fn primary(&self) -> Option<&TaskSet> {
        self.sets.iter().find(|set| set.status == SetStatus::Primary)
    }

    /// A task set by id.
    pub(super) fn set(&self, id: &str) -> Option<&TaskSet> {
        self.sets.iter().find(|set| set.id == id)
    }

    /// A task set by id, to change it.
    pub(super) fn set_mut(&mut self, id: &str) -> Option<&mut TaskSet> {
        self.sets.iter_mut().find(|set| set.id == id)
    }

    /// Adds a service event.
    pub(super) fn note(&mut self, id: String, at: Duration, message: String) {
        self.events.push_front((id, at, message));
        self.events.truncate(100);
    }
}

impl Ecs {
    /// Whether a cluster exists.
    pub(super) fn has_cluster(&self, name: &str) -> bool {
        self.clusters.iter().any(|known| known == name)
            || self.services.iter().any(|service| service.cluster == name)
    }

    /// Tasks of one task set.
    pub(super) fn tasks_of<'a>(&'a self, set: &'a str) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| task.set_id() == Some(set))
    }

    /// A task by id.
    pub(super) fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }
}
