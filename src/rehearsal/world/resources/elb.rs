//! Load balancers, target groups, listeners and their rules from stacks.

use std::time::Duration;

use serde_json::{Value, json};

use super::{attributes, handler, text};
use crate::rehearsal::call::ApiError;
use crate::rehearsal::stacks::surroundings::{Made, Place, Subject, Trouble};
use crate::rehearsal::world::World;
use crate::rehearsal::world::elb::{Balancer, Listener, Rule, TargetGroup};
use crate::rehearsal::world::input::{list, whole};

/// A service that does not exist yet owns the group.
const NOBODY: usize = usize::MAX;

fn trouble(error: ApiError) -> Trouble {
    let code = if error.code.ends_with("NotFound") { "NotFound" } else { "InvalidRequest" };
    handler(code, error.message)
}

/// An attribute of a load balancer or target group.
fn attribute<'a>(properties: &'a Value, list_name: &str, key: &str) -> Option<&'a Value> {
    let mut entries = list(properties, list_name).iter();
    entries.find(|entry| text(entry, "Key") == key)?.get("Value")
}

fn seconds(properties: &Value, key: &str, default: u64) -> Duration {
    Duration::from_secs(whole(properties, key).unwrap_or(default))
}

fn small(number: Option<u64>, default: u32) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
}

/// Whether an action forwards; others need no target.
fn forwards(actions: &[Value]) -> bool {
    actions.iter().any(|action| text(action, "Type") == "forward")
}

impl World {
    pub(super) fn make_balancer(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let name = subject.physical;
        let known = self.elb.balancers.iter().position(|balancer| balancer.name == name);
        // What the setup built under another name is taken over as the stack's when it is alone.
        let alone = (place.adopt && self.elb.balancers.len() == 1).then_some(0);
        let index = match (known, known.or(alone)) {
            (Some(_), _) if !place.adopt => {
                return Err(handler(
                    "AlreadyExists",
                    format!(
                        "A load balancer with the same name '{name}' exists, but with different settings"
                    ),
                ));
            }
            (_, Some(index)) if place.adopt => index,
            _ => {
                let (id, number) = (self.ids.hex(16), self.ids.hex(10));
                let prefix = self.arn("elasticloadbalancing", "loadbalancer");
                self.elb.balancers.push(Balancer {
                    arn: format!("{prefix}/app/{name}/{id}"),
                    name: name.to_owned(),
                    dns: format!("{name}-{number}.{}.elb.amazonaws.com", place.region),
                    created: self.now,
                    listeners: Vec::new(),
                });
                self.elb.balancers.len().saturating_sub(1)
            }
        };
        let Some(balancer) = self.elb.balancers.get(index) else {
            return Err(handler("InternalFailure", "the load balancer is gone"));
        };
        Ok(Made {
            physical: balancer.arn.clone(),
            attributes: attributes(&[
                ("LoadBalancerArn", balancer.arn.clone()),
                ("LoadBalancerName", balancer.name.clone()),
                ("LoadBalancerFullName", balancer.dimension().to_owned()),
                ("DNSName", balancer.dns.clone()),
                ("CanonicalHostedZoneID", "Z215JYRZR1TBD5".to_owned()),
            ]),
        })
    }

    pub(super) fn remove_balancer(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        self.elb.balancers.retain(|balancer| balancer.arn != subject.physical);
        Ok(())
    }

