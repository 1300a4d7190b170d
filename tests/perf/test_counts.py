# SPDX-License-Identifier: BSD-3-Clause
"""Counts: callgrind's output, recorded (callgrind.out: two cases, by callgrind 3.19); stored counts and what differs
from them; and the command with a valgrind that only plays back what was recorded."""
import contextlib
import io
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from support import HERE, PerfTest

from gemmule_perf import callgrind, command, counts, stored
from gemmule_perf.errors import Inconclusive, MeasurementFailed
from gemmule_perf.stored import Item, Limit

PROGRAM = "/build/bench/gemmule_count"
RECORDED = (HERE / "callgrind.out").read_text(encoding="utf-8")
FACTS = "compiler gcc 12.2.0\nflags -O3 -DNDEBUG\nisa avx2\n"
NAMES = ("call/gemm_f32/4x4x4", "call/gemm_f64/4x4x4")
REPORT = FACTS + "".join(f"case {name}\n" for name in NAMES) + "end 2\n"
KEY = {"compiler": "gcc 12.2.0", "flags": "-O3 -DNDEBUG", "isa": "avx2"}


def parse(text, program=PROGRAM):
    return callgrind.parse(text.splitlines(), program)


class Callgrind(unittest.TestCase):
    def test_parts_have_the_costs_of_functions(self):
        parts = parse(RECORDED)
        self.assertEqual([part.name for part in parts], list(NAMES))
        first = parts[0]
        self.assertEqual(first.events, ("Ir", "Dr", "Dw", "I1mr", "D1mr", "D1mw", "ILmr", "DLmr", "DLmw"))
        self.assertEqual(first.costs["gml_gemm_f32"][:3], [17 + 136 + 3 + 9, 1 + 36 + 1 + 7, 10 + 18 + 1])
        self.assertEqual(first.costs["gml_gemm_f32_6x16_avx2"][0], 98 + 61)
        self.assertEqual(first.total("Ir"), 583)
        self.assertEqual(first.total("D1mr", "D1mw"), 1)

    def test_names_of_the_first_part_are_known_in_the_second(self):
        self.assertIn("gml_fpenv_enter", parse(RECORDED)[1].costs)

    def test_only_the_object_is_counted(self):
        self.assertEqual(parse(RECORDED, "/usr/lib/x86_64-linux-gnu/libc.so.6")[0].total("Ir"), 0)

    def test_clones_are_one_function(self):
        text = ("part: 1\ndesc: Trigger: Client Request: x\nevents: Ir\nob=/p\nfn=f.constprop.0\n0 5\n"
                "fn=f.part.1.cold\n0 2\nfn=f'2\n0 1\nfn=tile_6x2\n0 3\ntotals: 11\n")
        self.assertEqual(parse(text, "/p")[0].costs, {"f": [8], "tile_6x2": [3]})

    def test_what_is_cut_off_is_refused(self):
        lines = RECORDED.splitlines()
        for end in (lines.index("totals: 583 135 88 1 0 1 1 0 1"), 60, len(lines) - 1, len(lines) - 30):
            with self.assertRaisesRegex(MeasurementFailed, "cut off"):
                parse("\n".join(lines[:end]))
        with self.assertRaisesRegex(MeasurementFailed, "adds? up to 582.* 583"):
            parse(RECORDED.replace("\n0 8 2 1\n\nfn=(1296)", "\n0 7 2 1\n\nfn=(1296)", 1))

    def test_what_is_no_number_is_named_by_its_line(self):
        with self.assertRaisesRegex(MeasurementFailed, "line 24: cannot be read"):
            parse(RECORDED.replace("0 17 1 10", "0 17 x 10", 1))


