# SPDX-License-Identifier: BSD-3-Clause
"""The sweep of sizes: CSV or JSON of it, its cliffs, and the section that it becomes."""
import csv
import io
import math
from collections import defaultdict
from dataclasses import dataclass, field

from gemmule_perf.report import charts
from gemmule_perf.report.inputs import median, read_json, read_text, shaped
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, details, figure, table
from gemmule_perf.report.words import of_threads, plural, times

WORST = 12  # cliffs that are shown at once
CLIFF = 1.05  # a size that takes longer than this many times a larger one


@dataclass(frozen=True)
class Cliff:
    subject: str
    size: int
    rate: float
    ratio: float  # its time over that of the larger size
    larger: int


@dataclass
class Curve:
    subject: str
    sizes: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    costs: list = field(default_factory=list)  # operations that the machine could have done meanwhile
    series: int = 0


@dataclass
class SweepPanel:
    line: str
    conditions: str
    curves: list
    cliffs: list = field(default_factory=list)
    confirmed: bool = False  # the cliffs were measured again, beside the larger size
    peak: float = None
    step: int = 1  # between neighbouring sizes

    @property
    def axis(self):
        return "M = N = K" if self.line == "square" else f"{self.line.upper()}, the others 256"

    @property
    def title(self):
        return self.axis + (f"; {self.conditions}" if self.conditions else "")


def operations_of(line, size):
    return 2.0 * size**3 if line == "square" else 2.0 * 256 * 256 * size


def read_sweep(path):
    """[SweepPanel] of what a sweep prints: CSV, or one JSON object. CSV of older programs does not name its cliffs."""
    content = read_text(path)
    if content.lstrip()[:1] == "{":
        return shaped(path, "a sweep")(sweep_json, read_json(path))
    return shaped(path, "a sweep")(sweep_csv, content)


def sweep_csv(content):
    rows = list(csv.DictReader(io.StringIO(content)))
    if not rows or "cliff" not in rows[0]:
        return sweep_panels(rows, None, "")
    return sweep_panels(rows, [{**row, "larger": row["cliff"]} for row in rows if row["cliff"]], "")


def sweep_json(document):
    threads = of_threads(document["threads"]) if document.get("threads") else None
    transposed = "B transposed" if document.get("transposed") else None
    words = [document.get("type"), document.get("isa"), threads, transposed]
    return sweep_panels(document["points"], document["cliffs"], ", ".join(str(word) for word in words if word))


def sweep_panels(rows, cliffs, conditions):
    if not rows:
        raise ValueError("it has no measurements")
    lines = defaultdict(dict)
    for number, row in enumerate(rows, 1):
        try:
            line, subject, size = str(row["sweep"]), str(row["subject"]), int(row["size"])
            rate, of_peak = float(row["gflops"]), float(row["of_peak"])
            if not (0 < size < 10**9 and 0 < rate < math.inf and 0 < of_peak < math.inf):
                raise ValueError("a number is out of range")
        except (TypeError, ValueError) as error:
            raise ValueError(f"measurement {number}: {error}") from error
        curve = lines[line].setdefault(subject, Curve(subject))
        curve.sizes.append(size)
        curve.rates.append(rate)
        curve.costs.append(operations_of(line, size) / of_peak)
    panels = [sweep_panel(SweepPanel(line, conditions, list(curves.values()))) for line, curves in lines.items()]
    for panel in panels:
        if cliffs is None:
            panel.cliffs = [
                c for curve in panel.curves if curve.subject.startswith("gemmule") for c in cliffs_of(curve)
            ]
        else:
            panel.confirmed = True
            panel.cliffs = [cliff_of(row, panel) for row in cliffs if str(row["sweep"]) == panel.line]
    return panels


def cliff_of(row, panel):
    subject, size = str(row["subject"]), int(row["size"])
    rates = [
        r for curve in panel.curves if curve.subject == subject for s, r in zip(curve.sizes, curve.rates) if s == size
    ]
    if not rates:
        raise ValueError(f"a cliff at {size} of {subject}, where nothing was measured")
    return Cliff(subject, size, rates[0], float(row["ratio"]), int(row["larger"]))


def sweep_panel(panel):
    line, curves = panel.line, panel.curves
    peaks = [
        rate * cost / operations_of(line, size) for c in curves for size, rate, cost in zip(c.sizes, c.rates, c.costs)
    ]
    panel.peak = median(peaks)
    for number, curve in enumerate(curves):
        order = sorted(range(len(curve.sizes)), key=lambda i: curve.sizes[i])
        curve.sizes, curve.rates, curve.costs = (
            [values[i] for i in order] for values in (curve.sizes, curve.rates, curve.costs)
        )
        curve.series = number % 7
        steps = [b - a for a, b in zip(curve.sizes, curve.sizes[1:])]
        panel.step = max([panel.step, *steps])
    return panel


def cliffs_of(curve):
    """Sizes that take more than CLIFF times as long as a larger one: zeros around the matrix would have been faster."""
    found, best = [], None
    for i in range(len(curve.sizes) - 1, -1, -1):
        if best is None or curve.costs[i] < curve.costs[best]:
            best = i
        elif curve.costs[i] > CLIFF * curve.costs[best] and curve.sizes[i] < curve.sizes[best]:
            ratio = curve.costs[i] / curve.costs[best]
            found.append(Cliff(curve.subject, curve.sizes[i], curve.rates[i], ratio, curve.sizes[best]))
    return found[::-1]


def section(panels):
    found = Section("sweep", "Size sweep")
    found.how = ["No data: ", command("gemmule bench sweep gemm 1..2048 > FILE"), ", then --sweep FILE."]
    if not panels:
        return found
    cliffs = [(panel, cliff) for panel in panels for cliff in panel.cliffs]
    sizes = sum(len(curve.sizes) for panel in panels for curve in panel.curves)
    found.status = f"{plural(sizes, 'size')}, {plural(len(cliffs), 'cliff')}"
    found.intro = (
        "A cliff is a size that takes more than 1.05 of the time of a larger one: zeros around the matrix would "
        "have been faster."
    )
    if not cliffs:
        found.intro += " There is none."
    elif not all(panel.confirmed for panel in panels):
        found.intro += " These come from one measurement of each size, and some of them may be noise."
    subjects = dict.fromkeys((curve.series, curve.subject) for panel in panels for curve in panel.curves)
    entries = [("line", series, name) for series, name in subjects] + ([(2, "bad", "a cliff")] if cliffs else [])
    pictures = [figure(panel.title, charts.sweep(panel)) for panel in panels]
    found.content = [charts.legend(entries), element("div", pictures, class_="medium"), cliffs_table(cliffs)]
    return found


def cliffs_table(cliffs):
    if not cliffs:
        return None
    columns = [
        Column("sweep"),
        Column("size", "num"),
        Column("takes", "num"),
        Column("of the time of", "num"),
        Column("", "fill"),
    ]
    worst = sorted(cliffs, key=lambda pair: (-pair[1].ratio, pair[0].title, pair[1].size))
    rows = [(panel.title, cliff.size, times(cliff.ratio), cliff.larger, "") for panel, cliff in worst]
    shown = [table(columns, rows[:WORST], "Cliffs, the worst first")]
    if len(rows) > WORST:
        shown.append(details(f"{len(rows) - WORST} more cliffs", table(columns, rows[WORST:])))
    return shown
