//! Builds an image.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::command::{Ended, Invocation, Say};
use super::engine::{Builder, Engine, advise};
use super::secret::Secret;
use crate::domain::OutcomeKind;
use crate::error::Error;

/// Where layers are cached between runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// GitHub's cache; its service is reached with variables that only the builder gets.
    GitHub {
        /// What tells one cache from another.
        scope: String,
        /// `ACTIONS_*`, as the runner set them.
        variables: Vec<(String, Secret)>,
    },
    /// An image in a registry that the engine is logged in to.
    Registry(String),
}

/// What to build, and how.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The context.
    pub context: PathBuf,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
    /// The stage; `None`: the last.
    pub target: Option<String>,
    /// Build arguments. They stay in the image's history: no place for secrets.
    pub args: Vec<(String, String)>,
    /// Secrets by id, for `RUN --mount=type=secret`.
    pub secrets: Vec<(String, Secret)>,
    /// The platform (`linux/arm64`); `None`: the engine's.
    pub platform: Option<String>,
    /// The name of the image on this engine.
    pub name: String,
    /// `SOURCE_DATE_EPOCH`: the time of the commit, in seconds.
    pub epoch: Option<i64>,
    /// Where layers are cached.
    pub cache: Option<Cache>,
    /// Whether the Dockerfile itself asks for `SOURCE_DATE_EPOCH`.
    pub declares_epoch: bool,
    /// Whether the engine's own cache is left alone.
    pub fresh: bool,
}

/// A build that failed: the error, and the last lines of the step that failed.
#[derive(Debug)]
pub struct Failed {
    /// The error.
    pub error: Error,
    /// The lines, redacted.
    pub lines: Vec<String>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, lines: Vec::new() }
    }
}

/// An image on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its id: the digest of its configuration.
    pub id: String,
}

/// Lines of the failing step that are shown.
const SHOWN: usize = 25;

impl Engine {
    /// Builds; output goes to `say` line by line.
    pub async fn build(
        &self,
        recipe: &Recipe,
        say: Say<'_>,
        cancel: &CancellationToken,
    ) -> Result<Built, Failed> {
        let invocation = self.invocation(recipe)?;
        let ended = self.program.run(&invocation, say, cancel).await?;
        if !ended.success() {
            return Err(failure(&ended));
        }
        let asked = ["image", "inspect", "--format", "{{.Id}}", &recipe.name];
        let id = self.ask(&Invocation::new(asked), cancel).await?;
        Ok(Built { id: id.trim().to_owned() })
    }

    fn invocation(&self, recipe: &Recipe) -> Result<Invocation, Error> {
        let builder = self.builder();
        self.possible(recipe)?;
        let mut run = match builder {
            Builder::Buildx => {
                Invocation::new(["buildx", "build", "--load", "--progress", "plain"])
            }
            Builder::BuildKit => Invocation::new(["build", "--progress", "plain"]),
            Builder::Classic => Invocation::new(["build"]),
        };
        if builder != Builder::Buildx {
            let kit = if builder == Builder::BuildKit { "1" } else { "0" };
            run.variable("DOCKER_BUILDKIT", Secret::new(kit));
        }
        run.option("--file", &recipe.dockerfile).option("--tag", &recipe.name);
        if recipe.fresh {
            run.arg("--no-cache");
        }
        if let Some(target) = &recipe.target {
            run.option("--target", target);
        }
        if let Some(platform) = &recipe.platform {
            run.option("--platform", platform);
        }
        // Without a value the command line takes it from its environment, where no other user looks.
        for (name, value) in &recipe.args {
            run.option("--build-arg", name).variable(name, Secret::new(value));
        }
        if let Some(epoch) = recipe.epoch {
            run.variable("SOURCE_DATE_EPOCH", Secret::new(epoch.to_string()));
            // The classic builder complains of an argument that the Dockerfile does not ask for.
            let given = recipe.args.iter().any(|(name, _)| name == "SOURCE_DATE_EPOCH");
            if !given && (builder != Builder::Classic || recipe.declares_epoch) {
                run.option("--build-arg", "SOURCE_DATE_EPOCH");
            }
        }
        for (index, (id, value)) in recipe.secrets.iter().enumerate() {
            let name = format!("HA_DEPLOY_SECRET_{index}");
            run.option("--secret", format!("id={id},env={name}")).variable(name, value.clone());
            run.secrets.push(value.clone());
        }
        match &recipe.cache {
            Some(Cache::GitHub { scope, variables }) if builder == Builder::Buildx => {
                run.option("--cache-from", format!("type=gha,scope={scope}"));
                run.option("--cache-to", format!("type=gha,scope={scope},mode=max"));
                for (name, value) in variables {
                    run.variable(name, value.clone());
                    run.secrets.push(value.clone());
                }
            }
            Some(Cache::Registry(image)) if builder == Builder::Buildx => {
                run.option("--cache-from", format!("type=registry,ref={image}"));
                run.option("--cache-to", format!("type=registry,ref={image},mode=max"));
            }
            _ => {}
        }
        run.arg("--").arg(&recipe.context);
        Ok(run)
    }

