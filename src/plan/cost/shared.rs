//! Charges that all resources of a type share, because use is known for all of them together.

use crate::catalog::evaluate::Resolved;

use super::money::{Amount, Span};
use super::sheet::{Charge, Sheet, Site, Stack};
use super::usage::Usage;

/// The stack of a charge that several stacks share.
const SEVERAL: &str = "several stacks";

/// A type, a charge for all of its resources together, and how much of it.
type Shared = (&'static str, &'static str, fn(&Usage) -> Span<Amount>);

/// What is charged once for all resources of a type and region.
const SHARED: &[Shared] = &[
    ("AWS::EC2::NatGateway", "nat-gb", |usage| usage.nat_gb),
    ("AWS::EC2::VPCEndpoint", "endpoint-gb", |usage| usage.endpoint_gb),
    ("AWS::EC2::VPC", "zone-gb", |usage| {
        usage.zone_gb.map(|gigabytes| gigabytes.times(Amount::from(2)))
    }),
    ("AWS::Route53::HostedZone", "dns-queries", |usage| usage.dns_queries_million),
    ("AWS::ECR::Repository", "images-gb", |usage| usage.images_gb),
    ("AWS::Logs::LogGroup", "metric", |usage| usage.custom_metrics),
    ("AWS::Lambda::Function", "function-calls", |usage| usage.function_calls_million),
    ("AWS::Lambda::Function", "function-gb-seconds", |usage| usage.function_gb_seconds_thousand),
    ("AWS::Logs::LogGroup", "logs-gb", |usage| usage.logs_gb),
    ("AWS::Logs::LogGroup", "service-logs-gb", |usage| usage.service_logs_gb),
    ("AWS::Logs::LogGroup", "logs-kept-gb", |usage| usage.logs_kept_gb),
    ("AWS::S3::Bucket", "region-gb", |usage| usage.replicated_gb),
    ("AWS::Backup::BackupPlan", "region-gb", |usage| usage.copied_backup_gb),
    ("AWS::S3::Bucket", "objects-gb", |usage| usage.objects_gb),
    ("AWS::S3::Bucket", "object-writes", |usage| usage.object_writes_thousand),
    ("AWS::S3::Bucket", "object-reads", |usage| usage.object_reads_thousand),
    ("AWS::RDS::DBInstance", "rds-backup-gb", |usage| usage.database_backup_gb),
    ("AWS::KMS::Key", "key-requests", |usage| usage.key_requests_ten_thousand),
    ("AWS::SecretsManager::Secret", "secret-requests", |usage| usage.secret_requests_ten_thousand),
    ("AWS::Events::EventBus", "events", |usage| usage.events_million),
    ("AWS::Events::Archive", "event-archive", |usage| usage.event_archive_gb),
    ("AWS::Events::Archive", "event-archive-kept", |usage| usage.event_archive_gb),
    ("AWS::SNS::Topic", "notifications", |usage| usage.notifications_million),
    ("AWS::SQS::Queue", "queue-requests", |usage| usage.queue_requests_million),
    ("AWS::StepFunctions::StateMachine", "transitions", |usage| usage.transitions_thousand),
    ("AWS::XRay::SamplingRule", "traces", |usage| usage.traces_million),
];

impl Sheet<'_> {
    /// Charges what resources share; the first region that has one stands for all.
    pub(super) fn shared(&mut self, stacks: &[Stack]) {
        for (kind, key, amount) in SHARED {
            let mut sites = stacks
                .iter()
                .flat_map(|stack| {
                    stack.resources.iter().map(move |resource| Site { stack, resource })
                })
                .filter(|site| site.resource.kind == *kind && applies(key, *site));
            let Some(first) = sites.next() else { continue };
            let (mut others, mut stack) = (0_usize, first.stack.name.as_str());
            for other in sites {
                others += 1;
                if other.stack.name != first.stack.name {
                    stack = SEVERAL;
                }
            }
            let name = match others {
                0 => first.resource.id.clone(),
                _ => format!("{} and {others} more", first.resource.id),
            };
            self.charge_as(first, stack, name, Charge::usage(key, amount(self.usage)));
        }
    }
}

/// Whether the charge is for a resource of this kind.
fn applies(key: &str, site: Site<'_>) -> bool {
    match key {
        "endpoint-gb" => site.text(&["VpcEndpointType"]).as_deref() == Some("Interface"),
        "region-gb" if site.resource.kind == "AWS::S3::Bucket" => {
            site.at(&["ReplicationConfiguration"]).is_some()
        }
        "region-gb" => copies(site),
        // Aurora's backups are charged with the cluster.
        "rds-backup-gb" => site.at(&["DBClusterIdentifier"]).is_none(),
        _ => true,
    }
}

/// Whether a backup plan copies anywhere, as far as that is known.
fn copies(site: Site<'_>) -> bool {
    let rules = site.at(&["BackupPlan", "BackupPlanRule"]).and_then(Resolved::list);
    rules.unwrap_or_default().iter().any(|rule| {
        rule.at(&["CopyActions"])
            .is_some_and(|copies| copies.list().is_none_or(|all| !all.is_empty()))
    })
}

/// Types whose only charges are those that they share.
pub(super) fn is_shared_only(kind: &str) -> bool {
    SHARED.iter().any(|(shared, ..)| *shared == kind)
}
