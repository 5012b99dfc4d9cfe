//! Elastic Load Balancing: who gets which share of the traffic, and who is healthy.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerTypeEnum, ProtocolEnum, TargetHealthStateEnum,
};

use crate::domain::{TargetHealth, Weight};

use super::{Aws, Fault};

/// A listener, and the load balancer that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it answers, as a base URL.
    pub url: String,
    /// Whether it belongs to a Network Load Balancer.
    pub network: bool,
    /// The ARN's tail that CloudWatch uses as the `LoadBalancer` dimension.
    pub dimension: String,
}

impl Aws {
    /// Reads the ARNs of target groups, in the order of `names`.
    pub async fn target_group_arns(&self, names: &[&str]) -> Result<Vec<String>, Fault> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroups";
        let answer = self
            .elb
            .describe_target_groups()
            .set_names(Some(names.iter().map(|name| (*name).to_owned()).collect()))
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        names
            .iter()
            .map(|name| {
                answer
                    .target_groups()
                    .iter()
                    .find(|group| group.target_group_name() == Some(name))
                    .and_then(|group| group.target_group_arn())
                    .map(str::to_owned)
                    .ok_or_else(|| Fault::not_found(ACTION, format!("target group {name}")))
            })
            .collect()
    }

    /// Reads where a listener answers.
    pub async fn listener(&self, arn: &str) -> Result<Listener, Fault> {
        const ACTION: &str = "elasticloadbalancing:DescribeListeners";
        let answer = self
            .elb
            .describe_listeners()
            .listener_arns(arn)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let listener =
            answer.listeners().first().ok_or_else(|| Fault::incomplete(ACTION, "Listeners"))?;
        let balancer = listener
            .load_balancer_arn()
            .ok_or_else(|| Fault::incomplete(ACTION, "LoadBalancerArn"))?;
        let answer = self
            .elb
            .describe_load_balancers()
            .load_balancer_arns(balancer)
            .send()
            .await
            .map_err(|e| Fault::of("elasticloadbalancing:DescribeLoadBalancers", e))?;
        let found = answer.load_balancers().first();
        let host = found.and_then(|balancer| balancer.dns_name()).unwrap_or_default();
        let scheme = match listener.protocol() {
            Some(ProtocolEnum::Https | ProtocolEnum::Tls) => "https",
            _ => "http",
        };
        Ok(Listener {
            url: format!("{scheme}://{host}:{}", listener.port().unwrap_or_default()),
            network: found.and_then(|b| b.r#type()) == Some(&LoadBalancerTypeEnum::Network),
            dimension: balancer
                .split_once("loadbalancer/")
                .map(|(_, tail)| tail.to_owned())
                .unwrap_or_default(),
        })
    }

    /// Reads the live share of each of two target groups behind a listener.
    ///
    /// Every rule that names one of them must agree; `Err` inside says in words what does not.
    pub async fn weights(
        &self,
        listener: &str,
        groups: [&str; 2],
    ) -> Result<Result<[Weight; 2], String>, Fault> {
        let answer = self
            .elb
            .describe_rules()
            .listener_arn(listener)
            .send()
            .await
            .map_err(|e| Fault::of("elasticloadbalancing:DescribeRules", e))?;
        let mut found: Option<[Weight; 2]> = None;
        for rule in answer.rules() {
            let Some(shares) = rule.actions().iter().find_map(|action| shares(action, groups))
            else {
                continue;
            };
            let shares = match shares {
                Ok(shares) => shares,
                Err(why) => return Ok(Err(why)),
            };
            if found.is_some_and(|earlier| earlier != shares) {
                return Ok(Err("the listener's rules give the pair different weights".into()));
            }
            found = Some(shares);
        }
        Ok(found.ok_or_else(|| "no rule of the listener forwards to either target group".into()))
    }

    /// Counts the targets of a group by health.
    pub async fn target_health(&self, group: &str) -> Result<TargetHealth, Fault> {
        let answer = self
            .elb
            .describe_target_health()
            .target_group_arn(group)
            .send()
            .await
            .map_err(|e| Fault::of("elasticloadbalancing:DescribeTargetHealth", e))?;
        let mut health = TargetHealth::default();
        for target in answer.target_health_descriptions() {
            let state = target.target_health().and_then(|health| health.state());
            let count = match state {
                Some(TargetHealthStateEnum::Healthy) => &mut health.healthy,
                Some(TargetHealthStateEnum::Initial) => &mut health.initial,
                Some(TargetHealthStateEnum::Draining) => &mut health.draining,
                _ => &mut health.unhealthy,
            };
            *count += 1;
        }
        Ok(health)
    }
}

/// The shares that a forward action gives the pair; `None` when it does not name either.
fn shares(action: &Action, groups: [&str; 2]) -> Option<Result<[Weight; 2], String>> {
    if action.r#type() != Some(&ActionTypeEnum::Forward) {
        return None;
    }
    let tuples: Vec<(&str, i64)> = match action.forward_config() {
        Some(config) if !config.target_groups().is_empty() => config
            .target_groups()
            .iter()
            // A single group without a weight gets everything.
            .map(|t| (t.target_group_arn().unwrap_or_default(), t.weight().unwrap_or(1).into()))
            .collect(),
        _ => vec![(action.target_group_arn()?, 1)],
    };
    if !tuples.iter().any(|(arn, _)| groups.contains(arn)) {
        return None;
    }
    let total: i64 = tuples.iter().map(|(_, weight)| weight).sum();
    if total <= 0 {
        return Some(Err("all weights of the production rule are 0".into()));
    }
    if tuples.iter().any(|(arn, weight)| *weight > 0 && !groups.contains(arn)) {
        return Some(Err("the production rule sends traffic to a third target group".into()));
    }
    let share = |group: &str| {
        let weight: i64 = tuples.iter().filter(|(arn, _)| *arn == group).map(|(_, w)| w).sum();
        u8::try_from(weight * 100 / total).ok().and_then(Weight::new).unwrap_or(Weight::NONE)
    };
    let first = share(groups[0]);
    Some(Ok([first, first.rest()]))
}
