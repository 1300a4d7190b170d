# SPDX-License-Identifier: BSD-3-Clause
"""Shows the runs that are stored, or the series of a case.

The history is a folder with one file a run, <UTC time>-<8 hex digits>.jsonl, written under another name and renamed,
and never changed after. Whatever cannot be read is named with file and line, counted, and left out.

Exit codes: 0; 4 where there is no run, or none that has the case, and where a file is damaged that may have had it.
"""
import csv
import fnmatch
import os
import secrets
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.files import write_whole
from gemmule_perf.fingerprint import differences, listed
from gemmule_perf.records import Run, lines_of, run_of, series_fields, series_key
from gemmule_perf.text import count, percent, quantity, spread, table

SUFFIX = ".jsonl"
LATEST = "latest"


@dataclass(frozen=True)
class Problem:
    file: str
    line: int
    sentence: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.sentence}"


@dataclass
class History:
    folder: str
    runs: list[Run] = field(default_factory=list)  # whole ones, oldest first
    damaged: list[Run] = field(default_factory=list)  # what could be read of the others
    unread: list[str] = field(default_factory=list)  # names of files of which nothing could be, without the suffix
    problems: list[Problem] = field(default_factory=list)


def default_folder():
    data = os.environ.get("XDG_DATA_HOME")
    if not data or not os.path.isabs(data):  # the base directory specification ignores relative ones
        data = os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "gemmule", "history")


def new_identifier(now=None):
    """(identifier, time) of a run that begins now."""
    now = now or datetime.now(timezone.utc)
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", time


def append(folder, run):
    """Adds a run; returns the path of its file. A reader sees all of it or nothing."""
    folder = Path(folder)
    path = folder / (run.identifier + SUFFIX)
    text = "".join(line + "\n" for line in lines_of(run))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            raise MeasurementFailed(f"{path} exists: the history is only ever added to")
        write_whole(path, text)
    except OSError as error:
        raise MeasurementFailed(f"{path} could not be written: {error.strerror}") from error
    return str(path)


def read_file(path):
    """(run or None, [Problem]) of one file."""
    try:
        lines = Path(path).read_bytes().decode(errors="replace").splitlines()
    except OSError as error:
        return None, [Problem(str(path), 0, f"cannot be read: {error.strerror}")]
    run, problems = run_of(lines)
    return run, [Problem(str(path), number, sentence) for number, sentence in problems]


def read(folder):
    """All of a history. A folder that does not exist is an empty one."""
    history = History(str(folder))
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise MeasurementFailed(f"{folder} cannot be read: {error.strerror}") from error
    seen = {}
    for path in (Path(folder) / name for name in names):
        run, problems = read_file(path)
        if run and not problems and run.identifier in seen:
            problems = [Problem(str(path), 1, f"has the identifier of {seen[run.identifier]}")]
        if run and not problems:
            seen[run.identifier] = path
            history.runs.append(run)
        elif run:
            history.damaged.append(run)
        else:
            history.unread.append(path.stem)
        history.problems += problems
    history.runs.sort(key=lambda run: (run.time, run.identifier))
    return history


def find(history, text):
    """The run of an identifier, of the beginning of one that is unique, or of a label; `latest` is the newest, and
    NAME~1 the one before. Several runs of one label are a sequence, like all are of `latest`. Where a damaged run may
    be the one that is asked for, or comes later in the sequence, there is no answer."""
    name, tilde, number = text.partition("~")
    if tilde and not number.isdecimal():
        raise UsageError(f"{text}: what follows ~ is a number")
    back = int(number) if tilde else 0

    def chosen(runs):
        exact = [run for run in runs if run.identifier == name]
        labelled = [run for run in runs if run.label and run.label == name]
        return runs if name == LATEST else exact or labelled or [r for r in runs if r.identifier.startswith(name)]

    found = chosen(history.runs) if name else []
    place = found[-1 - back].identifier if back < len(found) else ""
    broken = [one.identifier for one in (chosen(history.damaged) if name else [])]
    broken += history.unread if name == LATEST else [stem for stem in history.unread if stem == name]
    later = [identifier for identifier in broken if identifier > place]  # identifiers begin with their time
    if later:
        problems = [str(problem) for problem in history.problems if Path(problem.file).stem == later[0]]
        which = f"{later[0]}, which comes later, is damaged" if place else "the run is damaged"
        raise MeasurementFailed(f"{text}: {which}: " + "; ".join(problems or later))
    by_prefix = name != LATEST and found and found[0].identifier != name and found[0].label != name
    if by_prefix and len(found) > 1:
        raise UsageError(f"{text} begins {len(found)} identifiers: " + ", ".join(run.identifier for run in found))
    if back >= len(found):
        has = count(len(history.runs), "run") + count_of(history.problems)
        raise MeasurementFailed(f"no run {text} in {history.folder}, which has {has}")
    return found[-1 - back]


