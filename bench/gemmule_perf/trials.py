# SPDX-License-Identifier: BSD-3-Clause
"""Trials of the gate: measured, kept in a file as they come, and judged from what is kept.

A trial compares one library, the base, with several others at once. Each round has a process of every side, in an order
by chance, and the next round has them in reverse: the processes of the base and of any one of the others are then what
interleave.py would have made of these two, but for the others in between. Whatever a comparison leaves open has
fresh pairs of its own.
"""
import dataclasses
import json
import os
import random
from dataclasses import dataclass

from gemmule_perf import ab, interleave, judge
from gemmule_perf.errors import MeasurementFailed, UsageError
from gemmule_perf.records import is_canary

SCHEMA = 1
BASE, COPY = "base", "copy"  # the copy is equal: what is slower there is a false alarm


@dataclass(frozen=True)
class Side:
    name: str
    percent: float  # by how much the kernel is slower; 0: the base and its copy
    library: str
    sha256: str
    commit: str = None


@dataclass(frozen=True)
class Bench:
    """What all trials share. The sides of `plan` are of no account here."""

    plan: interleave.Plan
    rules: judge.Rules
    cases: tuple
    canaries: tuple
    pairs: int
    sides: tuple  # the base first
    seed: int


def rounds(names, pairs, generator):
    """The order of the processes: (number of the pair, name of the side)."""
    for first in range(0, pairs, 2):
        order = list(names)
        generator.shuffle(order)
        for pair, sides in ((first, order), (first + 1, order[::-1])):
            if pair < pairs:
                yield from ((pair, side) for side in sides)


def rounded(value):
    """What is judged is what is kept: seven digits."""
    return float(f"{value:.7g}")


def generator_of(bench, number):
    """Random numbers of a trial, whatever has run before it."""
    return random.Random(f"{bench.seed} {number}")


def measure(bench, number, generator, measure_once, show=lambda done, total, text: None):
    """The trial of that number, as the dictionary that is kept. measure_once takes the names of sides for libraries."""
    plan, names = bench.plan, [side.name for side in bench.sides]
    every = [*bench.cases, *bench.canaries]
    wanted = interleave.filter_of(every)
    warm_up = [(None, side) for _ in range(plan.warm_up) for side in names]
    order = warm_up + list(rounds(names, bench.pairs, generator))
    samples = interleave.Samples()
    first, seconds = {side: {} for side in names}, dict.fromkeys(names, 0.0)
    for done, (pair, side) in enumerate(order):
        show(done, len(order), side)
        with interleave.clocked(seconds, side):
            context, cases = interleave.attempt(plan, side, side, wanted, generator, samples, measure_once)
        interleave.require(side, {case.name for case in cases}, set(every))
        if pair is not None:
            for case in cases:
                sample = interleave.STATISTICS[plan.statistic](case.samples)
                first[side].setdefault(case.name, []).append(rounded(sample))
    seconds = {side: rounded(taken) for side, taken in seconds.items()}
    trial = {"kind": "trial", "number": number, "context": context, "first": first, "second": {}, "seconds": seconds}
    trial["retried"] = samples.retried
    for side in names[1:]:
        confirm(bench, trial, side, generator, measure_once)
    return trial


def confirm(bench, trial, side, generator, measure_once):
    """Measures once more what the first stage leaves open, into the trial."""
    still_open = judge.open_cases(judge_first(trial, side, bench.rules))
    if not still_open:
        return
    plan = dataclasses.replace(bench.plan, base=BASE, new=side)
    title = f"trial {trial['number'] + 1}, {side} once more"
    names = still_open + list(bench.canaries)
    samples = ab.again(plan, names, bench.pairs, generator, None, measure_once, title)
    trial["second"][side] = {
        which: {name: [rounded(value) for value in values] for name, values in measured.items()}
        for which, measured in ((interleave.BASE, samples.base), (interleave.NEW, samples.new))
    }
    trial["second"][side]["seconds"] = rounded(max(samples.seconds.values()))
    trial["retried"] += samples.retried


