# SPDX-License-Identifier: BSD-3-Clause
"""Rooflines: a panel for each instruction set, type and number of threads, of a history's newest results or of files
with peers. Intensity counts each operand once, whatever the algorithm moves.
"""
import re
import statistics
from dataclasses import dataclass, field

from gemmule_perf.report import charts
from gemmule_perf.report.inputs import positive
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, details, figure, responsive, table
from gemmule_perf.report.words import figures, of_threads, plural, readable

SOFTMAX_OPERATIONS = 16  # an element: the exponential, as gemmule_bench counts it
READS = ("memory/read", "canary/read")  # best first: what is more than a cache holds


@dataclass(frozen=True)
class RoofPoint:
    name: str
    short: str
    subject: str
    ours: bool
    series: int  # of the colours
    intensity: float
    rate: float  # GFLOP/s


@dataclass
class RoofPanel:
    title: str
    source: str
    fma: float  # GFLOP/s
    read: float  # GB/s, or None
    subjects: list  # [(name, series)], ours first
    points: list = field(default_factory=list)


def of_machine(machine):
    """Panels of the newest result of each series of a machine."""
    groups, fma, read = {}, {}, {}
    for series in machine.series:
        counters = {name: positive(value) for name, value in series.points[-1].counters.items()}
        axes = dict(part.split(":", 1) for part in series.name.split("/") if ":" in part)
        key = (axes.get("isa", "any"), "f64" if series.name.startswith("dgemm") else "f32", axes.get("thr", "1"))
        rate, bandwidth = counters.get("GFLOP/s"), counters.get("GB/s")
        if series.name.startswith("canary/fma"):
            fma[key] = rate
        elif series.name.startswith(READS):
            if bandwidth and (key[::2] not in read or series.name.startswith(READS[0])):
                read[key[::2]] = bandwidth
        elif not series.of_machine:
            elements, part = counters.get("Gelement/s"), counters.get("of_peak")
            rate = rate or (elements and elements * SOFTMAX_OPERATIONS)
            if rate and bandwidth:
                short = re.sub("^[sd]gemm (NN )?", "", readable(series.name)[0])
                point = RoofPoint(series.name, short, "gemmule", True, 0, rate / bandwidth, rate)
                groups.setdefault(key, []).append((point, rate / part if part else None))
    panels = []
    for (isa, kind, threads), members in groups.items():
        beside = [peak for _, peak in members if peak]
        peak = fma.get((isa, kind, threads)) or (statistics.median(beside) if beside else None)
        if peak:
            title = f"{isa}, {kind}, {of_threads(threads)}"
            panel = RoofPanel(title, "the newest runs of the history", peak, read.get((isa, threads)), [("gemmule", 0)])
            panel.points = [point for point, _ in members]
            panels.append(panel)
    return sorted(panels, key=lambda panel: (-panel.fma, panel.title))


def of_peers(files):
    """A panel for all files of one instruction set, type and number of threads: calls without preparation."""
    groups = {}
    for file in files:
        if file.fma and any(problem.operations and problem.timings for problem in file.problems):
            groups.setdefault((file.isa, file.type, file.threads), []).append(file)
    panels = [panel_of(f"{isa}, {kind}, {of_threads(str(n))}", members) for (isa, kind, n), members in groups.items()]
    return sorted(panels, key=lambda panel: (-panel.fma, panel.title))


def panel_of(title, files):
    timings = [
        (problem, timing)
        for file in files
        for problem in file.problems
        for timing in problem.timings
        if problem.operations and timing.kind == "plain"
    ]
    others = list(dict.fromkeys(timing.subject for _, timing in timings if not timing.ours))
    subjects = [("gemmule", 0)] + [(name, 1 + i % 6) for i, name in enumerate(others)]
    reads = [file.read for file in files if file.read]
    fma = statistics.median(file.fma for file in files) / 1e9
    panel = RoofPanel(
        title, ", ".join(file.path for file in files), fma, statistics.median(reads) / 1e9 if reads else None, subjects
    )
    series = dict(subjects)
    for problem, timing in timings:
        panel.points.append(
            RoofPoint(
                problem.name,
                problem.name,
                timing.subject,
                timing.ours,
                0 if timing.ours else series[timing.subject],
                problem.operations / problem.bytes,
                problem.operations / timing.seconds / 1e9,
            )
        )
    return panel


def section(machines, peers):
    found = Section("roofline", "Roofline")
    found.how = [
        "No data: ",
        command("gemmule perf run"),
        " records cases with their operations and bytes (--history), ",
        command("gemmule_bench_gemm --json"),
        " those of other libraries (--peers).",
    ]
    panels = (of_machine(machines[0]) if machines else []) + of_peers(peers)
    if not panels:
        return found
    parts = []
    for panel in panels:
        parts.append(element("h3", panel.title))
        legend = [(series and 1 + (series - 1) % 6, series, name) for name, series in panel.subjects]
        picture = responsive(lambda w, h, panel=panel: charts.roofline(panel, w, h), (960, 430), (640, 400), (372, 400))
        parts.append(figure(element("span", "From ", panel.source, class_="note"), charts.legend(legend), picture))
        rows = sorted(panel.points, key=lambda point: (point.intensity, point.name, not point.ours, point.subject))
        columns = [
            Column("case", "name"),
            Column("subject", "text"),
            Column("operations a byte", "num"),
            Column("GFLOP/s", "num"),
            Column("of FMA peak", "num"),
        ]
        cells = [
            (p.short, p.subject, figures(p.intensity), figures(p.rate), f"{100 * p.rate / panel.fma:.0f}\u202f%")
            for p in rows
        ]
        parts.append(details(plural(len(rows), "point") + " as a table", table(columns, cells)))
    found.status = plural(len(panels), "panel") + ", " + plural(sum(len(panel.points) for panel in panels), "point")
    found.intro = (
        "Each point is a case: how many operations it does for each byte of its operands, each counted once, and "
        "how many of them in a second. The roofs are what this machine's FMA loop and its reading of memory "
        "reached in the same runs. Cases whose operands stay in a cache may lie above the slope. Softmax counts "
        "16 operations an element."
    )
    found.content = parts
    return found
