//! A plan as text for a terminal and as Markdown for a pull request.

use std::fmt::Write as _;

use crate::domain::ImagePlan;
use crate::plan::{Action, CheckResult, Plan, Side, Step};

use super::text::{Code, Markdown, Plain};

/// Plans as plain text.
pub fn text(plans: &[Plan]) -> String {
    let mut out = String::new();
    for plan in plans {
        let _ = writeln!(out, "{}: {} -> {}", plan.service, side(&plan.from), side(&plan.to));
        for check in &plan.checks {
            let mark = mark(&check.result);
            let _ = writeln!(out, "  {mark:<7}{:<24}{}", check.name, Plain(&check.found));
            if let CheckResult::Refuse { outcome, mend } = &check.result {
                let _ =
                    writeln!(out, "         exit code {}: {}", outcome.exit_code(), Plain(mend));
            }
        }
        if plan.is_empty() {
            let _ = writeln!(out, "  nothing to do");
        }
        for (index, step) in plan.steps.iter().enumerate() {
            let _ = writeln!(
                out,
                "  {:>2}. {} ({})",
                index + 1,
                Plain(&step.title),
                Plain(&step.reason)
            );
            for (path, before, after) in changes(step) {
                let _ =
                    writeln!(out, "        {}: {} -> {}", Plain(path), Plain(before), Plain(after));
            }
        }
        out.push('\n');
    }
    out
}

/// What would be done for images that are built, as plain text.
pub fn images_text(images: &[ImagePlan]) -> String {
    let mut out = String::new();
    for image in images {
        let _ = writeln!(out, "{}: image {}", image.service, image_words(image));
    }
    if !images.is_empty() {
        out.push('\n');
    }
    out
}

fn image_words(image: &ImagePlan) -> String {
    let name = format!("{}:{}", image.repository, image.tag);
    let scanned = if image.scanned { ", its scan is read" } else { "" };
    match &image.digest {
        Some(digest) => format!("{name} is in the registry ({digest}); nothing is built{scanned}"),
        None => {
            let checked = if image.checked { "tested, " } else { "" };
            format!(
                "{name} is not in the registry: it would be built, {checked}pushed{scanned}, and then \
                 deployed; what else changes is known when it is there"
            )
        }
    }
}

/// Plans as Markdown.
pub fn markdown(images: &[ImagePlan], plans: &[Plan]) -> String {
    let mut out = String::from("<!-- ha-deploy:v1 plan -->\n");
    for image in images {
        let words = image_words(image);
        let _ = writeln!(out, "- {}: image {}", Markdown(&image.service), Markdown(&words));
    }
    if !images.is_empty() {
        out.push('\n');
    }
    for plan in plans {
        let refused = plan.refusals().next().is_some();
        let headline = match (refused, plan.is_empty()) {
            (true, _) => "would be refused",
            (false, true) => "nothing to do",
            (false, false) => "would deploy",
        };
        let _ = writeln!(out, "### Plan: {} — {headline}\n", Markdown(plan.service.as_str()));
        let _ = writeln!(out, "{} → {}\n", Code(&side(&plan.from)), Code(&side(&plan.to)));
        for (index, step) in plan.steps.iter().enumerate() {
            let (title, reason) = (Markdown(&step.title), Markdown(&step.reason));
            let _ = writeln!(out, "{}. {title} ({reason})", index + 1);
            for (path, before, after) in changes(step) {
                let _ = writeln!(out, "   - {}: {} → {}", Code(path), Code(before), Code(after));
            }
        }
        let _ = writeln!(
            out,
            "\n<details{}><summary>Preflight</summary>\n",
            if refused { " open" } else { "" }
        );
        for check in &plan.checks {
            let icon = match check.result {
                CheckResult::Pass => "✅",
                CheckResult::Warn => "⚠️",
                CheckResult::Refuse { .. } => "❌",
            };
            let _ = writeln!(out, "- {icon} {}: {}", check.name, Markdown(&check.found));
            if let CheckResult::Refuse { outcome, mend } = &check.result {
                let code = outcome.exit_code();
                let _ = writeln!(out, "  - exit code {code}: {}", Markdown(mend));
            }
        }
        out.push_str("\n</details>\n\n");
    }
    out
}

fn mark(result: &CheckResult) -> &'static str {
    match result {
        CheckResult::Pass => "ok",
        CheckResult::Warn => "warn",
        CheckResult::Refuse { .. } => "REFUSE",
    }
}

fn side(side: &Side) -> String {
    let revision =
        side.revision.as_ref().map_or_else(|| "(new revision)".to_owned(), ToString::to_string);
    match &side.digest {
        Some(digest) => format!("{revision} @{}", digest.short()),
        None => revision,
    }
}

fn changes(step: &Step) -> impl Iterator<Item = (&str, &str, &str)> {
    let changes = match &step.action {
        Action::Register { changes, .. } => changes.as_slice(),
        _ => &[],
    };
    changes.iter().map(|change| (&*change.path, &*change.before, &*change.after))
}
