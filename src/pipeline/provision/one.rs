//! One stack, from how it stands to how it is wanted.

use std::time::Duration;

use crate::aws::{Aws, Fault, FaultKind, OnFailure};
use crate::domain::{ChangeSet, ObservedStack, StackEvent, StackPhase};
use crate::pipeline::event::EventKind;
use crate::plan::stacks::{Instance, Judgement, judge, made, same_policy, stack_policy, without};

use super::change::{self, Ask, For, MARK};
use super::follow::{follow, is_newest, newest_token, root_cause};
use super::guard;
use super::trouble::Trouble;
use super::{POLL, Provision};

/// How often a stack is looked at anew before a person must: deleting, mending and creating take
/// one each, and change sets may become obsolete now and then.
const MOST_TURNS: u32 = 10;

/// How often somebody else's operation is looked at.
const WAIT: Duration = Duration::from_secs(15);

/// What came of one turn.
#[derive(Debug)]
pub(super) enum Step {
    /// The stack is as wanted; how, in words.
    Done(String),
    /// It is to be looked at again.
    Again,
}

/// Makes one stack what is wanted; gives what was done, in words.
pub(super) async fn one(context: &Provision<'_>, instance: &Instance) -> Result<String, Trouble> {
    let aws = context.aws.in_region(&instance.region);
    for _ in 0..MOST_TURNS {
        let live = context.unless_cancelled(aws.stack(&instance.name)).await?;
        let Some(live) = live else {
            match change(context, &aws, instance, None).await? {
                Step::Done(detail) => return Ok(detail),
                Step::Again => continue,
            }
        };
        match live.status.phase() {
            StackPhase::Review | StackPhase::Gone => {
                if let Step::Done(detail) = change(context, &aws, instance, None).await? {
                    return Ok(detail);
                }
            }
            StackPhase::Settled => {
                if let Step::Done(detail) = change(context, &aws, instance, Some(&live)).await? {
                    return Ok(detail);
                }
            }
            StackPhase::Moving => moving(context, &aws, &live).await?,
            StackPhase::Dead => bury(context, &aws, &live).await?,
            StackPhase::Stuck => mend(context, &aws, instance, &live).await?,
            StackPhase::Undeleted => {
                return Err(Trouble::Person(format!(
                    "it is {}; run `ha-deploy destroy`, or delete it by hand",
                    live.status
                )));
            }
            StackPhase::Unknown => {
                return Err(Trouble::Person(format!("it is {}", live.status)));
            }
        }
    }
    Err(Trouble::Busy("it changed again and again while it was planned".into()))
}

/// Plans and makes one change.
async fn change(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    live: Option<&ObservedStack>,
) -> Result<Step, Trouble> {
    if let (None, Some(guard)) = (live, &instance.guard) {
        guard::first_image(context, aws, guard).await?;
    }
    let ask = change::ask(context, instance, live).await?;
    let set = match change::make(context, aws, instance, live, &ask, For::Provision).await {
        Ok(set) => set,
        // Somebody was faster; the next turn sees who.
        Err(Trouble::Fault(fault)) if in_progress(&fault) => {
            context.pause(POLL).await?;
            return Ok(Step::Again);
        }
        Err(trouble) => return Err(trouble),
    };
    match judge(instance, &set, &context.allowed) {
        Judgement::Nothing => {
            discard(context, aws, &set).await?;
            if live.is_none() {
                return Err(Trouble::Unplannable("AWS finds nothing to create".into()));
            }
            restore_policy(context, aws, instance, &ask).await?;
            Ok(Step::Done("already as wanted".into()))
        }
        Judgement::Failed { reason } => {
            discard(context, aws, &set).await?;
            if live.is_none() {
                // Only the shell that the change set made; it holds nothing.
                let token = token("delete", &set.stack_id);
                let role = context.role.as_deref();
                context.unless_cancelled(aws.delete_stack(&set.stack_id, role, &token)).await?;
            }
            Err(Trouble::Unplannable(reason))
        }
        Judgement::Refuse { losses } => {
            discard(context, aws, &set).await?;
            Err(Trouble::Losses(losses))
        }
        Judgement::Execute { replaces } => match live {
            None => create(context, aws, instance, &set, &ask).await,
            Some(_) => update(context, aws, instance, &set, &ask, &replaces).await,
        },
        Judgement::SyncFirst { .. } => match live {
            None => create(context, aws, instance, &set, &ask).await,
            Some(live) => guard::sync_then_edit(context, aws, instance, live, set, &ask).await,
        },
    }
}

