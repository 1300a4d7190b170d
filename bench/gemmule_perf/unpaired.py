# SPDX-License-Identifier: BSD-3-Clause
"""The statistics of two runs whose samples are in no pairs: Mann and Whitney's test, corrected for the number of cases,
and ratios of medians with intervals."""
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from gemmule_perf.errors import MeasurementFailed
from gemmule_perf.judge import holm
from gemmule_perf.records import is_canary
from gemmule_perf.text import count, spread

RESAMPLES = 2000


@dataclass(frozen=True)
class Comparison:
    """A case in both runs. The ratio is new to old, of medians; p is Holm's, for all cases of the comparison."""

    name: str
    metric: str
    old: float
    new: float
    old_spread: float | None
    new_spread: float | None
    samples: tuple[int, int]
    ratio: float
    interval: tuple[float, float]
    p: float
    verdict: str  # "slower", "faster", "~"

    @property
    def canary(self):
        return is_canary(self.name)

    def beyond(self, threshold):
        """Whether it differs, and by more than that."""
        return self.verdict != "~" and max(self.ratio, 1 / self.ratio) > 1 + threshold


def compare(old, new, alpha):
    """[Comparison] of the cases that both runs have, in the order of the new one."""
    before = {(case.name, case.metric): case for case in old.cases}
    pairs = [(before[case.name, case.metric], case) for case in new.cases if (case.name, case.metric) in before]
    if not pairs:
        raise MeasurementFailed(
            f"no case is common: {old.identifier} has {examples(old)}, {new.identifier} has {examples(new)}"
        )
    tests = [mannwhitneyu(b.samples, a.samples, alternative="two-sided", method=method(b, a)) for b, a in pairs]
    adjusted = holm([test.pvalue for test in tests])
    return [one_comparison(b, a, p, alpha) for (b, a), p in zip(pairs, adjusted)]


def method(before, after):
    """The exact distribution knows no ties; for many samples it is slow, and the normal one as good."""
    values = before.samples + after.samples
    exact = len(set(values)) == len(values) and max(len(before.samples), len(after.samples)) <= 40
    return "exact" if exact else "asymptotic"


def one_comparison(before, after, p, alpha):
    ratio = after.median / before.median
    verdict = "~"
    if p < alpha and ratio != 1:
        verdict = "slower" if (ratio > 1) == after.lower_is_better else "faster"
    return Comparison(
        after.name,
        after.metric,
        before.median,
        after.median,
        spread(before.samples),
        spread(after.samples),
        (len(before.samples), len(after.samples)),
        ratio,
        interval_of(before.samples, after.samples),
        p,
        verdict,
    )


def interval_of(old, new):
    """The central 95 % of the ratio of medians, by the bootstrap; from a fixed seed, so that a page repeats."""
    random = np.random.default_rng(1)
    old, new = np.array(old), np.array(new)
    ratios = [
        np.median(new[random.integers(0, len(new), (RESAMPLES, len(new)))], axis=1),
        np.median(old[random.integers(0, len(old), (RESAMPLES, len(old)))], axis=1),
    ]
    low, high = np.quantile(ratios[0] / ratios[1], [0.025, 0.975])
    return float(low), float(high)


def least_p(samples):
    """The p that two runs of so many samples have when all of one are above all of the other."""
    old, new = samples
    return 2 / float(np.prod([(old + i) / i for i in range(1, new + 1)]))


def blind(comparisons, alpha):
    """Those in which no difference could have been seen, with so few samples and so many cases."""
    return [one for one in comparisons if least_p(one.samples) * len(comparisons) >= alpha]


def geometric_mean(comparisons):
    ratios = [one.ratio for one in comparisons if not one.canary]
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else None


def examples(one):
    names = [case.name for case in one.cases]
    return f"{count(len(names), 'case')}" + (f" ({names[0]}{', ...' if len(names) > 1 else ''})" if names else "")
