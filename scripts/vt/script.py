# SPDX-License-Identifier: GPL-2.0-only
"""What the scripts share that read runs which are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import codes, results


def load(places: list[str]) -> list[tuple[Path, dict[str, Any]]]:
    """Each run's directory, and its results."""
    return [(Path(word), results.load(Path(word))) for word in places]


def run(name: str, usage: str, body: Callable[[list[str]], int]) -> int:
    """The exit code of a script: of --help, of what `body` does, or of what it cannot do.

    `body` takes the arguments, and raises ValueError or OSError where they name no run.
    """
    argv = sys.argv[1:]
    if argv and argv[0] in ("-h", "--help"):
        print(usage.strip())
        return codes.OK
    try:
        return body(argv)
    except BrokenPipeError:
        # Whoever read has gone; there is nobody to tell.
        sys.stderr.close()
    except (OSError, ValueError) as error:
        print(f"{name}: no results of a run: {error}", file=sys.stderr)
    return codes.BROKEN
