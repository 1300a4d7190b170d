# SPDX-License-Identifier: BSD-3-Clause
"""The charts of the report: roofline, history of a series, size sweep; and legends."""
import math

from gemmule_perf.report.markup import Markup, element, number
from gemmule_perf.report.svg import Frame, Labels, Scale, line, linear_ticks, mark, path, picture
from gemmule_perf.report.svg import rounded, shortened, text
from gemmule_perf.report.words import figures, percent, unit_of

RUNS_SHOWN = 200  # of a history's panel: the latest


def roofline(panel, width, height):
    """GFLOP/s against arithmetic intensity under the machine's own two roofs, both axes logarithmic."""
    frame = Frame(52, 34, width - 14, height - 46)
    points = sorted(panel.points, key=lambda point: (not point.ours, point.name, point.subject))
    ridge = panel.fma / panel.read if panel.read else None
    intensities = [point.intensity for point in points] + ([ridge] if ridge else [])
    rates = [point.rate for point in points] + [panel.fma]
    low, high = 2 ** math.floor(math.log2(min(intensities) * 0.8)), 2 ** math.ceil(math.log2(max(intensities) * 1.25))
    bottom = min(min(rates) * 0.7, panel.fma / 8)
    x = Scale(low, high, frame.left, frame.right, log=True)
    y = Scale(bottom, max(rates) * 1.5, frame.bottom, frame.top, log=True)
    labels = Labels(frame)
    parts = frame.grid(x, y, "arithmetic intensity, operations a byte", "GFLOP/s", x.ticks(9 if width > 500 else 6))
    words = f"FMA peak, {figures(panel.fma)} GFLOP/s"
    parts.append(line(x(ridge or low), y(panel.fma), frame.right, y(panel.fma), "roof"))
    parts.append(text(frame.right, y(panel.fma) - 7, words, "rooflabel", "end"))
    labels.block(frame.right - 7 * len(words), y(panel.fma) - 19, frame.right, y(panel.fma) + 3)
    labels.block_line(x(ridge or low), y(panel.fma), frame.right, y(panel.fma))
    for point in points:
        px, py = x(point.intensity), y(point.rate)
        if point.ours:
            labels.block_mark(px, py)
        else:
            labels.block(px - 4, py - 4, px + 4, py + 4)
    if ridge:
        parts += memory_roof(panel, x, y, max(low, bottom / panel.read), ridge, labels)
    for point in reversed(points):
        title = f"{point.name}\n{point.subject}: {figures(point.rate)} GFLOP/s"
        title += f", {figures(point.intensity)} operations a byte"
        kind = 0 if point.ours else 1 + (point.series - 1) % 6
        parts.append(mark(x(point.intensity), y(point.rate), kind, point.series, title, 4.5 if point.ours else 3.4))
    named = set()
    for point in points:
        if point.ours and point.name not in named:
            named.add(point.name)
            words = shortened(point.short, max(0.25 * width, 190), 11)
            label = labels.place(
                x(point.intensity), y(point.rate), words, "pointlabel", far=(32, 46, 60, -26, 74, 88, 102)
            )
            if label:
                parts.append(label)
    return picture(width, height, f"Roofline of {panel.title}", parts)


def memory_roof(panel, x, y, start, ridge, labels):
    """The slope, and its words along it, where they meet no point."""
    x1, y1, x2, y2 = x(start), y(start * panel.read), x(ridge), y(panel.fma)
    angle, length = math.atan2(y2 - y1, x2 - x1), math.hypot(x2 - x1, y2 - y1)
    words = f"memory, {figures(panel.read)} GB/s"
    extent = 7 * len(words)
    parts = [element("g", element("title", words), line(x1, y1, x2, y2, "roof"))]
    along, above = (math.cos(angle), math.sin(angle)), (12 * math.sin(angle), -12 * math.cos(angle))
    for at in range(10, max(int(length - extent), 10), 12):
        way = [(x1 + along[0] * d + above[0], y1 + along[1] * d + above[1]) for d in range(at, int(at + extent), 6)]
        if all(labels.free((px - 5, py - 5, px + 5, py + 5)) for px, py in way[1:-1]):
            moved = f"translate({number(x1 + along[0] * at)} {number(y1 + along[1] * at)})"
            turned = f"rotate({number(math.degrees(angle))})"
            parts.append(text(0, -7, words, "rooflabel", transform=f"{moved} {turned}"))
            for px, py in way:
                labels.block_mark(px, py, 7)
            break
    labels.block_line(x1, y1, x2, y2, 4)
    return parts


