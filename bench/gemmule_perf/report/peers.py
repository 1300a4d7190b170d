# SPDX-License-Identifier: BSD-3-Clause
"""Other libraries: JSON of the benchmarks that run them in turns with ours, and the section that it becomes."""
import math
from dataclasses import dataclass, field

from gemmule_perf.report.cells import CellScale, bar_cell, cell_head
from gemmule_perf.report.inputs import Ratio, median, ratio_of, read_json, shaped
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, details, note, table
from gemmule_perf.report.words import TIE, bracket, duration, of_threads, plural, said, times

OURS = "gemmule"
BOUNDS = {"copy", "unmasked"}  # subjects of gemmule_bench_attention that do other work
CALLS = {"plain": "Plain calls", "plan": "Planned", "packed": "Planned and packed"}


@dataclass(frozen=True)
class Timing:
    subject: str
    kind: str  # plain, plan, packed
    ours: bool
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """Ours beside the fastest peer that prepares no more. The ratio is how many times as fast ours is."""

    name: str
    kind: str
    seconds: float
    peer: str
    peer_seconds: float
    ratio: Ratio

    @property
    def verdict(self):
        return self.ratio.verdict(TIE)


@dataclass(frozen=True)
class Problem:
    name: str
    operations: float
    bytes: float  # of the operands, each counted once
    timings: tuple


@dataclass
class Peers:
    path: str
    title: str
    isa: str
    type: str
    threads: int
    descriptions: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)
    comparisons: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    fma: float = None
    read: float = None
    version: str = ""
    machine: str = ""
    held: bool = False  # gemmule was held to a lower instruction set than it has, which its peers are not


def read_peers(path):
    document = read_json(path)
    what = "gemmule_bench_gemm, gemmule_bench_attention or bench/peers/attention.py --json"
    if isinstance(document, list):
        read = python_peers
    else:
        read = gemm_peers if isinstance(document, dict) and "subjects" in document else attention_peers
    return shaped(path, what)(lambda document: read(path, document), document)


def mark_held(files):
    """A file whose FMA peak is far below that of another of its type and threads was measured with --isa."""
    for file in files:
        best = max((f.fma for f in files if f.fma and (f.type, f.threads) == (file.type, file.threads)), default=0)
        file.held = bool(file.fma) and file.fma < 0.7 * best


def peers_of(path, document, what, kind):
    """Without results: what all of the files of C++ programs begin with."""
    isa, threads = str(document["isa"]), int(document["threads"])
    found = Peers(path, f"{what}, {kind}, {isa}, {of_threads(threads)}", isa, kind, threads)
    found.version = str(document.get("gemmule", ""))
    found.fma = median([peak for result in document["results"] for peak in result.get("fma_peak", [])])
    found.read = median([read for result in document["results"] for read in result.get("read_bandwidth", [])])
    return found


def right_times(result, name, found):
    """{subject: (seconds, what is said of it)} of a result. What is wrong is named, and no time of it counts."""
    times = {}
    for one in result["times"]:
        subject, seconds = str(one["subject"]), median(one.get("seconds"))
        if one.get("wrong"):
            found.wrong.append(f"{subject} at {name}")
        elif seconds:
            times[subject] = (seconds, one)
    return times


def gemm_peers(path, document):
    found = peers_of(path, document, "GEMM", str(document["type"]))
    if document.get("cold"):
        found.title += ", cold operands"
    subjects = {str(subject["name"]): subject for subject in document["subjects"]}
    found.descriptions = {
        name: str(one.get("description", "")) for name, one in subjects.items() if not one.get("ours")
    }
    for result in document["results"]:
        m, n, k = (int(result[key]) for key in "mnk")
        if min(m, n, k) < 1:
            raise ValueError(f"{m} x {n} x {k} is no product")
        name = f"{m}×{n}×{k}" + (" B transposed" if result.get("transposed") else "")
        times, timings = right_times(result, name, found), []
        for subject, (seconds, one) in times.items():
            of, ratio = subjects.get(subject, {}), ratio_of(one.get("ratio"), one.get("interval"))
            kind, peer = str(of.get("kind", "plain")), str(one.get("peer", ""))
            timings.append(Timing(subject, kind, bool(of.get("ours")), seconds))
            if ratio and kind in CALLS:
                theirs = times[peer][0] if peer in times else None
                found.comparisons.append(Comparison(name, kind, seconds, peer, theirs, ratio))
        size = (8 if found.type == "f64" else 4) * (m * k + k * n + m * n)
        found.problems.append(Problem(name, 2.0 * m * n * k, float(size), tuple(timings)))
    return found


