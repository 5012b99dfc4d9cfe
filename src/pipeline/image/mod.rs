//! From sources to a digest in the registry: build, check, push, verify, scan.
//!
//! Nothing that comes after refers to a tag. The tag that an image is pushed under stands for its
//! content; when the registry has it already, nothing is built.

mod push;
mod scan;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, Tagged};
use crate::clock::Clock;
use crate::docker::check::{Wish, check};
use crate::docker::{
    Cache, Content, Engine, Failed, Recipe, Secret, Setting, Source, Vault, content,
};
use crate::domain::{ImageDigest, ImageFinding, ImageVerdict, OutcomeKind};
use crate::error::Error;

use super::event::{Event, EventKind, Sink};

pub use scan::{ScanPolicy, Severity};

/// What every commission needs.
pub struct Workshop<'a> {
    /// The gateways.
    pub aws: &'a Aws,
    /// Time.
    pub clock: &'a Clock,
    /// Where events go.
    pub sink: &'a dyn Sink,
    /// Fires when the command is to stop.
    pub cancel: CancellationToken,
    /// The variables of the process.
    pub vars: &'a BTreeMap<String, String>,
    /// How to find the engine.
    pub setting: Setting,
    engine: OnceCell<Engine>,
}

/// One image to deliver.
#[derive(Debug, Clone)]
pub struct Commission {
    /// The service that it is for.
    pub service: String,
    /// The repository in ECR.
    pub repository: String,
    /// What it is built of.
    pub source: Source,
    /// The stage.
    pub target: Option<String>,
    /// Build arguments.
    pub args: Vec<(String, String)>,
    /// Build secrets by id.
    pub secrets: Vec<(String, Secret)>,
    /// The platform; `None`: the engine's.
    pub platform: Option<String>,
    /// Where layers are cached.
    pub cache: Option<Cache>,
    /// The time of the commit, in seconds since the Unix epoch.
    pub epoch: Option<i64>,
    /// What the image must keep; `None`: it is not checked.
    pub wish: Option<Wish>,
    /// What its scan may find; `None`: nobody asks.
    pub scan: Option<ScanPolicy>,
    /// What runs now, for comparing scans.
    pub running: Option<ImageDigest>,
    /// Whether it is built although the registry has its content.
    pub fresh: bool,
}

/// An image in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The service that it is for.
    pub service: String,
    /// Its digest.
    pub digest: ImageDigest,
    /// Whether the registry had it.
    pub reused: bool,
}

/// What a look at the registry says of a commission.
#[derive(Debug)]
pub struct Prospect {
    /// The content.
    pub content: Content,
    /// The image, when the registry has it.
    pub digest: Option<ImageDigest>,
    /// Whether the repository is there to push to.
    pub repository: bool,
}

const BUILD: &str = "build";
const CHECK: &str = "check-image";
const PUSH: &str = "push";
const SCAN: &str = "scan";

impl<'a> Workshop<'a> {
    /// A workshop; removes what a run that was killed left behind.
    pub fn new(
        aws: &'a Aws,
        clock: &'a Clock,
        sink: &'a dyn Sink,
        cancel: CancellationToken,
        vars: &'a BTreeMap<String, String>,
        setting: Setting,
    ) -> Self {
        Vault::sweep(vars);
        Self { aws, clock, sink, cancel, vars, setting, engine: OnceCell::new() }
    }

    /// Looks whether the registry has the content. Changes nothing.
    pub async fn look(&self, commission: &Commission) -> Result<Prospect, Error> {
        let source = commission.source.clone();
        let content = tokio::task::spawn_blocking(move || content(&source));
        let content = content
            .await
            .map_err(|error| Error::bug("reading the build context failed").caused_by(error))??;
        let repository = &commission.repository;
        let (digest, repository) =
            match self.unless_cancelled(self.aws.tagged(repository, &content.tag)).await?? {
                Tagged::Image(image) => (Some(image.digest), true),
                Tagged::Nothing => (None, true),
                Tagged::NoRepository => (None, false),
            };
        Ok(Prospect { content, digest, repository })
    }

    /// Brings an image into the registry, unless its content is there. Emits what happens.
    pub async fn deliver(&self, commission: &Commission) -> Result<Delivered, Error> {
        let service = commission.service.as_str();
        let title =
            format!("build {} from {}", commission.repository, commission.source.context.display());
        self.emit(service, EventKind::StepStarted { step: BUILD, title });
        let delivered = Box::pin(self.bring(commission)).await;
        if let Err((step, error)) = &delivered {
            self.emit(service, EventKind::StepFailed { step, reason: error.to_string() });
        }
        let delivered = delivered.map_err(|(_, error)| error)?;
        if let Some(policy) = &commission.scan {
            self.emit(
                service,
                EventKind::StepStarted { step: SCAN, title: "read what scanning found".into() },
            );
            match self.scan(commission, policy, &delivered.digest).await {
                Ok(detail) => self.emit(service, EventKind::StepFinished { step: SCAN, detail }),
                Err(error) => {
                    self.emit(
                        service,
                        EventKind::StepFailed { step: SCAN, reason: error.to_string() },
                    );
                    return Err(error);
                }
            }
        }
        Ok(delivered)
    }

