# SPDX-License-Identifier: GPL-2.0-only
"""The command line of scripts/judge."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import (bench, check, codes, console, expect, guest, kernels, ktap, ledger, mutation, results,
               silence, soak, torture)
from .table import align

TOP = Path(__file__).resolve().parents[2]


def _ledgers(own: bool) -> list[Path]:
    """The files of known races for a kernel: ours but for own kernels, and the user's."""
    files = [] if own else [Path(os.environ.get("KNOWN_RACES") or TOP / "scripts/known-races")]
    if os.environ.get("KNOWN"):
        files.append(Path(os.environ["KNOWN"]))
    return files


def cmd_ktap(args: argparse.Namespace) -> int:
    """Count the results of a stream as they come, and keep them in a file."""
    tally = guest.Tally(float(args.began or time.time()), args.kernel, args.prefix)
    # Bytes that are no text are a result's, or a comment's.
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")   # type: ignore[union-attr]
    parser = guest.read_stream(sys.stdin, tally)
    if args.dir:
        if args.panic:
            outcome = guest.end_panic(tally, args.dir, args.name)
            # scripts/vm has looked for what is not the panic that was wanted.
            args.allow += [".*"] if outcome == "ok" else []
        else:
            outcome = guest.end_guest(parser, tally, args.dir, args.name, args.allow)
        # Before the document, so that it has them.
        for test, text in check.unknown(tally.told, _check_ledger(args)):
            tally.fail(test, text)
        doc = _check_document(args, tally)
        results.write(args.dir, doc)
        silence.append(args.build / "silence", doc)
        (args.dir / "judged").write_text(
            f"outcome={outcome}\nbegun={parser.begun}\n", encoding="utf-8")
    else:
        parser.end()
    with open(args.results, "a", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in tally.lines())
    return 0


def _check_ledger(args: argparse.Namespace) -> ledger.Ledger:
    return ledger.load(str(_kernel(args)["version"]), _ledgers(False))


def _check_document(args: argparse.Namespace, tally: guest.Tally) -> dict[str, object]:
    kernel = _kernel(args)
    parameters = {"guest": args.name}
    parameters.update({name: os.environ[name] for name in ("ABUSE", "ABUSE_SEED", "SLOW")
                       if os.environ.get(name)})
    return check.judge(
        check.Guest(args.dir, kernel, _check_ledger(args), parameters, _identity(args),
                    args.started or results.now()),
        tally.kept, tally.told, args.allow)


def cmd_totals(args: argparse.Namespace) -> int:
    """Print what failed, what was expected to, and the totals."""
    kept = []
    times = []
    for line in Path(args.results).read_text("utf-8").splitlines():
        outcome, kernel, name, why = (line.split("\t") + ["", "", ""])[:4]
        if outcome == "time":
            times.append((int(why), kernel, name))
            continue
        kept.append(expect.Outcome(outcome, kernel, name, why))
    if args.expect:
        expected = expect.parse(Path(args.expect).read_text("utf-8"))
        kept += expect.wrong(expected, kept)
    if args.repeated > 2:
        kept.append(expect.Outcome("fail", "-", "environment",
                                   f"{args.repeated} boots were repeated"))
    for text in check.slowest(times):
        print(text)
    n = {word: sum(o.outcome == word for o in kept) for word in ("ok", "fail", "skip", "xfail")}
    for word, title in (("xfail", "failed as expected:"), ("fail", "failed:")):
        if n[word]:
            print(title)
        for o in kept:
            if o.outcome == word:
                where = "" if o.kernel == "-" else o.kernel + " "
                print(f"  {where}{o.name}{': ' if o.why else ''}{o.why}")
    if n["xfail"]:
        print(f"{n['xfail']} failed as expected")
    print(f"{n['ok']} passed, {n['fail']} failed, {n['skip']} skipped")
    if n["fail"]:
        return codes.RACE
    return codes.OK if n["ok"] else codes.BROKEN


