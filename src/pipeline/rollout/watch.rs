//! Watches a deployment: lifecycle, tasks, weights, alarms, canaries, smoke tests, bake.
//!
//! Once a deployment exists nothing that goes wrong *here* may leave it unguarded: reading errors
//! are waited out, and every way out is the end of the bake or of the rollback.

mod gates;

use std::time::Duration;

use crate::aws::{Fault, TargetState};
use crate::domain::{
    DeploymentId, DeploymentStatus, LifecycleName, LifecycleStatus, OutcomeKind, TaskSetRole,
    Weight,
};
use crate::gate::{self, Decision, Verdict};
use crate::pipeline::event::EventKind;
use crate::pipeline::steps;
use crate::pipeline::walk::{Candidate, Stop, Until};
use crate::plan::Plan;

use super::Ending;
use super::codedeploy::Controller;
use super::evidence::Watcher;
use super::pace::{self, Due};
use super::seen::Seen;
use super::undo::{Cause, Undo};

/// Log lines shown of a stopped task.
const LAST_LINES: i32 = 20;
/// Stopped tasks whose log is fetched; the others have the same story.
const TASKS_WITH_LOGS: usize = 2;

/// One watch over one deployment.
pub(super) struct Watch<'a> {
    controller: Controller<'a>,
    plan: &'a Plan,
    candidate: &'a Candidate,
    id: DeploymentId,
    seen: Seen,
    started: Duration,
    status: Option<DeploymentStatus>,
    status_due: Due,
    alarms_due: Due,
    canaries_due: Due,
    stopped_due: Due,
    stopped: Vec<String>,
    green: Option<String>,
    tested: bool,
    canaries_passed: bool,
    promoted: bool,
    shift_began: Option<Duration>,
    bake_began: Option<Duration>,
    blind_since: Option<Duration>,
    evidence: Option<Watcher<'a>>,
    conclusion: Option<Decision>,
}

