# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf compare, and its statistics."""
import json
import random
import unittest
from pathlib import Path

import numpy as np
from support import FAKE_BENCH, PerfTest, make_run, store

from gemmule_perf import unpaired
from gemmule_perf.records import Case, Failure

NAMES = ("sgemm/NN/m:64", "softmax/rows:16", "canary/fma")


class Statistics(unittest.TestCase):
    def test_the_p_values_are_holm_s(self):
        found = unpaired.compare(make_run(0, NAMES, samples=4), make_run(1, NAMES, samples=4, by=[2.0, 3.0, 1.0]), 0.5)
        self.assertAlmostEqual(found[0].p, 3 * unpaired.least_p((4, 4)))
        self.assertAlmostEqual(found[1].p, 3 * unpaired.least_p((4, 4)))

    def test_the_least_p(self):
        self.assertAlmostEqual(unpaired.least_p((3, 3)), 2 / 20)
        self.assertAlmostEqual(unpaired.least_p((10, 10)), 2 / 184756)
        runs = make_run(0, samples=4), make_run(1, samples=4, by=2.0)
        self.assertAlmostEqual(unpaired.compare(*runs, 0.5)[0].p, 2 * unpaired.least_p((4, 4)))  # of two cases

    def test_equal_samples_are_no_difference(self):
        run = make_run(cases=("a",))
        self.assertEqual(unpaired.compare(run, run, 0.05)[0].verdict, "~")
        constant = make_run(cases=(Case("a", (1.0,) * 10),))
        (found,) = unpaired.compare(constant, constant, 0.05)
        self.assertEqual((found.verdict, found.ratio, found.interval), ("~", 1.0, (1.0, 1.0)))

    def test_a_metric_of_which_more_is_better(self):
        def run_of(factor):
            values = random.Random(factor)
            samples = tuple(100 * factor * values.lognormvariate(0, 0.01) for _ in range(10))
            return make_run(cases=(Case("a", samples, "GB/s", False),))

        self.assertEqual(unpaired.compare(run_of(1.0), run_of(0.9), 0.05)[0].verdict, "slower")
        self.assertEqual(unpaired.compare(run_of(1.0), run_of(1.1), 0.05)[0].verdict, "faster")

    def test_false_findings_among_twenty_cases_are_rarer_than_alpha(self):
        names = [f"c{i}" for i in range(20)]
        found = 0
        for number in range(60):
            runs = make_run(2 * number, names), make_run(2 * number + 1, names)
            found += any(one.verdict != "~" for one in unpaired.compare(*runs, 0.05))
        self.assertLessEqual(found, 7)  # 3 are expected at most

    def test_the_interval_has_the_ratio(self):
        inside = 0
        for number in range(100):
            old, new = make_run(2 * number, ("a",)), make_run(2 * number + 1, ("a",), by=1.1)
            low, high = unpaired.interval_of(old.cases[0].samples, new.cases[0].samples)
            inside += low <= 1.1 <= high
        self.assertGreaterEqual(inside, 88)

    def test_the_geometric_mean_leaves_canaries_out(self):
        found = unpaired.compare(make_run(0, NAMES, noise=0), make_run(1, NAMES, by=[2.0, 0.5, 3.0], noise=0), 0.05)
        self.assertAlmostEqual(unpaired.geometric_mean(found), 1.0)
        self.assertTrue(np.isfinite([one.ratio for one in found]).all())


class CompareTest(PerfTest):
    def compare(self, *runs, arguments=("latest~1", "latest"), more=()):
        store(self.path("h"), *runs)
        return self.perf("compare", *arguments, "--history", self.path("h"), *more)


