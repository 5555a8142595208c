# SPDX-License-Identifier: GPL-2.0-only
"""Offsets of members of the kernel's structures, by the BTF in its memory."""

from __future__ import annotations

import struct

# Bytes behind the header of a type of each kind; per member where it has some.
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}
_PER_MEMBER = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}


def offsets(raw: bytes, structure: str, members: tuple[str, ...]) -> dict[str, int]:
    """Offsets in bytes of these members of a structure; of none it lacks."""
    if struct.unpack_from("<H", raw)[0] != 0xeb9f:
        return {}
    header, types, size, strings, _ = struct.unpack_from("<5I", raw, 4)
    base = header + strings

    def text(at: int) -> str:
        return raw[base + at:raw.index(b"\0", base + at)].decode("latin-1")

    at = header + types
    end = at + size
    while at < end:
        name, info, _ = struct.unpack_from("<3I", raw, at)
        kind, count = info >> 24 & 31, info & 0xffff
        at += 12
        if kind == 4 and count and text(name) == structure:
            out: dict[str, int] = {}
            for i in range(count):
                member, _, offset = struct.unpack_from("<3I", raw, at + 12 * i)
                if text(member) in members:
                    out[text(member)] = (offset & 0xffffff if info >> 31 else offset) // 8
            return out
        at += _FIXED.get(kind, 0) + _PER_MEMBER.get(kind, 0) * count
    return {}
