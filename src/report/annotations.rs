//! Diagnostics as GitHub workflow commands, which GitHub shows beside the line in the pull request.
//!
//! Escaping follows the runner (`actions/toolkit`, `packages/core/src/command.ts`): text from the
//! file can neither end the command nor start another one.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::diagnostic::{Diagnostic, Severity};

/// Renders one `::error …::` or `::warning …::` line for each diagnostic.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut message = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            let _ = write!(message, "\nhelp: {help}");
        }
        for related in &diagnostic.related {
            let _ = write!(message, "\nline {}: {}", related.line, related.message);
        }
        let _ = writeln!(
            out,
            "::{command} file={},line={},col={},endColumn={},title={}::{}",
            property(&path(&diagnostic.file)),
            diagnostic.line,
            diagnostic.column,
            diagnostic.end_column,
            property(&format!("ha-deploy: {}", diagnostic.code)),
            data(&message),
        );
    }
    out
}

/// GitHub wants paths as in the repository, with slashes.
fn path(file: &Path) -> String {
    let path = file.to_string_lossy().replace('\\', "/");
    path.strip_prefix("./").map(str::to_owned).unwrap_or(path)
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
