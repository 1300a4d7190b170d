#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gemmule perf gate: its policy file, its files for other programs, and its exit codes."""
import dataclasses
import datetime
import json
import os
import unittest
from unittest import mock
from xml.etree import ElementTree

import support
from gemmule_perf import gate, judge, policy, verdict
from gemmule_perf.errors import UsageError
from test_ab import PAIRS, SOFTMAX, InProcess

ROOT = support.HERE.parent.parent


class PolicyFile(support.PerfTest):
    def load(self, text):
        return policy.load(self.write("p.toml", text))

    def refused(self, text):
        with self.assertRaises(UsageError) as raised:
            self.load(text)
        return str(raised.exception).replace(self.path("p.toml"), "p.toml")

    def test_the_one_of_this_repository(self):
        found = policy.load(ROOT / "perf-gate.toml")
        self.assertEqual(found.settings.suite, "trial")
        lines = (ROOT / "perf-gate.toml").read_text(encoding="utf-8").splitlines()
        examples = [line[6:] for line in lines if line.startswith("#     ") and "gemmule" not in line]
        examples = self.load("\n".join(examples))
        self.assertEqual((len(examples.allowances), len(examples.rules.thresholds)), (1, 1))

    def test_all_of_it(self):
        found = self.load(
            '[measure]\nsuite = "full"\npairs = 30\ncpus = "0-1"\nstatistic = "minimum"\ncanary_library = "v1"\n'
            "[rules]\nalpha = 0.05\nthreshold = 0.03\n"
            '[[threshold]]\ncase = "a*"\nthreshold = 0.1\nreason = "r"\n'
            '[[allow]]\ncase = "b"\nslower_by = 0.2\nreason = "r"\nuntil = 2030-01-31\n'
        )
        settings, rules = found.settings, found.rules
        found_settings = (settings.suite, settings.pairs, settings.cpus, settings.statistic)
        self.assertEqual(found_settings, ("full", 30, (0, 1), "minimum"))
        self.assertEqual((rules.alpha, rules.threshold_of("b"), rules.threshold_of("ab")), (0.05, 0.03, 0.1))
        self.assertEqual((found.canary_library, found.allowances[0].until), ("v1", datetime.date(2030, 1, 31)))
        self.assertEqual(self.load("").settings, policy.Settings())

    def test_what_is_not_understood_has_its_line(self):
        for text, said in (
            ("[rules]\nalpha = 0.01\ntreshold = 0.02\n", "p.toml:3: [rules] has no key treshold; it may have alpha,"),
            ("x = 1\n[rules]\n", "p.toml:1: nothing is called x here; there may be [measure],"),
            ("[rules]\n[mesure]\nsuite = 'x'\n", "p.toml:2: nothing is called mesure here;"),
            ("[rules]\nalpha = '1'\n", "p.toml:2: alpha of [rules] is '1', not a number from 1e-06 to 0.5"),
            ("[rules]\nalpha = true\n", "p.toml:2: alpha of [rules] is True, not a number"),
            ("[rules]\nthreshold = nan\n", "p.toml:2: threshold of [rules] is nan, not a number"),
            ("[measure]\npairs = 2.5\n", "p.toml:2: pairs of [measure] is 2.5, not a whole number"),
            ("[measure]\nstatistic = 'mean'\n", "p.toml:2: statistic of [measure] is 'mean', not one of median,"),
            ("[measure]\ncpus = '0-'\n", "p.toml:2: cpus of [measure] is '0-', not a text as"),
            ("[measure]\nsuite = ''\n", "p.toml:2: suite of [measure] is '', not a text"),
            ("measure = 1\n", "p.toml:1: measure is a table, [measure]"),
            ("[allow]\ncase = 'a'\n", "p.toml:1: allow is an array of tables, [[allow]]"),
            ("[[allow]]\ncase = 'a'\n\n[[allow]]\ncase = 'b'\nuntil = 'x'\n", "p.toml:1: [[allow]] lacks slower_by"),
            ("[[threshold]]\ncase='a'\nthreshold=1\nreason='r'\n[[threshold]]\ncase='b'\nwhy=1\n",
             "p.toml:7: [threshold] has no key why"),
            ("[[allow]]\nuntil = 2030-01-01T00:00:00\n", "p.toml:2: until of [allow] is"),
            ("[rules\n", "p.toml: Expected"),
            ("[rules]\nalpha = 0.1\nalpha = 0.2\n", "p.toml: Cannot overwrite a value (at line 3,"),
        ):  # fmt: skip
            self.assertIn(said, self.refused(text), text)

    def test_what_is_no_file(self):
        with self.assertRaises(UsageError) as raised:
            policy.load(self.path("nothing.toml"))
        self.assertIn("nothing.toml: No such file", str(raised.exception))
        with open(self.path("p.toml"), "wb") as file:
            file.write(b"\xff\xfe")
        with self.assertRaises(UsageError):
            policy.load(self.path("p.toml"))


