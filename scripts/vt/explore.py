# SPDX-License-Identifier: GPL-2.0-only
"""What the seeds of scripts/explore showed: one by one, and k of N.

    python3 -m vt.explore seed DIR SEED SCENARIO SECONDS
    python3 -m vt.explore code DIR
    python3 -m vt.explore report DIR KERNEL FIRST COUNT WALL DONE
    python3 -m vt.explore bisect EXPLORE.JSON SCENARIO/KIND EXPOSURE OOPS

"seed" judges a guest that ended, leaves seed.json in its directory and says it
in a line; "code" gives the exit code of one that was judged before: 0 silent,
1 a race, 3 the kernel complained, 2 broken.  "report" sums up.  "bisect" gives
the code that git bisect run wants.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

SILENT, RACE, BROKEN, TROUBLE = 0, 1, 2, 3

_RECORD = re.compile(r'race seq=(\d+) time_ns=(\d+) scenario=(\S+) kind=(\S+) .*detail="([^"]*)"')


@dataclass
class Race:
    """A kind of race in one seed."""

    scenario: str
    kind: str
    count: int
    first_ms: int
    detail: str


@dataclass
class Seed:
    """One seed, judged."""

    seed: int
    scenario: str
    seconds: int
    code: int
    why: str = ""
    verdict: str = ""
    exposure: int = 0
    first_race_ms: int = 0
    races: list[Race] = field(default_factory=list)
    exposures: dict[str, int] = field(default_factory=dict)

    def said(self) -> str:
        """One line of it."""
        head = f"seed {self.seed} {self.scenario}: "
        if self.code == RACE:
            kinds = ", ".join(f"{r.kind} {r.count}" for r in self.races)
            return f"{head}{kinds}; first after {self.first_race_ms} ms"
        if self.code == SILENT:
            return f"{head}{self.verdict}, exposure {self.exposure}"
        return head + self.why


def fields(path: Path) -> dict[str, str]:
    """A file of lines name=value; nothing of one that is not there."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def judge(directory: Path, seed: int, scenario: str, seconds: int) -> Seed:
    """What the guest in a directory of scripts/vm showed."""
    status = fields(directory / "status")
    result = Seed(seed, scenario, seconds, BROKEN)
    try:
        lines = (directory / "output").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    values: dict[tuple[str, str], int] = {}
    details: dict[tuple[str, str], str] = {}
    firsts: dict[tuple[str, str], int] = {}
    error = ""
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "value":
            name, counter, number = rest.split(" ", 2)
            values[name, counter] = int(number)
        elif word == "verdict":
            result.verdict = rest
        elif word == "state" and rest.startswith(f"{scenario} skipped"):
            result.why = rest.partition(" ")[2]
        elif word == "error":
            error = rest
        elif match := _RECORD.match(line):
            key = match[3], match[4]
            details.setdefault(key, match[5])
            firsts.setdefault(key, int(match[2]) // 1_000_000)
    for (name, counter), number in values.items():
        if counter.startswith("race_") and number:
            key = name, counter.removeprefix("race_")
            result.races.append(Race(*key, number, firsts.get(key, 0), details.get(key, "")))
    # The first that was seen is the one a replay stops at.
    result.races.sort(key=lambda race: race.first_ms)
    result.exposure = values.get((scenario, "exposure"), 0)
    result.exposures = {counter.removeprefix("exposure_"): number
                        for (name, counter), number in values.items()
                        if name == scenario and counter.startswith("exposure_")}
    if result.races:
        name = result.races[0].scenario
        result.first_race_ms = values.get((name, "first_race_ms"), 0)

    outcome = status.get("outcome", "lost")
    console = directory / "console.log"
    text = console.read_text(errors="replace") if console.exists() else ""
    if not result.races and "vma_torture: RACE " in text:
        # It did not live to tell us more.
        match = re.search(r'vma_torture: RACE ([a-z_]+)/([a-z_]+) .*detail="([^"]*)"', text)
        if match:
            result.races.append(Race(match[1], match[2], 1, 0, match[3]))
    if result.races:
        result.code = RACE
        result.why = "" if outcome == "ok" else f"{outcome}: {status.get('line', '')}"
    elif outcome in ("dirty", "hung") or (outcome == "died" and status.get("qemu") == "0"):
        result.code = TROUBLE
        result.why = f"{outcome}: {status.get('line', '')}"
    elif outcome != "ok" or error or status.get("rc") != "0" or not result.verdict:
        result.why = error or f"{outcome}: {status.get('line', '') or 'no verdict'}"
    elif result.verdict == "INCOMPLETE":
        result.why = "INCOMPLETE: not every oracle looked; a longer DURATION may help"
        result.code = SILENT
    else:
        result.code = SILENT
    return result


def write_json(path: Path, what: object) -> None:
    """All of it or nothing."""
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as file:
        json.dump(what, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def load(directory: Path) -> Seed | None:
    """A seed that was judged, or None."""
    try:
        data = json.loads((directory / "seed.json").read_text())
        data["races"] = [Race(**race) for race in data["races"]]
        return Seed(**data)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ranges(numbers: list[int]) -> str:
    """1 2 3 5 as 1-3 5."""
    parts: list[str] = []
    start = last = numbers[0]
    for number in [*numbers[1:], 0]:
        if number == last + 1:
            last = number
            continue
        parts.append(f"{start}-{last}" if last > start else f"{start}")
        start = last = number
    return " ".join(parts)


def shown(path: Path) -> str:
    """A path as a user in the project's directory would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def report(directory: Path, kernel: str, first: int, count: int, wall: int, done: int) -> dict[str, object]:
    """Print k of N, and return what explore.json gets."""
    seeds = [s for n in range(first, first + count) if (s := load(directory / f"seed-{n}"))]
    by_scenario: dict[str, list[Seed]] = {}
    for seed in seeds:
        by_scenario.setdefault(seed.scenario, []).append(seed)
    print(f"{kernel}: {len(seeds)} of {count} seeds, {sum(s.seconds for s in seeds)} s of exposure")
    if done and wall:
        print(f"  {done * 60 / wall:.1f} seeds a minute, "
              f"{wall / max(1, done * seeds[0].seconds):.1f} s of this machine for each s of a guest")
    out: list[dict[str, object]] = []
    lines: list[str] = []
    for name, group in sorted(by_scenario.items()):
        skips = [s for s in group if s.verdict == "SKIP"]
        if skips:
            print(f"  {name}: {skips[0].why}")
            continue
        found: dict[tuple[str, str], list[tuple[Seed, Race]]] = {}
        for seed in group:
            for race in seed.races:
                found.setdefault((race.scenario, race.kind), []).append((seed, race))
        silent = sum(1 for s in group if s.code == SILENT)
        print(f"  {name}: silent in {silent} of {len(group)} seeds, "
              f"{sum(s.exposure for s in group)} exposed looks")
        for (scenario, kind), hits in sorted(found.items()):
            times = sorted(s.first_race_ms for s, _ in hits)
            best = min(hits, key=lambda hit: hit[0].first_race_ms)
            print(f"  {scenario}/{kind}: {len(hits)} of {len(group)} seeds, "
                  f"{sum(r.count for _, r in hits)} races; first race after "
                  f"{times[0]} ms at best, {times[len(times) // 2]} ms median, {times[-1]} ms at worst")
            print(f"    seeds {ranges([s.seed for s, _ in hits])}")
            print(f"    seed {best[0].seed}: {best[1].detail}")
            run = shown(directory / f"seed-{best[0].seed}")
            lines.append(f"  {scenario}/{kind}: make replay RUN={run}")
            out.append({"scenario": scenario, "kind": kind, "found": len(hits), "of": len(group),
                        "seeds": [s.seed for s, _ in hits], "first_race_ms": times,
                        "replay": run, "detail": best[1].detail})
        for seed in group:
            if seed.code == TROUBLE:
                print(f"  seed {seed.seed}: the kernel is in trouble: {seed.why}")
                lines.append(f"  seed {seed.seed}: make replay RUN={shown(directory / f'seed-{seed.seed}')}")
        incomplete = [s.seed for s in group if s.verdict == "INCOMPLETE"]
        if incomplete:
            print(f"  {name}: INCOMPLETE in {len(incomplete)} of {len(group)} seeds")
    if lines:
        print("again:")
        print("\n".join(lines))
    exposures: dict[str, int] = {}
    for seed in seeds:
        for kind, number in seed.exposures.items():
            key = f"{seed.scenario}/{kind}"
            exposures[key] = exposures.get(key, 0) + number
    print(f"kept in {shown(directory)}")
    return {"kernel": kernel, "seeds": len(seeds), "of": count, "races": out, "exposures": exposures,
            "verdicts": sorted({s.verdict for s in seeds}),
            "trouble": [s.seed for s in seeds if s.code == TROUBLE]}


def bisect(path: Path, race: str, exposure: int, oops: bool) -> int:
    """0 good, 1 bad, 125 to be skipped."""
    data = json.loads(path.read_text())
    if any(f"{r['scenario']}/{r['kind']}" == race for r in data["races"]):
        print(f"{race}: seen")
        return 1
    if data["trouble"]:
        print(f"the kernel is in trouble with seeds {ranges(data['trouble'])}")
        return 1 if oops else 125
    looked = data["exposures"].get(race, 0)
    print(f"{race}: silent, {looked} exposed looks, {exposure} are wanted")
    return 0 if looked >= exposure and data["seeds"] == data["of"] else 125


def main(argv: list[str]) -> int:
    """The command line."""
    match argv:
        case ["seed", directory, seed, scenario, seconds]:
            result = judge(Path(directory), int(seed), scenario, int(seconds))
            print(result.said())
            if result.code != BROKEN:
                write_json(Path(directory) / "seed.json", asdict(result))
            return result.code
        case ["code", directory]:
            known = load(Path(directory))
            return known.code if known else BROKEN
        case ["report", directory, kernel, first, count, wall, done]:
            summary = report(Path(directory), kernel, int(first), int(count), int(wall), int(done))
            write_json(Path(directory) / "explore.json", summary)
            return 0
        case ["bisect", path, race, exposure, oops]:
            return bisect(Path(path), race, int(exposure), oops == "1")
    print(__doc__, file=sys.stderr)
    return BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
