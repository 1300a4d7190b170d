# SPDX-License-Identifier: BSD-3-Clause
"""Says when the series of the history changed.

A series is what one case has had in run after run, on one machine under the same conditions: another machine, compiler
or harness is another series. Its values are the medians of the runs. A change is a step to another level that lasts for
three runs at least; how it is found is said in docs/regression.md. All series together have a false change with a
chance of at most --alpha, as long as runs are disturbed independently of each other; canaries, which no code of the
library moves, show where they were not.

Exit codes: 0 where nothing became slower; 1 where a series did; 3 where all that did have a canary beside them that
moved at the same time; 4 where nothing could be looked at, or a file of the history is damaged.
"""
import csv
import fnmatch
import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from gemmule_perf import history
from gemmule_perf.changepoints import LEAST_VALUES, Change, change_points
from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.history import commit_of
from gemmule_perf.options import chance, fraction
from gemmule_perf.records import SCHEMA, Case, Run, Series, is_canary, series_key
from gemmule_perf.text import count, table

ALPHA = 0.01
LEAST = 0.01
AROUND = 1  # runs: a canary that moves so near to a change has moved with it


@dataclass(frozen=True)
class Track:
    """A series, and its changes. Point i is the case in run i."""

    key: Series
    points: tuple[tuple[Run, Case], ...]
    changes: tuple[Change, ...] = ()
    moved: tuple[tuple[str, ...], ...] = ()  # of each change, the canaries that changed with it

    @property
    def canary(self):
        return is_canary(self.key.case)

    def run(self, change):
        return self.points[change.index][0]

    def slower(self, change):
        return (change.ratio > 1) == self.points[0][1].lower_is_better


def tracks(runs):
    """[Track] of runs in the order of time, without changes."""
    points = {}
    for run in runs:
        for case in run.cases:
            points.setdefault(series_key(run, case), []).append((run, case))
    return [Track(key, tuple(found)) for key, found in points.items()]


def with_changes(found, alpha=ALPHA, least=LEAST, seed=1):
    """The tracks with their changes, which are looked for in all of them together."""
    values = [[case.median for _, case in track.points] for track in found]
    changed = [
        Track(track.key, track.points, tuple(changes))
        for track, changes in zip(found, change_points(values, alpha, least, seed))
    ]
    # Conditions are of the machine and of what measures; the canaries of one process are those of all its cases.
    canaries = [track for track in changed if track.canary]
    return [Track(track.key, track.points, track.changes, moved_with(track, canaries)) for track in changed]


def moved_with(track, canaries):
    def near(canary, change):
        runs = [run.identifier for run, _ in track.points[max(0, change.index - AROUND) : change.index + AROUND + 1]]
        return any(canary.run(other).identifier in runs for other in canary.changes)

    beside = [canary for canary in canaries if canary.key[2:] == track.key[2:] and canary.key != track.key]
    return tuple(tuple(canary.key.case for canary in beside if near(canary, change)) for change in track.changes)


# The command


def add_arguments(parser):
    parser.add_argument("--history", metavar="DIR", help="folder of the history ($XDG_DATA_HOME/gemmule/history)")
    parser.add_argument("--bench", metavar="CASE", action="append", help="only these cases; * matches anything")
    parser.add_argument(
        "--since", metavar="TIME", help="only changes since a time, such as 2026-11-01, or since a run; all runs count"
    )
    parser.add_argument("--alpha", type=chance, default=ALPHA, help="chance of any false change (%(default)s)")
    parser.add_argument(
        "--least", type=fraction, default=LEAST, help="the smallest change that is worth a word (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the noise that is simulated (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--csv", action="store_true", help="a line for each change, for other programs")


