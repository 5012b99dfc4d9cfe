//! `check`: every fault of the configuration, at once.

use std::io::Write;

use crate::cli::{CheckArgs, Format, Global};
use crate::config;
use crate::config::diagnostic::Severity;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::report::{annotations, diagnostics};

use super::{Host, load, session};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &CheckArgs,
) -> Result<OutcomeKind, Error> {
    let text = load::bytes(host, &global.config)?;
    let lookup = load::lookup(host);
    let found = match &global.environment {
        None => config::check(&text, &global.config, &lookup),
        Some(name) => match config::load(&text, &global.config, Some(name), &lookup) {
            Ok(loaded) => loaded.warnings,
            Err(found) => found,
        },
    };
    let failed = found.iter().any(|finding| finding.severity == Severity::Error);
    let mut stdout = host.stdout.clone();
    let format = if global.json { Format::Json } else { args.format };
    match format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&found)
                .map_err(|error| Error::bug("the findings cannot be written").caused_by(error))?;
            let _ = writeln!(stdout, "{text}");
        }
        Format::Github => {
            let _ = stdout.write_all(annotations::render(&found).as_bytes());
        }
        Format::Text if found.is_empty() => {}
        Format::Text => {
            let text = diagnostics::render(&found, session::colour(host, global));
            let _ = host.stderr.clone().write_all(text.as_bytes());
        }
    }
    if failed {
        return Err(load::invalid(&global.config, &found));
    }
    if format == Format::Text && !global.quiet {
        let _ = writeln!(stdout, "{} is valid", global.config.display());
    }
    Ok(OutcomeKind::Done)
}
