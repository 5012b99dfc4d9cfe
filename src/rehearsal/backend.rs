//! What stands behind the wire: something that answers API calls and web requests at a time.

use std::time::Duration;

use super::call::{Call, Reply};

/// Answers decoded calls. The world implements it; wire tests use smaller ones.
///
/// `now` is the time since the rehearsal began; it never goes back. Implementations bring their
/// state up to `now` before they answer. They never sleep: the connector or the server waits.
pub trait Backend: Send + Sync {
    /// Answers one API call.
    fn call(&self, now: Duration, call: &Call) -> Delivery;

    /// Answers one web request to a host that is not an AWS endpoint (a load balancer).
    fn http(&self, now: Duration, request: &WebRequest) -> WebAnswer;

    /// The wall time at the start of the rehearsal, since the Unix epoch.
    fn epoch(&self) -> Duration;

    /// The seed of what the wire makes up itself: the request ids.
    fn seed(&self) -> u64 {
        0
    }
}

/// How the answer to a call travels.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What AWS answers.
    pub reply: Reply,
    /// How long the call takes in all.
    pub latency: Duration,
    /// Whether the answer gets through.
    pub transport: Transport,
}

/// Whether the answer to a call gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// It arrives.
    Delivered,
    /// The connection is reset after `latency`; the call may have had its effect.
    Reset,
    /// Nothing ever comes; the client's own timeout ends it.
    Silent,
}

/// A request to a load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebRequest {
    /// The host name, without port.
    pub host: String,
    /// The port of the listener.
    pub port: u16,
    /// `GET` …
    pub method: String,
    /// Path and query.
    pub path: String,
}

/// A load balancer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebAnswer {
    /// Somebody answered.
    Response {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
        /// How long it took.
        latency: Duration,
    },
    /// Nobody listens there.
    Refused,
    /// The name does not exist.
    UnknownHost,
}
