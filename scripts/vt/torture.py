# SPDX-License-Identifier: GPL-2.0-only
"""One run of the module in one guest: what was seen, and what that means.

What guest-run prints, what scripts/vm says became of the guest, and the
console, are put together with the ledger of known races into one document
(results.py).  Its code is the first that applies: an unknown race, whatever came
after; a kernel that oopsed, hung or complained; a harness that failed, or a
verdict that was not earned; nothing to test; else all is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import bounds, codes, console, ledger, results
from .table import align

_VARIANT = re.compile(
    r"scenario=(?P<scenario>\S+) kind=(?P<kind>\S+) variant=(?P<variant>\S+) "
    r"races=(?P<races>\d+) seq=(?P<seq>\d+)(?: during=(?P<during>\S+))? "
    r'detail="(?P<detail>[^"]*)"')
_RECORD = re.compile(
    r"seq=(?P<seq>\d+) .*\bscenario=(?P<scenario>\S+) kind=(?P<kind>\S+) .*"
    r'detail="(?P<detail>[^"]*)"')
_OTHER = re.compile(r"  other: cpu=(?P<cpu>-?\d+) pid=(?P<pid>\d+) comm=(?P<comm>.*) "
                    r"after_ns=(?P<after_ns>\d+)(?: rounds=(?P<rounds>-?\d+))?")
_DID = re.compile(r"  did: what=(?P<what>\S+) start=(?P<start>0x[0-9a-f]+) "
                  r"end=(?P<end>0x[0-9a-f]+) begun_ns=(?P<begun>-?\d+)"
                  r"(?: ended_ns=(?P<ended>-?\d+))?(?: ret=(?P<ret>-?\d+))?")
_NOTE = re.compile(r"(?P<scenario>[a-z_]+): (?P<what>incomplete): (?P<why>.*)")

_COUNTER = re.compile(r"ops|exposure|races|first_race_ms|(?:race|looks|exposure|met)_[a-z_]+")
_ROW = re.compile(r"(?P<scenario>[a-z_]+) +(?:running|done|stopped) +(?P<seconds>\d+) ")

# A run of fewer seconds may end before its clock is seen to go on.
_MIN_SECONDS = 5


@dataclass
class Variant:
    """All races of one variant, and its first record, as it was printed and read."""

    scenario: str
    kind: str
    variant: str
    count: int
    detail: str
    during: str = ""
    seq: int = 0
    record: str = ""
    stack: list[str] = field(default_factory=list)
    did: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Driver:
    """What guest-run printed."""

    verdict: str = ""
    states: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    coverage: list[str] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    has_variants: bool = False
    errors: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    progress: list[int] = field(default_factory=list)
    unload_ms: int = -1
    unread: int = 0

    @property
    def seed(self) -> str:
        for line in self.summary:
            match = re.search(r"\bseed (\d+)", line)
            if match:
                return match[1]
        return ""

    def seconds(self, scenario: str) -> int:
        """How long it ran, by the module's own table; -1: it does not say."""
        for line in self.summary:
            match = _ROW.match(line)
            if match and match["scenario"] == scenario:
                return int(match["seconds"])
        return -1


