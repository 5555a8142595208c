# SPDX-License-Identifier: GPL-2.0-only
"""The corpus: races that seeds once showed, and that the module has to show still.

    python3 -m vt.corpus list FILE
    python3 -m vt.corpus judge EXPLORE.JSON SCENARIO/KIND LEAST

A line of the file is a kernel, a race, the first and the last seed, the seconds of each,
and in how many of them at least the race has to be seen.  "list" prints the lines that
are none of the comments, or says what is wrong with the first that is; "judge" says of
a search what became of one race, and fails if too few seeds showed it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from . import codes

_LINE = re.compile(r"[\w.-]+ [a-z_]+/[a-z_]+( [1-9][0-9]{0,8}){4}")


def entries(text: str) -> list[str]:
    """The lines, their words with one blank between; ValueError names one that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = " ".join(line.partition("#")[0].split())
        if not words:
            continue
        if not _LINE.fullmatch(words):
            raise ValueError(f"{number}: want kernel, scenario/kind, first and last seed, "
                             f"seconds, least: '{words}'")
        first, last, _, least = map(int, words.split()[2:])
        if last < first or least > last - first + 1:
            raise ValueError(f"{number}: seeds {first} to {last} cannot be {least} at least")
        found.append(words)
    return found


def seen(doc: dict[str, object], race: str) -> int:
    """In how many seeds of explore.json the race was, in any of its variants."""
    races = doc["races"]
    assert isinstance(races, list)
    return len({seed for r in races if f"{r['scenario']}/{r['kind']}" == race
                for seed in r["seeds"]})


def main(args: list[str]) -> int:
    try:
        if args[0] == "list":
            try:
                print("\n".join(entries(Path(args[1]).read_text("utf-8"))))
            except ValueError as err:
                raise ValueError(f"{args[1]}:{err}") from err
            return codes.OK
        doc = json.loads(Path(args[1]).read_text("utf-8"))
        found, least = seen(doc, args[2]), int(args[3])
        of = doc["seeds"]
    except (IndexError, KeyError, OSError, ValueError) as err:
        print(f"corpus: {err}", file=sys.stderr)
        return codes.BROKEN
    good = found >= least
    print(f"{doc['kernel']} {args[2]}: {found} of {of} seeds, {least} are wanted"
          f"{'' if good else ': LOST'}")
    return codes.OK if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
