#!/usr/bin/env python3
"""Judges the CloudFormation templates: our own rules, cfn-lint, checkov and cfn-guard.

    scripts/judges/templates.py --guard PATH [--only own,self_test,lint,checkov,guard,docs] [--templates DIR] [--write]

Runs with the Python of the environment that has cfn-lint and checkov (scripts/requirements-templates.txt). A tool that
is missing is a failure, and so is a tool that looked at less than there is. What a tool is told to overlook has a
reason, in the template (checkov) or in guard/suppressions.yml; all of it is published in docs/templates-skips.md, which
`--write` writes anew, with the table of docs/templates.md. A reason that is no longer needed is a failure as well.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

import template_rules as rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
LINT_REGIONS = ["us-east-1", "ap-south-1", "eu-west-2"]
SKIPS = ROOT / "docs" / "templates-skips.md"
STACKS = ROOT / "docs" / "templates.md"
MARK = "<!-- Written by scripts/judges/templates.py --write from the heads. -->\n"


# What each of our own rules must find: `(rule, template, what is there, what is put instead)`.
MUTANTS = [
    ("size", "dns", "AWSTemplateFormatVersion", "#" * rules.TEMPLATE_BYTES + "\nAWSTemplateFormatVersion"),
    ("heads", "dns", "    PerService: false\n", ""),
    ("heads", "edge", "AlbSecurityGroup: network/alb-security-group", "Nobody: network/alb-security-group"),
    ("heads", "dns", "DataStores: [HostedZone]", "DataStores: [HostedZones]"),
    ("functions", "dns", "Value: !Ref HostedZone\n", "Value: !ImportValue zone\n"),
    ("functions", "dns", "Value: !Ref HostedZone\n", "Value: '{{resolve:ssm:/x}}'\n"),
    ("deletion", "dns", "DeletionPolicy: Delete", "DeletionPolicy: Retain"),
    ("deletion", "cluster", "    DeletionPolicy: Delete\n", ""),
    ("names", "cluster", "ClusterName: !Sub cluster-${Suffix}", "ClusterName: cluster"),
    ("names", "cluster", "      ClusterName: !Sub cluster-${Suffix}\n", ""),
    ("names", "dns", "Value: !Sub primary-${Suffix}", "Value: !Sub ${Suffix}-primary"),
    ("names", "edge", "alb-logs-${AWS::AccountId}", "load-balancer-access-logs-${AWS::AccountId}"),
    ("wildcards", "network", "- logs:CreateLogStream", "- logs:*"),
    ("wildcards", "shared", "      HaDeployWildcard: The account's administrators manage the key; without this statement "
                            "nobody could\n", "      Other: reason\n"),
    ("policy_size", "bootstrap", "- cloudwatch:DescribeAlarms", "- cloudwatch:" + "x" * rules.MANAGED_POLICY),
    ("ingress", "network", "      FromPort: 80\n      ToPort: 80\n", "      FromPort: 22\n      ToPort: 22\n"),
    ("documents", "edge", '"Resource":"${WebAclLogGroup.Arn}",', '"Resource":"${WebAclLogGroup.Arn}"'),
    ("present", "network", "AWS::EC2::FlowLog", "AWS::EC2::FlowLogs"),
    ("zones", "network", "!Select [2, !GetAZs '']", "!Select [1, !GetAZs '']"),
    ("zones", "network", "    Default: '3'", "    Default: '2'"),
    ("references", "edge", "network/alb-security-group\n", "network/alb-security-groups\n"),
    ("references", "shared", "Region: primary", "Region: dr"),
    ("references", "dns", "/ha/${Suffix}/dns/hosted-zone-id", "/ha/${Suffix}/zone/hosted-zone-id"),
    ("acyclic", "network", "LogsKeyArn: shared/logs-key-arn", "LogsKeyArn: network/vpc-id"),
    ("acyclic", "network", "LogsKeyArn: shared/logs-key-arn", "LogsKeyArn: edge/load-balancer-arn"),
    ("unique", "cluster", "/ecs/exec-${Suffix}", "/ha/flow-${Suffix}"),
]


def self_test(texts, _):
    """Each of our own rules finds what it is there for."""
    sound = set(rules.findings(texts))
    found = []
    for rule, name, there, instead in MUTANTS:
        mutant = texts[name].replace(there, instead)
        if mutant == texts[name]:
            found.append(f"self-test: {name}.yml no longer has {there!r}")
        elif not any(finding[0] == rule for finding in set(rules.findings({**texts, name: mutant})) - sound):
            found.append(f"self-test: {rule} misses {instead[:60]!r} in {name}.yml")
    missing = {rule.__name__ for rule in rules.EACH + rules.TOGETHER} - {rule for rule, *_ in MUTANTS}
    found += [f"self-test: nothing tests {rule}" for rule in sorted(missing)]
    print(f"self-test: {len(MUTANTS)} faults put in")
    return found


def own(texts, _):
    """Our own rules."""
    found = [f"{rule}: {name}.yml: {where}: {message}" for rule, name, where, message in rules.findings(texts)]
    print(f"own rules: {len(rules.EACH) + len(rules.TOGETHER)} rules on {len(texts)} templates")
    return found


def tool(name):
    """A program beside this Python."""
    path = pathlib.Path(sys.executable).parent / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: install scripts/requirements-templates.txt")
    return str(path)


def lint(texts, options):
    """cfn-lint, every level, in every region that the project names."""
    files = [str(options.templates / f"{name}.yml") for name in texts]
    run = subprocess.run(
        [tool("cfn-lint"), "--include-checks", "I", "W", "E", "--non-zero-exit-code", "informational",
         "--regions", *LINT_REGIONS, "--format", "parseable", "--template", *files],
        capture_output=True, text=True, check=False)
    found = run.stdout.splitlines()
    if run.returncode and not found:
        found = [f"cfn-lint ended with {run.returncode}: {run.stderr[-2000:]}"]
    print(f"cfn-lint: {len(files)} templates in {', '.join(LINT_REGIONS)}")
    return found


def skips(texts):
    """What checkov is told to skip: `{(template, resource, check): reason}`."""
    return {
        (name, resource, skip["id"]): skip.get("comment", "")
        for name, text in texts.items()
        for resource, declared in rules.resources(yaml.load(text, rules.Loader))
        for skip in declared.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def checked_types():
    """The types of resources that checkov has something to say about."""
    from checkov.cloudformation.checks.resource.registry import cfn_registry
    from checkov.cloudformation.runner import Runner  # its import registers the checks

    return set(cfn_registry.checks) if Runner else set()


def checkov(texts, _):
    """checkov, which must have seen every resource: of what it cannot read or resolve it says nothing.

    It passes over resources whose condition does not hold with default parameters, without a word and although
    it counts them, so it is shown the templates without the conditions of resources.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (pathlib.Path(folder) / f"{name}.yml").write_text(re.sub(r"(?m)^    Condition: \w+\n", "", text))
        run = subprocess.run(
            [tool("checkov"), "--directory", folder, "--framework", "cloudformation", "--skip-download", "--compact",
             "--output", "json"],
            capture_output=True, text=True, check=False)
    try:
        answer = json.loads(run.stdout)
    except json.JSONDecodeError:
        return [f"checkov ended with {run.returncode}: {run.stdout[-500:]} {run.stderr[-2000:]}"]
    if isinstance(answer, list):
        return [f"checkov answered for {len(answer)} frameworks instead of one"]
    summary, results = answer["summary"], answer["results"]
    found = [f"checkov: {each['file_path'].lstrip('/')}: {each['resource']}: {each['check_id']} {each['check_name']}"
             for each in results["failed_checks"]]

    def key(each):
        return pathlib.Path(each["file_path"]).stem, each["resource"].split(".")[-1]

    ours = {(name, resource): declared["Type"] for name, text in texts.items()
            for resource, declared in rules.resources(yaml.load(text, rules.Loader))}
    types = checked_types()
    expected = {where for where, kind in ours.items() if kind in types}
    seen = {key(each) for kind in ("passed_checks", "failed_checks", "skipped_checks") for each in results[kind]}
    print("checkov:", ", ".join(f"{summary[each]} {each}" for each in ("passed", "failed", "skipped")) +
          f"; {summary['resource_count']} resources of {len(ours)} read, "
          f"{len(expected & seen)} judged of {len(expected)} whose type it has checks for")
    if not expected or summary["resource_count"] != len(ours) or summary["parsing_errors"]:
        found.append(f"checkov read {summary['resource_count']} resources of {len(ours)}, "
                     f"with {summary['parsing_errors']} parsing errors")
    found += [f"checkov: {name}.yml: {resource}: not a single check looked at it"
              for name, resource in sorted(expected - seen)]
    used = {(*key(each), each["check_id"]) for each in results["skipped_checks"]}
    for (name, resource, check), reason in skips(texts).items():
        if (name, resource, check) not in used:
            found.append(f"checkov: {name}.yml: {resource}: the skip of {check} is not needed")
        if len(reason) < 20:
            found.append(f"checkov: {name}.yml: {resource}: the skip of {check} has no reason")
    return found


