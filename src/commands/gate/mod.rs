//! `gate`: the statistical gate on recorded samples, and what it can see beforehand.

mod policy;
mod power;
mod replay;
mod samples;

use crate::cli::{GateCommand, Global};
use crate::domain::OutcomeKind;
use crate::error::Error;

use super::Host;

pub(super) fn command(
    host: &Host,
    global: &Global,
    command: &GateCommand,
) -> Result<OutcomeKind, Error> {
    match command {
        GateCommand::Replay(args) => replay::command(host, global, args),
        GateCommand::Power(args) => power::command(host, global, args),
    }
}
