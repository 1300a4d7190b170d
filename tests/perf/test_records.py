# SPDX-License-Identifier: BSD-3-Clause
"""Records: Google Benchmark's JSON in, lines out and in again, and which runs are of one series."""
import dataclasses
import json
import unittest

from support import make_run

from gemmule_perf.errors import MeasurementFailed
from gemmule_perf.records import Case, Failure, case_name, cases_of, lines_of, run_of, series_key


def row(name="sgemm/m:4/manual_time", **fields):
    return {"name": name, "run_name": name, "run_type": "iteration", "repetitions": 1, "repetition_index": 0,
            "threads": 1, "iterations": 100, "real_time": 2.0, "cpu_time": 9.0, "time_unit": "us", **fields}


def document(*rows):
    return {"context": {"gemmule": "0.1.0"}, "benchmarks": list(rows)}


class GoogleBenchmark(unittest.TestCase):
    def test_what_is_appended_to_a_name_is_removed(self):
        for appended in ("", "/manual_time", "/real_time", "/min_time:0.200/repeats:3/manual_time/threads:8",
                         "/iterations:10/process_time/real_time", "/min_warmup_time:0.5"):
            with self.subTest(appended):
                self.assertEqual(case_name("sgemm/NN/m:4/thr:2/isa:avx2" + appended), "sgemm/NN/m:4/thr:2/isa:avx2")

    def test_an_axis_in_the_middle_is_kept(self):
        self.assertEqual(case_name("x/threads:4/m:4"), "x/threads:4/m:4")

    def test_axes(self):
        axes = Case("attention/heads:8/d:128/causal", (1.0,)).axes
        self.assertEqual(axes, {"": ["attention", "causal"], "heads": "8", "d": "128"})

    def test_repetitions_are_the_samples_of_one_case(self):
        rows = [row(us=value, repetition_index=index) for index, value in enumerate((3.0, 1.0, 2.0))]
        context, cases, failures = cases_of(document(*rows), "x")
        self.assertEqual(context, {"gemmule": "0.1.0"})
        self.assertEqual(failures, [])
        self.assertEqual([case.name for case in cases], ["sgemm/m:4"])
        self.assertEqual([round(sample * 1e6, 9) for sample in cases[0].samples], [3.0, 1.0, 2.0])
        self.assertEqual(cases[0].counters, {"us": 2.0})

    def test_repetitions_in_random_order_are_found_together(self):
        rows = [row("a", us=1.0), row("b", us=5.0), row("a", us=2.0), row("b", us=6.0)]
        _, cases, _ = cases_of(document(*rows), "x")
        self.assertEqual([(case.name, len(case.samples)) for case in cases], [("a", 2), ("b", 2)])

    def test_cases_are_in_the_order_of_the_suite(self):
        rows = [row("b", us=1.0, family_index=1), row("a", us=1.0, family_index=0), row("b", us=1.0, family_index=1)]
        _, cases, _ = cases_of(document(*rows), "x")
        self.assertEqual([case.name for case in cases], ["a", "b"])

    def test_rows_of_other_programs_have_real_time(self):
        for unit, seconds in (("ns", 2e-9), ("us", 2e-6), ("ms", 2e-3), ("s", 2.0)):
            _, cases, _ = cases_of(document(row(time_unit=unit)), "x")
            self.assertAlmostEqual(cases[0].samples[0], seconds, delta=seconds * 1e-12)

    def test_a_counter_of_other_programs_means_what_they_want(self):
        _, cases, _ = cases_of({"benchmarks": [row(us=77.0)]}, "x")
        self.assertAlmostEqual(cases[0].samples[0], 2e-6)

    def test_counters_are_medians_and_finite(self):
        rows = [row(**{"us": 1.0, "GFLOP/s": value, "of_peak": float("nan")}) for value in (10.0, 30.0, 20.0)]
        _, cases, _ = cases_of(document(*rows), "x")
        self.assertEqual(cases[0].counters, {"us": 1.0, "GFLOP/s": 20.0})

    def test_aggregates_are_left_out(self):
        rows = [row(us=1.0), row(us=7.0, run_type="aggregate", aggregate_name="mean")]
        _, cases, failures = cases_of(document(*rows), "x")
        self.assertEqual((len(cases), len(cases[0].samples), failures), (1, 1, []))

    def test_a_case_of_aggregates_alone_has_failed(self):
        _, cases, failures = cases_of(document(row(run_type="aggregate")), "x")
        self.assertEqual(cases, [])
        self.assertEqual(failures[0].name, "sgemm/m:4")
        self.assertIn("aggregates only", failures[0].sentence)

    def test_errors_are_failures_with_their_sentence(self):
        rows = [row("a", us=1.0), row("b", error_occurred=True, error_message="refused"),
                row("c", skipped=True, skip_message="too old")]
        _, cases, failures = cases_of(document(*rows), "x")
        self.assertEqual([case.name for case in cases], ["a"])
        self.assertEqual(failures, [Failure("b", "refused"), Failure("c", "too old")])

    def test_a_case_fails_whole_when_one_repetition_does(self):
        _, cases, failures = cases_of(document(row(us=1.0), row(error_occurred=True, error_message="refused")), "x")
        self.assertEqual((cases, [failure.sentence for failure in failures]), ([], ["refused"]))

    def test_a_sample_of_nothing_is_a_failure(self):
        for value in (0.0, -1.0, float("inf"), float("nan")):
            _, cases, failures = cases_of(document(row(us=value)), "x")
            self.assertEqual((len(cases), len(failures)), (0, 1))

    def test_other_documents_are_refused_with_their_place(self):
        for text in ([], {}, {"benchmarks": 3}):
            with self.assertRaisesRegex(MeasurementFailed, "file.json"):
                cases_of(text, "file.json")
        for bad in ({}, 3, {"name": "x"}, {"name": "x", "real_time": "fast"}, {"name": "x", "us": None},
                    {"name": "x", "real_time": 1, "time_unit": "h"}):
            with self.assertRaisesRegex(MeasurementFailed, "file.json: benchmark 2"):
                cases_of(document(row(), bad), "file.json")


