//! CloudFormation in the world: what stands behind the resources of stacks.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::World;
use crate::rehearsal::call::Reply;
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Surroundings, Trouble, Verb};

impl World {
    /// Lends the stacks to a closure that needs the rest of the world, too.
    fn with_stacks<T>(&mut self, use_them: impl FnOnce(&mut Stacks, &mut Self) -> T) -> T {
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
}

fn text<'a>(properties: &'a Value, key: &str) -> &'a str {
    properties.get(key).and_then(Value::as_str).unwrap_or_default()
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

    fn fault(&mut self, _: Place<'_>, _: Subject<'_>, _: Verb) -> Option<String> {
        None
    }

    fn create(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<Made, Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => Some(self.make_parameter(place, subject)),
            _ => None,
        }
    }

    fn update(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        _: &Value,
    ) -> Option<Result<(), Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => Some(self.put_parameter(place, subject, true)),
            _ => None,
        }
    }

    fn delete(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<(), Trouble>> {
        match subject.kind {
            "AWS::SSM::Parameter" => {
                self.guards.ssm_in(place.region).forget(subject.physical);
                Some(Ok(()))
            }
            _ => None,
        }
    }

    fn settled(&self, _: Place<'_>, _: Subject<'_>) -> bool {
        true
    }

    fn live(&self, place: Place<'_>, subject: Subject<'_>) -> Option<Option<Value>> {
        match subject.kind {
            "AWS::SSM::Parameter" => {
                let value = self.guards.parameter(place.region, subject.physical);
                Some(value.map(|value| with(subject.properties, "Value", value)))
            }
            _ => None,
        }
    }
}

/// The properties with one of them as it is.
fn with(properties: &Value, key: &str, value: &str) -> Value {
    let mut live = properties.clone();
    if let Some(members) = live.as_object_mut() {
        members.insert(key.to_owned(), value.into());
    }
    live
}

impl World {
    fn make_parameter(&mut self, place: Place<'_>, subject: Subject<'_>) -> Result<Made, Trouble> {
        let name = subject.physical;
        let there = self.guards.parameter(place.region, name).is_some();
        if !there || !place.adopt {
            self.put_parameter(place, subject, false)?;
        }
        let bare = name.trim_start_matches('/');
        let arn = format!("arn:aws:ssm:{}:{}:parameter/{bare}", place.region, place.account);
        let mut attributes = Map::new();
        attributes.insert("Arn".to_owned(), arn.into());
        for key in ["Type", "Value"] {
            attributes.insert(key.to_owned(), text(subject.properties, key).into());
        }
        Ok(Made { physical: name.to_owned(), attributes })
    }

    fn put_parameter(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
        overwrite: bool,
    ) -> Result<(), Trouble> {
        let properties = subject.properties;
        let now: Duration = self.now;
        let value = properties.get("Value");
        let value = value.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        let input = json!({
            "Name": subject.physical,
            "Value": value.unwrap_or_default(),
            "Type": text(properties, "Type"),
            "Overwrite": overwrite,
        });
        let put = self.guards.ssm_in(place.region).call(now, "PutParameter", &input);
        put.map(|_| ()).map_err(|error| {
            let code = if error.code == "ParameterAlreadyExists" {
                "AlreadyExists"
            } else {
                "InvalidRequest"
            };
            Trouble::new(code, error.message)
        })
    }
}
