//! Hostile text through every format, judged by a CommonMark parser and by the runner's rules.

use std::collections::BTreeSet;

use ha_deploy::domain::{
    AlarmState, DeploymentStatus, LifecycleName, LifecycleStatus, Outcome, OutcomeKind,
};
use ha_deploy::gate::Verdict;
use ha_deploy::pipeline::event::{CheckVerdict, EventKind, Sink};
use ha_deploy::report::console::{Colour, Level, Lines, Live};
use ha_deploy::report::text::{Code, Fence, Markdown, Plain};
use ha_deploy::report::{Run, comment, json};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use super::events::{
    Paper, alarm, beginning, deployment, evidence, failed, finished, gate, installing, lifecycle,
    preflight, rehearsed, smoke, started, status, stopped, tested,
};
use crate::hostile::CORPUS;

/// A run with the text wherever text can come from outside.
fn run_with(text: &str) -> Run {
    let mut tape = beginning();
    installing(&mut tape);
    tested(&mut tape);
    tape.after(1, preflight("image", CheckVerdict::Warn, text))
        .after(1, started("migrate", text))
        .after(1, EventKind::Log { lines: vec![text.to_owned(), text.to_owned()] })
        .after(1, finished("migrate", text))
        .after(
            1,
            lifecycle(LifecycleName::Other(text.to_owned()), LifecycleStatus::Failed, Some(text)),
        )
        .after(1, alarm(text, AlarmState::Alarm, text))
        .after(1, gate("alarms", Verdict::Rollback, text))
        .after(1, evidence(3))
        .after(1, smoke(text, 1, false, text))
        .after(1, stopped(text, text, Some(137), &[text, "plain", text]))
        .after(1, status(DeploymentStatus::Other(text.to_owned()), Some(text)))
        .after(1, status(DeploymentStatus::Failed, Some(text)))
        .after(1, EventKind::Warning { text: text.to_owned() })
        .after(
            1,
            EventKind::RollbackStarted {
                deployment: deployment(text),
                rollback: Some(deployment(text)),
                reason: text.to_owned(),
            },
        )
        .after(1, failed("deploy", text))
        .after(1, EventKind::Verified { restored: false, detail: text.to_owned() });
    let outcome = Outcome::new(OutcomeKind::NeedsPerson, text)
        .next(text)
        .next(format!("ha-deploy rollback --to {text}"));
    let mut rehearsed = rehearsed();
    rehearsed.scenario = text.to_owned();
    rehearsed.violations = vec![text.to_owned()];
    Run { app: Some(text.to_owned()), rehearsed: Some(rehearsed), ..tape.run(outcome) }
}

/// The blocks of a document, without their text.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                blocks.push(format!("fence {info}"));
            }
            Event::Start(
                tag @ (Tag::Paragraph
                | Tag::Heading { .. }
                | Tag::BlockQuote(_)
                | Tag::CodeBlock(_)
                | Tag::HtmlBlock
                | Tag::List(_)
                | Tag::Item
                | Tag::Table(_)
                | Tag::TableRow
                | Tag::TableCell
                | Tag::FootnoteDefinition(_)
                | Tag::DefinitionList
                | Tag::MetadataBlock(_)),
            ) => blocks.push(format!("{tag:?}")),
            Event::Rule => blocks.push("rule".to_owned()),
            _ => {}
        }
    }
    blocks
}

/// What is wrong with a comment that holds hostile text; empty when nothing is.
fn faults(markdown: &str) -> BTreeSet<String> {
    let mut faults = BTreeSet::new();
    let mut prose = String::new();
    for event in Parser::new_ext(markdown, Options::all()) {
        match event {
            Event::Text(text) => {
                prose.push_str(&text);
                continue;
            }
            Event::Start(
                tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::FootnoteDefinition(_)),
            ) => {
                faults.insert(format!("{tag:?}"));
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let ours = html.starts_with("<details><summary>Timeline, ")
                    && html.ends_with(" events</summary>\n");
                if !ours
                    && !["</details>\n", "<br>", "<!-- ha-deploy:v1 env=prod -->\n"]
                        .contains(&&*html)
                {
                    faults.insert(format!("html {html}"));
                }
            }
            Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::TaskListMarker(_) => {
                faults.insert(format!("{event:?}"));
            }
            Event::Start(Tag::CodeBlock(_)) => prose.clear(),
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => {
                prose.clear();
                continue;
            }
            // A code span ends a run of prose, and what is inside is inert.
            _ => {}
        }
        faults.extend(prose_faults(&prose));
        prose.clear();
    }
    if markdown.matches("<!--").count() != 1 || markdown.matches("-->").count() != 1 {
        faults.insert("a second comment marker".to_owned());
    }
    if !markdown.starts_with("<!-- ha-deploy:v1 env=prod -->\n") {
        faults.insert("the marker is not the first line".to_owned());
    }
    if markdown.chars().any(|c| c.is_control() && c != '\n') {
        faults.insert("a control character".to_owned());
    }
    faults
}

