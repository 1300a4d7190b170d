# SPDX-License-Identifier: BSD-3-Clause
"""Counts instructions and cache misses, without noise, and compares them with stored ones.

Runs gemmule_count under valgrind's callgrind and counts, for each of its cases, the instructions that the library
executes, and the misses of a simulated first and second cache (32 KiB, 256 KiB; eight ways). The counts depend on the
compiler, its flags and the instruction set, which make the key of what is stored, and on nothing else of the machine.

More than the limit above the stored instructions is a regression (exit 1). Fewer are told, and so is what is not
stored yet; with --strict they end with 1 as well, since a stored count that is too large lets the next regression pass.
Another key ends with 3; a program that crashes, cases that are stored and were not counted, and a count of nothing end
with 4.
"""
import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass

from gemmule_perf import callgrind, stored
from gemmule_perf.errors import Exit, Inconclusive, MeasurementFailed, UsageError

CACHES = {"D1": "32768,8,64", "LL": "262144,8,64"}  # gemmule_count makes up a machine with these
TIMEOUT = 600  # seconds; it takes twelve
INSTRUCTIONS, D1, L2 = "instructions", "D1 misses", "L2 misses"
EVENTS = {INSTRUCTIONS: ("Ir",), D1: ("D1mr", "D1mw"), L2: ("DLmr", "DLmw")}


@dataclass(frozen=True)
class Measurement:
    key: dict
    items: dict  # of the case, a stored.Item


def add_arguments(parser):
    parser.add_argument("--program", metavar="PATH", help="gemmule_count (default: that of the libexec directory)")
    parser.add_argument("--stored", metavar="PATH", help="a file, or a directory with one for each key "
                        "(default: tests/counts of the source tree around the working directory)")
    parser.add_argument("--update", action="store_true", help="store what was counted, and show the difference")
    parser.add_argument("--strict", action="store_true", help="fewer than stored, and new cases, end with 1 too")
    parser.add_argument("--filter", metavar="TEXT", help="only cases whose names contain it")
    parser.add_argument("--limit", type=float, default=0.5, metavar="PERCENT", help="of instructions (default: 0.5)")
    parser.add_argument("--miss-limit", type=float, default=3.0, metavar="PERCENT",
                        help="of misses (default: 3), and 128 of them whatever the percentage: code that moves takes "
                        "some along")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the result as JSON")
    form.add_argument("--markdown", action="store_true", help="the result as Markdown")


def program_of(arguments):
    if arguments.program:
        path = arguments.program
    elif os.environ.get("GEMMULE_LIBEXEC"):
        path = os.path.join(os.environ["GEMMULE_LIBEXEC"], "gemmule_count")
    else:
        raise UsageError("--program is missing: the path of gemmule_count")
    if not os.path.isfile(path):
        raise MeasurementFailed(f"{path}: there is no such program; it is built with GEMMULE_BUILD_BENCH=ON")
    return os.path.realpath(path)


def directory_of(arguments):
    if arguments.stored:
        return arguments.stored
    here = os.getcwd()
    while True:
        if os.path.isdir(os.path.join(here, "tests", "counts")):
            return os.path.join(here, "tests", "counts")
        if here == os.path.dirname(here):
            raise UsageError("--stored is missing, and there is no tests/counts here or above")
        here = os.path.dirname(here)


def valgrind_version(valgrind):
    text = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if not text.startswith("valgrind-"):
        raise MeasurementFailed(f"{valgrind} --version says '{text[:60]}'")
    return ".".join(text.removeprefix("valgrind-").split(".")[:2])


def read_report(text):
    """What gemmule_count printed: its facts, and the names of its cases."""
    facts, names, end = {}, [], None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "case":
            names.append(rest)
        elif word == "end":
            end = rest
        else:
            facts[word] = rest
    if end is None:
        last = f"after case {names[-1]}" if names else "before its first case"
        raise MeasurementFailed(f"gemmule_count's output is cut off {last}")
    if end != str(len(names)):
        raise MeasurementFailed(f"gemmule_count counted {len(names)} cases and says {end}")
    for fact in ("compiler", "flags", "isa"):
        if fact not in facts:
            raise MeasurementFailed(f"gemmule_count does not say its {fact}")
    return facts, names


def measurement(report, lines, program, valgrind):
    """From what the two wrote."""
    facts, names = read_report(report)
    parts = {part.name: part for part in callgrind.parse(lines, program)}
    items = {}
    for name in names:
        if name not in parts:
            raise MeasurementFailed(f"{name}: gemmule_count ran it, callgrind has no part of it; "
                                    "was it built without valgrind's headers?")
        part = parts[name]
        counts = {quantity: part.total(*events) for quantity, events in EVENTS.items()}
        if not counts[INSTRUCTIONS]:
            raise MeasurementFailed(f"{name}: callgrind saw no instruction of {program}")
        place = part.events.index("Ir")
        items[name] = stored.Item(counts, {f: cost[place] for f, cost in part.costs.items() if cost[place]})
    key = {"compiler": facts["compiler"], "flags": facts["flags"], "isa": facts["isa"], "valgrind": valgrind,
           "D1": CACHES["D1"], "L2": CACHES["LL"]}
    return Measurement(key, items)


def said(text):
    """The last line of the program itself; for want of one, what valgrind says of its end."""
    lines = text.strip().splitlines()
    own = [line for line in lines if not line.startswith("==")]
    ends = [line.split("==")[-1].strip() for line in lines if "Process terminating" in line or "fatal" in line]
    return (own[-1:] or ends[-1:] or ["it says nothing of it"])[0]


