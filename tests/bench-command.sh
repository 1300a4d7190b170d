#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# gemmule bench and gemmule perf: that they launch what they name, with its exit codes and signals; what they say where
# it is not there; and that the manual page has all options. No time is looked at.
#
#     tests/bench-command.sh SOURCE GEMMULE [BENCHMARKS]
set -euo pipefail
source=$1
gemmule=$2
benchmarks=${3-}
under_test=()
. "$(dirname "$0")/expect.sh"

export GEMMULE_WISDOM=off PYTHONDONTWRITEBYTECODE=1
unset GEMMULE_PYTHON GEMMULE_LIBEXEC

expect 0 '^Usage: gemmule bench ' "$gemmule" bench --help
expect 2 "there is no benchmark 'nothing'" "$gemmule" bench nothing
expect 2 'sweep is of gemm' "$gemmule" bench sweep
expect 2 'sweep is of gemm' "$gemmule" bench sweep softmax 1..8
expect 2 '[-][-]picture needs a value' "$gemmule" bench sweep gemm 1..8 --picture
expect 0 '^usage: gemmule perf ' "$gemmule" perf --help
expect 2 "invalid choice: 'nothing'" "$gemmule" perf nothing
expect 2 'unrecognized arguments' "$gemmule" perf history --nothing

# Every command of perf is in the manual page, with its options; what needs modules that are not there is left out.
commands=$("$gemmule" perf --help | sed -nE 's/^    ([a-z]+) .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 9 ]] || failed=1
for command in $commands; do
    code=0
    "$gemmule" perf "$command" --help >"$scratch/help" 2>"$scratch/error" || code=$?
    if ((code == 4)) && grep -q 'has no module' "$scratch/error"; then
        continue
    fi
    options=$(grep -oE '^  (-[a-z] [A-Z]+, )?--[a-z-]+' "$scratch/help" | grep -oE '[-][-][a-z-]+') || options=
    for option in $options; do
        # the .It of the command, as far as the next one of a command
        if [[ $option == --help || $option == --history || $option == --json || $option == --markdown ]]; then
            continue
        fi
        like=$command
        [[ $command == gate ]] && like='(ab|gate)'
        sed -nE "/^\.It Cm perf $like( |\$)/,/^\.It Cm perf|^\.Sh/p; /^\.It Cm perf $like( |\$)/,/^\.El/p" \
            "$source/docs/gemmule.1" | grep -qE "Fl ${option#-}( |\$)" || {
            echo "docs/gemmule.1 does not explain $option of gemmule perf $command" >&2
            failed=1
        }
    done
    if ((code != 0)) || [[ ! $options ]]; then
        echo "gemmule perf $command --help failed" >&2
        cat "$scratch/error" >&2
        failed=1
    fi
done

# What is not there is named, with what to do about it.
mkdir "$scratch/bin"
cp "$gemmule" "$scratch/bin/gemmule"
expect 4 "^gemmule bench: $scratch/.*/gemmule_bench_gemm cannot be found .*GEMMULE_BUILD_BENCH=ON" \
    "$scratch/bin/gemmule" bench gemm
expect 4 "^gemmule perf: $scratch/.*/gemmule_perf cannot be found .*install" "$scratch/bin/gemmule" perf run
expect 4 '^gemmule perf: /nowhere/python cannot be run: No such file .*GEMMULE_PYTHON' \
    env GEMMULE_PYTHON=/nowhere/python "$gemmule" perf --help
printf '#!/bin/sh\nexec python3 -S "$@"\n' >"$scratch/bare-python"
chmod +x "$scratch/bare-python"
expect 4 'has no module numpy: install python3-numpy' env GEMMULE_PYTHON="$scratch/bare-python" "$gemmule" perf changes

if [[ ! $benchmarks ]]; then
    exit $failed
fi

expect 0 '^canary/fma' "$gemmule" bench --suite=trial --benchmark_list_tests
expect 0 '^canary/fma' "$gemmule" bench run --suite=trial --benchmark_list_tests
expect 4 '' "$gemmule" bench run --suite=trial --benchmark_filter=nothing
for word in gemm attention tuned; do
    expect 0 "^usage: gemmule_bench_$word " "$gemmule" bench $word --help
    expect 2 "^gemmule_bench_$word: " "$gemmule" bench $word --isa nothing
done
expect 0 '^usage: ' "$gemmule" bench sweep --help
expect 01 '^square,3,gemmule,' "$gemmule" bench sweep gemm 1..3 --repetitions 1
expect 2 '3..1 is no range' "$gemmule" bench sweep gemm 3..1

# A signal ends the benchmark, not only its launcher.
code=0
timeout --signal=TERM 1 "$gemmule" bench sweep gemm 1..100000 >/dev/null 2>&1 || code=$?
((code == 124)) || {
    echo "gemmule bench: exit code $code after a signal" >&2
    failed=1
}

# The picture; what is wrong with it is said before anything is measured.
if /usr/bin/python3 -c 'import matplotlib' 2>/dev/null; then
    expect 01 '^k,3,gemmule,' "$gemmule" bench sweep gemm 1..3 --repetitions 1 --picture "$scratch/sweep.png"
    expect 01 '"cliffs": \[' "$gemmule" bench sweep gemm --picture="$scratch/sweep.svg" 2..9:3 --repetitions 1 --json
    expect 2 'is none of .*png' "$gemmule" bench sweep gemm 1..3 --picture "$scratch/sweep"
    expect 2 'no such folder' "$gemmule" bench sweep gemm 1..3 --picture "$scratch/nowhere/sweep.png"
    expect 2 '3..1 is no range' "$gemmule" bench sweep gemm 3..1 --picture "$scratch/sweep.png"
    [[ $(head -c 4 "$scratch/sweep.png" | tail -c 3) == PNG ]] || failed=1
    grep -q '</svg>' "$scratch/sweep.svg" || failed=1
    printf 'sweep,size,subject,ns,gflops,of_peak,cliff,ratio\nm,1,gemmule,9,1,0.5,2,1.75\nm,2,gemmule,8,2,0.5,,\n' \
        >"$scratch/sweep.csv"
    rm "$scratch/sweep.png"
    "$gemmule" perf sweep --picture "$scratch/sweep.png" "$scratch/sweep.csv" && [[ -s $scratch/sweep.png ]] || failed=1
    expect 2 '/dev/null.* no measurements' "$gemmule" perf sweep --picture "$scratch/sweep.png" /dev/null
fi
exit $failed
