# SPDX-License-Identifier: BSD-3-Clause
"""How `gemmule perf` ends: its exit codes, and the errors that lead to them."""
from enum import IntEnum


class Exit(IntEnum):
    FINE = 0
    REGRESSION = 1  # confirmed: slower, by more than the rules allow
    USAGE = 2  # arguments, policy files, names that do not exist
    INCONCLUSIVE = 3  # the machine was too noisy, moved, or is another one
    FAILED = 4  # nothing was measured: no baseline, a crash, an empty filter


class PerfError(Exception):
    """Ends the command with one sentence. The sentence names the place: file and line, case, option."""

    code = Exit.FAILED


class UsageError(PerfError):
    code = Exit.USAGE


class Inconclusive(PerfError):
    code = Exit.INCONCLUSIVE


class MeasurementFailed(PerfError):
    code = Exit.FAILED
