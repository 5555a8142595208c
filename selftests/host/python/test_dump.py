# SPDX-License-Identifier: GPL-2.0-only
"""A guest's memory as a file that crash and drgn open: vt/dump.py."""

import json
import os
import socket
import struct
import tempfile
import threading
import unittest
from pathlib import Path

from vt import dump

CPU = struct.pack("<III", 5, 4, 1) + b"CORE\0\0\0\0" + b"regs"
BASE = 0x100000


def note(release: str) -> bytes:
    """A kernel's vmcoreinfo."""
    info = f"OSRELEASE={release}\nPAGESIZE=4096\n".encode()
    return struct.pack("<III", 11, len(info), 0) + b"VMCOREINFO\0\0" + info + bytes(-len(info) % 4)


NOTE = note("7.3.0-x")


def core(path: Path, memory: bytes) -> None:
    """As QEMU writes it: a header, a segment of notes, one of memory at BASE."""
    at = dump._HEADER.size
    notes = at + 2 * dump._SEGMENT.size
    path.write_bytes(
        dump._HEADER.pack(b"\x7fELF\x02\x01\x01" + bytes(9), 4, 62, 1, 0, at, 0, 0, 64, 56, 2, 0, 0, 0)
        + dump._SEGMENT.pack(4, 0, notes, 0, 0, len(CPU), len(CPU), 0)
        + dump._SEGMENT.pack(1, 0, notes + len(CPU), 0, BASE, len(memory), len(memory), 0)
        + CPU + memory)


class Dump(unittest.TestCase):
    def setUp(self):
        name = tempfile.TemporaryDirectory()
        self.addCleanup(name.cleanup)
        self.dir = Path(name.name)
        self.core = self.dir / "vmcore"

    def test_the_note_joins_the_others(self):
        core(self.core, bytes(512) + NOTE.ljust(1024, b"\0") + b"end")
        self.assertEqual(dump.release(self.core), "")
        dump.add_note(self.core, BASE + 512, 1024)
        self.assertEqual(dump.release(self.core), "7.3.0-x")
        raw = self.core.read_bytes()
        self.assertTrue(raw.endswith(CPU + NOTE))
        self.assertIn(b"end", raw)

    def test_what_is_no_note_is_said(self):
        core(self.core, bytes(4096))
        for address, size, why in ((BASE, 1024, "no vmcoreinfo note"),
                                   (BASE + 4000, 1024, "no memory at"), (0, 8, "no memory at")):
            with self.assertRaisesRegex(dump.DumpError, why):
                dump.add_note(self.core, address, size)
        self.core.write_bytes(b"#!/bin/sh")
        with self.assertRaisesRegex(dump.DumpError, "no ELF"):
            dump.release(self.core)

    def keep(self, reason: str, note: str = f"{BASE:#x} 400", fails: bool = False) -> tuple[str, list]:
        """What is said, and the commands that a QEMU of paper got whose guest ends so."""
        got = []
        path = str(self.dir / "qmp")

        def qemu(server: socket.socket) -> None:
            peer, _ = server.accept()
            lines = peer.makefile("rw", encoding="utf-8")

            def say(**what: object) -> None:
                lines.write(json.dumps(what) + "\n")
                lines.flush()

            say(QMP={})
            decoder, text = json.JSONDecoder(), ""
            while not got or got[-1] != "quit":
                more = peer.recv(4096).decode()
                if not more:
                    break
                text += more
                while text:
                    command, end = decoder.raw_decode(text)
                    text = text[end:]
                    got.append(command["execute"])
                    if got[-1] == "dump-guest-memory":
                        say(event="STOP")
                        if fails:
                            say(error={"desc": "no space"})
                            continue
                        core(Path(command["arguments"]["protocol"].removeprefix("file:")),
                             NOTE.ljust(1024, b"\0"))
                    say(**{"return": {}})
                    if got[-1] == "qmp_capabilities" and reason:
                        say(event="SHUTDOWN", data={"reason": reason})
                    elif got[-1] == "qmp_capabilities":
                        got.append("quit")
            lines.close()
            peer.close()

        if note:
            (self.dir / "vmcoreinfo").write_text(note)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            thread = threading.Thread(target=qemu, args=(server,))
            thread.start()
            try:
                said = dump.keep(path, os.getpid(), self.dir)
            except dump.DumpError as error:
                said = str(error)
            thread.join()
        os.unlink(path)
        return said, got

    def test_kept_if_it_would_be_reset(self):
        said, got = self.keep("guest-reset")
        self.assertEqual((said, got), ("", ["qmp_capabilities", "dump-guest-memory", "quit"]))
        self.assertEqual(dump.release(self.core), "7.3.0-x")

    def test_nothing_of_one_that_powers_off_or_is_killed(self):
        self.assertEqual(self.keep("guest-shutdown"), ("", ["qmp_capabilities", "quit"]))
        self.assertEqual(self.keep("")[0], "")
        self.assertFalse(self.core.exists())

    def test_what_cannot_be_kept_is_said(self):
        self.assertIn("no vmcoreinfo", self.keep("guest-reset", note="")[0])
        self.assertIn("no space", self.keep("guest-reset", fails=True)[0])
        # No QEMU, and none that is to come.
        self.assertEqual(dump.keep(str(self.dir / "nowhere"), 2 ** 22 + 1, self.dir), "")


if __name__ == "__main__":
    unittest.main()
