# SPDX-License-Identifier: BSD-3-Clause
"""What is stored of a run: plain data, and the JSON that it is read from and written as.

A run is one process of gemmule_bench over a suite. Its first line is {"kind": "run"}, with the fingerprint of machine,
library and tools; then a line for each case, and for each case that failed; then {"kind": "end"}, without which the run
was cut off.
"""
import hashlib
import json
import math
import re
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from gemmule_perf.errors import MeasurementFailed

SCHEMA = 1

# What no code of the library moves: loops and passes over memory of the harness, and a pinned library's cases.
CANARIES = ("canary/", "memory/")
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
# What Google Benchmark appends to the name of a benchmark, and what it says of a row beside the counters.
APPENDED = re.compile(
    r"(/(manual_time|real_time|process_time|(min_time|min_warmup_time):[^/]*|(iterations|repeats|threads):\d+))+$"
)
OF_A_ROW = {"family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads", "iterations"}
OF_A_ROW |= {"real_time", "cpu_time"}


def is_canary(name):
    return name.startswith(CANARIES)


@dataclass(frozen=True)
class Case:
    """A case of a suite, and every sample of it: seconds of one call (or units of the metric)."""

    name: str  # "sgemm/NN/m:1000/n:1000/k:64/thr:2/isa:avx512"
    samples: tuple[float, ...]
    metric: str = "seconds"
    lower_is_better: bool = True
    counters: dict[str, float] = field(default_factory=dict)  # "GFLOP/s", "GB/s", "of_peak", "allocs", ...

    @property
    def axes(self):
        """{"": ["sgemm", "NN"], "m": "1000", "thr": "2", ...}: flags have no colon."""
        axes = {"": []}
        for part in self.name.split("/"):
            key, colon, value = part.partition(":")
            if colon:
                axes[key] = value
            else:
                axes[""].append(part)
        return axes

    @property
    def median(self):
        return statistics.median(self.samples)


@dataclass(frozen=True)
class Failure:
    """A case that the harness has reported as failed, and its sentence."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Run:
    identifier: str  # unique: also the name of its file
    time: str  # UTC, ISO 8601
    label: str
    suite: str
    fingerprint: dict  # fingerprint.py says what is in it
    cases: tuple[Case, ...]
    failures: tuple[Failure, ...] = ()
    settings: dict = field(default_factory=dict)  # filter, flags of the harness
    schema: int = SCHEMA

    @cached_property
    def machine(self):
        """The digest of what makes two runs those of one machine."""
        return digest_of(machine_fields(self.fingerprint))

    @cached_property
    def conditions(self):
        """The digest of what else makes their times comparable."""
        return digest_of(condition_fields(self.fingerprint))


# Series


class Series(NamedTuple):
    """The values that answer one question again and again. Commit, library, kernel and microcode may change along it:
    their effects are what it is there to show."""

    case: str
    metric: str
    machine: str
    conditions: str

    def __str__(self):
        return f"{self.case} {self.metric} {self.machine}-{self.conditions}"


def series_key(run, case):
    return Series(case.name, case.metric, run.machine, run.conditions)


MACHINE = [
    *(f"cpu.{name}" for name in ("vendor", "family", "model", "stepping")),
    *(f"topology.{name}" for name in ("packages", "cores", "cpus", "numa_nodes")),
    *("caches", "hypervisor"),
]
# The list of CPUs matters where cores differ; governor, quota and huge pages change what is measured; so does another
# compiler, OpenMP runtime or Google Benchmark (1.9 redefined the time of threads), and whether the harness measures the
# machine's peak between the batches.
CONDITIONS = [
    *("affinity", "quota", "frequency.governor", "frequency.boost", "memory.transparent_hugepages"),
    *("library.compiler", "openmp", "tools.google_benchmark", "tools.harness_compiler", "tools.peaks"),
]


def machine_fields(fingerprint):
    return {name: value_at(fingerprint, name) for name in MACHINE}


def condition_fields(fingerprint):
    """With the name of the OpenMP runtime, not its place; and whether wisdom was in use, not which."""
    fields = {name: value_at(fingerprint, name) for name in CONDITIONS}
    if fields["openmp"]:
        fields["openmp"] = fields["openmp"].rpartition("/")[2]
    entries = value_at(fingerprint, "wisdom.entries")
    fields["wisdom"] = None if entries is None else entries > 0
    return fields


def series_fields(run):
    """What the machine and the conditions of a series are digests of."""
    return {**machine_fields(run.fingerprint), **condition_fields(run.fingerprint)}


def value_at(fingerprint, name):
    value = fingerprint
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def digest_of(fields):
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:8]


# The kinds of the fields that are looked into; the others are only compared and shown. All may be missing, or null.
KINDS = {
    **dict.fromkeys(("cpu", "topology", "frequency", "memory", "library", "wisdom", "tools"), dict),
    **dict.fromkeys(("library.commit", "openmp"), str),
    "library.dirty": bool,
    "wisdom.entries": int,
}


def check_fingerprint(fingerprint):
    for name, kind in KINDS.items():
        value = value_at(fingerprint, name)
        if value is not None and type(value) is not kind:
            raise ValueError(f"`{name}` of the fingerprint is {value!r}")


# Google Benchmark's JSON


def case_name(text):
    """The name of a case: a benchmark's without what Google Benchmark appends."""
    return APPENDED.sub("", text)


def sample_of(row, ours):
    """Seconds of one call. Our harness measures batches, whose median call is its counter `us`; the rows of other
    programs have real time only. CPU time counts the waiting of OpenMP's threads as work, and is not looked at."""
    if ours and "us" in row:
        return row["us"] * 1e-6
    return row["real_time"] * SECONDS[row.get("time_unit", "ns")]


