# SPDX-License-Identifier: GPL-2.0-only
"""Mails about races, runs compared, and JUnit."""

import copy
import subprocess
import unittest
import xml.etree.ElementTree as ET

from runs import IDENTITY, KERNEL, Runs
from vt import compare, junit, report

RECORD = ('seq=1 time_ns=1 scenario=map_fixed kind=stale addr=0x1000 mm=1 cpu=0 pid=7 '
          'comm=map_fixed_r0 variant=0000abcd detail="read 3, not 4"')
OUTPUT = f"""verdict FAILURE
state map_fixed done
value map_fixed ops 3000
value map_fixed exposure 1000
value map_fixed races 9
value map_fixed race_stale 7
value map_fixed looks_stale 5000
value map_fixed exposure_stale 1000
value map_fixed race_gap 2
value map_fixed looks_gap 50
value map_fixed exposure_gap 10
value map_fixed first_race_ms 12
state vma_lock skipped: no per-VMA locks
summary verdict FAILURE  seed 42
summary map_fixed: stale broken 7 times: nobody reads what was mapped before (mmap(2))
variant scenario=map_fixed kind=stale variant=0000abcd races=7 seq=1 during=mmap detail="read 3, not 4"
variant scenario=map_fixed kind=gap variant=0000beef races=2 seq=2 detail="point walk: nothing at 0x1"
race {RECORD}
race     mf_stale+0x1/0x2 [vma_torture]
race   other: cpu=-1 pid=9 comm=map_fixed_w0 after_ns=2100 rounds=0
race   did: what=merge start=0x1000 end=0x3000 begun_ns=-9000 ended_ns=-4000 ret=-12
race   did: what=split start=0x3000 end=0x0 begun_ns=-2500
race       mmap_region+0x1/0x2
race       do_mmap+0x1/0x2
race   other: cpu=1 pid=10 comm=map_fixed_w1 after_ns=52100 rounds=3
race       unmap_region+0x1/0x2
race seq=2 time_ns=1 scenario=map_fixed kind=gap addr=0x1 mm=1 cpu=0 pid=1 comm=x variant=0000beef detail="point walk: nothing at 0x1"
unload 120
"""


class Seen(Runs):
    def doc(self, output=OUTPUT, own=False, console="", **parameters):
        kernel = {**KERNEL, "package": "" if own else KERNEL["package"], "own": own}
        return self.judged(output, "outcome=ok\nrc=0\naccel=tcg\n", console, parameters,
                           kernel=kernel, identity={**IDENTITY, "config": "ee"})


