//! Traffic stays where it is while a stack changes.
//!
//! CloudFormation compares templates, not the world: a change of the production rule writes the
//! weights that the *stack* has, which are those of its last update. So the stack is told the live
//! values first, in a change that does nothing else; then the rule is changed; then the weights
//! are read again. A failed change rolls back to the live values, too.

use crate::aws::{Aws, ChangeSetWish, Fault, OnFailure, Origin};
use crate::domain::{ChangeSet, ChangeSetStatus, ObservedStack, Weight};
use crate::pipeline::event::EventKind;
use crate::plan::stacks::{ALLOW_ALL, Guard, Instance, Judgement, judge, sync_is_harmless};

use super::Provision;
use super::change::{self, Ask, For, MARK};
use super::one::{self, Step};
use super::trouble::Trouble;

/// The live split of a service, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Split {
    listener: String,
    groups: [String; 2],
    weights: [Weight; 2],
}

/// Refuses while a deployment of the service is active.
pub(super) async fn no_deployment(
    context: &Provision<'_>,
    aws: &Aws,
    guard: &Guard,
) -> Result<(), Trouble> {
    let active = aws.active_deployment(&guard.application, &guard.group);
    match context.unless_cancelled(absent(active)).await? {
        Some(deployment) => Err(Trouble::Busy(format!(
            "deployment {} of {} is active, and its stack is not touched before it is over",
            deployment.id, guard.service
        ))),
        None => Ok(()),
    }
}

/// What does not exist is nothing.
async fn absent<T>(
    future: impl Future<Output = Result<Option<T>, Fault>>,
) -> Result<Option<T>, Fault> {
    match future.await {
        Err(fault) if fault.is_not_found() => Ok(None),
        other => other,
    }
}

/// Refuses to make a service before the image is there that it starts with: it would wait for
/// tasks that cannot start until CloudFormation gives up.
pub(super) async fn first_image(
    context: &Provision<'_>,
    aws: &Aws,
    guard: &Guard,
) -> Result<(), Trouble> {
    let Some(image) = &guard.image else { return Ok(()) };
    let found = aws.image(&image.repository, image.tag.as_deref(), image.digest.as_ref());
    if context.unless_cancelled(found).await?.is_some() {
        return Ok(());
    }
    let selector = match (&image.tag, &image.digest) {
        (_, Some(digest)) => format!("{}@{digest}", image.repository),
        (Some(tag), _) => format!("{}:{tag}", image.repository),
        (None, None) => image.repository.clone(),
    };
    Err(Trouble::Missing {
        what: format!("the image {selector} does not exist, and {} starts with it", guard.service),
        mend: format!("Push {selector}, then run the same command again."),
    })
}

async fn split(context: &Provision<'_>, aws: &Aws, guard: &Guard) -> Result<Split, Trouble> {
    let group = aws.deployment_group(&guard.application, &guard.group);
    let group = context.unless_cancelled(group).await?;
    let names: Vec<&str> = group.target_groups.iter().map(String::as_str).collect();
    let arns = context.unless_cancelled(aws.target_group_arns(&names)).await?;
    let [blue, green] = arns.as_slice() else {
        return Err(Trouble::Person("the deployment group has no pair of target groups".into()));
    };
    let weights = aws.weights(&group.production_listener, [blue, green]);
    match context.unless_cancelled(weights).await? {
        Ok(weights) => Ok(Split {
            listener: group.production_listener,
            groups: [blue.clone(), green.clone()],
            weights,
        }),
        Err(why) => Err(Trouble::Person(format!("where traffic goes cannot be read: {why}"))),
    }
}

/// The values that deployments changed, as the stack is to learn them.
async fn live_values(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    guard: &Guard,
    weights: [Weight; 2],
) -> Result<Vec<(String, String)>, Trouble> {
    let mut values = Vec::new();
    for name in &instance.template.head.live {
        match name.as_str() {
            "BlueWeight" => values.push((name.clone(), weights[0].percent().to_string())),
            "GreenWeight" => values.push((name.clone(), weights[1].percent().to_string())),
            "LiveTaskDefinition" => {
                let service = aws.service(&guard.cluster, &guard.service);
                let service = context.unless_cancelled(service).await?;
                values.push((name.clone(), service.task_definition));
            }
            // Where a service starts from; nothing live corresponds to it.
            _ => {}
        }
    }
    Ok(values)
}