def cases_of(document, place):
    """(context, cases, failures) of a document of Google Benchmark, in the order of the suite also where repetitions
    were interleaved. Aggregates are left out: samples are kept."""
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise MeasurementFailed(f"{place} is no JSON of Google Benchmark: it has no list `benchmarks`")
    context = document.get("context")
    context = context if isinstance(context, dict) else {}
    rows, failures, aggregated, families = {}, {}, set(), {}
    for number, row in enumerate(document["benchmarks"], 1):
        try:
            name = case_name(row.get("run_name", row["name"]))
            families.setdefault(name, row.get("family_index", 0))
            if row.get("error_occurred") or row.get("skipped"):
                failures[name] = row.get("error_message") or row.get("skip_message") or "no reason is given"
            elif row.get("run_type") == "aggregate":
                aggregated.add(name)
            else:
                sample = sample_of(row, "gemmule" in context)
                if not 0 < sample < math.inf:
                    failures[name] = f"a sample is {sample} s"
                rows.setdefault(name, []).append((sample, row))
        except (AttributeError, KeyError, TypeError) as error:
            raise MeasurementFailed(f"{place}: benchmark {number} has no usable {error}") from error
    for name in aggregated - set(rows) - set(failures):
        failures[name] = "aggregates only, where every sample is wanted"
    cases = [
        Case(name, tuple(sample for sample, _ in found), counters=counters_of([row for _, row in found]))
        for name, found in sorted(rows.items(), key=lambda item: families[item[0]])
        if name not in failures
    ]
    return context, cases, [Failure(name, sentence) for name, sentence in failures.items()]


def counters_of(rows):
    """The medians of the counters over the repetitions."""
    values = {}
    for row in rows:
        for key, value in row.items():
            if key not in OF_A_ROW and isinstance(value, (int, float)) and math.isfinite(value):
                values.setdefault(key, []).append(value)
    return {key: statistics.median(found) for key, found in values.items()}


# Lines of the history


def lines_of(run):
    """The lines of a run, without their line ends."""
    header = {
        "kind": "run",
        "schema": run.schema,
        "identifier": run.identifier,
        "time": run.time,
        "label": run.label,
        "suite": run.suite,
        "settings": run.settings,
        "fingerprint": run.fingerprint,
    }
    cases = [
        {
            "kind": "case",
            "name": case.name,
            "metric": case.metric,
            "lower_is_better": case.lower_is_better,
            "counters": case.counters,
            "samples": case.samples,
        }
        for case in run.cases
    ]
    failures = [{"kind": "failure", "name": failure.name, "sentence": failure.sentence} for failure in run.failures]
    end = {"kind": "end", "cases": len(cases), "failures": len(failures)}
    return [json.dumps(line, allow_nan=False) for line in [header, *cases, *failures, end]]


def run_of(lines):
    """(run or None, [(line number, sentence)]) of the lines of a file. The run has what could be read of it; it is
    whole when there is no problem."""
    header, cases, failures, end, problems = None, [], [], None, []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            kind = line["kind"]
            if number == 1 and kind != "run":
                raise ValueError("the first line is not of kind `run`")
            if end is not None:
                raise ValueError("a line follows the end")
            if kind == "run" and number == 1:
                header = header_of(line)
            elif kind == "case":
                case = case_of(line)
                if any((case.name, case.metric) == (other.name, other.metric) for other in cases):
                    raise ValueError(f"{case.name} is there twice")
                cases.append(case)
            elif kind == "failure":
                failures.append(Failure(field_of(line, "name", str), field_of(line, "sentence", str)))
            elif kind == "end":
                end = (field_of(line, "cases", int), field_of(line, "failures", int))
            else:
                raise ValueError(f"a line of the kind {kind!r} is not known here")
        except json.JSONDecodeError as error:
            problems.append((number, f"no JSON ({error.msg}): truncated or damaged"))
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            problems.append((number, f"no `{error.args[0]}`" if isinstance(error, KeyError) else str(error)))
        if number == 1 and header is None:
            return None, problems
    if header is None:
        return None, [(1, "the file is empty")]
    if end is None:
        problems.append((len(lines) + 1, "no end: the run was cut off"))
    elif not problems and end != (len(cases), len(failures)):
        found = f"{len(cases)} and {len(failures)} are there"
        problems.append((len(lines), f"the end counts {end[0]} cases and {end[1]} failures, where {found}"))
    return Run(**header, cases=tuple(cases), failures=tuple(failures)), problems


def header_of(line):
    if line.get("schema") != SCHEMA:
        raise ValueError(f"schema {line.get('schema')!r} is not known here, which is {SCHEMA}")
    texts = {name: field_of(line, name, str) for name in ("identifier", "time", "label", "suite")}
    tables = {name: field_of(line, name, dict) for name in ("settings", "fingerprint")}
    check_fingerprint(tables["fingerprint"])
    return {**texts, **tables}


def case_of(line):
    samples, counters = field_of(line, "samples", list), field_of(line, "counters", dict)
    if not samples or not all(is_number(value) and value > 0 for value in samples):
        raise ValueError("samples are not positive numbers")
    if not all(map(is_number, counters.values())):
        raise ValueError("counters are not numbers")
    return Case(
        field_of(line, "name", str),
        tuple(map(float, samples)),
        field_of(line, "metric", str),
        field_of(line, "lower_is_better", bool),
        counters,
    )


def is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


def field_of(line, name, kind):
    value = line[name]
    if type(value) is not kind:
        raise ValueError(f"`{name}` is {value!r}")
    return value
