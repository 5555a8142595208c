# SPDX-License-Identifier: GPL-2.0-only
"""Consoles: those met so far, whole, and what must be found in them."""

import unittest
from pathlib import Path

from vt import console

CORPUS = Path(__file__).parent / "consoles"


def stamped(text: str) -> str:
    return f"[   12.345678] {text}"


class Corpus(unittest.TestCase):
    """NAME.log is a console; the lines of trouble in it are in NAME.trouble."""

    def test_each(self):
        logs = sorted(CORPUS.glob("*.log"))
        self.assertGreaterEqual(len(logs), 4)
        for log in logs:
            with self.subTest(log.name):
                wanted = log.with_suffix(".trouble").read_text().splitlines()
                lines = console.read(log)
                found = [t.line for t in console.trouble(lines)]
                found += console.user_trouble(lines) + console.unknown(lines)
                self.assertEqual(found, wanted)


class Lines(unittest.TestCase):
    MISSED = (
        "mm/pgtable-generic.c:51: bad pmd 00000000deadbeef(8000000012345067)",
        "mm/pgtable-generic.c:42: bad pud 00000000deadbeef(1)",
        "get_swap_device: Bad swap file entry 3ffffffffffff",
        "swap_info_get: Unused swap offset entry 00000100",
        "Read-error on swap-device (1:0:8)",
        "kmemleak: Kernel memory leak detector disabled",
        "kmemleak: Cannot allocate a kmemleak_object structure",
        "INFO: lockdep is turned off.",
        "Disabling lock debugging due to kernel taint",
        "irq 11: nobody cared (try booting with the \"irqpoll\" option)",
        "vt: page allocation failure: order:0, mode:0x40cc0(GFP_KERNEL), nodemask=(null)",
        "sysfs: cannot create duplicate filename '/kernel/x'",
        "KFENCE: memory corruption in x",
        "ODEBUG: free active (active state 0) object: 1",
    )

    def test_lines_that_were_missed(self):
        for text in self.MISSED:
            self.assertEqual(len(list(console.trouble([stamped(text)]))), 1, text)

    def test_the_same_elsewhere_is_none(self):
        for text in self.MISSED:
            line = stamped("vma_torture: RACE a/b detail=\"" + text + "\"")
            self.assertEqual(list(console.trouble([line])), [], text)

    def test_what_the_guest_complains_of(self):
        for text in ("/bin/guest-run: line 40: can't fork: Cannot allocate memory",
                     "sh: can't fork: Cannot allocate memory", "Segmentation fault",
                     "cat: read error: Input/output error", "sh: cut: not found"):
            self.assertEqual(console.user_trouble([text]), [text])
        for text in ("all is well", "cannot", stamped("traps: can't fork"), ""):
            self.assertEqual(console.user_trouble([text]), [])

    def test_code_that_is_not_there_any_more(self):
        code = "Code: 66 0f {} <f7> c1 00 00"
        int3 = ("Oops: int3: 0000 [#1] SMP NOPTI", "RIP: 0010:__mod_timer+0x1c3/0x370")
        at_0 = ("#PF: supervisor instruction fetch in kernel mode",
                "Oops: Oops: 0010 [#1] SMP NOPTI", "RIP: 0010:0x0",
                "Code: Unable to access opcode bytes at 0xffffffffffffffd6.")
        flags = "RSP: 0018:ff685c76c01c7be8 EFLAGS: {}"
        end = "---[ end trace 0000000000000000 ]---"
        for texts, stale in (
                # A breakpoint that memory has: text that was freed, or a kprobe's.
                ((*int3, code.format("cc")), False),
                ((*int3, code.format("90")), True),
                ((*int3, end, code.format("90")), False),
                ((*int3, "Code: Unable to access opcode bytes at 0x1."), False),
                # A call of NULL, but with interrupts off, as kprobes leave them.
                ((*at_0, flags.format("00010282")), False),
                ((*at_0, flags.format("00010082")), True),
                ((*at_0[1:], flags.format("00010082")), False),
                # What comes after the first Oops is no cause.
                (("Oops: Oops: 0000 [#1] SMP", "RIP: 0010:vma_merge+0x1/0x2", end,
                  *at_0, flags.format("00010082")), False)):
            self.assertEqual(console.stale_code(map(stamped, texts)), stale, texts)

    def test_lines_that_no_list_knows(self):
        start = stamped("vma_torture: --- Start of test: x")
        odd = stamped("frobnicate: lost 7 pages")
        self.assertEqual(console.unknown([odd]), [], "before the test it is the boot's")
        self.assertEqual(console.unknown([start, odd, odd.replace("7", "8")]), [odd])
        self.assertEqual(console.unknown([start, stamped("hrtimer: interrupt took 4 ns")]), [])

    def test_races(self):
        line = stamped('vma_torture: RACE map_fixed/gap addr=0x1 mm=1 cpu=0 pid=1 comm=x '
                       'variant=0000abcd detail="point walk: nothing"')
        (race,) = console.races([line])
        self.assertEqual((race.scenario, race.kind, race.variant, race.detail, race.ms),
                         ("map_fixed", "gap", "0000abcd", "point walk: nothing", 12345))
        self.assertEqual(list(console.races([line.replace("] vma", "] x: vma")])), [])
