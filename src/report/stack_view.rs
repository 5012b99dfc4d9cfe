//! A plan of stacks as text for a terminal and as Markdown for a pull request.

use std::fmt::Write as _;

use crate::domain::{ChangeAction, ResourceChange};
use crate::plan::stacks::{Loss, Owner, PlannedStack, StackAction, StackPlan};

use super::text::{Code, Markdown, Plain};

/// How many changed resources of one stack are named; the JSON document has all.
const MOST_NAMED: usize = 40;

/// The plan as plain text.
pub fn text(plan: &StackPlan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "stack: {}", headline(plan));
    for stack in &plan.stacks {
        let sign = sign(stack.action);
        let _ = writeln!(
            out,
            "  {sign:<3} {} ({}, wave {}): {}",
            stack.stack,
            stack.region,
            stack.wave + 1,
            Plain(&summary(stack))
        );
        for parameter in changed_parameters(stack) {
            let _ = writeln!(out, "        parameter {}", Plain(&parameter));
        }
        for change in named(stack).take(MOST_NAMED) {
            let _ = writeln!(out, "      {}", Plain(&resource(change)));
            for detail in &change.details {
                let _ = writeln!(out, "            {}", Plain(&property(detail)));
            }
        }
        let left = named(stack).count().saturating_sub(MOST_NAMED);
        if left > 0 {
            let _ = writeln!(out, "      … {left} more; --json names them all");
        }
        if !stack.policies.is_empty() && stack.action == StackAction::Update {
            let _ =
                writeln!(out, "      permissions change: {}", Plain(&stack.policies.join(", ")));
        }
        for id in &stack.guarded {
            let _ = writeln!(
                out,
                "      {} decides about traffic: live values first, then the change, then a look",
                Plain(id)
            );
        }
        for loss in &stack.losses {
            let _ = writeln!(out, "      LOSS  {}", Plain(&lost(loss)));
        }
        for finding in stack.drift.iter().flat_map(|drift| &drift.findings) {
            let _ = writeln!(out, "      drift {}", Plain(&super::drift_view::finding(finding)));
        }
    }
    for orphan in &plan.orphans {
        let _ = writeln!(
            out,
            "  ?   {} ({}): no longer in the configuration; it is left alone",
            orphan.name, orphan.region
        );
    }
    out.push('\n');
    out
}

/// The plan as Markdown.
pub fn markdown(plan: &StackPlan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### Stack: {}\n", Markdown(&headline(plan)));
    for loss in plan.stacks.iter().flat_map(|stack| &stack.losses) {
        let icon = if loss.allowed { "⚠️" } else { "❌" };
        let _ = writeln!(out, "- {icon} {}", Markdown(&lost(loss)));
    }
    let _ = writeln!(out, "\n| stack | region | wave | what happens |\n|---|---|---|---|");
    for stack in &plan.stacks {
        let _ = writeln!(
            out,
            "| {} {} | {} | {} | {} |",
            icon(stack.action),
            Code(&stack.stack),
            stack.region,
            stack.wave + 1,
            Markdown(&summary(stack))
        );
    }
    for orphan in &plan.orphans {
        let name = Code(&orphan.name);
        let region = &orphan.region;
        let _ = writeln!(out, "| ❔ {name} | {region} | – | no longer in the configuration |");
    }
    for stack in &plan.stacks {
        let parameters = changed_parameters(stack);
        let changes: Vec<&ResourceChange> = named(stack).take(MOST_NAMED).collect();
        let drift: Vec<_> = stack.drift.iter().flat_map(|drift| drift.foreign()).collect();
        if parameters.is_empty() && changes.is_empty() && drift.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n<details><summary>{}</summary>\n", Markdown(&stack.stack));
        for parameter in parameters {
            let _ = writeln!(out, "- parameter {}", Code(&parameter));
        }
        for change in changes {
            let _ = writeln!(out, "- {}", Code(&resource(change)));
            for detail in &change.details {
                let _ = writeln!(out, "  - {}", Code(&property(detail)));
            }
        }
        for finding in drift {
            let _ = writeln!(out, "- drift: {}", Code(&super::drift_view::finding(finding)));
        }
        let _ = writeln!(out, "\n</details>");
    }
    out.push('\n');
    out
}

