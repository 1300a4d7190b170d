# SPDX-License-Identifier: BSD-3-Clause
"""Compares two builds or commits, measured in turns: says what is slower, by how much, and how sure that is.

BASE and NEW are a libgemmule.so, a folder that has one (an installation or a build), or a commit, a branch or a tag,
which is built first and kept in the user's cache. The same side twice shows what this machine's noise looks like.

The harness is the one of this tool for both sides. Each sample is a process of its own, in blocks base new new base
or new base base new; a case that is slower has to be so again in fresh pairs before it counts.
"""
import dataclasses
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gemmule_perf import copies, fingerprint, harness, history, interleave, judge, sides, verdict
from gemmule_perf.errors import MeasurementFailed, UsageError
from gemmule_perf.options import chance, cpu_list, fraction, natural, positive, positive_number
from gemmule_perf.records import Case, Run

EPILOG = """Exit codes: 0 where nothing is slower by more than its threshold; 1 where a case is, and fresh pairs have
confirmed it; 2 for arguments, policies and suites that are wrong; 3 where a case is too noisy to tell, a canary has
moved, or the pairs are too few; 4 where something could not be measured."""


@dataclass(frozen=True)
class Settings:
    """How it is measured; rules of the judgement are judge.Rules."""

    suite: str = "quick"
    filter: str = None
    threads: int = None
    isa: str = None
    pairs: int = None  # None: twenty, or what so many cases need
    warm_up: int = 1
    repetitions: int = 5
    min_time: float = 0.002
    statistic: str = "lower-quartile"
    budget: float = None
    timeout: float = 600.0
    cpus: tuple = None  # None: one CPU for one thread

    def flags(self):
        flags = [
            "--peaks=no",
            f"--benchmark_repetitions={self.repetitions}",
            f"--benchmark_min_time={self.min_time:g}",
            "--benchmark_enable_random_interleaving=true",
        ]
        flags += [f"--threads={self.threads}"] if self.threads else []
        return tuple(flags + ([f"--isa={self.isa}"] if self.isa else []))


PAIRS = 20
FIRST_STAGE = 2 / 3  # of the budget; what is left is for the fresh pairs


def default_pairs(cases, canaries, rules):
    return max(PAIRS, rules.pairs_needed(cases, canaries) + 4)


def plan_of(settings, base, new, program, pinned=None):
    return interleave.Plan(
        harness=program,
        base=base.library,
        new=new.library,
        suite=settings.suite,
        flags=settings.flags(),
        pinned=pinned.library if pinned else None,
        timeout=settings.timeout,
        cpus=settings.cpus,
        warm_up=settings.warm_up,
        statistic=settings.statistic,
    )


def on_cpus(plan, names):
    """One thread is pinned to one CPU unless the user has chosen."""
    if plan.cpus is not None:
        missing = set(plan.cpus) - os.sched_getaffinity(0)
        if missing:
            raise UsageError(f"--cpus: this process may not run on {fingerprint.cpu_list(missing)}")
        return plan
    threads = {Case(name, ()).axes.get("thr", "1") for name in names}
    return dataclasses.replace(plan, cpus=interleave.default_cpus(1 if threads == {"1"} else 0))


def compare(plan, settings, rules, seed=None, names=None):
    """(verdict, samples of the first stage, of the second one or None, the seed). names are of the suite, if known."""
    began = time.monotonic()
    generator, seed = interleave.make_generator(seed)
    names = interleave.list_cases(plan) if names is None else names
    cases, canaries = interleave.choose(names, settings.filter)
    plan = on_cpus(plan, cases)
    pairs = settings.pairs or default_pairs(len(cases), len(canaries) + bool(plan.pinned), rules)

    def deadline(share):
        return began + share * settings.budget if settings.budget else None

    with copies.copies((plan.base, plan.new, plan.pinned), generator) as made:
        first = interleave.measure(
            plan, cases + canaries, pairs, generator, deadline(FIRST_STAGE), measure_once=made.measure
        )
        found = judge.judge(*first.judged(), rules)
        still_open = judge.open_cases(found)
        if not still_open:
            return found, first, None, seed
        second = again(plan, still_open + canaries, pairs, generator, deadline(1), made.measure)
        return judge.confirm(found, *second.judged(), first.judged()[0]), first, second, seed


def again(plan, names, pairs, generator, deadline, measure_once, title="once more"):
    """The second stage: fresh pairs of what was flagged or unclear, and of the canaries."""
    plan = dataclasses.replace(plan, warm_up=max(1, plan.warm_up))
    return interleave.measure(plan, names, pairs, generator, deadline, title, measure_once)


def record(folder, report, compared, program, cpus):
    """Both sides into the history: the samples of all processes, the fresh ones of flagged cases too."""
    for side, which in (("base", compared[0]), ("new", compared[1])):
        collected = {}
        for stage in filter(None, (report.first, report.second)):
            for name, cases in stage.raw[side].items():
                collected.setdefault(name, []).extend(cases)
        identifier, now = history.new_identifier()
        cases = tuple(
            dataclasses.replace(found[0], samples=tuple(sample for case in found for sample in case.samples))
            for name, found in collected.items()
            if not name.startswith(interleave.PINNED)
        )
        context = report.first.contexts[side]
        taken = fingerprint.collect(context, program, which.library, cpus=cpus, commit=which.commit, dirty=which.dirty)
        settings = {**report.settings, "ab": side, "seed": report.seed}
        run = Run(identifier, now, f"ab {side} {which.name}", report.settings["suite"], taken, cases, settings=settings)
        history.append(folder, run)


