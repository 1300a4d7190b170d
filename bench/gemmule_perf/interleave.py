# SPDX-License-Identifier: BSD-3-Clause
"""Two sides measured in turns: one process a sample, in ABBA blocks.

A block is two pairs, base new new base or new base base new, by the toss of a coin; a drift of the machine cancels in
it, and what one process does to the next hits either side alike. Each process has another layout of its address space,
and an environment of another length, which moves its stack. What all of that does to a time is noise here, and is
judged as such, where a single pair of processes would show it as a difference of the libraries.
"""
import contextlib
import os
import random
import re
import statistics
import sys
import time
from dataclasses import dataclass, field

from gemmule_perf import harness
from gemmule_perf.errors import MeasurementFailed, UsageError
from gemmule_perf.judge import Pairs
from gemmule_perf.records import Case, is_canary

BASE, NEW = "base", "new"
PINNED = "canary/pinned/"
PADDING = "GEMMULE_PERF_PADDING"
# What the process's repetitions of a case become: one sample. A neighbour makes times longer for a while, and a boost
# of the clock makes them shorter; the lower quartile is far from either.
STATISTICS = {
    "median": statistics.median,
    "minimum": min,
    "lower-quartile": lambda samples: statistics.quantiles(samples, n=4, method="inclusive")[0]
    if len(samples) > 1
    else samples[0],
}


@dataclass(frozen=True)
class Plan:
    """What is measured, and how. Both sides share all of it but the library."""

    harness: str
    base: str  # libgemmule.so.0, or the folder of it
    new: str
    suite: str
    flags: tuple = ()
    pinned: str = None  # a third library, which is the same on both sides: a canary
    timeout: float = 600.0
    cpus: tuple = None
    warm_up: int = 1  # pairs that are dropped
    statistic: str = "lower-quartile"


@dataclass
class Samples:
    """What came of it: for each case a sample a process in the order of the pairs, and all that was measured."""

    base: dict = field(default_factory=dict)
    new: dict = field(default_factory=dict)
    cases: dict = field(default_factory=dict)  # name -> Case, for metric and direction
    raw: dict = field(default_factory=lambda: {BASE: {}, NEW: {}})  # side -> name -> list of Case, one a process
    contexts: dict = field(default_factory=dict)  # side -> context of its first process
    retried: list = field(default_factory=list)  # one sentence each
    pairs: int = 0
    seconds: dict = field(default_factory=lambda: {BASE: 0.0, NEW: 0.0})

    def judged(self):
        """(pairs of the cases, pairs of the canaries)"""
        pairs = [
            Pairs(name, tuple(self.base[name]), tuple(self.new[name]), self.cases[name].lower_is_better)
            for name in self.cases
        ]
        return [case for case in pairs if not is_canary(case.name)], [case for case in pairs if is_canary(case.name)]


def escape(name):
    """As POSIX's extended regular expressions want it: they refuse the escape of an ordinary character."""
    return re.sub(r"([][.*+?(){}|^$\\])", r"\\\1", name)


def filter_of(names):
    """The regular expression of these cases, and no other."""
    return "^(" + "|".join(escape(name) for name in names) + ")(/(manual|real|process)_time.*)?$"


def list_cases(plan):
    """The names of all cases of the suite, in order."""
    names = harness.list_cases(plan.harness, plan.new, plan.suite, None, plan.flags, plan.timeout)
    if all(is_canary(name) for name in names):
        raise MeasurementFailed(f"suite {plan.suite} has no case")
    return names


def choose(names, pattern):
    """The cases that a filter selects; one that begins with '-' selects the others, as Google Benchmark has it. The
    canaries run along in any case; passes over memory, which take longer, where the filter selects them."""
    if pattern:
        try:
            wanted = re.compile(pattern.removeprefix("-"))
        except re.error as error:
            raise UsageError(f"filter {pattern}: no regular expression: {error}") from error
        chosen = [name for name in names if (wanted.search(name) is None) == pattern.startswith("-")]
    else:
        chosen = names
    cases = [name for name in chosen if not is_canary(name)]
    if not cases:
        raise MeasurementFailed(f"no case was measured: filter {pattern} selects none of {len(names)}")
    return cases, [name for name in names if is_canary(name) and (name.startswith("canary/") or name in chosen)]


def default_cpus(threads, allowed=None):
    """One thread has one CPU, the last that is allowed: the first one serves most interrupts. More are left alone."""
    allowed = sorted(os.sched_getaffinity(0) if allowed is None else allowed)
    return (allowed[-1],) if threads == 1 else None


