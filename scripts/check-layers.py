#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The rules of the house that a machine can check (CONTRIBUTING.md).

Includes go to the right only, intrinsics and OpenMP have their rooms, kernels have names by the grammar, files have
a licence line, at most 500 lines and no unfinished marks, and every test file is built.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = {".c", ".h", ".inc", ".cc", ".cpp", ".def", ".f90"}
SCRIPT = {".py", ".sh", ".cmake"}
LINES = 500

PUBLIC = r"gemmule/\w+\.h"
CONTRACT = r"kernels/(kernel|arithmetic)\.h"
LIBRARY = rf"{PUBLIC}|{CONTRACT}|src/(api|plan|core)/\w+\.h"
# A room, and what its files may include of the house. The first room that a path begins with counts.
ROOMS = [
    ("include/gemmule/", PUBLIC),
    ("kernels/arithmetic.h", r"$^"),
    ("kernels/kernel.h", rf"{PUBLIC}|isa\.def"),
    ("kernels/isa.def", r"$^"),
    ("src/core/select.c", r"src/core/select\.h|kernels/isa\.def"),
    ("src/core/", rf"{PUBLIC}|{CONTRACT}|src/core/\w+\.h"),
    ("src/plan/", rf"{PUBLIC}|{CONTRACT}|src/(plan|core)/\w+\.h|src/plan/revisions\.def"),
    ("src/api/", LIBRARY),
    ("blas/", rf"{PUBLIC}|blas/\w+\.(h|inc)"),
    ("fortran/", r"$^"),
    ("proof/spec/", rf"{PUBLIC}|kernels/arithmetic\.h|proof/spec/\w+\.h"),
    ("proof/", rf"{LIBRARY}|proof/(spec/)?\w+\.h"),
    ("tune/", rf"{LIBRARY}|proof/(spec/)?\w+\.h|tune/\w+\.h"),
    ("cli/", rf"{LIBRARY}|proof/(spec/)?\w+\.h|tune/\w+\.h|cli/\w+\.h"),
    ("bench/", rf"{LIBRARY}|proof/(spec/)?\w+\.h|tune/\w+\.h|bench/\w+\.h"),
    ("tests/consumer", PUBLIC),
    ("tests/", rf"{LIBRARY}|proof/(spec/)?\w+\.h|tune/\w+\.h|cli/\w+\.h|tests/\w+\.(h|inc)"),
    ("examples/", PUBLIC),
]
KERNEL_SYSTEM = {"math.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
INTRINSICS = re.compile(r"\w*mmintrin\.h|x86intrin\.h|arm_(neon|sve|sme|acle)\.h")
INTRINSICS_ROOMS = re.compile(r"kernels/(?!ref/)\w+/|bench/|tests/")
MARK = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|#\s*if 0\b")
KERNEL_NAME = (
    r"gml_(gemm_f(32|64)_\d+x\d+|gemm_(rows|dots|update|finish)_f(32|64)|pack_f(32|64)|"
    r"attention_f32_\d+|attention_(scale|products|weigh|values|merge)_f32|attention_keep|"
    r"softmax_(reduce|scale|log|step|rows)_f32|softmax_fence|exp2?_f32)_{isa}"
)

findings = []


def find(path, line, text):
    findings.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def room_of(name):
    isa = re.match(r"kernels/(\w+)/", name)
    if isa:
        return rf"{CONTRACT}|kernels/{isa[1]}/\w+\.(h|inc)"
    for room, allowed in ROOMS:
        if name.startswith(room):
            return allowed
    return None


def check_include(path, name, number, quote, included):
    ours = quote == '"' or included.startswith("gemmule/")
    if ours:
        allowed = room_of(name)
        if allowed is None:
            find(path, number, "this folder is no room of the house (scripts/check-layers.py lists them)")
        elif not re.fullmatch(allowed, included):
            find(path, number, f"must not include {included}")
        return
    if INTRINSICS.fullmatch(included):
        if not INTRINSICS_ROOMS.match(name):
            find(path, number, f"{included}: intrinsics live in kernels/<isa>/ only")
    elif included == "omp.h":
        if not re.match(r"src/core/(parallel|cpu)\.c|bench/|tests/", name):
            find(path, number, "OpenMP is known to src/core/parallel.c and cpu.c only")
    elif name.startswith("kernels/") and included not in KERNEL_SYSTEM:
        find(path, number, f"kernels do not need <{included}>")


def check_source(path, name, lines):
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if include:
            check_include(path, name, number, include[1], include[2])
        if re.match(r"\s*#\s*pragma\s+omp", line) and name.startswith(("src/", "kernels/")):
            if name != "src/core/parallel.c":
                find(path, number, "all parallelism passes gml_parallel")


def check_kernel_names(path, name, text):
    """Declarations of an ISA's header: one name of the grammar for each kernel, and nothing else with gml_."""
    isa = re.match(r"kernels/(\w+)/", name)[1]
    grammar = re.compile(KERNEL_NAME.replace("{isa}", isa))
    for declaration in re.finditer(r"^gml_\w+_fn\s+([^;]+);", text, re.M):
        number = text.count("\n", 0, declaration.start()) + 1
        for symbol in re.split(r"[,\s]+", declaration[1].strip()):
            if not grammar.fullmatch(symbol):
                find(path, number, f"{symbol} is no name of a kernel: gml_<op>_<type>[_<tile>]_{isa}")


def check_file(path):
    name = path.relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if len(lines) > LINES:
        find(path, LINES, f"{len(lines)} lines; at most {LINES}")
    # A program that the README prints, or a list of names, is shown without a banner.
    if path.suffix != ".def" and name != "examples/quickstart.c" and path.name != "CMakeLists.txt":
        if "SPDX-License-Identifier: BSD-3-Clause" not in "\n".join(lines[:3]):
            find(path, 1, "the licence line is missing")
    for number, line in enumerate(lines, 1):
        if MARK.search(line):
            find(path, number, "an unfinished mark")
    if path.suffix in SOURCE:
        check_source(path, name, lines)
        if path.suffix == ".h" and re.match(r"kernels/\w+/", name):
            check_kernel_names(path, name, text)


def main():
    built = (ROOT / "tests/CMakeLists.txt").read_text(encoding="utf-8")
    count = 0
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        if not path.is_file() or relative.parts[0] in {"build", ".git"}:
            continue
        if path.suffix in SOURCE | SCRIPT or path.name == "CMakeLists.txt":
            check_file(path)
            count += 1
        if relative.parts[0] == "tests" and re.fullmatch(r"test_\w+\.c", path.name):
            if not re.search(rf"\b{path.stem[5:]}\b", built):
                find(path, 1, "tests/CMakeLists.txt does not build this test")
    if count == 0:
        findings.append("no source was found")
    for finding in findings:
        print(finding)
    print(f"check-layers: {count} files, {len(findings)} findings")
    return 1 if findings else 0


sys.exit(main())
