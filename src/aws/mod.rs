//! Gateways to AWS, one file a service. SDK types never leave this room.
//!
//! Every answer is turned into `domain` types and every error into a [`Fault`]. Nothing here
//! decides anything; nothing here formats for people.

mod backup;
mod calls;
mod cloudformation;
mod cloudwatch;
mod codedeploy;
mod counts;
mod credentials;
mod ecr;
mod ecs;
mod elb;
mod fault;
mod logs;
mod s3;
mod scaling;
mod ssm;
mod sts;
mod synthetics;
mod task_definition;
mod tasks;
mod web;

pub use calls::Calls;
pub use cloudformation::{ChangeSetWish, DriftDetection, OnFailure, Origin, Since};
pub use cloudwatch::ArmMetrics;
pub use codedeploy::{DeploymentState, DeploymentWish, GroupSettings, TargetState};
pub use counts::{CountQuery, Counted, Window};
pub use credentials::{Connection, connect, rehearsed};
pub use ecr::{Authorization, Scan, Tagged};
pub use ecs::LiveService;
pub use elb::Listener;
pub use fault::{Fault, FaultKind};
pub use logs::LogPage;
pub use synthetics::CanaryRun;
pub use task_definition::TaskDefinition;
pub use tasks::{OneOff, StoppedTask, TaskProgress};
pub use web::{Page, Web};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

/// All clients of one account and region.
#[derive(Debug, Clone)]
pub struct Aws {
    ecs: aws_sdk_ecs::Client,
    codedeploy: aws_sdk_codedeploy::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    ecr: aws_sdk_ecr::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    synthetics: aws_sdk_synthetics::Client,
    scaling: aws_sdk_applicationautoscaling::Client,
    ssm: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    s3: aws_sdk_s3::Client,
    backup: aws_sdk_backup::Client,
    config: SdkConfig,
    http: SharedHttpClient,
    web: Web,
    calls: Calls,
}

macro_rules! client {
    ($sdk:ident, $config:expr, $calls:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($config).interceptor($calls.clone()).build(),
        )
    };
}

impl Aws {
    /// Makes the clients; `http` also carries smoke tests.
    pub fn new(config: &SdkConfig, http: SharedHttpClient, calls: Calls) -> Self {
        Self {
            ecs: client!(aws_sdk_ecs, config, calls),
            codedeploy: client!(aws_sdk_codedeploy, config, calls),
            elb: client!(aws_sdk_elasticloadbalancingv2, config, calls),
            ecr: client!(aws_sdk_ecr, config, calls),
            cloudwatch: client!(aws_sdk_cloudwatch, config, calls),
            logs: client!(aws_sdk_cloudwatchlogs, config, calls),
            synthetics: client!(aws_sdk_synthetics, config, calls),
            scaling: client!(aws_sdk_applicationautoscaling, config, calls),
            ssm: client!(aws_sdk_ssm, config, calls),
            sts: client!(aws_sdk_sts, config, calls),
            cloudformation: client!(aws_sdk_cloudformation, config, calls),
            s3: client!(aws_sdk_s3, config, calls),
            backup: client!(aws_sdk_backup, config, calls),
            config: config.clone(),
            web: Web::new(http.clone(), config),
            http,
            calls,
        }
    }

    /// The same account in another region; requests are counted together.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        if self.region() == region {
            return self.clone();
        }
        let region = aws_types::region::Region::new(region.to_owned());
        let config = self.config.clone().into_builder().region(region).build();
        Self::new(&config, self.http.clone(), self.calls.clone())
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.config.region().map(AsRef::as_ref).unwrap_or_default()
    }

    /// Requests made so far, by operation, retries included.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The client for smoke tests.
    pub fn web(&self) -> &Web {
        &self.web
    }
}
