# SPDX-License-Identifier: BSD-3-Clause
"""Measures a suite, and adds it to the history.

The flags after `--` are the harness's own, Google Benchmark's among them:

    gemmule perf run --suite gemm --filter m:1024 -- --benchmark_min_time=0.5

Exit codes: 0; 2 for arguments and suites that are wrong; 4 where a case failed, nothing was measured, or it could not
be stored.
"""
import shlex
import sys

from gemmule_perf import fingerprint, harness, history
from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.options import positive, positive_number
from gemmule_perf.records import Run, cases_of
from gemmule_perf.text import count, percent, quantity, spread, table

REPETITIONS = 10  # fewer could not show a difference among dozens of cases (unpaired.py)
MIN_TIME = 0.05  # seconds of a repetition: a median of two hundred batches of the harness


def add_arguments(parser):
    parser.add_argument("--suite", default="quick", help="name or file of a suite (quick)")
    parser.add_argument("--filter", metavar="REGEX", help="only cases whose names match")
    parser.add_argument("--threads", type=positive, metavar="N", help="of cases that do not say (1)")
    parser.add_argument("--isa", metavar="NAME", help="highest instruction set, of cases that do not say")
    parser.add_argument("--repetitions", type=positive, metavar="N", default=REPETITIONS,
                        help=f"samples of each case ({REPETITIONS})")
    parser.add_argument("--library", metavar="PATH", help="a libgemmule.so, or a folder with libgemmule.so.0")
    parser.add_argument("--harness", metavar="PROGRAM", help="another gemmule_bench")
    parser.add_argument("--history", metavar="DIR", help="folder of the history ($XDG_DATA_HOME/gemmule/history)")
    parser.add_argument("--label", default="", help="a name to find the run by; nothing else names the machine")
    parser.add_argument("--json", metavar="FILE", help="keep the JSON of Google Benchmark as it came")
    parser.add_argument("--timeout", type=positive_number, default=harness.TIMEOUT, metavar="SECONDS",
                        help="ends a harness that hangs (%(default)g)")
    parser.add_argument("--dry-run", action="store_true", help="print the command and the cases, and measure nothing")
    parser.add_argument("flags", nargs="*", metavar="-- FLAGS", help="for the harness, Google Benchmark's among them")


def run(arguments):
    program = harness.find_harness(arguments.harness)
    folder = arguments.history or history.default_folder()
    if arguments.label == history.LATEST or "~" in arguments.label:
        raise UsageError(f"--label {arguments.label}: a run could not be found by that name")
    flags = flags_of(arguments)
    if arguments.dry_run:
        return dry_run(arguments, program, flags, folder)
    identifier, time = history.new_identifier()
    show = progress()
    try:
        document, text = harness.launch(program, arguments.library, arguments.suite, arguments.filter, flags,
                                        arguments.timeout, progress=show)
    finally:
        if show:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    if arguments.json:
        write(arguments.json, text)
    context, cases, failures = cases_of(document, program)
    measured = Run(
        identifier,
        time,
        arguments.label,
        arguments.suite,
        fingerprint.collect(context, program, library=arguments.library),
        tuple(cases),
        tuple(failures),
        {"filter": arguments.filter, "flags": flags},
    )
    path = history.append(folder, measured) if cases else None
    for line in table_of(cases):
        print(line)
    for failure in failures:
        print(f"gemmule perf run: {failure.name}: {failure.sentence}", file=sys.stderr)
    print(f"\n{count(len(cases), 'case')}, {len(failures)} failed; " + (f"stored as {path}" if path else "not stored"))
    return Exit.FAILED if failures else Exit.FINE


def flags_of(arguments):
    """Repetitions of a case are spread over the run, so that they see the machine at several moments."""
    flags = [f"--{name}={value}" for name in ("threads", "isa") if (value := getattr(arguments, name))]
    flags += [f"--benchmark_repetitions={arguments.repetitions}", f"--benchmark_min_time={MIN_TIME}"]
    if arguments.repetitions > 1:
        flags.append("--benchmark_enable_random_interleaving=true")
    return flags + arguments.flags


def dry_run(arguments, program, flags, folder):
    names = harness.list_cases(program, arguments.library, arguments.suite, arguments.filter, flags)
    print(shlex.join(harness.command_line(program, arguments.suite, arguments.filter, flags)))
    print(f"{count(len(names), 'case')}, for {folder}:")
    for name in names:
        print(f"    {name}")
    return Exit.FINE


def progress():
    """What shows the case that was finished last, on a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda number, name: print(f"\r\033[K{number} {name}", end="", file=sys.stderr, flush=True)


def write(path, text):
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MeasurementFailed(f"{path} could not be written: {error.strerror}") from error


def table_of(cases):
    """Medians; the spread is the distance of the quartiles."""
    rows = []
    for case in cases:
        wide = spread(case.samples)
        of_peak = case.counters.get("of_peak")
        rows.append([
            case.name,
            quantity(case.median, case.metric),
            "-" if wide is None else percent(wide),
            rate_of(case),
            "-" if of_peak is None else percent(of_peak),
        ])
    return table(["name", "median", "spread", "rate", "of peak"], rows)


def rate_of(case):
    for unit in ("GFLOP/s", "Gelement/s", "GB/s"):
        if unit in case.counters:
            return f"{case.counters[unit]:.1f} {unit}"
    return "-"
