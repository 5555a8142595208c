# SPDX-License-Identifier: GPL-2.0-only
"""What killed a mutant; benchmarks' limits; codes; what selftests/expect lists."""

import json
import tempfile
import unittest
from pathlib import Path

from vt import bench, codes, expect, mutation


class Mutants(unittest.TestCase):
    def fate(self, *console: str, named="gap", status="outcome=ok\nrc=0\n", output=""):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name)
            lines = ["[    5.000000] vma_torture: --- Start of test: x", *console]
            (path / "console.log").write_text("\n".join(lines) + "\n")
            (path / "status").write_text(status)
            (path / "output").write_text(output)
            return mutation.judge(path, mutation.oracles(named, "map_fixed"), 60000)

    @staticmethod
    def race(kind: str, second: int) -> str:
        return f'[   {second}.000000] vma_torture: RACE map_fixed/{kind} addr=0x1 detail="x"'

    def test_by_its_own_oracle(self):
        fate = self.fate(self.race("gap", 7))
        self.assertEqual((fate.word, fate.by, fate.after), ("yes", "map_fixed/gap", "2000"))

    def test_what_does_not_count(self):
        self.assertEqual(self.fate(self.race("stale", 7)).word, "other")
        self.assertEqual(self.fate(self.race("stall", 7)).word, "stall")
        self.assertEqual(self.fate("[    6.000000] BUG: x").word, "console")
        self.assertEqual(self.fate(status="outcome=hung\n").word, "hang")
        self.assertEqual(self.fate(self.race("gap", 99)).word, "broken")
        self.assertEqual(self.fate(output="verdict SUCCESS\n").word, "no")

    def test_after_the_console_it_may_be_its_consequence(self):
        self.assertEqual(self.fate("[    6.000000] BUG: x", self.race("gap", 7)).word, "console")
        self.assertEqual(self.fate(self.race("gap", 7), "[    8.000000] BUG: x").word, "yes")

    def test_the_console_may_be_named(self):
        self.assertEqual(self.fate("[    6.000000] BUG: x", named="console").word, "yes")

    def companion(self, output: str, console="", status="outcome=ok\nrc=1\n",
                  named="share/last"):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name)
            (path / "console.log").write_text(console)
            (path / "status").write_text(status)
            (path / "output").write_text(output)
            return mutation.companion(path, "share", mutation.oracles(named, "share"), "why")

    def test_by_a_companion(self):
        fails = "KTAP version 1\n1..2\nok 1 first\n# SIGBUS\n# faults: 7\nnot ok 2 last\n"
        oops = "[    6.000000] BUG: x\n"
        fate = self.companion(fails)
        self.assertEqual((fate.word, fate.by, fate.after, fate.remark),
                         ("yes", "share/last", "-", "SIGBUS"))
        self.assertEqual(self.companion(fails, named="last").word, "yes")
        self.assertEqual(self.companion(fails, oops).remark, "SIGBUS, then BUG: x")
        self.assertEqual(self.companion(fails, named="share/first").word, "other")
        self.assertEqual(self.companion(fails, oops, named="share/first").word, "console")
        self.assertEqual(self.companion(fails.replace("not ok", "ok")).word, "no")
        self.assertEqual(self.companion("", status="outcome=hung\n").word, "hang")
        # What was not tried is no survival.
        skipped = fails.replace("not ok 2 last", "ok 2 last # SKIP no page")
        self.assertEqual((self.companion(skipped).word, self.companion(skipped).remark),
                         ("broken", "no page"))
        self.assertEqual(self.companion("").word, "broken")
        self.assertEqual(self.companion(fails, status="").word, "broken")
        fate = mutation.together([self.companion(fails)] * 5)
        self.assertEqual((fate.word, fate.after), ("5 of 5", "-"))

    def test_several_runs(self):
        yes = [mutation.Fate("yes", "map_fixed/gap", str(ms)) for ms in (4000, 10, 300)]
        late = mutation.Fate("yes", "map_fixed/stale", "50", "after map_fixed/gap")
        no, hang = mutation.Fate("no", remark="SUCCESS"), mutation.Fate("hang", "guest")
        fate = mutation.together([*yes, no, late])
        self.assertEqual((fate.word, fate.by, fate.after),
                         ("4 of 5", "map_fixed/gap, map_fixed/stale", "175"))
        self.assertEqual(fate.remark, "no SUCCESS (once); after map_fixed/gap (once)")
        fate = mutation.together([no, hang, no])
        self.assertEqual((fate.word, fate.by, fate.after), ("0 of 3", "-", "-"))
        self.assertEqual(fate.remark, "no SUCCESS (2 times); hang guest (once)")
        fate = mutation.together([*yes, mutation.Fate("broken", remark="no guest: x")])
        self.assertEqual((fate.word, fate.remark), ("broken", "no guest: x"))
        self.assertEqual(mutation.together([]).word, "broken")

    def test_four_of_five_are_enough(self):
        self.assertEqual([mutation.enough(k, 5) for k in (3, 4, 5)], [False, True, True])
        self.assertEqual([mutation.enough(k, 2) for k in (0, 1, 2)], [False, False, True])

    def default(self, code: int, named: str, parallel: dict, seeds: list, trouble=()):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name)
            for where in ("x-torture", "explore-own-0"):
                (path / where).mkdir()
            (path / "x-torture/results.json").write_text(json.dumps({
                "console": {"trouble": list(trouble)}, "scenarios": [
                    {"name": scenario, "first_race_ms": ms, "kinds": {kind: {"races": 1}, "stale": {"races": 0}}}
                    for (scenario, kind), ms in parallel.items()]}))
            (path / "explore-own-0/explore.json").write_text(json.dumps({
                "trouble": [], "races": [
                    {"scenario": scenario, "kind": kind, "found": 2, "of": 3, "first_race_ms": [120, 900]}
                    for scenario, kind in seeds]}))
            return mutation.default(path, mutation.oracles(named, "map_fixed"), code)

    def test_by_the_command_that_users_have(self):
        gap = ("map_fixed", "gap")
        fate = self.default(1, "gap", {gap: 77}, [gap])
        self.assertEqual((fate.word, fate.by, fate.after, fate.remark), ("yes", "map_fixed/gap", "77", ""))
        fate = self.default(1, "gap", {("vma_lock", "stall"): 9000}, [gap])
        self.assertEqual((fate.word, fate.after, fate.remark), ("yes", "120", "2 of 3 deterministic seeds"))
        self.assertEqual(self.default(1, "stale", {gap: 77}, []).word, "other")
        self.assertEqual(self.default(1, "gap", {("vma_lock", "stall"): 9000}, []).word, "stall")
        self.assertEqual(self.default(0, "gap", {gap: 77}, []).word, "other")
        self.assertEqual(self.default(0, "gap", {}, []).word, "no")
        self.assertEqual(self.default(2, "gap", {}, []).word, "broken")
        self.assertEqual(self.default(3, "gap", {}, [], ["BUG: x"]).word, "console")
        self.assertEqual(self.default(3, "console", {}, [], ["BUG: x"]).word, "yes")


