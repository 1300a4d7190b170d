#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws what `gemmule_bench_gemm sweep` has printed.

    gemmule_bench_gemm sweep > sweep.csv
    scripts/plot-sweep.py sweep.csv sweep.png

One panel for each of the sweep's lines (squares; M, N and K alone), one curve for each subject: GFLOP/s against size.
"""
import argparse
import csv
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def read(path):
    """{line: {subject: ([size], [GFLOP/s])}}, in the order of the file."""
    lines = defaultdict(lambda: defaultdict(lambda: ([], [])))
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sizes, rates = lines[row["sweep"]][row["subject"]]
            sizes.append(int(row["size"]))
            rates.append(float(row["gflops"]))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("picture", help="its suffix says the format: png, svg, pdf")
    arguments = parser.parse_args()

    lines = read(arguments.csv)
    if not lines:
        parser.error(f"{arguments.csv} has no measurements")
    figure, panels = plt.subplots(len(lines), 1, figsize=(12, 3.5 * len(lines)), squeeze=False, layout="constrained")
    for panel, (line, subjects) in zip(panels[:, 0], lines.items()):
        for subject, (sizes, rates) in subjects.items():
            panel.plot(sizes, rates, linewidth=0.8, label=subject)
        panel.set_title("M = N = K" if line == "square" else f"{line.upper()} alone, the others 256")
        panel.set_ylabel("GFLOP/s")
        panel.set_ylim(bottom=0)
        panel.margins(x=0)
        panel.grid(alpha=0.3)
    panels[0, 0].legend(loc="lower right")
    panels[-1, 0].set_xlabel("size")
    figure.savefig(arguments.picture, dpi=120)


main()
