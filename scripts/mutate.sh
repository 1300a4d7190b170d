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

# check: the exit code of gemmule check. 1 is a mismatch, or a fault that was caught; 134 and 139 are faults that came
# too late to be caught, as after stray writes to memory of the library's own.
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
    1 | 134 | 139) echo "killed    $name" ;;
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
    -DGEMMULE_BUILD_BLAS=OFF -DGEMMULE_BUILD_FORTRAN=OFF \
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
    mutant "avx512: a product rounded before it is added" kernels/avx512/gemm.inc \
        'V(fmadd)(V(set1)(*(const REAL *)(a_k[i / 4] + OFFSET(i % 4))), row[v], s[i][v])' \
        'V(add)(V(mul)(V(set1)(*(const REAL *)(a_k[i / 4] + OFFSET(i % 4))), row[v]), s[i][v])'
    mutant "avx512: a fringe mask of three lanes one short" kernels/avx512/avx512.h \
        '((1u << n) - 1u)' '((1u << n) - 1u) >> (n == 3)'
    mutant "avx512: C read where beta is 0" kernels/avx512/gemm.inc \
        'kind == STREAMING || x->beta == 0' 'kind == STREAMING || x->beta == 2'
    mutant "avx512: alpha lost where beta is 0" kernels/avx512/gemm.inc \
        'if (x->alpha != 1)' 'if (x->alpha == 2)'
    mutant "avx512: beta lost where alpha is 1" kernels/avx512/gemm.inc \
        'x->alpha == 1 && x->beta == 1' 'x->alpha == 1'
    mutant "avx512: few rows, a step beyond k" kernels/avx512/stream.inc \
        'steps = k - p < group ? 1 : group' 'steps = group'
    mutant "avx512: the biases of columns in the other order" kernels/avx512/finish_f32.c \
        '!epilogue->m_first' 'epilogue->m_first'
}

more_avx512() {
    mutant "avx512: the panels of A at another distance" kernels/avx512/gemm.inc \
        'panel * x->ps_a' 'panel * mr * x->rs_a'
    mutant "avx512: the panels of B at another distance" kernels/avx512/gemm.inc \
        'slice * x->ps_b' 'slice * nr'
    mutant "avx512: the copies of B at another distance" kernels/avx512/gemm.inc \
        '(REAL *)x->packed_b + slice * nr * x->k' '(REAL *)x->packed_b + slice * nr'
    mutant "avx512: the epilogue of another row" kernels/avx512/gemm.inc \
        '(const REAL *)epilogue.bias_m + i' '(const REAL *)epilogue.bias_m'
    mutant "avx512: columns of few rows read beyond k" kernels/avx512/dots.inc \
        'MASK depth = LANES_OF(steps)' 'MASK depth = (MASK)-1'
    mutant "avx512: the sums of few rows begun anew" kernels/avx512/stream.inc \
        'STOREU(sums, MASKZ_LOADU(LANES_OF(n - j), s + i * lds + j))' 'STOREU(sums, ZERO())'
    mutant "avx512: an update without its fused step" kernels/avx512/stream.inc \
        'FMA(factor, sums[j], old * *row)' 'factor * sums[j] + old * *row'
    mutant "avx512: NaN lost in ReLU" kernels/avx512/finish_f64.c \
        '_mm512_max_pd(_mm512_setzero_pd(), x)' '_mm512_max_pd(x, _mm512_setzero_pd())'
    mutant "avx512: a packed edge too wide" kernels/avx512/pack_f32.c \
        '_mm512_mask_storeu_ps(dst + p * ldd, lanes, r[p])' '_mm512_storeu_ps(dst + p * ldd, r[p])'
    mutant "avx512: a coefficient of exp2" kernels/avx512/avx512.h \
        '_mm512_set1_ps(GML_EXP2_C5)' '_mm512_set1_ps(1.000001f * GML_EXP2_C5)'
}

avx2() {
    mutant "avx2: a product rounded before it is added" kernels/avx2/gemm.inc \
        'FMA(ai, bv[v], s[i * vectors + v])' 'ADD(MUL(ai, bv[v]), s[i * vectors + v])'
    mutant "avx2: a fringe mask one lane long" kernels/avx2/avx2.h \
        '_mm256_set1_epi32((int)n)' '_mm256_set1_epi32((int)n + 1)'
    mutant "avx2: C read where beta is 0" kernels/avx2/gemm.inc \
        'if (beta == 0) {' 'if (beta == 2) {'
    mutant "avx2: a column of few rows that does not exist" kernels/avx2/stream.inc \
        'avx2_min(j + l, n - 1) * cs_b' '(j + l) * cs_b'
    mutant "avx2: the biases of columns in the other order" kernels/avx2/finish.inc \
        'epilogue->m_first != turned' 'epilogue->m_first'
}