/// Tells the stack the live values, then changes it, then looks whether traffic stayed.
pub(super) async fn sync_then_edit(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    live: &ObservedStack,
    edit: ChangeSet,
    ask: &Ask,
) -> Result<Step, Trouble> {
    let Some(guard) = &instance.guard else {
        return Err(Trouble::Person("it guards resources of no service".into()));
    };
    no_deployment(context, aws, guard).await?;
    let before = split(context, aws, guard).await?;
    if before.weights.iter().all(|weight| ![Weight::NONE, Weight::ALL].contains(weight)) {
        return Err(Trouble::Person(format!(
            "traffic is split {}/{}; it is not touched before one side has all",
            before.weights[0].percent(),
            before.weights[1].percent()
        )));
    }
    let values = live_values(context, aws, instance, guard, before.weights).await?;
    let stale = values.iter().any(|(name, value)| live.parameters.get(name) != Some(value));
    let policy = context.unless_cancelled(aws.stack_policy(&instance.name)).await?;
    if policy.is_some() {
        let lift = aws.set_stack_policy(&instance.name, ALLOW_ALL);
        context.unless_cancelled(lift).await?;
    }
    let edited = async {
        let set = if stale {
            sync(context, aws, instance, live, &values).await?;
            // The first one was made against what the stack said before.
            change::make(context, aws, instance, Some(live), ask, For::Provision).await?
        } else {
            edit
        };
        match judge(instance, &set, &context.allowed) {
            Judgement::Execute { .. } | Judgement::SyncFirst { .. } => {
                no_deployment(context, aws, guard).await?;
                let how = ("update guarded", OnFailure::RollBack);
                one::execute(context, aws, instance, &set, &ask.digest, how).await
            }
            Judgement::Nothing => Ok(Step::Done("already as wanted".into())),
            Judgement::Refuse { losses } => Err(Trouble::Losses(losses)),
            Judgement::Failed { reason } => Err(Trouble::Unplannable(reason)),
        }
    }
    .await;
    // Also when it failed: the next update must not find the net gone. A run that is killed before
    // is mended by the next one, which compares the policy.
    let restored = one::restore_policy(context, aws, instance, ask).await;
    if let Err(Trouble::Cancelled) = edited {
        return edited;
    }
    let after = split(context, aws, guard).await?;
    if after.weights != before.weights {
        return Err(Trouble::Person(format!(
            "traffic moved from {}/{} to {}/{} while the stack changed",
            before.weights[0].percent(),
            before.weights[1].percent(),
            after.weights[0].percent(),
            after.weights[1].percent()
        )));
    }
    context.emit(EventKind::Verified {
        restored: true,
        detail: format!(
            "{}: traffic stayed at {}/{}",
            instance.name,
            after.weights[0].percent(),
            after.weights[1].percent()
        ),
    });
    let step = edited?;
    restored?;
    Ok(step)
}

/// Executes a change set that only says what is live already.
async fn sync(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    live: &ObservedStack,
    values: &[(String, String)],
) -> Result<(), Trouble> {
    let parameters = live.parameters.keys().map(|name| {
        let value = values.iter().find(|(known, _)| known == name);
        (name.clone(), value.map(|(_, value)| value.clone()))
    });
    let digest = instance.digest(
        &values
            .iter()
            .map(|(name, value)| (name.clone(), crate::plan::stacks::Given::Value(value.clone())))
            .collect::<Vec<_>>(),
    );
    let name = format!("{MARK}-sync-{digest}");
    let wish = ChangeSetWish {
        stack: &instance.name,
        name: &name,
        origin: Origin::Previous,
        parameters: parameters.collect(),
        tags: live.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        capabilities: instance.template.capabilities(),
        role: context.role.as_deref(),
        description: format!("{MARK}: what is live"),
    };
    let set = change::settle(context, aws, wish).await?;
    match set.status {
        ChangeSetStatus::Empty => {
            context.unless_cancelled(aws.delete_change_set(&set.id, None)).await?;
            return Ok(());
        }
        ChangeSetStatus::Ready => {}
        ChangeSetStatus::Pending | ChangeSetStatus::Failed => {
            return Err(Trouble::Unplannable(set.reason.unwrap_or_default()));
        }
    }
    if let Err(more) = sync_is_harmless(instance, &set) {
        context.unless_cancelled(aws.delete_change_set(&set.id, None)).await?;
        return Err(Trouble::Person(format!(
            "telling the stack what is live would also change {more}"
        )));
    }
    // A rollback of this change would write the values that the stack had before, which are the
    // stale ones: when it fails half-way, what is done stays.
    let how = ("learn live values", OnFailure::Stay);
    match one::execute(context, aws, instance, &set, &digest, how).await? {
        Step::Done(_) => Ok(()),
        Step::Again => Err(Trouble::Busy("the stack changed in between; run again".into())),
    }
}
