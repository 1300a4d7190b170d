# SPDX-License-Identifier: BSD-3-Clause
"""What is told of a comparison: a table for people, Markdown for a merge request, JSON and JUnit for programs."""
import math
from dataclasses import dataclass, field
from xml.etree import ElementTree

from gemmule_perf import judge
from gemmule_perf.errors import Exit
from gemmule_perf.text import change, count, percent, seconds, table
from gemmule_perf.text import markdown as markdown_table

SCHEMA = 1


@dataclass(frozen=True)
class Report:
    verdict: judge.Verdict
    base: str
    new: str
    first: object  # interleave.Samples of both stages; the second one is None where nothing was flagged
    second: object
    seed: int
    settings: dict
    pinned: str = None
    allowed: dict = field(default_factory=dict)  # name of a slower case -> why it may be
    remarks: tuple = ()

    @property
    def slower(self):
        return [case for case in self.verdict.of(judge.SLOWER) if case.name not in self.allowed]

    @property
    def outcome(self):
        if self.verdict.outcome == judge.SLOWER and not self.slower:
            return judge.INCONCLUSIVE if self.verdict.of(judge.UNCLEAR) else judge.FINE
        return self.verdict.outcome

    @property
    def exit(self):
        if not self.verdict.cases:
            return Exit.FAILED
        codes = {judge.SLOWER: Exit.REGRESSION, judge.INCONCLUSIVE: Exit.INCONCLUSIVE, judge.FINE: Exit.FINE}
        return codes[self.outcome]

    @property
    def unconfirmed(self):
        """Empty where the second stage has come to nothing."""
        cases = [] if self.verdict.notes else self.verdict.cases
        return [case for case in cases if case.flagged and case.verdict != judge.SLOWER]

    def said(self, case):
        return f"{case.verdict}, allowed" if case.name in self.allowed else case.verdict


def interval(case):
    return f"[{bound(case.low)}, {bound(case.high)}]"


def bound(value):
    return f"{value:.3f}" if 0 < value < math.inf else ("-" if value == 0 else "inf")


def chance(p):
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def header(report):
    return ["case", "base", "new", "ratio", f"[{100 * report.verdict.rules.confidence:g} %]", "p", "verdict"]


def rows(report):
    for case in report.verdict.cases:
        ratio = [f"{case.ratio:.3f}", interval(case), chance(case.p)]
        yield [case.name, seconds(case.base), seconds(case.new), *ratio, report.said(case)]
    yield ["geometric mean", "", "", f"{report.verdict.geometric_mean:.3f}", "", "", ""]


def conclusion(report):
    """One sentence."""
    cases = count(len(report.verdict.cases), "case")
    if report.outcome == judge.SLOWER:
        listed = ", ".join(f"{case.name} {change(case.ratio)}" for case in report.slower)
        return f"slower, confirmed by fresh pairs: {listed} ({len(report.slower)} of {cases})"
    if report.verdict.notes:
        return "inconclusive: " + "; ".join(report.verdict.notes)
    if report.outcome == judge.INCONCLUSIVE:
        unclear = report.verdict.of(judge.UNCLEAR)
        listed = ", ".join(case.name for case in unclear[:3]) + (", ..." if len(unclear) > 3 else "")
        return f"inconclusive: {len(unclear)} of {cases} too noisy to exclude the threshold: {listed}"
    if report.allowed:
        return f"fine: nothing of {cases} is slower than is allowed"
    return f"fine: nothing of {cases} is slower by more than its threshold"


def again_for(verdict):
    """Why cases were measured again."""
    return [why for why in ("flagged", "unclear") if any(getattr(case, why) for case in verdict.cases)]


def details(report):
    """Sentences that belong to every form of the report."""
    verdict, rules = report.verdict, report.verdict.rules
    lines = []
    for case in report.unconfirmed:
        lines.append(
            f"flagged, and not confirmed by fresh pairs: {case.name}, first {change(case.flagged.ratio)}, "
            f"then {change(case.ratio)}"
        )
    for name, reason in report.allowed.items():
        lines.append(f"allowed to be slower: {name}: {reason}")
    raised = [case for case in verdict.cases if case.threshold > rules.threshold_of(case.name)]
    floor = f"A/A floor: {percent(verdict.floor, 2)} at most"
    if raised:
        listed = (f"{case.name} to {percent(case.threshold)}" for case in raised)
        floor += f"; it raised the threshold of {', '.join(listed)}"
    lines.append(floor)
    for canary in verdict.canaries:
        lines.append(
            f"{canary.name}: {'moved' if canary.moved else 'at rest'}, {canary.ratio:.3f} {interval(canary)}, "
            f"spread {percent(canary.spread)}"
        )
    if not verdict.canaries:
        lines.append("no canary ran along: the suite has none")
    lines += report.first.retried + (report.second.retried if report.second else [])
    lines += report.remarks
    pairs = f"{report.first.pairs} pairs"
    if report.second:
        pairs += f", {report.second.pairs} fresh ones of what was {' or '.join(again_for(report.verdict))}"
    lines.append(
        f"{pairs}; alpha {rules.alpha:g} over all cases, threshold {100 * rules.threshold:g} %, --seed {report.seed}"
    )
    return lines