class Verdicts(CompareTest):
    def test_the_same(self):
        code, output, errors = self.compare(make_run(0, NAMES, label="a"), make_run(1, NAMES))
        self.assertEqual((code, errors), (0, ""))
        lines = output.splitlines()
        self.assertEqual(lines[0], "old: 20300101T000000Z-00000000 (a)")
        self.assertIn("note: The runs were not interleaved", output)
        row = next(line for line in lines if line.startswith("sgemm")).replace(" %", "%").split()
        self.assertEqual((row[7], row[-2:]), ("~", ["p=1.000", "n=10+10"]))
        self.assertEqual(lines[-3].split()[:2], ["geometric", "mean"])
        self.assertEqual(lines[-1], "3 cases: 0 slower (0 by more than 2.0 %), 0 faster.")

    def test_slower_is_not_confirmed(self):
        code, output, _ = self.compare(make_run(0, NAMES), make_run(1, NAMES, by=[1.0, 1.1, 1.0]))
        self.assertEqual(code, 3)
        row = next(line for line in output.splitlines() if line.startswith("softmax")).replace(" %", "%").split()
        self.assertRegex(row[7], r"^\+(9|10|11)\.\d%$")
        self.assertIn("3 cases: 1 slower (1 by more than 2.0 %), 0 faster.", output)

    def test_slower_by_less_than_the_threshold(self):
        runs = make_run(0, NAMES, noise=1e-4), make_run(1, NAMES, by=[1.0, 1.01, 1.0], noise=1e-4)
        code, output, _ = self.compare(*runs)
        self.assertEqual(code, 0)
        self.assertIn("3 cases: 1 slower (0 by more than 2.0 %), 0 faster.", output)
        self.assertEqual(self.compare(more=["--threshold", 0.005])[0], 3)

    def test_faster(self):
        code, output, _ = self.compare(make_run(0, NAMES), make_run(1, NAMES, by=[1.0, 0.9, 1.0]))
        self.assertEqual(code, 0)
        self.assertIn("3 cases: 0 slower (0 by more than 2.0 %), 1 faster.", output)

    def test_a_canary_that_moved(self):
        code, output, _ = self.compare(make_run(0, NAMES), make_run(1, NAMES, by=[0.9, 0.9, 0.9]))
        self.assertEqual(code, 3)
        self.assertRegex(output, r"note: The canary canary/fma has moved by -\d+\.\d %: the machine itself has changed")

    def test_too_few_samples(self):
        code, output, _ = self.compare(make_run(0, NAMES, samples=3), make_run(1, NAMES, samples=3, by=2.0))
        self.assertEqual(code, 3)
        self.assertIn("3 samples against 3 cannot show a difference in 3 cases: repeat more often", output)

    def test_one_case_of_too_few_samples_is_no_silent_pass(self):
        few = Case("dgemm/NN/m:4", (1e-3, 1.001e-3))
        code, output, _ = self.compare(*(make_run(number, (*NAMES, few), 1.0) for number in (0, 1)))
        self.assertEqual(code, 3)
        self.assertIn("2 samples against 2 cannot show a difference of dgemm/NN/m:4 among 4 cases", output)

    def test_missing_cases_are_named_and_counted(self):
        code, output, _ = self.compare(make_run(0, ("a", "b", "c")), make_run(1, ("a", "d")))
        self.assertEqual(code, 0)
        self.assertIn("2 cases of 20300101T000000Z-00000000 not in 20300101T000100Z-00000001: b, c.", output)
        self.assertIn("1 case of 20300101T000100Z-00000001 not in 20300101T000000Z-00000000: d.", output)

    def test_nothing_in_common(self):
        code, _, errors = self.compare(make_run(0, ("a",)), make_run(1, ("b", "c")))
        self.assertEqual(code, 4)
        self.assertIn("no case is common: 20300101T000000Z-00000000 has 1 case (a), ", errors)
        self.assertIn("has 2 cases (b, ...)", errors)

    def test_a_case_that_failed(self):
        for failed in (0, 1):
            runs = [make_run(2 * failed + i, NAMES, failures=(Failure("d", "refused"),) * (i == failed)) for i in (0, 1)]
            code, output, _ = self.compare(*runs)
            self.assertEqual(code, 4)
            self.assertIn(f"note: d failed in {runs[failed].identifier}: refused.", output)

    def test_conditions_and_other_things_are_named(self):
        one = {"cpu": {"vendor": "V"}, "affinity": "0", "kernel": "6.1", "library": {"sha256": "a" * 64}}
        two = {"cpu": {"vendor": "V"}, "affinity": "1", "kernel": "6.2", "library": {"sha256": "b" * 64}}
        _, output, _ = self.compare(make_run(0, fingerprint=one), make_run(1, fingerprint=two))
        self.assertIn("note: Other conditions: affinity: 0, 1.\n", output)
        else_differs = f"kernel: 6.1, 6.2; library.sha256: {'a' * 12}, {'b' * 12}."
        self.assertIn(f"note: What else differs: {else_differs}\n", output)


