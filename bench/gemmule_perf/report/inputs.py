# SPDX-License-Identifier: BSD-3-Clause
"""Reads files that come from anywhere: whatever has not the expected shape is a sentence with the file's name, never a
traceback.
"""
import csv
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from gemmule_perf.errors import UsageError

LARGEST = 1e100  # nothing that is measured is larger, and logarithms and products of it are numbers


def read_text(path):
    try:
        return Path(path).read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def read_json(path):
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise UsageError(f"{path}: no JSON: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: no JSON: nested too deep") from error


def finite(value):
    """The value where it is a number of this world, otherwise None: few rounds have an interval of null or Infinity."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and -LARGEST < value < LARGEST else None


@dataclass(frozen=True)
class Ratio:
    """A ratio of times and its interval, which few samples do not have."""

    value: float
    low: float = None
    high: float = None

    def verdict(self, tie):
        """better, worse, same, unclear: above 1 / tie, below tie, between them, or none of that for sure."""
        if self.low is None:
            return "unclear"
        if self.low > 1 / tie or self.high < tie:
            return "better" if self.low > 1 else "worse"
        return "same" if self.low >= tie and self.high <= 1 / tie else "unclear"

    @property
    def values(self):
        return [value for value in (self.value, self.low, self.high) if value is not None]


def ratio_of(value, interval=None):
    """A Ratio, or None where the value is no positive number."""
    value = positive(value)
    return Ratio(value, *pair(interval)) if value else None


def pair(interval):
    low, high = interval if isinstance(interval, (list, tuple)) and len(interval) == 2 else (None, None)
    low, high = positive(low), positive(high)
    return (low, high) if low and high and low <= high else (None, None)


def positive(value):
    value = finite(value)
    return value if value and value > 1 / LARGEST else None


def median(values):
    """Of the positive numbers of a list; None of none."""
    good = [value for value in map(positive, values or ()) if value]
    return statistics.median(good) if good else None


def shaped(path, what):
    """Decorates a reader of a document: a missing key or a value of another kind is a usage error."""

    def guard(read, document):
        try:
            return read(document)
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError, csv.Error) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"{path}: not what {what} prints: {said}") from error

    return guard
