//! What `build`, `deploy`, `plan` and `check-image` share: commissions made of the configuration, and
//! their delivery, several at a time.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cli::BuilderChoice;
use crate::config::model::{Architecture, Model, ScanSeverity, Service};
use crate::docker::check::{NAMES, Wish};
use crate::docker::{Builder, Cache, Secret, Setting, Source};
use crate::error::Error;
use crate::pipeline::event::{Event, EventKind, Sink};
use crate::pipeline::image::{Commission, Delivered, ScanPolicy, Severity, Workshop};

use super::Host;

/// ECS's own `stopTimeout` where nothing else is configured (ECS API reference, `ContainerDefinition`).
const STOP: Duration = Duration::from_secs(30);

/// How images are built in one command.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    /// Whether images are built although the registry has their content.
    pub(super) fresh: bool,
    /// Whether images are not tested.
    pub(super) unchecked: bool,
}

pub(super) fn setting(choice: Option<BuilderChoice>) -> Setting {
    let builder = choice.and_then(|choice| match choice {
        BuilderChoice::Auto => None,
        BuilderChoice::Buildx => Some(Builder::Buildx),
        BuilderChoice::Buildkit => Some(Builder::BuildKit),
        BuilderChoice::Classic => Some(Builder::Classic),
    });
    Setting { builder }
}

/// What is to be done for one service; `None` where nothing is built.
pub(super) fn commission(
    host: &Host,
    model: &Model,
    service: &Service,
    manner: Manner,
) -> Result<Option<Commission>, Error> {
    let Some(build) = &service.image.build else { return Ok(None) };
    let file = host.directory.join(&model.file);
    let base = file.parent().map(Path::to_owned).unwrap_or_default();
    let root = repository(&base);
    let args: Vec<(String, String)> =
        build.args.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let platform = service.task.architecture.map(|architecture| match architecture {
        Architecture::X86_64 => "linux/amd64".to_owned(),
        Architecture::Arm64 => "linux/arm64".to_owned(),
    });
    let mut settings = vec![
        ("dockerfile".to_owned(), build.dockerfile.clone()),
        ("target".to_owned(), build.target.clone().unwrap_or_default()),
        ("platform".to_owned(), platform.clone().unwrap_or_default()),
    ];
    settings.extend(args.iter().map(|(name, value)| (format!("arg:{name}"), value.clone())));
    // Of secrets only the names: a tag made of their values would tell whoever guesses them.
    settings.extend(build.secrets.keys().map(|id| (format!("secret:{id}"), String::new())));
    let mut secrets = Vec::new();
    for (id, variable) in &build.secrets {
        let value = host.vars.get(variable).filter(|value| !value.is_empty()).ok_or_else(|| {
            Error::invalid(format!(
                "the build of `{}` needs the secret `{id}`, and the variable {variable} is not set",
                service.name
            ))
            .hint(format!(
                "In a workflow: `env: {variable}: ${{{{ secrets.{variable} }}}}` on the step."
            ))
        })?;
        secrets.push((id.clone(), Secret::new(value.clone())));
    }
    let scan = service.image.scan.as_ref().map(|gate| ScanPolicy {
        severity: match gate.severity {
            ScanSeverity::Low => Severity::Low,
            ScanSeverity::Medium => Severity::Medium,
            ScanSeverity::High => Severity::High,
            ScanSeverity::Critical => Severity::Critical,
        },
        wait: gate.wait,
        allow: gate.allow.clone(),
    });
    let checked = service.image.check.enabled && !manner.unchecked;
    Ok(Some(Commission {
        service: service.name.to_string(),
        repository: service.image.repository.clone(),
        source: Source {
            root: root.clone(),
            context: base.join(&build.context),
            dockerfile: PathBuf::from(&build.dockerfile),
            settings,
            limit: u64::from(build.context_limit) << 20,
        },
        target: build.target.clone(),
        args,
        secrets,
        platform,
        cache: cache(host, build.cache.as_deref(), service)?,
        epoch: commit_time(host, &root),
        wish: if checked { Some(wish(service)?) } else { None },
        scan,
        running: None,
        fresh: manner.fresh,
    }))
}

/// What the image of a service must keep.
pub(super) fn wish(service: &Service) -> Result<Wish, Error> {
    let check = &service.image.check;
    if let Some(name) = check.accept.iter().find(|name| !NAMES.contains(&name.as_str())) {
        return Err(Error::invalid(format!(
            "`image.check.accept` of `{}`: there is no test `{name}`",
            service.name
        ))
        .hint(format!("The tests are: {}.", NAMES.join(", "))));
    }
    Ok(Wish {
        port: service.port,
        platform: service.task.architecture.map(|architecture| match architecture {
            Architecture::X86_64 => "linux/amd64".to_owned(),
            Architecture::Arm64 => "linux/arm64".to_owned(),
        }),
        health: check.health.clone(),
        ready: check.ready.clone(),
        live: check.live.clone(),
        metrics: check.metrics.clone(),
        in_flight: check.in_flight.clone(),
        environment: check.environment.clone(),
        away: check.away.clone(),
        start: check.start,
        answer: check.answer,
        stop: service.task.stop_timeout.unwrap_or(STOP),
        most_bytes: u64::from(check.max_size) << 20,
        most_layers: usize::try_from(check.max_layers).unwrap_or(usize::MAX),
        accepted: check.accept.clone(),
    })
}

