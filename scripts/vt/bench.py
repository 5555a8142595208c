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


def table(lines: Iterable[str]) -> list[str]:
    """The table of all of them."""
    rows = [["benchmark", "value", "unit", "limit", "", "remark"]]
    for line in lines:
        cells = line.split(None, 5)
        if len(cells) >= 5 and cells[0] == "bench":
            rest = line.split(None, 5)
            remark = rest[5].strip() if len(rest) > 5 else ""
            rows.append([*cells[1:5], holds(cells[2], cells[4]), remark])
    return align(rows, {1})
