//! Undoes a deployment and proves it: weights and healthy targets are read again before anybody
//! is told "restored".

use std::time::Duration;

use crate::aws::{Fault, FaultKind};
use crate::domain::{
    Colour, DeploymentId, DeploymentStatus, OutcomeKind, Revision, Weight, Weights,
};
use crate::pipeline::event::{ArmEvidence, EventKind};
use crate::pipeline::walk::Walk;
use crate::plan::{Plan, Route};

use super::Ending;
use super::codedeploy::{Aborted, Controller};
use super::pace;
use super::seen::Seen;

/// Why a deployment is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// We found the candidate bad: stop it.
    Bad,
    /// The command was cancelled: stop it.
    Cancelled,
    /// A person asked for a rollback: stop it, and that is what was wanted.
    Rollback,
    /// It ended by itself; CodeDeploy rolls back.
    Ended,
}

/// One undoing.
pub(super) struct Undo<'a> {
    pub(super) context: &'a Walk<'a>,
    pub(super) controller: Option<Controller<'a>>,
    pub(super) previous: Option<String>,
    pub(super) previous_revision: Option<Revision>,
    pub(super) route: Option<Route>,
    pub(super) id: DeploymentId,
    pub(super) seen: Seen,
    pub(super) shift_began: Option<Duration>,
}

impl<'a> Undo<'a> {
    /// The undoing of a deployment that this run did not watch.
    pub(super) fn of_plan(context: &'a Walk<'a>, plan: &Plan, id: &DeploymentId) -> Self {
        Undo {
            context,
            controller: None,
            previous: plan.from.arn.clone(),
            previous_revision: plan.from.revision.clone(),
            route: Some(plan.route.clone()),
            id: id.clone(),
            seen: Seen::default(),
            shift_began: None,
        }
    }

    /// Stops the deployment unless it ended by itself, follows its rollback, and proves it.
    ///
    /// Never gives up early because the command was cancelled: that is what it is for.
    pub(super) async fn run(mut self, reason: &str, cause: Cause) -> Ending {
        self.context.emit(EventKind::RollbackStarted {
            deployment: self.id.clone(),
            rollback: None,
            reason: reason.to_owned(),
        });
        let began = self.context.clock.elapsed();
        let mut rollback = if cause == Cause::Ended { None } else { self.stop(began).await };
        let redeployed = rollback.is_some();
        let mut restored: Option<String> = None;
        let mut ended: Option<Duration> = None;
        loop {
            let now = self.context.clock.elapsed();
            match self.look(&mut rollback).await {
                Ok(Progress { weights, healthy, over }) => {
                    let back =
                        weights.is_some_and(|split| split.blue == Weight::ALL) && healthy > 0;
                    self.seen.weights(self.context, weights);
                    if back && restored.is_none() {
                        let detail = format!(
                            "all traffic on the previous revision, {healthy} healthy target(s)"
                        );
                        self.context
                            .emit(EventKind::Verified { restored: true, detail: detail.clone() });
                        restored = Some(detail);
                    } else if !back {
                        restored = None;
                    }
                    if over {
                        ended.get_or_insert(now);
                    }
                    // CodeDeploy may name the rollback a moment after it stopped the deployment.
                    let unnamed = rollback.is_none()
                        && ended.is_some_and(|at| now.saturating_sub(at) < pace::NAMING);
                    // A deployment of ours that undoes ends only with its termination wait.
                    if redeployed && restored.is_some() {
                        break;
                    }
                    if ended.is_some()
                        && !unnamed
                        && (restored.is_some() || rollback_over(now, ended))
                    {
                        break;
                    }
                }
                Err(fault) => self.context.warn(format!("the rollback can't be read: {fault}")),
            }
            if now.saturating_sub(began) >= pace::UNDO {
                break;
            }
            self.context.clock.sleep(pace::undo()).await;
        }
        if let Some(controller) = self.controller {
            evidence(controller, self.shift_began).await;
        }
        self.conclude(reason, cause, restored.is_some())
    }

    /// Stops the deployment, trying again while AWS can't be reached.
    async fn stop(&self, began: Duration) -> Option<DeploymentId> {
        loop {
            let answer = match self.controller {
                Some(controller) => controller.abort(&self.id, self.previous.as_deref()).await,
                None => {
                    self.context.aws.stop_deployment(&self.id).await.map(|()| Aborted::Stopping)
                }
            };
            match answer {
                Ok(Aborted::Stopping) => return None,
                Ok(Aborted::Redeploying(id)) => {
                    self.context.emit(EventKind::RollbackStarted {
                        deployment: self.id.clone(),
                        rollback: Some(id.clone()),
                        reason: "the deployment was over; the previous revision is deployed again"
                            .into(),
                    });
                    return Some(id);
                }
                Err(fault) => {
                    self.context.warn(format!("{} could not be stopped yet: {fault}", self.id));
                    let waited = self.context.clock.elapsed().saturating_sub(began);
                    let refused = fault.kind == FaultKind::Denied;
                    if refused || waited >= pace::BLIND {
                        return None;
                    }
                    self.context.clock.sleep(pace::undo()).await;
                }
            }
        }
    }

