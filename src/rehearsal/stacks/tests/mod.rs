//! The engine alone, over a cloud that keeps nothing but SSM parameters.

mod creation;
pub(in crate::rehearsal) mod templates;
mod updates;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::Stacks;
use super::surroundings::{Made, Place, Subject, Surroundings, Trouble, Verb};
use crate::rehearsal::call::{ApiError, Reply};

/// A cloud that makes nothing, and lets go wrong what a test names.
#[derive(Default)]
struct Plain {
    count: u64,
    parameters: BTreeMap<String, String>,
    /// Resources that fail: logical id and verb, and how often.
    faults: Vec<(&'static str, Verb, u32)>,
    /// What was done, in order.
    done: Vec<(Verb, String, Value)>,
    /// Live values that differ from what the template said.
    live: BTreeMap<String, Value>,
}

impl Surroundings for Plain {
    fn hex(&mut self, length: usize) -> String {
        self.count += 1;
        format!("{:0length$x}", self.count)
    }

    fn zones(&self, region: &str) -> Vec<String> {
        ["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec()
    }

    fn parameter(&self, region: &str, name: &str) -> Option<String> {
        let public = name.starts_with("/aws/service/").then(|| "ami-0a1b2c3d4e5f60718".to_owned());
        self.parameters.get(&format!("{region}{name}")).cloned().or(public)
    }

    fn fault(&mut self, _: Place<'_>, subject: Subject<'_>, verb: Verb) -> Option<String> {
        let found = self.faults.iter_mut().find(|(logical, known, left)| {
            *logical == subject.logical && *known == verb && *left > 0
        });
        found.map(|(_, _, left)| {
            *left -= 1;
            "No capacity".to_owned()
        })
    }

    fn create(&mut self, place: Place<'_>, subject: Subject<'_>) -> Option<Result<Made, Trouble>> {
        self.done.push((Verb::Create, subject.logical.to_owned(), subject.properties.clone()));
        if subject.kind != "AWS::SSM::Parameter" {
            return None;
        }
        let key = format!("{}{}", place.region, subject.physical);
        let value = subject.properties["Value"].as_str().unwrap_or_default();
        self.parameters.insert(key, value.to_owned());
        Some(Ok(Made { physical: subject.physical.to_owned(), ..Made::default() }))
    }

    fn update(
        &mut self,
        _: Place<'_>,
        subject: Subject<'_>,
        _: &Value,
    ) -> Option<Result<(), Trouble>> {
        self.done.push((Verb::Update, subject.logical.to_owned(), subject.properties.clone()));
        None
    }

    fn delete(&mut self, _: Place<'_>, subject: Subject<'_>) -> Option<Result<(), Trouble>> {
        self.done.push((Verb::Delete, subject.logical.to_owned(), Value::Null));
        None
    }

    fn settled(&self, _: Place<'_>, _: Subject<'_>) -> bool {
        true
    }

    fn live(&self, _: Place<'_>, subject: Subject<'_>) -> Option<Option<Value>> {
        let live = self.live.get(subject.logical)?;
        Some((!live.is_null()).then(|| live.clone()))
    }
}

/// Stacks under a clock of their own.
struct Bench {
    stacks: Stacks,
    cloud: Plain,
    now: u64,
    region: &'static str,
}

impl Bench {
    fn new() -> Self {
        let stacks = Stacks::new("123456789012", Duration::from_secs(1_790_000_000));
        Self { stacks, cloud: Plain::default(), now: 0, region: "eu-west-1" }
    }

    fn call(&mut self, operation: &str, input: Value) -> Reply {
        let now = Duration::from_secs(self.now);
        let mut reply = self.stacks.call(now, self.region, operation, &input, &mut self.cloud);
        if let Ok(value) = &mut reply {
            crate::rehearsal::world::prune_for_tests(value);
        }
        reply
    }

    fn refused(&mut self, operation: &str, input: Value) -> ApiError {
        self.call(operation, input).unwrap_err()
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += 1;
            self.stacks.advance(Duration::from_secs(self.now), &mut self.cloud);
        }
    }

    /// Waits until nothing is under way; says how long it took.
    fn settle(&mut self) -> u64 {
        let begun = self.now;
        while !self.stacks.is_quiet() && self.now - begun < 100_000 {
            self.wait(1);
        }
        self.now - begun
    }

    fn status(&self, name: &str) -> &'static str {
        self.stacks.status(self.region, name).unwrap_or("none")
    }

    /// Makes, describes and executes a change set; gives its description.
    fn deploy(&mut self, kind: &str, template: &str, parameters: Value) -> Value {
        self.now += 1;
        let name = format!("c{}", self.now);
        let made = self
            .call(
                "CreateChangeSet",
                json!({
                    "StackName": "s", "ChangeSetName": name, "ChangeSetType": kind,
                    "TemplateBody": template, "Parameters": parameters,
                    "Capabilities": ["CAPABILITY_NAMED_IAM"],
                }),
            )
            .unwrap();
        self.wait(6);
        let input = json!({"ChangeSetName": made["Id"]});
        let described = self.call("DescribeChangeSet", input.clone()).unwrap();
        if described["Status"] == "CREATE_COMPLETE" {
            self.call("ExecuteChangeSet", input).unwrap();
            self.settle();
        }
        described
    }

    /// The diary, oldest first, as `Logical STATUS`.
    fn diary(&mut self) -> Vec<String> {
        let events = self.call("DescribeStackEvents", json!({"StackName": "s"})).unwrap();
        let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let events = events["StackEvents"].as_array().unwrap().iter().rev();
        events
            .map(|e| format!("{} {}", word(e, "LogicalResourceId"), word(e, "ResourceStatus")))
            .collect()
    }

    fn stack(&mut self) -> Value {
        self.call("DescribeStacks", json!({"StackName": "s"})).unwrap()["Stacks"][0].clone()
    }
}

/// Changes as `Action Logical Replacement`.
fn shown(change_set: &Value) -> Vec<String> {
    let changes = change_set["Changes"].as_array().unwrap();
    changes
        .iter()
        .map(|change| {
            let change = &change["ResourceChange"];
            let word = |key: &str| change[key].as_str().unwrap_or_default();
            format!("{} {} {}", word("Action"), word("LogicalResourceId"), word("Replacement"))
                .trim()
                .to_owned()
        })
        .collect()
}
