//! Walks the steps of one plan.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, Fault, FaultKind};
use crate::clock::Clock;
use crate::domain::{GoodRevision, ImageDigest, Outcome, OutcomeKind, Revision};
use crate::plan::{Action, CheckResult, Plan, Step};

use super::event::{CheckVerdict, Event, EventKind, Sink};
use super::rollout::{self, Ending};
use super::steps;

/// What a walk needs.
#[derive(Clone)]
pub struct Walk<'a> {
    /// The gateways.
    pub aws: &'a Aws,
    /// Time.
    pub clock: &'a Clock,
    /// Where events go.
    pub sink: &'a dyn Sink,
    /// Fires when the command is to stop.
    pub cancel: CancellationToken,
    /// The name of the service, for events.
    pub service: String,
    /// The environment's name, for commands that a person is told.
    pub environment: String,
    /// The SSM parameter that keeps the good revisions.
    pub good_parameter: String,
    /// When a deployment that goes well is over for us.
    pub until: Until,
}

/// When a deployment that goes well is over for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// All traffic is on green and the bake is over.
    Baked,
    /// Blue is terminated, too.
    Terminated,
}

impl Walk<'_> {
    /// Emits an event about the service.
    pub(super) fn emit(&self, kind: EventKind) {
        let service = Some(self.service.clone());
        self.sink.emit(&Event { at: self.clock.elapsed(), service, kind });
    }

    /// Emits a warning.
    pub(super) fn warn(&self, text: impl Into<String>) {
        self.emit(EventKind::Warning { text: text.into() });
    }

    /// Waits, unless the command is cancelled first.
    pub(super) async fn pause(&self, duration: Duration) -> Result<(), Stop> {
        self.unless_cancelled(self.clock.sleep(duration)).await
    }

    /// Waits for something, unless the command is cancelled first.
    pub(super) async fn unless_cancelled<T>(
        &self,
        future: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Stop::Cancelled),
            value = future => Ok(value),
        }
    }

    /// The command that rolls the service back.
    pub(super) fn rollback_command(&self) -> String {
        format!("ha-deploy rollback --environment {} --service {}", self.environment, self.service)
    }
}

/// Why a step ended the walk before traffic was touched.
#[derive(Debug)]
pub(super) enum Stop {
    /// The command was cancelled.
    Cancelled,
    /// AWS refused or could not be reached.
    Fault(Fault),
    /// The step itself failed; nothing was shifted.
    Failed(String),
    /// Nobody knows what the step did.
    Unknown(String),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What the steps before learnt.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) arn: String,
    pub(super) revision: Revision,
    pub(super) digest: Option<ImageDigest>,
}

/// Walks a plan to its end and says how it ended. Emits the preflight first; a refusal among it
/// ends the walk before anything is changed.
pub async fn walk(context: &Walk<'_>, plan: &Plan) -> Outcome {
    // Boxed: the future holds every step's state, too much for a thread's stack in debug builds.
    let outcome = Box::pin(walk_steps(context, plan)).await;
    context.emit(EventKind::Finished { outcome: outcome.clone() });
    outcome
}