def history(series, width=344, height=176):
    """Medians of the runs, the quartiles of their samples as a band, and where the level changed."""
    points = series.points[-RUNS_SHOWN:]
    skipped = len(series.points) - len(points)
    factor, unit = unit_of(series.metric, max(point.high for point in points))
    lows, highs = [point.low * factor for point in points], [point.high * factor for point in points]
    middles = [point.median * factor for point in points]
    low, high = range_of(lows, middles, highs)
    frame = Frame(46, 30, width - 8, height - 26)
    x = Scale(0, max(len(points) - 1, 1), frame.left + 6, frame.right - 6)
    y = Scale(low, high, frame.bottom, frame.top)
    parts = frame.grid(x, y, None, unit, [], linear_ticks(low, high, 5))
    parts.append(text(frame.left + 2, frame.bottom + 16, points[0].when, "tick"))
    if len(points) > 1:
        parts.append(text(frame.right, frame.bottom + 16, points[-1].when, "tick", "end"))
        parts.append(text((frame.left + frame.right) / 2, frame.bottom + 16, f"{len(points)} runs", "tick", "middle"))
    upper = [(x(i), max(y(value), frame.top)) for i, value in enumerate(highs)]
    lower = [(x(i), min(y(value), frame.bottom)) for i, value in enumerate(lows)]
    parts.append(path(upper + lower[::-1], "band", close=True))
    changes = [change for change in series.changes if change.index >= skipped]
    steps = [0, *(change.index - skipped for change in changes), len(points)]
    for start, end in zip(steps, steps[1:]):
        if end > start:
            level = y(sorted(middles[start:end])[(end - start) // 2])
            parts.append(line(x(max(start - 0.4, 0)), level, x(min(end - 0.6, len(points) - 1)), level, "level"))
    parts.append(path([(x(i), y(value)) for i, value in enumerate(middles)], "median"))
    labels = Labels(Frame(frame.left, 0, width, frame.bottom))
    labels.block(0, 0, 30, frame.top - 6)
    for change in sorted(changes, key=lambda change: -abs(math.log(change.ratio))):
        parts += change_mark(change, x(change.index - skipped - 0.5), frame, labels, width)
    for i, point in enumerate(points):
        quartiles = f"[{figures(lows[i], 4)}, {figures(highs[i], 4)}]"
        title = element("title", f"{point.title}\n{figures(middles[i], 4)} {unit} {quartiles}")
        parts.append(element("circle", title, cx=x(i), cy=y(middles[i]), r=2.0, class_="run"))
    return picture(width, height, f"History of {series.name}", parts, "chart panel")


def range_of(lows, middles, highs):
    """Of a history: all medians and nearly all of the band, one spike of which could press the rest flat."""
    spared = len(middles) // 20
    low, high = min(min(middles), sorted(lows)[spared]), max(max(middles), sorted(highs)[-1 - spared])
    pad = max((high - low) * 0.15, high * 0.01)
    return rounded(max(low - pad, 0), high + pad, 4)


def change_mark(change, x, frame, labels, width):
    """A line where the level changed, with its ratio above where there is room."""
    class_ = change.kind
    words = ("▲ " if change.ratio > 1 else "▼ ") + percent(change.ratio)
    extent = 8 * len(words)
    title = element("title", change.title)
    parts = [element("g", title, line(x, frame.top - 6, x, frame.bottom, f"change {class_}"))]
    for left in (x - extent / 2, x - 8, x - extent + 8):
        left = min(max(left, 34), width - extent - 2)
        box = (left, frame.top - 22, left + extent, frame.top - 8)
        if labels.free(box):
            labels.taken.append(box)
            parts.append(text(left + extent / 2, frame.top - 11, words, f"changelabel {class_}", "middle"))
            break
    return parts


def sweep(panel, width=520, height=250):
    """GFLOP/s against size, the peak of the moment above, cliffs as triangles."""
    frame = Frame(46, 30, width - 12, height - 46)
    sizes = [size for curve in panel.curves for size in curve.sizes]
    top = max([rate for curve in panel.curves for rate in curve.rates] + [panel.peak or 0])
    _, high = rounded(0, top * 1.04)
    x = Scale(min(min(sizes), 1), max(max(sizes), 2), frame.left, frame.right)
    y = Scale(0, high, frame.bottom, frame.top)
    parts = frame.grid(x, y, panel.axis, "GFLOP/s", x.ticks(8), y.ticks(5))
    if panel.peak:
        parts.append(line(frame.left, y(panel.peak), frame.right, y(panel.peak), "roof"))
        parts.append(text(frame.right, 14, f"– – FMA peak, {figures(panel.peak)}", "rooflabel", "end"))
    for curve in reversed(panel.curves):
        points, before = [], None
        for size, rate in zip(curve.sizes, curve.rates):
            if before is not None and size > before + panel.step:
                points.append(None)
            points.append((x(size), y(rate)))
            before = size
        parts.append(path(points, f"curve l{curve.series}"))
    labels = Labels(frame)
    for cliff in sorted(panel.cliffs, key=lambda cliff: -cliff.ratio):
        px, py = x(cliff.size), y(cliff.rate)
        title = f"{cliff.subject}: {cliff.size} takes {figures(cliff.ratio)} of the time of {cliff.larger}"
        parts.append(mark(px, min(py + 9, frame.bottom - 3), 2, "bad", title, 4.2))
        labels.block(px - 5, py + 4, px + 5, py + 15)
    for cliff in sorted(panel.cliffs, key=lambda cliff: -cliff.ratio)[:8]:
        label = labels.place(x(cliff.size), min(y(cliff.rate) + 10, frame.bottom - 3), f"{cliff.size}", "clifflabel", 8)
        if label:
            parts.append(label)
    return picture(width, height, f"Sweep of sizes, {panel.axis}", parts, "chart panel")


def legend(entries):
    """(kind of mark, series, words) in one row."""
    items = []
    for kind, series, words in entries:
        drawn = line(0, 8, 18, 8, f"curve l{series}") if kind == "line" else mark(9, 8, kind, series)
        swatch = element(
            "svg", drawn, xmlns="http://www.w3.org/2000/svg", viewBox="0 0 18 16", class_="swatch", aria_hidden="true"
        )
        items.append(element("li", swatch, words))
    return element("ul", items, class_="legend") if items else Markup("")
