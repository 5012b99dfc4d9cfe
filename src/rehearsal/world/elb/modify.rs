//! The load balancers' API: changing listeners.

use serde_json::{Value, json};

use super::Forward;
use super::api::{group_not_found, listener_not_found};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{list, number, text};

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidLoadBalancerAction", message)
}

impl World {
    pub(super) fn modify_listener(&mut self, input: &Value) -> Reply {
        let arn = text(input, "ListenerArn").unwrap_or_default();
        if self.elb.listener(arn).is_none() {
            return Err(listener_not_found(arn));
        }
        if input.get("DefaultActions").is_some() {
            let forward = self.parse_actions(list(input, "DefaultActions"))?;
            self.set_forward(arn, forward);
        }
        let found = self.elb.balancers.iter().find_map(|balancer| {
            let listener = balancer.listeners.iter().find(|l| l.arn == arn)?;
            Some(self.listener_view(balancer, listener))
        });
        Ok(json!({"Listeners": [found]}))
    }

    /// Refuses: every rule here is a default one, and those are changed with `ModifyListener`
    /// (ELBv2 API reference, `ModifyRule`).
    pub(super) fn modify_rule(&mut self, input: &Value) -> Reply {
        let arn = text(input, "RuleArn").unwrap_or_default();
        if self.listener_of_rule(arn).is_none() {
            let text = format!("One or more rules '{arn}' not found");
            return Err(ApiError::new("RuleNotFound", text));
        }
        let text = "Default rules cannot be modified with this operation";
        Err(ApiError::new("OperationNotPermitted", text))
    }

    /// Reads one forward action, with AWS's limits: weights 0–999, at most five groups, and
    /// groups that exist.
    fn parse_actions(&self, actions: &[Value]) -> Result<Forward, ApiError> {
        let [action] = actions else {
            return Err(invalid("Exactly one action of type 'forward' must be specified"));
        };
        if text(action, "Type") != Some("forward") {
            let kind = text(action, "Type").unwrap_or_default();
            return Err(invalid(format!("Action type '{kind}' is not supported here")));
        }
        let configured = action.get("ForwardConfig").map(|config| list(config, "TargetGroups"));
        let groups: Vec<(&str, u64)> = match (configured, text(action, "TargetGroupArn")) {
            (Some(groups), _) if !groups.is_empty() => groups
                .iter()
                .map(|group| {
                    let arn = text(group, "TargetGroupArn").unwrap_or_default();
                    (arn, number(group, "Weight").unwrap_or(1))
                })
                .collect(),
            (_, Some(arn)) => vec![(arn, 1)],
            _ => return Err(invalid("A target group must be specified for a forward action")),
        };
        if groups.len() > 5 {
            let text = "At most 5 target groups can be specified in a forward action";
            return Err(ApiError::new("TooManyUniqueTargetGroupsPerLoadBalancer", text));
        }
        let mut forward = Forward::new();
        for (arn, weight) in groups {
            let index = self.elb.group_by_arn(arn).ok_or_else(|| group_not_found(arn))?;
            let weight = u32::try_from(weight).ok().filter(|weight| *weight <= 999);
            let Some(weight) = weight else {
                let text = "The target group weight must be between 0 and 999";
                return Err(ApiError::new("ValidationError", text));
            };
            if forward.iter().any(|(known, _)| *known == index) {
                return Err(invalid(format!("Target group '{arn}' is specified twice")));
            }
            forward.push((index, weight));
        }
        Ok(forward)
    }
}
