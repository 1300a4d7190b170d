# SPDX-License-Identifier: BSD-3-Clause
"""The judgement of paired samples: slower, faster, same or unclear. Pure functions over numbers.

Each case has one sample a process, and a pair is two processes of the same minute, one of either side. What is judged
is the logarithm of new / base of each pair: its location by Hodges and Lehmann (1963), an interval and a p-value by the
exact signed-rank distribution of Wilcoxon (1945). No normal distribution is assumed, and a few wild samples move
nothing; symmetry under the hypothesis comes from the random order within the pairs (interleave.py).

Slower means that the ratio exceeds 1 + threshold, not that it exceeds 1. The p-values of all cases are adjusted
together by Holm (1979), so that alpha bounds the chance that any case is called slower which is not. There are two
stages: what the first one flags is measured again, and fresh pairs have to say so too. Either stage works at the square
root of alpha, since a false alarm has to pass both. What was unclear in the first stage is measured again as well, and
judged by all of its pairs, but is never called slower. docs/regression.md has all of it at length.
"""
import fnmatch
import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy

from gemmule_perf.text import change

SLOWER, FASTER, SAME, UNCLEAR = "slower", "faster", "same", "unclear"
FINE, INCONCLUSIVE = "fine", "inconclusive"


@dataclass(frozen=True)
class Pairs:
    """base[i] and new[i] are of two processes that ran side by side; pairs 2 i and 2 i + 1 are of one ABBA block."""

    name: str
    base: tuple
    new: tuple
    lower_is_better: bool = True

    def __post_init__(self):
        if len(self.base) != len(self.new) or not self.base:
            raise ValueError(f"{self.name}: {len(self.base)} samples of base, {len(self.new)} of new")
        if not all(math.isfinite(value) and value > 0 for value in (*self.base, *self.new)):
            raise ValueError(f"{self.name}: a sample is not a positive number")

    def differences(self):
        """Logarithms of how many times longer the new side takes, pair by pair."""
        logs = numpy.log(numpy.asarray(self.new, float)) - numpy.log(numpy.asarray(self.base, float))
        return logs if self.lower_is_better else -logs

    def equals(self):
        """Logarithms of ratios of two processes of one side and one block: an A/A comparison with as many pairs.
        The sides are turned against each other, so that a drift cancels over blocks of either order."""
        sides = numpy.log(numpy.asarray(self.base, float)), numpy.log(numpy.asarray(self.new, float))
        blocks = len(self.base) // 2 * 2
        first, second = ([logs[pair:blocks:2] for logs in sides] for pair in (0, 1))
        return numpy.concatenate([second[0] - first[0], first[1] - second[1]])


@dataclass(frozen=True)
class Rules:
    alpha: float = 0.01  # chance of any false alarm in a comparison, both stages together
    threshold: float = 0.02  # slower by less than this is nobody's business
    thresholds: tuple = ()  # (pattern, threshold): the last one that matches a case counts
    floor_factor: float = 1.0  # the threshold is at least so many times the A/A floor
    canary_alpha: float = 0.005  # chance that any canary is said to have moved which has not, in a stage
    canary_threshold: float = 0.01  # less than this is no movement, nor is less than the floor
    confidence: float = 0.95  # of the intervals

    @property
    def stage_alpha(self):
        return math.sqrt(self.alpha)

    def pairs_needed(self, cases, canaries=0):
        """The smallest number of pairs that could show anything: no p-value of n pairs is below 2^-n. It is even, since
        a block has two, and six at least, which an interval of 95 % needs."""
        tests = [max(cases, 1) / self.stage_alpha, 2 * canaries / self.canary_alpha]
        return max(6, 2 * math.ceil(math.log2(max(tests)) / 2 - 1e-9))

    def threshold_of(self, name):
        found = self.threshold
        for pattern, threshold in self.thresholds:
            if fnmatch.fnmatchcase(name, pattern):
                found = threshold
        return found


@dataclass(frozen=True)
class CaseVerdict:
    name: str
    verdict: str
    base: float  # medians of the sides
    new: float
    ratio: float  # how many times longer the new side takes
    low: float  # the interval of the ratio
    high: float
    p: float  # that it is slower by more than the threshold, adjusted
    p_faster: float
    threshold: float  # slower means slower by more than this: of the rules, or the floor where that is larger
    floor: float  # what the ratio of two equal sides came to, in this run: |ratio - 1|
    pairs: int
    flagged: "CaseVerdict" = None  # what the first stage said, where that was slower, and this is of fresh pairs
    unclear: "CaseVerdict" = None  # what the first stage said, where that was unclear, and this is of all pairs


