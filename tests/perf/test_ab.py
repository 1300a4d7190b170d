#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf ab with a fake harness: what it finds, what it refuses to say, and all that can go wrong."""
import contextlib
import io
import json
import os
import random
import re
import statistics
import sys
import unittest
from collections import Counter
from unittest import mock

import support
from gemmule_perf import ab, copies, history, interleave
from gemmule_perf.errors import MeasurementFailed, UsageError
from gemmule_perf.records import Case

SGEMM = "sgemm/NN/m:64/n:64/k:64/thr:1/isa:avx512"
SOFTMAX = "softmax/rows:16/cols:4096/thr:1/isa:avx512"
PAIRS = 10
FIRST_STAGE = 1 + 2 + 2 * PAIRS  # processes: the list of cases, a pair to warm up, and the pairs


class AbTest(support.PerfTest):
    def setUp(self):
        super().setUp()
        self.base, self.new = self.library("base"), self.library("new")

    def ab(self, *arguments, pairs=PAIRS, sides=None, **settings):
        chosen = [self.base, self.new] if sides is None else sides
        settings = {"counter": self.path("counter"), "noise": 0.002, **settings}
        given = ["--harness", support.FAKE_BENCH, "--seed", "1", "--repetitions", "1"]
        return self.perf("ab", *chosen, *given, *(["--pairs", pairs] if pairs else []), *arguments, **settings)


class InProcess(AbTest):
    """The fake harness without a process of its own, which is what takes the time of these tests."""

    def setUp(self):
        super().setUp()
        with open(support.FAKE_BENCH, encoding="utf-8") as file:
            self.fake = compile(file.read(), support.FAKE_BENCH, "exec")
        self.enterContext(mock.patch.object(interleave.harness, "communicate", self.communicate))

    def communicate(self, command, variables, *_):
        output, errors, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            with mock.patch.object(sys, "argv", command), mock.patch.dict(os.environ, variables, clear=True):
                try:
                    exec(self.fake, {"__name__": "__main__"})
                except SystemExit as end:
                    code = end.code
        return output.getvalue(), errors.getvalue(), code


class Finds(InProcess):
    def test_the_slower_case_and_only_that(self):
        code, output, errors = self.ab(slower=[{"by": 1.06, "case": "softmax*", "library": "*/new"}])
        self.assertEqual((code, errors), (1, ""))
        self.assertEqual(re.findall(r"^(\S+) .* slower$", output, re.M), [SOFTMAX])
        self.assertRegex(output, rf"slower, confirmed by fresh pairs: {SOFTMAX} \+[56]\.\d % \(1 of 3 cases\)")
        self.assertIn("10 pairs, 10 fresh ones of what was flagged", output)
        self.assertIn("--seed 1", output)
        self.assertRegex(output, r"geometric mean +1\.0[12]\d *\n")

    def test_faster_is_fine(self):
        code, output, _ = self.ab(slower=[{"by": 0.9, "case": "softmax*", "library": "*/new"}])
        self.assertEqual(code, 0)
        self.assertRegex(output, rf"{SOFTMAX} .* faster\n")

    def test_equal_sides(self):
        for sides in (None, [self.base, self.base]):
            code, output, _ = self.ab(sides=sides, drift=0.003)
            self.assertEqual(code, 0, output)
            self.assertIn("fine: nothing of 3 cases is slower by more than its threshold", output)

    def test_what_fresh_pairs_deny(self):
        rule = {"by": 1.06, "case": "softmax*", "library": "*/new", "until": FIRST_STAGE}
        code, output, _ = self.ab(slower=[rule])
        self.assertEqual(code, 0)
        self.assertRegex(output, rf"flagged, and not confirmed by fresh pairs: {SOFTMAX}, first \+[56]\.\d %, then")

    def test_what_is_unclear_is_measured_again(self):
        code, output, _ = self.ab("--json", process=0.02, seed=5)
        document = json.loads(output)
        again = [case for case in document["cases"] if "first_stage" in case]
        self.assertEqual({case["first_stage"]["verdict"] for case in again}, {"unclear"})
        self.assertEqual({case["pairs"] for case in again}, {2 * PAIRS})
        self.assertEqual(code, 3 if any(case["verdict"] == "unclear" for case in again) else 0)
        self.assertRegex(" ".join(document["details"]), "10 pairs, 10 fresh ones of what was unclear")

    def test_threshold(self):
        slower = [{"by": 1.06, "case": "softmax*", "library": "*/new"}]
        self.assertEqual(self.ab("--threshold", "10%", slower=slower)[0], 0)
        self.assertEqual(self.ab("--threshold", "0.04", slower=slower)[0], 1)

    def test_filter_keeps_canaries(self):
        code, output, _ = self.ab("--filter", "softmax")
        self.assertEqual(code, 0)
        self.assertIn("canary/fma", output)
        self.assertNotIn("sgemm", output)
        self.assertNotIn("softmax", self.ab("--filter", "-softmax")[1])


