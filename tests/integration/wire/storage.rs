//! The operations of S3 and AWS Backup through the real SDK clients.

use std::sync::Arc;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_types::SdkConfig;

use super::cloud::{Cloud, check};
use super::operations::Names;

pub(super) async fn s3(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_s3::Client::new(config);
    let object = ObjectIdentifier::builder().key("a/b & <c>").version_id("v1").build().unwrap();
    let delete = Delete::builder().objects(object).quiet(true).build().unwrap();
    Names::from([
        check!(cloud, "s3",
            c.list_object_versions().bucket("logs-stg").key_marker("a&b").version_id_marker("v")
                .max_keys(5).prefix("2026/"),
            { "Bucket": "logs-stg", "KeyMarker": "a&b", "VersionIdMarker": "v", "MaxKeys": 5,
              "Prefix": "2026/" }),
        check!(cloud, "s3", c.delete_objects().bucket("logs-stg").delete(delete),
            { "Bucket": "logs-stg", "Delete": { "Quiet": true,
              "Objects": [{ "Key": "a/b & <c>", "VersionId": "v1" }] } }),
    ])
}

pub(super) async fn backup(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_backup::Client::new(config);
    let arn = "arn:aws:backup:eu-west-1:123456789012:recovery-point:1EB3B5E7";
    Names::from([
        check!(cloud, "backup",
            c.list_recovery_points_by_backup_vault().backup_vault_name("vault-stg").max_results(7)
                .next_token("t"),
            { "BackupVaultName": "vault-stg", "MaxResults": 7, "NextToken": "t" }),
        check!(cloud, "backup",
            c.delete_recovery_point().backup_vault_name("vault-stg").recovery_point_arn(arn),
            { "BackupVaultName": "vault-stg", "RecoveryPointArn": arn }),
    ])
}
