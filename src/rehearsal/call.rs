//! One API call between the wire and the world.

use serde_json::{Map, Value};

/// A decoded request, whatever protocol it came by.
///
/// `input` is a tree in the API's own spelling, decoded by the operation's botocore shape:
/// timestamps are numbers (seconds since the epoch), blobs are base64 text, and absent members are
/// absent. Required members are present and types are right: the wire refuses the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The botocore service name (`ecs`, `codedeploy`, `elbv2`, `cloudwatch`, `logs`, `ecr`,
    /// `ssm`, `sts`, `synthetics`, `application-autoscaling`).
    pub service: &'static str,
    /// The operation (`DescribeServices`).
    pub operation: &'static str,
    /// The input.
    pub input: Value,
    /// The access key of the caller, from the signature; empty when unsigned.
    pub access_key: String,
    /// The region, from the signature's credential scope.
    pub region: String,
}

/// An answer: the output tree, or a modelled or common error.
pub type Reply = Result<Value, ApiError>;

/// An error as AWS sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// The shape name (`DeploymentLimitExceededException`, `ThrottlingException`).
    pub code: String,
    /// The HTTP status: 400 unless AWS says otherwise.
    pub status: u16,
    /// The message.
    pub message: String,
    /// Further members of the error shape.
    pub fields: Map<String, Value>,
}

impl ApiError {
    /// A client error with status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), status: 400, message: message.into(), fields: Map::new() }
    }

    /// Changes the HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}
