//! The load balancers' API: reading.

use serde_json::{Value, json};

use super::Listener;
use crate::rehearsal::call::{ApiError, Reply};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::{list, text, texts};

/// The ARN of a listener's default rule.
pub(super) fn default_rule(listener: &str) -> String {
    format!("{}/default", listener.replacen(":listener/", ":listener-rule/", 1))
}

fn not_found(what: &str, plural: &str, names: &[&str]) -> ApiError {
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    ApiError::new(format!("{what}NotFound"), format!("{plural} {list} not found"))
}

pub(super) fn group_not_found(arn: &str) -> ApiError {
    not_found("TargetGroup", "Target groups", &[arn])
}

pub(super) fn listener_not_found(arn: &str) -> ApiError {
    not_found("Listener", "One or more listeners", &[arn])
}

impl World {
    /// Answers a call to ELBv2.
    pub(in crate::rehearsal::world) fn elb_call(
        &mut self,
        operation: &str,
        input: &Value,
    ) -> Option<Reply> {
        Some(match operation {
            "DescribeLoadBalancers" => self.describe_balancers(input),
            "DescribeListeners" => self.describe_listeners(input),
            "DescribeRules" => self.describe_rules(input),
            "DescribeTargetGroups" => self.describe_groups(input),
            "DescribeTargetGroupAttributes" => self.describe_group_attributes(input),
            "DescribeTargetHealth" => self.describe_health(input),
            "ModifyListener" => self.modify_listener(input),
            "ModifyRule" => self.modify_rule(input),
            _ => return None,
        })
    }

    fn describe_balancers(&self, input: &Value) -> Reply {
        let (arns, names) = (texts(input, "LoadBalancerArns"), texts(input, "Names"));
        let asked: Vec<&str> = arns.iter().chain(&names).copied().collect();
        let missing: Vec<&str> = asked
            .iter()
            .copied()
            .filter(|ask| !self.elb.balancers.iter().any(|b| b.arn == *ask || b.name == *ask))
            .collect();
        if !missing.is_empty() {
            return Err(not_found("LoadBalancer", "Load balancers", &missing));
        }
        let found: Vec<Value> = self
            .elb
            .balancers
            .iter()
            .filter(|b| {
                asked.is_empty() || asked.contains(&b.arn.as_str()) || asked.contains(&&*b.name)
            })
            .map(|balancer| self.balancer_view(balancer))
            .collect();
        Ok(json!({"LoadBalancers": found}))
    }

    fn describe_listeners(&self, input: &Value) -> Reply {
        let arns = texts(input, "ListenerArns");
        if let Some(arn) = text(input, "LoadBalancerArn") {
            let Some(balancer) = self.elb.balancers.iter().find(|b| b.arn == arn) else {
                return Err(not_found("LoadBalancer", "Load balancers", &[arn]));
            };
            let listeners: Vec<Value> =
                balancer.listeners.iter().map(|l| self.listener_view(balancer, l)).collect();
            return Ok(json!({"Listeners": listeners}));
        }
        if arns.is_empty() {
            let text = "You must specify either listener ARNs or a load balancer ARN";
            return Err(ApiError::new("ValidationError", text));
        }
        let mut found = Vec::new();
        for arn in arns {
            let hit = self.elb.balancers.iter().find_map(|balancer| {
                let listener = balancer.listeners.iter().find(|l| l.arn == arn)?;
                Some(self.listener_view(balancer, listener))
            });
            found.push(hit.ok_or_else(|| listener_not_found(arn))?);
        }
        Ok(json!({"Listeners": found}))
    }

    fn describe_rules(&self, input: &Value) -> Reply {
        if let Some(arn) = text(input, "ListenerArn") {
            let listener = self.elb.listener(arn).ok_or_else(|| listener_not_found(arn))?;
            let own = listener.rules.iter().map(|rule| self.own_rule_view(rule));
            let rules: Vec<Value> = own.chain([self.rule_view(listener)]).collect();
            return Ok(json!({"Rules": rules}));
        }
        let arns = texts(input, "RuleArns");
        if arns.is_empty() {
            let text = "A listener ARN or one or more rule ARNs must be specified";
            return Err(ApiError::new("ValidationError", text));
        }
        let mut found = Vec::new();
        for arn in arns {
            if let Some(rule) = self.elb.rule(arn) {
                found.push(self.own_rule_view(rule));
                continue;
            }
            let listener = self
                .listener_of_rule(arn)
                .ok_or_else(|| not_found("Rule", "One or more rules", &[arn]))?;
            found.push(self.rule_view(listener));
        }
        Ok(json!({"Rules": found}))
    }