def blocks(pairs, generator):
    """The order of the processes: (number of the pair, side)."""
    for first in range(0, pairs, 2):
        order = (BASE, NEW) if generator.random() < 0.5 else (NEW, BASE)
        for pair, sides in ((first, order), (first + 1, order[::-1])):
            if pair < pairs:
                for side in sides:
                    yield pair, side


class Progress:
    """One line on a terminal, and nothing anywhere else."""

    def __init__(self, title, stream=None):
        self.title, self.stream = title, sys.stderr if stream is None else stream
        self.shown = self.stream.isatty()
        self.began = time.monotonic()

    def show(self, done, total, text):
        if self.shown:
            passed = time.monotonic() - self.began
            left = f", {passed / done * (total - done):.0f} s left" if done else ""
            self.stream.write(f"\r\033[K{self.title}: process {done + 1} of {total}, {text}{left}")
            self.stream.flush()

    def end(self):
        if self.shown:
            self.stream.write("\r\033[K")
            self.stream.flush()


def measure(plan, names, pairs, generator, deadline=None, title="measuring", measure_once=harness.measure):
    """Samples of so many pairs, or of fewer where the deadline (time.monotonic()) comes first; blocks are whole."""
    samples = Samples()
    wanted = filter_of(names)
    libraries = {BASE: plan.base, NEW: plan.new}
    warm_up = [(-1 - pair, side) for pair in range(plan.warm_up) for side in (BASE, NEW)]
    order = warm_up + list(blocks(pairs, generator))
    pinned_case = next((name for name in names if not is_canary(name)), None) if plan.pinned else None
    progress = Progress(title)
    rows = {BASE: {}, NEW: {}}
    try:
        for done, (pair, side) in enumerate(order):
            begins_block = pair >= 0 and pair % 2 == 0 and order[done - 1][0] != pair
            if begins_block and pair and deadline is not None and time.monotonic() >= deadline:
                break
            progress.show(done, len(order), side)
            with clocked(samples.seconds, side):
                context, cases = attempt(plan, side, libraries[side], wanted, generator, samples, measure_once)
            if pinned_case:
                _, again = attempt(
                    plan, side, plan.pinned, filter_of([pinned_case]), generator, samples, measure_once, "pinned "
                )
                cases = [*cases, *(renamed(case) for case in again)]
            expected = {*names, *([PINNED + pinned_case] if pinned_case else [])}
            require(side, {case.name for case in cases}, expected)
            samples.contexts.setdefault(side, context)
            if pair >= 0:
                rows[side][pair] = cases
    finally:
        progress.end()

    def place(case):
        """In the order of the names: the harness has shuffled its cases. The pinned library's come last."""
        return names.index(case.name) if case.name in names else len(names)

    samples.pairs = len(rows[BASE])
    for side, into in ((BASE, samples.base), (NEW, samples.new)):
        for pair in sorted(rows[side]):
            for case in sorted(rows[side][pair], key=place):
                samples.cases.setdefault(case.name, case)
                samples.raw[side].setdefault(case.name, []).append(case)
                into.setdefault(case.name, []).append(STATISTICS[plan.statistic](case.samples))
    return samples


@contextlib.contextmanager
def clocked(seconds, side):
    """Adds the time that passes."""
    began = time.monotonic()
    try:
        yield
    finally:
        seconds[side] += time.monotonic() - began


def attempt(plan, side, library, pattern, generator, samples, measure_once, which=""):
    """One process; one that fails has a second chance, and is named."""
    for chance in (1, 2):
        environment = {PADDING: "x" * generator.randrange(4096)}
        try:
            return measure_once(
                plan.harness, library, plan.suite, pattern, plan.flags, plan.timeout, plan.cpus, environment
            )
        except MeasurementFailed as error:
            if chance == 2:
                raise MeasurementFailed(f"{which}{side} ({library}) failed twice: {error}") from error
            samples.retried.append(f"{which}{side} failed once, and was measured again: {error}")


def renamed(case):
    return Case(PINNED + case.name, case.samples, case.metric, case.lower_is_better, case.counters)


def require(side, found, expected):
    if found != expected:
        missing, further = sorted(expected - found), sorted(found - expected)
        said = [f"did not measure {', '.join(missing)}"] if missing else []
        said += [f"measured {', '.join(further)}, which nobody asked for"] if further else []
        raise MeasurementFailed(f"{side} {' and '.join(said)}")


def make_generator(seed):
    """(random numbers, their seed): a new one where none is given."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    return random.Random(seed), seed
