#!/usr/bin/env python3
"""Provisions every template on a moto server, updates it, plans it again, and destroys it.

    moto_judge.py                      the judge: exits with 1 and one line a fault
    moto_judge.py --serve PORT_FILE    only the server; writes its address to PORT_FILE and runs until it is ended

Stacks are made through change sets, in waves that the heads of the templates give, coupled by SSM parameters only.
Needs scripts/requirements-moto.txt. The name is not moto.py, which would hide the package from its own importers.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.config
import botocore.exceptions
import botocore.parsers
import yaml

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "templates/cloudformation"
REGIONS = {"primary": "eu-west-1", "dr": "eu-central-1", "us-east-1": "us-east-1"}
SUFFIX = "stg"
# One service for each of the two controllers.
SERVICES = {"web": "service", "orders": "service-codedeploy"}
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:" + "0" * 64
# What the engine fills in, if a template declares it.
COMMON = {
    "App": "shop", "Suffix": SUFFIX, "Protect": "false", "Zones": "3", "DomainName": "shop.example.com",
    "AlertEmail": "alerts@example.com", "ContainerName": "app", "ContainerPort": "8080", "ImageUri": IMAGE,
    "RepositoryOrg": "example", "RepositoryName": "shop", "RepositoryId": "1", "RepositoryOwnerId": "2",
}
# Every option that makes more resources.
OPTIONS = {
    "bootstrap": {"Suffix": "account"},
    "network": {"InterfaceEndpoints": "true"},
    "db-aurora": {"GlobalDatabase": "true"},
    "db-rds": {"Replicas": "2"},
    "dr": {"StandbyMode": "warm-standby", "StandbyImage": IMAGE},
    "runbooks": {"Drills": "true"},
    "shared": {"Repository1Name": "shop", "MonthlyBudget": "100"},
}
# One parameter of each template, changed for the update. A tag would do on AWS; moto sees no change in it.
CHANGES = {
    "asg": {"MaxHosts": "6"},
    "backup": {"DailyRetentionDays": "14"},
    "bootstrap": {"Environments": "production,staging"},
    "cache": {"SnapshotRetentionDays": "14"},
    "cdn": {"RateLimit": "1000"},
    "cluster": {"OnDemandWeight": "50"},
    "db-aurora": {"BackupRetentionDays": "14"},
    "db-rds": {"BackupRetentionDays": "14"},
    "dns": {"HealthPath": "/ready"},
    "dr": {"NoncurrentDays": "30"},
    "edge": {"IdleTimeout": "30"},
    "efs": {"Zones": "2"},
    "network": {"FlowLogDays": "30"},
    "observability": {"LatencySeconds": "2"},
    "runbooks": {"BackupAgeHours": "30"},
    "scaling": {"MaxTasks": "12"},
    "service": {"DeregistrationDelay": "30"},
    "service-codedeploy": {"DeregistrationDelay": "30"},
    "shared": {"ArchiveDays": "60"},
    "storage": {"NoncurrentDays": "30"},
}
# What moto itself leaves when a stack goes, and why that is no fault of ours: {kind: reason}.
LEFT = {
    "ec2:NetworkAcls": "the default network ACL of a VPC, which on AWS goes with the VPC",
}


# What moto says when it refuses, and when it breaks.
ERRORS = (botocore.exceptions.ClientError, botocore.parsers.ResponseParserError)


class Loader(yaml.SafeLoader):
    """YAML in which CloudFormation's tags mean nothing."""


def _plain(loader, tag, node):
    if isinstance(node, yaml.ScalarNode):
        return {tag: loader.construct_scalar(node)}
    return {tag: loader.construct_sequence(node, deep=True)}


Loader.add_multi_constructor("!", _plain)


class Fault(Exception):
    """What the judge finds."""


class Stack:
    """One stack: a template, and the service that it is for."""

    def __init__(self, template, body, service=None):
        self.template, self.body, self.service = template, body, service
        self.parsed = yaml.load(body, Loader)  # noqa: S506, a SafeLoader
        self.head = self.parsed["Metadata"]["HaDeploy"]
        self.region = REGIONS[self.head["Region"]]
        self.suffix = OPTIONS.get(template, {}).get("Suffix", SUFFIX)
        # Both ways to make a service are stacks `service-…`.
        self.key = "service" if template in SERVICES.values() else template
        self.path = f"{self.key}-{service}" if service else self.key
        self.name = f"{self.path}-{self.suffix}"

    def sources(self):
        """`(parameter, section, [(stack, key)])` of the Needs and Wants."""
        for section in ("Needs", "Wants"):
            for parameter, source in self.head[section].items():
                yield parameter, section, [each.split("/") for each in (source if isinstance(source, list) else [source])]

    def producers(self, stacks):
        wanted = {stack for _, _, found in self.sources() for stack, _ in found}
        return [other for other in stacks if other.key in wanted and other.service in (None, self.service)]


