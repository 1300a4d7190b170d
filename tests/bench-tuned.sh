#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The recorder of oracles, and wisdom against the model: that they run, agree about recordings, and say what they
# cannot do. No time is looked at.
#
#     tests/bench-tuned.sh GEMMULE_ORACLE GEMMULE_BENCH_TUNED
set -euo pipefail
oracle=$1 tuned=$2
under_test=()
. "$(dirname "$0")/expect.sh"

export GEMMULE_WISDOM=off

# Problems of a few microseconds, one of each operation.
cat >"$scratch/shapes" <<'END'
# a comment
op=gemm type=f32 layout=nn0 threads=1 m=128 n=128 k=128 batch=1   # behind a problem, too
op=softmax type=f32 layout=- rows=64 cols=256
op=attention type=f32 layout=c sequences=2 group=2 q_len=4 kv_len=256 head_dim=64 v_head_dim=64
END
fast=(--milliseconds=0.01)

expect 0 '^usage: ' "$oracle" --help
expect 0 '^op=attention .* again ' "$oracle" --shapes="$scratch/shapes" --rounds=5 --more=1 --most=24 "${fast[@]}"
expect 0 '^op=gemm .*threads=2 .* again ' "$oracle" --only='*m=128 n=128 k=128 batch=1' --threads=2 --rounds=2 \
    --more=0 --most=4 --unknown-caches "${fast[@]}"
printf 'op=gemm type=f32 layout=nn0 m=8 n=8 k=8 batch=1\nop=gemm m=8\n' >"$scratch/garbage"
expect 2 '/garbage:2: ' "$oracle" --shapes="$scratch/garbage"
expect 2 ' cannot be read' "$oracle" --shapes="$scratch/nothing"
expect 2 'is no option' "$oracle" --rounds=0
expect 2 '^gemmule_oracle: ' "$oracle" --isa=nothing

one=(--problems 'op=gemm type=f32 layout=nn0 threads=1 m=128 n=128 k=128 batch=1' --milliseconds 0.01)
expect 0 '^usage: ' "$tuned" --help
expect 0 '^1 problems, another plan than the model.s for 0: ' "$tuned" "${one[@]}" --repetitions 3 --no-oracle
expect 0 '^of 1, ' "$tuned" "${one[@]}" --repetitions 7
expect 0 '^x86 .* 0/0/0, |^arm ' "$tuned" "${one[@]}" --repetitions 3 --no-oracle --held-out --unknown-caches \
    --problems 'op=softmax *rows=300 *'
expect 2 'no plan came from wisdom' "$tuned" --equal 20
expect 0 '^tuned in ' "$tuned" --operations softmax --problems '*rows=64 cols=4096' --no-oracle --repetitions 1 \
    --tune 0.5 --root "$scratch/root" --milliseconds 0.01
expect 2 'no problem is selected' "$tuned" --problems nothing
expect 2 'needs --root' "$tuned" --tune 1
expect 2 'is no option' "$tuned" suite
expect 2 '^gemmule_bench_tuned: ' "$tuned" --isa nothing

# What a recording says is best is what is measured; all samples are there, and intervals are those of them.
problem='op=gemm type=f32 layout=nn0 threads=1 m=128 n=128 k=128 batch=1'
cat >"$scratch/recording" <<END
gemmule-oracle 1
# made up
problem op=gemm type=f32 layout=nn0 threads=1 m=64 n=64 k=64 batch=1
model 9 9 9
pack_a=yes 1 1 1
problem $problem
model 30.0 31.0 30.5
again 30.1 30.2 30.3
pack_b=yes 10.0 11.0 10.5
END
"$tuned" "${one[@]}" --repetitions 11 --oracle "$scratch/recording" --json >"$scratch/json"
python3 - "$scratch/json" <<'END' || failed=1
import json, sys

run = json.load(open(sys.argv[1]))
(result,) = run["results"]
if result["best"] not in ("model", "pack_b=yes") or result["choice"] != "model" or result["gain"] != 1:
    sys.exit(f"unexpected: {result}")
ratios = sorted(m / b for m, b in zip(result["model_seconds"], result["best_seconds"]))
if len(ratios) != 11 or abs(ratios[5] / result["best_gain"] - 1) > 1e-6:
    sys.exit(f"the best gains {result['best_gain']}, expected {ratios[5]}")
END

# Both read what the recorder writes: each problem, the model's plan, the same again, and others.
"$oracle" --shapes="$scratch/shapes" --rounds=3 --more=0 --most=6 "${fast[@]}" >"$scratch/recorded" 2>/dev/null
[[ $(grep -c '^problem ' "$scratch/recorded") == 3 && $(grep -c '^again ' "$scratch/recorded") == 3 ]] || failed=1
expect 0 '^of 1, ' "$tuned" "${one[@]}" --repetitions 3 --oracle "$scratch/recorded"
exit $failed
