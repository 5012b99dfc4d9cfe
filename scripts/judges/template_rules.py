"""Our own rules for the CloudFormation templates: what linters cannot know about ha-deploy's conventions.

Each rule is a generator of findings, `(template, resource or section, message)`. docs/templates.md describes the
conventions.
"""

import json
import re

import yaml

from template_tables import (
    ALIASES, ALTERNATIVES, APP_AND_SUFFIX, EXPLICIT_DELETE, FORBIDDEN, HEAD, LONGEST, MANAGED_POLICY, NAMES, PSEUDO, REGIONS,
    REQUIRED, SERVICE_AND_SUFFIX, SSM_TYPE, TEMPLATE_BYTES)


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


def documents(name, template, _):
    """JSON inside of texts, which no linter reads. `{%` begins JSONata."""
    for path, value in walk(template):
        if isinstance(value, str) and value.startswith("{") and not value.startswith(("{%", "{{")):
            try:
                json.loads(re.sub(r"\$\{[^}]+\}", "1", value))
            except json.JSONDecodeError as why:
                yield name, ".".join(map(str, path)), f"is not JSON: {why}"


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


EACH = [size, heads, functions, deletion, names, wildcards, policy_size, ingress, documents, present, zones]
TOGETHER = [references, acyclic, unique]


def findings(texts):
    """All findings about `{name: text}`. Rules about all templates together want sound heads."""
    templates = {name: yaml.load(text, Loader) for name, text in texts.items()}  # noqa: S506, a SafeLoader
    found = []
    for name, template in templates.items():
        for rule in EACH:
            found += [(rule.__name__, *finding) for finding in rule(name, template, texts[name])]
    if not any(rule == "heads" for rule, *_ in found):
        for rule in TOGETHER:
            found += [(rule.__name__, *finding) for finding in rule(templates)]
    return found