def suppressions():
    """What cfn-guard's findings are overlooked for: `{(rule, template, resource): reason}`."""
    entries = yaml.safe_load((HERE / "guard" / "suppressions.yml").read_text())
    return {(entry["rule"], *at.split("/")): " ".join(entry["reason"].split()) for entry in entries
            for at in entry["at"]}


def places(value):
    """The resources that a failed rule of cfn-guard names anywhere in its report."""
    return {match[1] for _, inner in rules.walk(value) if isinstance(inner, str)
            and (match := re.match(r"/Resources/([A-Za-z0-9]+)", inner))}


NOTHING = object()


def with_defaults(template):
    """A template as it is with the defaults of its parameters.

    cfn-guard compares what is written, so `!Ref LogDays` is not a number for it. Resources whose condition does not hold
    stay: they are to comply as well.
    """
    parameters = {name: declared["Default"] for name, declared in template["Parameters"].items()
                  if "Default" in declared and not str(declared["Type"]).startswith("AWS::SSM::")}

    def holds(condition):
        match condition:
            case {"Condition": name}:
                return holds(template["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return str(value(one)) == str(value(other))
            case {"Fn::Not": [inner]}:
                return not holds(inner)
            case {"Fn::And": inner}:
                return all(map(holds, inner))
            case {"Fn::Or": inner}:
                return any(map(holds, inner))
        raise SystemExit(f"the condition {condition} is not understood")

    def value(written):
        match written:
            case {"Ref": "AWS::NoValue"}:
                return NOTHING
            case {"Ref": name} if name in parameters:
                return value(parameters[name])
            case {"Fn::If": [condition, one, other]}:
                return value(one if holds({"Condition": condition}) else other)
            case dict():
                inner = {key: value(each) for key, each in written.items()}
                return {key: each for key, each in inner.items() if each is not NOTHING}
            case list():
                return [each for each in map(value, written) if each is not NOTHING]
        # CloudFormation takes either form, the rules only this one.
        return {"true": True, "false": False}.get(written, written) if isinstance(written, str) else written

    return {**template, "Resources": value(template["Resources"])}


def guard(texts, options):
    """cfn-guard with AWS's rule sets for the Reliability Pillar and NIST 800-53 revision 5."""
    sets = json.loads((HERE / "guard" / "sets.json").read_text())
    files = sorted({file for members in sets.values() for file in members})
    present = sorted(path.name for path in (HERE / "guard" / "rules").glob("*.guard"))
    if files != present:
        return [f"guard: sets.json and guard/rules differ: {sorted(set(files) ^ set(present))}"]
    if not options.guard or not pathlib.Path(options.guard).exists():
        raise SystemExit(f"cfn-guard is missing at {options.guard}")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            rendered = json.dumps(with_defaults(yaml.load(text, rules.Loader)))
            (pathlib.Path(folder) / f"{name}.json").write_text(rendered)
        run = subprocess.run(
            [options.guard, "validate", "--rules", str(HERE / "guard" / "rules"), "--data", folder,
             "--structured", "--output-format", "json", "--show-summary", "none"],
            capture_output=True, text=True, check=False)
    try:
        reports = json.loads(run.stdout)
    except json.JSONDecodeError:
        return [f"cfn-guard ended with {run.returncode}: {run.stdout[-500:]} {run.stderr[-2000:]}"]
    seen = collections.Counter(pathlib.Path(report["name"]).stem for report in reports)
    found = [f"guard: {name}.yml was not looked at" for name in texts if not seen[name]]
    allowed, used, evaluated = suppressions(), set(), 0
    for report in reports:
        name = pathlib.Path(report["name"]).stem
        evaluated += len(report["compliant"]) + len(report["not_compliant"])
        for failed in report["not_compliant"]:
            rule = failed["Rule"]["name"]
            # A rule about a whole template names no resource.
            for resource in sorted(places(failed)) or ["*"]:
                if (rule, name, resource) in allowed:
                    used.add((rule, name, resource))
                else:
                    found.append(f"guard: {name}.yml: {resource}: {rule}")
    found += [f"guard: suppressions.yml: {rule} at {name}/{resource} is not needed"
              for rule, name, resource in sorted(set(allowed) - used) if name in texts]
    found += [f"guard: suppressions.yml: {key[0]} at {key[1]}/{key[2]} has no reason"
              for key, reason in allowed.items() if len(reason) < 20]
    print(f"cfn-guard: {len(files)} rule files ({', '.join(f'{len(v)} {k}' for k, v in sets.items())}), "
          f"{evaluated} rules applied to something, {len(used)} failures with a reason")
    return found


def published(texts):
    """docs/templates-skips.md."""
    by_check, by_rule = collections.defaultdict(list), collections.defaultdict(list)
    for (name, resource, check), reason in skips(texts).items():
        by_check[check, reason].append(f"{name}/{resource}")
    for (rule, name, resource), reason in suppressions().items():
        by_rule[rule, reason].append(f"{name}/{resource}")
    wild = [(f"{name}/{resource}", " ".join(declared["Metadata"]["HaDeployWildcard"].split()))
            for name, text in texts.items()
            for resource, declared in rules.resources(yaml.load(text, rules.Loader))
            if "HaDeployWildcard" in declared.get("Metadata", {})]

    def table(first, rows):
        lines = [f"| {first} | where | why |", "|---|---|---|"]
        return lines + [f"| {what} | {', '.join(f'`{each}`' for each in where)} | {why} |"
                        for (what, why), where in sorted(rows.items())]

    return "\n".join([
        "# What the template judges are told to overlook",
        "",
        "<!-- Written by scripts/judges/templates.py --write; the judge `templates` compares. -->",
        "",
        "Each line is a finding of a judge that stays, and why. A reason that is no longer needed fails the judge.",
        "",
        "## checkov",
        "",
        *table("check", by_check),
        "",
        "## cfn-guard",
        "",
        "The rule sets are AWS's for the Well-Architected Reliability Pillar and NIST 800-53 revision 5.",
        "",
        *table("rule", by_rule),
        "",
        "## Wildcards in policies",
        "",
        "| where | why |",
        "|---|---|",
        *(f"| `{where}` | {why} |" for where, why in sorted(wild)),
        "",
    ])


def stacks(texts):
    """docs/templates.md, whose end is a table of the stacks."""
    templates = {name: yaml.load(text, rules.Loader) for name, text in texts.items()}
    keys = rules.published(templates)
    lines = ["", "| stack | holds | needs | wants | publishes |", "|---|---|---|---|---|"]
    for name, template in templates.items():
        head = rules.head(template)
        where = {"primary": ""}.get(head["Region"], f" ({head['Region']})")
        producers = {section: sorted({source.split("/")[0] for wanted in head[section].values()
                                      for source in rules.listed(wanted)}) for section in ("Needs", "Wants")}
        lines.append(
            f"| `{name}`{where} | {template['Description']} "
            f"| {', '.join(producers['Needs']) or '–'} | {', '.join(producers['Wants']) or '–'} "
            f"| {', '.join(f'`{key}`' for key in keys[name]) or '–'} |")
    before, mark, _ = STACKS.read_text().partition(MARK)
    return before + mark + "\n".join(lines) + "\n"


def docs(texts, options):
    """What is overlooked is published, and the table of the stacks is that of the templates."""
    found = []
    for path, text in ((SKIPS, published(texts)), (STACKS, stacks(texts))):
        if options.write:
            path.write_text(text)
        if not path.exists() or path.read_text() != text:
            found.append(f"{path.relative_to(ROOT)} is not what the templates say: run scripts/judges/templates.py --write")
    return found


JUDGES = {judge.__name__: judge for judge in (own, self_test, lint, checkov, guard, docs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--guard", help="where cfn-guard is")
    parser.add_argument("--only", default=",".join(JUDGES), help="some of " + ",".join(JUDGES))
    parser.add_argument("--templates", type=pathlib.Path, default=ROOT / "templates" / "cloudformation")
    parser.add_argument("--write", action="store_true", help="write docs/templates-skips.md")
    options = parser.parse_args()
    texts = {path.stem: path.read_text() for path in sorted(options.templates.glob("*.yml"))}
    if not texts:
        raise SystemExit(f"no templates in {options.templates}")
    found = [finding for name in options.only.split(",") for finding in JUDGES[name](texts, options)]
    print("\n".join(found))
    print(f"{len(texts)} templates, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