class Gate(InProcess):
    SLOWER = [{"by": 1.06, "case": "softmax*", "library": "*/new"}]
    ALLOW = "[[allow]]\ncase = 'softmax/*'\nslower_by = {}\nreason = 'more digits'\nuntil = 2030-01-31\n"

    def setUp(self):
        super().setUp()
        self.day(datetime.date(2030, 1, 31))

    def day(self, value):
        self.enterContext(mock.patch.object(gate, "today", lambda: value))

    def gate(self, text, *arguments, **settings):
        path = self.write("p.toml", text.replace("[measure]", f"[measure]\npairs = {PAIRS}\nrepetitions = 1\n"))
        settings = {"counter": self.path("counter"), "noise": 0.002, **settings}
        given = ["--policy", path, "--harness", support.FAKE_BENCH, "--seed", 1]
        return self.perf("gate", self.base, self.new, *given, *arguments, **settings)

    def test_exit_codes(self):
        self.assertEqual(self.gate("[measure]")[0], 0)
        self.assertEqual(self.gate("[measure]", slower=self.SLOWER)[0], 1)
        self.assertEqual(self.gate("[measure]\n[rules]\ntreshold = 1\n")[0], 2)
        self.assertEqual(self.gate("[measure]", process=0.1)[0], 3)
        self.assertEqual(self.gate("[measure]\nfilter = 'nothing'\n")[0], 4)

    def test_rules_count(self):
        self.assertEqual(self.gate("[measure]\n[rules]\nthreshold = 0.1\n", slower=self.SLOWER)[0], 0)
        own = "[measure]\n[[threshold]]\ncase = 'softmax/*'\nthreshold = 0.1\nreason = 'noisy'\n"
        self.assertEqual(self.gate(own, slower=self.SLOWER)[0], 0)
        self.assertIn("fewer than", self.gate("[measure]", "--pairs", 2)[1])  # the command line comes first

    def test_a_rule_for_no_case(self):
        rule = "[[threshold]]\ncase = 'sotfmax/*'\nthreshold = 0.1\nreason = 'noisy'\n"
        code, output, errors = self.gate("[measure]\n" + rule)
        self.assertEqual((code, output), (2, ""))
        self.assertRegex(errors, r"no case of the suite has this name: \S*p.toml:\d+: sotfmax/\*")

    def test_allowances(self):
        code, output, _ = self.gate("[measure]\n" + self.ALLOW.format(0.1), slower=self.SLOWER)
        self.assertEqual(code, 0)
        self.assertIn("slower, allowed", output)
        self.assertIn(f"allowed to be slower: {SOFTMAX}: more digits (until 2030-01-31)", output)
        self.assertIn("fine: nothing of 3 cases is slower than is allowed", output)

    def test_allowances_end(self):
        self.day(datetime.date(2030, 2, 1))
        code, output, _ = self.gate("[measure]\n" + self.ALLOW.format(0.1), slower=self.SLOWER)
        self.assertEqual(code, 1)
        self.assertIn("the allowance of softmax/* ended on 2030-01-31", output)

    def test_allowances_have_a_bound(self):
        code, output, _ = self.gate("[measure]\n" + self.ALLOW.format(0.03), slower=self.SLOWER)
        self.assertEqual(code, 1)
        self.assertIn(f"{SOFTMAX} may be slower by 3 %, and is by more", output)

    def test_files(self):
        paths = {form: self.path(f"report.{form}") for form in ("json", "markdown", "junit")}
        arguments = [part for form, path in paths.items() for part in (f"--{form}", path)]
        code, output, _ = self.gate("[measure]", *arguments, slower=self.SLOWER)
        self.assertEqual(code, 1)
        self.assertIn("slower, confirmed", output)
        with open(paths["json"], encoding="utf-8") as file:
            self.assertEqual(json.load(file)["exit"], 1)
        with open(paths["markdown"], encoding="utf-8") as file:
            self.assertIn(f"| `{SOFTMAX}` |", file.read())
        suite = ElementTree.parse(paths["junit"]).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("3", "1", "0"))
        self.assertEqual([test.get("name") for test in suite if test.find("failure") is not None], [SOFTMAX])

    def test_junit_of_what_is_inconclusive(self):
        moved = [{"by": 1.05, "case": "canary/fma*", "library": "*/new"}]
        code, output, _ = self.gate("[measure]", "--junit", "-", slower=moved)
        suite = ElementTree.fromstring(output.partition("\n")[2])
        self.assertEqual((code, suite.get("errors"), suite.get("failures")), (3, "1", "0"))
        self.assertIn("canary/fma", suite.find(".//error").get("message"))
        code, output, _ = self.gate("[measure]", "--junit", "-", process=0.1)
        self.assertNotEqual(ElementTree.fromstring(output.partition("\n")[2]).get("skipped"), "0")

    def test_usage(self):
        for wrong in (["--json", "-", "--junit", "-"], ["--policy", self.path("nothing.toml")]):
            code, output, errors = self.gate("[measure]", *wrong)
            self.assertEqual((code, output), (2, ""))
            self.assertNotIn("Traceback", errors)
        code, _, errors = self.gate("[measure]", "--json", os.path.join(self.folder, "no", "folder"))
        self.assertEqual(code, 2)
        self.assertIn("could not be written", errors)


