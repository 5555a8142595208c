# SPDX-License-Identifier: GPL-2.0-only
"""How rare a race has to be that was not seen, and how rare one is that was.

A trial is an operation that a look met (`met` in results.json), or a seed of a
deterministic guest; never a look: a million looks at one operation are one trial.
All this holds with 95 % if trials are independent.  docs/running.md says more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from .table import align

_ALPHA = 0.05       # what is wrong of all that is said here
_MISS = 0.01        # who looks "long enough" misses a race so often


def silent(met: int) -> float | None:
    """No race in so many operations met: races per operation are fewer than this.

    None where that says nothing: it would be 1 or more, or nobody counted (-1).
    """
    rate = -math.log(_ALPHA) / met if met > 0 else 1.0
    return rate if rate < 1 else None


def silent_seeds(seeds: int) -> float | None:
    """No race in so many seeds: it shows in less than this share of all."""
    return 1 - _ALPHA ** (1 / seeds) if seeds > 0 else None


def _at_most(k: int, n: int, p: float, q: float) -> float:
    """Of n trials that succeed with p = 1 - q, at most k succeed; for p of k/n or more."""
    term = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
                    + k * math.log(p) + (n - k) * math.log(q))
    total = 0.0
    while term > total * 1e-17:
        total += term
        term *= k / (n - k + 1) * q / p
        k -= 1
    return total


def interval(k: int, n: int) -> tuple[float, float] | None:
    """The rate of what came in k of n trials, by Clopper and Pearson; None if k > n."""
    if n < 1 or not 0 <= k <= n:
        return None

    def upper(k: int, swapped: bool) -> float:
        # Of the share of failures if swapped: then 1 minus it is what is looked for,
        # which may be far too small to be told from such a difference.
        near, far = (k / n, 1.0) if not swapped else (1 - k / n, 0.0)
        for _ in range(100):
            x = (near + far) / 2
            p, q = (1 - x, x) if swapped else (x, 1 - x)
            if not q or not p or _at_most(k, n, p, q) < _ALPHA / 2:
                far = x
            else:
                near = x
        return near

    return (upper(n - k, True) if k else 0.0, upper(k, False) if k < n else 1.0)


def none_by_chance(k: int, n: int, m: int) -> float | None:
    """How likely no race in m trials is, if the rate is the least that k of n allow."""
    found = interval(k, n)
    if found is None or k < 1 or m < 0:
        return None
    return math.exp(m * math.log1p(-found[0]))


def seconds_to_see(races: int, seconds: int, first_ms: int) -> float | None:
    """How long to look so that a race is missed with less than 1 %.

    Races that come in crowds are missed more often than their number says, and the time
    until the first is but one: the slower of the two counts.
    """
    if races < 1 or seconds < 1:
        return None
    rate = min(races / seconds, 1000 / first_ms if first_ms > 0 else math.inf)
    return -math.log(_MISS) / rate


def seeds_to_see(k: int, n: int) -> int | None:
    """The same in seeds."""
    if n < 1 or not 0 < k <= n:
        return None
    return 1 if k == n else math.ceil(math.log(_MISS) / math.log1p(-k / n))


def up(x: float) -> str:
    """Two digits, rounded so that what is said to be rarer than this is."""
    return f"{float(Context(2, ROUND_CEILING).create_decimal(Decimal(x))):.2g}"


def down(x: float) -> str:
    """Two digits, rounded so that what is said to be more frequent than this is."""
    return f"{float(Context(2, ROUND_FLOOR).create_decimal(Decimal(x))):.2g}"


def between(found: tuple[float, float]) -> str:
    """An interval in words."""
    return f"{down(found[0])} to {up(found[1])}"


def races(sc: dict[str, Any], kind: str) -> int:
    """How many of a kind a run of a scenario shows; a console may have more than counters."""
    return max(sc["kinds"].get(kind, {}).get("races", 0),
               sum(v["count"] for v in sc["variants"] if v["kind"] == kind))


def add(scenarios: Iterable[dict[str, Any]]) -> None:
    """Give each kind its member `bound`."""
    for sc in scenarios:
        for kind, numbers in sc["kinds"].items():
            numbers["bound"] = None if races(sc, kind) else silent(numbers["met"])


def weakest(sc: dict[str, Any]) -> str:
    """The silent kind that is known the least of, or none."""
    bound = {kind: n["bound"] for kind, n in sc["kinds"].items() if n["bound"] is not None}
    return max(bound, key=lambda kind: bound[kind]) if bound else ""


def summary(doc: dict[str, Any]) -> list[str]:
    """A line for each scenario: how many oracles were silent, and the weakest bound."""
    lines = []
    for sc in doc["scenarios"]:
        quiet = [kind for kind in sc["kinds"] if kind not in sc["absent"] and not races(sc, kind)]
        if not quiet or sc["verdict"] in ("SKIP", "LOST"):
            continue
        line = f"{doc['kernel']['name']} {sc['name']}: {len(quiet)} oracles silent"
        if kind := weakest(sc):
            numbers = sc["kinds"][kind]
            line += (f", the weakest {kind}: none in {numbers['met']} operations met, rarer "
                     f"than {up(numbers['bound'])} of them (95 %, if independent)")
        if without := [kind for kind in quiet if sc["kinds"][kind]["bound"] is None]:
            line += f"; no bound for {', '.join(sorted(without))}"
        lines.append(line)
    return lines


def _seconds(doc: dict[str, Any], sc: dict[str, Any]) -> int:
    return int(sc["seconds"] or doc["seconds"])


def table(docs: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each oracle: its bound if it was silent, else how often, and how long to look."""
    rows = [["kernel", "scenario", "oracle", "met", "races", "per operation met", "seen within"]]
    for doc in docs:
        for sc in doc["scenarios"]:
            if sc["verdict"] in ("SKIP", "LOST"):
                continue
            for kind, n in sorted(sc["kinds"].items()):
                count = races(sc, kind)
                rate = "absent" if kind in sc["absent"] else "-"
                if count and (found := interval(count, n["met"])):
                    rate = between(found)
                elif n["bound"] is not None:
                    rate = f"< {up(n['bound'])}"
                time = seconds_to_see(count, _seconds(doc, sc), sc["first_race_ms"])
                rows.append([doc["kernel"]["name"], sc["name"], kind,
                             "-" if n["met"] < 0 else str(n["met"]), str(count), rate,
                             "-" if time is None else f"{up(time)} s"])
    return [*align(rows, {3, 4}),
            "per operation met: with 95 %, if operations are independent, and each race is of "
            "one of its own", "seen within: who looks so long misses it with less than 1 %"]