class Mails(Seen):
    def test_only_what_is_not_known_is_reported(self):
        (mail,) = report.reports(self.dir, self.doc())
        text = "\n".join(mail)
        self.assertIn("map_fixed/stale on 6.1.0-56-amd64", mail[0])
        self.assertNotIn("map_fixed/gap", text)

    def test_a_mail_has_the_promise_the_record_and_how_often(self):
        (mail,) = report.reports(self.dir, self.doc())
        text = " ".join("\n".join(mail).split())
        for part in ("read 3, not 4", "while mmap was in flight",
                     "nobody reads what was mapped before (mmap(2))",
                     "package 6.1.192-2", "config sha256 ee",
                     "7 times in 3000 operations of map_fixed in 10 s",
                     "looked 5000 times, 1000 of these overlapped",
                     "first race came after 12 ms", RECORD, "mf_stale+0x1/0x2 [vma_torture]"):
            self.assertIn(part, text)

    def test_both_sides_are_in_it(self):
        doc = self.doc()
        stale = next(v for v in doc["scenarios"][0]["variants"] if v["kind"] == "stale")
        self.assertEqual(stale["stack"], ["mf_stale+0x1/0x2 [vma_torture]"])
        self.assertEqual([(o["cpu"], o["comm"], o["after_ns"], o["rounds"], o["stack"])
                          for o in stale["others"]],
                         [(-1, "map_fixed_w0", 2100, 0, ["mmap_region+0x1/0x2", "do_mmap+0x1/0x2"]),
                          (1, "map_fixed_w1", 52100, 3, ["unmap_region+0x1/0x2"])])
        (mail,) = report.reports(self.dir, doc)
        at = mail.index("  map_fixed_w0, pid 9, off its CPU, 2 us after that, "
                        "still in the same round:")
        self.assertEqual(mail[at + 1:at + 3],
                         ["      mmap_region+0x1/0x2", "      do_mmap+0x1/0x2"])
        self.assertIn("  map_fixed_w1, pid 10, on CPU 1, 52 us after that, "
                      "3 rounds of its loop later:", mail)

    def test_what_the_threads_did_is_in_one_order(self):
        doc = self.doc(OUTPUT.replace(
            "race   other: cpu=-1", "race   did: what=own start=0x0 end=0x0 begun_ns=-3000 "
            "ended_ns=-2800\nrace   other: cpu=-1"))
        (mail,) = report.reports(self.dir, doc)
        at = mail.index("The last operations by time, in us from when map_fixed_r0 saw it; "
                        "that thread's on the left:")
        self.assertEqual([" ".join(line.split()) for line in mail[at + 2:at + 8]], [
            "-9.0 | map_fixed_w0: merge begins, 0x1000 to 0x3000",
            "-4.0 | map_fixed_w0: merge ends: -12",
            "-3.0 own begins",
            "-2.8 own ends",
            "-2.5 | map_fixed_w0: split begins, 0x3000",
            "0.0 sees the race"])

    def test_what_nobody_did_is_not_shown(self):
        doc = self.doc("\n".join(line for line in OUTPUT.splitlines() if " did: " not in line))
        (mail,) = report.reports(self.dir, doc)
        self.assertNotIn("The last operations", "\n".join(mail))

    def test_a_record_without_rounds_says_nothing_of_them(self):
        doc = self.doc(OUTPUT.replace(" rounds=0", "").replace(" rounds=3", " rounds=-1"))
        (mail,) = report.reports(self.dir, doc)
        self.assertIn("  map_fixed_w0, pid 9, off its CPU, 2 us after that:", mail)
        self.assertIn("  map_fixed_w1, pid 10, on CPU 1, 52 us after that:", mail)

    def test_the_command_repeats_what_was_given_and_drawn(self):
        doc = self.doc(duration="10", stat_interval="10", nreaders="3")
        self.assertEqual(report.repeats(doc, "map_fixed"),
                         "make torture KERNELS=6.1 SCENARIOS=map_fixed DURATION=10 "
                         "'ARGS=nreaders=3 seed=42'")
        self.assertEqual(report.again(doc), ["6.1", "stock", "10", "", "nreaders=3 seed=42"])

    def test_whom_to_ask_is_what_the_tree_says(self):
        tree, run = self.dir / "tree", self.dir / "build/runs/x"
        for path in (tree / "scripts", tree / "mm", tree / "objects", run,
                     self.dir / "build/kernels/6.1"):
            path.mkdir(parents=True)
        (tree / "mm/vma.c").touch()
        (tree / "objects/source").symlink_to("..")
        info = self.dir / "build/kernels/6.1/info"
        info.write_text(f"release=x\nkdir={tree}/objects\n")
        script = tree / "scripts/get_maintainer.pl"
        script.write_text('print "Someone <a\\@b> (files @ARGV)\\n";')
        output = OUTPUT.replace("(mmap(2))", "(mm/vma.c, mm/gone.c, since 6.12)")

        def mail(own=True):
            doc = self.doc(output, own)
            (run / "output").write_text(output)
            return "\n".join(report.reports(run, doc)[0])

        self.assertIn("Whom to ask (get_maintainer.pl -f mm/vma.c):\n\n"
                      "  Someone <a@b> (files --nogit --nogit-fallback -f mm/vma.c)\n\nTo repeat",
                      mail())
        self.assertNotIn("Whom to ask", mail(own=False))
        script.write_text("exit 1;")
        self.assertNotIn("Whom to ask", mail())
        script.unlink()
        self.assertNotIn("Whom to ask", mail())

    def test_a_kernel_of_ones_own_has_no_package(self):
        mails = report.reports(self.dir, self.doc(own=True))
        self.assertEqual(len(mails), 2)
        text = "\n".join(mails[0])
        self.assertIn("built from a tree", text)
        self.assertIn("KERNEL_TREE=DIR", text)

    def test_the_file_goes_when_there_is_nothing_to_report(self):
        self.assertEqual(len(report.write(self.dir, self.doc())), 1)
        self.assertIn("Subject:", (self.dir / "REPORT.txt").read_text())
        silent = self.doc(OUTPUT.replace("races=7", "races=0").replace("race_stale 7",
                                                                       "race_stale 0"))
        self.assertEqual(report.write(self.dir, silent), [])
        self.assertFalse((self.dir / "REPORT.txt").exists())


