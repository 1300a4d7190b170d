# SPDX-License-Identifier: BSD-3-Clause
"""Numbers and tables as people read them."""
import math
import statistics


def seconds(value):
    """ "3.14 us": four digits, and the unit that fits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if value >= 0.99995 * scale:  # what four digits show as that
            break
    return f"{digits(value / scale)} {unit}"


def digits(value):
    """Four significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"


def quantity(value, metric):
    return seconds(value) if metric == "seconds" else f"{digits(value)} {metric}"


def percent(share, places=1):
    return f"{100 * share:.{places}f} %"


def change(ratio):
    """ "+5.1 %": of a ratio."""
    return f"{100 * (ratio - 1):+.1f} %"


def spread(samples):
    """The distance of the quartiles as a fraction of the median; None for fewer samples than four."""
    if len(samples) < 4:
        return None
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / middle


def table(header, rows, left=1):
    """Lines of text: columns as wide as they need, the first `left` of them to the left."""
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if column < left else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def markdown(header, rows, left=1):
    align = [":--" if column < left else "--:" for column in range(len(header))]
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in [header, align, *rows]]
    return ["| " + " | ".join(row) + " |" for row in cells]


def count(number, what, plural=None):
    """ "1 case", "2 cases"."""
    return f"{number} {what if number == 1 else plural or what + 's'}"
