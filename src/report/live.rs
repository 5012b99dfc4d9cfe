//! The live tree on a terminal: services, their step, lifecycle, traffic and tasks, redrawn in
//! place.
//!
//! What must stay to be read (failures, decisions, warnings, the end) is printed above the tree as
//! the same lines that a CI log gets.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use unicode_width::UnicodeWidthChar;

use super::console::{Colour, format_event};
use super::phrase::{Level, Phrase, stamp, tasks};
use super::text::Plain;
use crate::domain::{LifecycleStatus, TaskSetRole, Weights};
use crate::pipeline::event::{Event, EventKind, Sink};

/// Tells how many columns the terminal has now.
pub type Width = Box<dyn Fn() -> u16 + Send + Sync>;

/// Redraws a tree of services on a terminal.
pub struct Live {
    multi: MultiProgress,
    width: Arc<Width>,
    level: Level,
    colour: Colour,
    service_width: usize,
    services: Mutex<Vec<Branch>>,
}

/// One service of the tree.
struct Branch {
    service: String,
    bar: ProgressBar,
    step: String,
    lifecycle: Vec<(String, LifecycleStatus)>,
    weights: Option<Weights>,
    blue: String,
    green: String,
}

impl Live {
    /// A tree that is drawn to `out`, a terminal of `width` columns.
    pub fn new<'a>(
        out: Box<dyn Write + Send>,
        width: Width,
        level: Level,
        colour: Colour,
        services: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let width = Arc::new(width);
        let terminal = Terminal { out: Mutex::new(out), width: Arc::clone(&width) };
        let target = ProgressDrawTarget::term_like(Box::new(terminal));
        let service_width = services.into_iter().map(str::len).max().unwrap_or(0);
        Self {
            multi: MultiProgress::with_draw_target(target),
            width,
            level,
            colour,
            service_width,
            services: Mutex::new(Vec::new()),
        }
    }

    /// Prints what must stay above the tree.
    fn keep(&self, event: &Event) {
        if let Some(text) = format_event(event, self.level, self.colour, self.service_width) {
            let _ = self.multi.println(text.trim_end_matches('\n'));
        }
    }
}

impl Sink for Live {
    fn emit(&self, event: &Event) {
        let phrase = Phrase::of(event);
        let stays =
            phrase.level == Level::Quiet && !matches!(event.kind, EventKind::Traffic { .. });
        if stays || self.level == Level::Verbose {
            self.keep(event);
        }
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(service) = event.service.as_deref() else { return };
        if !services.iter().any(|branch| branch.service == service) {
            let bar = self.multi.add(ProgressBar::no_length());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            services.push(Branch::new(service, bar));
        }
        if let Some(branch) = services.iter_mut().find(|branch| branch.service == service) {
            branch.take(event);
            branch.bar.set_message(branch.draw(event, (self.width)()));
            branch.bar.tick();
        }
    }
}

impl Drop for Live {
    /// Leaves the tree as it was last: indicatif would clear it, and with it how far each service
    /// got.
    fn drop(&mut self) {
        let services = self.services.get_mut().unwrap_or_else(PoisonError::into_inner);
        services.iter().for_each(|branch| branch.bar.abandon());
    }
}

impl Branch {
    fn new(service: &str, bar: ProgressBar) -> Self {
        Self {
            service: service.to_owned(),
            bar,
            step: "waiting".to_owned(),
            lifecycle: Vec::new(),
            weights: None,
            blue: String::new(),
            green: String::new(),
        }
    }

    fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarted { step, title } => self.step = format!("{step}: {title}"),
            EventKind::StepFinished { step, .. } => self.step = format!("{step}: done"),
            EventKind::StepFailed { step, .. } => self.step = format!("{step}: FAILED"),
            EventKind::RollbackStarted { .. } => {
                self.step = "rolling back".to_owned();
                self.lifecycle.clear();
            }
            EventKind::Verified { restored, .. } => {
                self.step = if *restored { "restored" } else { "NOT restored" }.to_owned();
            }
            EventKind::DeploymentStarted { .. } => self.lifecycle.clear(),
            EventKind::Lifecycle { event, .. } => {
                let name = event.name.as_str();
                match self.lifecycle.iter_mut().find(|(known, _)| known == name) {
                    Some((_, status)) => *status = event.status,
                    None => self.lifecycle.push((name.to_owned(), event.status)),
                }
            }
            EventKind::Traffic { weights } => self.weights = Some(*weights),
            EventKind::Tasks { task_set } => match task_set.role {
                TaskSetRole::Blue => self.blue = tasks(task_set),
                TaskSetRole::Green => self.green = tasks(task_set),
            },
            EventKind::Finished { outcome } => self.step = outcome.kind.meaning().to_owned(),
            _ => {}
        }
    }

    /// The lines of the branch, none wider than the terminal.
    fn draw(&self, event: &Event, width: u16) -> String {
        let mut lines = vec![format!("{} {} · {}", stamp(event.at), self.service, self.step)];
        let shown = self.lifecycle.iter().filter(|(_, status)| *status != LifecycleStatus::Pending);
        let lifecycle: Vec<String> =
            shown.map(|(name, status)| format!("{}{name}", mark(*status))).collect();
        if !lifecycle.is_empty() {
            lines.push(format!("├ {}", lifecycle.join(" ")));
        }
        if let Some(weights) = self.weights {
            lines.push(format!("├ traffic {}", traffic_bar(weights, 20)));
        }
        let tasks: Vec<&str> = [&self.blue, &self.green]
            .into_iter()
            .map(String::as_str)
            .filter(|t| !t.is_empty())
            .collect();
        if !tasks.is_empty() {
            lines.push(format!("├ tasks   {}", tasks.join(" · ")));
        }
        if let Some(last) = lines.iter_mut().skip(1).last() {
            *last = last.replacen('├', "└", 1);
        }
        let lines: Vec<String> =
            lines.iter().map(|line| fit(&Plain(line).to_string(), usize::from(width))).collect();
        lines.join("\n")
    }
}

/// The sign for a lifecycle event; each has its own shape, since colour alone must not tell.
fn mark(status: LifecycleStatus) -> char {
    match status {
        LifecycleStatus::Pending => '·',
        LifecycleStatus::InProgress => '▶',
        LifecycleStatus::Succeeded => '✓',
        LifecycleStatus::Failed => '✗',
        LifecycleStatus::Skipped => '»',
        LifecycleStatus::Unknown => '?',
    }
}

/// The split as a bar of `cells`: full cells are green's, and a share above nothing shows at least
/// one.
pub(super) fn traffic_bar(weights: Weights, cells: usize) -> String {
    let percent = usize::from(weights.green.percent());
    let green = match percent {
        0 => 0,
        100 => cells,
        _ => (percent * cells).div_ceil(100).clamp(1, cells.saturating_sub(1)),
    };
    let bar = "█".repeat(green) + &"░".repeat(cells - green);
    format!("{bar} green {} · blue {}", weights.green, weights.blue)
}

/// Cuts a line to a number of columns.
fn fit(line: &str, columns: usize) -> String {
    let mut used = 0;
    let mut cut = String::new();
    for character in line.chars() {
        let width = character.width().unwrap_or(0);
        if used + width + 1 > columns {
            cut.push('…');
            break;
        }
        used += width;
        cut.push(character);
    }
    cut
}

/// The caller's writer, as indicatif wants a terminal.
struct Terminal {
    out: Mutex<Box<dyn Write + Send>>,
    width: Arc<Width>,
}

impl Terminal {
    fn put(&self, text: &str) -> io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())
    }

    /// A cursor movement; none at all for 0, which a terminal would take for 1.
    fn motion(&self, n: usize, direction: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.put(&format!("\u{1b}[{n}{direction}")) }
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        (self.width)()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.motion(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.motion(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.motion(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.motion(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(text)?;
        self.put("\n")
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Weight;

    fn split(green: u8) -> Weights {
        let green = Weight::new(green).unwrap();
        Weights { blue: green.rest(), green }
    }

    #[test]
    fn the_bar_never_hides_a_small_share() {
        assert_eq!(traffic_bar(split(0), 10), "░░░░░░░░░░ green 0 % · blue 100 %");
        assert_eq!(traffic_bar(split(1), 10), "█░░░░░░░░░ green 1 % · blue 99 %");
        assert_eq!(traffic_bar(split(99), 10), "█████████░ green 99 % · blue 1 %");
        assert_eq!(traffic_bar(split(100), 10), "██████████ green 100 % · blue 0 %");
    }

    #[test]
    fn a_line_never_wraps() {
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("abc", 0), "…");
    }
}