class Compared(Seen):
    def test_a_run_with_itself(self):
        doc = self.doc()
        lines, new = compare.compare(doc, doc)
        self.assertFalse(new)
        text = "\n".join(lines)
        self.assertIn("1.00", text)
        for word in ("new in B", "gone in B", "not the same"):
            self.assertNotIn(word, text)

    def test_new_and_gone(self):
        a = self.doc()
        b = copy.deepcopy(a)
        b["scenarios"][0]["variants"].pop(0)
        lines, new = compare.compare(a, b)
        self.assertFalse(new)
        self.assertTrue(any(line.startswith("gone in B: map_fixed/stale: 7 times in A, none in "
                                            "3000 operations") for line in lines), lines)
        lines, new = compare.compare(b, a)
        self.assertTrue(new)
        self.assertIn("new in B: map_fixed/stale: 7 times: read 3, not 4", lines)

    def test_an_oracle_that_went_blind_and_other_sources_are_said(self):
        a = self.doc()
        b = copy.deepcopy(a)
        b["scenarios"][0]["kinds"]["stale"]["exposure"] = 1
        b["identity"]["source"] = "other"
        b["parameters"] = {"nreaders": "1"}
        text = "\n".join(compare.compare(a, b)[0])
        self.assertIn("map_fixed/stale: 100 exposed looks a second in A, 0 in B", text)
        self.assertIn("sources are not the same", text)
        self.assertIn("nreaders=1", text)


class JUnit(Seen):
    def test_a_stock_parser_reads_it(self):
        doc = self.doc(console="[    1.000000] BUG: a \x1b[31m<bad> & thing\n")
        doc["scenarios"][0]["incomplete"], doc["scenarios"][0]["why"] = ["blind"], "blind"
        root = ET.fromstring(junit.document([doc, doc]).encode())
        (first, _) = root.findall("testsuite")
        cases = {case.get("name"): case for case in first
                 if case.get("classname") == "6.1.map_fixed"}
        self.assertEqual(cases["stale"].find("failure").get("message"),
                         "7 of a race that is not known")
        self.assertIn("known: ", cases["gap"].find("system-out").text)
        self.assertIsNone(cases["gap"].find("failure"))
        self.assertEqual(cases["earned"].find("error").get("message"), "blind")
        skip = [case for case in first if case.get("classname") == "6.1.vma_lock"]
        self.assertEqual(skip[0].find("skipped").get("message"), "no per-VMA locks")
        self.assertEqual((first.get("tests"), first.get("failures"), first.get("errors"),
                          first.get("skipped")), ("5", "1", "2", "1"))

    def test_another_parser_finds_it_well_formed(self):
        doc = self.doc(console="[    1.000000] BUG: a \x1b[31m<bad> & thing\n")
        text = junit.document([doc])
        for document, code in ((text, 0), (text.replace("</testsuite>", "", 1), 1)):
            run = subprocess.run(["xmllint", "--noout", "-"], input=document.encode(),
                                 capture_output=True, check=False)
            self.assertEqual(run.returncode, code, run.stderr)


if __name__ == "__main__":
    unittest.main()