    async fn bring(&self, commission: &Commission) -> Result<Delivered, (&'static str, Error)> {
        let service = commission.service.as_str();
        let at = |step| move |error| (step, error);
        let prospect = self.look(commission).await.map_err(at(BUILD))?;
        if !prospect.repository {
            return Err((BUILD, no_repository(&commission.repository)));
        }
        let tag = &prospect.content.tag;
        if let (Some(digest), false) = (&prospect.digest, commission.fresh) {
            let reason = format!("{}:{tag} has this content", commission.repository);
            self.emit(service, EventKind::StepSkipped { step: BUILD, reason });
            self.image(commission, tag, digest, true);
            return Ok(Delivered {
                service: service.to_owned(),
                digest: digest.clone(),
                reused: true,
            });
        }
        for image in prospect.content.unpinned() {
            self.warn(service, format!("the base image {image} is not pinned by digest: a newer one is noticed only with --fresh"));
        }
        let engine = self.engine().await.map_err(at(BUILD))?;
        let name = format!("ha-deploy/{}:{tag}", commission.repository);
        let id =
            self.build(engine, commission, &prospect.content, &name).await.map_err(at(BUILD))?;
        self.emit(service, EventKind::StepFinished { step: BUILD, detail: id.clone() });
        if let Some(wish) = &commission.wish {
            let title = "test what zero downtime asks of an image".into();
            self.emit(service, EventKind::StepStarted { step: CHECK, title });
            let checked = self.check(service, engine, &id, wish).await.map_err(at(CHECK))?;
            self.emit(service, EventKind::StepFinished { step: CHECK, detail: checked });
        }
        let title = format!("push {}:{tag}", commission.repository);
        self.emit(service, EventKind::StepStarted { step: PUSH, title });
        let digest = self.push(commission, engine, &id, tag).await.map_err(at(PUSH))?;
        self.emit(service, EventKind::StepFinished { step: PUSH, detail: digest.to_string() });
        self.image(commission, tag, &digest, false);
        Ok(Delivered { service: service.to_owned(), digest, reused: false })
    }

    async fn engine(&self) -> Result<&Engine, Error> {
        self.engine
            .get_or_try_init(|| async {
                let engine = Engine::find(self.vars, &self.setting, &self.cancel).await?;
                self.emit_for(None, EventKind::Output { line: engine.describe() });
                Ok(engine)
            })
            .await
    }

    async fn build(
        &self,
        engine: &Engine,
        commission: &Commission,
        content: &Content,
        name: &str,
    ) -> Result<String, Error> {
        let service = commission.service.as_str();
        let recipe = Recipe {
            context: content.context.clone(),
            dockerfile: content.dockerfile.clone(),
            target: commission.target.clone(),
            args: commission.args.clone(),
            secrets: commission.secrets.clone(),
            platform: commission.platform.clone(),
            name: name.to_owned(),
            epoch: commission.epoch,
            cache: commission.cache.clone(),
            declares_epoch: content.declares("SOURCE_DATE_EPOCH"),
            fresh: commission.fresh,
        };
        let say = |line: &str| self.emit(service, EventKind::Output { line: line.to_owned() });
        match engine.build(&recipe, &say, &self.cancel).await {
            Ok(built) => Ok(built.id),
            Err(Failed { error, lines }) => {
                if !lines.is_empty() {
                    self.emit(service, EventKind::Log { lines });
                }
                Err(error)
            }
        }
    }

    /// Checks an image on the engine; a failure of a test is an error.
    async fn check(
        &self,
        service: &str,
        engine: &Engine,
        id: &str,
        wish: &Wish,
    ) -> Result<String, Error> {
        let findings = check(engine, id, wish, self.clock, &self.cancel).await?;
        self.emit(service, EventKind::ImageChecked { findings: findings.clone() });
        verdict(&findings)
    }

    fn image(&self, commission: &Commission, tag: &str, digest: &ImageDigest, reused: bool) {
        self.emit(
            &commission.service,
            EventKind::Image {
                repository: commission.repository.clone(),
                tag: tag.to_owned(),
                digest: digest.clone(),
                reused,
            },
        );
    }

    async fn unless_cancelled<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(OutcomeKind::Cancelled, "cancelled")),
            value = future => Ok(value),
        }
    }

    async fn pause(&self, duration: Duration) -> Result<(), Error> {
        self.unless_cancelled(self.clock.sleep(duration)).await
    }

    fn warn(&self, service: &str, text: String) {
        self.emit(service, EventKind::Warning { text });
    }

    fn emit(&self, service: &str, kind: EventKind) {
        self.emit_for(Some(service.to_owned()), kind);
    }

    fn emit_for(&self, service: Option<String>, kind: EventKind) {
        self.sink.emit(&Event { at: self.clock.elapsed(), service, kind });
    }
}

/// How a check went as a whole, in words; an error when a test failed.
pub fn verdict(findings: &[ImageFinding]) -> Result<String, Error> {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let failed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.verdict == ImageVerdict::Fail)
        .map(|finding| finding.name)
        .collect();
    if failed.is_empty() {
        let (passed, untested) = (count(ImageVerdict::Pass), count(ImageVerdict::Untested));
        return Ok(format!("{passed} passed, {untested} untested"));
    }
    let error = Error::invalid(format!("the image does not pass: {}", failed.join(", ")));
    let mends = findings.iter().filter(|finding| finding.verdict == ImageVerdict::Fail);
    Err(mends
        .fold(error, |error, finding| error.hint(format!("{}: {}", finding.name, finding.mend))))
}

fn no_repository(name: &str) -> Error {
    Error::invalid(format!("ECR has no repository {name} in this account and region"))
        .hint("`ha-deploy provision` makes the repositories of a stack that has the template `shared`.")
        .hint(format!(
            "Or: aws ecr create-repository --repository-name {name} --image-tag-mutability IMMUTABLE"
        ))
}
