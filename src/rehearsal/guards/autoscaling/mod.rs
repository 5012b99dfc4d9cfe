//! Application Auto Scaling: it changes a service's number of tasks, mid-deployment too.
//!
//! Source: Application Auto Scaling API reference, `RegisterScalableTarget`,
//! `DescribeScalableTargets`, `DescribeScalingActivities`; user guide, "Target tracking scaling
//! policies" and "Suspend and resume scaling".

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::cloudwatch::{CloudWatch, Metric, Statistic};
use super::{Place, listed, page, page_size, refuse_unsimulated, required, text, texts, unknown};
use crate::rehearsal::call::{ApiError, Reply};

mod policy;
#[cfg(test)]
mod tests;

/// The one dimension that ECS services scale in.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// A scalable target at the start.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSetup {
    /// The cluster.
    pub cluster: String,
    /// The service.
    pub service: String,
    /// Fewest tasks.
    pub min: u32,
    /// Most tasks.
    pub max: u32,
    /// The target-tracking policies.
    pub policies: Vec<TargetTracking>,
}

/// A target-tracking policy: it keeps a metric near a value.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetTracking {
    /// The policy's name.
    pub name: String,
    /// The metric, a mean over the service's tasks (CPU, requests per target).
    pub metric: Metric,
    /// Its statistic.
    pub statistic: Statistic,
    /// The value to keep.
    pub target: f64,
    /// How long after scaling out no policy scales out again.
    pub scale_out_cooldown: Duration,
    /// How long after any scaling no policy scales in.
    pub scale_in_cooldown: Duration,
}

/// What ECS is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredCountChange {
    /// The service.
    pub service: String,
    /// The new number of tasks.
    pub desired: u32,
}

/// The scalable targets of the account.
#[derive(Debug)]
pub struct AutoScaling {
    place: Place,
    targets: BTreeMap<String, Target>,
    evaluated: Duration,
    activities: Vec<Activity>,
}

#[derive(Debug)]
struct Target {
    service: String,
    min: u32,
    max: u32,
    current: u32,
    suspended: Suspended,
    policies: Vec<TargetTracking>,
    created: Duration,
    last_out: Option<Duration>,
    last_any: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Suspended {
    scale_in: bool,
    scale_out: bool,
    scheduled: bool,
}

#[derive(Debug)]
struct Activity {
    number: usize,
    resource: String,
    at: Duration,
    description: String,
    cause: String,
}

impl AutoScaling {
    /// Registers the targets; `desired` tasks run of each until [`Self::set_current`] says more.
    pub fn new(place: Place, targets: Vec<TargetSetup>) -> Self {
        let target = |setup: TargetSetup| {
            let resource = format!("service/{}/{}", setup.cluster, setup.service);
            let target = Target {
                service: setup.service,
                min: setup.min.min(setup.max),
                max: setup.max,
                current: setup.min,
                suspended: Suspended::default(),
                policies: setup.policies,
                created: Duration::ZERO,
                last_out: None,
                last_any: None,
            };
            (resource, target)
        };
        let targets = targets.into_iter().map(target).collect();
        Self { place, targets, evaluated: Duration::ZERO, activities: Vec::new() }
    }

    /// Says how many tasks a service wants now, whoever decided it.
    pub fn set_current(&mut self, service: &str, desired: u32) {
        for target in self.targets.values_mut().filter(|target| target.service == service) {
            target.current = desired;
        }
    }

    /// Evaluates the policies at every full minute until `now`.
    pub fn advance(&mut self, now: Duration, metrics: &CloudWatch) -> Vec<DesiredCountChange> {
        let mut changes = Vec::new();
        let minute = Duration::from_secs(60);
        let mut next = Duration::from_secs(
            (self.evaluated.as_secs() / 60).saturating_add(1).saturating_mul(60),
        );
        while next <= now {
            let wanted: Vec<(String, u32, String)> = self
                .targets
                .iter()
                .filter_map(|(resource, target)| {
                    let (desired, policy) = target.wanted(next, metrics)?;
                    let cause = format!(
                        "monitor alarm of policy {policy} in state ALARM triggered policy {policy}"
                    );
                    Some((resource.clone(), desired, cause))
                })
                .collect();
            for (resource, desired, cause) in wanted {
                changes.extend(self.scale(next, &resource, desired, cause));
            }
            next = next.saturating_add(minute);
        }
        self.evaluated = self.evaluated.max(now);
        changes
    }