def attention_peers(path, document):
    found = peers_of(path, document, "Attention and softmax beside their composition", "f32")
    for result in document["results"]:
        name = name_of(result)
        times = right_times(result, name, found)
        peers = {subject: time for subject, time in times.items() if subject not in BOUNDS | {OURS}}
        if OURS in times and peers:
            peer = min(peers, key=lambda subject: (peers[subject][0], subject))
            seconds, one = peers[peer]
            ratio = ratio_of(one.get("ratio"), one.get("interval")) or Ratio(seconds / times[OURS][0])
            found.comparisons.append(Comparison(name, "plain", times[OURS][0], peer, seconds, ratio))
    return found


def python_peers(path, document):
    found = Peers(path, "Attention and softmax beside Python libraries, f32", "", "f32", 0)
    for result in document:
        name = name_of(result)
        found.wrong += [f"{subject} at {name}" for subject in result.get("wrong", {})]
        ratio, ours = ratio_of(result.get("ratio"), result.get("interval")), median(result["seconds"].get(OURS))
        if ratio and ours:
            peer = str(result.get("better", ""))
            found.comparisons.append(Comparison(name, "plain", ours, peer, median(result["seconds"].get(peer)), ratio))
    return found


def name_of(result):
    return " ".join(str(result[key]) for key in ("group", "name", "label") if result.get(key))


def geometric_mean(comparisons):
    return math.exp(sum(math.log(one.ratio.value) for one in comparisons) / len(comparisons))


def losses(comparisons):
    return [one for one in comparisons if one.verdict == "worse"]


def section(files):
    found = Section("peers", "Beside other libraries")
    found.how = ["No data: ", command("gemmule bench gemm --peer NAME=PATH --json > FILE"), ", then --peers FILE."]
    if not any(file.comparisons for file in files):
        return found
    found.status = plural(sum(len(file.comparisons) for file in files), "comparison")
    found.intro = (
        "How many times as fast gemmule is as the fastest peer that prepares no more than it does: above 1 it wins. "
        "Faster and slower are said where all of the 95\u202f% interval is beyond 3\u202f%."
    )
    found.content = [part for file in files for part in parts_of(file)]
    return found


def parts_of(file):
    parts = [element("h3", file.title, element("span", f" – {file.path}", class_="note"))]
    if file.held:
        parts.append(note(f"gemmule was held to {file.isa} here. Its peers were not, and are not in the summary."))
    if file.wrong:
        parts.append(note(f"Wrong results, left out: {', '.join(file.wrong)}."))
    if file.descriptions:
        peers = [element("li", f"{name}: {words}", class_="note") for name, words in file.descriptions.items()]
        parts.append(details(plural(len(peers), "peer"), element("ul", peers)))
    if not file.comparisons:
        parts.append(note("Nothing to compare with: no peer, or none with a right result."))
    for kind, call in CALLS.items():
        rows = [comparison for comparison in file.comparisons if comparison.kind == kind]
        if rows:
            title = f"{call}: {times(geometric_mean(rows))} in the geometric mean of {plural(len(rows), 'problem')}"
            parts.append(details(f"{title}, {len(losses(rows))} slower", peers_table(rows), open_=kind == "plain"))
    return parts


def peers_table(rows):
    scale = CellScale([row.ratio.value for row in rows])
    columns = [
        Column("problem", "name"),
        Column("gemmule", "num", True),
        Column("fastest peer", "text"),
        Column("takes", "num", True),
        Column(cell_head(scale), "plot"),
        Column("as fast", "num"),
        Column("95\u202f%", "num", True),
        Column("", rest=True),
    ]
    lines = []
    for row in rows:
        bar = bar_cell(scale, row.ratio.value, row.verdict)
        ours, theirs = duration(row.seconds), duration(row.peer_seconds)
        ratio, interval = times(row.ratio.value), bracket(row.ratio)
        lines.append((row.name, ours, row.peer, theirs, bar, ratio, interval, said(row.verdict)))
    return table(columns, lines)
