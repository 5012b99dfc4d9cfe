//! Deploys, rolls back and plans, wherever the gateways lead: AWS or the embedded cloud.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, Fault};
use crate::clock::Clock;
use crate::config::model::{ImageSelector, Model, Service};
use crate::domain::{Identity, ImageDigest, ObservedService, Outcome, OutcomeKind};
use crate::error::Error;
use crate::observe::{self, ImageQuery, Query};
use crate::pipeline::event::{CheckVerdict, Event, EventKind, Sink};
use crate::pipeline::{Until, Walk, walk};
use crate::plan::{self, CheckResult, Plan, Target};

/// One command's work on one environment.
pub(super) struct Job<'a> {
    pub(super) aws: &'a Aws,
    pub(super) clock: &'a Clock,
    pub(super) sink: &'a dyn Sink,
    pub(super) cancel: CancellationToken,
    pub(super) model: &'a Model,
    pub(super) until: Until,
}

/// Why a job could not even be planned.
pub(super) enum Obstacle {
    /// Its reading was interrupted.
    Cancelled,
    /// It cannot be read, or must not be touched.
    Error(Error),
}

impl From<Fault> for Obstacle {
    fn from(fault: Fault) -> Self {
        Self::Error(fault.into())
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Obstacle {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled => {
                Outcome::new(OutcomeKind::Cancelled, "cancelled; nothing was changed")
            }
            Self::Error(error) => {
                let outcome = Outcome::new(error.kind(), error.to_string());
                error.hints().iter().fold(outcome, |outcome, hint| outcome.next(hint.clone()))
            }
        }
    }
}

impl Job<'_> {
    /// Asks who we are and refuses an account that the environment does not allow, before
    /// anything else is asked.
    pub(super) async fn identity(&self) -> Result<Identity, Obstacle> {
        let identity = self.unless_cancelled(observe::identity(self.aws)).await?;
        let check = plan::account(self.model, &identity);
        if let CheckResult::Refuse { outcome, mend } = check.result {
            self.emit(
                None,
                EventKind::Preflight {
                    check: check.name,
                    verdict: CheckVerdict::Refuse,
                    detail: check.found.clone(),
                },
            );
            return Err(Error::new(outcome, format!("not allowed: {}", check.found))
                .hint(mend)
                .into());
        }
        Ok(identity)
    }

    pub(super) async fn unless_cancelled<T>(
        &self,
        future: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Obstacle> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Obstacle::Cancelled),
            answer = future => Ok(answer?),
        }
    }

    fn emit(&self, service: Option<&Service>, kind: EventKind) {
        let service = service.map(|service| service.name.to_string());
        self.sink.emit(&Event { at: self.clock.elapsed(), service, kind });
    }

    /// Reads one service; `image`: whether the configured image is looked for.
    pub(super) async fn observe(
        &self,
        service: &Service,
        image: ImageQuery<'_>,
    ) -> Result<ObservedService, Obstacle> {
        let config = plan::deployment_config(service.rollout.shift);
        let query = Query {
            name: &service.name,
            cluster: &service.names.cluster,
            service: &service.names.service,
            application: &service.names.application,
            group: &service.names.deployment_group,
            container: &service.container,
            good_parameter: &service.names.good_parameter,
            alarms: &service.rollout.alarms,
            config: &config,
            past_until: (service.rollout.gates.is_some() && !matches!(image, ImageQuery::None))
                .then(|| self.clock.now()),
            image,
        };
        self.unless_cancelled(Box::pin(observe::service(self.aws, &query))).await
    }

    /// The digest that a service runs now; `None` when it is not pinned, or there is no service yet.
    pub(super) async fn running(&self, service: &Service) -> Result<Option<ImageDigest>, Obstacle> {
        let names = &service.names;
        let read = observe::running(self.aws, &names.cluster, &names.service, &service.container);
        self.unless_cancelled(Box::pin(read)).await
    }

    /// Plans the deployment of one service.
    pub(super) async fn plan(
        &self,
        identity: &Identity,
        service: &Service,
    ) -> Result<Plan, Obstacle> {
        let repository = service.image.repository.as_str();
        let image = match &service.image.selector {
            Some(ImageSelector::Tag(tag)) => ImageQuery::Tag(repository, tag),
            Some(ImageSelector::Digest(digest)) => ImageQuery::Digest(repository, digest),
            None => {
                let name = &service.name;
                return Err(Error::invalid(format!("no image is given for service `{name}`"))
                    .hint(format!("Pass --image {name}=TAG, or set `services.{name}.image.tag`."))
                    .into());
            }
        };
        let observed = self.observe(service, image).await?;
        Ok(plan::plan(self.model, service, identity, &observed))
    }

    /// Deploys services one after the other; the first that does not succeed ends it.
    pub(super) async fn deploy(&self, services: &[&Service]) -> Outcome {
        let identity = match self.identity().await {
            Ok(identity) => identity,
            Err(obstacle) => return self.finish(obstacle.outcome()),
        };
        let mut summaries = Vec::new();
        for service in services {
            let outcome = match Box::pin(self.plan(&identity, service)).await {
                Ok(plan) => self.walk(service, &plan).await,
                Err(obstacle) => self.finish(obstacle.outcome()),
            };
            if services.len() == 1 {
                return outcome;
            }
            if outcome.kind != OutcomeKind::Done {
                let before = match summaries.as_slice() {
                    [] => String::new(),
                    done => format!("{}; then ", done.join("; ")),
                };
                let summary = format!("{before}{}: {}", service.name, outcome.summary);
                return Outcome { summary, ..outcome };
            }
            summaries.push(format!("{}: {}", service.name, outcome.summary));
        }
        Outcome::new(OutcomeKind::Done, summaries.join("; "))
    }

    /// Rolls one service back.
    pub(super) async fn rollback(
        &self,
        service: &Service,
        target: &Target,
        override_alarms: bool,
    ) -> Outcome {
        match Box::pin(self.rollback_plan(service, target, override_alarms)).await {
            Ok(plan) => self.walk(service, &plan).await,
            Err(obstacle) => self.finish(obstacle.outcome()),
        }
    }

    async fn rollback_plan(
        &self,
        service: &Service,
        target: &Target,
        override_alarms: bool,
    ) -> Result<Plan, Obstacle> {
        let identity = self.identity().await?;
        let observed = self.observe(service, ImageQuery::None).await?;
        let goal = plan::rollback_target(target, &observed).map_err(|error| {
            Error::invalid(error.to_string())
                .hint("Name one with --to; `ha-deploy status` lists the good revisions.")
        })?;
        let definition = async {
            let found = self.aws.task_definition(&goal.to_string()).await?;
            Ok(observe::live_revision(found, &service.container))
        };
        let to = self.unless_cancelled(definition).await?;
        let exists = match &to.digest {
            None => None,
            Some(digest) => {
                let repository = plan::repository_of(&to, &service.container)
                    .unwrap_or_else(|| service.image.repository.clone());
                let image = self.aws.image(&repository, None, Some(digest));
                Some(self.unless_cancelled(image).await?.is_some())
            }
        };
        Ok(plan::rollback(self.model, service, &identity, &observed, &to, exists, override_alarms))
    }

    async fn walk(&self, service: &Service, plan: &Plan) -> Outcome {
        let context = Walk {
            aws: self.aws,
            clock: self.clock,
            sink: self.sink,
            cancel: self.cancel.clone(),
            service: service.name.to_string(),
            environment: self.model.environment.name.to_string(),
            until: self.until,
            good_parameter: service.names.good_parameter.clone(),
        };
        walk(&context, plan).await
    }

    /// Says the outcome of a job that could not be planned.
    pub(super) fn finish(&self, outcome: Outcome) -> Outcome {
        self.emit(None, EventKind::Finished { outcome: outcome.clone() });
        outcome
    }
}

