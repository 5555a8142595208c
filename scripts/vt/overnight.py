# SPDX-License-Identifier: GPL-2.0-only
"""The report of a night: which pieces ended well, which did not, and the exit code.

A line of the file pieces is name, exit code, seconds and log, tab between.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from . import codes

# What 1 means, by how the name of a piece begins; else it is a race.
_ONE = (
    ("mutants", "a mutant that was not found"),
    ("corpus", "a race that was found once, and was not found"),
    ("bench", "a limit that was missed"),
    ("same", "two runs of a seed that differ"),
)
_MEANS = {
    codes.RACE: "a race that is not known",
    codes.BROKEN: "something failed",
    codes.KERNEL: "the kernel oopsed, hung or complained",
    codes.SKIP: "nothing could be tested",
}


@dataclass(frozen=True)
class Piece:
    name: str
    code: int
    seconds: int
    log: str


def _means(piece: Piece) -> str:
    if piece.code == codes.RACE:
        for name, what in _ONE:
            if piece.name.startswith(name):
                return what
    return _MEANS[piece.code]


def parse(text: str) -> list[Piece]:
    """The pieces that are done; a code that no script has is a script that died."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("\t")
        if len(words) != 4 or not words[1].isdigit() or not words[2].isdigit():
            raise ValueError(f"pieces:{number}: want name, code, seconds, log: '{line}'")
        code = int(words[1])
        found.append(Piece(words[0], code if code in (codes.OK, *_MEANS) else codes.BROKEN,
                           int(words[2]), words[3]))
    return found


def report(pieces: list[Piece]) -> list[str]:
    """The lines of the report: failures by name with their logs, the rest counted."""
    lines = [f"{len(pieces)} pieces in {sum(p.seconds for p in pieces) / 3600:.1f} hours"]
    good: dict[str, list[int]] = {}
    for piece in pieces:
        if piece.code == codes.OK:
            good.setdefault(piece.name, []).append(piece.seconds)
    lines += ["", f"SUCCESS: {sum(map(len, good.values()))}"]
    lines += [f"  {name}: {len(times)} times, {sum(times)} s" for name, times in good.items()]
    for title, wanted in (("SKIPPED", (codes.SKIP,)),
                          ("FAILURE", (codes.RACE, codes.KERNEL, codes.BROKEN))):
        bad = [p for p in pieces if p.code in wanted]
        if bad or title == "FAILURE":
            lines += ["", f"{title}: {len(bad)}"]
        lines += [f"  {p.name}: {_means(p)} ({p.log})" for p in bad]
    return lines


def main(args: list[str]) -> int:
    try:
        pieces = parse((Path(args[0]) / "pieces").read_text("utf-8"))
    except (IndexError, OSError, ValueError) as err:
        print(f"overnight: {err}", file=sys.stderr)
        return codes.BROKEN
    print("\n".join(report(pieces)))
    return codes.worst(p.code for p in pieces)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
