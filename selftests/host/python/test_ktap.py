# SPDX-License-Identifier: GPL-2.0-only
"""KTAP: every result counts, whatever came before it."""

import io
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from vt import guest, ktap


def counted(text: str) -> list[tuple[str, str, str]]:
    return [(r.outcome, r.name, r.why) for r in ktap.results(text.strip("\n").split("\n"))]


class Counting(unittest.TestCase):
    def test_results_after_a_failing_one(self):
        found = counted("""
1..6
ok 1 a
not ok 2 b
# because
not ok 3 c
ok 4 - d # skip why
ok 5 e
not ok 6 f
""")
        self.assertEqual([o for o, _, _ in found], ["ok", "fail", "fail", "skip", "ok", "fail"])
        self.assertEqual(found[3], ("skip", "d", "why"))

    def test_subtests_after_a_failing_one(self):
        found = counted("""
KTAP version 1
1..2
  KTAP version 1
  # Subtest: t
  1..4
  ok 1 a
  not ok 2 b
  not ok 3 c
  ok 4 d
not ok 1 t # 2 failed
  KTAP version 1
  # Subtest: u
  1..1
  not ok 1 e
not ok 2 u # 1 failed
""")
        self.assertEqual(found, [("ok", "t: a", ""), ("fail", "t: b", ""), ("fail", "t: c", ""),
                                 ("ok", "t: d", ""), ("fail", "u: e", "")])

    def test_a_test_that_fails_though_no_subtest_did(self):
        self.assertEqual(counted("""
1..1
  # Subtest: t
  1..1
  ok 1 a
not ok 1 t # exit code 1
"""), [("ok", "t: a", ""), ("fail", "t", "exit code 1")])

    def test_a_header_before_its_block(self):
        self.assertEqual(counted("""
1..2
# Subtest: t
  TAP version 13
  1..1
  ok 1 a
ok 1 t
# Subtest: u
not ok 2 u
"""), [("ok", "t: a", ""), ("fail", "u", "")])

    def test_fewer_than_planned(self):
        self.assertEqual(counted("1..3\nok 1 a"), [("ok", "a", ""),
                                                   ("fail", "the plan", "planned 3, ran 1")])
        self.assertEqual(counted("""
1..1
  # Subtest: t
  1..3
  ok 1 a
ok 1 t
"""), [("ok", "t: a", ""), ("fail", "t", "planned 3, ran 1")])

    def test_more_than_planned(self):
        self.assertEqual(counted("1..1\nok 1 a\nok 2 b")[-1],
                         ("fail", "the plan", "planned 1, ran 2"))

    def test_a_whole_that_is_skipped_has_its_reason(self):
        self.assertEqual(counted("""
1..1
  # Subtest: t
  1..0 # SKIP nothing here
ok 1 t # SKIP
"""), [("skip", "t", "nothing here")])

    def test_expected_failures(self):
        self.assertEqual(counted("1..2\nnot ok 1 a # XFAIL well\nok 2 b # XFAIL known"),
                         [("xfail", "a", "well"), ("xfail", "b", "known")])

    def test_three_levels(self):
        self.assertEqual(counted("""
1..1
  # Subtest: t
  1..2
    # Subtest: program
    1..2
    ok 1 x
    not ok 2 y
  not ok 1 program
  ok 2 b
not ok 1 t
"""), [("ok", "t: program: x", ""), ("fail", "t: program: y", ""), ("ok", "t: b", "")])

    def test_bail_out(self):
        self.assertEqual([o for o, _, _ in counted("1..1\nok 1 a\nBail out! no memory")],
                         ["ok", "fail"])

    def test_what_is_no_result_is_none(self):
        self.assertEqual(counted("okay\nnot okay\nnotes: ok 1\n1..1\nok 1 a"), [("ok", "a", "")])


