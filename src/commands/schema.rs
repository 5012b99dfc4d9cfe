//! `schema`: prints the JSON Schema of the configuration.

use std::io::Write;

use crate::config;
use crate::domain::OutcomeKind;
use crate::error::Error;

use super::Host;

pub(super) fn command(host: &Host) -> Result<OutcomeKind, Error> {
    let text = serde_json::to_string_pretty(&config::schema())
        .map_err(|error| Error::bug("the schema cannot be written").caused_by(error))?;
    let _ = writeln!(host.stdout.clone(), "{text}");
    Ok(OutcomeKind::Done)
}
