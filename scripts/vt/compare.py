# SPDX-License-Identifier: GPL-2.0-only
"""Two runs side by side: how much was done, what is new, and what is gone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import bounds
from .table import align

HEAD = ["scenario", "what", "A", "B", "B/A"]


def _ratio(a: float, b: float) -> str:
    return f"{b / a:.2f}" if a else "-"


def _rate(doc: dict[str, Any], number: int) -> float:
    return number / max(doc["seconds"], 1)


def _races(sc: dict[str, Any] | None) -> dict[tuple[str, str], dict[str, Any]]:
    return {(v["kind"], v["variant"]): v for v in (sc["variants"] if sc else [])}


def _first(sc: dict[str, Any] | None) -> str:
    return str(sc["first_race_ms"]) if sc and sc["races"] else "-"


def _bound(sc: dict[str, Any]) -> str:
    kind = bounds.weakest(sc)
    return f"{bounds.up(sc['kinds'][kind]['bound'])} {kind}" if kind else "-"


def _met(sc: dict[str, Any], kind: str) -> int:
    met: int = sc["kinds"].get(kind, {}).get("met", -1)
    return met


def _row(name: str, what: str, pair: Iterable[float]) -> list[str]:
    a, b = pair
    return [name, what, f"{a:.0f}", f"{b:.0f}", _ratio(a, b)]


def compare(a: dict[str, Any], b: dict[str, Any]) -> tuple[list[str], bool]:
    """The table of both, what is to be said below it, and whether B has a new race."""
    ours = {sc["name"]: sc for sc in a["scenarios"]}
    theirs = {sc["name"]: sc for sc in b["scenarios"]}
    rows, notes = [HEAD], []
    new = False
    for name in dict.fromkeys([*ours, *theirs]):
        one, two = ours.get(name), theirs.get(name)
        if not one or not two:
            notes.append(f"{name}: only in {'A' if one else 'B'}")
        rows.append([name, "verdict", one["verdict"] if one else "-",
                     two["verdict"] if two else "-", ""])
        if one and two:
            for key in ("ops", "exposure"):
                rows.append(_row(name, f"{key}/s", (_rate(a, one[key]), _rate(b, two[key]))))
            for kind in one["kinds"].keys() & two["kinds"].keys():
                pair = one["kinds"][kind], two["kinds"][kind]
                # A look that is ten times rarer is a blinder oracle.
                rates = [_rate(d, k["exposure"]) for d, k in zip((a, b), pair)]
                if rates[0] and rates[1] * 10 < rates[0]:
                    notes.append(f"{name}/{kind}: {rates[0]:.0f} exposed looks a second in A, "
                                 f"{rates[1]:.0f} in B")
            rows.append([name, "weakest bound", _bound(one), _bound(two), ""])
        rows.append([name, "first race ms", _first(one), _first(two), ""])
        before, after = _races(one), _races(two)
        for key, v in after.items():
            if key not in before:
                new = True
                notes.append(f"new in B: {name}/{key[0]}: {v['count']} times: {v['detail']}")
        for key, v in before.items():
            if key not in after and two:
                notes.append(f"gone in B: {name}/{key[0]}: {v['count']} times in A, none in "
                             f"{two['ops']} operations: {v['detail']}")
                notes.append("  " + bounds.gone(v["count"], _met(one, key[0]), _met(two, key[0]),
                                                "operations met"))
        for key in before.keys() & after.keys():
            pair = (_rate(a, before[key]["count"]), _rate(b, after[key]["count"]))
            rows.append([name, f"{key[0]} races/s", f"{pair[0]:.2f}", f"{pair[1]:.2f}",
                         _ratio(*pair)])
            if one and two and (text := bounds.changed(
                    (before[key]["count"], _met(one, key[0])),
                    (after[key]["count"], _met(two, key[0])))):
                notes.append(f"{name}/{key[0]} {key[1]} of operations met, 95 %: {text}")
    lines = []
    for word, doc in (("A", a), ("B", b)):
        lines.append(f"{word}: {doc['kernel']['release'] or doc['kernel']['name']}, "
                     f"{doc['seconds']} s, seed {doc['identity']['seed'] or 'unknown'}, "
                     f"started {doc['started']}")
    if a["identity"]["source"] != b["identity"]["source"]:
        notes.append("the module's sources are not the same: figures cannot be compared")
    if a["parameters"] != b["parameters"]:
        notes.append("the parameters are not the same: "
                     + ", ".join(sorted(f"{k}={v}" for k, v in
                                        set(a["parameters"].items())
                                        ^ set(b["parameters"].items()))))
    return [*lines, "", *align(rows, {2, 3, 4}), *notes], new


def seeds(a: dict[str, Any], b: dict[str, Any]) -> tuple[list[str], bool]:
    """Two explore.json: what each oracle showed, in how many of the seeds in which it looked."""
    if "oracles" not in a or "oracles" not in b:
        raise ValueError("an explore.json without oracles: run scripts/explore again, its "
                         "seeds are kept")
    rows, notes = [["oracle", "A", "B"]], []
    new = False
    for key in sorted(a["oracles"].keys() | b["oracles"].keys()):
        one, two = ((t["found"], t["of"]) for t in
                    (doc["oracles"].get(key, {"found": 0, "of": 0}) for doc in (a, b)))
        if not one[0] and not two[0]:
            continue
        rows.append([key, f"{one[0]} of {one[1]} seeds", f"{two[0]} of {two[1]} seeds"])
        if not one[0]:
            new = True
            notes.append(f"new in B: {key}")
        elif not two[0]:
            notes.append(f"{key}: {bounds.gone(*one, two[1], 'seeds', True)}")
        elif text := bounds.changed(one, two):
            notes.append(f"{key} of seeds, 95 %: {text}")
    lines = [f"{word}: {doc['kernel']}, {doc['seeds']} seeds" for word, doc in (("A", a), ("B", b))]
    return [*lines, "", *(align(rows) if rows[1:] else ["no race in either"]), *notes], new
