# SPDX-License-Identifier: GPL-2.0-only
"""What a guest of the selftests leaves: durations, and what the module's runs came to."""

import io
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from vt import check, guest, ledger, results, silence

TOP = Path(__file__).parents[3]
KERNEL = {"name": "6.1", "version": "6.1.192", "release": "6.1.0-56-amd64",
          "package": "6.1.192-2", "own": False}
IDENTITY = {"image": "aa", "module": "bb", "source": "cc", "initramfs": "dd", "command": "",
            "config": "", "deterministic": False}
RUN = ("  # run {} state=done seconds=12 ops=3000 exposure=1000 first_race_ms={} "
       "gap=5000/1000/{}/{} stall=-/-/-/0 parameters: scenarios=all duration=0 seed=42")
GAP = ('  # run variant scenario=map_fixed kind=gap variant=0000abcd races={} seq=1 '
       'detail="{}"')
KNOWN = "point walk: nothing at 0x1"


def stream(*told: str, result: str = "ok 1 a", last: str = "ok 1 one") -> str:
    return "\n".join(("KTAP version 1", "1..2", "  KTAP version 1", "  # Subtest: one", "  1..1",
                      f"  {result}", *told, "# one: 34 s", last,
                      "  KTAP version 1", "  # Subtest: abuse/two", "  1..2",
                      "  # one: 99 s", "  ok 1 b # SKIP no such thing", "  ok 2 c # XFAIL well",
                      "# abuse/two: 5 s", "ok 2 abuse/two"))


