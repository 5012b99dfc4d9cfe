#!/usr/bin/env python3
"""Writes the type registry of the embedded CloudFormation from the pinned cfn-lint.

    scripts/resource_types.py OUT       writes the registry
    scripts/resource_types.py --check   compares with the committed one, and with the templates

cfn-lint ships the resource provider schemas that CloudFormation publishes. The output has only the types
named below, without documentation, and is the same for the same input. `--check` also fails when a template
uses a type that is not named.
"""

import argparse
import json
import pathlib
import re
import sys

VERSION = "1.58.0"
ROOT = pathlib.Path(__file__).resolve().parent.parent
REGISTRY = ROOT / "src/rehearsal/stacks/types.json"
TEMPLATES = ROOT / "templates/cloudformation"
# Every type of the project is published here, the one of us-east-1's CloudFront among them.
REGION = "us-east-1"

TYPES = {
    "ApplicationAutoScaling": "ScalableTarget ScalingPolicy",
    "AutoScaling": "AutoScalingGroup ScalingPolicy",
    "Backup": "BackupPlan BackupSelection BackupVault RestoreTestingPlan RestoreTestingSelection",
    "Budgets": "Budget",
    "CertificateManager": "Certificate",
    "CloudFront": "Distribution OriginAccessControl CachePolicy OriginRequestPolicy ResponseHeadersPolicy",
    "CloudWatch": "Alarm CompositeAlarm Dashboard",
    "CodeDeploy": "Application DeploymentConfig DeploymentGroup",
    "DynamoDB": "Table GlobalTable",
    "EC2": "EIP EgressOnlyInternetGateway FlowLog InternetGateway LaunchTemplate NatGateway NetworkAcl"
    " NetworkAclEntry PrefixList Route RouteTable SecurityGroup SecurityGroupEgress SecurityGroupIngress"
    " Subnet SubnetNetworkAclAssociation SubnetRouteTableAssociation VPC VPCEndpoint VPCGatewayAttachment"
    " VPCDHCPOptionsAssociation DHCPOptions VPCCidrBlock",
    "ECR": "Repository ReplicationConfiguration RegistryScanningConfiguration RepositoryCreationTemplate",
    "ECS": "CapacityProvider Cluster ClusterCapacityProviderAssociations Service TaskDefinition TaskSet",
    "EFS": "AccessPoint FileSystem MountTarget",
    "ElastiCache": "ParameterGroup ReplicationGroup SubnetGroup User UserGroup ServerlessCache",
    "ElasticLoadBalancingV2": "Listener ListenerCertificate ListenerRule LoadBalancer TargetGroup",
    "Events": "Archive EventBus EventBusPolicy Rule",
    "IAM": "InstanceProfile ManagedPolicy OIDCProvider Policy Role ServiceLinkedRole RolePolicy",
    "KMS": "Alias Key",
    "Lambda": "Function Permission",
    "Logs": "Delivery DeliveryDestination DeliverySource LogGroup LogStream MetricFilter QueryDefinition ResourcePolicy SubscriptionFilter",
    "RDS": "DBCluster DBClusterParameterGroup DBInstance DBParameterGroup DBSubnetGroup EventSubscription"
    " GlobalCluster OptionGroup",
    "Route53": "HealthCheck HostedZone RecordSet RecordSetGroup",
    "S3": "Bucket BucketPolicy",
    "SNS": "Subscription Topic TopicInlinePolicy TopicPolicy",
    "SQS": "Queue QueueInlinePolicy QueuePolicy",
    "SSM": "Association Document MaintenanceWindow Parameter",
    "Scheduler": "Schedule ScheduleGroup",
    "SecretsManager": "ResourcePolicy RotationSchedule Secret SecretTargetAttachment",
    "ServiceDiscovery": "HttpNamespace PrivateDnsNamespace Service",
    "StepFunctions": "StateMachine",
    "Synthetics": "Canary Group",
    "WAFv2": "IPSet LoggingConfiguration RegexPatternSet RuleGroup WebACL WebACLAssociation",
    "XRay": "Group ResourcePolicy SamplingRule TransactionSearchConfig",
}
# What a resource's handler checks before it calls the service. Patterns are left out: they are Java's.
KEPT = ("type", "required", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
        "const")
