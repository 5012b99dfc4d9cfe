//! Change sets: made, waited for, and for a plan deleted again.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::aws::{Aws, ChangeSetWish, Fault, Origin};
use crate::domain::{
    ChangeSet, ChangeSetStatus, ObservedStack, ObservedStacks, StackKey, StackPhase,
};
use crate::plan::stacks::{Given, Instance};

use super::trouble::Trouble;
use super::{POLL, Provision};

/// What starts the names of everything of ours in CloudFormation.
pub(super) const MARK: &str = "ha-deploy";

/// Before a change set can be read: AWS needs a moment for small ones.
const FIRST_LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// How often a change set of the same name is deleted and made anew.
const MOST_TRIES: u32 = 3;

/// For whom a change set is made. A plan's has a name of its own, so that a plan that tidies up
/// never deletes what a provision is about to execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Plan,
    Provision,
}

/// What is asked of CloudFormation for one stack.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) given: Vec<(String, Given)>,
    pub(super) digest: String,
    /// The values of all parameters as they will be.
    pub(super) values: BTreeMap<String, String>,
}

/// Reads what an instance takes from others by value.
pub async fn read_values(aws: &Aws, instances: &[Instance]) -> Result<ObservedStacks, Fault> {
    let mut by_region: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (region, name) in instances.iter().flat_map(Instance::reads) {
        by_region.entry(region).or_default().push(name.to_owned());
    }
    let mut observed = ObservedStacks::default();
    for (region, mut names) in by_region {
        names.sort_unstable();
        names.dedup();
        let found = aws.in_region(region).parameters(&names).await?;
        let found = found.into_iter().map(|(name, value)| ((region.to_owned(), name), value));
        observed.values.extend(found);
    }
    Ok(observed)
}

/// What is asked for, given the stack as it stands.
pub(super) async fn ask(
    context: &Provision<'_>,
    instance: &Instance,
    live: Option<&ObservedStack>,
) -> Result<Ask, Trouble> {
    let reads = std::slice::from_ref(instance);
    let observed = context.unless_cancelled(read_values(context.aws, reads)).await?;
    let given = instance.given(live, &observed);
    let digest = instance.digest(&given);
    Ok(Ask { digest, values: instance.values(live, &observed), given })
}

/// Makes the change set of an instance, or finds the one that a run before made.
pub(super) async fn make(
    context: &Provision<'_>,
    aws: &Aws,
    instance: &Instance,
    live: Option<&ObservedStack>,
    ask: &Ask,
    purpose: For,
) -> Result<ChangeSet, Trouble> {
    let name = match purpose {
        For::Plan => format!("{MARK}-plan-{}", ask.digest),
        For::Provision => format!("{MARK}-{}", ask.digest),
    };
    let text = instance.template.text;
    let wish = ChangeSetWish {
        stack: &instance.name,
        name: &name,
        origin: if live.is_some() { Origin::Update(text) } else { Origin::Create(text) },
        parameters: parameters(&ask.given),
        tags: instance.tags.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        capabilities: instance.template.capabilities(),
        role: context.role.as_deref(),
        description: format!("{MARK}: {} {}", instance.template.name, ask.digest),
    };
    settle(context, aws, wish).await
}

/// Parameters as the gateway takes them.
pub(super) fn parameters(given: &[(String, Given)]) -> Vec<(String, Option<String>)> {
    let given = given.iter();
    given
        .map(|(name, given)| match given {
            Given::Value(value) => (name.clone(), Some(value.clone())),
            Given::Previous => (name.clone(), None),
        })
        .collect()
}

/// Asks for a change set and waits until AWS knows what it would do.
pub(super) async fn settle(
    context: &Provision<'_>,
    aws: &Aws,
    mut wish: ChangeSetWish<'_>,
) -> Result<ChangeSet, Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (id, stack) = match context.unless_cancelled(aws.create_change_set(&wish)).await {
            Ok((id, _)) => (id, None),
            // A run before made it, or this one did and its answer was lost.
            Err(Trouble::Fault(fault)) if fault.code == "AlreadyExistsException" => {
                (wish.name.to_owned(), Some(wish.stack))
            }
            Err(Trouble::Fault(fault)) if fault.code == "InsufficientCapabilitiesException" => {
                let more = acknowledgeable(&fault.message, &wish.capabilities);
                if more.is_empty() {
                    return Err(Trouble::Fault(fault));
                }
                wish.capabilities.extend(more);
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        let found = stack.is_some();
        let set = wait(context, aws, &id, stack).await?;
        let usable = set.status == ChangeSetStatus::Ready && set.execution == "AVAILABLE";
        // One that was found may be from before the stack changed; then it says nothing now.
        if !found || usable || tries >= MOST_TRIES {
            return Ok(set);
        }
        context.unless_cancelled(aws.delete_change_set(&set.id, None)).await?;
    }
}

async fn wait(
    context: &Provision<'_>,
    aws: &Aws,
    id: &str,
    stack: Option<&str>,
) -> Result<ChangeSet, Trouble> {
    context.pause(FIRST_LOOK).await?;
    loop {
        let set = context.unless_cancelled(aws.change_set(id, stack)).await?;
        if set.status != ChangeSetStatus::Pending {
            return Ok(set);
        }
        context.pause(POLL).await?;
    }
}

/// The capabilities that AWS misses and that we may acknowledge: those for IAM. Macros would let
/// somebody else's code write the template.
fn acknowledgeable(message: &str, known: &[&str]) -> Vec<&'static str> {
    ["CAPABILITY_NAMED_IAM", "CAPABILITY_IAM"]
        .into_iter()
        .filter(|capability| message.contains(capability) && !known.contains(capability))
        .collect()
}

/// Makes the change sets of all stacks that exist, reads them and deletes them again. A stack that
/// does not exist gets none: all of its changes are additions, which its template says already,
/// and a change set would leave an empty stack behind.
pub async fn preview(
    context: &Provision<'_>,
    instances: &[Instance],
    observed: &ObservedStacks,
) -> Result<BTreeMap<StackKey, ChangeSet>, (String, Fault)> {
    let previews = instances.iter().filter_map(|instance| {
        let live = observed.stack(&instance.region, &instance.name)?;
        let settled = live.status.phase() == StackPhase::Settled;
        settled.then(|| Box::pin(one_preview(context, instance, live, observed)))
    });
    let mut sets = BTreeMap::new();
    for result in join_all(previews).await {
        if let Some((key, set)) = result? {
            sets.insert(key, set);
        }
    }
    Ok(sets)
}

type Preview = Result<Option<(StackKey, ChangeSet)>, (String, Fault)>;

async fn one_preview(
    context: &Provision<'_>,
    instance: &Instance,
    live: &ObservedStack,
    observed: &ObservedStacks,
) -> Preview {
    let aws = context.aws.in_region(&instance.region);
    let given = instance.given(Some(live), observed);
    let digest = instance.digest(&given);
    let values = instance.values(Some(live), observed);
    let ask = Ask { given, digest, values };
    match make(context, &aws, instance, Some(live), &ask, For::Plan).await {
        Ok(set) => {
            // A change set that stays does no harm; the plan is known all the same.
            if let Err(fault) = aws.delete_change_set(&set.id, None).await {
                context.warn(format!("{}: the plan's change set stays: {fault}", instance.name));
            }
            Ok(Some((instance.key(), set)))
        }
        Err(Trouble::Fault(fault)) => Err((instance.name.clone(), fault)),
        Err(_) => Ok(None),
    }
}