/// What GitHub would still make of rendered text: mentions, references and bare links.
fn prose_faults(prose: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lower = prose.to_lowercase();
    for (index, character) in lower.char_indices() {
        let after = lower[index + character.len_utf8()..].chars().next().unwrap_or(' ');
        if character == '@' && after.is_alphanumeric() {
            faults.push(format!("mention in {prose}"));
        }
        if character == '#' && after.is_ascii_digit() {
            faults.push(format!("reference in {prose}"));
        }
    }
    for sign in ["://", "www.", "mailto:a", "xmpp:a", "gh-3", "gh-9"] {
        if lower.contains(sign) {
            faults.push(format!("{sign} in {prose}"));
        }
    }
    faults
}

/// The commands that the GitHub runner would obey, by its own rules (`ActionCommand.cs`): a line
/// that starts with `::` after white space, or has `##[` anywhere. Lines end at `\n` and at `\r`.
fn commands(stdout: &str) -> Vec<&str> {
    stdout
        .split(['\n', '\r'])
        .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
        .collect()
}

#[test]
fn the_corpus_is_large_enough() {
    let distinct: BTreeSet<&str> = CORPUS.iter().copied().collect();
    assert_eq!(distinct.len(), CORPUS.len());
    assert!(CORPUS.len() >= 60, "{}", CORPUS.len());
}

#[test]
fn a_comment_shows_hostile_text_and_obeys_none() {
    let expected = blocks(&comment::render(&run_with("harmless")));
    for text in CORPUS {
        let comment = comment::render(&run_with(text));
        let faults = faults(&comment);
        assert!(faults.is_empty(), "{text:?}: {faults:?}\n{comment}");
        assert_eq!(blocks(&comment), expected, "{text:?} changes the layout:\n{comment}");
        assert!(commands(&comment).is_empty(), "{text:?}: {:?}", commands(&comment));
    }
}

#[test]
fn the_judge_of_comments_finds_faults() {
    let marker = "<!-- ha-deploy:v1 env=prod -->\n";
    for bad in [
        "hi @octocat",
        "see #1",
        "<b>x</b>",
        "[a](b)",
        "https://x.example",
        "mailto:a.b",
        "www.x.example",
        "<!-- ha-deploy:v1 env=prod -->",
        "\u{1b}[0m",
        "$x$",
        "[^1]\n\n[^1]: x",
    ] {
        assert!(!faults(&format!("{marker}\n{bad}\n")).is_empty(), "{bad}");
    }
    assert!(faults(&format!("{marker}\nfine `@x`\n")).is_empty());
    assert_eq!(commands("a\n  ::error::x\r##[group]y\n").len(), 2);
}

#[test]
fn console_lines_hold_no_command_and_no_escape() {
    for text in CORPUS {
        let run = run_with(text);
        for (colour, level) in [(Colour::Never, Level::Verbose), (Colour::Ansi, Level::Quiet)] {
            let paper = Paper::default();
            let lines = Lines::new(Box::new(paper.clone()), level, colour, ["api"]);
            run.events.iter().for_each(|event| lines.emit(event));
            let stdout = paper.text();
            assert!(commands(&stdout).is_empty(), "{text:?}: {:?}", commands(&stdout));
            let stdout = if colour == Colour::Ansi { without_colour(&stdout) } else { stdout };
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!stdout.contains(control), "{text:?}: {stdout:?}");
            assert!(!stdout.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}']), "{text:?}");
            let ours = |line: &str| line.starts_with('+') || line.starts_with("  | ");
            assert!(stdout.lines().all(ours), "{text:?}: {stdout}");
        }
    }
}