    async fn look(&mut self, rollback: &mut Option<DeploymentId>) -> Result<Progress, Fault> {
        let state = self.context.aws.deployment(&self.id).await?;
        self.seen.status(self.context, &state);
        if let (None, Some(id)) = (&rollback, state.rollback) {
            self.context.emit(EventKind::RollbackStarted {
                deployment: self.id.clone(),
                rollback: Some(id.clone()),
                reason: "CodeDeploy rolls back by a new deployment".into(),
            });
            *rollback = Some(id);
        }
        let over = match rollback.as_ref() {
            Some(id) => {
                let status = self.context.aws.deployment(id).await?.status;
                // The group may make every deployment wait for us, this one too.
                if status == DeploymentStatus::Ready {
                    self.context.aws.continue_deployment(id).await?;
                }
                status.is_terminal()
            }
            None => state.status.is_terminal(),
        };
        let (weights, healthy) = self.read_route().await?;
        Ok(Progress { weights, healthy, over })
    }

    /// Reads the live weights and the healthy targets of what served before.
    async fn read_route(&self) -> Result<(Option<Weights>, u32), Fault> {
        let Some(route) = &self.route else { return Ok((None, 0)) };
        let aws = self.context.aws;
        let weights = aws.weights(&route.listener, [&route.blue, &route.green]).await?;
        let healthy = aws.target_health(&route.blue).await?.healthy;
        Ok((weights.ok().map(|[blue, green]| Weights { blue, green }), healthy))
    }

    fn conclude(&self, reason: &str, cause: Cause, restored: bool) -> Ending {
        let previous = self
            .previous_revision
            .as_ref()
            .map_or_else(|| "the previous revision".into(), ToString::to_string);
        let (kind, summary) = match (restored, cause) {
            (true, Cause::Cancelled) => {
                (OutcomeKind::Cancelled, format!("cancelled; {previous} serves all traffic again"))
            }
            (true, Cause::Rollback) => (
                OutcomeKind::Done,
                format!("{} stopped; {previous} serves all traffic again", self.id),
            ),
            (true, _) => (OutcomeKind::RolledBack, format!("rolled back to {previous}: {reason}")),
            (false, _) => {
                self.context.emit(EventKind::Verified {
                    restored: false,
                    detail: "the previous revision does not have all traffic and healthy targets"
                        .into(),
                });
                (OutcomeKind::NeedsPerson, format!("not restored to {previous}: {reason}"))
            }
        };
        Ending { kind, summary, deployment: Some(self.id.0.clone()) }
    }
}

/// What one look at a rollback found.
struct Progress {
    weights: Option<Weights>,
    healthy: u32,
    over: bool,
}

/// How long the weights may lag behind a rollback that says it is over.
fn rollback_over(now: Duration, ended: Option<Duration>) -> bool {
    ended.is_some_and(|at| now.saturating_sub(at) >= pace::NAMING)
}

/// Says what both revisions did since traffic began to move. Evidence is for people: that it can't
/// be read never changes how a deployment ends.
pub(super) async fn evidence(controller: Controller<'_>, since: Option<Duration>) {
    let Some(since) = since else { return };
    let context = controller.context;
    let route = &controller.deployment.route;
    let now = context.clock.now();
    let ago = context.clock.elapsed().saturating_sub(since);
    let groups = [route.blue.as_str(), route.green.as_str()];
    let arms = context.aws.traffic(&route.balancer, groups, now.saturating_sub(ago), now).await;
    match arms {
        Ok([blue, green]) => {
            let arm = |arm, metrics: crate::aws::ArmMetrics| ArmEvidence {
                arm,
                requests: metrics.requests.max(0.0) as u64,
                errors: metrics.errors.max(0.0) as u64,
                p99_seconds: metrics.p99,
            };
            context.emit(EventKind::Evidence {
                arms: vec![arm(Colour::Blue, blue), arm(Colour::Green, green)],
            });
        }
        Err(fault) => context.warn(format!("the traffic metrics could not be read: {fault}")),
    }
}
