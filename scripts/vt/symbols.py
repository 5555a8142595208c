# SPDX-License-Identifier: GPL-2.0-only
"""Names of a guest's addresses: the kernel's own table, and the module's file.

The kernel's kallsyms are read from the guest's memory, where its vmcoreinfo note
says: every kernel since 6.0 has both, and neither System.map nor debug
information is needed.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class SymbolError(Exception):
    """A table that cannot be read."""


@dataclass
class Section:
    """A section of an ELF file."""

    name: str
    kind: int
    offset: int
    size: int
    link: int
    info: int


class Elf:
    """A module's file: sections, symbols, relocations.  64 bits, little endian."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise SymbolError(f"{path} is no ELF file of 64 bits")
        table, = struct.unpack_from("<Q", self.data, 0x28)
        size, count, names = struct.unpack_from("<HHH", self.data, 0x3a)
        raw = [struct.unpack_from("<IIQQQQIIQQ", self.data, table + i * size) for i in range(count)]
        base = raw[names][4]
        self.sections = [Section(self._string(base + r[0]), r[1], r[4], r[5], r[6], r[7]) for r in raw]
        self.symbols: list[tuple[str, int, int, int, int]] = []
        for section in self.sections:
            if section.kind != 2:
                continue
            strings = self.sections[section.link].offset
            for at in range(section.offset, section.offset + section.size, 24):
                name, info, _, index, value, length = struct.unpack_from("<IBBHQQ", self.data, at)
                self.symbols.append((self._string(strings + name), info & 15, index, value, length))

    def _string(self, at: int) -> str:
        return self.data[at:self.data.index(b"\0", at)].decode("latin-1")

    def section(self, name: str) -> Section | None:
        """A section by its name."""
        return next((s for s in self.sections if s.name == name), None)

    def content(self, section: Section) -> bytes:
        """What a section holds."""
        return self.data[section.offset:section.offset + section.size]

    def relocations(self, of: str) -> list[tuple[int, int, int]]:
        """Of a section: offset, number of the symbol, addend."""
        section = self.section(f".rela{of}")
        if not section:
            return []
        out = []
        for at in range(section.offset, section.offset + section.size, 24):
            offset, info, addend = struct.unpack_from("<QQq", self.data, at)
            out.append((offset, info >> 32, addend))
        return out


class Symbols:
    """Addresses and names, sorted."""

    def __init__(self) -> None:
        self._sorted: list[tuple[int, str]] = []
        self._keys: list[int] = []
        self.by_name: dict[str, int] = {}
        self._text: list[tuple[int, int]] = []

    def add(self, pairs: list[tuple[int, str]], text: tuple[int, int] | None = None) -> None:
        """More of them, and where their code is."""
        self._sorted = sorted(self._sorted + pairs)
        self._keys = [a for a, _ in self._sorted]
        for address, name in pairs:
            self.by_name.setdefault(name, address)
        if text:
            self._text.append(text)

    def is_text(self, address: int) -> bool:
        """Could this be the address of an instruction?"""
        return any(low <= address < high for low, high in self._text)

    def name(self, address: int) -> str:
        """name+0xoffset, or the bare address."""
        at = bisect.bisect_right(self._keys, address) - 1
        if at < 0 or not self.is_text(address):
            return f"{address:#x}"
        start, name = self._sorted[at]
        return f"{name}+{address - start:#x}"


def module_symbols(elf: Elf, sections: dict[str, int]) -> tuple[list[tuple[int, str]], list[tuple[int, int]]]:
    """The module's functions and data where the guest has them, and its code."""
    pairs = []
    text = []
    for name, kind, index, value, _ in elf.symbols:
        if 0 < index < len(elf.sections) and kind in (1, 2):
            base = sections.get(elf.sections[index].name)
            if base is not None:
                pairs.append((base + value, f"{name} [vma_torture]"))
    for section in elf.sections:
        if section.name.startswith(".text") and section.name in sections:
            text.append((sections[section.name], sections[section.name] + section.size))
    return pairs, text


def function_of(elf: Elf, sections: dict[str, int], name: str) -> int | None:
    """Where the guest has a function of the module."""
    for symbol, kind, index, value, _ in elf.symbols:
        if symbol == name and kind == 2 and 0 < index < len(elf.sections):
            base = sections.get(elf.sections[index].name)
            if base is not None:
                return base + value
    return None


def parse_vmcoreinfo(raw: bytes) -> dict[str, str]:
    """The note: lines of name=value."""
    text = raw.decode("latin-1")
    return dict(re.findall(r"([A-Za-z_]+(?:\([^)\n]*\))?)=([^\n\0]*)", text))


def kallsyms(note: dict[str, str], memory: Callable[[int, int], bytes]) -> list[tuple[int, str, str]]:
    """Every symbol of the kernel: address, type, name."""
    def place(name: str) -> int:
        try:
            return int(note[f"SYMBOL({name})"], 16)
        except KeyError as error:
            raise SymbolError(f"the kernel's vmcoreinfo does not say where {name} is") from error

    number, = struct.unpack("<I", memory(place("kallsyms_num_syms"), 4))
    if not 1000 < number < 5_000_000:
        raise SymbolError(f"{number} symbols in kallsyms cannot be")
    index = struct.unpack("<256H", memory(place("kallsyms_token_index"), 512))
    table = memory(place("kallsyms_token_table"), index[255] + 256)
    tokens = [table[i:table.index(b"\0", i)] for i in index]

    names: list[str] = []
    start = place("kallsyms_names")
    buffer = b""
    at = 0
    while len(names) < number:
        if len(buffer) - at < 1024:
            buffer += memory(start + len(buffer), 0x10000)
        length = buffer[at]
        at += 1
        if length & 0x80:
            length = (length & 0x7f) | (buffer[at] << 7)
            at += 1
        names.append(b"".join([tokens[byte] for byte in buffer[at:at + length]]).decode("latin-1"))
        at += length

    offsets = struct.unpack(f"<{number}i", memory(place("kallsyms_offsets"), 4 * number))
    where = place("kallsyms_offsets")
    expected = place("_stext")
    for rule in ("base", "percpu", "own"):
        if rule == "own":
            # Each is relative to its own place.
            addresses = [(where + 4 * i + o) & (1 << 64) - 1 for i, o in enumerate(offsets)]
        else:
            if "SYMBOL(kallsyms_relative_base)" not in note:
                continue
            base, = struct.unpack("<Q", memory(place("kallsyms_relative_base"), 8))
            if rule == "base":
                addresses = [base + (o & 0xffffffff) for o in offsets]
            else:
                # Negative ones are addresses, the others are offsets of per-CPU data.
                addresses = [base - 1 - o if o < 0 else o for o in offsets]
        found = [a for a, n in zip(addresses, names) if n[1:] == "_stext"]
        if found and found[0] == expected:
            return [(a, n[0], n[1:]) for a, n in zip(addresses, names)]
    raise SymbolError("the kernel's kallsyms are of a form that is not known")
