//! Asks the gates: the evidence, alarms, canaries; and proves the end before it is said.

use std::time::Duration;

use crate::aws::Fault;
use crate::domain::Weight;
use crate::gate::{self, Decision, Verdict};
use crate::pipeline::event::EventKind;
use crate::pipeline::rollout::evidence::Conclusion;
use crate::pipeline::rollout::pace;
use crate::pipeline::walk::Stop;

use super::{Round, Watch};

impl Watch<'_> {
    /// Waits for the next round. The evidence does not: it is looked at as soon as its next bucket
    /// has settled.
    pub(super) async fn wait(&mut self, time: Duration) -> Option<String> {
        let end = self.now().saturating_add(time);
        loop {
            let now = self.now();
            let rest = end.saturating_sub(now);
            let Some(evidence) = &mut self.evidence else {
                self.controller.context.clock.sleep(rest).await;
                return None;
            };
            let due = evidence.due().map_or(rest, |due| due.saturating_sub(now)).min(rest);
            evidence.spend(due).await;
            if self.now() >= end {
                return None;
            }
            match self.look_at_evidence().await {
                Ok(Some(reason)) => return Some(reason),
                Ok(None) => {}
                // The next round tries again and counts how long nothing can be read.
                Err(_) => {
                    self.controller.context.clock.sleep(end.saturating_sub(self.now())).await;
                    return None;
                }
            }
        }
    }

    /// Asks the statistical gate; gives the reason when it rolls back.
    async fn look_at_evidence(&mut self) -> Result<Option<String>, Fault> {
        let now = self.now();
        let clock = self.controller.context.clock;
        let bake = self.bake_began.map(|began| clock.now().saturating_sub(now - began));
        let Some(evidence) = self.evidence.as_mut().filter(|_| self.shift_began.is_some()) else {
            return Ok(None);
        };
        let decision = evidence.look(bake).await?;
        Ok(decision.and_then(|decision| self.decide(decision)))
    }

    /// Reads everything again before "done" is said: status, alarms, canaries, weights, targets.
    /// What can't be read is no proof, and what does not hold yet is waited for.
    pub(super) async fn prove(&mut self) -> Result<Round, Stop> {
        if let Some(why) = self.read_status().await? {
            return Ok(Round::Ended(self.explain(why).await));
        }
        self.alarms_due.hurry();
        self.canaries_due.hurry();
        if let Some(reason) = self.gates().await? {
            return Ok(Round::Bad(reason));
        }
        let context = self.controller.context;
        let route = &self.controller.deployment.route;
        let weights = context.aws.weights(&route.listener, [&route.blue, &route.green]).await?;
        let healthy = context.aws.target_health(&route.green).await?.healthy;
        let green_has_all = matches!(weights, Ok([_, green]) if green == Weight::ALL);
        let since = self.bake_began.unwrap_or_default() + self.controller.deployment.bake;
        let conclusion =
            self.evidence.as_ref().map(|gate| gate.conclude(self.now().saturating_sub(since)));
        match conclusion {
            Some(Conclusion::Wait) => return Ok(Round::GoOn),
            Some(Conclusion::Rollback(decision)) => {
                let reason = format!("{}: {}", decision.gate, decision.evidence);
                self.controller.context.emit(EventKind::Gate { decision });
                return Ok(Round::Bad(reason));
            }
            Some(Conclusion::Promote(decision)) => self.conclusion = Some(decision),
            None => {}
        }
        let shown = self.canaries_passed || self.controller.deployment.canaries.is_empty();
        Ok(if green_has_all && healthy > 0 && shown { Round::Baked } else { Round::GoOn })
    }

    /// Asks the gates, from the first production request on.
    pub(super) async fn gates(&mut self) -> Result<Option<String>, Stop> {
        let Some(began) = self.shift_began else { return Ok(None) };
        if let Some(reason) = self.look_at_evidence().await? {
            return Ok(Some(reason));
        }
        let context = self.controller.context;
        let deployment = self.controller.deployment;
        let now = self.now();
        if !deployment.gating_alarms.is_empty() && self.alarms_due.is_due(now) {
            let alarms = context.aws.alarms(&deployment.gating_alarms).await?;
            self.alarms_due.again(now, pace::ALARMS);
            self.seen.alarms(context, &alarms);
            if let Some(reason) = self.decide(gate::alarms(&alarms)) {
                return Ok(Some(reason));
            }
        }
        if !deployment.canaries.is_empty() && self.canaries_due.is_due(now) {
            let runs = context.aws.canary_runs(&deployment.canaries).await?;
            self.canaries_due.again(now, pace::CANARIES);
            let runs: Vec<gate::Run> = runs
                .into_iter()
                .map(|run| gate::Run {
                    name: run.name,
                    passed: run.passed,
                    started: run.started,
                    reason: run.reason,
                })
                .collect();
            let since = context.clock.now().saturating_sub(now.saturating_sub(began));
            let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
            self.canaries_passed = deployment.canaries.iter().all(|name| {
                let passed = |run: &&gate::Run| run.passed == Some(true) && run.started >= since;
                runs.iter().filter(passed).any(|run| run.name == *name)
            });
            if let Some(reason) = self.decide(gate::synthetics(&runs, since)) {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    /// Says a decision that is news and gives the reason when it is a rollback.
    pub(super) fn decide(&self, decision: Decision) -> Option<String> {
        let reason = (decision.verdict == Verdict::Rollback)
            .then(|| format!("{}: {}", decision.gate, decision.evidence));
        if decision.verdict != Verdict::Hold {
            self.controller.context.emit(EventKind::Gate { decision });
        }
        reason
    }
}