def text(report):
    sides = [f"base    {report.base}", f"new     {report.new}"]
    sides += [f"pinned  {report.pinned}"] if report.pinned else []
    lines = [*sides, "", *table(header(report), rows(report))]
    return "\n".join([*lines, "", *details(report), "", conclusion(report)]) + "\n"


def markdown(report):
    sides = f"base `{report.base}`, new `{report.new}`" + (f", pinned `{report.pinned}`" if report.pinned else "")
    lines = [f"**gemmule perf**: {conclusion(report)}", "", sides, ""]
    lines += markdown_table(header(report), [[emphasis(cell) for cell in cells] for cells in rows(report)])
    return "\n".join([*lines, "", *(f"- {line}" for line in details(report))]) + "\n"


def emphasis(cell):
    if "/" in cell:
        return f"`{cell}`"  # a case
    return f"**{cell}**" if cell.startswith((judge.SLOWER, judge.FASTER)) else cell


def number(value):
    """JSON has no infinity."""
    return value if isinstance(value, (int, str, bool)) or value is None or math.isfinite(value) else None


def case_document(report, case):
    names = ("name", "verdict", "base", "new", "ratio", "low", "high", "p", "p_faster", "threshold", "floor", "pairs")
    found = {name: number(getattr(case, name)) for name in names}
    if case.name in report.allowed:
        found["allowed"] = report.allowed[case.name]
    first = case.flagged or case.unclear
    if first:
        found["first_stage"] = {name: number(getattr(first, name)) for name in names if name != "name"}
    return found


def document(report):
    """What --json writes. Every sample is in it: the judgement can be made again from it."""
    verdict = report.verdict
    stages = [
        {
            "pairs": stage.pairs,
            "samples": {name: {"base": stage.base[name], "new": stage.new[name]} for name in stage.cases},
        }
        for stage in (report.first, report.second)
        if stage
    ]
    canaries = [
        {name: number(getattr(canary, name)) for name in ("name", "moved", "ratio", "low", "high", "p", "spread")}
        for canary in verdict.canaries
    ]
    return {
        "schema": SCHEMA,
        "outcome": report.outcome,
        "exit": int(report.exit),
        "conclusion": conclusion(report),
        "base": {"name": report.base, "context": report.first.contexts.get("base")},
        "new": {"name": report.new, "context": report.first.contexts.get("new")},
        "pinned": report.pinned,
        "cases": [case_document(report, case) for case in verdict.cases],
        "geometric_mean": number(verdict.geometric_mean),
        "canaries": canaries,
        "notes": list(verdict.notes),
        "details": details(report),
        "seed": report.seed,
        "settings": report.settings,
        "rules": {
            "alpha": verdict.rules.alpha,
            "threshold": verdict.rules.threshold,
            "floor_factor": verdict.rules.floor_factor,
            "canary_alpha": verdict.rules.canary_alpha,
            "canary_threshold": verdict.rules.canary_threshold,
            "confidence": verdict.rules.confidence,
        },
        "stages": stages,
    }


def junit(report):
    """A test case each; slower is a failure, unclear is skipped, and what made the whole inconclusive an error."""
    slower = {case.name for case in report.slower}
    suite = ElementTree.Element("testsuite", name="gemmule perf gate", tests=str(len(report.verdict.cases)))
    counts = {"failures": 0, "skipped": 0, "errors": 0}

    def add(parent, tag, kind, message):
        ElementTree.SubElement(parent, tag, message=message)
        counts[kind] += 1

    for case in report.verdict.cases:
        test = ElementTree.SubElement(suite, "testcase", classname="perf", name=case.name, time=f"{case.new:.9f}")
        said = f"{case.ratio:.3f} {interval(case)}, p {chance(case.p)}, threshold {percent(case.threshold)}"
        if case.name in slower:
            add(test, "failure", "failures", f"slower: {said}")
        elif case.verdict == judge.UNCLEAR and not report.verdict.notes:
            add(test, "skipped", "skipped", f"unclear: {said}")
        elif case.verdict == judge.UNCLEAR:
            add(test, "skipped", "skipped", "inconclusive")
    for note in report.verdict.notes:
        test = ElementTree.SubElement(suite, "testcase", classname="perf", name="conclusive")
        add(test, "error", "errors", note)
    suite.set("tests", str(len(suite)))
    for kind, number_of in counts.items():
        suite.set(kind, str(number_of))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