/// GitHub's cache, or an image.
fn cache(host: &Host, setting: Option<&str>, service: &Service) -> Result<Option<Cache>, Error> {
    let Some(setting) = setting else { return Ok(None) };
    if setting != "github" {
        return Ok(Some(Cache::Registry(setting.to_owned())));
    }
    let names = [
        "ACTIONS_RUNTIME_TOKEN",
        "ACTIONS_CACHE_URL",
        "ACTIONS_RESULTS_URL",
        "ACTIONS_CACHE_SERVICE_V2",
    ];
    let variables: Vec<(String, Secret)> = names
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), Secret::new(host.vars.get(name)?.clone()))))
        .collect();
    // The runner gives them to actions, not to `run:` steps; away from GitHub there is no cache.
    let usable = host.vars.contains_key("ACTIONS_RUNTIME_TOKEN");
    Ok(usable.then(|| Cache::GitHub { scope: service.name.to_string(), variables }))
}

/// The nearest directory with a `.git`, else the directory itself.
fn repository(base: &Path) -> PathBuf {
    let mut folder = base.canonicalize().unwrap_or_else(|_| base.to_owned());
    let start = folder.clone();
    loop {
        if folder.join(".git").exists() {
            return folder;
        }
        if !folder.pop() {
            return start;
        }
    }
}

/// The time of the commit; `None` outside a repository. Git is given no variable that could be a secret.
fn commit_time(host: &Host, root: &Path) -> Option<i64> {
    let mut git = std::process::Command::new("git");
    let kept = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, host.vars.get(name)?)));
    git.args(["log", "-1", "--format=%ct"]).current_dir(root).env_clear().envs(kept);
    let output = git.output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()?.trim().parse().ok())?
}

/// Delivers images, `bound` at a time; the first fault is the error, after all have ended.
pub(super) async fn deliver(
    workshop: &Workshop<'_>,
    commissions: &[Commission],
    bound: usize,
) -> Result<Vec<Delivered>, Error> {
    let places = Semaphore::new(bound.max(1));
    let places = &places;
    let mut work: Vec<_> = commissions
        .iter()
        .map(|commission| {
            Box::pin(async move {
                let _place = places.acquire().await;
                workshop.deliver(commission).await
            })
        })
        .collect();
    let results = join(&mut work).await;
    results.into_iter().collect()
}

/// Waits for all futures; they run on this thread, in turn.
async fn join<T>(work: &mut [std::pin::Pin<Box<impl Future<Output = T>>>]) -> Vec<T> {
    let mut results: Vec<Option<T>> = work.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, result) in work.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Folds the output of builds into groups on a GitHub runner. Groups cannot overlap, so with several
/// services each one's output is kept until its build is over.
pub(super) struct Folded<S> {
    inner: S,
    out: Mutex<Box<dyn Write + Send>>,
    on: bool,
    held: Option<Mutex<Vec<Event>>>,
}

impl<S: Sink> Folded<S> {
    pub(super) fn new(inner: S, host: &Host, services: usize) -> Self {
        let on = host.vars.get("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        Self {
            inner,
            out: Mutex::new(Box::new(host.stderr.clone())),
            on,
            held: (on && services > 1).then(Mutex::default),
        }
    }

    fn line(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(out, "{text}");
    }

    fn group(&self, event: &Event, step: &str) {
        let service = event.service.as_deref().unwrap_or_default();
        self.line(&format!("::group::{step} {service}"));
    }
}

impl<S: Sink> Sink for Folded<S> {
    fn emit(&self, event: &Event) {
        if !self.on {
            return self.inner.emit(event);
        }
        match (&event.kind, &self.held) {
            (EventKind::Output { .. }, Some(held)) => {
                held.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
            }
            (EventKind::StepStarted { step: step @ ("build" | "push"), .. }, held) => {
                self.inner.emit(event);
                if held.is_none() {
                    self.group(event, step);
                }
            }
            (
                EventKind::StepFinished { step: step @ ("build" | "push"), .. }
                | EventKind::StepFailed { step: step @ ("build" | "push"), .. }
                | EventKind::StepSkipped { step: step @ ("build" | "push"), .. },
                held,
            ) => {
                if let Some(held) = held {
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    let own: Vec<Event> =
                        held.extract_if(.., |kept| kept.service == event.service).collect();
                    drop(held);
                    self.group(event, step);
                    own.iter().for_each(|kept| self.inner.emit(kept));
                }
                self.line("::endgroup::");
                self.inner.emit(event);
            }
            _ => self.inner.emit(event),
        }
    }
}
