//! The image check: what zero downtime asks of an image, each as a test with a name and a mend.
//!
//! A test that cannot be judged because another one failed, or because nobody said where to look, is
//! `Untested` and says so; so a broken image fails the test that is about its fault, and no other.

mod behaviour;
mod still;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::container;
use super::engine::Engine;
use crate::clock::Clock;
use crate::domain::{ImageFinding as Finding, ImageVerdict as Verdict};
use crate::error::Error;

pub use still::looks_secret;

/// What an image is to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// The port that it is to listen on.
    pub port: u16,
    /// The platform that it is to be made for; `None`: the engine's.
    pub platform: Option<String>,
    /// The path of the load balancer's health check.
    pub health: String,
    /// Says whether new requests should come here.
    pub ready: Option<String>,
    /// Says whether the process is alive.
    pub live: Option<String>,
    /// Metrics.
    pub metrics: Option<String>,
    /// A path whose answer takes a second or more: a request that is in flight at SIGTERM.
    pub in_flight: Option<String>,
    /// Variables for every container.
    #[serde(skip)]
    pub environment: BTreeMap<String, String>,
    /// Variables that make its dependencies unreachable.
    pub away: BTreeMap<String, String>,
    /// How long it may take until it listens and is healthy.
    pub start: Duration,
    /// How long one answer of the health path may take.
    pub answer: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub stop: Duration,
    /// The largest size in bytes.
    pub most_bytes: u64,
    /// The most layers.
    pub most_layers: usize,
    /// Tests whose failure is accepted.
    pub accepted: Vec<String>,
}

/// The names of all tests, in the order of a report.
pub const NAMES: [&str; 17] = [
    "architecture",
    "size",
    "layers",
    "non-root",
    "secrets",
    "starts",
    "read-only-root",
    "capabilities",
    "listens",
    "health",
    "ready",
    "live",
    "metrics",
    "finishes-in-flight",
    "refuses-new",
    "exits",
    DEPENDENCY,
];

/// The name of the test that needs a container of its own.
pub const DEPENDENCY: &str = "dependency-away";

/// Checks an image that the engine has.
pub async fn check(
    engine: &Engine,
    image: &str,
    wish: &Wish,
    clock: &Clock,
    cancel: &CancellationToken,
) -> Result<Vec<Finding>, Error> {
    container::sweep(engine, clock, cancel).await;
    let facts = engine.facts(image, cancel).await?;
    let mut findings = still::judge(&facts, wish, engine.platform());
    let bench = behaviour::Bench { engine, image, facts: &facts, wish, clock, cancel };
    findings.extend(bench.judge().await?);
    for finding in &mut findings {
        let accepted = wish.accepted.iter().any(|name| name == finding.name);
        if finding.verdict == Verdict::Fail && accepted {
            finding.verdict = Verdict::Accepted;
        }
    }
    Ok(findings)
}
