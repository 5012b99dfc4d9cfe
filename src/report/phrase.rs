//! One event in words: the console, the live tree and the comment's timeline all say the same.
//!
//! A phrase holds text from outside as it came; whoever shows it wraps it.

use std::time::Duration;

use crate::domain::{
    AlarmState, ImageFinding, ImageVerdict, LifecycleStatus, OutcomeKind, TaskSetRole,
    TaskSetState, Vulnerability,
};
use crate::gate::Verdict;
use crate::pipeline::event::{ArmEvidence, CheckVerdict, Event, EventKind};

/// How much a reader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Failures, warnings, decisions and the end.
    Quiet,
    /// What moves.
    Normal,
    /// Everything.
    Verbose,
}

/// How an event should strike the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Progress.
    Neutral,
    /// Something came out well.
    Good,
    /// Something to look at.
    Warn,
    /// Something went wrong.
    Bad,
    /// Of interest to few.
    Faint,
}

/// One event in words; text from outside is still as it came.
#[derive(Debug)]
pub(super) struct Phrase {
    /// The subject, one word.
    pub(super) topic: &'static str,
    /// What happened.
    pub(super) text: String,
    /// Lines that belong to it (logs, next steps).
    pub(super) lines: Vec<String>,
    /// How it should strike the eye.
    pub(super) tone: Tone,
    /// From which level on it is shown.
    pub(super) level: Level,
}

impl Phrase {
    pub(super) fn new(
        topic: &'static str,
        tone: Tone,
        level: Level,
        text: impl Into<String>,
    ) -> Self {
        Self { topic, text: text.into(), lines: Vec::new(), tone, level }
    }

    fn lines(mut self, lines: &[String]) -> Self {
        self.lines = lines.to_vec();
        self
    }

