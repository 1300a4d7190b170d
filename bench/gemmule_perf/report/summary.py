# SPDX-License-Identifier: BSD-3-Clause
"""The summary: a few numbers, the largest changes, and where other libraries are faster."""
import math

from gemmule_perf.changepoints import LEAST_VALUES
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Column, Section, note, table, tile
from gemmule_perf.report.peers import CALLS, geometric_mean, losses
from gemmule_perf.report.words import bracket, percent, plural, readable, said, times

CHANGES, LOSSES = 8, 10  # rows


def summary(machines, peers, tuned, comparisons, selftest):
    section = Section("summary", "Summary")
    section.how = "There is nothing to sum up."
    peers = [file for file in peers if not file.held]
    changes = [
        (change, series)
        for machine in machines
        for series in machine.series
        for change in series.changes
        if not series.of_machine
    ]
    lengths = [len(series.points) for machine in machines for series in machine.series if not series.of_machine]
    count, watched = len(lengths), sum(length >= LEAST_VALUES for length in lengths)
    tiles = [
        *([tile_of_changes([change for change, _ in changes])] if watched else []),
        *[tile_of_verdict(file) for file in comparisons],
        *([tile_of_selftest(selftest)] if selftest and selftest.rates else []),
        *tiles_of_peers(peers),
        *[tile_of_tuned(file) for file in tuned if file.mean],
    ]
    parts = [element("div", tiles, class_="tiles")] if tiles else []
    if machines:
        parts += changes_table(changes, watched, count)
    parts += losses_table(peers)
    section.content = parts or None
    return section


def tile_of_changes(changes):
    worse, better, with_machine = (
        sum(change.kind == kind for change in changes) for kind in ("worse", "better", "unclear")
    )
    words = f"change{'' if worse == 1 else 's'} for the worse in the history, {better} for the better"
    words += f", {with_machine} while a canary moved" if with_machine else ""
    return tile(str(worse), words, "worse" if worse else None)


def tile_of_verdict(file):
    slower = len(file.slower)
    words = f"is the verdict on {file.new} beside {file.base}: {slower} of {plural(len(file.cases), 'case')} slower"
    return tile(file.outcome, words, "worse" if file.outcome == "slower" else None)


def tile_of_selftest(file):
    equal = [rate for rate in file.rates if not rate.percent]
    delays = [
        f"{rate.found} of {rate.trials} delays of {rate.percent:g}\u202f% found" for rate in file.rates if rate.percent
    ]
    alarms, trials = sum(rate.found for rate in equal), sum(rate.trials for rate in equal)
    words = ", ".join([f"false alarms in {trials} trials of the gate on equal sides", *delays])
    return tile(str(alarms), words, "worse" if file.verdict == "does not hold" else None)


def tiles_of_peers(peers):
    plain = [one for file in peers for one in file.comparisons if one.kind == "plain"]
    if not plain:
        return []
    count, lost = plural(len(plain), "problem"), len(losses(plain))
    words = f"as fast as the fastest peer, geometric mean of {count}; slower in {lost}"
    return [tile(times(geometric_mean(plain)), words)]


def tile_of_tuned(file):
    words = f"as fast when tuned, geometric mean of {plural(len(file.gains), 'problem')}"
    return tile(times(file.mean.value), words)


def changes_table(changes, watched, count):
    """A series that is too short to be looked at must not pass for one that has not changed."""
    if not changes:
        found = f"None of {watched} series of the history has changed." if watched else "No change can be found."
        short = f" {count - watched} are shorter than the {LEAST_VALUES} runs that it takes." if count > watched else ""
        return [note(found + short)]
    changes = sorted(changes, key=lambda pair: (-abs(math.log(pair[0].ratio)), pair[1].name, pair[0].index))
    columns = [
        Column("case", "name"),
        Column("since"),
        Column("by", "text", True),
        Column("takes", "num"),
        Column("", "text"),
    ]
    rows = []
    for change, series in changes[:CHANGES]:
        words = said(change.kind, "a canary moved" if change.canaries else None)
        rows.append((" ".join(readable(series.name)), change.when, change.what, percent(change.ratio), words))
    return [element("h3", "Largest changes of the history" + of_all(changes, CHANGES)), table(columns, rows)]


def losses_table(peers):
    rows = [(one, file) for file in peers for one in losses(file.comparisons)]
    compared = sum(len(file.comparisons) for file in peers)
    if not rows:
        return [note(f"No peer is faster in any of {plural(compared, 'comparison')}.")] if compared else []
    rows.sort(key=lambda pair: (pair[0].ratio.value, pair[0].name))
    columns = [
        Column("problem", "name"),
        Column("speed", "num"),
        Column("95\u202f%", "num", True),
        Column("of that of", "text"),
        Column("call", "text"),
    ]
    cells = []
    for one, file in rows[:LOSSES]:
        call = f"{file.isa} {file.type}, {CALLS[one.kind].lower()}"
        cells.append((one.name, times(one.ratio.value), bracket(one.ratio), one.peer, call))
    return [element("h3", "Where we lose" + of_all(rows, LOSSES)), table(columns, cells)]


def of_all(rows, shown):
    return f", {shown} of {len(rows)}" if len(rows) > shown else ""