    pub(super) fn make_group(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Result<Made, Trouble> {
        let (name, properties) = (subject.physical, subject.properties);
        let known = self.elb.groups.iter().position(|group| group.name == name);
        let index = match known {
            Some(_) if !place.adopt => {
                return Err(handler(
                    "AlreadyExists",
                    format!(
                        "A target group with the same name '{name}' exists, but with different settings"
                    ),
                ));
            }
            Some(index) => index,
            None => {
                let id = self.ids.hex(16);
                let prefix = self.arn("elasticloadbalancing", "targetgroup");
                let mut group = TargetGroup {
                    arn: format!("{prefix}/{name}/{id}"),
                    name: name.to_owned(),
                    port: 80,
                    service: NOBODY,
                    path: "/".to_owned(),
                    interval: Duration::ZERO,
                    timeout: Duration::ZERO,
                    healthy: 5,
                    unhealthy: 2,
                    deregistration_delay: Duration::ZERO,
                    targets: Vec::new(),
                    rate: 0.0,
                    emptied: false,
                };
                apply(&mut group, properties);
                self.elb.groups.push(group);
                self.elb.groups.len().saturating_sub(1)
            }
        };
        let Some(group) = self.elb.groups.get(index) else {
            return Err(handler("InternalFailure", "the target group is gone"));
        };
        Ok(Made {
            physical: group.arn.clone(),
            attributes: attributes(&[
                ("TargetGroupArn", group.arn.clone()),
                ("TargetGroupName", group.name.clone()),
                ("TargetGroupFullName", group.dimension().to_owned()),
            ]),
        })
    }

    pub(super) fn change_group(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let mut groups = self.elb.groups.iter_mut();
        if let Some(group) = groups.find(|group| group.arn == subject.physical) {
            apply(group, subject.properties);
        }
        Ok(())
    }

    pub(super) fn remove_group(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        let Some(index) = self.elb.group_by_arn(subject.physical) else { return Ok(()) };
        if self.elb.in_use(index) {
            return Err(handler(
                "ResourceConflict",
                format!(
                    "Target group '{}' is currently in use by a listener or a rule",
                    subject.physical
                ),
            ));
        }
        // Other parts of the world know groups by their places, so the place stays.
        if let Some(group) = self.elb.groups.get_mut(index) {
            group.arn.clear();
            group.name.clear();
            group.targets.clear();
        }
        Ok(())
    }

    pub(super) fn make_listener(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Option<Result<Made, Trouble>> {
        let properties = subject.properties;
        let arn = text(properties, "LoadBalancerArn");
        let port = whole(properties, "Port").and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let index = self.elb.balancers.iter().position(|balancer| balancer.arn == arn)?;
        let balancer = self.elb.balancers.get(index)?;
        if let Some(listener) = balancer.listeners.iter().find(|listener| listener.port == port) {
            let made = listener_made(&listener.arn);
            return Some(if place.adopt {
                Ok(made)
            } else {
                let text = format!(
                    "A listener already exists on port {port} for this load balancer '{arn}'"
                );
                Err(handler("AlreadyExists", text))
            });
        }
        let actions = list(properties, "DefaultActions");
        let (forward, fixed) = if forwards(actions) {
            match self.parse_actions(actions) {
                Ok(forward) => (forward, None),
                Err(error) => return Some(Err(trouble(error))),
            }
        } else {
            (Vec::new(), actions.first().map(numbers))
        };
        let id = self.ids.hex(16);
        let balancer = self.elb.balancers.get_mut(index)?;
        let arn = format!("{}/{id}", balancer.arn.replacen(":loadbalancer/", ":listener/", 1));
        let made = listener_made(&arn);
        balancer.listeners.push(Listener { arn, port, forward, fixed, rules: Vec::new() });
        Some(Ok(made))
    }

    pub(super) fn remove_listener(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        for balancer in &mut self.elb.balancers {
            balancer.listeners.retain(|listener| listener.arn != subject.physical);
        }
        Ok(())
    }

    pub(super) fn make_rule(
        &mut self,
        place: Place<'_>,
        subject: Subject<'_>,
    ) -> Option<Result<Made, Trouble>> {
        let properties = subject.properties;
        let actions = list(properties, "Actions");
        if !forwards(actions) {
            return None;
        }
        let forward = match self.parse_actions(actions) {
            Ok(forward) => forward,
            Err(error) => return Some(Err(trouble(error))),
        };
        let priority = small(whole(properties, "Priority"), 1);
        let (id, adopt) = (self.ids.hex(16), place.adopt);
        let wanted = text(properties, "ListenerArn");
        let names = |known: &[(usize, u32)]| {
            known.iter().any(|(group, _)| forward.iter().any(|(own, _)| own == group))
        };
        let known = self.elb.listeners().any(|listener| listener.arn == wanted);
        let mut listeners = self.elb.listeners_mut();
        let listener = listeners.find(|listener| {
            // A setup without the stack of the load balancer names its listener by what it does.
            listener.arn == wanted || (adopt && !known && names(&listener.forward))
        })?;
        if listener.rules.iter().any(|rule| rule.priority == priority) && !adopt {
            let text = format!("Priority '{priority}' is currently in use");
            return Some(Err(handler("AlreadyExists", text)));
        }
        let arn = format!("{}/{id}", listener.arn.replacen(":listener/", ":listener-rule/", 1));
        let conditions: Vec<Value> = list(properties, "Conditions").to_vec();
        // What the setup put into the default action is the rule's, with its live weights.
        let live = (adopt && names(&listener.forward)).then(|| {
            listener.fixed = Some(json!({
                "Type": "fixed-response",
                "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"},
            }));
            std::mem::take(&mut listener.forward)
        });
        let forward = live.unwrap_or(forward);
        listener.rules.push(Rule { arn: arn.clone(), priority, conditions, forward });
        let made = attributes(&[("RuleArn", arn.clone())]);
        Some(Ok(Made { physical: arn, attributes: made }))
    }

    pub(super) fn change_own_rule(&mut self, subject: Subject<'_>) -> Option<Result<(), Trouble>> {
        self.elb.rule(subject.physical)?;
        let properties = subject.properties;
        let conditions = list(properties, "Conditions").to_vec();
        let priority = small(whole(properties, "Priority"), 1);
        let actions = list(properties, "Actions");
        let changed =
            self.change_rule(subject.physical, Some(actions), Some(conditions), Some(priority));
        Some(changed.map_err(trouble))
    }

    pub(super) fn remove_rule(&mut self, subject: Subject<'_>) -> Result<(), Trouble> {
        for listener in self.elb.listeners_mut() {
            listener.rules.retain(|rule| rule.arn != subject.physical);
        }
        Ok(())
    }

    /// The rule with its weights as they are.
    pub(super) fn live_rule(&self, subject: Subject<'_>) -> Option<Option<Value>> {
        if !forwards(list(subject.properties, "Actions")) {
            return None;
        }
        let Some(rule) = self.elb.rule(subject.physical) else { return Some(None) };
        let mut live = subject.properties.clone();
        let groups = live.pointer_mut("/Actions/0/ForwardConfig/TargetGroups");
        for tuple in groups.and_then(Value::as_array_mut).into_iter().flatten() {
            let arn = text(tuple, "TargetGroupArn").to_owned();
            let index = self.elb.group_by_arn(&arn);
            let weight = rule.forward.iter().find(|(group, _)| Some(*group) == index);
            if let Some(members) = tuple.as_object_mut() {
                let weight = weight.map_or(0, |(_, weight)| *weight);
                members.insert("Weight".to_owned(), weight.into());
            }
        }
        let members = live.as_object_mut()?;
        members.insert("Priority".to_owned(), rule.priority.into());
        Some(Some(live))
    }
}

fn listener_made(arn: &str) -> Made {
    let attributes = attributes(&[("ListenerArn", arn.to_owned())]);
    Made { physical: arn.to_owned(), attributes }
}

/// A default action with its numbers as the API has them: status codes are texts there.
fn numbers(action: &Value) -> Value {
    let mut action = action.clone();
    for path in
        ["/FixedResponseConfig/StatusCode", "/RedirectConfig/Port", "/RedirectConfig/StatusCode"]
    {
        if let Some(value) = action.pointer_mut(path)
            && value.is_number()
        {
            *value = value.to_string().into();
        }
    }
    action
}

/// Gives a target group what the template says; the rest has ELB's defaults.
fn apply(group: &mut TargetGroup, properties: &Value) {
    group.port = whole(properties, "Port").and_then(|port| u16::try_from(port).ok()).unwrap_or(80);
    let path = text(properties, "HealthCheckPath");
    group.path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    group.interval = seconds(properties, "HealthCheckIntervalSeconds", 30);
    group.timeout = seconds(properties, "HealthCheckTimeoutSeconds", 5);
    group.healthy = small(whole(properties, "HealthyThresholdCount"), 5);
    group.unhealthy = small(whole(properties, "UnhealthyThresholdCount"), 2);
    let delay =
        attribute(properties, "TargetGroupAttributes", "deregistration_delay.timeout_seconds");
    let delay = delay.and_then(|v| v.as_u64().or_else(|| v.as_str().and_then(|t| t.parse().ok())));
    group.deregistration_delay = Duration::from_secs(delay.unwrap_or(300));
}
