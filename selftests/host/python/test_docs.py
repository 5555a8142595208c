# SPDX-License-Identifier: GPL-2.0-only
"""README.md and docs: marks of the blocks of commands, and what these name.

What a block is marked to be is what docs/hacking.md says. Blocks are run by
selftests/readme.sh, own.bats and host.bats; here all are parsed: scripts, options,
variables and parameters have to exist.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import unittest
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]

#: What a mark may say, and who runs such blocks.
MARKS = {
    "run: in a guest": "selftests/readme.sh",
    "run short: kernels and guests of paper": "selftests/host/own.bats",
    "run short: a kernel tree of paper": "selftests/host/host.bats",
    "parsed": "",
}

# Commands that are not ours and need no look: of a shell, of every Linux.
_PLAIN = set("bpftrace cat cd cp echo fallocate git grep kill mkdir mount parallel rmmod "
             "sleep sh bats df rm tail cat mtools export unset wait ...".split())
# The programs of selftests/companions, which a guest has.
_COMPANIONS = {p.stem for p in (TOP / "selftests/companions").glob("*.c")}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass
class Block:
    """A block of commands: where, its mark (None: it has none), and its lines."""

    where: str
    mark: str | None
    lines: list[str]


def blocks_of(name: str, text: str) -> list[Block]:
    """The blocks of commands of a page: those fenced as sh or console."""
    found: list[Block] = []
    mark = None
    block: Block | None = None
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if inside:
                inside, block = "", None
            else:
                inside = line[3:] or "output"
                if inside.split()[0] in ("sh", "console", "bash", "shell"):
                    block = Block(f"{name}:{number}", mark, [])
                    found.append(block)
        elif block is not None:
            if inside != "console":
                block.lines.append(line)
            elif line.startswith("$ "):
                block.lines.append(line[2:])
        elif not inside and re.match(r" {4}(make|scripts/|insmod) ?", line):
            found.append(Block(f"{name}:{number}", "parsed", [line.strip()]))
        comment = re.fullmatch(r"<!-- (.*) -->", line)
        mark = comment[1] if comment else None
    return found


def pages() -> dict[str, str]:
    return {str(p.relative_to(TOP)): p.read_text(encoding="utf-8")
            for p in [*sorted(TOP.glob("*.md")), *sorted((TOP / "docs").glob("*.md"))]}


def commands(text: str) -> list[list[str]]:
    """Simple commands of a piece of shell, each a list of words."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split = True
    lexer.whitespace = " \t"
    lexer.commenters = "#"
    found: list[list[str]] = [[]]
    redirected = False
    for word in lexer:
        if set(word) <= set(";|&()\n"):
            found.append([])
        elif set(word) <= set("<>&"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            found[-1].append(word)
    return [words for words in found if words]


@cache
def help_of(script: str) -> str:
    return subprocess.run([TOP / script, "--help"], capture_output=True, text=True,
                          check=False).stdout


@cache
def numbers() -> dict[str, str]:
    """The parameters that are numbers, and their defaults."""
    return dict(re.findall(r"^\tX\((\w+), (\w+), \w+, \w+,", _module(), re.M))


@cache
def parameters() -> set[str]:
    return set(numbers()) | set(re.findall(r"^module_param\((\w+),", _module(), re.M))


def _module() -> str:
    return "".join(p.read_text(encoding="utf-8") for p in TOP.glob("*.c"))


def _script(path: str, variables: list[str], arguments: list[str]) -> list[str]:
    if not (TOP / path).is_file():
        return [f"there is no {path}"]
    said = help_of(path)
    wrong = [f"{path} --help has no variable {v}" for v in variables
             if not re.search(rf"\b{v}\b", said)]
    for argument in arguments:
        option = argument.split("=")[0]
        if option.startswith("--") and not re.search(rf"{option}(?![\w-])", said):
            wrong.append(f"{path} --help has no option {option}")
    return wrong


def _make(words: list[str], environment: list[str]) -> list[str]:
    directory = TOP
    targets, variables = [], list(environment)
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "-C":
            directory = TOP / words.pop(0)
        elif _ASSIGNMENT.match(word):
            variables.append(word.split("=")[0])
        elif not word.startswith("-"):
            targets.append(word)
    # Somebody's checkout of this tree may have any place.
    if directory.name == "vma_torture":
        directory = TOP
    if not (directory / "Makefile").is_file():
        return [f"there is no Makefile in {directory}"]
    rules = (directory / "Makefile").read_text(encoding="utf-8")
    names = set(" ".join(re.findall(r"^([a-z][\w -]*):(?!=)", rules, re.M)).split())
    wrong = [f"make has no target {t}" for t in targets if t not in names]
    for variable in variables:
        scripts = [f"scripts/{t}" for t in targets if (TOP / "scripts" / t).is_file()]
        if scripts and all(re.search(rf"\b{variable}\b", help_of(s)) for s in scripts):
            continue
        # Of kbuild's own.
        if scripts or variable != "INSTALL_MOD_PATH" and not re.search(rf"\b{variable}\b", rules):
            wrong.append(f"make {' '.join(targets)} knows no variable {variable}")
    return wrong


def wrong_in(words: list[str]) -> list[str]:
    """What a command names that is not there."""
    words = list(words)
    environment = []
    while words and _ASSIGNMENT.match(words[0]):
        environment.append(words.pop(0).split("=")[0])
    if not words:
        return []
    command, arguments = words[0], words[1:]
    if command == "make":
        return _make(arguments, environment)
    if command == "insmod":
        return [f"the module has no parameter {a.split('=')[0]}" for a in arguments[1:]
                if a.split("=")[0] not in parameters()]
    if command == "git" and arguments[:2] == ["bisect", "run"]:
        command, arguments = arguments[2], arguments[3:]
        command = re.sub(r"^~/vma_torture/", "", command)
    if command.startswith("scripts/"):
        inner = [a for a in arguments if "\n" in a]
        return _script(command, environment, arguments) + [w for a in inner for w in wrong_text(a)]
    if command in _PLAIN or command in _COMPANIONS or command.endswith("run_kselftest.sh"):
        return []
    return [f"what is {command}?"]


def wrong_text(text: str) -> list[str]:
    return [w for words in commands(_joined(text)) for w in wrong_in(words)]


def _joined(text: str) -> str:
    """With a mark of its own where a command ends with the line."""
    quoted, out = "", []
    for c in text:
        if c in "'\"" and quoted in ("", c):
            quoted = "" if quoted else c
        out.append(" ; " if c == "\n" and not quoted else c)
    return "".join(out)


def wrong_on(page: str, text: str) -> list[str]:
    """All that is wrong with the blocks of a page."""
    wrong = []
    for block in blocks_of(page, text):
        if block.mark not in MARKS:
            wrong.append(f"{block.where}: a block of commands without a mark that "
                         f"docs/hacking.md knows: {block.mark}")
        wrong += [f"{block.where}: {w}" for w in wrong_text("\n".join(block.lines))]
    return wrong


class Blocks(unittest.TestCase):
    def test_all_are_marked_and_name_what_there_is(self):
        wrong = [w for page, text in pages().items() for w in wrong_on(page, text)]
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_there_are_some_of_each_mark_and_who_runs_them_knows_it(self):
        marks = [b.mark for page, text in pages().items() for b in blocks_of(page, text)]
        for mark, runner in MARKS.items():
            self.assertIn(mark, marks)
            if runner:
                self.assertIn(mark, (TOP / runner).read_text(encoding="utf-8"))
            self.assertIn(f"`<!-- {mark} -->`", pages()["docs/hacking.md"])

    def test_a_block_without_a_mark_is_seen(self):
        for text in ("```sh\nmake torture\n```\n",
                     "<!-- parsed -->\n\n```sh\nmake torture\n```\n",
                     "<!-- ran once -->\n```console\n$ make torture\n```\n"):
            self.assertRegex(" ".join(wrong_on("x.md", text)), "x.md:[123]: .* without a mark")

    def test_what_is_not_there_is_seen(self):
        for line, why in (
                ("make tortrue", "no target tortrue"),
                ("make torture KERNEL=6.1", "no variable KERNEL"),
                ("make KDIR=~/linux KDIRR=1", "no variable KDIRR"),
                ("make -C selftests companion", "no target companion"),
                ("scripts/tortrue", "there is no scripts/tortrue"),
                ("scripts/vm --modul x 6.1 true", "no option --modul"),
                ("cat x | scripts/clean-runs --day 3", "no option --day"),
                ("DAY=3 scripts/clean-runs", "no variable DAY"),
                ("insmod vma_torture.ko bustd=map_fixed", "no parameter bustd"),
                ("scripts/vm 6.1 '\n\tinsmod vma_torture.ko autostat=0\n\t...'", "no parameter autostat"),
                ("true; mkae torture", "what is true")):
            text = f"<!-- parsed -->\n```sh\n{line}\n```\n"
            self.assertRegex(" ".join(wrong_on("x.md", text)), why, line)
        self.assertRegex(" ".join(wrong_on("x.md", "    make explor SEEDS=1\n")), "target explor")

    def test_the_table_of_parameters_is_the_modules(self):
        said = {}
        for names, what in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| .* \| (\w+) \|$",
                                      pages()["README.md"], re.M):
            said.update({name: what for name in re.findall(r"\w+", names)})
        self.assertEqual(set(said), parameters())
        self.assertGreater(len(numbers()), 10)
        self.assertEqual({name: said[name] for name in numbers()}, numbers())

    def test_the_kinds_of_race_are_the_modules(self):
        page = pages()["docs/scenarios.md"]
        scenarios = re.findall(r"^\tX\((\w+)\)", (TOP / "scenarios.h").read_text(encoding="utf-8"),
                               re.M)
        self.assertGreater(len(scenarios), 3)
        for scenario in scenarios:
            source = (TOP / f"{scenario}_torture.c").read_text(encoding="utf-8")
            table = source.split("struct vt_kind ", 1)[1].split("\n};", 1)[0]
            kinds = re.findall(r"^\t\[\w+\] = \{ \"(\w+)\",", table, re.M)
            self.assertTrue(kinds)
            section = page.split(f"\n## {scenario}\n", 1)[1].split("\n## ", 1)[0]
            said = [name for cell in re.findall(r"^\| (`.*?) \|", section, re.M)
                    for name in re.findall(r"`(\w+)`", cell)]
            self.assertEqual(said, kinds, scenario)

    def test_links_lead_somewhere(self):
        wrong = []
        for page, text in pages().items():
            for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", text):
                if not target or target.startswith("https://"):
                    continue
                if not ((TOP / page).parent / target).exists():
                    wrong.append(f"{page}: {target}")
            for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)]*)\)", text):
                other = (TOP / page).parent / target if target else TOP / page
                heads = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.M)
                slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}
                if anchor not in slugs:
                    wrong.append(f"{page}: {target}#{anchor}")
        self.assertEqual(wrong, [])