    /// Wants a number of tasks, as if a policy did; limits and suspensions hold.
    pub fn fire(
        &mut self,
        now: Duration,
        service: &str,
        desired: u32,
    ) -> Option<DesiredCountChange> {
        let found = self.targets.iter().find(|(_, target)| target.service == service);
        let resource = found.map(|(resource, _)| resource.clone())?;
        let cause = "monitor alarm of policy rehearsal in state ALARM triggered policy rehearsal";
        self.scale(now, &resource, desired, cause.to_owned())
    }

    /// Applies limits and suspensions; returns the change, if one is left.
    fn scale(
        &mut self,
        now: Duration,
        resource: &str,
        desired: u32,
        cause: String,
    ) -> Option<DesiredCountChange> {
        let target = self.targets.get_mut(resource)?;
        let desired = desired.clamp(target.min, target.max.max(target.min));
        let suspended = match desired.cmp(&target.current) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => target.suspended.scale_out,
            std::cmp::Ordering::Less => target.suspended.scale_in,
        };
        if suspended {
            return None;
        }
        if desired > target.current {
            target.last_out = Some(now);
        }
        target.last_any = Some(now);
        target.current = desired;
        let service = target.service.clone();
        self.activities.push(Activity {
            number: self.activities.len(),
            resource: resource.to_owned(),
            at: now,
            description: format!("Setting desired count to {desired}."),
            cause,
        });
        Some(DesiredCountChange { service, desired })
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        match operation {
            "DescribeScalableTargets" => {
                let known = [
                    "ServiceNamespace",
                    "ResourceIds",
                    "ScalableDimension",
                    "MaxResults",
                    "NextToken",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.describe_targets(input)
            }
            "RegisterScalableTarget" => {
                let known = [
                    "ServiceNamespace",
                    "ResourceId",
                    "ScalableDimension",
                    "MinCapacity",
                    "MaxCapacity",
                    "SuspendedState",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.register(now, input)
            }
            "DescribeScalingActivities" => {
                let known = [
                    "ServiceNamespace",
                    "ResourceId",
                    "ScalableDimension",
                    "MaxResults",
                    "NextToken",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.describe_activities(input)
            }
            other => Err(unknown("application-autoscaling", other)),
        }
    }

    fn describe_targets(&self, input: &Value) -> Reply {
        check_dimension(input)?;
        let ids = texts(input, "ResourceIds");
        if ids.is_empty()
            && text(input, "ScalableDimension").is_some()
            && input.get("ResourceIds").is_some()
        {
            return Err(validation("ResourceIds must not be empty."));
        }
        // Only ECS services live here; another namespace has no targets.
        let ecs = required(input, "ServiceNamespace") == "ecs";
        let chosen: Vec<(&String, &Target)> = self
            .targets
            .iter()
            .filter(|(id, _)| ecs && (ids.is_empty() || ids.contains(&id.as_str())))
            .collect();
        let (shown, next) = paged(&chosen, input)?;
        let shown = shown.iter().map(|(id, target)| self.target(id, target));
        Ok(listed("ScalableTargets", shown.collect(), "NextToken", next))
    }

    fn target(&self, id: &str, target: &Target) -> Value {
        let account = &self.place.account;
        json!({
            "ServiceNamespace": "ecs",
            "ResourceId": id,
            "ScalableDimension": DIMENSION,
            "MinCapacity": target.min,
            "MaxCapacity": target.max,
            "RoleARN": format!(
                "arn:aws:iam::{account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
                 AWSServiceRoleForApplicationAutoScaling_ECSService"
            ),
            "CreationTime": self.place.stamp(target.created),
            "SuspendedState": {
                "DynamicScalingInSuspended": target.suspended.scale_in,
                "DynamicScalingOutSuspended": target.suspended.scale_out,
                "ScheduledScalingSuspended": target.suspended.scheduled,
            },
            "ScalableTargetARN": self.target_arn(id),
        })
    }

    fn target_arn(&self, id: &str) -> String {
        // AWS makes the id of a target itself; its position among the targets is as good.
        let number = self.targets.keys().position(|known| known == id).unwrap_or_default();
        self.place.arn("application-autoscaling", &format!("scalable-target/0ec5{number:028}"))
    }

    /// Creates or updates. An update keeps what the call leaves out, member by member of the
    /// suspended state too (`RegisterScalableTarget`, "To update a scalable target").
    fn register(&mut self, now: Duration, input: &Value) -> Reply {
        check_dimension(input)?;
        if required(input, "ServiceNamespace") != "ecs" {
            return Err(unknown(
                "application-autoscaling",
                "RegisterScalableTarget outside of ecs",
            ));
        }
        let id = required(input, "ResourceId").to_owned();
        let service = match id.split('/').collect::<Vec<_>>().as_slice() {
            ["service", cluster, service] if !cluster.is_empty() && !service.is_empty() => {
                (*service).to_owned()
            }
            _ => {
                return Err(validation(format!(
                    "Unsupported service namespace, resource type or scalable dimension: {id}"
                )));
            }
        };
        let (min, max) = (capacity(input, "MinCapacity")?, capacity(input, "MaxCapacity")?);
        let old = self.targets.get(&id);
        let (Some(min), Some(max)) =
            (min.or(old.map(|old| old.min)), max.or(old.map(|old| old.max)))
        else {
            return Err(validation(
                "MinCapacity and MaxCapacity are required to register a new scalable target.",
            ));
        };
        if min > max {
            return Err(validation("Maximum capacity cannot be less than minimum capacity"));
        }
        let target = self.targets.entry(id.clone()).or_insert_with(|| Target {
            service,
            min,
            max,
            current: min,
            suspended: Suspended::default(),
            policies: Vec::new(),
            created: now,
            last_out: None,
            last_any: None,
        });
        (target.min, target.max) = (min, max);
        if let Some(state) = input.get("SuspendedState") {
            let merged =
                |member: &str, old: bool| state.get(member).and_then(Value::as_bool).unwrap_or(old);
            target.suspended = Suspended {
                scale_in: merged("DynamicScalingInSuspended", target.suspended.scale_in),
                scale_out: merged("DynamicScalingOutSuspended", target.suspended.scale_out),
                scheduled: merged("ScheduledScalingSuspended", target.suspended.scheduled),
            };
        }
        Ok(json!({ "ScalableTargetARN": self.target_arn(&id) }))
    }

    fn describe_activities(&self, input: &Value) -> Reply {
        check_dimension(input)?;
        let resource = text(input, "ResourceId");
        let ecs = required(input, "ServiceNamespace") == "ecs";
        let newest_first: Vec<&Activity> = self
            .activities
            .iter()
            .rev()
            .filter(|activity| ecs && resource.is_none_or(|resource| resource == activity.resource))
            .collect();
        let (shown, next) = paged(&newest_first, input)?;
        let shown = shown.iter().map(|activity| {
            json!({
                "ActivityId": format!("00000000-0000-4000-8000-{:012}", activity.number),
                "ServiceNamespace": "ecs",
                "ResourceId": activity.resource,
                "ScalableDimension": DIMENSION,
                "Description": activity.description,
                "Cause": activity.cause,
                "StartTime": self.place.stamp(activity.at),
                "EndTime": self.place.stamp(activity.at.saturating_add(Duration::from_secs(1))),
                "StatusCode": "Successful",
                "StatusMessage": "Successfully set desired count. Change successfully fulfilled by ecs.",
            })
        });
        Ok(listed("ScalingActivities", shown.collect(), "NextToken", next))
    }
}

fn check_dimension(input: &Value) -> Result<(), ApiError> {
    match text(input, "ScalableDimension") {
        Some(dimension)
            if dimension != DIMENSION && required(input, "ServiceNamespace") == "ecs" =>
        {
            Err(validation(format!("Unsupported scalable dimension: {dimension}")))
        }
        _ => Ok(()),
    }
}

fn capacity(input: &Value, member: &str) -> Result<Option<u32>, ApiError> {
    match input.get(member).filter(|value| !value.is_null()) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.map(Some).ok_or_else(|| validation(format!("{member} must not be negative")))
        }
    }
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn paged<'a, T>(all: &'a [T], input: &Value) -> Result<(&'a [T], Option<String>), ApiError> {
    page(all, text(input, "NextToken"), page_size(input, "MaxResults", 50))
        .ok_or_else(|| ApiError::new("InvalidNextTokenException", "The next token is invalid."))
}