class Report(unittest.TestCase):
    def exit_of(self, *verdicts, allowed=()):
        ratios = {judge.SLOWER: 1.1, judge.SAME: 1.0, judge.UNCLEAR: 1.0}
        cases = [judge.Pairs(kind, (1.0,) * 12, (ratios[kind],) * 12) for kind in verdicts]
        found = judge.judge(cases)
        cases = tuple(dataclasses.replace(case, verdict=case.name) for case in found.cases)
        found = dataclasses.replace(found, cases=cases)
        return verdict.Report(found, "base", "new", None, None, 1, {}, allowed=dict.fromkeys(allowed, "why")).exit

    def test_exit_codes(self):
        slower, same, unclear = judge.SLOWER, judge.SAME, judge.UNCLEAR
        self.assertEqual(self.exit_of(same), 0)
        self.assertEqual(self.exit_of(same, slower, unclear), 1)
        self.assertEqual(self.exit_of(same, unclear), 3)
        self.assertEqual(self.exit_of(), 4)

    def test_what_is_allowed_does_not_hide_what_is_unclear(self):
        slower, unclear = judge.SLOWER, judge.UNCLEAR
        self.assertEqual(self.exit_of(slower, allowed=[slower]), 0)
        self.assertEqual(self.exit_of(slower, unclear, allowed=[slower]), 3)


del InProcess  # its own tests are test_ab's

if __name__ == "__main__":
    unittest.main()
