//! The world through its `Backend`, as a client sees it.

mod deployments;
mod kinder;
mod roundtrip;
mod stacks;
mod troubles;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Cloud, Tally};
use crate::rehearsal::backend::{Backend, WebAnswer, WebRequest};
use crate::rehearsal::call::{ApiError, Call, Reply};
use crate::rehearsal::scenario::{Scenario, parse};
use crate::rehearsal::setup::Setup;

/// A client of one cloud, with its own idea of the time.
struct Client {
    cloud: Cloud,
    now: Duration,
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A scenario from its YAML; the expectation is of no account here.
fn scenario(yaml: &str) -> Scenario {
    let text = format!("description: a test\n{yaml}\nexpect: {{outcome: done, exit_code: 0}}\n");
    parse(&text, "test.yml").unwrap()
}

impl Client {
    fn new(yaml: &str) -> Self {
        Self::with(Setup::sample(), yaml, 7)
    }

    fn with(setup: Setup, yaml: &str, seed: u64) -> Self {
        Self { cloud: Cloud::new(setup, scenario(yaml), seed), now: Duration::ZERO }
    }

    fn try_call(&self, service: &'static str, operation: &'static str, input: Value) -> Reply {
        self.try_call_in("eu-central-1", service, operation, input)
    }

    fn try_call_in(
        &self,
        region: &str,
        service: &'static str,
        operation: &'static str,
        input: Value,
    ) -> Reply {
        let (access_key, region) = (String::new(), region.to_owned());
        let call = Call { service, operation, input, access_key, region };
        self.cloud.call(self.now, &call).reply
    }

    fn call(&self, service: &'static str, operation: &'static str, input: Value) -> Value {
        self.try_call(service, operation, input).unwrap()
    }

    fn refused(&self, service: &'static str, operation: &'static str, input: Value) -> ApiError {
        self.try_call(service, operation, input).unwrap_err()
    }

    /// Waits.
    fn pass(&mut self, seconds: u64) {
        self.now += s(seconds);
        self.cloud.settle(self.now, self.now);
    }

    fn tally(&self) -> Tally {
        self.cloud.tally()
    }

    fn ecs(&self, operation: &'static str, mut input: Value) -> Value {
        input["cluster"] = json!("cluster-prod");
        self.call("ecs", operation, input)
    }

    fn service(&self) -> Value {
        self.ecs("DescribeServices", json!({"services": ["api-prod"]}))["services"][0].clone()
    }

    /// Registers the candidate as a client does: the live definition with another image.
    fn register(&self) -> String {
        let live =
            self.call("ecs", "DescribeTaskDefinition", json!({"taskDefinition": "api-prod"}));
        let mut input = live["taskDefinition"].clone();
        let digest = Setup::sample().services[0].candidate_digest.clone();
        input["containerDefinitions"][0]["image"] = json!(format!("registry/api@{digest}"));
        let made = self.call("ecs", "RegisterTaskDefinition", input);
        made["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    fn deployment_input(&self, definition: &str) -> Value {
        let spec = json!({
            "version": 0.0,
            "Resources": [{"TargetService": {"Type": "AWS::ECS::Service", "Properties": {
                "TaskDefinition": definition,
                "LoadBalancerInfo": {"ContainerName": "api", "ContainerPort": 8080},
            }}}],
        });
        json!({
            "applicationName": "api-prod",
            "deploymentGroupName": "api-prod",
            "revision": {
                "revisionType": "AppSpecContent",
                "appSpecContent": {"content": spec.to_string()},
            },
        })
    }

    /// Registers the candidate and creates its deployment.
    fn deploy(&self) -> String {
        let input = self.deployment_input(&self.register());
        let made = self.call("codedeploy", "CreateDeployment", input);
        made["deploymentId"].as_str().unwrap().to_owned()
    }

    fn deployment(&self, id: &str) -> Value {
        let found = self.call("codedeploy", "GetDeployment", json!({"deploymentId": id}));
        found["deploymentInfo"].clone()
    }

    fn status(&self, id: &str) -> String {
        self.deployment(id)["status"].as_str().unwrap().to_owned()
    }

    fn target(&self, id: &str) -> Value {
        let input = json!({"deploymentId": id, "targetIds": ["cluster-prod:api-prod"]});
        let found = self.call("codedeploy", "BatchGetDeploymentTargets", input);
        found["deploymentTargets"][0]["ecsTarget"].clone()
    }

    fn event(&self, id: &str, name: &str) -> Value {
        let target = self.target(id);
        let events = target["lifecycleEvents"].as_array().unwrap().clone();
        events.into_iter().find(|event| event["lifecycleEventName"] == name).unwrap()
    }

    /// Waits until something holds, second by second; gives how long it took.
    fn until(&mut self, limit: u64, holds: impl Fn(&Self) -> bool) -> u64 {
        for waited in 0..limit {
            if holds(self) {
                return waited;
            }
            self.pass(1);
        }
        panic!("it never held within {limit} s; {:#?}", self.tally());
    }

    /// The weights as (blue, green).
    fn weights(&self) -> (u32, u32) {
        let weights = self.cloud.weights("api-prod");
        (weights["api-blue-prod"], weights["api-green-prod"])
    }

    fn web(&self, port: u16, path: &str) -> WebAnswer {
        let host = Setup::sample().services[0].dns_name.clone();
        let (method, path) = ("GET".to_owned(), path.to_owned());
        self.cloud.http(self.now, &WebRequest { host, port, method, path })
    }
}
