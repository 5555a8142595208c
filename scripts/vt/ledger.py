# SPDX-License-Identifier: GPL-2.0-only
"""Known races: which variants of which race which kernels are known to show.

A line of the ledger (scripts/known-races) is

    <kernels> <scenario>/<kind> "<ERE>" <why>

<kernels> is a comma list, without blanks, of

    6.1             all of the branch 6.1
    6.8-6.11        all of these branches
    6.1.142-        6.1 from 6.1.142 on, until it is known what mends it
    6.12.0-6.12.33  6.12 from one to the other, both included

The ERE is looked for in the detail of a variant's first record; it is written in
what Python and grep -E both understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_LINE = re.compile(r'(\S+)\s+([a-z_]+)/([a-z_]+)\s+"([^"]*)"\s+(\S.*)')


class LedgerError(Exception):
    """A line of a ledger cannot be read."""


def version_of(text: str) -> tuple[int, int, int]:
    """The number at the head of a version or release: 6.12.117+deb12-amd64."""
    match = _VERSION.match(text)
    if not match:
        return (0, 0, 0)
    return (int(match[1]), int(match[2]), int(match[3] or 0))


@dataclass(frozen=True)
class Range:
    """Versions from `low` to `high`, both included; branches alone if `whole`."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    def holds(self, version: tuple[int, int, int]) -> bool:
        return (self.low <= version[:len(self.low)]
                and version[:len(self.high)] <= self.high)


def parse_range(text: str) -> Range:
    """One item of <kernels>."""
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if match:
        branch = (int(match[1]), int(match[2]))
        return Range(branch, branch)
    match = re.fullmatch(r"(\d+)\.(\d+)-(\d+)\.(\d+)", text)
    if match:
        low, high = (int(match[1]), int(match[2])), (int(match[3]), int(match[4]))
        if low > high:
            raise LedgerError(f"'{text}' ends before it begins")
        return Range(low, high)
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)-(?:(\d+)\.(\d+)\.(\d+))?", text)
    if match:
        branch = (int(match[1]), int(match[2]))
        if match[4] is None:
            return Range((*branch, int(match[3])), branch)
        if (int(match[4]), int(match[5])) != branch:
            raise LedgerError(f"'{text}' names two branches")
        if int(match[6]) < int(match[3]):
            raise LedgerError(f"'{text}' ends before it begins")
        return Range((*branch, int(match[3])), (*branch, int(match[6])))
    raise LedgerError(f"'{text}' is no range of kernels")


@dataclass(frozen=True)
class Entry:
    """A line of the ledger."""

    where: str
    ranges: tuple[Range, ...]
    scenario: str
    kind: str
    pattern: re.Pattern[str]
    why: str

    def on(self, version: str) -> bool:
        """Is it about this kernel?"""
        number = version_of(version)
        return any(r.holds(number) for r in self.ranges)

    def __str__(self) -> str:
        return f'{self.scenario}/{self.kind} "{self.pattern.pattern}"'


def parse(text: str, name: str = "ledger") -> list[Entry]:
    """All lines of a ledger."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{name}:{number}"
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise LedgerError(f"{where}: want <kernels> <scenario>/<kind> \"<ERE>\" <why>")
        try:
            ranges = tuple(parse_range(item) for item in match[1].split(","))
            pattern = re.compile(match[4])
        except (LedgerError, re.error) as error:
            raise LedgerError(f"{where}: {error}") from None
        entries.append(Entry(where, ranges, match[2], match[3], pattern, match[5]))
    return entries


@dataclass
class Ledger:
    """What is known of one kernel, and which of it was seen."""

    version: str
    entries: list[Entry]
    seen: set[str] = field(default_factory=set)

    def why(self, scenario: str, kind: str, detail: str) -> str | None:
        """Why a race with this detail is known here, or None."""
        for entry in self.entries:
            if ((entry.scenario, entry.kind) == (scenario, kind)
                    and entry.pattern.search(detail)):
                self.seen.add(entry.where)
                return entry.why
        return None

    def may_show(self, scenario: str, kind: str) -> bool:
        """Is anything of this kind known here?"""
        return any((e.scenario, e.kind) == (scenario, kind) for e in self.entries)

    def not_seen(self, scenarios: Iterable[str]) -> list[Entry]:
        """What is known of these scenarios and did not come."""
        ran = set(scenarios)
        return [e for e in self.entries if e.scenario in ran and e.where not in self.seen]


def load(version: str, files: Iterable[Path | str]) -> Ledger:
    """The ledger of one kernel, out of these files."""
    entries: list[Entry] = []
    for name in files:
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise LedgerError(f"cannot read {path}: {error.strerror}") from None
        entries += [e for e in parse(text, path.name) if e.on(version)]
    return Ledger(version, entries)