    /// Puts an event into words.
    pub(super) fn of(event: &Event) -> Self {
        use Level::{Normal, Quiet, Verbose};
        use Tone::{Bad, Faint, Good, Neutral, Warn};
        match &event.kind {
            EventKind::Preflight { check, verdict, detail } => {
                let (word, tone, level) = match verdict {
                    CheckVerdict::Pass => ("ok", Faint, Verbose),
                    CheckVerdict::Warn => ("warning", Warn, Quiet),
                    CheckVerdict::Refuse => ("REFUSED", Bad, Quiet),
                };
                Self::new("preflight", tone, level, format!("{check}: {word}{}", dash(detail)))
            }
            EventKind::StepStarted { step, title } => {
                Self::new("step", Neutral, Normal, format!("{step}: {title}"))
            }
            EventKind::StepFinished { step, detail } => {
                Self::new("step", Good, Normal, format!("{step}: done{}", dash(detail)))
            }
            EventKind::StepSkipped { step, reason } => {
                Self::new("step", Faint, Normal, format!("{step}: not needed{}", dash(reason)))
            }
            EventKind::StepFailed { step, reason } => {
                Self::new("step", Bad, Quiet, format!("{step}: FAILED{}", dash(reason)))
            }
            EventKind::Revision { from, from_digest, to, to_digest } => {
                let old = from_digest.as_ref().map(|d| format!(" ({})", d.short()));
                let new = to_digest.as_ref().map(|d| format!(" ({})", d.short()));
                let text =
                    format!("{from}{} -> {to}{}", old.unwrap_or_default(), new.unwrap_or_default());
                Self::new("revision", Neutral, Normal, text)
            }
            EventKind::DeploymentStarted { deployment, attached } => {
                let verb = if *attached { "joined, it is ours" } else { "created" };
                Self::new("deploy", Neutral, Normal, format!("{deployment} {verb}"))
            }
            EventKind::DeploymentStatus { deployment, status, message } => {
                use crate::domain::DeploymentStatus as S;
                let (word, tone, level) = match status {
                    S::Created => ("created", Faint, Verbose),
                    S::Queued => ("queued", Faint, Verbose),
                    S::InProgress => ("in progress", Faint, Verbose),
                    S::Baking => ("baking", Neutral, Normal),
                    S::Ready => ("ready to shift", Neutral, Normal),
                    S::Succeeded => ("succeeded", Good, Normal),
                    S::Failed => ("FAILED", Bad, Quiet),
                    S::Stopped => ("STOPPED", Bad, Quiet),
                    S::Other(word) => (word.as_str(), Neutral, Normal),
                };
                let why = dash(message.as_deref().unwrap_or_default());
                Self::new("deploy", tone, level, format!("{deployment} {word}{why}"))
            }
            EventKind::Lifecycle { event, .. } => {
                let (word, tone, level) = match event.status {
                    LifecycleStatus::Pending => ("pending", Faint, Verbose),
                    LifecycleStatus::InProgress => ("began", Neutral, Normal),
                    LifecycleStatus::Succeeded => ("done", Good, Normal),
                    LifecycleStatus::Failed => ("FAILED", Bad, Quiet),
                    LifecycleStatus::Skipped => ("skipped", Faint, Verbose),
                    LifecycleStatus::Unknown => ("unknown status", Warn, Normal),
                };
                let why = dash(event.message.as_deref().unwrap_or_default());
                let text = format!("{} {word}{why}", event.name.as_str());
                Self::new("lifecycle", tone, level, text)
            }
            EventKind::Traffic { weights } => Self::new(
                "traffic",
                Neutral,
                Quiet,
                format!("blue {} green {}", weights.blue, weights.green),
            ),
            EventKind::Tasks { task_set } => Self::new("tasks", Faint, Normal, tasks(task_set)),
            EventKind::TaskStopped { task, revision, reason, exit_code, logs } => {
                let revision = revision.as_ref().map(|r| format!(" of {r}")).unwrap_or_default();
                let code = exit_code.map(|c| format!(" with exit code {c}")).unwrap_or_default();
                let text = format!("{task}{revision} stopped{code}{}", dash(reason));
                Self::new("task", Bad, Quiet, text).lines(logs)
            }
            EventKind::Log { lines } => {
                Self::new("log", Faint, Normal, count(lines.len(), "line")).lines(lines)
            }
            EventKind::Alarm { alarm } => {
                let (word, tone) = match alarm.state {
                    AlarmState::Ok => ("OK", Good),
                    AlarmState::Alarm => ("ALARM", Bad),
                    AlarmState::InsufficientData => ("INSUFFICIENT_DATA", Warn),
                };
                let level = if alarm.state == AlarmState::Alarm { Quiet } else { Normal };
                Self::new(
                    "alarm",
                    tone,
                    level,
                    format!("{} {word}{}", alarm.name, dash(&alarm.reason)),
                )
            }
            EventKind::Smoke { path, attempt, passed, detail } => {
                let (word, tone, level) =
                    if *passed { ("passed", Good, Normal) } else { ("FAILED", Bad, Quiet) };
                let text = format!("GET {path} {word} at try {attempt}{}", dash(detail));
                Self::new("smoke", tone, level, text)
            }
            EventKind::Gate { decision } => {
                let (tone, level) = match decision.verdict {
                    Verdict::Promote => (Good, Normal),
                    Verdict::Hold => (Faint, Normal),
                    Verdict::Rollback => (Bad, Quiet),
                    Verdict::Inconclusive => (Warn, Quiet),
                };
                let text = format!(
                    "{}: {}{}",
                    decision.gate,
                    verdict(decision.verdict),
                    dash(&decision.evidence)
                );
                Self::new("gate", tone, level, text)
            }
            EventKind::Evidence { arms } => {
                let text: Vec<String> = arms.iter().map(arm).collect();
                Self::new("evidence", Neutral, Normal, text.join("; "))
            }
            EventKind::Look { evidence } => {
                let level = if evidence.verdict == Verdict::Hold { Verbose } else { Normal };
                let text = format!("{}: {}", verdict(evidence.verdict), evidence.words());
                Self::new("evidence", Faint, level, text)
            }
            EventKind::RollbackStarted { deployment, rollback, reason } => {
                let by = rollback.as_ref().map(|id| format!(" by {id}")).unwrap_or_default();
                let text = format!("{deployment} is undone{by}{}", dash(reason));
                Self::new("rollback", Bad, Quiet, text)
            }
            EventKind::Verified { restored, detail } => {
                let (word, tone) =
                    if *restored { ("restored", Good) } else { ("NOT restored", Bad) };
                Self::new("verify", tone, Quiet, format!("{word}{}", dash(detail)))
            }
            EventKind::StackStarted { .. }
            | EventKind::StackResource { .. }
            | EventKind::StackFinished { .. }
            | EventKind::StackFailed { .. } => super::stack_phrase::phrase(&event.kind),
            EventKind::Output { line } => Self::new("build", Faint, Normal, line.clone()),
            EventKind::Image { repository, tag, digest, reused } => {
                let how = if *reused { "was there" } else { "pushed" };
                let text = format!("{repository}:{tag} {how}: {digest}");
                Self::new("image", Good, Normal, text)
            }
            EventKind::ImageChecked { findings } => image_checked(findings),
            EventKind::Scanned { stopping, found, accepted, added, .. } => {
                let (tone, level) = if stopping.is_empty() { (Good, Normal) } else { (Bad, Quiet) };
                let new = added.as_ref().map(|ids| format!(", {} new", ids.len()));
                let text = format!(
                    "{found} found{}, {accepted} accepted, {} that may not be deployed",
                    new.unwrap_or_default(),
                    stopping.len()
                );
                let lines: Vec<String> = stopping.iter().map(vulnerability).collect();
                Self::new("scan", tone, level, text).lines(&lines)
            }
            EventKind::Warning { text } => Self::new("warning", Warn, Quiet, text.clone()),
            EventKind::Finished { outcome } => {
                let tone = if outcome.kind == OutcomeKind::Done { Good } else { Bad };
                let text = format!(
                    "{} (exit code {}){}",
                    outcome.kind.meaning(),
                    outcome.kind.exit_code(),
                    dash(&outcome.summary)
                );
                let next: Vec<String> =
                    outcome.next.iter().map(|step| format!("next: {step}")).collect();
                Self::new("finished", tone, Quiet, text).lines(&next)
            }
        }
    }
}

