//! One run of the `docker` command: its arguments, its environment, its output in lines.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::secret::{Secret, redact};
use crate::domain::OutcomeKind;
use crate::error::Error;

/// Where lines of output go, as they come.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Lines that are kept for the error.
const TAIL: usize = 200;
/// The longest line that is kept, in bytes; the rest of it is dropped.
const LINE: usize = 4096;
/// The most output that is collected, in bytes: `docker inspect` of a large image takes some 100 KiB.
const COLLECTED: usize = 8 << 20;

/// Variables of ours that a child gets. Everything else stays here: credentials of AWS and GitHub
/// among it.
const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "USER",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "DOCKER_API_VERSION",
    "BUILDX_BUILDER",
    "BUILDX_CONFIG",
    "BUILDKIT_HOST",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    // On Windows nothing starts without these.
    "SystemRoot",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "TEMP",
];

/// The command and the environment that every run of it gets.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    environment: BTreeMap<String, String>,
}

/// One run: arguments, further environment, and what must not be shown.
#[derive(Debug, Default)]
pub(super) struct Invocation {
    pub(super) args: Vec<OsString>,
    pub(super) environment: Vec<(String, Secret)>,
    pub(super) secrets: Vec<Secret>,
}

impl Invocation {
    pub(super) fn new<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    pub(super) fn arg(&mut self, arg: impl Into<OsString>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// `--name` and its value.
    pub(super) fn option(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.arg(name).arg(value)
    }

    /// A variable that only this child gets.
    pub(super) fn variable(&mut self, name: impl Into<String>, value: Secret) -> &mut Self {
        self.environment.push((name.into(), value));
        self
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code; `None` after a signal.
    pub(super) code: Option<i32>,
    /// What it wrote to standard output.
    pub(super) stdout: String,
    /// The last lines of both streams.
    pub(super) tail: Vec<String>,
}

impl Ended {
    pub(super) fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// The lines as one text, for looking for a cause.
    pub(super) fn text(&self) -> String {
        self.tail.join("\n")
    }

    /// The last line that says something.
    pub(super) fn last(&self) -> &str {
        let said = self.tail.iter().rev().map(|line| line.trim());
        said.into_iter().find(|line| !line.is_empty()).unwrap_or("it said nothing")
    }
}

impl Program {
    /// The command at a path, with what of `vars` it needs.
    pub(super) fn new(path: PathBuf, vars: &BTreeMap<String, String>) -> Self {
        let kept = |(name, value): (&String, &String)| {
            INHERITED.contains(&name.as_str()).then(|| (name.clone(), value.clone()))
        };
        Self { path, environment: vars.iter().filter_map(kept).collect() }
    }

    /// Whether a variable is set for every run.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// Runs without telling anybody.
    pub(super) async fn quiet(
        &self,
        invocation: &Invocation,
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        self.run(invocation, &|_| {}, cancel).await
    }

    /// Runs to the end, or until cancelled; the child never outlives this call.
    pub(super) async fn run(
        &self,
        invocation: &Invocation,
        say: Say<'_>,
        cancel: &CancellationToken,
    ) -> Result<Ended, Error> {
        let mut child = self.spawn(invocation)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let tail = std::sync::Mutex::new(VecDeque::new());
        let keep = |line: &str| {
            let line = redact(line, &invocation.secrets);
            say(&line);
            let mut tail = tail.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        };
        let reading = async {
            let (collected, _) = tokio::join!(lines(stdout, &keep), lines(stderr, &keep));
            let status = child.wait().await;
            (collected, status)
        };
        let (collected, status) = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                return Err(Error::new(OutcomeKind::Cancelled, "cancelled; the docker command was stopped"));
            }
            ended = reading => ended,
        };
        let status = status.map_err(|error| {
            Error::new(OutcomeKind::Inconclusive, "the docker command was lost").caused_by(error)
        })?;
        let tail = tail.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Ended { code: status.code(), stdout: collected, tail: tail.into() })
    }

    fn spawn(&self, invocation: &Invocation) -> Result<Child, Error> {
        let mut command = Command::new(&self.path);
        command
            .args(&invocation.args)
            .env_clear()
            .envs(&self.environment)
            .envs(invocation.environment.iter().map(|(name, value)| (name, value.reveal())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().map_err(|error| {
            Error::invalid(format!("{} cannot be started", self.path.display())).caused_by(error)
        })
    }
}

/// Reads lines until the end; gives what was read. A line also ends at a carriage return, which
/// progress bars end in.
async fn lines(stream: Option<impl AsyncRead + Unpin>, keep: &(dyn Fn(&str) + Sync)) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut collected, mut line) = (Vec::new(), Vec::new());
    let mut buffer = [0; 8192];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if collected.len() < COLLECTED {
            collected.extend_from_slice(bytes);
        }
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                flush(&mut line, keep);
            } else if line.len() < LINE {
                line.push(*byte);
            }
        }
    }
    flush(&mut line, keep);
    String::from_utf8_lossy(&collected).into_owned()
}

fn flush(line: &mut Vec<u8>, keep: &(dyn Fn(&str) + Sync)) {
    if !line.is_empty() {
        keep(&String::from_utf8_lossy(line));
        line.clear();
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn shell(vars: &[(&str, &str)]) -> Program {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Program::new("/bin/sh".into(), &vars.collect())
    }

    fn block<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn a_child_gets_its_own_variables_and_not_our_credentials() {
        let vars =
            [("PATH", "/usr/bin:/bin"), ("AWS_SECRET_ACCESS_KEY", "k"), ("GITHUB_TOKEN", "t")];
        let mut invocation = Invocation::new(["-c", "env; echo $GIVEN"]);
        invocation.variable("GIVEN", Secret::new("only-here"));
        let token = CancellationToken::new();
        let ended = block(shell(&vars).quiet(&invocation, &token)).unwrap();
        assert!(ended.stdout.contains("GIVEN=only-here"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("AWS_") && !ended.stdout.contains("GITHUB_"));
    }

    #[test]
    fn lines_are_streamed_redacted_and_bounded() {
        let mut invocation =
            Invocation::new(["-c", "echo one; echo two hunter22 >&2; printf 'a\\rb'; exit 3"]);
        invocation.secrets.push(Secret::new("hunter22"));
        let said = Mutex::new(Vec::new());
        let say = |line: &str| said.lock().unwrap().push(line.to_owned());
        let ended = block(shell(&[]).run(&invocation, &say, &CancellationToken::new())).unwrap();
        assert_eq!(ended.code, Some(3));
        let mut said = said.into_inner().unwrap();
        said.sort();
        assert_eq!(said, ["a", "b", "one", "two ***"]);
        assert!(!ended.text().contains("hunter22"));
    }

    #[test]
    fn cancelling_ends_the_child() {
        let token = CancellationToken::new();
        let invocation = Invocation::new(["-c", "sleep 60"]);
        let error = block(async {
            let cancel = token.clone();
            tokio::spawn(async move { cancel.cancel() });
            shell(&[("PATH", "/usr/bin:/bin")]).quiet(&invocation, &token).await
        })
        .unwrap_err();
        assert_eq!(error.kind(), OutcomeKind::Cancelled);
    }
}