@dataclass(frozen=True)
class CanaryVerdict:
    """A canary computes the same on both sides; if it differs, something else than the library does."""

    name: str
    moved: bool
    ratio: float
    low: float
    high: float
    p: float  # of a difference to either side, adjusted
    spread: float  # interquartile range over all samples, relative to their median


@dataclass(frozen=True)
class Verdict:
    cases: tuple
    canaries: tuple
    rules: Rules
    notes: tuple = field(default=())  # why it is inconclusive, one sentence each

    def of(self, verdict):
        return [case for case in self.cases if case.verdict == verdict]

    @property
    def outcome(self):
        """slower, inconclusive or fine. An unclear case makes inconclusive what is not slower."""
        if self.notes:
            return INCONCLUSIVE
        if self.of(SLOWER):
            return SLOWER
        return INCONCLUSIVE if self.of(UNCLEAR) else FINE

    @property
    def geometric_mean(self):
        return math.exp(sum(math.log(case.ratio) for case in self.cases) / len(self.cases)) if self.cases else math.nan

    @property
    def floor(self):
        """The largest A/A floor of the cases."""
        return max((case.floor for case in self.cases), default=math.nan)


@lru_cache(maxsize=None)
def _distribution(ranks):
    """P(W = w) for W the sum of a random subset of the ranks (integers), by the recursion over its members."""
    chances = numpy.ones(1)
    for rank in ranks:
        longer = numpy.zeros(len(chances) + rank)
        longer[: len(chances)] = chances
        longer[rank:] += chances
        chances = longer / 2
    return chances


def signed_rank(differences):
    """The exact one-sided p-value of the hypothesis that the differences are symmetric about zero or below it.

    Equal sizes share the mean of their ranks, and the distribution is the one of these very ranks (doubled, to be
    integers). A difference of zero counts against the alternative."""
    differences = numpy.asarray(differences, float)
    sizes = numpy.abs(differences)
    ordered = numpy.sort(sizes)
    doubled = numpy.searchsorted(ordered, sizes, "left") + numpy.searchsorted(ordered, sizes, "right") + 1
    chances = _distribution(tuple(sorted(int(rank) for rank in doubled)))
    return min(1.0, float(chances[int(doubled[differences > 0].sum()) :].sum()))


def walsh(differences):
    """The means of all pairs of differences, each with itself too, in order."""
    differences = numpy.asarray(differences, float)
    rows, columns = numpy.triu_indices(len(differences))
    return numpy.sort((differences[rows] + differences[columns]) / 2)


@lru_cache(maxsize=None)
def _outside(count, confidence):
    """How many Walsh averages of `count` differences lie outside the interval on either side; 0: none is possible."""
    below = numpy.cumsum(_distribution(tuple(range(1, count + 1))))
    return int(numpy.searchsorted(below, (1 - confidence) / 2 * (1 + 1e-12), "right"))


def location(differences, confidence):
    """Hodges and Lehmann: (estimate, low, high). The interval is infinite where there are too few differences."""
    means = walsh(differences)
    outside = _outside(len(differences), confidence)
    if outside == 0:
        return float(numpy.median(means)), -math.inf, math.inf
    return float(numpy.median(means)), float(means[outside - 1]), float(means[-outside])


def holm(values):
    """Holm's adjusted p-values, in the order of `values`."""
    adjusted, largest = [0.0] * len(values), 0.0
    for done, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - done) * values[index]))
        adjusted[index] = largest
    return adjusted


def _slack(differences, threshold):
    """p-values that the ratio is above 1 + threshold, and below its inverse."""
    bound = math.log1p(threshold)
    return signed_rank(differences - bound), signed_rank(-differences - bound)


def _floor(pairs):
    """What the ratio of two equal sides came to."""
    equals = pairs.equals()
    return abs(math.expm1(float(numpy.median(walsh(equals))))) if len(equals) else 0.0


def _canaries(canaries, rules):
    differences = [canary.differences() for canary in canaries]
    chances = holm([min(1.0, 2 * min(signed_rank(values), signed_rank(-values))) for values in differences])
    found = []
    for canary, values, p in zip(canaries, differences, chances):
        ratio, low, high = (_exp(value) for value in location(values, rules.confidence))
        samples = numpy.asarray(canary.base + canary.new, float)
        lower, middle, upper = numpy.percentile(samples, [25, 50, 75])
        least = max(rules.canary_threshold, rules.floor_factor * _floor(canary))
        moved = p <= rules.canary_alpha and abs(math.log(ratio)) > math.log1p(least)
        found.append(CanaryVerdict(canary.name, moved, ratio, low, high, p, float((upper - lower) / middle)))
    return tuple(found)


