# SPDX-License-Identifier: BSD-3-Clause
"""A small SVG: scales with round ticks, frames with axes, marks that differ in shape as well as in colour, and labels
that keep out of each other's way. Colours are classes; the page's style sheet knows them for light and for dark.
"""
import math
from dataclasses import dataclass

from gemmule_perf.report.markup import Markup, element, number

CHARACTER = 0.65  # width of a character, of the font's size: ample, as the reader's font is not known
MARKS = ("circle", "square", "triangle", "diamond", "cross", "plus", "down")


@dataclass(frozen=True)
class Scale:
    """From values to pixels: low at `start`, high at `end`; linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value):
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            part = (math.log(value) - low) / (high - low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + min(max(part, -0.5), 1.5) * (self.end - self.start)

    def ticks(self, most=6):
        return log_ticks(self.low, self.high, most) if self.log else linear_ticks(self.low, self.high, most)


def linear_ticks(low, high, most):
    """Multiples of 1, 2 or 5 times a power of ten."""
    step = 10 ** math.floor(math.log10((high - low) / most))
    while True:
        for factor in (1, 2, 5, 10):
            first, last = math.ceil(low / (step * factor) - 1e-9), math.floor(high / (step * factor) + 1e-9)
            if last - first < most:
                return [i * step * factor for i in range(first, last + 1)]
        step *= 10


def log_ticks(low, high, most):
    """Powers of two while there are few of them, then of four, ten, a hundred and so on."""
    for base in (2, 4, 10, 100, 1000, 10000):
        first = math.ceil(math.log(low, base) - 1e-9)
        last = math.floor(math.log(high, base) + 1e-9)
        if last - first < most:
            return [float(base) ** i for i in range(first, last + 1)]
    return []


def rounded(low, high, most=5):
    """The range, wide enough to end at ticks."""
    ticks = linear_ticks(low, high, most)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else (high - low) or 1
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def tick_text(value):
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:g}"
    return f"{value:,.10g}".replace(",", "\u2009")


def text(x, y, words, class_="label", anchor="start", **more):
    return element("text", words, x=float(x), y=float(y), class_=class_, text_anchor=anchor, **more)


def line(x1, y1, x2, y2, class_):
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def path(points, class_, close=False):
    """Points (x, y); None breaks the line."""
    steps, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        steps.append(f"{pen}{number(point[0], 1)} {number(point[1], 1)}")
        pen = "L"
    return element("path", d="".join(steps) + ("Z" if close else ""), class_=class_) if steps else Markup("")


def mark(x, y, kind, series, title=None, size=4.0):
    """A mark of a series: its own shape and its own colour. Series have numbers, and what is said has words."""
    shape = MARKS[kind % len(MARKS)]
    class_ = f"mark s{series}" if isinstance(series, int) else f"mark {series}"
    child = element("title", title) if title is not None else None
    if shape == "circle":
        return element("circle", child, cx=float(x), cy=float(y), r=float(size), class_=class_)
    corners = {
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        "diamond": [(0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)],
        "down": [(0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
        "cross": [(-1, -1), (1, 1), None, (-1, 1), (1, -1)],
        "plus": [(-1.2, 0), (1.2, 0), None, (0, -1.2), (0, 1.2)],
    }[shape]
    open_ = shape in ("cross", "plus")
    points = [corner and (x + corner[0] * size, y + corner[1] * size) for corner in corners]
    drawn = path(points, class_ + (" stroke" if open_ else ""), close=not open_)
    return element("g", child, drawn) if child is not None else drawn


def shortened(words, width, size=12):
    """The words, or their beginning and an ellipsis, in so many pixels."""
    most = max(int(width / (CHARACTER * size)), 4)
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


@dataclass
class Frame:
    """The area of a chart inside of its axes."""

    left: float
    top: float
    right: float
    bottom: float

    def grid(self, x, y, x_title=None, y_title=None, x_ticks=None, y_ticks=None):
        """Lines, the ticks' numbers, and titles of the axes; ticks are values, or pairs of value and words."""
        parts = []
        for tick in y.ticks() if y_ticks is None else y_ticks:
            value, words = tick if isinstance(tick, tuple) else (tick, tick_text(tick))
            parts.append(line(self.left, y(value), self.right, y(value), "grid"))
            parts.append(text(self.left - 6, y(value) + 4, words, "tick", "end"))
        for tick in x.ticks() if x_ticks is None else x_ticks:
            value, words = tick if isinstance(tick, tuple) else (tick, tick_text(tick))
            parts.append(line(x(value), self.bottom, x(value), self.bottom + 4, "axis"))
            parts.append(text(x(value), self.bottom + 17, words, "tick", "middle"))
        parts.append(line(self.left, self.bottom, self.right, self.bottom, "axis"))
        if x_title:
            parts.append(text((self.left + self.right) / 2, self.bottom + 36, x_title, "title", "middle"))
        if y_title:
            parts.append(text(2, self.top - 12, y_title, "title"))
        return parts


