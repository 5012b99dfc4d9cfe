//! Rollout controllers, one file each, with the same four verbs: start, observe, promote, abort.
//!
//! What is common to all of them (when to look, when a gate decides, what "restored" means) is in
//! `watch` and `undo`.

mod codedeploy;
mod evidence;
mod pace;
mod seen;
mod undo;
mod watch;

use crate::domain::{DeploymentId, Outcome, OutcomeKind};
use crate::plan::{Deployment, Plan};

use super::walk::{Candidate, Stop, Walk};

/// How a rollout ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Done, rolled back, cancelled, or a person is needed.
    pub kind: OutcomeKind,
    /// One sentence for a person.
    pub summary: String,
    /// The deployment.
    pub deployment: Option<String>,
}

impl Ending {
    /// The command's outcome, with what to do next.
    pub(super) fn outcome(self, context: &Walk<'_>, plan: &Plan) -> Outcome {
        let outcome = Outcome::new(self.kind, self.summary);
        match self.kind {
            OutcomeKind::Done => {
                outcome.next(format!("To go back: {}", context.rollback_command()))
            }
            OutcomeKind::NeedsPerson => {
                let id = self.deployment.unwrap_or_default();
                outcome
                    .next(format!("Look at it: aws deploy get-deployment --deployment-id {id}"))
                    .next(format!(
                        "See what serves: ha-deploy status --environment {}",
                        context.environment
                    ))
                    .next(format!(
                        "Return to the last good revision: {}",
                        context.rollback_command()
                    ))
            }
            OutcomeKind::RolledBack | OutcomeKind::Cancelled => {
                let from = plan.from.revision.as_ref().map(ToString::to_string).unwrap_or_default();
                outcome.next(format!("{from} serves; mend the cause, then deploy again."))
            }
            _ => outcome,
        }
    }
}

/// Creates the deployment, or joins ours, and watches it to the end of the bake or of its rollback.
pub(super) async fn run(
    context: &Walk<'_>,
    plan: &Plan,
    deployment: &Deployment,
    candidate: &Candidate,
) -> Result<Ending, Stop> {
    let controller = codedeploy::Controller { context, deployment };
    let id = controller.start(candidate).await?;
    Ok(Box::pin(watch::Watch::new(controller, plan, candidate, id).run()).await)
}

/// Stops a deployment that is active and watches its rollback.
pub(super) async fn stop(
    context: &Walk<'_>,
    plan: &Plan,
    id: &DeploymentId,
) -> Result<Ending, Stop> {
    let undo = undo::Undo::of_plan(context, plan, id);
    Ok(undo.run("stopped by hand", undo::Cause::Rollback).await)
}
