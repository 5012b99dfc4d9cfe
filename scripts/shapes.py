#!/usr/bin/env python3
"""Writes the shape table of the embedded cloud from the pinned botocore.

    scripts/shapes.py OUT [--botocore WHEEL-OR-DIR]   writes the table
    scripts/shapes.py --check [--botocore …]          compares with the committed one

Without --botocore it uses the installed botocore, which must be the pinned version:
`pip download --no-deps botocore==1.44.5` or `pip install botocore==1.44.5`. The output has only the
operations named below and what they reach, without documentation, and is the same for the same input.
"""

import argparse
import gzip
import json
import pathlib
import sys
import zipfile

VERSION = "1.44.5"
TABLE = pathlib.Path(__file__).resolve().parent.parent / "src/rehearsal/wire/shapes.json"

OPERATIONS = {
    "sts": "GetCallerIdentity AssumeRole",
    "ecs": "DescribeServices DescribeTaskDefinition RegisterTaskDefinition DeregisterTaskDefinition"
    " ListTaskDefinitions ListTasks DescribeTasks RunTask StopTask DescribeClusters ListServices"
    " UpdateService DescribeTaskSets TagResource ListTagsForResource",
    "codedeploy": "GetApplication GetDeploymentGroup UpdateDeploymentGroup ListDeploymentGroups"
    " ListApplications GetDeploymentConfig CreateDeploymentConfig CreateDeployment GetDeployment"
    " BatchGetDeployments ListDeployments StopDeployment ContinueDeployment ListDeploymentTargets"
    " GetDeploymentTarget BatchGetDeploymentTargets PutLifecycleEventHookExecutionStatus",
    "elbv2": "DescribeLoadBalancers DescribeListeners DescribeRules DescribeTargetGroups"
    " DescribeTargetHealth ModifyListener ModifyRule",
    "ecr": "DescribeRepositories DescribeImages BatchGetImage ListImages BatchDeleteImage"
    " GetAuthorizationToken DescribeImageScanFindings",
    "cloudwatch": "DescribeAlarms GetMetricData PutMetricData SetAlarmState",
    "logs": "GetLogEvents FilterLogEvents DescribeLogStreams",
    "synthetics": "DescribeCanariesLastRun GetCanaryRuns",
    "application-autoscaling": "DescribeScalableTargets RegisterScalableTarget DescribeScalingActivities",
    "ssm": "GetParameter GetParameters PutParameter GetParameterHistory GetParametersByPath"
    " DeleteParameter DeleteParameters",
    "cloudformation": "CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets"
    " DescribeStacks ListStacks DescribeStackEvents DescribeEvents ListStackResources"
    " DescribeStackResources DescribeStackResource GetTemplate GetTemplateSummary ValidateTemplate"
    " DeleteStack ContinueUpdateRollback RollbackStack CancelUpdateStack CreateStack UpdateStack"
    " SetStackPolicy GetStackPolicy UpdateTerminationProtection DetectStackDrift"
    " DescribeStackDriftDetectionStatus DescribeStackResourceDrifts ListExports ListImports",
    "s3": "ListObjectVersions DeleteObjects",
    "backup": "ListRecoveryPointsByBackupVault DeleteRecoveryPoint",
}

# Values that AWS answers although its own model does not list them: the events of a stack carry the
# stack's status in the member for the status of a resource (CloudFormation user guide, "View stack
# events").
WIDER = {("cloudformation", "ResourceStatus"): ["REVIEW_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                                                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"]}

# Traits that change the wire in a way the codec has no code for. A shape with one of them stops
# the generator, so that a new operation cannot be served wrongly without anybody noticing.
UNSUPPORTED = ("streaming", "eventstream", "eventpayload", "jsonvalue", "xmlAttribute", "hostLabel",
               "queryName", "timestampFormat")
SCALARS = ("string", "integer", "long", "boolean", "double", "float", "timestamp", "blob")


def load(botocore, service):
    """Returns the newest service-2 model of a service."""
    prefix = f"botocore/data/{service}/"
    if botocore is None:
        import botocore as installed

        if installed.__version__ != VERSION:
            sys.exit(f"shapes.py: botocore {installed.__version__} is installed, {VERSION} is pinned")
        botocore = pathlib.Path(installed.__file__).resolve().parent.parent
    path = pathlib.Path(botocore)
    if path.suffix == ".whl":
        if f"-{VERSION}-" not in path.name:
            sys.exit(f"shapes.py: {path.name} is not the pinned version {VERSION}")
        with zipfile.ZipFile(path) as wheel:
            names = [n for n in wheel.namelist() if n.startswith(prefix) and "/service-2.json" in n]
            raw = wheel.read(sorted(names)[-1])
            name = sorted(names)[-1]
    else:
        name = sorted(path.glob(f"{prefix}*/service-2.json*"))[-1]
        raw = name.read_bytes()
    return json.loads(gzip.decompress(raw) if str(name).endswith(".gz") else raw)


def has_constraint(shape):
    return any(k in shape for k in ("enum", "min", "max"))