/// The services that the arguments name, in the order of the file; all when they name none.
pub(super) fn chosen<'a>(model: &'a Model, names: &[String]) -> Result<Vec<&'a Service>, Error> {
    for name in names {
        if !model.services.iter().any(|service| service.name.as_str() == name) {
            let known: Vec<&str> =
                model.services.iter().map(|service| service.name.as_str()).collect();
            return Err(Error::invalid(format!("there is no service `{name}`")).hint(format!(
                "{} has: {}.",
                model.file.display(),
                known.join(", ")
            )));
        }
    }
    let wanted = |service: &&Service| {
        names.is_empty() || names.iter().any(|name| service.name.as_str() == name)
    };
    Ok(model.services.iter().filter(wanted).collect())
}

/// Replaces image selectors by those of `--image SERVICE=TAG|DIGEST`.
pub(super) fn override_images(model: &mut Model, images: &[String]) -> Result<(), Error> {
    let mut given = BTreeMap::new();
    for image in images {
        let (service, selector) =
            image.split_once('=').filter(|(_, s)| !s.is_empty()).ok_or_else(|| {
                Error::invalid(format!("--image {image}: not of the form SERVICE=TAG|DIGEST"))
            })?;
        if given.insert(service.to_owned(), selector).is_some() {
            return Err(Error::invalid(format!("--image names `{service}` twice")));
        }
        chosen(model, &[service.to_owned()])?;
        let selector = selector_of(selector)
            .ok_or_else(|| Error::invalid(format!("--image {image}: not a tag or digest"))
                .hint("A tag has at most 128 letters, digits, `_`, `.` and `-`; a digest is sha256:<64 hex digits>."))?;
        for known in &mut model.services {
            if known.name.as_str() == service {
                known.image.selector = Some(selector.clone());
            }
        }
    }
    Ok(())
}

fn selector_of(text: &str) -> Option<ImageSelector> {
    if text.starts_with("sha256:") {
        return crate::domain::ImageDigest::new(text).map(ImageSelector::Digest);
    }
    let first = text.bytes().next()?;
    let valid = text.len() <= 128
        && (first.is_ascii_alphanumeric() || first == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    valid.then(|| ImageSelector::Tag(text.to_owned()))
}
