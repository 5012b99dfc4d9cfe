//! How much is used: what the bill depends on and no template says.
//!
//! Every field has a default, a guess for a small service. A file with some of the fields replaces
//! them; it is read by the caller, which knows where a fault stands.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::money::{Amount, Span};

/// A month of use.
///
/// A figure is for all resources of a type together, unless it says "each".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// How far between the fewest and the most tasks, instances and Aurora capacity units the
    /// average of a month lies: 0 is always the fewest, 1 always the most.
    pub load_share: Amount,
    /// Requests a second that reach each load balancer, on average over the month.
    #[serde(deserialize_with = "span")]
    pub requests_per_second: Span<Amount>,
    /// KiB of an answer of a load balancer, all of which leave AWS.
    #[serde(deserialize_with = "span")]
    pub response_kib: Span<Amount>,
    /// Requests a second that reach each CloudFront distribution.
    #[serde(deserialize_with = "span")]
    pub cdn_requests_per_second: Span<Amount>,
    /// KiB of an answer of CloudFront.
    #[serde(deserialize_with = "span")]
    pub cdn_response_kib: Span<Amount>,
    /// GB through NAT gateways.
    #[serde(deserialize_with = "span")]
    pub nat_gb: Span<Amount>,
    /// GB through interface endpoints.
    #[serde(deserialize_with = "span")]
    pub endpoint_gb: Span<Amount>,
    /// GB between zones, counted once on each side.
    #[serde(deserialize_with = "span")]
    pub zone_gb: Span<Amount>,
    /// GB that S3 replicates to another region.
    #[serde(deserialize_with = "span")]
    pub replicated_gb: Span<Amount>,
    /// GB that AWS Backup copies to another region.
    #[serde(deserialize_with = "span")]
    pub copied_backup_gb: Span<Amount>,
    /// Million DNS queries that AWS charges for.
    #[serde(deserialize_with = "span")]
    pub dns_queries_million: Span<Amount>,
    /// GB of logs that applications write.
    #[serde(deserialize_with = "span")]
    pub logs_gb: Span<Amount>,
    /// GB of logs that AWS services write: flow logs, WAF, CloudFront, databases.
    #[serde(deserialize_with = "span")]
    pub service_logs_gb: Span<Amount>,
    /// GB of logs kept, compressed.
    #[serde(deserialize_with = "span")]
    pub logs_kept_gb: Span<Amount>,
    /// Custom metrics that applications report.
    #[serde(deserialize_with = "span")]
    pub custom_metrics: Span<Amount>,
    /// Metrics that Container Insights reports for each cluster; the enhanced ones grow with
    /// services, tasks and containers.
    #[serde(deserialize_with = "span")]
    pub container_metrics: Span<Amount>,
    /// Million traces recorded by X-Ray.
    #[serde(deserialize_with = "span")]
    pub traces_million: Span<Amount>,
    /// GB of images.
    #[serde(deserialize_with = "span")]
    pub images_gb: Span<Amount>,
    /// GB in S3, all in the Standard class.
    #[serde(deserialize_with = "span")]
    pub objects_gb: Span<Amount>,
    /// Thousand writes and lists of S3.
    #[serde(deserialize_with = "span")]
    pub object_writes_thousand: Span<Amount>,
    /// Thousand reads of S3.
    #[serde(deserialize_with = "span")]
    pub object_reads_thousand: Span<Amount>,
    /// GB in each Aurora cluster.
    #[serde(deserialize_with = "span")]
    pub aurora_gb: Span<Amount>,
    /// Million I/O requests of each Aurora cluster.
    #[serde(deserialize_with = "span")]
    pub aurora_io_million: Span<Amount>,
    /// GB of automatic backups of each database beyond its size, which is free.
    #[serde(deserialize_with = "span")]
    pub database_backup_gb: Span<Amount>,
    /// GB of snapshots of each cache.
    #[serde(deserialize_with = "span")]
    pub cache_backup_gb: Span<Amount>,
    /// GB in each DynamoDB table.
    #[serde(deserialize_with = "span")]
    pub tables_gb: Span<Amount>,
    /// Million write request units of each DynamoDB table.
    #[serde(deserialize_with = "span")]
    pub table_writes_million: Span<Amount>,
    /// Million read request units of each DynamoDB table.
    #[serde(deserialize_with = "span")]
    pub table_reads_million: Span<Amount>,
    /// GB in each EFS file system, all in the Standard class.
    #[serde(deserialize_with = "span")]
    pub files_gb: Span<Amount>,
    /// GB read from each EFS file system under elastic throughput.
    #[serde(deserialize_with = "span")]
    pub file_reads_gb: Span<Amount>,
    /// GB written to each EFS file system under elastic throughput.
    #[serde(deserialize_with = "span")]
    pub file_writes_gb: Span<Amount>,
    /// GB of database snapshots in each AWS Backup vault.
    #[serde(deserialize_with = "span")]
    pub vault_database_gb: Span<Amount>,
    /// GB of DynamoDB backups in each AWS Backup vault.
    #[serde(deserialize_with = "span")]
    pub vault_tables_gb: Span<Amount>,
    /// GB of EFS backups in each AWS Backup vault.
    #[serde(deserialize_with = "span")]
    pub vault_files_gb: Span<Amount>,
    /// Ten thousand requests to KMS.
    #[serde(deserialize_with = "span")]
    pub key_requests_ten_thousand: Span<Amount>,
    /// Ten thousand requests to Secrets Manager.
    #[serde(deserialize_with = "span")]
    pub secret_requests_ten_thousand: Span<Amount>,
    /// Million custom events on event buses.
    #[serde(deserialize_with = "span")]
    pub events_million: Span<Amount>,
    /// GB in event archives.
    #[serde(deserialize_with = "span")]
    pub event_archive_gb: Span<Amount>,
    /// Million requests to SNS.
    #[serde(deserialize_with = "span")]
    pub notifications_million: Span<Amount>,
    /// Million requests to SQS.
    #[serde(deserialize_with = "span")]
    pub queue_requests_million: Span<Amount>,
    /// Thousand transitions of Step Functions.
    #[serde(deserialize_with = "span")]
    pub transitions_thousand: Span<Amount>,
    /// Million calls of Lambda functions.
    #[serde(deserialize_with = "span")]
    pub function_calls_million: Span<Amount>,
    /// Thousand GB-seconds of Lambda functions.
    #[serde(deserialize_with = "span")]
    pub function_gb_seconds_thousand: Span<Amount>,
}