    pub(super) fn listener_of_rule(&self, rule: &str) -> Option<&Listener> {
        let mut listeners = self.elb.balancers.iter().flat_map(|b| &b.listeners);
        listeners.find(|listener| default_rule(&listener.arn) == rule)
    }

    fn describe_groups(&self, input: &Value) -> Reply {
        let (arns, names) = (texts(input, "TargetGroupArns"), texts(input, "Names"));
        let asked: Vec<&str> = arns.iter().chain(&names).copied().collect();
        let missing: Vec<&str> = asked
            .iter()
            .copied()
            .filter(|ask| !self.elb.groups.iter().any(|g| g.arn == *ask || g.name == *ask))
            .collect();
        if !missing.is_empty() {
            return Err(not_found("TargetGroup", "Target groups", &missing));
        }
        let balancer = text(input, "LoadBalancerArn");
        if let Some(arn) = balancer
            && !self.elb.balancers.iter().any(|b| b.arn == arn)
        {
            return Err(not_found("LoadBalancer", "Load balancers", &[arn]));
        }
        let found: Vec<Value> = self
            .elb
            .groups
            .iter()
            .enumerate()
            .filter(|(_, g)| !g.arn.is_empty())
            .filter(|(_, g)| {
                asked.is_empty() || asked.contains(&g.arn.as_str()) || asked.contains(&&*g.name)
            })
            .map(|(index, group)| self.group_view(index, group))
            .filter(|view| {
                balancer.is_none_or(|arn| {
                    list(view, "LoadBalancerArns").iter().any(|b| b.as_str() == Some(arn))
                })
            })
            .collect();
        Ok(json!({"TargetGroups": found}))
    }

    fn describe_group_attributes(&self, input: &Value) -> Reply {
        let arn = text(input, "TargetGroupArn").unwrap_or_default();
        let group = self.elb.groups.iter().find(|g| g.arn == arn);
        let group = group.ok_or_else(|| group_not_found(arn))?;
        let delay = group.deregistration_delay.as_secs().to_string();
        Ok(json!({"Attributes": [
            {"Key": "deregistration_delay.timeout_seconds", "Value": delay},
            {"Key": "stickiness.enabled", "Value": "false"},
            {"Key": "load_balancing.algorithm.type", "Value": "round_robin"},
            {"Key": "slow_start.duration_seconds", "Value": "0"},
        ]}))
    }

    fn describe_health(&self, input: &Value) -> Reply {
        let arn = text(input, "TargetGroupArn").unwrap_or_default();
        let index = self.elb.group_by_arn(arn).ok_or_else(|| group_not_found(arn))?;
        let used = self.elb.in_use(index);
        let wanted: Vec<&str> =
            list(input, "Targets").iter().filter_map(|target| text(target, "Id")).collect();
        let mut found = Vec::new();
        if let Some(group) = self.elb.groups.get(index) {
            let chosen = |ip: &str| wanted.is_empty() || wanted.contains(&ip);
            for target in group.targets.iter().filter(|target| chosen(&target.ip)) {
                found.push(self.health_view(used, group, target));
            }
            // A target that was asked for by name and is not there is told so, not left out.
            for ip in wanted.iter().filter(|ip| !group.targets.iter().any(|t| t.ip == **ip)) {
                found.push(json!({
                    "Target": {"Id": ip, "Port": group.port},
                    "TargetHealth": {
                        "State": "unused",
                        "Reason": "Target.NotRegistered",
                        "Description": "Target is not registered to the target group",
                    },
                }));
            }
        }
        Ok(json!({"TargetHealthDescriptions": found}))
    }
}