class Lines(unittest.TestCase):
    def setUp(self):
        self.run_there = make_run(failures=(Failure("c", "refused"),), settings={"filter": "x"})
        self.lines = lines_of(self.run_there)

    def problems(self, lines):
        return run_of(lines)[1]

    def test_a_run_comes_back(self):
        self.assertEqual(run_of(self.lines), (self.run_there, []))

    def test_kinds(self):
        self.assertEqual([json.loads(line)["kind"] for line in self.lines], ["run", "case", "case", "failure", "end"])

    def test_a_run_that_was_cut_off_anywhere_is_seen(self):
        text = "\n".join(self.lines)
        for length in range(len(text)):
            self.assertTrue(self.problems(text[:length].splitlines()), text[:length][-60:])

    def test_a_truncated_line_is_named_and_the_rest_is_read(self):
        lines = [*self.lines]
        lines[1] = lines[1][:40]
        run, problems = run_of(lines)
        self.assertEqual([case.name for case in run.cases], ["dgemm/NT/m:256"])
        self.assertEqual(len(problems), 1)
        self.assertEqual(problems[0][0], 2)
        self.assertIn("truncated or damaged", problems[0][1])

    def test_a_missing_line_is_seen_by_the_end(self):
        self.assertIn("the end counts 2 cases", self.problems(self.lines[:1] + self.lines[2:])[0][1])

    def test_a_missing_end_is_seen(self):
        self.assertEqual(self.problems(self.lines[:-1]), [(5, "no end: the run was cut off")])

    def test_another_schema_is_not_read(self):
        line = json.dumps({**json.loads(self.lines[0]), "schema": 2})
        run, problems = run_of([line, *self.lines[1:]])
        self.assertIsNone(run)
        self.assertIn("schema 2", problems[0][1])

    def test_lines_that_mean_nothing_are_named(self):
        wrong = [("[]", 2), ("{}", 2), ('{"kind": "remark"}', 2), ('{"kind": "run"}', 2), ("null", 2), ("", 2),
                 (json.dumps({**json.loads(self.lines[1]), "samples": []}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "samples": [1.0, "x"]}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "samples": [-1.0]}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "samples": [True]}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "samples": [10**400]}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "counters": {"GB/s": "x"}}), 2),
                 (json.dumps({**json.loads(self.lines[1]), "name": None}), 2),
                 ("[" * 100000, 2)]
        for text, number in wrong:
            with self.subTest(text):
                problems = self.problems([self.lines[0], text, *self.lines[2:]])
                self.assertEqual(problems[0][0], number)

    def test_a_case_that_is_there_twice(self):
        lines = [*self.lines[:2], self.lines[1], *self.lines[3:]]
        self.assertEqual(self.problems(lines), [(3, "sgemm/NN/m:64 is there twice")])

    def test_what_follows_the_end_is_named(self):
        self.assertIn("follows the end", self.problems([*self.lines, self.lines[1]])[0][1])

    def test_an_empty_file(self):
        self.assertEqual(run_of([]), (None, [(1, "the file is empty")]))

    def test_numbers_that_json_has_not_are_not_written(self):
        with self.assertRaises(ValueError):
            lines_of(dataclasses.replace(self.run_there, fingerprint={"x": float("nan")}))


