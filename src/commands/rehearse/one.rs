//! One rehearsal, in process and in virtual time.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use aws_types::region::Region;
use tokio_util::sync::CancellationToken;

use crate::aws::{self, Aws};
use crate::clock::Clock;
use crate::commands::job::Job;
use crate::commands::session::{self, Recorder, Tee};
use crate::commands::stacks::Works;
use crate::config::model::Service;
use crate::domain::{Outcome, OutcomeKind};
use crate::error::Error;
use crate::pipeline::Until;
use crate::pipeline::event::{Event, EventKind, Sink};
use crate::plan::stacks::Allowance;
use crate::rehearsal::connector;
use crate::rehearsal::scenario::{Command, Scenario};
use crate::rehearsal::world::{Cloud, Signal};
use crate::report::Run;

use super::judge;
use super::stage::Stage;

/// How long the world goes on at most after the run, beside the termination wait, so that
/// deployments end and targets drain.
const AFTERMATH: Duration = Duration::from_secs(2 * 60 * 60);
/// How long it goes on at least when nothing was deployed, so that users notice what was done.
const AFTER_REFUSAL: Duration = Duration::from_secs(2 * 60);
/// How long somebody else's operation on a stack is waited for.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How often the rehearsal looks whether the scenario interrupts the run.
const TICK: Duration = Duration::from_secs(1);

/// A run, and how long the world went on in all.
pub(super) struct Rehearsal {
    pub(super) run: Run,
    pub(super) simulated: Duration,
}

/// Runs a scenario with a seed; the same seed gives the same run.
pub(super) fn rehearse(
    stage: &Stage,
    scenario: &Scenario,
    seed: u64,
    console: Box<dyn Sink>,
) -> Result<Rehearsal, Error> {
    // The SDK draws jitter, request ids and tokens from this thread's generator; so do our pauses.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| Error::bug("the virtual runtime cannot start").caused_by(error))?;
    let stage = &stage.dressed(scenario);
    let setup = stage.setup(scenario)?;
    runtime.block_on(async {
        let clock = Clock::starting_at(setup.epoch);
        let cloud = Cloud::new(setup, scenario.clone(), seed);
        let recorder = Recorder::default();
        let sink = Tee { recorder: recorder.clone(), console };
        let theatre = Theatre { scenario, stage, cloud: &cloud, clock: &clock, sink: &sink };
        let service = stage.service()?;
        let (outcome, aws) = theatre.play(service).await;
        let took = clock.elapsed();
        let refused = cloud.tally().deployments.is_empty();
        // Somebody else's deployment is not waited for: it may have half a day to go.
        let (least, most) = if refused {
            (took + AFTER_REFUSAL, took + AFTER_REFUSAL)
        } else {
            (took, took + AFTERMATH + service.rollout.termination_wait.unwrap_or_default())
        };
        let simulated = cloud.settle(least, most);
        drop(sink);
        let verb = match scenario.commands.last() {
            Some(Command::Provision) => "provision",
            Some(Command::Drift) => "drift",
            Some(Command::Destroy) => "destroy",
            Some(Command::Deploy) | None => "deploy",
        };
        let mut run = session::run_of(verb, &stage.model, &aws, &clock, &recorder, outcome);
        run.took = took;
        let tally = cloud.tally();
        run.api_calls = tally.api_calls.clone();
        run.rehearsed = Some(judge::judge(scenario, seed, &run, &tally, service));
        Ok(Rehearsal { run, simulated })
    })
}

/// A client of the cloud: the program's own, with the program's own retries and timeouts.
pub(super) fn connect(cloud: &Cloud, clock: Clock, region: &str) -> Aws {
    let http = connector::http_client(Arc::new(cloud.clone()), clock);
    let credentials =
        Credentials::new("AKIAREHEARSAL0000000", "rehearsal", None, None, "rehearsal");
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(clock))
        .build();
    aws::rehearsed(config, http)
}

struct Theatre<'a> {
    scenario: &'a Scenario,
    stage: &'a Stage,
    cloud: &'a Cloud,
    clock: &'a Clock,
    sink: &'a Tee,
}

impl Theatre<'_> {
    /// Deploys; a scenario may cancel the run, or kill it and run it again.
    async fn play(&self, service: &Service) -> (Outcome, Aws) {
        loop {
            let cancel = CancellationToken::new();
            let aws = connect(self.cloud, *self.clock, &self.stage.model.environment.region);
            let job = Job {
                aws: &aws,
                clock: self.clock,
                sink: self.sink,
                cancel: cancel.clone(),
                model: &self.stage.model,
                until: Until::Baked,
            };
            let works = Works {
                aws: &aws,
                clock: self.clock,
                sink: self.sink,
                cancel: cancel.clone(),
                model: &self.stage.model,
            };
            let killed = tokio::select! {
                biased;
                again = self.interrupt(&cancel) => again,
                outcome = self.run(&job, &works, service) => return (outcome, aws),
            };
            self.say("the runner is gone, without a word".into());
            let Some(again) = killed else {
                let outcome = Outcome::new(
                    OutcomeKind::Cancelled,
                    "the runner is gone, and nobody ran the command again",
                );
                return (outcome, aws);
            };
            self.clock.sleep(again).await;
            self.say("the same command is run again".into());
        }
    }

    /// Runs the scenario's commands; the first that does not succeed ends it.
    async fn run(&self, job: &Job<'_>, works: &Works<'_>, service: &Service) -> Outcome {
        let mut last = Outcome::new(OutcomeKind::Done, "nothing was run");
        for command in &self.scenario.commands {
            last = match command {
                Command::Deploy => Box::pin(job.deploy(&[service])).await,
                Command::Provision => {
                    Box::pin(works.provision(job, Allowance::new(), PATIENCE)).await
                }
                Command::Drift => Box::pin(works.drift_outcome(job)).await,
                Command::Destroy => {
                    let suffix = self.stage.model.environment.suffix.as_str();
                    Box::pin(works.destroy(job, Some(suffix))).await
                }
            };
            if last.kind != OutcomeKind::Done {
                break;
            }
        }
        last
    }

    /// Waits for the scenario's interruptions: cancels, or returns when the runner is killed, with
    /// the time until it is run again.
    async fn interrupt(&self, cancel: &CancellationToken) -> Option<Duration> {
        loop {
            self.clock.sleep(TICK).await;
            for signal in self.cloud.signals(self.clock.elapsed()) {
                match signal {
                    Signal::Cancel => cancel.cancel(),
                    Signal::Kill { run_again_after } => return run_again_after,
                }
            }
        }
    }

    fn say(&self, text: String) {
        let kind = EventKind::Warning { text };
        self.sink.emit(&Event { at: self.clock.elapsed(), service: None, kind });
    }
}
