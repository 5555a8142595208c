# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/kernels, build-kernel and own-kernel noted of a kernel."""

from __future__ import annotations

from pathlib import Path


def info(build: Path, name: str) -> dict[str, str]:
    """The lines name=value of build/kernels/NAME/info; none if it is not there."""
    try:
        lines = (build / "kernels" / name / "info").read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {key: value for key, _, value in (line.partition("=") for line in lines)}
