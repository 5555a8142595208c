# SPDX-License-Identifier: GPL-2.0-only
"""Guests' consoles: trouble, lines that no list knows, and the module's own.

A line of the kernel counts only if the phrase stands where the kernel puts it,
right behind the time stamp: firmware complaints and the module's own log hold the
same words elsewhere.  What user space says of its own trouble has no stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# [   12.345678] or [   12.345678][    T1], wherever it stands: what user space
# writes to the console may come without a newline.
_STAMP = r"\[ *(?P<s>[0-9]+)\.(?P<f>[0-9]+)\](?:\[ *[TC][0-9]+\])? "
_WHO = r"(?:(?:rcu|watchdog|NMI watchdog|INFO|workqueue|mm): )*"
_TROUBLE = (
    r"WARNING: ",
    r"BUG: |BUG [^ ]+ .*: |kernel BUG at ",
    r"(?:BUG|WARN) at [A-Za-z0-9_.]+:[0-9]+ \(",
    r"Oops: |Oops - |Kernel panic - not syncing",
    r"Unable to handle kernel |unable to handle kernel ",
    r"general protection fault|invalid opcode: |int3: |divide error: ",
    r"double fault: |stack segment: |bounds: |traps: PANIC",
    r"UBSAN: |KCSAN: |KASAN: |KFENCE: |kmemleak: [0-9]+ new suspected",
    r".* detected (?:expedited )?stalls|.* self-detected stall",
    r".* kthread starved for |.* kthread timer wakeup didn.t happen",
    r"task .* blocked for more than [0-9]+ seconds",
    r"trying to register non-static key",
    r"Watchdog detected hard LOCKUP|Watchdog detected LOCKUP",
    r"soft lockup|list_(?:add|del) (?:corruption|double)",
    r"refcount_t: |Bad rss-counter|Bad page ",
    # A page table is not one: mm/pgtable-generic.c:51: bad pmd ffff...(...)
    r"[A-Za-z0-9_/.-]+\.[ch]:[0-9]+: bad p(?:te|md|ud|4d|gd)\b",
    # Swap entries that are none, swap that cannot be read.
    r"[a-z_]+: (?:Bad|Unused) swap (?:file|offset) entry|(?:Read|Write)-error on swap-device",
    # What watches is off from here on, and sees nothing any more.
    r"kmemleak: (?:Kernel memory leak detector disabled|Cannot allocate)",
    r"lockdep is turned off|turning off the locking correctness validator|"
    r"Disabling lock debugging due to ",
    r"irq [0-9]+: nobody cared",
    r"[^ ]+: page allocation (?:failure|stalls)",
    r"sysfs: cannot create duplicate|kobject_add_internal failed",
    r"ODEBUG: (?:assert_init|activate|active_state|deactivate|destroy|free|init) ",
    r"Out of memory: Killed process",
    r"Memory cgroup out of memory: Killed process",
)
_BAD = re.compile(_STAMP + _WHO + "(?:" + "|".join(_TROUBLE) + ")")

# What the guest's own user space says when the machine below it gives way.
_USER = re.compile(
    r"(?:^|: )(?:can't fork|cannot fork|fork failed|can't vfork|vfork)\b.*|"
    r".*: (?:Cannot allocate memory|out of memory|Out of memory|memory exhausted|"
    r"Resource temporarily unavailable|Input/output error|Bad address|Bus error)$|"
    r"^(?:Segmentation fault|Bus error|Illegal instruction|Aborted|Killed)(?: \(core dumped\))?$|"
    r"^.*: (?:applet not found|not found)$")

_BEGIN = re.compile(r"selftests: begin (\S+)")
_STARTED = re.compile(_STAMP + r"vma_torture: --- Start of test")
_RACE = re.compile(_STAMP + r"vma_torture: RACE (?P<scenario>[a-z_]+)/(?P<kind>[a-z_]+) "
                   r"(?P<rest>.*)")
_VARIANT = re.compile(r"\bvariant=(?P<variant>[0-9a-f]+)")
_DETAIL = re.compile(r'\bdetail="(?P<detail>[^"]*)"')


@dataclass(frozen=True)
class Race:
    """A RACE line of the module's log."""

    scenario: str
    kind: str
    variant: str
    detail: str
    ms: int
    text: str


@dataclass(frozen=True)
class Trouble:
    """A line that means trouble, and the selftest during which it came."""

    test: str
    line: str
    ms: int | None = None


def read(path: Path | str) -> list[str]:
    """The lines of a console; carriage returns and broken bytes are the port's."""
    data = Path(path).read_bytes()
    return data.decode("utf-8", "replace").replace("\r", "").split("\n")


def _ms(match: re.Match[str]) -> int:
    return int(match["s"]) * 1000 + int(match["f"].ljust(3, "0")[:3])


def trouble(lines: Iterable[str], allow: Iterable[str] = ()) -> Iterator[Trouble]:
    """Each line that means trouble, but for what is allowed behind the stamp."""
    allowed = [re.compile(_STAMP + _WHO + "(?:" + ere + ")") for ere in allow if ere]
    test = "boot"
    for line in lines:
        begun = _BEGIN.search(line)
        if begun:
            test = begun[1]
        match = _BAD.search(line)
        if not match:
            continue
        if any(pattern.search(line) for pattern in allowed):
            continue
        yield Trouble(test, line, _ms(match))


