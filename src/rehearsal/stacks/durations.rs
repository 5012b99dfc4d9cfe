//! How long resources take.
//!
//! AWS publishes no such times. These are round figures of the order that people see; what a rehearsal
//! shows with them is an order of events, not a forecast. Where a type is simulated, its own state
//! decides and the figure is only the least.

use std::time::Duration;

use super::surroundings::Verb;

/// Seconds to create and to delete, by type.
const TIMES: &[(&str, u64, u64)] = &[
    ("AutoScaling::AutoScalingGroup", 60, 120),
    ("CertificateManager::Certificate", 120, 5),
    ("CloudFront::Distribution", 300, 300),
    ("DynamoDB::Table", 30, 20),
    ("EC2::EIP", 15, 10),
    ("EC2::FlowLog", 5, 5),
    ("EC2::InternetGateway", 15, 10),
    ("EC2::NatGateway", 100, 60),
    ("EC2::VPCEndpoint", 60, 90),
    ("ECS::Cluster", 10, 10),
    ("ECS::Service", 60, 120),
    ("EFS::FileSystem", 20, 10),
    ("EFS::MountTarget", 90, 60),
    ("ElastiCache::ReplicationGroup", 600, 300),
    ("ElastiCache::ServerlessCache", 120, 120),
    ("ElasticLoadBalancingV2::LoadBalancer", 150, 20),
    ("Events::Archive", 20, 10),
    ("IAM::InstanceProfile", 120, 5),
    ("IAM::ManagedPolicy", 15, 5),
    ("IAM::Policy", 15, 5),
    ("IAM::Role", 20, 5),
    ("KMS::Key", 15, 5),
    ("Lambda::Function", 15, 5),
    ("RDS::DBCluster", 300, 240),
    ("RDS::DBInstance", 600, 300),
    ("RDS::GlobalCluster", 120, 60),
    ("Route53::HostedZone", 40, 40),
    ("Route53::RecordSet", 40, 40),
    ("Route53::RecordSetGroup", 40, 40),
    ("S3::Bucket", 20, 5),
    ("Synthetics::Canary", 30, 15),
];

/// What a resource takes for which no time is named.
const USUAL: u64 = 3;

/// From the creation of a change set to its end.
pub(super) const CHANGE_SET: Duration = Duration::from_secs(5);
/// How long a drift detection takes, and how much longer for each resource.
pub(super) const DRIFT: Duration = Duration::from_secs(5);

/// The time that a verb takes on a type.
pub(super) fn of(kind: &str, verb: Verb) -> Duration {
    let kind = kind.strip_prefix("AWS::").unwrap_or(kind);
    let (create, delete) = TIMES
        .iter()
        .find(|(known, _, _)| *known == kind)
        .map_or((USUAL, USUAL), |(_, create, delete)| (*create, *delete));
    Duration::from_secs(match verb {
        Verb::Create => create,
        Verb::Delete => delete,
        // A change is usually made in place, without the wait for new machines.
        Verb::Update | Verb::Restore => create.clamp(USUAL, 30),
    })
}
