"""Our own rules for the CloudFormation templates: what linters cannot know about ha-deploy's conventions.

Each rule is a generator of findings, `(template, resource or section, message)`. The conventions are described in
docs/templates.md and in the heads of the templates themselves.
"""

import json
import re

import yaml

TEMPLATE_BYTES = 51_200  # of an inline body (CloudFormation quotas)
MANAGED_POLICY = 6_144  # characters without white space (IAM quotas)
HEAD = {"Region", "PerService", "Needs", "Wants", "Live", "Guarded", "DataStores"}
REGIONS = {"primary", "dr", "us-east-1"}
SSM_TYPE = "AWS::SSM::Parameter::Value<"
# Stacks that stand in for each other: one of them makes the `service` of a service.
ALIASES = {"service": ["service", "service-codedeploy"]}
ALTERNATIVES = [("service", "service-codedeploy"), ("db-aurora", "db-rds")]
FORBIDDEN = {
    "Fn::Cidr": "emulators lack it",
    "Fn::ForEach": "a macro",
    "Fn::ImportValue": "stacks are coupled by SSM parameters",
    "Fn::Transform": "a macro",
    "Fn::ToJsonString": "a macro",
    "Fn::GetStackOutput": "stacks are coupled by SSM parameters",
}
# CloudFormation keeps or snapshots these when nobody says otherwise, or they hold data.
EXPLICIT_DELETE = {
    "AWS::Backup::BackupVault",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::ServerlessCache",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::RDS::GlobalCluster",
    "AWS::Route53::HostedZone",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
}
# What issue 3 lists, by template.
REQUIRED = {
    "bootstrap": ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::OIDCProvider", "AWS::IAM::Role",
                  "AWS::IAM::ManagedPolicy"],
    "network": ["AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::InternetGateway", "AWS::EC2::NatGateway",
                "AWS::EC2::VPCEndpoint", "AWS::EC2::FlowLog", "AWS::EC2::SecurityGroup",
                "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::NetworkAcl",
                "AWS::EC2::NetworkAclEntry"],
    "shared": ["AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SNS::Subscription", "AWS::ECR::Repository",
               "AWS::Logs::LogGroup", "AWS::XRay::Group", "AWS::XRay::SamplingRule", "AWS::SecretsManager::Secret",
               "AWS::SSM::Parameter", "AWS::Events::EventBus", "AWS::Events::Rule", "AWS::Events::Archive",
               "AWS::SQS::Queue", "AWS::Budgets::Budget"],
    "dns": ["AWS::Route53::HostedZone", "AWS::Route53::HealthCheck", "AWS::Route53::RecordSet"],
    "edge": ["AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::ElasticLoadBalancingV2::Listener",
             "AWS::CertificateManager::Certificate", "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation",
             "AWS::WAFv2::LoggingConfiguration", "AWS::Route53::RecordSet", "AWS::S3::Bucket"],
    "cdn": ["AWS::CloudFront::Distribution", "AWS::CloudFront::OriginAccessControl", "AWS::WAFv2::WebACL"],
    "cluster": ["AWS::ECS::Cluster", "AWS::ECS::ClusterCapacityProviderAssociations"],
    "asg": ["AWS::EC2::LaunchTemplate", "AWS::AutoScaling::AutoScalingGroup", "AWS::ECS::CapacityProvider",
            "AWS::AutoScaling::ScalingPolicy"],
    "service": ["AWS::ECS::TaskDefinition", "AWS::ECS::Service", "AWS::IAM::Role",
                "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ElasticLoadBalancingV2::ListenerRule"],
    "service-codedeploy": ["AWS::ECS::TaskDefinition", "AWS::ECS::Service", "AWS::CodeDeploy::Application",
                           "AWS::CodeDeploy::DeploymentGroup", "AWS::ElasticLoadBalancingV2::TargetGroup",
                           "AWS::ElasticLoadBalancingV2::ListenerRule"],
    "scaling": ["AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"],
    "db-aurora": ["AWS::RDS::DBCluster", "AWS::RDS::DBInstance", "AWS::RDS::DBClusterParameterGroup",
                  "AWS::RDS::DBSubnetGroup"],
    "db-rds": ["AWS::RDS::DBInstance", "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup"],
    "cache": ["AWS::ElastiCache::ReplicationGroup", "AWS::ElastiCache::SubnetGroup"],
    "efs": ["AWS::EFS::FileSystem", "AWS::EFS::MountTarget", "AWS::EFS::AccessPoint"],
    "storage": ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::DynamoDB::Table"],
    "observability": ["AWS::CloudWatch::Dashboard", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm",
                      "AWS::Synthetics::Canary"],
    "backup": ["AWS::Backup::BackupVault", "AWS::Backup::BackupPlan", "AWS::Backup::BackupSelection",
               "AWS::Backup::RestoreTestingPlan"],
    "runbooks": ["AWS::StepFunctions::StateMachine", "AWS::Events::Rule"],
    "dr": ["AWS::KMS::Key", "AWS::Backup::BackupVault", "AWS::S3::Bucket"],
}
# How a resource is named: the property that holds its name, `tag` for the tag Name, or None where AWS makes the name
# up or the name is that of something else. A type that is not listed is a finding: say here how it is named.
NAMES = {
    "AWS::ApplicationAutoScaling::ScalableTarget": None,
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::AutoScaling::AutoScalingGroup": "AutoScalingGroupName",
    "AWS::AutoScaling::ScalingPolicy": None,
    "AWS::Backup::BackupPlan": "BackupPlan.BackupPlanName",
    "AWS::Backup::BackupSelection": "BackupSelection.SelectionName",
    "AWS::Backup::BackupVault": "BackupVaultName",
    "AWS::Backup::RestoreTestingPlan": "RestoreTestingPlanName",
    "AWS::Backup::RestoreTestingSelection": "RestoreTestingSelectionName",
    "AWS::Budgets::Budget": "Budget.BudgetName",
    "AWS::CertificateManager::Certificate": "tag",
    "AWS::CloudFront::Distribution": "tag",
    "AWS::CloudFront::OriginAccessControl": "OriginAccessControlConfig.Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::CodeDeploy::DeploymentGroup": "DeploymentGroupName",
    "AWS::DynamoDB::GlobalTable": "TableName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::EC2::EIP": "tag",
    "AWS::EC2::FlowLog": "tag",
    "AWS::EC2::InternetGateway": "tag",
    "AWS::EC2::LaunchTemplate": "LaunchTemplateName",
    "AWS::EC2::NatGateway": "tag",
    "AWS::EC2::NetworkAcl": "tag",
    "AWS::EC2::NetworkAclEntry": None,
    "AWS::EC2::Route": None,
    "AWS::EC2::RouteTable": "tag",
    "AWS::EC2::SecurityGroup": "GroupName",
    "AWS::EC2::SecurityGroupEgress": None,
    "AWS::EC2::SecurityGroupIngress": None,
    "AWS::EC2::Subnet": "tag",
    "AWS::EC2::SubnetNetworkAclAssociation": None,
    "AWS::EC2::SubnetRouteTableAssociation": None,
    "AWS::EC2::VPC": "tag",
    "AWS::EC2::VPCEndpoint": "tag",
    "AWS::EC2::VPCGatewayAttachment": None,
    "AWS::ECR::Repository": "RepositoryName",
    "AWS::ECS::CapacityProvider": "Name",
    "AWS::ECS::Cluster": "ClusterName",
    "AWS::ECS::ClusterCapacityProviderAssociations": None,
    "AWS::ECS::Service": "ServiceName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::EFS::AccessPoint": "AccessPointTags",
    "AWS::EFS::FileSystem": "FileSystemTags",
    "AWS::EFS::MountTarget": None,
    "AWS::ElastiCache::ParameterGroup": None,
    "AWS::ElastiCache::ReplicationGroup": "ReplicationGroupId",
    "AWS::ElastiCache::SubnetGroup": "CacheSubnetGroupName",
    "AWS::ElastiCache::User": "UserId",
    "AWS::ElastiCache::UserGroup": "UserGroupId",
    "AWS::ElasticLoadBalancingV2::Listener": None,
    "AWS::ElasticLoadBalancingV2::ListenerRule": None,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "Name",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "Name",
    "AWS::Events::Archive": "ArchiveName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::OIDCProvider": "Url",
    "AWS::IAM::Policy": "PolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::RolePolicy": "PolicyName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::KMS::Key": "tag",
    "AWS::KMS::ReplicaKey": "tag",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Lambda::Permission": None,
    "AWS::Logs::Delivery": None,
    "AWS::Logs::DeliveryDestination": "Name",
    "AWS::Logs::DeliverySource": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::Logs::ResourcePolicy": "PolicyName",
    "AWS::RDS::DBCluster": "DBClusterIdentifier",
    "AWS::RDS::DBClusterParameterGroup": "DBClusterParameterGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::RDS::DBParameterGroup": "DBParameterGroupName",
    "AWS::RDS::DBSubnetGroup": "DBSubnetGroupName",
    "AWS::RDS::EventSubscription": "SubscriptionName",
    "AWS::RDS::GlobalCluster": "GlobalClusterIdentifier",
    "AWS::Route53::HealthCheck": "HealthCheckTags",
    "AWS::Route53::HostedZone": "Name",
    "AWS::Route53::RecordSet": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": None,
    "AWS::SNS::Subscription": None,
    "AWS::SNS::Topic": "TopicName",
    "AWS::SNS::TopicPolicy": None,
    "AWS::SQS::Queue": "QueueName",
    "AWS::SQS::QueuePolicy": None,
    "AWS::SSM::Document": "Name",
    "AWS::SSM::Parameter": None,
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::RotationSchedule": None,
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SecretsManager::SecretTargetAttachment": None,
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Synthetics::Canary": "Name",
    "AWS::WAFv2::LoggingConfiguration": None,
    "AWS::WAFv2::WebACL": "Name",
    "AWS::WAFv2::WebACLAssociation": None,
    "AWS::XRay::Group": "GroupName",
    "AWS::XRay::SamplingRule": "SamplingRule.RuleName",
}
# Longest names that AWS takes (service API references), where a convention of ours could reach the limit.
LONGEST = {
    "AWS::Backup::BackupVault": 50,
    "AWS::DynamoDB::Table": 255,
    "AWS::ElastiCache::ReplicationGroup": 40,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 32,
    "AWS::ElasticLoadBalancingV2::TargetGroup": 32,
    "AWS::Events::Archive": 48,
    "AWS::Events::Rule": 64,
    "AWS::IAM::Role": 64,
    "AWS::Lambda::Function": 64,
    "AWS::RDS::DBCluster": 63,
    "AWS::RDS::DBInstance": 63,
    "AWS::S3::Bucket": 63,
    "AWS::StepFunctions::StateMachine": 80,
    "AWS::Synthetics::Canary": 255,
    "AWS::XRay::Group": 32,
    "AWS::XRay::SamplingRule": 32,
}
# Lengths together, which the configuration checks: `<service>-green-<suffix>` has at most 32 characters, and a bucket
# `<app>-<purpose>-<account>-<region>-<suffix>` at most 63.
SERVICE_AND_SUFFIX = 25
APP_AND_SUFFIX = 27
PSEUDO = {"AWS::AccountId": 12, "AWS::Region": 14, "AWS::Partition": 10}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags in their long form."""


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _tag)
# A date stays the text that it is.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def walk(value, path=()):
    """Every mapping, list and scalar below `value`, with the way to it."""
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, (*path, index))


def resources(template):
    return template["Resources"].items()


def head(template):
    return template["Metadata"]["HaDeploy"]


def listed(wanted):
    """A Want is one key or a list of them."""
    return wanted if isinstance(wanted, list) else [wanted]


# --- Rules of one template ------------------------------------------------------------------------------------


def size(name, template, text):
    if len(text.encode()) > TEMPLATE_BYTES:
        yield name, "file", f"{len(text.encode())} bytes, more than {TEMPLATE_BYTES}"


def heads(name, template, _):
    found = template.get("Metadata", {}).get("HaDeploy")
    if not isinstance(found, dict) or set(found) != HEAD:
        yield name, "Metadata.HaDeploy", f"must have exactly {', '.join(sorted(HEAD))}"
        return
    parameters = template["Parameters"]
    if found["Region"] not in REGIONS:
        yield name, "Metadata.HaDeploy.Region", f"must be one of {', '.join(sorted(REGIONS))}"
    if not isinstance(found["PerService"], bool):
        yield name, "Metadata.HaDeploy.PerService", "must be true or false"
    for parameter in found["Needs"]:
        if not str(parameters.get(parameter, {}).get("Type", "")).startswith(SSM_TYPE):
            yield name, parameter, f"is in Needs and must be a parameter of type {SSM_TYPE}…>"
    for parameter in found["Wants"]:
        declared = parameters.get(parameter, {})
        if declared.get("Type") != "String" or declared.get("Default") != "":
            yield name, parameter, "is in Wants and must be a String with the default ''"
    for parameter in found["Live"]:
        if parameter not in parameters:
            yield name, parameter, "is in Live and must be a parameter"
    for section in ("Guarded", "DataStores"):
        for resource in found[section]:
            if resource not in template["Resources"]:
                yield name, resource, f"is in {section} and must be a resource"
    for parameter, declared in parameters.items():
        public = str(declared.get("Default", "")).startswith("/aws/service/")
        if str(declared["Type"]).startswith(SSM_TYPE) and parameter not in found["Needs"] and not public:
            yield name, parameter, "reads an SSM parameter and must be in Needs"
    if found["PerService"] != ("Service" in parameters):
        yield name, "Metadata.HaDeploy.PerService", "must agree with whether there is a parameter Service"
    if "Suffix" not in parameters:
        yield name, "Suffix", "every template has this parameter"


def functions(name, template, text):
    if "Transform" in template:
        yield name, "Transform", "macros are not allowed"
    for path, value in walk(template):
        if isinstance(value, dict):
            for key in value:
                if key in FORBIDDEN or str(key).startswith("Fn::ForEach"):
                    yield name, ".".join(map(str, path)), f"{key} is not allowed: {FORBIDDEN.get(key, 'a macro')}"
        if isinstance(value, str) and "{{resolve:ssm" in value:
            yield name, ".".join(map(str, path)), "{{resolve:ssm}} is not allowed: emulators lack it"
        if isinstance(value, str) and "{{resolve:secretsmanager" in value:
            kind = template["Resources"].get(path[1], {}).get("Type", "") if path[0] == "Resources" else ""
            if not kind.startswith(("AWS::RDS::", "AWS::ElastiCache::")):
                yield name, ".".join(map(str, path)), "a secret is resolved outside RDS and ElastiCache"
    for resource, declared in resources(template):
        if declared["Type"] == "AWS::CloudFormation::Stack":
            yield name, resource, "stacks are not nested"
    for output, declared in template.get("Outputs", {}).items():
        if "Export" in declared:
            yield name, output, "stacks are coupled by SSM parameters, not exports"


def deletion(name, template, _):
    for resource, declared in resources(template):
        policies = [declared.get("DeletionPolicy"), declared.get("UpdateReplacePolicy")]
        if any(str(policy).startswith("Retain") for policy in policies):
            yield name, resource, "is retained: destroy would leave it behind"
        explicit = policies[0] == "Delete" and policies[1] in ("Delete", "Snapshot")
        if declared["Type"] in EXPLICIT_DELETE and not explicit:
            yield name, resource, "needs DeletionPolicy Delete and UpdateReplacePolicy Delete or Snapshot, explicitly"


def physical_name(declared):
    """The name that a resource is given: `(found, value)`."""
    how = NAMES[declared["Type"]]
    properties = declared.get("Properties", {})
    if how == "tag" or how.endswith("Tags"):
        tags = properties.get("Tags" if how == "tag" else how, [])
        return next(((True, tag["Value"]) for tag in tags if tag.get("Key") == "Name"), (False, None))
    for key in how.split("."):
        if key not in properties:
            return False, None
        properties = properties[key]
    return True, properties


def ends_in_suffix(value):
    """Whether a name ends in the suffix; `_` stands for `-` in names that do not take it."""
    match value:
        case {"Fn::Sub": str(text)} | {"Fn::Sub": [str(text), *_]}:
            # AWS itself appends to the names of the log groups of its services.
            return text.endswith("${Suffix}") or (text.startswith("/aws/") and "-${Suffix}/" in text)
        case {"Fn::Join": [_, [*_, last]]}:
            return last == {"Ref": "Suffix"} or last == {"Fn::Join": ["_", {"Fn::Split": ["-", {"Ref": "Suffix"}]}]}
    return False


def names(name, template, _):
    for resource, declared in resources(template):
        kind = declared["Type"]
        reason = declared.get("Metadata", {}).get("HaDeployName")
        if kind not in NAMES:
            yield name, resource, f"{kind} is not in NAMES: say how it is named"
            continue
        if NAMES[kind] is None:
            if reason:
                yield name, resource, "has a HaDeployName that nothing needs"
            continue
        found, value = physical_name(declared)
        ends = found and ends_in_suffix(value)
        if ends and reason:
            yield name, resource, "has a HaDeployName that nothing needs"
        if not ends and not reason:
            yield name, resource, f"must have a name ({NAMES[kind]}) that ends in the suffix, or a HaDeployName"
        if ends and kind in LONGEST and isinstance(value.get("Fn::Sub"), str):
            longest = longest_name(value["Fn::Sub"], template["Parameters"])
            if longest > LONGEST[kind]:
                yield name, resource, f"its name can have {longest} characters; {kind} takes {LONGEST[kind]}"


def longest_name(text, parameters):
    placeholders = re.findall(r"\$\{([^}]+)\}", text)
    longest = len(re.sub(r"\$\{[^}]+\}", "", text))
    for other, together in (("Service", SERVICE_AND_SUFFIX), ("App", APP_AND_SUFFIX)):
        if {other, "Suffix"} <= set(placeholders):
            longest += together
            placeholders = [each for each in placeholders if each not in (other, "Suffix")]
    for each in placeholders:
        longest += PSEUDO.get(each) or int(parameters.get(each, {}).get("MaxLength", 1_000))
    return longest


def statements(declared):
    """The IAM statements anywhere in a resource."""
    for _, value in walk(declared.get("Properties", {})):
        if isinstance(value, dict) and value.get("Effect") in ("Allow", "Deny") and "Action" in value:
            yield value


def wildcards(name, template, _):
    for resource, declared in resources(template):
        reason = declared.get("Metadata", {}).get("HaDeployWildcard")
        wild = sorted({
            action
            for statement in statements(declared) if statement["Effect"] == "Allow"
            for action in listed(statement["Action"]) if isinstance(action, str) and "*" in action
        })
        if wild and not reason:
            yield name, resource, f"allows {', '.join(wild)} without a HaDeployWildcard that says why"
        wide = any("*" in listed(statement[part]) or any(str(each).endswith(":*") for each in listed(statement[part]))
                   for statement in statements(declared) for part in ("Action", "Resource") if part in statement)
        if reason and not wild and not wide:
            yield name, resource, "has a HaDeployWildcard that nothing needs"
        if any("NotAction" in value or "NotPrincipal" in value for _, value in walk(declared)
               if isinstance(value, dict)):
            yield name, resource, "uses NotAction or NotPrincipal, which allow what nobody has thought of"


def written_out(value):
    """A policy with its references replaced by texts that are as long as what they usually stand for."""
    if isinstance(value, list):
        return [written_out(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Sub" in value:
        text = value["Fn::Sub"].replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "1" * 12)
        return re.sub(r"\$\{[^}]+\.Arn\}", "a" * 60, re.sub(r"\$\{(?![^}]+\.Arn)[^}]+\}", "s" * 16, text))
    if "Ref" in value or "Fn::GetAtt" in value:
        return "a" * 60
    return {key: written_out(inner) for key, inner in value.items()}


def policy_size(name, template, _):
    for resource, declared in resources(template):
        if declared["Type"] == "AWS::IAM::ManagedPolicy":
            document = written_out(declared["Properties"]["PolicyDocument"])
            length = len(json.dumps(document, separators=(",", ":")))
            if length > MANAGED_POLICY:
                yield name, resource, f"has about {length} characters; a managed policy has at most {MANAGED_POLICY}"


def ingress(name, template, _):
    for resource, declared in resources(template):
        properties = declared.get("Properties", {})
        rules = properties.get("SecurityGroupIngress", []) if declared["Type"] == "AWS::EC2::SecurityGroup" else []
        if declared["Type"] == "AWS::EC2::SecurityGroupIngress":
            rules = [properties]
        for rule in rules:
            world = rule.get("CidrIp") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0"
            if world and (rule.get("FromPort") not in (80, 443) or rule.get("ToPort") != rule.get("FromPort")):
                yield name, resource, "is open to the world on another port than 80 and 443"


def present(name, template, _):
    kinds = {declared["Type"] for _, declared in resources(template)}
    for kind in REQUIRED.get(name, []):
        if kind not in kinds:
            yield name, "Resources", f"must have a {kind}"
    if name not in REQUIRED:
        yield name, "file", "is not in REQUIRED: say what it must hold"


def zones(name, template, _):
    if "Zones" in template["Parameters"] and template["Parameters"]["Zones"].get("Default") != "3":
        yield name, "Zones", "the default is three zones"
    if name != "network":
        return
    seen = {}
    for resource, declared in resources(template):
        if declared["Type"] == "AWS::EC2::Subnet":
            zone = declared["Properties"]["AvailabilityZone"]["Fn::Select"][0]
            seen.setdefault(resource.rstrip("0123456789"), set()).add(zone)
    for kind in ("PublicSubnet", "PrivateSubnet", "DataSubnet"):
        if seen.get(kind) != {0, 1, 2}:
            yield name, kind, f"must be in three zones, is in {sorted(seen.get(kind, []))}"


# --- Rules of all templates together --------------------------------------------------------------------------


def published(templates):
    """The keys that each stack publishes in SSM: `{stack: {key: conditional}}`."""
    keys = {}
    for name, template in templates.items():
        stack = keys.setdefault(name, {})
        for resource, declared in resources(template):
            if declared["Type"] == "AWS::SSM::Parameter":
                at = declared["Properties"].get("Name", {})
                match = re.fullmatch(r"/ha/\$\{Suffix\}/([^/]+)/([a-z0-9-]+)", str(at.get("Fn::Sub", "")))
                stack[match[2] if match else resource] = (match and match[1], "Condition" in declared)
    return keys


def references(templates):
    keys = published(templates)
    for name, stack in keys.items():
        template = templates[name]
        public = next((alias for alias, members in ALIASES.items() if name in members), name)
        expected = f"{public}-${{Service}}" if head(template)["PerService"] else public
        for key, (written, _) in stack.items():
            if written != expected:
                yield name, key, f"an SSM parameter's name is /ha/${{Suffix}}/{expected}/<key>"
    for name, template in templates.items():
        for section in ("Needs", "Wants"):
            for parameter, sources in head(template)[section].items():
                for source in listed(sources):
                    yield from _reference(name, template, section, parameter, source, templates, keys)


def _reference(name, template, section, parameter, source, templates, keys):
    stack, _, key = source.partition("/")
    for producer in ALIASES.get(stack, [stack]):
        if producer not in templates:
            yield name, parameter, f"{source}: there is no template {producer}"
        elif key not in keys[producer]:
            yield name, parameter, f"{source}: {producer} does not publish {key}"
        else:
            if section == "Needs" and keys[producer][key][1]:
                yield name, parameter, f"{source} is published under a condition only"
            if section == "Needs" and head(templates[producer])["Region"] != head(template)["Region"]:
                yield name, parameter, f"{source} is in another region, where CloudFormation cannot read it"
            if head(templates[producer])["PerService"] and not head(template)["PerService"]:
                yield name, parameter, f"{source} exists once a service, and {name} does not"


def acyclic(templates):
    before = {}
    for name, template in templates.items():
        found = head(template)
        sources = [source for section in ("Needs", "Wants") for wanted in found[section].values()
                   for source in listed(wanted)]
        before[name] = {producer for source in sources
                        for producer in ALIASES.get(source.split("/")[0], [source.split("/")[0]])}
    done = set()
    while True:
        ready = {name for name in before if name not in done and before[name] & set(before) <= done}
        if not ready:
            break
        done |= ready
    for name in sorted(set(before) - done):
        yield name, "Metadata.HaDeploy", f"waits in a circle for {', '.join(sorted(before[name] - done))}"


def unique(templates):
    """Names that two stacks would both give. Only one of the stacks in ALTERNATIVES is ever made."""
    seen = {}
    for name, template in templates.items():
        group = next((first for first, *others in ALTERNATIVES if name in (first, *others)), name)
        for resource, declared in resources(template):
            kind = declared["Type"]
            if NAMES.get(kind) in (None, "tag") or NAMES[kind].endswith("Tags"):
                continue
            found, value = physical_name(declared)
            # Roles and policies are names of the account, everything else of a region.
            region = "" if kind.startswith("AWS::IAM::") else head(template)["Region"]
            if found and kind not in ("AWS::IAM::RolePolicy", "AWS::Route53::RecordSet"):
                other = seen.setdefault((kind, region, json.dumps(value)), (name, resource, group))
                if other[:2] != (name, resource) and (other[0] == name or other[2] != group):
                    yield name, resource, f"has the same name as {other[1]} of {other[0]}"


EACH = [size, heads, functions, deletion, names, wildcards, policy_size, ingress, present, zones]
TOGETHER = [references, acyclic, unique]


def findings(texts):
    """All findings about `{name: text}`."""
    templates = {name: yaml.load(text, Loader) for name, text in texts.items()}  # noqa: S506, a SafeLoader
    found = []
    for name, template in templates.items():
        for rule in EACH:
            found += [(rule.__name__, *finding) for finding in rule(name, template, texts[name])]
    if not any(rule == "heads" for rule, *_ in found):
        for rule in TOGETHER:
            found += [(rule.__name__, *finding) for finding in rule(templates)]
    return found
