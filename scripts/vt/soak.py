# SPDX-License-Identifier: GPL-2.0-only
"""A soak of one kernel: turns of the module, added up, and the machine at rest.

guest-run prints, for each turn, its parameters, what debugfs held, and
the memory at rest after it.  By how much the median of the last third of the turns
is above that of the first third, once every scenario ran once, says what leaks: a
leak grows with the turns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import bounds, codes, console, ledger, results, torture
from .table import minutes


@dataclass
class Turn:
    """One load of the module, and what it said."""

    number: int
    parameters: str
    lines: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def wanted(self) -> list[str]:
        match = re.search(r"(?:^| )scenarios=(\S+)", self.parameters)
        return match[1].split(",") if match else []

    @property
    def seconds(self) -> int:
        match = re.search(r"(?:^| )duration=(\d+)", self.parameters)
        return int(match[1]) if match else 0


@dataclass
class Sum:
    """A scenario over all its turns."""

    turns: int = 0
    seconds: int = 0
    ops: int = 0
    exposure: int = 0
    skipped: str = ""
    first_race_ms: int = 0
    kinds: dict[str, dict[str, int]] = field(default_factory=dict)
    # By kind and whether it is known: races, turns, the first of these.
    races: dict[tuple[str, bool], list[int]] = field(default_factory=dict)
    variants: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)


@dataclass
class Soak:
    """All of it."""

    turns: list[Turn] = field(default_factory=list)
    rest: dict[str, dict[int, int]] = field(default_factory=dict)
    sums: dict[str, Sum] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def repeat(self, number: int) -> str:
        """The insmod that repeats a turn."""
        for turn in self.turns:
            if turn.number == number:
                return f"insmod vma_torture.ko {turn.parameters}"
        return "insmod vma_torture.ko"


def read(lines: Iterable[str]) -> Soak:
    """What guest-run printed."""
    soak = Soak()
    turn: Turn | None = None
    for line in lines:
        line = line.rstrip("\n")
        word, _, rest = line.partition(" ")
        parts = rest.split()
        if word == "turn" and parts and parts[0].isdigit():
            turn = Turn(int(parts[0]), rest.partition(" ")[2])
            soak.turns.append(turn)
        elif word == "ended" and turn and len(parts) == 2:
            turn.code = int(parts[1]) if parts[1].isdigit() else -1
        elif word == "rest" and len(parts) == 3 and parts[2].lstrip("-").isdigit():
            soak.rest.setdefault(parts[1], {})[int(parts[0])] = int(parts[2])
        elif word == "error":
            soak.errors.append(f"turn {turn.number if turn else 0}: {rest}")
        elif turn:
            turn.lines.append(line)
    return soak


def _add_turn(soak: Soak, turn: Turn, known: ledger.Ledger) -> None:
    driver = torture.read_driver(turn.lines)
    verdict = driver.verdict or "none"
    if turn.code is not None:
        soak.verdicts[verdict] = soak.verdicts.get(verdict, 0) + 1
    leaks = [text for text in driver.leaks if text.startswith("unreferenced")]
    if leaks:
        soak.trouble.append(f"turn {turn.number}: kmemleak: {leaks[0]}")
    for name in driver.states:
        if name not in turn.wanted:
            continue
        sc = torture.judge_scenario(known, driver, [], name, True)
        total = soak.sums.setdefault(name, Sum())
        if sc["verdict"] == "SKIP":
            total.skipped = sc["why"]
            continue
        total.turns += 1
        total.seconds += turn.seconds
        total.ops += sc["ops"]
        total.exposure += sc["exposure"]
        for kind, numbers in sc["kinds"].items():
            into = total.kinds.setdefault(kind, torture.no_looks())
            torture.add_looks(into, numbers)
        kinds: dict[tuple[str, bool], int] = {}
        for v in sc["variants"]:
            key = (v["kind"], v["known"])
            kinds[key] = kinds.get(key, 0) + v["count"]
            first = total.variants.setdefault((v["kind"], v["variant"]), dict(v, count=0))
            first["count"] += v["count"]
        for key, number in kinds.items():
            seen = total.races.setdefault(key, [0, 0, turn.number])
            seen[0] += number
            seen[1] += 1


def drift(soak: Soak) -> list[tuple[str, int, int]]:
    """What is at rest, by how much it is up, and how much may be: half an object a
    turn and the slabs that CPUs hold, or 4 MB where others have a part in it."""
    turns = len(soak.turns)
    begin = len(soak.sums) + 3      # once around, so that what is kept is there
    third = (turns - begin + 1) // 3
    if third < 2:
        return []

    def median(name: str, first: int, last: int) -> int:
        values = sorted(v for n, v in soak.rest[name].items() if first <= n <= last)
        return values[len(values) // 2] if values else 0

    found = []
    for name in soak.rest:
        if name.startswith("="):
            continue
        up = median(name, turns - third + 1, turns) - median(name, begin, begin + third - 1)
        wide = name == "used" or name[0].isupper()
        found.append((name, up, 4096 if wide else 64 + (turns - begin + 1) // 3))
    return found


def judge(directory: Path, kernel: dict[str, Any], known: ledger.Ledger, strict: bool,
          seconds: int, parameters: dict[str, str], identity: dict[str, Any],
          started: str) -> tuple[dict[str, Any], list[list[str]], list[str]]:
    """The document, the rows of the table, and the notes below it."""
    name = str(kernel["name"])
    status = torture.read_status(directory)
    outcome = status.get("outcome") or "lost"
    try:
        output = (directory / "output").read_text("utf-8", "replace").splitlines()
    except OSError:
        output = []
    soak = read(output)
    lines = torture.consoles(directory)
    notes: list[str] = []
    reasons: list[str] = []
    found = codes.OK

    def because(code: int, why: str, *more: str) -> None:
        nonlocal found
        found = code if found == codes.OK else codes.worst((found, code))
        reasons.append(why)
        notes.append(f"{name}: {why}" if not why.startswith(name) else why)
        notes.extend(f"{name}: {text}" for text in more)

    for turn in soak.turns:
        _add_turn(soak, turn, known)
        if turn.code:
            # Its error has been said, or it has said none.
            if not any(e.startswith(f"turn {turn.number}: ") for e in soak.errors):
                soak.errors.append(f"turn {turn.number}: it ended with {turn.code}")
    for rest, values in soak.rest.items():
        if rest.startswith("="):
            for number, value in values.items():
                if value != values.get(0):
                    soak.trouble.append(f"after turn {number} {rest[1:]} is {value}, "
                                        f"was {values.get(0)}")
                    break

    # Races that the guest did not come to tell.
    told = {(n, kind) for n, total in soak.sums.items() for kind, _ in total.races}
    for race in console.races(lines):
        if (race.scenario, race.kind) in told:
            continue
        why = known.why(race.scenario, race.kind, race.detail)
        total = soak.sums.setdefault(race.scenario, Sum(turns=1))
        seen = total.races.setdefault((race.kind, why is not None),
                                      [0, 1, soak.turns[-1].number if soak.turns else 0])
        seen[0] += 1
        variant = torture.Variant(race.scenario, race.kind, race.variant, 0, race.detail)
        total.variants.setdefault((race.kind, race.variant),
                                  torture.describe(variant, why))["count"] += 1

    rows = []
    scenarios = []
    for sc, total in soak.sums.items():
        if not total.turns:
            rows.append([name, sc, "0", "-", "-", "-", "-", "-", f"SKIP: {total.skipped}"])
            verdict = "SKIP"
        else:
            text = []
            sums = {True: 0, False: 0}
            for (kind, is_known), (number, turns, first) in total.races.items():
                sums[is_known] += number
                text.append(f"{kind} {number} in {turns} turns{' KNOWN' if is_known else ''}")
                if not is_known:
                    because(codes.RACE, f"{sc}/{kind}: {number} of a race that is not known",
                            f"{sc}/{kind}: first in turn {first}: {soak.repeat(first)}")
                elif strict:
                    because(codes.RACE, f"{sc}/{kind}: known, and all count")
            verdict = "FAILURE" if sums[False] else "KNOWN" if sums[True] else "SUCCESS"
            if outcome in ("ok", "dirty") and (not total.ops or not total.exposure):
                because(codes.BROKEN, f"{sc} never looked at anything")
                text.append("never looked at anything")
                total.incomplete.append("it never looked at anything")
                verdict = "INCOMPLETE" if verdict != "FAILURE" else verdict
            rows.append([name, sc, str(total.turns), minutes(total.seconds), str(total.ops),
                         str(total.exposure), str(sums[False]), str(sums[True]),
                         ", ".join(text) or "-"])
        scenarios.append({
            "name": sc, "state": "skipped" if verdict == "SKIP" else "done", "verdict": verdict,
            "why": total.skipped if verdict == "SKIP" else "; ".join(total.incomplete),
            "runs": total.turns, "seconds": total.seconds, "ops": total.ops,
            "exposure": total.exposure,
            "races": sum(v["count"] for v in total.variants.values()), "first_race_ms": 0,
            "incomplete": total.incomplete, "absent": {}, "kinds": total.kinds,
            "variants": list(total.variants.values()), "counters": {"turns": total.turns}})
        notes += dict.fromkeys(f"{name} {sc}/{v['kind']}: KNOWN: {v['why']}"
                               for v in total.variants.values() if v["known"])

    bounds.add(scenarios)

    for text in soak.trouble:
        because(codes.KERNEL, text)
    said = []
    for rest, up, limit in drift(soak):
        said.append(f"{rest} {up:+d}")
        if up > limit:
            because(codes.KERNEL, f"{rest} at rest is up by {up}, with the turns; "
                    f"allowed are {limit}")
    for text in soak.errors:
        because(codes.BROKEN, text)
    complaints = list(console.trouble(lines))
    seen_turns: set[str] = set()
    for trouble in complaints:
        number = re.sub(r"^turn-|:$", "", trouble.test)
        if number in seen_turns:
            continue
        seen_turns.add(number)
        more = [f"turn {number}: {soak.repeat(int(number))}"] if number.isdigit() else []
        because(codes.KERNEL, f"turn {number}: the console has trouble: {trouble.line}", *more)
    user = console.user_trouble(lines)
    for text in user:
        because(codes.KERNEL, f"the guest's commands: {text}")
    odd = console.unknown(lines)
    for text in odd:
        because(codes.BROKEN, f"console, and no list knows it: {text}")
    rc = status.get("rc", "")
    if outcome == "ok":
        if rc != "0" and not soak.errors:
            because(codes.BROKEN, f"the guest's driver ended with {rc or 'nothing'}")
        if soak.turns and soak.turns[-1].code is None:
            because(codes.BROKEN, f"turn {soak.turns[-1].number} never ended")
    elif outcome != "dirty" or not complaints:
        code = torture.guest_code(outcome, status.get("qemu", ""), lines)
        where = f" in turn {soak.turns[-1].number}" if soak.turns else ""
        more = ([f"turn {soak.turns[-1].number}: {soak.repeat(soak.turns[-1].number)}"]
                if soak.turns else [])
        because(code, f"the guest {outcome}{where}: {status.get('line', '')}", *more)
    if not soak.turns:
        because(codes.BROKEN, "no turn was run")
    elif found == codes.OK and all(not t.turns for t in soak.sums.values()):
        because(codes.SKIP, "nothing could be tested")
    verdicts = ", ".join(f"{n} {word}" for word, n in soak.verdicts.items())
    notes.append(f"{name} ({kernel['version']}): {len(soak.turns)} turns, "
                 f"{minutes(sum(t.seconds for t in soak.turns))} minutes: {verdicts}")
    notes.append(f"{name} at rest, the last third of the turns less the first: "
                 f"{', '.join(said) or 'too few turns to say'}")
    ran = [n for n, t in soak.sums.items() if t.turns]
    missing = [f"{e}: {e.why}" for e in known.not_seen(ran)] if outcome == "ok" else []
    notes += [f"{name}: known, and not seen: {text}" for text in missing]
    doc = {
        "schema": results.SCHEMA, "tool": "soak", "started": started,
        "seconds": sum(t.seconds for t in soak.turns), "code": found, "reasons": reasons,
        "kernel": kernel, "identity": {**identity, "seed": parameters.get("seed", ""),
                                       "accel": status.get("accel", "")},
        "parameters": parameters,
        "guest": {"outcome": outcome, "code": int(rc) if rc.isdigit() else -1,
                  "retries": int(status.get("retries") or 0), "line": status.get("line", "")},
        "verdict": verdicts or "none", "unload_ms": -1, "scenarios": scenarios, "coverage": [],
        "console": {"trouble": [t.line for t in complaints], "user": user, "unknown": odd},
        "known_not_seen": missing, "tests": [],
    }
    notes += bounds.summary(doc)
    return doc, rows, list(dict.fromkeys(notes))


HEAD = ["kernel", "scenario", "turns", "minutes", "operations", "exposure", "unknown", "known",
        "by kind"]


def says(code: int) -> str:
    """The last line."""
    return {codes.OK: "SUCCESS: no race, or only known ones",
            codes.RACE: "FAILURE: a race that is not known",
            codes.KERNEL: "FAILURE: the kernel oopsed, hung or complained",
            codes.BROKEN: "INCOMPLETE: something failed, or a scenario never looked",
            codes.SKIP: "SKIP: nothing could be tested"}[code]

