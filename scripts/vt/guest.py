# SPDX-License-Identifier: GPL-2.0-only
"""The selftests in one guest: its KTAP as it comes, then what became of it."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from . import check, console, dump, ktap, torture


def allowed(header: str, kernel: str) -> str:
    """Of a test's `# console:` header, `KERNELS... ERE` or `any ERE`, the ERE here."""
    words = header.split(" ")
    names = []
    while words and (words[0] == "any" or re.fullmatch(r"\d+\.\d+(?:-[a-z0-9-]+)?", words[0])):
        names.append(words.pop(0))
    if not names or not words:
        raise ValueError(f"'{header}' names no kernel, or nothing to allow: "
                         "want KERNELS ERE, or any ERE")
    return " ".join(words) if "any" in names or kernel in names else ""


def _why(result: ktap.Result) -> str:
    """What is known of a failure when only the last lines of a log are at hand: of a test
    that gives no reason, the last thing it said."""
    if result.outcome != "fail" or result.why:
        return result.why
    return result.said.replace("\t", " ")[:200]


@dataclass
class Tally:
    """Says each result as it comes, and keeps it."""

    began: float
    kernel: str = "-"
    prefix: str = ""
    out: TextIO = field(default_factory=lambda: sys.stdout)
    kept: list[ktap.Result] = field(default_factory=list)
    show: bool = False
    shown: list[str] = field(default_factory=list)
    told: check.Told = field(default_factory=check.Told)

    def _time(self) -> str:
        seconds = int(time.time() - self.began)
        return f"{seconds // 60:3d}:{seconds % 60:02d}"

    def result(self, result: ktap.Result) -> None:
        self.kept.append(result)
        word = {"ok": "ok  ", "fail": "FAIL", "skip": "skip", "xfail": "XFAIL"}[result.outcome]
        why = f": {result.why}" if result.why else ""
        self.show = result.outcome == "fail"
        if self.show:
            for text in result.comments[-20:]:
                if text in self.shown:
                    continue
                print(f"          {text}", file=self.out)
        print(f"{self._time()} {word} {self.prefix}{result.name}{why}", file=self.out, flush=True)
        self.shown.clear()

    def comment(self, text: str) -> None:
        # What a tool says after a result that failed is about it.
        if self.show:
            self.shown.append(text)
            print(f"          {text}", file=self.out, flush=True)

    def fail(self, name: str, why: str) -> None:
        self.result(ktap.Result("fail", (name,), why))

    def lines(self) -> list[str]:
        """As the file of results has them."""
        found = ["\t".join((r.outcome, self.kernel, (self.prefix if self.kernel == "-" else "")
                            + r.name, _why(r))).replace("\n", " ") for r in self.kept]
        return found + [f"time\t{self.kernel}\t{test}\t{seconds}"
                        for test, seconds in self.told.seconds.items()]


_AGAIN = "vm: again"


def read_stream(stream: Iterable[str], tally: Tally) -> ktap.Parser:
    """Count what comes; a guest that is booted again begins anew."""
    parser = ktap.Parser(tally.result, tally.comment)
    for line in stream:
        line = line.rstrip("\n")
        if line == _AGAIN:
            print(f"          {tally.kernel}: booted again: what came before does not count",
                  file=tally.out)
            tally.kept.clear()
            tally.told = check.Told()
            parser = ktap.Parser(tally.result, tally.comment)
            continue
        if not tally.told.line(line, parser.begun):
            parser.line(line)
    return parser


def end_panic(tally: Tally, directory: Path, name: str) -> str:
    """A guest that had to panic, of which scripts/vm says whether it did as it should;
    the value is the outcome."""
    status = torture.read_status(directory)
    outcome, line = status.get("outcome", ""), status.get("line", "")
    if outcome == "ok":
        tally.result(ktap.Result("ok", (name, f"panic: {line}")))
        log = (directory / "console.log").read_text("utf-8", "replace")
        booted = re.search(r"Linux version (\S+)", log)
        try:
            left = dump.release(directory / "vmcore")
        except (OSError, dump.DumpError) as error:
            left = str(error)
        if booted and left == booted[1]:
            tally.result(ktap.Result("ok", (name, f"crash dump of {left}")))
        else:
            tally.fail(f"{name}: crash dump", f"of {left or 'no kernel'} ({directory})")
    else:
        tally.fail(name, f"{line or 'the guest could not be run'} ({directory})")
    return outcome


def end_guest(parser: ktap.Parser, tally: Tally, directory: Path, name: str,
              allow: Sequence[str]) -> str:
    """What became of the guest, the console and the runner; the value is the outcome."""
    status = torture.read_status(directory)
    outcome = status.get("outcome", "")
    lived = outcome in ("ok", "dirty")
    if lived:
        parser.end()
    path = directory / "console.log"
    seen: set[str] = set()
    for trouble in console.trouble(console.read(path) if path.exists() else [], allow):
        if trouble.test not in seen:
            seen.add(trouble.test)
            tally.fail(f"console during {trouble.test}", trouble.line)
    if not lived:
        tally.fail(parser.begun or name, f"the guest {outcome or 'could not be run'}: "
                   f"{status.get('line', '')} ({directory})")
        return outcome
    failed = any(r.outcome == "fail" for r in tally.kept)
    rc = status.get("rc", "")
    if not tally.kept:
        tally.fail(name, f"no result from the guest ({directory})")
    elif rc not in ("0", "1", "4"):
        tally.fail(name, f"the runner ended with {rc or 'nothing'} after "
                   f"{len(parser.ended)} of {parser.planned} tests ({directory})")
    elif parser.planned is None:
        tally.fail(name, f"the runner planned nothing ({directory})")
    elif rc == "1" and not failed:
        tally.fail(name, f"the runner says that something failed, and nothing did ({directory})")
    elif rc == "0" and any(r.outcome == "fail" and not r.name.startswith("console during ")
                           for r in tally.kept):
        tally.fail(name, f"the runner says that nothing failed ({directory})")
    return outcome
