# SPDX-License-Identifier: BSD-3-Clause
"""The report: one page that stands alone, says what is missing, and lets no label of a file become markup."""
import json
import random
import re
import unittest
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

from support import PerfTest, make_run, store

from gemmule_perf.report import style, svg
from gemmule_perf.report.markup import VOID
from gemmule_perf.report.words import figures, percent, readable

HOSTILE = "<script>alert(1)</script>\"'&\x00\u202e</title></svg></style>"
CASES = (
    "sgemm/NN/m:64/n:64/k:64/thr:1/isa:avx512",
    "dgemm/NT/m:256/n:256/k:256/thr:2/isa:avx2",
    "softmax/rows:16/cols:4096/thr:1/isa:avx512",
    "canary/fma/thr:1/isa:avx512",
    "canary/read/thr:1/isa:avx512",
)


class Balance(HTMLParser):
    """Every element is closed where it belongs; remembers elements and attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID, tag
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def parsed(text):
    page = Balance()
    page.feed(text)
    page.close()
    assert not page.open, page.open
    return page


def stepped(count=40, at=20, **changes):
    """Runs of which the first case takes 10 % longer from one of them on."""
    runs = []
    for number in range(count):
        by = [1.1 if number >= at else 1.0] + [1.0] * (len(CASES) - 1)
        runs.append(make_run(number, CASES, by, label=f"v{number}", **changes))
    return runs


def gemm_document(name="peer", seconds=2e-6, ratio=2.0):
    def times(subject, value, **more):
        return {"subject": subject, "wrong": False, "error": 0, "seconds": [value] * 7, **more}

    ours = {"peer": name, "ratio": ratio, "interval": [ratio * 0.99, ratio * 1.01]}
    return {
        "gemmule": "0.1.0",
        "isa": "avx512",
        "type": "f32",
        "threads": 1,
        "cold": False,
        "cache_bytes": 1 << 25,
        "subjects": [
            {"name": "gemmule", "kind": "plain", "description": "ours", "ours": True},
            {"name": name, "kind": "plain", "description": "theirs " + name, "ours": False},
        ],
        "results": [
            {
                "group": "small",
                "m": 64,
                "n": 64,
                "k": 64,
                "transposed": False,
                "fma_peak": [2.4e11] * 7,
                "read_bandwidth": [3e10] * 7,
                "times": [times("gemmule", seconds / ratio, **ours), times(name, seconds)],
            }
        ],
    }


def tuned_document():
    gain = {"source": "exact", "choice": "tile=gemm_f32_8x48", "gain": 1.2, "interval": [1.1, 1.3]}
    same = {"source": "exact", "choice": "model", "gain": 1, "interval": [None, None]}
    return {
        "gemmule": "0.1.0",
        "machine": "x86",
        "isa": "avx512",
        "threads": 1,
        "entries": 2,
        "mean": 1.1,
        "mean_interval": [1.05, 1.15],
        "noise": 0.01,
        "results": [{"problem": "op=gemm type=f32 m=64 n=64 k=64", **gain}, {"problem": "op=softmax rows=8", **same}],
    }


def ab_document(verdict="slower", name=CASES[0]):
    case = {
        "name": name,
        "verdict": verdict,
        "base": 1e-3,
        "new": 1.05e-3,
        "ratio": 1.05,
        "low": 1.04,
        "high": 1.06,
        "p": 1e-4,
        "floor": 0.004,
        "threshold": 0.02,
        "pairs": 20,
    }
    return {
        "schema": 1,
        "outcome": verdict,
        "conclusion": f"{verdict}: {name}",
        "base": {"name": "v1"},
        "new": {"name": "v2"},
        "cases": [case],
        "canaries": [{"name": "canary/fma", "moved": False, "ratio": 1.001}],
    }


SWEEP = "sweep,size,subject,ns,gflops,of_peak\n" + "".join(
    f"square,{size},gemmule,1,{50 if size == 17 else 100},{0.25 if size == 17 else 0.5}\n" for size in range(1, 33)
)


def selftest_document(name=CASES[0]):
    def comparison(percent, found, interval):
        key = "found" if percent else "alarms"
        ratios = {name: [1.001, 0.999, 1.003], "softmax/rows:1": [1.0, None, None]}
        return {
            "side": f"{percent}",
            "percent": percent,
            "trials": 100,
            key: found,
            "rate": found / 100,
            "interval": interval,
            "inconclusive": 1,
            "ratios": ratios,
        }

    return {
        "schema": 1,
        "holds": True,
        "broken": [],
        "open": [],
        "trials": 100,
        "seconds_a_side": {"median": 8.0, "most": 9.0},
        "comparisons": [comparison(0, 0, [0.0, 0.036]), comparison(5.0, 97, [0.91, 0.99])],
    }


class Report(PerfTest):
    def report(self, *arguments, code=0):
        """(page, standard error) of a report that ends so."""
        output = self.path("report.html")
        ended, out, errors = self.perf("report", "-o", output, *arguments)
        self.assertEqual((ended, out), (code, ""), errors)
        return Path(output).read_text(encoding="utf-8"), errors

    def refused(self, *arguments, code=2):
        ended, out, errors = self.perf("report", "-o", self.path("report.html"), *arguments)
        self.assertEqual((ended, out), (code, ""))
        self.assertFalse(Path(self.path("report.html")).exists())
        return errors

    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch("os.fsync"))  # hundreds of runs that no crash threatens

    def json(self, name, document):
        return self.write(name, json.dumps(document))

    def everything(self):
        store(self.path("h"), *stepped())
        return (
            "--history",
            self.path("h"),
            "--peers",
            self.json("peers.json", gemm_document()),
            "--sweep",
            self.write("sweep.csv", SWEEP),
            "--tuned",
            self.json("tuned.json", tuned_document()),
            "--ab",
            self.json("ab.json", ab_document()),
            "--selftest",
            self.json("trials.json", selftest_document()),
        )

    def test_everything_is_on_the_page(self):
        text, errors = self.report(*self.everything())
        self.assertEqual(errors, "")
        page = " ".join(parsed(text).text)
        sections = "Summary, Roofline, History, Size sweep, Verdicts, Self-test, Noise floor, Tuned against untuned, "
        sections += "Beside other libraries, Largest changes of the history"
        numbers = (
            "FMA peak, 240 GFLOP/s; memory, 30.0 GB/s; sgemm NN 64×64×64; +9.9\u202f%; a cliff; 1.200×; 97 of 100; "
        )
        numbers += "power at 5\u202f%: holds.; Geometric mean 1.100×; 0.40\u202f%"
        for part in sections.split(", ") + numbers.split("; "):
            self.assertTrue(part in page, part)
        self.assertFalse("No data" in page)

    def test_all_tags_balance_and_every_picture_is_xml(self):
        text, _ = self.report(*self.everything())
        parsed(text)
        pictures = re.findall(r"<svg.*?</svg>", re.sub(r'<svg[^>]*class="spot".*?</svg>', "", text), re.S)
        self.assertGreater(len(pictures), 10)
        for picture in pictures:
            ElementTree.fromstring(picture)
        ElementTree.fromstring(text.partition("\n")[2])

    def test_the_page_stands_alone(self):
        text, _ = self.report(*self.everything())
        page = parsed(text)
        self.assertFalse({"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags))
        for name, value in page.attributes:
            self.assertFalse(name.startswith("on"), name)
            self.assertNotIn(name, ("src", "srcset", "action", "xlink:href"))
            if name == "href":
                self.assertRegex(value, r"^#\w+$")
        without_names = text.replace("http://www.w3.org/2000/svg", "")
        self.assertNotRegex(without_names, r"https?:|url\(|@import|//cdn")
        self.assertIn("default-src &#39;none&#39;", text)

    def test_the_same_inputs_are_the_same_bytes(self):
        arguments = self.everything()
        self.assertEqual(self.report(*arguments)[0], self.report(*arguments)[0])

    def test_hostile_names_are_words(self):
        fingerprint = {
            "cpu": {"name": HOSTILE},
            "library": {"commit": HOSTILE, "compiler": HOSTILE},
            "caches": {HOSTILE: HOSTILE},
        }
        names = (HOSTILE, f"sgemm/NN/m:{HOSTILE}")
        runs = [
            make_run(n, names, [2.0 if n > 9 else 1.0] * 2, label=HOSTILE, fingerprint=fingerprint) for n in range(20)
        ]
        store(self.path("h"), *runs)
        tuned = tuned_document()
        tuned["results"][0]["problem"] = HOSTILE
        sweep = {
            "points": [{"sweep": HOSTILE, "size": n, "subject": HOSTILE, "gflops": 1, "of_peak": 0.5} for n in (1, 2)],
            "cliffs": [{"sweep": HOSTILE, "size": 1, "subject": HOSTILE, "larger": 2, "ratio": 2}],
            "isa": HOSTILE,
        }
        text, _ = self.report(
            "--history",
            self.path("h"),
            "--peers",
            self.json("p.json", gemm_document(HOSTILE)),
            "--title",
            HOSTILE,
            "--ab",
            self.json("ab.json", ab_document(name=HOSTILE)),
            "--selftest",
            self.json("l.json", selftest_document(HOSTILE)),
            "--tuned",
            self.json("t.json", tuned),
            "--sweep",
            self.json("s.json", sweep),
        )
        page = parsed(text)
        self.assertNotIn("script", page.tags)
        self.assertNotIn("\x00", text)
        self.assertNotIn("\u202e", text)
        self.assertIn("<script>alert(1)</script>", "".join(page.text))
        ElementTree.fromstring(text.partition("\n")[2])

    def test_an_empty_history_is_a_page_that_says_so_and_a_failure(self):
        Path(self.path("h")).mkdir()
        text, errors = self.report("--history", self.path("h"), code=4)
        self.assertIn("nothing was measured", errors)
        words = " ".join(parsed(text).text)
        self.assertIn("Nothing was measured.", words)
        self.assertEqual(words.count("No data"), 8)
        self.assertIn("gemmule perf run --history DIR", words)

    def test_damaged_lines_are_counted_and_shown(self):
        paths = store(self.path("h"), *stepped(12, 6))
        whole = Path(paths[3]).read_text(encoding="utf-8")
        Path(paths[3]).write_text(whole[:-40], encoding="utf-8")
        text, errors = self.report("--history", self.path("h"), code=4)
        words = "".join(parsed(text).text)
        self.assertIn("2\u202fproblems in", words)
        self.assertIn(f"{paths[3]}:7: no JSON", words)
        self.assertIn(f"{paths[3]}:7: no JSON", errors)
        self.assertIn("11\u202fruns", words)

    def test_a_history_of_nothing_but_damage_is_a_failure(self):
        self.write("h/20300101T000000Z-00000000.jsonl", "{")
        text, errors = self.report("--history", self.path("h"), code=4)
        self.assertIn("1\u202fproblem in", text)
        self.assertIn("no JSON", errors)

    def test_a_fingerprint_of_another_shape_is_a_problem_not_a_crash(self):
        bad = make_run(1, CASES, fingerprint={"wisdom": {"entries": "x"}, "openmp": [1], "library": 7, "cpu": "?"})
        store(self.path("h"), make_run(0, CASES), bad)
        text, errors = self.report("--history", self.path("h"), code=4)
        self.assertIn(f"{bad.identifier}.jsonl:1: `cpu` of the fingerprint is '?'", errors)
        self.assertIn(bad.identifier, text)

    def test_another_machine_is_another_series(self):
        other = {"cpu": {"vendor": "W", "name": "Another CPU"}}
        store(self.path("h"), *stepped(20, 30), *[make_run(100 + n, CASES, 2.0, fingerprint=other) for n in range(20)])
        text, _ = self.report("--history", self.path("h"))
        words = "".join(parsed(text).text)
        self.assertIn("Another CPU – 20\u202fruns", words)
        self.assertIn("None of 6 series of the history has changed.", words)

    def test_series_that_are_too_short_are_not_said_to_be_steady(self):
        store(self.path("h"), *stepped(5, 9))
        words = "".join(parsed(self.report("--history", self.path("h"))[0]).text)
        self.assertIn("No change can be found. 3 are shorter than the 8 runs that it takes.", words)

    def test_a_change_that_a_canary_shares_is_the_machine(self):
        runs = [make_run(n, CASES, [1.1 if n >= 20 else 1.0] * len(CASES)) for n in range(40)]
        store(self.path("h"), *runs)
        words = "".join(parsed(self.report("--history", self.path("h"))[0]).text)
        self.assertIn("changes for the worse in the history, 0 for the better, 3 while a canary moved", words)
        self.assertIn("together with canary/fma", words)

    def test_conditions_that_differ_are_named(self):
        fingerprint = make_run().fingerprint
        for start, compiler in ((0, "gcc 12"), (100, "clang 14")):
            runs = [
                make_run(start + n, CASES, fingerprint={**fingerprint, "library": {"compiler": compiler}})
                for n in range(3)
            ]
            store(self.path("h"), *runs)
        words = "".join(parsed(self.report("--history", self.path("h"))[0]).text)
        self.assertIn("3\u202fruns; compiler clang 14", words)

    def test_few_runs_draw(self):
        for count in (1, 2, 3):
            store(self.path(f"h{count}"), *[make_run(n, CASES, samples=1 if n else 2) for n in range(count)])
            text, _ = self.report("--history", self.path(f"h{count}"))
            self.assertNotIn("nan", text.partition("</style>")[2])

    def test_what_is_named_must_be_there(self):
        for option in ("--history", "--peers", "--sweep", "--tuned", "--ab", "--selftest"):
            self.assertIn("missing", self.refused(option, self.path("missing")))
        self.assertIn("nothing to report on", self.refused())

    def test_files_of_another_kind_are_named(self):
        sweep = "sweep,size,subject,gflops,of_peak\nsquare,{},gemmule,1,0.5\n"
        for option, content in (
            ("--peers", "{"),
            ("--peers", "[1]"),
            ("--peers", '{"subjects": 3}'),
            ("--peers", "[" * 100000),
            ("--tuned", "[]"),
            ("--tuned", '{"results": [{}]}'),
            ("--ab", '{"cases": []}'),
            ("--ab", "7"),
            ("--selftest", "{}"),
            ("--selftest", '{"trials": 1, "holds": 1, "comparisons": [{}]}'),
            ("--sweep", ""),
            ("--sweep", "a,b\n1,2\n"),
            ("--sweep", sweep.format("x")),
            ("--sweep", sweep.format(-1)),
            ("--sweep", '{"points": [], "cliffs": []}'),
        ):
            with self.subTest(option=option, content=content[:40]):
                self.assertIn("odd.file: ", self.refused(option, self.write("odd.file", content)))

    def test_an_output_that_cannot_be_written_leaves_nothing(self):
        output = self.path("no", "folder.html")
        code, _, errors = self.perf("report", "-o", output, *self.everything())
        self.assertEqual(code, 4)
        self.assertIn(f"{output} could not be written", errors)

    def test_sweeps_that_name_their_cliffs_are_believed(self):
        sweep = "sweep,size,subject,ns,gflops,of_peak,cliff,ratio\nm,1,gemmule,9,1,0.5,2,1.750\nm,2,gemmule,8,2,0.5,,\n"
        words = " ".join(parsed(self.report("--sweep", self.write("s.csv", sweep))[0]).text)
        self.assertIn("1.750×", words)
        self.assertNotIn("noise included", words)

    def test_intervals_of_few_rounds_are_not_known(self):
        document = gemm_document(ratio=0.5)
        document["results"][0]["times"][0]["interval"] = [0, float("inf")]
        python = [
            {
                "group": "decode",
                "name": "8x1",
                "label": "",
                "seconds": {"gemmule": [1e-3], "torch": [2e-3]},
                "wrong": {"x": 2.0},
                "better": "torch",
                "ratio": 2.0,
                "interval": [1.9, float("inf")],
            }
        ]
        text, _ = self.report("--peers", self.json("p.json", document), "--peers", self.json("q.json", python))
        words = " ".join(parsed(text).text)
        self.assertNotIn("Where we lose", words)
        self.assertEqual(text.count("<span>unclear</span>"), 2)
        self.assertIn("Wrong results, left out: x at decode 8x1.", words)


class Drawing(unittest.TestCase):
    def test_labels_keep_apart_and_inside(self):
        random_ = random.Random(1)
        labels = svg.Labels(svg.Frame(50, 30, 950, 400))
        points = [(random_.uniform(50, 950), random_.uniform(30, 400)) for _ in range(80)]
        for x, y in points:
            labels.block_mark(x, y)
        placed = [labels.place(x, y, "128×768×3072", far=(32, 46, -26)) for x, y in points]
        boxes = labels.taken[len(points) :]
        self.assertEqual(len(boxes), sum(label is not None for label in placed))
        self.assertGreater(len(boxes), 40)
        for number, (left, top, right, bottom) in enumerate(boxes):
            self.assertTrue(50 <= left < right <= 950 and 30 <= top < bottom <= 400)
            for other in boxes[:number] + labels.taken[: len(points)]:
                apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
                self.assertTrue(apart, (boxes[number], other))

    def test_ticks_are_round_and_few(self):
        for low, high in ((0, 1), (0.2, 0.31), (-3, 1e6), (1e-9, 2e-9), (299.7, 300.2)):
            ticks = svg.linear_ticks(low, high, 5)
            self.assertTrue(1 <= len(ticks) <= 5 and low <= ticks[0] <= ticks[-1] <= high * (1 + 1e-9), ticks)
        self.assertEqual(svg.log_ticks(0.25, 128, 6), [0.25, 1.0, 4.0, 16.0, 64.0])

    def test_numbers_are_read(self):
        self.assertEqual(
            [figures(value) for value in (0, 1234567, 0.012345, 9.999)],
            ["0", "1\u2009230\u2009000", "0.0123", "10.00"],
        )
        self.assertEqual(percent(0.92), "−8.0\u202f%")
        self.assertEqual(
            readable("attention/heads:32/kv_heads:8/q:1/kv:4096/d:128/causal/thr:2/isa:avx2"),
            ("attention 32/8×1×4096×128 causal", "avx2, 2 threads"),
        )
        self.assertEqual(readable("dgemm/NT/m:1/n:2/k:3")[0], "dgemm NT 1×2×3")


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Colours(unittest.TestCase):
    def test_contrast(self):
        for group, least in ((style.TEXTS, 4.5), (style.MARKS, 3.0)):
            for name, colours in group.items():
                for scheme, colour in enumerate(colours):
                    for surface in style.SURFACES.values():
                        with self.subTest(name=name, scheme=scheme):
                            self.assertGreaterEqual(contrast(colour, surface[scheme]), least)

    def test_every_colour_has_a_value_and_is_used(self):
        sheet = style.style_sheet()
        known = set(re.findall(r"--(\w+):", sheet)) | {"w"}
        used = set(re.findall(r"var\(--(\w+)\)", sheet))
        self.assertEqual(used - known, set())
        self.assertEqual(sheet.count("{"), sheet.count("}"))


if __name__ == "__main__":
    unittest.main()
