//! What can go wrong with a call, as few kinds as the program tells apart.

use std::fmt;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::domain::OutcomeKind;
use crate::error::Error;

/// The kinds of fault that the program tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The thing does not exist.
    NotFound,
    /// It exists already, or is as asked.
    NoChange,
    /// Somebody else is at work on it.
    Conflict,
    /// Too many requests, after all retries.
    Throttled,
    /// Not allowed.
    Denied,
    /// No credentials, or expired ones.
    Credentials,
    /// No answer: network, timeout, server error.
    Unreachable,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What it means for the program.
    pub kind: FaultKind,
    /// The operation, as in IAM policies (`ecs:DescribeServices`).
    pub action: &'static str,
    /// The service's error code, or the transport's failure.
    pub code: String,
    /// The service's message; text from outside.
    pub message: String,
    /// The request id, for AWS support.
    pub request_id: Option<String>,
}

impl Fault {
    /// Classifies an SDK error of `action`.
    pub(super) fn of<E, R>(action: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug,
    {
        let Some(service) = error.as_service_error() else {
            let text = describe(&error);
            let no_credentials = text.contains("credentials") || text.contains("identity");
            let kind = if no_credentials { FaultKind::Credentials } else { FaultKind::Unreachable };
            let code = match &error {
                SdkError::TimeoutError(_) => "Timeout",
                SdkError::DispatchFailure(_) => "DispatchFailure",
                SdkError::ResponseError(_) => "BadResponse",
                SdkError::ConstructionFailure(_) => "ConstructionFailure",
                _ => "Unknown",
            };
            return Self { kind, action, code: code.into(), message: text, request_id: None };
        };
        let metadata = service.meta();
        let code = metadata.code().unwrap_or("Unknown").to_owned();
        let message = metadata.message().unwrap_or_default().to_owned();
        let request_id = metadata.extra("aws_request_id").map(str::to_owned);
        Self { kind: classify(&code, &message), action, code, message, request_id }
    }

    /// A fault in what came back: the call worked, but a member that must be there is not.
    pub(super) fn incomplete(action: &'static str, missing: &str) -> Self {
        Self {
            kind: FaultKind::Other,
            action,
            code: "IncompleteAnswer".into(),
            message: format!("the answer has no {missing}"),
            request_id: None,
        }
    }

    /// Something that AWS answered "not found" to without an error.
    pub(super) fn not_found(action: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: FaultKind::NotFound,
            action,
            code: "NotFound".into(),
            message: message.into(),
            request_id: None,
        }
    }

    /// Whether the fault says that the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == FaultKind::NotFound
    }
}

/// Maps error codes; the codes are those of the services' API references.
fn classify(code: &str, message: &str) -> FaultKind {
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => FaultKind::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => FaultKind::Credentials,
        "DeploymentLimitExceededException" | "UpdateInProgressException" => FaultKind::Conflict,
        "DeploymentConfigAlreadyExistsException" | "ParameterAlreadyExists" => FaultKind::NoChange,
        _ if code.contains("Throttl")
            || code == "TooManyRequestsException"
            || code == "RequestLimitExceeded" =>
        {
            FaultKind::Throttled
        }
        _ if code.contains("NotFound")
            || code.contains("DoesNotExist")
            || code == "ServiceNotActiveException" =>
        {
            FaultKind::NotFound
        }
        // ECS answers a missing task definition with a plain ClientException.
        "ClientException" if message.contains("Unable to describe task definition") => {
            FaultKind::NotFound
        }
        "InternalFailure" | "InternalServerError" | "ServerException" | "ServiceUnavailable" => {
            FaultKind::Unreachable
        }
        _ => FaultKind::Other,
    }
}

/// The error with its causes, on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Error {
    /// Turns a fault that ends a command into its error. Callers that know more (traffic has
    /// moved) say so themselves.
    fn from(fault: Fault) -> Self {
        let (kind, hint) = match fault.kind {
            FaultKind::Denied => (
                OutcomeKind::Denied,
                Some(format!("Allow `{}` in the policy of the deploying role.", fault.action)),
            ),
            FaultKind::Credentials => (
                OutcomeKind::Denied,
                Some("Check the credentials with `aws sts get-caller-identity`.".to_owned()),
            ),
            FaultKind::Conflict => (OutcomeKind::Busy, None),
            FaultKind::NotFound => (
                OutcomeKind::Invalid,
                Some("Check region, account and the names in ha-deploy.yml.".to_owned()),
            ),
            FaultKind::Throttled | FaultKind::Unreachable => (
                OutcomeKind::Inconclusive,
                Some("AWS could not be reached reliably; run again.".to_owned()),
            ),
            FaultKind::NoChange | FaultKind::Other => (OutcomeKind::Inconclusive, None),
        };
        let error = Self::new(kind, fault.to_string()).caused_by(fault);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
