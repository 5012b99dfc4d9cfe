//! The event stream, gathered by service: what a comment and a JSON document say about each.

use std::time::Duration;

use crate::domain::{
    AlarmReading, AlarmState, DeploymentId, ImageDigest, ImageFinding, LifecycleStatus, Revision,
    Vulnerability, Weight, Weights,
};
use crate::gate::{Decision, Evidence, Verdict};
use crate::pipeline::event::{ArmEvidence, CheckVerdict, Event, EventKind};

/// What happened to one service.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// The service.
    pub(super) service: &'a str,
    /// From what to what.
    pub(super) revision: Option<Change<'a>>,
    /// The deployment that moves to the new revision.
    pub(super) deployment: Option<&'a DeploymentId>,
    /// CodeDeploy's deployment that undoes it.
    pub(super) rollback: Option<&'a DeploymentId>,
    /// Whether a rollback has begun.
    undoing: bool,
    /// The last split that was seen.
    pub(super) weights: Option<Weights>,
    /// The most that green ever had.
    pub(super) peak: Option<Weight>,
    /// Steps of the plan and lifecycle events, in the order in which they began.
    pub(super) milestones: Vec<Milestone<'a>>,
    /// Why it stopped, the first reason first.
    pub(super) reasons: Vec<Reason<'a>>,
    /// Every alarm that fired, as it was last read.
    pub(super) alarms: Vec<&'a AlarmReading>,
    /// The last decision of each gate.
    pub(super) gates: Vec<&'a Decision>,
    /// The last evidence.
    pub(super) arms: &'a [ArmEvidence],
    /// Where the evidence stood, look by look.
    pub(super) looks: Vec<&'a Evidence>,
    /// Tasks that stopped.
    pub(super) stopped: Vec<StoppedTask<'a>>,
    /// The last log lines of a one-off task, when its step failed.
    pub(super) log: Vec<&'a str>,
    /// Smoke tests, the last try of each path.
    pub(super) smoke: Vec<Smoke<'a>>,
    /// What was read after a rollback.
    pub(super) verified: Option<(bool, &'a str)>,
    /// Warnings.
    pub(super) warnings: Vec<&'a str>,
    /// The image that was built or found.
    pub(super) image: Option<ImageStory<'a>>,
    /// How the tests of the image went.
    pub(super) image_findings: &'a [ImageFinding],
    /// What scanning the image found.
    pub(super) scan: Option<ScanStory<'a>>,
    /// Preflight checks that passed.
    pub(super) checks_passed: usize,
    /// Preflight checks that did not simply pass.
    pub(super) checks: Vec<(CheckVerdict, &'a str, &'a str)>,
}

/// The revisions of a deployment.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// What served before.
    pub(super) from: &'a Revision,
    /// Its digest.
    pub(super) from_digest: Option<&'a ImageDigest>,
    /// What is deployed.
    pub(super) to: &'a Revision,
    /// Its digest.
    pub(super) to_digest: Option<&'a ImageDigest>,
}

/// An image in the registry.
#[derive(Debug)]
pub(super) struct ImageStory<'a> {
    /// The repository.
    pub(super) repository: &'a str,
    /// The tag that stands for its content.
    pub(super) tag: &'a str,
    /// Its digest.
    pub(super) digest: &'a ImageDigest,
    /// Whether nothing was built.
    pub(super) reused: bool,
}

/// What scanning an image found.
#[derive(Debug)]
pub(super) struct ScanStory<'a> {
    /// What may not be deployed.
    pub(super) stopping: &'a [Vulnerability],
    /// How many in all.
    pub(super) found: usize,
    /// How many are accepted.
    pub(super) accepted: usize,
    /// New since the running image.
    pub(super) added: Option<&'a [String]>,
    /// Gone since the running image.
    pub(super) removed: Option<&'a [String]>,
}

