# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of gemmule perf share: the fake harness, a command in this process, made-up runs."""
import contextlib
import io
import json
import os
import random
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "bench" / "gemmule_perf"
sys.path.insert(0, str(PACKAGE.parent))

from gemmule_perf import command, history  # noqa: E402
from gemmule_perf.records import Case, Run  # noqa: E402

FAKE_BENCH = str(HERE / "fake_bench.py")


def fake(**settings):
    """The environment that tells fake_bench.py what to do."""
    return {"FAKE_BENCH": json.dumps(settings)}


class PerfTest(unittest.TestCase):
    """Has a folder of its own, and an environment that no user's settings reach."""

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("GEMMULE_", "XDG_", "FAKE_"))}
        kept.pop("LD_LIBRARY_PATH", None)
        kept["XDG_DATA_HOME"] = os.path.join(self.folder, "data")
        self.enterContext(mock.patch.dict(os.environ, kept, clear=True))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def library(self, name):
        """A folder with a libgemmule.so.0 that is good enough for the fake harness."""
        self.write(f"{name}/libgemmule.so.0", name)
        return self.path(name)

    def perf(self, *arguments, **settings):
        """(exit code, standard output, standard error) of a `gemmule perf` with a fake harness of these settings."""
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            with mock.patch.dict(os.environ, fake(**settings)):
                try:
                    code = command.main([str(argument) for argument in arguments])
                except SystemExit as end:
                    code = end.code
        return code, output.getvalue(), errors.getvalue()


CASES = ("sgemm/NN/m:64", "dgemm/NT/m:256")


def make_run(number=0, cases=CASES, by=1.0, label="", samples=10, noise=0.01, fingerprint=None, **changes):
    """A run of the given minute. A case is a name, which takes a millisecond times `by` (a number, or one for each),
    or a Case as it is."""
    values = random.Random(f"{number} {by}")
    factors = by if isinstance(by, (list, tuple)) else [by] * len(cases)
    machine = {"cpu": {"vendor": "V", "family": "1", "model": "2", "stepping": "3"}, "topology": {"cpus": 2}}
    fields = {
        "identifier": f"20300101T{number // 60:02}{number % 60:02}00Z-{number:08x}",
        "time": f"2030-01-01T{number // 60:02}:{number % 60:02}:00Z",
        "label": label,
        "suite": "quick",
        "fingerprint": machine if fingerprint is None else fingerprint,
        "cases": tuple(
            case
            if isinstance(case, Case)
            else Case(case, tuple(1e-3 * factor * values.lognormvariate(0, noise) for _ in range(samples)))
            for case, factor in zip(cases, factors)
        ),
    }
    return Run(**{**fields, **changes})


def store(folder, *runs):
    return [history.append(folder, run) for run in runs]
