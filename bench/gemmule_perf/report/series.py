# SPDX-License-Identifier: BSD-3-Clause
"""The history as series: what one machine measured of one case under the same conditions, run after run, with the
changes of its level.
"""
import re
import statistics
from dataclasses import dataclass, field

from gemmule_perf.changepoints import LEAST_VALUES
from gemmule_perf.changes import tracks, with_changes
from gemmule_perf.records import condition_fields, is_canary, value_at
from gemmule_perf.report import charts
from gemmule_perf.report.markup import element
from gemmule_perf.report.page import Section, command, details, figure
from gemmule_perf.report.words import plural, readable

OPEN_SERIES = 24  # so many panels of series without a change are open at first


def machine_name(fingerprint):
    cpu = fingerprint.get("cpu")
    fields = cpu if isinstance(cpu, dict) else {}
    name = fields.get("name") or " ".join(
        f"{key} {fields[key]}" for key in ("vendor", "family", "model") if fields.get(key)
    )
    cpus = value_at(fingerprint, "topology.cpus")
    return (str(name) or "an unknown CPU") + (f", {cpus} CPU{'s' if cpus != 1 else ''}" if cpus else "")


def short_commit(fingerprint):
    commit = value_at(fingerprint, "library.commit")
    dirty = " and changes" if value_at(fingerprint, "library.dirty") else ""
    return str(commit)[:10] + dirty if commit else ""


@dataclass(frozen=True)
class Point:
    median: float
    low: float  # quartiles of the samples
    high: float
    when: str  # the day
    title: str  # run, commit, compiler
    counters: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Change:
    index: int  # of the first run of the new level
    ratio: float  # level after over level before, of the metric
    worse: bool
    canaries: tuple  # that moved at the same time: then it is the machine that changed
    title: str
    when: str
    what: str  # label, commit

    @property
    def kind(self):
        return "unclear" if self.canaries else "worse" if self.worse else "better"


@dataclass
class Series:
    name: str
    metric: str
    points: list
    changes: list

    @property
    def of_machine(self):
        return is_canary(self.name)

    @property
    def largest(self):
        return max((abs(change.ratio - 1) for change in self.changes), default=0.0)


@dataclass
class Machine:
    """A machine under certain conditions: what may be compared."""

    name: str
    digest: str
    conditions: dict
    differing: str = ""  # what tells it from others of the same machine
    runs: list = field(default_factory=list)
    series: list = field(default_factory=list)


def point_of(run, case):
    samples = sorted(case.samples)
    low, high = (statistics.quantiles(samples, n=4, method="inclusive")[::2]) if len(samples) > 1 else samples * 2
    compiler = value_at(run.fingerprint, "library.compiler")
    parts = [run.time, run.label, short_commit(run.fingerprint), str(compiler) if compiler else ""]
    return Point(case.median, low, high, run.time[:10], ", ".join(part for part in parts if part), case.counters)


def machines_of(runs):
    """Machines, the one of the newest run first, each with its series."""
    machines = {}
    for run in runs:
        key = (run.machine, run.conditions)
        if key not in machines:
            machines[key] = Machine(machine_name(run.fingerprint), run.machine, condition_fields(run.fingerprint))
        machines[key].runs.append(run)
    for track in with_changes(tracks(runs)):
        machines[(track.key.machine, track.key.conditions)].series.append(series_of(track))
    found = sorted(machines.values(), key=lambda machine: machine.runs[-1].time, reverse=True)
    for machine in found:
        machine.differing = differing(machine, [other for other in found if other.digest == machine.digest])
    return found


def series_of(track):
    changes = [change_of(track, change, moved) for change, moved in zip(track.changes, track.moved)]
    points = [point_of(run, case) for run, case in track.points]
    return Series(track.key.case, track.key.metric, points, changes)


def differing(machine, group):
    """The conditions that are not those of all of a group."""
    names = [
        name
        for name in machine.conditions
        if any(other.conditions[name] != machine.conditions[name] for other in group)
    ]
    return ", ".join(f"{name.rpartition('.')[2].replace('_', ' ')} {machine.conditions[name]}" for name in names)


def change_of(track, change, moved):
    run = track.run(change)
    what = ", ".join(part for part in (run.label, short_commit(run.fingerprint)) if part) or run.identifier
    low, high = change.interval
    title = f"{run.time}, {what}: {change.ratio:.3f} [{low:.3f}, {high:.3f}] of what it was before"
    if moved:
        title += f", together with {', '.join(moved)}"
    return Change(change.index, change.ratio, track.slower(change), moved, title, run.time[:10], what)


def history_panel(series):
    words, conditions = readable(series.name)
    caption = [element("span", words), " ", element("span", conditions, class_="note")]
    return figure(caption, charts.history(series))


def section(machines):
    found = Section("history", "History")
    found.how = ["No data: ", command("gemmule perf run --history DIR"), " adds a run; then give the same DIR here."]
    if not machines:
        return found
    runs = sum(len(machine.runs) for machine in machines)
    series = [series for machine in machines for series in machine.series if not series.of_machine]
    changes = sum(len(one.changes) for one in series)
    found.status = f"{plural(runs, 'run')}, {len(series)} series, {plural(changes, 'change')}"
    found.intro = (
        "A panel for each case and machine: medians of the runs, oldest first, the quartiles of their samples as a "
        "band, the level between changes as a thin line. A broken line marks where the level changed: ▲ takes "
        "longer, ▼ less; in grey where a canary moved with it. The axes do not begin at 0. "
        f"The latest {charts.RUNS_SHOWN} runs are drawn."
    )
    found.content = [part for machine in machines for part in parts_of(machine)]
    return found


def parts_of(machine):
    """What has changed comes first; the rest can be opened, and is where there is little of it."""
    words = plural(len(machine.runs), "run") + (f"; {machine.differing}" if machine.differing else "")
    parts = [element("h3", machine.name, element("span", f" – {words}", class_="note"))]
    changed, steady, short, own = [], [], [], []
    for series in sorted(machine.series, key=lambda series: natural(series.name)):
        short_one = short if len(series.points) < LEAST_VALUES else steady
        (own if series.of_machine else changed if series.changes else short_one).append(series)
    if changed:
        parts.append(panels(sorted(changed, key=lambda series: -series.largest)))
    few = len(machine.series) - len(own) <= OPEN_SERIES
    for members, words, open_ in (
        (steady, "without a change", few),
        (short, f"of fewer runs than the {LEAST_VALUES} that a change takes to be found", few),
        (own, "of the machine alone", False),
    ):
        if members:
            parts.append(details(f"{len(members)} series {words}", panels(members), open_=open_))
    return parts


def panels(members):
    return element("div", [history_panel(series) for series in members], class_="small")


def natural(name):
    """A key that sorts numbers in names by what they say."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]{1,9})", name)]