/// Why a usage file is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageFault {
    /// The line, counted from one, when it is known.
    pub line: Option<usize>,
    /// The figure, when it is about one.
    pub key: Option<String>,
    /// What is wrong; may hold text from the file.
    pub message: String,
}

impl Usage {
    /// Reads a usage file; all faults at once.
    ///
    /// # Errors
    ///
    /// What is wrong, each with its place.
    pub fn read(text: &str) -> Result<Self, Vec<UsageFault>> {
        let whole = |error: serde_yaml::Error| UsageFault {
            line: error.location().map(|location| location.line()),
            key: None,
            message: error.to_string(),
        };
        let file: Option<BTreeMap<String, serde_yaml::Value>> =
            serde_yaml::from_str(text).map_err(|error| vec![whole(error)])?;
        let (mut figures, mut faults) = (serde_json::Map::new(), Vec::new());
        for (key, value) in file.unwrap_or_default() {
            // Each figure by itself, so that one fault does not hide the next.
            let figure = serde_json::to_value(value).unwrap_or_default();
            let alone = serde_json::Map::from_iter([(key.clone(), figure.clone())]);
            match Self::deserialize(serde_json::Value::Object(alone)) {
                Ok(_) => {
                    figures.insert(key, figure);
                }
                Err(error) => faults.push(UsageFault {
                    line: line_of(text, &key),
                    key: Some(key),
                    message: error.to_string(),
                }),
            }
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.line);
            return Err(faults);
        }
        Self::deserialize(serde_json::Value::Object(figures))
            .map_err(|error| vec![UsageFault { line: None, key: None, message: error.to_string() }])
    }
}

/// The line on which a key of the file stands, when it begins the line.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let found = text.lines().position(|line| {
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    found.map(|index| index + 1)
}

impl Default for Usage {
    fn default() -> Self {
        let quarter = Amount::ONE.over(4);
        Self {
            load_share: quarter,
            requests_per_second: of(2, 20, 100),
            response_kib: of(10, 20, 50),
            cdn_requests_per_second: of(2, 20, 100),
            cdn_response_kib: of(20, 40, 100),
            nat_gb: of(10, 50, 500),
            endpoint_gb: of(10, 50, 500),
            zone_gb: of(10, 100, 1000),
            replicated_gb: of(1, 10, 100),
            copied_backup_gb: of(1, 10, 100),
            dns_queries_million: of(1, 5, 20),
            logs_gb: of(2, 20, 200),
            service_logs_gb: of(2, 20, 200),
            logs_kept_gb: of(2, 50, 500),
            custom_metrics: of(0, 10, 100),
            container_metrics: of(30, 100, 400),
            traces_million: of(0, 1, 10),
            images_gb: of(1, 5, 50),
            objects_gb: of(1, 50, 500),
            object_writes_thousand: of(10, 100, 1000),
            object_reads_thousand: of(10, 1000, 10_000),
            aurora_gb: of(10, 50, 500),
            aurora_io_million: of(1, 20, 200),
            database_backup_gb: of(0, 0, 200),
            cache_backup_gb: of(0, 5, 50),
            tables_gb: of(1, 5, 50),
            table_writes_million: of(1, 10, 100),
            table_reads_million: of(1, 20, 200),
            files_gb: of(1, 10, 100),
            file_reads_gb: of(1, 20, 500),
            file_writes_gb: of(1, 5, 100),
            vault_database_gb: of(10, 100, 1000),
            vault_tables_gb: of(1, 10, 100),
            vault_files_gb: of(1, 20, 200),
            key_requests_ten_thousand: of(1, 20, 200),
            secret_requests_ten_thousand: of(0, 1, 10),
            events_million: of(0, 1, 10),
            event_archive_gb: of(0, 1, 10),
            notifications_million: of(0, 0, 1),
            queue_requests_million: of(0, 1, 10),
            transitions_thousand: of(1, 5, 50),
            function_calls_million: of(0, 0, 1),
            function_gb_seconds_thousand: of(0, 1, 10),
        }
    }
}

fn of(low: u64, expected: u64, high: u64) -> Span<Amount> {
    Span { low, expected, high }.map(Amount::from)
}

/// Takes one number for all cases, or `low`, `expected` and `high`, in that order or equal.
fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span<Amount>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Three {
        low: Amount,
        expected: Amount,
        high: Amount,
    }
    let value = serde_json::Value::deserialize(deserializer)?;
    if !value.is_object() {
        return Ok(Amount::deserialize(value).map_err(D::Error::custom)?.into());
    }
    let Three { low, expected, high } = Three::deserialize(value).map_err(D::Error::custom)?;
    if low <= expected && expected <= high {
        Ok(Span { low, expected, high })
    } else {
        Err(D::Error::custom("low, expected and high must ascend"))
    }
}
