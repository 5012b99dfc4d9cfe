//! Walks stacks: makes them what is wanted, or takes them away.
//!
//! Every stack has its own small walk, which begins as soon as the stacks that it needs are done.
//! Nothing is remembered between runs: names and tokens come from what is asked for, so that a run
//! finds the work of the one before and goes on with it.

mod change;
mod destroy;
mod drift;
mod empty;
mod follow;
mod guard;
mod one;
mod trouble;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::domain::{Outcome, OutcomeKind, StackKey};
use crate::plan::stacks::{Allowance, Instance};

use super::event::{Event, EventKind, Sink};

pub use change::{preview, read_values};
pub use destroy::{Destroy, destroy};
pub use drift::drift;

use trouble::Trouble;

/// How often a change set, an operation or a detection is asked about.
const POLL: Duration = Duration::from_secs(5);

/// What a walk over stacks needs.
#[derive(Clone)]
pub struct Provision<'a> {
    /// The gateways of the environment's own region.
    pub aws: &'a Aws,
    /// Time.
    pub clock: &'a Clock,
    /// Where events go.
    pub sink: &'a dyn Sink,
    /// Fires when the command is to stop.
    pub cancel: CancellationToken,
    /// The role that CloudFormation works as; `None`: the caller's own permissions.
    pub role: Option<String>,
    /// Data stores that may be replaced or deleted.
    pub allowed: Allowance,
    /// How long somebody else's operation on a stack is waited for.
    pub patience: Duration,
    /// The environment's name, for commands that a person is told; `None`: `bootstrap`.
    pub environment: Option<String>,
}

impl Provision<'_> {
    fn emit(&self, kind: EventKind) {
        self.sink.emit(&Event { at: self.clock.elapsed(), service: None, kind });
    }

    fn warn(&self, text: impl Into<String>) {
        self.emit(EventKind::Warning { text: text.into() });
    }

    /// Waits, unless the command is cancelled first.
    async fn pause(&self, duration: Duration) -> Result<(), Trouble> {
        self.unless_cancelled(async {
            self.clock.sleep(duration).await;
            Ok::<_, Trouble>(())
        })
        .await
    }

    /// Waits for something, unless the command is cancelled first.
    async fn unless_cancelled<T, E: Into<Trouble>>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Trouble> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Trouble::Cancelled),
            value = future => value.map_err(Into::into),
        }
    }
}

/// How far one stack is, for those that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    Done,
    Failed,
}

/// Makes every stack what is wanted; each begins when those that it needs are done.
pub async fn provision(context: &Provision<'_>, instances: &[Instance]) -> Outcome {
    let board: BTreeMap<StackKey, watch::Sender<Progress>> = instances
        .iter()
        .map(|instance| (instance.key(), watch::Sender::new(Progress::Waiting)))
        .collect();
    let walks = instances.iter().map(|instance| {
        let board = &board;
        async move {
            let result = match ready(board, instance).await {
                Ok(()) => Box::pin(one::one(context, instance)).await,
                Err(on) => Err(Trouble::Skipped { on }),
            };
            let progress = if result.is_ok() { Progress::Done } else { Progress::Failed };
            report(context, instance, &result);
            if let Some(sender) = board.get(&instance.key()) {
                sender.send_replace(progress);
            }
            result.map_err(|trouble| (instance.name.clone(), trouble))
        }
    });
    let results = join_all(walks).await;
    let outcome = outcome(context, results);
    context.emit(EventKind::Finished { outcome: outcome.clone() });
    outcome
}

/// Waits for the stacks that one needs; the error names one that failed.
async fn ready(
    board: &BTreeMap<StackKey, watch::Sender<Progress>>,
    instance: &Instance,
) -> Result<(), String> {
    for key in &instance.after {
        let Some(sender) = board.get(key) else { continue };
        let mut receiver = sender.subscribe();
        let progress = receiver.wait_for(|progress| *progress != Progress::Waiting).await;
        if !progress.is_ok_and(|progress| *progress == Progress::Done) {
            return Err(key.name.clone());
        }
    }
    Ok(())
}

fn report(context: &Provision<'_>, instance: &Instance, result: &Result<String, Trouble>) {
    let stack = instance.name.clone();
    match result {
        Ok(detail) => {
            context.emit(EventKind::StackFinished { stack, detail: detail.clone() });
        }
        Err(Trouble::Skipped { .. } | Trouble::Cancelled) => {}
        Err(trouble) => context.emit(EventKind::StackFailed {
            stack,
            cause: trouble.to_string(),
            cascades: trouble.cascades(),
        }),
    }
}

/// Puts the ends of all stacks together: the gravest decides.
fn outcome(context: &Provision<'_>, results: Vec<Result<String, (String, Trouble)>>) -> Outcome {
    let count = results.len();
    let mut troubles: Vec<(String, Trouble)> =
        results.into_iter().filter_map(Result::err).collect();
    let skipped: Vec<String> = troubles
        .iter()
        .filter(|(_, trouble)| matches!(trouble, Trouble::Skipped { .. }))
        .map(|(stack, _)| stack.clone())
        .collect();
    troubles.retain(|(_, trouble)| !matches!(trouble, Trouble::Skipped { .. }));
    // A stable sort: of equally grave ones the first in order of waves is named.
    troubles.sort_by_key(|(_, trouble)| trouble.gravity());
    let Some((stack, worst)) = troubles.first() else {
        let stacks = if count == 1 { "stack is" } else { "stacks are" };
        return Outcome::new(OutcomeKind::Done, format!("{count} {stacks} as wanted"));
    };
    let rest = count - troubles.len() - skipped.len();
    let summary = match worst {
        Trouble::Cancelled => {
            format!("cancelled; {rest} of {count} stacks are as wanted, AWS ends what it began")
        }
        _ => format!("{stack}: {worst}; {rest} of {count} stacks are as wanted"),
    };
    let mut outcome = Outcome::new(worst.kind(), summary);
    for (stack, trouble) in &troubles {
        if let Some(next) = trouble.next(stack) {
            outcome = outcome.next(next);
        }
    }
    if !skipped.is_empty() {
        outcome = outcome.next(format!("Not begun, because they need it: {}.", skipped.join(", ")));
    }
    let again = match &context.environment {
        Some(environment) => format!("ha-deploy provision --environment {environment}"),
        None => "ha-deploy bootstrap".to_owned(),
    };
    outcome.next(again)
}
