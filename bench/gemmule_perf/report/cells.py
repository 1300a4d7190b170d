# SPDX-License-Identifier: BSD-3-Clause
"""The small charts in cells of tables. Places are per cent of the cell, so that it may have any width."""
import math

from gemmule_perf.report.markup import element, number
from gemmule_perf.report.svg import Scale, linear_ticks, mark

ROUND = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


class CellScale:
    """A scale that the cells of a column share: of ratios, logarithmic around 1; or of parts, from 0 on."""

    def __init__(self, values, log=True):
        values = [value for value in values if value is not None and math.isfinite(value) and value >= 0]
        if log:
            low, high = min([*values, 1.0]), max([*values, 1.0])
            least = max(math.log(high / low), 0.02) / 4  # on the side that has less
            self.low, self.high = min(low, math.exp(-least)) ** 1.08, max(high, math.exp(least)) ** 1.08
        else:
            self.low, self.high = 0.0, max([*values, 0.005]) * 1.08
        self.origin, self.scale = 1.0 if log else 0.0, Scale(self.low, self.high, 3, 97, log)

    def __call__(self, value):
        return min(max(self.scale(value), 1), 99)

    def at(self, value):
        return f"{number(self(value), 1)}%"

    def ticks(self):
        """The origin, and few round values beside it, no two of which would touch."""
        wanted = linear_ticks(self.low, self.high, 8 if self.scale.log else 4)
        if self.scale.log and self.high / self.low > 3:
            wanted = [value for value in ROUND if self.low <= value <= self.high]
        kept = [self.origin]
        for value in sorted(wanted, key=lambda value: abs(value - self.origin)):
            if all(abs(self(value) - self(other)) > 19 for other in kept):
                kept.append(value)
        return sorted(kept)


def cell(parts):
    return element("svg", parts, xmlns="http://www.w3.org/2000/svg", class_="cell", aria_hidden="true")


def cell_head(scale, words="{:.4g}".format):
    """The ticks of the column, for its header."""
    return cell([
        element("text", words(value), x=scale.at(value), y=12.0, class_="tick", text_anchor="middle")
        for value in scale.ticks()
    ])  # fmt: skip


def guides(scale):
    lines = []
    for value in scale.ticks():
        class_ = "zero" if value == scale.origin else "grid"
        lines.append(element("line", x1=scale.at(value), x2=scale.at(value), y1="0", y2="100%", class_=class_))
    return lines


def interval_cell(scale, ratio, kind):
    """A dot with its interval. The kinds differ in shape and in colour: better, worse, same."""
    parts = guides(scale)
    if ratio.low is not None:
        parts.append(
            element(
                "line", x1=scale.at(ratio.low), x2=scale.at(ratio.high), y1="50%", y2="50%", class_=f"whisker {kind}"
            )
        )
    shape = {"better": 2, "worse": 6, "unclear": 4}.get(kind, 0)
    dot = mark(0, 0, shape, kind, None, 4.2)
    parts.append(element("svg", dot, x=scale.at(ratio.value), y="50%", class_="spot", overflow="visible"))
    return cell(parts)


def bar_cell(scale, value, kind, threshold=None):
    """A bar from the scale's origin."""
    left, right = sorted((scale(scale.origin), scale(value)))
    parts = guides(scale)
    parts.append(
        element("rect", x=f"{number(left, 1)}%", width=f"{number(max(right - left, 0.6), 1)}%", y="22%", height="56%",
                class_=f"bar {kind}")
    )  # fmt: skip
    if threshold is not None:
        parts.append(element("line", x1=scale.at(threshold), x2=scale.at(threshold), y1="8%", y2="92%", class_="limit"))
    return cell(parts)
