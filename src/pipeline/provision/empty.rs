//! Empties what CloudFormation does not delete while something is in it.

use crate::aws::Aws;
use crate::domain::StackResource;
use crate::pipeline::event::EventKind;

use super::Provision;
use super::trouble::Trouble;

/// Empties the buckets, repositories and vaults among some resources; gives what stays, with the
/// reason.
pub(super) async fn empty(
    context: &Provision<'_>,
    aws: &Aws,
    stack: &str,
    resources: &[StackResource],
) -> Result<Vec<String>, Trouble> {
    let mut stays = Vec::new();
    for resource in resources {
        let name = resource.physical.as_str();
        if name.is_empty() || resource.status == "DELETE_COMPLETE" {
            continue;
        }
        let (what, emptied) = match resource.kind.as_str() {
            "AWS::S3::Bucket" => {
                ("object versions", context.unless_cancelled(aws.empty_bucket(name)).await)
            }
            "AWS::ECR::Repository" => {
                ("images", context.unless_cancelled(aws.empty_repository(name)).await)
            }
            "AWS::Backup::BackupVault" => {
                let emptied = context.unless_cancelled(aws.empty_vault(name)).await;
                let emptied = emptied.map(|(deleted, kept)| {
                    stays.extend(kept.into_iter().map(|point| format!("{name}: {point}")));
                    deleted
                });
                ("recovery points", emptied)
            }
            _ => continue,
        };
        match emptied {
            Ok(0) => {}
            Ok(count) => context.emit(EventKind::StepFinished {
                step: "empty",
                detail: format!("{stack}: {name}: {count} {what} deleted"),
            }),
            // The deletion will say what is wrong with it; others may still go.
            Err(Trouble::Fault(fault)) => stays.push(format!("{name}: {fault}")),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(stays)
}
