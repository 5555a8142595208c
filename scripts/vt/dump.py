# SPDX-License-Identifier: GPL-2.0-only
"""The memory of a guest that panicked, as an ELF file that crash and drgn open.

QEMU stops where the guest would be reset, writes its memory, and ends. What QEMU does
not know is the kernel's vmcoreinfo note, without which nobody finds a kernel at a random
address; where that is in memory the guest has said (/sys/kernel/vmcoreinfo).
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from . import unix
from .symbols import parse_vmcoreinfo

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOAD, _NOTE = 1, 4


class DumpError(Exception):
    """The memory cannot be kept, and why."""


class Qmp:
    """QEMU's control port at a Unix socket."""

    def __init__(self, path: str, pid: int) -> None:
        try:
            self._socket = unix.connect(path, Path(f"/proc/{pid}").exists)
        except OSError as error:
            raise EOFError from error
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._read()
        self.do("qmp_capabilities")

    def close(self) -> None:
        """Nothing is wanted any more."""
        self._lines.close()
        self._socket.close()

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise EOFError
        said: dict[str, Any] = json.loads(line)
        return said

    def do(self, command: str, **arguments: Any) -> None:
        """Have a command done; events that come meanwhile are forgotten."""
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            said = self._read()
            if "error" in said:
                raise DumpError(f"{command}: {said['error'].get('desc', said)}")
            if "return" in said:
                return

    def wait(self, event: str) -> dict[str, Any]:
        """Wait for an event, and return what it says."""
        while True:
            said = self._read()
            if said.get("event") == event:
                data: dict[str, Any] = said.get("data", {})
                return data


def _segments(file: BinaryIO) -> tuple[int, list[list[int]]]:
    file.seek(0)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or header[:5] != b"\x7fELF\x02":
        raise DumpError("QEMU's file is no ELF of 64 bits")
    at, number = _HEADER.unpack(header)[5], _HEADER.unpack(header)[10]
    file.seek(at)
    return at, [list(_SEGMENT.unpack(file.read(_SEGMENT.size))) for _ in range(number)]


def _first_note(raw: bytes) -> bytes:
    """The rest of the place that the kernel keeps for it is zeroes."""
    if len(raw) < 12:
        return b""
    name, text, _ = struct.unpack_from("<III", raw)
    return raw[:12 + (name + 3 & ~3) + (text + 3 & ~3)]


def add_note(path: Path, address: int, size: int) -> None:
    """Copy the note that is at this physical address to the notes of the file."""
    with path.open("r+b") as file:
        at, segments = _segments(file)
        for kind, _, offset, _, physical, length, *_ in segments:
            if kind == _LOAD and physical <= address and address + size <= physical + length:
                file.seek(offset + address - physical)
                note = _first_note(file.read(size))
                break
        else:
            raise DumpError(f"there is no memory at 0x{address:x}")
        if note[12:23] != b"VMCOREINFO\0":
            raise DumpError(f"at 0x{address:x} there is no vmcoreinfo note")
        for i, segment in enumerate(segments):
            if segment[0] == _NOTE:
                file.seek(segment[2])
                notes = file.read(segment[5])
                segment[2] = (file.seek(0, 2) + 3) & ~3
                segment[5] = segment[6] = len(notes) + len(note)
                file.seek(segment[2])
                file.write(notes + note)
                file.seek(at + i * _SEGMENT.size)
                file.write(_SEGMENT.pack(*segment))
                return
        raise DumpError("QEMU's file has no notes")


def release(path: Path) -> str:
    """Of which kernel the note in the file is; empty if there is none."""
    with path.open("rb") as file:
        for kind, _, offset, *_, length, _, _ in _segments(file)[1]:
            if kind == _NOTE:
                file.seek(offset)
                info = parse_vmcoreinfo(file.read(length).partition(b"VMCOREINFO\0")[2])
                return info.get("OSRELEASE", "")
    return ""


def keep(path: str, pid: int, directory: Path) -> str:
    """Wait for the end of the guest that this QEMU has, and keep its memory if that was a
    reset.  Return what there is to say."""
    core, where = directory / "vmcore", directory / "vmcoreinfo"
    try:
        qmp = Qmp(path, pid)
        # A guest that ends by itself powers off.
        reset = qmp.wait("SHUTDOWN").get("reason") == "guest-reset"
        try:
            if reset:
                qmp.do("dump-guest-memory", paging=False, protocol=f"file:{core}")
        finally:
            qmp.do("quit")
            qmp.close()
    except EOFError:
        return ""
    if not reset:
        return ""
    if not where.exists():
        return f"{core} has no vmcoreinfo: the kernel has none"
    address, size = (int(word, 16) for word in where.read_text("utf-8").split())
    add_note(core, address, size)
    return ""


def main(argv: list[str]) -> int:
    """QMP's socket, QEMU's pid, and the directory that gets vmcore."""
    try:
        said = keep(argv[0], int(argv[1]), Path(argv[2]))
    except (DumpError, OSError, ValueError) as error:
        said = f"the guest's memory is not kept: {error}"
    if said:
        print(f"vm: {said}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
