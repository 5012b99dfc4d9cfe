//! How resources are called: physical ids, ARNs, and attributes of types that are not simulated.

use serde_json::{Map, Value, json};

use super::surroundings::{Made, Surroundings};
use super::types;

/// A type whose names do not follow from its schema: the property that names it, the form of its
/// physical id, and the form of its ARN.
///
/// `{name}` is the name, `{id}` the physical id, `{r}` the region, `{a}` the account, `{xN}` N
/// hexadecimal digits. An empty physical id is the name; an empty ARN follows `arn` below.
struct Form(&'static str, &'static str, &'static str, &'static str);

/// Physical ids as the CloudFormation resource reference gives them under "Return values".
const FORMS: &[Form] = &[
    Form(
        "ApplicationAutoScaling::ScalableTarget",
        "",
        "{ResourceId}|{ScalableDimension}|{ServiceNamespace}",
        "",
    ),
    Form(
        "ApplicationAutoScaling::ScalingPolicy",
        "PolicyName",
        "arn:aws:autoscaling:{r}:{a}:scalingPolicy:{u}:resource/ecs/service:policyName/{name}",
        "{id}",
    ),
    Form(
        "AutoScaling::ScalingPolicy",
        "",
        "arn:aws:autoscaling:{r}:{a}:scalingPolicy:{u}:autoScalingGroupName/asg:policyName/{gen}",
        "{id}",
    ),
    Form(
        "AutoScaling::AutoScalingGroup",
        "AutoScalingGroupName",
        "",
        "arn:aws:autoscaling:{r}:{a}:autoScalingGroup:{u}:autoScalingGroupName/{name}",
    ),
    Form("Backup::BackupPlan", "", "{u}", "arn:aws:backup:{r}:{a}:backup-plan:{id}"),
    Form("Backup::BackupSelection", "", "{u}", ""),
    Form(
        "Backup::BackupVault",
        "BackupVaultName",
        "",
        "arn:aws:backup:{r}:{a}:backup-vault:{name}",
    ),
    Form("CertificateManager::Certificate", "", "arn:aws:acm:{r}:{a}:certificate/{u}", "{id}"),
    Form("CloudFront::CachePolicy", "", "{u}", ""),
    Form("CloudFront::Distribution", "", "E{X13}", "arn:aws:cloudfront::{a}:distribution/{id}"),
    Form("CloudFront::OriginAccessControl", "", "E{X13}", ""),
    Form("CloudFront::OriginRequestPolicy", "", "{u}", ""),
    Form("CloudFront::ResponseHeadersPolicy", "", "{u}", ""),
    Form("CloudWatch::Alarm", "AlarmName", "", "arn:aws:cloudwatch:{r}:{a}:alarm:{name}"),
    Form("CloudWatch::CompositeAlarm", "AlarmName", "", "arn:aws:cloudwatch:{r}:{a}:alarm:{name}"),
    Form("CodeDeploy::DeploymentGroup", "DeploymentGroupName", "", ""),
    Form("DynamoDB::Table", "TableName", "", "arn:aws:dynamodb:{r}:{a}:table/{name}"),
    Form("EC2::DHCPOptions", "", "dopt-{x17}", ""),
    Form("EC2::EIP", "", "52.{n}.{n}.{n}", ""),
    Form("EC2::EgressOnlyInternetGateway", "", "eigw-{x17}", ""),
    Form("EC2::FlowLog", "", "fl-{x17}", ""),
    Form("EC2::InternetGateway", "", "igw-{x17}", ""),
    Form("EC2::LaunchTemplate", "LaunchTemplateName", "lt-{x17}", ""),
    Form("EC2::NatGateway", "", "nat-{x17}", ""),
    Form("EC2::NetworkAcl", "", "acl-{x17}", ""),
    Form("EC2::NetworkAclEntry", "", "{gen}", ""),
    Form("EC2::PrefixList", "", "pl-{x17}", "arn:aws:ec2:{r}:{a}:prefix-list/{id}"),
    Form("EC2::Route", "", "{RouteTableId}|{DestinationCidrBlock}", ""),
    Form("EC2::RouteTable", "", "rtb-{x17}", ""),
    Form("EC2::SecurityGroup", "GroupName", "sg-{x17}", ""),
    Form("EC2::SecurityGroupEgress", "", "sgr-{x17}", ""),
    Form("EC2::SecurityGroupIngress", "", "sgr-{x17}", ""),
    Form("EC2::Subnet", "", "subnet-{x17}", ""),
    Form("EC2::SubnetNetworkAclAssociation", "", "aclassoc-{x17}", ""),
    Form("EC2::SubnetRouteTableAssociation", "", "rtbassoc-{x17}", ""),
    Form("EC2::VPC", "", "vpc-{x17}", ""),
    Form("EC2::VPCEndpoint", "", "vpce-{x17}", ""),
    Form("EC2::VPCGatewayAttachment", "", "IGW|{VpcId}", ""),
    Form("ECR::Repository", "RepositoryName", "", "arn:aws:ecr:{r}:{a}:repository/{name}"),
    Form("ECS::Cluster", "ClusterName", "", "arn:aws:ecs:{r}:{a}:cluster/{name}"),
    Form("ECS::ClusterCapacityProviderAssociations", "", "{Cluster}", ""),
    Form("ECS::Service", "ServiceName", "arn:aws:ecs:{r}:{a}:service/{Cluster}/{name}", "{id}"),
    Form("ECS::TaskDefinition", "", "arn:aws:ecs:{r}:{a}:task-definition/{Family}:1", "{id}"),
    Form(
        "EFS::AccessPoint",
        "",
        "fsap-{x17}",
        "arn:aws:elasticfilesystem:{r}:{a}:access-point/{id}",
    ),
    Form("EFS::FileSystem", "", "fs-{x17}", "arn:aws:elasticfilesystem:{r}:{a}:file-system/{id}"),
    Form("EFS::MountTarget", "", "fsmt-{x17}", ""),
    Form(
        "ElasticLoadBalancingV2::Listener",
        "",
        "arn:aws:elasticloadbalancing:{r}:{a}:listener/app/{gen}/{x16}/{x16}",
        "{id}",
    ),
    Form(
        "ElasticLoadBalancingV2::ListenerRule",
        "",
        "arn:aws:elasticloadbalancing:{r}:{a}:listener-rule/app/{gen}/{x16}/{x16}/{x16}",
        "{id}",
    ),
    Form(
        "ElasticLoadBalancingV2::LoadBalancer",
        "Name",
        "arn:aws:elasticloadbalancing:{r}:{a}:loadbalancer/app/{name}/{x16}",
        "{id}",
    ),
    Form(
        "ElasticLoadBalancingV2::TargetGroup",
        "Name",
        "arn:aws:elasticloadbalancing:{r}:{a}:targetgroup/{name}/{x16}",
        "{id}",
    ),
    Form("Events::EventBus", "Name", "", "arn:aws:events:{r}:{a}:event-bus/{name}"),
    Form("Events::Archive", "ArchiveName", "", "arn:aws:events:{r}:{a}:archive/{name}"),
    Form("Events::Rule", "Name", "", "arn:aws:events:{r}:{a}:rule/{name}"),
    Form(
        "IAM::InstanceProfile",
        "InstanceProfileName",
        "",
        "arn:aws:iam::{a}:instance-profile/{name}",
    ),
    Form("IAM::ManagedPolicy", "ManagedPolicyName", "arn:aws:iam::{a}:policy/{name}", "{id}"),
    Form("IAM::OIDCProvider", "", "arn:aws:iam::{a}:oidc-provider/{Url}", "{id}"),
    Form("IAM::Policy", "", "{gen}", ""),
    Form("IAM::Role", "RoleName", "", "arn:aws:iam::{a}:role/{name}"),
    Form("KMS::Key", "", "{u}", "arn:aws:kms:{r}:{a}:key/{id}"),
    Form("Lambda::Function", "FunctionName", "", "arn:aws:lambda:{r}:{a}:function:{name}"),
    Form("Lambda::Permission", "", "{gen}", ""),
    Form("Logs::LogGroup", "LogGroupName", "", "arn:aws:logs:{r}:{a}:log-group:{name}:*"),
    Form("Logs::QueryDefinition", "", "{u}", ""),
    Form("RDS::DBCluster", "DBClusterIdentifier", "", "arn:aws:rds:{r}:{a}:cluster:{name}"),
    Form("RDS::DBInstance", "DBInstanceIdentifier", "", "arn:aws:rds:{r}:{a}:db:{name}"),
    Form("RDS::DBSubnetGroup", "DBSubnetGroupName", "", "arn:aws:rds:{r}:{a}:subgrp:{name}"),
    Form("RDS::DBParameterGroup", "DBParameterGroupName", "", "arn:aws:rds:{r}:{a}:pg:{name}"),
    Form("Route53::HealthCheck", "", "{u}", ""),
    Form("Route53::HostedZone", "", "Z{X13}", ""),
    Form("Route53::RecordSet", "", "{Name}", ""),
    Form("S3::Bucket", "BucketName", "", "arn:aws:s3:::{name}"),
    Form("S3::BucketPolicy", "", "{Bucket}", ""),
    Form("SNS::Subscription", "", "{TopicArn}:{u}", "{id}"),
    Form("SNS::Topic", "TopicName", "arn:aws:sns:{r}:{a}:{name}", "{id}"),
    Form(
        "SQS::Queue",
        "QueueName",
        "https://sqs.{r}.amazonaws.com/{a}/{name}",
        "arn:aws:sqs:{r}:{a}:{name}",
    ),
    Form("SSM::Parameter", "Name", "", "arn:aws:ssm:{r}:{a}:parameter/{name}"),
    Form("SecretsManager::ResourcePolicy", "", "{SecretId}", ""),
    Form("SecretsManager::RotationSchedule", "", "{SecretId}", ""),
    Form(
        "SecretsManager::Secret",
        "Name",
        "arn:aws:secretsmanager:{r}:{a}:secret:{name}-{x6}",
        "{id}",
    ),
    Form("SecretsManager::SecretTargetAttachment", "", "{SecretId}", ""),
    Form(
        "StepFunctions::StateMachine",
        "StateMachineName",
        "arn:aws:states:{r}:{a}:stateMachine:{name}",
        "{id}",
    ),
    Form("Synthetics::Canary", "Name", "", "arn:aws:synthetics:{r}:{a}:canary:{name}"),
    Form(
        "WAFv2::IPSet",
        "Name",
        "{name}|{u}|{Scope}",
        "arn:aws:wafv2:{r}:{a}:regional/ipset/{name}/{u}",
    ),
    Form(
        "WAFv2::RuleGroup",
        "Name",
        "{name}|{u}|{Scope}",
        "arn:aws:wafv2:{r}:{a}:regional/rulegroup/{name}/{u}",
    ),
    Form(
        "WAFv2::WebACL",
        "Name",
        "{name}|{u}|{Scope}",
        "arn:aws:wafv2:{r}:{a}:regional/webacl/{name}/{u}",
    ),
    Form("WAFv2::WebACLAssociation", "", "{WebACLArn}|{ResourceArn}", ""),
    Form("XRay::Group", "GroupName", "arn:aws:xray:{r}:{a}:group/{name}/{X13}", "{id}"),
];

