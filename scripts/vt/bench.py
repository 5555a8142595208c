# SPDX-License-Identifier: GPL-2.0-only
"""Benchmarks: lines `bench NAME VALUE UNIT LIMIT REMARK...` as a table."""

from __future__ import annotations

from collections.abc import Iterable

from .table import align


def holds(value: str, limit: str) -> str:
    """Does the limit hold?  A word, or nothing if there is none."""
    if limit == "-":
        return ""
    try:
        number, bound = float(value), float(limit[2:])
    except ValueError:
        return "MISSED"
    if limit.startswith(">="):
        return "holds" if number >= bound else "MISSED"
    if limit.startswith("<="):
        return "holds" if number <= bound else "MISSED"
    return "MISSED"


def rows(lines: Iterable[str]) -> list[list[str]]:
    """A row for each: name, value, unit, limit, whether it holds, remark."""
    found = []
    for line in lines:
        cells = line.split(None, 5)
        if len(cells) >= 5 and cells[0] == "bench":
            remark = cells[5].strip() if len(cells) > 5 else ""
            found.append([*cells[1:5], holds(cells[2], cells[4]), remark])
    return found


def table(found: list[list[str]]) -> list[str]:
    """The table of all of them."""
    return align([["benchmark", "value", "unit", "limit", "", "remark"], *found], {1})


def missed(found: list[list[str]]) -> list[str]:
    """The names of those whose limit does not hold."""
    return [row[0] for row in found if row[4] == "MISSED"]
