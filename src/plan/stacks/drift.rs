//! Whose drift it is: ours, or somebody's.

use serde::Serialize;

use crate::domain::{Difference, Drift};

/// What ha-deploy changes beside CloudFormation, by type and start of the property's path.
///
/// Deployments own them, so that they differ from the template is as it must be.
const OURS: &[(&str, &str)] = &[
    // The weights of the pair of target groups.
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "/Actions"),
    ("AWS::ElasticLoadBalancingV2::Listener", "/DefaultActions"),
    ("AWS::ECS::Service", "/TaskDefinition"),
    ("AWS::ECS::Service", "/DeploymentConfiguration"),
    ("AWS::ECS::Service", "/DesiredCount"),
    // CodeDeploy moves the service between the target groups.
    ("AWS::ECS::Service", "/LoadBalancers"),
    // The waits of the group follow `rollout`.
    ("AWS::CodeDeploy::DeploymentGroup", "/BlueGreenDeploymentConfiguration"),
    // Scale-in is suspended while traffic moves.
    ("AWS::ApplicationAutoScaling::ScalableTarget", "/SuspendedState"),
];

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// ha-deploy: as it must be.
    HaDeploy,
    /// Somebody else.
    Somebody,
}

/// One thing that differs from its template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftFinding {
    /// The logical id.
    pub resource: String,
    /// The physical id.
    pub physical: Option<String>,
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who changed it.
    pub owner: Owner,
    /// What differs; `None`: the resource is gone.
    pub difference: Option<Difference>,
}

/// The drift of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// The stack.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// What differs; empty: nothing.
    pub findings: Vec<DriftFinding>,
    /// Why its drift could not be read.
    pub failed: Option<String>,
}

impl DriftReport {
    /// What somebody else changed.
    pub fn foreign(&self) -> impl Iterator<Item = &DriftFinding> {
        self.findings.iter().filter(|finding| finding.owner == Owner::Somebody)
    }
}

/// Sorts the drift of a stack by owner.
pub fn drifted(stack: &str, region: &str, drifts: &[Drift]) -> DriftReport {
    let findings = drifts.iter().flat_map(|drift| {
        let finding = |owner, difference| DriftFinding {
            resource: drift.id.clone(),
            physical: drift.physical.clone(),
            kind: drift.kind.clone(),
            owner,
            difference,
        };
        if drift.deleted {
            return vec![finding(Owner::Somebody, None)];
        }
        let differences = drift.differences.iter();
        differences
            .map(|difference| {
                finding(owner(&drift.kind, &difference.path), Some(difference.clone()))
            })
            .collect()
    });
    DriftReport {
        stack: stack.to_owned(),
        region: region.to_owned(),
        findings: findings.collect(),
        failed: None,
    }
}

/// The report on one stack.
pub fn drift_of(reports: &[DriftReport], region: &str, stack: &str) -> Option<DriftReport> {
    reports.iter().find(|report| report.stack == stack && report.region == region).cloned()
}

fn owner(kind: &str, path: &str) -> Owner {
    let ours = OURS.iter().any(|(of, start)| {
        *of == kind
            && path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    if ours { Owner::HaDeploy } else { Owner::Somebody }
}