def count_of(problems):
    return f", and {count(len(problems), 'problem')}" if problems else ""


# The command


def add_arguments(parser):
    parser.add_argument("case", nargs="?", metavar="CASE", help="show the series of a case; * matches anything")
    parser.add_argument("--history", metavar="DIR", help="folder of the history ($XDG_DATA_HOME/gemmule/history)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="a line for each run and case, for other programs")
    form.add_argument("--check", action="store_true", help="read all files, and count what is damaged")


def run(arguments):
    history = read(arguments.history or default_folder())
    for problem in history.problems:
        print(f"gemmule perf history: {problem}", file=sys.stderr)
    if arguments.check:
        runs = count(len(history.runs), "whole run")
        print(f"{history.folder}: {runs}, {count(len(history.problems), 'problem')}")
        return Exit.FAILED if history.problems else Exit.FINE
    if not history.runs:
        raise MeasurementFailed(f"{history.folder} has no run{count_of(history.problems)}")
    chosen = [
        (one, case)
        for one in history.runs
        for case in one.cases
        if arguments.case is None or fnmatch.fnmatchcase(case.name, arguments.case)
    ]
    if not chosen:
        raise MeasurementFailed(f"no run in {history.folder} has a case {arguments.case}{count_of(history.problems)}")
    if arguments.csv:
        write_csv(chosen)
    elif arguments.case:
        print_series(chosen)
    else:
        print_runs(history.runs)
    if history.problems:
        print(f"\n{count(len(history.problems), 'problem')}: what is damaged is left out", file=sys.stderr)
    # A damaged file may have had the case that is asked for; of the table of runs it is left out, and that is said.
    return Exit.FAILED if history.problems and (arguments.case or arguments.csv) else Exit.FINE


def commit_of(run):
    """The first digits of the commit, with a + where files were changed; "-" where it is not known."""
    library = run.fingerprint.get("library") or {}
    return library["commit"][:12] + ("+" if library.get("dirty") else "") if library.get("commit") else "-"


def print_runs(runs):
    header = ["run", "label", "suite", "commit", "isa", "threads", "cases", "failed"]
    rows = []
    for one in runs:
        isa, threads = one.fingerprint.get("isa"), one.fingerprint.get("threads")
        cells = [one.label or "-", one.suite, commit_of(one), isa or "-", threads or "-"]
        rows.append([one.identifier, *cells, len(one.cases), len(one.failures)])
    print("\n".join(table(header, rows, left=5)))


def print_series(chosen):
    """One table for each series. Of one that is not the first of its case, what differs is named."""
    series, firsts = {}, {}
    for one, case in chosen:
        series.setdefault(series_key(one, case), []).append((one, case))
    blocks = []
    for key, points in series.items():
        title = f"{key.case} ({key.metric}; machine {key.machine}, conditions {key.conditions})"
        fields = series_fields(points[0][0])
        differing = differences(firsts.setdefault(key.case, fields), fields)
        if differing:
            title += f"\n  {listed(differing)}"
        rows = []
        for one, case in points:
            wide = spread(case.samples)
            value = quantity(case.median, case.metric)
            cells = [one.identifier, one.label or "-", commit_of(one), value]
            rows.append([*cells, "-" if wide is None else percent(wide), len(case.samples)])
        lines = table(["run", "label", "commit", "median", "spread", "samples"], rows, left=3)
        blocks.append("\n".join([title, *lines]))
    print("\n\n".join(blocks))


def write_csv(chosen):
    columns = ["run", "time", "label", "suite", "commit", "dirty", "machine", "conditions", "case", "metric"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*columns, "samples", "median", "lowest", "highest"])
    for one, case in chosen:
        library = one.fingerprint.get("library") or {}
        source = [library.get("commit"), library.get("dirty")]
        names = [one.identifier, one.time, one.label, one.suite, *source, one.machine, one.conditions]
        values = [len(case.samples), case.median, min(case.samples), max(case.samples)]
        writer.writerow([*names, case.name, case.metric, *values])
