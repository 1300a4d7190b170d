# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf run: what it prints, what it stores, and that nothing that went wrong looks well."""
import json
import os
import subprocess
import sys
import time
import unittest

from support import FAKE_BENCH, PACKAGE, PerfTest

from gemmule_perf import history

ISA = "/thr:1/isa:avx512"


class RunTest(PerfTest):
    def run_it(self, *arguments, **settings):
        return self.perf("run", "--harness", FAKE_BENCH, "--history", self.path("h"), *arguments, **settings)

    def stored(self):
        found = history.read(self.path("h"))
        self.assertEqual(found.problems, [])
        return found.runs


class Stored(RunTest):
    def test_a_run(self):
        code, output, errors = self.run_it("--label", "first", "--suite", "trial")
        self.assertEqual((code, errors), (0, ""))
        (run,) = self.stored()
        self.assertEqual((run.label, run.suite, run.failures), ("first", "trial", ()))
        self.assertEqual([len(case.samples) for case in run.cases], [10] * 5)
        self.assertEqual(run.fingerprint["library"]["version"], "0.1.0")
        self.assertEqual(run.fingerprint["isa"], "avx512")
        self.assertIn(f"5 cases, 0 failed; stored as {self.path('h', run.identifier)}.jsonl", output)

    def test_the_table(self):
        _, output, _ = self.run_it(noise=0)
        lines = output.splitlines()
        self.assertEqual(lines[0].split(), ["name", "median", "spread", "rate", "of", "peak"])
        row = ["sgemm/NN/m:64/n:64/k:64" + ISA, "3.000", "us", "0.0", "%", "333.3", "GFLOP/s", "50.0", "%"]
        self.assertEqual(lines[1].split(), row)

    def test_few_samples_have_no_spread(self):
        _, output, _ = self.run_it("--repetitions", 3)
        self.assertEqual(output.splitlines()[1].split()[3], "-")

    def test_nobody_is_named(self):
        self.run_it(context={"host_name": "my-secret-host", "executable": "/home/somebody/b"})
        (path,) = os.scandir(self.path("h"))
        with open(path, encoding="utf-8") as file:
            self.assertNotRegex(file.read(), "secret|somebody")

    def test_runs_are_added(self):
        for _ in range(3):
            self.run_it("--repetitions", 1)
        self.assertEqual(len(self.stored()), 3)

    def test_the_default_folder(self):
        self.perf("run", "--harness", FAKE_BENCH)
        self.assertEqual(len(history.read(self.path("data", "gemmule", "history")).runs), 1)

    def test_the_library_that_was_asked_for(self):
        self.run_it("--library", self.library("new"))
        self.assertEqual(self.stored()[0].fingerprint["library"]["path"], self.path("new", "libgemmule.so.0"))

    def test_json_as_it_came(self):
        self.run_it("--json", self.path("out.json"), "--repetitions", 2)
        with open(self.path("out.json"), encoding="utf-8") as file:
            document = json.load(file)
        self.assertEqual(document["context"]["host_name"], "host")
        self.assertEqual(len(document["benchmarks"]), 10)

    def test_what_the_harness_is_told(self):
        self.run_it("--threads", 2, "--isa", "avx2", "--filter", "^sgemm", "--repetitions", 4, "--",
                    "--benchmark_min_time=0.5")
        (run,) = self.stored()
        self.assertEqual([case.name.partition("/thr")[2] for case in run.cases], [":2/isa:avx2"] * 2)
        self.assertEqual(run.settings["filter"], "^sgemm")
        self.assertEqual(run.settings["flags"][-1], "--benchmark_min_time=0.5")


