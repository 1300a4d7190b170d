# SPDX-License-Identifier: BSD-3-Clause
"""What the options of the commands take: types for argparse, which makes a usage error of a ValueError."""
from gemmule_perf.fingerprint import cpu_numbers


def natural(text):
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def positive_number(text):
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


def fraction(text):
    """0.02, or 2%."""
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= value < 1:
        raise ValueError(text)
    return value


def chance(text):
    """A fraction, but of nothing: no number of samples would be enough."""
    value = fraction(text)
    if value == 0:
        raise ValueError(text)
    return value


def cpu_list(text):
    """0,2-3"""
    numbers = cpu_numbers(text)
    if not numbers:
        raise ValueError(text)
    return tuple(numbers)
