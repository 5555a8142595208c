# SPDX-License-Identifier: GPL-2.0-only
"""docs/kcidb.md names members that results.json has, and its example is sound."""

import json
import re
import unittest
from typing import Any

from runs import TOP
from vt import results

PAGE = (TOP / "docs/kcidb.md").read_text()
STATUS = ["FAIL", "MISS", "ERROR", "SKIP", "PASS"]
# As kcidb-io's schema 5.0 has them.
PATH = re.compile(r"([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?")
ID = re.compile(r"[a-z0-9_]+:.+")


def known(name: str) -> bool:
    """Has the schema a member of that name, dots and [] as in the page?"""
    shape: Any = results.RESULTS
    for part in name.removesuffix("[]").split("."):
        key = part.removesuffix("[]")
        if not isinstance(shape, (dict, type(results.RESULTS))) or key not in shape:
            return False
        shape = shape[key][0] if isinstance(shape[key], list) else shape[key]
    return True


class Page(unittest.TestCase):
    def rows(self, head: str) -> list[tuple[str, str]]:
        table = PAGE.split(head)[1].split("\n\n")[0].splitlines()[2:]
        cells = [re.findall(r"[^|]+", row) for row in table]
        return [(first.strip(), second.strip()) for first, second in cells]

    def test_our_members_are_there(self):
        rows = self.rows("| theirs |")
        self.assertGreater(len(rows), 8)
        ours = [word for _, cell in rows for word in re.findall("`([a-z_.[\\]]+)`", cell)
                if "." in word and not word.endswith((".log", ".json", ".txt"))]
        self.assertGreater(len(ours), 10)
        self.assertEqual([word for word in ours if not known(word)], [])
        self.assertFalse(known("scenarios[].nothing"))
        self.assertFalse(known("nothing.image"))

    def test_each_status_has_a_row(self):
        rows = self.rows("| `status` |")
        self.assertEqual([first.strip("`") for first, _ in rows], STATUS)

    def test_the_example(self):
        doc = json.loads(PAGE.split("```json\n")[1].split("```")[0])
        self.assertEqual(doc["version"], {"major": 5, "minor": 0})
        for test in doc["tests"]:
            self.assertRegex(test["path"], PATH.pattern + "$")
            self.assertIn(test["status"], STATUS)
            for name in ("id", "build_id"):
                self.assertTrue(ID.fullmatch(test[name]), test[name])
                self.assertTrue(test[name].startswith(test["origin"] + ":"))
            (kind,) = [shape["kinds"] for shape in results.RESULTS["scenarios"]]
            self.assertEqual(test["misc"]["kind"].keys(), kind.keys())


if __name__ == "__main__":
    unittest.main()