class Service:
    """Collects what a service's operations reach."""

    def __init__(self, name, model):
        self.name, self.model, self.shapes = name, model, {}
        self.xml = model["metadata"]["protocols"] == ["rest-xml"]

    def reference(self, ref, where, member=None):
        """Returns a reference in the table's spelling, and collects its shape."""
        for trait in UNSUPPORTED:
            if ref.get(trait):
                sys.exit(f"shapes.py: {self.name} {where}: the codec has no code for {trait}")
        if ref.get("location") in ("header", "headers"):
            # The codec carries no headers: what S3 has there is about payment and checksums.
            return None
        target = self.model["shapes"][ref["shape"]]
        if target.get("document"):
            # Free-form JSON; only the JSON protocols carry it.
            if self.model["metadata"]["protocols"] != ["json"]:
                sys.exit(f"shapes.py: {self.name} {where}: no code for a document in this protocol")
            out = {"shape": "document"}
        elif target["type"] in SCALARS and not has_constraint(target):
            out = {"shape": target["type"]}
        else:
            out = {"shape": ref["shape"]}
            self.collect(ref["shape"])
        if ref.get("location") == "uri":
            out["label"] = ref["locationName"]
        elif ref.get("location") == "querystring":
            out["query"] = ref["locationName"]
        elif self.xml and "location" not in ref:
            if ref.get("locationName", member) != member:
                out["name"] = ref["locationName"]
        elif "location" in ref or ref.get("locationName", member) != member:
            sys.exit(f"shapes.py: {self.name} {where}: no code for this location or name")
        return out

    def collect(self, name):
        if name in self.shapes:
            return
        shape = self.model["shapes"][name]
        for trait in UNSUPPORTED:
            if shape.get(trait):
                sys.exit(f"shapes.py: {self.name} {name}: the codec has no code for {trait}")
        if not self.xml and (shape.get("payload") or shape.get("flattened")):
            sys.exit(f"shapes.py: {self.name} {name}: no code for payload or flattened in this protocol")
        out = {"type": shape["type"]}
        self.shapes[name] = out
        kind = shape["type"]
        if kind == "structure":
            members = {m: self.reference(r, f"{name}.{m}", m) for m, r in shape["members"].items()}
            out["members"] = {m: r for m, r in members.items() if r is not None}
            if "payload" in shape:
                out["payload"] = shape["payload"]
            if shape.get("required"):
                out["required"] = shape["required"]
            if shape.get("union"):
                out["union"] = True
            if shape.get("exception") or "error" in shape:
                error = shape.get("error", {})
                out["error"] = {k: error[k] for k in ("code", "httpStatusCode") if k in error}
                if shape.get("fault"):
                    out["error"]["fault"] = True
        elif kind == "list":
            out["member"] = self.reference(shape["member"], f"{name}.member")
            if shape.get("flattened"):
                out["flattened"] = True
        elif kind == "map":
            out["key"] = self.reference(shape["key"], f"{name}.key")
            out["value"] = self.reference(shape["value"], f"{name}.value")
        elif kind not in SCALARS:
            sys.exit(f"shapes.py: {self.name} {name}: no code for type {kind}")
        for key in ("enum", "min", "max"):
            if key in shape:
                out[key] = shape[key]
        if (self.name, name) in WIDER:
            out["enum"] = out["enum"] + WIDER[self.name, name]

    def table(self, operations):
        meta, ops = self.model["metadata"], {}
        for name in operations:
            op = self.model["operations"][name]
            for trait in ("endpoint", "authtype"):
                if op.get(trait):
                    sys.exit(f"shapes.py: {self.name} {name}: no code for {trait}")
            uri, _, flag = op["http"]["requestUri"].partition("?")
            out = {} if uri == "/" else {"uri": uri}
            if flag:
                out["flag"] = flag
            if op["http"]["method"] != "POST":
                out["method"] = op["http"]["method"]
            for side in ("input", "output"):
                if side in op:
                    out[side] = op[side]["shape"]
                    self.collect(op[side]["shape"])
                    if "resultWrapper" in op[side]:
                        out["wrapper"] = op[side]["resultWrapper"]
            out["errors"] = sorted(e["shape"] for e in op.get("errors", []))
            for error in out["errors"]:
                self.collect(error)
            ops[name] = out
        out = {
            "signing": meta.get("signingName", meta["endpointPrefix"]),
            "version": meta["apiVersion"],
            "protocols": meta["protocols"],
        }
        for key, to in (("jsonVersion", "json"), ("targetPrefix", "target"), ("xmlNamespace", "namespace")):
            if key in meta:
                out[to] = meta[key]
        if "awsQueryCompatible" in meta:
            out["queryCompatible"] = True
        out["operations"] = ops
        out["shapes"] = dict(sorted(self.shapes.items()))
        return out


def render(table):
    """Renders one line an operation and a shape: small, and readable as a diff."""

    def compact(value):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True)

    lines = ["{", f'"botocore":{compact(table["botocore"])},', '"services":{']
    services = list(table["services"].items())
    for s, (name, service) in enumerate(services):
        lines.append(f"{compact(name)}:{{")
        for key, value in service.items():
            if key not in ("operations", "shapes"):
                lines.append(f"{compact(key)}:{compact(value)},")
        for key, end in (("operations", "},"), ("shapes", "}")):
            lines.append(f'"{key}":{{')
            items = list(service[key].items())
            for i, (item, value) in enumerate(items):
                lines.append(f"{compact(item)}:{compact(value)}" + ("," if i + 1 < len(items) else ""))
            lines.append(end)
        lines.append("}," if s + 1 < len(services) else "}")
    return "\n".join(lines + ["}", "}"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=pathlib.Path)
    parser.add_argument("--check", action="store_true", help="compare with the committed table")
    parser.add_argument("--botocore", help="a wheel, or a directory that holds botocore/")
    args = parser.parse_args()
    if args.check == (args.out is not None):
        parser.error("give either OUT or --check")
    services = {n: Service(n, load(args.botocore, n)).table(ops.split()) for n, ops in OPERATIONS.items()}
    text = render({"botocore": VERSION, "services": services})
    json.loads(text)
    if args.check:
        if TABLE.read_text() != text:
            sys.exit(f"shapes.py: {TABLE} differs from botocore {VERSION}; run scripts/shapes.py {TABLE}")
        return
    args.out.write_text(text)


if __name__ == "__main__":
    main()
