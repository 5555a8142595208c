# SPDX-License-Identifier: GPL-2.0-only
"""selftests/expect: what is skipped on which stock kernel, and why.

A line is

    <kernels> skip "<test>[: <result>]" "<why>"
    <kernels> xfail "<test>" "<why>"
    <kernels> scenario|oracle|way "<name>" "<why>"

with <kernels> a comma list of names such as 6.1 or 7.3-rt.  On a kernel that the
file names, a skip that is not listed fails, and so does a listed one that ran.
What fails as expected without being listed fails on every kernel, named or not: so
the list is also the newest kernel that may show it.  Such failures come by chance; a
listed one that is not seen is none.  A flavour such as 7.3-debug is excused as its
7.3 is.  The lines of the other three are read in the guest, by selftests/expected.sh.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LINE = re.compile(r'(\S+)\s+(skip|xfail|scenario|oracle|way)\s+"([^"]+)"\s+"([^"]+)"')


class ExpectError(Exception):
    """A line of the file cannot be read."""


@dataclass(frozen=True)
class Expected:
    """A line, for one kernel."""

    kernel: str
    what: str
    name: str
    why: str

    @property
    def test(self) -> str:
        return self.name.split(": ")[0]


@dataclass(frozen=True)
class Outcome:
    """A result of a selftest in a guest: ok, fail, skip or xfail."""

    outcome: str
    kernel: str
    name: str
    why: str

    @property
    def test(self) -> str:
        return self.name.split(": ")[0]


def parse(text: str) -> list[Expected]:
    """All lines of the file, one for each kernel they name."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise ExpectError(f"expect:{number}: want <kernels> skip|xfail|scenario|oracle|way "
                              '"<name>" "<why>"')
        found += [Expected(kernel, match[2], match[3], match[4])
                  for kernel in match[1].split(",")]
    return found


def _covers(entry: Expected, result: Outcome) -> bool:
    return (entry.kernel == result.kernel and entry.name == result.name
            and entry.why in result.why)


def _excuses(entry: Expected, result: Outcome) -> bool:
    kernels = (result.kernel, result.kernel.split("-")[0])
    return (entry.what == "xfail" and entry.kernel in kernels and entry.test == result.test
            and entry.why in result.why)


def wrong(expected: Sequence[Expected], outcomes: Iterable[Outcome]) -> list[Outcome]:
    """What is not as the file says, as results that fail."""
    kernels = {e.kernel for e in expected}
    skips = [e for e in expected if e.what == "skip"]
    outcomes = list(outcomes)
    mine = [o for o in outcomes if o.kernel in kernels]
    failed = [Outcome("fail", o.kernel, o.name,
                      f"failed as expected ({o.why}), which selftests/expect does not list "
                      "for this kernel")
              for o in outcomes if o.outcome == "xfail" and o.kernel != "-"
              and not any(_excuses(e, o) for e in expected)]
    for result in mine:
        if result.outcome == "skip" and not any(_covers(e, result) for e in skips):
            failed.append(Outcome("fail", result.kernel, result.name,
                                  f"skipped ({result.why}), which selftests/expect does not "
                                  "list for this kernel"))
    ran = {(o.kernel, o.test) for o in mine}
    for entry in skips:
        if (entry.kernel, entry.test) not in ran:
            continue
        if any(o.outcome == "skip" and _covers(entry, o) for o in mine):
            continue
        # A test that failed as a whole has told no more than that.
        if any(o.outcome == "fail" and o.kernel == entry.kernel and o.test == entry.test
               for o in mine):
            continue
        if any(o.outcome == "skip" and o.kernel == entry.kernel and o.name == entry.name
               for o in mine):
            continue    # for another reason, which has failed above
        failed.append(Outcome("fail", entry.kernel, entry.name,
                              f"selftests/expect lists it as skipped ({entry.why}), and it ran"))
    return failed