def cmd_list(args: argparse.Namespace) -> int:
    """Print what selftests/run --list says, for people, and how long each took last."""
    print("\n".join(check.listing(sys.stdin, check.last_times(args.build / "runs"))))
    return 0


def cmd_allow(args: argparse.Namespace) -> int:
    """Print what a test's `# console:` header allows on a kernel, or nothing."""
    print(guest.allowed(args.header, args.kernel))
    return 0


def cmd_stale(args: argparse.Namespace) -> int:
    """Did a guest die of code that was not there any more, which is the emulator's fault?"""
    return 0 if console.stale_code(console.read(args.log)) else 1


def cmd_known(args: argparse.Namespace) -> int:
    """Print why a race is known; fail if it is not."""
    known = ledger.load(args.version, _ledgers(False))
    why = known.why(args.scenario, args.kind, args.detail)
    if why is None:
        return 1
    print(why)
    return 0


def cmd_ledger(args: argparse.Namespace) -> int:
    """Print the lines of the ledger for a kernel, one a line; fail if one is malformed."""
    for entry in ledger.load(args.version, _ledgers(args.own)).entries:
        print(f"{entry}: {entry.why}")
    return 0


def _kernel(args: argparse.Namespace) -> dict[str, object]:
    info = kernels.info(args.build, args.kernel)
    return {"name": args.kernel, "version": info.get("version", args.kernel),
            "release": info.get("release", ""), "package": info.get("package", ""),
            "own": args.own}


def _identity(args: argparse.Namespace) -> dict[str, object]:
    config = kernels.info(args.build, args.kernel).get("config", "")
    try:
        command = (args.dir / "qemu-cmd").read_text("utf-8").strip()
    except OSError:
        command = ""
    return {"image": results.file_hash(args.build / "kernels" / args.kernel / "vmlinuz"),
            "module": results.file_hash(args.module) if args.module else "",
            "source": results.source_hash(TOP),
            "initramfs": results.file_hash(args.dir / "initramfs.gz"),
            "command": command, "config": results.file_hash(config) if config else "",
            "deterministic": "-icount" in command}


def cmd_torture(args: argparse.Namespace) -> int:
    """Judge one run, write its results.json, and add it to the silence file."""
    kernel = _kernel(args)
    parameters = dict(word.partition("=")[::2] for word in args.parameters.split())
    run = torture.Run(
        directory=args.dir, kernel=kernel,
        ledger=ledger.load(str(kernel["version"]), _ledgers(args.own)),
        strict=args.strict, duration=args.duration,
        scenarios=args.scenarios.replace(",", " ").split(), parameters=parameters,
        identity=_identity(args), started=args.started or results.now())
    doc = torture.judge(run)
    results.write(args.dir, doc)
    silence.append(args.build / "silence", doc)
    return 0


def cmd_progress(args: argparse.Namespace) -> int:
    """Turn what a driver says as it goes into lines for people."""
    kernel = _kernel(args)
    known = ledger.load(str(kernel["version"]), _ledgers(args.own))
    for line in sys.stdin:
        if line.startswith("progress "):
            print(f"torture: {args.kernel}: {torture.progress(line, known)}",
                  file=sys.stderr, flush=True)
        elif line.startswith("error "):
            print(f"torture: {args.kernel}: {line[6:].rstrip()}", file=sys.stderr, flush=True)
    return 0


def cmd_report(args: argparse.Namespace) -> int:
    """Print the table of runs, what is to be said of them, and the verdict."""
    docs = [results.load(d) for d in args.dirs]
    lines, code = torture.report(docs, [str(d) for d in args.dirs])
    print("\n".join(lines))
    return code


