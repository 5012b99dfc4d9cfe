//! Runs a one-off task with the new revision and waits for it, relaying its log.

use std::time::Duration;

use crate::aws::{OneOff, StoppedTask, TaskProgress};
use crate::pipeline::event::EventKind;
use crate::pipeline::walk::{Candidate, Stop, Walk};
use crate::plan::{MARK, Migration, Plan};

/// Time between two looks at the task.
const POLL: Duration = Duration::from_secs(6);
/// Lines shown when it fails.
const LAST_LINES: i32 = 20;

pub(in crate::pipeline) async fn migrate(
    context: &Walk<'_>,
    plan: &Plan,
    migration: &Migration,
    candidate: &Candidate,
) -> Result<String, Stop> {
    let cluster = plan.cluster.as_str();

    let started_by = format!("{MARK}/{}", plan.digest);
    let container = migration.container.as_str();
    // A run that died and came back finds its own task: it joins one that runs, and does not repeat
    // one that succeeded. One that failed is tried again.
    let family = candidate.revision.family();
    let earlier = context.aws.one_offs(cluster, family, &started_by, container);
    let earlier = context.unless_cancelled(earlier).await??;
    if let Some((task, _)) = earlier.iter().find(|(_, progress)| succeeded(progress)) {
        return Ok(format!("task {task} had exited with 0 already"));
    }
    let running = earlier.iter().find(|(_, progress)| matches!(progress, TaskProgress::Under(_)));
    let task = match running {
        Some((task, _)) => task.clone(),
        None => {
            let token = format!("{MARK}-{}-{}", plan.digest, earlier.len());
            let one_off = OneOff {
                cluster,
                task_definition: &candidate.arn,
                container,
                command: &migration.migrate.command,
                placement: &migration.placement,
                token: &token,
                started_by: &started_by,
            };
            // Not cancellable: a task whose id is not known could not be stopped.
            context.aws.run_once(&one_off).await?
        }
    };
    let deadline = context.clock.elapsed() + migration.migrate.timeout;
    let mut relay = Relay { context, migration, task: &task, token: None };
    let stopped = loop {
        if context.pause(POLL).await.is_err() {
            give_up(context, cluster, &task, "cancelled").await;
            return Err(Stop::Cancelled);
        }
        relay.more().await;
        match context.aws.progress(cluster, &task, container).await {
            Ok(TaskProgress::Stopped(stopped)) => {
                relay.more().await;
                break stopped;
            }
            Ok(TaskProgress::Under(_)) => {}
            // The task goes on whether or not we can see it; the deadline ends the wait.
            Err(fault) => context.warn(format!("task {task} can't be read: {fault}")),
        }
        if context.clock.elapsed() >= deadline {
            give_up(context, cluster, &task, "timed out").await;
            let limit = migration.migrate.timeout.as_secs();
            return Err(Stop::Failed(format!(
                "task {task} did not end within {limit} s; it was stopped"
            )));
        }
    };
    conclude(context, migration, &task, stopped).await
}

fn succeeded(progress: &TaskProgress) -> bool {
    matches!(progress, TaskProgress::Stopped(StoppedTask { exit_code: Some(0), .. }))
}

async fn conclude(
    context: &Walk<'_>,
    migration: &Migration,
    task: &str,
    stopped: StoppedTask,
) -> Result<String, Stop> {
    if stopped.exit_code == Some(0) {
        return Ok(format!("task {task} exited with 0"));
    }
    let logs = match &migration.logs {
        None => Vec::new(),
        Some(logs) => {
            let stream = format!("{}/{}/{task}", logs.prefix, migration.container);
            context.aws.last_lines(&logs.group, &stream, LAST_LINES).await.unwrap_or_default()
        }
    };
    let code =
        stopped.exit_code.map_or_else(|| "no exit code".to_owned(), |c| format!("exit code {c}"));
    let reason = stopped.reason.clone();
    context.emit(EventKind::TaskStopped {
        task: stopped.id,
        revision: stopped.revision,
        reason: stopped.reason,
        exit_code: stopped.exit_code,
        logs,
    });
    Err(Stop::Failed(format!("task {task} ended with {code}: {reason}")))
}

async fn give_up(context: &Walk<'_>, cluster: &str, task: &str, why: &str) {
    if let Err(fault) = context.aws.stop_task(cluster, task, &format!("{MARK}: {why}")).await {
        context.warn(format!("task {task} could not be stopped and may still run: {fault}"));
    }
}

/// Relays log lines as they come. Logs that cannot be read never fail a migration.
struct Relay<'a> {
    context: &'a Walk<'a>,
    migration: &'a Migration,
    task: &'a str,
    token: Option<String>,
}

impl Relay<'_> {
    async fn more(&mut self) {
        let Some(logs) = &self.migration.logs else { return };
        let stream = format!("{}/{}/{}", logs.prefix, self.migration.container, self.task);
        let page = self.context.aws.lines_after(&logs.group, &stream, self.token.clone()).await;
        if let Ok(page) = page {
            self.token = page.next.or(self.token.take());
            if !page.lines.is_empty() {
                self.context.emit(EventKind::Log { lines: page.lines });
            }
        }
    }
}