class Inconclusive(InProcess):
    def test_noise(self):
        code, output, _ = self.ab(process=0.1)
        self.assertEqual(code, 3)
        self.assertIn("too noisy to exclude the threshold", output)

    def test_a_canary_moved(self):
        slower = {"by": 1.06, "case": "softmax*", "library": "*/new"}
        moved = {"by": 1.05, "case": "canary/fma*", "library": "*/new"}
        code, output, _ = self.ab(slower=[slower, moved])
        self.assertEqual(code, 3)
        self.assertRegex(output, r"inconclusive: canary/fma\S* moved by \+[45]\.\d %")
        self.assertNotRegex(output, r"slower$")

    def test_too_few_pairs(self):
        code, output, _ = self.ab(pairs=4)
        self.assertEqual(code, 3)
        self.assertIn("inconclusive: 4 pairs were measured, and fewer than 10 can show nothing of 3 cases", output)

    def test_budget(self):
        code, output, _ = self.ab("--budget", "0.01", pairs=200)
        self.assertEqual(code, 3)
        self.assertIn("2 pairs were measured", output)  # one block


class Fails(AbTest):
    def test_one_crash_is_forgiven_and_named(self):
        code, output, _ = self.ab(fail=[{"how": "crash", "from": 8, "until": 9}])
        self.assertEqual(code, 0)
        self.assertRegex(output, r"(base|new) failed once, and was measured again: .*SIGSEGV")

    def test_two_crashes_are_not(self):
        for how, said in (("crash", "SIGSEGV"), ("truncated", "JSON"), ("error", "the library refused")):
            code, output, errors = self.ab(fail=[{"how": how, "library": "*/new", "case": "softmax*", "from": 1}])
            self.assertEqual((code, output), (4, ""))
            self.assertRegex(errors, rf"new \(\S*/new\) failed twice: .*{said}")

    def test_a_process_that_hangs(self):
        code, _, errors = self.ab("--timeout", "0.5", fail=[{"how": "hang", "from": 1}])
        self.assertEqual(code, 4)
        self.assertIn("took longer than 0.5 s", errors)

    def test_missing_sides(self):
        code, _, errors = self.ab(sides=[self.path("nowhere"), self.new])
        self.assertEqual(code, 4)
        self.assertIn(f"{self.path('nowhere')}: no such library or folder", errors)
        self.assertEqual(self.ab(sides=[self.new])[0], 2)

    def test_nothing_to_measure(self):
        code, output, errors = self.ab("--filter", "nothing")
        self.assertEqual((code, output), (4, ""))
        self.assertIn("no case was measured: filter nothing selects none of 5", errors)
        code, _, errors = self.ab(cases={"canary/fma": 1e-3})
        self.assertEqual(code, 4)
        self.assertIn("suite quick has no case", errors)
        self.assertEqual(self.ab(fail=[{"how": "empty"}])[0], 4)

    def test_usage(self):
        for wrong in (["--filter", "("], ["--pairs", "0"], ["--alpha", "0"], ["--cpus", "x"], ["--json", "--markdown"],
                      ["--budget", "-1"], ["--threshold", "nan"], ["--harness", self.path("nothing")]):  # fmt: skip
            code, output, errors = self.ab(*wrong)
            self.assertEqual((code, output), (2, ""), wrong)
            self.assertNotIn("Traceback", errors)
        code, _, errors = self.ab("--cpus", "8191")
        self.assertEqual(code, 2)
        self.assertIn("--cpus: this process may not run on 8191", errors)
        code, _, errors = self.ab(fail=[{"how": "usage"}])
        self.assertEqual(code, 2)
        self.assertIn("quick.suite:3: no such case", errors)


