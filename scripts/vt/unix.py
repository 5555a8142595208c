# SPDX-License-Identifier: GPL-2.0-only
"""Unix sockets of a QEMU that may not be there yet."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


def connect(path: str, wanted: Callable[[], bool]) -> socket.socket:
    """Connect, as soon as somebody listens; OSError if it is not wanted any more by then."""
    while True:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(path)
            return peer
        except OSError:
            peer.close()
            if not wanted():
                raise
            time.sleep(0.1)
