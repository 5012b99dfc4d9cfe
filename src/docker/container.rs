//! One container of a check.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::command::Invocation;
use super::engine::Engine;
use super::secret::Secret;
use crate::clock::Clock;
use crate::error::Error;

/// Marks our containers; the value is when they were made, in seconds since the Unix epoch.
const LABEL: &str = "ha-deploy.check";
/// A container of a check lives minutes. One that is older than this was left by a run that was killed.
const ABANDONED: u64 = 3600;

/// How a container is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confinement {
    pub(super) read_only: bool,
    pub(super) no_capabilities: bool,
}

/// A container that runs, or ran.
pub(super) struct Container<'a> {
    engine: &'a Engine,
    id: String,
    port: u16,
}

/// How a container is.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) running: bool,
    pub(super) exit_code: i32,
    pub(super) out_of_memory: bool,
    /// Its process on the engine's host.
    pub(super) process: u32,
    /// Where it may be reached, the most direct first.
    pub(super) addresses: Vec<SocketAddr>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    state: RawState,
    network_settings: Network,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RawState {
    running: bool,
    exit_code: i32,
    #[serde(rename = "OOMKilled")]
    out_of_memory: bool,
    pid: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: String,
    ports: Option<Value>,
}

impl<'a> Container<'a> {
    /// Starts an image that the engine has.
    pub(super) async fn start(
        engine: &'a Engine,
        image: &str,
        port: u16,
        confinement: Confinement,
        environment: &BTreeMap<String, String>,
        clock: &Clock,
        cancel: &CancellationToken,
    ) -> Result<Self, Error> {
        let mut run = Invocation::new(["create", "--pull", "never"]);
        run.option("--label", format!("{LABEL}={}", clock.now().as_secs()));
        run.option("--publish", format!("127.0.0.1::{port}"));
        run.option("--security-opt", "no-new-privileges");
        run.option("--memory", "2g");
        if confinement.read_only {
            run.arg("--read-only");
        }
        if confinement.no_capabilities {
            run.option("--cap-drop", "ALL");
        }
        for (name, value) in environment {
            run.option("--env", name).variable(name, Secret::new(value));
        }
        run.arg(image);
        let id = engine.ask(&run, cancel).await?;
        let id = id.lines().next().unwrap_or_default().trim().to_owned();
        let container = Self { engine, id, port };
        let start = Invocation::new(["start", container.id.as_str()]);
        match engine.ask(&start, cancel).await {
            Ok(_) => Ok(container),
            // What the image's command cannot do is its own fault: it shows as a container that ended.
            Err(error) if error.to_string().contains("runtime") => Ok(container),
            Err(error) => {
                container.remove().await;
                Err(error)
            }
        }
    }

    pub(super) async fn state(&self, cancel: &CancellationToken) -> Result<State, Error> {
        let asked = Invocation::new(["container", "inspect", self.id.as_str()]);
        let text = self.engine.ask(&asked, cancel).await?;
        let mut found: Vec<Raw> = serde_json::from_str(&text).map_err(|error| {
            Error::bug("`docker inspect` answered in a way that is not known").caused_by(error)
        })?;
        let raw = found.pop().ok_or_else(|| Error::bug("no container was described"))?;
        let mut addresses = Vec::new();
        // On Linux the bridge can be reached from the host; elsewhere the engine is in a machine of its own.
        if let (true, Ok(ip)) =
            (cfg!(target_os = "linux"), raw.network_settings.address.parse::<IpAddr>())
        {
            addresses.push(SocketAddr::new(ip, self.port));
        }
        let key = format!("{}/tcp", self.port);
        let published = raw.network_settings.ports.as_ref().and_then(|ports| {
            ports.get(&key)?.get(0)?.get("HostPort")?.as_str()?.parse::<u16>().ok()
        });
        addresses.extend(published.map(|port| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)));
        Ok(State {
            running: raw.state.running,
            exit_code: raw.state.exit_code,
            out_of_memory: raw.state.out_of_memory,
            process: raw.state.pid,
            addresses,
        })
    }

    pub(super) async fn signal(&self, name: &str, cancel: &CancellationToken) -> Result<(), Error> {
        let run = Invocation::new(["kill", "--signal", name, &self.id]);
        self.engine.ask(&run, cancel).await.map(drop)
    }

    /// Its last lines.
    pub(super) async fn logs(&self, cancel: &CancellationToken) -> Vec<String> {
        let run = Invocation::new(["logs", "--tail", "10", &self.id]);
        match self.engine.program.quiet(&run, cancel).await {
            Ok(ended) => ended.tail,
            Err(_) => Vec::new(),
        }
    }

    /// Removes it, also after a cancellation.
    pub(super) async fn remove(self) {
        let run = Invocation::new(["rm", "--force", "--volumes", &self.id]);
        let never = CancellationToken::new();
        let removed = self.engine.program.quiet(&run, &never);
        let _ = tokio::time::timeout(Duration::from_secs(30), removed).await;
    }
}

/// Removes containers that runs which were killed left behind.
pub(super) async fn sweep(engine: &Engine, clock: &Clock, cancel: &CancellationToken) {
    let format = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
    let filter = format!("label={LABEL}");
    let asked = Invocation::new(["ps", "--all", "--filter", &filter, "--format", &format]);
    let Ok(listed) = engine.ask(&asked, cancel).await else { return };
    let now = clock.now().as_secs();
    for line in listed.lines() {
        let Some((id, made)) = line.split_once(' ') else { continue };
        let old = made.trim().parse::<u64>().is_ok_and(|made| made + ABANDONED < now);
        if old {
            let _ = engine.ask(&Invocation::new(["rm", "--force", "--volumes", id]), cancel).await;
        }
    }
}

/// Where a process listens, by what the kernel says of its network; `None` where that cannot be read.
pub(super) fn listening(process: u32) -> Option<Vec<SocketAddr>> {
    if process == 0 {
        return None;
    }
    let mut found = Vec::new();
    for file in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process}/net/{file}")).ok()?;
        found.extend(text.lines().skip(1).filter_map(listener));
    }
    Some(found)
}

/// One line of `/proc/net/tcp`: the second word is the local address, the fourth the state, of which
/// `0A` is LISTEN (`proc(5)`).
fn listener(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().skip(1);
    let (local, state) = (words.next()?, words.nth(1)?);
    let (address, port) = local.split_once(':').filter(|_| state == "0A")?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let ip: IpAddr = if address.len() == 8 {
        // Four bytes in the order of the machine.
        Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.to_ne_bytes()).into()
    } else {
        let mut bytes = [0; 16];
        for (at, chunk) in bytes.chunks_mut(4).enumerate() {
            let word = address.get(at * 8..at * 8 + 8)?;
            chunk.copy_from_slice(&u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
        }
        std::net::Ipv6Addr::from(bytes).into()
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn listeners_are_read_as_the_kernel_writes_them() {
        let line =
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1";
        assert_eq!(listener(line), Some("127.0.0.1:8080".parse().unwrap()));
        let any = "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0";
        assert_eq!(listener(any), Some("[::]:80".parse().unwrap()));
        let loopback = "   0: 00000000000000000000000001000000:0050 0:0 0A 0";
        assert_eq!(listener(loopback), Some("[::1]:80".parse().unwrap()));
        assert_eq!(listener(&line.replace("0A", "01")), None, "a connection is no listener");
        assert_eq!(listener("nonsense"), None);
    }
}
