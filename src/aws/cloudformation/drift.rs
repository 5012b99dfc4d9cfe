//! How stacks differ from their templates.

use aws_sdk_cloudformation::types::{
    StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};

use crate::aws::{Aws, Fault};
use crate::domain::{Difference, Drift};

/// How far the detection of drift is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftDetection {
    /// AWS is at work on it.
    Running,
    /// It is over.
    Complete,
    /// It failed; text from outside.
    Failed(String),
}

impl Aws {
    /// Begins to look for drift; gives the id of the detection.
    pub async fn detect_drift(&self, stack: &str) -> Result<String, Fault> {
        const ACTION: &str = "cloudformation:DetectStackDrift";
        let answer = self
            .cloudformation
            .detect_stack_drift()
            .stack_name(stack)
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let id = answer.stack_drift_detection_id();
        id.map(str::to_owned).ok_or_else(|| Fault::incomplete(ACTION, "StackDriftDetectionId"))
    }

    /// Asks how far a detection is.
    pub async fn drift_detection(&self, id: &str) -> Result<DriftDetection, Fault> {
        let answer = self
            .cloudformation
            .describe_stack_drift_detection_status()
            .stack_drift_detection_id(id)
            .send()
            .await
            .map_err(|e| Fault::of("cloudformation:DescribeStackDriftDetectionStatus", e))?;
        Ok(match answer.detection_status() {
            Some(StackDriftDetectionStatus::DetectionComplete) => DriftDetection::Complete,
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                let reason = answer.detection_status_reason().unwrap_or("AWS gives no reason");
                DriftDetection::Failed(reason.to_owned())
            }
            _ => DriftDetection::Running,
        })
    }

    /// Reads what a detection found.
    pub async fn drifts(&self, stack: &str) -> Result<Vec<Drift>, Fault> {
        let mut drifts = Vec::new();
        let mut token = None;
        loop {
            let answer = self
                .cloudformation
                .describe_stack_resource_drifts()
                .stack_name(stack)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
                .set_next_token(token)
                .send()
                .await
                .map_err(|e| Fault::of("cloudformation:DescribeStackResourceDrifts", e))?;
            drifts.extend(answer.stack_resource_drifts().iter().map(drift));
            token = answer.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(drifts);
            }
        }
    }
}

fn drift(drift: &StackResourceDrift) -> Drift {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Drift {
        id: text(drift.logical_resource_id()),
        physical: drift.physical_resource_id().map(str::to_owned),
        kind: text(drift.resource_type()),
        deleted: drift.stack_resource_drift_status() == Some(&StackResourceDriftStatus::Deleted),
        differences: drift
            .property_differences()
            .iter()
            .map(|difference| Difference {
                path: text(difference.property_path()),
                expected: text(difference.expected_value()),
                actual: text(difference.actual_value()),
            })
            .collect(),
    }
}