def stacks(folder):
    found = []
    for path in sorted(folder.glob("*.yml")):
        name, body = path.stem, path.read_text()
        first = Stack(name, body)
        if not first.head["PerService"]:
            found.append(first)
            continue
        for service, template in SERVICES.items():
            if name not in SERVICES.values() or name == template:
                found.append(Stack(name, body, service))
    return found


def waves(everything):
    left, done = list(everything), []
    while left:
        wave = [stack for stack in left if all(other in done for other in stack.producers(everything))]
        if not wave:
            raise Fault(f"a circle among {', '.join(stack.name for stack in left)}")
        yield wave
        done += wave
        left = [stack for stack in left if stack not in wave]


class Cloud:
    def __init__(self, endpoint):
        self.endpoint, self.clients, self.calls = endpoint, {}, 0

    def __call__(self, service, region):
        if (service, region) not in self.clients:
            client = boto3.client(
                service, region_name=region, endpoint_url=self.endpoint, aws_access_key_id="test",
                aws_secret_access_key="test",
                config=botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}))
            client.meta.events.register("before-call", self._count)
            self.clients[service, region] = client
        return self.clients[service, region]

    def _count(self, **_):
        self.calls += 1

    def parameter(self, name, region):
        try:
            return self("ssm", region).get_parameter(Name=name)["Parameter"]["Value"]
        except self("ssm", region).exceptions.ParameterNotFound:
            return None


def parameters(cloud, stack, everything, changed):
    # Rules of one listener have different priorities.
    priority = 100 * (1 + list(SERVICES).index(stack.service)) if stack.service else None
    values = {**COMMON, "Service": stack.service, "RulePriority": priority, **OPTIONS.get(stack.template, {})}
    if changed:
        values |= CHANGES.get(stack.template, {})
    for parameter, section, sources in stack.sources():
        values[parameter] = ""
        for key, name in sources:
            producer = next((each for each in stack.producers(everything) if each.key == key), None)
            if producer is None:
                continue
            path = f"/ha/{producer.suffix}/{producer.path}/{name}"
            found = cloud.parameter(path, producer.region)
            if section == "Needs":
                values[parameter] = path
                if found is None:
                    raise Fault(f"{stack.name} needs {path}, which {producer.name} does not publish")
            elif found is not None:
                values[parameter] = found
                break
    declared = stack.parsed["Parameters"]
    for name in declared:
        if name not in values and "Default" not in declared[name]:
            raise Fault(f"{stack.name}: nobody gives {name}, which has no default")
    return [{"ParameterKey": key, "ParameterValue": str(values[key])} for key in declared if values.get(key) is not None]