/// Types whose names are the account's, not the region's.
pub(super) fn is_global(kind: &str) -> bool {
    ["AWS::IAM::", "AWS::S3::", "AWS::CloudFront::", "AWS::Route53::"]
        .iter()
        .any(|prefix| kind.starts_with(prefix))
}

fn short(kind: &str) -> &str {
    kind.strip_prefix("AWS::").unwrap_or(kind)
}

fn form(kind: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.0 == short(kind))
}

/// The property that holds the name, which nothing else of the type may have.
pub(super) fn name_property(kind: &str) -> Option<&'static str> {
    if let Some(form) = form(kind) {
        return (!form.1.is_empty()).then_some(form.1);
    }
    let kind = types::find(kind)?;
    match kind.identifier.as_slice() {
        [one] if !kind.read_only.contains(one) => Some(one),
        _ => None,
    }
}

/// What `Ref` gives, which is the physical id but for a few types.
pub(super) fn reference(kind: &str, physical: &str) -> Value {
    match short(kind) {
        // The load balancers' and IAM's ARNs are what `Ref` gives, too; these are not.
        "EC2::Route" | "ApplicationAutoScaling::ScalableTarget" => physical.into(),
        _ => physical.into(),
    }
}

/// The name that CloudFormation makes up: stack, logical id and random letters.
fn generated(stack: &str, logical: &str, kind: &str, cloud: &mut dyn Surroundings) -> String {
    let random = cloud.hex(12).to_uppercase();
    let most = match short(kind) {
        "ElasticLoadBalancingV2::LoadBalancer" | "ElasticLoadBalancingV2::TargetGroup" => 32,
        "Synthetics::Canary" => 21,
        _ => 63,
    };
    let front: String = format!("{stack}-{logical}").chars().take(most - 13).collect();
    let name = format!("{front}-{random}");
    let lower = matches!(
        short(kind).split_once("::"),
        Some(("S3" | "RDS" | "ElastiCache" | "ECR" | "Synthetics", _))
    );
    if lower { name.to_lowercase() } else { name }
}