def cmd_console(argv: list[str]) -> int:
    """scripts/scan-console, whose usage is said there."""
    show_all = by_test = False
    allow: list[str] = []
    while argv and argv[0].startswith("-"):
        word = argv.pop(0)
        if word == "--all":
            show_all = True
        elif word == "--by-test":
            by_test = True
        elif word == "--allow" and argv:
            allow.append(argv.pop(0))
        else:
            print(f"scan-console: unknown option, or no value: {word} "
                  "(see scripts/scan-console --help)", file=sys.stderr)
            return codes.BROKEN
    if len(argv) != 1:
        print("scan-console: want one FILE (see scripts/scan-console --help)", file=sys.stderr)
        return codes.BROKEN
    try:
        lines = console.read(argv[0])
    except OSError as error:
        print(f"scan-console: cannot read {argv[0]}: {error.strerror}", file=sys.stderr)
        return codes.BROKEN
    seen: set[str] = set()
    n = 0
    for found in console.trouble(lines, allow):
        n += 1
        if by_test and found.test not in seen:
            seen.add(found.test)
            print(f"{found.test}\t{found.line}")
        elif not by_test and (show_all or n == 1):
            print(found.line)
    return 1 if n else 0


def cmd_silence(args: argparse.Namespace) -> int:
    """Sum up the silence file for the sources as they are, or for a hash: per kernel and
    oracle hours, operations, operations met, looks, races, and what that bounds."""
    source = args.hash or results.source_hash(TOP)
    print("\n".join(silence.table(args.build / "silence", source)))
    return 0


def cmd_soak(args: argparse.Namespace) -> int:
    """Judge the soaks of some kernels, and print their table."""
    rows, notes, found = [soak.HEAD], [], []
    for name in args.kernels:
        args.kernel, args.dir = name, args.out / name
        args.dir.mkdir(exist_ok=True)
        args.module = args.build / "modules" / name / "vma_torture.ko"
        kernel = _kernel(args)
        doc, more, said = soak.judge(
            args.dir, kernel, ledger.load(str(kernel["version"]), _ledgers(False)),
            args.strict, args.seconds,
            dict(word.partition("=")[::2] for word in args.parameters.split()),
            _identity(args), args.started or results.now())
        results.write(args.dir, doc)
        silence.append(args.build / "silence", doc)
        rows += more
        notes += said
        found.append(doc["code"])
    code = codes.worst(found)
    lines = [*align(rows, {2, 3, 4, 5, 6, 7}), "", *notes, soak.says(code)]
    print("\n".join(lines))
    return code


def cmd_mutant(args: argparse.Namespace) -> int:
    """Print whether a mutant was killed, by what, after how many ms, and a remark; write
    the run's results.json, and add that of a kernel that is no mutant to the silence file."""
    args.own = True
    kernel = _kernel(args)
    if args.mutant:
        kernel.update(name=f"{args.kernel}/{args.mutant}", package="")
    run = torture.Run(
        directory=args.dir, kernel=kernel, ledger=ledger.load(str(kernel["version"]), []),
        strict=True, duration=args.seconds,
        scenarios=[] if args.scenario == "all" else args.scenario.split(","),
        parameters=dict(word.partition("=")[::2] for word in args.parameters.split()),
        identity={**_identity(args), "image": results.file_hash(args.image)},
        started=args.started or results.now(), tool="mutation")
    doc = torture.judge(run)
    args.dir.mkdir(parents=True, exist_ok=True)
    results.write(args.dir, doc)
    if not args.mutant:
        silence.append(args.build / "silence", doc)
    fate = mutation.judge(args.dir, mutation.oracles(args.oracles, args.scenario),
                          args.deadline * 1000, args.log)
    print(fate.line())
    return 0


def cmd_companion(args: argparse.Namespace) -> int:
    """Print the same of a mutant that a companion was run on."""
    fate = mutation.companion(args.dir, args.program, mutation.oracles(args.oracles, args.program),
                              args.log)
    print(fate.line())
    return 0


def cmd_default(args: argparse.Namespace) -> int:
    """Print the same of a mutant that scripts/torture was run with as a kernel of one's own."""
    fate = mutation.default(args.dir, mutation.oracles(args.oracles, args.scenario),
                            codes.worst(int(code) for code in args.codes.split()), args.log)
    print(fate.line())
    return 0