async fn walk_steps(context: &Walk<'_>, plan: &Plan) -> Outcome {
    report_checks(context, plan);
    if let Some((check, kind, mend)) = plan.refusals().next() {
        let outcome = Outcome::new(kind, format!("{}: {}", check.name, check.found));
        return plan.refusals().skip(1).fold(outcome.next(mend), |outcome, (check, _, mend)| {
            outcome.next(format!("{}: {} {mend}", check.name, check.found))
        });
    }
    if plan.is_empty() {
        let live = plan.from.revision.as_ref().map(ToString::to_string).unwrap_or_default();
        return Outcome::new(OutcomeKind::Done, format!("{live} serves already; nothing to do"));
    }
    let mut candidate = match (&plan.to.arn, &plan.to.revision) {
        (Some(arn), Some(revision)) => Some(Candidate {
            arn: arn.clone(),
            revision: revision.clone(),
            digest: plan.to.digest.clone(),
        }),
        _ => None,
    };
    announce(context, plan, candidate.as_ref());
    let mut suspended = None;
    let mut ending: Option<Ending> = None;
    for step in &plan.steps {
        // After a deployment that did not succeed only what tidies up is still done.
        let over = ending.as_ref().is_some_and(|ending| ending.kind != OutcomeKind::Done);
        if over && !matches!(step.action, Action::ResumeScaleIn { .. }) {
            context.emit(EventKind::StepSkipped {
                step: step.id,
                reason: "the deployment did not succeed".into(),
            });
            continue;
        }
        context.emit(EventKind::StepStarted { step: step.id, title: step.title.clone() });
        let taken = take(context, plan, step, &mut candidate, &mut suspended, &mut ending);
        match Box::pin(taken).await {
            Ok(detail) => context.emit(match &ending {
                Some(ending) if ending.kind != OutcomeKind::Done && step.id == "deploy" => {
                    EventKind::StepFailed { step: step.id, reason: detail }
                }
                _ => EventKind::StepFinished { step: step.id, detail },
            }),
            Err(stop) => {
                context.emit(EventKind::StepFailed { step: step.id, reason: words(&stop) });
                // Scale-in is resumed whatever happened.
                if let Some(now) = &suspended {
                    tidy(context, plan, now).await;
                }
                return match ending {
                    Some(ending) => after_shift(context, plan, ending, &stop),
                    None => before_shift(context, plan, step, stop),
                };
            }
        }
    }
    match ending {
        Some(ending) => ending.outcome(context, plan),
        None => Outcome::new(OutcomeKind::Done, "done; no traffic had to move"),
    }
}

fn report_checks(context: &Walk<'_>, plan: &Plan) {
    for check in &plan.checks {
        context.emit(EventKind::Preflight {
            check: check.name,
            verdict: match check.result {
                CheckResult::Pass => CheckVerdict::Pass,
                CheckResult::Warn => CheckVerdict::Warn,
                CheckResult::Refuse { .. } => CheckVerdict::Refuse,
            },
            detail: check.found.clone(),
        });
    }
}

fn announce(context: &Walk<'_>, plan: &Plan, candidate: Option<&Candidate>) {
    if let (Some(from), Some(to)) = (&plan.from.revision, candidate) {
        context.emit(EventKind::Revision {
            from: from.clone(),
            from_digest: plan.from.digest.clone(),
            to: to.revision.clone(),
            to_digest: to.digest.clone(),
        });
    }
}

/// Takes one step; gives its detail in words.
async fn take(
    context: &Walk<'_>,
    plan: &Plan,
    step: &Step,
    candidate: &mut Option<Candidate>,
    suspended: &mut Option<crate::domain::ScalableTarget>,
    ending: &mut Option<Ending>,
) -> Result<String, Stop> {
    let known = || candidate.clone().ok_or_else(|| Stop::Failed("no revision is known".into()));
    match &step.action {
        Action::Register { input, .. } => {
            let (arn, revision) = context.unless_cancelled(context.aws.register(input)).await??;
            let detail = revision.to_string();
            *candidate = Some(Candidate { arn, revision, digest: plan.to.digest.clone() });
            announce(context, plan, candidate.as_ref());
            Ok(detail)
        }
        Action::Migrate(migration) => steps::migrate(context, plan, migration, &known()?).await,
        Action::AlignGroup { ready_wait, termination_wait } => {
            let (application, group) = group(plan).unwrap_or_default();
            let set = context.aws.set_waits(application, group, *ready_wait, *termination_wait);
            context.unless_cancelled(set).await??;
            Ok(format!("blue stays {} s after the shift", termination_wait.as_secs()))
        }
        Action::CreateConfig(config) => {
            let create = context.aws.create_deployment_config(&config.name, config.shift);
            context.unless_cancelled(create).await??;
            Ok(config.name.clone())
        }
        Action::SuspendScaleIn { now } => {
            // Before the call: one whose answer is lost may have had its effect.
            *suspended = Some(now.clone());
            scale_in(context, plan, now, true).await?;
            Ok("scale-in suspended".into())
        }
        Action::ResumeScaleIn { now } => {
            scale_in(context, plan, now, false).await?;
            *suspended = None;
            Ok("scale-in resumed".into())
        }
        Action::Deploy(deployment) => {
            let ended = rollout::run(context, plan, deployment, &known()?).await?;
            let detail = ended.summary.clone();
            *ending = Some(ended);
            Ok(detail)
        }
        Action::Stop { deployment } => {
            let ended = rollout::stop(context, plan, deployment).await?;
            let detail = ended.summary.clone();
            *ending = Some(ended);
            Ok(detail)
        }
        Action::Record { demote } => {
            let candidate = known()?;
            let good = GoodRevision {
                revision: candidate.revision,
                digest: candidate.digest,
                deployment: ending.as_ref().and_then(|ending| ending.deployment.clone()),
                at: i64::try_from(context.clock.now().as_secs()).unwrap_or(i64::MAX),
            };
            steps::record(context, good, demote.as_ref()).await
        }
    }
}