class Guests(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp())
        self.addCleanup(lambda: [f.unlink() for f in self.dir.iterdir()] and self.dir.rmdir())

    def guest(self, stream: str, status: str, console: str = "", allow=()):
        (self.dir / "status").write_text(status.replace(" ", "\n"))
        (self.dir / "console.log").write_text(console)
        tally = guest.Tally(time.time(), "6.1", "6.1 ", io.StringIO())
        parser = guest.read_stream(stream.split("\n"), tally)
        guest.end_guest(parser, tally, self.dir, "shared1", allow)
        return [(r.outcome, r.name, r.why) for r in tally.kept]

    GOOD = "KTAP version 1\n1..1\n  # Subtest: t\n  1..1\n  ok 1 a\nok 1 t"

    def test_a_good_one(self):
        self.assertEqual(self.guest(self.GOOD, "outcome=ok rc=0"), [("ok", "t: a", "")])

    def test_the_runner_was_killed(self):
        for rc in ("137", "2", ""):
            found = self.guest(self.GOOD, f"outcome=ok rc={rc}")
            self.assertEqual(found[-1][0], "fail", rc)
            self.assertIn("the runner ended with", found[-1][2])

    def test_the_runner_says_otherwise(self):
        self.assertEqual(self.guest(self.GOOD, "outcome=ok rc=1")[-1][0], "fail")
        bad = self.GOOD.replace("ok 1 a", "not ok 1 a").replace("ok 1 t", "not ok 1 t")
        self.assertEqual(len(self.guest(bad, "outcome=ok rc=1")), 1)
        self.assertEqual(len(self.guest(bad, "outcome=ok rc=0")), 2)

    def test_a_guest_that_died_is_blamed_on_its_test(self):
        found = self.guest("KTAP version 1\n1..3\n  # Subtest: t\n  1..2\n  ok 1 a",
                           "outcome=died rc= line=Oops")
        self.assertEqual(found[0], ("ok", "t: a", ""))
        self.assertEqual(found[1][:2], ("fail", "t"))
        self.assertIn("the guest died: Oops", found[1][2])

    def test_a_guest_that_is_booted_again_begins_anew(self):
        found = self.guest("1..1\nnot ok 1 t\nvm: again\n" + self.GOOD, "outcome=ok rc=0")
        self.assertEqual(found, [("ok", "t: a", "")])

    def test_nothing_at_all(self):
        self.assertEqual(self.guest("", "outcome=ok rc=0")[0][0], "fail")
        self.assertEqual(self.guest("", "")[0][0], "fail")

    def test_the_console(self):
        log = "[ 1.0] selftests: begin t\n[ 2.0] WARNING: one\n[ 3.0] BUG: two\n"
        found = self.guest(self.GOOD, "outcome=dirty rc=0", log)
        self.assertEqual(found[1:], [("fail", "console during t", "[ 2.0] WARNING: one")])
        self.assertEqual(len(self.guest(self.GOOD, "outcome=ok rc=0", log,
                                        ["WARNING: one", "BUG: two"])), 1)


class Allowances(unittest.TestCase):
    def test_kernels_are_named(self):
        self.assertEqual(guest.allowed("6.1 6.12 WARNING: a b", "6.12"), "WARNING: a b")
        self.assertEqual(guest.allowed("6.1 6.12-rt BUG: a", "7.2"), "")
        self.assertEqual(guest.allowed("any BUG: a", "7.2"), "BUG: a")
        for bad in ("BUG: a", "6.1", ""):
            with self.assertRaises(ValueError):
                guest.allowed(bad, "6.1")


class Companions(unittest.TestCase):
    """selftests/lib_user.sh passes the cases of a program through."""

    def said(self, text: str, code: int) -> list[tuple[str, str, str]]:
        top = Path(__file__).parents[3]
        with tempfile.TemporaryDirectory() as name:
            program = Path(name) / "prog"
            program.write_text(f"#!/bin/sh\ncat << 'E'\n{text}\nE\nexit {code}\n")
            program.chmod(0o755)
            script = "".join(
                f"eval \"$(sed -n '/^{f}()/,/^}}/p' {top}/selftests/{file})\"\n"
                for f, file in (("run_program", "lib_user.sh"), ("passed_or_expected", "lib_user.sh"),
                                ("skip", "lib.sh"), ("note", "lib.sh")))
            script += (f"tmp={name} _program={program} _seconds=1 KTAP_TESTNO=1\n"
                       'ktap_test_pass() { echo "ok 1 $1"; }\n'
                       'ktap_test_fail() { echo "not ok 1 $1"; }\n'
                       "echo KTAP version 1; echo 1..1\nrun_program")
            done = subprocess.run(["busybox", "sh", "-c", script], text=True, check=False,
                                  capture_output=True)
            return [(o, n.replace(str(program), "prog"), w) for o, n, w in counted(done.stdout)]

    def test_each_case_counts(self):
        self.assertEqual(self.said("KTAP version 1\n1..3\nok 1 a\nok 2 b # SKIP no b\n"
                                   "# well\nok 3 c # XFAIL see it", 0),
                         [("ok", "prog: a", ""), ("skip", "prog: b", "no b"),
                          ("xfail", "prog: c", "see it")])

    def test_what_fails_or_dies_fails(self):
        self.assertEqual(self.said("KTAP version 1\n1..2\nok 1 a\nnot ok 2 b", 1),
                         [("ok", "prog: a", ""), ("fail", "prog: b", "")])
        self.assertEqual(self.said("KTAP version 1\n1..2\nok 1 a", 139)[-1][:2],
                         ("fail", "prog"))
        self.assertEqual(self.said("Segmentation fault", 139), [("fail", "prog", "")])

    def test_all_skipped(self):
        self.assertEqual(self.said("KTAP version 1\n1..1\nok 1 a # SKIP no a", 4),
                         [("skip", "prog: a", "no a")])


class KernelsParser(unittest.TestCase):
    """What selftests/run says is what the kernel documents."""

    def test_shape(self):
        text = (Path(__file__).parents[2] / "run").read_text()
        self.assertIn("  KTAP version 1\\n  # Subtest: %s\\n", text)