class Rules(unittest.TestCase):
    def test_limits(self):
        for value, limit, word in (("0.5", ">=0.5", "holds"), ("0.4", ">=0.5", "MISSED"),
                                   ("3", "<=2", "MISSED"), ("x", "<=2", "MISSED"), ("1", "-", "")):
            self.assertEqual(bench.holds(value, limit), word)

    def test_codes(self):
        self.assertEqual(codes.worst([0, 4, 2, 3, 1]), 1)
        self.assertEqual(codes.worst([0, 4, 2, 3]), 3)
        self.assertEqual(codes.worst([0, 4, 2]), 2)
        self.assertEqual(codes.worst([0, 4]), 0)
        self.assertEqual(codes.worst([4]), 4)
        self.assertEqual(codes.worst([]), 2)

    def test_expected_failures_end_with_the_kernels_that_are_listed(self):
        listed = expect.parse('7.2,7.3 xfail "maps_reader" "passed over"')
        for kernel, failed in (("7.2", 0), ("7.3", 0), ("7.3-debug", 0), ("7.4", 1), ("6.1", 1),
                               ("own", 1)):
            seen = [expect.Outcome("xfail", kernel, "maps_reader: maps", "is passed over, see x")]
            self.assertEqual(len(expect.wrong(listed, seen)), failed, kernel)
        # Such failures come by chance.
        quiet = [expect.Outcome("ok", "7.3", "maps_reader: maps", "")]
        self.assertEqual(expect.wrong(listed, quiet), [])

    def test_our_expectations_can_be_read(self):
        text = (Path(__file__).parents[2] / "expect").read_text()
        self.assertTrue(expect.parse(text))
        for bad in ("6.1 skip x y", '6.1 hop "x" "y"', '6.1 skip "x"'):
            with self.assertRaises(expect.ExpectError):
                expect.parse(bad)
