#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The GEMM benchmark: that it runs, with peers and without, and says what it cannot do. No time is looked at.
#
#     tests/bench-gemm.sh GEMMULE_BENCH_GEMM WRONG_BLAS [LIBGEMMULE_BLAS]
set -euo pipefail
bench=$1
wrong=$2
blas=${3-}
under_test=("$bench")
. "$(dirname "$0")/expect.sh"

short=(--shapes "8x8x8,17x5x33" --repetitions 2)
expect 0 '^usage: ' --help
expect 0 '^f64 17x5x33, B transposed' "${short[@]}" --type f64
expect 0 '"group": "chosen", "m": 17, "n": 5, "k": 33, "transposed": true' "${short[@]}" --json
expect 0 '^f32 64x64x64, B plain' --shapes 64x64x64 --repetitions 2 --cold --transpose no --only gemmule-packed
expect 01 '^k,3,gemmule,' sweep 1..3 --repetitions 1 --only gemmule
expect 2 '^gemmule_bench_gemm: 3..1 is no range' sweep 3..1
expect 2 ' 1..2x is no range' sweep 1..2x
expect 2 ' 1..9: is no range' sweep 1..9:
expect 2 ' 512 is no range' sweep 512
expect 2 'has no --shapes' sweep 1..3 --shapes 4x4x4
expect 2 'libm.so.6 has none of .*cblas_sgemm' --peer m=libm.so.6
expect 2 'libm.so.6 has none of .*cblas_dgemm' --type f64 --peer m=libm.so.6
expect 2 'cannot open shared object file' --peer nothing=/nowhere/libnothing.so
expect 2 'is NAME=PATH' --peer libm.so.6
expect 2 'no problem of the suite' --group nothing
expect 0 '^f64 128x128x128, B plain' --suite trial --type f64 --repetitions 1
expect 0 '"group": "hpc", "m": 64, "n": 8, "k": 8, "transposed": true' --group hpc --shapes '64x8x*' --type f64 \
    --repetitions 1 --json
expect 2 'there is no suite .none.' --suite none
expect 1 '^  f32 17x5x33, B transposed +wrong ' "${short[@]}" --peer wrong="$wrong"
expect 1 '"subject": "wrong", "wrong": true' "${short[@]}" --json --peer wrong="$wrong"
# The statistics, from the samples themselves: of eleven ratios the 6th, and the 2nd to the 10th.
"$bench" --shapes 8x8x8 --transpose no --repetitions 11 --json --peer right="$wrong" >"$scratch/json"
python3 - "$scratch/json" <<'END' || failed=1
import json, sys

times = {t["subject"]: t for t in json.load(open(sys.argv[1]))["results"][0]["times"]}
ours, peer = times["gemmule"], times["right"]
ratios = sorted(p / o for p, o in zip(peer["seconds"], ours["seconds"]))
wanted = [ratios[5], ratios[1], ratios[9]]
stated = [ours["ratio"], *ours["interval"]]
if len(ratios) != 11 or any(abs(w / s - 1) > 1e-6 for w, s in zip(wanted, stated)):
    sys.exit(f"ratio and interval are {stated}, expected {wanted}")
END
if [[ $blas ]]; then
    for type in f32 f64; do
        expect 0 'of self$' "${short[@]}" --type $type --repetitions 6 --peer self="$blas"
    done
fi
exit $failed
