//! What happens to every stack, for those who read a plan.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::evaluate::{PlannedResource, Setting, resources};
use super::instance::{Basis, Instance};
use super::judge::{Allowance, Loss, guarded, losses};
use super::{DriftReport, LATER};
use crate::domain::{
    ChangeAction, ChangeSet, ObservedStack, ObservedStacks, ResourceChange, ServiceName, StackKey,
    StackPhase, Suffix,
};

/// What happens to a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackAction {
    /// It is made.
    Create,
    /// Its failed remains are deleted, then it is made.
    Recreate,
    /// It is updated.
    Update,
    /// Nothing.
    Nothing,
    /// The rollback that failed is continued, then it is updated.
    Mend,
    /// Somebody is at work on it: it is waited for.
    Wait,
    /// It cannot be changed: a person must look.
    Blocked,
}

/// A parameter whose value changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParameterChange {
    /// Its name.
    pub name: String,
    /// Its value before; `None`: there was none.
    pub before: Option<String>,
    /// Its value after; `None`: there is none.
    pub after: Option<String>,
}

/// What happens to one stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedStack {
    /// Its name.
    pub stack: String,
    /// Its template.
    pub template: &'static str,
    /// The SHA-256 of the template.
    pub template_digest: String,
    /// The service that it belongs to.
    pub service: Option<ServiceName>,
    /// Its region.
    pub region: String,
    /// How many stacks come one after the other before it.
    pub wave: usize,
    /// The stacks that it comes after.
    pub after: Vec<String>,
    /// What happens to it.
    pub action: StackAction,
    /// Why, in words; may hold text from outside.
    pub reason: String,
    /// What happens to its resources.
    pub changes: Vec<ResourceChange>,
    /// Which parameters change.
    pub parameters: Vec<ParameterChange>,
    /// The data stores that are replaced or deleted.
    pub losses: Vec<Loss>,
    /// Guarded resources that are touched: traffic is proved to stay where it is.
    pub guarded: Vec<String>,
    /// Logical ids whose permissions change.
    pub policies: Vec<String>,
    /// How it differs from its template, when that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftReport>,
    /// All its resources, as they will be.
    pub resources: Vec<PlannedResource>,
}

/// What happens to the stacks of an environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackPlan {
    /// The environment's suffix.
    pub suffix: Suffix,
    /// Identifies what is wanted.
    pub digest: String,
    /// Whether AWS was asked; otherwise the plan is against nothing.
    pub observed: bool,
    /// The stacks, in waves.
    pub stacks: Vec<PlannedStack>,
    /// Stacks of the environment that its configuration no longer has; they are left alone.
    pub orphans: Vec<StackKey>,
}

impl StackPlan {
    /// Puts the stacks of an environment together.
    pub fn of(suffix: Suffix, observed: bool, stacks: Vec<PlannedStack>) -> Self {
        let mut hasher = Sha256::new();
        for stack in &stacks {
            let goal = (&stack.stack, &stack.template_digest, &stack.parameters);
            hasher.update(serde_json::to_vec(&goal).unwrap_or_default());
        }
        let digest = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { suffix, digest, observed, stacks, orphans: Vec::new() }
    }

    /// The data stores that would be lost without having been asked for.
    pub fn refused(&self) -> impl Iterator<Item = &Loss> {
        self.stacks.iter().flat_map(|stack| &stack.losses).filter(|loss| !loss.allowed)
    }

    /// How many resources each action concerns.
    pub fn counts(&self) -> BTreeMap<ChangeAction, usize> {
        let mut counts = BTreeMap::new();
        for change in self.stacks.iter().flat_map(|stack| &stack.changes) {
            *counts.entry(change.action).or_default() += 1;
        }
        counts
    }
}

/// Plans every stack against nothing.
pub fn offline(basis: Basis<'_>, instances: &[Instance]) -> StackPlan {
    let nothing = ObservedStacks::default();
    let account = account(basis);
    let stacks = instances
        .iter()
        .map(|instance| planned(instance, account, &nothing, None, &Allowance::new()))
        .collect();
    StackPlan::of(basis.model.environment.suffix.clone(), false, stacks)
}

fn account(basis: Basis<'_>) -> &str {
    let configured = basis.model.environment.accounts.first();
    basis.account.or(configured).map_or("000000000000", |account| account.as_str())
}

