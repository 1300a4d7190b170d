#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the instructions of a step of every inner loop of the kernels, against stored counts (docs/regression.md).

    scripts/count-loops.py --objdump OBJDUMP --isa ISA --compiler "gcc 12.2.0" --flags "-O3" --stored PATH [--update]
        OBJECT...

An inner loop is an innermost one that touches vector registers. Its step is one pass: of a k-loop, so many k as its
fused multiply-adds tell. Nothing is run, so kernels of any instruction set are counted on any machine. Stored are the
instructions of each loop of each function; one more in any loop ends with 1, and names the kernel and the loop. So do
one fewer and new or missing loops: then the stored counts are to be updated. Another compiler or other flags end with
3, since nothing can be compared.
"""
import argparse
import os
import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from disassembly import count, functions, machine_of, vector_loops  # noqa: E402
from gemmule_perf import stored  # noqa: E402
from gemmule_perf.callgrind import CLONE  # noqa: E402
from gemmule_perf.errors import Exit, MeasurementFailed, PerfError  # noqa: E402

LANES = {"f32": {"avx512": 16, "avx2": 8, "neon": 4}, "f64": {"avx512": 8, "avx2": 4, "neon": 2}}


def name_of(source, function, isa, tables):
    """The file and the function; of tile_<rows>x<vectors> also the register tile of the tables, if there is one."""
    tile = re.search(r"(?:^|_)tile_(\d+)x(\d+)", function)
    element = re.match(r"gemm_(f32|f64)\.", source)
    if tile and element:
        kernel = f"gemm_{element[1]}_{tile[1]}x{int(tile[2]) * LANES[element[1]][isa]}_{isa}"
        if f'"{kernel}"' in tables:
            return f"{source}: {kernel}, {function}"
    return f"{source}: {function}"


def item_of(machine, loops):
    """The loops of a function by their multiply-adds; of those with equally many the shortest comes first."""
    quantities, seen = {}, Counter()
    counts = [(count(machine, loop)[0], len(loop)) for loop in loops]
    for fmas, instructions in sorted(counts, key=lambda pair: (-pair[0], pair[1])):
        seen[fmas] += 1
        number = "" if seen[fmas] == 1 else f", number {seen[fmas]}"
        quantities[(f"loop of {fmas} FMAs" if fmas else "loop without FMAs") + number] = instructions
    return stored.Item(quantities)


def measure(isa, objdump, objects):
    machine = machine_of(isa)
    tables = (ROOT / "kernels" / isa / "set.c").read_text(encoding="utf-8")
    items = {}
    for path in sorted(objects, key=os.path.basename):
        source = re.sub(r"\.o(bj)?$", "", os.path.basename(path))
        loops_of = {}
        for name, body in functions(machine, objdump, path).items():
            loops_of.setdefault(CLONE.sub("", name), []).extend(vector_loops(machine, body))
        for name, loops in sorted(loops_of.items()):
            if loops:
                items[name_of(source, name, isa, tables)] = item_of(machine, loops)
    if not items:
        raise MeasurementFailed(f"{isa}: no inner loop was found in {len(objects)} objects")
    return items


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--isa", required=True)
    parser.add_argument("--compiler", required=True, help='name and version, "gcc 12.2.0"')
    parser.add_argument("--flags", required=True, help="of the build, beside those that CMakeLists.txt gives each file")
    parser.add_argument("--stored", required=True, help="a file, or a directory with one for each key")
    parser.add_argument("--update", action="store_true", help="store what was counted, and show the difference")
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    key = {"compiler": options.compiler, "flags": options.flags, "isa": options.isa, "kind": "loops"}
    items = measure(options.isa, options.objdump, options.objects)
    if options.update:
        path, lines = stored.update(options.stored, key, items, "instructions")
        print("\n".join(lines + [f"{path}: the loops of {len(items)} functions stored"]))
        return Exit.FINE
    path, before = stored.load_for(options.stored, key)
    changes = stored.compare(before, items, {})
    for change in changes:
        print(change.sentence("instructions"))
    loops = sum(len(item.quantities) for item in items.values())
    print(f"{options.isa}: {loops} inner loops in {len(items)} functions, {len(changes)} differ from {path}")
    if changes:
        print("If that is meant, scripts/counts.sh --update stores the new counts, and shows the difference.")
    return Exit.REGRESSION if changes else Exit.FINE


try:
    sys.exit(main())
except PerfError as error:
    print(f"count-loops: {error}", file=sys.stderr)
    sys.exit(error.code)
