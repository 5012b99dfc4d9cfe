//! What each section of the comment says. Text from outside goes through the types of `text` only.

use super::layout::{Cut, Part};
use crate::domain::{EnvironmentName, LifecycleStatus, OutcomeKind, Weight};
use crate::pipeline::event::CheckVerdict;
use crate::report::console::{Colour, Level, format_event};
use crate::report::live::traffic_bar;
use crate::report::phrase::{count, span, thousands};
use crate::report::run::Run;
use crate::report::story::{Change, Milestone, Story};
use crate::report::text::{Code, Fence, Markdown, fence_for, fence_line};

/// The marker, the headline, the place and the summary.
pub(super) fn head(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    let environment = run.environment.as_ref().map(EnvironmentName::as_str);
    let marker = environment.map(|name| format!(" env={name}")).unwrap_or_default();
    let (icon, title) = headline(run, stories.iter().any(|story| story.peak > Some(Weight::NONE)));
    let mut place: Vec<String> = Vec::new();
    place.extend(run.app.as_deref().map(|app| format!("**{}**", Markdown(app))));
    place.extend(environment.map(|name| Code(name).to_string()));
    place.extend(run.region.as_deref().map(|region| Markdown(region).to_string()));
    place.extend(run.account.as_ref().map(|account| format!("account {account}")));
    place.push(format!("took {}", span(run.took)));
    let mut blocks = vec![
        format!("<!-- ha-deploy:v1{marker} -->"),
        format!("## {icon} {title}\n"),
        format!("{}\n", place.join(" · ")),
    ];
    if let Some(rehearsed) = &run.rehearsed {
        blocks.push(format!(
            "🎭 A rehearsal of {}, seed {}: no real AWS was touched.\n",
            Code(&rehearsed.scenario),
            rehearsed.seed
        ));
    }
    blocks.push(Markdown(&run.outcome.summary).to_string());
    let header = String::new();
    Some(Part { name: "headline", rank: 0, header, blocks, footer: String::new(), cut: Cut::List })
}

/// The outcome in words and as an icon; `shifted`: green had production traffic.
fn headline(run: &Run, shifted: bool) -> (&'static str, &'static str) {
    match (run.outcome.kind, run.command) {
        (OutcomeKind::Done, "deploy") => ("✅", "Deployed"),
        (OutcomeKind::Done, "rollback") => ("✅", "Went back to an earlier revision"),
        (OutcomeKind::Done, _) => ("✅", "Done"),
        (OutcomeKind::RolledBack, _) if !shifted => {
            ("↩️", "Stopped before production traffic moved, healthy on the previous revision")
        }
        (OutcomeKind::RolledBack, _) => ("↩️", "Rolled back, healthy on the previous revision"),
        (OutcomeKind::NeedsPerson, _) => ("🚨", "Failed and not restored: a person is needed"),
        (OutcomeKind::Inconclusive, _) => ("⚖️", "Evidence inconclusive, nothing shifted"),
        (OutcomeKind::Denied, _) => ("🔒", "Access denied, or no credentials"),
        (OutcomeKind::Busy, _) => ("⏳", "Someone else's deployment is active"),
        (OutcomeKind::Cancelled, _) => ("🛑", "Cancelled"),
        (OutcomeKind::Invalid, _) => ("✏️", "Usage or configuration is wrong, nothing changed"),
        (OutcomeKind::Bug, _) => ("🐞", "A bug in ha-deploy"),
    }
}

