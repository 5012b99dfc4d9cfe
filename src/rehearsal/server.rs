//! The loopback server: any AWS client can talk to a backend with `AWS_ENDPOINT_URL`.
//!
//! Time is the machine's, times a speed. It serves a person's or a test's own machine only: it
//! knows no credentials, so it must never listen on a network.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, Transport, WebAnswer};
use super::connector::{is_api, web_request};
use super::wire::{Codec, MAX_BODY};
use crate::clock::Clock;

/// A client that has not sent its head, or its body, by then is disconnected.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// The headers of a signed request take about 1 KiB.
const MAX_HEAD: usize = 64 * 1024;
/// Further connections wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// How long open requests may take at shutdown.
const GRACE: Duration = Duration::from_secs(1);
/// Accepting fails when the machine is out of file descriptors; that passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds an address of this machine's loopback, and refuses every other one.
pub async fn loopback(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        let message =
            format!("{address} is not a loopback address; the rehearsal checks no credentials");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    TcpListener::bind(address).await
}

/// Serves `backend` until `shutdown`. One second of the machine is `speed` seconds of the backend.
pub async fn serve(
    listener: TcpListener,
    backend: Arc<dyn Backend>,
    speed: f64,
    shutdown: CancellationToken,
) -> io::Result<()> {
    if !(speed.is_finite() && speed > 0.0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the speed must be above zero"));
    }
    let codec = Codec::new(backend.seed());
    let clock = Clock::starting_at(backend.epoch());
    let host = Arc::new(Host { backend, codec, clock, speed });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, Arc::clone(&host), shutdown.clone()));
                    }
                    Err(_) => clock.sleep(ACCEPT_PAUSE).await,
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

/// Serves one connection. Its errors are the client's: it went away or sent no HTTP.
async fn connection(stream: TcpStream, host: Arc<Host>, shutdown: CancellationToken) {
    let service = service_fn(move |request| {
        let host = Arc::clone(&host);
        async move { host.answer(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

struct Host {
    backend: Arc<dyn Backend>,
    codec: Codec,
    clock: Clock,
    speed: f64,
}

impl Host {
    /// Answers a request; an error makes hyper drop the connection.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let target = target(&parts.uri, parts.headers.get(header::HOST));
        let name = target.host().unwrap_or_default();
        if !is_loopback(name) && !is_api(name) {
            return Ok(self.web(parts.method.as_str(), &target).await);
        }
        // A length that is announced needs no reading; one that is not is counted.
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"));
        }
        let body = Limited::new(body, MAX_BODY).collect();
        let body = match tokio::time::timeout(READ_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")),
            Err(_) => return Ok(text(StatusCode::REQUEST_TIMEOUT, "the body came too slowly")),
        };
        let (context, call) = match self.codec.decode(&Request::from_parts(parts, body)) {
            Ok(decoded) => decoded,
            Err(refusal) => return Ok(refusal.map(Full::new)),
        };
        let delivery = self.backend.call(self.now(), &call);
        self.wait(delivery.latency).await;
        match delivery.transport {
            Transport::Delivered => Ok(context.encode(&delivery.reply).map(Full::new)),
            Transport::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Transport::Silent => std::future::pending().await,
        }
    }

    /// Answers for a load balancer, as a proxy would.
    async fn web(&self, method: &str, target: &Uri) -> Response<Full<Bytes>> {
        match self.backend.http(self.now(), &web_request(method, target)) {
            WebAnswer::Response { status, body, latency } => {
                self.wait(latency).await;
                text(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), &body)
            }
            WebAnswer::Refused => text(StatusCode::BAD_GATEWAY, "connection refused"),
            WebAnswer::UnknownHost => text(StatusCode::BAD_GATEWAY, "unknown host"),
        }
    }

    /// The backend's time. Beyond what a `Duration` holds it stands still.
    fn now(&self) -> Duration {
        scaled(self.clock.elapsed(), self.speed)
    }

    async fn wait(&self, latency: Duration) {
        self.clock.sleep(scaled(latency, self.speed.recip())).await;
    }
}

fn scaled(duration: Duration, by: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * by).unwrap_or(Duration::MAX)
}

/// Whom the request is for: the URI of a proxy request, or the `Host` header.
fn target(uri: &Uri, host: Option<&header::HeaderValue>) -> Uri {
    if uri.host().is_some() {
        return uri.clone();
    }
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let whole = Uri::builder().scheme("http").authority(host).path_and_query(path).build();
    // A host that is no name cannot be one of a load balancer, and must not pass for loopback.
    whole.unwrap_or_else(|_| Uri::from_static("http://invalid/"))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response
}
