# SPDX-License-Identifier: GPL-2.0-only
"""The stack of a vCPU that stands still, by the kernel's ORC tables.

As arch/x86/kernel/unwind_orc.c does it.  Where the tables say nothing, words of
the stack that could be return addresses follow, marked "?" as the kernel marks
them.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Callable
from dataclasses import dataclass

from vt.symbols import Elf, Symbols

Memory = Callable[[int, int], bytes]

_MASK = (1 << 64) - 1
_PREV_SP, _DX, _DI, _BP, _SP, _R10, _R13, _BP_INDIRECT, _SP_INDIRECT = range(1, 10)
_BY_REGISTER = {_DX: "rdx", _DI: "rdi", _R10: "r10", _R13: "r13"}


@dataclass
class Entry:
    """How to get from one frame to the next."""

    sp_offset: int
    bp_offset: int
    sp_reg: int
    bp_reg: int
    kind: str
    signal: bool


def parse_entry(raw: bytes, old: bool) -> Entry:
    """One of struct orc_entry; before 6.4 it had another layout ("old")."""
    sp_offset, bp_offset, bits = struct.unpack("<hhH", raw)
    sp_reg, bp_reg = bits & 15, bits >> 4 & 15
    if old:
        kind = ("call", "regs", "partial", "?")[bits >> 8 & 3]
        # "end" is the bit behind the type, or behind "signal" where that is.
        if sp_reg == 0:
            kind = "end" if bits >> 10 & 3 else "undefined"
        return Entry(sp_offset, bp_offset, sp_reg, bp_reg, kind, False)
    kinds = ("undefined", "end", "call", "regs", "partial")
    number = bits >> 8 & 7
    kind = kinds[number] if number < len(kinds) else "?"
    return Entry(sp_offset, bp_offset, sp_reg, bp_reg, kind, bool(bits >> 11 & 1))


class Orc:
    """The tables of kernel and module."""

    def __init__(self, old: bool) -> None:
        self._old = old
        self._tables: list[tuple[int, int, Callable[[int], bytes | None]]] = []

    def add_kernel(self, symbols: Symbols, memory: Memory) -> None:
        """The kernel's own, in the guest's memory."""
        names = ("__start_orc_unwind_ip", "__stop_orc_unwind_ip", "__start_orc_unwind")
        if any(name not in symbols.by_name for name in names):
            return
        start, stop, entries = (symbols.by_name[name] for name in names)
        raw = memory(start, stop - start)
        offsets = struct.unpack(f"<{len(raw) // 4}i", raw)
        ips = [start + 4 * i + o for i, o in enumerate(offsets)]

        def find(ip: int) -> bytes | None:
            at = bisect.bisect_right(ips, ip) - 1
            return memory(entries + 6 * at, 6) if at >= 0 else None

        self._tables.append((symbols.by_name["_stext"], ips[-1], find))

    def add_module(self, elf: Elf, sections: dict[str, int]) -> None:
        """The module's, in its file, whose relocations are still to be done."""
        table = elf.section(".orc_unwind")
        if not table:
            return
        content = elf.content(table)
        pairs = []
        for offset, number, addend in elf.relocations(".orc_unwind_ip"):
            _, _, index, value, _ = elf.symbols[number]
            base = sections.get(elf.sections[index].name) if index < len(elf.sections) else None
            if base is not None:
                at = offset // 4 * 6
                pairs.append((base + value + addend, content[at:at + 6]))
        pairs.sort()
        ips = [ip for ip, _ in pairs]

        def find(ip: int) -> bytes | None:
            at = bisect.bisect_right(ips, ip) - 1
            return pairs[at][1] if at >= 0 else None

        for section in elf.sections:
            if section.name.startswith(".text") and section.name in sections:
                low = sections[section.name]
                self._tables.append((low, low + section.size, find))

    def find(self, ip: int) -> Entry | None:
        """What is known of an address."""
        for low, high, look in self._tables:
            if low <= ip < high:
                raw = look(ip)
                return parse_entry(raw, self._old) if raw else None
        return None


@dataclass
class Frame:
    """One line of a stack."""

    ip: int
    sure: bool
    note: str = ""


def _word(memory: Memory, address: int) -> int:
    return int(struct.unpack("<Q", memory(address & _MASK, 8))[0])


def unwind(regs: dict[str, int], orc: Orc, symbols: Symbols, memory: Memory) -> list[Frame]:
    """The frames of a vCPU in the kernel, innermost first."""
    frames = [Frame(regs["rip"], True)]
    ip, sp, bp = regs["rip"], regs["rsp"], regs["rbp"]
    full: dict[str, int] | None = regs
    exact = True
    for _ in range(64):
        entry = orc.find(ip if exact else ip - 1)
        if entry is None or entry.kind in ("undefined", "?"):
            return frames + guesses(sp, symbols, memory)
        if entry.kind == "end":
            return frames
        try:
            if entry.sp_reg == _SP:
                new = sp + entry.sp_offset
            elif entry.sp_reg == _BP:
                new = bp + entry.sp_offset
            elif entry.sp_reg == _SP_INDIRECT:
                new = _word(memory, sp) + entry.sp_offset
            elif entry.sp_reg == _BP_INDIRECT:
                new = _word(memory, bp + entry.sp_offset)
            elif entry.sp_reg in _BY_REGISTER and full:
                new = full[_BY_REGISTER[entry.sp_reg]]
            else:
                return frames + guesses(sp, symbols, memory)
            new &= _MASK
            if entry.kind == "call":
                ip, before, exact, full = _word(memory, new - 8), sp, False, None
                if entry.bp_reg == _PREV_SP:
                    bp = _word(memory, new + entry.bp_offset)
                elif entry.bp_reg == _BP:
                    bp = _word(memory, bp + entry.bp_offset)
                sp = new
            elif entry.kind == "regs":
                before = sp
                if _word(memory, new + 136) & 3:
                    return frames + [Frame(_word(memory, new + 128), True, "user space")]
                ip, sp, bp = (_word(memory, new + o) for o in (128, 152, 32))
                names = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8",
                         "rax", "rcx", "rdx", "rsi", "rdi")
                full = {n: _word(memory, new + 8 * i) for i, n in enumerate(names)}
                exact = True
                frames.append(Frame(ip, True, "interrupted here"))
                continue
            else:
                before = sp
                if _word(memory, new + 8) & 3:
                    return frames + [Frame(_word(memory, new), True, "user space")]
                ip, sp, exact, full = _word(memory, new), _word(memory, new + 24), True, None
                frames.append(Frame(ip, True, "interrupted here"))
                continue
        except Exception:  # pylint: disable=broad-except
            # A word that cannot be read ends the stack, whoever says so.
            return frames
        if not symbols.is_text(ip) or sp == before:
            return frames + guesses(before, symbols, memory)
        frames.append(Frame(ip, True))
    return frames


def guesses(sp: int, symbols: Symbols, memory: Memory) -> list[Frame]:
    """Words of the stack that could be return addresses."""
    out: list[Frame] = []
    for at in range(sp & ~7, (sp | 0x3fff) + 1, 8):
        try:
            word = _word(memory, at)
        except Exception:  # pylint: disable=broad-except
            break
        if symbols.is_text(word):
            out.append(Frame(word, False))
        if len(out) >= 24:
            break
    return out