class Report(unittest.TestCase):
    def test_facts_and_names(self):
        self.assertEqual(counts.read_report(REPORT), (KEY, list(NAMES)))

    def test_what_is_cut_off(self):
        for text, sentence in [
            (FACTS, "before its first case"),
            (REPORT.replace("end 2\n", ""), "cut off after case call/gemm_f64/4x4x4"),
            (REPORT.replace("end 2", "end 3"), "counted 2 cases and says 3"),
            (REPORT.replace("flags", "flag"), "does not say its flags"),
        ]:
            with self.assertRaisesRegex(MeasurementFailed, sentence):
                counts.read_report(text)

    def test_a_case_that_callgrind_did_not_see(self):
        with self.assertRaisesRegex(MeasurementFailed, "other: gemmule_count ran it, callgrind has no part"):
            other = REPORT.replace("case call/gemm_f64/4x4x4", "case other")
            counts.measurement(other, RECORDED.splitlines(), PROGRAM, "3")
        with self.assertRaisesRegex(MeasurementFailed, "saw no instruction of /elsewhere"):
            counts.measurement(REPORT, RECORDED.splitlines(), "/elsewhere", "3")


class Compare(unittest.TestCase):
    limits = {"instructions": Limit(0.5), "misses": Limit(3, 128)}

    def compare(self, before, after):
        return [c.sentence() for c in stored.compare(before, after, self.limits)]

    def test_more_names_the_functions(self):
        before = {"gemm": Item({"instructions": 998900}, {"kernel": 900000, "pack": 98900})}
        after = {"gemm": Item({"instructions": 1020000}, {"kernel": 917800, "pack": 98900, "new": 3300})}
        self.assertEqual(self.compare(before, after), [
            "gemm: 1,020,000 instructions, 2.1 % more than the stored 998,900; kernel +17,800, new +3,300"])

    def test_small_parts_are_stored_together(self):
        parts = {"kernel": 9000, "a": 10, "b": 18}
        before = Item({"instructions": 9028}, stored.folded(parts))
        self.assertEqual(before.parts, {"kernel": 9000, "(others)": 28})
        self.assertEqual(stored.folded(before.parts), before.parts)
        for after, changed in [
            (parts, ()),
            ({**parts, "a": 9}, (("(others)", -1),)),
            ({**parts, "b": 300}, (("b", 282),)),
            ({**parts, "kernel": 9050, "c": 1}, (("kernel", 50), ("(others)", 1))),
            ({"a": 9000}, (("kernel", -9000), ("a", 8972))),
        ]:
            self.assertEqual(stored.parts_changed(before, Item({}, after)), changed)

    def test_the_limit_is_of_either_side(self):
        before = {"x": Item({"instructions": 1000})}
        for value, kinds in [(1005, []), (1006, ["more"]), (995, []), (994, ["fewer"])]:
            changes = stored.compare(before, {"x": Item({"instructions": value})}, self.limits)
            self.assertEqual([c.kind for c in changes], kinds)

    def test_misses_may_differ_by_some(self):
        before = {"x": Item({"instructions": 1, "misses": 100}), "y": Item({"instructions": 1, "misses": 10000})}
        after = {"x": Item({"instructions": 1, "misses": 228}), "y": Item({"instructions": 1, "misses": 10301})}
        self.assertEqual(self.compare(before, after), ["y: 10,301 misses, 3.0 % more than the stored 10,000"])

    def test_new_and_gone(self):
        before, after = {"a": Item({"instructions": 1})}, {"b": Item({"instructions": 1})}
        self.assertEqual(self.compare(before, after), ["b: not stored yet", "a: stored, but not measured"])
        before, after = {"a": Item({"loop of 8 FMAs": 9})}, {"a": Item({"loop of 9 FMAs": 9})}
        self.assertEqual(self.compare(before, after), ["a: loop of 9 FMAs: not stored yet",
                                                       "a: loop of 8 FMAs: stored, but not measured"])

    def test_a_loop_is_counted_in_instructions(self):
        before, after = {"f": Item({"loop of 8 FMAs": 10})}, {"f": Item({"loop of 8 FMAs": 11})}
        (change,) = stored.compare(before, after, {})
        self.assertEqual(change.sentence("instructions"),
                         "f: loop of 8 FMAs: 11 instructions, 10.0 % more than the stored 10")

    def test_from_none(self):
        (change,) = stored.compare({"f": Item({"n": 0})}, {"f": Item({"n": 2})}, {})
        self.assertEqual(change.sentence(), "f: 2 n, more than the stored 0")


