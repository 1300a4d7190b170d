#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fuzz.sh FUZZER CORPUS DICTIONARY RUNS: a short run of a libFuzzer target, the same each time, beginning from a corpus
# that it leaves as it is. What breaks it is kept and named.
set -euo pipefail

fuzzer=$1 corpus=$2 dictionary=$3 runs=$4
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
mkdir "$found/corpus"
if ! "$fuzzer" -runs="$runs" -seed=1 -max_len=4096 -timeout=10 -dict="$dictionary" -artifact_prefix="$found/" \
    -print_final_stats=1 "$found/corpus" "$corpus" >"$found/log" 2>&1; then
    tail -n 40 "$found/log"
    for input in "$found"/crash-* "$found"/timeout-* "$found"/leak-* "$found"/oom-*; do
        [[ -f $input ]] && printf 'the input, in base64:\n' && base64 "$input"
    done
    exit 1
fi
grep -E 'stat::number_of_executed_units|stat::new_units_added' "$found/log"