def run(arguments):
    stored = history.read(arguments.history or history.default_folder())
    for problem in stored.problems:
        print(f"gemmule perf changes: {problem}", file=sys.stderr)
    damage = f", and {count(len(stored.problems), 'problem')}" if stored.problems else ""
    if not stored.runs:
        raise MeasurementFailed(f"{stored.folder} has no run{damage}")
    since = time_of(stored, arguments.since) if arguments.since else ""
    if stored.runs[-1].time < since:
        raise MeasurementFailed(f"--since {arguments.since}: no run in {stored.folder} is so new{damage}")
    patterns = arguments.bench or ["*"]
    found = tracks(stored.runs)
    chosen = [track for track in found if matches(track, patterns)]
    if not chosen:
        raise MeasurementFailed(f"no run in {stored.folder} has a case {' or '.join(patterns)}{damage}")
    if arguments.bench:  # canaries are looked at beside whatever is asked for
        chosen += [track for track in found if track.canary and track not in chosen]
    short = [track for track in chosen if len(track.points) < LEAST_VALUES]
    if len(short) == len(chosen):
        longest = max(len(track.points) for track in chosen)
        raise MeasurementFailed(
            f"no series has the {LEAST_VALUES} runs that are needed: the longest of {len(chosen)} has {longest}{damage}"
        )
    found = [
        (track, change, moved)
        for track in with_changes(chosen, arguments.alpha, arguments.least, arguments.seed)
        for change, moved in zip(track.changes, track.moved)
        if track.run(change).time >= since
    ]
    found.sort(key=lambda row: (row[0].run(row[1]).time, row[0].key))
    code = exit_of(found, stored.problems)
    if arguments.json:
        print(json.dumps(document_of(arguments, stored, chosen, short, found, code), indent=2, allow_nan=False))
    elif arguments.csv:
        write_csv(found)
    else:
        print("\n".join(page(chosen, short, found)))
        if stored.problems:
            print(f"{count(len(stored.problems), 'problem')}: what is damaged is left out", file=sys.stderr)
    return code


def matches(track, patterns):
    return any(fnmatch.fnmatchcase(track.key.case, pattern) for pattern in patterns)


def time_of(stored, text):
    """A time in the form of the runs', which are compared as texts. It is UTC where it names no other zone."""
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(timezone.utc) if time.tzinfo else time
        return time.replace(tzinfo=None).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        pass
    try:
        return history.find(stored, text).time
    except (MeasurementFailed, UsageError) as error:
        raise UsageError(f"--since {text} is neither a run nor a time, such as 2026-11-01T12:00") from error


def exit_of(found, problems):
    slower = [(track, moved) for track, change, moved in found if track.slower(change) and not track.canary]
    if any(not moved for _, moved in slower):
        return Exit.REGRESSION
    if problems:
        return Exit.FAILED
    return Exit.INCONCLUSIVE if slower else Exit.FINE


def page(chosen, short, found):
    rows = []
    for track, change, moved in found:
        before, at = track.points[change.index - 1][0], track.run(change)
        low, high = change.interval
        what = "canary" if track.canary else "slower" if track.slower(change) else "faster"
        rows.append(
            [
                track.key.case,
                at.time[:16].replace("T", " "),
                f"{commit_of(before)}..{commit_of(at)}",
                f"{track.key.machine}-{track.key.conditions}",
                what + (" with " + ", ".join(moved) if moved and not track.canary else ""),
                f"{change.ratio:.4f}",
                f"[{low:.4f}, {high:.4f}]",
                f"{change.p:.2g}",
            ]
        )
    header = ["case", "since", "commits", "series", "", "ratio", "95 %", "p"]
    lines = table(header, rows, left=5) + [""] if rows else []
    changed = len({track.key for track, _, _ in found})
    lines.append(f"{count(len(chosen) - len(short), 'series', 'series')}, {changed} of them with changes: {len(found)}")
    if short:
        lines.append(
            f"{count(len(short), 'series', 'series')} of fewer than {LEAST_VALUES} runs could not be looked at"
        )
    return lines


def document_of(arguments, stored, chosen, short, found, code):
    return {
        "kind": "changes",
        "schema": SCHEMA,
        "history": stored.folder,
        "alpha": arguments.alpha,
        "least": arguments.least,
        "seed": arguments.seed,
        "series": len(chosen) - len(short),
        "short": [str(track.key) for track in short],
        "problems": [str(problem) for problem in stored.problems],
        "changes": [row_of(track, change, moved) for track, change, moved in found],
        "exit": int(code),
    }


def row_of(track, change, moved):
    before, at = track.points[change.index - 1][0], track.run(change)
    return {
        **track.key._asdict(),
        **asdict(change),
        "run": at.identifier,
        "time": at.time,
        "commit": commit_of(at),
        "commit_before": commit_of(before),
        "slower": track.slower(change),
        "canaries": list(moved),
    }


def write_csv(found):
    columns = ["case", "metric", "machine", "conditions", "index", "run", "time", "commit_before", "commit"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*columns, "ratio", "low", "high", "p", "slower", "canaries"])
    for track, change, moved in found:
        row = row_of(track, change, moved)
        values = [change.ratio, *change.interval, change.p, int(row["slower"]), " ".join(moved)]
        writer.writerow([*(row[column] for column in columns), *values])
