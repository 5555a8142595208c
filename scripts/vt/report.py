# SPDX-License-Identifier: GPL-2.0-only
"""REPORT.txt: an unknown race as a mail that one could send, both sides of it.

Nothing stands in it that was not measured in the run, or that the module does not
say itself: the promises are the module's own words.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import console, torture

_PROMISE = re.compile(r"summary (?P<scenario>[a-z_]+): (?P<kind>[a-z_]+) broken \d+ times: (?P<text>.*)")
_RECORD = re.compile(r"race (?P<text>seq=(?P<seq>\d+) .*\bscenario=(?P<scenario>\S+) "
                     r"kind=(?P<kind>\S+) .*\bvariant=(?P<variant>\S+) .*)")

# What the harness itself gives to each run: a command that repeats it leaves it out.
_OURS = ("duration", "stat_interval", "scenarios", "seed")


def promises(output: Iterable[str]) -> dict[tuple[str, str], str]:
    """What each broken promise says, from the module's summary."""
    found = {}
    for line in output:
        match = _PROMISE.match(line)
        if match:
            found[match["scenario"], match["kind"]] = match["text"]
    return found


def first_records(output: Iterable[str]) -> dict[tuple[str, str, str], str]:
    """The first record of each variant, as debugfs printed it."""
    found: dict[tuple[str, str, str], str] = {}
    for line in output:
        match = _RECORD.match(line)
        if match:
            found.setdefault((match["scenario"], match["kind"], match["variant"]), match["text"])
    return found


def _args(doc: dict[str, Any]) -> str:
    """The user's own parameters, and the seed that was drawn."""
    own = {k: v for k, v in doc["parameters"].items() if k not in _OURS}
    if doc["identity"]["seed"]:
        own["seed"] = doc["identity"]["seed"]
    return " ".join(f"{k}={v}" for k, v in own.items())


def repeats(doc: dict[str, Any], scenario: str) -> str:
    """The command that runs this scenario as it ran then."""
    kernel = doc["kernel"]
    words = ["make", "torture",
             "KERNEL_TREE=DIR" if kernel["own"] else f"KERNELS={kernel['name']}",
             f"SCENARIOS={scenario}", f"DURATION={doc['seconds']}", "ARGS=" + _args(doc)]
    return " ".join(shlex.quote(word) for word in words if word != "ARGS=")


def again(doc: dict[str, Any]) -> list[str]:
    """Kernel, own or stock, seconds, scenarios and parameters of a run, a line each."""
    return [doc["kernel"]["name"], "own" if doc["kernel"]["own"] else "stock",
            str(doc["seconds"]), doc["parameters"].get("scenarios", ""), _args(doc)]


def _paragraph(label: str, text: str, width: int = 76) -> list[str]:
    lines, line = [], f"{label:<10}"
    for word in text.split():
        if len(line) + 1 + len(word) > width and line.strip():
            lines.append(line.rstrip())
            line = " " * 10
        line += ("" if line.endswith(" ") else " ") + word
    return [*lines, line.rstrip()]


def one(doc: dict[str, Any], scenario: dict[str, Any], variant: dict[str, Any],
        output: list[str], place: Path) -> list[str]:
    """The mail about one variant of a race."""
    kernel, identity = doc["kernel"], doc["identity"]
    name = f"{scenario['name']}/{variant['kind']}"
    numbers = scenario["kinds"].get(variant["kind"], {})
    lines = [f"Subject: vma_torture: {name} on {kernel['release'] or kernel['name']}", ""]
    lines += _paragraph("Signature:",
                        f"{name}/{variant['variant'] or 'unknown'}, the same in each run")
    lines += _paragraph("Seen:", variant["detail"] or "no record of it is left")
    if variant["during"]:
        lines += _paragraph("", f"while {variant['during']} was in flight")
    promise = promises(output).get((scenario["name"], variant["kind"]))
    if promise:
        lines += _paragraph("Promise:", promise)
    lines += _paragraph("Kernel:", (f"{kernel['release'] or kernel['version']}, "
                        + (f"package {kernel['package']}" if kernel["package"]
                           else "built from a tree")))
    for what in ("image", "config"):
        if identity[what]:
            lines += _paragraph("", f"{what} sha256 {identity[what]}")
    lines += _paragraph("How often:",
                        f"{variant['count']} times in {scenario['ops']} operations of "
                        f"{scenario['name']} in {doc['seconds']} s"
                        + (f"; the oracle looked {numbers['looks']} times, "
                           f"{numbers['exposure']} of these overlapped a modification"
                           if numbers else "")
                        + (f"; the scenario's first race came after {scenario['first_race_ms']} ms"
                           if scenario["first_race_ms"] else ""))
    lines += _paragraph("Guest:", f"{identity['accel'] or 'unknown accelerator'}, seed "
                        f"{identity['seed'] or 'unknown'}, module sources sha256 "
                        f"{identity['source']}")
    lines += ["", "The first of them:", ""]
    record = first_records(output).get((scenario["name"], variant["kind"], variant["variant"]))
    lines.append(f"  {record}" if record else "  (the guest did not come to print it)")
    lines += [f"      {frame}" for frame in variant["stack"]]
    for other in variant["others"]:
        where = f"on CPU {other['cpu']}" if other["cpu"] >= 0 else "off its CPU"
        lines += ["", f"  {other['comm']}, pid {other['pid']}, {where}, "
                  f"{other['after_ns'] / 1000:.0f} us after that:"]
        lines += [f"      {frame}" for frame in other["stack"]]
    if doc["guest"]["outcome"] != "ok" or doc["console"]["trouble"]:
        lines += ["", "What the kernel said itself:", ""]
        lines += [f"  {line}" for line in doc["console"]["trouble"][:20]
                  or [doc["guest"]["line"] or doc["guest"]["outcome"]]]
    lines += ["", "To repeat it:", "", f"  {repeats(doc, scenario['name'])}", "",
              f"To attach: results.json, output and console.log of {place}"]
    return lines


def reports(directory: Path, doc: dict[str, Any]) -> list[list[str]]:
    """A mail for each variant that the ledger does not know."""
    try:
        output = (directory / "output").read_text("utf-8", "replace").splitlines()
    except OSError:
        output = []
    return [one(doc, sc, v, output, directory)
            for sc in doc["scenarios"] for v in sc["variants"] if not v["known"]]


def write(directory: Path, doc: dict[str, Any]) -> list[list[str]]:
    """REPORT.txt in the run's directory, if there is something to report: the mails."""
    mails = reports(directory, doc)
    path = directory / "REPORT.txt"
    if mails:
        rule = "\n" + "-" * 76 + "\n\n"
        path.write_text(rule.join("\n".join(mail) + "\n" for mail in mails), "utf-8")
    else:
        path.unlink(missing_ok=True)
    return mails
