//! AWS Backup: vaults with recovery points, as far as emptying and removing them needs.
//!
//! Source: AWS Backup API reference, `ListRecoveryPointsByBackupVault`, `DeleteRecoveryPoint`,
//! `DeleteBackupVault`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, listed, page, page_size, refuse_unsimulated, required, text, unknown};
use crate::rehearsal::call::{ApiError, Reply};

/// The vaults of one region.
#[derive(Debug)]
pub struct Backup {
    place: Place,
    vaults: BTreeMap<String, Vec<Point>>,
    made: u64,
}

#[derive(Debug)]
struct Point {
    arn: String,
    resource: String,
    kind: String,
    at: Duration,
}

impl Backup {
    /// A region without vaults.
    pub fn new(place: Place) -> Self {
        Self { place, vaults: BTreeMap::new(), made: 0 }
    }

    /// The ARN of a vault.
    pub fn arn(&self, name: &str) -> String {
        self.place.arn("backup", &format!("backup-vault:{name}"))
    }

    /// Makes a vault.
    pub fn create(&mut self, name: &str) -> Result<(), ApiError> {
        if self.vaults.contains_key(name) {
            let text = "Backup vault with the same name already exists";
            return Err(ApiError::new("AlreadyExistsException", text));
        }
        self.vaults.insert(name.to_owned(), Vec::new());
        Ok(())
    }

    /// Whether a vault exists.
    pub fn exists(&self, name: &str) -> bool {
        self.vaults.contains_key(name)
    }

    /// Adds a recovery point of a resource.
    pub fn keep(&mut self, now: Duration, vault: &str, kind: &str, resource: &str) {
        self.made = self.made.saturating_add(1);
        let id = format!("recovery-point:1EB3B5E7-9EB0-435A-A80B-{:012}", self.made);
        let arn = self.place.arn("backup", &id);
        if let Some(points) = self.vaults.get_mut(vault) {
            let (resource, kind) = (resource.to_owned(), kind.to_owned());
            points.push(Point { arn, resource, kind, at: now });
        }
    }

    /// Removes a vault, which must be empty.
    pub fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        match self.vaults.get(name) {
            None => Err(no_vault(name)),
            Some(points) if !points.is_empty() => {
                let text = "Backup vault cannot be deleted because it contains recovery points.";
                Err(ApiError::new("InvalidRequestException", text))
            }
            Some(_) => {
                self.vaults.remove(name);
                Ok(())
            }
        }
    }

    /// Answers a call.
    pub fn call(&mut self, operation: &str, input: &Value) -> Reply {
        let name = required(input, "BackupVaultName");
        match operation {
            "ListRecoveryPointsByBackupVault" => {
                let known = ["BackupVaultName", "NextToken", "MaxResults"];
                refuse_unsimulated(operation, input, &known)?;
                let points = self.vaults.get(name).ok_or_else(|| no_vault(name))?;
                let size = page_size(input, "MaxResults", 1000);
                let Some((shown, next)) = page(points, text(input, "NextToken"), size) else {
                    let text = "Invalid NextToken";
                    return Err(ApiError::new("InvalidParameterValueException", text));
                };
                let shown = shown.iter().map(|point| self.view(name, point)).collect();
                Ok(listed("RecoveryPoints", shown, "NextToken", next))
            }
            "DeleteRecoveryPoint" => {
                let points = self.vaults.get_mut(name).ok_or_else(|| no_vault(name))?;
                let arn = required(input, "RecoveryPointArn");
                let before = points.len();
                points.retain(|point| point.arn != arn);
                if points.len() == before {
                    let text = format!("Cannot find recovery point {arn}.");
                    return Err(ApiError::new("ResourceNotFoundException", text));
                }
                Ok(Value::Null)
            }
            other => Err(unknown("backup", other)),
        }
    }

    fn view(&self, vault: &str, point: &Point) -> Value {
        json!({
            "RecoveryPointArn": point.arn,
            "BackupVaultName": vault,
            "BackupVaultArn": self.arn(vault),
            "ResourceArn": point.resource,
            "ResourceType": point.kind,
            "Status": "COMPLETED",
            "CreationDate": self.place.stamp(point.at),
            "CompletionDate": self.place.stamp(point.at),
            "BackupSizeInBytes": 1_048_576,
            "IsEncrypted": true,
        })
    }
}

fn no_vault(name: &str) -> ApiError {
    // AWS does not tell a vault that is missing from one that is somebody else's.
    let text = format!("Backup vault {name} does not exist");
    ApiError::new("ResourceNotFoundException", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_goes_only_when_it_is_empty() {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            epoch: Duration::from_secs(1_790_000_000),
        };
        let mut backup = Backup::new(place);
        backup.create("v").unwrap();
        backup.keep(Duration::ZERO, "v", "RDS", "arn:aws:rds:eu-west-1:123456789012:db:x");
        assert!(backup.remove("v").unwrap_err().message.contains("contains recovery points"));
        let input = json!({"BackupVaultName": "v"});
        let points = backup.call("ListRecoveryPointsByBackupVault", &input).unwrap();
        let arn = points["RecoveryPoints"][0]["RecoveryPointArn"].clone();
        let delete = json!({"BackupVaultName": "v", "RecoveryPointArn": arn});
        backup.call("DeleteRecoveryPoint", &delete).unwrap();
        assert!(backup.call("DeleteRecoveryPoint", &delete).is_err());
        assert_eq!(backup.remove("v"), Ok(()));
        assert!(backup.call("ListRecoveryPointsByBackupVault", &input).is_err());
    }
}