class Forms(InProcess):
    def test_json(self):
        code, output, _ = self.ab("--json", slower=[{"by": 1.06, "case": "softmax*", "library": "*/new"}])
        document = json.loads(output)
        self.assertEqual((code, document["exit"], document["outcome"]), (1, 1, "slower"))
        softmax = next(case for case in document["cases"] if case["name"] == SOFTMAX)
        self.assertEqual((softmax["verdict"], softmax["first_stage"]["verdict"]), ("slower", "slower"))
        samples = document["stages"][1]["samples"][SOFTMAX]
        self.assertEqual((len(samples["base"]), len(samples["new"])), (PAIRS, PAIRS))
        self.assertEqual(softmax["base"], statistics.median(samples["base"]))
        self.assertEqual(document["base"]["context"]["library"], self.base + "/libgemmule.so.0")

    def test_markdown(self):
        _, output, _ = self.ab("--markdown", slower=[{"by": 1.06, "case": "softmax*", "library": "*/new"}])
        table = [line for line in output.splitlines() if line.startswith("|")]
        self.assertEqual({line.count("|") for line in table}, {8})
        self.assertIn(f"| `{SOFTMAX}` |", output)
        self.assertIn("| **slower** |", output)

    def test_record(self):
        self.ab("--record", self.path("history"))
        kept = history.read(self.path("history"))
        self.assertEqual((len(kept.runs), kept.problems), (2, []))
        self.assertEqual({run.settings["ab"] for run in kept.runs}, {"base", "new"})
        for run in kept.runs:
            self.assertEqual({len(case.samples) for case in run.cases}, {PAIRS})
            self.assertEqual(len(run.cases), 5)

    def test_what_else_differs_is_named(self):
        self.assertNotIn("the sides differ", self.ab()[1])
        contexts = {"base": {"isa": "avx512", "compiler": "a"}, "new": {"isa": "avx2", "compiler": "a"}}
        self.assertEqual(list(ab.differences(contexts)), ["the sides differ in isa: avx512 and avx2"])

    def test_pinned_library(self):
        code, output, _ = self.ab("--canary-library", self.library("old"), pairs=12)
        self.assertEqual(code, 0)
        self.assertIn(f"canary/pinned/{SGEMM}: at rest", output)


class Copied(support.PerfTest):
    def test_each_process_has_one_of_several_copies(self):
        library, seen = self.library("base"), []

        def measure(_, folder, *rest):
            seen.append(str(folder))
            with open(os.path.join(folder, "libgemmule.so.0"), encoding="utf-8") as file:
                self.assertEqual(file.read(), "base")
            return {"library": os.path.join(folder, "libgemmule.so.0")}, rest

        with mock.patch.object(copies.harness, "measure", measure):
            with copies.copies((library, None), random.Random(1)) as made:
                context, rest = [made.measure("harness", library, "quick", "a") for _ in range(40)][0]
        self.assertEqual((context["library"], rest), (library + "/libgemmule.so.0", ("quick", "a")))
        self.assertEqual(len(set(seen)), copies.COPIES)
        self.assertFalse(any(os.path.exists(folder) for folder in seen))


