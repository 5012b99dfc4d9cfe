//! The in-process connector: the SDK's HTTP requests go to a backend without a socket.
//!
//! Waits on the clock only, so under a paused runtime everything happens in virtual time.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response, Uri};

use super::backend::{Backend, Transport, WebAnswer, WebRequest};
use super::wire::Codec;
use crate::clock::Clock;

/// Makes an HTTP client whose requests `backend` answers at the clock's elapsed time.
///
/// A call has its effect when it is sent, and its answer arrives after the whole latency: the
/// backend tells the latency only with the answer. So a client that gives up in between leaves a
/// call that was applied, which is what makes an ambiguous result.
pub fn http_client(backend: Arc<dyn Backend>, clock: Clock) -> SharedHttpClient {
    let codec = Arc::new(Codec::new(backend.seed()));
    http_client_fn(move |settings, _| {
        let (backend, codec) = (Arc::clone(&backend), Arc::clone(&codec));
        let read_timeout = settings.read_timeout();
        SharedHttpConnector::new(InProcess { backend, codec, clock, read_timeout })
    })
}

#[derive(Clone)]
struct InProcess {
    backend: Arc<dyn Backend>,
    codec: Arc<Codec>,
    clock: Clock,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            let Some(limit) = this.read_timeout else { return this.answer(request).await };
            let late = || ConnectorError::timeout(format!("no answer within {limit:?}").into());
            tokio::time::timeout(limit, this.answer(request)).await.map_err(|_| late())?
        })
    }
}

impl InProcess {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
        let response = if is_api(request.uri().host().unwrap_or_default()) {
            self.api(request).await?
        } else {
            self.web(&request).await?
        };
        HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
    }

    async fn api(&self, request: Request<SdkBody>) -> Result<Response<SdkBody>, ConnectorError> {
        let request = request.map(|body| body.bytes().map(Bytes::copy_from_slice));
        let (parts, body) = request.into_parts();
        let streams = || ConnectorError::user("the rehearsal takes no streaming bodies".into());
        let request = Request::from_parts(parts, body.ok_or_else(streams)?);
        let (context, call) = match self.codec.decode(&request) {
            Ok(decoded) => decoded,
            Err(refusal) => return Ok(refusal.map(SdkBody::from)),
        };
        let delivery = self.backend.call(self.clock.elapsed(), &call);
        self.clock.sleep(delivery.latency).await;
        match delivery.transport {
            Transport::Delivered => Ok(context.encode(&delivery.reply).map(SdkBody::from)),
            Transport::Reset => Err(lost(io::ErrorKind::ConnectionReset, "connection reset")),
            Transport::Silent => std::future::pending().await,
        }
    }

    async fn web(&self, request: &Request<SdkBody>) -> Result<Response<SdkBody>, ConnectorError> {
        let web = web_request(request.method().as_str(), request.uri());
        match self.backend.http(self.clock.elapsed(), &web) {
            WebAnswer::Response { status, body, latency } => {
                self.clock.sleep(latency).await;
                let response = Response::builder().status(status).body(SdkBody::from(body));
                response.map_err(|error| ConnectorError::other(error.into(), None))
            }
            WebAnswer::Refused => Err(lost(io::ErrorKind::ConnectionRefused, "connection refused")),
            WebAnswer::UnknownHost => {
                Err(lost(io::ErrorKind::NotFound, &format!("unknown host {}", web.host)))
            }
        }
    }
}

fn lost(kind: io::ErrorKind, what: &str) -> ConnectorError {
    ConnectorError::io(io::Error::new(kind, what).into())
}

/// Tells an AWS API endpoint from the rest. The names of load balancers end like API endpoints
/// (`app-1.eu-west-1.elb.amazonaws.com`, `nlb-1.elb.eu-west-1.amazonaws.com`) and are not.
pub(super) fn is_api(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let suffix = host.ends_with(".amazonaws.com") || host.ends_with(".api.aws");
    suffix && !host.split('.').any(|label| label == "elb")
}

/// What a load balancer's listener sees of a request.
pub(super) fn web_request(method: &str, uri: &Uri) -> WebRequest {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    WebRequest {
        host: uri.host().unwrap_or_default().to_owned(),
        port: uri.port_u16().unwrap_or(default),
        method: method.to_owned(),
        path: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_balancers_are_not_apis() {
        for host in ["ecs.eu-west-1.amazonaws.com", "api.ecr.eu-west-1.amazonaws.com"] {
            assert!(is_api(host), "{host}");
        }
        assert!(is_api("elasticloadbalancing.eu-west-1.amazonaws.com"));
        assert!(is_api("ecs.eu-west-1.api.aws"));
        for host in ["app-1.eu-west-1.elb.amazonaws.com", "nlb-1.elb.eu-west-1.amazonaws.com"] {
            assert!(!is_api(host), "{host}");
        }
        assert!(!is_api("amazonaws.com.example.org"));
        assert!(!is_api("localhost"));
    }
}