def user_trouble(lines: Iterable[str]) -> list[str]:
    """What the guest's own commands complain of, each text once."""
    stamp = re.compile(_STAMP)
    found: dict[str, None] = {}
    for line in lines:
        if stamp.search(line):
            continue
        if _USER.search(line.strip()):
            found.setdefault(line.strip())
    return list(found)


def races(lines: Iterable[str]) -> Iterator[Race]:
    """The races that the module logged, as far as the console has them."""
    for line in lines:
        match = _RACE.search(line)
        if not match:
            continue
        variant = _VARIANT.search(match["rest"])
        detail = _DETAIL.search(match["rest"])
        yield Race(match["scenario"], match["kind"], variant["variant"] if variant else "",
                   detail["detail"] if detail else match["rest"], _ms(match),
                   line[match.start():])


def started(lines: Iterable[str]) -> int | None:
    """Milliseconds since boot at which the module began, or None."""
    for line in lines:
        match = _STARTED.search(line)
        if match:
            return _ms(match)
    return None


_INT3 = re.compile(_STAMP + r"Oops: int3: ")
_FETCH = re.compile(_STAMP + r"#PF: supervisor instruction fetch")
_RIP_0 = re.compile(_STAMP + r"RIP: 0010:0x0$")
_BEFORE_RIP = re.compile(_STAMP + r"Code: (?:.*[ ]|)(?P<byte>[0-9a-f]{2}) <[0-9a-f]{2}>")
_FLAGS = re.compile(_STAMP + r"RSP: .* EFLAGS: (?P<flags>[0-9a-f]+)$")
_FLAG_IF = 0x200


def stale_code(lines: Iterable[str]) -> bool:
    """Whether the first Oops is of a breakpoint that is in no memory.

    QEMU's TCG with a thread for each CPU runs code that another CPU has overwritten
    (findings/qemu_stale_code.c).  A kernel that patches itself places a breakpoint and
    takes it away; a CPU that still meets it then dies of it: by `int3`, with another
    byte before RIP, or, where a kprobe sits on a function that ftrace traces, at address
    0 with interrupts off, where kprobes would single-step a copy and have none.
    """
    breakpoint_ = fetch = at_0 = False
    for line in lines:
        breakpoint_ = breakpoint_ or bool(_INT3.search(line))
        fetch = fetch or bool(_FETCH.search(line))
        at_0 = at_0 or bool(_RIP_0.search(line))
        before = _BEFORE_RIP.search(line)
        if breakpoint_ and before:
            return before["byte"] != "cc"
        flags = _FLAGS.search(line)
        if fetch and at_0 and flags:
            return not int(flags["flags"], 16) & _FLAG_IF
        if "---[ end trace " in line:
            return False
    return False


# While the module runs, a healthy kernel has nothing to say but this.
_BENIGN = re.compile(
    _STAMP + r"(?:"
    r"vma_torture: |selftests: |vma_torture: loading out-of-tree module|"
    r"vt_race_print: [0-9]+ callbacks suppressed|"
    r"hrtimer: interrupt took |perf: interrupt took too long|"
    r"clocksource: |sched: RT throttling activated|random: |"
    r"workqueue: .* hogged CPU for |__vm_enough_memory: |"
    r"smpboot: |x86: Booting SMP|smp: |CPU[0-9]+ |"
    r"smpboot: CPU [0-9]+ is now offline|IRQ fixup|"
    r"kmemleak: (?:.* scanning|Automatic|Memory)|"
    r"sysrq: |reboot: |ACPI: |"
    r"[^ ]+ \([0-9]+\): drop_caches: |"
    r"input: |e1000|tsc: |sched_clock: |psmouse|"
    r"Unregister pv shared memory|kvm-clock: |kvm-guest: |"
    r"cgroup: |NET: |systemd|process .* started with executable stack|"
    r"traps: |[a-z_]+\[[0-9]+\]: segfault|mmap: |"
    r"rcu: (?:Adjusting|Hierarchical|.*geometry)|"
    r"task:.* state:|task:|Call Trace:|Stack:| ?\? ?|(?:  ?)</?TASK>|"
    r" +|RIP: |RSP: |RAX: |RDX: |RBP: |R10: |R13: |Code: |CR2: |FS: |CS: |PKRU: |Modules linked in)")


def unknown(lines: Iterable[str]) -> list[str]:
    """Lines of the kernel since the module began that no list knows."""
    stamp = re.compile(_STAMP)
    begun = False
    found: dict[str, str] = {}
    for line in lines:
        if _STARTED.search(line):
            begun = True
        if not begun or not stamp.search(line):
            continue
        if "reboot: Power down" in line:
            break
        if _BAD.search(line) or _BENIGN.search(line):
            continue
        text = line[stamp.search(line).end():]      # type: ignore[union-attr]
        # The same words with other numbers are the same complaint.
        found.setdefault(re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", text), line)
    return list(found.values())
