# SPDX-License-Identifier: GPL-2.0-only
"""Exit codes, and which of several wins."""

from __future__ import annotations

from collections.abc import Iterable

OK = 0
RACE = 1        # an unknown race was logged
BROKEN = 2      # the harness failed, or a verdict was not earned
KERNEL = 3      # the kernel under test oopsed, hung or complained
SKIP = 4        # nothing could be tested

# The first that any kernel has is the code of all of them.
_ORDER = (RACE, KERNEL, BROKEN, OK, SKIP)


def worst(codes: Iterable[int]) -> int:
    """The code of several kernels together; of none it is BROKEN."""
    seen = set(codes)
    for code in _ORDER:
        if code in seen:
            return code
    return BROKEN