fn deployment(plan: &Plan) -> Option<&crate::plan::Deployment> {
    plan.steps.iter().find_map(|step| match &step.action {
        Action::Deploy(deployment) => Some(&**deployment),
        _ => None,
    })
}

fn group(plan: &Plan) -> Option<(&str, &str)> {
    deployment(plan).map(|d| (d.application.as_str(), d.group.as_str()))
}

async fn scale_in(
    context: &Walk<'_>,
    plan: &Plan,
    now: &crate::domain::ScalableTarget,
    suspend: bool,
) -> Result<(), Stop> {
    let (cluster, service) = (plan.cluster.as_str(), plan.ecs_service.as_str());
    Ok(context.aws.suspend_scale_in(cluster, service, now, suspend).await?)
}

/// Resumes scale-in after a step failed; a failure of that is a warning, the next run does it.
async fn tidy(context: &Walk<'_>, plan: &Plan, now: &crate::domain::ScalableTarget) {
    if let Err(stop) = scale_in(context, plan, now, false).await {
        context.warn(format!("scale-in is still suspended: {}", words(&stop)));
    }
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Cancelled => "cancelled".into(),
        Stop::Fault(fault) => fault.to_string(),
        Stop::Failed(reason) | Stop::Unknown(reason) => reason.clone(),
    }
}

/// The outcome of a step that failed before any traffic moved.
fn before_shift(context: &Walk<'_>, plan: &Plan, step: &Step, stop: Stop) -> Outcome {
    let live = plan.from.revision.as_ref().map(ToString::to_string).unwrap_or_default();
    let untouched = format!("no traffic was moved; {live} serves");
    let again = "Run the same command again: it goes on where this one ended.";
    match stop {
        Stop::Cancelled => Outcome::new(OutcomeKind::Cancelled, format!("cancelled; {untouched}")),
        Stop::Fault(fault) => {
            let kind = match fault.kind {
                FaultKind::Denied | FaultKind::Credentials => OutcomeKind::Denied,
                FaultKind::Conflict => OutcomeKind::Busy,
                _ => OutcomeKind::Inconclusive,
            };
            let mend = match fault.kind {
                FaultKind::Denied => format!("Allow `{}` for the deploying role.", fault.action),
                _ => again.to_owned(),
            };
            Outcome::new(kind, format!("{} failed: {fault}; {untouched}", step.id)).next(mend)
        }
        Stop::Unknown(reason) => {
            let summary =
                format!("{} failed, and it is not known whether traffic moves: {reason}", step.id);
            Outcome::new(OutcomeKind::NeedsPerson, summary)
                .next(format!("ha-deploy status --environment {}", context.environment))
                .next(again)
        }
        // The candidate itself is bad, and the previous revision serves as before.
        Stop::Failed(reason) => Outcome::new(
            OutcomeKind::RolledBack,
            format!("{} failed: {reason}; {untouched}", step.id),
        )
        .next("Mend the cause, then deploy again."),
    }
}

/// The outcome when something failed after the deployment had ended: it does not undo that.
fn after_shift(context: &Walk<'_>, plan: &Plan, ending: Ending, stop: &Stop) -> Outcome {
    context.warn(format!("the deployment ended, but afterwards: {}", words(stop)));
    ending.outcome(context, plan).next(format!("Afterwards: {}.", words(stop)))
}
