//! Looks for what was changed beside CloudFormation.

use futures_util::future::join_all;

use crate::aws::{Aws, DriftDetection, Fault};
use crate::domain::StackKey;
use crate::plan::stacks::{DriftReport, drifted};

use super::trouble::Trouble;
use super::{POLL, Provision};

/// Detects the drift of stacks, all at once; a stack whose drift cannot be read says why.
///
/// # Errors
///
/// When the command was cancelled, or AWS refuses the permission.
pub async fn drift(
    context: &Provision<'_>,
    stacks: &[StackKey],
) -> Result<Option<Vec<DriftReport>>, Fault> {
    let detections = stacks.iter().map(|key| async move {
        let aws = context.aws.in_region(&key.region);
        detect(context, &aws, key).await
    });
    let mut reports = Vec::new();
    for (key, result) in stacks.iter().zip(join_all(detections).await) {
        match result {
            Ok(report) => reports.push(report),
            Err(Trouble::Cancelled) => return Ok(None),
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(trouble) => reports.push(DriftReport {
                stack: key.name.clone(),
                region: key.region.clone(),
                findings: Vec::new(),
                failed: Some(trouble.to_string()),
            }),
        }
    }
    Ok(Some(reports))
}

async fn detect(
    context: &Provision<'_>,
    aws: &Aws,
    key: &StackKey,
) -> Result<DriftReport, Trouble> {
    let id = context.unless_cancelled(aws.detect_drift(&key.name)).await?;
    loop {
        context.pause(POLL).await?;
        match context.unless_cancelled(aws.drift_detection(&id)).await? {
            DriftDetection::Running => {}
            // A detection that failed for some resources still knows the others.
            DriftDetection::Complete => break,
            DriftDetection::Failed(reason) => return Err(Trouble::Unplannable(reason)),
        }
    }
    let drifts = context.unless_cancelled(aws.drifts(&key.name)).await?;
    Ok(drifted(&key.name, &key.region, &drifts))
}
