//! The Markdown of the pull-request comment: complete enough that nobody opens the AWS console.
//!
//! Owns the order of the sections and the limit; what a section says is in [`parts`] and
//! [`evidence`]. The same run gives the same bytes. Posting it is another room's work.

mod chart;
mod evidence;
mod image;
mod layout;
mod parts;

use super::run::Run;
use super::story::stories;
use layout::assemble;

/// The most bytes of a comment. GitHub takes 65,536 characters; bytes are counted here because they
/// are never fewer than characters, however GitHub counts them.
pub const LIMIT: usize = 60_000;

/// Renders the comment of a run; its first line is the hidden marker by which it is found again.
pub fn render(run: &Run) -> String {
    render_within(run, LIMIT)
}

fn render_within(run: &Run, limit: usize) -> String {
    let stories = stories(&run.events);
    // In the order in which a reader wants them; their ranks say what goes first when room is
    // short.
    let parts = [
        parts::head(run, &stories),
        parts::services(&stories),
        parts::reasons(run, &stories),
        image::image(&stories),
        parts::next(run),
        evidence::evidence(run, &stories),
        evidence::tasks(run, &stories),
        parts::rollback(run, &stories),
        parts::warnings(&stories),
        parts::progress(run, &stories),
        parts::smoke(&stories),
        parts::timeline(run),
        parts::foot(run),
    ];
    assemble(parts.into_iter().flatten().collect(), limit)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Outcome, OutcomeKind};
    use crate::pipeline::event::{Event, EventKind};

    #[test]
    fn a_long_run_loses_its_timeline_first_and_says_so() {
        let mut run = Run::new("deploy", Outcome::new(OutcomeKind::RolledBack, "too many errors"));
        run.events = (0..5_000)
            .map(|n| Event {
                at: Duration::from_secs(n),
                service: Some("api".to_owned()),
                kind: EventKind::StepFinished { step: "register", detail: "x".repeat(100) },
            })
            .collect();
        let comment = render(&run);
        assert!(comment.len() < LIMIT, "{}", comment.len());
        assert!(comment.len() > LIMIT / 2, "{}", comment.len());
        assert!(comment.contains("too many errors"));
        assert!(comment.contains("events left out to stay under GitHub's limit"), "{comment}");
        let small = render_within(&run, 1_000);
        assert!(small.len() < 1_000, "{}", small.len());
        assert!(small.contains("too many errors"));
        assert!(!small.contains("<summary>Timeline"), "{small}");
        assert!(small.contains("Left out to stay under GitHub's limit: timeline"), "{small}");
    }
}
