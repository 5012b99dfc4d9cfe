//! What the environment says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::broken::{Broken, Fault};

/// How long the service waits for requests in flight after SIGTERM. ECS's `stopTimeout` must be longer.
const DRAIN: Duration = Duration::from_secs(30);
/// How long a request may take, and how long a call to the inventory may take with all its retries.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Everything that can be set.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The inventory service; without one nothing is reserved.
    pub inventory: Option<String>,
    /// Signs session cookies. Every task of a service must have the same one.
    pub session_key: Vec<u8>,
    /// Requests a second that one task takes before it answers 429.
    pub rate: u32,
    pub drain: Duration,
    pub timeout: Duration,
    /// The version that it says it is.
    pub version: String,
    pub broken: Broken,
}

impl Settings {
    pub fn from_environment() -> Result<Self, String> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let broken = Broken::parse(&var("ORDERS_BROKEN").unwrap_or_default())?;
        let mut port = number(var("PORT"), "PORT", 8080u16)?;
        let mut ip = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        if broken.is(Fault::Localhost) {
            ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        }
        if broken.is(Fault::WrongPort) {
            port = port.wrapping_add(1).max(1);
        }
        let session_key = match var("SESSION_KEY") {
            Some(key) if key.len() >= 16 => key.into_bytes(),
            Some(_) => return Err("SESSION_KEY must have at least 16 characters".into()),
            // Carts do not outlive the task then, which is right for a trial and wrong for a service.
            None => std::iter::repeat_with(|| fastrand::u8(..)).take(32).collect(),
        };
        Ok(Self {
            address: SocketAddr::new(ip, port),
            inventory: var("INVENTORY_URL").map(|url| url.trim_end_matches('/').to_owned()),
            session_key,
            rate: number(var("RATE_LIMIT"), "RATE_LIMIT", 1000)?,
            drain: seconds(var("DRAIN_SECONDS"), "DRAIN_SECONDS", DRAIN)?,
            timeout: seconds(var("TIMEOUT_SECONDS"), "TIMEOUT_SECONDS", TIMEOUT)?,
            version: var("ORDERS_VERSION").unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
            broken,
        })
    }
}

fn number<T: std::str::FromStr>(text: Option<String>, name: &str, default: T) -> Result<T, String> {
    text.map_or(Ok(default), |text| {
        text.parse().map_err(|_| format!("{name} is not a number in range: {text}"))
    })
}

fn seconds(text: Option<String>, name: &str, default: Duration) -> Result<Duration, String> {
    let seconds: u64 = number(text, name, default.as_secs())?;
    (seconds <= 3600).then(|| Duration::from_secs(seconds)).ok_or(format!("{name} is at most 3600"))
}
