//! Reads the configuration file and what its `${…}` stand for.

use std::io::{Read, Write};
use std::path::Path;

use crate::cli::Global;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::model::Model;
use crate::config::{self, Loaded, Lookup, SsmLookup};
use crate::error::Error;
use crate::report::diagnostics;

use super::{Host, session};

/// A file longer than this is refused without reading the rest.
const LONGEST: u64 = 1 << 20;

/// Reads a file, one byte more than the limit at most: `config` says what is wrong with that.
pub(super) fn bytes(host: &Host, file: &Path) -> Result<Vec<u8>, Error> {
    let path = host.directory.join(file);
    let mut text = Vec::new();
    std::fs::File::open(&path)
        .and_then(|open| open.take(LONGEST + 1).read_to_end(&mut text))
        .map_err(|error| {
            Error::invalid(format!("{} cannot be read", file.display()))
                .caused_by(error)
                .hint("Name the file with --config; examples/ha-deploy.yml is one to start from.")
        })?;
    Ok(text)
}

/// What `${env:…}` and `${git:sha}` stand for.
pub(super) fn lookup(host: &Host) -> Lookup {
    Lookup { vars: host.vars.clone(), git_sha: git_sha(host), ssm: SsmLookup::Deferred }
}

/// The commit: GitHub's, or that of the directory; `None` outside a repository.
fn git_sha(host: &Host) -> Option<String> {
    if let Some(sha) = host.vars.get("GITHUB_SHA").filter(|sha| !sha.is_empty()) {
        return Some(sha.clone());
    }
    let output = std::process::Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(&host.directory)
        // Credentials among our variables are none of its business.
        .env_clear()
        .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, host.vars.get(name)?))))
        .output()
        .ok()?;
    let sha = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| sha.trim().to_owned())
}

/// Loads the model for a command that talks to AWS; SSM parameters are read first where the file
/// refers to some.
pub(super) async fn model(
    host: &Host,
    global: &Global,
    profile: Option<&str>,
) -> Result<Model, Error> {
    let text = bytes(host, &global.config)?;
    let mut lookup = lookup(host);
    let names = config::ssm_references(&text);
    let loaded = load(host, global, &text, &lookup)?;
    if names.is_empty() {
        return Ok(loaded.model);
    }
    let aws = session::connect(host, global, &loaded.model, profile).await;
    lookup.ssm = SsmLookup::Resolved(aws.parameters(&names).await?);
    load(host, global, &text, &lookup).map(|loaded| loaded.model)
}

/// Loads a file; its findings are printed, and errors among them end the command.
pub(super) fn load(
    host: &Host,
    global: &Global,
    text: &[u8],
    lookup: &Lookup,
) -> Result<Loaded, Error> {
    let environment = global.environment.as_deref();
    match config::load(text, &global.config, environment, lookup) {
        Ok(loaded) => {
            print(host, global, &loaded.warnings);
            Ok(loaded)
        }
        Err(diagnostics) => {
            print(host, global, &diagnostics);
            Err(invalid(&global.config, &diagnostics))
        }
    }
}

fn print(host: &Host, global: &Global, diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let text = diagnostics::render(diagnostics, session::colour(host, global));
    let _ = host.stderr.clone().write_all(text.as_bytes());
}

/// The error that stands for the findings that were printed.
pub(super) fn invalid(file: &Path, diagnostics: &[Diagnostic]) -> Error {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let plural = if errors == 1 { "" } else { "s" };
    Error::invalid(format!("{} has {errors} error{plural}; nothing was changed", file.display()))
}
