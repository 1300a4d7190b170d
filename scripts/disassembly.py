# SPDX-License-Identifier: BSD-3-Clause
"""The disassembly of object files, by GNU's objdump: functions, their loops, and what is in these.

A k-loop is an innermost loop that does nothing with vectors but load them, broadcast them and feed them to fused
multiply-adds. A woven loop forms exponentials among the steps of a tile: it contains a k-loop.
"""
import re
import subprocess
from collections import namedtuple

Instruction = namedtuple("Instruction", "address name operands")


def operands_of(instruction):
    return re.split(r",(?![^(\[]*[)\]])", instruction.operands)


class X86:
    fma = re.compile(r"vfn?m(add|sub)\d+p[sd]$")
    vector = re.compile(r"%[xyz]mm")
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
    vector = re.compile(r"\bv\d+\.|\b[qds]\d")
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


def count(machine, loop):
    """The fused multiply-adds and the loads of a loop."""
    return sum(bool(machine.fma.match(i.name)) for i in loop), sum(machine.loads(i) for i in loop)


def machine_of(isa):
    return Arm if isa == "neon" else X86


def vector_loops(machine, body):
    """The innermost loops that do anything with vector registers."""
    loops = [[body[n] for n in sorted(loop)] for loop in smallest(natural_loops(machine, body))]
    return [loop for loop in loops if any(machine.vector.search(i.operands) for i in loop)]
