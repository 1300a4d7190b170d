# SPDX-License-Identifier: BSD-3-Clause
"""Compares two runs of the history.

A run is an identifier, the unique beginning of one, a label, `latest`, NAME~1 for the one before, or a file: of the
history, or Google Benchmark's JSON. Runs of different moments differ by more than the code: what is slower here is
not yet a regression, and `gemmule perf ab` measures the two in turns.

Exit codes: 0 where nothing is slower by more than the threshold; 3 where something is, where a canary has moved, where
some difference could not have been seen, or where the runs are of two machines; 4 where a run is missing or damaged, a
case has failed, or no case is common.
"""
import json
import sys
from dataclasses import asdict
from pathlib import Path

from gemmule_perf import fingerprint, history
from gemmule_perf.errors import Exit, Inconclusive, MeasurementFailed
from gemmule_perf.fingerprint import differences, listed
from gemmule_perf.judge import Rules
from gemmule_perf.options import chance, fraction
from gemmule_perf.records import SCHEMA, Run, cases_of, condition_fields, machine_fields, value_at
from gemmule_perf.text import change, count, markdown, percent, quantity, table
from gemmule_perf.unpaired import blind, compare, geometric_mean

ALPHA = 0.05
RULES = Rules()


def add_arguments(parser):
    parser.add_argument("old", metavar="OLD", help="a run, or a file")
    parser.add_argument("new", metavar="NEW", help="another one")
    parser.add_argument("--history", metavar="DIR", help="folder of the history ($XDG_DATA_HOME/gemmule/history)")
    parser.add_argument("--alpha", type=chance, default=ALPHA, help="chance of any false finding (%(default)s)")
    parser.add_argument("--threshold", type=fraction, default=RULES.threshold, metavar="SHARE",
                        help="what is slower by less does not count (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--markdown", action="store_true", help="print a table for a page or a comment")


def run(arguments):
    folder, stored = arguments.history or history.default_folder(), None
    if not all(Path(text).is_file() for text in (arguments.old, arguments.new)):
        stored = history.read(folder)
        for problem in stored.problems:
            print(f"gemmule perf compare: {problem}", file=sys.stderr)
    old, new = (load(stored, text) for text in (arguments.old, arguments.new))
    refuse_other_machines(old, new)
    comparisons = compare(old, new, arguments.alpha)
    remarks = remarks_of(old, new, comparisons, arguments.alpha)
    code = exit_of(old, new, comparisons, arguments)
    if arguments.json:
        print(json.dumps(document_of(old, new, comparisons, remarks, code), indent=2, allow_nan=False))
    else:
        print("\n".join(page(old, new, comparisons, remarks, arguments)))
    return code


# The runs


def load(stored, text):
    """A run of the history, or of a file."""
    path = Path(text)
    if not path.is_file():
        return history.find(stored, text)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementFailed(f"{text} cannot be read: {error}") from error
    if content.lstrip().startswith('{"kind"'):
        found, problems = history.read_file(text)
        if problems:
            raise MeasurementFailed("the run is damaged: " + "; ".join(str(problem) for problem in problems))
        return found
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise MeasurementFailed(f"{text}:{error.lineno}: no JSON ({error.msg}): truncated or damaged") from error
    context, cases, failures = cases_of(document, text)
    if not cases and not failures:
        raise MeasurementFailed(f"{text} has no case")
    return Run(text, str(context.get("date", "")), "", str(context.get("suite", "")), of_context(context), tuple(cases),
               tuple(failures))


def of_context(context):
    """As much of a fingerprint as Google Benchmark's JSON has: little of the machine."""
    known = fingerprint.collect(context, root="/nonexistent")
    known["library"].update(sha256=None, commit=None, dirty=None)
    known["tools"].update(python=None, numpy=None, scipy=None)
    known["topology"]["cpus"] = context.get("num_cpus")
    return known


def name_of(one):
    label = f" ({one.label})" if one.label else ""
    commit = history.commit_of(one)
    return one.identifier + label + (f", commit {commit}" if commit != "-" else "")


def refuse_other_machines(old, new):
    differing = differences(machine_fields(old.fingerprint), machine_fields(new.fingerprint))
    if differing:
        raise Inconclusive(f"{name_of(old)} and {name_of(new)} are of different machines: {listed(differing)}")


def missing(one, other):
    """The names of the cases of one that the other has not."""
    others = {(case.name, case.metric) for case in other.cases}
    return [case.name for case in one.cases if (case.name, case.metric) not in others]


def slower_by(threshold, comparisons):
    return [one for one in comparisons if one.verdict == "slower" and one.beyond(threshold)]


