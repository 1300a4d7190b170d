# SPDX-License-Identifier: BSD-3-Clause
"""How much the gate is to be believed here: what gemmule perf selftest has found, and the noise floor of the cases."""
from dataclasses import dataclass, field

from gemmule_perf.report.cells import CellScale, bar_cell, cell_head, interval_cell
from gemmule_perf.report.charts import legend
from gemmule_perf.report.inputs import Ratio, finite, ratio_of, read_json, shaped
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, command, note, table
from gemmule_perf.report.words import INTERVALS, TIE, bracket, plural, readable, share, times


@dataclass(frozen=True)
class Rate:
    """Of one comparison, over its trials."""

    percent: float  # by how much the kernel was made slower; 0: equal sides
    trials: int
    found: int  # false alarms, where the sides were equal
    interval: tuple  # of the rate, in 0 .. 1
    inconclusive: int

    @property
    def what(self):
        return f"a kernel {self.percent:g}\u202f% slower: found" if self.percent else "equal sides: false alarms"


@dataclass
class Selftest:
    trials: int
    seconds: float  # of a side, the median over the trials
    verdict: str
    said: str  # why
    rates: list = field(default_factory=list)
    equal: list = field(default_factory=list)  # [(case, Ratio of equal sides over all trials)]


def read_selftest(path):
    return shaped(path, "gemmule perf selftest --json")(selftest_of, read_json(path))


def selftest_of(document):
    said = [[str(sentence) for sentence in document.get(key, [])] for key in ("broken", "open")]
    verdict = "holds" if document["holds"] else "does not hold" if said[0] else "too few trials to say"
    seconds = finite((document.get("seconds_a_side") or {}).get("median"))
    found = Selftest(int(document["trials"]), seconds, verdict, "; ".join(said[0] or said[1]))
    for comparison in document["comparisons"]:
        by, count = finite(comparison["percent"]), comparison["found" if comparison["percent"] else "alarms"]
        low, high = (finite(value) for value in comparison["interval"])
        if by is None or low is None or high is None:
            raise ValueError("a rate is no number")
        found.rates.append(
            Rate(by, int(comparison["trials"]), int(count), (low, high), int(comparison["inconclusive"]))
        )
        for name, values in comparison.get("ratios", {}).items():
            ratio = ratio_of(values[0], values[1:])
            if ratio and not by:
                found.equal.append((str(name), ratio))
    return found


def section(file):
    found = Section("selftest", "Self-test")
    found.how = ["No data: ", command("gemmule perf selftest --trials 100 --json FILE"), ", then --selftest FILE."]
    if file is None or not file.rates:
        return found
    found.status = file.verdict
    found.intro = (
        "The gate tried on this machine: on a library beside its copy, and beside builds that have a real delay in one "
        "kernel. Rates are of whole comparisons, over all of their cases, with 95\u202f% intervals."
    )
    seconds = f", {file.seconds:.1f}\u202fs a side" if file.seconds else ""
    promise = "At most 1 false alarm in 100 trials and 90\u202f% power at 5\u202f%: "
    promise += f"{file.verdict} ({file.said})" if file.said else file.verdict
    scale = CellScale([1.0], log=False)
    columns = [
        Column("trials of", "name"),
        Column(cell_head(scale, lambda value: f"{100 * value:g}\u202f%"), "plot"),
        Column("found", "num"),
        Column("95\u202f%", "num"),
        Column("inconclusive", "num", True),
    ]
    rows = []
    for rate in file.rates:
        low, high = rate.interval
        value = rate.found / rate.trials if rate.trials else 0.0
        dot = interval_cell(scale, Ratio(value, low, high), "same")
        interval = f"{100 * low:.1f} – {100 * high:.1f}\u202f%"
        rows.append((rate.what, dot, f"{rate.found} of {rate.trials}", interval, rate.inconclusive))
    found.content = [element("p", f"{promise}. {plural(file.trials, 'trial')}{seconds}."), table(columns, rows)]
    return found


def floor(comparisons, selftest):
    """Of each case: in the comparisons, and in the trials of equal sides."""
    found = Section("floor", "Noise floor")
    example = command("gemmule perf ab BASE NEW --json > FILE")
    found.how = ["No data: ", example, " measures it in every comparison; then --ab FILE."]
    cases = [case for file in comparisons for case in file.cases if case.floor is not None]
    equal = selftest.equal if selftest else []
    parts, status = [], []
    if cases:
        parts += [note(FLOOR), floor_table(cases)]
        status.append(f"at most {share(max(case.floor for case in cases))}")
    if equal:
        parts += [note(EQUAL), legend(INTERVALS[:3]), equal_table(equal)]
        status.append(f"{plural(len(equal), 'case')} of the self-test")
    found.status, found.content = ", ".join(status), parts or None
    return found


FLOOR = (
    "What two processes of one and the same library differed by, as a bar; as a stroke the threshold above which a "
    "case counts as slower."
)
EQUAL = (
    "Equal sides in the self-test: the ratio of their times over all trials. What is not 1 is a bias of this machine."
)


def floor_table(cases):
    scale = CellScale([v for case in cases for v in (case.floor, case.threshold) if v], log=False)
    columns = [
        Column("case", "name"),
        Column(cell_head(scale, lambda value: f"{100 * value:g}\u202f%"), "plot"),
        Column("floor", "num"),
        Column("threshold", "num"),
    ]
    rows = []
    for case in sorted(cases, key=lambda case: (-case.floor, case.name)):
        bar = bar_cell(scale, case.floor, "same", case.threshold)
        threshold = share(case.threshold) if case.threshold else "–"
        rows.append((readable(case.name)[0], bar, share(case.floor), threshold))
    return table(columns, rows)


def equal_table(equal):
    scale = CellScale([value for _, ratio in equal for value in ratio.values])
    columns = [
        Column("case", "name"),
        Column(cell_head(scale), "plot"),
        Column("ratio", "num"),
        Column("95\u202f%", "num", True),
    ]
    rows = []
    for name, ratio in sorted(equal, key=lambda pair: (-abs(pair[1].value - 1), pair[0])):
        dot = interval_cell(scale, ratio, ratio.verdict(TIE))
        rows.append((readable(name)[0], dot, times(ratio.value), bracket(ratio)))
    return table(columns, rows)
