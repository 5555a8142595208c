# SPDX-License-Identifier: GPL-2.0-only
"""KTAP: every result of a test run is counted, whatever came before it.

What is read is KTAP as the kernel documents it (Documentation/dev-tools/ktap.rst):
subtests are indented and come before the result they belong to.  TAP of other
tools, which has one level, is the simple case of it.  A result that has subtests
is counted by them, and on its own if it failed although none of them did.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_RESULT = re.compile(r"(not )?ok\b *(\d+)? *(?:- *)?(.*)")
_DIRECTIVE = re.compile(r"(?:^| )# *(SKIP|XFAIL|TODO|TIMEOUT|ERROR)\b:? *(.*)", re.IGNORECASE)
_PLAN = re.compile(r"1\.\.(\d+)(?: +# *SKIP\b *(.*))?", re.IGNORECASE)
_COUNT = re.compile(r"# *[^:]*: \d+")
_SUBTEST = re.compile(r"# Subtest: *(.*)")


@dataclass(frozen=True)
class Result:
    """One result: outcome is ok, fail, skip or xfail."""

    outcome: str
    path: tuple[str, ...]
    why: str = ""
    comments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return ": ".join(self.path)

    @property
    def said(self) -> str:
        """What a test that gives no reason said last, but for counts (`looks: 17573`)."""
        for text in reversed(self.comments):
            if not _COUNT.fullmatch(text):
                return text.lstrip("# ")
        return ""


@dataclass
class _Level:
    """Results at one indentation, until the result that they belong to."""

    indent: int
    name: str = ""
    pending: bool = False   # named before its first line, which sets the indentation
    planned: int | None = None
    plan_skip: str = ""
    ran: int = 0
    counted: int = 0
    failed: int = 0
    comments: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.comments.append(text)
        del self.comments[:-40]


class Parser:
    """Feed it lines; `emit` gets each result that counts, as it comes, and
    `comment` each comment."""

    def __init__(self, emit: Callable[[Result], None],
                 comment: Callable[[str], None] = lambda text: None) -> None:
        self._emit = emit
        self._comment = comment
        self._levels = [_Level(0)]
        self.begun = ""             # the test that was begun last
        self.ended: list[str] = []  # tests whose own result has come
        self.planned: int | None = None

    def _names(self) -> tuple[str, ...]:
        return tuple(level.name for level in self._levels[1:] if level.name)

    def _count(self, result: Result) -> None:
        for level in self._levels:
            level.counted += 1
            level.failed += result.outcome == "fail"
        self._emit(result)

    def _short(self, level: _Level) -> str:
        """Why a level is not what it planned to be, or nothing."""
        if level.planned is None or level.planned == level.ran:
            return ""
        return f"planned {level.planned}, ran {level.ran}"

    def _abandon(self) -> None:
        """The innermost level ends without a result that it belongs to."""
        level = self._levels[-1]
        short = self._short(level)
        if short and not level.failed:
            self._count(Result("fail", self._names() or ("plan",), short, tuple(level.comments)))
        self._levels.pop()
        self._levels[-1].counted += 1

    def _go_to(self, indent: int) -> _Level | None:
        """Make the innermost level that of `indent`; the value is what was below it."""
        top = self._levels[-1]
        if top.pending and indent > self._levels[-2].indent:
            top.indent, top.pending = indent, False
        while self._levels[-1].indent > indent and self._levels[-2].indent > indent:
            self._abandon()
        child = None
        if self._levels[-1].indent > indent:
            child = self._levels[-1]
            if self._levels[-2].indent < indent:
                # Less than before, and yet more than the one around it.
                child.indent, child = indent, None
            else:
                self._levels.pop()
        elif self._levels[-1].indent < indent:
            self._levels.append(_Level(indent))
        return child

    def _block(self, indent: int) -> _Level:
        """A block of subtests is here, or goes on; none of a deeper one is left."""
        while len(self._levels) > 1 and self._levels[-1].indent > indent:
            self._abandon()
        self._go_to(indent)
        return self._levels[-1]

    def _subtest(self, indent: int, name: str) -> None:
        level = self._block(indent)
        if indent == 0:
            # Before its block, as older TAP has it.
            level = _Level(1, name, pending=True)
            self._levels.append(level)
        level.name = name
        if len(self._levels) == 2:
            self.begun = name

    def line(self, line: str) -> None:
        """One line of the stream."""
        text = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        subtest = _SUBTEST.fullmatch(text)
        plan = _PLAN.fullmatch(text)
        match = _RESULT.fullmatch(text)
        if subtest:
            self._subtest(indent, subtest[1])
        elif text.startswith("#"):
            self._levels[-1].note(text)
            self._comment(text)
        elif re.fullmatch(r"K?TAP version \d+", text):
            if indent:
                level = self._block(indent)
                if level.ran or level.planned is not None:
                    self._abandon()
                    self._block(indent)
        elif plan:
            level = self._block(indent)
            level.planned, level.plan_skip = int(plan[1]), plan[2] or ""
            if indent == 0:
                self.planned = level.planned
        elif text.startswith("Bail out!"):
            self._block(indent)
            self._count(Result("fail", self._names() + (text,), "",
                               tuple(self._levels[-1].comments)))
        elif match:
            self._result(indent, match)
        elif text and len(self._levels) > 1:
            self._levels[-1].note(text)

    def _result(self, indent: int, match: re.Match[str]) -> None:
        child = self._go_to(indent)
        level = self._levels[-1]
        level.ran += 1
        name, why, word = match[3], "", ""
        directive = _DIRECTIVE.search(name)
        if directive:
            word, why = directive[1].upper(), directive[2]
            name = name[:directive.start()]
        elif " # " in name:
            name, why = name.split(" # ", 1)
        name = name.strip() or f"number {match[2] or '?'}"
        outcome = "fail" if match[1] else "ok"
        if word == "SKIP" and outcome == "ok":
            outcome = "skip"
        elif word in ("XFAIL", "TODO"):
            outcome = "xfail"
        elif word in ("TIMEOUT", "ERROR"):
            outcome, why = "fail", f"{word} {why}".strip()
        if indent == 0:
            self.ended.append(name)
            self.begun = name
        comments = tuple(level.comments)
        level.comments = []
        if child is not None:
            comments = tuple(child.comments)
            short = self._short(child)
            if outcome != "fail" and short and not child.failed:
                outcome, why = "fail", short
            if child.counted and (outcome != "fail" or child.failed):
                return
            why = why or child.plan_skip
        self._count(Result(outcome, self._names() + (name,), why, comments))

    def end(self) -> None:
        """Nothing more comes."""
        while len(self._levels) > 1:
            self._abandon()
        short = self._short(self._levels[0])
        if short:
            self._count(Result("fail", ("the plan",), short))


def results(lines: Iterable[str]) -> list[Result]:
    """All results of a whole stream."""
    found: list[Result] = []
    parser = Parser(found.append)
    for line in lines:
        parser.line(line)
    parser.end()
    return found
