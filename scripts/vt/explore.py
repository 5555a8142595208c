# SPDX-License-Identifier: GPL-2.0-only
"""What the seeds of scripts/explore showed: one by one, and k of N.

    python3 -m vt.explore seed DIR SEED SCENARIO SECONDS
    python3 -m vt.explore code DIR
    python3 -m vt.explore report DIR KERNEL VERSION FIRST COUNT WALL DONE
    python3 -m vt.explore bisect EXPLORE.JSON SCENARIO/KIND EXPOSURE OOPS

"seed" judges a guest that ended, leaves seed.json in its directory and says it
in a line; "code" gives the exit code of one that was judged before: 0 silent,
1 a race, 3 the kernel complained, 2 broken.  "report" sums up, and gives the code
of all: races that scripts/known-races or the user's KNOWN=FILE lists for this
VERSION ("-": a kernel of one's own, for which only the latter counts) are none but
with STRICT=1.  "bisect" gives the code that git bisect run wants.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vt import bounds, codes, console, ledger, torture

SILENT, RACE, BROKEN, TROUBLE = codes.OK, codes.RACE, codes.BROKEN, codes.KERNEL

TOP = Path(__file__).resolve().parents[2]


@dataclass
class Race:
    """A variant of a race in one seed, the first that was seen ahead of the others."""

    scenario: str
    kind: str
    variant: str
    count: int
    detail: str

    @property
    def name(self) -> str:
        """As it is said: kind and variant."""
        return f"{self.scenario}/{self.kind}" + (f" {self.variant}" if self.variant else "")


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
            sums: dict[str, int] = {}
            for race in self.races:
                sums[race.kind] = sums.get(race.kind, 0) + race.count
            kinds = ", ".join(f"{kind} {count}" for kind, count in sums.items())
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
    driver = torture.read_driver(lines)
    result.verdict = driver.verdict
    state = driver.states.get(scenario, "")
    result.why = state if state.startswith("skipped") else ""
    error = driver.errors[0] if driver.errors else ""
    values = driver.values.get(scenario, {})
    result.exposure = values.get("exposure", 0)
    result.exposures = {counter.removeprefix("exposure_"): number
                        for counter, number in values.items() if counter.startswith("exposure_")}
    # The first that was seen is the one a replay stops at.
    result.races = [Race(v.scenario, v.kind, v.variant, v.count, v.detail)
                    for v in sorted(driver.variants, key=lambda v: v.seq) if v.count]
    seen = {(race.scenario, race.kind) for race in result.races}
    for name, counters in driver.values.items():
        for counter, number in counters.items():
            kind = counter.removeprefix("race_")
            if number and counter.startswith("race_") and (name, kind) not in seen:
                result.races.append(Race(name, kind, "", number, ""))
    if result.races:
        result.first_race_ms = driver.values[result.races[0].scenario].get("first_race_ms", 0)

    outcome = status.get("outcome", "lost")
    log = directory / "console.log"
    text = log.read_text(errors="replace").splitlines() if log.exists() else []
    if not result.races:
        # It did not live to tell us more.
        result.races = [Race(r.scenario, r.kind, r.variant, 1, r.detail)
                        for r in console.races(text)][:1]
    if result.races:
        result.code = RACE
        result.why = "" if outcome == "ok" else f"{outcome}: {status.get('line', '')}"
    elif torture.guest_code(outcome, status.get("qemu", ""), text) == TROUBLE:
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


def book(version: str) -> ledger.Ledger:
    """What is known of this kernel."""
    files = [] if version == "-" else [Path(os.environ.get("KNOWN_RACES") or TOP / "scripts/known-races")]
    if os.environ.get("KNOWN"):
        files.append(Path(os.environ["KNOWN"]))
    return ledger.load(version if version != "-" else "0", files)


def oracles(name: str, group: list[Seed]) -> dict[str, tuple[int, int]]:
    """By scenario/kind: how many seeds showed a race, of how many whose looks could have."""
    found: dict[str, tuple[int, int]] = {}
    for seed in group:
        shown_here = {race.kind for race in seed.races if race.scenario == name}
        for kind in shown_here | {kind for kind, number in seed.exposures.items() if number}:
            k, n = found.get(f"{name}/{kind}", (0, 0))
            found[f"{name}/{kind}"] = k + (kind in shown_here), n + 1
    return found


def weakest(tallies: dict[str, dict[str, int]], name: str) -> str:
    """The silent oracle of a scenario that looked in the fewest seeds, and what they bound."""
    quiet = {key: t["of"] for key, t in tallies.items()
             if key.startswith(f"{name}/") and not t["found"]}
    if not quiet:
        return ""
    key = min(quiet, key=lambda k: quiet[k])
    return (f"{len(quiet)} oracles silent, the weakest {key.partition('/')[2]}: looked in {quiet[key]} "
            f"seeds, shows in less than {bounds.up(bounds.silent_seeds(quiet[key]) or 1)} of such (95 %)")


def report(directory: Path, kernel: str, known: ledger.Ledger, seeds: list[Seed], count: int,
           speed: str) -> dict[str, object]:
    """Print k of N, and return what explore.json gets."""
    strict = os.environ.get("STRICT", "") not in ("", "0", "no")
    by_scenario: dict[str, list[Seed]] = {}
    for seed in seeds:
        by_scenario.setdefault(seed.scenario, []).append(seed)
    print(f"{kernel}: {len(seeds)} of {count} seeds, {sum(s.seconds for s in seeds)} s of exposure{speed}")
    out: list[dict[str, object]] = []
    lines: list[str] = []
    exposures: dict[str, int] = {}
    tallies: dict[str, dict[str, int]] = {}
    # Those that failed are said elsewhere; none at all is no result.
    found_codes = [codes.OK if seeds else codes.BROKEN]
    for name, group in sorted(by_scenario.items()):
        skips = [s for s in group if s.verdict == "SKIP"]
        if skips:
            print(f"  {name}: {skips[0].why}")
            continue
        found: dict[str, list[tuple[Seed, Race]]] = {}
        for seed in group:
            for race in seed.races:
                found.setdefault(race.name, []).append((seed, race))
            for kind, number in seed.exposures.items():
                key = f"{name}/{kind}"
                exposures[key] = exposures.get(key, 0) + number
        for key, tally in oracles(name, group).items():
            tallies[key] = {"found": tally[0], "of": tally[1]}
        silent = sum(1 for s in group if s.code == SILENT)
        print(f"  {name}: silent in {silent} of {len(group)} seeds, "
              f"{sum(s.exposure for s in group)} exposed looks")
        if line := weakest(tallies, name):
            print(f"    {line}")
        for title, hits in sorted(found.items()):
            times = sorted(s.first_race_ms for s, _ in hits)
            # Where it is the first that was seen, a replay stops at it.
            best = min(hits, key=lambda h: (h[0].races[0].name != title, h[0].first_race_ms))
            whys = [known.why(r.scenario, r.kind, r.detail) for _, r in hits]
            why = whys[0] if all(whys) else None
            if why is None or strict:
                found_codes.append(codes.RACE)
            run = shown(directory / f"seed-{best[0].seed}")
            print(f"  {title}: {len(hits)} of {len(group)} seeds, {sum(r.count for _, r in hits)} races"
                  f"{', KNOWN: ' + why if why else ''}")
            print(f"    seeds {ranges([s.seed for s, _ in hits])}; the first race of a seed after "
                  f"{times[0]} ms at best, {times[len(times) // 2]} ms median, {times[-1]} ms at worst")
            share, need = bounds.interval(len(hits), len(group)), bounds.seeds_to_see(len(hits), len(group))
            if share and need:
                print(f"    in {bounds.between(share)} of such seeds (95 %); {need} of them miss it with "
                      "less than 1 %")
            print(f"    seed {best[0].seed}: {best[1].detail}")
            lines.append(f"  {title}: make replay RUN={run}")
            out.append({"scenario": hits[0][1].scenario, "kind": hits[0][1].kind,
                        "variant": hits[0][1].variant, "known": why or "",
                        "found": len(hits), "of": len(group), "seeds": [s.seed for s, _ in hits],
                        "first_race_ms": times, "replay": run, "detail": best[1].detail})
        for seed in group:
            if seed.code == TROUBLE or (seed.code == RACE and seed.why):
                found_codes.append(codes.KERNEL)
                print(f"  seed {seed.seed}: the kernel is in trouble: {seed.why}")
                lines.append(f"  seed {seed.seed}: make replay RUN={shown(directory / f'seed-{seed.seed}')}")
        incomplete = [s.seed for s in group if s.verdict == "INCOMPLETE"]
        if incomplete:
            print(f"  {name}: INCOMPLETE in {len(incomplete)} of {len(group)} seeds")
    if lines:
        print("again:")
        print("\n".join(lines))
    print(f"kept in {shown(directory)}")
    return {"kernel": kernel, "seeds": len(seeds), "of": count, "races": out, "exposures": exposures,
            "oracles": tallies, "verdicts": sorted({s.verdict for s in seeds}),
            "trouble": [s.seed for s in seeds if s.code == TROUBLE], "code": codes.worst(found_codes)}


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
        case ["report", directory, kernel, version, first, count, wall, done]:
            where = Path(directory)
            seeds = [s for n in range(int(first), int(first) + int(count)) if (s := load(where / f"seed-{n}"))]
            speed = ""
            if seeds and int(done) and int(wall):
                speed = (f" ({int(done) * 60 / int(wall):.1f} seeds a minute, "
                         f"{int(wall) / (int(done) * seeds[0].seconds):.1f} s here for each s of them)")
            summary = report(where, kernel, book(version), seeds, int(count), speed)
            write_json(where / "explore.json", summary)
            return int(str(summary["code"]))
        case ["bisect", path, race, exposure, oops]:
            return bisect(Path(path), race, int(exposure), oops == "1")
    print(__doc__, file=sys.stderr)
    return BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