async fn discard(context: &Provision<'_>, aws: &Aws, set: &ChangeSet) -> Result<(), Trouble> {
    context.unless_cancelled(aws.delete_change_set(&set.id, None)).await
}

async fn create(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    set: &ChangeSet,
    ask: &Ask,
) -> Result<Step, Trouble> {
    let step =
        execute(context, aws, instance, set, &ask.digest, ("create", OnFailure::RollBack)).await?;
    if let (Step::Done(_), Some(policy)) = (&step, policy(instance, ask)) {
        context.unless_cancelled(aws.set_stack_policy(&instance.name, &policy)).await?;
    }
    Ok(step)
}

async fn update(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    set: &ChangeSet,
    ask: &Ask,
    replaces: &[String],
) -> Result<Step, Trouble> {
    if let Some(guard) = &instance.guard {
        guard::no_deployment(context, aws, guard).await?;
    }
    if let (false, Some(wanted)) = (replaces.is_empty(), policy(instance, ask)) {
        let lifted = without(&wanted, replaces);
        context.unless_cancelled(aws.set_stack_policy(&instance.name, &lifted)).await?;
    }
    let step =
        execute(context, aws, instance, set, &ask.digest, ("update", OnFailure::RollBack)).await;
    if let Err(Trouble::Cancelled) = step {
        return step;
    }
    let restored = restore_policy(context, aws, instance, ask).await;
    let step = step?;
    restored?;
    Ok(step)
}

/// The policy that the stack is to have once it is as wanted.
fn policy(instance: &Instance, ask: &Ask) -> Option<String> {
    let made = made(instance.template, &instance.region, &ask.values);
    stack_policy(instance.template, &made)
}

