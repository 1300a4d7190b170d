# SPDX-License-Identifier: BSD-3-Clause
"""One process of the harness: what it is told, what it answers, and every way in which it can fail."""
import os
import time
import unittest
from pathlib import Path
from unittest import mock

from support import FAKE_BENCH, PerfTest, fake

from gemmule_perf import harness
from gemmule_perf.errors import MeasurementFailed, UsageError

ISA = "/thr:1/isa:avx512"


def measure(library=None, timeout=60, flags=(), filter=None, cpus=None, program=FAKE_BENCH, **settings):
    return harness.measure(program, library, "quick", filter, flags, timeout, cpus, fake(**settings))


class Measure(PerfTest):
    def test_cases_and_context(self):
        context, cases = measure(flags=["--benchmark_repetitions=4"])
        self.assertEqual(context["gemmule"], "0.1.0")
        self.assertEqual(len(cases), 5)
        self.assertEqual(cases[0].name, "sgemm/NN/m:64/n:64/k:64" + ISA)
        self.assertEqual(len(cases[0].samples), 4)
        self.assertAlmostEqual(cases[0].median, 3e-6, delta=1.5e-7)

    def test_flags_reach_the_harness(self):
        _, cases = measure(filter="^softmax", flags=["--threads=2", "--isa=avx2"])
        self.assertEqual([case.name for case in cases], ["softmax/rows:16/cols:4096/thr:2/isa:avx2"])

    def test_the_answer_is_json_whatever_the_user_wants(self):
        with self.assertRaisesRegex(UsageError, "--benchmark_format"):
            measure(flags=["--benchmark_format=console"])

    def test_pinning(self):
        cpu = min(os.sched_getaffinity(0))
        script = self.write("pinned", "#!/bin/sh\ngrep Cpus_allowed_list /proc/self/status >&2\nexit 1\n")
        os.chmod(script, 0o755)
        with self.assertRaisesRegex(MeasurementFailed, rf"Cpus_allowed_list:\s*{cpu}$"):
            measure(program=script, cpus={cpu})

    def test_progress_names_the_cases(self):
        seen = []
        with mock.patch.dict(os.environ, fake()):
            harness.launch(FAKE_BENCH, progress=lambda *call: seen.append(call))
        self.assertEqual(seen[-1], (5, "canary/read" + ISA))


class Libraries(PerfTest):
    def test_a_folder(self):
        context, _ = measure(self.library("new"))
        self.assertEqual(context["library"], self.path("new", "libgemmule.so.0"))

    def test_a_file_of_the_name(self):
        self.library("new")
        context, _ = measure(self.path("new", "libgemmule.so.0"))
        self.assertEqual(context["library"], self.path("new", "libgemmule.so.0"))

    def test_a_file_of_another_name(self):
        file = self.write("libgemmule.so.0.1.0", "")
        context, _ = measure(file)
        self.assertEqual(os.path.basename(context["library"]), "libgemmule.so.0")
        self.assertFalse(os.path.exists(context["library"]))

    def test_two_libraries_have_their_own_times(self):
        slower = [{"case": "sgemm*", "library": "*/new", "by": 2.0}]
        old, new = (measure(self.library(name), slower=slower)[1] for name in ("old", "new"))
        ratios = [after.median / before.median for before, after in zip(old, new)]
        self.assertEqual([round(ratio, 6) for ratio in ratios], [2, 2, 1, 1, 1])

    def test_the_user_s_own_path_stays_behind(self):
        with mock.patch.dict(os.environ, LD_LIBRARY_PATH=self.library("old")):
            context, _ = measure(self.library("new"))
        self.assertEqual(context["library"], self.path("new", "libgemmule.so.0"))

    def test_missing(self):
        with self.assertRaisesRegex(UsageError, "no such library"):
            measure(self.path("nothing.so"))
        with self.assertRaisesRegex(UsageError, "has no libgemmule.so.0"):
            measure(self.folder)

    def test_a_harness_that_loads_another_library(self):
        for loaded in ("static", "/usr/lib/libgemmule.so.0"):
            with self.assertRaisesRegex(MeasurementFailed, "loaded " + loaded):
                measure(self.library("new"), context={"library": loaded})
        with self.assertRaisesRegex(MeasurementFailed, "does not say which library it has loaded"):
            measure(self.library("new"), context={"library": ""})


