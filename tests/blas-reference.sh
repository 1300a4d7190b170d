#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The reference BLAS's own test programs of level 3, for Fortran and for C, with libgemmule_blas in front: products and
# error exits pass, and the trace shows that they were ours. Debian has them in libblas-test; skipped without it.
#
#     tests/blas-reference.sh LIBRARY
set -euo pipefail
library=$1
reference=/usr/lib/$(uname -m)-linux-gnu/blas
if ! [ -x "$reference/xblat3d" ] || ! [ -e "$reference/libblas.so.3" ]; then
    echo "skipped: the reference BLAS and its tests are not in $reference (libblas-test, libblas3)"
    exit 77
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failed=0

# passes PROGRAM INPUT ROUTINE LINES: it says so many times that the routine passed.
passes() {
    local program=$1 input=$2 routine=$3 lines=$4
    rm -f -- *.out *.SUMM
    # Not an OpenBLAS: the programs need variables that the reference alone has.
    LD_LIBRARY_PATH=$reference LD_PRELOAD=$library GEMMULE_VERBOSE=1 "$reference/$program" \
        <"$reference/$input" >said.out 2>trace || {
        echo "blas-reference: $program failed" >&2
        failed=1
    }
    local passed seen
    passed=$(cat -- *.out *.SUMM 2>/dev/null | grep -c "^ *$routine *PASSED THE " || true)
    seen=$(grep -c "^gemmule: .* label=\(${routine,,}\|${routine,,}_\) " trace || true)
    if [ "$passed" -ne "$lines" ] || [ "$seen" -lt 10000 ]; then
        grep -hiE 'FAIL|\*\*\*' -- *.out *.SUMM 2>/dev/null | head -n 20 >&2 || true
        echo "blas-reference: $program: $routine passed $passed of $lines tests, with $seen products of ours" >&2
        failed=1
    fi
}

passes xblat3s sblat3.in SGEMM 2
passes xblat3d dblat3.in DGEMM 2
passes xscblat3 sin3 cblas_sgemm 3
passes xdcblat3 din3 cblas_dgemm 3
[ "$failed" -ne 0 ] || echo "4 programs of the reference BLAS"
exit "$failed"
