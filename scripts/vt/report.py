# SPDX-License-Identifier: GPL-2.0-only
"""REPORT.txt: an unknown race as a mail that one could send, both sides of it.

Nothing stands in it that was not measured in the run, or that the module does not
say itself: the promises are the module's own words.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import bounds, kernels, torture

_PROMISE = re.compile(r"(?P<scenario>[a-z_]+): (?P<kind>[a-z_]+) broken \d+ times: (?P<text>.*)")

# A file that a promise names.
_FILE = re.compile(r"\b(?:[\w.-]+/)+[\w-]+\.(?:[chS]|rst)\b")

# Of the last operations, how many steps before the race a mail shows.
_EVENTS = 16

# What the harness itself gives to each run: a command that repeats it leaves it out.
_OURS = ("duration", "stat_interval", "scenarios", "seed")


def promises(summary: Iterable[str]) -> dict[tuple[str, str], str]:
    """What each broken promise says, from the module's summary."""
    found = {}
    for line in summary:
        match = _PROMISE.match(line)
        if match:
            found[match["scenario"], match["kind"]] = match["text"]
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


def _went_on(rounds: int) -> str:
    """Whether a thread was still at what it was at as the race was reported."""
    if rounds < 0:
        return ""
    return f", {rounds} rounds of its loop later" if rounds else ", still in the same round"


def _paragraph(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, 76, initial_indent=f"{label:<11}", subsequent_indent=" " * 11,
                         break_long_words=False, break_on_hyphens=False)


def _by_time(variant: dict[str, Any], record: str) -> list[str]:
    """What the threads did before and while it was seen: who saw it on the left."""
    events: list[tuple[int, bool, str]] = [(0, True, "sees the race")]
    for own, name, did in [(True, "", variant["did"])] + [
            (False, f"{other['comm']}: ", other["did"]) for other in variant["others"]]:
        for step in did:
            events.append((step["begun_ns"], own, f"{name}{step['what']} begins"
                           + (f", {step['start']} to {step['end']}" if step["end"] != "0x0"
                              else f", {step['start']}" if step["start"] != "0x0" else "")))
            if step["ended_ns"] is not None:
                events.append((step["ended_ns"], own, f"{name}{step['what']} ends"
                               + (f": {step['ret']}" if step["ret"] is not None else "")))
    if len(events) == 1:
        return []
    events.sort(key=lambda event: event[0])
    seen = next(i for i, event in enumerate(events) if event[2] == "sees the race")
    who = re.search(r" comm=(\S+)", record)
    lines = ["", f"The last operations by time, in us from when "
                 f"{who[1] if who else 'a thread'} saw it; that thread's on the left:", ""]
    for at, own, text in events[max(0, seen - _EVENTS):seen + _EVENTS // 2]:
        lines.append(f"  {at / 1000:>12.1f}  {'' if own else '| '.rjust(16)}{text}")
    return lines


def _tree(directory: Path, kernel: dict[str, Any]) -> Path | None:
    """The sources of a kernel of the user's own, as scripts/own-kernel noted where it is."""
    kdir = kernels.info(directory.resolve().parent.parent, kernel["name"]).get("kdir")
    if not kernel["own"] or not kdir:
        return None
    # A build directory of its own (O=) names its sources so.
    for tree in (Path(kdir) / "source", Path(kdir)):
        if (tree / "scripts/get_maintainer.pl").exists():
            return tree.resolve()
    return None


def _whom(promise: str, directory: Path, kernel: dict[str, Any]) -> list[str]:
    """Who looks after the files that the promise names, as the tree says."""
    tree = _tree(directory, kernel)
    files = [name for name in dict.fromkeys(_FILE.findall(promise))
             if tree and (tree / name).exists()]
    if not files:
        return []
    try:
        said = subprocess.run(["perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback",
                               "-f", *files], cwd=tree, capture_output=True, text=True,
                              check=True, timeout=60).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    return ["", f"Whom to ask (get_maintainer.pl -f {' '.join(files)}):", "",
            *(f"  {line}" for line in said)] if said else []


def one(doc: dict[str, Any], scenario: dict[str, Any], variant: dict[str, Any],
        promise: str, record: str, place: Path) -> list[str]:
    """The mail about one variant of a race: its promise and first record, where known."""
    kernel, identity = doc["kernel"], doc["identity"]
    name = f"{scenario['name']}/{variant['kind']}"
    numbers = scenario["kinds"].get(variant["kind"], {})
    lines = [f"Subject: vma_torture: {name} on {kernel['release'] or kernel['name']}", ""]
    lines += _paragraph("Signature:",
                        f"{name}/{variant['variant'] or 'unknown'}, the same in each run")
    lines += _paragraph("Seen:", variant["detail"] or "no record of it is left")
    if variant["during"]:
        lines += _paragraph("", f"while {variant['during']} was in flight")
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
    lines += _paragraph("Rate:", bounds.rate(doc, scenario, variant["kind"], variant["count"]))
    lines += _paragraph("Guest:", f"{identity['accel'] or 'unknown accelerator'}, seed "
                        f"{identity['seed'] or 'unknown'}, module sources sha256 "
                        f"{identity['source']}")
    lines += ["", "The first of them:", ""]
    lines.append(f"  {record}" if record else "  (the guest did not come to print it)")
    lines += [f"      {frame}" for frame in variant["stack"]]
    for other in variant["others"]:
        where = f"on CPU {other['cpu']}" if other["cpu"] >= 0 else "off its CPU"
        lines += ["", f"  {other['comm']}, pid {other['pid']}, {where}, "
                  f"{other['after_ns'] / 1000:.0f} us after that{_went_on(other['rounds'])}:"]
        lines += [f"      {frame}" for frame in other["stack"]]
    lines += _by_time(variant, record)
    if doc["guest"]["outcome"] != "ok" or doc["console"]["trouble"]:
        lines += ["", "What the kernel said itself:", ""]
        lines += [f"  {line}" for line in doc["console"]["trouble"][:20]
                  or [doc["guest"]["line"] or doc["guest"]["outcome"]]]
    lines += _whom(promise, place, kernel)
    lines += ["", "To repeat it:", "", f"  {repeats(doc, scenario['name'])}", "",
              f"To attach: results.json, output and console.log of {place}"]
    return lines


def reports(directory: Path, doc: dict[str, Any]) -> list[list[str]]:
    """A mail for each variant that the ledger does not know."""
    try:
        output = (directory / "output").read_text("utf-8", "replace").splitlines()
    except OSError:
        output = []
    driver = torture.read_driver(output)
    said = promises(driver.summary)
    records = {(v.scenario, v.kind, v.variant): v.record for v in driver.variants}
    return [one(doc, sc, v, said.get((sc["name"], v["kind"]), ""),
                records.get((sc["name"], v["kind"], v["variant"]), ""), directory)
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
