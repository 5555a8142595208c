# SPDX-License-Identifier: GPL-2.0-only
"""Known races: ranges of kernels, variants, and what was not seen."""

import unittest
from pathlib import Path

from vt import ledger

TOP = Path(__file__).parents[3]


def holds(text: str, version: str) -> bool:
    return ledger.parse_range(text).holds(ledger.version_of(version))


class Ranges(unittest.TestCase):
    def test_a_branch(self):
        self.assertTrue(holds("6.1", "6.1.0"))
        self.assertTrue(holds("6.1", "6.1.192"))
        self.assertFalse(holds("6.1", "6.12.1"))
        self.assertFalse(holds("6.1", "7.1.1"))

    def test_branches(self):
        for version, there in (("6.7.9", 0), ("6.8", 1), ("6.11.99", 1), ("6.12.0", 0)):
            self.assertEqual(holds("6.8-6.11", version), bool(there), version)

    def test_open_at_the_end(self):
        for version, there in (("6.12.4", 0), ("6.12.5", 1), ("6.12.999", 1), ("6.13.6", 0)):
            self.assertEqual(holds("6.12.5-", version), bool(there), version)

    def test_within_a_branch(self):
        for version, there in (("6.12.33", 1), ("6.12.34", 0), ("6.12", 1), ("6.11.9", 0)):
            self.assertEqual(holds("6.12.0-6.12.33", version), bool(there), version)

    def test_releases_are_versions(self):
        self.assertEqual(ledger.version_of("6.12.117+deb12-amd64"), (6, 12, 117))
        self.assertEqual(ledger.version_of("7.3-rc2"), (7, 3, 0))

    def test_what_is_none(self):
        for text in ("", "6", "6.1-", "6.1.3", "6.12.5-6.13.1", "6.12.5-6.12.4", "6.9-6.8", "x"):
            with self.assertRaises(ledger.LedgerError, msg=text):
                ledger.parse_range(text)


class Lines(unittest.TestCase):
    TEXT = '''# a comment
6.1,7.2.5- a/x "walk: [0-9]+" because
6.1 a/x "other" why not
'''

    def known(self, version: str) -> ledger.Ledger:
        return ledger.Ledger(version, [e for e in ledger.parse(self.TEXT) if e.on(version)])

    def test_variants(self):
        known = self.known("6.1.5")
        self.assertEqual(known.why("a", "x", "a walk: 12"), "because")
        self.assertEqual(known.why("a", "x", "the other"), "why not")
        self.assertIsNone(known.why("a", "x", "walk: none"))
        self.assertIsNone(known.why("a", "y", "walk: 1"))
        self.assertIsNone(known.why("b", "x", "walk: 1"))
        self.assertIsNone(self.known("7.2.4").why("a", "x", "walk: 1"))
        self.assertEqual(self.known("7.2.5").why("a", "x", "walk: 1"), "because")

    def test_a_race_without_a_record_is_not_known(self):
        self.assertIsNone(self.known("6.1.5").why("a", "x", ""))

    def test_not_seen(self):
        known = self.known("6.1.5")
        known.why("a", "x", "walk: 1")
        self.assertEqual([e.why for e in known.not_seen(["a"])], ["why not"])
        self.assertEqual(known.not_seen(["b"]), [])

    def test_lines_that_are_none(self):
        for line in ("6.1 a/x why", '6.1 a "x" why', '6.1 a/x "x"', '6.1 a/x "(" why',
                     '6.1- a/x "x" why'):
            with self.assertRaises(ledger.LedgerError, msg=line):
                ledger.parse(line)


class Ours(unittest.TestCase):
    """scripts/known-races itself."""

    def setUp(self):
        self.path = TOP / "scripts/known-races"

    def why(self, version: str, race: str, detail: str):
        scenario, kind = race.split("/")
        return ledger.load(version, [self.path]).why(scenario, kind, detail)

    def test_what_was_seen_on_stock_kernels(self):
        gap = "point walk: nothing at 0x1-0x2, last in flight 0x1-0x3"
        self.assertTrue(self.why("6.1.192", "map_fixed/gap", gap))
        self.assertIsNone(self.why("6.12.117", "map_fixed/gap", gap))
        foreign = "12 of 14 entries are VMAs of another mm, the first of the parent"
        self.assertTrue(self.why("6.12.117", "fork_fail/foreign_vma", foreign))
        self.assertIsNone(self.why("6.1.192", "fork_fail/foreign_vma", foreign))
        self.assertIsNone(self.why("7.2.12", "fork_fail/foreign_vma", foreign))
        # What the parent has unmapped since may be another mm's by now.
        self.assertTrue(self.why("6.12.117", "fork_fail/foreign_vma",
                                 foreign.replace("the parent", "a third one")))
        self.assertIsNone(self.why("6.12.117", "fork_fail/foreign_vma",
                                   foreign.replace("the parent", "nobody")))

    def test_a_table_that_moves_under_the_vma_lock_is_new(self):
        text = "under {} table 0x1 became 0x2, shared"
        self.assertTrue(self.why("6.1.192", "hugetlb_walk/table_moved", text.format("i_mmap")))
        self.assertIsNone(self.why("6.1.192", "hugetlb_walk/table_moved",
                                   text.format("the vma lock")))

    def test_what_mended_the_split_is_in_its_stable_branches(self):
        text = "table 0x1, shared by 1 others, under a VMA that does not span it"
        for version, there in (("6.1.100", 1), ("6.1.192", 1), ("6.6.94", 1), ("6.6.95", 0),
                               ("6.12.33", 1), ("6.12.34", 0), ("6.16.1", 0), ("7.2.12", 0)):
            self.assertEqual(bool(self.why(version, "hugetlb_walk/split_shared", text)),
                             bool(there), version)
        self.assertIn("6.1.142's backport",
                      self.why("6.1.192", "hugetlb_walk/split_shared", text))
        self.assertNotIn("backport", self.why("6.1.100", "hugetlb_walk/split_shared", text))
