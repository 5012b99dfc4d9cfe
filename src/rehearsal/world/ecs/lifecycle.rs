//! The life of one task, from `PROVISIONING` to `STOPPED`.

use std::time::Duration;

use serde_json::Value;

use super::Role;
use crate::rehearsal::world::World;
use crate::rehearsal::world::behaviour;

/// Where a task is in its life (ECS developer guide, task lifecycle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::rehearsal::world) enum Stage {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl Stage {
    /// AWS's spelling.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Activating => "ACTIVATING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// Who wants the task.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rehearsal::world) enum Owner {
    /// A task set of a service.
    Set {
        /// The service.
        service: usize,
        /// The task set's id.
        set: String,
        /// Its target group.
        group: usize,
    },
    /// `RunTask`.
    OneOff {
        /// The request as it was sent, for the views.
        request: Value,
        /// Log lines written so far.
        written: usize,
    },
}

/// Why a task stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rehearsal::world) struct Stop {
    pub(in crate::rehearsal::world) code: StopCode,
    pub(in crate::rehearsal::world) reason: String,
    pub(in crate::rehearsal::world) exit_code: Option<u8>,
}

/// AWS's stop codes, as far as they occur here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rehearsal::world) enum StopCode {
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
    InfrastructureHealth,
}

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rehearsal::world) struct Task {
    pub(in crate::rehearsal::world) id: String,
    pub(in crate::rehearsal::world) cluster: String,
    pub(in crate::rehearsal::world) owner: Owner,
    /// The ARN of its task definition.
    pub(in crate::rehearsal::world) definition: String,
    pub(in crate::rehearsal::world) role: Role,
    pub(in crate::rehearsal::world) zone: usize,
    pub(in crate::rehearsal::world) ip: String,
    pub(in crate::rehearsal::world) stage: Stage,
    pub(in crate::rehearsal::world) created: Duration,
    /// How long the start takes in all.
    pub(in crate::rehearsal::world) start: Duration,
    /// When the stage ends by itself.
    pub(in crate::rehearsal::world) until: Option<Duration>,
    pub(in crate::rehearsal::world) pulled: Option<(Duration, Duration)>,
    pub(in crate::rehearsal::world) running: Option<Duration>,
    pub(in crate::rehearsal::world) stopping: Option<Duration>,
    pub(in crate::rehearsal::world) ended: Option<Duration>,
    pub(in crate::rehearsal::world) stopped: Option<Duration>,
    pub(in crate::rehearsal::world) stop: Option<Stop>,
}

impl Task {
    /// The task set that it belongs to.
    pub(in crate::rehearsal::world) fn set_id(&self) -> Option<&str> {
        match &self.owner {
            Owner::Set { set, .. } => Some(set),
            Owner::OneOff { .. } => None,
        }
    }

    /// Whether it is to run, rather than to stop.
    pub(in crate::rehearsal::world) fn is_wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Whether its container can answer.
    pub(in crate::rehearsal::world) fn listens(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Deactivating)
    }
}

impl World {
    /// Moves every task whose stage is over.
    pub(in crate::rehearsal::world) fn tick_tasks(&mut self) {
        let mut tasks = std::mem::take(&mut self.ecs.tasks);
        for task in &mut tasks {
            self.write_lines(task);
            while task.until.is_some_and(|until| until <= self.now) {
                self.next_stage(task);
            }
        }
        let visible = self.assumptions.stopped_visible;
        tasks.retain(|task| task.stopped.is_none_or(|at| self.now < at + visible));
        self.ecs.tasks = tasks;
    }

    fn next_stage(&mut self, task: &mut Task) {
        let at = task.until.unwrap_or(self.now);
        let shares = self.assumptions.start_shares;
        match task.stage {
            Stage::Provisioning => {
                task.stage = Stage::Pending;
                task.until = Some(task.created + task.start.mul_f64(shares.1));
            }
            Stage::Pending => {
                let pull = task.created + task.start.mul_f64(shares.0);
                task.pulled = Some((pull, at));
                task.stage = Stage::Activating;
                task.until = Some(task.created + task.start);
            }
            Stage::Activating => self.becomes_running(task, at),
            Stage::Running => self.container_exits(task, at),
            Stage::Deactivating => self.terminates(task, at),
            Stage::Stopping => {
                task.ended = Some(at);
                task.stage = Stage::Deprovisioning;
                task.until = Some(at + self.assumptions.deprovisioning);
            }
            Stage::Deprovisioning => {
                task.stage = Stage::Stopped;
                task.stopped = Some(at);
                task.until = None;
            }
            Stage::Stopped => task.until = None,
        }
    }

