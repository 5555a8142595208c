# SPDX-License-Identifier: GPL-2.0-only
"""A mutant: was it killed, and by what?

The score is of mutants that an oracle killed which their own file names.  Another
oracle, a thread that made no progress, the kernel's own console and a guest that
hangs or dies are told apart: they show that something is wrong, not that the
oracle that is there for it works.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import codes, console, ktap, torture


@dataclass(frozen=True)
class Fate:
    """`word` is yes (by an oracle that is named), other, stall, console, hang, no or
    broken (the harness failed)."""

    word: str
    by: str = "-"
    after: str = "-"
    remark: str = ""

    def line(self) -> str:
        """As scripts/mutation reads it."""
        return "\t".join((self.word, self.by, self.after, self.remark))


def oracles(header: str, scenario: str) -> set[str]:
    """Of a mutant's line `oracle:`, a comma list, as scenario/kind or console."""
    return {name if "/" in name or name == "console" else f"{scenario}/{name}"
            for name in filter(None, re.split(r"[,\s]+", header))}


def _say(line: str) -> str:
    line = re.sub(r"^.*?\[[^]]*\](\[[^]]*\])? ", "", line)
    return re.sub(r" CPU: .*", "", line)[:60]


def judge(directory: Path, named: set[str], deadline_ms: int, log_tail: str = "") -> Fate:
    """What became of the guest in this directory."""
    status = torture.read_status(directory)
    outcome = status.get("outcome", "") or "no guest"
    path = directory / "console.log"
    lines = console.read(path) if path.exists() else []
    if not any(lines):
        return Fate("broken", remark=f"no guest: {log_tail}")
    begun = console.started(lines)
    if begun is None:
        return Fate("broken", remark=f"never came to the test: {outcome}")
    races = [r for r in console.races(lines) if r.ms - begun <= deadline_ms]
    complaints = list(console.trouble(lines))
    first = complaints[0] if complaints else None
    # What is logged after the kernel's own complaint may be its consequence.
    in_time = [r for r in races if first is None or first.ms is None or r.ms <= first.ms]
    then = f"then {_say(first.line)}" if first else ""
    gone = f"the guest {outcome}" if outcome not in ("ok", "dirty") else ""
    own = [r for r in in_time if f"{r.scenario}/{r.kind}" in named]
    if own:
        race = own[0]
        before = in_time[0]
        remark = [] if before is race else [f"after {before.scenario}/{before.kind}"]
        return Fate("yes", f"{race.scenario}/{race.kind}", str(race.ms - begun),
                    ", ".join(filter(None, [*remark, then, gone])))
    if first is not None and "console" in named:
        return Fate("yes", "console", str((first.ms or 0) - begun),
                    ", ".join(filter(None, [_say(first.line), gone])))
    if in_time:
        race = in_time[0]
        return Fate("stall" if race.kind == "stall" else "other",
                    f"{race.scenario}/{race.kind}", str(race.ms - begun),
                    ", ".join(filter(None, [then, gone])))
    if first is not None:
        late = [f"then {r.scenario}/{r.kind}" for r in races[:1]]
        return Fate("console", "console", str((first.ms or 0) - begun),
                    ", ".join(filter(None, [_say(first.line), *late, gone])))
    if outcome in ("died", "hung"):
        return Fate("hang", "guest", remark=gone)
    output = directory / "output"
    driver = torture.read_driver(output.read_text("utf-8", "replace").splitlines()
                                 if output.exists() else [])
    if outcome != "ok" or not driver.verdict:
        return Fate("broken", remark=f"{outcome}: {log_tail}")
    remark = driver.verdict
    if remark != "SUCCESS" and driver.summary:
        remark += f": {driver.summary[-1]}"
    return Fate("no", remark=remark)


def companion(directory: Path, program: str, named: set[str], log_tail: str = "") -> Fate:
    """What a program of selftests/companions made of the guest in this directory.

    Its cases are its oracles, program/case.  They take the time they are given, whatever
    they see, so `after` is not told.
    """
    status = torture.read_status(directory)
    outcome = status.get("outcome", "") or "no guest"
    if outcome in ("no guest", "noboot", "lost"):
        return Fate("broken", remark=f"{outcome}: {log_tail}")
    output, log = directory / "output", directory / "console.log"
    found = ktap.results(output.read_text("utf-8", "replace").splitlines()
                         if output.exists() else [])
    failed = {f"{program}/{r.name}": r for r in found if r.outcome == "fail"}
    complaints = list(console.trouble(console.read(log))) if log.exists() else []
    then = f"then {_say(complaints[0].line)}" if complaints else ""
    gone = f"the guest {outcome}" if outcome not in ("ok", "dirty") else ""
    for name, result in failed.items():
        if name in named:
            return Fate("yes", name, remark=", ".join(filter(None, [result.said, then, gone])))
    if complaints:
        return Fate("yes" if "console" in named else "console", "console",
                    remark=", ".join(filter(None, [_say(complaints[0].line), gone])))
    if gone:
        return Fate("hang", "guest", remark=gone)
    if failed:
        return Fate("other", next(iter(failed)))
    skipped = [r for r in found if r.outcome == "skip" and f"{program}/{r.name}" in named]
    if skipped or not found:
        return Fate("broken", remark=skipped[0].why if skipped else f"no result: {log_tail}")
    return Fate("no", remark="SUCCESS")


