# SPDX-License-Identifier: GPL-2.0-only
"""The selftests in one guest, as a document: each test's results and duration, and
what the module's own runs came to, as far as the tests told it.

A test tells a run when it unloads the module (selftests/lib.sh: tell).  A scenario
that broke its promises on purpose is not among them, and what a guest that died did
not come to tell is read from its console.  A race that this kernel is not known for
fails, whatever the test itself says of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import bounds, codes, console, ktap, ledger, results, torture
from .table import align

_RUN = re.compile(r" *# run (?P<scenario>[a-z_]+) (?P<pairs>state=.*) parameters:(?P<given>.*)")
_VARIANT = re.compile(r" *# run variant (?P<rest>.*)")
_NUMBERS = re.compile(r"(?:(?:-|\d+)/){3}(?:-|\d+)")
_TOOK = re.compile(r"# (?P<test>\S+): (?P<seconds>\d+) s")
_SLOWEST = 10


def _number(text: str, none: int = 0) -> int:
    return int(text) if text.isdigit() else none


@dataclass
class Told:
    """What a stream of the selftests says beside its results."""

    seconds: dict[str, int] = field(default_factory=dict)
    runs: list[torture.Driver] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)      # of each run
    bad: list[str] = field(default_factory=list)

    def line(self, line: str, begun: str) -> bool:
        """Take a line that is one of these; is it?"""
        took = _TOOK.fullmatch(line)
        if took and took["test"] == begun:
            self.seconds[begun] = int(took["seconds"])
            return True
        run = _RUN.fullmatch(line)
        variant = _VARIANT.fullmatch(line)
        if run:
            self._run(run, begun)
        elif variant:
            # It is of the run of its scenario that was told last.
            found = torture.read_driver(["variant " + variant["rest"]]).variants
            run_of = next((driver for driver in reversed(self.runs)
                           if found and found[0].scenario in driver.states), None)
            if run_of:
                run_of.variants += found
            else:
                self.bad.append(line.strip())
        elif re.match(r" *# run [a-z_]+ state=", line):
            self.bad.append(line.strip())
        return bool(run or variant)

    def _run(self, match: re.Match[str], begun: str) -> None:
        values: dict[str, int] = {}
        row = "0"
        for pair in match["pairs"].split():
            key, _, text = pair.partition("=")
            if key == "seconds":
                row = text
            elif _NUMBERS.fullmatch(text):
                for what, number in zip(("looks", "exposure", "met", "race"), text.split("/")):
                    if number != "-":
                        values[f"{what}_{key}"] = int(number)
            elif key != "state":
                values[key] = _number(text)
        name = match["scenario"]
        driver = torture.Driver(verdict="told", states={name: "done"}, values={name: values},
                                summary=[f"{name} done {row} -"], has_variants=True)
        # One load tells its scenarios one after the other, and then their variants.
        last = self.runs[-1] if self.runs else None
        if (last and not last.variants and name not in last.states
                and self.tests[-1] == begun):
            last.states.update(driver.states)
            last.values.update(driver.values)
            last.summary += driver.summary
        else:
            self.runs.append(driver)
            self.tests.append(begun)


def _unknown(sc: dict[str, Any]) -> list[str]:
    return [f"{sc['name']}/{v['kind']}: {v['count']} of a race that is not known: "
            f"{v['detail'] or 'no record of it is left'}"
            for v in sc["variants"] if not v["known"]]


def unknown(told: Told, known: ledger.Ledger) -> list[tuple[str, str]]:
    """The races that no line of the ledger lists for this kernel, and during which test."""
    return [(test, text) for test, driver in zip(told.tests, told.runs) for name in driver.states
            for text in _unknown(torture.judge_scenario(known, driver, (), name, False))]


def tests(kept: Iterable[ktap.Result], seconds: dict[str, int]) -> list[dict[str, Any]]:
    """Each test with its duration (-1: not told) and its results by outcome."""
    found: dict[str, dict[str, Any]] = {}
    words = {"ok": "passed", "fail": "failed", "skip": "skipped", "xfail": "expected"}
    for result in kept:
        during = re.fullmatch(r"console during (\S+)", result.path[0])
        name = during[1] if during else result.path[0]
        test = found.setdefault(name, {
            "name": name, "seconds": seconds.get(name, -1), "passed": 0, "failed": 0,
            "skipped": 0, "expected": 0, "why": []})
        test[words[result.outcome]] += 1
        if result.outcome != "ok":
            rest = result.name if during else ": ".join(result.path[1:])
            test["why"].append(": ".join(filter(None, (words[result.outcome], rest, result.why))))
    return list(found.values())


def lost_races(lines: Sequence[str]) -> list[console.Race]:
    """What the console of a guest that died has of the module's last run, unless that
    run broke promises on purpose."""
    last: list[str] = []
    for line in lines:
        if console.started([line]) is not None:
            last = [line]
        elif last:
            last.append(line)
    if not last or " busted=none " not in last[0] + " ":
        return []
    return list(console.races(last))


def _scenarios(told: Told, lost: Sequence[console.Race],
               known: ledger.Ledger) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    todo: list[tuple[torture.Driver, str, Sequence[console.Race]]] = [
        (driver, name, ()) for driver in told.runs for name in driver.states]
    todo += [(torture.Driver(), name, lost)
             for name in dict.fromkeys(race.scenario for race in lost)]
    for driver, name, logged in todo:
        sc = torture.judge_scenario(known, driver, logged, name, False)
        total = sums.get(name)
        if total is None:
            sums[name] = dict(sc, incomplete=[], why="")
            continue
        for key in ("runs", "seconds", "ops", "exposure", "races"):
            total[key] += sc[key]
        for kind, numbers in sc["kinds"].items():
            torture.add_looks(total["kinds"].setdefault(kind, torture.no_looks()), numbers)
        for v in sc["variants"]:
            same = [w for w in total["variants"]
                    if (w["kind"], w["variant"]) == (v["kind"], v["variant"])]
            if same:
                same[0]["count"] += v["count"]
            else:
                total["variants"].append(v)
        total["first_race_ms"] = total["first_race_ms"] or sc["first_race_ms"]
    for total in sums.values():
        if any(not v["known"] for v in total["variants"]):
            total["verdict"] = "FAILURE"
        elif not total["exposure"]:
            # A test need not run long enough for that.
            total["incomplete"] = ["no look overlapped a modification"]
            total["why"], total["verdict"] = total["incomplete"][0], "INCOMPLETE"
        else:
            total["verdict"] = "KNOWN" if total["variants"] else "SUCCESS"
    return list(sums.values())


@dataclass
class Guest:
    """One guest of scripts/check."""

    directory: Path
    kernel: dict[str, Any]
    ledger: ledger.Ledger
    parameters: dict[str, str]
    identity: dict[str, Any]
    started: str


def judge(guest: Guest, kept: Sequence[ktap.Result], told: Told,
          allow: Sequence[str]) -> dict[str, Any]:
    """The document of a guest."""
    status = torture.read_status(guest.directory)
    outcome = status.get("outcome") or "lost"
    lines = torture.last_console(guest.directory)
    complaints = [t.line for t in console.trouble(lines, allow)]
    lost = [] if outcome in ("ok", "dirty") else lost_races(lines)
    scenarios = _scenarios(told, lost, guest.ledger)
    bounds.add(scenarios)
    reasons = []
    found = []
    for sc in scenarios:
        for text in _unknown(sc):
            found.append(codes.RACE)
            reasons.append(text)
    if complaints or torture.guest_code(outcome, status.get("qemu", ""), []) == codes.KERNEL:
        # What a test allows on the console makes a guest dirty, and no trouble.
        if complaints or outcome != "dirty":
            found.append(codes.KERNEL)
            reasons.append(f"the guest: {outcome}: {status.get('line', '')}".rstrip(": "))
    elif outcome not in ("ok", "dirty"):
        found.append(codes.BROKEN)
        reasons.append(f"the guest: {outcome}: {status.get('line', '')}".rstrip(": "))
    rows = tests(kept, told.seconds)
    for test in rows:
        if test["failed"]:
            found.append(codes.BROKEN)
            reasons.append(f"{test['name']}: {test['failed']} failed")
    for line in told.bad:
        found.append(codes.BROKEN)
        reasons.append(f"what a run came to cannot be read: {line}")
    n = {word: sum(test[word] for test in rows)
         for word in ("passed", "failed", "skipped", "expected")}
    if not found:
        found.append(codes.OK if n["passed"] or n["expected"] else codes.SKIP)
    rc = status.get("rc", "")
    return {
        "schema": results.SCHEMA, "tool": "check", "started": guest.started,
        "seconds": sum(test["seconds"] for test in rows if test["seconds"] > 0),
        "code": codes.worst(found), "reasons": reasons, "kernel": guest.kernel,
        "identity": {**guest.identity, "seed": "", "accel": status.get("accel", "")},
        "parameters": guest.parameters,
        "guest": {"outcome": outcome, "code": int(rc) if rc.isdigit() else -1,
                  "retries": int(status.get("retries") or 0), "line": status.get("line", "")},
        "verdict": ", ".join(f"{number} {word}" for word, number in n.items()),
        "unload_ms": -1, "scenarios": scenarios, "coverage": [],
        "console": {"trouble": complaints, "user": [], "unknown": []},
        "known_not_seen": [], "tests": rows,
    }


def slowest(times: Iterable[tuple[int, str, str]]) -> list[str]:
    """The lines that name the slowest of (seconds, kernel, test)."""
    worst = sorted(times, key=lambda t: (-t[0], t[1], t[2]))[:_SLOWEST]
    if not worst:
        return []
    rows = [[f"{seconds} s", kernel, test] for seconds, kernel, test in worst]
    return ["the slowest tests:", *("  " + line for line in align(rows, {0}))]


def last_times(runs: Path) -> dict[str, tuple[int, str]]:
    """How long each test took when it was run last, and on which kernel."""
    found: dict[str, tuple[str, int, str]] = {}
    for path in runs.glob("*/results.json"):
        try:
            doc = results.load(path.parent)
        except (OSError, ValueError):
            continue        # of another schema, or being removed
        if doc["tool"] != "check":
            continue
        for test in doc["tests"]:
            if test["seconds"] >= 0 and doc["started"] >= found.get(test["name"], ("",))[0]:
                found[test["name"]] = (doc["started"], test["seconds"], doc["kernel"]["name"])
    return {name: (seconds, kernel) for name, (_, seconds, kernel) in found.items()}


def listing(lines: Iterable[str], times: dict[str, tuple[int, str]]) -> list[str]:
    """What `selftests/run --list` says, for people."""
    rows = [["test", "limit s", "last s", "kernel", "guest", "description"]]
    needs = ("smp", "mem", "append", "expect-panic", "tool", "console")
    for line in lines:
        limit, name, how, *rest = line.rstrip("\n").split("\t")
        if len(rest) != len(needs) + 1:
            raise ValueError(f"selftests/run --list says '{line.rstrip()}'")
        wants = [f"{need}={value}" for need, value in zip(needs, rest)
                 if value != "-" and need in ("smp", "mem", "tool")]
        wants += [need for need, value in zip(needs, rest)
                  if value != "-" and need in ("append", "expect-panic", "console")]
        seconds, kernel = times.get(name, (-1, "-"))
        rows.append([name, limit, str(seconds) if seconds >= 0 else "-", kernel,
                     " ".join([how, *wants]), rest[-1]])
    return align(rows, {1, 2})
