#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The judgement: its statistics against published values and scipy, its verdicts, and its rates of error on simulated
machines (noise.py)."""
import dataclasses
import itertools
import math
import sys
import unittest
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import noise  # noqa: E402
from gemmule_perf import judge  # noqa: E402
from gemmule_perf.judge import FASTER, SAME, SLOWER, UNCLEAR, Pairs, Rules  # noqa: E402


def pairs(name, ratios, **options):
    return Pairs(name, (1e-3,) * len(ratios), tuple(1e-3 * ratio for ratio in ratios), **options)


def around(ratio, count=12, width=0.002):
    """Ratios about `ratio`, without a tie."""
    return [ratio * (1 + width * (2 * i / (count - 1) - 1) + 1e-7 * i * i) for i in range(count)]


class SignedRank(unittest.TestCase):
    def test_all_signs_enumerated(self):
        random = numpy.random.default_rng(3)
        for sizes in (random.normal(0, 1, 7), numpy.array([1, 1, 2, 3, 3, 3.0]), numpy.array([5.0])):
            sizes = numpy.abs(sizes)
            ranks = [(numpy.sum(sizes < size) + numpy.sum(sizes <= size) + 1) / 2 for size in sizes]
            signs = list(itertools.product([0, 1], repeat=len(sizes)))
            for chosen in signs:
                observed = numpy.dot(chosen, ranks)
                expected = sum(numpy.dot(other, ranks) >= observed for other in signs) / len(signs)
                found = judge.signed_rank(sizes * (2 * numpy.array(chosen) - 1))
                self.assertAlmostEqual(found, expected, 12)

    def test_published(self):
        # Darwin's maize, as in Fisher (1935): W+ = 96 of 120, one-sided p = 0.0206 (ties shared).
        maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
        self.assertAlmostEqual(judge.signed_rank(maize), 0.0206, 3)

    def test_smallest_value(self):
        for count in (1, 5, 10, 40):
            self.assertAlmostEqual(judge.signed_rank(range(1, count + 1)), 2.0**-count, 15)

    def test_zero_counts_against(self):
        self.assertEqual(judge.signed_rank([0.0] * 10), 1.0)
        self.assertGreater(judge.signed_rank([0.0, 1, 2, 3]), judge.signed_rank([0.5, 1, 2, 3]))


class Location(unittest.TestCase):
    def test_estimate_is_the_median_of_the_walsh_averages(self):
        self.assertEqual(judge.location([1.0, 2.0, 10.0], 0.5)[0], numpy.median([1, 1.5, 2, 5.5, 6, 10]))

    def test_coverage(self):
        random = numpy.random.default_rng(5)
        covered = 0
        for _ in range(1000):
            _, low, high = judge.location(random.standard_t(2, 10), 0.95)
            covered += low <= 0 <= high
        self.assertGreater(covered, 935)

    def test_too_few_have_no_interval(self):
        self.assertEqual(judge.location([1.0] * 5, 0.95)[1:], (-math.inf, math.inf))
        self.assertEqual(judge.location([1.0, 2, 3, 4, 5, 6], 0.95)[1:], (1.0, 6.0))


class Holm(unittest.TestCase):
    def test_steps(self):
        adjusted = judge.holm([0.01, 0.04, 0.03, 0.005])
        for found, expected in zip(adjusted, [0.03, 0.06, 0.06, 0.02]):
            self.assertAlmostEqual(found, expected)
        self.assertEqual(judge.holm([0.9, 0.8]), [1.0, 1.0])
        self.assertEqual(judge.holm([]), [])


class Judge(unittest.TestCase):
    def verdicts(self, cases, canaries=(), **rules):
        verdict = judge.judge(cases, canaries, Rules(**rules))
        return verdict, [case.verdict for case in verdict.cases]

    def test_slower_faster_same(self):
        verdict, found = self.verdicts(
            [pairs("a", around(1.05)), pairs("b", around(0.9)), pairs("c", around(1.001)), pairs("d", around(1.01))]
        )
        self.assertEqual(found, [SLOWER, FASTER, SAME, SAME])
        self.assertEqual(verdict.outcome, SLOWER)
        self.assertAlmostEqual(verdict.cases[0].ratio, 1.05, 3)
        self.assertLess(verdict.cases[0].low, 1.05)
        self.assertLess(1.05, verdict.cases[0].high)

    def test_faster_by_less_than_the_threshold_is_the_same(self):
        self.assertEqual(self.verdicts([pairs("a", around(0.99))])[1], [SAME])
        self.assertEqual(self.verdicts([pairs("a", around(0.99))], threshold=0.005)[1], [FASTER])

    def test_wide_is_unclear(self):
        verdict, found = self.verdicts([pairs("a", around(1.0, width=0.1))])
        self.assertEqual((found, verdict.outcome), ([UNCLEAR], "inconclusive"))

    def test_slower_beside_unclear_is_slower(self):
        verdict, _ = self.verdicts([pairs("a", around(1.0, width=0.1)), pairs("b", around(1.1))])
        self.assertEqual(verdict.outcome, SLOWER)

    def test_too_few_pairs_by_name(self):
        for count in (1, 2, 6):
            verdict, found = self.verdicts([pairs(str(i), around(1.5, 12)[:count]) for i in range(8)])
            self.assertEqual((verdict.outcome, set(found)), ("inconclusive", {UNCLEAR}))
            said = f"{count} pairs were measured, and fewer than 8 can show nothing of 8 cases"
            self.assertIn(said, verdict.notes[0])
        self.assertEqual(self.verdicts([pairs(str(i), around(1.5, 8)) for i in range(8)])[0].outcome, SLOWER)

    def test_pairs_needed(self):
        for cases in (1, 2, 8, 50, 1000):
            needed = Rules().pairs_needed(cases)
            self.assertLessEqual(cases * 2.0**-needed, 0.1)
            self.assertEqual(needed % 2, 0)
        self.assertEqual([Rules().pairs_needed(cases) for cases in (1, 8, 200)], [6, 8, 12])
        self.assertEqual([Rules().pairs_needed(1, canaries) for canaries in (1, 2, 3)], [10, 10, 12])

    def test_moved_canary_is_never_slower(self):
        verdict, found = self.verdicts([pairs("a", around(1.05))], [pairs("canary/fma", around(1.03))])
        self.assertEqual((verdict.outcome, found), ("inconclusive", [UNCLEAR]))
        self.assertIn("canary/fma moved by +3.0 %", verdict.notes[0])
        self.assertEqual(judge.open_cases(verdict), [])
        verdict, _ = self.verdicts([pairs("a", around(1.05))], [pairs("canary/fma", around(0.97))])
        self.assertEqual(verdict.outcome, "inconclusive")

    def test_a_canary_has_a_floor(self):
        base = tuple(1e-3 * factor for factor in (1, 1.04) * 40)
        canary = Pairs("canary/read", base, tuple(1.03 * value for value in (base[1], base[0]) * 40))
        for factor, moved in ((0.0, True), (1.0, False)):
            verdict = judge.judge([pairs("a", around(1.0))], [canary], Rules(floor_factor=factor))
            self.assertEqual(verdict.canaries[0].moved, moved)

    def test_resting_canary(self):
        verdict, found = self.verdicts([pairs("a", around(1.05))], [pairs("canary/fma", around(1.002))])
        self.assertEqual((found, verdict.canaries[0].moved), ([SLOWER], False))

    def test_thresholds_of_cases(self):
        rules = Rules(thresholds=(("sgemm/*", 0.1), ("sgemm/NN/*", 0.04)))
        found = [rules.threshold_of(name) for name in ("sgemm/NN/m:1", "sgemm/TN/m:1", "x")]
        self.assertEqual(found, [0.04, 0.1, 0.02])
        self.assertEqual(judge.judge([pairs("sgemm/TN/m:1", around(1.05))], (), rules).cases[0].verdict, SAME)

    def test_floor_raises_the_threshold(self):
        base = tuple(1e-3 * factor for factor in (1, 1.04) * 6)  # A1 and A2 of a block never agree
        new = tuple(1.03 * value for value in (base[1], base[0]) * 6)
        noisy = Pairs("a", base, new)
        self.assertAlmostEqual(judge.judge([noisy], (), Rules(floor_factor=1.0)).cases[0].threshold, 0.04, 2)
        self.assertEqual(judge.judge([noisy], (), Rules(floor_factor=0.0)).cases[0].threshold, 0.02)
        self.assertEqual(judge.judge([noisy], (), Rules(floor_factor=1.0)).cases[0].verdict, UNCLEAR)

    def test_a_floor_is_no_excuse(self):
        base = tuple(1e-3 * factor for factor in (1, 1.04) * 40)
        noisy = Pairs("a", base, tuple(1.03 * value for value in (base[1], base[0]) * 40))
        case = judge.judge([noisy], (), Rules(floor_factor=1.0)).cases[0]
        self.assertEqual((case.verdict, case.threshold > case.high - 1 > 0.02), (UNCLEAR, True))

    def test_equals_are_of_either_side(self):
        found = Pairs("a", (1.0, 2.0, 1.0, 4.0, 1.0), (3.0, 1.0, 1.0, 5.0, 1.0)).equals()  # the last block is half
        expected = [math.log(value) for value in (2, 4, 3, 1 / 5)]
        self.assertEqual([round(value, 12) for value in found], [round(value, 12) for value in expected])

    def test_higher_is_better(self):
        verdict, found = self.verdicts([pairs("a", around(1 / 1.05), lower_is_better=False)])
        self.assertEqual(found, [SLOWER])
        self.assertAlmostEqual(verdict.cases[0].ratio, 1.05, 3)

    def test_what_is_no_sample(self):
        for samples in ((), (1.0, 0.0), (1.0, math.nan), (1.0, math.inf), (-1.0, 1.0)):
            with self.assertRaises(ValueError):
                Pairs("a", samples, samples)
        with self.assertRaises(ValueError):
            Pairs("a", (1.0,), (1.0, 2.0))

    def test_a_note_outweighs_all_cases(self):
        verdict = judge.judge([pairs("a", around(1.05))])
        self.assertEqual(verdict.outcome, SLOWER)
        self.assertEqual(dataclasses.replace(verdict, notes=("the machine moved",)).outcome, "inconclusive")

    def test_no_cases(self):
        verdict = judge.judge([], (), Rules())
        self.assertEqual(verdict.outcome, "fine")  # that nothing was measured is found earlier
        self.assertTrue(math.isnan(verdict.geometric_mean))


class Confirm(unittest.TestCase):
    def setUp(self):
        self.first = judge.judge([pairs("a", around(1.05)), pairs("b", around(1.0)), pairs("c", around(1.04))])

    def test_what_fresh_pairs_deny_is_not_slower(self):
        verdict = judge.confirm(self.first, [pairs("a", around(1.06)), pairs("c", around(1.0))])
        self.assertEqual([case.verdict for case in verdict.cases], [SLOWER, SAME, SAME])
        self.assertAlmostEqual(verdict.cases[0].ratio, 1.06, 3)
        self.assertAlmostEqual(verdict.cases[2].flagged.ratio, 1.04, 3)
        self.assertIsNone(verdict.cases[1].flagged)

    def test_other_cases_are_refused(self):
        with self.assertRaises(ValueError):
            judge.confirm(self.first, [pairs("a", around(1.06))])

    def test_what_was_unclear_is_judged_by_all_pairs(self):
        wide, narrow = pairs("b", around(1.0, width=0.06)), pairs("b", around(1.0001, 30))
        first = judge.judge([pairs("a", around(1.05)), wide, pairs("c", around(1.0))])
        self.assertEqual(judge.open_cases(first), ["a", "b"])
        verdict = judge.confirm(first, [pairs("a", around(1.06)), narrow], (), [wide])
        self.assertEqual([case.verdict for case in verdict.cases], [SLOWER, SAME, SAME])
        self.assertEqual((verdict.cases[1].pairs, verdict.cases[1].unclear), (42, first.cases[1]))
        fresh = [pairs("a", around(1.0)), pairs("b", around(1.05, 30))]
        still = judge.confirm(first, fresh, (), [wide])
        self.assertEqual([case.verdict for case in still.cases], [SAME, UNCLEAR, SAME])  # fresh pairs would be needed
        alone = judge.judge([Pairs("b", wide.base + fresh[1].base, wide.new + fresh[1].new)]).cases[0]
        self.assertAlmostEqual(still.cases[1].p, 3 * alone.p)  # of three cases
        with self.assertRaises(ValueError):
            judge.confirm(first, [pairs("a", around(1.06)), narrow])

    def test_canary_of_the_second_stage(self):
        fresh = [pairs("a", around(1.06)), pairs("c", around(1.05))]
        verdict = judge.confirm(self.first, fresh, [pairs("canary/fma", around(1.03))])
        self.assertEqual((verdict.outcome, verdict.of(SLOWER)), ("inconclusive", []))
        self.assertIn("canary/fma moved by +3.0 %", verdict.notes[0])
        self.assertTrue(verdict.canaries[0].moved)


class Rates(unittest.TestCase):
    """Seeded, so that each run has the same; the bounds are what the statistics promise, and room for chance."""

    def test_alpha_is_kept_at_the_edge(self):
        # With a threshold of nothing, equal sides lie on the very edge of the hypothesis.
        false = flagged = 0
        for model in noise.MODELS:
            shares = noise.rates(7, model, 12, Rules(threshold=0.0, floor_factor=0.0), 150)
            flagged, false = flagged + 150 * shares[0], false + 150 * shares[1]
        self.assertLess(flagged, 900 * 0.125)  # 0.1 is promised, and 0.01
        self.assertLess(false, 900 * 0.018)

    def test_no_false_alarm_beyond_the_threshold(self):
        for model in noise.MODELS:
            self.assertLess(noise.rates(8, model, 12, Rules(), 100)[1], 0.01, model.__name__)

    def test_power(self):
        for model, wanted in ((noise.quiet, 1.0), (noise.layouts, 0.9), (noise.drift, 1.0), (noise.outliers, 0.75)):
            self.assertGreaterEqual(noise.rates(9, model, 20, Rules(), 60, 0.05)[2], wanted, model.__name__)


if __name__ == "__main__":
    unittest.main()