/// A step or a lifecycle event.
#[derive(Debug)]
pub(super) struct Milestone<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Whether it is a lifecycle event of CodeDeploy rather than a step of ours.
    pub(super) lifecycle: bool,
    /// How far it is.
    pub(super) status: LifecycleStatus,
    /// When it began.
    pub(super) began: Duration,
    /// When it ended.
    pub(super) ended: Option<Duration>,
    /// What came of it.
    pub(super) note: &'a str,
}

/// A reason for stopping: who says so, and what.
#[derive(Debug)]
pub(super) struct Reason<'a> {
    /// Who says it.
    pub(super) who: String,
    /// What; text from outside.
    pub(super) what: &'a str,
}

/// A task that stopped.
#[derive(Debug)]
pub(super) struct StoppedTask<'a> {
    /// Its id.
    pub(super) task: &'a str,
    /// ECS's reason.
    pub(super) reason: &'a str,
    /// Its exit code.
    pub(super) exit_code: Option<i32>,
    /// Its last log lines.
    pub(super) logs: &'a [String],
}

/// The last try of a smoke test.
#[derive(Debug)]
pub(super) struct Smoke<'a> {
    /// The path.
    pub(super) path: &'a str,
    /// Which try it was.
    pub(super) attempt: u32,
    /// Whether it passed.
    pub(super) passed: bool,
    /// What was found.
    pub(super) detail: &'a str,
}

/// How many lines of a one-off task's log are kept.
const LOG_LINES: usize = 200;

/// Gathers the events by service, in the order in which services appear; events without a service
/// go to a story with an empty name, which comes first when there is one.
pub(super) fn stories(events: &[Event]) -> Vec<Story<'_>> {
    let mut stories: Vec<Story<'_>> = Vec::new();
    for event in events {
        let service = event.service.as_deref().unwrap_or_default();
        let index = stories.iter().position(|story| story.service == service);
        let index = index.unwrap_or_else(|| {
            stories.push(Story { service, ..Story::default() });
            stories.len() - 1
        });
        if let Some(story) = stories.get_mut(index) {
            story.take(event);
        }
    }
    stories.sort_by_key(|story| !story.service.is_empty());
    stories
}