more_avx2() {
    mutant "avx2: the panels of A at another distance" kernels/avx2/gemm.inc \
        't.a += x->ps_a' 't.a += mr * x->rs_a'
    mutant "avx2: a product of few rows rounded" kernels/avx2/stream.inc \
        'sum[i] = FMA(factor[i * depth + p], bp, sum[i])' \
        'sum[i] = ADD(MUL(factor[i * depth + p], bp), sum[i])'
    mutant "avx2: a packed edge without zeros" kernels/avx2/pack.inc \
        'rows == LANES ? columns[q] : AND(keep, columns[q])' 'columns[q]'
    mutant "avx2: a coefficient of exp2" kernels/avx2/avx2.h \
        '_mm256_set1_ps(GML_EXP2_C5)' '_mm256_set1_ps(1.000001f * GML_EXP2_C5)'
}

neon() {
    mutant "neon: the wrong lane of a" kernels/neon/gemm.inc \
        'av[i / LANES], i % LANES)' 'av[i / LANES], (i + (i == 1)) % LANES)'
    mutant "neon: C read where beta is 0" kernels/neon/gemm.inc \
        'if (beta == 0) {' 'if (beta == 2) {'
    mutant "neon: the last step of k missing in few rows" kernels/neon/stream.inc \
        'if (l < steps)' 'if (l < steps - 1)'
    mutant "neon: the biases of columns in the other order" kernels/neon/finish.inc \
        'finish(activation, n, m, bias_n, bias_m, !m_first, c, cs_c)' \
        'finish(activation, n, m, bias_n, bias_m, m_first, c, cs_c)'
}

more_neon() {
    mutant "neon: a packed edge without zeros" kernels/neon/pack.inc \
        'i < len ? LOAD_PART(k, src + i * stride_len) : OP(vdupq_n)(0)' \
        'LOAD_PART(k, src + (i < len ? i : 0) * stride_len)'
    mutant "neon: a coefficient of exp2" kernels/neon/neon.h \
        'vdupq_n_f32(GML_EXP2_C5)' 'vdupq_n_f32(1.000001f * GML_EXP2_C5)'
}

ref() {
    mutant "ref: the panels of B at another distance" kernels/ref/gemm.inc \
        'b + j / NR * x->ps_b' 'b + j'
    mutant "ref: a product of few rows rounded" kernels/ref/stream.inc \
        'FMA(x[i * rs_a + p * cs_a], y[p + j * cs_b], *sum)' 'x[i * rs_a + p * cs_a] * y[p + j * cs_b] + *sum'
    mutant "ref: alpha rounded to float" kernels/ref/stream.inc \
        'factor = (REAL)alpha' 'factor = (REAL)(float)alpha'
    mutant "ref: the row's bias always last" kernels/ref/finish_f64.c \
        'if (bias_m && epilogue->m_first)' 'if (bias_m && epilogue->m_first && !bias_n)'
}

more_ref() {
    mutant "ref: NaN lost in ReLU" kernels/ref/finish_f32.c \
        'return 0.0f > x ? 0.0f : x;' 'return x > 0.0f ? x : 0.0f;'
    mutant "ref: a coefficient of GELU" kernels/ref/finish_f32.c \
        'fmaf(q, t, GML_GELU_C3)' 'fmaf(q, t, 1.000001f * GML_GELU_C3)'
    mutant "ref: a packed edge without zeros" kernels/ref/pack.inc \
        'i = len; i < width' 'i = len; i < width - 1'
    mutant "ref: a coefficient of exp2" kernels/ref/ref.h \
        'fmaf(p, r, GML_EXP2_C5)' 'fmaf(p, r, 1.000001f * GML_EXP2_C5)'
}

executors() {
    mutant "panels: a lost block of k" src/core/gemm_panels.c \
        'p.pc < args->k; p.pc += plan->kc' 'p.pc < args->k; p.pc += 2 * plan->kc'
    mutant "stream: beta applied to each block" src/core/gemm_stream.c \
        'pc == 0 ? args->beta : 1.0' 'args->beta'
    mutant "split: sums added in another order" src/core/gemm_split.c \
        'int32_t thread = 0; thread < plan->grid_n; thread++' 'int32_t thread = plan->grid_n - 1; thread >= 0; thread--'
    mutant "executor: the causal bound off by one" src/core/causal.h \
        '__builtin_add_overflow(row + 1, offset, &end)' '__builtin_add_overflow(row, offset, &end)'
}

