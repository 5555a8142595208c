# SPDX-License-Identifier: GPL-2.0-only
"""Bounds: each formula with figures worked out by hand, and what has none.

ln 20 = 2.995732, ln 100 = 4.605170, ln 0.975 = -0.0253178.
"""

import json
import math
import subprocess
import sys
import unittest

from runs import TOP
from test_report import OUTPUT, Seen
from vt import bounds, compare, explore, report, results, silence

MET = OUTPUT.replace("value map_fixed race_gap 2", "value map_fixed met_stale 500\n"
                     "value map_fixed met_gap 1\nvalue map_fixed race_gap 2\n"
                     "value map_fixed race_no_vma 0\nvalue map_fixed met_no_vma 100\n"
                     "value map_fixed race_half_abort 0\nvalue map_fixed met_half_abort 2000\n"
                     "value map_fixed race_account 0\nvalue map_fixed met_account 0\n"
                     "value map_fixed race_stall 0")


class Formulas(unittest.TestCase):
    def test_silence_in_operations(self):
        for met, bound in ((100, 0.02995732), (812453, 3.687268e-06), (3, 0.9985774)):
            self.assertAlmostEqual(bounds.silent(met) / bound, 1, 6)
        # ln 20 / 2 is 1.5: that says nothing.
        for met in (2, 1, 0, -1):
            self.assertIsNone(bounds.silent(met))

    def test_silence_in_seeds(self):
        self.assertAlmostEqual(bounds.silent_seeds(1), 0.95)
        self.assertAlmostEqual(bounds.silent_seeds(2), 0.776393, 6)     # 1 - sqrt 0.05
        # 0.95^58 = 0.0510 and 0.95^59 = 0.0485: 59 seeds bound a share of 5 %.
        self.assertGreater(bounds.silent_seeds(58), 0.05)
        self.assertLess(bounds.silent_seeds(59), 0.05)
        self.assertIsNone(bounds.silent_seeds(0))

    def test_intervals_that_have_a_closed_form(self):
        # All of n: 0.025^(1/n). None: 1 less that. One of n, below: 1 - 0.975^(1/n). One of
        # two, above: p such that 1 - p^2 = 0.025, so sqrt 0.975.
        for k, n, low, high in ((1, 1, 0.025, 1), (2, 2, 0.158114, 1), (10, 10, 0.691503, 1),
                                (0, 10, 0, 0.308497), (1, 2, 0.012579, 0.987421),
                                (1, 10, 0.002529, None)):
            found = bounds.interval(k, n)
            self.assertAlmostEqual(found[0], low, 6)
            if high is not None:
                self.assertAlmostEqual(found[1], high, 6)
        # 1 in very many, as Poisson's: 0.0253178/n, and x with (1 + x) e^-x = 0.025.
        low, high = bounds.interval(1, 10 ** 6)
        self.assertAlmostEqual(low * 10 ** 6, 0.0253178, 6)
        x = high * 10 ** 6
        self.assertAlmostEqual((1 + x) * math.exp(-x), 0.025, 6)

    def test_any_interval_leaves_2_5_percent_on_each_side(self):
        for k, n in ((7, 500), (40, 60), (1, 30), (29, 30), (250, 500)):
            low, high = bounds.interval(k, n)
            def of(i, p, n=n):
                return math.comb(n, i) * p ** i * (1 - p) ** (n - i)
            self.assertAlmostEqual(sum(of(i, high) for i in range(k + 1)), 0.025, 9)
            self.assertAlmostEqual(sum(of(i, low) for i in range(k, n + 1)), 0.025, 9)

    def test_what_has_no_interval(self):
        for k, n in ((9, 1), (0, 0), (1, 0), (1, -1), (-1, 5)):
            self.assertIsNone(bounds.interval(k, n))

    def test_none_by_chance(self):
        # 1 of 1 allows a rate of 0.025; 0.975^100 = e^-2.53178.
        self.assertAlmostEqual(bounds.none_by_chance(1, 1, 100), 0.079517, 5)
        self.assertEqual(bounds.none_by_chance(1, 1, 0), 1)
        # 1 of 100, then none of 100: (0.975^(1/100))^100.
        self.assertAlmostEqual(bounds.none_by_chance(1, 100, 100), 0.975)
        for k, n, m in ((0, 10, 10), (11, 10, 10), (1, -1, 10), (1, 10, -1)):
            self.assertIsNone(bounds.none_by_chance(k, n, m))

    def test_how_long_to_look(self):
        # 7 in 10 s are 0.7/s, and 4.605170/0.7; the first came sooner than that says.
        self.assertAlmostEqual(bounds.seconds_to_see(7, 10, 12), 6.578814, 5)
        # 100 in 10 s, all after the first 8: 1/8 a second.
        self.assertAlmostEqual(bounds.seconds_to_see(100, 10, 8000), 36.84136, 4)
        self.assertAlmostEqual(bounds.seconds_to_see(10, 10, 0), 4.605170, 5)
        self.assertIsNone(bounds.seconds_to_see(0, 10, 0))
        self.assertIsNone(bounds.seconds_to_see(1, 0, 5))
        # 0.75^16 = 0.01002, 0.75^17 = 0.0075; 0.5^6 = 0.0156, 0.5^7 = 0.0078.
        self.assertEqual([bounds.seeds_to_see(k, n) for k, n in ((1, 4), (1, 2), (4, 4))],
                         [17, 7, 1])
        for k, n in ((0, 4), (5, 4), (0, 0)):
            self.assertIsNone(bounds.seeds_to_see(k, n))

    def test_digits_never_say_too_much(self):
        self.assertEqual((bounds.up(3.61e-6), bounds.down(3.69e-6)), ("3.7e-06", "3.6e-06"))
        self.assertEqual((bounds.up(0.0), bounds.up(1.0), bounds.up(1234.0)), ("0", "1", "1.3e+03"))

    def test_gone_or_only_rarer(self):
        # 50 of 100 before: certainly more than 0.39, and 0.61^100 is 3e-22.
        self.assertTrue(bounds.gone(50, 100, 100, "seeds").startswith("gone: "))
        self.assertIn("0.98 if all 50 were of one", bounds.gone(50, 100, 100, "seeds"))
        self.assertNotIn("if all", bounds.gone(50, 100, 100, "seeds", True))
        text = bounds.gone(1, 100, 100, "operations met")
        self.assertTrue(text.startswith("too little was met"), text)
        self.assertTrue(text.endswith("0 in 100 operations met would come with p=0.98"), text)
        # More than can be so small: p is 0 in floating point.
        self.assertIn("p=0 ", bounds.gone(50, 100, 10 ** 6, "x"))
        for k, n, m in ((9, 1, 5), (5, -1, 5), (5, 10, -1)):
            self.assertTrue(bounds.gone(k, n, m, "x").startswith("too little is known"))
        self.assertTrue(bounds.changed((50, 100), (5, 100)).startswith("rarer: "))
        self.assertTrue(bounds.changed((5, 100), (50, 100)).startswith("more frequent: "))
        self.assertEqual(bounds.changed((5, 100), (6, 100)), "")
        self.assertEqual(bounds.changed((5, 100), (6, -1)), "")


