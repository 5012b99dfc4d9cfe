//! Clusters, task definitions and services from stacks.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::spelling::camel;
use super::{attributes, handler, text, with};
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Trouble};
use crate::rehearsal::world::World;
use crate::rehearsal::world::ecs::{NewSet, Service, SetStatus};
use crate::rehearsal::world::input::{list, tail, whole};
use crate::rehearsal::world::traffic::Exposure;

/// What ECS lets nobody change of a service that CodeDeploy controls (ECS API reference,
/// `UpdateService`), with the words that it refuses it in.
const CODEDEPLOYS: [(&str, &str); 5] = [
    ("TaskDefinition", "task definition"),
    ("LoadBalancers", "load balancers"),
    ("NetworkConfiguration", "network configuration"),
    ("PlatformVersion", "platform version"),
    ("CapacityProviderStrategy", "capacity provider strategy"),
];

fn by_codedeploy(properties: &Value) -> bool {
    let kind = properties.pointer("/DeploymentController/Type").and_then(Value::as_str);
    kind == Some("CODE_DEPLOY")
}

impl World {
    pub(super) fn make_cluster(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        // ECS answers the creation of a cluster that exists with the cluster; CloudFormation not.
        if !place.adopt && self.ecs.has_cluster(name) {
            let text = format!(
                "Resource of type 'AWS::ECS::Cluster' with identifier '{name}' already exists."
            );
            return Err(handler("AlreadyExists", text));
        }
        if !self.ecs.has_cluster(name) {
            self.ecs.clusters.push(name.to_owned());
        }
        let arn = format!("{}/{name}", self.arn("ecs", "cluster"));
        Ok(Made { physical: name.to_owned(), attributes: attributes(&[("Arn", arn)]) })
    }

    pub(super) fn remove_cluster(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let services = self.ecs.services.iter().any(|s| s.cluster == subject.physical);
        if services {
            return Err(handler(
                "InvalidRequest",
                "The Cluster cannot be deleted while Services are active.",
            ));
        }
        self.ecs.clusters.retain(|name| name != subject.physical);
        Ok(())
    }

    pub(super) fn make_definition(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let input = camel(subject.properties);
        let family = text(&input, "family").to_owned();
        let live = place.adopt.then(|| self.find_definition(&family)).flatten();
        let index = match live {
            // The revision that the setup runs.
            Some(index) => index,
            None => {
                let images = list(&input, "containerDefinitions").iter();
                let images: Vec<&str> = images.map(|container| text(container, "image")).collect();
                let role = self.role_of_images(&images);
                self.add_definition(&input, role, None)
                    .map_err(|error| handler("InvalidRequest", error.message))?
            }
        };
        let arn = self.ecs.definitions.get(index).map(|d| d.arn.clone()).unwrap_or_default();
        let made = attributes(&[("TaskDefinitionArn", arn.clone())]);
        Ok(Made { physical: arn, attributes: made })
    }

    pub(super) fn remove_definition(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let mut definitions = self.ecs.definitions.iter_mut();
        if let Some(definition) = definitions.find(|d| d.arn == subject.physical) {
            definition.active = false;
        }
        Ok(())
    }

