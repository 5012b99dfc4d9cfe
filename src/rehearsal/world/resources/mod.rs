//! CloudFormation in the world: what stands behind the resources of stacks.
//!
//! A type that a service here simulates is made in that service, in the region that the world is
//! about; elsewhere only parameters, buckets and vaults are. The rest is the engine's to make up.

mod codedeploy;
mod ecs;
mod elb;
mod faults;
mod spelling;
mod storage;

use serde_json::{Map, Value};

pub(super) use faults::Failing;

use super::World;
use crate::rehearsal::call::Reply;
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Surroundings, Trouble, Verb};

impl World {
    /// Lends the stacks to a closure that needs the rest of the world, too.
    pub(super) fn with_stacks<T>(
        &mut self,
        use_them: impl FnOnce(&mut Stacks, &mut Self) -> T,
    ) -> T {
        let mut stacks = std::mem::take(&mut self.stacks);
        let result = use_them(&mut stacks, self);
        self.stacks = stacks;
        result
    }

    /// Answers a call to CloudFormation.
    pub(super) fn stacks_call(&mut self, region: &str, operation: &str, input: &Value) -> Reply {
        let now = self.now;
        self.with_stacks(|stacks, world| stacks.call(now, region, operation, input, world))
    }

    /// Lets the stacks go on.
    pub(super) fn tick_stacks(&mut self) {
        let now = self.now;
        self.with_stacks(|stacks, world| stacks.advance(now, world));
    }

    /// Builds the stacks of the setup over what stands.
    pub(super) fn build_stacks(&mut self) {
        for setup in self.setup.stacks.clone() {
            let built = self.with_stacks(|stacks, world| stacks.adopt(&setup, world));
            if let Err(text) = built {
                self.tally.violate(format!("setup: {text}"), 0.0);
            }
        }
    }

    fn is_home(&self, place: Place<'_>) -> bool {
        place.region == self.setup.region
    }
}

/// A text of a resource's properties.
fn text<'a>(properties: &'a Value, key: &str) -> &'a str {
    properties.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Something that a service says.
fn handler(code: &'static str, message: impl Into<String>) -> Trouble {
    Trouble::new(code, message)
}

fn attributes(pairs: &[(&str, String)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))).collect()
}

impl Surroundings for World {
    fn hex(&mut self, length: usize) -> String {
        self.ids.hex(length)
    }

    fn zones(&self, region: &str) -> Vec<String> {
        if region == self.setup.region {
            return self.setup.zones.clone();
        }
        ['a', 'b', 'c'].iter().map(|zone| format!("{region}{zone}")).collect()
    }

    fn parameter(&self, region: &str, name: &str) -> Option<String> {
        // AWS publishes these itself in every region.
        let image = name.starts_with("/aws/service/") && name.ends_with("/image_id");
        let public = image.then(|| "ami-0a1b2c3d4e5f60718".to_owned());
        self.guards.parameter(region, name).map(str::to_owned).or(public)
    }

    fn fault(&mut self, place: Place<'_>, subject: Subject<'_>, verb: Verb) -> Option<String> {
        self.resource_fault(place, subject, verb)
    }

