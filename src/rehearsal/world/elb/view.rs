//! How load balancers look from outside.

use serde_json::{Value, json};

use super::{Balancer, Forward, Listener, Rule, Target, TargetGroup};
use crate::rehearsal::world::World;
use crate::rehearsal::world::input::seconds;

impl World {
    pub(super) fn balancer_view(&self, balancer: &Balancer) -> Value {
        let zones: Vec<Value> = self
            .setup
            .zones
            .iter()
            .map(|zone| json!({"ZoneName": zone, "SubnetId": self.subnet(zone)}))
            .collect();
        json!({
            "LoadBalancerArn": balancer.arn,
            "DNSName": balancer.dns,
            "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
            "CreatedTime": seconds(self.wall(balancer.created)),
            "LoadBalancerName": balancer.name,
            "Scheme": "internet-facing",
            "VpcId": self.vpc(),
            "State": {"Code": "active"},
            "Type": "application",
            "AvailabilityZones": zones,
            "SecurityGroups": ["sg-0a1b2c3d4e5f60718"],
            "IpAddressType": "ipv4",
        })
    }

    /// A forward action as AWS writes it: with the plain ARN beside the weights when there is
    /// only one group.
    pub(in crate::rehearsal::world) fn action_view(&self, forward: &Forward) -> Value {
        let groups: Vec<Value> = forward
            .iter()
            .filter_map(|(index, weight)| {
                let group = self.elb.groups.get(*index)?;
                Some(json!({"TargetGroupArn": group.arn, "Weight": weight}))
            })
            .collect();
        let single = match groups.as_slice() {
            [only] => only.get("TargetGroupArn").cloned(),
            _ => None,
        };
        json!({
            "Type": "forward",
            "TargetGroupArn": single,
            "ForwardConfig": {
                "TargetGroups": groups,
                "TargetGroupStickinessConfig": {"Enabled": false},
            },
        })
    }

    pub(super) fn listener_view(&self, balancer: &Balancer, listener: &Listener) -> Value {
        let tls = matches!(listener.port, 443 | 8443);
        json!({
            "ListenerArn": listener.arn,
            "LoadBalancerArn": balancer.arn,
            "Port": listener.port,
            "Protocol": if tls { "HTTPS" } else { "HTTP" },
            "DefaultActions": [self.default_view(listener)],
        })
    }

    pub(super) fn rule_view(&self, listener: &Listener) -> Value {
        json!({
            "RuleArn": super::api::default_rule(&listener.arn),
            "Priority": "default",
            "Conditions": [],
            "Actions": [self.default_view(listener)],
            "IsDefault": true,
        })
    }

    fn default_view(&self, listener: &Listener) -> Value {
        match &listener.fixed {
            Some(fixed) if listener.forward.is_empty() => fixed.clone(),
            _ => self.action_view(&listener.forward),
        }
    }

    /// A rule that is not a default one.
    pub(super) fn own_rule_view(&self, rule: &Rule) -> Value {
        json!({
            "RuleArn": rule.arn,
            "Priority": rule.priority.to_string(),
            "Conditions": rule.conditions,
            "Actions": [self.action_view(&rule.forward)],
            "IsDefault": false,
        })
    }

    pub(super) fn group_view(&self, index: usize, group: &TargetGroup) -> Value {
        let balancers: Vec<&str> = self
            .elb
            .balancers
            .iter()
            .filter(|b| {
                b.listeners.iter().flat_map(Listener::actions).flatten().any(|(g, _)| *g == index)
            })
            .map(|balancer| balancer.arn.as_str())
            .collect();
        json!({
            "TargetGroupArn": group.arn,
            "TargetGroupName": group.name,
            "Protocol": "HTTP",
            "Port": group.port,
            "VpcId": self.vpc(),
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPort": "traffic-port",
            "HealthCheckEnabled": true,
            "HealthCheckIntervalSeconds": group.interval.as_secs(),
            "HealthCheckTimeoutSeconds": group.timeout.as_secs(),
            "HealthyThresholdCount": group.healthy,
            "UnhealthyThresholdCount": group.unhealthy,
            "HealthCheckPath": group.path,
            "Matcher": {"HttpCode": "200"},
            "LoadBalancerArns": balancers,
            "TargetType": "ip",
            "ProtocolVersion": "HTTP1",
            "IpAddressType": "ipv4",
        })
    }

    pub(super) fn health_view(&self, used: bool, group: &TargetGroup, target: &Target) -> Value {
        let (state, reason, description) = if used {
            target.health.describe()
        } else {
            let text = "Target group is not configured to receive traffic from the load balancer";
            ("unused", Some("Target.NotInUse"), Some(text.to_owned()))
        };
        json!({
            "Target": {
                "Id": target.ip,
                "Port": group.port,
                "AvailabilityZone": self.setup.zones.get(target.zone),
            },
            "HealthCheckPort": group.port.to_string(),
            "TargetHealth": {"State": state, "Reason": reason, "Description": description},
        })
    }
}
