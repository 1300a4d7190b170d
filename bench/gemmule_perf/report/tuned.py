# SPDX-License-Identifier: BSD-3-Clause
"""Tuned against untuned: JSON of gemmule_bench_tuned, and the section that it becomes."""
import math
from dataclasses import dataclass, field

from gemmule_perf.report.cells import CellScale, cell_head, interval_cell
from gemmule_perf.report.charts import legend
from gemmule_perf.report.inputs import Ratio, finite, ratio_of, read_json, shaped
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, note, table
from gemmule_perf.report.words import INTERVALS, bracket, of_threads, plural, share, times


MODEL = "model"  # the choice that is the model's own plan
LOSS = 0.98  # as gemmule_bench_tuned has it


@dataclass(frozen=True)
class Gain:
    problem: str
    source: str
    choice: str
    ratio: Ratio  # the model's time over that of the choice


@dataclass
class Tuned:
    machine: str
    isa: str
    threads: int
    kind: str
    version: str
    mean: Ratio  # None: there is none
    noise: float
    gains: list = field(default_factory=list)


def read_tuned(path):
    return shaped(path, "gemmule_bench_tuned --json")(tuned_of, read_json(path))


def tuned_of(document):
    kind = "problems of no cell of wisdom" if document.get("held_out") else "the problems that were tuned"
    found = Tuned(
        machine=str(document.get("machine", "")),
        isa=str(document["isa"]),
        threads=int(document["threads"]),
        kind=kind + (", caches unknown" if document.get("unknown_caches") else ""),
        version=str(document.get("gemmule", "")),
        mean=ratio_of(document.get("mean"), document.get("mean_interval")),
        noise=finite(document.get("noise")),
    )
    for result in document["results"]:
        ratio = ratio_of(result["gain"], result.get("interval"))
        if ratio:
            source, choice = str(result.get("source", "")), str(result.get("choice", ""))
            found.gains.append(Gain(str(result["problem"]), source, choice, ratio))
    return found


def section(files):
    found = Section("tuned", "Tuned against untuned")
    example = command("gemmule_bench_tuned --tune 60 --root DIR --json > FILE")
    found.how = ["No data: ", example, ", then --tuned FILE."]
    if not any(file.gains for file in files):
        return found
    adopted = sum(gain.choice != MODEL for file in files for gain in file.gains)
    found.status = plural(adopted, "other plan")
    found.intro = (
        "How many times as fast the plan of wisdom is as the one that the model would have chosen, in paired rounds."
    )
    found.content = [part for file in files for part in parts_of(file)]
    return found


def parts_of(file):
    other = [gain for gain in file.gains if gain.choice != MODEL]
    other.sort(key=lambda gain: (-gain.ratio.value, gain.problem))
    mean = f"Geometric mean {times(file.mean.value)} [{bracket(file.mean)}]" if file.mean else "No mean"
    same = f"{len(file.gains) - len(other)} of which keep the model's plan"
    noise = (
        f"; equal plans differ by {share(math.expm1(file.noise))} (95th percentile)" if file.noise is not None else ""
    )
    parts = [
        element("h3", f"{file.isa}, {of_threads(file.threads)}: {file.kind}"),
        note(f"{mean} over {plural(len(file.gains), 'problem')}, {same}{noise}."),
    ]
    if other:
        scale = CellScale([value for gain in other for value in gain.ratio.values])
        columns = [
            Column("problem", "name"),
            Column("wisdom", rest=True),
            Column(cell_head(scale), "plot"),
            Column("as fast", "num"),
            Column("95\u202f%", "num", True),
        ]
        rows = []
        for gain in other:
            dot = interval_cell(scale, gain.ratio, gain.ratio.verdict(LOSS))
            name = problem_words(gain.problem)
            rows.append((name, gain.source, dot, times(gain.ratio.value), bracket(gain.ratio)))
        parts += [legend(INTERVALS), table(columns, rows)]
    return parts


def problem_words(problem):
    """ "op=gemm type=f32 layout=nt0 threads=1 m=1 n=4096 k=4096 batch=1" as "gemm f32 nt0 m 1 n 4096 k 4096"."""
    words = []
    for part in problem.split():
        key, _, value = part.partition("=")
        if key in ("op", "type", "layout"):
            words.append(value)
        elif not (key in ("batch", "threads") and value == "1"):
            words.append(f"{key} {value}" if value else key)
    return " ".join(words)
