#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs every example and compares what it prints with examples/<name>.expected: the same on every machine. Those in
# Fortran are there where a Fortran compiler was, tuned where the static library is installed.
#
#     tests/examples.sh SOURCE_DIR BINARY_DIR [EMULATOR [ARGUMENT...]]
set -eu

[ $# -ge 2 ] || { echo "usage: $0 SOURCE_DIR BINARY_DIR [EMULATOR...]" >&2; exit 2; }
source=$1
binary=$2
shift 2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
count=0
for program in "$source"/*.c "$source"/*.f90; do
    name=$(basename "${program%.*}")
    if [ "${program##*.}" = f90 ] && [ ! -e "$binary/$name" ]; then
        echo "$name: not built, for want of a Fortran compiler"
        continue
    fi
    if [ "$name" = tuned ] && [ ! -e "$binary/$name" ]; then
        echo "$name: not built, for want of the static library"
        continue
    fi
    count=$((count + 1))
    if ! "$@" "$binary/$name" >"$scratch/output"; then
        echo "$name: exit code is not 0" >&2
        failed=1
    fi
    if ! diff -u "$source/$name.expected" "$scratch/output"; then
        echo "$name: prints something else than $source/$name.expected" >&2
        failed=1
    fi
done
[ "$count" -gt 0 ] || { echo "no examples in $source" >&2; exit 1; }
[ "$failed" -ne 0 ] || echo "$count examples print what they should"
exit "$failed"