class Guests(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = Path(scratch.name)

    def doc(self, text, status="outcome=ok\nrc=0\n", console="", allow=()):
        (self.dir / "status").write_text(status)
        (self.dir / "console.log").write_text(console)
        self.out = io.StringIO()
        self.tally = guest.Tally(time.time(), "6.1", "6.1 ", self.out)
        parser = guest.read_stream(text.split("\n"), self.tally)
        guest.end_guest(parser, self.tally, self.dir, "shared1", allow)
        known = ledger.load("6.1.192", [TOP / "scripts/known-races"])
        doc = check.judge(check.Guest(self.dir, KERNEL, known, {"guest": "shared1"},
                                      dict(IDENTITY), "2026-11-26T02:00:00Z"),
                          self.tally.kept, self.tally.told, allow)
        self.assertEqual(results.problems(doc), [])
        return doc

    def test_durations_and_results(self):
        doc = self.doc(stream())
        self.assertEqual(doc["code"], 0, doc["reasons"])
        self.assertEqual(doc["tests"], [
            {"name": "one", "seconds": 34, "passed": 1, "failed": 0, "skipped": 0,
             "expected": 0, "why": []},
            {"name": "abuse/two", "seconds": 5, "passed": 0, "failed": 0, "skipped": 1,
             "expected": 1, "why": ["skipped: b: no such thing", "expected: c: well"]}])
        self.assertEqual((doc["seconds"], doc["verdict"]),
                         (39, "1 passed, 0 failed, 1 skipped, 1 expected"))
        self.assertIn("time\t6.1\tone\t34", self.tally.lines())

    def test_a_variant_is_of_the_run_that_has_its_scenario(self):
        # The second load tells a scenario that the first one told, too, as its last.
        doc = self.doc(stream(RUN.format("vma_lock", 0, 7, 0),
                              RUN.format("map_fixed", 3, 30, 0), RUN.format("vma_lock", 0, 7, 0),
                              GAP.format(3, KNOWN)))
        self.assertEqual((doc["code"], doc["reasons"]), (0, []))
        one = next(sc for sc in doc["scenarios"] if sc["name"] == "map_fixed")
        self.assertEqual([(v["kind"], v["count"], v["known"]) for v in one["variants"]],
                         [("gap", 3, True)])

    def test_what_runs_came_to_is_added_up(self):
        doc = self.doc(stream(RUN.format("map_fixed", 0, "-", 0), RUN.format("map_fixed", 0, 30, 0),
                              RUN.format("vma_lock", 0, 7, 0)))
        one, two = doc["scenarios"]
        self.assertEqual((one["name"], one["runs"], one["seconds"], one["ops"], one["verdict"]),
                         ("map_fixed", 2, 24, 6000, "SUCCESS"))
        # ln 20 / 30
        self.assertAlmostEqual(one["kinds"]["gap"].pop("bound"), 0.0998577, 7)
        self.assertEqual(one["kinds"]["gap"],
                         {"looks": 10000, "exposure": 2000, "met": 30, "races": 0})
        self.assertEqual(one["kinds"]["stall"]["met"], -1)
        self.assertEqual((two["name"], two["runs"]), ("vma_lock", 1))
        path = self.dir / "silence"
        silence.append(path, doc)
        cells = [line.split("\t") for line in path.read_text().splitlines()]
        self.assertEqual([c[2:4] for c in cells], [["map_fixed", "gap"], ["map_fixed", "stall"],
                                                   ["vma_lock", "gap"], ["vma_lock", "stall"]])
        self.assertEqual(cells[0][5:11], ["guest=shared1", "24", "6000", "30", "10000", "0"])
        self.assertEqual(cells[1][8], "-")

    def test_known_and_unknown_races(self):
        run = RUN.format("map_fixed", 3, "-", 7)
        doc = self.doc(stream(run, GAP.format(7, KNOWN), run, GAP.format(7, KNOWN)))
        self.assertEqual((doc["code"], doc["scenarios"][0]["verdict"]), (0, "KNOWN"))
        self.assertEqual([v["count"] for v in doc["scenarios"][0]["variants"]], [14])
        doc = self.doc(stream(run, GAP.format(7, "another way")))
        self.assertEqual((doc["code"], doc["scenarios"][0]["verdict"]), (1, "FAILURE"))
        self.assertIn("another way", doc["reasons"][0])
        known = ledger.load("6.1.192", [TOP / "scripts/known-races"])
        self.assertEqual([test for test, _ in check.unknown(self.tally.told, known)], ["one"])
        # No record, no excuse.
        self.assertEqual(self.doc(stream(run))["code"], 1)

    def test_what_a_test_tells_badly_is_no_silence(self):
        doc = self.doc(stream("  # run map_fixed state=done seconds=1 nonsense"))
        self.assertEqual((doc["code"], doc["scenarios"]), (2, []))

    def test_what_is_told_is_no_remark_on_a_failure(self):
        doc = self.doc(stream("  # because", RUN.format("map_fixed", 0, "-", 0),
                              result="not ok 1 a", last="not ok 1 one # 1 failed"),
                       "outcome=ok\nrc=1\n")
        self.assertEqual(doc["code"], 2)
        self.assertEqual(doc["tests"][0]["why"], ["failed: a"])
        self.assertIn("# because", self.out.getvalue())
        self.assertNotIn("# run", self.out.getvalue())

    def test_the_list_of_failures_has_what_was_said_last(self):
        self.doc(stream(result="# early\n  # because\n  not ok 1 a"))
        self.assertIn("fail\t6.1\tone: a\tbecause", self.tally.lines())
        self.doc(stream(result="# fine\n  ok 1 a"))
        self.assertIn("ok\t6.1\tone: a\t", self.tally.lines())

    def test_a_guest_that_died_told_its_console(self):
        start = ("[    5.000000] vma_torture: --- Start of test: scenarios=all busted={} seed=1\n")
        race = '[    6.000000] vma_torture: RACE map_fixed/stale variant=0000cafe detail="x"\n'
        end = "[    7.000000] Oops: 0002\n"
        died = "outcome=died\nline=Oops\n"
        half = "\n".join(stream().split("\n")[:5])
        doc = self.doc(half, died, start.format("none") + race + end)
        self.assertEqual(doc["code"], 1)
        self.assertEqual([(v["kind"], v["known"]) for v in doc["scenarios"][0]["variants"]],
                         [("stale", False)])
        self.assertEqual(doc["tests"][0]["seconds"], -1)
        # What was broken on purpose is none, and the oops remains.
        doc = self.doc(half, died, start.format("map_fixed/stale") + race + end)
        self.assertEqual((doc["code"], doc["scenarios"]), (3, []))
        # Nor is what came in a run before the last.
        doc = self.doc(half, died, start.format("none") + race + start.format("none") + end)
        self.assertEqual((doc["code"], doc["scenarios"]), (3, []))

    def test_the_console(self):
        log = "[ 1.0] selftests: begin one\n[ 2.0] WARNING: one of ours\n"
        doc = self.doc(stream(), "outcome=dirty\nrc=0\n", log)
        self.assertEqual((doc["code"], doc["tests"][0]["failed"]), (3, 1))
        doc = self.doc(stream(), "outcome=dirty\nrc=0\n", log, ["WARNING: one"])
        self.assertEqual((doc["code"], doc["reasons"]), (0, []))

    def test_a_guest_that_is_booted_again_begins_anew(self):
        doc = self.doc(stream(RUN.format("map_fixed", 0, "-", 0)) + "\nvm: again\n" + stream())
        self.assertEqual(doc["scenarios"], [])


class Shell(unittest.TestCase):
    """tell of selftests/lib.sh, on files as the module has them."""

    def told(self, busted: str, summary: str = "") -> check.Told:
        with tempfile.TemporaryDirectory() as name:
            top = Path(name)
            for scenario in ("map_fixed", "vma_lock", "fork_fail", "watch"):
                (top / "d" / scenario).mkdir(parents=True)
                for file, text in (("ops", "3000"), ("exposure", "1000"), ("races", "7"),
                                   ("first_race_ms", "12"), ("looks_gap", "5000"),
                                   ("exposure_gap", "1000"), ("met_gap", "30"),
                                   ("race_gap", "7"), ("race_stall", "0"), ("hold_ns", "")):
                    (top / "d" / scenario / file).write_text(f"{text}\n" if text else "")
            (top / "d/fork_fail/ops").write_text("0\n")
            (top / "d/summary").write_text(
                "verdict FAILURE  seed 42\nscenario state seconds ops/s exposure races first_ms\n"
                "map_fixed      done            12          250           1000          7        12\n"
                "vma_lock       running          9          250           1000          7        12\n"
                "fork_fail      stopped          0            0              0          0         -\n"
                "watch          running          9          250           1000          7        12\n"
                "map_fixed: gap broken 7 times: it promises\n" + summary)
            (top / "d/variants").write_text("".join(
                f'scenario={s} kind=gap variant=0000abcd races=7 seq=1 detail="point walk"\n'
                for s in ("map_fixed", "vma_lock", "watch")))
            (top / "p").mkdir()
            for file, text in (("scenarios", ""), ("busted", busted), ("duration", "0"),
                               ("seed", "42"), ("verbose", "N")):
                (top / "p" / file).write_text(f"{text}\n")
            script = ("eval \"$(sed -n '/^tell()/,/^}/p' selftests/lib.sh)\"\n"
                      f"D={name}/d P={name}/p\ntell")
            said = subprocess.run(["busybox", "sh", "-c", script], cwd=TOP, text=True,
                                  check=True, capture_output=True).stdout
        told = check.Told()
        for line in said.splitlines():
            self.assertTrue(told.line("  " + line, "one"), line)
        self.assertEqual(told.bad, [])
        return told

    def test_it_is_understood(self):
        (run,) = self.told("none").runs
        self.assertEqual(list(run.states), ["map_fixed", "vma_lock"])
        self.assertEqual([run.seconds(s) for s in run.states], [12, 9])
        self.assertEqual(run.values["map_fixed"], {
            "ops": 3000, "exposure": 1000, "first_race_ms": 12, "looks_gap": 5000,
            "exposure_gap": 1000, "met_gap": 30, "race_gap": 7, "race_stall": 0})
        self.assertEqual([(v.scenario, v.count, v.detail) for v in run.variants],
                         [("map_fixed", 7, "point walk"), ("vma_lock", 7, "point walk")])

    def test_what_is_broken_on_purpose_is_left_out(self):
        """As is the watch, which the tests judge themselves."""
        (run,) = self.told("map_fixed/gap", "map_fixed: busted on purpose\n").runs
        self.assertEqual(list(run.states), ["vma_lock"])
        self.assertEqual([v.scenario for v in run.variants], ["vma_lock"])


class Lists(unittest.TestCase):
    def test_the_slowest(self):
        times = [(n, "6.1", f"t{n}") for n in range(1, 30)]
        lines = check.slowest(times)
        self.assertEqual(len(lines), 11)
        self.assertEqual(lines[1].split(), ["29", "s", "6.1", "t29"])
        self.assertEqual(lines[10].split(), ["20", "s", "6.1", "t20"])
        self.assertEqual(check.slowest([]), [])

    def test_the_list_for_people(self):
        lines = check.listing(["60\tgood\tshared\t-\t-\t-\t-\t-\t-\twhat it proves\n",
                               "9\talone\town\t4\t-\t-\t-\tbpftrace\t6.1 BUG: x y\tmore\n"],
                              {"good": (34, "7.2")})
        self.assertEqual([" ".join(line.split()) for line in lines], [
            "test limit s last s kernel guest description",
            "good 60 34 7.2 shared what it proves",
            "alone 9 - - own smp=4 tool=bpftrace console more"])
        with self.assertRaises(ValueError):
            check.listing(["60\tgood\tshared\n"], {})

    def test_the_last_time_is_the_last_run_s(self):
        with tempfile.TemporaryDirectory() as name:
            runs = Path(name)
            self.assertEqual(check.last_times(runs), {})
            for at, seconds in (("2026-11-26T02:00:00Z", 5), ("2026-11-26T03:00:00Z", 7),
                                ("2026-11-26T01:00:00Z", 9)):
                (runs / at).mkdir()
                guests = Guests()
                guests.dir = runs / at
                doc = guests.doc(stream().replace("# one: 34 s", f"# one: {seconds} s"))
                results.write(runs / at, dict(doc, started=at))
            (runs / "other").mkdir()
            (runs / "other/results.json").write_text('{"schema": 1}')
            self.assertEqual(check.last_times(runs), {"one": (7, "6.1"), "abuse/two": (5, "6.1")})