    /// Makes a service that CodeDeploy controls; the others are not simulated.
    pub(super) fn make_service(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Option<Result<Made, Trouble>> {
        let properties = subject.properties;
        if !by_codedeploy(properties) {
            return None;
        }
        let cluster = tail(text(properties, "Cluster")).to_owned();
        let name = subject.physical;
        if let Some(index) = self.service_index(&cluster, name) {
            if !place.adopt {
                let text =
                    format!("Creation of service was not idempotent. Service {name} exists.");
                return Some(Err(handler("AlreadyExists", text)));
            }
            return self.ecs.services.get(index).map(|service| Ok(made(service)));
        }
        if !self.ecs.has_cluster(&cluster) {
            return Some(Err(handler("NotFound", "Cluster not found.")));
        }
        Some(self.start_service(&cluster, name, properties))
    }

    fn start_service(
        &mut self,
        cluster: &str,
        name: &str,
        properties: &Value,
    ) -> Result<Made, Trouble> {
        let invalid = |text: String| handler("InvalidRequest", text);
        let Some(balancer) = list(properties, "LoadBalancers").first() else {
            return Err(invalid(
                "A load balancer is required for a service with the CODE_DEPLOY deployment \
                 controller."
                    .to_owned(),
            ));
        };
        let group = text(balancer, "TargetGroupArn");
        let Some(group) = self.elb.group_by_arn(group) else {
            return Err(invalid(format!(
                "The target group with targetGroupArn {group} does not exist."
            )));
        };
        if !self.elb.in_use(group) {
            let arn = text(balancer, "TargetGroupArn");
            return Err(invalid(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            )));
        }
        let wanted = text(properties, "TaskDefinition");
        let definition = self.find_definition(wanted).and_then(|i| self.ecs.definitions.get(i));
        let Some(definition) = definition.map(|definition| definition.arn.clone()) else {
            return Err(invalid("TaskDefinition not found.".to_owned()));
        };
        let network = camel(properties.get("NetworkConfiguration").unwrap_or(&Value::Null));
        let network = match network.get("awsvpcConfiguration") {
            Some(_) => network,
            None => json!({"awsvpcConfiguration": network.get("awsvpcConfiguration")}),
        };
        let port = whole(balancer, "ContainerPort").and_then(|port| u16::try_from(port).ok());
        let desired = whole(properties, "DesiredCount").unwrap_or(1).min(10_000);
        let grace = whole(properties, "HealthCheckGracePeriodSeconds").unwrap_or(0);
        let arn = format!("{}/{cluster}/{name}", self.arn("ecs", "service"));
        let index = self.ecs.services.len();
        self.ecs.services.push(Service {
            cluster: cluster.to_owned(),
            name: name.to_owned(),
            arn,
            container: text(balancer, "ContainerName").to_owned(),
            port: port.unwrap_or(80),
            desired: u32::try_from(desired).unwrap_or(1),
            grace: Duration::from_secs(grace),
            stop_timeout: Duration::from_secs(30),
            created: self.now,
            network: network.clone(),
            sets: Vec::new(),
            events: VecDeque::new(),
        });
        self.exposed.resize(index.saturating_add(1), Exposure::default());
        if let Some(group) = self.elb.groups.get_mut(group) {
            group.service = index;
        }
        let strategy = camel(properties.get("CapacityProviderStrategy").unwrap_or(&Value::Null));
        let version = text(properties, "PlatformVersion");
        let new = NewSet {
            definition,
            group,
            external_id: None,
            strategy: strategy.as_array().cloned().unwrap_or_default(),
            platform_version: if version.is_empty() {
                "1.4.0".to_owned()
            } else {
                version.to_owned()
            },
            network,
        };
        self.create_set(index, new, SetStatus::Primary);
        let service = self.ecs.services.get(index);
        service.map(made).ok_or_else(|| handler("InternalFailure", "the service is gone"))
    }

    fn own_service(&self, arn: &str) -> Option<usize> {
        self.ecs.services.iter().position(|service| service.arn == arn)
    }

    /// Changes what ECS lets be changed; refuses the rest as ECS does.
    pub(super) fn change_service(
        &mut self,
        subject: Subject<'_>,
        before: &Value,
    ) -> Option<Result<(), Trouble>> {
        let index = self.own_service(subject.physical)?;
        let after = subject.properties;
        let refused = CODEDEPLOYS.iter().find(|(key, _)| before.get(*key) != after.get(*key));
        if let Some((_, what)) = refused {
            return Some(Err(handler(
                "InvalidRequest",
                format!(
                    "Unable to update {what} on services with a CODE_DEPLOY deployment controller. \
                     Use AWS CodeDeploy to trigger a new deployment."
                ),
            )));
        }
        if let Some(desired) = whole(after, "DesiredCount") {
            self.set_desired(index, u32::try_from(desired).unwrap_or(u32::MAX).min(10_000));
        }
        Some(Ok(()))
    }

    /// Removes a service; its tasks stop as those of any task set that goes.
    pub(super) fn remove_service(&mut self, subject: Subject<'_>) -> Option<Result<(), Trouble>> {
        let index = self.own_service(subject.physical)?;
        let sets: Vec<String> =
            self.ecs.services.get(index)?.sets.iter().map(|s| s.id.clone()).collect();
        for set in sets {
            self.delete_set(index, &set);
        }
        // Other parts know services by their places, so the place stays, without a name.
        let service = self.ecs.services.get_mut(index)?;
        service.arn.clear();
        service.name.clear();
        service.cluster.clear();
        service.desired = 0;
        Some(Ok(()))
    }

    pub(super) fn service_is_steady(&self, arn: &str) -> bool {
        let service = self.ecs.services.iter().find(|service| service.arn == arn);
        service.and_then(Service::primary).is_none_or(|set| set.steady)
    }

    /// The service with the family or revision that its primary task set runs.
    pub(super) fn live_service(&self, subject: Subject<'_>) -> Option<Option<Value>> {
        if !by_codedeploy(subject.properties) {
            return None;
        }
        let Some(index) = self.own_service(subject.physical) else { return Some(None) };
        let service = self.ecs.services.get(index)?;
        let primary = service.primary()?.definition.clone();
        let said = text(subject.properties, "TaskDefinition");
        let short = tail(&primary);
        let live = match said.contains(':') {
            true => primary,
            false => short.split(':').next().unwrap_or(short).to_owned(),
        };
        Some(Some(with(subject.properties, "TaskDefinition", live.into())))
    }
}

fn made(service: &Service) -> Made {
    let named = [("ServiceArn", service.arn.clone()), ("Name", service.name.clone())];
    Made { physical: service.arn.clone(), attributes: attributes(&named) }
}
