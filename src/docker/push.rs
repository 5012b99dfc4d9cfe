//! Pushes an image, and says what a refusal means.

use tokio_util::sync::CancellationToken;

use super::command::{Invocation, Say};
use super::engine::{Engine, advise};
use super::secret::Secret;
use super::vault::Vault;
use crate::domain::{ImageDigest, OutcomeKind};
use crate::error::Error;

/// What a push came to.
#[derive(Debug)]
pub enum Pushed {
    /// The registry has the manifest; its digest.
    Done(ImageDigest),
    /// It does not.
    Refused(Refusal, Error),
}

/// Why a registry did not take an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The token is missing, wrong or expired: a new one may help.
    Token,
    /// The network, or a server error: trying again may help.
    Passing,
    /// The tag exists and may not be moved.
    Immutable,
    /// There is no such repository.
    NoRepository,
    /// Not allowed.
    Denied,
    /// Anything else.
    Other,
}

impl Engine {
    /// Pushes the image `id` as `reference`, with the credentials of a vault. The manifest, and the
    /// tag with it, goes last: a push that fails leaves layers without a name, which registries
    /// remove.
    pub async fn push(
        &self,
        id: &str,
        reference: &str,
        vault: &Vault,
        say: Say<'_>,
        cancel: &CancellationToken,
    ) -> Result<Pushed, Error> {
        self.ask(&Invocation::new(["tag", id, reference]), cancel).await?;
        let mut run = Invocation::new(["push", reference]);
        run.variable("DOCKER_CONFIG", Secret::new(vault.folder().display().to_string()));
        run.secrets.extend_from_slice(vault.secrets());
        // The name stays: by it the engine knows the digest, and `check-image` finds the image.
        let ended = self.program.run(&run, say, cancel).await?;
        if ended.success()
            && let Some(digest) = ended.tail.iter().rev().find_map(|line| digest(line))
        {
            return Ok(Pushed::Done(digest));
        }
        let text = ended.text();
        let refusal = classify(&text);
        let kind = match refusal {
            Refusal::Token | Refusal::Denied => OutcomeKind::Denied,
            Refusal::NoRepository => OutcomeKind::Invalid,
            _ => OutcomeKind::Inconclusive,
        };
        let error = Error::new(kind, format!("the push was refused: {}", ended.last()));
        Ok(Pushed::Refused(refusal, advise(error, &text)))
    }
}

/// `…: digest: sha256:… size: 1234`, the last line of a push.
fn digest(line: &str) -> Option<ImageDigest> {
    let (_, rest) = line.split_once("digest: ")?;
    ImageDigest::new(rest.split_whitespace().next()?)
}

/// What the output of a push that failed means. The texts are ECR's, the distribution registry's and
/// those of Go's network library.
pub fn classify(text: &str) -> Refusal {
    let lower = text.to_ascii_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if any(&["tag invalid", "is immutable", "imagetagalreadyexists"]) {
        return Refusal::Immutable;
    }
    if any(&["name unknown", "repository with name", "repositorynotfound"]) {
        return Refusal::NoRepository;
    }
    if any(&[
        "token has expired",
        "no basic auth credentials",
        "authentication required",
        "unauthorized",
        "status: 401",
    ]) {
        return Refusal::Token;
    }
    if any(&["not authorized to perform", "accessdenied", "denied:"]) {
        return Refusal::Denied;
    }
    // Docker may say no more than that.
    let ended = lower.lines().any(|line| line.trim() == "eof" || line.ends_with(": eof"));
    if ended
        || any(&[
            "toomanyrequests",
            "too many requests",
            "status: 429",
            "status: 5",
            "status 5",
            "internal server error",
            "service unavailable",
            "bad gateway",
            "gateway timeout",
            "connection reset",
            "connection refused",
            "connection timed out",
            "broken pipe",
            "unexpected eof",
            "i/o timeout",
            "tls handshake timeout",
            "deadline exceeded",
            "closed network connection",
            "blob upload unknown",
            "blob upload invalid",
            "no such host",
            "server misbehaving",
        ])
    {
        return Refusal::Passing;
    }
    Refusal::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for (text, expected) in [
            (
                "denied: Your authorization token has expired. Reauthenticate and try again.",
                Refusal::Token,
            ),
            ("no basic auth credentials", Refusal::Token),
            (
                "tag invalid: The image tag 'a' already exists in the 'r' repository and cannot be overwritten because the repository is immutable.",
                Refusal::Immutable,
            ),
            (
                "name unknown: The repository with name 'r' does not exist in the registry with id '1'",
                Refusal::NoRepository,
            ),
            (
                "denied: User: arn:x is not authorized to perform: ecr:InitiateLayerUpload",
                Refusal::Denied,
            ),
            ("received unexpected HTTP status: 503 Service Unavailable", Refusal::Passing),
            ("Patch \"http://r/v2\": EOF", Refusal::Passing),
            ("abc: Preparing\nEOF", Refusal::Passing),
            (
                "write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer",
                Refusal::Passing,
            ),
            ("An image does not exist locally with the tag: x", Refusal::Other),
        ] {
            assert_eq!(classify(text), expected, "{text}");
        }
    }

    #[test]
    fn the_digest_is_read_from_the_last_line() {
        let hex = "ab".repeat(32);
        let line = format!("ha-1: digest: sha256:{hex} size: 528");
        assert_eq!(digest(&line).unwrap().as_str(), format!("sha256:{hex}"));
        assert_eq!(digest("digest: sha256:1 size: 2"), None);
    }
}
