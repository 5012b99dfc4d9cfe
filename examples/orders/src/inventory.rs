//! The inventory service, the one thing that this service depends on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::breaker::{Breaker, State};
use crate::metrics::Metrics;
use crate::session::Cart;
use crate::trace::Trace;

/// Tries of one reservation.
const ATTEMPTS: u32 = 3;
/// The wait before the second try; it doubles, and up to half of it is chance.
const BACKOFF: Duration = Duration::from_millis(100);
/// How long one try may take.
const TRY: Duration = Duration::from_secs(5);
/// How often the inventory is asked whether it is there.
const PROBE: Duration = Duration::from_secs(2);

pub struct Inventory {
    url: Option<String>,
    client: Client<HttpConnector, Full<Bytes>>,
    pub breaker: Breaker,
    reachable: AtomicBool,
    metrics: Arc<Metrics>,
}

/// Why nothing could be reserved.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The circuit is open: the inventory was not even asked.
    Open,
    /// It said no.
    Refused(StatusCode),
    /// It did not answer, or with a server error.
    Away(String),
}

impl Inventory {
    pub fn new(url: Option<String>, metrics: Arc<Metrics>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .build(connector);
        // Without an inventory there is nothing to wait for.
        let reachable = AtomicBool::new(url.is_none());
        Self { url, client, breaker: Breaker::default(), reachable, metrics }
    }

    /// Whether the last probe reached it, and calls are let through.
    pub fn ready(&self) -> bool {
        self.reachable.load(Relaxed) && self.breaker.state(Instant::now()) != State::Open
    }

    /// Asks once whether it is there.
    pub async fn probe(&self) -> bool {
        let Some(url) = &self.url else { return true };
        let request = Request::get(format!("{url}/health")).body(Full::default());
        let answer = match request {
            Ok(request) => tokio::time::timeout(TRY, self.client.request(request)).await,
            Err(_) => return false,
        };
        let reached = matches!(answer, Ok(Ok(answer)) if answer.status().is_success());
        if self.reachable.swap(reached, Relaxed) != reached {
            tracing::info!(reached, "the inventory's state changed");
        }
        reached
    }

    /// Asks again and again.
    pub async fn watch(&self) {
        loop {
            self.probe().await;
            tokio::time::sleep(PROBE).await;
        }
    }

    /// Reserves what a cart holds. A reservation carries the order's id, so the inventory can tell a retry
    /// from a second order.
    pub async fn reserve(&self, order: &str, cart: &Cart, trace: &Trace) -> Result<(), Trouble> {
        let Some(url) = &self.url else { return Ok(()) };
        let body = Bytes::from(serde_json::to_vec(cart).unwrap_or_default());
        let mut wait = BACKOFF;
        let mut attempt = 1;
        loop {
            if !self.breaker.admits(Instant::now()) {
                return Err(Trouble::Open);
            }
            let trouble = match self
                .attempt(&format!("{url}/reservations/{order}"), body.clone(), trace)
                .await
            {
                Ok(()) => {
                    self.breaker.succeeded();
                    self.metrics.reservations.fetch_add(1, Relaxed);
                    return Ok(());
                }
                // An answer is an answer: the service is there, and asking again changes nothing.
                Err(Trouble::Refused(status)) => {
                    self.breaker.succeeded();
                    return Err(Trouble::Refused(status));
                }
                Err(trouble) => trouble,
            };
            self.breaker.failed(Instant::now());
            if attempt == ATTEMPTS {
                return Err(trouble);
            }
            attempt += 1;
            self.metrics.retries.fetch_add(1, Relaxed);
            tokio::time::sleep(wait + wait.mul_f64(fastrand::f64() / 2.0)).await;
            wait *= 2;
        }
    }

    async fn attempt(&self, url: &str, body: Bytes, trace: &Trace) -> Result<(), Trouble> {
        let mut request = Request::builder()
            .method(Method::PUT)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json");
        for (name, value) in trace.headers() {
            request = request.header(name, value);
        }
        let request =
            request.body(Full::new(body)).map_err(|error| Trouble::Away(error.to_string()))?;
        match tokio::time::timeout(TRY, self.client.request(request)).await {
            Err(_) => Err(Trouble::Away("no answer in time".into())),
            Ok(Err(error)) => Err(Trouble::Away(error.to_string())),
            Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
            Ok(Ok(answer)) if answer.status().is_client_error() => {
                Err(Trouble::Refused(answer.status()))
            }
            Ok(Ok(answer)) => Err(Trouble::Away(answer.status().to_string())),
        }
    }
}
