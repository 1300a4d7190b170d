# SPDX-License-Identifier: BSD-3-Clause
"""The table of subcommands. Each is a module with add_arguments(parser) and run(arguments) -> Exit; its docstring is
its help. Modules are imported when they are asked for, since SciPy takes its time."""
import argparse
import importlib
import sys
import traceback

from gemmule_perf.errors import Exit, MeasurementFailed, PerfError

COMMANDS = {
    "run": "measure a suite, and add it to the history",
    "ab": "two builds or commits, measured in turns",
    "compare": "two runs of the history",
    "gate": "ab by the rules of a policy file, for continuous integration",
    "counts": "instructions and cache misses, counted without noise, against stored ones",
    "history": "the runs that are stored, and the series of a case",
    "changes": "when the series of the history changed",
    "sweep": "a picture of a sweep of sizes",
    "report": "one HTML file of all that is known",
    "selftest": "how often the gate would cry wolf here, and how often it would sleep",
}


def make_parser():
    parser = argparse.ArgumentParser(
        prog="gemmule perf",
        description="Performance recorded, compared and watched.",
        epilog="Exit codes: 0 fine, 1 a confirmed regression, 2 usage, 3 inconclusive, 4 measurement failed. "
        "gemmule perf COMMAND --help says more of each.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


# Debian's packages of what is imported; they are for its own Python, which the command prefers (cli/launch.c).
PACKAGES = {"numpy": "python3-numpy", "scipy": "python3-scipy", "matplotlib": "python3-matplotlib"}


def run(name, arguments):
    try:
        module = importlib.import_module(f"gemmule_perf.{name}")
        parser = argparse.ArgumentParser(
            prog=f"gemmule perf {name}",
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(parser)
        return module.run(parser.parse_args(arguments))
    except ModuleNotFoundError as error:
        package = PACKAGES.get((error.name or "").partition(".")[0])
        if not package:
            raise
        raise MeasurementFailed(
            f"{sys.executable} has no module {error.name}: install {package}, or name a Python that has it by "
            "GEMMULE_PYTHON"
        ) from error


def main(arguments):
    """Runs a subcommand; returns the exit code. argparse itself exits with 2, which is ours for usage. Python's own
    code of a mistake in this program is 1, which is a regression here: so none gets out."""
    chosen, rest = make_parser().parse_args(arguments[:1]), arguments[1:]
    try:
        code = int(run(chosen.command, rest))
        sys.stdout.flush()
        return code
    except PerfError as error:
        print(f"gemmule perf {chosen.command}: {error}", file=sys.stderr)
        return int(error.code)
    except BrokenPipeError:
        sys.stderr.close()
        return int(Exit.FAILED)
    except KeyboardInterrupt:
        print(f"gemmule perf {chosen.command}: interrupted", file=sys.stderr)
        return int(Exit.FAILED)
    except Exception:
        traceback.print_exc()
        print(f"gemmule perf {chosen.command}: ended by a mistake of its own, above", file=sys.stderr)
        return int(Exit.FAILED)
