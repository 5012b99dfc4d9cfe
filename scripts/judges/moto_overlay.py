"""A moto server on the loopback interface whose CloudFormation can make what the templates hold.

moto 5.2.5 knows half of the types, loses attributes of others, executes change sets loosely, and forgets what it made.
Each part below repairs one of these. Types that it lacks are only names: whether AWS would take their properties is
for cfn-lint to say.
"""

import argparse
import json
import pathlib
import threading
import traceback

import werkzeug.serving
import yaml
from moto.backends import get_backend
from moto.acm.models import acm_backends
from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudformation.responses import CloudFormationResponse
from moto.codedeploy import models as codedeploy
from moto.core.common_models import CloudFormationModel
from moto.ec2 import ec2_backends
from moto.ec2.models.nat_gateways import NatGateway
from moto.rds import models as rds
from moto.kms import models as kms
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

# Types whose Ref is the ARN (the return values in the CloudFormation reference).
REF_IS_ARN = {
    "AWS::CertificateManager::Certificate", "AWS::IAM::OIDCProvider", "AWS::SecretsManager::Secret",
    "AWS::SNS::Subscription",
}


# --- 1. Types that moto does not know -------------------------------------------------------------------------


class Anything:
    """A resource that takes every property and lives nowhere but in its stack."""

    def __init__(self, name, properties, account, region, kind):
        self.name, self.properties, self.kind = name, properties, kind
        service, short = (part.lower() for part in kind.split("::")[1:])
        self.arn = f"arn:aws:{service}:{region}:{account}:{short}/{name}"
        # A listener looks its certificate up.
        if kind == "AWS::CertificateManager::Certificate":
            self.arn = acm_backends[account][region].request_certificate(properties["DomainName"], None, [], [])

    @property
    def physical_resource_id(self):
        return self.arn if self.kind in REF_IS_ARN else self.name

    def get_cfn_attribute(self, attribute):
        return self.arn if attribute == "Id" or attribute.endswith("Arn") else f"{self.name}.{attribute}".lower()

    @classmethod
    def has_cfn_attr(cls, _):
        return True

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **more):
        properties, kind = cloudformation_json.get("Properties", {}), cloudformation_json["Type"]
        name = given_name(kind, properties) or resource_name
        return cls(name, properties, account_id, region_name, kind)

    @classmethod
    def update_from_cloudformation_json(
            cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        return cls.create_from_cloudformation_json(
            original_resource.name, cloudformation_json, account_id, region_name)

    def delete(self, account_id, region_name):
        """There is nothing behind it, but for certificates."""
        if self.kind == "AWS::CertificateManager::Certificate":
            acm_backends[account_id][region_name]._certificates.pop(self.arn)

    def is_created(self):
        return True


def given_name(kind, properties):
    """The name in the properties: `<kind>Name` or `<kind>Identifier` before others that end in `Name`."""
    short = kind.rsplit("::", 1)[1]
    texts = {key: value for key, value in properties.items() if isinstance(value, str)}
    for end in (f"{short}Name", f"{short}Identifier", f"{short}Id", "Name"):
        for key in texts:
            if key.endswith(end):
                return texts[key]
    return None


def know(kinds):
    """Adds a model for each type that moto lacks, and returns their names."""
    missing = sorted(kind for kind in kinds if kind not in parsing.get_model_map())
    for kind in missing:
        type(kind.replace("::", ""), (Anything, CloudFormationModel),
             {"cloudformation_type": staticmethod(lambda kind=kind: kind)})
    parsing.get_model_list.cache_clear()
    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    return missing


# --- 2. Attributes, references and functions ------------------------------------------------------------------


def attribute(resource, name, original):
    """What moto answers, or what AWS would answer, or something made up."""
    try:
        return original(resource, name)
    except (UnformattedGetAttTemplateException, NotImplementedError, KeyError, AttributeError):
        pass
    arn = getattr(resource, "arn", None) or resource.physical_resource_id
    if name in ("LoadBalancerFullName", "TargetGroupFullName"):
        return arn.split(":", 5)[5].removeprefix("loadbalancer/")
    if name == "NameServers":
        return [f"ns-{number}.example.com" for number in range(4)]
    return arn if name == "Id" or name.endswith("Arn") else f"{resource.physical_resource_id}.{name}".lower()


def reference(resource, original):
    """A Ref that is a text: moto leaves some models without one."""
    found = original(resource)
    if isinstance(found, str) and not found.startswith("<"):
        return found
    for name in ("name", "subnet_name", "db_subnet_group_name", "id", "arn"):
        if isinstance(getattr(resource, name, None), str):
            return getattr(resource, name)
    return resource.logical_resource_id


def before_create(model, prepare):
    """Lets `prepare` change the properties, or make the resource itself."""
    plain = model.create_from_cloudformation_json.__func__

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **more):
        made = prepare(cloudformation_json["Properties"], resource_name, cloudformation_json, account_id, region_name)
        return made or plain(cls, resource_name, cloudformation_json, account_id, region_name, **more)

    model.create_from_cloudformation_json = classmethod(create)


