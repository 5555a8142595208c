# SPDX-License-Identifier: GPL-2.0-only
"""The report of a night."""

import unittest

from vt import overnight


class Report(unittest.TestCase):
    def test_lists(self):
        pieces = overnight.parse("a\t0\t1800\t1.log\nb\t1\t60\t2.log\na\t0\t1800\t3.log\n"
                                 "c\t4\t1\t4.log\nd\t137\t1\t5.log\n"
                                 "bench-7.3\t1\t1\t6.log\n")
        self.assertEqual(overnight.report(pieces), [
            "6 pieces in 1.0 hours", "", "SUCCESS: 2", "  a: 2 times, 3600 s", "",
            "SKIPPED: 1", "  c: nothing could be tested (4.log)", "", "FAILURE: 3",
            "  b: a race that is not known (2.log)", "  d: something failed (5.log)",
            "  bench-7.3: a limit that was missed (6.log)"])

    def test_what_cannot_be_read_is_no_success(self):
        for bad in ("a\t0\t5", "a\tx\t5\tlog", "a\t0\t\tlog"):
            with self.assertRaises(ValueError):
                overnight.parse(bad)
        self.assertEqual(overnight.main(["/nonexistent"]), 2)
