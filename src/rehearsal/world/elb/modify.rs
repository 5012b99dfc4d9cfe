//! The load balancers' API: changing listeners.

use serde_json::{Value, json};

use super::Forward;
use super::api::{group_not_found, listener_not_found};
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{list, text, whole};

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
            let ruled = self.elb.listener(arn).is_some_and(|listener| !listener.rules.is_empty());
            if !ruled {
                self.set_forward(arn, forward);
            } else if let Some(listener) = self.elb.listeners_mut().find(|l| l.arn == arn) {
                // The services are behind rules, which this leaves alone.
                listener.forward = forward;
            }
        }
        let found = self.elb.balancers.iter().find_map(|balancer| {
            let listener = balancer.listeners.iter().find(|l| l.arn == arn)?;
            Some(self.listener_view(balancer, listener))
        });
        Ok(json!({"Listeners": [found]}))
    }

    /// Changes a rule; a default one is changed with `ModifyListener` (ELBv2 API reference,
    /// `ModifyRule`).
    pub(super) fn modify_rule(&mut self, input: &Value) -> Reply {
        let arn = text(input, "RuleArn").unwrap_or_default();
        if self.elb.rule(arn).is_some() {
            let conditions = input.get("Conditions").map(|_| list(input, "Conditions").to_vec());
            let actions = input.get("Actions").map(|_| list(input, "Actions"));
            self.change_rule(arn, actions, conditions, None)?;
            return Ok(json!({"Rules": [self.elb.rule(arn).map(|rule| self.own_rule_view(rule))]}));
        }
        if self.listener_of_rule(arn).is_none() {
            let text = format!("One or more rules '{arn}' not found");
            return Err(ApiError::new("RuleNotFound", text));
        }
        let text = "Default rules cannot be modified with this operation";
        Err(ApiError::new("OperationNotPermitted", text))
    }

    /// Changes what is given of a rule that is not a default one.
    pub(in crate::rehearsal::world) fn change_rule(
        &mut self,
        arn: &str,
        actions: Option<&[Value]>,
        conditions: Option<Vec<Value>>,
        priority: Option<u32>,
    ) -> Result<(), ApiError> {
        let forward = actions.map(|actions| self.parse_actions(actions)).transpose()?;
        let listener = self.elb.listeners().find(|l| l.rules.iter().any(|rule| rule.arn == arn));
        let Some(listener) = listener.map(|listener| listener.arn.clone()) else { return Ok(()) };
        // Through the listener, so that the change is noted as one of production traffic.
        let known = self.elb.rule(arn).map(|rule| rule.forward.clone()).unwrap_or_default();
        if let Some(forward) = &forward
            && forward.iter().any(|(group, _)| known.iter().any(|(had, _)| had == group))
        {
            self.set_forward(&listener, forward.clone());
        }
        let mut rules = self.elb.listeners_mut().flat_map(|listener| &mut listener.rules);
        if let Some(rule) = rules.find(|rule| rule.arn == arn) {
            rule.forward = forward.unwrap_or_else(|| rule.forward.clone());
            rule.conditions = conditions.unwrap_or_else(|| rule.conditions.clone());
            rule.priority = priority.unwrap_or(rule.priority);
        }
        Ok(())
    }

    /// Reads one forward action, with AWS's limits: weights 0–999, at most five groups, and
    /// groups that exist.
    pub(in crate::rehearsal::world) fn parse_actions(
        &self,
        actions: &[Value],
    ) -> Result<Forward, ApiError> {
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
                    (arn, whole(group, "Weight").unwrap_or(1))
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
