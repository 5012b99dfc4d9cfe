//! What the commands that talk to AWS share: runtime, sinks, connection, the end.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aws::{Aws, Connection};
use crate::cli::{Color, Global};
use crate::clock::Clock;
use crate::config::model::Model;
use crate::domain::{Outcome, OutcomeKind};
use crate::error::Error;
use crate::pipeline::Until;
use crate::pipeline::event::{Event, EventKind, Sink};
use crate::plan::stacks::PlanError;
use crate::report::console::{Colour, Level, Lines, Live};
use crate::report::{Run, comment, json};

use super::job::Job;
use super::stacks::Works;
use super::{Host, load};

/// Keeps every event for the reports.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Event>>>);

impl Recorder {
    pub(super) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Recorder {
    fn emit(&self, event: &Event) {
        // A build writes thousands of lines; those that say why it failed come once more as a log.
        if matches!(event.kind, EventKind::Output { .. }) {
            return;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

/// Both the record and the console.
pub(super) struct Tee {
    pub(super) recorder: Recorder,
    pub(super) console: Box<dyn Sink>,
}

impl Sink for Tee {
    fn emit(&self, event: &Event) {
        self.recorder.emit(event);
        self.console.emit(event);
    }
}

/// A console that says nothing.
pub(super) struct Silent;

impl Sink for Silent {
    fn emit(&self, _event: &Event) {}
}

/// The runtime of commands that talk to the real world.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::bug("the async runtime cannot start").caused_by(error))
}

/// Whether standard error gets colour.
pub(super) fn colour(host: &Host, global: &Global) -> Colour {
    let set = |name: &str| host.vars.get(name).is_some_and(|value| !value.is_empty());
    let on = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => host.columns.is_some() && !set("NO_COLOR"),
    };
    if on { Colour::Ansi } else { Colour::Never }
}

/// How much is said.
pub(super) fn level(global: &Global) -> Level {
    match (global.quiet, global.verbose) {
        (true, _) => Level::Quiet,
        (false, 0) => Level::Normal,
        (false, _) => Level::Verbose,
    }
}

/// The console for a command: a live tree on a terminal, plain lines elsewhere.
pub(super) fn console(host: &Host, global: &Global, model: &Model) -> Box<dyn Sink> {
    let names = || model.services.iter().map(|service| service.name.as_str());
    let out = Box::new(host.stderr.clone());
    let (level, colour) = (level(global), colour(host, global));
    match host.columns {
        Some(columns) if !global.quiet => {
            Box::new(Live::new(out, Box::new(move || columns), level, colour, names()))
        }
        _ => lines(host, global, model),
    }
}

/// Plain lines, also on a terminal: virtual time runs too fast for a tree that is redrawn.
pub(super) fn lines(host: &Host, global: &Global, model: &Model) -> Box<dyn Sink> {
    let names = model.services.iter().map(|service| service.name.as_str());
    let out = Box::new(host.stderr.clone());
    Box::new(Lines::new(out, level(global), colour(host, global), names))
}

/// Whether a command tells what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// As it happens.
    Aloud,
    /// As it happens, line by line: what is told is not about services.
    Lines,
    /// Only its result.
    Silent,
}

/// A command's way to AWS: the configuration, the gateways, the clock, the record.
pub(super) struct Session<'a> {
    pub(super) model: Model,
    host: &'a Host,
    global: &'a Global,
    aws: Aws,
    clock: Clock,
    recorder: Recorder,
    sink: Tee,
}

impl<'a> Session<'a> {
    /// Loads the configuration and connects; signals cancel from here on.
    pub(super) async fn open(
        host: &'a Host,
        global: &'a Global,
        profile: Option<&str>,
        voice: Voice,
    ) -> Result<Self, Error> {
        (host.signals)(host.cancel.clone());
        let model = load::model(host, global, profile).await?;
        let aws = connect(host, global, &model, profile).await;
        let recorder = Recorder::default();
        let console: Box<dyn Sink> = match voice {
            Voice::Aloud => console(host, global, &model),
            Voice::Lines => lines(host, global, &model),
            Voice::Silent => Box::new(Silent),
        };
        let sink = Tee { recorder: recorder.clone(), console };
        Ok(Self { model, host, global, aws, clock: Clock::system(), recorder, sink })
    }

