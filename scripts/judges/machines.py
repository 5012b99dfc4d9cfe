#!/usr/bin/env python3
"""Reads the state machines of the templates, which cfn-lint checks as JSON only.

    machines.py [--templates FOLDER]

Every JSONata expression must parse, every state must be reached and exist, every substitution must be given and used,
and every task must say what happens when it fails. Needs scripts/requirements-moto.txt. Exits with 1 and one line a
fault.
"""

import argparse
import pathlib
import re
import sys

import jsonata
import yaml

sys.dont_write_bytecode = True
import template_rules as rules  # noqa: E402, beside this file

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "templates/cloudformation"


def texts(value):
    return [text for _, text in rules.walk(value) if isinstance(text, str)]


def expressions(definition):
    for text in texts(definition):
        found = re.fullmatch(r"\{%(.*)%\}", text, re.DOTALL)
        if found:
            # A substitution stands for a name, a number or a part of a text.
            yield re.sub(r"\$\{\w+\}", "1", found[1].strip())


def states(machine, inside=()):
    """Faults of one `States`, and of those in its maps."""
    known = machine["States"]
    reached = {machine["StartAt"]}
    for name, state in known.items():
        where = "/".join((*inside, name))
        reached |= {state[key] for key in ("Next", "Default") if key in state}
        reached |= {branch["Next"] for key in ("Choices", "Catch") for branch in state.get(key, [])}
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"], (*inside, name))
        if state["Type"] == "Task" and not state.get("Retry"):
            yield f"{where} is a task that is not tried again"
        if state["Type"] not in ("Choice", "Succeed", "Fail") and ("Next" in state) == ("End" in state):
            yield f"{where} must have either Next or End"
    yield from (f"{'/'.join((*inside, name))} is never reached" for name in known.keys() - reached)
    yield from (f"{'/'.join((*inside, name))} does not exist" for name in reached - known.keys())


def faults(resource):
    definition = resource["Properties"]["Definition"]
    for expression in expressions(definition):
        try:
            jsonata.Jsonata(expression)
        except jsonata.JException as error:
            yield f"{expression}: {error}"
    given = set(resource["Properties"].get("DefinitionSubstitutions", {}))
    used = {name for text in texts(definition) for name in re.findall(r"\$\{(\w+)\}", text)}
    yield from (f"${{{name}}} is given by nobody" for name in used - given)
    yield from (f"{name} is used by nothing" for name in given - used)
    yield from states(definition)


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--templates", type=pathlib.Path, default=TEMPLATES)
    folder = given.parse_args().templates
    machines = [(f"{path.stem}/{name}", resource)
                for path in sorted(folder.glob("*.yml"))
                for name, resource in rules.resources(yaml.load(path.read_text(), rules.Loader))  # noqa: S506
                if resource["Type"] == "AWS::StepFunctions::StateMachine"]
    found = [f"{name}: {fault}" for name, resource in machines for fault in faults(resource)]
    count = sum(len(list(expressions(resource["Properties"]["Definition"]))) for _, resource in machines)
    print(*found, f"{len(machines)} state machines, {count} expressions, {len(found)} faults", sep="\n")
    return bool(found) or not machines


if __name__ == "__main__":
    sys.exit(main())
