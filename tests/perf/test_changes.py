# SPDX-License-Identifier: BSD-3-Clause
"""Change points: how often noise makes one, that steps are found where they are, and the command."""
import csv
import io
import json
import unittest

import numpy as np
from support import PerfTest, make_run, store

from gemmule_perf import changes
from gemmule_perf.changepoints import Change, change_points, changes_of, drawn_in
from gemmule_perf.history import append
from gemmule_perf.records import Case, Series


def sequences(seed, count, length, noise=0.01, steps=(), spikes=0.0):
    """Lognormal values with steps, a fraction each, from an index on; spikes of about 20 % to one side."""
    random = np.random.default_rng(seed)
    values = noise * random.standard_normal((count, length))
    values += (random.random((count, length)) < spikes) * random.exponential(0.2, (count, length))
    for index, step in steps:
        values[:, index:] += np.log1p(step)
    return np.exp(values)


def found_in(values, **settings):
    """Each sequence alone."""
    return [change_points([one], **settings)[0] for one in values]


class FalseAlarms(unittest.TestCase):
    def rate(self, values, alpha):
        return sum(bool(found) for found in found_in(values, alpha=alpha)) / len(values)

    def test_normal_noise_alarms_as_often_as_it_may(self):
        # Of 400, a rate of 5 % lies within 2.2 % and 8.6 % with a chance of 99.8 %.
        for length in (8, 30):
            rate = self.rate(sequences(1, 400, length), 0.05)
            self.assertTrue(0.02 < rate < 0.09, rate)

    def test_spikes_do_not_make_many_more(self):
        self.assertLess(self.rate(sequences(2, 150, 40, spikes=0.05), 0.05), 0.1)

    def test_sequences_are_one_family(self):
        alarms = sum(any(change_points(sequences(seed, 20, 15), alpha=0.05)) for seed in range(40))
        self.assertLess(alarms, 8)  # of 40 at 5 %: more with a chance of 0.1 %

    def test_no_noise_is_no_change(self):
        self.assertEqual(found_in([[2.5] * 20]), [[]])


class Steps(unittest.TestCase):
    def test_five_percent_within_eight_runs(self):
        found = found_in(sequences(3, 50, 8, steps=[(4, 0.05)]), alpha=0.05)
        self.assertGreater(sum(len(one) == 1 and one[0].index == 4 for one in found), 42)

    def test_three_percent_are_found_where_they_are(self):
        found = found_in(sequences(4, 30, 30, steps=[(18, 0.03)]))
        self.assertGreater(sum(any(abs(change.index - 18) <= 1 for change in one) for one in found), 28)
        self.assertLess(sum(len(one) > 1 for one in found), 3)
        covered = sum(one[0].interval[0] < 1.03 < one[0].interval[1] for one in found if one)
        self.assertGreater(covered, 23)

    def test_three_runs_are_enough(self):
        found = found_in(sequences(5, 30, 30, steps=[(27, 0.05)]))
        self.assertGreater(sum(len(one) == 1 and one[0].index == 27 for one in found), 26)

    def test_what_was_taken_back_is_two_changes(self):
        found = found_in(sequences(6, 30, 30, steps=[(12, 0.05), (17, 1 / 1.05 - 1)]))
        self.assertGreater(sum([change.index for change in one] == [12, 17] for one in found), 26)

    def test_staircases(self):
        found = found_in(sequences(7, 30, 40, steps=[(10, 0.05), (20, 0.05), (30, -0.1)]))
        self.assertGreater(sum([change.index for change in one] == [10, 20, 30] for one in found), 26)

    def test_spikes_do_not_hide_a_step(self):
        found = found_in(sequences(8, 30, 40, steps=[(20, 0.05)], spikes=0.05))
        self.assertGreater(sum(any(abs(change.index - 20) <= 1 for change in one) for one in found), 23)

    def test_two_runs_are_no_level(self):
        values = sequences(9, 1, 30)[0]
        values[14:16] *= 1.5
        self.assertEqual(found_in([values]), [[]])

    def test_a_step_without_noise(self):
        ((change,),) = found_in([[1.0] * 6 + [1.1] * 6])
        self.assertEqual(change.index, 6)
        self.assertAlmostEqual(change.ratio, 1.1)

    def test_small_changes_are_left_out(self):
        values = sequences(10, 1, 40, noise=0.001, steps=[(20, 0.008)])
        self.assertEqual(len(found_in(values)[0]), 1)
        self.assertEqual(found_in(values, least=0.01), [[]])

    def test_the_same_seed_is_the_same_answer(self):
        values = sequences(11, 3, 20, steps=[(10, 0.02)])
        self.assertEqual(change_points(values, alpha=0.05), change_points(values, alpha=0.05))

    def test_a_border_by_chance_is_taken_back(self):
        values = np.log(sequences(12, 1, 30, steps=[(10, 0.05)])[0])
        found = changes_of(values, {10: 1e-6, 20: 1e-6}, 0.01, 0.0)
        self.assertEqual([change.index for change in found], [10])

    def test_short_sequences_have_none(self):
        self.assertEqual(change_points([[1, 2], [1] * 4 + [2] * 3, []]), [[], [], []])

    def test_levels_of_three_are_not_drawn_in(self):
        values = np.array([0.0] * 10 + [1.0] * 3 + [0.0] * 10)
        self.assertTrue((drawn_in(values) == values).all())


