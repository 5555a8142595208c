# SPDX-License-Identifier: GPL-2.0-only
"""results.json is what docs/results.md says, and what is not is refused."""

import copy
import re
import tempfile
import unittest
from pathlib import Path

from runs import KERNEL, TOP, Runs
from vt import ledger, results, silence, torture

OUTPUT = """progress 5 FAILURE map_fixed:7/1000:gap=7
verdict FAILURE
state map_fixed done
value map_fixed ops 3000
value map_fixed exposure 1000
value map_fixed races 7
value map_fixed race_gap 7
value map_fixed looks_gap 5000
value map_fixed exposure_gap 1000
value map_fixed met_gap 500
value map_fixed first_race_ms 12
value map_fixed exact 300
state vma_lock skipped: no per-VMA locks
summary verdict FAILURE  seed 42
summary scenario       state      seconds        ops/s       exposure      races  first_ms
summary map_fixed      done             9          333           1000          7        12
summary map_fixed: no oracle for x: this kernel has none
variant scenario=map_fixed kind=gap variant=0000abcd races=7 seq=1 detail="point walk: nothing at 0x1"
race seq=1 time_ns=1 scenario=map_fixed kind=gap addr=0x1 mm=1 cpu=0 pid=1 comm=x variant=0000abcd detail="point walk: nothing at 0x1"
race     mf_gap+0x1/0x2 [vma_torture]
race     vt_thread_main+0x1/0x2 [vma_torture]
race seq=2 time_ns=1 scenario=map_fixed kind=gap addr=0x1 mm=1 cpu=0 pid=1 comm=x variant=0000abcd detail="point walk: nothing at 0x2"
coverage map_fixed replace exact worked tried=310 worked=300
coverage map_fixed replace sparse absent tried=0 worked=0 why="there is no room for 200 GB"
unload 120
"""


class Documents(Runs):
    def doc(self, output=OUTPUT, status="outcome=ok\nrc=0\n", console="", **more):
        return self.judged(output, status, console, more, strict=more.pop("strict", False))

    def test_a_run(self):
        doc = self.doc()
        self.assertEqual(results.problems(doc), [])
        self.assertEqual(doc["code"], 0, doc["reasons"])
        self.assertEqual(doc["coverage"], [
            "map_fixed replace exact worked tried=310 worked=300",
            'map_fixed replace sparse absent tried=0 worked=0 why="there is no room for 200 GB"'])
        (variant,) = doc["scenarios"][0]["variants"]
        self.assertEqual((variant["count"], variant["known"]), (7, True))
        self.assertEqual(variant["stack"], ["mf_gap+0x1/0x2 [vma_torture]",
                                            "vt_thread_main+0x1/0x2 [vma_torture]"])
        self.assertEqual(doc["scenarios"][0]["absent"], {"x": "this kernel has none"})
        self.assertEqual(doc["identity"]["seed"], "42")
        self.assertEqual(doc["unload_ms"], 120)
        self.assertEqual(doc["scenarios"][0]["kinds"], {"gap": {
            "looks": 5000, "exposure": 1000, "met": 500, "races": 7, "bound": None}})
        self.assertEqual(doc["scenarios"][0]["counters"], {"exact": 300})
        self.assertEqual([sc["verdict"] for sc in doc["scenarios"]], ["KNOWN", "SKIP"])
        self.assertEqual([(sc["runs"], sc["seconds"]) for sc in doc["scenarios"]],
                         [(1, 9), (0, 0)])
        self.assertEqual(doc["scenarios"][0]["kinds"]["gap"],
                         {"looks": 5000, "exposure": 1000, "met": 500, "races": 7, "bound": None})
        self.assertEqual(doc["scenarios"][0]["counters"], {"exact": 300})
        results.write(self.dir, doc)
        self.assertEqual(results.load(self.dir), doc)

    def test_what_is_not_the_schema_is_refused(self):
        doc = self.doc()
        for change in (lambda d: d.pop("code"), lambda d: d.update(code="1"),
                       lambda d: d.update(code=True), lambda d: d.update(more=1),
                       lambda d: d["scenarios"][0].pop("ops"),
                       lambda d: d["scenarios"][0]["variants"][0].update(count="7"),
                       lambda d: d["scenarios"][0]["kinds"]["gap"].pop("looks"),
                       lambda d: d["scenarios"][0]["kinds"]["gap"].pop("bound"),
                       lambda d: d["scenarios"][0]["kinds"]["gap"].update(bound="0.1"),
                       lambda d: d.update(schema=1), lambda d: d.update(reasons=[1])):
            bad = copy.deepcopy(doc)
            change(bad)
            self.assertEqual(len(results.problems(bad)), 1, results.problems(bad))
            with self.assertRaises(ValueError):
                results.write(self.dir, bad)

    def test_the_page_has_each_member(self):
        page = (TOP / "docs/results.md").read_text()
        self.assertIn(f"Schema: {results.SCHEMA}\n", page)
        told = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.M))
        there = set()

        def walk(shape):
            for key, value in shape.items():
                there.add(key)
                if isinstance(value, list) and isinstance(value[0], dict):
                    walk(value[0])
                elif isinstance(value, dict) and key != "kinds":
                    walk(value)
        walk(results.RESULTS)
        self.assertEqual(told, there)

    def test_no_records_no_excuse(self):
        lost = "".join(line + "\n" for line in OUTPUT.splitlines()
                       if not line.startswith(("variant", "race")))
        doc = self.doc(lost)
        self.assertEqual(doc["code"], 1)

    def test_a_known_race_excuses_no_oops(self):
        doc = self.doc(console="[    5.000000] BUG: KASAN: x\n")
        self.assertEqual(doc["code"], 3)

    def test_strict(self):
        self.assertEqual(self.doc(strict=True)["code"], 1)

    def test_leaks_and_errors(self):
        self.assertEqual(self.doc(OUTPUT + "leak unreferenced object 0x1\n")["code"], 3)
        self.assertEqual(self.doc(OUTPUT + "error rmmod failed\n",
                                  "outcome=ok\nrc=2\n")["code"], 2)
        self.assertEqual(self.doc(status="outcome=ok\nrc=137\n")["code"], 2)

    def test_values_that_could_not_be_read(self):
        self.assertEqual(self.doc(OUTPUT + "value map_fixed race_stale \n")["code"], 2)
        self.assertEqual(self.doc(OUTPUT + "value map_fixed hold_ns \n")["code"], 0)

    def test_silence(self):
        path = self.dir / "silence"
        silence.append(path, self.doc())
        self.assertEqual(path.read_text().split("\t")[1:6],
                         ["6.1.192-2", "map_fixed", "gap", "cc", ""])
        silence.append(path, self.doc())
        self.assertIn("10000", silence.table(path, "cc")[-2])
        self.assertEqual(len(silence.table(path, "other")), 3)
        # What broke promises itself was not silent.
        silence.append(path, self.doc(busted="map_fixed/gap"))
        self.assertEqual(len(path.read_text().splitlines()), 2)
        # A deterministic run counts once.
        same = self.doc()
        same["identity"]["deterministic"] = True
        for _ in range(3):
            silence.append(path, same)
        self.assertIn(" 15000 ", silence.table(path, "cc")[-2])
        self.assertEqual(silence.table(path, "cc")[-2].split(),
                         ["6.1.192-2", "map_fixed", "gap", "0.007", "9000", "1500", "15000", "21",
                          "-"])
        # What is not known is not 0.
        (self.dir / "output").unlink()
        silence.append(self.dir / "unknown", self.doc(OUTPUT.replace("met_gap", "xxx_gap")))
        self.assertEqual(silence.table(self.dir / "unknown", "cc")[-2].split()[5], "-")
        # A line from before what looks met was kept.
        with open(path, "a", encoding="utf-8") as file:
            file.write("x\t6.1.192-2\tmap_fixed\tgap\tcc\t\t10\t20\t30\t0\t-\n")
        self.assertEqual(silence.table(path, "cc")[-2].split()[3:],
                         ["0.010", "9020", "1500", "15030", "21", "-"])
        # Kernels of no package are told apart by their image.
        built = self.doc()
        built["kernel"] = dict(KERNEL, name="mine", package="own")
        self.assertEqual(silence.lines(built)[0].split("\t")[1], "mine-aa")

    def test_source_hash(self):
        tree = self.dir / "tree"
        (tree / "engine").mkdir(parents=True)
        (tree / "build").mkdir()
        (tree / "engine/race.c").write_text("a")
        one = results.source_hash(tree)
        (tree / "build/x.c").write_text("b")
        (tree / "x.mod.c").write_text("b")
        self.assertEqual(results.source_hash(tree), one)
        (tree / "engine/race.c").write_text("b")
        self.assertNotEqual(results.source_hash(tree), one)