class Failures(PerfTest):
    def fails(self, how, error=MeasurementFailed, case="softmax*", **arguments):
        with self.assertRaises(error) as caught:
            measure(fail=[{"how": how, "case": case}], **arguments)
        return str(caught.exception)

    def test_a_crash_is_named_by_its_signal_and_place(self):
        self.assertIn(f"SIGSEGV, after sgemm/NN/m:1000/n:1000/k:64{ISA} (2 finished)", self.fails("crash"))
        self.assertIn("SIGSEGV, before any case", self.fails("crash", case="sgemm/NN/m:64/*"))

    def test_json_that_ends_too_early(self):
        sentence = self.fails("truncated")
        self.assertIn("printed truncated or damaged JSON: line 5: ", sentence)
        self.assertIn(f"after sgemm/NN/m:1000/n:1000/k:64{ISA} (2 finished)", sentence)

    def test_no_case(self):
        self.assertIn("no case was measured (suite quick): fake_bench: no case is selected", self.fails("empty"))
        with self.assertRaisesRegex(MeasurementFailed, "filter nothing"):
            measure(filter="nothing")

    def test_no_case_and_exit_code_0(self):
        for text in ("", '{"context": {}, "benchmarks": []}'):
            program = self.write("empty", f"#!/bin/sh\necho '{text}'\n")
            os.chmod(program, 0o755)
            with self.assertRaisesRegex(MeasurementFailed, "no case was measured"):
                measure(program=program)

    def test_cases_and_exit_code_4(self):
        program = self.write("broken", f"#!/bin/sh\n{FAKE_BENCH} \"$@\"\necho 'the disk is full' >&2\nexit 4\n")
        os.chmod(program, 0o755)
        with self.assertRaisesRegex(MeasurementFailed, "^the disk is full$"):
            measure(program=program)

    def test_a_case_that_failed_is_named_with_its_sentence(self):
        self.assertEqual(
            self.fails("error"), f"1 of 5 cases failed: softmax/rows:16/cols:4096{ISA}: the library refused"
        )

    def test_a_hang_is_ended_with_all_its_processes(self):
        began = time.monotonic()
        self.assertIn("took longer than 0.5 s, and was ended", self.fails("hang", timeout=0.5))
        self.assertLess(time.monotonic() - began, 60)
        mark = self.path("alive")
        program = self.write("parent", f"#!/bin/sh\n(sleep 2; touch {mark}) &\nwait\n")
        os.chmod(program, 0o755)
        with self.assertRaisesRegex(MeasurementFailed, "took longer"):
            measure(program=program, timeout=0.2)
        time.sleep(2.2)
        self.assertFalse(Path(mark).exists())

    def test_arguments_that_the_harness_refuses(self):
        self.assertEqual(self.fails("usage", UsageError), "fake_bench: quick.suite:3: no such case")

    def test_any_other_exit(self):
        self.assertIn("ended with exit code 1", self.fails("abort"))
        self.assertIn("the library is too old", self.fails("abort"))

    def test_a_program_that_cannot_be_started(self):
        program = self.write("no-program", "neither ELF nor script")
        os.chmod(program, 0o755)
        with self.assertRaisesRegex(MeasurementFailed, "could not be started"):
            measure(program=program)


class Find(PerfTest):
    def test_the_harness_is_in_libexec(self):
        program = self.write("libexec/gemmule/gemmule_bench", "")
        with mock.patch.dict(os.environ, GEMMULE_LIBEXEC=self.path("libexec", "gemmule")):
            with self.assertRaisesRegex(UsageError, "gemmule_bench is no program: build the target"):
                harness.find_harness()
            os.chmod(program, 0o755)
            self.assertEqual(harness.find_harness(), program)

    def test_or_where_the_user_says(self):
        self.assertEqual(harness.find_harness(FAKE_BENCH), FAKE_BENCH)
        with self.assertRaisesRegex(UsageError, "nowhere is no program"):
            harness.find_harness("nowhere")


if __name__ == "__main__":
    unittest.main()
