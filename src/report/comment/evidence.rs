//! Why the comment may be believed: alarms, gates, requests, and the tasks that stopped.

use std::collections::BTreeMap;

use super::chart::chart;
use super::layout::Part;
use super::parts::prefix;
use crate::domain::OutcomeKind;
use crate::gate::Verdict;
use crate::pipeline::event::ArmEvidence;
use crate::report::phrase::{colour, error_rate, millis, span, thousands, verdict};
use crate::report::run::Run;
use crate::report::story::{StoppedTask, Story};
use crate::report::text::{Code, Fence, Markdown};
use crate::report::timing;

/// How many lines of a failing task's log are shown.
const LOG_LINES: usize = 30;

/// How many kinds of failing tasks are shown for a service.
const TASKS: usize = 3;

/// What the decision rests on.
pub(super) fn evidence(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        let prefix = prefix(stories, story);
        for alarm in &story.alarms {
            blocks.push(format!(
                "- 🔔 {prefix}alarm {} fired: {}",
                Code(&alarm.name),
                Markdown(&alarm.reason)
            ));
        }
        for decision in &story.gates {
            let icon = match decision.verdict {
                Verdict::Promote => "✅",
                Verdict::Hold => "⏳",
                Verdict::Rollback => "❌",
                Verdict::Inconclusive => "⚖️",
            };
            blocks.push(format!(
                "- {icon} {prefix}gate {}: **{}**: {}",
                Code(decision.gate),
                verdict(decision.verdict),
                Markdown(&decision.evidence)
            ));
        }
        if let Some(chart) = chart(&story.looks) {
            blocks.push(format!("- 📈 {prefix}{}", Code(&chart)));
        }
        let timing = timing::of_service(&run.events, story.service);
        if let Some(detected) = timing.detected_after {
            let restored = timing.restored_after.map_or("not restored".to_owned(), |after| {
                format!("all traffic back on blue {} later", span(after))
            });
            blocks.push(format!(
                "- ⏱ {prefix}found {} after green got its first traffic; {restored}",
                span(detected)
            ));
        }
        if let Some((restored, detail)) = story.verified {
            let word = if restored { "✅ restored" } else { "❌ NOT restored" };
            blocks.push(format!("- {prefix}read again afterwards: {word}: {}", Markdown(detail)));
        }
        if !story.arms.is_empty() {
            blocks.push(arms(story));
        }
    }
    (!blocks.is_empty()).then(|| Part::section("evidence", 3, "Evidence", blocks))
}

/// Blue beside green, transposed so that it fits a phone.
fn arms(story: &Story<'_>) -> String {
    let row = |name: &str, value: &dyn Fn(&ArmEvidence) -> String| {
        let cells: Vec<String> = story.arms.iter().map(value).collect();
        format!("| {name} | {} |", cells.join(" | "))
    };
    let rule = format!("|---|{}", "--:|".repeat(story.arms.len()));
    [
        String::new(),
        row(&Code(story.service).to_string(), &|arm| colour(arm).to_owned()),
        rule,
        row("requests", &|arm| thousands(arm.requests)),
        row("5xx", &|arm| thousands(arm.errors)),
        row("5xx share", &error_rate),
        row("p99, worst minute", &|arm| arm.p99_seconds.map_or("–".to_owned(), millis)),
        // A list may follow.
        String::new(),
    ]
    .join("\n")
}

/// The tasks that stopped, alike ones together, with their last lines.
pub(super) fn tasks(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        let prefix = prefix(stories, story);
        for (task, alike) in kinds(&story.stopped).into_iter().take(TASKS) {
            let code = task.exit_code.map(|c| format!(" with exit code {c}")).unwrap_or_default();
            let more = match alike {
                0 => String::new(),
                n => format!(" ({n} more like it)"),
            };
            blocks.push(format!(
                "{prefix}Task {} stopped{code}{more}: {}\n",
                Code(task.task),
                Markdown(task.reason)
            ));
            if !task.logs.is_empty() {
                blocks.push(format!("{}\n", Fence::last(task.logs, LOG_LINES)));
            }
        }
        let logs_shown = story.stopped.iter().any(|task| !task.logs.is_empty());
        if run.outcome.kind != OutcomeKind::Done && !logs_shown && !story.log.is_empty() {
            blocks.push(format!("{prefix}Last lines of the one-off task:\n"));
            blocks.push(format!("{}\n", Fence::last(&story.log, LOG_LINES)));
        }
    }
    (!blocks.is_empty()).then(|| Part::section("stopped tasks", 4, "Tasks that stopped", blocks))
}

/// Groups tasks that stopped for the same reason; the latest stands for its group.
fn kinds<'s, 'a>(stopped: &'s [StoppedTask<'a>]) -> Vec<(&'s StoppedTask<'a>, usize)> {
    let mut groups: BTreeMap<(&str, Option<i32>), (usize, &StoppedTask<'a>, usize)> =
        BTreeMap::new();
    for (index, task) in stopped.iter().enumerate() {
        let group = groups.entry((task.reason, task.exit_code)).or_insert((index, task, 0));
        if group.0 != index {
            *group = (index, task, group.2 + 1);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|(index, ..)| std::cmp::Reverse(*index));
    groups.into_iter().map(|(_, task, alike)| (task, alike)).collect()
}