more_executors() {
    mutant "panels: a lost block of k, shared" src/core/gemm_panels.c \
        'p.pc < run->args->k; p.pc += plan->kc' 'p.pc < run->args->k; p.pc += 2 * plan->kc'
    mutant "panels: beta applied to each block" src/core/gemm_panels.c \
        'p->pc + block == 0 ? args->beta : 1.0' 'block == 0 ? args->beta : 1.0'
    mutant "panels: the epilogue before the last block" src/core/gemm_panels.c \
        'p->pc + block + x.k == args->k' 'block + x.k == p->kc'
    mutant "panels: rows of a narrow packed panel at another distance" src/core/gemm_panels.c \
        'x->rs_b = gml_gemm_packed_width(args->packed_b);' ''
    mutant "panels: columns before the first whole line lost" src/core/gemm_panels.c \
        'index_n == 0 ? 0 : head' 'head'
    mutant "panels: a tile of the last rows lost" src/core/gemm_panels.c \
        'ceil_div(run->args->m, mr)' '(run->args->m / mr)'
    mutant "panels: alpha twice where C is not contiguous" src/core/gemm_panels.c \
        'tile.alpha = 1.0' 'tile.alpha = x->alpha'
    mutant "panels: the epilogue of another column" src/core/gemm_panels.c \
        '&args->epilogue, i, j)' '&args->epilogue, i, p->jc)'
    mutant "stream: one chain over all of k" src/core/gemm_stream.c \
        'memset(s, 0,' 'if (pc == 0) memset(s, 0,'
    mutant "stream: a piece across panels" src/core/gemm_stream.c \
        'packed ? width - x % width : most' 'most'
    mutant "split: beta applied to each share" src/core/gemm_split.c \
        'first + block == 0 ? args->beta : 1.0' 'block == 0 ? args->beta : 1.0'
    mutant "split: the epilogue of each round" src/core/gemm_split.c \
        'if (r->pc + plan->grid_n * plan->kc >= args->k && ' 'if ('
    mutant "small: rows of A at another distance" src/core/gemm_small.c \
        'a ? width * args->k : kernel->mr * args->rs_a' 'kernel->mr'
    mutant "small: packed rows of B at another distance" src/core/gemm_small.c \
        'kernel->nr * (stays ? 1 : args->k)' 'kernel->nr'
    mutant "packing: panels at another distance" src/core/gemm_pack.c \
        'gml_to(kernels, to, x * depth)' 'gml_to(kernels, to, x)'
    mutant "transposed: the biases in the other order" src/core/gemm.c \
        'to.epilogue.m_first = !args->epilogue.m_first' 'to.epilogue.m_first = args->epilogue.m_first'
    mutant "batch: the matrices of B at another distance" src/core/gemm.c \
        'l * batch->bs_b' 'l * batch->bs_a'
    mutant "packed: panels of a short block at another distance" src/core/gemm_pack.c \
        'panel * depth)' 'panel * kernels->kc0)'
    mutant "no products: C read where beta is 0" src/core/gemm_stream.c \
        'args->beta == 0.0 ? (real)0 :' 'args->beta == 2.0 ? (real)0 :'
    mutant "executor: the merge of softmax segments without a fused step" src/core/softmax.c \
        'fmaf(factors[0], state->l, factors[1] * l)' 'factors[0] * state->l + factors[1] * l'
    mutant "executor: the sum of an empty row divided by" src/core/softmax.c \
        'l == 0.0f ? 0.0f : 1.0f / l' '1.0f / l'
    mutant "executor: the causal bound of an attention block" src/core/attention.c \
        'if (j0 + keys <= s->least)' 'if (j0 + keys <= s->least + 1)'
    mutant "contract: a coefficient, in kernels and specification alike" kernels/arithmetic.h \
        '#define GML_EXP2_C6 ' '#define GML_EXP2_C6 1.001f * '
    mutant "contract: shorter chains, in kernels and specification alike" kernels/arithmetic.h \
        '#define GML_KC0_F64 512' '#define GML_KC0_F64 256'
}

if $all; then
    for isa in "${sets[@]}" ref; do
        $isa
        "more_$isa"
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