class Shown(Seen):
    def test_results_have_the_bound_of_what_was_silent(self):
        doc = self.doc(MET)
        self.assertEqual(results.problems(doc), [])
        kinds = doc["scenarios"][0]["kinds"]
        self.assertAlmostEqual(kinds["no_vma"]["bound"], 0.02995732, 7)
        for kind in ("stale", "gap", "account", "stall"):
            self.assertIsNone(kinds[kind]["bound"])
        # A race that only the console has is no silence.
        doc["scenarios"][0]["variants"].append(
            dict(doc["scenarios"][0]["variants"][0], kind="no_vma", count=1))
        bounds.add(doc["scenarios"])
        self.assertIsNone(kinds["no_vma"]["bound"])

    def test_results_from_before_there_were_bounds(self):
        doc = self.doc(MET)
        results.write(self.dir, doc)
        old = json.loads((self.dir / "results.json").read_text())
        for numbers in old["scenarios"][0]["kinds"].values():
            del numbers["bound"]
        self.assertEqual(len(results.problems(old)), 6)
        (self.dir / "results.json").write_text(json.dumps(old))
        self.assertEqual(results.load(self.dir), doc)

    def test_a_line_for_each_scenario(self):
        self.assertEqual(bounds.summary(self.doc(MET)), [
            "6.1 map_fixed: 4 oracles silent, the weakest no_vma: none in 100 operations met, "
            "rarer than 0.03 of them (95 %, if independent); no bound for account, stall"])
        # Nothing was met, or all have races.
        silent = self.doc(MET.replace("met_no_vma 100", "met_no_vma 2").replace(
            "met_half_abort 2000", "met_half_abort 0"))
        self.assertEqual(bounds.summary(silent), [
            "6.1 map_fixed: 4 oracles silent; no bound for account, half_abort, no_vma, stall"])
        self.assertEqual(bounds.summary(self.doc()), [])
        # What the kernel cannot have is no silence.
        absent = self.doc(MET + "summary map_fixed: no oracle for stall: there is none\n")
        self.assertIn("3 oracles silent", bounds.summary(absent)[0])

    def test_the_table(self):
        rows = {line.split()[2]: line.split()[3:] for line in bounds.table([self.doc(MET)])}
        self.assertEqual(rows["no_vma"], ["100", "0", "<", "0.03", "-"])
        self.assertEqual(rows["half_abort"], ["2000", "0", "<", "0.0015", "-"])
        # 7 in 500: by Clopper and Pearson 0.00565 to 0.02863, see above; 7 in 10 s.
        self.assertEqual(rows["stale"], ["500", "7", "0.0056", "to", "0.029", "6.6", "s"])
        # 2 races of 1 operation have no share of operations.
        self.assertEqual(rows["gap"][:3], ["1", "2", "-"])
        self.assertEqual(rows["stall"], ["-", "0", "-", "-"])

    def test_scripts_report(self):
        results.write(self.dir, self.doc(MET))

        def said(*words):
            return subprocess.run([sys.executable, TOP / "scripts/report", *words], text=True,
                                  check=False, capture_output=True)
        for words in (("--bounds", self.dir), (self.dir, "--bounds")):
            one = said(*words)
            self.assertEqual(one.returncode, 0, one.stderr)
            self.assertIn("< 0.0015", one.stdout)
        self.assertEqual(said("--bounds", "--junit", self.dir).returncode, 2)
        self.assertEqual(said("--bounds").returncode, 2)
        self.assertIn("--bounds", said("--help").stdout)

    def test_a_mail_has_the_rate(self):
        (mail,) = report.reports(self.dir, self.doc(MET))
        text = " ".join("\n".join(mail).split())
        self.assertIn("Rate: 0.0056 to 0.029 of the 500 operations met (95 %", text)
        self.assertIn("who looks for 6.6 s misses it with less than 1 %", text)
        few = MET.replace("met_stale 500", "met_stale 3")
        self.assertIn("more races than the 3 operations met",
                      " ".join("\n".join(report.reports(self.dir, self.doc(few))[0]).split()))
        unknown = MET.replace("value map_fixed met_stale 500\n", "")
        (mail,) = report.reports(self.dir, self.doc(unknown))
        self.assertIn("Rate:      who looks for 6.6 s misses it with less than 1 %", mail)

    def test_runs_compared(self):
        mended = (MET.replace("race_stale 7", "race_stale 0").replace("races=7", "races=0"))
        a, b = self.doc(MET), self.doc(mended)
        text = "\n".join(compare.compare(a, b)[0])
        # 0.994353^500 = 0.0589: 7 of 500 allow that none comes of the next 500.
        self.assertIn("\n  too little was met to say whether it is gone: as before, 0 in 500 "
                      "operations met would come with p=0.059 (", text)
        b = self.doc(mended.replace("met_stale 500", "met_stale 5000"))
        self.assertIn("\n  gone: had it been as before, 0 in 5000 operations met",
                      "\n".join(compare.compare(a, b)[0]))
        self.assertRegex(text, r"weakest bound +0.03 no_vma +0.03 no_vma")
        often = self.doc(MET.replace("stale 7", "stale 90").replace("races=7", "races=90"))
        self.assertRegex("\n".join(compare.compare(often, a)[0]),
                         r"map_fixed/stale 0000abcd of operations met, 95 %: rarer: 0.0056 to")

    def test_the_silence_file(self):
        path = self.dir / "silence"
        for _ in range(2):
            silence.append(path, self.doc(MET.replace("unload 120",
                "summary map_fixed      done          1800          333           1000")))
        lines = silence.table(path, "cc")
        rows = {line.split()[2]: line.split()[3:] for line in lines[2:-1]}
        self.assertEqual(lines[1].split()[3:8], ["hours", "operations", "met", "looks", "races"])
        # Twice 1800 s, and 100 met each: ln 20 / 200 = 0.01498.
        self.assertEqual(rows["no_vma"], ["1.000", "6000", "200", "0", "0", "<", "0.015"])
        self.assertEqual(rows["stale"], ["1.000", "6000", "1000", "10000", "14", "-"])
        self.assertEqual(rows["stall"][2:], ["-", "0", "0", "-"])
        self.assertTrue(lines[-1].startswith("6 oracles, 4 of them silent"), lines[-1])


