//! What an image says about itself.

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::command::Invocation;
use super::engine::Engine;
use crate::error::Error;

/// What `docker image inspect` and `docker history` know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The digest of its configuration.
    pub id: String,
    /// `linux/arm64`.
    pub platform: String,
    /// Its size on the engine, in bytes.
    pub bytes: u64,
    /// Its layers.
    pub layers: usize,
    /// The user that its process runs as; empty: root.
    pub user: String,
    /// The signal that asks it to stop.
    pub stop_signal: String,
    /// Its variables, `NAME=value`.
    pub environment: Vec<String>,
    /// Labels, command and the steps that made it, as text.
    pub texts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    id: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    config: Option<Config>,
    #[serde(rename = "RootFS", default)]
    root: Root,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Root {
    layers: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    user: String,
    stop_signal: Option<String>,
    env: Option<Vec<String>>,
    labels: Option<Value>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
}

impl Engine {
    /// The name by which the engine knows an image: a digest may be that of its configuration, which is
    /// its id, or that of the manifest in a registry that it was pushed to or pulled from.
    pub async fn resolve(&self, image: &str, cancel: &CancellationToken) -> Result<String, Error> {
        if !image.starts_with("sha256:") {
            return Ok(image.to_owned());
        }
        let format =
            ["image", "ls", "--all", "--no-trunc", "--digests", "--format", "{{.Digest}} {{.ID}}"];
        let listed = self.ask(&Invocation::new(format), cancel).await?;
        let id = listed.lines().find_map(|line| line.strip_prefix(image)?.strip_prefix(' '));
        Ok(id.unwrap_or(image).trim().to_owned())
    }

    /// Looks at an image that the engine has.
    pub async fn facts(
        &self,
        image: &str,
        cancel: &CancellationToken,
    ) -> Result<ImageFacts, Error> {
        let asked = Invocation::new(["image", "inspect", "--", image]);
        let text = self.ask(&asked, cancel).await.map_err(|error| {
            Error::invalid(format!("the engine has no image {image}"))
                .caused_by(error)
                .hint("Build it, or pull it first: check-image runs what this engine has.")
        })?;
        let images: Vec<Raw> = serde_json::from_str(&text).map_err(|error| {
            Error::bug("`docker image inspect` answered in a way that is not known")
                .caused_by(error)
        })?;
        let raw = images.into_iter().next().ok_or_else(|| Error::bug("no image was described"))?;
        let format = ["history", "--no-trunc", "--format", "{{.CreatedBy}}", "--", image];
        let history = self.ask(&Invocation::new(format), cancel).await?;
        let config = raw.config.unwrap_or_default();
        let mut texts: Vec<String> = history.lines().map(str::to_owned).collect();
        texts.extend(config.cmd.unwrap_or_default());
        texts.extend(config.entrypoint.unwrap_or_default());
        for (name, value) in config.labels.as_ref().and_then(Value::as_object).into_iter().flatten()
        {
            texts.push(format!("{name}={}", value.as_str().unwrap_or_default()));
        }
        Ok(ImageFacts {
            id: raw.id,
            platform: format!("{}/{}", raw.os, raw.architecture),
            bytes: raw.size,
            layers: raw.root.layers.len(),
            user: config.user,
            stop_signal: config
                .stop_signal
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "SIGTERM".into()),
            environment: config.env.unwrap_or_default(),
            texts,
        })
    }
}
