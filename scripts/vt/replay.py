# SPDX-License-Identifier: GPL-2.0-only
"""Both sides of a race: a deterministic guest, stopped where a race was seen.

    python3 -m vt.replay compare RUN AGAIN
    python3 -m vt.replay where RUN KO
    python3 -m vt.replay wait SOCKET
    python3 -m vt.replay evidence RUN KO SOCKET SECONDS

"compare" says whether two runs gave the same, or the first line that differs;
"where" prints the address of the breakpoint; "wait" waits until the guest is there;
"evidence" runs the guest at the
gdb stub to that place and prints who was where.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from vt import btf
from vt.gdbstub import Cpu, GdbError, Stub
from vt.symbols import Elf, SymbolError, Symbols, function_of, kallsyms, module_symbols, parse_vmcoreinfo
from vt.unwind import Orc, unwind

SAME, DIFFERENT, FAILED = 0, 1, 2
SEEN = "vt_seen"


class ReplayError(Exception):
    """One line for the user."""


def compare(run: Path, again: Path) -> str:
    """Empty if both runs gave the same, else where they part."""
    for name in ("port", "console.log"):
        old = (run / name).read_bytes().splitlines()
        new = (again / name).read_bytes().splitlines()
        for number, (one, other) in enumerate(zip(old, new), 1):
            if one != other:
                return (f"{name}, line {number}:\n  then: {one.decode(errors='replace')}\n"
                        f"  now:  {other.decode(errors='replace')}")
        if len(old) != len(new):
            return f"{name}: {len(old)} lines then, {len(new)} now"
    return ""


def sections_of(run: Path) -> tuple[dict[str, int], tuple[int, int] | None]:
    """Where the guest had the module's sections, and the kernel's note."""
    sections: dict[str, int] = {}
    note = None
    for line in (run / "output").read_text(errors="replace").splitlines():
        if match := re.fullmatch(r"section (\S+) 0x([0-9a-f]+)", line):
            sections[match[1]] = int(match[2], 16)
        elif match := re.fullmatch(r"vmcoreinfo (?:0x)?([0-9a-f]+) ([0-9a-f]+)", line):
            note = int(match[1], 16), int(match[2], 16)
    if ".text" not in sections:
        raise ReplayError(f"{run}/output does not say where the module was")
    return sections, note


def first_record(run: Path) -> str:
    """Who reported the first race: comm/pid, or nothing."""
    text = (run / "console.log").read_text(errors="replace")
    match = re.search(r"vma_torture: RACE .* pid=(\d+) comm=(\S+) ", text)
    return f"{match[2]}/{match[1]}" if match else ""


def breakpoint_of(elf: Elf, sections: dict[str, int]) -> int:
    """Where vt_seen() was."""
    address = function_of(elf, sections, SEEN)
    if address is None:
        raise ReplayError(f"the module has no {SEEN}()")
    return address


class Names:
    """Who runs on a vCPU: its task's name and number, where that can be told."""

    def __init__(self, symbols: Symbols, stub: Stub) -> None:
        self._stub = stub
        self._task = symbols.by_name.get("current_task", symbols.by_name.get("const_current_task"))
        if self._task is None:
            self._task = symbols.by_name.get("pcpu_hot")
        start, stop = symbols.by_name.get("__start_BTF"), symbols.by_name.get("__stop_BTF")
        self._at: dict[str, int] = {}
        if start and stop:
            self._at = btf.offsets(stub.memory(start, stop - start), "task_struct", ("comm", "pid", "mm"))

    def who(self, cpu: Cpu) -> str:
        """comm/pid, or a word that it is not known."""
        if self._task is None or "comm" not in self._at:
            return "(task not known: the kernel has no BTF)"
        base = cpu.regs["k_gs_base" if cpu.in_user else "gs_base"]
        try:
            task = self._stub.word((base + self._task) & (1 << 64) - 1)
            comm = self._stub.memory(task + self._at["comm"], 16).split(b"\0")[0].decode("latin-1")
            pid = int.from_bytes(self._stub.memory(task + self._at["pid"], 4), "little")
        except GdbError:
            return "(task not known)"
        return f"{comm}/{pid}"


