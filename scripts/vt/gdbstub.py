# SPDX-License-Identifier: GPL-2.0-only
"""A guest under QEMU's gdb stub: registers, memory, a hardware breakpoint.

A hardware breakpoint of QEMU changes nothing of what the guest executes.
"""

from __future__ import annotations

import re
import struct
import time
from dataclasses import dataclass

from . import unix

# As QEMU sends them for x86-64: registers, flags and segments, bases, controls.
_GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10",
            "r11", "r12", "r13", "r14", "r15", "rip")
_SHORT = ("eflags", "cs", "ss", "ds", "es", "fs", "gs")
_LONG = ("fs_base", "gs_base", "k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer")


class GdbError(Exception):
    """The stub did not do what it was asked."""


@dataclass
class Cpu:
    """A vCPU that stands still."""

    thread: str
    regs: dict[str, int]

    @property
    def in_user(self) -> bool:
        """Does it run user space?"""
        return bool(self.regs["cs"] & 3)


class Stub:
    """QEMU's gdb stub at a Unix socket."""

    def __init__(self, path: str, patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        try:
            self._socket = unix.connect(path, lambda: time.monotonic() < deadline)
        except OSError as error:
            raise GdbError(f"no gdb stub at {path}: {error}") from error
        self._socket.settimeout(patience)
        self._buffer = b""
        said = re.search(r"PacketSize=([0-9a-f]+)", self.ask("qSupported:hwbreak+;vContSupported+"))
        # Two digits a byte.
        self._most = (int(said[1], 16) if said else 1024) // 2 - 8
        # A guest that was kept is not there until it is all read.
        while "inmigrate" in self.monitor("info status"):
            if time.monotonic() >= deadline:
                raise GdbError("the kept guest does not come")
            time.sleep(0.1)

    def _packet(self) -> str:
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start + 1)
            if start >= 0 and end >= 0 and len(self._buffer) >= end + 3:
                body = self._buffer[start + 1:end]
                self._buffer = self._buffer[end + 3:]
                self._socket.sendall(b"+")
                return body.decode("latin-1")
            try:
                more = self._socket.recv(1 << 18)
            except TimeoutError as error:
                raise GdbError("the gdb stub does not answer") from error
            if not more:
                raise GdbError("the guest ended")
            self._buffer += more

    def ask(self, text: str) -> str:
        """Send a packet and return the answer."""
        body = text.encode()
        self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 255))
        return self._packet()

    def monitor(self, command: str) -> str:
        """A command of QEMU's monitor, and what it says."""
        answer = self.ask(f"qRcmd,{command.encode().hex()}")
        said = b""
        while answer.startswith("O") and answer != "OK":
            said += bytes.fromhex(answer[1:])
            answer = self._packet()
        return said.decode(errors="replace")

    def expect_ok(self, text: str) -> None:
        """Send a packet that has no other answer than OK."""
        answer = self.ask(text)
        if answer != "OK":
            raise GdbError(f"{text}: {answer or 'not supported'}")

    def run_to(self, address: int, seconds: float) -> bool:
        """Let the guest go until a vCPU comes to an address; False if it ended."""
        self.expect_ok(f"Z1,{address:x},1")
        self._socket.settimeout(seconds)
        try:
            answer = self.ask("c")
        except GdbError as error:
            if "ended" in str(error):
                return False
            raise
        self._socket.settimeout(60)
        if answer[:1] in "WX":
            return False
        return True

    def memory(self, address: int, size: int) -> bytes:
        """Virtual memory, by the page tables of the vCPU last selected."""
        out = bytearray()
        while len(out) < size:
            want = min(size - len(out), self._most)
            answer = self.ask(f"m{address + len(out):x},{want:x}")
            if answer.startswith("E") or not answer:
                raise GdbError(f"no memory at {address + len(out):#x}")
            out += bytes.fromhex(answer)
        return bytes(out)

    def word(self, address: int) -> int:
        """A word of 64 bits."""
        return int(struct.unpack("<Q", self.memory(address, 8))[0])

    def physical(self, cpu: Cpu, address: int, size: int) -> bytes:
        """Physical memory, where a kernel without KASLR maps all of it."""
        self.select(cpu)
        five_levels = cpu.regs["cr4"] & 1 << 12
        return self.memory((0xff11000000000000 if five_levels else 0xffff888000000000) + address, size)

    def cpus(self) -> list[Cpu]:
        """All vCPUs, in order."""
        threads: list[str] = []
        answer = self.ask("qfThreadInfo")
        while answer.startswith("m"):
            threads += answer[1:].split(",")
            answer = self.ask("qsThreadInfo")
        return [Cpu(thread, self._registers(thread)) for thread in sorted(threads)]

    def select(self, cpu: Cpu) -> None:
        """Read memory as this vCPU sees it."""
        self.expect_ok(f"Hg{cpu.thread}")

    def _registers(self, thread: str) -> dict[str, int]:
        self.expect_ok(f"Hg{thread}")
        raw = bytes.fromhex(self.ask("g").replace("x", "0"))
        form = f"<{len(_GENERAL)}Q{len(_SHORT)}I{len(_LONG)}Q"
        values = struct.unpack_from(form, raw)
        return dict(zip(_GENERAL + _SHORT + _LONG, values))

    def leave(self) -> None:
        """Let the guest stand, for another debugger."""
        self._socket.close()

    def kill(self) -> None:
        """End the guest."""
        try:
            body = b"k"
            self._socket.sendall(b"$%s#%02x" % (body, sum(body) & 255))
        except OSError:
            pass
        self._socket.close()
