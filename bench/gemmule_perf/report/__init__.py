# SPDX-License-Identifier: BSD-3-Clause
"""One HTML file of all that is known.

Roofline, history with its changes, size sweep, verdicts and noise floor, tuned against untuned, other libraries. The
page fetches nothing and needs no script, and the same inputs make the same bytes.

Exit codes: 0; 2 where a file is missing, or not what its option takes; 4 where a file of the history is damaged, or
nothing was measured: the page is written, and says so.
"""
import sys
from pathlib import Path

from gemmule_perf import history as histories
from gemmule_perf.errors import Exit, PerfError, UsageError
from gemmule_perf.files import write_whole
from gemmule_perf.report import peers, roofline, selftest, series, sweep, tuned, verdicts
from gemmule_perf.report.page import facts, page, warning
from gemmule_perf.records import value_at
from gemmule_perf.report.series import machines_of, short_commit
from gemmule_perf.report.summary import summary
from gemmule_perf.report.words import plural


def add_arguments(parser):
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the HTML file that is written")
    parser.add_argument("--history", metavar="DIR", help="a history, as gemmule perf run writes it")
    parser.add_argument(
        "--peers",
        metavar="FILE",
        action="append",
        default=[],
        help="JSON of gemmule_bench_gemm, gemmule_bench_attention or attention.py; repeatable",
    )
    parser.add_argument("--sweep", metavar="FILE", action="append", default=[], help="gemmule bench sweep; repeatable")
    parser.add_argument(
        "--tuned", metavar="FILE", action="append", default=[], help="gemmule_bench_tuned --json; repeatable"
    )
    parser.add_argument("--ab", metavar="FILE", action="append", default=[], help="gemmule perf ab --json; repeatable")
    parser.add_argument("--selftest", metavar="FILE", help="gemmule perf selftest --json")
    parser.add_argument("--title", default="Performance of gemmule", help="of the page (Performance of gemmule)")


def compose(arguments):
    """(text of the page, what could not be read, whether anything was measured)."""
    runs, problems, folder = read_history(arguments.history)
    machines = machines_of(runs)
    others = [peers.read_peers(path) for path in arguments.peers]
    peers.mark_held(others)
    panels = [panel for path in arguments.sweep for panel in sweep.read_sweep(path)]
    gains = [tuned.read_tuned(path) for path in arguments.tuned]
    comparisons = [verdicts.read_ab(path) for path in arguments.ab]
    trials = selftest.read_selftest(arguments.selftest) if arguments.selftest else None
    parts = [
        summary(machines, others, gains, comparisons, trials),
        roofline.section(machines, others),
        series.section(machines),
        sweep.section(panels),
        verdicts.section(comparisons),
        selftest.section(trials),
        selftest.floor(comparisons, trials),
        tuned.section(gains),
        peers.section(others),
    ]
    measured = any(part.content is not None for part in parts)
    head = []
    if problems:
        head.append(warning(f"{plural(len(problems), 'problem')} in {folder}: what is damaged is left out", problems))
    if not measured:
        head.append(warning("Nothing was measured.", []))
    head.append(facts(facts_of(machines, [*others, *gains])))
    newest = machines[0].runs[-1].time if machines else ""
    lead = f"Newest run {newest}" if newest else "Without a history of runs"
    foot = "Written by gemmule perf report; whatever is not here was not measured."
    return page(arguments.title, lead, head, parts, foot), problems, measured


def read_history(folder):
    """(whole runs, what is wrong with the others, the folder)."""
    if folder is None:
        return [], [], None
    if not Path(folder).is_dir():
        raise UsageError(f"{folder} is no folder")
    found = histories.read(folder)
    return found.runs, [str(problem) for problem in found.problems], found.folder


def facts_of(machines, files):
    """What was measured, where and with what, by the newest run; otherwise what the files say."""
    if not machines:
        files = [file for file in files if file.version]
        return [
            ("Library", ", ".join(sorted({f"gemmule {file.version}" for file in files}))),
            ("Machine", ", ".join(sorted({file.machine for file in files if file.machine}))),
        ]
    newest = machines[0].runs[-1]
    found = newest.fingerprint
    caches = value_at(found, "caches")
    caches = ", ".join(f"{name} {size}" for name, size in caches.items()) if isinstance(caches, dict) else caches
    runs = sum(len(machine.runs) for machine in machines)
    return [
        ("Library", f"gemmule {value_at(found, 'library.version') or 'of an unknown version'}"),
        ("Commit", short_commit(found) or "not known"),
        ("Compiler", value_at(found, "library.compiler")),
        ("Machine", machines[0].name),
        ("Caches", caches),
        ("Kernel", value_at(found, "kernel")),
        ("Hypervisor", value_at(found, "hypervisor.name")),
        ("OpenMP", value_at(found, "openmp")),
        ("Newest run", ", ".join(part for part in (newest.label, newest.suite, newest.identifier) if part)),
        ("Runs", plural(runs, "run") + (f", {len(machines)} machines or conditions" if len(machines) > 1 else "")),
    ]


def write(path, text):
    try:
        write_whole(path, text)
    except OSError as error:
        raise PerfError(f"{path} could not be written: {error.strerror}") from error


def run(arguments):
    """Writes the page, whatever there is to be on it. Without one measurement it says so, and where a file of the
    history is damaged, which may have had a point of any series, it names the file; either way the command fails."""
    given = [arguments.history, arguments.selftest, *arguments.peers, *arguments.sweep, *arguments.tuned, *arguments.ab]
    if not any(given):
        raise UsageError(
            "nothing to report on: give at least one of --history, --peers, --sweep, --tuned, --ab, --selftest"
        )
    text, problems, measured = compose(arguments)
    write(arguments.output, text)
    for problem in problems[:10]:
        print(f"gemmule perf report: {problem}", file=sys.stderr)
    if len(problems) > 10:
        print(f"gemmule perf report: and {len(problems) - 10} more that the page lists", file=sys.stderr)
    if not measured:
        print(f"gemmule perf report: nothing was measured; {arguments.output} says what is missing", file=sys.stderr)
    return Exit.FINE if measured and not problems else Exit.FAILED