def _exp(value):
    return math.exp(value) if value < 700 else math.inf


def judge(pairs, canaries=(), rules=Rules()):
    """One stage. A case that is slower here is flagged; `confirm` takes it from there."""
    pairs, canaries = tuple(pairs), tuple(canaries)
    alpha = rules.stage_alpha
    measured = []
    for case in pairs:
        differences, floor = case.differences(), _floor(case)
        threshold = max(rules.threshold_of(case.name), rules.floor_factor * floor)
        measured.append((case, differences, floor, threshold, *_slack(differences, threshold)))
    slower, faster = holm([entry[4] for entry in measured]), holm([entry[5] for entry in measured])

    notes = []
    needed = rules.pairs_needed(len(pairs), len(canaries))
    fewest = min((len(case.base) for case in pairs + canaries), default=needed)
    if fewest < needed:
        notes.append(
            f"{fewest} pairs were measured, and fewer than {needed} can show nothing of {len(pairs)} cases "
            f"and {len(canaries)} canaries at alpha = {rules.alpha:g}"
        )
    canary_verdicts = _canaries(canaries, rules)
    for canary in canary_verdicts:
        if canary.moved:
            notes.append(f"{canary.name} moved by {change(canary.ratio)}, though it is the same on both sides")

    cases = []
    for (case, differences, floor, threshold, _, _), p, p_faster in zip(measured, slower, faster):
        ratio, low, high = (_exp(value) for value in location(differences, rules.confidence))
        if notes:
            verdict = UNCLEAR
        elif p <= alpha:
            verdict = SLOWER
        elif p_faster <= alpha:
            verdict = FASTER
        else:
            verdict = SAME if high <= 1 + rules.threshold_of(case.name) else UNCLEAR  # a noisy floor is no excuse
        cases.append(
            CaseVerdict(
                case.name, verdict, float(numpy.median(case.base)), float(numpy.median(case.new)), ratio, low, high,
                p, p_faster, threshold, floor, len(case.base),
            )
        )  # fmt: skip
    return Verdict(tuple(cases), canary_verdicts, rules, tuple(notes))


def open_cases(verdict):
    """The names of what a second stage has to measure: flagged, or unclear. None where the first one says nothing."""
    return [] if verdict.notes else [case.name for case in verdict.cases if case.verdict in (SLOWER, UNCLEAR)]


def confirm(first, fresh, canaries=(), before=()):
    """The second stage. For what the first one called slower, the fresh pairs alone count, and their ratios are told:
    those of the first have been chosen for being large. What was unclear may be among them, and `before` then has its
    pairs of the first stage: that it is the same, or still unclear, is told of all pairs together. It is not called
    slower, for which there would have to be fresh pairs once more."""
    slower = {case.name for case in first.of(SLOWER)}
    unclear = {case.name: case for case in first.of(UNCLEAR)}
    fresh, before = {case.name: case for case in fresh}, {case.name: case for case in before}
    if not slower <= set(fresh) <= slower | (set(unclear) & set(before)):
        raise ValueError("the fresh pairs are not of the open cases")
    second = judge([fresh[case.name] for case in first.of(SLOWER)], canaries, first.rules)
    confirmed = {case.name: case for case in second.cases}
    cases = []
    for case in first.cases:
        if case.name in confirmed:
            case = replace(confirmed[case.name], flagged=case)
        elif case.name in fresh:
            case = _both(first, before[case.name], fresh[case.name])
        cases.append(case)
    return Verdict(tuple(cases), second.canaries or first.canaries, first.rules, first.notes + second.notes)


def _both(first, before, fresh):
    """The verdict of all pairs of a case that was unclear."""
    both = replace(before, base=before.base + fresh.base, new=before.new + fresh.new)
    case = judge([both], (), first.rules).cases[0]
    same = case.high <= 1 + first.rules.threshold_of(case.name)
    return replace(
        case,
        verdict=SAME if same else UNCLEAR,
        p=min(1.0, case.p * len(first.cases)),
        p_faster=min(1.0, case.p_faster * len(first.cases)),
        unclear=next(entry for entry in first.cases if entry.name == case.name),
    )