def evidence(run: Path, ko: Path, socket: str, seconds: float) -> list[str]:
    """Go there, and write down who is where."""
    sections, note = sections_of(run)
    elf = Elf(ko)
    address = breakpoint_of(elf, sections)
    stub = Stub(socket)
    try:
        if not stub.run_to(address, seconds):
            raise ReplayError(f"the guest ended without a call of {SEEN}()")
        cpus = stub.cpus()
        # One in the kernel, whose page tables have all of it.
        stub.select(next(cpu for cpu in cpus if cpu.regs["rip"] == address))
        symbols = Symbols()
        trouble = ""
        old = False
        if note:
            info = parse_vmcoreinfo(stub.physical(next(c for c in cpus if not c.in_user), *note))
            version = re.match(r"(\d+)\.(\d+)", info.get("OSRELEASE", ""))
            old = bool(version and (int(version[1]), int(version[2])) < (6, 4))
            try:
                table = kallsyms(info, stub.memory)
                low = next(a for a, _, n in table if n == "_stext")
                high = next((a for a, _, n in table if n == "_etext"), low + (32 << 20))
                symbols.add([(a, n) for a, _, n in table if n not in ("_stext", "_text")], (low, high))
                symbols.by_name.setdefault("_stext", low)
            except SymbolError as error:
                trouble = str(error)
        else:
            trouble = "the kernel has no vmcoreinfo note"
        pairs, text = module_symbols(elf, sections)
        symbols.add(pairs)
        for span in text:
            symbols.add([], span)
        orc = Orc(old)
        orc.add_kernel(symbols, stub.memory)
        orc.add_module(elf, sections)
        names = Names(symbols, stub)
        lines = [f"At the first call of {SEEN}(), {address:#x}:"]
        who = {cpu.thread: names.who(cpu) for cpu in cpus}
        first = first_record(run)
        if first and first not in who.values():
            lines.append(f"{first} reported the first race; the one that stands here saw something "
                         "that turned out to be none, or had still to be judged")
        if trouble:
            lines.append(f"Names of the kernel are missing: {trouble}")
        for number, cpu in enumerate(cpus):
            stub.select(cpu)
            side = "saw it" if cpu.regs["rip"] == address else "the other side"
            lines += ["", f"CPU {number}: {who[cpu.thread]}, {side}, in {symbols.name(cpu.regs['rip'])}"]
            regs = [f"{n} {cpu.regs[n]:016x}" for n in cpu.regs if n not in ("ds", "es", "fs", "gs", "fs_base")]
            lines += ["  " + "  ".join(regs[i:i + 4]) for i in range(0, len(regs), 4)]
            if cpu.in_user:
                lines.append("  in user space")
                continue
            for frame in unwind(cpu.regs, orc, symbols, stub.memory):
                mark = "  " if frame.sure else "? "
                lines.append(f"    {mark}{symbols.name(frame.ip)}{f'   <- {frame.note}' if frame.note else ''}")
        return lines
    finally:
        stub.kill()


def main(argv: list[str]) -> int:
    """The command line."""
    try:
        match argv:
            case ["compare", run, again]:
                where = compare(Path(run), Path(again))
                print(where or "same")
                return DIFFERENT if where else SAME
            case ["where", run, ko]:
                print(f"{breakpoint_of(Elf(Path(ko)), sections_of(Path(run))[0]):#x}")
                return SAME
            case ["wait", socket]:
                Stub(socket).leave()
                return SAME
            case ["evidence", run, ko, socket, seconds]:
                print("\n".join(evidence(Path(run), Path(ko), socket, float(seconds))))
                return SAME
    except (ReplayError, GdbError, SymbolError, OSError) as error:
        print(f"replay: {error}", file=sys.stderr)
        return FAILED
    print(__doc__, file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
