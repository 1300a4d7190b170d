#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Inspects the k-loops of the kernels in their object files.

    scripts/check-disassembly.py --objdump OBJDUMP --set kernels/<isa>/set.c OBJECT...

In every k-loop (disassembly.py) there is no access to the stack. The k-loop of each register tile in the tables has
mr * nr / lanes fused multiply-adds a step, and the loads a step that the table states. It is the largest one of the
functions whose names begin with that of the kernel, or, where they have none, of tile_<rows>x<vectors> in the same
object. Tiles of edges, which are in no table but have names of that form, are measured alike: rows * vectors fused
multiply-adds and rows + vectors loads a step. Below four rows compilers may load a vector once for each of them.

A strip of attention has two tiles, of scores and of output, whose k-loops must be there with their multiply-adds and
loads. A woven loop forms exponentials among the steps of a tile: it contains a k-loop. No vector is stored to the stack
in it: the sums stay in registers.
"""
import argparse
import re
import sys

from disassembly import X86, count, functions, loops_in, machine_of

BYTES = {"avx2": 32, "avx512": 64, "neon": 16}
ELEMENT = {"f32": 4, "f64": 8}


def table(path):
    """The rows of the register tiles: name, type, mr, nr, loads."""
    text = open(path, encoding="utf-8").read()
    rows = re.findall(r'\{"(gemm_(f32|f64)_\w+)",\s*(\d+),\s*(\d+),\s*\d+,\s*(\d+),', text)
    return [(name, element, int(mr), int(nr), int(loads)) for name, element, mr, nr, loads in rows]


def attention_table(path):
    """The rows of the attention steps: name and queries of a strip."""
    rows = re.findall(r'\{"(attention_f32_\d+_\w+)",\s*(\d+),', open(path, encoding="utf-8").read())
    return [(name, int(queries)) for name, queries in rows]


def attention_tiles(isa, vectors):
    """The fused multiply-adds and loads a step, of the tile of scores and of that of output."""
    if isa == "neon":  # four elements of 8 keys for two vectors; 8 elements of a key for three
        scores, output = min(vectors, 2), 3 if vectors % 3 == 0 else vectors
        return [(8 * 4 * scores, 8 + 4 * scores), (8 * output, 2 + output)]
    rows = 8 if isa == "avx512" else {1: 8, 2: 6, 3: 4}[vectors]
    return [(rows * vectors, rows + vectors)] * 2


def compare(machine, name, loop, fmas_a_step, loads_a_step):
    """A line on the loop, and the finding where it is not of so many operations a step."""
    fmas, loads = count(machine, loop)
    steps = fmas / fmas_a_step
    line = f"{name}: {steps:g} steps, {fmas} FMAs, {loads} loads, {len(loop)} instructions"
    if fmas % fmas_a_step:
        return line, f"{line}: FMAs are no multiple of {fmas_a_step}, those of a step"
    if loads != loads_a_step * steps:
        return line, f"{line}: {loads / steps:g} loads a step instead of {loads_a_step}"
    return f"{line}; {len(loop) / fmas:.2f} instructions an FMA", None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--set", required=True, help="kernels/<isa>/set.c")
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    isa = options.set.split("/")[-2]
    machine = machine_of(isa)

    findings = []
    woven_loops = 0
    objects = []  # of each object, the k-loops of each function
    for path in options.objects:
        loops_of = {}
        for name, body in functions(machine, options.objdump, path).items():
            frame = machine.has_frame(body)
            loops_of[name], woven = loops_in(machine, body)
            for i in (i for loop in loops_of[name] for i in loop):
                if machine.stack(i, frame):
                    findings.append(f"{name}: a k-loop uses the stack: {i.address:x}: {i.name} {i.operands}")
            for i in (i for loop in woven for i in loop):
                if machine.stores_vector(i) and machine.stack(i, frame):
                    findings.append(f"{name}: a woven loop spills: {i.address:x}: {i.name} {i.operands}")
            woven_loops += len(woven)
        objects.append(loops_of)

    def largest(loops_of, belongs):
        loops = [loop for name in loops_of if belongs(name) for loop in loops_of[name]]
        return max(loops, key=lambda loop: count(machine, loop)[0], default=None)

    rows = table(options.set)
    for element in ELEMENT:
        if element not in (row[1] for row in rows):
            findings.append(f"{options.set}: no register tile of {element} was found in the tables")
    for name, element, mr, nr, loads in rows:
        vectors = nr * ELEMENT[element] // BYTES[isa]
        symbol = "gml_" + name
        loops_of = next((o for o in objects if symbol in o), {})
        loop = largest(loops_of, lambda f: f.startswith(symbol)) or largest(
            loops_of, lambda f: f.split(".")[0] == f"tile_{mr}x{vectors}")
        if not loop:
            findings.append(f"{name}: no k-loop was found")
            continue
        line, finding = compare(machine, name, loop, mr * vectors, loads)
        print(line)
        if finding:
            findings.append(finding)
    for loops_of in objects if machine is X86 else []:
        for name in loops_of:
            tile = re.match(r"tile_(\d+)x(\d+)(\.|$)", name)
            if not tile:
                continue
            height, vectors = int(tile[1]), int(tile[2])
            loop = largest(loops_of, lambda f: f == name)
            if not loop:
                findings.append(f"{name}: no k-loop was found")
            elif height > 3:
                finding = compare(machine, name, loop, height * vectors, height + vectors)[1]
                findings += [finding] if finding else []

    for name, queries in attention_table(options.set):
        loops_of = next((o for o in objects if "gml_" + name in o), {})
        counts = [count(machine, loop) for loops in loops_of.values() for loop in loops]
        tiles = attention_tiles(isa, queries * ELEMENT["f32"] // BYTES[isa])
        print(f"{name}: " + ", ".join(f"{fmas} FMAs and {loads} loads a step" for fmas, loads in sorted(set(tiles))))
        for fmas, loads in sorted(set(tiles)):
            found = sum(f % fmas == 0 and f // fmas * loads == l for f, l in counts)
            if found < tiles.count((fmas, loads)):
                findings.append(f"{name}: {found} k-loops of {fmas} FMAs and {loads} loads a step, of "
                                f"{tiles.count((fmas, loads))}")

    for finding in findings:
        print(finding)
    k_loops = sum(len(loops) for loops_of in objects for loops in loops_of.values())
    print(f"{isa}: {k_loops} k-loops, {woven_loops} woven, in {sum(map(len, objects))} functions, "
          f"{len(findings)} findings")
    return 1 if findings else 0


sys.exit(main())