def change(cloud, stack, everything, kind, name, changed):
    """Makes a change set and returns its description."""
    made = cloud("cloudformation", stack.region).create_change_set(
        StackName=stack.name, ChangeSetName=name, ChangeSetType=kind, TemplateBody=stack.body,
        Parameters=parameters(cloud, stack, everything, changed), Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": "ha-deploy:suffix", "Value": stack.suffix}])
    return cloud("cloudformation", stack.region).describe_change_set(ChangeSetName=made["Id"], StackName=stack.name)


def apply(cloud, stack, everything, kind):
    changed = kind == "UPDATE"
    described = change(cloud, stack, everything, kind, f"ha-{kind.lower()}", changed)
    if described["Status"] != "CREATE_COMPLETE":
        raise Fault(f"{stack.name}: the change set is {described['Status']}: {described.get('StatusReason')}")
    client = cloud("cloudformation", stack.region)
    client.execute_change_set(ChangeSetName=described["ChangeSetId"], StackName=stack.name)
    status = client.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
    if status != f"{kind}_COMPLETE":
        raise Fault(f"{stack.name}: {status} after {kind}")
    published(cloud, stack)


def published(cloud, stack):
    """Every value that the template publishes without a condition is there, and is a value."""
    for logical, resource in stack.parsed["Resources"].items():
        text = resource.get("Properties", {}).get("Name")
        text = text.get("!Sub", "") if isinstance(text, dict) else ""
        if resource["Type"] != "AWS::SSM::Parameter" or not text.startswith("/ha/"):
            continue
        path = text.replace("${Suffix}", stack.suffix).replace("${Service}", str(stack.service))
        value = cloud.parameter(path, stack.region)
        if value is None and "Condition" not in resource:
            raise Fault(f"{stack.name}: {path} is not published")
        if value is not None and (not value or value == "None" or "<moto" in value or "${" in value):
            raise Fault(f"{stack.name}: {path} is {value!r}")


def same(cloud, stack, everything):
    described = change(cloud, stack, everything, "UPDATE", "ha-same", True)
    if described["Status"] != "FAILED" or "didn't contain changes" not in described["StatusReason"]:
        raise Fault(f"{stack.name}: a change set without a change is {described['Status']}")
    cloud("cloudformation", stack.region).delete_change_set(ChangeSetName=described["ChangeSetId"], StackName=stack.name)


def destroy(cloud, stack):
    client = cloud("cloudformation", stack.region)
    client.delete_stack(StackName=stack.name)
    try:
        status = client.describe_stacks(StackName=stack.name)["Stacks"][0]["StackStatus"]
    except botocore.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        return
    if status != "DELETE_COMPLETE":
        raise Fault(f"{stack.name}: {status} after it was deleted")


# What is there: (service, operation, arguments, list in the answer, what tells one from another).
INVENTORY = [
    ("cloudwatch", "describe_alarms", {}, "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", {}, "DashboardEntries", "DashboardName"),
    ("codedeploy", "list_applications", {}, "applications", None),
    ("dynamodb", "list_tables", {}, "TableNames", None),
    ("ec2", "describe_addresses", {}, "Addresses", "AllocationId"),
    ("ec2", "describe_flow_logs", {}, "FlowLogs", "FlowLogId"),
    ("ec2", "describe_internet_gateways", {}, "InternetGateways", "InternetGatewayId"),
    ("ec2", "describe_launch_templates", {}, "LaunchTemplates", "LaunchTemplateName"),
    ("ec2", "describe_nat_gateways", {"Filter": [{"Name": "state", "Values": ["available"]}]}, "NatGateways", "NatGatewayId"),
    ("ec2", "describe_network_acls", {}, "NetworkAcls", "NetworkAclId"),
    ("ec2", "describe_network_interfaces", {}, "NetworkInterfaces", "NetworkInterfaceId"),
    ("ec2", "describe_route_tables", {}, "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", {}, "SecurityGroups", "GroupName"),
    ("ec2", "describe_subnets", {}, "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", {}, "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", {}, "Vpcs", "VpcId"),
    ("autoscaling", "describe_auto_scaling_groups", {}, "AutoScalingGroups", "AutoScalingGroupName"),
    ("ecr", "describe_repositories", {}, "repositories", "repositoryName"),
    ("ecs", "list_clusters", {}, "clusterArns", None),
    ("ecs", "list_task_definitions", {"status": "ACTIVE"}, "taskDefinitionArns", None),
    ("efs", "describe_file_systems", {}, "FileSystems", "FileSystemId"),
    ("elbv2", "describe_load_balancers", {}, "LoadBalancers", "LoadBalancerName"),
    ("elbv2", "describe_target_groups", {}, "TargetGroups", "TargetGroupName"),
    ("events", "list_archives", {}, "Archives", "ArchiveName"),
    ("events", "list_event_buses", {}, "EventBuses", "Name"),
    ("events", "list_rules", {}, "Rules", "Name"),
    ("iam", "list_instance_profiles", {}, "InstanceProfiles", "InstanceProfileName"),
    ("iam", "list_policies", {"Scope": "Local"}, "Policies", "PolicyName"),
    ("iam", "list_roles", {}, "Roles", "RoleName"),
    ("lambda", "list_functions", {}, "Functions", "FunctionName"),
    ("logs", "describe_log_groups", {}, "logGroups", "logGroupName"),
    ("rds", "describe_db_clusters", {}, "DBClusters", "DBClusterIdentifier"),
    ("rds", "describe_db_instances", {}, "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_parameter_groups", {}, "DBParameterGroups", "DBParameterGroupName"),
    ("rds", "describe_db_subnet_groups", {}, "DBSubnetGroups", "DBSubnetGroupName"),
    ("route53", "list_hosted_zones", {}, "HostedZones", "Name"),
    ("route53", "list_health_checks", {}, "HealthChecks", "Id"),
    ("s3", "list_buckets", {}, "Buckets", "Name"),
    ("sns", "list_topics", {}, "Topics", "TopicArn"),
    ("sqs", "list_queues", {}, "QueueUrls", None),
    ("ssm", "get_parameters_by_path", {"Path": "/ha", "Recursive": True}, "Parameters", "Name"),
    ("stepfunctions", "list_state_machines", {}, "stateMachines", "name"),
]


def inventory(cloud):
    found = set()
    for region in sorted(set(REGIONS.values())):
        for service, operation, arguments, key, name in INVENTORY:
            client = cloud(service, region)
            pages = client.get_paginator(operation).paginate(**arguments) if client.can_paginate(operation) else [
                getattr(client, operation)(**arguments)]
            for page in pages:
                for item in page.get(key) or []:
                    found.add((region, f"{service}:{key}", item[name] if name else item))
        for key in cloud("kms", region).list_keys()["Keys"]:
            state = cloud("kms", region).describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
            if state != "PendingDeletion":
                found.add((region, "kms:Keys", key["KeyId"]))
    return found


def judge(cloud, folder):
    everything = stacks(folder)
    if not everything:
        raise Fault(f"there is no template in {folder}")
    order = list(waves(everything))
    before = inventory(cloud)
    for kind in ("CREATE", "UPDATE"):
        for wave in order:
            for stack in wave:
                try:
                    apply(cloud, stack, everything, kind)
                except ERRORS as error:
                    raise Fault(f"{stack.name}: {kind}: {error}") from error
        print(f"{kind}: {len(everything)} stacks in {len(order)} waves", flush=True)
    for stack in everything:
        same(cloud, stack, everything)
    print(f"no change: {len(everything)} stacks", flush=True)
    made = inventory(cloud) - before
    for wave in reversed(order):
        for stack in wave:
            try:
                destroy(cloud, stack)
            except ERRORS as error:
                raise Fault(f"{stack.name}: DELETE: {error}") from error
    left = inventory(cloud) - before
    print(f"DELETE: {len(everything)} stacks; {len(made)} listed resources became {len(left)}", flush=True)
    faults = [f"{kind} {name} remains in {region}" for region, kind, name in sorted(left) if kind not in LEFT]
    faults += [f"moto no longer leaves {kind}: take it off the list" for kind in LEFT if kind not in {each[1] for each in left}]
    if faults:
        raise Fault("\n".join(faults))
    for kind, reason in LEFT.items():
        print(f"left by moto: {kind}: {reason}")


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--serve", metavar="PORT_FILE", help="file that the address is written to")
    given.add_argument("--templates", type=pathlib.Path, default=TEMPLATES, help="folder of the templates")
    given = given.parse_args()
    # Nothing of the machine's own AWS configuration may leak in, and nothing may leave for AWS.
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    overlay = [sys.executable, str(pathlib.Path(__file__).with_name("moto_overlay.py")), "--templates", str(given.templates)]
    if given.serve:
        os.execv(overlay[0], [*overlay, "--serve", given.serve])
    with tempfile.TemporaryDirectory() as folder:
        address, log = pathlib.Path(folder) / "address", pathlib.Path(folder) / "log"
        with log.open("w") as output:
            server = subprocess.Popen([*overlay, "--serve", str(address)], stdout=output, stderr=output)  # noqa: S603
        try:
            for _ in range(600):
                if address.exists() and address.read_text().endswith("\n"):
                    break
                if server.poll() is not None:
                    raise Fault("the server ended before it listened")
                time.sleep(0.1)
            else:
                raise Fault("the server does not listen")
            cloud = Cloud(address.read_text().strip())
            began = time.monotonic()
            judge(cloud, given.templates)
            print(f"{cloud.calls} calls in {time.monotonic() - began:.0f} s")
        except (Fault, *ERRORS) as fault:
            lines = [line for line in log.read_text().splitlines() if '" 200 -' not in line]
            print("\n".join(lines[-40:]), file=sys.stderr)
            print(fault, file=sys.stderr)
            return 1
        finally:
            server.terminate()
            server.wait(10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
