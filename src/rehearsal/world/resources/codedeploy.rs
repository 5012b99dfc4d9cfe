//! CodeDeploy's applications and deployment groups from stacks.

use std::time::Duration;

use serde_json::{Value, json};

use super::spelling::camel;
use super::{attributes, handler, text, with};
use crate::rehearsal::call::ApiError;
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Trouble};
use crate::rehearsal::world::World;
use crate::rehearsal::world::codedeploy::Group;
use crate::rehearsal::world::input::{list, tail};

fn trouble(error: ApiError) -> Trouble {
    handler("InvalidRequest", error.message)
}

impl World {
    /// An application is only a name: its groups hold everything.
    pub(super) fn make_application(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        if !place.adopt && self.codedeploy.groups.iter().any(|group| group.application == name) {
            let text = format!("An application with name {name} already exists");
            return Err(handler("AlreadyExists", text));
        }
        Ok(Made { physical: name.to_owned(), ..Made::default() })
    }

    pub(super) fn make_deployment_group(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical.to_owned();
        let application = text(subject.properties, "ApplicationName").to_owned();
        let known = self.codedeploy.groups.iter();
        let known = known.clone().any(|g| g.application == application && g.name == name);
        let made = Made { physical: name.clone(), attributes: attributes(&[]) };
        if known {
            if place.adopt {
                return Ok(made);
            }
            let text = format!("A deployment group with name {name} already exists");
            return Err(handler("AlreadyExists", text));
        }
        let group = self.read_group(application, name, subject.properties)?;
        let (service, targets) = (group.service, group.targets);
        for target in targets {
            if let Some(entry) = self.elb.groups.get_mut(target) {
                entry.service = service;
            }
        }
        self.codedeploy.groups.push(group);
        self.note_weights(service);
        self.change_deployment_group(subject)?;
        Ok(made)
    }

    fn read_group(
        &mut self,
        application: String,
        name: String,
        properties: &Value,
    ) -> Result<Group, Trouble> {
        let invalid = |text: &str| handler("InvalidRequest", text);
        let services = list(properties, "ECSServices");
        let service =
            services.first().ok_or_else(|| invalid("An ECS service must be specified"))?;
        let cluster = tail(text(service, "ClusterName")).to_owned();
        let service = self
            .service_index(&cluster, text(service, "ServiceName"))
            .ok_or_else(|| invalid("The ECS service cannot be found for the deployment group"))?;
        let pairs = properties.pointer("/LoadBalancerInfo/TargetGroupPairInfoList");
        let pair = pairs.and_then(Value::as_array).and_then(|pairs| pairs.first());
        let pair = pair.ok_or_else(|| invalid("A target group pair must be specified"))?;
        let mut targets = Vec::new();
        for target in list(pair, "TargetGroups") {
            let name = text(target, "Name");
            let index = self.elb.groups.iter().position(|group| group.name == name);
            targets.push(index.ok_or_else(|| invalid("The target group does not exist"))?);
        }
        let targets: [usize; 2] =
            targets.try_into().map_err(|_| invalid("A pair has exactly two target groups"))?;
        let listener = |route: &str| {
            let arns = pair.get(route).map_or(&[][..], |route| list(route, "ListenerArns"));
            arns.first().and_then(Value::as_str).map(str::to_owned)
        };
        let production = listener("ProdTrafficRoute")
            .filter(|arn| self.elb.listener(arn).is_some())
            .ok_or_else(|| invalid("The production listener does not exist"))?;
        Ok(Group {
            application,
            application_id: self.ids.uuid(),
            name,
            id: self.ids.uuid(),
            service,
            config: "CodeDeployDefault.ECSAllAtOnce".to_owned(),
            alarms: json!({"enabled": false, "ignorePollAlarmFailure": false, "alarms": []}),
            rollback: json!({"enabled": false}),
            ready_wait: None,
            termination_wait: Duration::ZERO,
            targets,
            production,
            test: listener("TestTrafficRoute"),
            created: self.now,
        })
    }

    /// Changes what CodeDeploy lets be changed, through its own API.
    pub(super) fn change_deployment_group(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let own = camel(subject.properties);
        let mut input = json!({
            "applicationName": own.get("applicationName"),
            "currentDeploymentGroupName": subject.physical,
        });
        for key in [
            "deploymentConfigName",
            "alarmConfiguration",
            "autoRollbackConfiguration",
            "blueGreenDeploymentConfiguration",
        ] {
            if let (Some(value), Some(input)) = (own.get(key), input.as_object_mut()) {
                input.insert(key.to_owned(), value.clone());
            }
        }
        match self.codedeploy_call("UpdateDeploymentGroup", &input) {
            Some(reply) => reply.map(|_| ()).map_err(trouble),
            None => Ok(()),
        }
    }

    pub(super) fn remove_deployment_group(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let application = text(subject.properties, "ApplicationName").to_owned();
        let index = self
            .codedeploy
            .groups
            .iter()
            .position(|g| g.application == application && g.name == subject.physical);
        let Some(index) = index else { return Ok(()) };
        if self.codedeploy.active(index).is_some() {
            let text = "The deployment group cannot be deleted while a deployment is in progress";
            return Err(handler("ResourceConflict", text));
        }
        // Deployments know groups by their places, so the place stays, without a name.
        if let Some(group) = self.codedeploy.groups.get_mut(index) {
            group.application.clear();
            group.name.clear();
            group.service = usize::MAX;
            group.production.clear();
        }
        Ok(())
    }

    pub(super) fn live_deployment_group(&self, subject: Subject<'_>) -> Option<Value> {
        let application = text(subject.properties, "ApplicationName");
        let mut groups = self.codedeploy.groups.iter();
        let group = groups.find(|g| g.application == application && g.name == subject.physical)?;
        if subject.properties.get("DeploymentConfigName").is_none() {
            return Some(subject.properties.clone());
        }
        Some(with(subject.properties, "DeploymentConfigName", group.config.as_str().into()))
    }
}
