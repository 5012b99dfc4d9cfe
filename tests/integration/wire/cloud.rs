//! A backend that records calls and answers samples, and clients that talk to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use aws_types::region::Region;
use ha_deploy::clock::Clock;
use ha_deploy::rehearsal::backend::{Backend, Delivery, Transport, WebAnswer, WebRequest};
use ha_deploy::rehearsal::call::{ApiError, Call, Reply};
use ha_deploy::rehearsal::connector::http_client;
use serde_json::{Value, json};

use super::sample;

pub(super) const EPOCH: Duration = Duration::from_secs(1_760_000_000);

/// What the next calls get; a full sample when it is empty.
type Script = Vec<Box<dyn FnOnce(&Call) -> Delivery + Send>>;

/// Records calls and answers samples.
#[derive(Default)]
pub(super) struct Cloud {
    pub(super) calls: Mutex<Vec<(Duration, Call)>>,
    script: Mutex<Script>,
    pub(super) failing: Mutex<Option<ApiError>>,
}

pub(super) fn delivered(reply: Reply) -> Delivery {
    Delivery { reply, latency: Duration::from_millis(40), transport: Transport::Delivered }
}

impl Backend for Cloud {
    fn call(&self, now: Duration, call: &Call) -> Delivery {
        self.calls.lock().unwrap().push((now, call.clone()));
        if let Some(next) = self.script.lock().unwrap().pop() {
            return next(call);
        }
        delivered(match &*self.failing.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(sample::output(call.service, call.operation).0),
        })
    }

    fn http(&self, _: Duration, request: &WebRequest) -> WebAnswer {
        match request.host.as_str() {
            "app-1.eu-west-1.elb.amazonaws.com" => WebAnswer::Response {
                status: 203,
                body: format!("{} {} {}", request.method, request.path, request.port),
                latency: Duration::from_millis(7),
            },
            "refused.example" => WebAnswer::Refused,
            _ => WebAnswer::UnknownHost,
        }
    }

    fn epoch(&self) -> Duration {
        EPOCH
    }
}

impl Cloud {
    /// Answers the next calls from a script, the first one first.
    pub(super) fn script(&self, mut next: Script) {
        next.reverse();
        *self.script.lock().unwrap() = next;
    }

    /// A configuration for every SDK client, on the in-process connector.
    pub(super) fn config(self: &Arc<Self>) -> SdkConfig {
        let clock = Clock::starting_at(EPOCH);
        let backend: Arc<dyn Backend> = Arc::clone(self) as Arc<dyn Backend>;
        let credentials = Credentials::new("AKIDTEST", "secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client(backend, clock))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(clock))
            .build()
    }

    pub(super) fn last(&self) -> Call {
        self.calls.lock().unwrap().last().unwrap().1.clone()
    }

    /// Checks a call against what was asked for, and the typed output against the sample.
    pub(super) fn verify(&self, service: &str, expected: Value, shown: &str) {
        let call = self.last();
        let name = format!("{}:{}", call.service, call.operation);
        assert_eq!(call.service, service);
        let mut expected = expected;
        // The SDK fills in idempotency tokens by itself.
        if let Some(token) = call.input.get("clientRequestToken").or(call.input.get("clientToken"))
        {
            assert!(token.is_string());
        }
        for key in ["clientRequestToken", "clientToken"] {
            if let (Some(token), Value::Object(map)) = (call.input.get(key), &mut expected) {
                map.insert(key.to_owned(), token.clone());
            }
        }
        assert_eq!(call.input, expected, "{name}");
        assert_eq!((call.access_key.as_str(), call.region.as_str()), ("AKIDTEST", "eu-west-1"));
        assert!(!shown.contains("UnknownVariantValue"), "{name}: {shown}");
        let (_, sample) = sample::output(call.service, call.operation);
        let lost: Vec<_> = sample.leaves.iter().filter(|(_, leaf)| !shown.contains(leaf)).collect();
        let lost: Vec<&str> = lost.into_iter().map(|(path, _)| path.as_str()).collect();
        let lost: Vec<_> =
            lost.into_iter().filter(|p| !UNSHOWN.iter().any(|end| p.ends_with(end))).collect();
        assert!(lost.is_empty(), "{name} lost {lost:?}\n{shown}");
    }

    /// Makes every call fail.
    pub(super) fn fail(&self, code: Option<&str>) {
        *self.failing.lock().unwrap() = code.map(|code| {
            let message = format!("{code} happened & <that>");
            ApiError::new(code, message)
        });
    }
}

/// The ends of the paths that the SDK's `Debug` redacts, and the members that botocore has and
/// the locked SDKs do not have yet.
const UNSHOWN: [&str; 11] = [
    ".Stacks.AliasName",
    ".trustedExecutionConfiguration.attestationPolicy",
    ".environment.name",
    ".environment.value",
    ".Credentials.AccessKeyId",
    ".Credentials.SecretAccessKey",
    ".Credentials.SessionToken",
    ".Credentials.Expiration",
    ".credentialsParameter",
    ".Parameter.Value",
    ".Parameters.Value",
];

/// Sends an operation, checks its input and output, then every error that it models.
macro_rules! check {
    ($cloud:expr, $service:literal, $builder:expr, $input:tt) => {{
        use aws_smithy_types::error::metadata::ProvideErrorMetadata;
        let builder = $builder;
        let output = match builder.clone().send().await {
            Ok(output) => output,
            Err(error) => {
                panic!("{}", aws_smithy_types::error::display::DisplayErrorContext(error))
            }
        };
        $cloud.verify($service, serde_json::json!($input), &format!("{output:?}"));
        let operation = $cloud.last().operation;
        for code in crate::wire::sample::errors($service, operation) {
            $cloud.fail(Some(code));
            let error = builder.clone().send().await.unwrap_err().into_service_error();
            let shown = format!("{error:?}");
            let variant = shown.split('(').next().unwrap_or_default();
            assert!(variant.eq_ignore_ascii_case(code), "{operation} {code}: {shown}");
            assert_eq!(error.message(), Some(format!("{code} happened & <that>").as_str()));
        }
        $cloud.fail(Some("AccessDeniedException"));
        let error = builder.send().await.unwrap_err().into_service_error();
        let code = error.code().unwrap_or_default();
        assert!(code.starts_with("AccessDenied"), "{operation}: {error:?}");
        $cloud.fail(None);
        operation
    }};
}
pub(super) use check;

/// A `GetCallerIdentity` answer, for tests that need just some call.
pub(super) fn identity() -> Value {
    json!({ "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:role/ci", "UserId": "AIDA" })
}
