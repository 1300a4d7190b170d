# SPDX-License-Identifier: BSD-3-Clause
"""What gemmule perf ab has said: JSON of it, and the section that it becomes."""
from dataclasses import dataclass, field

from gemmule_perf.report.cells import CellScale, cell_head, interval_cell
from gemmule_perf.report.charts import legend
from gemmule_perf.report.inputs import Ratio, finite, ratio_of, read_json, shaped
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, note, table
from gemmule_perf.report.words import INTERVALS, bracket, percent, readable, said, times

KINDS = {"slower": "worse", "faster": "better", "same": "same"}


@dataclass(frozen=True)
class Case:
    name: str
    verdict: str
    ratio: Ratio  # how many times as long the new side takes
    floor: float  # what two equal sides differed by in the same run; None: not known
    threshold: float
    allowed: str  # why it may be slower

    @property
    def kind(self):
        return KINDS.get(self.verdict, "unclear")


@dataclass
class Comparison:
    outcome: str
    conclusion: str
    base: str
    new: str
    cases: list = field(default_factory=list)
    canaries: list = field(default_factory=list)  # sentences

    @property
    def slower(self):
        return [case for case in self.cases if case.verdict == "slower"]


def read_ab(path):
    return shaped(path, "gemmule perf ab --json")(comparison_of, read_json(path))


def comparison_of(document):
    base, new = (str(document[side]["name"]) for side in ("base", "new"))
    found = Comparison(str(document["outcome"]), str(document.get("conclusion", "")), base, new)
    for case in document["cases"]:
        ratio = ratio_of(case["ratio"], (case.get("low"), case.get("high")))
        if ratio:
            floor, threshold = finite(case.get("floor")), finite(case.get("threshold"))
            allowed = str(case.get("allowed", ""))
            found.cases.append(Case(str(case["name"]), str(case["verdict"]), ratio, floor, threshold, allowed))
    for canary in document.get("canaries", []):
        ratio = ratio_of(canary["ratio"])
        moved = "moved" if canary.get("moved") else "at rest"
        by = f", {percent(ratio.value)}" if ratio else ""
        found.canaries.append(f"{readable(str(canary['name']))[0]} {moved}{by}")
    return found


def section(files):
    found = Section("verdicts", "Verdicts")
    found.how = ["No data: ", command("gemmule perf ab BASE NEW --json > FILE"), ", then --ab FILE."]
    if not any(file.cases for file in files):
        return found
    found.status = ", ".join(file.outcome for file in files)
    found.intro = "How many times as long the new side takes as the base, from processes that ran in turns."
    found.content = [part for file in files for part in parts_of(file)]
    return found


def parts_of(file):
    parts = [
        element("h3", file.new, element("span", " beside ", class_="note"), file.base),
        element("p", file.conclusion or file.outcome),
    ]
    if file.canaries:
        parts.append(note(f"Canaries: {'; '.join(file.canaries)}."))
    scale = CellScale([value for case in file.cases for value in case.ratio.values])
    columns = [
        Column("case", "name"),
        Column(cell_head(scale), "plot"),
        Column("takes", "num"),
        Column("95\u202f%", "num", True),
        Column("", "text"),
    ]
    rows = []
    for case in sorted(file.cases, key=lambda case: (case.verdict != "slower", -case.ratio.value, case.name)):
        dot = interval_cell(scale, case.ratio, case.kind)
        words = said(case.kind, case.verdict + (f", allowed: {case.allowed}" if case.allowed else ""))
        rows.append((readable(case.name)[0], dot, times(case.ratio.value), bracket(case.ratio), words))
    return parts + ([legend(INTERVALS), table(columns, rows)] if rows else [])
