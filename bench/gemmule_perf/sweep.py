# SPDX-License-Identifier: BSD-3-Clause
"""Draws a sweep of sizes.

RESULTS is what `gemmule bench sweep gemm FROM..TO` has printed, CSV or JSON. `gemmule bench sweep gemm FROM..TO
--picture FILE` measures, prints and draws. One panel for each of the sweep's lines (squares; M, N and K alone), one
curve for each subject; triangles are cliffs, sizes that take more than 1.05 of the time of a larger one.

Exit codes: 0, or that of the program which measures; 2 for arguments and files that are wrong; 4 where nothing could be
measured or written.
"""
import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from gemmule_perf.errors import Exit, MeasurementFailed, UsageError
from gemmule_perf.harness import libexec
from gemmule_perf.report.sweep import read_sweep

PROGRAM = "gemmule_bench_gemm"


def add_arguments(parser):
    parser.add_argument("--picture", metavar="FILE", required=True, help="its suffix says the format: png, svg, pdf")
    parser.add_argument("results", nargs=argparse.REMAINDER, metavar="RESULTS", help="a file, or gemm FROM..TO ...")


def run(arguments):
    import matplotlib

    matplotlib.use("Agg")
    check_format(arguments.picture)
    if arguments.results[:1] == ["gemm"]:
        return measured(arguments.results[1:], arguments.picture)
    if len(arguments.results) != 1:
        raise UsageError("one file with the results of a sweep is needed")
    draw(read_sweep(arguments.results[0]), arguments.picture)
    return Exit.FINE


def check_format(path):
    """Before minutes are spent on measuring."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in known:
        raise UsageError(f"--picture {path}: its suffix is none of {' '.join(known)}")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"--picture {path}: there is no such folder")


def measured(words, picture):
    """Measures, prints what the program prints, draws it. The exit code is the program's."""
    try:
        process = subprocess.Popen([str(libexec() / PROGRAM), "sweep", *words], stdout=subprocess.PIPE)
    except OSError as error:
        raise MeasurementFailed(f"{error.filename} cannot be run: {error.strerror}") from error
    with process, tempfile.NamedTemporaryFile() as file:
        for line in process.stdout:
            file.write(line)
            sys.stdout.write(line.decode(errors="replace"))
            sys.stdout.flush()
        code = process.wait()
        file.flush()
        if code < 0:
            raise MeasurementFailed(f"{PROGRAM} was ended by {signal.Signals(-code).name}")
        if code in (Exit.FINE, Exit.REGRESSION) and "--help" not in words:
            draw(read_sweep(file.name), picture)
    return code


def draw(panels, picture):
    from matplotlib import pyplot

    figure, places = pyplot.subplots(
        len(panels), 1, figsize=(12, 3.5 * len(panels)), squeeze=False, layout="constrained"
    )
    for place, panel in zip(places[:, 0], panels):
        for curve in panel.curves:
            place.plot(curve.sizes, curve.rates, linewidth=0.8, label=curve.subject)
        if panel.peak:
            place.axhline(panel.peak, color="0.5", linewidth=0.8, linestyle="--", label="FMA peak")
        if panel.cliffs:
            sizes, rates = [cliff.size for cliff in panel.cliffs], [cliff.rate for cliff in panel.cliffs]
            place.plot(sizes, rates, linestyle="", marker="v", markersize=4, color="tab:red", label="cliff")
        place.set_title(panel.title)
        place.set_ylabel("GFLOP/s")
        place.set_ylim(bottom=0)
        place.margins(x=0.01)
        place.grid(alpha=0.3)
    # Of all panels, each label once.
    handles = {label: handle for place in places[:, 0] for handle, label in zip(*place.get_legend_handles_labels())}
    places[0, 0].legend(handles.values(), handles.keys(), loc="lower right")
    places[-1, 0].set_xlabel("size")
    try:
        figure.savefig(picture, dpi=120)
    except OSError as error:
        raise MeasurementFailed(f"{picture} cannot be written: {error.strerror}") from error
    finally:
        pyplot.close(figure)
