#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Compiles test_foreign_openmp.c with clang and its libomp against a library that uses libgomp, and runs it.
#
#     tests/foreign-openmp.sh SOURCE LIBRARY
set -euo pipefail
source=$1
library=$2

skip() {
    echo "skipped: $*"
    exit 77
}
command -v clang >/dev/null || skip "clang is not installed"
readelf -d "$library" | grep -q 'NEEDED.*libgomp' || skip "the library was not built with libgomp"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo 'int main(void) { return 0; }' >"$scratch/empty.c"
clang -fopenmp=libomp "$scratch/empty.c" -o "$scratch/empty" 2>/dev/null || skip "clang has no libomp"

files=("$source"/tests/{test_foreign_openmp,operations}.c "$source"/proof/spec/*.c)
clang -std=c11 -O2 -ffp-contract=off -Wall -Wextra -Werror -fopenmp=libomp -I"$source" -I"$source/include" \
    "${files[@]}" "$library" -lm -Wl,-rpath,"$(dirname "$library")" -o "$scratch/foreign"
for runtime in libomp libgomp; do
    LD_TRACE_LOADED_OBJECTS=1 "$scratch/foreign" | grep -q "$runtime" || {
        echo "the program does not load $runtime" >&2
        exit 1
    }
done
OMP_NUM_THREADS=4 timeout 240 "$scratch/foreign"
