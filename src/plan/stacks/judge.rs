//! Whether a change set may be executed, and how.

use std::collections::BTreeSet;

use serde::Serialize;

use super::instance::Instance;
use crate::domain::{ChangeAction, ChangeSet, ChangeSetStatus, ResourceChange};

/// Types that hold data that nobody can make again, whatever a template's head says.
const DATA: [&str; 12] = [
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::Backup::BackupVault",
    "AWS::KMS::Key",
    "AWS::ECR::Repository",
    "AWS::SecretsManager::Secret",
];

/// Whether resources of a type hold data.
pub fn holds_data(kind: &str) -> bool {
    DATA.contains(&kind)
}

/// Data stores that may be replaced or deleted, as `<stack>/<logical id>`.
pub type Allowance = BTreeSet<String>;

/// A data store that a change set would replace or delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// `<stack>/<logical id>`, as `--allow-replacement` takes it.
    pub resource: String,
    /// Its physical id.
    pub physical: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happens to it.
    pub action: ChangeAction,
    /// Whether it was asked for.
    pub allowed: bool,
}

/// What is to be done with a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It changes nothing.
    Nothing,
    /// It can be executed; the data stores that it may replace were asked for.
    Execute {
        /// Their logical ids.
        replaces: Vec<String>,
    },
    /// It touches guarded resources: live values first, then this.
    SyncFirst {
        /// Their logical ids.
        guarded: Vec<String>,
        /// Data stores that it may replace.
        replaces: Vec<String>,
    },
    /// It would lose data that nobody said may be lost.
    Refuse {
        /// Which.
        losses: Vec<Loss>,
    },
    /// It could not be made.
    Failed {
        /// Why; text from outside.
        reason: String,
    },
}

/// The data stores that changes would replace or delete.
pub(super) fn losses(
    instance: &Instance,
    changes: &[ResourceChange],
    allowed: &Allowance,
) -> Vec<Loss> {
    let stores = &instance.template.head.data_stores;
    changes
        .iter()
        .filter(|change| stores.contains(&change.id) || holds_data(&change.kind))
        .filter(|change| matches!(change.action, ChangeAction::Replace | ChangeAction::Remove))
        .map(|change| {
            let resource = format!("{}/{}", instance.name, change.id);
            Loss {
                allowed: allowed.contains(&resource),
                resource,
                physical: change.physical.clone(),
                kind: change.kind.clone(),
                action: change.action,
            }
        })
        .collect()
}

/// The guarded resources that changes touch; one that is only now made guards nothing yet.
pub(super) fn guarded(instance: &Instance, changes: &[ResourceChange]) -> Vec<String> {
    let guarded = &instance.template.head.guarded;
    let touched = changes
        .iter()
        .filter(|change| guarded.contains(&change.id) && change.action != ChangeAction::Add);
    touched.map(|change| change.id.clone()).collect()
}

/// Judges a change set of an instance.
///
/// A change that *may* replace a data store goes on: when it turns out to, the stack policy stops
/// it. Only when replacing was asked for does the policy make room.
pub fn judge(instance: &Instance, set: &ChangeSet, allowed: &Allowance) -> Judgement {
    match set.status {
        ChangeSetStatus::Empty => return Judgement::Nothing,
        ChangeSetStatus::Ready => {}
        ChangeSetStatus::Pending | ChangeSetStatus::Failed => {
            let reason = set.reason.clone().unwrap_or_else(|| "AWS gives no reason".to_owned());
            return Judgement::Failed { reason };
        }
    }
    let (losses, guarded) =
        (losses(instance, &set.changes, allowed), guarded(instance, &set.changes));
    if losses.iter().any(|loss| !loss.allowed) {
        return Judgement::Refuse { losses };
    }
    let prefix = format!("{}/", instance.name);
    let replaces: Vec<String> = allowed
        .iter()
        .filter_map(|resource| resource.strip_prefix(&prefix))
        .filter(|id| set.changes.iter().any(|change| change.id == *id))
        .map(str::to_owned)
        .collect();
    if guarded.is_empty() {
        Judgement::Execute { replaces }
    } else {
        Judgement::SyncFirst { guarded, replaces }
    }
}

/// Whether a change set that only tells CloudFormation the live values does nothing else: every
/// change is an update in place of a guarded resource. The error names what it would do besides.
pub fn sync_is_harmless(instance: &Instance, set: &ChangeSet) -> Result<(), String> {
    for change in &set.changes {
        let guarded = instance.template.head.guarded.contains(&change.id);
        if !guarded || change.action != ChangeAction::Modify {
            return Err(format!("{} {} ({:?})", change.kind, change.id, change.action));
        }
    }
    Ok(())
}