/// From which revision to which, and who has the traffic.
pub(super) fn services(stories: &[Story<'_>]) -> Option<Part> {
    let rows: Vec<String> = named(stories)
        .filter(|story| story.revision.is_some() || story.weights.is_some())
        .map(|story| {
            let change = story.revision.as_ref().map_or("–".to_owned(), revisions);
            let traffic = story.weights.map_or("–".to_owned(), |w| traffic_bar(w, 10));
            format!("| {} | {change} | {traffic} |", Code(story.service))
        })
        .collect();
    let header = "| Service | Revision and image | Traffic now |\n|---|---|---|\n".to_owned();
    let name = "services";
    (!rows.is_empty()).then_some(Part {
        name,
        rank: 2,
        header,
        blocks: rows,
        footer: String::new(),
        cut: Cut::List,
    })
}

fn revisions(change: &Change<'_>) -> String {
    let from = Code(&change.from.to_string()).to_string();
    let to = Code(&change.to.to_string()).to_string();
    let digest = |digest: Option<&crate::domain::ImageDigest>| {
        digest.map_or("not pinned".to_owned(), |digest| Code(digest.short()).to_string())
    };
    format!("{from} → {to}<br>{} → {}", digest(change.from_digest), digest(change.to_digest))
}

/// Why it stopped.
pub(super) fn reasons(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    if run.outcome.kind == OutcomeKind::Done {
        return None;
    }
    let blocks: Vec<String> = stories
        .iter()
        .flat_map(|story| story.reasons.iter().map(move |reason| (story, reason)))
        .map(|(story, reason)| {
            format!(
                "- {}{}: {}",
                prefix(stories, story),
                Markdown(&reason.who),
                Markdown(reason.what)
            )
        })
        .collect();
    (!blocks.is_empty()).then(|| Part::section("reasons", 1, "Why it stopped", blocks))
}

/// What to do next.
pub(super) fn next(run: &Run) -> Option<Part> {
    let steps = run.outcome.next.iter().map(|step| {
        if step.starts_with("ha-deploy ") {
            format!("1. {}", Code(step))
        } else {
            format!("1. {}", Markdown(step))
        }
    });
    let blocks: Vec<String> = steps.collect();
    (!blocks.is_empty()).then(|| Part::section("next steps", 1, "What to do next", blocks))
}

/// How to go back; nothing where green has no traffic to give back.
pub(super) fn rollback(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    let environment = run.environment.as_ref()?;
    let shifted = matches!(
        run.outcome.kind,
        OutcomeKind::Done | OutcomeKind::NeedsPerson | OutcomeKind::Cancelled | OutcomeKind::Bug
    );
    let commands: Vec<String> = named(stories)
        .filter(|story| shifted && story.deployment.is_some())
        .filter(|story| !matches!(story.verified, Some((true, _))))
        .map(|story| {
            format!("ha-deploy rollback --environment {environment} --service {}", story.service)
        })
        .collect();
    let blocks = vec![
        "To go back to the last good revision:\n".to_owned(),
        format!("{}\n", Fence::last(&commands, usize::MAX)),
        "While a gating alarm fires it refuses; `--override-alarms` goes through.".to_owned(),
    ];
    (!commands.is_empty()).then(|| Part::section("rollback", 2, "How to roll back", blocks))
}

/// Preflight checks that did not simply pass, and warnings.
pub(super) fn warnings(stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        let prefix = prefix(stories, story);
        for (verdict, check, detail) in &story.checks {
            let icon = if *verdict == CheckVerdict::Refuse { "❌" } else { "⚠️" };
            blocks.push(format!(
                "- {icon} {prefix}preflight {}: {}",
                Code(check),
                Markdown(detail)
            ));
        }
        blocks.extend(story.warnings.iter().map(|text| format!("- ⚠️ {prefix}{}", Markdown(text))));
    }
    (!blocks.is_empty()).then(|| Part::section("warnings", 5, "Warnings", blocks))
}

/// How far it got, step by step; folded when all went well.
pub(super) fn progress(run: &Run, stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        if named(stories).count() > 1 && !story.milestones.is_empty() {
            blocks.push(format!("\n{}\n", Code(story.service)));
        }
        if story.checks_passed > 0 {
            blocks.push(format!("- ✅ {} passed", count(story.checks_passed, "preflight check")));
        }
        blocks.extend(story.milestones.iter().map(milestone));
        if let Some(peak) = story.peak {
            blocks.push(format!("- most traffic that green had: {peak}"));
        }
    }
    if blocks.is_empty() {
        return None;
    }
    Some(if run.outcome.kind == OutcomeKind::Done {
        Part::folded("progress", 6, "What was done", blocks)
    } else {
        Part::section("progress", 6, "How far it got", blocks)
    })
}

