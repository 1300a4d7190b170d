#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Links a program written for a BLAS with libgemmule_blas: in front of the system's BLAS, shared and static, and alone.
# The products are ours, the rest is the BLAS's, and illegal arguments go where the process wants them.
#
#     tests/blas-link.sh SOURCE SHARED_LIBRARY ARCHIVE CORE_ARCHIVE C_COMPILER [SYSTEM_LIBRARY...]
set -euo pipefail
source=$1
library=$2
archive=$3
core_archive=$4
compiler=$5
shift 5
system=("$@")

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
finding() {
    echo "$*" >&2
    failed=1
}

build() {
    local program=$1
    shift
    "$compiler" -std=c11 -Wall -Wextra -Werror "$source/tests/blas-program.c" -o "$scratch/$program" "$@"
}
directory=$(dirname "$library")
ours=("-L$directory" -lgemmule_blas "-Wl,-rpath,$directory")
build shared -DWITH_BLAS "${ours[@]}" -lblas
build static -DWITH_BLAS "$archive" "$core_archive" -lblas "${system[@]}"
build handler -DWITH_HANDLER "${ours[@]}"
build alone "${ours[@]}"
build plain -DWITH_BLAS -lblas

right="26 38 30 44
45 60 73 94"
for program in shared static alone plain; do
    expected=$right
    [ $program = alone ] || expected+=$'\n'70
    preload=
    [ $program != plain ] || preload=$library
    output=$(LD_PRELOAD=$preload GEMMULE_VERBOSE=1 "$scratch/$program" right 2>"$scratch/trace") ||
        finding "$program failed"
    [ "$output" = "$expected" ] || finding "$program computed: $output"
    for label in dgemm_ cblas_dgemm; do
        [ "$(grep -c "^gemmule: .* label=$label .* m=2 n=2 k=2 " "$scratch/trace")" -eq 1 ] ||
            finding "$program: $label is not ours"
    done
done

output=$("$scratch/handler" wrong 2>&1) || finding "the program with a handler failed"
[ "$output" = "the program's handler: DGEMM , 13
returned, and C is as it was" ] || finding "with a handler of its own the program said: $output"

# Nobody handles errors: each is a sentence on stderr.
output=$("$scratch/alone" wrong 2>&1) || finding "the program without a handler failed"
[ "$output" = " ** On entry to DGEMM parameter number 13 had an illegal value
Parameter 5 to routine cblas_dgemm was incorrect
Parameter 1 to routine cblas_dgemm was incorrect
Illegal layout setting, 0
returned, and C is as it was" ] || finding "without a handler the program said: $output"

# The BLAS handles them, each in its own words.
output=$("$scratch/shared" wrong 2>&1 || true)
grep -qE '(DGEMM +parameter number +13|Parameter 13 to routine DGEMM) ' <<<"$output" ||
    finding "with the BLAS the program said: $output"

blas=$(ldd "$scratch/plain" | sed -nE 's/.*libblas\.so\.3 => ([^ ]+) .*/\1/p')
[ "$failed" -ne 0 ] || echo "5 programs, with $(readlink -f "$blas")"
exit "$failed"
