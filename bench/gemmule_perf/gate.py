# SPDX-License-Identifier: BSD-3-Clause
"""Compares two builds or commits by the rules of a policy file, for continuous integration.

As `gemmule perf ab`, but all of what is measured, what is too slow and what may be slower comes from the policy file
(perf-gate.toml of the current folder, or --policy), so that it is reviewed as code is. Options of the command line
come before the policy's.
"""
import dataclasses
import datetime
import json

from gemmule_perf import ab, judge, policy, sides, verdict
from gemmule_perf.errors import UsageError

POLICY = "perf-gate.toml"


def add_arguments(parser):
    parser.epilog = ab.EPILOG
    parser.add_argument("sides", nargs="+", metavar="SIDE", help="BASE and NEW, or BASE..NEW")
    parser.add_argument("--policy", metavar="FILE", default=POLICY, help=f"the rules ({POLICY})")
    ab.add_measuring(parser)
    group = parser.add_argument_group("what is written, beside the table; - is standard output, in its place")
    group.add_argument("--json", metavar="FILE")
    group.add_argument("--markdown", metavar="FILE")
    group.add_argument("--junit", metavar="FILE")


FORMS = {
    "json": lambda report: json.dumps(verdict.document(report), indent=1, allow_nan=False) + "\n",
    "markdown": verdict.markdown,
    "junit": verdict.junit,
}


def run(arguments):
    files = {form: getattr(arguments, form) for form in FORMS if getattr(arguments, form)}
    if list(files.values()).count("-") > 1:
        raise UsageError("one of --json, --markdown and --junit may be -")
    rules = policy.load(arguments.policy)
    two = sides.split(arguments.sides)
    arguments.canary_library = arguments.canary_library or rules.canary_library
    settings = ab.merged(rules.settings, arguments)
    report, compared, program = ab.execute(arguments, settings, rules.rules, two, rules.check_names)
    allowed, remarks = rules.allowed(report.verdict.of(judge.SLOWER), today())
    report = dataclasses.replace(report, allowed=allowed, remarks=(*report.remarks, *remarks))
    if arguments.record:
        ab.record(arguments.record, report, compared, program, report.settings["cpus"])
    for form, path in files.items():
        ab.write(path, FORMS[form](report))
    if "-" not in files.values():
        ab.write("-", verdict.text(report))
    return report.exit


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()
