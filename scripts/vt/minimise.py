# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/minimise has to know of a run: which race it shows, and how it was run.

    python3 -m vt.minimise run DIR         a line "name value" each: kernel, own,
                                           scenario, kind, ops, parameters
    python3 -m vt.minimise came DIR RACE  how often scenario/kind was seen in that guest

Exit code: 0, or 2 with a line of why.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import codes, results

# What is chosen anew for each try.
_OURS = ("scenarios", "duration", "seed", "ops", "stat_interval", "stop_on_race",
         "panic_on_race", "autostart", "verbose")
_RACE = re.compile(r"vma_torture: RACE (?P<scenario>[a-z_]+)/(?P<kind>[a-z_]+) ")


class NoRun(Exception):
    """Why a directory is none that can be minimised."""


@dataclass
class Race:
    """A race, and the parameters under which it was seen."""

    kernel: str
    own: bool
    scenario: str
    kind: str
    parameters: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For the shell."""
        rest = " ".join(f"{name}={value}" for name, value in self.parameters.items()
                        if name not in _OURS)
        return [f"kernel {self.kernel}", f"own {'yes' if self.own else ''}",
                f"scenario {self.scenario}", f"kind {self.kind}",
                f"ops {self.parameters.get('ops', '')}", f"parameters {rest}"]


def _words(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split() if "=" in word)


def _first_logged(directory: Path) -> re.Match[str] | None:
    console = directory / "console.log"
    return _RACE.search(console.read_text("utf-8", "replace")) if console.exists() else None


def _of_torture(directory: Path) -> Race:
    doc = results.load(directory)
    if doc["tool"] != "torture":
        raise NoRun(f"'{directory}' is a {doc['tool']}, not a run of scripts/torture")
    seen = [sc for sc in doc["scenarios"] if sc["variants"]]
    if not seen:
        raise NoRun(f"'{directory}' shows no race")
    first = min(seen, key=lambda sc: sc["first_race_ms"])
    # The log has them in the order in which they came, if it has not lost them.
    logged = _first_logged(directory)
    scenario, kind = (logged["scenario"], logged["kind"]) if logged else (
        first["name"], first["variants"][0]["kind"])
    parameters = {name: str(value) for name, value in doc["parameters"].items()}
    return Race(doc["kernel"]["name"], doc["kernel"]["own"], scenario, kind, parameters)


def _of_guest(directory: Path) -> Race:
    identity = dict(line.split("=", 1) for line in
                    (directory / "identity").read_text("utf-8").splitlines() if "=" in line)
    logged = _first_logged(directory)
    if not logged:
        raise NoRun(f"'{directory}' shows no race")
    return Race(identity.get("kernel", ""), False, logged["scenario"], logged["kind"],
                _words(identity.get("item", "")))


def read(directory: Path) -> Race:
    """The first race of a run that scripts/torture or scripts/explore kept."""
    if not directory.is_dir():
        raise NoRun(f"there is no directory '{directory}'")
    if (directory / "results.json").exists():
        race = _of_torture(directory)
    elif (directory / "identity").exists():
        race = _of_guest(directory)
    else:
        raise NoRun(f"'{directory}' is no run of scripts/torture or scripts/explore")
    if race.kind == "stall":
        raise NoRun(f"'{directory}' shows a stall, which no operation alone makes")
    return race


def came(directory: Path, race: str) -> int:
    """How often a race was seen in a guest; one that died of it has not come to say so."""
    said = sum(bool(re.fullmatch(r"try \d+ yes", line)) for line in
               (directory / "output").read_text("utf-8", "replace").splitlines())
    status = _words((directory / "status").read_text("utf-8"))
    if status.get("outcome") not in ("died", "hung"):
        return said
    console = (directory / "console.log").read_text("utf-8", "replace")
    return said + (f"vma_torture: RACE {race} " in console.rpartition("--- Start of test:")[2])


def main(argv: list[str]) -> int:
    """Do what is asked for; the value is the exit code."""
    try:
        if len(argv) == 2 and argv[0] == "run":
            print("\n".join(read(Path(argv[1])).lines()))
            return codes.OK
        if len(argv) == 3 and argv[0] == "came":
            print(came(Path(argv[1]), argv[2]))
            return codes.OK
    except (NoRun, ValueError, OSError, json.JSONDecodeError) as error:
        print(error, file=sys.stderr)
        return codes.BROKEN
    print(__doc__, file=sys.stderr)
    return codes.BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