def cmd_seeds(args: argparse.Namespace) -> int:
    """Print the same of each seed that scripts/explore ran of a mutant, a line each."""
    for fate in mutation.seeds(args.dir, mutation.oracles(args.oracles, args.scenario),
                               args.deadline * 1000, args.runs, args.log):
        print(fate.line())
    return 0


def cmd_mutants(_args: argparse.Namespace) -> int:
    """Print what several runs of a mutant come to, and yes if it counts as found.

    They are read from standard input, a line each as judge mutant prints it.
    """
    fates = [mutation.Fate(*line.rstrip("\n").split("\t")) for line in sys.stdin]
    fate = mutation.together(fates)
    found = mutation.enough(sum(f.word == "yes" for f in fates), len(fates))
    print("\t".join((fate.word, fate.by, fate.after, fate.remark or "-",
                     "yes" if found and fate.word != "broken" else "")))
    return 0


def cmd_bench(args: argparse.Namespace) -> int:
    """Print the table of the benchmarks in a guest's output.

    Fail if any benchmark is missing, or misses its limit.
    """
    lines = args.output.read_text("utf-8", "replace").splitlines()
    found = bench.rows(lines)
    print("\n".join(bench.table(found)))
    kept: list[ktap.Result] = []
    parser = ktap.Parser(kept.append)
    for line in lines:
        parser.line(line)
    parser.end()
    failed = [r for r in kept if r.outcome == "fail"]
    for result in failed:
        print(f"FAILED {result.name}{': ' if result.why else ''}{result.why}")
    missed = bench.missed(found)
    if missed:
        print(f"MISSED: {' '.join(missed)}")
    if failed or not kept:
        return codes.BROKEN
    return 1 if missed else codes.OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/judge", add_help=False)
    subs = parser.add_subparsers(dest="what", required=True)

    def add(name: str, fn: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        sub = subs.add_parser(name, description=fn.__doc__)
        sub.set_defaults(fn=fn)
        return sub

    def build(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--build", type=Path, required=True, help="what the scripts build in")

    def run(sub: argparse.ArgumentParser) -> None:
        build(sub)
        sub.add_argument("--kernel", required=True, help="its name")
        sub.add_argument("--own", action="store_true", help="a kernel of the user's own")

    sub = add("ktap", cmd_ktap)
    sub.add_argument("--results", required=True, help="where results are kept, one a line")
    sub.add_argument("--prefix", default="", help="said before each name")
    sub.add_argument("--kernel", default="-", help="of the guest")
    sub.add_argument("--build", type=Path, default=Path("build"),
                     help="with --dir: what the scripts build in")
    sub.add_argument("--module", default="", help="with --dir: the module of the guest")
    sub.add_argument("--started", default="", help="with --dir: when, in UTC")
    sub.set_defaults(own=False)
    sub.add_argument("--began", default="", help="when all began, in seconds since 1970")
    sub.add_argument("--dir", type=Path, help="where scripts/vm keeps the guest")
    sub.add_argument("--panic", action="store_true", help="a panic is what it had to come to")
    sub.add_argument("--name", default="guest", help="of the guest's tests together")
    sub.add_argument("--allow", action="append", default=[], help="ERE allowed on the console")
    sub = add("totals", cmd_totals)
    sub.add_argument("--results", required=True)
    sub.add_argument("--expect", help="which skips there are to be")
    sub.add_argument("--repeated", type=int, default=0, help="boots that were repeated")
    build(add("list", cmd_list))
    sub = add("allow", cmd_allow)
    sub.add_argument("kernel")
    sub.add_argument("header")
    sub = add("stale", cmd_stale)
    sub.add_argument("log")
    sub = add("known", cmd_known)
    for name in ("version", "scenario", "kind", "detail"):
        sub.add_argument(name)
    sub = add("ledger", cmd_ledger)
    sub.add_argument("version")
    sub.add_argument("--own", action="store_true")
    sub = add("torture", cmd_torture)
    run(sub)
    sub.add_argument("--dir", type=Path, required=True, help="the run's directory")
    sub.add_argument("--module", help="the module that was loaded")
    sub.add_argument("--strict", action="store_true", help="a known race fails too")
    sub.add_argument("--duration", type=int, required=True)
    sub.add_argument("--scenarios", default="", help="those asked for")
    sub.add_argument("--parameters", default="", help="the module's, name=value")
    sub.add_argument("--started", default="", help="when, in UTC")
    sub = add("progress", cmd_progress)
    run(sub)
    sub = add("report", cmd_report)
    sub.add_argument("dirs", type=Path, nargs="+")
    sub = add("soak", cmd_soak)
    build(sub)
    sub.add_argument("--out", type=Path, required=True, help="the soak's directory")
    sub.add_argument("--strict", action="store_true", help="a known race fails too")
    sub.add_argument("--seconds", type=int, required=True)
    sub.add_argument("--parameters", default="", help="the soak's, name=value")
    sub.add_argument("--started", default="", help="when, in UTC")
    sub.add_argument("kernels", nargs="+")
    sub.set_defaults(own=False)
    sub = add("mutant", cmd_mutant)
    run(sub)
    sub.add_argument("--mutant", default="", help="its name; none: the kernel without any")
    sub.add_argument("--image", required=True, help="the kernel's image")
    sub.add_argument("--module", help="the module that was loaded")
    sub.add_argument("--seconds", type=int, required=True, help="how long it was to run")
    sub.add_argument("--parameters", default="", help="the module's, name=value")
    sub.add_argument("--started", default="", help="when, in UTC")
    sub.add_argument("--dir", type=Path, required=True, help="where scripts/vm kept the guest")
    sub.add_argument("--scenario", default="", help="which was run")
    sub.add_argument("--oracles", default="", help="those that are to kill it")
    sub.add_argument("--deadline", type=int, required=True, help="seconds")
    sub.add_argument("--log", default="", help="what scripts/vm said last")
    sub = add("companion", cmd_companion)
    sub.add_argument("--dir", type=Path, required=True, help="where scripts/vm kept the guest")
    sub.add_argument("--program", required=True, help="which was run")
    sub.add_argument("--oracles", default="", help="those that are to kill it")
    sub.add_argument("--log", default="", help="what scripts/vm said last")
    sub = add("default", cmd_default)
    sub.add_argument("--dir", type=Path, required=True, help="where its runs are")
    sub.add_argument("--codes", required=True, help="what its parts ended with")
    sub.add_argument("--scenario", default="", help="the mutant's")
    sub.add_argument("--oracles", default="", help="those that are to kill it")
    sub.add_argument("--log", default="", help="what scripts/torture said last")
    sub = add("seeds", cmd_seeds)
    sub.add_argument("--dir", type=Path, required=True, help="where scripts/explore kept them")
    sub.add_argument("--scenario", default="", help="the mutant's")
    sub.add_argument("--oracles", default="", help="those that are to kill it")
    sub.add_argument("--deadline", type=int, default=60, help="seconds")
    sub.add_argument("--runs", type=int, required=True, help="how many seeds were asked for")
    sub.add_argument("--log", default="", help="what scripts/explore said last")
    add("mutants", cmd_mutants)
    sub = add("bench", cmd_bench)
    sub.add_argument("output", type=Path)
    sub = add("silence", cmd_silence)
    build(sub)
    sub.add_argument("--hash", default="", help="of the module's sources")
    return parser


def main(argv: list[str], usage: str) -> int:
    """Run what is asked for; the value is the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(usage.strip(), file=sys.stdout if argv else sys.stderr)
        return 0 if argv else codes.BROKEN
    if argv[0] == "console":
        return cmd_console(argv[1:])
    try:
        args = _parser().parse_args(argv)
        code: int = args.fn(args)
        return code
    except BrokenPipeError:
        # Whoever read has gone; there is nobody to tell.
        sys.stderr.close()
        return codes.BROKEN
    except (ledger.LedgerError, expect.ExpectError, ValueError, OSError) as error:
        print(f"judge: {error}", file=sys.stderr)
        return codes.BROKEN