def measure(program, wanted=None):
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise MeasurementFailed("valgrind is not installed (Debian: apt-get install valgrind)")
    version = valgrind_version(valgrind)
    with tempfile.TemporaryDirectory(prefix="gemmule-counts-") as directory:
        out = os.path.join(directory, "callgrind.out")
        command = [valgrind, "--tool=callgrind", "--cache-sim=yes", f"--I1={CACHES['D1']}", f"--D1={CACHES['D1']}",
                   f"--LL={CACHES['LL']}", "--combine-dumps=yes", "--dump-line=no", f"--callgrind-out-file={out}",
                   program]
        if wanted:
            command.append(f"--filter={wanted}")
        try:
            # An empty environment: nothing of the user's reaches the program, or valgrind (VALGRIND_OPTS).
            run = subprocess.run(command, capture_output=True, text=True, errors="replace", env={}, cwd=directory,
                                 stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired as error:
            raise MeasurementFailed(f"{program} took more than {TIMEOUT} seconds under valgrind") from error
        if run.returncode == Exit.INCONCLUSIVE:
            raise Inconclusive(said(run.stderr))
        if run.returncode:
            how = f"was ended by signal {-run.returncode}" if run.returncode < 0 else f"exited with {run.returncode}"
            raise MeasurementFailed(f"{program} {how} under valgrind: {said(run.stderr)}")
        try:
            with open(out, encoding="utf-8", errors="replace") as file:
                result = measurement(run.stdout, file, program, version)
        except OSError as error:
            raise MeasurementFailed(f"callgrind wrote nothing: {error.strerror}") from error
    if not result.items:
        chosen = f" whose names contain '{wanted}'" if wanted else ""
        raise MeasurementFailed(f"no case was counted: gemmule_count has none{chosen}")
    return result


def judge(changes, strict):
    kinds = {change.kind for change in changes}
    if "more" in kinds:
        return Exit.REGRESSION
    if "gone" in kinds:
        return Exit.FAILED
    return Exit.REGRESSION if strict and changes else Exit.FINE


def advice(changes):
    if not changes:
        return None
    if any(change.kind == "more" for change in changes):
        return "If that is meant, scripts/counts.sh --update stores the new counts, and shows the difference."
    return "Stored counts that are no longer true hide the next regression: scripts/counts.sh --update stores new ones."


def in_all(changes):
    """The functions that changed most, over all cases that are told."""
    sums = Counter()
    for change in changes:
        sums.update(dict(change.parts))
    most = sorted(sums.items(), key=lambda pair: (-abs(pair[1]), pair[0]))[:3]
    return "in all of these: " + ", ".join(f"{name} {difference:+,}" for name, difference in most) if most else None


def as_text(path, result, changes):
    instructions = sum(item.quantities[INSTRUCTIONS] for item in result.items.values())
    lines = [change.sentence() for change in changes]
    if len(changes) > 1 and in_all(changes):
        lines.append(in_all(changes))
    lines.append(f"{len(result.items)} cases, {instructions:,} instructions, {len(changes)} differ from {path}")
    return "\n".join(lines + [a for a in [advice(changes)] if a])


def as_markdown(path, result, changes):
    lines = [f"**Counts**: {len(result.items)} cases, {len(changes)} differ from `{path}`."]
    if changes:
        lines += ["", "| case | quantity | stored | now | | functions |", "|---|---|--:|--:|--:|---|"]
        for c in changes:
            percent = c.kind if c.stored is None or c.measured is None or c.percent is None else f"{c.percent:+.1f} %"
            parts = ", ".join(f"`{name}` {difference:+,}" for name, difference in c.parts[:3])
            old, new = ("" if n is None else f"{n:,}" for n in (c.stored, c.measured))
            lines.append(f"| {c.item} | {c.quantity} | {old} | {new} | {percent} | {parts} |")
        lines += ["", advice(changes)]
    return "\n".join(lines)


def as_json(path, result, changes, code):
    return json.dumps({
        "exit": int(code), "stored": path, "key": result.key,
        "changes": [{"case": c.item, "quantity": c.quantity, "kind": c.kind, "stored": c.stored, "measured": c.measured,
                     "functions": dict(c.parts)} for c in changes],
        "cases": {name: item.quantities for name, item in result.items.items()},
    }, indent=1)


def run(arguments):
    if not all(0 <= limit < 100 for limit in (arguments.limit, arguments.miss_limit)):
        raise UsageError("--limit and --miss-limit are percentages, from 0 to less than 100")
    if arguments.update and arguments.filter:
        raise UsageError("--update stores all cases, --filter counts some of them")
    program, where = program_of(arguments), directory_of(arguments)
    result = measure(program, arguments.filter)
    if arguments.update:
        path, lines = stored.update(where, result.key, result.items)
        print("\n".join(lines + [f"{path}: {len(result.items)} cases stored"]))
        return Exit.FINE
    path, items = stored.load_for(where, result.key)
    if arguments.filter:
        items = {name: item for name, item in items.items() if arguments.filter in name}
    misses = stored.Limit(arguments.miss_limit, 128)
    limits = {INSTRUCTIONS: stored.Limit(arguments.limit), D1: misses, L2: misses}
    changes = stored.compare(items, result.items, limits)
    code = judge(changes, arguments.strict)
    if arguments.json:
        print(as_json(path, result, changes, code))
    else:
        print((as_markdown if arguments.markdown else as_text)(path, result, changes))
    return code
