//! Plain HTTP requests, for smoke tests: through the same client that carries AWS calls, so that
//! a rehearsal carries them too.

use std::convert::Infallible;
use std::time::Duration;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

/// The most of a body that a smoke test looks at, in bytes.
const LONGEST_BODY: usize = 1 << 20;

/// A client for smoke tests.
#[derive(Debug, Clone)]
pub struct Web {
    http: SharedHttpClient,
    sleep: SharedAsyncSleep,
    time: SharedTimeSource,
}

/// An answered page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// The body, at most 1 MiB of it, with invalid UTF-8 replaced; text from outside.
    pub body: String,
}

impl Web {
    pub(super) fn new(http: SharedHttpClient, config: &SdkConfig) -> Self {
        let sleep = config.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
        let time = config.time_source().unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        Self { http, sleep, time }
    }

    /// Makes one GET request; the error says in words what went wrong.
    pub async fn get(&self, base: &str, path: &str, timeout: Duration) -> Result<Page, String> {
        let uri: http::Uri = base.parse().map_err(|error| format!("`{base}` is no URL: {error}"))?;
        if uri.scheme().is_none() || uri.authority().is_none() {
            return Err(format!("`{base}` is no URL: it needs a scheme and a host"));
        }
        let path = path.to_owned();
        let limits = TimeoutConfig::builder().operation_timeout(timeout).build();
        let operation: Operation<(), Page, Infallible> = Operation::builder()
            .service_name("smoke")
            .operation_name("Get")
            .http_client(self.http.clone())
            .endpoint_url(base)
            .no_auth()
            .no_retry()
            .sleep_impl(self.sleep.clone())
            .time_source(self.time.clone())
            .timeout_config(limits)
            .serializer(move |()| {
                let agent = concat!("ha-deploy/", env!("CARGO_PKG_VERSION"));
                let mut request = HttpRequest::new(SdkBody::empty());
                request.set_uri(path.as_str())?;
                request.headers_mut().insert("user-agent", agent);
                Ok(request)
            })
            .deserializer(|response: &HttpResponse| Ok(page(response)))
            .build();
        operation.invoke(()).await.map_err(|error| words(&error))
    }
}

fn page(response: &HttpResponse) -> Page {
    let bytes = response.body().bytes().unwrap_or_default();
    let bytes = bytes.get(..LONGEST_BODY).unwrap_or(bytes);
    Page {
        status: response.status().as_u16(),
        body: String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The innermost cause: the outer ones only say that a request failed.
fn words(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}
