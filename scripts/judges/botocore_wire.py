#!/usr/bin/env python3
"""Calls the embedded cloud with botocore and checks the answers against botocore's own shapes.

    botocore_wire.py ENDPOINT                 calls the operations that need no names, on any world
    botocore_wire.py ENDPOINT --cases FILE    sends each case's input and compares with its output

Every answer is held to the shape strictly: a member that the shape lacks, a wrong type, or a missing
required member is a fault. Needs botocore only. Exits with 1 and one line a fault.
"""

import argparse
import base64
import datetime
import json
import sys

import botocore
import botocore.config
import botocore.exceptions
import botocore.session

READS = {
    "sts": {"GetCallerIdentity": {}},
    "ecs": {"ListTaskDefinitions": {}, "DescribeClusters": {}},
    "codedeploy": {"ListApplications": {}, "ListDeployments": {}},
    "elbv2": {"DescribeLoadBalancers": {}, "DescribeTargetGroups": {}},
    "ecr": {"DescribeRepositories": {}},
    "cloudwatch": {"DescribeAlarms": {}},
    "synthetics": {"DescribeCanariesLastRun": {}},
    "application-autoscaling": {"DescribeScalableTargets": {"ServiceNamespace": "ecs"}},
}
KINDS = {
    "structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int,
    "boolean": bool, "double": (int, float), "float": (int, float), "blob": bytes,
    "timestamp": datetime.datetime,
}


def faults(shape, value, path):
    """Yields what is wrong with a parsed value."""
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, KINDS[shape.type_name]):
        yield f"{path} is a {type(value).__name__}, not a {shape.type_name}"
    elif shape.type_name == "structure":
        for name in shape.metadata.get("required", []):
            if name not in value:
                yield f"{path}.{name} is required and absent"
        for name, item in value.items():
            if name in shape.members:
                yield from faults(shape.members[name], item, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not in the shape"
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from faults(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from faults(shape.value, item, f"{path}.{key}")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value!r}, none of {shape.enum}"


def to_python(shape, value):
    """Turns a tree of the wire into what botocore takes and gives."""
    if getattr(shape, "is_document_type", False):
        return value
    if shape.type_name == "structure":
        return {k: to_python(shape.members[k], v) for k, v in value.items()}
    if shape.type_name == "list":
        return [to_python(shape.member, v) for v in value]
    if shape.type_name == "map":
        return {k: to_python(shape.value, v) for k, v in value.items()}
    if shape.type_name == "timestamp":
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if shape.type_name == "blob":
        return base64.b64decode(value)
    return value


def client(service, endpoint):
    config = botocore.config.Config(
        retries={"max_attempts": 0}, parameter_validation=False, disable_request_compression=True,
        inject_host_prefix=False,
    )
    return botocore.session.get_session().create_client(
        service, endpoint_url=endpoint, region_name="eu-west-1", config=config,
        aws_access_key_id="AKIDTEST", aws_secret_access_key="secret",
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("--cases", help="JSON: {'service:Operation': {'input': …, 'output': …}}")
    args = parser.parse_args()
    if args.cases:
        with open(args.cases, encoding="utf-8") as file:
            cases = json.load(file)
    else:
        cases = {f"{s}:{o}": {"input": i} for s, ops in READS.items() for o, i in ops.items()}
    clients, found = {}, []
    for name, case in cases.items():
        service, operation = name.split(":")
        if service not in clients:
            clients[service] = client(service, args.endpoint)
        api = clients[service]
        model = api.meta.service_model.operation_model(operation)
        given = to_python(model.input_shape, case["input"]) if model.input_shape else {}
        try:
            answer = api._make_api_call(operation, given)
        except botocore.exceptions.ClientError as error:
            found.append(f"{name}: {error}")
            continue
        if not answer.pop("ResponseMetadata").get("RequestId"):
            found.append(f"{name}: no request id")
        if model.output_shape:
            found += faults(model.output_shape, answer, name)
            if "output" in case:
                wanted = to_python(model.output_shape, case["output"])
                found += [f"{name}: {k} is {answer.get(k)!r}, not {v!r}"
                          for k, v in wanted.items() if answer.get(k) != v]
    print("\n".join(found) or f"botocore {botocore.__version__}: {len(cases)} operations agree")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