def rate(doc: dict[str, Any], sc: dict[str, Any], kind: str, count: int) -> str:
    """What is to be said of a race that came so often, or nothing."""
    said = []
    met = sc["kinds"].get(kind, {}).get("met", -1)
    if found := interval(count, met):
        said.append(f"{between(found)} of the {met} operations met (95 %, if these are "
                    "independent and each race is of one of its own)")
    elif met > 0:
        said.append(f"more races than the {met} operations met, so that some show several")
    time = seconds_to_see(count, _seconds(doc, sc), sc["first_race_ms"])
    if time is not None:
        said.append(f"who looks for {up(time)} s misses it with less than 1 %")
    return "; ".join(said)


def gone(k: int, n: int, m: int, trials: str, of_its_own: bool = False) -> str:
    """Of what came k times in n trials, and in none of m: is that the end of it?"""
    chance = none_by_chance(k, n, m)
    if chance is None:
        return f"too little is known to say whether it is gone: {k} in {n} {trials}, 0 in {m}"
    odds = f"p={up(chance) if chance else '0'}"
    # Races are not told apart by the operation that they are of.
    if k > 1 and not of_its_own:
        odds += f" (p={up(none_by_chance(1, n, m) or 0)} if all {k} were of one operation)"
    if chance < _ALPHA:
        return f"gone: had it been as before, 0 in {m} {trials} would come with {odds}"
    return (f"too little was met to say whether it is gone: as before, 0 in {m} {trials} would "
            f"come with {odds}")


def changed(before: tuple[int, int], after: tuple[int, int]) -> str:
    """Of k in n before and after: rarer, more frequent, or nothing if it may be the same."""
    old, new = interval(*before), interval(*after)
    if old and new and new[1] < old[0]:
        return f"rarer: {between(new)}, was {between(old)}"
    if old and new and new[0] > old[1]:
        return f"more frequent: {between(new)}, was {between(old)}"
    return ""