fn headline(plan: &StackPlan) -> String {
    let waves = plan.stacks.iter().map(|stack| stack.wave + 1).max().unwrap_or_default();
    let counts: Vec<String> = plan
        .counts()
        .into_iter()
        .map(|(action, count)| format!("{count} to {}", verb(action)))
        .collect();
    let counts = if counts.is_empty() { "nothing to change".to_owned() } else { counts.join(", ") };
    let against = if plan.observed { "" } else { ", against nothing" };
    format!(
        "{} stacks in {waves} waves with the suffix {}: {counts}{against}",
        plan.stacks.len(),
        plan.suffix
    )
}

fn verb(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Add => "add",
        ChangeAction::Modify => "modify",
        ChangeAction::MayReplace => "modify or replace",
        ChangeAction::Replace => "replace",
        ChangeAction::Remove => "remove",
        ChangeAction::Other => "take over",
    }
}

fn summary(stack: &PlannedStack) -> String {
    match stack.action {
        StackAction::Create => format!("{} resources are made", stack.changes.len()),
        StackAction::Recreate => {
            format!("{}; then {} resources are made", stack.reason, stack.resources.len())
        }
        StackAction::Update if !stack.changes.is_empty() => {
            format!("{} of {} resources change", stack.changes.len(), stack.resources.len())
        }
        StackAction::Update
        | StackAction::Nothing
        | StackAction::Mend
        | StackAction::Wait
        | StackAction::Blocked => stack.reason.clone(),
    }
}

/// Resources of which a reader wants to know more than how many there are.
fn named(stack: &PlannedStack) -> impl Iterator<Item = &ResourceChange> {
    let all = stack.action == StackAction::Update;
    stack.changes.iter().filter(move |change| all || change.action != ChangeAction::Add)
}

fn changed_parameters(stack: &PlannedStack) -> Vec<String> {
    if stack.action != StackAction::Update {
        return Vec::new();
    }
    let show = |value: &Option<String>| match value {
        Some(value) if value.is_empty() => "(empty)".to_owned(),
        Some(value) => value.clone(),
        None => "(none)".to_owned(),
    };
    let changes = stack.parameters.iter();
    changes.map(|c| format!("{}: {} -> {}", c.name, show(&c.before), show(&c.after))).collect()
}

fn resource(change: &ResourceChange) -> String {
    let mark = match change.action {
        ChangeAction::Add => "+",
        ChangeAction::Modify => "~",
        ChangeAction::MayReplace => "~?",
        ChangeAction::Replace => "-/+",
        ChangeAction::Remove => "-",
        ChangeAction::Other => "?",
    };
    let physical = change.physical.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let word = match change.action {
        ChangeAction::Replace => ": REPLACED by a new one",
        ChangeAction::MayReplace => ": replaced, if the new values say so",
        ChangeAction::Remove => ": REMOVED",
        _ => "",
    };
    format!("{mark:<3} {} {}{physical}{word}", change.kind, change.id)
}

fn property(detail: &crate::domain::PropertyChange) -> String {
    let mut text = detail.path.clone();
    if let (Some(before), Some(after)) = (&detail.before, &detail.after) {
        let _ = write!(text, ": {before} -> {after}");
    }
    if let Some(cause) = &detail.cause {
        let _ = write!(text, " (by {cause})");
    }
    if detail.replaces {
        text.push_str(", which replaces the resource");
    }
    text
}

/// What would be lost, and what allows it.
pub(super) fn lost(loss: &Loss) -> String {
    let what = match loss.action {
        ChangeAction::Remove => "is deleted with its data",
        _ => "is replaced by an empty one",
    };
    let physical = loss.physical.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    let allowed = if loss.allowed {
        "as asked for".to_owned()
    } else {
        format!("refused; --allow-replacement {} would let it happen", loss.resource)
    };
    format!("{} {}{physical} {what}: {allowed}", loss.kind, loss.resource)
}

fn sign(action: StackAction) -> &'static str {
    match action {
        StackAction::Create => "+",
        StackAction::Recreate => "-/+",
        StackAction::Update => "~",
        StackAction::Nothing => "=",
        StackAction::Mend => "~",
        StackAction::Wait => "…",
        StackAction::Blocked => "!",
    }
}

fn icon(action: StackAction) -> &'static str {
    match action {
        StackAction::Create => "🆕",
        StackAction::Recreate | StackAction::Mend => "🔁",
        StackAction::Update => "✏️",
        StackAction::Nothing => "✅",
        StackAction::Wait => "⏳",
        StackAction::Blocked => "❌",
    }
}

/// Who changed something, in words.
pub(super) fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::HaDeploy => "managed by ha-deploy",
        Owner::Somebody => "changed by somebody",
    }
}
