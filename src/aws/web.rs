//! Plain HTTP requests, for smoke tests: through the same client that carries AWS calls, so that
//! a rehearsal carries them too.

use std::time::Duration;

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpClient,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use http_body_util::{BodyExt, Limited};

/// The most of a body that a smoke test reads.
const LONGEST_BODY: usize = 1 << 20;

/// A client for smoke tests.
#[derive(Debug, Clone)]
pub struct Web {
    http: SharedHttpClient,
    sleep: SharedAsyncSleep,
    time: Option<aws_smithy_async::time::SharedTimeSource>,
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
        Self { http, sleep, time: config.time_source() }
    }

    /// Makes one GET request; the error says in words what went wrong.
    pub async fn get(&self, url: &str, timeout: Duration) -> Result<Page, String> {
        tokio::time::timeout(timeout, self.fetch(url, timeout))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs_f64())))
    }

    async fn fetch(&self, url: &str, timeout: Duration) -> Result<Page, String> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).map_err(|error| format!("not a URL: {error}"))?;
        request
            .headers_mut()
            .insert("user-agent", concat!("ha-deploy/", env!("CARGO_PKG_VERSION")));
        let settings =
            HttpConnectorSettings::builder().connect_timeout(timeout).read_timeout(timeout).build();
        let components = RuntimeComponentsBuilder::new("ha-deploy")
            .with_sleep_impl(Some(self.sleep.clone()))
            .with_time_source(self.time.clone())
            .build()
            .map_err(|error| error.to_string())?;
        let connector = self.http.http_connector(&settings, &components);
        let response = connector.call(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST_BODY)
            .collect()
            .await
            .map_err(|error| format!("the body could not be read: {error}"))?
            .to_bytes();
        Ok(Page { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}