# Judgement


def pairs_of(base, new):
    """(pairs of the cases, pairs of the canaries)"""
    pairs = [judge.Pairs(name, tuple(base[name]), tuple(new[name])) for name in base]
    return (
        [pair for pair in pairs if not is_canary(pair.name)],
        [pair for pair in pairs if is_canary(pair.name)],
    )


def judge_first(trial, side, rules):
    return judge.judge(*pairs_of(trial["first"][BASE], trial["first"][side]), rules)


def verdict_of(trial, side, rules):
    """What the gate would have said; None where these rules leave open what has no fresh pairs."""
    found = judge_first(trial, side, rules)
    still_open = judge.open_cases(found)
    if not still_open:
        return found
    fresh = trial["second"].get(side, {interleave.BASE: {}, interleave.NEW: {}})
    if not set(still_open) <= set(fresh[interleave.BASE]):
        return None
    cases, canaries = pairs_of(fresh[interleave.BASE], fresh[interleave.NEW])
    before, _ = pairs_of(trial["first"][BASE], trial["first"][side])
    return judge.confirm(found, [case for case in cases if case.name in still_open], canaries, before)


def seconds_of(trial, side):
    """What a side of this comparison took, both stages."""
    return max(trial["seconds"][BASE], trial["seconds"][side]) + trial["second"].get(side, {}).get("seconds", 0.0)


# The file: a line that says what was measured, and a line for each trial


class File:
    """Trials are added as they come; an interrupted line at the end is dropped when it is opened again."""

    def __init__(self, path):
        self.path, self.header, self.trials = str(path), None, []

    def create(self, header):
        self.header = {"kind": "selftest", "schema": SCHEMA, **header}
        try:
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
            with open(self.path, "x", encoding="utf-8") as file:
                file.write(json.dumps(self.header) + "\n")
        except OSError as error:
            raise UsageError(f"{self.path} could not be written: {error.strerror}") from error

    def read(self):
        """What is there; an interrupted line at the end is cut off. Returns whether there was one."""
        try:
            with open(self.path, "rb") as file:
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            if len(whole) < len(text):
                os.truncate(self.path, len(whole))
        except OSError as error:
            raise UsageError(f"{self.path}: {error.strerror}") from error
        entries = [self.entry(number, line) for number, line in enumerate(whole.splitlines(), 1)]
        if not entries:
            raise MeasurementFailed(f"{self.path}: no line of a selftest")
        self.header, self.trials = entries[0], entries[1:]
        for number, trial in enumerate(self.trials):
            self.check(number, trial)
        return len(whole) < len(text)

    def check(self, number, trial):
        """That a trial has all that is judged. A line that is there twice, or gone, would make other rates."""
        try:
            if trial["number"] != number:
                raise ValueError
            for side in self.header["sides"][1:]:
                pairs_of(trial["first"][BASE], trial["first"][side["name"]])
                fresh = trial["second"].get(side["name"])
                if fresh:
                    pairs_of(fresh[interleave.BASE], fresh[interleave.NEW])
                float(seconds_of(trial, side["name"]))
            len(trial["retried"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MeasurementFailed(f"{self.path}:{number + 2}: damaged, or not the trial {number + 1}") from error

    def entry(self, number, line):
        try:
            entry = json.loads(line)
            if entry["kind"] != ("selftest" if number == 1 else "trial"):
                raise ValueError
            if number == 1 and entry["schema"] != SCHEMA:
                raise MeasurementFailed(f"{self.path}:1: schema {entry['schema']}, and this tool knows {SCHEMA}")
        except (ValueError, TypeError, KeyError) as error:
            raise MeasurementFailed(f"{self.path}:{number}: damaged, or no line of a selftest") from error
        return entry

    def add(self, trial):
        self.trials.append(trial)
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(trial) + "\n")
        except OSError as error:
            raise MeasurementFailed(f"{self.path} could not be written: {error.strerror}") from error
