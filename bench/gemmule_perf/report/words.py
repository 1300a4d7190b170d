# SPDX-License-Identifier: BSD-3-Clause
"""Numbers, names of cases and verdicts as the report says them."""
import math

from gemmule_perf.report.markup import element

WORDS = {"better": "faster", "worse": "slower", "same": "equal", "unclear": "unclear"}
INTERVALS = [
    (2, "better", "faster"),
    (0, "same", "equal"),
    (6, "worse", "slower"),
    (4, "unclear", "unclear"),
]  # of a legend
TIE = 0.97  # an interval below it is a loss: smaller differences are what layout and luck make
SIZES = {"gemm": ("m", "n", "k"), "softmax": ("rows", "cols"), "attention": ("heads", "kv_heads", "q", "kv", "d")}


def figures(value, digits=3):
    """A number with so many significant figures, and no exponent where one can do without."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places >= 10 or places < -9:
        return f"{value:.{digits - 1}e}"
    return f"{round(value, places):,.{max(places, 0)}f}".replace(",", "\u2009")


def percent(ratio):
    """+7.9 %, −3 %: of a ratio."""
    value = 100 * (ratio - 1)
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{abs(value):.{1 if abs(value) < 99.95 else 0}f}\u202f%"


def share(value):
    return f"{100 * value:.2f}\u202f%"


def times(ratio):
    return f"{ratio:.3f}×" if ratio < 9.9995 else f"{figures(ratio)}×"


def unit_of(metric, largest):
    """(factor, unit) in which numbers of a metric are read."""
    if metric != "seconds":
        return 1, metric
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if largest * factor >= 1:
            return factor, unit
    return 1e9, "ns"


def duration(seconds):
    if not seconds:
        return "–"
    factor, unit = unit_of("seconds", seconds)
    return f"{figures(seconds * factor)}\u202f{unit}"


def bracket(ratio):
    return f"{ratio.low:.3f} – {ratio.high:.3f}" if ratio.low is not None else "–"


def plural(count, word):
    return f"{count}\u202f{word}{'' if count == 1 else 's'}"


def of_threads(count):
    return f"{count} thread{'' if str(count) == '1' else 's'}"


def readable(name):
    """(what it computes, under which conditions) of a case's name: "sgemm NN 512×512×512", "avx512, 1 thread"."""
    words, sizes, conditions = [], {}, []
    operation = name.split("/")[0]
    axes = SIZES.get("gemm" if operation in ("sgemm", "dgemm") else operation, ())
    for part in name.split("/"):
        key, colon, value = part.partition(":")
        if colon and key == "thr":
            conditions.append(of_threads(value))
        elif colon and key == "isa":
            conditions.insert(0, value)
        elif colon and key in axes:
            sizes[key] = value
        else:
            words.append(f"{key} {value}" if colon else part)
    if sizes.get("kv_heads") and sizes["kv_heads"] == sizes.get("heads"):
        del sizes["kv_heads"]
    elif "kv_heads" in sizes and "heads" in sizes:
        sizes["heads"] += "/" + sizes.pop("kv_heads")
    at = 2 if axes == SIZES["gemm"] else 1
    words[at:at] = ["×".join(sizes[key] for key in axes if key in sizes)] if sizes else []
    return " ".join(words), ", ".join(conditions)


def said(kind, words=None):
    return element("span", words or WORDS[kind], class_=kind if kind in ("better", "worse") else None)