impl<'a> Story<'a> {
    fn take(&mut self, event: &'a Event) {
        match &event.kind {
            EventKind::Preflight { check, verdict, detail } => match verdict {
                CheckVerdict::Pass => self.checks_passed += 1,
                CheckVerdict::Warn => self.checks.push((*verdict, check, detail)),
                CheckVerdict::Refuse => {
                    self.checks.push((*verdict, check, detail));
                    self.reason(format!("preflight `{check}`"), detail);
                }
            },
            EventKind::StepStarted { step, .. } => {
                self.milestone(step, false, LifecycleStatus::InProgress, event.at, "");
            }
            EventKind::StepFinished { step, detail } => {
                self.milestone(step, false, LifecycleStatus::Succeeded, event.at, detail);
            }
            EventKind::StepSkipped { step, reason } => {
                self.milestone(step, false, LifecycleStatus::Skipped, event.at, reason);
            }
            EventKind::StepFailed { step, reason } => {
                self.milestone(step, false, LifecycleStatus::Failed, event.at, reason);
                self.reason(format!("step `{step}`"), reason);
            }
            EventKind::Revision { from, from_digest, to, to_digest } => {
                self.revision = Some(Change {
                    from,
                    from_digest: from_digest.as_ref(),
                    to,
                    to_digest: to_digest.as_ref(),
                });
            }
            EventKind::DeploymentStarted { deployment, .. } => {
                // CodeDeploy's own rollback is followed as a deployment too; it is not what was
                // asked for.
                if self.rollback != Some(deployment) {
                    self.deployment = Some(deployment);
                }
            }
            EventKind::DeploymentStatus { status, message, deployment } => {
                use crate::domain::DeploymentStatus::{Failed, Stopped};
                if matches!(status, Failed | Stopped) {
                    let message = message.as_deref().unwrap_or("no reason given");
                    self.reason(format!("CodeDeploy `{deployment}`"), message);
                }
            }
            EventKind::Lifecycle { deployment, event: lifecycle } => {
                let message = lifecycle.message.as_deref().unwrap_or_default();
                if self.rollback != Some(deployment) {
                    let name = lifecycle.name.as_str();
                    self.milestone(name, true, lifecycle.status, event.at, message);
                }
                if lifecycle.status == LifecycleStatus::Failed {
                    self.reason(format!("lifecycle event `{}`", lifecycle.name.as_str()), message);
                }
            }
            EventKind::Traffic { weights } => {
                self.weights = Some(*weights);
                self.peak = self.peak.max(Some(weights.green));
            }
            EventKind::Tasks { .. }
            | EventKind::StackResource { .. }
            | EventKind::Finished { .. } => {}
            EventKind::StackStarted { stack, .. } => {
                self.milestone(stack, false, LifecycleStatus::InProgress, event.at, "");
            }
            EventKind::StackFinished { stack, detail } => {
                self.milestone(stack, false, LifecycleStatus::Succeeded, event.at, detail);
            }
            EventKind::StackFailed { stack, cause, .. } => {
                self.milestone(stack, false, LifecycleStatus::Failed, event.at, cause);
                self.reason(format!("stack `{stack}`"), cause);
            }
            EventKind::TaskStopped { task, reason, exit_code, logs, .. } => {
                self.stopped.push(StoppedTask { task, reason, exit_code: *exit_code, logs });
            }
            EventKind::Log { lines } => {
                self.log.extend(lines.iter().map(String::as_str));
                let excess = self.log.len().saturating_sub(LOG_LINES);
                self.log.drain(..excess);
            }
            EventKind::Alarm { alarm } => self.alarm(alarm),
            EventKind::Smoke { path, attempt, passed, detail } => {
                self.smoke.retain(|test| test.path != path);
                self.smoke.push(Smoke { path, attempt: *attempt, passed: *passed, detail });
            }
            EventKind::Gate { decision } => {
                self.gates.retain(|known| known.gate != decision.gate);
                self.gates.push(decision);
                if matches!(decision.verdict, Verdict::Rollback | Verdict::Inconclusive) {
                    self.reason(format!("gate `{}`", decision.gate), &decision.evidence);
                }
            }
            EventKind::Evidence { arms } => self.arms = arms,
            EventKind::Look { evidence } => self.looks.push(evidence),
            EventKind::RollbackStarted { deployment, rollback, reason } => {
                self.rollback = rollback.as_ref().or(self.rollback);
                if self.rollback.is_some() && self.deployment == self.rollback {
                    self.deployment = Some(deployment);
                }
                // It is said again once CodeDeploy has named its new deployment; that is no new
                // reason.
                if !self.undoing {
                    self.reason("rollback".to_owned(), reason);
                }
                self.undoing = true;
            }
            EventKind::Verified { restored, detail } => self.verified = Some((*restored, detail)),
            EventKind::Warning { text } => self.warnings.push(text),
            EventKind::Output { .. } => {}
            EventKind::Image { repository, tag, digest, reused } => {
                self.image = Some(ImageStory { repository, tag, digest, reused: *reused });
            }
            EventKind::ImageChecked { findings } => self.image_findings = findings,
            EventKind::Scanned { stopping, found, accepted, added, removed, .. } => {
                let (added, removed) = (added.as_deref(), removed.as_deref());
                self.scan = Some(ScanStory {
                    stopping,
                    found: *found,
                    accepted: *accepted,
                    added,
                    removed,
                });
            }
        }
    }

    /// Keeps a reason unless the same words were given before.
    fn reason(&mut self, who: String, what: &'a str) {
        if !what.is_empty() && !self.reasons.iter().any(|known| known.what == what) {
            self.reasons.push(Reason { who, what });
        }
    }

    /// Keeps the reading of an alarm that fires, or that fired before.
    fn alarm(&mut self, alarm: &'a AlarmReading) {
        let known = self.alarms.iter_mut().find(|known| known.name == alarm.name);
        match known {
            // The reason for firing matters more than the reason for stopping to.
            Some(known) if alarm.state == AlarmState::Alarm => *known = alarm,
            None if alarm.state == AlarmState::Alarm => self.alarms.push(alarm),
            _ => {}
        }
    }

