# SPDX-License-Identifier: GPL-2.0-only
"""A mutant: was it killed, and by what?

The score is of mutants that an oracle killed which their own file names.  Another
oracle, a thread that made no progress, the kernel's own console and a guest that
hangs or dies are told apart: they show that something is wrong, not that the
oracle that is there for it works.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import console, torture


@dataclass(frozen=True)
class Fate:
    """`word` is yes (by an oracle that is named), other, stall, console, hang, no or
    broken (the harness failed)."""

    word: str
    by: str = "-"
    after: str = "-"
    remark: str = ""


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
    return Fate(
        f"{len(kills)} of {len(fates)}",
        ", ".join(by for by, _ in Counter(f.by for f in kills).most_common()) or "-",
        f"{statistics.median(int(f.after) for f in kills):.0f}" if kills else "-",
        "; ".join(f"{what} (once)" if n == 1 else f"{what} ({n} times)"
                  for what, n in (others + told).most_common()))
