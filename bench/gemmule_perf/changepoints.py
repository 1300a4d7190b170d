# SPDX-License-Identifier: BSD-3-Clause
"""Change points: when the level of a sequence of numbers has changed. Numbers only, no files.

The values are logarithms of what was measured, one a run. Single runs that stand apart are drawn in to a running median
first, which follows a step at once and a spike never. Then the part of the sequence whose mean differs most from the
mean of the rest is looked for (circular binary segmentation, Olshen and others 2004): it finds a step, and also a
change that was taken back. Its statistic is the largest of many values of Student's t. What noise alone makes of it is
simulated, for normal noise once for each length; and where that would not make so much, also for the sequence's own
noise, which is what it has beside its levels, in random order: times have spikes to one side. What is found divides the
sequence, and its parts are searched in the same way.

All sequences together are one family: at each level Holm's correction counts every part of every sequence that is
still whole, so that alpha bounds the chance of any false change among all of them. Runs that depend on each other, as
on a machine that drifts for days, are no noise of this kind: `least` is there for those.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import t as student

from gemmule_perf.judge import holm

SHORTEST = 3  # values of a level: two runs that were disturbed are not yet a change
LEAST_VALUES = 8  # of a sequence that is looked at
REACH = 2  # of the running median to each side: a level of SHORTEST values is its own median
CLIP = 4.0  # robust standard deviations from the running median
SIMULATED = 10_000  # sequences of noise; fewer where they are long
SHUFFLED = 4_000
OPERATIONS = 3e8
SURE = 0.01  # above this p, by counting simulated sequences; below, by the tail of t


@dataclass(frozen=True)
class Change:
    index: int  # of the first value of the new level
    ratio: float  # of the new level to the one before
    interval: tuple[float, float]  # 95 %, of the levels as they were found
    p: float  # corrected for all sequences


@dataclass
class Part:
    """The values [begin, end) of a sequence, and the best way to divide them."""

    sequence: int
    begin: int
    end: int
    p: float
    cuts: tuple[int, ...]
    above: float  # the largest p of the levels above


def change_points(sequences, alpha=0.01, least=0.0, seed=1):
    """[[Change]], of each sequence of positive numbers. Sequences of fewer than LEAST_VALUES have none. Changes by a
    fraction of less than `least` are left out."""
    search = Search([np.log(np.asarray(sequence, dtype=float)) for sequence in sequences], alpha, seed)
    parts = [search.part(number, 0, len(one)) for number, one in enumerate(search.raw) if len(one) >= LEAST_VALUES]
    found = [{} for _ in sequences]  # {cut: p}
    while True:
        adjusted = holm([part.p for part in parts]) if parts else []
        divided = [(part, p) for part, p in zip(parts, adjusted) if p < alpha]
        if not divided:
            break
        for part, p in divided:
            parts.remove(part)
            p = max(float(p), part.above)
            found[part.sequence].update(dict.fromkeys(part.cuts, p))
            edges = [part.begin, *part.cuts, part.end]
            for begin, end in zip(edges, edges[1:]):
                parts.append(search.part(part.sequence, begin, end, p))
    doubtful = alpha / max(1, len(parts))
    return [changes_of(one, cuts, doubtful, least) for one, cuts in zip(search.values, found)]


class Search:
    def __init__(self, raw, alpha, seed):
        self.raw, self.alpha, self.seed = raw, alpha, seed
        self.values = [drawn_in(one) if len(one) >= LEAST_VALUES else one for one in raw]

    def part(self, sequence, begin, end, above=0.0):
        """Parts too short to be divided stay: they count as members of the family, with nothing to find."""
        length = end - begin
        if length < 2 * SHORTEST:
            return Part(sequence, begin, end, 1.0, (), above)
        values = self.values[sequence][begin:end]
        strength, cuts = best_arc(values)
        p = p_of(strength, normal_noise(length, self.seed), length)
        if p < self.alpha and strength < 1:
            inner = np.zeros(length, dtype=bool)
            inner[slice(*(cuts if len(cuts) == 2 else (cuts[0], None)))] = True
            levels = np.where(inner, values[inner].mean(), values[~inner].mean())
            p = max(p, p_of(strength, own_noise(self.raw[sequence][begin:end] - levels, self.seed), length))
        return Part(sequence, begin, end, p, tuple(begin + cut for cut in cuts), above)


def changes_of(values, cuts, doubtful, least):
    """The changes at these cuts. A part that was cut out may have had one end by chance: cuts between levels that are
    not surely different are taken back, the most doubtful first, and then those that are too small."""
    cuts = dict(cuts)
    while cuts:
        changes = {cut: between(values, cuts, cut) for cut in cuts}
        worst = max(changes, key=lambda cut: changes[cut][1])
        if changes[worst][1] > doubtful:
            del cuts[worst]
            continue
        smallest = min(changes, key=lambda cut: abs(np.log(changes[cut][0].ratio)))
        if abs(changes[smallest][0].ratio - 1) < least:
            del cuts[smallest]
            continue
        return [changes[cut][0] for cut in sorted(cuts)]
    return []


def between(values, cuts, cut):
    """(Change, p of the two levels alone)"""
    edges = sorted([0, *cuts, len(values)])
    place = edges.index(cut)
    old, new = values[edges[place - 1] : cut], values[cut : edges[place + 1]]
    difference = float(new.mean() - old.mean())
    freedom = len(old) + len(new) - 2
    squares = ((old - old.mean()) ** 2).sum() + ((new - new.mean()) ** 2).sum()
    error = float(np.sqrt(squares / freedom * (1 / len(old) + 1 / len(new))))
    wide = error * float(student.ppf(0.975, freedom))
    p = 2 * float(student.sf(abs(difference) / error, freedom)) if error > 0 else float(difference == 0)
    interval = (float(np.exp(difference - wide)), float(np.exp(difference + wide)))
    return Change(cut, float(np.exp(difference)), interval, cuts[cut]), p


# Values that stand apart


def running_median(rows):
    """Of the last axis; at the ends, of as much of the window as there is."""
    length = rows.shape[-1]
    window = 2 * REACH + 1
    if length < window:
        return np.repeat(np.median(rows, axis=-1, keepdims=True), length, axis=-1)
    medians = np.empty_like(rows)
    medians[..., REACH : length - REACH] = np.median(
        np.lib.stride_tricks.sliding_window_view(rows, window, axis=-1), axis=-1
    )
    for i in range(REACH):
        medians[..., i] = np.median(rows[..., : i + REACH + 1], axis=-1)
        medians[..., length - 1 - i] = np.median(rows[..., length - 1 - i - REACH :], axis=-1)
    return medians


def drawn_in(rows):
    medians = running_median(rows)
    apart = rows - medians
    deviation = 1.4826 * np.median(np.abs(apart), axis=-1, keepdims=True)
    return medians + np.clip(apart, -CLIP * deviation, CLIP * deviation)


# The statistic


def starts_of(length, size):
    """Where parts of this size may begin, so that what is left before and behind them is nothing or a level."""
    inner = range(SHORTEST, length - size - SHORTEST + 1)
    return np.array(sorted({0, *inner, length - size}))


def best_arc(values):
    """(strength, cuts) of the part that differs most from the rest: the fraction of the sum of squares that it
    explains, from 0 to 1."""
    length = len(values)
    values = values - values.mean()
    total = float((values**2).sum())
    sums = np.concatenate([[0.0], np.cumsum(values)])
    best = (-1.0, 0, 0)
    for size in range(SHORTEST, length - SHORTEST + 1):
        starts = starts_of(length, size)
        explained = (sums[starts + size] - sums[starts]) ** 2 * (length / (size * (length - size)))
        at = int(np.argmax(explained))
        best = max(best, (float(explained[at]), int(starts[at]), size))
    explained, start, size = best
    cuts = tuple(cut for cut in (start, start + size) if 0 < cut < length)
    # Rounding is no change: a sequence without any noise has none either.
    return (min(explained / total, 1.0) if total > length * 1e-24 else 0.0), cuts


def strengths(rows):
    """The strength of each row's best part, sorted."""
    rows = drawn_in(rows)
    count, length = rows.shape
    rows -= rows.mean(axis=1, keepdims=True)
    sums = np.zeros((length + 1, count))
    np.cumsum(rows.T, axis=0, out=sums[1:])
    best = np.zeros(count)
    for size in range(SHORTEST, length - SHORTEST + 1):
        starts = starts_of(length, size)
        apart = np.abs(sums[starts + size] - sums[starts]).max(axis=0)
        np.maximum(best, apart**2 * (length / (size * (length - size))), out=best)
    return np.sort(best / (rows**2).sum(axis=1))


def simulated(length, most):
    return int(min(most, max(1000, OPERATIONS / length**2)))


@lru_cache(maxsize=None)
def normal_noise(length, seed):
    count = simulated(length, SIMULATED)
    return strengths(np.random.default_rng([seed, length]).standard_normal((count, length)))


def own_noise(rest, seed):
    """What is left of values without their levels, in other orders."""
    count = simulated(len(rest), SHUFFLED)
    return strengths(np.random.default_rng([seed, len(rest)]).permuted(np.tile(rest, (count, 1)), axis=1))


def tail(strength, length):
    """The chance that one part alone, of noise, is so strong: a t of length - 2 degrees of freedom."""
    freedom = length - 2
    return 2 * student.sf(np.sqrt(freedom * strength / max(1.0 - strength, 1e-300)), freedom)


def p_of(strength, noise, length):
    """The chance that noise alone has a part so strong. Where it is too small to be counted, it goes down as the chance
    of one part does: beyond that, parts are strong one at a time."""
    edge = noise[int((1 - SURE) * len(noise))]
    if strength < edge:
        return float(1 + len(noise) - np.searchsorted(noise, strength)) / (1 + len(noise))
    return float(SURE * tail(strength, length) / tail(edge, length))