FINGERPRINT = {
    "cpu": {"vendor": "V", "family": "1", "model": "2", "stepping": "3", "microcode": "7", "features": "aa"},
    "topology": {"cpus": 2},
    "kernel": "6.1",
    "affinity": "0-1",
    "library": {"compiler": "gcc 12 -O3", "commit": "abc"},
    "openmp": "/usr/lib/libgomp.so.1",
    "wisdom": {"entries": 0, "hash": "none"},
    "tools": {"google_benchmark": "1.7.1", "harness_sha256": "1"},
}


def changed(path, value):
    fingerprint = json.loads(json.dumps(FINGERPRINT))
    *folders, last = path.split(".")
    fields = fingerprint
    for folder in folders:
        fields = fields[folder]
    fields[last] = value
    return fingerprint


class SeriesKey(unittest.TestCase):
    def key(self, fingerprint, case=0):
        run = make_run(fingerprint=fingerprint)
        return series_key(run, run.cases[case])

    def test_what_a_series_is_there_to_show_does_not_end_it(self):
        for path in ("cpu.microcode", "cpu.features", "kernel", "library.commit", "tools.harness_sha256"):
            self.assertEqual(self.key(changed(path, "new")), self.key(FINGERPRINT), path)
        self.assertEqual(self.key(changed("openmp", "/opt/lib/libgomp.so.1")), self.key(FINGERPRINT))

    def test_another_machine(self):
        for path in ("cpu.model", "cpu.stepping", "topology.cpus"):
            self.assertNotEqual(self.key(changed(path, "9")).machine, self.key(FINGERPRINT).machine)

    def test_other_conditions(self):
        for path, value in (("affinity", "1"), ("library.compiler", "clang 14 -O3"), ("openmp", "/usr/lib/libomp.so.5"),
                            ("wisdom.entries", 4), ("tools.google_benchmark", "1.9.0")):
            other = self.key(changed(path, value))
            self.assertNotEqual(other.conditions, self.key(FINGERPRINT).conditions, path)
            self.assertEqual(other.machine, self.key(FINGERPRINT).machine)

    def test_more_wisdom_is_the_same_series(self):
        self.assertEqual(self.key(changed("wisdom.entries", 4)), self.key(changed("wisdom.entries", 5)))

    def test_cases_are_apart(self):
        self.assertNotEqual(self.key(FINGERPRINT, 0), self.key(FINGERPRINT, 1))


if __name__ == "__main__":
    unittest.main()