class Seeds(unittest.TestCase):
    @staticmethod
    def seed(number, *kinds, **exposures):
        return explore.Seed(number, "map_fixed", 2, explore.RACE if kinds else explore.SILENT,
                            races=[explore.Race("map_fixed", kind, "1", 3, "") for kind in kinds],
                            exposures=exposures)

    def test_a_seed_in_which_an_oracle_did_not_look_is_no_trial(self):
        group = [self.seed(1, "gap", gap=5, stale=9), self.seed(2, gap=5, stale=9),
                 self.seed(3, gap=0, stale=9), self.seed(4, "gap", "gap")]
        found = explore.oracles("map_fixed", group)
        # Several variants of one kind in a seed are one.
        self.assertEqual(found, {"map_fixed/gap": (2, 3), "map_fixed/stale": (0, 3)})
        tallies = {key: {"found": k, "of": n} for key, (k, n) in found.items()}
        # 1 - 0.05^(1/3) = 0.6316
        self.assertEqual(explore.weakest(tallies, "map_fixed"), "1 oracles silent, the weakest "
                         "stale: looked in 3 seeds, shows in less than 0.64 of such (95 %)")
        self.assertEqual(explore.weakest(tallies, "vma_lock"), "")

    def test_explored_before_and_after(self):
        def doc(**tallies):
            return {"kernel": "7.3", "seeds": 40,
                    "oracles": {f"map_fixed/{kind}": {"found": k, "of": n}
                                for kind, (k, n) in tallies.items()}}
        a, b = doc(gap=(10, 40), stale=(1, 40)), doc(gap=(0, 40), stale=(0, 40))
        lines, new = compare.seeds(a, b)
        self.assertFalse(new)
        text = "\n".join(lines)
        self.assertIn("map_fixed/gap: gone: had it been as before, 0 in 40 seeds", text)
        self.assertIn("map_fixed/stale: too little was met", text)
        self.assertRegex(text, r"map_fixed/gap +10 of 40 seeds +0 of 40 seeds")
        lines, new = compare.seeds(b, a)
        self.assertTrue(new)
        self.assertIn("new in B: map_fixed/gap", lines)
        self.assertIn("no race in either", compare.seeds(b, b)[0])
        self.assertIn("more frequent", "\n".join(compare.seeds(doc(gap=(1, 40)),
                                                              doc(gap=(30, 40)))[0]))
        with self.assertRaises(ValueError):
            compare.seeds({"kernel": "7.3", "seeds": 1}, b)


if __name__ == "__main__":
    unittest.main()