class Labels:
    """Places words beside points, where they cover nothing that is there already."""

    def __init__(self, frame, size=11):
        self.frame, self.size, self.taken = frame, size, []
        self.words, self.leaders = [], []  # what leaders keep clear of: boxes, and other leaders

    def block(self, left, top, right, bottom):
        self.taken.append((left, top, right, bottom))

    def block_mark(self, x, y, size=5):
        """A mark that no leader may cross."""
        self.block(x - size, y - size, x + size, y + size)
        self.words.append(self.taken[-1])

    def block_line(self, x1, y1, x2, y2, width=3):
        steps = max(int(math.hypot(x2 - x1, y2 - y1) / 6), 1)
        for i in range(steps + 1):
            x, y = x1 + (x2 - x1) * i / steps, y1 + (y2 - y1) * i / steps
            self.block(x - width, y - width, x + width, y + width)

    def place(self, x, y, words, class_="label", gap=7, far=()):
        """The words as markup, or None where there is no room for them; at the distances of `far`, with a leader."""
        width, height = CHARACTER * self.size * len(words), self.size
        near = [
            (gap, height * 0.35, "start"), (-gap, height * 0.35, "end"), (0, -gap, "middle"),
            (0, gap + height * 0.8, "middle"), (gap * 0.7, -gap * 0.7, "start"), (-gap * 0.7, -gap * 0.7, "end"),
            (gap * 0.7, gap * 0.7 + height * 0.7, "start"), (-gap * 0.7, gap * 0.7 + height * 0.7, "end"),
        ]  # fmt: skip
        away = [(shift, dy, anchor) for dy in far for anchor, shift in (("middle", 0), ("start", -6), ("end", 6))]
        for dx, dy, anchor in near + away:
            left = x + dx - {"start": 0, "middle": width / 2, "end": width}[anchor]
            box = (left - 2, y + dy - height * 0.85, left + width + 2, y + dy + height * 0.25)
            leads = abs(dy) > gap + height
            way = (x, y + 6, y + dy - height) if dy > 0 else (x, y + dy + 4, y - 6)
            if self.free(box) and not (leads and self.crosses(*way)):
                self.taken.append(box)
                self.words.append(box)
                placed = text(x + dx, y + dy, words, class_, anchor)
                if leads:
                    self.leaders.append(way)
                    placed = Markup(line(x, way[1], x, way[2], "leader") + placed)
                return placed
        return None

    def crosses(self, x, top, bottom):
        """Whether a leader would run through words that are there, or along another leader."""
        if any(abs(x - other) < 3 and top < low and bottom > high for other, high, low in self.leaders):
            return True
        return any(left < x < right and top < low and bottom > high for left, high, right, low in self.words)

    def free(self, box):
        left, top, right, bottom = box
        frame = self.frame
        if left < frame.left or right > frame.right or top < frame.top or bottom > frame.bottom:
            return False
        if any(left < x < right and top < low and bottom > high for x, high, low in self.leaders):
            return False
        return not any(left < r and right > l and top < b and bottom > t for l, t, r, b in self.taken)


def picture(width, height, name, parts, class_="chart"):
    """The <svg>. `name` is what a screen reader says of it."""
    return element(
        "svg", element("title", name), parts, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}",
        class_=class_, role="img", style=f"--w:{width}px",
    )  # fmt: skip
