//! Text from outside, made safe for the place where it is shown.
//!
//! Alarm reasons, log lines, stop reasons, tags and CodeDeploy's messages are written by others. No
//! format of this room prints such a text bare: it goes through [`Plain`] (terminal and CI log),
//! [`Markdown`] or [`Code`] (inline), or [`Fence`] (a block). Each shows what was there, inert:
//! nothing is silently removed.

use std::fmt::{self, Write as _};

/// The longest text that is shown inline, in characters; more is cut with a note.
pub const INLINE_LIMIT: usize = 600;

/// The longest line of a block, in characters.
pub const LINE_LIMIT: usize = 400;

/// Shows text on one line of a terminal or a CI log.
///
/// Control characters, line ends, bidirectional overrides and invisible characters are shown as
/// escapes. The runner's command syntax is broken up: it obeys `::` at the start of a line, after
/// any white space, and the older `##[` anywhere (actions/runner, `ActionCommand.cs`).
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&no_commands(&visible(self.0, INLINE_LIMIT)))
    }
}

/// Shows text inside a Markdown paragraph, list item or table cell.
///
/// What stands between two backticks becomes a code span; everything else is prose without markup,
/// HTML, mentions, references or links. GitHub looks for mentions and references in the *rendered*
/// text, so an escape is no help there; a zero-width space after the sign is.
#[derive(Debug, Clone, Copy)]
pub struct Markdown<'a>(pub &'a str);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = visible(self.0, INLINE_LIMIT);
        let mut rest = shown.as_str();
        let mut at_start = true;
        while let Some((before, inside, after)) = split_code(rest) {
            prose(f, before, at_start)?;
            code(f, inside)?;
            at_start = false;
            rest = after;
        }
        prose(f, rest, at_start)
    }
}

/// Shows text as a Markdown code span: for names and commands that people copy.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a>(pub &'a str);

impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        code(f, &visible(self.0, INLINE_LIMIT))
    }
}

/// Shows lines as a fenced Markdown block, the last `keep` of them when there are more.
///
/// The fence is longer than any run of backticks inside. It must start in the first column.
#[derive(Debug, Clone, Copy)]
pub struct Fence<'a, S> {
    lines: &'a [S],
    keep: usize,
}

impl<'a, S: AsRef<str>> Fence<'a, S> {
    /// A block of the last `keep` lines.
    pub fn last(lines: &'a [S], keep: usize) -> Self {
        Self { lines, keep }
    }
}

impl<S: AsRef<str>> fmt::Display for Fence<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.lines.len().saturating_sub(self.keep);
        let shown: Vec<String> =
            self.lines.iter().skip(skipped).map(|line| fence_line(line.as_ref())).collect();
        let fence = fence_for(&shown);
        writeln!(f, "{fence}text")?;
        if skipped > 0 {
            writeln!(f, "… {skipped} earlier lines left out")?;
        }
        for line in &shown {
            writeln!(f, "{line}")?;
        }
        write!(f, "{fence}")
    }
}

/// One line for a fenced block.
pub(super) fn fence_line(line: &str) -> String {
    no_commands(&no_marker(&visible(line, LINE_LIMIT)))
}

/// A fence that no line of a block can close.
pub(super) fn fence_for(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line, '`')).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// Shows what cannot be seen, on one line, cut at `limit` characters.
fn visible(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(limit * 4));
    let mut characters = text.chars();
    for character in characters.by_ref().take(limit) {
        match character {
            '\t' => shown.push(' '),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            hidden if is_hidden(hidden) => {
                let _ = write!(shown, "{}", hidden.escape_unicode());
            }
            other => shown.push(other),
        }
    }
    let left = characters.count();
    if left > 0 {
        let _ = write!(shown, "… ({left} more characters)");
    }
    shown
}

/// Whether a terminal or browser acts on the character instead of showing it.
///
/// Source: Unicode UAX #9 (bidirectional formatting), UTR #36 (invisible characters), and the
/// general category Cc.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Breaks up what the runner would take for a workflow command.
fn no_commands(text: &str) -> String {
    let body = text.trim_start();
    let text = match body.strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &text[..text.len() - body.len()]),
        None => text.to_owned(),
    };
    text.replace("##[", "# #[")
}

/// Breaks up the opening and the closing of an HTML comment, so that no text can pass for our
/// marker, not even in a block, where it would be inert for a browser but not for a search.
fn no_marker(text: &str) -> String {
    text.replace("<!--", "<! --").replace("-->", "-- >")
}

/// Splits at the first pair of backticks: before, between, after.
fn split_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (inside, after) = rest.split_once('`')?;
    (!inside.trim().is_empty()).then_some((before, inside, after))
}

