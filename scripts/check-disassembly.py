#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Inspects the k-loops of the kernels in their object files.

    scripts/check-disassembly.py --objdump OBJDUMP --set kernels/<isa>/set.c OBJECT...

A k-loop is an innermost loop that does nothing with vectors but load them, broadcast them and feed them to fused
multiply-adds. In every k-loop there is no access to the stack. The k-loop of each register tile in the tables has
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
import subprocess
import sys
from collections import namedtuple

Instruction = namedtuple("Instruction", "address name operands")
BYTES = {"avx2": 32, "avx512": 64, "neon": 16}
ELEMENT = {"f32": 4, "f64": 8}


def operands_of(instruction):
    return re.split(r",(?![^(\[]*[)\]])", instruction.operands)


class X86:
    fma = re.compile(r"vfn?m(add|sub)\d+p[sd]$")
    # What a k-loop does with vectors beside multiplying.
    harmless = re.compile(
        r"vmov([au]p[sd]|s[sd]|[dq]|ddup)$|vmovdq|vbroadcast|vxorp[sd]$|vpxor|v(permil|shuf)p[sd]$")
    exponential = re.compile(r"vcvtps2dq$|vscalefps$")
    jump = re.compile(r"j\w+$")
    end = re.compile(r"jmp$|ret")
    comment = "#"

    @staticmethod
    def stack(instruction, frame):
        return "(%rsp" in instruction.operands or (frame and "(%rbp" in instruction.operands)

    @staticmethod
    def has_frame(body):
        return any(i.name == "mov" and i.operands == "%rsp,%rbp" for i in body)

    @staticmethod
    def loads(instruction):
        # AT&T syntax: a memory operand that is not the last one is read.
        if not instruction.name.startswith("v"):
            return 0
        return sum("(" in operand for operand in operands_of(instruction)[:-1])

    @staticmethod
    def stores_vector(instruction):
        return instruction.name.startswith("v") and "(" in operands_of(instruction)[-1]


class Arm:
    fma = re.compile(r"fml[as]$")
    exponential = re.compile(r"frintn$")
    jump = re.compile(r"b(\.\w+)?$|cbn?z$|tbn?z$")
    end = re.compile(r"(b|br|ret)$")
    comment = "//"
    arithmetic = re.compile(r"f(add|sub|mul|max|min|div|cm\w+|cvt\w*|rint\w)$|bsl$|bit$|bif$")

    @staticmethod
    def stack(instruction, frame):
        return bool(re.search(r"\[(sp|x29)\b" if frame else r"\[sp\b", instruction.operands))

    @staticmethod
    def has_frame(body):
        return any(i.name == "mov" and i.operands == "x29, sp" for i in body)

    @staticmethod
    def loads(instruction):
        if instruction.name in ("ldp", "ldnp"):
            return 2 if instruction.operands.startswith("q") else 0
        if instruction.name in ("ldr", "ldur"):
            return 1 if re.match(r"[qds]\d", instruction.operands) else 0
        if re.match(r"ld1", instruction.name):
            registers = re.match(r"\{v(\d+)\.\w+(?:\[\d\])?-v(\d+)|\{([^}]*)\}", instruction.operands)
            if registers[1]:
                return int(registers[2]) - int(registers[1]) + 1
            return registers[3].count("v")
        return 0

    @staticmethod
    def stores_vector(instruction):
        return bool(re.match(r"st", instruction.name) and re.match(r"[qds]\d|\{", instruction.operands))


def is_k_loop(machine, loop):
    if not any(machine.fma.match(i.name) for i in loop):
        return False
    if machine is Arm:
        return not any(Arm.arithmetic.match(i.name) and re.search(r"v\d+\.", i.operands) for i in loop)
    return all(not i.name.startswith("v") or machine.fma.match(i.name) or machine.harmless.match(i.name) for i in loop)


def functions(machine, objdump, path):
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    body = {}
    name = None
    for line in text.splitlines():
        header = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if header:
            name = header[1]
            body[name] = []
            continue
        line = line.split(machine.comment)[0]
        instruction = re.match(r"\s*([0-9a-f]+):\s+(?:(?:notrack|bnd|rep|lock|data16)\s+)*(\S+)\s*(.*?)\s*$", line)
        if instruction and name:
            body[name].append(Instruction(int(instruction[1], 16), instruction[2], instruction[3]))
    return body


def successors(machine, body):
    """For each instruction, the indices of those that may follow it."""
    index = {i.address: n for n, i in enumerate(body)}
    following = []
    for n, i in enumerate(body):
        after = [] if machine.end.match(i.name) or n + 1 == len(body) else [n + 1]
        if machine.jump.match(i.name):
            target = re.search(r"\b([0-9a-f]+) <", i.operands)
            if target and int(target[1], 16) in index:
                after.append(index[int(target[1], 16)])
        following.append(after)
    return following


def natural_loops(machine, body):
    """The loops of a function, as sets of indices: what reaches a backward jump without passing its target."""
    following = successors(machine, body)
    before = [[] for _ in body]
    for n, after in enumerate(following):
        for target in after:
            before[target].append(n)
    loops = {}
    for n, after in enumerate(following):
        for head in after:
            if head > n:
                continue
            members = {head, n}
            reach = [n] if n != head else []
            while reach:
                for m in before[reach.pop()]:
                    if m not in members:
                        members.add(m)
                        reach.append(m)
            if head == 0 or 0 not in members:  # otherwise entered at more places than one: no loop of its own
                loops.setdefault(head, set()).update(members)
    return list(loops.values())


def smallest(sets):
    return [loop for loop in sets if not any(other < loop for other in sets)]


def loops_in(machine, body):
    """The k-loops of a function, and its woven loops."""
    loops = natural_loops(machine, body)

    def inside(loop):
        return [body[n] for n in sorted(loop)]

    k_loops = [loop for loop in smallest(loops) if is_k_loop(machine, inside(loop))]
    woven = [loop for loop in loops if any(machine.exponential.match(i.name) for i in inside(loop))
             and any(k_loop < loop for k_loop in k_loops)]
    return [inside(loop) for loop in k_loops], [inside(loop) for loop in smallest(woven)]


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


def count(machine, loop):
    """The fused multiply-adds and the loads of a loop."""
    return sum(bool(machine.fma.match(i.name)) for i in loop), sum(machine.loads(i) for i in loop)


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
    machine = Arm if isa == "neon" else X86

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