def moved(comparisons):
    return [one for one in comparisons if one.canary and one.beyond(RULES.canary_threshold)]


def exit_of(old, new, comparisons, arguments):
    if old.failures or new.failures:
        return Exit.FAILED
    doubts = slower_by(arguments.threshold, comparisons) + moved(comparisons) + blind(comparisons, arguments.alpha)
    return Exit.INCONCLUSIVE if doubts else Exit.FINE


# What is printed


def remarks_of(old, new, comparisons, alpha):
    """Sentences: what a reader must know before the table."""
    remarks = [
        "The runs were not interleaved: the machine may have been in another state, and a process has one layout of "
        "memory. `gemmule perf ab` measures in turns."
    ]
    for one in (old, new):
        if value_at(one.fingerprint, "cpu.model") is None:
            remarks.append(f"The machine of {one.identifier} is not recorded.")
    for one in moved(comparisons):
        remarks.append(f"The canary {one.name} has moved by {change(one.ratio)}: the machine itself has changed.")
    few = blind(comparisons, alpha)
    if few:
        samples = "{} samples against {}".format(*max(one.samples for one in few))
        which = "in" if len(few) == len(comparisons) else f"of {', '.join(one.name for one in few)} among"
        cases = count(len(comparisons), "case")
        remarks.append(f"{samples} cannot show a difference {which} {cases}: repeat more often.")
    conditions = differences(condition_fields(old.fingerprint), condition_fields(new.fingerprint))
    if conditions:
        remarks.append(f"Other conditions: {listed(conditions)}.")
    known = {name for name, _, _ in conditions}
    others = [one for one in differences(old.fingerprint, new.fingerprint) if one[0] not in known]
    if others:
        remarks.append(f"What else differs: {listed(others)}.")
    for one in (old, new):
        for failure in one.failures:
            remarks.append(f"{failure.name} failed in {one.identifier}: {failure.sentence}.")
    for one, other in ((old, new), (new, old)):
        names = missing(one, other)
        if names:
            place = f"of {one.identifier} not in {other.identifier}"
            remarks.append(f"{count(len(names), 'case')} {place}: {', '.join(names)}.")
    return remarks


def page(old, new, comparisons, remarks, arguments):
    """Lines: the runs, the remarks, a row for each case, the geometric mean."""
    header = ["case", "old", "new", "delta", "95 % interval", "p", "n"]
    rows = []
    for one in comparisons:
        low, high = one.interval
        rows.append([
            one.name,
            measured(one.old, one.old_spread, one.metric),
            measured(one.new, one.new_spread, one.metric),
            "~" if one.verdict == "~" else change(one.ratio),
            f"{change(low)} .. {change(high)}",
            f"p={one.p:.3f}" if one.p >= 0.0005 else "p<0.001",
            "n={}+{}".format(*one.samples),
        ])
    mean = geometric_mean(comparisons)
    if mean is not None:
        rows.append(["geometric mean", "", "", change(mean), "", "", ""])
    cells = markdown(header, rows) if arguments.markdown else table(header, rows)
    counting = len(slower_by(arguments.threshold, comparisons))
    verdicts = [one.verdict for one in comparisons]
    names = [f"old: {name_of(old)}", f"new: {name_of(new)}"]
    slower = f"{verdicts.count('slower')} slower ({counting} by more than {percent(arguments.threshold)})"
    total = f"{count(len(verdicts), 'case')}: {slower}, {verdicts.count('faster')} faster."
    if arguments.markdown:
        return [*(f"- {line}" for line in names), "", *(f"> {line}\n>" for line in remarks), "", *cells, "", total]
    return [*names, "", *(f"note: {line}" for line in remarks), "", *cells, "", total]


def measured(median, wide, metric):
    return quantity(median, metric) + ("" if wide is None else f" ±{percent(wide / 2)}")


def document_of(old, new, comparisons, remarks, code):
    def side(one, other):
        failures = [asdict(failure) for failure in one.failures]
        return {"run": one.identifier, "label": one.label, "time": one.time, "failures": failures,
                "not_in_the_other": missing(one, other), "fingerprint": one.fingerprint}

    differing = differences(old.fingerprint, new.fingerprint)
    return {
        "schema": SCHEMA,
        "kind": "comparison",
        "interleaved": False,
        "old": side(old, new),
        "new": side(new, old),
        "differences": [{"field": name, "old": one, "new": other} for name, one, other in differing],
        "remarks": remarks,
        "cases": [{**asdict(one), "canary": one.canary} for one in comparisons],
        "geometric_mean": geometric_mean(comparisons),
        "exit": int(code),
    }