fn milestone(milestone: &Milestone<'_>) -> String {
    let icon = match milestone.status {
        LifecycleStatus::Pending => "▫️",
        // The run is over, so what has not ended will not.
        LifecycleStatus::InProgress => "⏹️",
        LifecycleStatus::Succeeded => "✅",
        LifecycleStatus::Failed => "❌",
        LifecycleStatus::Skipped => "⏭",
        LifecycleStatus::Unknown => "❔",
    };
    let indent = if milestone.lifecycle { "  " } else { "" };
    let took = milestone.ended.map(|ended| ended.saturating_sub(milestone.began));
    let took = took.filter(|took| took.as_secs() > 0).map(|took| format!(" · {}", span(took)));
    let note = match milestone.note {
        "" if milestone.status == LifecycleStatus::InProgress => " · stopped here".to_owned(),
        "" => String::new(),
        note => format!(" · {}", Markdown(note)),
    };
    format!("{indent}- {icon} {}{}{note}", Code(milestone.name), took.unwrap_or_default())
}

/// The last try of each smoke test.
pub(super) fn smoke(stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        for test in &story.smoke {
            blocks.push(format!(
                "- {} {}{} at try {}: {}",
                if test.passed { "✅" } else { "❌" },
                prefix(stories, story),
                Code(test.path),
                test.attempt,
                Markdown(test.detail)
            ));
        }
    }
    (!blocks.is_empty()).then(|| Part::section("smoke tests", 7, "Smoke tests", blocks))
}

/// Everything in the order in which it happened, as the console says it.
pub(super) fn timeline(run: &Run) -> Option<Part> {
    let width = run.events.iter().filter_map(|e| e.service.as_deref()).map(str::len).max();
    let lines: Vec<String> = run
        .events
        .iter()
        .filter_map(|e| format_event(e, Level::Normal, Colour::Never, width.unwrap_or(0)))
        .filter_map(|text| text.lines().next().map(fence_line))
        .collect();
    let fence = fence_for(&lines);
    let title = count(lines.len(), "event");
    let header = format!("<details><summary>Timeline, {title}</summary>\n\n{fence}text\n");
    let footer = format!(
        "{fence}

</details>
"
    );
    (!lines.is_empty()).then_some(Part {
        name: "timeline",
        rank: 9,
        header,
        blocks: lines,
        footer,
        cut: Cut::FenceMiddle,
    })
}

/// The counts at the end.
pub(super) fn foot(run: &Run) -> Option<Part> {
    let calls: u64 = run.api_calls.values().sum();
    let kind = run.outcome.kind;
    let mut blocks = vec![format!("Exit code {}: {}.", kind.exit_code(), kind.meaning())];
    if calls > 0 {
        blocks.push(format!("{} AWS API calls.", thousands(calls)));
    }
    if let Some(rehearsed) = &run.rehearsed {
        let requests = rehearsed.requests;
        blocks.push(format!(
            "Users sent {} requests: {} answered with 5xx, {} dropped.",
            thousands(requests.total),
            thousands(requests.failed),
            thousands(requests.dropped)
        ));
        blocks.extend(rehearsed.violations.iter().map(|v| format!("- ❌ {}", Markdown(v))));
    }
    let header = "---\n\n".to_owned();
    let footer = String::new();
    Some(Part { name: "counts", rank: 8, header, blocks, footer, cut: Cut::List })
}

/// Stories of services, without the one of the run as a whole.
fn named<'s, 'a>(stories: &'s [Story<'a>]) -> impl Iterator<Item = &'s Story<'a>> {
    stories.iter().filter(|story| !story.service.is_empty())
}

/// The service in front of a line, when there is more than one.
pub(super) fn prefix(stories: &[Story<'_>], story: &Story<'_>) -> String {
    if named(stories).count() > 1 && !story.service.is_empty() {
        format!("{}: ", Code(story.service))
    } else {
        String::new()
    }
}
