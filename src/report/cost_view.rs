//! A monthly estimate as text for a terminal and as Markdown for a pull request.

use std::fmt::Write as _;

use crate::plan::cost::{Estimate, view};

use super::text::{Markdown, Plain};

/// Charges of one stack that a terminal gets; the JSON document has all.
const MOST_LINES: usize = 3;

/// The estimate as plain text: the sum, each stack with its dearest charges, what to know.
pub fn text(estimate: &Estimate) -> String {
    let view = view(estimate);
    let mut out = String::new();
    let _ = writeln!(out, "cost: {}", Plain(&view.headline));
    for group in &view.groups {
        let _ = writeln!(out, "  {:>10}  {}", group.cost.expected.to_string(), Plain(&group.stack));
        for line in group.lines.iter().take(MOST_LINES) {
            let _ = writeln!(
                out,
                "  {:>10}    {}, {}",
                line.cost.expected.to_string(),
                Plain(&line.what),
                Plain(&line.quantity)
            );
        }
        let more = group.lines.len().saturating_sub(MOST_LINES);
        if more > 0 {
            let _ = writeln!(out, "  {:>10}    … {more} smaller charges; --json has all", "");
        }
    }
    for saving in &view.savings {
        let _ = writeln!(out, "  save: {}", Plain(saving));
    }
    for note in &view.notes {
        let _ = writeln!(out, "  note: {}", Plain(note));
    }
    out.push('\n');
    out
}

/// The estimate as Markdown: the sum in sight, the rest folded.
pub fn markdown(estimate: &Estimate) -> String {
    let view = view(estimate);
    let mut out = String::new();
    let _ = writeln!(out, "**Cost.** {}\n", Markdown(&view.headline));
    let _ = writeln!(out, "<details><summary>What it is made of</summary>\n");
    let _ = writeln!(out, "| stack | low | expected | high |\n|---|---:|---:|---:|");
    for group in &view.groups {
        let name = Markdown(&group.stack);
        let (low, expected, high) = (group.cost.low, group.cost.expected, group.cost.high);
        let _ = writeln!(out, "| {name} | {low} | {expected} | {high} |");
    }
    out.push('\n');
    for line in view.savings.iter().chain(&view.notes) {
        let _ = writeln!(out, "- {}", Markdown(line));
    }
    let _ = writeln!(out, "\n</details>\n");
    out
}
