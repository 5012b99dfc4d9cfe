//! Takes the stacks of an environment away, those that use others first.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::sync::watch;

use crate::aws::{Aws, ChangeSetWish, OnFailure, Origin};
use crate::domain::{ChangeSetStatus, ObservedStack, Outcome, OutcomeKind, StackKey, StackPhase};
use crate::pipeline::event::EventKind;
use crate::plan::stacks::{ALLOW_ALL, Grave};

use super::change::{self, MARK};
use super::empty::empty;
use super::follow::follow;
use super::trouble::Trouble;
use super::{Progress, Provision, guard, one};

/// How often a stack is emptied and deleted: load balancers write logs until they are gone.
const MOST_TRIES: u32 = 3;

/// What is taken away beside the stacks.
#[derive(Debug, Clone, Default)]
pub struct Destroy {
    /// SSM parameters that deployments made.
    pub parameters: Vec<String>,
    /// What AWS keeps and charges nothing for, in words.
    pub keeps: Vec<String>,
}

/// What came of one stack.
type End = Result<(), (String, Trouble)>;

/// Takes every stack away; each begins when those that use it are gone.
pub async fn destroy(context: &Provision<'_>, graves: &[Grave], also: &Destroy) -> Outcome {
    let board: BTreeMap<StackKey, watch::Sender<Progress>> = graves
        .iter()
        .map(|grave| (grave.key.clone(), watch::Sender::new(Progress::Waiting)))
        .collect();
    let walks = graves.iter().map(|grave| {
        let board = &board;
        async move {
            let result = match free(board, grave).await {
                Ok(()) => Box::pin(one_grave(context, grave)).await,
                Err(on) => Err(Trouble::Skipped { on }),
            };
            let stack = grave.key.name.clone();
            match &result {
                Ok(_) => context.emit(EventKind::StackFinished { stack, detail: "gone".into() }),
                Err(Trouble::Skipped { .. } | Trouble::Cancelled) => {}
                Err(trouble) => context.emit(EventKind::StackFailed {
                    stack,
                    cause: trouble.to_string(),
                    cascades: trouble.cascades(),
                }),
            }
            if let Some(sender) = board.get(&grave.key) {
                let done = if result.is_ok() { Progress::Done } else { Progress::Failed };
                sender.send_replace(done);
            }
            result.map_err(|trouble| (grave.key.name.clone(), trouble))
        }
    });
    let ends = join_all(walks).await;
    let mut stays = Vec::new();
    if ends.iter().all(Result::is_ok) {
        for name in &also.parameters {
            if let Err(fault) = context.aws.delete_parameter(name).await {
                stays.push(format!("{name}: {fault}"));
            }
        }
    }
    let outcome = outcome(context, ends, stays, also);
    context.emit(EventKind::Finished { outcome: outcome.clone() });
    outcome
}

/// Waits until nobody uses a stack; the error names one that stays.
async fn free(
    board: &BTreeMap<StackKey, watch::Sender<Progress>>,
    grave: &Grave,
) -> Result<(), String> {
    for key in &grave.users {
        let Some(sender) = board.get(key) else { continue };
        let mut receiver = sender.subscribe();
        let progress = receiver.wait_for(|progress| *progress != Progress::Waiting).await;
        if !progress.is_ok_and(|progress| *progress == Progress::Done) {
            return Err(key.name.clone());
        }
    }
    Ok(())
}

fn outcome(
    context: &Provision<'_>,
    ends: Vec<End>,
    mut stays: Vec<String>,
    also: &Destroy,
) -> Outcome {
    let count = ends.len();
    let mut troubles = Vec::new();
    for end in ends {
        match end {
            Ok(()) => {}
            Err((stack, trouble)) => {
                stays.push(format!("{stack}: {trouble}"));
                troubles.push((stack, trouble));
            }
        }
    }
    troubles.sort_by_key(|(_, trouble)| trouble.gravity());
    let environment = context.environment.as_deref().unwrap_or_default();
    let outcome = match troubles.first() {
        None if stays.is_empty() => {
            Outcome::new(OutcomeKind::Done, format!("{count} stacks are gone, and all in them"))
        }
        None => Outcome::new(OutcomeKind::NeedsPerson, format!("{} things remain", stays.len())),
        Some((stack, worst)) => {
            let gone = count - troubles.len();
            let kind = match worst.kind() {
                // Nothing is rolled back here: what is left is left.
                OutcomeKind::RolledBack => OutcomeKind::NeedsPerson,
                kind => kind,
            };
            let summary = format!("{stack}: {worst}; {gone} of {count} stacks are gone");
            Outcome::new(kind, summary)
                .next(format!("ha-deploy destroy --environment {environment}"))
        }
    };
    let outcome = stays.iter().fold(outcome, |o, what| o.next(format!("Remains: {what}")));
    also.keeps.iter().fold(outcome, |o, what| o.next(format!("AWS keeps, at no charge: {what}")))
}