class Order(unittest.TestCase):
    def test_blocks(self):
        order = list(interleave.blocks(200, random.Random(1)))
        self.assertEqual(Counter(order), Counter((pair, side) for pair in range(200) for side in ("base", "new")))
        blocks = ["".join(side[0] for _, side in order[i : i + 4]) for i in range(0, 400, 4)]
        self.assertEqual(set(blocks), {"bnnb", "nbbn"})
        self.assertTrue(30 < blocks.count("bnnb") < 70)
        self.assertEqual(order, list(interleave.blocks(200, random.Random(1))))
        self.assertEqual(len(list(interleave.blocks(5, random.Random(1)))), 10)

    def test_warm_up_is_dropped_and_stacks_move(self):
        seen = []

        def measure_once(_, library, suite, pattern, flags, timeout, cpus, environment):
            seen.append((library, len(environment[interleave.PADDING]), cpus))
            return {}, [Case("a", (float(len(seen)),)), Case("canary/fma", (1.0,))]

        plan = interleave.Plan("harness", "B", "N", "quick", cpus=(1,), warm_up=2)
        generator = random.Random(1)
        samples = interleave.measure(plan, ["a", "canary/fma"], 6, generator, measure_once=measure_once)
        self.assertEqual(([entry[0] for entry in seen[:4]], len(seen)), (["B", "N"] * 2, 16))
        self.assertGreater(min(samples.base["a"] + samples.new["a"]), 4)
        self.assertEqual((samples.pairs, len(samples.base["a"])), (6, 6))
        self.assertGreater(len({length % 64 for _, length, _ in seen}), 8)
        self.assertEqual({cpus for _, _, cpus in seen}, {(1,)})
        cases, canaries = samples.judged()
        self.assertEqual(([case.name for case in cases], [case.name for case in canaries]), (["a"], ["canary/fma"]))

    def test_what_is_measured_is_what_was_asked_for(self):
        plan = interleave.Plan("harness", "B", "N", "quick")
        for names in (["a"], ["a", "b", "c"]):
            with self.assertRaises(MeasurementFailed):
                interleave.measure(
                    plan, ["a", "b"], 2, random.Random(1),
                    measure_once=lambda *_: ({}, [Case(name, (1.0,)) for name in names]),
                )  # fmt: skip

    def test_filters(self):
        names = ["a/m:1", "a/m:10", "a/x.y+(z)", "canary/fma"]
        wanted = re.compile(interleave.filter_of([names[0], names[2]]))
        self.assertEqual([name for name in names if wanted.search(name)], [names[0], names[2]])
        self.assertTrue(wanted.search("a/m:1/manual_time"))
        self.assertEqual(interleave.choose(names, "m:1$"), (["a/m:1"], ["canary/fma"]))
        self.assertEqual(interleave.choose(names, "-m:1"), (["a/x.y+(z)"], ["canary/fma"]))
        names.append("memory/copy")
        self.assertEqual(interleave.choose(names, "m:1$")[1], ["canary/fma"])
        self.assertEqual(interleave.choose(names, "m:1$|copy")[1], ["canary/fma", "memory/copy"])
        with self.assertRaises(MeasurementFailed):
            interleave.choose(names, "canary")
        with self.assertRaises(UsageError):
            interleave.choose(names, "[")

    def test_cpus(self):
        self.assertEqual(interleave.default_cpus(1, {0, 2, 5}), (5,))
        self.assertIsNone(interleave.default_cpus(2, {0, 1}))
        plan, last = interleave.Plan("harness", "B", "N", "quick"), max(os.sched_getaffinity(0))
        for names, cpus in ((["a/thr:1", "b"], (last,)), (["a/thr:2"], None), (["a/thr:1", "b/thr:2"], None)):
            self.assertEqual(ab.on_cpus(plan, names).cpus, cpus)

    def test_statistics_of_a_process(self):
        values = {name: reduce((3.0, 1.0, 2.0, 5.0, 4.0)) for name, reduce in interleave.STATISTICS.items()}
        self.assertEqual(values, {"median": 3.0, "minimum": 1.0, "lower-quartile": 2.0})
        self.assertEqual({reduce((7.0,)) for reduce in interleave.STATISTICS.values()}, {7.0})

    def test_progress_is_for_terminals(self):
        pipe, terminal = io.StringIO(), io.StringIO()
        with mock.patch.object(terminal, "isatty", lambda: True):
            for stream in (pipe, terminal):
                progress = interleave.Progress("measuring", stream)
                progress.show(1, 4, "new")
                progress.end()
        self.assertEqual(pipe.getvalue(), "")
        self.assertIn("measuring: process 2 of 4, new", terminal.getvalue())


if __name__ == "__main__":
    unittest.main()