class Refusals(CompareTest):
    def test_another_machine(self):
        other = make_run(1, fingerprint={"cpu": {"vendor": "V", "model": "9"}}, label="new")
        code, output, errors = self.compare(make_run(0, label="old"), other)
        self.assertEqual((code, output), (3, ""))
        self.assertIn("20300101T000000Z-00000000 (old) and 20300101T000100Z-00000001 (new) are of different machines: "
                      "cpu.model: 2, 9", errors)

    def test_a_machine_that_is_not_recorded(self):
        code, output, _ = self.compare(make_run(0, fingerprint={}), make_run(1))
        self.assertEqual(code, 0)
        self.assertIn("note: The machine of 20300101T000000Z-00000000 is not recorded.", output)

    def test_a_missing_baseline(self):
        code, _, errors = self.compare(make_run(0), arguments=("v1.0", "latest"))
        self.assertEqual(code, 4)
        self.assertIn("no run v1.0 in", errors)

    def test_a_damaged_run_that_is_asked_for(self):
        (path,) = store(self.path("h"), make_run(0))
        Path(path).write_text(Path(path).read_text()[:-100])
        code, _, errors = self.compare(make_run(1), arguments=("20300101T0000", "latest"))
        self.assertEqual(code, 4)
        self.assertIn(f"the run is damaged: {path}:3: ", errors)

    def test_a_damaged_run_that_is_not(self):
        (path,) = store(self.path("h"), make_run(0))
        Path(path).write_text(Path(path).read_text()[:-100])
        code, _, errors = self.compare(make_run(1), make_run(2))
        self.assertEqual(code, 0)
        self.assertIn(f"gemmule perf compare: {path}:3: ", errors)

    def test_usage(self):
        for more in (["--alpha", "2"], ["--alpha", "x"], ["--json", "--markdown"]):
            self.assertEqual(self.compare(more=more)[0], 2)


class Files(CompareTest):
    def measured(self, name, **settings):
        self.perf("run", "--harness", FAKE_BENCH, "--history", self.path(name), "--json", self.path(name + ".json"),
                  seed=name, **settings)
        return self.path(name + ".json")

    def test_google_benchmark_s_own(self):
        old, new = self.measured("a"), self.measured("b", slower=[{"case": "sgemm*", "by": 1.2}])
        code, output, errors = self.perf("compare", old, new)
        self.assertEqual((code, errors), (3, ""))
        self.assertIn("5 cases: 2 slower (2 by more than 2.0 %), 0 faster.", output)
        self.assertIn(f"old: {old}", output)
        self.assertIn(f"note: The machine of {new} is not recorded.", output)

    def test_a_file_of_a_history(self):
        self.measured("a")
        (path,) = Path(self.path("a")).iterdir()
        code, output, _ = self.perf("compare", path, self.measured("b"))
        self.assertEqual(code, 0)
        self.assertIn(f"old: {path.stem}", output)

    def test_files_that_are_neither(self):
        good = self.measured("a")
        cut = Path(good).read_text()[:-10]
        for text in ("", "{", "[]", "{}", '{"benchmarks": []}', "text", cut, '{"kind": "run"}'):
            code, _, errors = self.perf("compare", self.write("bad.json", text), good)
            self.assertEqual(code, 4, text[:20])
            self.assertIn(self.path("bad.json"), errors)
        Path(self.path("bad.json")).write_bytes(b"\xff\x00")
        self.assertEqual(self.perf("compare", self.path("bad.json"), good)[0], 4)


class Forms(CompareTest):
    def test_json(self):
        code, output, _ = self.compare(make_run(0, NAMES), make_run(1, NAMES, by=[1.0, 1.1, 1.0]), more=["--json"])
        document = json.loads(output)
        self.assertEqual((code, document["exit"], document["interleaved"]), (3, 3, False))
        self.assertEqual([case["verdict"] for case in document["cases"]], ["~", "slower", "~"])
        self.assertEqual([case["canary"] for case in document["cases"]], [False, False, True])
        self.assertEqual(document["new"]["run"], "20300101T000100Z-00000001")

    def test_markdown(self):
        _, output, _ = self.compare(make_run(0, NAMES), make_run(1, NAMES), more=["--markdown"])
        self.assertIn("| case | old | new | delta | 95 % interval | p | n |\n| :-- | --: |", output)
        self.assertIn("> The runs were not interleaved", output)


if __name__ == "__main__":
    unittest.main()
