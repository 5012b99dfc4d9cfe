//! Where credentials come from, and how long a call may take.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_smithy_http_client::tls;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::{Aws, Calls};

/// Where and as whom to connect.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The region.
    pub region: String,
    /// A role to assume with the default chain's credentials.
    pub role: Option<String>,
    /// The profile of the shared configuration files; `None`: the SDK's default.
    pub profile: Option<String>,
}

/// Attempts for one call; with up to 20 s between two, throttling must last minutes to win.
const ATTEMPTS: u32 = 10;

/// How the program retries: standard back-off with jitter, more attempts than the SDK's three.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_millis(500))
        .with_max_backoff(Duration::from_secs(20))
}

/// How long one attempt may take.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build()
}

/// Connects to AWS with the SDK's default credential chain, or through a role on top of it.
///
/// The chain's providers refresh credentials before they expire, at any time in a wait.
pub async fn connect(connection: &Connection) -> Aws {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region(Region::new(connection.region.clone()))
        .http_client(http.clone())
        .retry_config(retries())
        .timeout_config(timeouts());
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    let base = loader.load().await;
    let config = match &connection.role {
        None => base,
        Some(role) => {
            let provider = AssumeRoleProvider::builder(role)
                .configure(&base)
                .session_name("ha-deploy")
                .build()
                .await;
            base.into_builder()
                .credentials_provider(
                    aws_credential_types::provider::SharedCredentialsProvider::new(provider),
                )
                .build()
        }
    };
    Aws::new(&config, http, Calls::default())
}

/// Completes a configuration that a rehearsal made with the program's own retries and timeouts.
pub fn rehearsed(config: SdkConfig, http: SharedHttpClient) -> Aws {
    let config = config
        .into_builder()
        .retry_config(retries())
        .timeout_config(timeouts())
        .http_client(http.clone())
        .build();
    Aws::new(&config, http, Calls::default())
}