class Shell(unittest.TestCase):
    """The tests in the guest read the same ledger by a function of the shell."""

    def test_it_says_the_same(self):
        import subprocess
        races = ("map_fixed gap", "fork_fail xa_zero", "hugetlb_walk split_shared", "watch gap",
                 "map_fixed stale")
        versions = ("6.1.0", "6.1.141", "6.1.142", "6.1.192", "6.6.94", "6.6.95", "6.8.1",
                    "6.11.9", "6.12", "6.12.33", "6.12.34", "6.18.4", "6.19.1", "7.2.12")
        script = ("eval \"$(sed -n '/^known_races()/,/^}/p' selftests/lib.sh)\"\n"
                  "KNOWN_RACES=scripts/known-races\nkernel_version() { echo \"$V\"; }\n")
        for version in versions:
            script += f"V={version}\n"
            for race in races:
                script += f"known_races {race} && echo yes || echo no\n"
        said = subprocess.run(["busybox", "sh", "-c", script], cwd=TOP, text=True, check=True,
                              capture_output=True).stdout.split()
        wanted = []
        for version in versions:
            known = ledger.load(version, [TOP / "scripts/known-races"])
            wanted += ["yes" if known.may_show(*race.split()) else "no" for race in races]
        self.assertEqual(said, wanted)

    def test_variants(self):
        import subprocess
        with tempfile.NamedTemporaryFile("w", suffix="variants") as file:
            def known(text: str) -> bool:
                file.seek(0)
                file.truncate()
                file.write(text)
                file.flush()
                script = ("eval \"$(sed -n '/^known_races()/,/^}/p' selftests/lib.sh)\"\n"
                          "KNOWN_RACES=scripts/known-races\nkernel_version() { echo 6.1.192; }\n"
                          f"known_races map_fixed gap {file.name}")
                return subprocess.run(["busybox", "sh", "-c", script], cwd=TOP, check=False,
                                      capture_output=True).returncode == 0
            line = 'scenario=map_fixed kind={} variant=1 races=2 seq=1 detail="{}"\n'
            good = line.format("gap", "point walk: nothing at 0x1")
            self.assertTrue(known(good))
            self.assertTrue(known(good + line.format("stale", "whatever")))
            self.assertFalse(known(good + line.format("gap", "another way")))
            self.assertFalse(known(""))
