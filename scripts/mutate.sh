#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Proves that the proof can fail: breaks a copy of the tree in one place at a time, and demands that `gemmule check`
# finds a mismatch. A mutant is a file, a text that occurs in it exactly once, and what replaces it.
#
#     scripts/mutate.sh          the kernels of the best instruction set here, and the executors
#     scripts/mutate.sh --all    the kernels of each instruction set here, and more of everything
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
all=false
case "${1-}" in
"") ;;
--all) all=true ;;
*)
    echo "usage: scripts/mutate.sh [--all]" >&2
    exit 2
    ;;
esac

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cp -R "$source"/{CMakeLists.txt,LICENSE,README.md,CHANGELOG.md,cmake,docs,include,kernels,src,proof,cli} "$tree"
mkdir "$tree/tests"
cp -R "$source/tests/golden" "$tree/tests"
log=$tree/log
survivors=0
count=0

build() {
    cmake --build "$tree/build" -j "$(nproc)" >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        echo "mutate: $1 does not compile" >&2
        exit 1
    }
}

# check: the exit code of gemmule check. 1 is a mismatch, or a fault that was caught.
check() {
    local code=0
    "$tree/build/cli/gemmule" check >"$log" 2>&1 </dev/null || code=$?
    echo $code
}

# mutant NAME FILE TEXT REPLACEMENT
mutant() {
    local name=$1 file=$tree/$2 text=$3 replacement=$4 content rest code
    content=$(<"$file")
    rest=${content#*"$text"}
    if [[ $rest == "$content" || $rest == *"$text"* ]]; then
        echo "mutate: '$text' does not occur exactly once in $2: the mutant \"$name\" must be written anew" >&2
        exit 1
    fi
    printf '%s\n' "${content%%"$text"*}$replacement$rest" >"$file"
    build "$name"
    code=$(check)
    printf '%s\n' "$content" >"$file"
    count=$((count + 1))
    case $code in
    1) echo "killed    $name" ;;
    0)
        echo "SURVIVED  $name ($2: $text -> $replacement)"
        survivors=$((survivors + 1))
        ;;
    *)
        tail -n 20 "$log" >&2
        echo "mutate: gemmule check ended with $code, not 0 or 1, for \"$name\"" >&2
        exit 1
        ;;
    esac
}

cmake -S "$tree" -B "$tree/build" -DCMAKE_BUILD_TYPE=Release -DGEMMULE_BUILD_TESTS=OFF -DGEMMULE_BUILD_EXAMPLES=OFF \
    -DGEMMULE_SHARED=OFF >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    echo "mutate: the copy cannot be configured" >&2
    exit 1
}
build "the unchanged copy"
[ "$(check)" = 0 ] || {
    tail -n 30 "$log" >&2
    echo "mutate: gemmule check fails on the unchanged copy" >&2
    exit 1
}
# Kernels of the sets this CPU runs, best first, as check names them.
mapfile -t sets < <(sed -nE '/skipped/d; s/^kernels ([a-z0-9]+) .*/\1/p' "$log" | grep -v '^ref$' || true)

avx512() {
    mutant "avx512: a product rounded before it is added" kernels/avx512/gemm_f32.inc \
        '_mm512_fmadd_ps(ai, bp[v], s[i][v])' '_mm512_add_ps(_mm512_mul_ps(ai, bp[v]), s[i][v])'
    mutant "avx512: a fringe mask one lane short" kernels/avx512/avx512.h \
        '((1u << n) - 1u)' '((1u << (n - 1)) - 1u)'
    mutant "avx512: C read where beta is 0" kernels/avx512/gemm_f32.inc \
        'if (beta == 0.0f) {' 'if (beta == 2.0f) {'
    mutant "avx512: a coefficient of exp2" kernels/avx512/avx512.h \
        '_mm512_set1_ps(GML_EXP2_C5)' '_mm512_set1_ps(1.000001f * GML_EXP2_C5)'
}

avx2() {
    mutant "avx2: a product rounded before it is added" kernels/avx2/gemm_f32.inc \
        '_mm256_fmadd_ps(ai, bv[v], s[i * vectors + v])' '_mm256_add_ps(_mm256_mul_ps(ai, bv[v]), s[i * vectors + v])'
    mutant "avx2: a fringe mask one lane long" kernels/avx2/avx2.h \
        '_mm256_set1_epi32((int)n)' '_mm256_set1_epi32((int)n + 1)'
    mutant "avx2: C read where beta is 0" kernels/avx2/gemm_f32.inc \
        'if (beta == 0.0f)' 'if (beta == 2.0f)'
    mutant "avx2: a coefficient of exp2" kernels/avx2/avx2.h \
        '_mm256_set1_ps(GML_EXP2_C5)' '_mm256_set1_ps(1.000001f * GML_EXP2_C5)'
}

neon() {
    mutant "neon: the wrong lane of a" kernels/neon/gemm_f32.inc \
        'av[i / 4], i % 4)' 'av[i / 4], (i + (i == 3)) % 4)'
    mutant "neon: C read where beta is 0" kernels/neon/gemm_f32.inc \
        'if (beta == 0.0f) {' 'if (beta == 2.0f) {'
    mutant "neon: a coefficient of exp2" kernels/neon/neon.h \
        'vdupq_n_f32(GML_EXP2_C5)' 'vdupq_n_f32(1.000001f * GML_EXP2_C5)'
}

ref() {
    mutant "ref: a coefficient of exp2" kernels/ref/ref.h \
        'fmaf(p, r, GML_EXP2_C5)' 'fmaf(p, r, 1.000001f * GML_EXP2_C5)'
}

executors() {
    mutant "executor: a lost K block" src/core/gemm.c \
        'run.pc += plan->kc' 'run.pc += 2 * plan->kc'
    mutant "executor: the causal bound off by one" src/core/causal.h \
        '__builtin_add_overflow(row + 1, offset, &end)' '__builtin_add_overflow(row, offset, &end)'
}

more_executors() {
    mutant "executor: beta applied to each block" src/core/gemm.c \
        'run->pc + block == 0 ? args->beta : 1.0f' 'block == 0 ? args->beta : 1.0f'
    mutant "executor: a tile of the last rows lost" src/core/gemm.c \
        'ceil_div(run->args->m, mr)' '(run->args->m / mr)'
    mutant "executor: the merge of softmax segments without a fused step" src/core/softmax.c \
        'fmaf(factors[0], state->l, factors[1] * l)' 'factors[0] * state->l + factors[1] * l'
    mutant "executor: the sum of an empty row divided by" src/core/softmax.c \
        'l == 0.0f ? 0.0f : 1.0f / l' '1.0f / l'
    mutant "executor: the causal bound of an attention block" src/core/attention.c \
        'if (j0 + keys <= s->least)' 'if (j0 + keys <= s->least + 1)'
    mutant "contract: a coefficient, in kernels and specification alike" kernels/arithmetic.h \
        '#define GML_EXP2_C6 ' '#define GML_EXP2_C6 1.001f * '
}

if $all; then
    for isa in "${sets[@]}" ref; do
        $isa
    done
    executors
    more_executors
else
    "${sets[0]:-ref}"
    executors
fi

[ $survivors -eq 0 ] || {
    echo "mutate: $survivors of $count mutants survived: the tests would not see these mistakes" >&2
    exit 1
}
echo "mutate: all $count mutants were killed"