LISTS = {"createOnlyProperties": "createOnly", "conditionalCreateOnlyProperties": "conditional",
         "readOnlyProperties": "readOnly", "writeOnlyProperties": "writeOnly",
         "primaryIdentifier": "identifier"}


def names():
    return sorted(f"AWS::{service}::{kind}" for service, kinds in TYPES.items() for kind in kinds.split())


def compact(schema):
    """Returns the constraints that are checked, without the rest."""
    if not isinstance(schema, dict):
        return {}
    out = {key: schema[key] for key in KEPT if schema.get(key, []) != []}
    if "$ref" in schema:
        out["$ref"] = schema["$ref"].rsplit("/", 1)[-1]
    if "properties" in schema:
        out["properties"] = {k: compact(v) for k, v in sorted(schema["properties"].items())}
    if isinstance(schema.get("items"), dict):
        out["items"] = compact(schema["items"])
    if schema.get("additionalProperties") is False:
        out["closed"] = True
    return out


def reached(value, definitions, found):
    """Collects the definitions that a schema reaches."""
    if isinstance(value, dict):
        name = value.get("$ref")
        if isinstance(name, str) and name not in found and name in definitions:
            found[name] = compact(definitions[name])
            reached(found[name], definitions, found)
        for item in value.values():
            reached(item, definitions, found)


def entry(schema, atts):
    out = compact({"properties": schema["properties"], "required": schema.get("required", [])})
    out.pop("type", None)
    definitions = {}
    reached(out, schema.get("definitions", {}), definitions)
    if definitions:
        out["definitions"] = dict(sorted(definitions.items()))
    for key, to in LISTS.items():
        paths = [p.removeprefix("/properties/") for p in schema.get(key, [])]
        if paths:
            out[to] = sorted(paths) if key != "primaryIdentifier" else paths
    # What Fn::GetAtt takes, with CloudFormation's exceptions, which cfn-lint keeps.
    attributes = sorted(str(name) for name in atts)
    if attributes:
        out["attributes"] = attributes
    tagging = schema.get("tagging")
    if isinstance(tagging, dict) and tagging.get("tagProperty"):
        out["tags"] = tagging["tagProperty"].removeprefix("/properties/")
    return out


def registry():
    import cfnlint
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    version = getattr(cfnlint.version, "__version__", None)
    if version != VERSION:
        sys.exit(f"resource_types.py: cfn-lint {version} is installed, {VERSION} is pinned")
    found = {name: PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, name) for name in names()}
    return {name: entry(schema.schema, schema.get_atts) for name, schema in found.items()}


def render(types):
    """Renders one line a type."""
    lines = [f"{json.dumps(n)}:{json.dumps(t, separators=(',', ':'), sort_keys=False)}" for n, t in types.items()]
    return '{\n"cfnLint":"' + VERSION + '",\n"types":{\n' + ",\n".join(lines) + "\n}\n}\n"


def unnamed():
    """Yields the types that templates use and the list above lacks."""
    known = set(names())
    for path in sorted(TEMPLATES.glob("*.yml")):
        for kind in re.findall(r"^\s+Type:\s+['\"]?(AWS::\w+::\w+)['\"]?\s*$", path.read_text(), re.M):
            if kind not in known and not kind.startswith("AWS::SSM::Parameter::"):
                yield f"{path.name}: {kind}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with the committed registry")
    args = parser.parse_args()
    if args.check == (args.out is not None):
        parser.error("give either OUT or --check")
    text = render(registry())
    json.loads(text)
    if not args.check:
        args.out.write_text(text)
        return
    if REGISTRY.read_text() != text:
        sys.exit(f"resource_types.py: {REGISTRY} differs from cfn-lint {VERSION}; write it anew")
    if missing := sorted(set(unnamed())):
        sys.exit("resource_types.py: not in the list of types:\n" + "\n".join(missing))


if __name__ == "__main__":
    main()
