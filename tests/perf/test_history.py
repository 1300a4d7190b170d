# SPDX-License-Identifier: BSD-3-Clause
"""The history: files that are only ever added, readers that name what they cannot read, and names of runs."""
import csv
import io
import os
import stat
import unittest
from pathlib import Path
from unittest import mock

from support import PerfTest, make_run, store

from gemmule_perf import history
from gemmule_perf.errors import MeasurementFailed, UsageError


class Store(PerfTest):
    def test_runs_come_back_in_the_order_of_time(self):
        runs = [make_run(number) for number in (2, 0, 1)]
        store(self.path("h"), *runs)
        found = history.read(self.path("h"))
        self.assertEqual(found.runs, sorted(runs, key=lambda run: run.time))
        self.assertEqual((found.damaged, found.problems), ([], []))

    def test_the_file_is_named_by_the_run_and_nothing_else_is_left(self):
        run = make_run()
        path = history.append(self.path("a", "b"), run)
        self.assertEqual(path, self.path("a", "b", run.identifier + ".jsonl"))
        self.assertEqual(os.listdir(self.path("a", "b")), [run.identifier + ".jsonl"])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)

    def test_nothing_is_written_twice(self):
        run = make_run()
        history.append(self.folder, run)
        with self.assertRaisesRegex(MeasurementFailed, "only ever added to"):
            history.append(self.folder, run)

    def test_a_write_that_fails_leaves_nothing(self):
        with mock.patch("os.rename", side_effect=OSError(28, "No space left on device")):
            with self.assertRaisesRegex(MeasurementFailed, "No space left on device"):
                history.append(self.path("h"), make_run())
        self.assertEqual(os.listdir(self.path("h")), [])

    def test_a_folder_that_cannot_be_made(self):
        self.write("file", "")
        with self.assertRaisesRegex(MeasurementFailed, "could not be written"):
            history.append(self.path("file", "h"), make_run())

    def test_a_folder_that_does_not_exist_is_empty(self):
        self.assertEqual(history.read(self.path("nowhere")).runs, [])

    def test_a_folder_that_is_none(self):
        with self.assertRaisesRegex(MeasurementFailed, "cannot be read: Not a directory"):
            history.read(self.write("file", ""))

    def test_identifiers_begin_with_the_time_and_differ(self):
        one, time = history.new_identifier()
        two, _ = history.new_identifier()
        self.assertRegex(one, r"^\d{8}T\d{6}Z-[0-9a-f]{8}$")
        self.assertRegex(time, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertNotEqual(one, two)

    def test_the_default_follows_the_base_directory_specification(self):
        self.assertEqual(history.default_folder(), self.path("data", "gemmule", "history"))
        with mock.patch.dict(os.environ, XDG_DATA_HOME="relative", HOME="/home/u"):
            self.assertEqual(history.default_folder(), "/home/u/.local/share/gemmule/history")


class Damage(PerfTest):
    def setUp(self):
        super().setUp()
        self.runs = [make_run(number) for number in range(3)]
        self.paths = [Path(path) for path in store(self.folder, *self.runs)]

    def test_a_truncated_line_is_named_with_file_and_line(self):
        text = self.paths[1].read_text()
        self.paths[1].write_text(text[: text.index('"samples"') + 30])
        found = history.read(self.folder)
        self.assertEqual([run.identifier for run in found.runs], [self.runs[0].identifier, self.runs[2].identifier])
        self.assertEqual([run.identifier for run in found.damaged], [self.runs[1].identifier])
        self.assertEqual(str(found.problems[0])[: len(str(self.paths[1])) + 3], f"{self.paths[1]}:2:")
        self.assertIn("no end: the run was cut off", str(found.problems[1]))

    def test_bytes_that_are_no_text(self):
        self.paths[1].write_bytes(b"\xff\xfe\x00")
        found = history.read(self.folder)
        self.assertEqual((len(found.runs), len(found.damaged), len(found.problems)), (2, 0, 1))

    def test_a_copy_under_another_name(self):
        (self.paths[0].parent / "copy.jsonl").write_text(self.paths[0].read_text())
        found = history.read(self.folder)
        self.assertEqual(len(found.runs), 3)
        self.assertIn("has the identifier of", str(found.problems[0]))

    def test_a_run_that_is_being_written_is_not_looked_at(self):
        self.write("tmpabc.part", "{")
        self.assertEqual(history.read(self.folder).problems, [])

    def test_the_damaged_run_cannot_be_asked_for(self):
        self.paths[1].write_text(self.paths[1].read_text()[:-20])
        found = history.read(self.folder)
        with self.assertRaisesRegex(MeasurementFailed, "the run is damaged: .*:4: "):
            history.find(found, self.runs[1].identifier)
        self.assertEqual(history.find(found, "latest"), self.runs[2])

    def test_the_newest_run_is_not_another_because_it_is_damaged(self):
        later = f"{self.runs[2].identifier}, which comes later, is damaged: "
        for text in (self.paths[2].read_text()[:-20], "{"):
            self.paths[2].write_text(text)
            found = history.read(self.folder)
            for name in ("latest", "latest~1"):
                with self.assertRaisesRegex(MeasurementFailed, f"{name}: {later}"):
                    history.find(found, name)
            self.assertEqual(history.find(found, self.runs[1].identifier), self.runs[1])

    def test_nor_is_the_newest_of_a_label(self):
        runs = [make_run(number, label="base") for number in (10, 11)]
        path = Path(store(self.folder, *runs)[1])
        path.write_text(path.read_text()[:-20])
        with self.assertRaisesRegex(MeasurementFailed, f"base: {runs[1].identifier}, which comes later, is damaged: "):
            history.find(history.read(self.folder), "base")

    def test_fingerprints_of_another_shape(self):
        shapes = [{"wisdom": {"entries": "3"}}, {"wisdom": []}, {"openmp": ["libgomp.so"]}, {"library": "x"},
                  {"library": {"commit": 7}}, {"cpu": 3}]  # fmt: skip
        for number, shape in enumerate(shapes, 20):
            path, = store(self.folder, make_run(number, fingerprint=shape))
            for command in (["history", "sgemm/*"], ["changes"], ["compare", "20300101T0000", "latest"]):
                with self.subTest(f"{command[0]} {shape}"):
                    code, output, errors = self.perf(*command, "--history", self.folder)
                    self.assertEqual((code, "Traceback" in errors), (4, False))
                    self.assertRegex(errors, rf"{path}:1: `\S+` of the fingerprint is ")
            os.unlink(path)


class Find(PerfTest):
    def setUp(self):
        super().setUp()
        self.runs = [make_run(number, label=label) for number, label in enumerate(("base", "", "base", "new"))]
        store(self.folder, *self.runs)
        self.history = history.read(self.folder)

    def test_names(self):
        expected = {"latest": 3, "latest~0": 3, "latest~1": 2, "latest~3": 0, "base": 2, "base~1": 0, "new": 3,
                    self.runs[1].identifier: 1, "20300101T000100Z": 1, "20300101T0002": 2}
        for name, index in expected.items():
            with self.subTest(name):
                self.assertEqual(history.find(self.history, name), self.runs[index])

    def test_names_of_nothing(self):
        for name in ("nothing", "", "latest~4", "base~2", "20300101T000100Z~1"):
            with self.subTest(name):
                with self.assertRaisesRegex(MeasurementFailed, f"no run {name} in .*, which has 4 runs"):
                    history.find(self.history, name)

    def test_the_beginning_of_several(self):
        with self.assertRaisesRegex(UsageError, "begins 4 identifiers: "):
            history.find(self.history, "2030")

    def test_what_is_no_number(self):
        with self.assertRaisesRegex(UsageError, "latest~x"):
            history.find(self.history, "latest~x")

    def test_an_empty_history(self):
        with self.assertRaisesRegex(MeasurementFailed, "no run latest in .*, which has 0 runs"):
            history.find(history.read(self.path("nowhere")), "latest")


class Command(PerfTest):
    def setUp(self):
        super().setUp()
        self.runs = [make_run(number, label=label) for number, label in enumerate(("base", ""))]
        self.paths = [Path(path) for path in store(self.path("h"), *self.runs)]

    def history(self, *arguments):
        return self.perf("history", "--history", self.path("h"), *arguments)

    def damage(self):
        self.paths[0].write_text(self.paths[0].read_text()[:-30])

    def test_the_runs(self):
        code, output, errors = self.history()
        self.assertEqual((code, errors), (0, ""))
        lines = [line.split() for line in output.splitlines()]
        self.assertEqual(lines[1], [self.runs[0].identifier, "base", "quick", "-", "-", "-", "2", "0"])
        self.assertEqual(len(lines), 3)

    def test_the_commit(self):
        for dirty, shown in ((False, "0123456789ab"), (True, "0123456789ab+")):
            run = make_run(fingerprint={"library": {"commit": "0123456789abcdef", "dirty": dirty}})
            self.assertEqual(history.commit_of(run), shown)

    def test_a_series(self):
        code, output, _ = self.history("sgemm/*")
        self.assertEqual(code, 0)
        self.assertEqual([line.split()[0] for line in output.splitlines()[2:]], [run.identifier for run in self.runs])
        self.assertNotIn("dgemm", output)

    def test_two_machines_are_two_series(self):
        store(self.path("h"), make_run(2, fingerprint={"cpu": {"vendor": "W"}}))
        _, output, _ = self.history("sgemm/*")
        self.assertEqual(output.count("(seconds; machine "), 2)
        self.assertIn("cpu.vendor: V, W", output)

    def test_csv(self):
        code, output, _ = self.history("--csv")
        rows = list(csv.DictReader(io.StringIO(output)))
        self.assertEqual((code, len(rows)), (0, 4))
        self.assertEqual((rows[0]["run"], rows[0]["case"]), (self.runs[0].identifier, "sgemm/NN/m:64"))
        self.assertEqual(float(rows[0]["median"]), self.runs[0].cases[0].median)

    def test_check(self):
        self.assertEqual(self.history("--check")[:2], (0, f"{self.path('h')}: 2 whole runs, 0 problems\n"))
        self.damage()
        code, output, errors = self.history("--check")
        self.assertEqual((code, output), (4, f"{self.path('h')}: 1 whole run, 2 problems\n"))
        self.assertIn(f"{self.paths[0]}:4: no JSON", errors)

    def test_damage_is_named_and_counted_and_a_series_that_may_lack_a_run_is_no_success(self):
        self.damage()
        code, output, errors = self.history()
        self.assertEqual((code, output.count("\n")), (0, 2))
        self.assertIn("2 problems: what is damaged is left out", errors)
        for arguments in (["sgemm/*"], ["--csv"]):
            self.assertEqual(self.history(*arguments)[0], 4)

    def test_a_mistake_of_the_program_is_no_regression(self):
        with mock.patch.object(history, "read", side_effect=ZeroDivisionError("by nothing")):
            code, _, errors = self.history()
        self.assertEqual(code, 4)
        self.assertIn("ZeroDivisionError: by nothing", errors)
        self.assertIn("gemmule perf history: ended by a mistake of its own", errors)

    def test_nothing(self):
        for arguments in (["nothing"], ["--history", self.path("nowhere")]):
            code, output, errors = self.history(*arguments)
            self.assertEqual((code, output), (4, ""))
            self.assertIn("no run" if "nothing" in arguments else "has no run", errors)


if __name__ == "__main__":
    unittest.main()
