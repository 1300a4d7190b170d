#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Machines as they are, simulated: samples of interleaved processes under noise of many kinds, and how often the
judgement errs under each. Run as a program it prints the table of docs/regression.md:

    /usr/bin/python3 tests/perf/noise.py [FAMILIES]
"""
import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
from gemmule_perf.judge import Pairs, Rules, SLOWER, confirm, judge, open_cases  # noqa: E402

CASES = 8


def quiet(random, processes, cases):
    """Normal noise of 0.5 %, each process and case on its own."""
    return random.normal(0, 0.005, (processes, cases))


def outliers(random, processes, cases):
    """Student's t with two degrees of freedom, and one sample of twenty that takes up to half as long again."""
    noise = 0.004 * random.standard_t(2, (processes, cases))
    return noise + (random.random((processes, cases)) < 0.05) * random.uniform(0.05, 0.4, (processes, cases))


def layouts(random, processes, cases):
    """A process in three is laid out badly in memory, and 3 % slower in one case or another."""
    return quiet(random, processes, cases) + 0.03 * (random.random((processes, cases)) < 0.33)


def drift(random, processes, cases):
    """All cases follow the machine: a random walk of 0.5 % a process beside a trend of 0.2 % a process."""
    walk = numpy.cumsum(random.normal(0.002 * random.choice([-1, 1]), 0.005, processes))
    return quiet(random, processes, cases) + walk[:, None]


def bursts(random, processes, cases):
    """A neighbour comes for some five processes at a time and takes 5 to 30 % of everything meanwhile."""
    load, active = numpy.zeros(processes), 0.0
    for process in range(processes):
        if active and random.random() < 0.2:
            active = 0.0
        elif not active and random.random() < 0.1:
            active = random.uniform(0.05, 0.3)
        load[process] = active
    begins = random.integers(0, cases, processes)
    mixed = numpy.where(numpy.arange(cases) < begins[:, None], numpy.r_[0.0, load[:-1]][:, None], load[:, None])
    return quiet(random, processes, cases) + mixed


def noisy(random, processes, cases):
    """Normal noise of 2 %: no virtual machine should be so, and some are."""
    return random.normal(0, 0.02, (processes, cases))


MODELS = (quiet, outliers, layouts, drift, bursts, noisy)


def measure(random, model, pairs, cases=CASES, slowdowns=()):
    """Pairs of all cases, as interleave.py orders the processes. slowdowns: of the first cases' new side."""
    noise = model(random, 2 * pairs, cases)
    factors = numpy.ones(cases)
    factors[: len(slowdowns)] += slowdowns
    base, new = numpy.empty((pairs, cases)), numpy.empty((pairs, cases))
    for block in range((pairs + 1) // 2):
        first = random.random() < 0.5
        for pair, base_first in ((2 * block, first), (2 * block + 1, not first)):
            if pair < pairs:
                sides = (2 * pair, 2 * pair + 1) if base_first else (2 * pair + 1, 2 * pair)
                base[pair], new[pair] = noise[sides[0]], noise[sides[1]]
    base, new = 1e-3 * numpy.exp(base), 1e-3 * factors * numpy.exp(new)
    return [Pairs(f"case {i}", tuple(base[:, i]), tuple(new[:, i])) for i in range(cases)]


def both_stages(random, model, pairs, rules, slowdowns=()):
    """(verdict of both stages, names that the first one flagged)"""
    before = measure(random, model, pairs, CASES, slowdowns)
    first = judge(before, (), rules)
    flagged, again = [case.name for case in first.of(SLOWER)], open_cases(first)
    if not again:
        return first, flagged
    fresh = measure(random, model, pairs, CASES, slowdowns)
    return confirm(first, [case for case in fresh if case.name in again], (), before), flagged


def rates(seed, model, pairs, rules, families, slowdown=0.0):
    """Shares of comparisons: (another case flagged than the slow one, another one called slower, the slow one called
    slower, inconclusive)."""
    random = numpy.random.default_rng(seed)
    counts = numpy.zeros(4)
    slow = ["case 0"] if slowdown else []
    for _ in range(families):
        verdict, flagged = both_stages(random, model, pairs, rules, [slowdown] if slowdown else [])
        slower = [case.name for case in verdict.of(SLOWER)]
        wrong = [set(names) - set(slow) != set() for names in (flagged, slower)]
        counts += [*wrong, slow != [] and slow[0] in slower, verdict.outcome == "inconclusive"]
    return counts / families


def main(families):
    print(f"Shares of {families} comparisons of {CASES} cases, in %.")
    print(f"{'':11}{'':5}   at the edge     threshold 2 %")
    print(f"{'noise':11}{'pairs':>5}{'flagged':>9}{'false':>7}{'false':>8}{'inconclusive':>14}{'finds 3 %':>11}"
          f"{'finds 5 %':>11}")  # fmt: skip
    for model in MODELS:
        for pairs in (12, 20, 30):
            flagged, at_edge, _, _ = rates(1, model, pairs, Rules(threshold=0.0, floor_factor=0.0), families)
            _, false, _, unclear = rates(2, model, pairs, Rules(), families)
            powers = [rates(3, model, pairs, Rules(), families, slowdown)[2] for slowdown in (0.03, 0.05)]
            shares = [100 * share for share in (flagged, at_edge, false, unclear, *powers)]
            print(f"{model.__name__:11}{pairs:5}{shares[0]:9.1f}{shares[1]:7.1f}{shares[2]:8.1f}{shares[3]:14.1f}"
                  f"{shares[4]:11.1f}{shares[5]:11.1f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
