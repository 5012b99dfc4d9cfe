//! The drift of stacks as text and as Markdown.

use std::fmt::Write as _;

use crate::plan::stacks::{DriftFinding, DriftReport, Owner};

use super::stack_view::owner;
use super::text::{Code, Markdown, Plain};

/// Drift as plain text.
pub fn text(reports: &[DriftReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let _ = writeln!(out, "{} ({}): {}", report.stack, report.region, Plain(&verdict(report)));
        for found in &report.findings {
            let _ = writeln!(out, "  {}", Plain(&finding(found)));
        }
    }
    out
}

/// Drift as Markdown.
pub fn markdown(reports: &[DriftReport]) -> String {
    let mut out = String::from("<!-- ha-deploy:v1 drift -->\n### Drift\n\n");
    for report in reports {
        let foreign = report.foreign().count() > 0 || report.failed.is_some();
        let icon = if foreign { "❌" } else { "✅" };
        let _ = writeln!(out, "- {icon} {}: {}", Code(&report.stack), Markdown(&verdict(report)));
        for found in &report.findings {
            let icon = if found.owner == Owner::Somebody { "❌" } else { "▫️" };
            let _ = writeln!(out, "  - {icon} {}", Code(&finding(found)));
        }
    }
    out
}

fn verdict(report: &DriftReport) -> String {
    match (&report.failed, report.foreign().count(), report.findings.len()) {
        (Some(why), _, _) => format!("not known: {why}"),
        (None, 0, 0) => "as its template says".to_owned(),
        (None, 0, _) => "as its template says, but for what ha-deploy manages".to_owned(),
        (None, foreign, _) => format!("{foreign} changed beside CloudFormation"),
    }
}

/// One finding on one line.
pub(super) fn finding(finding: &DriftFinding) -> String {
    let what = match &finding.difference {
        None => "is gone".to_owned(),
        Some(difference) => format!(
            "{}: the template says {}, it is {}",
            difference.path, difference.expected, difference.actual
        ),
    };
    format!("{} {} {what} ({})", finding.kind, finding.resource, owner(finding.owner))
}