def add_measuring(parser):
    """The options that ab and gate share. Defaults are None: what is not given is the policy's, or Settings'."""
    group = parser.add_argument_group("what is measured")
    group.add_argument("--suite", help="name or file of a suite (quick)")
    group.add_argument("--filter", metavar="REGEX", help="cases whose name it matches; -REGEX: the others")
    group.add_argument("--threads", type=positive, metavar="N", help="threads of all cases")
    group.add_argument("--isa", help="instruction set")
    group = parser.add_argument_group("how")
    group.add_argument("--pairs", type=positive, metavar="N", help=f"pairs of processes ({PAIRS}, or what it takes)")
    group.add_argument("--warm-up", type=natural, metavar="N", help="pairs that are dropped before them (1)")
    group.add_argument("--repetitions", type=positive, metavar="N", help="of each case in a process (5)")
    group.add_argument("--min-time", type=positive_number, metavar="SECONDS", help="of each repetition (0.002)")
    group.add_argument("--budget", type=positive_number, metavar="SECONDS", help="stop measuring after them")
    group.add_argument("--timeout", type=positive_number, metavar="SECONDS", help="of a process (600)")
    group.add_argument("--cpus", type=cpu_list, metavar="LIST", help="pin to these, as 0,2-3 (one CPU for one thread)")
    group.add_argument("--seed", type=natural, metavar="N", help="of the random order, to have it again")
    group.add_argument("--source", metavar="DIR", help="the repository that commits are of (the current folder's)")
    group.add_argument("--harness", metavar="PATH", help="gemmule_bench to measure with (this tool's)")
    group.add_argument("--canary-library", metavar="SIDE", help="a third library, to run along as a canary")
    group.add_argument("--record", metavar="DIR", help="add both sides to the history in this folder")


def merged(settings, arguments):
    """Settings, where the command line does not say otherwise."""
    names = [field.name for field in dataclasses.fields(settings) if field.name != "statistic"]
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return dataclasses.replace(settings, **given)


def execute(arguments, settings, rules, two, prepare=None):
    """What ab and gate have in common: (report, what both sides are). prepare(names) is called before anything runs."""

    def find(name):
        return sides.find(name, arguments.source, say=lambda text: print(text, file=sys.stderr, flush=True))

    program = harness.find_harness(arguments.harness)
    compared = [find(name) for name in two]
    pinned = find(arguments.canary_library) if arguments.canary_library else None
    plan = plan_of(settings, *compared, program, pinned)
    names = interleave.list_cases(plan)
    if prepare:
        prepare(names)
    found, first, second, seed = compare(plan, settings, rules, arguments.seed, names)
    shown = {**dataclasses.asdict(settings), "flags": list(plan.flags), "harness": program}
    shown["cpus"] = on_cpus(plan, first.cases).cpus
    if not found.cases:
        raise MeasurementFailed("no case was measured")
    report = verdict.Report(
        found,
        str(compared[0]),
        str(compared[1]),
        first,
        second,
        seed,
        shown,
        str(pinned) if pinned else None,
        remarks=tuple(differences(first.contexts)),
    )
    return report, compared, program


CONDITIONS = ("arithmetic_revision", "compiler", "isa", "threads", "openmp", "wisdom_entries", "wisdom_hash")


def differences(contexts):
    """Sentences on what else the sides differ in, as the libraries say themselves."""
    for name in CONDITIONS:
        base, new = (contexts[side].get(name) for side in (interleave.BASE, interleave.NEW))
        if base != new:
            yield f"the sides differ in {name}: {base} and {new}"


def write(path, text):
    try:
        if path == "-":
            sys.stdout.write(text)
        else:
            Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} could not be written: {error.strerror}") from error


def add_arguments(parser):
    parser.epilog = EPILOG
    parser.add_argument("sides", nargs="+", metavar="SIDE", help="BASE and NEW, or BASE..NEW")
    add_measuring(parser)
    group = parser.add_argument_group("how it is judged")
    group.add_argument("--threshold", type=fraction, metavar="SHARE", help="slower by less is fine (0.02, or 2%%)")
    group.add_argument("--alpha", type=chance, help="chance of a false alarm over all cases (0.01)")
    group = parser.add_argument_group("what is printed")
    group.add_argument("--json", action="store_true", help="everything, as JSON")
    group.add_argument("--markdown", action="store_true", help="for a merge request")


def run(arguments):
    if arguments.json and arguments.markdown:
        raise UsageError("--json or --markdown, not both")
    rules = judge.Rules()
    given = {name: getattr(arguments, name) for name in ("threshold", "alpha") if getattr(arguments, name) is not None}
    rules = dataclasses.replace(rules, **given)
    settings = merged(Settings(), arguments)
    report, compared, program = execute(arguments, settings, rules, sides.split(arguments.sides))
    if arguments.record:
        record(arguments.record, report, compared, program, report.settings["cpus"])
    if arguments.json:
        write("-", json.dumps(verdict.document(report), indent=1, allow_nan=False) + "\n")
    else:
        write("-", verdict.markdown(report) if arguments.markdown else verdict.text(report))
    return report.exit