/// Plans one stack: from its change set where there is one, else from its template.
pub fn planned(
    instance: &Instance,
    account: &str,
    observed: &ObservedStacks,
    set: Option<&ChangeSet>,
    allowed: &Allowance,
) -> PlannedStack {
    let live = observed.stack(&instance.region, &instance.name);
    let settled = live.filter(|live| live.status.phase() == StackPhase::Settled);
    let values = instance.values(settled, observed);
    let setting =
        Setting { region: &instance.region, account, stack: &instance.name, parameters: &values };
    let resources = resources(instance.template, &setting);
    let changes = match (set, settled) {
        (Some(set), _) => set.changes.clone(),
        (None, None) => resources.iter().map(added).collect(),
        (None, Some(_)) => Vec::new(),
    };
    let parameters = parameter_changes(instance, settled, &values);
    let (action, reason) = action(live, set, &changes, &parameters);
    PlannedStack {
        stack: instance.name.clone(),
        template: instance.template.name,
        template_digest: instance.template.digest.clone(),
        service: instance.service.clone(),
        region: instance.region.clone(),
        wave: instance.wave,
        after: instance.after.iter().map(|key| key.name.clone()).collect(),
        action,
        reason,
        losses: losses(instance, &changes, allowed),
        guarded: guarded(instance, &changes),
        policies: changes.iter().filter(|change| grants(change)).map(|c| c.id.clone()).collect(),
        changes,
        parameters,
        drift: None,
        resources,
    }
}

fn added(resource: &PlannedResource) -> ResourceChange {
    ResourceChange {
        action: ChangeAction::Add,
        id: resource.id.clone(),
        physical: None,
        kind: resource.kind.clone(),
        details: Vec::new(),
    }
}

/// Whether a change is one of permissions.
fn grants(change: &ResourceChange) -> bool {
    let kind = change.kind.as_str();
    kind.starts_with("AWS::IAM::")
        || kind.ends_with("Policy") && !kind.contains("ScalingPolicy")
        || kind == "AWS::Lambda::Permission"
        || (kind == "AWS::KMS::Key"
            && change.details.iter().any(|detail| detail.path.contains("KeyPolicy")))
}

fn parameter_changes(
    instance: &Instance,
    live: Option<&ObservedStack>,
    values: &BTreeMap<String, String>,
) -> Vec<ParameterChange> {
    let hidden = |name: &str| instance.template.parameter(name).is_some_and(|p| p.no_echo);
    let show = |name: &str, value: Option<&String>| {
        value.map(|value| if hidden(name) { "(hidden)".to_owned() } else { value.clone() })
    };
    let Some(live) = live else {
        // Of a new stack only what differs from the template's default is of interest.
        return values
            .iter()
            .filter(|(name, value)| {
                let default = instance.template.parameter(name).and_then(|p| p.default.as_ref());
                default != Some(*value)
            })
            .map(|(name, value)| ParameterChange {
                name: name.clone(),
                before: None,
                after: show(name, Some(value)),
            })
            .collect();
    };
    let mut names: Vec<&String> = values.keys().chain(live.parameters.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| !hidden(name) && values.get(*name) != live.parameters.get(*name))
        .map(|name| ParameterChange {
            name: name.clone(),
            before: show(name, live.parameters.get(name)),
            after: show(name, values.get(name)),
        })
        .collect()
}

fn action(
    live: Option<&ObservedStack>,
    set: Option<&ChangeSet>,
    changes: &[ResourceChange],
    parameters: &[ParameterChange],
) -> (StackAction, String) {
    let Some(live) = live else { return (StackAction::Create, "it does not exist".into()) };
    let status = &live.status;
    let because = |text: &str| match &live.reason {
        Some(reason) => format!("it is {status}: {reason}; {text}"),
        None => format!("it is {status}; {text}"),
    };
    match status.phase() {
        StackPhase::Review | StackPhase::Gone => (StackAction::Create, "it was never made".into()),
        StackPhase::Dead => (StackAction::Recreate, because("it can only be deleted")),
        StackPhase::Stuck => (StackAction::Mend, because("its rollback is continued first")),
        StackPhase::Moving => (StackAction::Wait, because("somebody is at work on it")),
        StackPhase::Undeleted | StackPhase::Unknown => {
            (StackAction::Blocked, because("a person must look at it"))
        }
        StackPhase::Settled => match set {
            None => (StackAction::Update, "what it needs comes later: not known yet".into()),
            Some(_) if changes.is_empty() && parameters.iter().all(is_later) => {
                (StackAction::Nothing, "it is as wanted".into())
            }
            Some(set) => match &set.reason {
                Some(reason) if changes.is_empty() => (StackAction::Update, reason.clone()),
                _ => (StackAction::Update, "it differs from what is wanted".into()),
            },
        },
    }
}

fn is_later(change: &ParameterChange) -> bool {
    change.after.as_deref() == Some(LATER)
}
