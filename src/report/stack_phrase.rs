//! What happens to stacks, in words.

use super::phrase::{Level, Phrase, Tone, count};
use crate::pipeline::event::EventKind;

/// Puts an event of a stack into words.
pub(super) fn phrase(kind: &EventKind) -> Phrase {
    match kind {
        EventKind::StackStarted { stack, action, changes } => {
            let changes = changes.map(|n| format!(", {}", count(n, "resource")));
            let text = format!("{stack}: {action}{}", changes.unwrap_or_default());
            Phrase::new("stack", Tone::Neutral, Level::Normal, text)
        }
        EventKind::StackResource { stack, event } => {
            let failed = event.status.ends_with("_FAILED");
            let (tone, level) = match event.status.as_str() {
                _ if failed => (Tone::Bad, Level::Quiet),
                done if done.ends_with("_COMPLETE") => (Tone::Faint, Level::Normal),
                _ => (Tone::Faint, Level::Verbose),
            };
            let why = event.reason.as_ref().map(|why| format!(" - {why}")).unwrap_or_default();
            let text = format!("{stack}: {} {} {}{why}", event.resource, event.kind, event.status);
            Phrase::new("stack", tone, level, text)
        }
        EventKind::StackFinished { stack, detail } => {
            Phrase::new("stack", Tone::Good, Level::Normal, format!("{stack}: {detail}"))
        }
        EventKind::StackFailed { stack, cause, cascades } => {
            let more = match cascades {
                0 => String::new(),
                n => format!(" ({} followed from it)", count(*n, "failure")),
            };
            Phrase::new(
                "stack",
                Tone::Bad,
                Level::Quiet,
                format!("{stack}: FAILED - {cause}{more}"),
            )
        }
        _ => Phrase::new("stack", Tone::Faint, Level::Verbose, String::new()),
    }
}