/// The tests of an image, worst first in their tone; what passed is only counted.
fn image_checked(findings: &[ImageFinding]) -> Phrase {
    let of = |verdict| findings.iter().filter(move |finding| finding.verdict == verdict);
    let failed = of(ImageVerdict::Fail).count();
    let text = format!(
        "{} passed, {failed} FAILED, {} accepted, {} untested",
        of(ImageVerdict::Pass).count(),
        of(ImageVerdict::Accepted).count(),
        of(ImageVerdict::Untested).count()
    );
    let lines: Vec<String> = of(ImageVerdict::Fail)
        .chain(of(ImageVerdict::Accepted))
        .chain(of(ImageVerdict::Untested))
        .map(|finding| {
            let mend = if finding.mend.is_empty() {
                String::new()
            } else {
                format!(" — {}", finding.mend)
            };
            format!("{} {}: {}{mend}", image_verdict(finding.verdict), finding.name, finding.found)
        })
        .collect();
    let (tone, level) =
        if failed > 0 { (Tone::Bad, Level::Quiet) } else { (Tone::Good, Level::Normal) };
    Phrase::new("image", tone, level, text).lines(&lines)
}

/// The word for how a test of an image went.
pub(super) fn image_verdict(verdict: ImageVerdict) -> &'static str {
    match verdict {
        ImageVerdict::Pass => "ok",
        ImageVerdict::Fail => "FAILED",
        ImageVerdict::Accepted => "accepted",
        ImageVerdict::Untested => "untested",
    }
}

/// A finding of a scan.
pub(super) fn vulnerability(finding: &Vulnerability) -> String {
    format!("{} {} {}", finding.id, finding.severity, finding.package)
}

/// The word for a gate's verdict.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Promote => "promote",
        Verdict::Hold => "hold",
        Verdict::Rollback => "ROLL BACK",
        Verdict::Inconclusive => "INCONCLUSIVE",
    }
}

/// The counts of a task set.
pub(super) fn tasks(set: &TaskSetState) -> String {
    let role = match set.role {
        TaskSetRole::Blue => "blue",
        TaskSetRole::Green => "green",
    };
    let pending =
        if set.pending > 0 { format!(", {} on their way", set.pending) } else { String::new() };
    format!("{role} {} of {} running{pending}", set.running, set.desired)
}

/// Requests and errors of one side.
fn arm(arm: &ArmEvidence) -> String {
    let colour = colour(arm);
    let p99 = arm.p99_seconds.map(|s| format!(", p99 {}", millis(s))).unwrap_or_default();
    let (requests, errors) = (thousands(arm.requests), thousands(arm.errors));
    format!("{colour} {requests} requests, {errors} 5xx ({}){p99}", error_rate(arm))
}

/// The name of a side.
pub(super) fn colour(arm: &ArmEvidence) -> &'static str {
    match arm.arm {
        crate::domain::Colour::Blue => "blue",
        crate::domain::Colour::Green => "green",
    }
}

/// The share of 5xx answers; a dash when nothing was asked.
pub(super) fn error_rate(arm: &ArmEvidence) -> String {
    if arm.requests == 0 {
        return "–".to_owned();
    }
    format!("{:.2} %", 100.0 * arm.errors as f64 / arm.requests as f64)
}

/// Seconds as whole milliseconds.
pub(super) fn millis(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

/// A number with a comma at every third digit.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things.
pub(super) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// `+00:05:12`; hours grow past two digits.
pub(super) fn stamp(at: Duration) -> String {
    let seconds = at.as_secs();
    format!("+{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// `14 min 20 s`, in the two largest units.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// ` - detail`, or nothing.
fn dash(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" - {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(stamp(Duration::from_secs(312)), "+00:05:12");
        assert_eq!(stamp(Duration::from_secs(360_000)), "+100:00:00");
        let spans: Vec<String> =
            [5, 60, 65, 3600, 3665].iter().map(|s| span(Duration::from_secs(*s))).collect();
        assert_eq!(spans, ["5 s", "1 min", "1 min 5 s", "1 h", "1 h 1 min"]);
    }

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn no_requests_give_no_rate() {
        let mut arm = ArmEvidence {
            arm: crate::domain::Colour::Green,
            requests: 0,
            errors: 0,
            p99_seconds: None,
        };
        assert_eq!(error_rate(&arm), "–");
        (arm.requests, arm.errors) = (200, 10);
        assert_eq!(error_rate(&arm), "5.00 %");
    }
}