def read_driver(lines: Iterable[str]) -> Driver:
    """Parse guest-run's records."""
    driver = Driver()
    records: dict[int, str] = {}
    stacks: dict[int, list[str]] = {}
    others: dict[int, list[dict[str, Any]]] = {}
    dids: dict[int, list[dict[str, Any]]] = {}
    did: list[dict[str, Any]] = []
    at = 0
    frames: list[str] = []
    for line in lines:
        word, _, rest = line.rstrip("\n").partition(" ")
        parts = rest.split()
        if word == "verdict" and parts:
            driver.verdict = parts[0]
        elif word == "state" and parts:
            driver.states[parts[0]] = rest.partition(" ")[2]
            driver.values.setdefault(parts[0], {})
        elif word == "value":
            if len(parts) == 3 and parts[2].isdigit():
                driver.values.setdefault(parts[0], {})[parts[1]] = int(parts[2])
            elif len(parts) == 2 and _COUNTER.fullmatch(parts[1]):
                # The guest's shell could not read it: a histogram may be empty.
                driver.unread += 1
        elif word == "summary":
            driver.summary.append(rest)
        elif word == "coverage":
            driver.coverage.append(rest)
        elif word == "variant":
            driver.has_variants = True
            match = _VARIANT.fullmatch(rest)
            if match:
                driver.variants.append(Variant(
                    match["scenario"], match["kind"], match["variant"], int(match["races"]),
                    match["detail"], match["during"] or "", int(match["seq"])))
        elif word == "race":
            if match := _RECORD.match(rest):
                at = int(match["seq"])
                records[at] = rest
                frames = stacks.setdefault(at, [])
                did = dids.setdefault(at, [])
            elif other := _OTHER.match(rest):
                frames, did = [], []
                others.setdefault(at, []).append(
                    {"cpu": int(other["cpu"]), "pid": int(other["pid"]),
                     "comm": other["comm"], "after_ns": int(other["after_ns"]),
                     "rounds": int(other["rounds"] or -1), "did": did,
                     "stack": frames})
            elif step := _DID.match(rest):
                did.append(
                    {"what": step["what"], "start": step["start"], "end": step["end"],
                     "begun_ns": int(step["begun"]),
                     "ended_ns": int(step["ended"]) if step["ended"] else None,
                     "ret": int(step["ret"]) if step["ret"] else None})
            elif rest.startswith("    "):
                frames.append(rest.strip())
        elif word == "progress" and parts:
            driver.progress.append(int(parts[0]) if parts[0].lstrip("-").isdigit() else -1)
        elif word == "unload" and rest.isdigit():
            driver.unload_ms = int(rest)
        elif word == "error":
            driver.errors.append(rest)
        elif word == "leak":
            driver.leaks.append(rest)
    for variant in driver.variants:
        variant.record = records.get(variant.seq, "")
        variant.stack = stacks.get(variant.seq, [])
        variant.did = dids.get(variant.seq, [])
        variant.others = others.get(variant.seq, [])
    return driver


@dataclass
class Run:
    """What is to be judged."""

    directory: Path
    kernel: dict[str, Any]
    ledger: ledger.Ledger
    strict: bool
    duration: int
    scenarios: list[str]            # those asked for; none: all
    parameters: dict[str, str]
    identity: dict[str, Any]
    started: str
    tool: str = "torture"


