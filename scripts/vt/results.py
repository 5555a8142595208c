# SPDX-License-Identifier: GPL-2.0-only
"""results.json: what a run was, and what it saw.  docs/results.md has the schema."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import UnionType
from typing import Any

from . import bounds

SCHEMA = 2

# What each object must have, and of which type: a type, or a list of one, or an
# object's own table.  A union with None may be null.
Shape = Mapping[str, Any]

_DID: Shape = {"what": str, "start": str, "end": str, "begun_ns": int,
               "ended_ns": int | None, "ret": int | None}
_OTHER: Shape = {"cpu": int, "pid": int, "comm": str, "after_ns": int, "rounds": int,
                 "did": [_DID], "stack": [str]}
_RACE: Shape = {
    "kind": str, "variant": str, "count": int, "known": bool, "why": str,
    "detail": str, "during": str, "stack": [str], "did": [_DID],
    "others": [_OTHER],
}
_KIND: Shape = {"looks": int, "exposure": int, "met": int, "races": int, "bound": float | None}
_SCENARIO: Shape = {
    "name": str, "state": str, "verdict": str, "why": str, "runs": int, "seconds": int,
    "ops": int, "exposure": int,
    "races": int, "first_race_ms": int, "incomplete": [str], "absent": dict,
    "kinds": _KIND, "variants": [_RACE], "counters": dict,
}
_TEST: Shape = {
    "name": str, "seconds": int, "passed": int, "failed": int, "skipped": int,
    "expected": int, "why": [str],
}
RESULTS: Shape = {
    "schema": int, "tool": str, "started": str, "seconds": int, "code": int,
    "reasons": [str],
    "kernel": {"name": str, "version": str, "release": str, "package": str, "own": bool},
    "identity": {
        "image": str, "module": str, "source": str, "initramfs": str, "command": str,
        "config": str, "seed": str, "accel": str, "deterministic": bool,
    },
    "parameters": dict,
    "guest": {"outcome": str, "code": int, "retries": int, "line": str},
    "verdict": str, "unload_ms": int,
    "scenarios": [_SCENARIO],
    "coverage": [str],
    "console": {"trouble": [str], "user": [str], "unknown": [str]},
    "known_not_seen": [str],
    "tests": [_TEST],
}


def _check(value: Any, shape: Any, where: str, found: list[str]) -> None:
    if shape is dict:
        if not isinstance(value, dict):
            found.append(f"{where}: no object")
    elif isinstance(shape, UnionType):
        if not isinstance(value, shape):
            found.append(f"{where}: no {shape}")
    elif isinstance(shape, type):
        if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
            found.append(f"{where}: no {shape.__name__}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            found.append(f"{where}: no list")
            return
        for i, item in enumerate(value):
            _check(item, shape[0], f"{where}[{i}]", found)
    elif shape is _KIND:
        if not isinstance(value, dict):
            found.append(f"{where}: no object")
            return
        for kind, numbers in value.items():
            _members(numbers, _KIND, f"{where}.{kind}", found)
    else:
        _members(value, shape, where, found)


def _members(value: Any, shape: Shape, where: str, found: list[str]) -> None:
    if not isinstance(value, dict):
        found.append(f"{where}: no object")
        return
    for key in shape.keys() - value.keys():
        found.append(f"{where}: no {key}")
    for key in value.keys() - shape.keys():
        found.append(f"{where}: what is {key}?")
    for key in shape.keys() & value.keys():
        _check(value[key], shape[key], f"{where}.{key}", found)


def problems(results: Any) -> list[str]:
    """In what a document is not what docs/results.md says, sorted."""
    found: list[str] = []
    if isinstance(results, dict) and results.get("schema", SCHEMA) != SCHEMA:
        # What another schema has or lacks says nothing.
        return [f"results: schema {results['schema']}, not {SCHEMA}"]
    _members(results, RESULTS, "results", found)
    return sorted(found)


def write(directory: Path, results: dict[str, Any]) -> None:
    """Whole or not at all; what is not the schema's is a fault of ours."""
    bad = problems(results)
    if bad:
        raise ValueError("; ".join(bad))
    new = directory / "results.json.new"
    new.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(directory / "results.json")


def load(directory: Path) -> dict[str, Any]:
    """What write() left there."""
    results: dict[str, Any] = json.loads((directory / "results.json").read_text("utf-8"))
    # What was kept before threads told their rounds and operations does not know them.
    for scenario in results.get("scenarios", []):
        for variant in scenario.get("variants", []):
            variant.setdefault("did", [])
            for other in variant.get("others", []):
                other.setdefault("rounds", -1)
                other.setdefault("did", [])
    # Bounds follow from the rest: what was kept before there were any is as good.
    bad = [text for text in problems(results) if not text.endswith(": no bound")]
    if bad:
        raise ValueError(f"{directory}/results.json: {bad[0]}")
    bounds.add(results["scenarios"])
    return results


def now() -> str:
    """This moment, in UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_hash(path: Path | str) -> str:
    """Of a file, or nothing if there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def source_hash(top: Path) -> str:
    """Of what the module is made of: names and contents, in order of the names."""
    files = []
    for base, dirs, names in os.walk(top):
        here = Path(base).relative_to(top)
        if here == Path("."):
            dirs[:] = [d for d in dirs if not d.startswith(".") and d not in
                       ("build", "scripts", "selftests", "mutants", "findings", "docs")]
        files += [here / name for name in names
                  if name.endswith((".c", ".h", ".mk", ".S")) or name == "Kbuild"]
    whole = hashlib.sha256()
    for name in sorted(files):
        # What a build leaves beside the sources is none of them.
        if name.name.endswith(".mod.c"):
            continue
        whole.update(f"{name}\0{file_hash(top / name)}\n".encode())
    return whole.hexdigest()