async fn one_grave(context: &Provision<'_>, grave: &Grave) -> Result<(), Trouble> {
    let aws = context.aws.in_region(&grave.key.region);
    if let Some(guard) = &grave.guard {
        guard::no_deployment(context, &aws, guard).await?;
    }
    let mut last = None;
    let mut tries = 0;
    while tries < MOST_TRIES {
        let live = context.unless_cancelled(aws.stack(&grave.key.name)).await?;
        let Some(live) = live.filter(|live| live.status.phase() != StackPhase::Gone) else {
            return Ok(());
        };
        if live.termination_protection {
            return Err(Trouble::Person(
                "somebody switched its termination protection on; ha-deploy never does".into(),
            ));
        }
        if live.status.phase() == StackPhase::Moving {
            // An operation of ours that failed leaves a stack that can still go.
            if let Err(trouble) = one::moving(context, &aws, &live).await
                && !matches!(trouble, Trouble::Operation { .. })
            {
                return Err(trouble);
            }
            continue;
        }
        tries += 1;
        let settled = live.status.phase() == StackPhase::Settled;
        if settled && live.parameters.get("Protect").is_some_and(|protect| protect == "true") {
            unprotect(context, &aws, &live).await?;
        }
        let resources = context.unless_cancelled(aws.stack_resources(&live.id)).await?;
        for stays in empty(context, &aws, &live.name, &resources).await? {
            context.warn(format!("{}: {stays}", live.name));
        }
        let stack = live.name.clone();
        let changes = Some(resources.len());
        context.emit(EventKind::StackStarted { stack, action: "delete", changes });
        match one::delete(context, &aws, &live).await {
            // With the stack went all that could not be emptied.
            Ok(()) => return Ok(()),
            Err(trouble @ Trouble::Operation { .. }) => last = Some(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    Err(last.unwrap_or_else(|| Trouble::Person("it does not go".into())))
}

/// Switches deletion protection off, by a change of the stack that does only that.
async fn unprotect(
    context: &Provision<'_>,
    aws: &Aws,
    live: &ObservedStack,
) -> Result<(), Trouble> {
    if context.unless_cancelled(aws.stack_policy(&live.id)).await?.is_some() {
        context.unless_cancelled(aws.set_stack_policy(&live.id, ALLOW_ALL)).await?;
    }
    let name = format!("{MARK}-unprotect");
    let parameters = live.parameters.keys().map(|name| {
        let value = (name == "Protect").then(|| "false".to_owned());
        (name.clone(), value)
    });
    let wish = ChangeSetWish {
        stack: &live.name,
        name: &name,
        origin: Origin::Previous,
        parameters: parameters.collect(),
        tags: live.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        capabilities: vec!["CAPABILITY_NAMED_IAM"],
        role: context.role.as_deref(),
        description: format!("{MARK}: deletion protection off"),
    };
    let set = change::settle(context, aws, wish).await?;
    match set.status {
        ChangeSetStatus::Ready => {}
        ChangeSetStatus::Empty => {
            return context.unless_cancelled(aws.delete_change_set(&set.id, None)).await;
        }
        ChangeSetStatus::Pending | ChangeSetStatus::Failed => {
            return Err(Trouble::Unplannable(set.reason.unwrap_or_default()));
        }
    }
    let stack = live.name.clone();
    let changes = Some(set.changes.len());
    context.emit(EventKind::StackStarted { stack, action: "unprotect", changes });
    let token = one::token("unprotect", &set.id);
    context.unless_cancelled(aws.execute_change_set(&set.id, &token, OnFailure::RollBack)).await?;
    match follow(context, aws, (&live.name, &live.id), &token).await? {
        Some(ended) => ended.result().map(drop),
        None => Err(Trouble::Busy("its protection could not be switched off; run again".into())),
    }
}
