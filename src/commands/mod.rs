//! One file a verb: parse -> request -> rooms -> outcome.

mod bootstrap;
mod build;
mod check;
mod check_image;
mod deploy;
mod destroy;
mod drift;
mod gate;
mod host;
mod image;
mod job;
mod load;
mod plan;
mod provision;
mod rehearse;
mod rollback;
mod schema;
mod session;
mod stacks;
mod status;
mod templates;

pub use host::{Host, Out};

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::report::text::Plain;

/// Parses the arguments, runs the verb, and gives the exit code.
pub fn run(host: &Host, arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            let mut out = if usage { host.stderr.clone() } else { host.stdout.clone() };
            let _ = write!(out, "{}", error.render());
            return if usage { OutcomeKind::Invalid.exit_code() } else { 0 };
        }
    };
    match dispatch(host, &cli) {
        Ok(kind) => kind.exit_code(),
        Err(error) => {
            print_error(&mut host.stderr.clone(), &error);
            error.kind().exit_code()
        }
    }
}

fn dispatch(host: &Host, cli: &Cli) -> Result<OutcomeKind, Error> {
    match &cli.command {
        Command::Check(args) => check::command(host, &cli.global, args),
        Command::Schema => schema::command(host),
        Command::Plan(args) => plan::command(host, &cli.global, args),
        Command::Provision(args) => provision::command(host, &cli.global, args),
        Command::Destroy(args) => destroy::command(host, &cli.global, args),
        Command::Drift(args) => drift::command(host, &cli.global, args),
        Command::Bootstrap(args) => bootstrap::command(host, &cli.global, args),
        Command::Templates(args) => templates::command(host, &cli.global, args),
        Command::Build(args) => build::command(host, &cli.global, args),
        Command::CheckImage(args) => check_image::command(host, &cli.global, args),
        Command::Deploy(args) => deploy::command(host, &cli.global, args),
        Command::Rollback(args) => rollback::command(host, &cli.global, args),
        Command::Status(args) => status::command(host, &cli.global, args),
        Command::Gate(args) => gate::command(host, &cli.global, &args.command),
        Command::Rehearse(args) => rehearse::command(host, &cli.global, args),
    }
}

/// Prints an error with its causes that say more, and its hints.
fn print_error(out: &mut Out, error: &Error) {
    let _ = writeln!(out, "error: {}", Plain(&error.to_string()));
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            let _ = writeln!(out, "  caused by: {}", Plain(&text));
            said = text;
        }
        cause = inner.source();
    }
    for hint in error.hints() {
        let _ = writeln!(out, "  help: {}", Plain(hint));
    }
}
