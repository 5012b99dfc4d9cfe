//! Console lines: one line an event, for CI logs and for files.
//!
//! `+00:05:12 api  traffic    blue 90 % green 10 %`: the time since the command began, the service,
//! a topic of one word, and what happened. Lines that belong to an event follow it behind a bar. No
//! line starts with text from outside.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};

use super::phrase::{Phrase, Tone, stamp};
use super::text::Plain;
use crate::pipeline::event::{Event, Sink};

pub use super::live::{Live, Width};
pub use super::phrase::Level;

/// Whether lines carry colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// No escape sequence at all.
    Never,
    /// ANSI colours; every line says the same without them.
    Ansi,
}

/// How many lines of a log are shown below an event.
const LOG_LINES: usize = 40;

/// Writes one line an event.
///
/// A write that fails is dropped: a closed pipe must not end a deployment halfway.
pub struct Lines {
    out: Mutex<Box<dyn Write + Send>>,
    level: Level,
    colour: Colour,
    service_width: usize,
}

impl Lines {
    /// Lines to `out`; the column of services is as wide as the longest of `services`.
    pub fn new<'a>(
        out: Box<dyn Write + Send>,
        level: Level,
        colour: Colour,
        services: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let service_width = services.into_iter().map(str::len).max().unwrap_or(0);
        Self { out: Mutex::new(out), level, colour, service_width }
    }
}

impl Sink for Lines {
    fn emit(&self, event: &Event) {
        let Some(text) = format_event(event, self.level, self.colour, self.service_width) else {
            return;
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// The lines of an event, each with its line end; `None` when the level leaves it out.
pub(super) fn format_event(
    event: &Event,
    level: Level,
    colour: Colour,
    service_width: usize,
) -> Option<String> {
    let phrase = Phrase::of(event);
    if phrase.level > level {
        return None;
    }
    let style = style(phrase.tone, colour);
    let faint = style_of(Style::new().dimmed(), colour);
    let service = event.service.as_deref().unwrap_or_default();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{faint}{}{faint:#} {:<service_width$}  {:<9}  {style}{}{style:#}",
        stamp(event.at),
        Plain(service).to_string(),
        phrase.topic,
        Plain(&phrase.text),
    );
    let skipped = phrase.lines.len().saturating_sub(LOG_LINES);
    if skipped > 0 {
        let _ = writeln!(text, "  | … {skipped} earlier lines left out");
    }
    for line in phrase.lines.iter().skip(skipped) {
        let _ = writeln!(text, "  | {}", Plain(line));
    }
    Some(text)
}

fn style(tone: Tone, colour: Colour) -> Style {
    let style = match tone {
        Tone::Neutral => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Faint => Style::new().dimmed(),
    };
    style_of(style, colour)
}

fn style_of(style: Style, colour: Colour) -> Style {
    match colour {
        Colour::Never => Style::new(),
        Colour::Ansi => style,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Weight, Weights};
    use crate::pipeline::event::EventKind;

    fn traffic() -> Event {
        let green = Weight::new(10).unwrap();
        Event {
            at: Duration::from_secs(312),
            service: Some("api".to_owned()),
            kind: EventKind::Traffic { weights: Weights { blue: green.rest(), green } },
        }
    }

    #[test]
    fn a_line_is_stable_and_plain() {
        let line = format_event(&traffic(), Level::Quiet, Colour::Never, 3).unwrap();
        assert_eq!(line, "+00:05:12 api  traffic    blue 90 % green 10 %\n");
        let coloured = format_event(&traffic(), Level::Quiet, Colour::Ansi, 3).unwrap();
        assert!(coloured.contains('\u{1b}'));
    }

    #[test]
    fn quiet_leaves_progress_out() {
        let step = Event {
            kind: EventKind::StepStarted { step: "register", title: "x".to_owned() },
            ..traffic()
        };
        assert_eq!(format_event(&step, Level::Quiet, Colour::Never, 3), None);
        assert!(format_event(&step, Level::Normal, Colour::Never, 3).is_some());
    }
}
