# SPDX-License-Identifier: GPL-2.0-only
"""What the tests say is KTAP to the kernel's own parser, which complains of nothing."""

import importlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from vt import ktap

TOP = Path(__file__).parents[3]
CAPTURED = sorted((Path(__file__).parent / "captured").glob("*.ktap"))


def kunit() -> Path | None:
    """Where scripts/kernels --source, or --unpack, left the kernel's parser."""
    build = Path(os.environ.get("VT_BUILD") or TOP / "build")
    found = [build / "linux/kunit"]
    found += sorted(build.glob("sources/*/tools/testing/kunit"), reverse=True)
    return next((d for d in found if (d / "kunit_parser.py").exists()), None)


class Kernels(unittest.TestCase):
    """With the parser of the newest kernel at hand."""

    def setUp(self):
        where = kunit()
        if where is None:
            self.skipTest("no kunit_parser.py (scripts/kernels --source gets it)")
        sys.path.insert(0, str(where))
        self.addCleanup(sys.path.remove, str(where))
        self.parser = importlib.import_module("kunit_parser")
        self.printer = importlib.import_module("kunit_printer").Printer

    def parse(self, text: str):
        said = io.StringIO()
        test = self.parser.parse_run_tests(text.splitlines(), self.printer(output=said))
        return test, said.getvalue()

    def agrees(self, text: str, *counts: int):
        """No complaint, and the same results as ours: passed, failed, skipped."""
        test, said = self.parse(text)
        self.assertEqual((test.counts.errors, test.counts.crashed), (0, 0), said)
        theirs = (test.counts.passed, test.counts.failed, test.counts.skipped)
        if counts:
            self.assertEqual(theirs, counts, said)
        # It knows no bail-out, of which we make a failure.
        ours = [r.outcome for r in ktap.results(text.splitlines()) if "Bail out!" not in r.name]
        # To the kernel's parser what failed as expected has passed.
        self.assertEqual(theirs, (ours.count("ok") + ours.count("xfail"), ours.count("fail"),
                                  ours.count("skip")), said)
        return test


class Parser(Kernels):
    """Recorded guests, and the unit tests."""

    def test_it_complains_of_what_is_none(self):
        for bad in ("KTAP version 1\n1..2\nok 1 a\n",
                    "KTAP version 1\n1..1\n# Subtest: t\n  KTAP version 1\n  1..1\n"
                    "  ok 1 a\nok 1 t\n"):
            self.assertGreater(self.parse(bad)[0].counts.errors, 0, bad)

    def test_captured_guests(self):
        self.assertGreaterEqual(len(CAPTURED), 2)
        for path in CAPTURED:
            with self.subTest(path.name):
                test = self.agrees(path.read_text())
                self.assertGreater(test.counts.passed, 20)

    def test_a_skip_has_its_reason(self):
        for path in CAPTURED:
            for test in self.parse(path.read_text())[0].subtests:
                for one in (test, *test.subtests):
                    if one.status.name == "SKIPPED":
                        self.assertTrue(one.skip_reason, f"{path.name}: {one.name}")

    def test_units(self):
        with tempfile.TemporaryDirectory() as out:
            said = subprocess.run(["make", "-s", "-C", TOP / "selftests", f"OUT={out}", "unit"],
                                  text=True, check=True, capture_output=True).stdout
        test = self.agrees(said)
        self.assertGreaterEqual(len(test.subtests), 5)
        for unit in test.subtests:
            self.assertTrue(unit.name and unit.subtests)

    def test_units_that_fail_or_skip(self):
        main = ('#include "ktap.h"\nstatic void good(void) { }\n'
                'static void bad(void) { fail("%d", 1); }\n'
                'static void none(void) { skip("no such thing"); }\n'
                'static void odd(void) { xfail("README", "%d", 2); }\n'
                'static void both(void) { xfail("README", "%d", 2); fail("%d", 3); }\n'
                'int main(void)\n{\n\tstatic const struct ktap_case cases[] = {\n'
                '\t\tKTAP_CASE(good), KTAP_CASE(bad), KTAP_CASE(none), KTAP_CASE(odd),\n'
                '\t\tKTAP_CASE(both),\n'
                '\t};\n\n\treturn ktap_run(cases, 5);\n}\n')
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name) / "selftests"
            (tree / "unit").mkdir(parents=True)
            for file in ("Makefile", "unit/ktap.h"):
                shutil.copy(TOP / "selftests" / file, tree / file)
            (tree / "unit/all.c").write_text(main)
            (tree / "unit/none.c").write_text("int main(void) { return 1; }\n")
            done = subprocess.run(["make", "-s", "-C", tree, f"OUT={name}/out", "unit",
                                   "UNIT=all none"], text=True, check=False, capture_output=True)
        self.assertNotEqual(done.returncode, 0)
        # What does not even begin has no results of its own, and what fails as it is
        # known to excuses no other failure.
        self.agrees(done.stdout, 2, 3, 1)
        self.assertIn("not ok 5 both", done.stdout)