    fn becomes_running(&mut self, task: &mut Task, at: Duration) {
        task.stage = Stage::Running;
        task.running = Some(at);
        task.until = None;
        match &task.owner {
            Owner::OneOff { .. } => task.until = Some(at + self.scenario.migration.duration),
            Owner::Set { group, .. } => {
                if let Some(group) = self.elb.groups.get_mut(*group) {
                    group.register(&task.id, &task.ip, task.zone, at);
                }
                let crash = behaviour::of(&self.scenario, task.role).crash.as_ref();
                task.until = crash.map(|crash| at + crash.after);
                if crash.is_none() {
                    self.write_log(task, at, "listening");
                }
            }
        }
    }

    /// The container ended by itself.
    fn container_exits(&mut self, task: &mut Task, at: Duration) {
        let exit_code = match &task.owner {
            Owner::OneOff { .. } => self.scenario.migration.exit_code,
            Owner::Set { service, set, group } => {
                let crash = behaviour::of(&self.scenario, task.role).crash.clone();
                let (exit_code, log) =
                    crash.map_or((0, Vec::new()), |crash| (crash.exit_code, crash.log));
                for line in &log {
                    self.write_log(task, at, line);
                }
                self.lose_target(*group, &task.id, at);
                self.set_failed(*service, set, at);
                exit_code
            }
        };
        task.stop = Some(Stop {
            code: StopCode::EssentialContainerExited,
            reason: "Essential container in task exited".to_owned(),
            exit_code: Some(exit_code),
        });
        task.stopping = Some(at);
        task.ended = Some(at);
        task.stage = Stage::Deprovisioning;
        task.until = Some(at + self.assumptions.deprovisioning);
    }

    /// Draining is over: SIGTERM.
    fn terminates(&mut self, task: &mut Task, at: Duration) {
        let limit = match &task.owner {
            Owner::Set { service, .. } => {
                self.ecs.services.get(*service).map_or(Duration::MAX, |s| s.stop_timeout)
            }
            Owner::OneOff { .. } => Duration::MAX,
        };
        task.stage = Stage::Stopping;
        task.until = Some(at + self.assumptions.shutdown.min(limit));
    }

    /// Asks a task to stop: drains its target first, when it has one.
    pub(in crate::rehearsal::world) fn stop_task(&mut self, task: &mut Task, stop: Stop) {
        if !task.is_wanted() {
            return;
        }
        let now = self.now;
        task.stop = Some(stop);
        task.stopping = Some(now);
        match (task.stage, &task.owner) {
            (Stage::Running, Owner::Set { group, .. }) => {
                let in_flight = self.in_flight(*group, &task.id, task.role);
                let mut delay = Duration::ZERO;
                if let Some(group) = self.elb.groups.get_mut(*group) {
                    group.drain(&task.id, now, in_flight);
                    delay = group.deregistration_delay;
                }
                task.stage = Stage::Deactivating;
                task.until = Some(now + delay);
            }
            (Stage::Running, Owner::OneOff { .. }) => self.terminates(task, now),
            _ => {
                task.stage = Stage::Deprovisioning;
                task.until = Some(now + self.assumptions.deprovisioning);
            }
        }
    }

    /// A task is gone without a word, with its zone.
    pub(in crate::rehearsal::world) fn lose_task(&mut self, task: &mut Task) {
        let now = self.now;
        if let Owner::Set { group, .. } = &task.owner {
            self.lose_target(*group, &task.id, now);
        }
        task.stop.get_or_insert(Stop {
            code: StopCode::InfrastructureHealth,
            reason: "Task stopped: its underlying infrastructure became unavailable".to_owned(),
            exit_code: None,
        });
        task.stopping.get_or_insert(now);
        task.ended.get_or_insert(now);
        task.stage = Stage::Stopped;
        task.stopped = Some(now);
        task.until = None;
    }
}