def database(properties, name, whole, account, region):
    """An instance of a cluster is `Anything`: moto makes only those that stand alone."""
    if "DBClusterIdentifier" in properties:
        return Anything.create_from_cloudformation_json(name, whole, account, region)
    # It wants the group itself, not its name.
    if "DBSubnetGroupName" in properties:
        groups = rds.rds_backends[account][region].subnet_groups
        properties["DBSubnetGroupName"] = groups[properties["DBSubnetGroupName"]]
    return None


def key(properties, name, whole, account, region):
    """moto's API takes a policy as text, and tags in another spelling."""
    if not isinstance(properties["KeyPolicy"], str):
        properties["KeyPolicy"] = json.dumps(properties["KeyPolicy"])
    properties["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])]


def nat_gateway(properties, name, whole, account, region):
    """A regional gateway has neither subnet nor address; moto's has both."""
    properties.setdefault("AllocationId", None)
    if "SubnetId" not in properties:
        subnets = [subnet for zone in ec2_backends[account][region].subnets.values() for subnet in zone.values()]
        properties["SubnetId"] = next(subnet.id for subnet in subnets if subnet.vpc_id == properties["VpcId"])


def mend_models():
    for model in set(parsing.get_model_list()):
        if issubclass(model, Anything):
            continue
        if hasattr(model, "get_cfn_attribute"):
            original = model.get_cfn_attribute
            model.get_cfn_attribute = lambda self, name, original=original: attribute(self, name, original)
        else:
            model.get_cfn_attribute = lambda self, name: attribute(self, name, lambda *_: {}[name])
        model.has_cfn_attr = classmethod(lambda cls, _: True)
        found = getattr(model, "physical_resource_id", None)
        original = found.fget if isinstance(found, property) else (lambda self: None)
        model.physical_resource_id = property(lambda self, original=original: reference(self, original))


def mend_functions():
    """Zones of the stack's region, and AWS::NoValue in lists."""
    plain = parsing.clean_json

    def clean(value, resources):
        if isinstance(value, dict) and "Fn::GetAZs" in value:
            region = clean(value["Fn::GetAZs"], resources) or resources["AWS::Region"]
            return [f"{region}{zone}" for zone in "abc"]
        if isinstance(value, list):
            cleaned = [(each, clean(each, resources)) for each in value]
            return [after for before, after in cleaned if after is not None or before is None]
        return plain(value, resources)

    parsing.clean_json = clean
    constructor = models.yaml_tag_constructor

    def construct(loader, tag, node):
        return {"Condition": node.value} if tag == "!Condition" else constructor(loader, tag, node)

    models.yaml_tag_constructor = construct


def mend_parameters():
    """A default counts only without a value: moto reads the SSM parameter that it names in any case."""
    plain = parsing.ResourceMap.load_parameters

    def load(self):
        for name, declared in self._template.get("Parameters", {}).items():
            if name in self.input_parameters:
                declared.pop("Default", None)
        plain(self)

    parsing.ResourceMap.load_parameters = load


# --- 3. Stacks and change sets --------------------------------------------------------------------------------


def mend_updates():
    """A resource that moto cannot update stays as it is, instead of being forgotten and never deleted."""
    plain = parsing.parse_and_update_resource

    def update(logical_id, resource_json, resources, account_id, region_name):
        before = resources.get(logical_id)
        if before is None:
            return parsing.parse_and_create_resource(logical_id, resource_json, resources, account_id, region_name)
        if isinstance(before, Anything):
            return before
        try:
            after = plain(logical_id, resource_json, resources, account_id, region_name)
        except NotImplementedError:
            after = None
        return before if after is None else after

    parsing.parse_and_update_resource = update


def mend_change_sets():
    """By name within a stack; with the outputs and parameters of the new template."""
    backend = models.CloudFormationBackend
    plain = backend.execute_change_set

    def execute(self, change_set_name, stack_name=None):
        found = [each for each in self.change_sets.values()
                 if change_set_name in (each.change_set_id, each.change_set_name)
                 and stack_name in (None, each.stack_name, each.stack_id)]
        change = found[-1] if found else None
        try:
            plain(self, change.change_set_id if change else change_set_name, stack_name)
        except Exception:
            # The client sees 500; the log should say why.
            traceback.print_exc()
            raise
        stack = self.stacks[change.stack_id]
        stack.parameters = change.parameters
        stack._parse_template()
        stack.output_map = stack._create_output_map()
        for export in stack.exports:
            self.exports[export.name] = export

    backend.execute_change_set = execute
    # The name of an SSM parameter, not the value that it had: this is what UsePreviousValue means.
    models.Stack.stack_parameters = property(
        lambda self: {**self.resource_map.resolved_parameters, **self.resource_map.input_parameters})
    # A change set without a change is made and has failed; only UpdateStack refuses.
    refuse = CloudFormationResponse._validate_different_update

    def validate(self, *given):
        if self._get_action() != "CreateChangeSet":
            refuse(self, *given)

    CloudFormationResponse._validate_different_update = validate


def mend_tokens():
    """Events carry the token of the request that made them, as those of AWS do; a client follows its own by that."""
    local = threading.local()

    def keep(plain):
        def answer(self, *given):
            local.token = self._get_param("ClientRequestToken")
            try:
                return plain(self, *given)
            finally:
                local.token = None
        return answer

    for name in ("execute_change_set", "delete_stack"):
        setattr(CloudFormationResponse, name, keep(getattr(CloudFormationResponse, name)))
    add = models.Stack._add_stack_event

    def event(self, *given, **named):
        add(self, *given, **named)
        self.events[-1].client_request_token = getattr(local, "token", None)

    models.Stack._add_stack_event = event


# --- 4. What moto leaves behind -------------------------------------------------------------------------------


def disassociate(ec2, association):
    for table in ec2.route_tables.values():
        for name, subnet in list(table._associations.items()):
            if table.id == association.route_table_id and subnet == association.subnet_id:
                ec2.disassociate_route_table(name)


def delete_nat_gateway(ec2, gateway):
    ec2.delete_nat_gateway(gateway.id)
    ec2.enis.pop(gateway._eni.id, None)
    ec2.nat_gateways.pop(gateway.id)


def delete_endpoint(ec2, endpoint):
    ec2.delete_vpc_endpoints([endpoint.id])
    ec2.vpc_end_points.pop(endpoint.id)


def delete_cluster(ecs, cluster):
    if any(service.cluster_name == cluster.name for service in ecs.services.values()):
        raise ClusterContainsServices
    ecs.clusters.pop(cluster.name)


def delete_service(ecs, service):
    ecs.delete_service(service.cluster_name, service.name, force=True)
    ecs.services.pop(f"{service.cluster_name}:{service.name}")


class ClusterContainsServices(Exception):
    """As AWS says it."""


def delete_hosted_zone(route53, zone):
    # A record that is still there is another stack's, and AWS refuses.
    route53.delete_hosted_zone(zone.id)


# moto forgets these when their stack goes: {type: (service, how they are deleted)}.
DELETES = {
    "AWS::EC2::EIP": ("ec2", lambda ec2, address: ec2.release_address(allocation_id=address.allocation_id)),
    "AWS::EC2::FlowLog": ("ec2", lambda ec2, log: ec2.delete_flow_logs([log.id])),
    "AWS::EC2::InternetGateway": ("ec2", lambda ec2, gateway: ec2.delete_internet_gateway(gateway.id)),
    "AWS::EC2::NatGateway": ("ec2", delete_nat_gateway),
    "AWS::EC2::RouteTable": ("ec2", lambda ec2, table: ec2.delete_route_table(table.id)),
    "AWS::EC2::SubnetRouteTableAssociation": ("ec2", disassociate),
    "AWS::EC2::VPCEndpoint": ("ec2", delete_endpoint),
    "AWS::EC2::VPCGatewayAttachment": (
        "ec2", lambda ec2, found: ec2.detach_internet_gateway(found.gateway_id, found.vpc_id)),
    "AWS::ECS::Cluster": ("ecs", delete_cluster),
    "AWS::ECS::Service": ("ecs", delete_service),
    "AWS::ECS::TaskDefinition": ("ecs", lambda ecs, definition: ecs.deregister_task_definition(definition.arn)),
    "AWS::ElasticLoadBalancingV2::Listener": ("elbv2", lambda elbv2, listener: elbv2.delete_listener(listener.arn)),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("elbv2", lambda elbv2, rule: elbv2.delete_rule(rule.arn)),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("elbv2", lambda elbv2, group: elbv2.delete_target_group(group.arn)),
    "AWS::IAM::ManagedPolicy": ("iam", lambda iam, policy: iam.delete_policy(policy.arn)),
    "AWS::Route53::HealthCheck": ("route53", lambda route53, check: route53.delete_health_check(check.id)),
    "AWS::Route53::HostedZone": ("route53", delete_hosted_zone),
}


def mend_deletes():
    """In the reverse order of creation, as AWS does; moto takes the order of a set."""
    plain = parsing.ResourceMap._delete_resource

    def delete(self, resource, resource_json):
        service, how = DELETES.get(resource_json["Type"], (None, None))
        try:
            if how is None:
                plain(self, resource, resource_json)
            else:
                region = "aws" if service in ("iam", "route53") else self._region_name
                how(get_backend(service)[self._account_id][region], resource)
        except Exception as error:
            # Gone with what it belonged to. Anything else, such as a dependency, is tried again.
            if "NotFound" not in type(error).__name__:
                raise

    def delete_all(self):
        left = [name for name in self._parsed_resources if name in self._resource_json_map]
        while left:
            failed = []
            for name in reversed(left):
                try:
                    self._delete_resource(self._parsed_resources[name], self._resource_json_map[name])
                    self._parsed_resources.pop(name)
                except Exception as error:
                    failed.append((name, error))
            if len(failed) == len(left):
                raise failed[0][1]
            left = [name for name, _ in reversed(failed)]

    parsing.ResourceMap._delete_resource = delete
    parsing.ResourceMap.delete = delete_all


def mend_codedeploy():
    """StopDeployment, which moto lacks."""
    from moto.codedeploy.responses import CodeDeployResponse
    from moto.core.responses import ActionResult

    def stop_deployment(self):
        deployment = self.codedeploy_backend.get_deployment(self._get_param("deploymentId"))
        deployment.status = "Stopped"
        return ActionResult({"status": "Succeeded", "statusMessage": "Stopped"})

    if not hasattr(codedeploy.CodeDeployBackend, "stop_deployment"):
        CodeDeployResponse.stop_deployment = stop_deployment


# --------------------------------------------------------------------------------------------------------------


class Loader(yaml.SafeLoader):
    """Reads templates for their types only."""


Loader.add_multi_constructor("!", lambda loader, tag, node: None)


def kinds(folder):
    return {resource["Type"] for path in sorted(pathlib.Path(folder).glob("*.yml"))
            for resource in yaml.load(path.read_text(), Loader)["Resources"].values()}  # noqa: S506, a SafeLoader


def serve(port_file, folder):
    missing = know(kinds(folder))
    mend_models()
    before_create(rds.DBInstance, database)
    before_create(NatGateway, nat_gateway)
    before_create(kms.Key, key)
    mend_functions()
    mend_parameters()
    mend_updates()
    mend_change_sets()
    mend_tokens()
    mend_deletes()
    mend_codedeploy()
    server = werkzeug.serving.make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    pathlib.Path(port_file).write_text(f"http://127.0.0.1:{server.port}\n")
    print(f"moto on port {server.port}, with {len(missing)} types added", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", metavar="PORT_FILE", required=True, help="file that the address is written to")
    parser.add_argument("--templates", default="templates/cloudformation")
    given = parser.parse_args()
    serve(given.serve, given.templates)