class Runner(Kernels):
    """selftests/run itself, with tests of paper."""

    def run_tests(self, **tests: str) -> str:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name)
            runner = (TOP / "selftests/run").read_text()
            (path / "run").write_text(runner.replace("\nkmsg=/dev/kmsg\n", "\nkmsg=/dev/null\n"))
            for test, body in tests.items():
                file = path / f"{test}.sh"
                file.write_text(f"#!/bin/sh\n# description: x\n# timeout: 2\n{body}\n")
                file.chmod(0o755)
            return subprocess.run(["busybox", "sh", path / "run"], text=True, check=False,
                                  capture_output=True).stdout

    def test_every_kind_of_test(self):
        said = self.run_tests(
            a_good='printf "%s\\n" "KTAP version 1" 1..2 "# a note" "ok 1 a" "ok 2 b"',
            b_tap13='printf "%s\\n" "TAP version 13" 1..2 "ok 1 - a" "ok 2 - b # XFAIL well"',
            c_bad='echo 1..2; echo ok 1 a; echo not ok 2 b; echo "# Totals: x"; exit 1',
            d_whole='echo "TAP version 13"; echo "1..0 # SKIP nothing here"; exit 4',
            e_each='echo 1..2; echo "ok 1 a # SKIP no a"; echo "ok 2 b # SKIP no b"; exit 4',
            f_silent='exit 0', g_code='echo 1..1; echo ok 1 a; exit 1',
            h_stderr='echo 1..1; echo "ok 9 what" >&2; echo ok 1 a',
            i_runs='echo 1..1; echo ok 1 a; echo "# run map_fixed state=done seconds=1 ops=2 '
                   'exposure=3 first_race_ms=0 gap=1/2/-/0 parameters: duration=1"')
        test, _ = self.parse(said)
        self.assertEqual((test.counts.errors, test.counts.crashed), (0, 0), said)
        status = {t.name: (t.status.name, t.skip_reason) for t in test.subtests}
        self.assertEqual(status["a_good"], ("SUCCESS", ""))
        self.assertEqual(status["b_tap13"], ("SUCCESS", ""))
        self.assertEqual(status["c_bad"], ("FAILURE", ""))
        self.assertEqual(status["d_whole"], ("SKIPPED", "nothing here"))
        self.assertEqual(status["e_each"], ("SKIPPED", "no a"))
        self.assertEqual(status["f_silent"][0], "FAILURE")
        self.assertEqual(status["g_code"][0], "FAILURE")
        self.assertEqual(status["h_stderr"], ("SUCCESS", ""))
        self.assertEqual(len(test.subtests), 9)

    def test_it_sees_what_is_missing(self):
        said = self.run_tests(short="echo 1..3; echo ok 1 a")
        self.assertIn("not ok 1 short", said)
        self.assertGreater(self.parse(said)[0].counts.errors, 0)
