//! `rehearse`: the real program on the embedded cloud. The only place that imports `rehearsal`.

mod docker;
mod judge;
mod list;
mod one;
mod serve;
mod stage;

use std::io::Write;
use std::time::Duration;

use crate::cli::{Global, RehearseArgs};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::event::Sink;
use crate::rehearsal::scenario::{self, Scenario};
use crate::report::Run;
use crate::report::text::Plain;

use super::Host;
use super::session::{self, Silent};

use one::Rehearsal;
use stage::Stage;

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &RehearseArgs,
) -> Result<OutcomeKind, Error> {
    if args.list {
        return Ok(list::print(host, global));
    }
    let mut stage = Stage::set(host, global, args)?;
    if let Some(address) = args.serve {
        return serve::serve(host, &stage, scenario(host, &args.scenario)?, args, address);
    }
    if args.all {
        return all(host, global, args, &stage);
    }
    if let Some(registry) = args.docker {
        docker::build(host, global, &mut stage, registry)?;
    }
    let scenario = scenario(host, &args.scenario)?;
    let mut stderr = host.stderr.clone();
    if !global.quiet {
        let _ =
            writeln!(stderr, "rehearsing {}: {}\n", scenario.name, Plain(&scenario.description));
    }
    let console = session::lines(host, global, &stage.model);
    let Rehearsal { run, simulated } = one::rehearse(&stage, &scenario, args.seed, console)?;
    session::publish(host, global, args.comment.as_deref(), &run)?;
    if !global.quiet {
        summary(&mut stderr, &run, simulated);
    }
    Ok(verdict(&run))
}

/// Finds a built-in scenario, or reads a file.
fn scenario(host: &Host, name: &str) -> Result<Scenario, Error> {
    if let Some(builtin) = scenario::find(name) {
        return builtin.scenario().map_err(|error| Error::bug(error.to_string()));
    }
    let path = host.directory.join(name);
    if !path.is_file() {
        let known: Vec<&str> = scenario::builtin().iter().map(|builtin| builtin.name).collect();
        return Err(Error::invalid(format!("there is no scenario and no file `{name}`"))
            .hint(format!("Built in: {}.", known.join(", "))));
    }
    let text = super::load::bytes(host, name.as_ref())?;
    let text = String::from_utf8(text)
        .map_err(|error| Error::invalid(format!("{name} is not UTF-8")).caused_by(error))?;
    scenario::parse(&text, name).map_err(|error| Error::invalid(error.to_string()))
}

/// Runs every built-in scenario and prints one line for each.
fn all(
    host: &Host,
    global: &Global,
    args: &RehearseArgs,
    stage: &Stage,
) -> Result<OutcomeKind, Error> {
    let mut stdout = host.stdout.clone();
    let mut worst = OutcomeKind::Done;
    let mut documents = Vec::new();
    for builtin in scenario::builtin() {
        let scenario = builtin.scenario().map_err(|error| Error::bug(error.to_string()))?;
        let console: Box<dyn Sink> = Box::new(Silent);
        let Rehearsal { run, simulated } = one::rehearse(stage, &scenario, args.seed, console)?;
        let kind = verdict(&run);
        if kind != OutcomeKind::Done && !expected(&run) {
            worst = OutcomeKind::Bug;
        }
        if global.json {
            documents.push(judge::line(&run, simulated));
        } else {
            let _ = stdout.write_all(judge::text(&run, simulated).as_bytes());
        }
    }
    if global.json {
        let text = serde_json::to_string_pretty(&documents)
            .map_err(|error| Error::bug("the results cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    }
    Ok(worst)
}

/// Whether everything came as the scenario expects.
fn expected(run: &Run) -> bool {
    run.rehearsed.as_ref().is_none_or(|rehearsed| {
        rehearsed.violations.is_empty() && rehearsed.expectations.iter().all(|e| e.met)
    })
}

/// A single rehearsal ends with the exit code of the rehearsed command, so that a workflow can be
/// tried; one that ended otherwise than its scenario expects ends with 1.
fn verdict(run: &Run) -> OutcomeKind {
    if expected(run) { run.outcome.kind } else { OutcomeKind::Bug }
}

/// What only a rehearsal knows, below the events.
fn summary(out: &mut super::Out, run: &Run, simulated: Duration) {
    let _ = out.write_all(judge::details(run, simulated).as_bytes());
}