class Files(PerfTest):
    items = {"b": Item({"instructions": 3, "misses": 0}, {"f": 1, "e": 2}), "a": Item({"loop": 1})}

    def test_what_is_saved_is_read_again(self):
        path = self.path("x.json")
        stored.save(path, KEY, self.items)
        self.assertEqual(stored.load(path), (KEY, self.items))
        self.assertEqual(os.listdir(self.folder), ["x.json"])
        json.loads(Path(path).read_text(encoding="utf-8"))

    def test_a_directory_has_a_file_for_each_key(self):
        path, lines = stored.update(self.folder, KEY, self.items)
        self.assertEqual((path, lines), (self.path("gcc-12.2-avx2.json"), ["nothing was stored before"]))
        self.assertEqual(stored.file_name({**KEY, "kind": "loops"}), "gcc-12.2-avx2-loops.json")
        self.assertEqual(stored.update(self.folder, KEY, self.items)[1], ["no count differs"])

    def test_damaged_files_are_named(self):
        whole = stored.text_of(KEY, self.items)
        for text, sentence in [
            (whole[:-40], "no stored counts, or cut off"),
            (whole.replace('"schema": 1', '"schema": 2'), "not stored counts of schema 1"),
            ("[]", "not stored counts"),
            (whole.replace('"items"', '"item"'), "without their 'items'"),
            (whole.replace('"instructions": 3', '"instructions": "3"'), "counts that are none"),
            (stored.text_of(KEY, {}), "no items"),
        ]:
            with self.assertRaisesRegex(MeasurementFailed, f"bad.json: .*{sentence}"):
                stored.load(self.write("bad.json", text))

    def test_other_keys_are_inconclusive(self):
        stored.update(self.folder, KEY, self.items)
        with self.assertRaisesRegex(Inconclusive, "no counts of clang-14.0-avx2, but of others: gcc-12.2-avx2.json"):
            stored.load_for(self.folder, {**KEY, "compiler": "clang 14.0.6"})
        with self.assertRaisesRegex(Inconclusive, r"flags -O3 -DNDEBUG \(now -O2\), extra none \(now 1\)"):
            stored.load_for(self.folder, {**KEY, "flags": "-O2", "extra": "1"})

    def test_nothing_is_stored_of_nothing(self):
        with self.assertRaisesRegex(MeasurementFailed, "nothing was counted"):
            stored.save(self.path("x.json"), KEY, {})


# Writes what was recorded to where it is asked to, with the program's path for the recorded one, and knows --filter.
VALGRIND = """#!{python} -IS
import sys
from pathlib import Path
if "--version" in sys.argv:
    print("valgrind-3.19.0")
    sys.exit(0)
here = Path(__file__).parent
out = next(a.partition("=")[2] for a in sys.argv if a.startswith("--callgrind-out-file="))
program = next(a for a in sys.argv[1:] if not a.startswith("-"))
Path(out).write_text((here / "recorded").read_text().replace("{program}", program))
wanted = "".join(a.partition("=")[2] for a in sys.argv if a.startswith("--filter="))
lines = [l for l in (here / "report").read_text().splitlines(True) if not l.startswith("case") or wanted in l]
if wanted and lines:
    lines[-1] = "end %d\\n" % sum(l.startswith("case") for l in lines)
sys.stdout.write("".join(lines))
sys.stderr.write((here / "said").read_text())
sys.exit(int((here / "code").read_text()))
"""


