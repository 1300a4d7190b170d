# SPDX-License-Identifier: BSD-3-Clause
"""The policy file of a gate: what is measured, what is too slow, and what may be slower for a while.

TOML, with three kinds of tables. [measure] has the options of `gemmule perf ab` under their names; [rules] those of the
judgement; [[threshold]] and [[allow]] are for cases, whose names may have * and ?, each with its reason. Whatever is
not understood is an error with its line: a key with a slip of the pen would otherwise be a rule that never counts.
"""
import dataclasses
import datetime
import fnmatch
import re
import tomllib
from dataclasses import dataclass

from gemmule_perf.ab import Settings
from gemmule_perf.errors import UsageError
from gemmule_perf.interleave import STATISTICS
from gemmule_perf.judge import Rules
from gemmule_perf.options import cpu_list


@dataclass(frozen=True)
class Allowance:
    case: str
    slower_by: float  # up to this, of the time of the base
    reason: str
    until: datetime.date  # the last day


@dataclass(frozen=True)
class Policy:
    path: str
    settings: Settings
    rules: Rules
    patterns: tuple  # of all cases that are named
    allowances: tuple
    canary_library: str = None

    def check_names(self, names):
        """Each pattern has to be about a case of the suite: what was renamed would otherwise lose its rule."""
        unknown = [f"{place}: {pattern}" for pattern, place in self.patterns if not fnmatch.filter(names, pattern)]
        if unknown:
            raise UsageError(f"no case of the suite has this name: {'; '.join(unknown)}")

    def allowed(self, cases, today):
        """{name: reason} of the slower cases that may be, and sentences on allowances that do not count."""
        found, remarks = {}, []
        for allowance in self.allowances:
            if today > allowance.until:
                remarks.append(f"the allowance of {allowance.case} ended on {allowance.until}: {allowance.reason}")
                continue
            for case in cases:
                if not fnmatch.fnmatchcase(case.name, allowance.case):
                    continue
                if case.low > 1 + allowance.slower_by:
                    remarks.append(f"{case.name} may be slower by {100 * allowance.slower_by:g} %, and is by more")
                else:
                    found[case.name] = f"{allowance.reason} (until {allowance.until})"
        return found, remarks


def number(low, high, kind=(int, float)):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            raise ValueError(f"a {'whole ' if kind is int else ''}number from {low:g} to {high:g}")
        return value

    return check


def text(value):
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text")
    return value


def day(value):
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ValueError("a day, as 2030-12-31 without quotes")
    return value


def statistic(value):
    if value not in STATISTICS:
        raise ValueError("one of " + ", ".join(STATISTICS))
    return value


def cpus(value):
    try:
        return cpu_list(value)
    except (TypeError, ValueError):
        raise ValueError('a text as "0,2-3"') from None


MEASURE = {
    "suite": text,
    "filter": text,
    "threads": number(1, 4096, int),
    "isa": text,
    "pairs": number(1, 10000, int),
    "warm_up": number(0, 100, int),
    "repetitions": number(1, 1000, int),
    "min_time": number(1e-4, 60),
    "statistic": statistic,
    "budget": number(1, 1e6),
    "timeout": number(1, 1e6),
    "cpus": cpus,
    "canary_library": text,
}
RULES = {
    "alpha": number(1e-6, 0.5),
    "threshold": number(0, 1),
    "floor_factor": number(0, 100),
    "canary_alpha": number(1e-9, 0.5),
    "canary_threshold": number(0, 1),
    "confidence": number(0.5, 0.9999),
}
THRESHOLD = {"case": text, "threshold": number(0, 10), "reason": text}
ALLOW = {"case": text, "slower_by": number(0, 10), "reason": text, "until": day}
TABLES = {"measure": MEASURE, "rules": RULES, "threshold": THRESHOLD, "allow": ALLOW}


class _Reader:
    """Finds the line of what is wrong: tomllib tells no places but of syntax."""

    def __init__(self, path, source):
        self.path, self.lines = path, source.splitlines()

    def tables(self, name):
        """Line numbers, from 1, of the headers of a table."""
        header = re.compile(rf"\s*\[\[?\s*['\"]?{re.escape(name)}['\"]?\s*\]\]?\s*(#.*)?$")
        return [number for number, line in enumerate(self.lines, 1) if header.match(line)]

    def place(self, table, key=None, index=0):
        """file:line of a key in the index-th table of that name, or of the table; the file alone where the line is not
        found, since TOML has further ways to write a key. No table: the keys before the first one."""
        starts = self.tables(table) if table else [0]
        if index >= len(starts):
            return self.path
        start = starts[index]
        if key is not None:
            wanted = re.compile(rf"\s*['\"]?{re.escape(key)}['\"]?\s*[=.]")
            for number, line in enumerate(self.lines[start:], start + 1):
                if line.lstrip().startswith("["):
                    break
                if wanted.match(line):
                    return f"{self.path}:{number}"
        return f"{self.path}:{start}" if start else self.path

    def fail(self, sentence, table, key=None, index=0):
        raise UsageError(f"{self.place(table, key, index)}: {sentence}")

    def read(self, table, values, index=0, required=()):
        """The values of a table, checked."""
        known = TABLES[table]
        if not isinstance(values, dict):
            self.fail(f"{table} is a table, [{table}]", None, table)
        for key, value in values.items():
            if key not in known:
                self.fail(f"[{table}] has no key {key}; it may have {', '.join(known)}", table, key, index)
            try:
                values[key] = known[key](value)
            except ValueError as error:
                self.fail(f"{key} of [{table}] is {value!r}, not {error}", table, key, index)
        for key in required:
            if key not in values:
                self.fail(f"[[{table}]] lacks {key}", table, None, index)
        return values

    def read_all(self, table, entries):
        if not isinstance(entries, list):
            self.fail(f"{table} is an array of tables, [[{table}]]", table)
        return [self.read(table, values, index, TABLES[table]) for index, values in enumerate(entries)]


def load(path):
    """The policy of a file."""
    try:
        with open(path, "rb") as file:
            source = file.read().decode("utf-8")
        found = tomllib.loads(source)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8, at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: {error}") from error
    reader = _Reader(path, source)
    for name in found:
        if name not in TABLES:
            sentence = f"nothing is called {name} here; there may be {', '.join(f'[{table}]' for table in TABLES)}"
            reader.fail(sentence, *((name,) if reader.tables(name) else (None, name)))
    measure = reader.read("measure", found.get("measure", {}))
    rules = reader.read("rules", found.get("rules", {}))
    thresholds = reader.read_all("threshold", found.get("threshold", []))
    allowances = reader.read_all("allow", found.get("allow", []))
    patterns = [
        (entry["case"], reader.place(table, "case", index))
        for table, entries in (("threshold", thresholds), ("allow", allowances))
        for index, entry in enumerate(entries)
    ]
    own = tuple((entry["case"], entry["threshold"]) for entry in thresholds)
    canary_library = measure.pop("canary_library", None)
    return Policy(
        str(path),
        dataclasses.replace(Settings(), **measure),
        dataclasses.replace(Rules(), **rules, thresholds=own),
        tuple(patterns),
        tuple(Allowance(**entry) for entry in allowances),
        canary_library,
    )