/// Writes a code span. A pipe becomes the look-alike `¦`: a table is split into cells before code is
/// read, and outside a table an escape would show its backslash.
fn code(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let text = no_marker(text).replace("##[", "# #[").replace('|', "¦");
    if text.trim().is_empty() {
        return f.write_str("(empty)");
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let padding = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    write!(f, "{fence}{padding}{text}{padding}{fence}")
}

/// Writes prose without any markup of its own; at the start of a block it begins no other block.
fn prose(f: &mut impl fmt::Write, text: &str, at_start: bool) -> fmt::Result {
    let text = if at_start { text.trim_start() } else { text };
    let mut rest = text;
    let mut only_digits = at_start;
    while let Some(character) = rest.chars().next() {
        let first = at_start && rest.len() == text.len();
        rest = &rest[character.len_utf8()..];
        match character {
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '&' => f.write_str("&amp;")?,
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '^' => {
                write!(f, "\\{character}")?;
            }
            '@' | '＠' => write!(f, "{character}\u{200b}")?,
            '#' => write!(f, "{}\u{200b}", if first { "\\#" } else { "#" })?,
            // `1.` and `1)` begin an ordered list.
            '.' | ')' if only_digits && !first => write!(f, "\\{character}")?,
            ':' if rest.starts_with("//") || is_bare_scheme(text, rest) => {
                f.write_str(":\u{200b}")?;
            }
            '-' | '+' | '=' | ':' if first => write!(f, "\\{character}")?,
            '.' if ends_with_www(text, rest) => f.write_str("\u{200b}.")?,
            '-' if ends_with_gh(text, rest) => f.write_str("\u{200b}-")?,
            _ => f.write_char(character)?,
        }
        only_digits = only_digits && character.is_ascii_digit();
    }
    Ok(())
}

/// Whether the colon before `rest` ends a scheme that GitHub links without slashes.
fn is_bare_scheme(text: &str, rest: &str) -> bool {
    let head = head(text, rest).to_ascii_lowercase();
    head.ends_with("mailto:") || head.ends_with("xmpp:")
}

/// Whether the dot before `rest` follows `www`, which GitHub links.
fn ends_with_www(text: &str, rest: &str) -> bool {
    head(text, rest).to_ascii_lowercase().ends_with("www.")
}

/// Whether the dash before `rest` follows `GH`, which GitHub takes for a reference (`GH-17`).
fn ends_with_gh(text: &str, rest: &str) -> bool {
    head(text, rest).to_ascii_lowercase().ends_with("gh-")
}

/// The part of `text` before its tail `rest`.
fn head<'a>(text: &'a str, rest: &str) -> &'a str {
    let head = &text[..text.len() - rest.len()];
    let start = head.char_indices().rev().nth(7).map_or(0, |(index, _)| index);
    &head[start..]
}

/// The length of the longest run of a character.
fn longest_run(text: &str, character: char) -> usize {
    text.split(|c| c != character).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_shows_escapes_instead_of_obeying_them() {
        assert_eq!(
            Plain("a\u{1b}[31mb\r\nc\u{202e}d").to_string(),
            "a\\u{1b}[31mb\\r\\nc\\u{202e}d"
        );
    }

    #[test]
    fn plain_breaks_up_workflow_commands() {
        assert_eq!(Plain(" ::error::x").to_string(), " : :error::x");
        assert_eq!(Plain("a ###[group]b").to_string(), "a ## #[group]b");
        assert_eq!(Plain("arn:aws:iam::1:role/x").to_string(), "arn:aws:iam::1:role/x");
    }

    #[test]
    fn long_text_is_cut_with_a_note() {
        let shown = Plain(&"é".repeat(700)).to_string();
        assert!(shown.ends_with("… (100 more characters)"), "{shown}");
    }

    #[test]
    fn markdown_keeps_code_spans_and_escapes_the_rest() {
        assert_eq!(
            Markdown("run `ha-deploy x@y` *now*, @team <b>").to_string(),
            "run `ha-deploy x@y` \\*now\\*, @\u{200b}team &lt;b&gt;"
        );
        assert_eq!(Markdown("- a").to_string(), "\\- a");
        assert_eq!(Markdown("12. a").to_string(), "12\\. a");
        assert_eq!(Markdown(" 200 in 3.5 s").to_string(), "200 in 3.5 s");
        assert_eq!(Markdown("\u{a0}::error::x").to_string(), "\\::error::x");
        assert_eq!(Markdown("see www.x.org").to_string(), "see www\u{200b}.x.org");
        assert_eq!(Markdown("fixes GH-7 and #8").to_string(), "fixes GH\u{200b}-7 and #\u{200b}8");
    }

    #[test]
    fn a_fence_outlasts_the_backticks_inside() {
        let block = Fence::last(&["a", "````", "<!-- ha-deploy:v1 -->"], 2).to_string();
        assert_eq!(
            block,
            "`````text\n… 1 earlier lines left out\n````\n<! -- ha-deploy:v1 -- >\n`````"
        );
    }

    #[test]
    fn a_code_span_holds_backticks_and_pipes() {
        assert_eq!(Code("`a|b`").to_string(), "`` `a¦b` ``");
        assert_eq!(Code(" ").to_string(), "(empty)");
    }
}