    fn create(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<Made, Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => return Some(self.make_parameter(place, subject)),
            "AWS::S3::Bucket" => return Some(self.make_bucket(place, subject)),
            "AWS::Backup::BackupVault" => return Some(self.make_vault(place, subject)),
            _ if !self.is_home(place) => return None,
            _ => {}
        }
        match subject.kind {
            "AWS::ECR::Repository" => Some(self.make_repository(place, subject)),
            "AWS::Logs::LogGroup" => Some(self.make_log_group(place, subject)),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => Some(self.make_balancer(place, subject)),
            "AWS::ElasticLoadBalancingV2::TargetGroup" => Some(self.make_group(place, subject)),
            "AWS::ElasticLoadBalancingV2::Listener" => self.make_listener(place, subject),
            "AWS::ElasticLoadBalancingV2::ListenerRule" => self.make_rule(place, subject),
            "AWS::ECS::Cluster" => Some(self.make_cluster(place, subject)),
            "AWS::ECS::TaskDefinition" => Some(self.make_definition(place, subject)),
            "AWS::ECS::Service" => self.make_service(place, subject),
            "AWS::CodeDeploy::Application" => Some(self.make_application(place, subject)),
            "AWS::CodeDeploy::DeploymentGroup" => Some(self.make_deployment_group(place, subject)),
            _ => None,
        }
    }

    fn update(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        before: &Value,
    ) -> Option<Result<(), Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => return Some(self.put_parameter(place, subject, true)),
            "AWS::S3::Bucket" => {
                self.change_bucket(subject);
                return Some(Ok(()));
            }
            _ if !self.is_home(place) => return None,
            _ => {}
        }
        match subject.kind {
            "AWS::ElasticLoadBalancingV2::ListenerRule" => self.change_own_rule(subject),
            "AWS::ElasticLoadBalancingV2::TargetGroup" => Some(self.change_group(subject)),
            "AWS::ECS::Service" => self.change_service(subject, before),
            "AWS::CodeDeploy::DeploymentGroup" => Some(self.change_deployment_group(subject)),
            _ => None,
        }
    }

    fn delete(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<(), Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => {
                self.guards.ssm_in(place.region).forget(subject.physical);
                return Some(Ok(()));
            }
            "AWS::S3::Bucket" => return Some(self.remove_bucket(subject)),
            "AWS::Backup::BackupVault" => return Some(self.remove_vault(place, subject)),
            _ if !self.is_home(place) => return None,
            _ => {}
        }
        match subject.kind {
            "AWS::ECR::Repository" => Some(self.remove_repository(place, subject)),
            "AWS::Logs::LogGroup" => {
                self.guards.logs.remove_group(subject.physical);
                Some(Ok(()))
            }
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => Some(self.remove_balancer(subject)),
            "AWS::ElasticLoadBalancingV2::TargetGroup" => Some(self.remove_group(subject)),
            "AWS::ElasticLoadBalancingV2::Listener" => Some(self.remove_listener(subject)),
            "AWS::ElasticLoadBalancingV2::ListenerRule" => Some(self.remove_rule(subject)),
            "AWS::ECS::Cluster" => Some(self.remove_cluster(subject)),
            "AWS::ECS::TaskDefinition" => Some(self.remove_definition(subject)),
            "AWS::ECS::Service" => self.remove_service(subject),
            "AWS::CodeDeploy::DeploymentGroup" => Some(self.remove_deployment_group(subject)),
            _ => None,
        }
    }

    fn settled(&self, place: Place<'_>, subject: Subject<'_>) -> bool {
        place.adopt
            || !self.is_home(place)
            || subject.kind != "AWS::ECS::Service"
            || self.service_is_steady(subject.physical)
    }

    fn live(&self, place: Place<'_>, subject: Subject<'_>) -> Option<Option<Value>> {
        match subject.kind {
            "AWS::SSM::Parameter" => {
                let value = self.guards.parameter(place.region, subject.physical);
                return Some(value.map(|value| with(subject.properties, "Value", value.into())));
            }
            "AWS::S3::Bucket" => {
                let there = self.guards.s3.exists(subject.physical);
                return Some(there.then(|| subject.properties.clone()));
            }
            _ if !self.is_home(place) => return None,
            _ => {}
        }
        match subject.kind {
            "AWS::ElasticLoadBalancingV2::ListenerRule" => self.live_rule(subject),
            "AWS::ECS::Service" => self.live_service(subject),
            "AWS::CodeDeploy::DeploymentGroup" => Some(self.live_deployment_group(subject)),
            _ => None,
        }
    }
}

/// The properties with one of them as it is.
fn with(properties: &Value, key: &str, value: Value) -> Value {
    let mut live = properties.clone();
    if let Some(members) = live.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
    live
}