/// What a round found.
enum Round {
    /// Nothing that ends the watch.
    GoOn,
    /// The bake is over.
    Baked,
    /// The candidate is bad.
    Bad(String),
    /// The deployment ended by itself, badly.
    Ended(String),
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        controller: Controller<'a>,
        plan: &'a Plan,
        candidate: &'a Candidate,
        id: DeploymentId,
    ) -> Self {
        let started = controller.context.clock.elapsed();
        Self {
            controller,
            plan,
            candidate,
            id,
            seen: Seen::default(),
            started,
            status: None,
            status_due: Due::default(),
            alarms_due: Due::default(),
            canaries_due: Due::default(),
            stopped_due: Due::default(),
            stopped: Vec::new(),
            green: None,
            tested: controller.deployment.smoke.is_empty(),
            canaries_passed: false,
            promoted: !controller.deployment.ready_wait,
            shift_began: None,
            bake_began: None,
            blind_since: None,
            conclusion: None,
            evidence: Watcher::of(
                controller.context,
                controller.deployment,
                &candidate.revision,
                plan.from.revision.as_ref(),
            ),
        }
    }

    /// Watches until the bake or the rollback is over.
    pub(super) async fn run(mut self) -> Ending {
        let context = self.controller.context;
        loop {
            // A cancel must not wait for a call that is being retried.
            let round = context.unless_cancelled(self.round()).await.and_then(|round| round);
            let round = match round {
                Ok(round) => {
                    self.blind_since = None;
                    round
                }
                Err(Stop::Cancelled) => return self.undo("cancelled", Cause::Cancelled).await,
                Err(Stop::Fault(fault)) => match self.blind(&fault) {
                    Some(ending) => return ending,
                    None => Round::GoOn,
                },
                Err(Stop::Failed(reason) | Stop::Unknown(reason)) => Round::Bad(reason),
            };
            match round {
                Round::GoOn => {}
                Round::Baked => return self.done().await,
                Round::Bad(reason) => return self.undo(&reason, Cause::Bad).await,
                Round::Ended(reason) => return self.undo(&reason, Cause::Ended).await,
            }
            let running = self.now().saturating_sub(self.started);
            // The termination wait is CodeDeploy's, not part of the rollout.
            if running >= self.controller.deployment.timeout && !self.baked() {
                let reason = format!("not done within {} s", running.as_secs());
                return self.undo(&reason, Cause::Bad).await;
            }
            match context.unless_cancelled(self.wait(pace::look())).await {
                Ok(None) => {}
                Ok(Some(reason)) => return self.undo(&reason, Cause::Bad).await,
                Err(_) => return self.undo("cancelled", Cause::Cancelled).await,
            }
        }
    }

    fn now(&self) -> Duration {
        self.controller.context.clock.elapsed()
    }

    async fn round(&mut self) -> Result<Round, Stop> {
        let context = self.controller.context;
        let target = self.controller.target(&self.id).await?;
        let mut failed = false;
        if let Some(target) = &target {
            let candidate = Some(&self.candidate.revision);
            self.seen.target(context, &self.id, target, candidate);
            failed = target.lifecycle.iter().any(|e| e.status == LifecycleStatus::Failed);
        }
        if failed {
            self.status_due.hurry();
        }
        if self.status_due.is_due(self.now())
            && let Some(why) = self.read_status().await?
        {
            return Ok(Round::Ended(self.explain(why).await));
        }
        let Some(target) = target else { return Ok(Round::GoOn) };
        if let Some(reason) = self.strength(&target).await? {
            return Ok(Round::Bad(reason));
        }
        if let Some(reason) = self.before_traffic(&target).await? {
            return Ok(Round::Bad(reason));
        }
        self.note_traffic(&target);
        if let Some(reason) = self.gates().await? {
            return Ok(Round::Bad(reason));
        }
        if self.over() { self.prove().await } else { Ok(Round::GoOn) }
    }

    /// Reads what the deployment says of itself; gives its reason when it ended badly.
    async fn read_status(&mut self) -> Result<Option<String>, Stop> {
        let state = self.controller.observe(&self.id).await?;
        self.status_due.again(self.now(), pace::STATUS);
        self.seen.status(self.controller.context, &state);
        let bad = matches!(state.status, DeploymentStatus::Failed | DeploymentStatus::Stopped);
        self.status = Some(state.status);
        Ok(bad.then(|| state.error.unwrap_or_else(|| "CodeDeploy gives no reason".into())))
    }

    fn baked(&self) -> bool {
        let bake = self.controller.deployment.bake;
        self.bake_began.is_some_and(|began| self.now().saturating_sub(began) >= bake)
    }

    /// Says more about why CodeDeploy ended the deployment: which alarm fired and on what, which
    /// tasks stopped. That this can't be read changes nothing; CodeDeploy's own words remain.
    async fn explain(&mut self, why: String) -> String {
        if let Err(stop) = self.stopped_tasks().await {
            self.controller.context.warn(format!("stopped tasks can't be read: {stop:?}"));
        }
        let context = self.controller.context;
        match context.aws.alarms(&self.controller.deployment.gating_alarms).await {
            Ok(alarms) => {
                self.seen.alarms(context, &alarms);
                self.decide(gate::alarms(&alarms)).unwrap_or(why)
            }
            Err(fault) => {
                context.warn(format!("the alarms can't be read: {fault}"));
                why
            }
        }
    }

    /// Whether the bake is over, and blue is terminated where that is asked for.
    fn over(&self) -> bool {
        let terminated = self.status == Some(DeploymentStatus::Succeeded);
        self.baked() && (terminated || self.controller.context.until == Until::Baked)
    }

    /// Looks for stopped tasks while green is weaker than it should be.
    async fn strength(&mut self, target: &TargetState) -> Result<Option<String>, Stop> {
        let green = target.task_sets.iter().find(|set| set.role == TaskSetRole::Green);
        self.green = green.map(|set| set.id.clone()).or(self.green.take());
        if let Some(set) = green
            && let Some(reason) = self.decide(gate::serving(set.running, set.weight))
        {
            return Ok(Some(reason));
        }
        let weak = green.is_some_and(|set| set.running < set.desired);
        let grace = self.now().saturating_sub(self.started) >= pace::START_GRACE;
        if !(weak && grace && self.stopped_due.is_due(self.now())) {
            return Ok(None);
        }
        self.stopped_tasks().await?;
        self.stopped_due.again(self.now(), pace::STOPPED_TASKS);
        let before_traffic = self.shift_began.is_none();
        let decision = gate::crashes(self.stopped.len(), before_traffic);
        Ok(self.decide(decision))
    }

    /// Says which tasks of the candidate stopped and why.
    async fn stopped_tasks(&mut self) -> Result<(), Stop> {
        let Some(green) = &self.green else { return Ok(()) };
        let context = self.controller.context;
        let deployment = self.controller.deployment;
        let tasks = context
            .aws
            .stopped_tasks(&deployment.cluster, &deployment.ecs_service, green, &self.stopped)
            .await?;
        for task in tasks {
            let mut logs = Vec::new();
            if let (Some(source), true) = (&deployment.logs, self.stopped.len() < TASKS_WITH_LOGS) {
                let stream = format!("{}/{}/{}", source.prefix, deployment.container, task.id);
                // A log that cannot be read must not hide the stop reason.
                let lines = context.aws.last_lines(&source.group, &stream, LAST_LINES).await;
                logs = lines.unwrap_or_default();
            }
            self.stopped.push(task.id.clone());
            context.emit(EventKind::TaskStopped {
                task: task.id,
                revision: task.revision,
                reason: task.reason,
                exit_code: task.exit_code,
                logs,
            });
        }
        Ok(())
    }

    /// Smoke tests once the test listener points to green; then the way is free for traffic.
    async fn before_traffic(&mut self, target: &TargetState) -> Result<Option<String>, Stop> {
        let over = |name: LifecycleName| {
            target.lifecycle.iter().any(|event| {
                event.name == name
                    && matches!(event.status, LifecycleStatus::Succeeded | LifecycleStatus::Skipped)
            })
        };
        // Without a test listener there is no such event.
        let listed = |name| target.lifecycle.iter().any(|event| event.name == name);
        let last = [LifecycleName::AllowTestTraffic, LifecycleName::AfterInstall];
        let ready = last.into_iter().find(|name| listed(name.clone())).is_some_and(over);
        if !ready {
            return Ok(None);
        }
        let context = self.controller.context;
        let deployment = self.controller.deployment;
        if !self.tested {
            let url = deployment.test_url.as_deref();
            let decision = steps::smoke(context, &deployment.smoke, url).await?;
            self.tested = true;
            if let Some(reason) = self.decide(decision) {
                return Ok(Some(reason));
            }
        }
        if !self.promoted && !over(LifecycleName::AllowTraffic) {
            self.promoted = self.controller.promote(&self.id).await?;
        }
        Ok(None)
    }

    /// Notes when traffic began to move and when it was all on green.
    fn note_traffic(&mut self, target: &TargetState) {
        let now = self.now();
        let green = self.seen.split().map_or(Weight::NONE, |split| split.green);
        if green > Weight::NONE {
            self.shift_began.get_or_insert(now);
        }
        let through = target.lifecycle.iter().filter(|event| {
            matches!(event.name, LifecycleName::AllowTraffic | LifecycleName::AfterAllowTraffic)
                && matches!(event.status, LifecycleStatus::Succeeded | LifecycleStatus::Skipped)
        });
        if green == Weight::ALL && through.count() == 2 {
            self.bake_began.get_or_insert(now);
        }
    }

    /// Waits out that AWS cannot be read; after a while a person is told. CodeDeploy goes on, and
    /// its own alarms and rollback guard it.
    fn blind(&mut self, fault: &Fault) -> Option<Ending> {
        let now = self.now();
        let context = self.controller.context;
        let since = *self.blind_since.get_or_insert_with(|| {
            context.warn(format!("AWS can't be read, still trying: {fault}"));
            now
        });
        (now.saturating_sub(since) >= pace::BLIND).then(|| Ending {
            kind: OutcomeKind::NeedsPerson,
            summary: format!(
                "{} goes on without us, guarded by CodeDeploy's alarms: AWS could not be read for {} s ({fault})",
                self.id,
                pace::BLIND.as_secs()
            ),
            deployment: Some(self.id.0.clone()),
        })
    }

    async fn done(mut self) -> Ending {
        if let Some(decision) = self.conclusion.take() {
            self.controller.context.emit(EventKind::Gate { decision });
        }
        let decision = Decision {
            gate: "bake",
            verdict: Verdict::Promote,
            evidence: format!(
                "all traffic on {} for {} s without a reason to go back",
                self.candidate.revision,
                self.controller.deployment.bake.as_secs()
            ),
        };
        self.controller.context.emit(EventKind::Gate { decision });
        super::undo::evidence(self.controller, self.shift_began).await;
        Ending {
            kind: OutcomeKind::Done,
            summary: format!("{} serves all traffic", self.candidate.revision),
            deployment: Some(self.id.0.clone()),
        }
    }

    async fn undo(self, reason: &str, cause: Cause) -> Ending {
        Undo {
            context: self.controller.context,
            controller: Some(self.controller),
            previous: self.plan.from.arn.clone(),
            previous_revision: self.plan.from.revision.clone(),
            route: Some(self.controller.deployment.route.clone()),
            id: self.id,
            seen: self.seen,
            shift_began: self.shift_began,
        }
        .run(reason, cause)
        .await
    }
}