def default(directory: Path, named: set[str], code: int, log_tail: str = "") -> Fate:
    """What scripts/torture made of a kernel of one's own, all of whose runs are in there.

    It is killed if that ended with the exit code of an unknown race, and one that is
    named was seen; `after` is of the guest that saw it first: that whose vCPUs run at
    the same time, else the quickest of the deterministic ones, as the remark says.
    """
    races: list[tuple[str, int, str]] = []
    complaints: list[str] = []
    for path in sorted(directory.rglob("*-torture/results.json")):
        doc = json.loads(path.read_text("utf-8"))
        for sc in doc["scenarios"]:
            races += [(f"{sc['name']}/{kind}", int(sc["first_race_ms"]), "")
                      for kind, of in sc["kinds"].items() if of["races"]]
        complaints += doc["console"]["trouble"]
    for path in sorted(directory.rglob("explore-*/explore.json")):
        doc = json.loads(path.read_text("utf-8"))
        for race in doc["races"]:
            races.append((f"{race['scenario']}/{race['kind']}", int(race["first_race_ms"][0]),
                          f"{race['found']} of {race['of']} deterministic seeds"))
        if doc["trouble"]:
            complaints.append(f"in trouble with {len(doc['trouble'])} seeds")
    own = [race for race in races if race[0] in named]
    if code == codes.RACE and own:
        return Fate("yes", own[0][0], str(own[0][1]), own[0][2])
    if "console" in named and complaints and code in (codes.RACE, codes.KERNEL):
        return Fate("yes", "console", remark=_say(complaints[0]))
    said = f"exit code {code}"
    if races:
        first = races[0]
        return Fate("stall" if first[0].endswith("/stall") else "other", first[0], str(first[1]),
                    ", ".join(filter(None, [said, first[2]])))
    if code == codes.KERNEL:
        return Fate("console", "console", remark=_say(complaints[0]) if complaints else said)
    if code == codes.OK:
        return Fate("no", remark="SUCCESS")
    return Fate("broken", remark=f"{said}: {log_tail}")


def seeds(directory: Path, named: set[str], deadline_ms: int, runs: int,
          log_tail: str = "") -> list[Fate]:
    """What became of each of the seeds that scripts/explore keeps in there; those that
    it came to no end of are broken."""
    fates = [judge(seed.parent, named, deadline_ms)
             for seed in sorted(directory.glob("explore-*/seed-*/seed.json"),
                                key=lambda path: int(path.parent.name.partition("-")[2]))]
    return fates + [Fate("broken", remark=log_tail)] * (runs - len(fates))


def enough(killed: int, runs: int) -> bool:
    """Four of five runs: what comes by chance may stay away once."""
    return 5 * killed >= 4 * runs


def together(fates: Sequence[Fate]) -> Fate:
    """What became of one mutant in several runs; `word` is broken if one was.

    `by` and `after`, a median, are of those that killed it; what befell the others is
    in the remark.
    """
    broken = [f for f in fates if f.word == "broken"]
    if broken or not fates:
        return Fate("broken", remark=broken[0].remark if broken else "no run")
    kills = [f for f in fates if f.word == "yes"]
    others = Counter(f"{f.word} {f.by}" if f.by != "-" else f"{f.word} {f.remark}".strip()
                     for f in fates if f.word != "yes")
    told = Counter(f.remark for f in kills if f.remark)
    times = [int(f.after) for f in kills if f.after != "-"]
    return Fate(
        f"{len(kills)} of {len(fates)}",
        ", ".join(by for by, _ in Counter(f.by for f in kills).most_common()) or "-",
        f"{statistics.median(times):.0f}" if times else "-",
        "; ".join(f"{what} (once)" if n == 1 else f"{what} ({n} times)"
                  for what, n in (others + told).most_common()))
