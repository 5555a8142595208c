# SPDX-License-Identifier: GPL-2.0-only
"""The silence file: how long, and how hard, right kernels were looked at.

A line for each oracle of each scenario of each run, tabs between: when, kernel's
package, scenario, oracle, hash of the module's sources, parameters, seconds of the
scenario, operations, modifications that looks met (- if the module does not count
them), looks, races (known or not), and the run's identity if it was a deterministic
one, which counts once however often it is repeated.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from . import bounds
from .table import align

FIELDS = ("when", "package", "scenario", "oracle", "source", "parameters", "seconds",
          "operations", "met", "looks", "races", "identity")
_SUMS = FIELDS[6:11]


def lines(doc: dict[str, Any]) -> list[str]:
    """The lines of a run; none of one that broke promises itself."""
    if "busted" in doc["parameters"]:
        return []
    kernel = doc["kernel"]
    package = kernel["package"]
    if package in ("", "own"):      # of no package: by its image
        package = f"{kernel['name']}-{doc['identity']['image'][:12]}"
    parameters = " ".join(f"{k}={v}" for k, v in sorted(doc["parameters"].items()))
    identity = "-"
    if doc["identity"]["deterministic"]:
        identity = ":".join(doc["identity"][k][:12] for k in ("image", "module", "initramfs"))
    found = []
    for sc in doc["scenarios"]:
        if sc["verdict"] in ("SKIP", "LOST"):
            continue
        for kind, n in sorted(sc["kinds"].items()):
            found.append("\t".join((
                doc["started"], package, sc["name"], kind, doc["identity"]["source"],
                parameters, str(sc["seconds"]), str(sc["ops"]),
                "-" if n["met"] < 0 else str(n["met"]), str(n["looks"]), str(n["races"]),
                identity)))
    return found


def append(path: Path, doc: dict[str, Any]) -> None:
    """Add a run; several may do so at the same time."""
    new = lines(doc)
    if not new:
        return
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.writelines(line + "\n" for line in new)


def table(path: Path, source: str) -> list[str]:
    """Sums by package, scenario and oracle, for one state of the sources.

    Of an oracle that saw no race the last column is its bound: the more was met in
    silence, the rarer a false alarm has to be.
    """
    sums: dict[tuple[str, str, str], list[int | None]] = {}
    counted: set[tuple[str, ...]] = set()
    text = path.read_text("utf-8") if path.exists() else ""
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) == len(FIELDS) - 1:
            cells.insert(8, "-")        # from before what looks met was kept
        if len(cells) != len(FIELDS) or cells[4] != source:
            continue
        if cells[11] != "-":
            key = (*cells[1:6], cells[11])
            if key in counted:
                continue
            counted.add(key)
        total = sums.setdefault((cells[1], cells[2], cells[3]), [None] * len(_SUMS))
        for i, cell in enumerate(cells[6:6 + len(_SUMS)]):
            if cell != "-":
                total[i] = (total[i] or 0) + int(cell)
    rows = [["kernel", "scenario", "oracle", "hours", *_SUMS[1:], "per operation met"]]
    for key, total in sorted(sums.items()):
        bound = None if total[4] else bounds.silent(total[2] or 0)
        rows.append([*key, f"{(total[0] or 0) / 3600:.3f}",
                     *("-" if n is None else str(n) for n in total[1:]),
                     "-" if bound is None else f"< {bounds.up(bound)}"])
    return [f"sources {source}", *align(rows, {3, 4, 5, 6, 7}),
            f"{len(sums)} oracles, {sum(1 for total in sums.values() if not total[4])} of them "
            "silent; per operation met: with 95 %, if operations are independent"]