/// Where a resource is made, for its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) stack: &'a str,
    pub(super) logical: &'a str,
}

/// The name of a resource: its own, or one that CloudFormation makes up.
pub(super) fn name(
    context: Context<'_>,
    kind: &str,
    properties: &Value,
    cloud: &mut dyn Surroundings,
) -> String {
    let own = name_property(kind).and_then(|key| properties.get(key)).and_then(Value::as_str);
    match own {
        Some(own) => own.to_owned(),
        None => generated(context.stack, context.logical, kind, cloud),
    }
}

/// Makes up the identity of a resource that is not simulated.
pub(super) fn make(
    context: Context<'_>,
    kind: &str,
    name: &str,
    properties: &Value,
    cloud: &mut dyn Surroundings,
) -> Made {
    let form = form(kind);
    let mut fill = |pattern: &str, id: &str| -> String {
        fill_in(
            pattern,
            &|word| match word {
                "name" | "gen" => Some(name.to_owned()),
                "id" => Some(id.to_owned()),
                "r" => Some(context.region.to_owned()),
                "a" => Some(context.account.to_owned()),
                _ => properties.get(word).and_then(Value::as_str).map(|text| {
                    text.trim_start_matches("https://")
                        .rsplit("cluster/")
                        .next()
                        .unwrap_or(text)
                        .to_owned()
                }),
            },
            cloud,
        )
    };
    let physical = match form.map_or("", |form| form.2) {
        "" => name.to_owned(),
        pattern => fill(pattern, ""),
    };
    let arn = match form.map_or("", |form| form.3) {
        "" => {
            let mut parts = short(kind).splitn(2, "::");
            let service = parts.next().unwrap_or_default().to_lowercase();
            let what = parts.next().unwrap_or_default().to_lowercase();
            format!("arn:aws:{service}:{}:{}:{what}/{physical}", context.region, context.account)
        }
        pattern => fill(pattern, &physical),
    };
    let attributes = attributes(context, kind, name, &physical, &arn, properties, cloud);
    Made { physical, attributes }
}

