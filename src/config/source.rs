//! The text of the file, and places in it.

use std::collections::HashSet;
use std::path::Path;

use super::diagnostic::{Code, Diagnostic, Excerpt, Related, Severity};

/// At most this many findings are shown; a generated file can have one per line.
const MAX_FINDINGS: usize = 100;
/// At most this many characters of a line are shown before and after the place.
const BEFORE: usize = 60;
const AFTER: usize = 60;

/// A range of bytes in the text, on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One finding, before lines and excerpts are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    severity: Severity,
    code: Code,
    span: Span,
    message: String,
    help: Option<String>,
    related: Vec<(Span, String)>,
}

impl Fault {
    pub(super) fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { severity: Severity::Error, code, span, message, help: None, related: Vec::new() }
    }

    pub(super) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push((span, message.into()));
        self
    }
}

/// Collects findings; the same one found twice counts once, because a value that two environments
/// share is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Fault>,
    seen: HashSet<(Code, Span, String)>,
    secrets: Vec<Span>,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.seen.insert((fault.code, fault.span, fault.message.clone())) {
            self.list.push(fault);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Whether more findings are no longer worth their time; far more than are shown.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= 10 * MAX_FINDINGS
    }

    /// Masks a place in every excerpt.
    pub(super) fn mask(&mut self, span: Span) {
        self.secrets.push(span);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.list.iter().any(|fault| fault.severity == Severity::Error)
    }
}

/// The text with the starts of its lines.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    file: &'a Path,
    line_starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, file: &'a Path) -> Self {
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for (at, byte) in bytes.iter().enumerate() {
            // YAML breaks lines at LF, CR LF and a lone CR.
            let breaks = match byte {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            if breaks {
                line_starts.push(at + 1);
            }
        }
        Self { text, file, line_starts }
    }

    /// The text of a span; empty when the span is not one of this text.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// The line of an offset, from 0, and the line's bounds without its break.
    fn line(&self, offset: usize) -> (usize, Span) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        let end = self.line_starts.get(line + 1).copied().unwrap_or(self.text.len());
        let length = self.slice(Span::new(start, end)).trim_end_matches(['\n', '\r']).len();
        (line, Span::new(start, start + length))
    }

    /// A place on one line: line, first column and the column after the last, all from 1.
    fn place(&self, span: Span) -> (usize, usize, usize, Span) {
        let (line, bounds) = self.line(span.start);
        let start = span.start.clamp(bounds.start, bounds.end);
        let end = span.end.clamp(start, bounds.end);
        let column = self.slice(Span::new(bounds.start, start)).chars().count() + 1;
        let length = self.slice(Span::new(start, end)).chars().count().max(1);
        (line + 1, column, column + length, bounds)
    }

    /// Cuts the line to the part around the place and masks secrets.
    fn excerpt(&self, bounds: Span, columns: (usize, usize), secrets: &[Span]) -> Option<Excerpt> {
        let line = self.slice(bounds);
        if line.is_empty() && self.line_starts.len() == 1 {
            return None;
        }
        let (first, last) = (columns.0.saturating_sub(1), columns.1.saturating_sub(1));
        let from = first.saturating_sub(BEFORE);
        let to = last.min(first + AFTER).saturating_add(AFTER);
        let mut text = String::new();
        let mut start = first - from;
        if from > 0 {
            text.push('…');
            start += 1;
        }
        for (index, (at, c)) in line.char_indices().enumerate().skip(from) {
            if index >= to {
                text.push('…');
                break;
            }
            let at = bounds.start + at;
            let secret = secrets.iter().any(|span| (span.start..span.end).contains(&at));
            text.push(if secret { '•' } else { c });
        }
        let length = last.min(to).saturating_sub(first).max(1);
        Some(Excerpt { text, start, length })
    }

    fn diagnostic(&self, fault: Fault, secrets: &[Span]) -> Diagnostic {
        let (line, column, end_column, bounds) = self.place(fault.span);
        let related = fault
            .related
            .into_iter()
            .map(|(span, message)| {
                let (line, column, _, _) = self.place(span);
                Related { line, column, message }
            })
            .collect();
        Diagnostic {
            severity: fault.severity,
            file: self.file.to_owned(),
            line,
            column,
            end_column,
            code: fault.code,
            message: fault.message,
            excerpt: self.excerpt(bounds, (column, end_column), secrets),
            help: fault.help,
            related,
        }
    }

    /// Turns everything collected into diagnostics, in the order of the file.
    pub(super) fn diagnostics(&self, mut faults: Faults) -> Vec<Diagnostic> {
        faults.list.sort_by_key(|fault| (fault.span.start, fault.severity));
        let found = faults.list.len();
        if found > MAX_FINDINGS {
            // Errors decide the exit code, so a warning may not push one out.
            faults.list.sort_by_key(|fault| fault.severity);
            faults.list.truncate(MAX_FINDINGS);
            faults.list.sort_by_key(|fault| (fault.span.start, fault.severity));
            let last = faults.list.last().map(|fault| fault.span).unwrap_or_default();
            let rest = found - MAX_FINDINGS;
            let message = format!("{rest} more findings are not shown");
            let fault = Fault::new(Code::TooManyFindings, last, message)
                .help("mend the ones above and check again");
            let errors = faults.list.iter().any(|fault| fault.severity == Severity::Error);
            faults.list.push(if errors { fault } else { fault.warning() });
        }
        let secrets = faults.secrets;
        faults.list.into_iter().map(|fault| self.diagnostic(fault, &secrets)).collect()
    }
}