class NothingMeasured(RunTest):
    def test_dry_run(self):
        code, output, _ = self.run_it("--dry-run", "--suite", "gemm")
        self.assertEqual(code, 0)
        self.assertIn(f"{FAKE_BENCH} --suite=gemm --benchmark_repetitions=10", output)
        self.assertIn(f"5 cases, for {self.path('h')}:\n    sgemm/NN/m:64/n:64/k:64{ISA}\n", output)
        self.assertFalse(os.path.exists(self.path("h")))

    def test_ways_to_fail(self):
        expected = {
            "crash": (4, "SIGSEGV, after sgemm/NN/m:1000/n:1000/k:64" + ISA),
            "truncated": (4, "truncated or damaged JSON"),
            "empty": (4, "no case was measured"),
            "abort": (4, "the library is too old"),
            "usage": (2, "quick.suite:3: no such case"),
        }
        for how, (wanted, sentence) in expected.items():
            with self.subTest(how):
                code, output, errors = self.run_it(fail=[{"how": how, "case": "softmax*"}])
                self.assertEqual((code, output), (wanted, ""))
                self.assertIn("gemmule perf run: ", errors)
                self.assertIn(sentence, errors)
                self.assertFalse(os.path.exists(self.path("h")))

    def test_a_hang(self):
        code, _, errors = self.run_it("--timeout", 0.5, fail=[{"how": "hang"}])
        self.assertEqual(code, 4)
        self.assertIn("took longer than 0.5 s", errors)

    def test_a_run_that_is_ended_ends_its_harness(self):
        program = self.write("harness", f"#!/bin/sh\necho $$ > {self.path('pid')}.part\n"
                             f"mv {self.path('pid')}.part {self.path('pid')}\nexec sleep 1000\n")
        os.chmod(program, 0o755)
        perf = subprocess.Popen([sys.executable, str(PACKAGE), "run", "--harness", program], stderr=subprocess.PIPE)
        while not os.path.exists(self.path("pid")):
            time.sleep(0.02)
        perf.terminate()
        self.assertIn(b"interrupted", perf.communicate(timeout=60)[1])
        self.assertEqual(perf.returncode, 4)
        with open(self.path("pid"), encoding="utf-8") as file, self.assertRaises(ProcessLookupError):
            os.kill(int(file.read()), 0)

    def test_an_empty_filter(self):
        for more in ([], ["--dry-run"]):
            code, _, errors = self.run_it("--filter", "nothing", *more)
            self.assertEqual(code, 4)
            self.assertIn("no case is selected", errors)

    def test_usage(self):
        for arguments in (["--repetitions", "0"], ["--threads", "x"], ["--library", self.path("none")],
                          ["--", "--benchmark_format=csv"], ["--", "--nonsense=1"], ["stray"], ["--label", "latest"],
                          ["--label", "a~1"]):
            with self.subTest(arguments):
                self.assertEqual(self.run_it(*arguments)[0], 2)

    def test_no_harness(self):
        code, _, errors = self.perf("run", "--harness", self.path("none"))
        self.assertEqual(code, 2)
        self.assertIn("is no program", errors)


class Failed(RunTest):
    def test_a_case_that_failed_is_named_and_counted_and_the_others_are_kept(self):
        code, output, errors = self.run_it(fail=[{"how": "error", "case": "softmax*"}])
        self.assertEqual(code, 4)
        self.assertEqual(errors, f"gemmule perf run: softmax/rows:16/cols:4096{ISA}: the library refused\n")
        self.assertIn("4 cases, 1 failed; stored as", output)
        (run,) = self.stored()
        self.assertEqual((len(run.cases), [failure.sentence for failure in run.failures]), (4, ["the library refused"]))

    def test_when_all_failed_nothing_is_stored(self):
        code, output, _ = self.run_it(fail=[{"how": "error"}])
        self.assertEqual(code, 4)
        self.assertIn("0 cases, 5 failed; not stored", output)
        self.assertFalse(os.path.exists(self.path("h")))

    def test_a_folder_that_cannot_be_written(self):
        self.write("h", "a file")
        code, _, errors = self.run_it()
        self.assertEqual(code, 4)
        self.assertIn("could not be written", errors)


if __name__ == "__main__":
    unittest.main()
