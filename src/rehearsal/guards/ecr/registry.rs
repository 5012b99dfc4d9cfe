//! A real registry behind the embedded ECR, for rehearsals with a Docker engine.
//!
//! The one place of the embedded cloud that talks to anything. It asks a registry on this machine's
//! loopback what it has, in a few lines of HTTP: a client of the program's would be judged by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a registry on the same machine may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest manifest that registries take (OCI distribution specification, "Pushing Manifests").
const LONGEST: u64 = 4 << 20;
/// What it may answer: images and indexes, Docker's and OCI's.
const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.index.v1+json";

/// A manifest that the registry has.
#[derive(Debug, Clone)]
pub(super) struct Manifest {
    /// Its digest.
    pub(super) digest: String,
    /// Its media type.
    pub(super) media_type: String,
    /// Its bytes.
    pub(super) text: String,
    /// The bytes of configuration and layers.
    pub(super) bytes: u64,
}

/// Asks for a manifest by tag or digest; `None`: there is none, or no answer.
pub(super) fn manifest(
    registry: SocketAddr,
    repository: &str,
    reference: &str,
    authorization: &str,
) -> Option<Manifest> {
    // Both come from a request; neither may end the line that it stands in.
    if [repository, reference]
        .iter()
        .any(|text| text.contains(|c: char| c.is_control() || c == ' '))
    {
        return None;
    }
    let mut stream = TcpStream::connect_timeout(&registry, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let request = format!(
        "GET /v2/{repository}/manifests/{reference} HTTP/1.0\r\nHost: {registry}\r\n\
         Accept: {ACCEPT}\r\nAuthorization: Basic {authorization}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split(' ').nth(1) != Some("200") {
        return None;
    }
    let header = |name: &str| {
        let found = head.lines().filter_map(|line| line.split_once(": "));
        found
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let value: Value = serde_json::from_str(body).ok()?;
    let size = |part: &Value| part.get("size").and_then(Value::as_u64).unwrap_or(0);
    let layers = value.get("layers").and_then(Value::as_array);
    let bytes = layers.into_iter().flatten().map(size).sum::<u64>()
        + value.get("config").map(size).unwrap_or(0);
    Some(Manifest {
        digest: header("docker-content-digest")?,
        media_type: header("content-type")?,
        text: body.to_owned(),
        bytes,
    })
}
