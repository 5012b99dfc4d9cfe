//! The image: what it is, how its tests went, what scanning found.

use super::layout::Part;
use super::parts::prefix;
use crate::domain::ImageVerdict;
use crate::report::phrase::{count, vulnerability};
use crate::report::story::{ScanStory, Story};
use crate::report::text::{Code, Markdown};

/// Findings of a scan that a comment names.
const NAMED: usize = 20;

/// One line an image, and below it what did not simply pass.
pub(super) fn image(stories: &[Story<'_>]) -> Option<Part> {
    let mut blocks = Vec::new();
    for story in stories {
        let before = prefix(stories, story);
        if let Some(image) = &story.image {
            let how =
                if image.reused { "the registry had this content" } else { "built and pushed" };
            let name = format!("{}:{}", image.repository, image.tag);
            let digest = Code(image.digest.as_str()).to_string();
            blocks.push(format!("- {before}{} {digest}: {how}", Code(&name)));
        }
        let of = |verdict| story.image_findings.iter().filter(move |f| f.verdict == verdict);
        let passed = of(ImageVerdict::Pass).count();
        if passed > 0 {
            blocks.push(format!("- ✅ {before}{} of the image passed", count(passed, "test")));
        }
        for (icon, verdict) in [
            ("❌", ImageVerdict::Fail),
            ("⚠️ accepted:", ImageVerdict::Accepted),
            ("▫️ untested:", ImageVerdict::Untested),
        ] {
            for finding in of(verdict) {
                let found = Markdown(&finding.found);
                let mend = if finding.mend.is_empty() {
                    String::new()
                } else {
                    format!(" — {}", Markdown(&finding.mend))
                };
                blocks.push(format!("- {icon} {before}{}: {found}{mend}", Code(finding.name)));
            }
        }
        if let Some(scan) = &story.scan {
            scanned(&before, scan, &mut blocks);
        }
    }
    (!blocks.is_empty()).then(|| Part::section("image", 5, "Image", blocks))
}

fn scanned(before: &str, scan: &ScanStory<'_>, blocks: &mut Vec<String>) {
    let icon = if scan.stopping.is_empty() { "✅" } else { "❌" };
    blocks.push(format!(
        "- {icon} {before}scan: {} found, {} accepted, {} that may not be deployed",
        scan.found,
        scan.accepted,
        scan.stopping.len()
    ));
    for finding in scan.stopping.iter().take(NAMED) {
        blocks.push(format!("  - {}", Markdown(&vulnerability(finding))));
    }
    for (what, ids) in
        [("new since the running image", scan.added), ("gone since then", scan.removed)]
    {
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else { continue };
        let named: Vec<String> = ids.iter().take(NAMED).map(|id| Code(id).to_string()).collect();
        let more = if ids.len() > NAMED { " …" } else { "" };
        blocks.push(format!("  - {what}: {}{more}", named.join(", ")));
    }
}