class Command(PerfTest):
    def setUp(self):
        super().setUp()
        self.program = self.write("gemmule_count", "")
        self.directory = self.path("stored")
        os.mkdir(self.directory)
        valgrind = self.write("bin/valgrind", VALGRIND.format(python=sys.executable, program=PROGRAM))
        os.chmod(valgrind, 0o755)
        self.write("bin/said", "==1== Process terminating\n==1== LL miss rate: 1 %\n")
        self.play()
        self.enterContext(mock.patch.dict(os.environ, {"PATH": self.path("bin")}))

    def play(self, recorded=RECORDED, report=REPORT, code=0):
        for name, text in (("recorded", recorded), ("report", report), ("code", str(code))):
            self.write(f"bin/{name}", text)

    def longer(self, by=12):
        """One function, and the total, of more instructions; other totals stay."""
        return RECORDED.replace("0 98 11 26", f"0 {98 + by} 11 26", 1).replace("totals: 583", f"totals: {583 + by}", 1)

    def counts(self, *arguments):
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = command.main(["counts", "--program", self.program, "--stored", self.directory, *arguments])
        return code, output.getvalue() + errors.getvalue()

    def expect(self, code, sentence, *arguments):
        found, text = self.counts(*arguments)
        self.assertRegex(text, sentence)
        self.assertEqual(found, code, text)
        return text

    def test_the_same_counts(self):
        self.expect(0, "gcc-12.2-avx2.json: 2 cases stored", "--update")
        self.expect(0, "2 cases, 1,095 instructions, 0 differ", "--strict")
        key, items = stored.load(os.path.join(self.directory, "gcc-12.2-avx2.json"))
        self.assertEqual(key, {**KEY, "valgrind": "3.19", "D1": "32768,8,64", "L2": "262144,8,64"})
        self.assertEqual(items[NAMES[0]].quantities, {"instructions": 583, "D1 misses": 1, "L2 misses": 1})

    def test_a_longer_kernel_is_a_regression_and_named(self):
        self.counts("--update")
        self.play(self.longer())
        self.expect(1, r"call/gemm_f32/4x4x4: 595 instructions, 2.1 % more than the stored 583; "
                    r"gml_gemm_f32_6x16_avx2 \+12\n")
        self.expect(0, "0 differ", "--limit", "2.1")
        self.expect(0, "0 differ", "--filter", "f64")
        data = json.loads(self.counts("--json")[1])
        self.assertEqual((data["exit"], data["changes"][0]["functions"]), (1, {"gml_gemm_f32_6x16_avx2": 12}))
        self.expect(1, r"\| call/gemm_f32/4x4x4 \| instructions \| 583 \| 595 \| \+2.1 % \| "
                    r"`gml_gemm_f32_6x16_avx2` \+12 \|", "--markdown")
        self.expect(0, "595 instructions, 2.1 % more than the stored 583", "--update")
        self.expect(0, "0 differ")

    def test_fewer_instructions_want_an_update(self):
        self.play(self.longer())
        self.counts("--update")
        self.play()
        self.expect(0, "2.0 % fewer than the stored 595.*\n.*\n.*--update")
        self.expect(1, "fewer", "--strict")

    def test_cases_that_are_new_or_gone(self):
        one = REPORT.replace(f"case {NAMES[1]}\n", "").replace("end 2", "end 1")
        self.play(report=one)
        self.counts("--update")
        self.play()
        self.expect(0, "f64/4x4x4: not stored yet")
        self.expect(1, "f64/4x4x4: not stored yet", "--strict")
        self.counts("--update")
        self.play(report=one)
        self.expect(4, "f64/4x4x4: stored, but not measured")

    def test_another_key_is_inconclusive(self):
        self.counts("--update")
        self.play(report=REPORT.replace("-O3", "-O2"))
        self.expect(3, r"flags -O3 -DNDEBUG \(now -O2 -DNDEBUG\); nothing can be compared")
        self.play(report=REPORT.replace("gcc 12.2.0", "gcc 14.1.0"))
        self.expect(3, "no counts of gcc-14.1-avx2, but of others")

    def test_a_cpu_without_the_instruction_set_is_inconclusive(self):
        self.write("bin/said", "gemmule_count: no such set\n")
        self.play(report="", code=3)
        self.expect(3, "counts: gemmule_count: no such set$")

    def test_nothing_stored(self):
        self.expect(4, "there are no stored counts; --update stores them")

    def test_what_fails_is_named(self):
        self.counts("--update")
        self.play(code=139)
        self.expect(4, "exited with 139 under valgrind: .*Process terminating")
        self.play(report="")
        self.expect(4, "cut off before its first case")
        self.play(report=FACTS + "end 0\n")
        self.expect(4, "no case was counted")
        self.expect(4, "no case was counted: gemmule_count has none whose names contain 'x'", "--filter", "x")
        self.play(recorded=RECORDED[:-50])
        self.expect(4, "cut off")
        self.write("bin/report", REPORT)
        os.remove(self.path("bin", "valgrind"))
        self.expect(4, "valgrind is not installed")
        os.remove(self.program)
        self.expect(4, "gemmule_count: there is no such program")

    def test_usage(self):
        for arguments in (("--update", "--filter", "x"), ("--limit", "-1"), ("--miss-limit", "nan")):
            self.expect(2, "--update|--limit", *arguments)