    fn milestone(
        &mut self,
        name: &'a str,
        lifecycle: bool,
        status: LifecycleStatus,
        at: Duration,
        note: &'a str,
    ) {
        let ended = !matches!(status, LifecycleStatus::InProgress | LifecycleStatus::Pending);
        let ended = ended.then_some(at);
        let known =
            self.milestones.iter_mut().rev().find(|m| m.name == name && m.lifecycle == lifecycle);
        match known {
            Some(known) => {
                if known.status == LifecycleStatus::Pending {
                    known.began = at;
                }
                known.status = status;
                known.ended = ended;
                if !note.is_empty() {
                    known.note = note;
                }
            }
            None => {
                self.milestones.push(Milestone { name, lifecycle, status, began: at, ended, note });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, service: Option<&str>, kind: EventKind) -> Event {
        Event { at: Duration::from_secs(seconds), service: service.map(str::to_owned), kind }
    }

    fn undo(rollback: Option<&str>, reason: &str) -> EventKind {
        EventKind::RollbackStarted {
            deployment: DeploymentId("d-1".to_owned()),
            rollback: rollback.map(|id| DeploymentId(id.to_owned())),
            reason: reason.to_owned(),
        }
    }

    fn started(id: &str) -> EventKind {
        EventKind::DeploymentStarted { deployment: DeploymentId(id.to_owned()), attached: false }
    }

    #[test]
    fn a_rollback_is_not_the_deployment_and_has_one_reason() {
        let events = [
            at(1, Some("api"), started("d-1")),
            at(2, Some("api"), undo(None, "an alarm")),
            at(3, Some("api"), undo(Some("d-2"), "CodeDeploy rolls back by a new deployment")),
            at(4, Some("api"), started("d-2")),
        ];
        let stories = stories(&events);
        let story = &stories[0];
        assert_eq!(story.deployment.unwrap().0, "d-1");
        assert_eq!(story.rollback.unwrap().0, "d-2");
        let reasons: Vec<&str> = story.reasons.iter().map(|reason| reason.what).collect();
        assert_eq!(reasons, ["an alarm"]);
    }

    #[test]
    fn a_fired_alarm_stays_in_the_story_with_its_reason() {
        let read = |seconds, state, reason: &str| {
            let alarm = AlarmReading { name: "a".to_owned(), state, reason: reason.to_owned() };
            at(seconds, Some("api"), EventKind::Alarm { alarm })
        };
        let events = [
            read(1, AlarmState::Ok, "fine"),
            read(2, AlarmState::Alarm, "too many errors"),
            read(3, AlarmState::Ok, "fine again"),
        ];
        let stories = stories(&events);
        let alarms: Vec<&str> = stories[0].alarms.iter().map(|a| a.reason.as_str()).collect();
        assert_eq!(alarms, ["too many errors"]);
    }

    #[test]
    fn a_milestone_lasts_from_its_beginning_to_its_last_word() {
        let step = |seconds, kind| at(seconds, Some("api"), kind);
        let events = [
            step(5, EventKind::StepStarted { step: "register", title: String::new() }),
            step(9, EventKind::StepFinished { step: "register", detail: "x:2".to_owned() }),
            step(10, EventKind::StepStarted { step: "deploy", title: String::new() }),
        ];
        let stories = stories(&events);
        let [register, deploy] = stories[0].milestones.as_slice() else { panic!("two milestones") };
        assert_eq!((register.began.as_secs(), register.ended.map(|e| e.as_secs())), (5, Some(9)));
        assert_eq!(register.note, "x:2");
        assert_eq!(deploy.ended, None);
    }

    #[test]
    fn the_run_as_a_whole_comes_first_and_services_keep_their_order() {
        let warning = || EventKind::Warning { text: "x".to_owned() };
        let events =
            [at(0, Some("web"), warning()), at(1, Some("api"), warning()), at(2, None, warning())];
        let names: Vec<&str> = stories(&events).iter().map(|story| story.service).collect();
        assert_eq!(names, ["", "web", "api"]);
    }
}
