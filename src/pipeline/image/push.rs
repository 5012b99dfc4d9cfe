//! Pushes an image and makes sure that the registry has it.

use std::time::Duration;

use crate::aws::Tagged;
use crate::docker::{Engine, Pushed, Refusal, Secret, Vault};
use crate::domain::{ImageDigest, OutcomeKind};
use crate::error::Error;
use crate::pipeline::event::EventKind;

use super::{Commission, Workshop, no_repository};

/// Tries after the first that ended in a passing fault. Docker itself tries each layer five times, which
/// takes most of a minute.
const TRIES: u32 = 2;
/// The wait before the second try; it doubles.
const BACKOFF: Duration = Duration::from_secs(2);
/// New tokens for one push: each is valid for twelve hours, so a second one in vain is no accident.
const TOKENS: u32 = 2;
/// How often the registry is asked for what was pushed.
const LOOKS: u32 = 5;

impl Workshop<'_> {
    /// Pushes; gives the digest that the registry has.
    pub(super) async fn push(
        &self,
        commission: &Commission,
        engine: &Engine,
        id: &str,
        tag: &str,
    ) -> Result<ImageDigest, Error> {
        let service = commission.service.as_str();
        let say = |line: &str| self.emit(service, EventKind::Output { line: line.to_owned() });
        let (mut tries, mut tokens, mut wait) = (0, 1, BACKOFF);
        let mut login = self.unless_cancelled(self.aws.registry_authorization()).await??;
        loop {
            let password = Secret::new(login.password.clone());
            let reference = format!("{}/{}:{tag}", login.registry, commission.repository);
            let vault = Vault::open(self.vars, &login.registry, &login.user, &password)?;
            let pushed = engine.push(id, &reference, &vault, &say, &self.cancel).await;
            // Not a moment longer than it is needed: a wait may follow.
            drop(vault);
            match pushed? {
                Pushed::Done(digest) => return self.verified(commission, tag, digest).await,
                Pushed::Refused(Refusal::Token, error) if tokens < TOKENS => {
                    tokens += 1;
                    self.warn(service, format!("{error}; with a new token again"));
                    login = self.unless_cancelled(self.aws.registry_authorization()).await??;
                }
                Pushed::Refused(Refusal::Passing, error) if tries < TRIES => {
                    tries += 1;
                    self.warn(service, format!("{error}; again in {} s", wait.as_secs()));
                    self.pause(wait).await?;
                    wait *= 2;
                }
                Pushed::Refused(Refusal::Immutable, error) => {
                    return self.taken(commission, id, tag, error).await;
                }
                Pushed::Refused(refusal, error) => {
                    return Err(advise(refusal, error, &commission.repository));
                }
            }
        }
    }

    /// The tag exists and cannot be moved: well, if it names what was to be pushed.
    async fn taken(
        &self,
        commission: &Commission,
        id: &str,
        tag: &str,
        error: Error,
    ) -> Result<ImageDigest, Error> {
        let repository = commission.repository.as_str();
        let found = self.unless_cancelled(self.aws.tagged(repository, tag)).await??;
        let Tagged::Image(image) = found else { return Err(error) };
        let configuration = self.aws.image_configuration(repository, &image.digest);
        let configuration = self.unless_cancelled(configuration).await??;
        if configuration.as_ref().is_some_and(|configuration| configuration.as_str() == id) {
            let text = format!("somebody pushed the same image first: {}", image.digest);
            self.warn(&commission.service, text);
            return Ok(image.digest);
        }
        let theirs = configuration.map_or_else(|| "unknown".to_owned(), |found| found.to_string());
        Err(Error::invalid(format!(
            "{repository}:{tag} exists, cannot be moved, and is another image ({theirs}, not {id})"
        ))
        .hint("The build is not reproducible: pin base images and packages, so that the same content gives the same image.")
        .hint(format!("What is there has this content too: deploy it with --image {}={}.", commission.service, image.digest)))
    }

    /// Asks the registry what it has under the tag.
    async fn verified(
        &self,
        commission: &Commission,
        tag: &str,
        pushed: ImageDigest,
    ) -> Result<ImageDigest, Error> {
        let repository = commission.repository.as_str();
        for look in 1..=LOOKS {
            match self.unless_cancelled(self.aws.tagged(repository, tag)).await?? {
                Tagged::Image(image) if image.digest == pushed => return Ok(pushed),
                Tagged::Image(image) if look == LOOKS => {
                    return Err(Error::new(
                        OutcomeKind::Inconclusive,
                        format!(
                            "{repository}:{tag} was pushed as {pushed}, and the registry has {}",
                            image.digest
                        ),
                    )
                    .hint(
                        "Somebody else pushed the same tag; run again, and make tags immutable.",
                    ));
                }
                _ => self.pause(BACKOFF).await?,
            }
        }
        Err(Error::new(
            OutcomeKind::Inconclusive,
            format!("{repository}:{tag} was pushed as {pushed}, and the registry does not have it"),
        )
        .hint("Run again: what was pushed is found by its content."))
    }
}

fn advise(refusal: Refusal, error: Error, repository: &str) -> Error {
    match refusal {
        Refusal::NoRepository => no_repository(repository).caused_by(error),
        Refusal::Denied => error.hint("Allow `ecr:InitiateLayerUpload`, `ecr:UploadLayerPart`, `ecr:CompleteLayerUpload`, `ecr:BatchCheckLayerAvailability` and `ecr:PutImage` for the deploying role."),
        Refusal::Token => error.hint("The registry does not take the token of ecr:GetAuthorizationToken: check region and account."),
        Refusal::Passing => error.hint("The registry could not be reached reliably; run again: layers that arrived are kept, and no tag was set."),
        Refusal::Immutable | Refusal::Other => error,
    }
}