    /// Refuses what the builder cannot do and what must not be left out silently.
    fn possible(&self, recipe: &Recipe) -> Result<(), Error> {
        if self.builder() != Builder::Classic {
            return Ok(());
        }
        if let Some((id, _)) = recipe.secrets.first() {
            return Err(Error::invalid(format!(
                "the build needs the secret `{id}`, which the classic builder cannot keep out of the image"
            ))
            .hint("Install the buildx plugin (Debian: docker-buildx-plugin of download.docker.com)."));
        }
        let mut beside = recipe.dockerfile.as_os_str().to_owned();
        beside.push(".dockerignore");
        if std::path::Path::new(&beside).is_file() {
            let shown = beside.to_string_lossy().into_owned();
            return Err(Error::invalid(format!("the classic builder does not read {shown}"))
                .hint("Name what is left out in the context's .dockerignore, or install buildx."));
        }
        let other = recipe.platform.as_deref().filter(|platform| *platform != self.platform());
        if let Some(platform) = other
            && !recipe.is_from_scratch()
        {
            return Err(Error::invalid(format!(
                "the classic builder on {} cannot build for {platform}",
                self.platform()
            ))
            .hint("Install buildx and QEMU (docker/setup-qemu-action), or use a runner of that architecture."));
        }
        Ok(())
    }
}

impl Recipe {
    /// Whether nothing of another platform is run: only then the classic builder's `--platform`
    /// comes true.
    fn is_from_scratch(&self) -> bool {
        let text = std::fs::read_to_string(&self.dockerfile).unwrap_or_default();
        let word =
            |line: &str, at: usize| line.split_whitespace().nth(at).map(str::to_ascii_lowercase);
        let mut from = text.lines().filter(|line| word(line, 0).as_deref() == Some("from"));
        let runs = text.lines().any(|line| word(line, 0).as_deref() == Some("run"));
        from.all(|line| word(line, 1).as_deref() == Some("scratch")) && !runs
    }
}

fn failure(ended: &Ended) -> Failed {
    let text = ended.text();
    let (step, lines) = failing_step(&ended.tail);
    let message = match step {
        Some(step) => format!("the build failed at `{step}`"),
        None => format!("the build failed: {}", ended.last()),
    };
    let full = text.contains("no space left on device") || text.contains("disk quota exceeded");
    let kind = if full { OutcomeKind::Inconclusive } else { OutcomeKind::Invalid };
    Failed { error: advise(Error::new(kind, message), &text), lines }
}

/// The step that failed, and its last lines.
fn failing_step(tail: &[String]) -> (Option<String>, Vec<String>) {
    // BuildKit: `#7 ERROR: …`, and everything of step 7 begins with `#7 `.
    let number = tail.iter().rev().find_map(|line| {
        let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
        (rest.starts_with("ERROR") && number.parse::<u32>().is_ok()).then(|| format!("#{number} "))
    });
    if let Some(prefix) = number {
        let own = tail.iter().filter_map(|line| line.strip_prefix(&prefix));
        let own: Vec<&str> = own.filter(|line| !line.starts_with("sha256:")).collect();
        let title = own.iter().find(|line| line.starts_with('[')).map(|line| (*line).to_owned());
        return (title, last(own.iter().map(|line| (*line).to_owned()).collect()));
    }
    // Classic: everything after the last `Step 3/5 : RUN …`.
    let begin = tail.iter().rposition(|line| line.starts_with("Step "));
    let own = tail.get(begin.unwrap_or(0)..).unwrap_or_default();
    let title =
        begin.and_then(|at| tail.get(at)?.split_once(" : ").map(|(_, step)| step.to_owned()));
    (title, last(own.to_vec()))
}

fn last(mut lines: Vec<String>) -> Vec<String> {
    lines.drain(..lines.len().saturating_sub(SHOWN));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn buildkits_failing_step_is_found() {
        let tail = lines(
            "#5 [2/4] RUN make\n#6 [3/4] COPY a b\n#5 0.1 cc: error\n#6 DONE 0.0s\n#5 ERROR: exit code: 1\n------\n > [2/4] RUN make:\n------\nfailed to solve",
        );
        let (step, lines) = failing_step(&tail);
        assert_eq!(step.as_deref(), Some("[2/4] RUN make"));
        assert_eq!(lines, ["[2/4] RUN make", "0.1 cc: error", "ERROR: exit code: 1"]);
    }

    #[test]
    fn the_classic_builders_failing_step_is_found() {
        let tail =
            lines("Step 1/2 : FROM scratch\n --->\nStep 2/2 : COPY x /\nCOPY failed: no such file");
        let (step, lines) = failing_step(&tail);
        assert_eq!(step.as_deref(), Some("COPY x /"));
        assert_eq!(lines.len(), 2);
        assert_eq!(failing_step(&[]), (None, Vec::new()));
    }
}
