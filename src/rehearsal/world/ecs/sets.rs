//! Task sets: what a CODE_DEPLOY service is made of.

use std::time::Duration;

use serde_json::Value;

use super::{Role, Stage, Stop, StopCode};
use crate::rehearsal::world::World;

/// The status of a task set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rehearsal::world) enum SetStatus {
    /// It serves.
    Primary,
    /// It stands beside the primary.
    Active,
    /// It is being removed.
    Draining,
}

impl SetStatus {
    /// AWS's spelling.
    pub(in crate::rehearsal::world) fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Active => "ACTIVE",
            Self::Draining => "DRAINING",
        }
    }
}

/// A task set.
#[derive(Debug, Clone)]
pub(in crate::rehearsal::world) struct TaskSet {
    pub(in crate::rehearsal::world) id: String,
    pub(in crate::rehearsal::world) arn: String,
    /// The ARN of its task definition.
    pub(in crate::rehearsal::world) definition: String,
    pub(in crate::rehearsal::world) role: Role,
    /// Its target group.
    pub(in crate::rehearsal::world) group: usize,
    pub(in crate::rehearsal::world) status: SetStatus,
    pub(in crate::rehearsal::world) created: Duration,
    pub(in crate::rehearsal::world) updated: Duration,
    /// The deployment that made it.
    pub(in crate::rehearsal::world) external_id: Option<String>,
    /// Empty: launch type FARGATE.
    pub(in crate::rehearsal::world) strategy: Vec<Value>,
    pub(in crate::rehearsal::world) platform_version: String,
    pub(in crate::rehearsal::world) network: Value,
    /// Wanted tasks: the service's number, or none while draining.
    pub(in crate::rehearsal::world) desired: u32,
    pub(in crate::rehearsal::world) steady: bool,
    pub(in crate::rehearsal::world) steady_at: Duration,
    /// Tasks that failed in a row.
    pub(in crate::rehearsal::world) failures: u32,
    /// No start before this time: the service throttle logic.
    pub(in crate::rehearsal::world) not_before: Duration,
}

/// What a new task set is made of.
pub(in crate::rehearsal::world) struct NewSet {
    pub(in crate::rehearsal::world) definition: String,
    pub(in crate::rehearsal::world) group: usize,
    pub(in crate::rehearsal::world) external_id: Option<String>,
    pub(in crate::rehearsal::world) strategy: Vec<Value>,
    pub(in crate::rehearsal::world) platform_version: String,
    pub(in crate::rehearsal::world) network: Value,
}

impl World {
    /// Makes a task set at full scale; its tasks start with the next tick.
    pub(in crate::rehearsal::world) fn create_set(
        &mut self,
        service: usize,
        new: NewSet,
        status: SetStatus,
    ) -> Option<String> {
        let id = self.ids.task_set();
        let role = self.role_of(&new.definition);
        let now = self.now;
        let arn_prefix = self.arn("ecs", "task-set");
        let service = self.ecs.services.get_mut(service)?;
        let arn = format!("{arn_prefix}/{}/{}/{id}", service.cluster, service.name);
        service.sets.push(TaskSet {
            id: id.clone(),
            arn,
            definition: new.definition,
            role,
            group: new.group,
            status,
            created: now,
            updated: now,
            external_id: new.external_id,
            strategy: new.strategy,
            platform_version: new.platform_version,
            network: new.network,
            desired: service.desired,
            steady: false,
            steady_at: now,
            failures: 0,
            not_before: now,
        });
        Some(id)
    }

    /// Makes one task set primary and the one before it active.
    pub(in crate::rehearsal::world) fn make_primary(&mut self, service: usize, id: &str) {
        let now = self.now;
        let Some(service) = self.ecs.services.get_mut(service) else { return };
        for set in &mut service.sets {
            let status = if set.id == id {
                SetStatus::Primary
            } else if set.status == SetStatus::Primary {
                SetStatus::Active
            } else {
                continue;
            };
            set.status = status;
            set.updated = now;
        }
    }

    /// Removes a task set: its tasks drain, then it disappears.
    pub(in crate::rehearsal::world) fn delete_set(&mut self, service: usize, id: &str) {
        let now = self.now;
        let Some(set) = self.ecs.services.get_mut(service).and_then(|s| s.set_mut(id)) else {
            return;
        };
        set.status = SetStatus::Draining;
        set.desired = 0;
        set.updated = now;
        set.steady = false;
        let stop = Stop {
            code: StopCode::ServiceSchedulerInitiated,
            reason: format!("Scaling activity initiated by (deployment {id})"),
            exit_code: Some(0),
        };
        self.stop_where(|task| task.set_id() == Some(id), &stop);
    }

    /// Stops the wanted tasks that fit.
    pub(in crate::rehearsal::world) fn stop_where(
        &mut self,
        fits: impl Fn(&super::Task) -> bool,
        stop: &Stop,
    ) {
        let served: Vec<bool> =
            self.elb.groups.iter().map(|group| group.healthy_count() > 0).collect();
        let mut tasks = std::mem::take(&mut self.ecs.tasks);
        for task in tasks.iter_mut().filter(|task| task.is_wanted() && fits(task)) {
            self.stop_task(task, stop.clone());
        }
        self.ecs.tasks = tasks;
        for (index, served) in served.into_iter().enumerate() {
            let weighted = self.has_weight(index);
            if let Some(group) = self.elb.groups.get_mut(index)
                && served
                && weighted
                && group.healthy_count() == 0
            {
                group.emptied = true;
            }
        }
    }

    /// The role of a task definition; unknown ones count as live.
    pub(in crate::rehearsal::world) fn role_of(&self, definition: &str) -> Role {
        let found = self.ecs.definitions.iter().find(|known| known.arn == definition);
        found.map_or(Role::Live, |definition| definition.role)
    }

    /// Running and pending tasks of a task set.
    pub(in crate::rehearsal::world) fn counts(&self, set: &str) -> (u32, u32) {
        let count = |stages: std::ops::RangeInclusive<Stage>| {
            let tasks = self.ecs.tasks_of(set);
            let fits = tasks.filter(|task| task.is_wanted() && stages.contains(&task.stage));
            u32::try_from(fits.count()).unwrap_or(u32::MAX)
        };
        (count(Stage::Running..=Stage::Running), count(Stage::Provisioning..=Stage::Activating))
    }
}
