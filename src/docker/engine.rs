//! Which engine there is, what builds with it, and what that cannot do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::command::{Ended, Invocation, Program};
use crate::domain::OutcomeKind;
use crate::error::Error;

/// What turns a Dockerfile into an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// `docker buildx build`.
    Buildx,
    /// `docker build` with the engine's own BuildKit.
    BuildKit,
    /// `docker build` as it was before BuildKit.
    Classic,
}

impl Builder {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Buildx => "buildx",
            Self::BuildKit => "BuildKit without buildx",
            Self::Classic => "the classic builder",
        }
    }

    /// What a build with it goes without, compared with buildx.
    pub fn lost(self) -> &'static [&'static str] {
        match self {
            Self::Buildx => &[],
            Self::BuildKit => &[
                "several platforms",
                "exporting the cache to GitHub Actions or a registry",
                "SBOM and provenance attestations",
                "time stamps from the commit",
            ],
            Self::Classic => &[
                "build secrets",
                "`<Dockerfile>.dockerignore`",
                "other platforms",
                "exporting the cache to GitHub Actions or a registry",
                "SBOM and provenance attestations",
                "time stamps from the commit",
            ],
        }
    }
}

/// How to find engine and builder.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The builder that was asked for; `None`: the best there is.
    pub builder: Option<Builder>,
}

/// A command line and the engine that answers it.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) program: Program,
    pub(super) builder: Builder,
    client: String,
    server: String,
    /// `linux/amd64`.
    platform: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Versions {
    client: Side,
    server: Option<Side>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Side {
    version: String,
    os: String,
    arch: String,
}

impl Engine {
    /// Finds the command on the `PATH` of `vars`, asks the engine for its version and chooses a
    /// builder.
    pub async fn find(
        vars: &BTreeMap<String, String>,
        setting: &Setting,
        cancel: &CancellationToken,
    ) -> Result<Self, Error> {
        let program = Program::new(command(vars)?, vars);
        let asked = Invocation::new(["version", "--format", "{{json .}}"]);
        let ended = program.quiet(&asked, cancel).await?;
        let versions: Versions = serde_json::from_str(&ended.stdout).unwrap_or_default();
        let Some(server) = versions.server.filter(|_| ended.success()) else {
            return Err(unreachable(&program, &ended));
        };
        let buildx = program.quiet(&Invocation::new(["buildx", "version"]), cancel).await?;
        let best = if buildx.success() {
            Builder::Buildx
        } else if major(&versions.client.version) < 23 && major(&server.version) >= 19 {
            // From 23 on the command line leaves BuildKit to buildx, and has none of its own.
            Builder::BuildKit
        } else {
            Builder::Classic
        };
        let builder = match setting.builder {
            None => best,
            Some(wanted) if possible(wanted, best) => wanted,
            Some(wanted) => {
                return Err(Error::invalid(format!(
                    "{} is not to be had here; there is {}",
                    wanted.name(),
                    best.name()
                ))
                .hint("Install the buildx plugin, or leave the choice to ha-deploy."));
            }
        };
        Ok(Self {
            program,
            builder,
            client: versions.client.version,
            platform: format!("{}/{}", server.os, server.arch),
            server: server.version,
        })
    }

    /// What builds.
    pub fn builder(&self) -> Builder {
        self.builder
    }

    /// The platform that the engine runs natively, as Docker writes it (`linux/amd64`).
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// One line for the log: versions, builder, and what is lost.
    pub fn describe(&self) -> String {
        let mut text = format!(
            "docker {} with engine {} builds with {}",
            self.client,
            self.server,
            self.builder.name()
        );
        if !self.builder.lost().is_empty() {
            text.push_str("; lost: ");
            text.push_str(&self.builder.lost().join(", "));
        }
        text
    }

    /// Runs a short command; an answer other than success is an error.
    pub(super) async fn ask(
        &self,
        invocation: &Invocation,
        cancel: &CancellationToken,
    ) -> Result<String, Error> {
        let ended = self.program.quiet(invocation, cancel).await?;
        if ended.success() {
            return Ok(ended.stdout);
        }
        let verb = invocation.args.first().map(|arg| arg.to_string_lossy().into_owned());
        let verb = verb.unwrap_or_default();
        let error = Error::new(
            OutcomeKind::Inconclusive,
            format!("docker {verb} failed: {}", ended.last()),
        );
        Err(advise(error, &ended.text()))
    }
}

fn possible(wanted: Builder, best: Builder) -> bool {
    wanted == best || wanted == Builder::Classic
}

/// The first `docker` on the `PATH`.
fn command(vars: &BTreeMap<String, String>) -> Result<PathBuf, Error> {
    let path = vars.get("PATH").map(String::as_str).unwrap_or_default();
    let name = if cfg!(windows) { "docker.exe" } else { "docker" };
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| is_program(file)).ok_or_else(|| {
        Error::invalid("there is no `docker` command on the PATH")
            .hint("Install Docker (Debian: `apt-get install docker.io`); GitHub's Linux runners have it.")
            .hint("Or deploy an image that exists: --image SERVICE=TAG.")
    })
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

/// The leading number of a version.
fn major(version: &str) -> u32 {
    version.split(['.', '+', '-']).next().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn unreachable(program: &Program, ended: &Ended) -> Error {
    let host = program.variable("DOCKER_HOST").unwrap_or("the default socket");
    let error = Error::new(
        OutcomeKind::Inconclusive,
        format!("no Docker engine answers at {host}: {}", ended.last()),
    );
    let text = ended.text();
    if text.contains("permission denied") {
        return error.hint("Add this user to the group `docker`, or set DOCKER_HOST to a rootless engine's socket.");
    }
    error.hint("Start it (`systemctl start docker`), or set DOCKER_HOST or DOCKER_CONTEXT.")
}

/// Adds what mends a failure whose cause its output names.
pub(super) fn advise(error: Error, text: &str) -> Error {
    let has = |word: &str| text.contains(word);
    if has("no space left on device") || has("disk quota exceeded") {
        return error
            .hint("The engine's disk is full: free some with `docker system prune`, and look at `docker system df`.");
    }
    if has("Cannot connect to the Docker daemon") || has("error during connect") {
        return error.hint("The engine went away: start it and run again.");
    }
    if has("toomanyrequests") {
        return error.hint(
            "The registry of a base image limits requests: log in to it, or use a mirror (public.ecr.aws/docker/library).",
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_major_number() {
        assert_eq!(major("20.10.24+dfsg1"), 20);
        assert_eq!(major("28.2.2"), 28);
        assert_eq!(major("dev"), 0);
    }

    #[test]
    fn without_a_command_the_error_says_what_to_install() {
        let vars = BTreeMap::from([("PATH".to_owned(), "/nonexistent:relative".to_owned())]);
        let error = command(&vars).unwrap_err();
        assert!(error.to_string().contains("no `docker` command"));
        assert_eq!(error.hints().len(), 2);
    }
}
