//! Stacks that stand from the start, as if they had been deployed earlier.

use std::time::Duration;

use serde_json::{Value, json};

use super::Stacks;
use super::machine::Step;
use super::operation::OnFailure;
use super::stack::Stack;
use super::start::Start;
use super::surroundings::Surroundings;
use crate::rehearsal::setup::StackSetup;

impl Stacks {
    /// Builds a stack over what stands already: named resources are taken over, the rest is made
    /// without taking time. Says what is wrong when it cannot.
    pub(in crate::rehearsal) fn adopt(
        &mut self,
        setup: &StackSetup,
        cloud: &mut dyn Surroundings,
    ) -> Result<(), String> {
        let parameters: Vec<Value> = setup
            .parameters
            .iter()
            .map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}))
            .collect();
        let tags: Vec<Value> =
            setup.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let input = json!({
            "TemplateBody": setup.template,
            "Parameters": parameters,
            "Tags": tags,
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        });
        let own = self.identity(&setup.region, &setup.name, cloud);
        let said = |text: String| format!("stack {}: {text}", setup.name);
        let deployment =
            self.wanted(&input, &own, None, cloud).map_err(|error| said(error.message))?;
        let mut stack = Stack::reviewed(own, Duration::ZERO);
        let operation = [8, 4, 4, 4, 12].map(|length| cloud.hex(length)).join("-");
        let start = Start {
            deployment,
            capabilities: vec!["CAPABILITY_NAMED_IAM".to_owned()],
            role: None,
            on_failure: OnFailure::Nothing,
            token: None,
            operation,
            policy: None,
        };
        stack.begin(start, Duration::ZERO);
        if let Some(operation) = &mut stack.operation {
            operation.adopt = true;
        }
        stack.advance(&mut Step { now: Duration::ZERO, shared: &mut self.shared, cloud });
        stack.policy.clone_from(&setup.policy);
        stack.disable_rollback = false;
        let status = stack.status;
        let failed = stack.resources.iter().find(|resource| resource.status == "CREATE_FAILED");
        let failed =
            failed.map(|r| format!("{}: {}", r.logical, r.reason.clone().unwrap_or_default()));
        self.stacks.push(stack);
        self.publish();
        if status == "CREATE_COMPLETE" {
            Ok(())
        } else {
            Err(said(failed.unwrap_or_else(|| status.to_owned())))
        }
    }
}