class Command(PerfTest):
    def history(self, factors, canary=None, fingerprints=None):
        """Runs with a case and a canary whose times are multiplied by these factors."""
        for number, factor in enumerate(factors):
            by = (factor, 1.0, canary[number] if canary else 1.0)
            cases = ("sgemm/NN/m:64", "softmax/rows:4", "canary/fma")
            fingerprint = fingerprints[number] if fingerprints else None
            append(self.path("h"), make_run(number, cases, by, fingerprint=fingerprint))

    def changes(self, *arguments):
        return self.perf("changes", "--history", self.path("h"), *arguments)

    def test_a_slowdown_is_named(self):
        self.history([1.0] * 8 + [1.05] * 6)
        code, output, _ = self.changes()
        self.assertEqual(code, 1)
        self.assertRegex(output, r"sgemm/NN/m:64 +2030-01-01 00:08 .* slower +1\.0[45]\d+")
        self.assertRegex(output, "3 series, 1 of them with changes: 1")
        self.assertNotIn("softmax", output)

    def test_a_gain_is_fine(self):
        self.history([1.0] * 8 + [0.9] * 6)
        code, output, _ = self.changes()
        self.assertEqual((code, "faster" in output), (0, True))

    def test_nothing(self):
        self.history([1.0] * 12)
        self.assertEqual(self.changes()[:2], (0, "3 series, 0 of them with changes: 0\n"))

    def test_a_canary_that_moves_too_makes_it_inconclusive(self):
        factors = [1.0] * 8 + [1.05] * 6
        self.history(factors, canary=factors)
        code, output, _ = self.changes()
        self.assertEqual((code, "slower with canary/fma" in output), (3, True))

    def test_another_machine_is_another_series(self):
        machines = [{"cpu": {"model": model}} for model in "12"]
        self.history([1.0] * 8 + [1.5] * 8, fingerprints=[machines[0]] * 8 + [machines[1]] * 8)
        code, output, _ = self.changes()
        self.assertEqual((code, output), (0, "6 series, 0 of them with changes: 0\n"))

    def test_forms(self):
        self.history([1.0] * 8 + [1.05] * 6)
        document = json.loads(self.changes("--json")[1])
        (change,) = document["changes"]
        self.assertEqual((change["case"], change["index"], change["slower"]), ("sgemm/NN/m:64", 8, True))
        self.assertEqual((change["run"], document["exit"]), (make_run(8).identifier, 1))
        (row,) = csv.DictReader(io.StringIO(self.changes("--csv")[1]))
        self.assertEqual((row["case"], row["index"], row["slower"]), ("sgemm/NN/m:64", "8", "1"))
        self.assertTrue(float(row["low"]) < float(row["ratio"]) < float(row["high"]))

    def test_filters(self):
        self.history([1.0] * 8 + [1.05] * 6)
        self.assertEqual(self.changes("--bench", "softmax/*")[0], 0)
        self.assertEqual(self.changes("--since", "2030-01-01T00:08")[0], 1)
        for time in ("20300101T000800Z", "2030-01-01 00:07:59", "2030-01-01T01:08+01:00"):
            self.assertEqual(self.changes("--since", time)[0], 1, time)
        for time in ("2030-01-01T00:09", "20300101T000900", "2030-01-01T00:09-00:01"):
            self.assertEqual(self.changes("--since", time)[0], 0, time)
        for time in ("2030-01-02", "20300102"):
            code, output, errors = self.changes("--since", time)
            self.assertEqual((code, output), (4, ""))
            self.assertIn(f"--since {time}: no run in {self.path('h')} is so new", errors)
        self.assertEqual(self.changes("--since", make_run(9).identifier)[0], 0)
        code, _, errors = self.changes("--since", "yesterday")
        self.assertEqual(code, 2)
        self.assertIn("neither a run nor a time", errors)

    def test_canaries_are_beside_whatever_is_asked_for(self):
        factors = [1.0] * 8 + [1.05] * 6
        self.history(factors, canary=factors)
        for arguments in ([], ["--bench", "sgemm/*"]):
            code, output, _ = self.changes(*arguments)
            self.assertEqual(code, 3)
            self.assertIn("slower with canary/fma", output)

    def test_of_a_rate_less_is_slower(self):
        for lower_is_better in (True, False):
            case = Case("x", (1.0,), "seconds", lower_is_better)
            track = changes.Track(Series("x", "seconds", "m", "c"), ((make_run(), case),))
            self.assertEqual(track.slower(Change(0, 1.1, (1.0, 1.2), 0.0)), lower_is_better)
            self.assertEqual(track.slower(Change(0, 0.9, (0.8, 1.0), 0.0)), not lower_is_better)

    def test_nothing_to_look_at(self):
        self.assertRegex(self.changes()[2], "has no run")
        self.assertEqual(self.changes()[0], 4)
        self.history([1.0] * 7)
        code, _, errors = self.changes()
        self.assertEqual(code, 4)
        self.assertRegex(errors, "no series has the 8 runs that are needed: the longest of 3 has 7")
        code, _, errors = self.changes("--bench", "nothing")
        self.assertEqual(code, 4)
        self.assertRegex(errors, "has a case nothing")

    def test_short_series_are_counted(self):
        self.history([1.0] * 9)
        store(self.path("h"), make_run(20, ("new",)))
        self.assertIn("1 series of fewer than 8 runs could not be looked at", self.changes()[1])

    def test_damage_is_no_silent_pass(self):
        self.history([1.0] * 9)
        self.write("h/20300101T990000Z-00000000.jsonl", '{"kind": "run"')
        code, _, errors = self.changes()
        self.assertEqual(code, 4)
        self.assertRegex(errors, r"jsonl:1: no JSON")
        self.assertIn("1 problem: what is damaged is left out", errors)


if __name__ == "__main__":
    unittest.main()