# A function with an inner loop of two fused multiply-adds, as objdump prints it, and one without.
DISASSEMBLY = """
0000000000000000 <gml_gemm_f32_1x8_avx2.constprop.0>:
   0:\tvxorps %xmm0,%xmm0,%xmm0
   4:\tvmovups (%rdi),%ymm1
   8:\tvfmadd231ps (%rsi),%ymm1,%ymm0
   c:\tvfmadd231ps 0x20(%rsi),%ymm1,%ymm0
MORE  10:\tadd    $0x20,%rdi
  14:\tcmp    %rdx,%rdi
  18:\tjne    4 <gml_gemm_f32_1x8_avx2.constprop.0+0x4>
  1c:\tret

0000000000000020 <count>:
  20:\tdec    %rdi
  24:\tjne    20 <count>
  28:\tret
"""


class Loops(PerfTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("stored"))
        os.chmod(self.write("objdump", '#!/bin/sh\ncat "${0%/*}/text"\n'), 0o755)

    def expect(self, code, sentence, *arguments, more="", compiler="gcc 12.2.0", text=DISASSEMBLY):
        self.write("text", text.replace("MORE", more))
        run = subprocess.run(
            [sys.executable, "-B", str(HERE.parent.parent / "scripts" / "count-loops.py"), "--objdump",
             self.path("objdump"), "--isa", "avx2", "--compiler", compiler, "--flags=-O3", "--stored",
             self.path("stored"), *arguments, "gemm_f32.c.o"], capture_output=True, text=True, check=False)
        self.assertRegex(run.stdout + run.stderr, sentence)
        self.assertEqual(run.returncode, code)

    def test_one_instruction_more_is_told_with_its_kernel(self):
        self.expect(4, "no stored counts")
        self.expect(0, "the loops of 1 functions stored", "--update")
        self.expect(0, "avx2: 1 inner loops in 1 functions, 0 differ")
        more = "   e:\tnop\n"
        self.expect(1, "gemm_f32.c: gml_gemm_f32_1x8_avx2: loop of 2 FMAs: 7 instructions, 16.7 % more than the stored 6",
                    more=more)
        self.expect(0, "loop of 2 FMAs: 7 instructions", "--update", more=more)
        self.expect(1, "14.3 % fewer than the stored 7")

    def test_what_cannot_be_compared(self):
        self.expect(0, "stored", "--update")
        self.expect(3, "no counts of clang-14.0-avx2-loops, but of others", compiler="clang 14.0.6")
        self.expect(4, "no inner loop was found", text="")


if __name__ == "__main__":
    unittest.main()
