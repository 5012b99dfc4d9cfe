//! Diagnostics for a person at a console, and as JSON.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use unicode_width::UnicodeWidthChar;

use super::console::Colour;
use crate::config::diagnostic::{Diagnostic, Excerpt, Severity};

/// Renders diagnostics with excerpts, and a last line that counts them.
///
/// Text from the file cannot move the cursor, colour the terminal or reverse the reading
/// direction: control and format characters are shown escaped.
pub fn render(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        one(diagnostic, colour, &mut out);
        out.push('\n');
    }
    out.push_str(&summary(diagnostics));
    out
}

/// The diagnostics as one JSON document.
pub fn json(diagnostics: &[Diagnostic]) -> Value {
    let (errors, warnings) = count(diagnostics);
    serde_json::json!({ "errors": errors, "warnings": warnings, "diagnostics": diagnostics })
}

fn painted(colour: Colour, text: &str, style: Style) -> String {
    match colour {
        Colour::Never => text.to_owned(),
        Colour::Ansi => format!("{}{text}{}", style.render(), style.render_reset()),
    }
}

fn one(diagnostic: &Diagnostic, colour: Colour, out: &mut String) {
    let blue = AnsiColor::BrightBlue.on_default().bold();
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", AnsiColor::BrightRed.on_default().bold()),
        Severity::Warning => ("warning", AnsiColor::Yellow.on_default().bold()),
    };
    let head = painted(colour, &format!("{word}[{}]", diagnostic.code), style);
    let message = painted(colour, &printable(&diagnostic.message), Style::new().bold());
    let file = printable(&diagnostic.file.to_string_lossy());
    let number = diagnostic.line.to_string();
    let gutter = " ".repeat(number.len());
    let arrow = painted(colour, "-->", blue);
    let bar = painted(colour, "|", blue);
    let _ = writeln!(out, "{head}: {message}");
    let _ = writeln!(out, "{gutter}{arrow} {file}:{}:{}", diagnostic.line, diagnostic.column);
    if let Some(excerpt) = &diagnostic.excerpt {
        let (text, before, marked) = drawn(excerpt);
        let number = painted(colour, &number, blue);
        let carets = painted(colour, &"^".repeat(marked), style);
        let _ = writeln!(out, "{gutter} {bar}");
        let _ = writeln!(out, "{number} {bar} {text}");
        let _ = writeln!(out, "{gutter} {bar} {}{carets}", " ".repeat(before));
    }
    let equals = painted(colour, "=", blue);
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "{gutter} {equals} help: {}", printable(help));
    }
    for related in &diagnostic.related {
        let message = printable(&related.message);
        let _ = writeln!(out, "{gutter} {equals} see line {}: {message}", related.line);
    }
}

/// The line as drawn, the columns before the mark, and the columns of the mark.
fn drawn(excerpt: &Excerpt) -> (String, usize, usize) {
    let mut text = String::new();
    let (mut before, mut marked) = (0, 0);
    for (index, c) in excerpt.text.chars().enumerate() {
        let (shown, width) = glyph(c, &text);
        text.push_str(&shown);
        if index < excerpt.start {
            before += width;
        } else if index < excerpt.start.saturating_add(excerpt.length) {
            marked += width;
        }
    }
    (text, before, marked.max(1))
}

/// A character as shown on a terminal after `before`, and how many columns it takes.
fn glyph(c: char, before: &str) -> (String, usize) {
    match c {
        '\t' => ("    ".to_owned(), 4),
        // The runner obeys `##[command]` anywhere in a line (actions/runner, `ActionCommand.cs`).
        _ if hostile(c) || (c == '[' && before.ends_with("##")) => {
            let escaped = c.escape_unicode().to_string();
            let width = escaped.len();
            (escaped, width)
        }
        _ => (c.to_string(), c.width().unwrap_or(0)),
    }
}

/// Control characters, and format characters that reorder or hide text (Unicode general
/// categories Cc and the bidirectional, zero-width and tag parts of Cf).
fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |shown, c| {
        let glyph = glyph(c, &shown).0;
        shown + &glyph
    })
}

fn count(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

fn summary(diagnostics: &[Diagnostic]) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match count(diagnostics) {
        (0, 0) => "no findings\n".to_owned(),
        (errors, 0) => format!("{}\n", plural(errors, "error")),
        (0, warnings) => format!("{}\n", plural(warnings, "warning")),
        (errors, warnings) => {
            format!("{}, {}\n", plural(errors, "error"), plural(warnings, "warning"))
        }
    }
}