/// Sets the stack's policy when it is not the one that it must have.
pub(super) async fn restore_policy(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    ask: &Ask,
) -> Result<(), Trouble> {
    let Some(wanted) = policy(instance, ask) else { return Ok(()) };
    // Not given up when the command is cancelled: the net must be there again.
    let found = aws.stack_policy(&instance.name).await?;
    if found.is_none_or(|found| !same_policy(&found, &wanted)) {
        match aws.set_stack_policy(&instance.name, &wanted).await {
            Ok(()) => {}
            // After a rollback a resource may be missing that the wanted state has.
            Err(fault) if fault.code == "ValidationError" => {
                context.warn(format!("{}: its policy stays as it is: {fault}", instance.name));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(())
}

/// The token of an operation: the same change has the same one, so that the next run knows its
/// own, and another change set of the same intent has another.
pub(super) fn token(digest: &str, id: &str) -> String {
    let tail = id.rsplit('/').next().unwrap_or_default();
    let unique: String = tail.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    format!("{MARK}-{digest}-{unique}")
}

/// Executes a change set by its ARN and follows it to its end.
pub(super) async fn execute(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    set: &ChangeSet,
    digest: &str,
    (action, failure): (&'static str, OnFailure),
) -> Result<Step, Trouble> {
    let stack = instance.name.clone();
    context.emit(EventKind::StackStarted { stack, action, changes: Some(set.changes.len()) });
    let token = token(digest, &set.id);
    let executed = context.unless_cancelled(aws.execute_change_set(&set.id, &token, failure)).await;
    if let Err(trouble) = executed {
        let Trouble::Fault(fault) = &trouble else { return Err(trouble) };
        if matches!(fault.kind, FaultKind::Denied | FaultKind::Credentials) {
            return Err(trouble);
        }
        // The answer may have been lost after it was begun.
        if !is_newest(aws, &set.stack_id, &token).await? {
            let stale = fault.is_not_found()
                || fault.code == "InvalidChangeSetStatus"
                || fault.kind == FaultKind::Unreachable
                || in_progress(fault);
            return if stale { Ok(Step::Again) } else { Err(trouble) };
        }
    }
    let followed = follow(context, aws, (&instance.name, &set.stack_id), &token).await?;
    match followed {
        None => Ok(Step::Again),
        Some(ended) => {
            let status = ended.result()?;
            Ok(Step::Done(format!("{status}, {} changed", set.changes.len())))
        }
    }
}

/// Whether a call was refused because an operation runs.
fn in_progress(fault: &Fault) -> bool {
    fault.code == "OperationInProgressException"
        || (fault.code == "ValidationError" && fault.message.contains("_IN_PROGRESS"))
}

/// Waits for the operation that runs on a stack: ours is joined, somebody else's is waited for.
pub(super) async fn moving(
    context: &Provision<'_>,
    aws: &Aws,
    live: &ObservedStack,
) -> Result<(), Trouble> {
    let token = newest_token(aws, &live.id).await?;
    if let Some(token) = token.filter(|token| token.starts_with(MARK)) {
        let stack = live.name.clone();
        context.emit(EventKind::StackStarted { stack, action: "join", changes: None });
        if let Some(ended) = follow(context, aws, (&live.name, &live.id), &token).await? {
            ended.result()?;
        }
        return Ok(());
    }
    context.warn(format!("{}: somebody is at work on it ({})", live.name, live.status));
    let began = context.clock.elapsed();
    loop {
        context.pause(WAIT).await?;
        // By ARN, so that a deletion is seen to its end.
        match context.unless_cancelled(aws.stack(&live.id)).await? {
            Some(stack) if stack.status.phase() == StackPhase::Moving => {
                if context.clock.elapsed().saturating_sub(began) >= context.patience {
                    let minutes = context.patience.as_secs() / 60;
                    return Err(Trouble::Busy(format!(
                        "it is still {} by somebody else after {minutes} minutes",
                        stack.status
                    )));
                }
            }
            _ => return Ok(()),
        }
    }
}

/// Deletes what a failed creation left: it can neither be updated nor hold anything.
async fn bury(context: &Provision<'_>, aws: &Aws, live: &ObservedStack) -> Result<(), Trouble> {
    let stack = live.name.clone();
    context.warn(format!("{stack}: it is {}, so it is deleted and made anew", live.status));
    context.emit(EventKind::StackStarted { stack, action: "delete", changes: None });
    delete(context, aws, live).await
}

/// Deletes a stack and waits for its end.
pub(super) async fn delete(
    context: &Provision<'_>,
    aws: &Aws,
    live: &ObservedStack,
) -> Result<(), Trouble> {
    let token = fresh_token(context, "delete", &live.id);
    let role = context.role.as_deref();
    context.unless_cancelled(aws.delete_stack(&live.id, role, &token)).await?;
    match follow(context, aws, (&live.name, &live.id), &token).await? {
        Some(ended) => ended.result().map(drop),
        None => Ok(()),
    }
}

/// A token for an operation that may be asked for again on the same stack.
fn fresh_token(context: &Provision<'_>, what: &str, id: &str) -> String {
    format!("{}-{}", token(what, id), context.clock.now().as_secs())
}

/// Continues a rollback that failed; what fails again is skipped, by name.
async fn mend(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    live: &ObservedStack,
) -> Result<(), Trouble> {
    let stack = live.name.clone();
    context.emit(EventKind::StackStarted { stack, action: "continue rollback", changes: None });
    let mut skip = Vec::new();
    for _ in 0..2 {
        let token = fresh_token(context, "continue", &live.id);
        let role = context.role.as_deref();
        let asked = aws.continue_update_rollback(&live.id, role, &skip, &token);
        context.unless_cancelled(asked).await?;
        let ended = follow(context, aws, (&live.name, &live.id), &token).await?;
        let Some(ended) = ended else { return Ok(()) };
        if ended.status.as_str() == "UPDATE_ROLLBACK_COMPLETE" {
            return Ok(());
        }
        let failed = failed(&ended.events);
        let head = &instance.template.head;
        let precious = |id: &&String| head.guarded.contains(*id) || head.data_stores.contains(*id);
        if let Some(id) = failed.iter().find(precious) {
            let (cause, _) = root_cause(&ended.events);
            return Err(Trouble::Person(format!("{id} cannot be rolled back: {cause}")));
        }
        if failed.is_empty() || !skip.is_empty() {
            return ended.result().map(drop);
        }
        context.warn(format!(
            "{}: the rollback goes on without {}; they are no longer as their template says",
            live.name,
            failed.join(", ")
        ));
        skip = failed;
    }
    Ok(())
}

/// The resources whose rollback failed.
fn failed(events: &[StackEvent]) -> Vec<String> {
    let mut ids: Vec<String> = events
        .iter()
        .filter(|event| !event.of_stack && event.status == "UPDATE_FAILED")
        .map(|event| event.resource.clone())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