def read_status(directory: Path) -> dict[str, str]:
    """What scripts/vm left about the guest."""
    try:
        text = (directory / "status").read_text("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, _, value in pairs}


def last_console(directory: Path) -> list[str]:
    """What was said on the console of the boot that counts."""
    path = directory / "console.log"
    return console.read(path) if path.exists() else []


def consoles(directory: Path) -> list[str]:
    """All that was said on consoles, those of boots that were repeated first."""
    lines: list[str] = []
    for path in sorted(directory.glob("console.log.*")):
        lines += console.read(path)
    return lines + last_console(directory)


def _incomplete(driver: Driver, scenario: str) -> list[str]:
    why = []
    for line in driver.summary:
        match = _NOTE.match(line)
        if match and match["scenario"] == scenario:
            why.append(match["why"])
    return why


def _absent(driver: Driver, scenario: str) -> dict[str, str]:
    absent = {}
    for line in driver.summary:
        match = re.match(r"([a-z_]+): no oracle for ([a-z_]+): (.*)", line)
        if match and match[1] == scenario:
            absent[match[2]] = match[3]
    return absent


def _variants_of(driver: Driver, logged: Sequence[console.Race], scenario: str,
                 races: dict[str, int]) -> list[Variant]:
    """The variants of a scenario; of kinds that have races and no variant, one without."""
    found = [v for v in driver.variants if v.scenario == scenario and v.count]
    kinds: dict[str, int] = {}
    for variant in found:
        kinds[variant.kind] = kinds.get(variant.kind, 0) + variant.count
    # From the console what the guest did not come to tell: never more than it has.
    spoken: dict[tuple[str, str], Variant] = {}
    for race in logged:
        if race.scenario != scenario or race.kind in kinds:
            continue
        key = (race.kind, race.variant or re.sub(r"\w*\d\w*", "#", race.detail))
        if key in spoken:
            spoken[key].count += 1
        else:
            spoken[key] = Variant(scenario, race.kind, race.variant, 1, race.detail)
    for variant in spoken.values():
        kinds[variant.kind] = kinds.get(variant.kind, 0) + variant.count
    found += spoken.values()
    for kind, number in races.items():
        missing = number - kinds.get(kind, 0)
        if missing > 0 and (driver.has_variants or kind not in kinds):
            found.append(Variant(scenario, kind, "", missing, ""))
        elif missing > 0:
            # An incomplete log: the first of each variant is in it, the sum is known.
            first = next(v for v in found if v.kind == kind)
            first.count += missing
    return found


def describe(v: Variant, why: str | None) -> dict[str, Any]:
    """A variant in results.json, with why it is known, or None."""
    return {"kind": v.kind, "variant": v.variant, "count": v.count, "known": why is not None,
            "why": why or "", "detail": v.detail, "during": v.during, "stack": v.stack,
            "did": v.did, "others": v.others}


def no_looks() -> dict[str, int]:
    """An oracle's numbers before anything is added to them."""
    return {"looks": 0, "exposure": 0, "met": -1, "races": 0}


def add_looks(into: dict[str, int], numbers: dict[str, int]) -> None:
    """Add one run's; of what no run told the sum is not known either."""
    for key, number in numbers.items():
        if number >= 0:
            into[key] = max(into[key], 0) + number


def judge_scenario(known: ledger.Ledger, driver: Driver, logged: Sequence[console.Race],
                   name: str, alive: bool) -> dict[str, Any]:
    """One scenario of a run."""
    values = driver.values.get(name, {})
    state = driver.states.get(name, "lost")
    races = {key[5:]: n for key, n in values.items() if key.startswith("race_")}
    kinds = {kind: {"looks": values.get(f"looks_{kind}", 0),
                    "exposure": values.get(f"exposure_{kind}", 0),
                    "met": values.get(f"met_{kind}", -1), "races": n}
             for kind, n in races.items()}
    variants = [describe(v, known.why(name, v.kind, v.detail))
                for v in _variants_of(driver, logged, name, races)]
    incomplete = _incomplete(driver, name)
    skipped = state.startswith("skipped")
    if not skipped and name in driver.states:
        if not values.get("ops"):
            incomplete.append("it did nothing")
        elif not values.get("exposure"):
            incomplete.append("no look overlapped a modification")
        if state not in ("done", "stopped"):
            incomplete.append(f"it is {state}")
    elif name not in driver.states and alive:
        incomplete.append("the module has no such scenario")
    total = sum(v["count"] for v in variants)
    if any(not v["known"] for v in variants):
        verdict = "FAILURE"
    elif skipped:
        verdict = "SKIP"
    elif incomplete:
        verdict = "INCOMPLETE"
    elif name not in driver.states:
        verdict = "LOST"
    elif variants:
        verdict = "KNOWN"
    else:
        verdict = "SUCCESS"
    own = {key: n for key, n in values.items()
           if key not in ("ops", "exposure", "races", "first_race_ms")
           and not re.match(r"(race|looks|exposure|met)_", key)}
    return {"name": name, "state": state, "verdict": verdict,
            "why": state.partition(": ")[2] if skipped else "; ".join(incomplete),
            "runs": 0 if skipped else 1, "seconds": max(driver.seconds(name), 0),
            "ops": values.get("ops", 0), "exposure": values.get("exposure", 0),
            "races": total, "first_race_ms": values.get("first_race_ms", 0) if total else 0,
            "incomplete": incomplete, "absent": _absent(driver, name), "kinds": kinds,
            "variants": variants, "counters": own}


def guest_code(outcome: str, qemu: str, lines: Iterable[str]) -> int:
    """What became of a guest, as a code: whose fault was it?"""
    if outcome == "ok":
        return codes.OK
    if outcome in ("dirty", "hung"):
        return codes.KERNEL
    if any(True for _ in console.trouble(lines)):
        return codes.KERNEL
    if outcome == "died" and qemu in ("", "0"):
        return codes.KERNEL
    return codes.BROKEN


def judge(run: Run) -> dict[str, Any]:
    """The whole document of a run."""
    status = read_status(run.directory)
    outcome = status.get("outcome") or "lost"
    try:
        output = (run.directory / "output").read_text("utf-8", "replace").splitlines()
    except OSError:
        output = []
    driver = read_driver(output)
    # A boot is repeated for a fault of the environment, and what such a fault makes a
    # kernel say is none of the kernel's; but a race is one, wherever it was logged.
    lines = last_console(run.directory)
    logged = list(console.races(consoles(run.directory)))
    complaints = [t.line for t in console.trouble(lines)]
    user = console.user_trouble(lines)
    odd = console.unknown(lines) if lines else []
    alive = outcome == "ok" and bool(driver.verdict)
    reasons: list[str] = []
    found = codes.OK

    names = run.scenarios or list(driver.states)
    # What a race was logged of ran, whatever became of the guest.
    names += [n for n in dict.fromkeys(r.scenario for r in logged) if n not in names]
    names += [n for n in dict.fromkeys(v.scenario for v in driver.variants) if n not in names]
    scenarios = [judge_scenario(run.ledger, driver, logged, n, alive) for n in names]
    bounds.add(scenarios)

    def because(code: int, why: str) -> None:
        nonlocal found
        reasons.append(why)
        found = code if found == codes.OK else codes.worst((found, code))

    for sc in scenarios:
        for v in sc["variants"]:
            if not v["known"]:
                because(codes.RACE, f"{sc['name']}/{v['kind']}: {v['count']} of a race that is "
                        f"not known: {v['detail'] or 'no record of it is left'}")
            elif run.strict:
                because(codes.RACE, f"{sc['name']}/{v['kind']}: known, and all count")
    code = guest_code(outcome, status.get("qemu", ""), lines)
    if code:
        because(code, f"the guest: {outcome}: {status.get('line', '')}".rstrip(": "))
    for line in complaints:
        if line != status.get("line"):
            because(codes.KERNEL, f"console: {line}")
    for line in user:
        because(codes.KERNEL, f"the guest's commands: {line}")
    for line in odd:
        because(codes.BROKEN, f"console, and no list knows it: {line}")
    if driver.leaks:
        because(codes.KERNEL, f"kmemleak: {driver.leaks[0]}")
    for error in driver.errors:
        because(codes.BROKEN, error)
    rc = status.get("rc", "")
    if outcome == "ok" and rc != "0" and not driver.errors:
        because(codes.BROKEN, f"the guest's driver ended with {rc or 'nothing'}")
    if outcome == "ok" and not driver.verdict and not driver.errors:
        because(codes.BROKEN, "the guest's driver read no verdict")
    if driver.unread:
        because(codes.BROKEN, f"the guest's driver could not read {driver.unread} values")
    if (len(driver.progress) > 2 and run.duration >= _MIN_SECONDS
            and max(driver.progress) <= 0):
        because(codes.BROKEN, "the guest's clock stood still: "
                f"{len(driver.progress)} times {driver.progress[-1]} s")
    for sc in scenarios:
        if sc["verdict"] != "SKIP" and sc["incomplete"]:
            because(codes.BROKEN, f"{sc['name']}: INCOMPLETE: {sc['why']}")
    if driver.verdict == "INCOMPLETE" and not any(sc["incomplete"] for sc in scenarios):
        because(codes.BROKEN, "INCOMPLETE: " + (driver.summary[-1] if driver.summary else "?"))
    tested = any(sc["verdict"] not in ("SKIP", "LOST") for sc in scenarios)
    if found == codes.OK and not tested:
        because(codes.SKIP, "nothing could be tested")
    ran = [sc["name"] for sc in scenarios if sc["verdict"] != "SKIP"]
    busted = "busted" in run.parameters
    missing = [f"{e.scenario}/{e.kind} \"{e.pattern.pattern}\" ({e.where}): {e.why}"
               for e in run.ledger.not_seen(ran)] if alive and not busted else []
    return {
        "schema": results.SCHEMA, "tool": run.tool, "started": run.started,
        "seconds": run.duration, "code": found, "reasons": reasons, "kernel": run.kernel,
        "identity": {**run.identity, "seed": run.parameters.get("seed") or driver.seed,
                     "accel": status.get("accel", "")},
        "parameters": run.parameters,
        "guest": {"outcome": outcome, "code": int(rc) if rc.isdigit() else -1,
                  "retries": int(status.get("retries") or 0), "line": status.get("line", "")},
        "verdict": driver.verdict or "none", "unload_ms": driver.unload_ms,
        "scenarios": scenarios, "coverage": driver.coverage,
        "console": {"trouble": complaints, "user": user, "unknown": odd},
        "known_not_seen": missing, "tests": [],
    }


def _kinds(sc: dict[str, Any]) -> str:
    """The races of a scenario by kind, known ones marked so."""
    sums: dict[tuple[str, bool], int] = {}
    for v in sc["variants"]:
        key = (v["kind"], v["known"])
        sums[key] = sums.get(key, 0) + v["count"]
    return ", ".join(f"{kind} {n}{' KNOWN' if known else ''}"
                     for (kind, known), n in sums.items())


def rows(doc: dict[str, Any]) -> list[list[str]]:
    """The rows of a run in the table."""
    kernel = doc["kernel"]["name"]
    table = []
    if doc["guest"]["outcome"] != "ok":
        table.append([kernel, "(guest)", doc["guest"]["outcome"], "-", "-", "-", "-",
                      doc["guest"]["line"]])
    elif doc["guest"]["code"] != 0:
        own = [r for r in doc["reasons"] if not r.startswith("console")]
        table.append([kernel, "(module)", "failed", "-", "-", "-", "-", own[0] if own else ""])
    for sc in doc["scenarios"]:
        if sc["verdict"] == "SKIP":
            table.append([kernel, sc["name"], "SKIP", "-", "-", "-", "-", sc["why"]])
            continue
        what = _kinds(sc)
        if sc["incomplete"]:
            what += (", " if what else "") + "INCOMPLETE: " + sc["why"]
        table.append([kernel, sc["name"], sc["verdict"], str(sc["exposure"]),
                      str(sc["ops"] // max(doc["seconds"], 1)),
                      str(sc["first_race_ms"]) if sc["races"] else "-",
                      str(sc["races"]), what or "-"])
    return table


_WORD = {codes.OK: "no unknown race", codes.RACE: "FAILURE", codes.KERNEL:
         "the kernel complained", codes.BROKEN: "failed, or not earned",
         codes.SKIP: "nothing tested"}


def report(docs: Sequence[dict[str, Any]], places: Sequence[str]) -> tuple[list[str], int]:
    """The table of some runs and what is to be said below it, and the code of all."""
    table = [["kernel", "scenario", "verdict", "exposure", "ops/s", "first race ms", "races",
              "by kind, or why"]]
    for doc in docs:
        table += rows(doc)
    lines = align(table, {3, 4, 5, 6})
    notes: list[str] = []
    for doc in docs:
        name = doc["kernel"]["name"]
        for sc in doc["scenarios"]:
            for v in sc["variants"]:
                if v["known"]:
                    notes.append(f"{name} {sc['name']}/{v['kind']}: KNOWN: {v['why']}")
        notes += [f"{name}: known, and not seen: {text}" for text in doc["known_not_seen"]]
    lines += dict.fromkeys(notes)
    for doc in docs:
        lines += bounds.summary(doc)
    for doc in docs:
        if doc["code"] not in (codes.OK, codes.SKIP):
            lines += [f"{doc['kernel']['name']}: {why}" for why in doc["reasons"]]
    for doc, place in zip(docs, places):
        lines.append(f"{doc['kernel']['name']}: {place} (booted again after a fault of the "
                     f"environment: {doc['guest']['retries']})")
    code = codes.worst(doc["code"] for doc in docs)
    lines.append("; ".join(f"{doc['kernel']['name']}: {says(doc)}" for doc in docs))
    lines.append({codes.OK: "SUCCESS: no race, or only known ones",
                  codes.RACE: "FAILURE: a race that is not known",
                  codes.KERNEL: "FAILURE: the kernel oopsed, hung or complained",
                  codes.BROKEN: "INCOMPLETE: something failed, or a verdict was not earned",
                  codes.SKIP: "SKIP: nothing could be tested"}[code])
    return lines, code


def says(doc: dict[str, Any]) -> str:
    """A run in a word or two."""
    if doc["code"] == codes.OK and any(sc["races"] for sc in doc["scenarios"]):
        return "known races only"
    return _WORD[doc["code"]]


def progress(line: str, known: ledger.Ledger) -> str:
    """A line of progress, as a person is to read it: a known race is no failure.

    guest-run says `progress SECONDS VERDICT SCENARIO:RACES/EXPOSURE[:KIND=N,...]`.
    """
    words = line.split()
    if len(words) < 3:
        return line
    seconds, verdict, rest = words[1], words[2], words[3:]
    unknown = False
    races = 0
    said = []
    for item in rest:
        name, _, numbers = item.partition(":")
        numbers, _, kinds = numbers.partition(":")
        for pair in filter(None, kinds.split(",")):
            kind, _, number = pair.partition("=")
            if number.isdigit() and int(number):
                races += int(number)
                unknown = unknown or not known.may_show(name, kind)
        if not kinds and not numbers.startswith("0/"):
            unknown = True
        said.append(f"{name} {numbers}")
    if verdict == "FAILURE" and races and not unknown:
        verdict = "known races"
    return f"{seconds} s, {verdict.replace('RUNNING', 'running')}, {', '.join(said)}"
