#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf selftest with a fake harness: what it counts, what it promises, and that it goes on where it stopped."""
import json
import os
import random
import re
import shutil
import unittest
from unittest import mock

import support
from gemmule_perf import history, judge, policy, selftest, sides, trials
from test_ab import SGEMM, SOFTMAX, InProcess

TRIALS = 3
PAIRS = 10
PERCENT = {"*/+5%": 1.05, "*/+3%": 1.03}


class Selftest(InProcess):
    def setUp(self):
        super().setUp()
        self.slow = [f"{percent}={self.library(f'slow{percent}')}" for percent in (5, 3)]
        self.file = self.path("trials.jsonl")
        self.enterContext(mock.patch.object(selftest, "PROMISED_TRIALS", TRIALS))

    def selftest(self, *arguments, number=TRIALS, file=None, more=(), slower=None, **settings):
        """Delays are those of the fake harness, by the name of the side."""
        if slower is None:
            slower = [{"by": by, "case": "softmax*", "library": side} for side, by in PERCENT.items()]
        settings = {"counter": self.path("counter"), "noise": 0.001, **settings, "slower": [*slower, *more]}
        given = ["--base", self.base, "--inject", ",".join(self.slow), "--pairs", PAIRS, "--seed", "1"]
        given += ["--data", self.file if file is None else file]
        return self.command(*given, *arguments, number=number, **settings)

    def command(self, *arguments, number=TRIALS, **settings):
        return self.perf("selftest", "--harness", support.FAKE_BENCH, "--trials", number, *arguments, **settings)

    def resume(self, *arguments, number=TRIALS, **settings):
        return self.command("--resume", self.file, *arguments, number=number, **settings)

    def lines(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read().splitlines()


class Promise(Selftest):
    def test_holds(self):
        code, output, errors = self.selftest("--json", self.path("json"))
        self.assertEqual(code, 0, output + errors)
        self.assertRegex(output, r"equal sides +3 +false alarms +0 +0\.0 % +\[0\.0 %, 70\.8 %\] +0\n")
        self.assertRegex(output, r"a kernel 5 % slower +3 +found +3 +100\.0 % +\[29\.2 %, 100\.0 %\] +0\n")
        self.assertRegex(output, rf"a kernel 5 % slower: {SOFTMAX} \+[45]\.\d\d %, found in 3 trials\n")
        self.assertRegex(output, rf"a kernel 3 % slower: {SOFTMAX} \+[23]\.\d\d %, found in 3 trials\n")
        self.assertNotIn(SGEMM, output)
        self.assertIn("holds: at most 1 false alarm in 3, and 90 % power at 5 %", output)
        self.assertIn(self.file, errors)
        with open(self.path("json"), encoding="utf-8") as file:
            document = json.load(file)
        self.assertTrue(document["holds"])
        self.assertEqual([entry["percent"] for entry in document["comparisons"]], [0, 5, 3])
        self.assertEqual([entry.get("found") for entry in document["comparisons"]], [None, 3, 3])
        self.assertEqual(document["comparisons"][1]["affected"], [SOFTMAX])
        self.assertEqual(len(self.lines()), 1 + TRIALS)

    def test_cries_wolf(self):
        code, output, _ = self.selftest(more=[{"by": 1.04, "case": "sgemm/NN/m:64*", "library": "*/copy"}])
        self.assertEqual(code, 1)
        self.assertRegex(output, r"equal sides +3 +false alarms +3 +100\.0 %")
        self.assertIn(f"false alarm: {SGEMM}, 3 times", output)
        self.assertIn("does not hold: 3 false alarms in 3 trials", output)

    def test_sleeps(self):
        code, output, _ = self.selftest(slower=[])
        self.assertEqual(code, 1)
        self.assertIn("a kernel 5 % slower: no case is slower by half of that", output)
        self.assertIn("does not hold: 0 of 3 trials found a delay of 5 %", output)

    def test_another_case_is_not_the_one(self):
        rule = {"by": 1.04, "case": "sgemm/NN/m:64*", "library": "*/+5%", "from": 0, "until": 90}  # the first trial's
        code, output, _ = self.selftest(more=[rule], number=2)
        self.assertIn("a kernel 5 % slower: 1 trial named a case that is not", output)
        self.assertEqual(code, 3)

    def test_another_case_alone_finds_no_delay(self):
        first = 1 + 4 + 4 * PAIRS + 2 + 2 * PAIRS  # processes of the first trial: one side is measured again
        delayed = {"by": 1.05, "case": "softmax*", "library": "*/+5%", "from": first}
        other = {"by": 1.05, "case": "sgemm/NN/m:64/*", "library": "*/+5%", "until": first}
        code, output, _ = self.selftest(slower=[delayed, other])
        self.assertRegex(output, r"a kernel 5 % slower +3 +found +2 +66\.7 %")
        self.assertIn("a kernel 5 % slower: 1 trial named a case that is not", output)
        self.assertEqual(code, 1)

    def test_inconclusive_is_not_found(self):
        code, output, _ = self.selftest(more=[{"by": 1.05, "case": "canary/fma*", "library": "*/+5%"}])
        self.assertEqual(code, 1)
        self.assertRegex(output, r"a kernel 5 % slower +3 +found +0 +0\.0 % +\[0\.0 %, 70\.8 %\] +3\n")

    def test_too_few(self):
        with mock.patch.object(selftest, "PROMISED_TRIALS", 100):
            code, output, _ = self.selftest(number=1)
            self.assertEqual(code, 3)
            self.assertIn("too few to say: 1 trial of equal sides, 100 are needed; 1 trial of a delay of 5 %", output)
            self.assertNotRegex(output, "inf|nan")
            # One false alarm may be the one in a hundred; two may not, whatever comes.
            more = [{"by": 1.04, "case": "sgemm/NN/m:64*", "library": "*/copy"}]
            self.assertEqual(self.selftest(number=1, file=self.path("one"), more=more)[0], 3)
            code, output, _ = self.selftest(number=2, file=self.path("two"), more=more)
            self.assertEqual(code, 1)
            self.assertIn("2 false alarms in 2 trials", output)

    def test_a_delay_that_was_not_asked_for(self):
        del self.slow[0]
        code, output, _ = self.selftest()
        self.assertEqual(code, 3)
        self.assertIn("too few to say: no delay of 5 % was tried", output)

    def test_history(self):
        self.assertEqual(self.selftest("--history", self.path("history"))[0], 0)
        runs = history.read(self.path("history")).runs
        self.assertEqual(sorted(run.label for run in runs), ["selftest base", "selftest copy"])
        for run in runs:
            self.assertEqual({len(case.samples) for case in run.cases}, {TRIALS * PAIRS})
            self.assertEqual(run.fingerprint["library"]["compiler"], "fake 1.0 -O2")


class Resume(Selftest):
    def test_goes_on(self):
        self.selftest(number=1)
        before = self.lines()
        code, output, _ = self.resume()
        self.assertEqual(self.lines()[:2], before)
        self.assertEqual([json.loads(line)["number"] for line in self.lines()[1:]], list(range(TRIALS)))
        self.assertRegex(output, r"equal sides +3 ")
        self.assertEqual(code, 1)  # without the rules of `slower` nothing is

    def test_only_judges_what_is_complete(self):
        _, said, _ = self.selftest()
        self.addCleanup(os.rename, self.base + "-gone", self.base)
        os.rename(self.base, self.base + "-gone")
        code, output, errors = self.resume()
        self.assertEqual((code, output, errors), (0, said, ""))

    def test_an_interrupted_line(self):
        self.selftest(number=2)
        with open(self.file, "r+b") as file:
            file.truncate(os.path.getsize(self.file) - 100)
        code, output, errors = self.resume(number=1)
        self.assertIn("the last line was interrupted, and is dropped", errors)
        self.assertRegex(output, r"equal sides +1 ")
        self.assertEqual(len(self.lines()), 2)

    def test_other_rules(self):
        self.selftest()
        rules = self.write("policy.toml", "[rules]\nthreshold = 0.04\n")
        code, output, _ = self.resume("--policy", rules)
        self.assertRegex(output, r"a kernel 5 % slower +3 +found +3")
        self.assertRegex(output, r"a kernel 3 % slower +3 +found +0")
        rules = self.write("policy.toml", "[rules]\nthreshold = 0.0\n")
        code, output, _ = self.resume("--policy", rules)
        self.assertIn("equal sides: 3 trials without the fresh pairs that these rules want", output)
        self.assertEqual(code, 3)

    def test_damage(self):
        self.selftest(number=2)
        lines = self.lines()
        header = json.loads(lines[0])
        one_side = json.dumps({**header, "sides": header["sides"][:1]})
        for number, line, said in (
            (1, "{}", "damaged"),
            (1, lines[1], "damaged"),
            (1, one_side, "damaged, or of another version: its first sides"),
            (2, lines[1][:-30], "damaged"),
            (2, lines[2], "damaged, or not the trial 1"),
            (3, lines[1], "damaged, or not the trial 2"),
            (3, '{"kind": "trial", "number": 1, "first": {}}', "damaged, or not the trial 2"),
            (3, re.sub(r'"softmax/[^]]*]', '"softmax": []', lines[2], count=1), "damaged, or not the trial 2"),
            (1, lines[0].replace('"schema": 1', '"schema": 9'), "schema 9"),
            (1, lines[0].replace('"statistic"', '"slip"'), "damaged, or of another version"),
        ):
            self.write("trials.jsonl", "\n".join(lines[: number - 1] + [line] + lines[number:]) + "\n")
            code, output, errors = self.resume()
            self.assertEqual((code, output), (4, ""))
            self.assertIn(f"trials.jsonl:{number}: {said}", errors)
        self.write("trials.jsonl", "")
        self.assertEqual(self.resume()[0], 4)
        os.unlink(self.file)
        self.assertEqual(self.resume()[0], 2)

    def test_something_else(self):
        self.selftest(number=1)
        for option in (["--seed", "1"], ["--base", self.base], ["--inject", "5"], ["--pairs", "8"]):
            code, _, errors = self.resume(*option)
            self.assertEqual(code, 2)
            self.assertIn(f"--resume: {option[0]} is in the file", errors)
        other = self.path("other_bench.py")
        shutil.copy(support.FAKE_BENCH, other)
        with open(other, "a", encoding="utf-8") as file:
            file.write("\n")
        code, _, errors = self.resume("--harness", other)
        self.assertEqual(code, 2)
        self.assertIn("another gemmule_bench", errors)
        self.write("base/libgemmule.so.0", "another")
        code, _, errors = self.resume()
        self.assertEqual(code, 2)
        self.assertIn("is not what it was", errors)


class Sides(Selftest):
    def test_wrong_arguments(self):
        for text in ("5,5", "five", "0", "-1", "nan", "5,"):
            self.assertEqual(self.command("--inject", text, "--base", self.base)[0], 2, text)
        code, _, errors = self.command("--inject", "5", "--base", self.base)
        self.assertEqual(code, 2)
        self.assertIn("is no commit, which could be built with a delay: --inject 5=SIDE", errors)
        self.selftest(number=1)
        self.assertEqual(self.selftest(number=1)[0], 2)  # the file exists

    def test_a_library_without_the_delay(self):
        code, _, errors = self.command("--inject", f"5={self.base}", "--base", self.base)
        self.assertEqual(code, 4)
        self.assertIn("the delay is not known to", errors)

    def test_what_is_built(self):
        built = []

        def find(name, source, options=(), say=None):
            built.append((name, source, tuple(options)))
            return sides.Side(name, self.library("-".join(["built", *options]).replace("=", "")), "c" * 40, False)

        with mock.patch.object(sides, "find", find):
            code, _, errors = self.command("--source", "somewhere", "--data", self.file, number=1)
        self.assertNotEqual(code, 4, errors)
        delays = [(), ("-DGEMMULE_TEST_DELAY=5",), ("-DGEMMULE_TEST_DELAY=3",)]
        self.assertEqual(built, [("HEAD", "somewhere", options) for options in delays])

    def test_policy(self):
        path = self.write("policy.toml", '[measure]\nsuite = "quick"\nrepetitions = 2\n[rules]\nthreshold = 0.04\n')
        code, output, _ = self.selftest("--policy", path)
        header = json.loads(self.lines()[0])
        self.assertEqual((header["settings"]["repetitions"], header["rules"]["threshold"]), (2, 0.04))
        self.assertRegex(output, r"a kernel 3 % slower +3 +found +0")
        self.assertEqual(policy.load(path).rules, judge.Rules(threshold=0.04))


class Numbers(unittest.TestCase):
    def test_clopper_pearson(self):
        known = {(0, 100): (0, 0.03622), (1, 100): (0.00025, 0.05446), (90, 100): (0.82378, 0.95099)}
        for of, interval in known.items():
            for value, expected in zip(selftest.clopper_pearson(*of), interval):
                self.assertAlmostEqual(value, expected, 4)

    def test_every_comparison_is_in_blocks(self):
        names = ["base", "copy", "+5%", "+3%"]
        begins = set()
        for seed in range(40):
            order = list(trials.rounds(names, 6, random.Random(seed)))
            self.assertEqual(len(order), 6 * len(names))
            for new in names[1:]:
                two = [(pair, side) for pair, side in order if side in ("base", new)]
                for first in range(0, 6, 2):
                    block = [side for pair, side in two if pair in (first, first + 1)]
                    self.assertEqual(block, block[::-1])
                    self.assertEqual(set(block), {"base", new})
                    begins.add((new, block[0]))
        self.assertEqual(len(begins), 6)  # either side goes first

    def test_rules_survive_the_file(self):
        rules = judge.Rules(thresholds=(("sgemm/*", 0.05), ("*", 0.1)))
        kept = json.loads(json.dumps(rules.__dict__))
        self.assertEqual(judge.Rules(**selftest.with_tuples(kept)), rules)


del InProcess, Selftest  # have no tests of their own

if __name__ == "__main__":
    unittest.main()
