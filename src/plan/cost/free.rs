//! Types of resources that cost nothing by themselves.

use super::sheet::{Free, Sheet, Site};

const NO_CHARGE: &str = "AWS does not charge for it";
const PART_OF_VPC: &str = "part of the VPC";
const COUNTED: &str = "counted with what it belongs to";

/// A type, or its beginning when it ends in `::`, and why it is free.
const FREE: &[(&str, &str)] = &[
    ("AWS::ApplicationAutoScaling::", "scaling is free; its alarms are charged as alarms by AWS"),
    ("AWS::AutoScaling::", NO_CHARGE),
    ("AWS::Backup::BackupPlan", "backups are charged with the vault"),
    ("AWS::Backup::RestoreTestingSelection", "restore tests are counted with their plan"),
    ("AWS::Backup::BackupSelection", "backups are charged with the vault"),
    ("AWS::Budgets::Budget", "a budget without actions is free"),
    ("AWS::CertificateManager::Certificate", "public certificates are free"),
    ("AWS::CloudFront::OriginAccessControl", COUNTED),
    ("AWS::CloudFront::ResponseHeadersPolicy", NO_CHARGE),
    ("AWS::CloudFront::CachePolicy", NO_CHARGE),
    ("AWS::CloudFront::OriginRequestPolicy", NO_CHARGE),
    ("AWS::CodeDeploy::", "deployments to ECS are free"),
    ("AWS::EC2::FlowLog", "its logs are charged as logs of AWS services"),
    ("AWS::EC2::InternetGateway", PART_OF_VPC),
    ("AWS::EC2::LaunchTemplate", "charged with the Auto Scaling group"),
    ("AWS::EC2::NetworkAcl", PART_OF_VPC),
    ("AWS::EC2::NetworkAclEntry", PART_OF_VPC),
    ("AWS::EC2::Route", PART_OF_VPC),
    ("AWS::EC2::RouteTable", PART_OF_VPC),
    ("AWS::EC2::SecurityGroup", PART_OF_VPC),
    ("AWS::EC2::SecurityGroupEgress", PART_OF_VPC),
    ("AWS::EC2::SecurityGroupIngress", PART_OF_VPC),
    ("AWS::EC2::Subnet", PART_OF_VPC),
    ("AWS::EC2::SubnetNetworkAclAssociation", PART_OF_VPC),
    ("AWS::EC2::SubnetRouteTableAssociation", PART_OF_VPC),
    ("AWS::EC2::VPCGatewayAttachment", PART_OF_VPC),
    ("AWS::ECS::CapacityProvider", NO_CHARGE),
    ("AWS::ECS::ClusterCapacityProviderAssociations", NO_CHARGE),
    ("AWS::ECS::TaskDefinition", "charged with the service"),
    ("AWS::EFS::AccessPoint", COUNTED),
    ("AWS::EFS::MountTarget", COUNTED),
    ("AWS::ElastiCache::ParameterGroup", COUNTED),
    ("AWS::ElastiCache::SubnetGroup", COUNTED),
    ("AWS::ElasticLoadBalancingV2::Listener", COUNTED),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", COUNTED),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", COUNTED),
    ("AWS::Events::EventBusPolicy", NO_CHARGE),
    ("AWS::Events::Rule", "rules are free, and so are the events of AWS services"),
    ("AWS::IAM::", "IAM is free"),
    ("AWS::KMS::Alias", COUNTED),
    ("AWS::Lambda::Permission", NO_CHARGE),
    ("AWS::Logs::Delivery", "logs of AWS services are charged as such"),
    ("AWS::Logs::DeliveryDestination", "logs of AWS services are charged as such"),
    ("AWS::Logs::DeliverySource", "logs of AWS services are charged as such"),
    ("AWS::Logs::ResourcePolicy", NO_CHARGE),
    ("AWS::RDS::DBClusterParameterGroup", COUNTED),
    ("AWS::RDS::DBParameterGroup", COUNTED),
    ("AWS::RDS::DBSubnetGroup", COUNTED),
    ("AWS::RDS::EventSubscription", "charged as notifications"),
    (
        "AWS::Route53::RecordSet",
        "records are free up to 10,000 a zone; answers for aliases of AWS are free",
    ),
    ("AWS::S3::BucketPolicy", NO_CHARGE),
    ("AWS::SNS::Subscription", "charged as notifications"),
    ("AWS::SNS::TopicPolicy", NO_CHARGE),
    ("AWS::SQS::QueuePolicy", NO_CHARGE),
    ("AWS::SSM::Document", NO_CHARGE),
    ("AWS::SSM::Parameter", "standard parameters are free"),
    ("AWS::Scheduler::", "14 million invocations a month are free for an account"),
    ("AWS::SecretsManager::ResourcePolicy", NO_CHARGE),
    ("AWS::SecretsManager::RotationSchedule", "its function is charged as a function"),
    ("AWS::WAFv2::LoggingConfiguration", "its logs are charged as logs of AWS services"),
    ("AWS::WAFv2::WebACLAssociation", COUNTED),
    ("AWS::XRay::Group", NO_CHARGE),
];

impl Sheet<'_> {
    /// Notes a free resource; `false`: its type is not known to be free.
    pub(super) fn is_free(&mut self, site: Site<'_>) -> bool {
        let kind = site.resource.kind.as_str();
        // An advanced parameter is the one exception of its type.
        if kind == "AWS::SSM::Parameter"
            && site.text(&["Tier"]).is_some_and(|tier| tier != "Standard")
        {
            return false;
        }
        let found = FREE.iter().find(|(free, _)| {
            if free.ends_with("::") { kind.starts_with(free) } else { kind == *free }
        });
        let Some((_, why)) = found else { return false };
        self.free(site, why);
        true
    }

    /// Notes a free resource.
    pub(super) fn free(&mut self, site: Site<'_>, why: &'static str) {
        let kind = &site.resource.kind;
        let one = self.free.entry(format!("{kind} {why}")).or_insert_with(|| Free {
            kind: kind.clone(),
            count: 0,
            why,
        });
        one.count = one.count.saturating_add(1);
    }
}
