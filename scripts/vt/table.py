# SPDX-License-Identifier: GPL-2.0-only
"""Aligned columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def align(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows of cells as lines; the columns in `right`, from 0, to the right."""
    columns = max((len(row) for row in rows), default=0)
    width = [max((len(row[i]) for row in rows if i < len(row)), default=0)
             for i in range(columns)]
    lines = []
    for row in rows:
        cells = []
        for i, cell in enumerate(row):
            if i == columns - 1:
                cells.append(cell)
            elif i in right:
                cells.append(cell.rjust(width[i]))
            else:
                cells.append(cell.ljust(width[i]))
        lines.append("  ".join(cells).rstrip())
    return lines


def minutes(seconds: int) -> str:
    """Seconds as M:SS."""
    return f"{seconds // 60}:{seconds % 60:02d}"