/// Fills `{word}`s; `{xN}` and its kin are random.
fn fill_in(
    pattern: &str,
    known: &dyn Fn(&str) -> Option<String>,
    cloud: &mut dyn Surroundings,
) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((word, behind)) = after.split_once('}') else { break };
        rest = behind;
        let digits = word.get(1..).and_then(|digits| digits.parse::<usize>().ok());
        match (word, digits) {
            ("u", _) => {
                let parts = [8, 4, 4, 4, 12].map(|length| cloud.hex(length));
                out.push_str(&parts.join("-"));
            }
            ("n", _) => {
                let byte = u8::from_str_radix(&cloud.hex(2), 16).unwrap_or(1);
                out.push_str(&byte.to_string());
            }
            (_, Some(length)) if word.starts_with('x') => out.push_str(&cloud.hex(length.min(64))),
            (_, Some(length)) if word.starts_with('X') => {
                out.push_str(&cloud.hex(length.min(64)).to_uppercase());
            }
            _ => out.push_str(&known(word).unwrap_or_else(|| word.to_lowercase())),
        }
    }
    out.push_str(rest);
    out
}

/// Every attribute of the type, in a form that its users accept.
fn attributes(
    context: Context<'_>,
    kind: &str,
    name: &str,
    physical: &str,
    arn: &str,
    properties: &Value,
    cloud: &mut dyn Surroundings,
) -> Map<String, Value> {
    let mut made = Map::new();
    let Some(known) = types::find(kind) else { return made };
    let (region, account) = (context.region, context.account);
    for attribute in known.attributes() {
        let mut own = properties;
        let set = attribute.split('.').all(|part| match own.get(part) {
            Some(value) => {
                own = value;
                true
            }
            None => false,
        });
        if set {
            continue;
        }
        let last = attribute.rsplit('.').next().unwrap_or(attribute);
        let lower = last.to_lowercase();
        let value = match (short(kind), attribute.as_str()) {
            ("EC2::EIP", "AllocationId") => json!(format!("eipalloc-{}", cloud.hex(17))),
            ("EC2::EIP", "PublicIp") => json!(physical),
            ("Route53::HostedZone", "NameServers") => {
                (1..=4).map(|n| json!(format!("ns-{n}.awsdns-0{n}.example"))).collect()
            }
            ("ECR::Repository", "RepositoryUri") => {
                json!(format!("{account}.dkr.ecr.{region}.amazonaws.com/{name}"))
            }
            ("ElasticLoadBalancingV2::LoadBalancer", "DNSName") => {
                json!(format!("{name}-{}.{region}.elb.amazonaws.com", cloud.hex(10)))
            }
            ("ElasticLoadBalancingV2::LoadBalancer", "CanonicalHostedZoneID") => {
                json!("Z215JYRZR1TBD5")
            }
            ("ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName") => {
                json!(arn.split_once(":loadbalancer/").map_or(arn, |(_, full)| full))
            }
            ("ElasticLoadBalancingV2::TargetGroup", "TargetGroupFullName") => {
                json!(arn.rsplit_once(':').map_or(arn, |(_, full)| full))
            }
            ("CloudFront::Distribution", "DomainName") => {
                json!(format!("d{}.cloudfront.net", cloud.hex(13)))
            }
            ("S3::Bucket", "DomainName") => json!(format!("{name}.s3.amazonaws.com")),
            ("S3::Bucket", "RegionalDomainName") => {
                json!(format!("{name}.s3.{region}.amazonaws.com"))
            }
            ("EC2::LaunchTemplate", "LatestVersionNumber" | "DefaultVersionNumber") => json!("1"),
            ("SQS::Queue", "QueueName") | ("SNS::Topic", "TopicName") => json!(name),
            _ if lower.ends_with("arn") => match attribute.contains('.') {
                // The ARN of something below, as the secret that RDS manages.
                true => json!(format!(
                    "arn:aws:secretsmanager:{region}:{account}:secret:rds!{name}-{}",
                    cloud.hex(6)
                )),
                false => json!(arn),
            },
            _ if known.identifier.iter().any(|id| id == attribute) => json!(physical),
            _ if lower.ends_with("port") || lower.ends_with("ports") => {
                properties.get("Port").cloned().unwrap_or_else(|| json!("5432"))
            }
            _ if lower.contains("address") || lower.contains("domain") || lower.contains("dns") => {
                json!(format!("{}.{}.{region}.amazonaws.com", name.to_lowercase(), cloud.hex(8)))
            }
            _ if lower == "name" || lower.ends_with("name") => json!(name),
            _ if lower.ends_with("id") => {
                json!(if lower == "id" {
                    physical.to_owned()
                } else {
                    format!("{lower}-{}", cloud.hex(12))
                })
            }
            _ => continue,
        };
        made.insert(attribute.clone(), value);
    }
    made
}
