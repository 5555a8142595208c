# SPDX-License-Identifier: GPL-2.0-only
"""The selftests' waits: what did not come in time fails, or is said to be no matter.

A wait whose result is thrown away proves whatever follows over nothing.
"""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]

# Who may go on, and why.
NO_MATTER = {
    ("abuse/fuzz.sh", '[ -e "$D/verdict" ]'): "counted as late already",
    ("lib_rest.sh", "no_more_is_freed"): "what follows compares three states, each of which may be late",
    ("panic.sh", "above map_fixed/races 0"): "fails whether it came or not: the guest has to be gone",
}


def statements(text: str) -> Iterator[tuple[int, str, str]]:
    """Number of the first line, the statement with what continues it, the line behind."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        first, said = at, lines[at].rstrip()
        while said.endswith(("\\", "||", "&&", "|")) and at + 1 < len(lines):
            at += 1
            said = said.removesuffix("\\").rstrip() + " " + lines[at].strip()
        at += 1
        yield first + 1, said.strip(), lines[at].strip() if at < len(lines) else ""


def thrown_away(text: str) -> list[tuple[int, str]]:
    """Waits of a script whose result nobody looks at: line, and what is waited for."""
    found = []
    for number, said, behind in statements(text):
        wait = re.match(r"wait_for\s+(?:\$\(\(.*?\)\)|\S+)\s+(.*)", said)
        if not wait:
            continue
        what, _, otherwise = wait[1].partition("||")
        # What is the last of its function is its result.
        looked_at = otherwise.strip() or "&&" in what or behind == "}" or \
            re.match(r"_?\w+=\$\?", behind)
        if not looked_at or re.match(r"(?:note\b|true\b|:)", otherwise.strip()):
            found.append((number, what.strip()))
    return found


class Waits(unittest.TestCase):
    def test_what_does_not_come_fails(self):
        files = [*TOP.glob("selftests/*.sh"), *TOP.glob("selftests/abuse/*.sh")]
        self.assertGreater(sum("wait_for " in f.read_text() for f in files), 10)
        found, excused = [], set()
        for file in sorted(files):
            name = str(file.relative_to(TOP / "selftests"))
            for number, what in thrown_away(file.read_text()):
                if (name, what) in NO_MATTER:
                    excused.add((name, what))
                else:
                    found.append(f"{name}:{number}: {what}")
        self.assertEqual(found, [])
        self.assertEqual(excused, set(NO_MATTER))

    def test_it_is_seen(self):
        for said in ("wait_for 2 above a 1\necho b", 'wait_for 2 above a 1 || note "slow"\necho b',
                     "\twait_for $((60 * ${SLOW:-1})) above a 1\n\tget b",
                     "wait_for 2 above a 1 || true", "wait_for 2 above a \\\n\t1\nget b"):
            self.assertEqual([what for _, what in thrown_away(said)], ["above a 1"], said)
        for said in ('wait_for 2 above a 1 || no "none"', "wait_for 2 above a 1 ||\n\treturn\nget b",
                     "f()\n{\n\twait_for 2 above a 1\n}", "wait_for 2 above a 1\nseen=$?",
                     "wait_for 2 above a 1 && get b"):
            self.assertEqual(thrown_away(said), [], said)
