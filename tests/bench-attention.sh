#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The benchmark of attention and softmax: that it runs, agrees with what it is composed of, and says what it cannot do.
# No time is looked at.
#
#     tests/bench-attention.sh GEMMULE_BENCH_ATTENTION
set -euo pipefail
bench=$1
under_test=("$bench")
. "$(dirname "$0")/expect.sh"

expect 0 '^usage: ' --help
expect 0 '^  composed-all ' --problems 8x256x256x64 --repetitions 1
expect 0 '^  real +[0-9]+ problems' --problems '8x1x1024x64,2\*8x256x77x160' --repetitions 1 --threads 2
expect 0 '^  unmasked ' --problems 8x2048x2048x64+keep --repetitions 1
expect 0 '^  softmax +3 problems' --problems '64x1024,512x256+columns,4096x4096+columns' --repetitions 1
expect 2 'no problem of the suite' --group nothing
expect 2 'is no option' suite
expect 2 '^gemmule_bench_attention: ' --isa nothing
# Every shape that combines options agrees with its composition: windows, slopes, caps, sinks, grouped heads.
expect 0 '"subject": "composed", .*"wrong": false' --json --repetitions 1 \
    --problems '*+window128+sinks,64/8x4x*,8x2048x2048x128+alibi,4/2x*+softcap'

"$bench" --problems 8x256x256x64,8x1x1024x64 --repetitions 11 --json >"$scratch/json"
"$bench" --list >"$scratch/list"
python3 - "$scratch/json" "$scratch/list" <<'END' || failed=1
import json, sys

# The statistics, from the samples themselves: of eleven ratios the 6th, and the 2nd to the 10th.
for result in json.load(open(sys.argv[1]))["results"]:
    ours, other = result["times"][:2]
    ratios = sorted(o / u for o, u in zip(other["seconds"], ours["seconds"]))
    wanted = [ratios[5], ratios[1], ratios[9]]
    stated = [other["ratio"], *other["interval"]]
    if len(ratios) != 11 or any(abs(w / s - 1) > 1e-6 for w, s in zip(wanted, stated)):
        sys.exit(f"{result['name']}: ratio and interval are {stated}, expected {wanted}")

problems = json.load(open(sys.argv[2]))
names = [problem["name"] for problem in problems]
if len(set(names)) != len(names):
    sys.exit("two problems of the suite have one name")
# Visible pairs, counted: causality, and a window.
for name, pairs in {"8x512x512x64+causal": 8 * 512 * 513 // 2, "8/1x2048x2048x64+causal+window128+sinks":
                    8 * (128 * 129 // 2 + (2048 - 128) * 128)}.items():
    problem = problems[names.index(name)]
    if problem["flops"] != 4 * pairs * problem["head_dim"]:
        sys.exit(f"{name}: {problem['flops']} operations, expected {4 * pairs * problem['head_dim']}")
END
exit $failed
