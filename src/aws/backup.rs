//! AWS Backup: emptying vaults, so that a stack can go.

use super::{Aws, Fault};

impl Aws {
    /// Deletes every recovery point of a vault; gives how many there were, and the points that
    /// stay, with the reason. A vault that does not exist is empty.
    pub async fn empty_vault(&self, vault: &str) -> Result<(u64, Vec<String>), Fault> {
        const ACTION: &str = "backup:ListRecoveryPointsByBackupVault";
        let mut pages = self
            .backup
            .list_recovery_points_by_backup_vault()
            .backup_vault_name(vault)
            .into_paginator()
            .send();
        let mut points = Vec::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => points.extend(
                    page.recovery_points()
                        .iter()
                        .filter_map(|point| point.recovery_point_arn().map(str::to_owned)),
                ),
                Err(error) => {
                    let fault = Fault::of(ACTION, error);
                    // The API answers a missing vault as one that the caller may not see.
                    let gone = fault.is_not_found() || fault.message.contains("does not exist");
                    if gone {
                        return Ok((0, Vec::new()));
                    }
                    return Err(fault);
                }
            }
        }
        let (mut deleted, mut kept) = (0, Vec::new());
        for point in points {
            let request = self
                .backup
                .delete_recovery_point()
                .backup_vault_name(vault)
                .recovery_point_arn(&point);
            match request.send().await {
                Ok(_) => deleted += 1,
                Err(error) => {
                    let fault = Fault::of("backup:DeleteRecoveryPoint", error);
                    if !fault.is_not_found() {
                        kept.push(format!("{point}: {fault}"));
                    }
                }
            }
        }
        Ok((deleted, kept))
    }
}