    /// Where events go.
    pub(super) fn sink(&self) -> &Tee {
        &self.sink
    }

    /// The work on the environment.
    pub(super) fn job(&self, until: Until) -> Job<'_> {
        Job {
            aws: &self.aws,
            clock: &self.clock,
            sink: &self.sink,
            cancel: self.host.cancel.clone(),
            model: &self.model,
            until,
        }
    }

    /// The work on the environment's stacks.
    pub(super) fn works(&self) -> Works<'_> {
        Works {
            aws: &self.aws,
            clock: &self.clock,
            sink: &self.sink,
            cancel: self.host.cancel.clone(),
            model: &self.model,
        }
    }

    /// Refuses a configuration without a stack.
    pub(super) fn needs_stack(&self) -> Result<(), Error> {
        match self.model.stack {
            Some(_) => Ok(()),
            None => Err(PlanError::NoStack.into()),
        }
    }

    /// Works as the caller, not as the environment's role.
    pub(super) async fn without_role(&mut self, profile: Option<&str>) {
        self.model.environment.role = None;
        self.aws = connect(self.host, self.global, &self.model, profile).await;
    }

    /// Publishes the result; gives its kind.
    pub(super) fn finish(
        self,
        command: &'static str,
        outcome: Outcome,
        comment: Option<&Path>,
    ) -> Result<OutcomeKind, Error> {
        // The live tree lets go of the terminal before anything else is printed.
        drop(self.sink);
        let kind = outcome.kind;
        let run = run_of(command, &self.model, &self.aws, &self.clock, &self.recorder, outcome);
        publish(self.host, self.global, comment, &run)?;
        Ok(kind)
    }
}

/// Connects to the AWS of an environment. Debug logs of the SDK go to standard error with `-vv`.
pub(super) async fn connect(
    host: &Host,
    global: &Global,
    model: &Model,
    profile: Option<&str>,
) -> Aws {
    if global.verbose >= 2 {
        let out = host.stderr.clone();
        let filter = tracing_subscriber::EnvFilter::new("info,aws_config=debug,aws_runtime=debug");
        // A second command in the same process keeps the first one's subscriber.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(move || out.clone())
            .try_init();
    }
    crate::aws::connect(&Connection {
        region: model.environment.region.clone(),
        role: model.environment.role.clone(),
        profile: profile.map(str::to_owned),
    })
    .await
}

/// Puts together what the reports are made of.
pub(super) fn run_of(
    command: &'static str,
    model: &Model,
    aws: &Aws,
    clock: &Clock,
    recorder: &Recorder,
    outcome: Outcome,
) -> Run {
    let mut run = Run::new(command, outcome);
    run.app = Some(model.app.clone());
    run.environment = Some(model.environment.name.clone());
    run.region = Some(model.environment.region.clone());
    run.account = model
        .environment
        .accounts
        .first()
        .cloned()
        .filter(|_| model.environment.accounts.len() == 1);
    run.events = recorder.events();
    run.took = clock.elapsed();
    run.api_calls = aws.calls().by_operation();
    run
}

/// Prints the JSON document and writes the comment, as asked for.
pub(super) fn publish(
    host: &Host,
    global: &Global,
    comment_file: Option<&Path>,
    run: &Run,
) -> Result<(), Error> {
    if global.json {
        let _ = host.stdout.clone().write_all(json::render(run)?.as_bytes());
    }
    if let Some(file) = comment_file {
        write_file(&host.directory.join(file), &comment::render(run))?;
    }
    Ok(())
}

/// Writes a file; the error names it.
pub(super) fn write_file(file: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(file, text).map_err(|error| {
        Error::invalid(format!("{} cannot be written", file.display())).caused_by(error)
    })
}

/// Writes a file that must not exist yet; the error names it.
pub(super) fn write_new(file: &Path, text: &str) -> Result<(), Error> {
    std::fs::File::create_new(file).and_then(|mut open| open.write_all(text.as_bytes())).map_err(
        |error| Error::invalid(format!("{} cannot be written", file.display())).caused_by(error),
    )
}