#[test]
fn the_live_tree_holds_no_escape_but_its_own() {
    for text in CORPUS {
        let paper = Paper::default();
        let live = Live::new(
            Box::new(paper.clone()),
            Box::new(|| 80),
            Level::Verbose,
            Colour::Never,
            ["api"],
        );
        run_with(text).events.iter().for_each(|event| live.emit(event));
        let stdout = paper.text();
        let rest = without_cursor_moves(&stdout);
        let control = |c: char| c.is_control() && c != '\n' && c != '\r';
        assert!(!rest.contains(control), "{text:?}: {rest:?}");
    }
}

#[test]
fn json_gives_hostile_text_back_unchanged() {
    for text in CORPUS {
        let document = json::render(&run_with(text)).unwrap();
        assert!(commands(&document).is_empty(), "{text:?}: {:?}", commands(&document));
        assert!(!document.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        let value: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(value["summary"], *text);
    }
}

/// Drops `ESC [ … m`.
fn without_colour(text: &str) -> String {
    without_sequences(text, &['m'])
}

/// Drops what indicatif writes to redraw.
fn without_cursor_moves(text: &str) -> String {
    without_sequences(text, &['A', 'B', 'C', 'D', 'K'])
}

fn without_sequences(text: &str, ends: &[char]) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let tail = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match tail.strip_prefix(ends) {
            Some(tail) => rest.push_str(tail),
            None => rest.push_str(&format!("\u{1b}[{part}")),
        }
    }
    rest
}

/// Pieces that mean something to Markdown, GitHub, HTML, the runner or a terminal.
const PIECES: &[&str] = &[
    "`",
    "``",
    "```",
    "*",
    "**",
    "_",
    "~",
    "~~",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "!",
    "|",
    "\\",
    "#",
    "##[",
    "@",
    "a",
    "b1",
    "7",
    "1.",
    "- ",
    "+ ",
    "> ",
    " ",
    "    ",
    "\t",
    "\n",
    "\r",
    "::",
    ":",
    "://",
    "www.",
    "https://",
    "mailto:",
    "xmpp:",
    "GH-3",
    "<!--",
    "-->",
    "<br>",
    "</details>",
    "&lt;",
    "&#64;",
    "$",
    "$$",
    "=",
    "---",
    "^",
    "[^1]",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{200b}",
    "\u{a0}",
    "é",
    "日",
];

proptest::proptest! {
    /// What no corpus lists: pieces in any order, in a paragraph, a list, a table cell and a block.
    #[test]
    fn any_mixture_of_dangerous_pieces_is_inert(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24)
    ) {
        let text = pieces.concat();
        let document = |text: &str| {
            let (prose, code) = (Markdown(text), Code(text));
            let fence = Fence::last(&[text, text], 2).to_string();
            format!(
                "<!-- ha-deploy:v1 env=prod -->\n\nx {prose}\n\n- x: {prose}\n\n| a | b |\n|---|---|\n\
                 | x {prose} | {code} |\n\n{fence}\n\nx {code} {prose}\n\nend\n"
            )
        };
        let shown = document(&text);
        let faults = faults(&shown);
        proptest::prop_assert!(faults.is_empty(), "{faults:?}\n{shown}");
        proptest::prop_assert_eq!(blocks(&shown), blocks(&document("harmless")), "{}", shown);
        let line = Plain(&text).to_string();
        proptest::prop_assert!(commands(&line).is_empty(), "{line:?}");
        proptest::prop_assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }

    /// Alone in a paragraph, text begins no block of its own.
    #[test]
    fn text_at_the_start_of_a_paragraph_stays_a_paragraph(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..12)
    ) {
        let text = pieces.concat();
        let shown = format!("<!-- ha-deploy:v1 env=prod -->\n\n{}x\n\nend\n", Markdown(&text));
        let expected = blocks("<!-- ha-deploy:v1 env=prod -->\n\nx\n\nend\n");
        proptest::prop_assert!(faults(&shown).is_empty(), "{:?}\n{shown}", faults(&shown));
        proptest::prop_assert_eq!(blocks(&shown), expected, "{}", shown);
    }
}
