#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Revisions of the code, for wisdom: src/plan/revisions.def.

    scripts/revisions.py --check    compares the file with the sources; 1 where they differ
    scripts/revisions.py --write    writes it

A revision is a hash of what runs an operation on a type by an instruction set: the kernels with what they include, the
executors, the constants of arithmetic.h that these name, and the parameters of the operation's choices. Comments, white
space, declarations of kernels and what only builds for tests have (GML_TEST_...) are left out, so that they retire no
wisdom; so is what only decides between plans.
"""
import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "src/plan/revisions.def"

# Kernels of kernels/<isa>/ and executors of src/core/, which attention borrows from the other two.
OPERATIONS = [
    ("gemm", "f32", ["gemm_f32.c", "stream_f32.c", "finish_f32.c", "pack_f32.c"], ["gemm*"]),
    ("gemm", "f64", ["gemm_f64.c", "stream_f64.c", "finish_f64.c", "pack_f64.c"], ["gemm*"]),
    ("softmax", "f32", ["softmax_f32.c", "exp_f32.c", "pack_f32.c"], ["softmax*", "exponentials.h", "causal.h"]),
    (
        "attention",
        "f32",
        ["attention*_f32.c", "softmax_f32.c", "exp_f32.c", "gemm_f32.c", "stream_f32.c", "pack_f32.c"],
        ["attention*", "gemm_pack.c", "exponentials.h", "causal.h"],
    ),
]

TOKEN = re.compile(
    r"""(?P<skip>/\*.*?\*/|//[^\n]*|\\\n|\s+)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\.?\d(?:[eEpP][+-]|[\w.])*|\w+|.""",
    re.S,
)
# What is between #ifdef and #else, or #endif.
TEST_ONLY = re.compile(r"^#ifdef GML_TEST_\w+\n(?:(?:#include|[^#]).*\n)*?(?:#else\n([^#]*))?#endif\n", re.M)


def tokens(text):
    return [token[0] for token in TOKEN.finditer(text) if not token["skip"]]


def read(path):
    return path.read_text(encoding="utf-8")


def matching(folder, patterns):
    found = []
    for pattern in patterns:
        files = sorted(path for path in folder.glob(pattern) if path.suffix in {".c", ".h", ".inc"})
        if not files:
            sys.exit(f"revisions: no file matches {folder.relative_to(ROOT) / pattern}, which scripts/revisions.py names")
        found += [path for path in files if path not in found]
    return found


def with_included(files, folder):
    """The files, and those of the folder that they include."""
    found = list(files)
    for path in found:
        for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', read(path), re.M):
            if (ROOT / name).parent == folder and ROOT / name not in found:
                found.append(ROOT / name)
    return found


def constants(named):
    """The definitions of arithmetic.h that the tokens name, and those that these name."""
    text = read(ROOT / "kernels/arithmetic.h").replace("\\\n", " ")
    definitions = {name: tokens(body) for name, body in re.findall(r"^#define (\w+)(.*)$", text, re.M)}
    found = {}
    while True:
        more = {name: body for name, body in definitions.items() if name in named and name not in found}
        if not more:
            return [token for name in sorted(found) for token in [name, *found[name]]]
        found.update(more)
        named = named | {token for body in more.values() for token in body}


def parameters(operation):
    table = re.search(rf"gml_parameter of_{operation}\[\] = {{(.*?)\n}};", read(ROOT / "src/plan/choice.c"), re.S)
    if not table:
        sys.exit(f"revisions: src/plan/choice.c has no table of_{operation}")
    return tokens(table[1])


def revision(isa, operation, kernels, executors):
    folder = ROOT / "kernels" / isa
    sources = []
    for path in with_included(matching(folder, kernels), folder) + matching(ROOT / "src/core", executors):
        text = TEST_ONLY.sub(r"\1", read(path))
        if path.suffix == ".h":
            text = re.sub(r"^gml_\w+_fn\s[^;]*;", "", text, flags=re.M)
        sources += tokens(text)
    hashed = sources + constants(set(sources)) + parameters(operation)
    return hashlib.sha256("\n".join(hashed).encode()).hexdigest()[:8]


def contents():
    lines = [
        "/* Revisions of what runs an operation, for wisdom (src/plan/wisdom.h). Written by scripts/revisions.py --write. */"
    ]
    for isa in re.findall(r"^GML_SET\((\w+)\)", read(ROOT / "kernels/isa.def"), re.M):
        for operation, kind, kernels, executors in OPERATIONS:
            value = revision(isa, operation, kernels, executors)
            lines.append(f"GML_REVISION({isa}, {operation.upper()}, {kind.upper()}, 0x{value})")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Revisions of the code, for wisdom: src/plan/revisions.def.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", action="store_true", help="compare the file with the sources")
    what.add_argument("--write", action="store_true", help="write the file")
    arguments = parser.parse_args()

    new = contents()
    old = read(FILE) if FILE.exists() else ""
    if arguments.write:
        if new != old:
            FILE.write_text(new, encoding="utf-8")
        return 0
    if new == old:
        return 0
    for line in sorted(set(old.splitlines()) - set(new.splitlines())):
        print(f"revisions: no longer true: {line}")
    print("revisions: sources of kernels or executors have changed: run scripts/revisions.py --write, and commit")
    print("src/plan/revisions.def with them; wisdom that was measured with the old ones is then ignored")
    return 1


sys.exit(main())
