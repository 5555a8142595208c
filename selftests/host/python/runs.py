# SPDX-License-Identifier: GPL-2.0-only
"""A run's directory, as the tests of what judges runs make it."""

import tempfile
import unittest
from pathlib import Path

from vt import ledger, torture

TOP = Path(__file__).parents[3]
KERNEL = {"name": "6.1", "version": "6.1.192", "release": "6.1.0-56-amd64",
          "package": "6.1.192-2", "own": False}
IDENTITY = {"image": "aa", "module": "bb", "source": "cc", "initramfs": "dd", "command": "",
            "config": "", "deterministic": False}


class Runs(unittest.TestCase):
    """Each test has an empty directory for a run, self.dir."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)

    def judged(self, output, status, console, parameters, *, strict=False, kernel=KERNEL,
               identity=IDENTITY):
        """What is judged of a guest that said and ended so."""
        (self.dir / "output").write_text(output)
        (self.dir / "status").write_text(status)
        (self.dir / "console.log").write_text(console)
        known = ledger.load(kernel["version"],
                            [] if kernel["own"] else [TOP / "scripts/known-races"])
        return torture.judge(torture.Run(self.dir, kernel, known, strict, 10, [], parameters,
                                         dict(identity), "2026-11-26T02:00:00Z"))
