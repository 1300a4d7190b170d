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
cp -R "$source"/{CMakeLists.txt,LICENSE,README.md,CHANGELOG.md,cmake,docs,include,kernels,src,proof,tune,cli} "$tree"
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
    mutant "avx512: the last key of a vector's edge left out" kernels/avx512/attention_f32.c \
        'w->hi[v] = hi;' 'w->hi[v] = hi > lo + 8 && v == 0 ? hi - 8 : hi;'
    mutant "avx512: a key half woven when its tile ends" kernels/avx512/attention_tiles.inc \
        'if (v > 0) {' 'if (v > 1) {'
    mutant "avx512: the bits of what a row sees in another order" kernels/avx512/attention_row_f32.c \
        'seen[j / 32] >> j % 32' 'seen[j / 32] >> (j + 16) % 32'
    mutant "avx512: the last product of few queries missing" kernels/avx512/attention_few_f32.c \
        'if (d + p < dim)' 'if (d + p + 1 < dim)'
    mutant "avx512: the values of a group of keys begun anew" kernels/avx512/attention_few_f32.c \
        'lanes = first ? 0 :' 'lanes = first || c > 0 ? 0 :'
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
        'MASKZ_LOADU(LANES_OF(n - j), s + i * lds + j)' 'ZERO()'
    mutant "avx512: an update without its fused step" kernels/avx512/stream.inc \
        'FMA(factor, sums[j], old * *row)' 'factor * sums[j] + old * *row'
    mutant "avx512: NaN lost in ReLU" kernels/avx512/finish_f64.c \
        '_mm512_max_pd(_mm512_setzero_pd(), x)' '_mm512_max_pd(x, _mm512_setzero_pd())'
    mutant "avx512: a packed edge too wide" kernels/avx512/pack_f32.c \
        '_mm512_mask_storeu_ps(dst + p * ldd, lanes, r[p])' '_mm512_storeu_ps(dst + p * ldd, r[p])'
    mutant "avx512: a coefficient of exp2" kernels/avx512/avx512.h \
        '_mm512_set1_ps(GML_EXP2_C5)' '_mm512_set1_ps(1.000001f * GML_EXP2_C5)'
    mutant "avx512: a slope of the other sign" kernels/avx512/avx512.h \
        '_mm512_fnmadd_ps(slope' '_mm512_fmadd_ps(slope'
    mutant "avx512: the formula of small arguments where tanh has another" kernels/avx512/avx512.h \
        '_mm512_set1_ps(GML_TANH_SPLIT)' '_mm512_set1_ps(1.1f * GML_TANH_SPLIT)'
    mutant "avx512: the tail of a row without its options" kernels/avx512/attention_row_f32.c \
        'tail = score(plain,' 'tail = score(true,'
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
    mutant "avx2: the bits of what a query sees in another order" kernels/avx2/attention_f32.c \
        '(1u << j % 32)' '(1u << (j + 16) % 32)'
    mutant "avx2: woven exponentials in other lanes of the sum" kernels/avx2/attention_f32.c \
        'LANES + pending->next % GML_SUM_LANES' 'LANES + (pending->next + 4) % GML_SUM_LANES'
    mutant "avx2: the last products of few queries missing" kernels/avx2/attention_few_f32.c \
        'multiply_edge(rows, whole, depth, dim' 'multiply_edge(rows, whole, dim, dim'
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
    mutant "avx2: a slope of the other sign" kernels/avx2/avx2.h \
        '_mm256_fnmadd_ps(slope' '_mm256_fmadd_ps(slope'
    mutant "avx2: the formula of small arguments where tanh has another" kernels/avx2/avx2.h \
        '_mm256_set1_ps(GML_TANH_SPLIT)' '_mm256_set1_ps(1.1f * GML_TANH_SPLIT)'
    mutant "avx2: exponentials of keys before the first" kernels/avx2/attention_f32.c \
        'w->next = w->strip->from' 'w->next = 0'
    mutant "avx2: a key skipped between woven tiles" kernels/avx2/attention_f32.c \
        'pending->next += rows' 'pending->next += rows + 1'
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
    mutant "neon: the bits of what a query sees in another order" kernels/neon/attention_f32.c \
        'UINT32_C(1) << j % 32' 'UINT32_C(1) << (j + 16) % 32'
}

more_neon() {
    mutant "neon: a packed edge without zeros" kernels/neon/pack.inc \
        'i < len ? LOAD_PART(k, src + i * stride_len) : OP(vdupq_n)(0)' \
        'LOAD_PART(k, src + (i < len ? i : 0) * stride_len)'
    mutant "neon: a coefficient of exp2" kernels/neon/neon.h \
        'vdupq_n_f32(GML_EXP2_C5)' 'vdupq_n_f32(1.000001f * GML_EXP2_C5)'
    mutant "neon: a slope of the other sign" kernels/neon/neon.h \
        'vfmsq_f32(t, slope' 'vfmaq_f32(t, slope'
    mutant "neon: the formula of small arguments where tanh has another" kernels/neon/neon.h \
        'vdupq_n_f32(GML_TANH_SPLIT)' 'vdupq_n_f32(1.1f * GML_TANH_SPLIT)'
    mutant "neon: exponentials of keys before the first" kernels/neon/attention_f32.c \
        'int64_t j = strip->from + lane' 'int64_t j = lane'
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
    mutant "ref: the bits of what a query sees in another order" kernels/ref/ref.h \
        'seen[j / 32 * stride] >> j % 32' 'seen[j / 32 * stride] >> (j + 16) % 32'
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
    mutant "ref: distances of ALiBi without an end" kernels/ref/ref.h \
        '-(float)(d < GML_ALIBI_FAR ? d : GML_ALIBI_FAR)' '-(float)d'
    mutant "ref: the formula of small arguments where tanh has another" kernels/ref/ref.h \
        'fabsf(x) < GML_TANH_SPLIT' 'fabsf(x) < 1.1f * GML_TANH_SPLIT'
    mutant "ref: values of keys before the first" kernels/ref/attention_f32.c \
        'block->v + strip->from * block->v_stride' 'block->v'
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
    mutant "attention: a window to the left one key longer" src/core/attention_keys.c \
        '1 - keys->left' '-keys->left'
    mutant "attention: blocks of few queries merged in another order" src/core/attention_few.c \
        'int64_t part = 1; part < run->split; part++' 'int64_t part = run->split - 1; part > 0; part--'
    mutant "merge: parts in another order" src/core/attention_merge.c \
        'int64_t part = 0; part < p->parts; part++' 'int64_t part = p->parts - 1; part >= 0; part--'
    mutant "model: B left where it stands, whatever its columns" src/plan/model_gemm.c \
        '!p->b_rows || wanted_flag' 'wanted_flag'
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
    mutant "softmax: the merge of segments without a fused step" src/core/softmax_row.c \
        'fmaf(factors[2 * i], state->l, factors[2 * i + 1] * state->l_of[i])' \
        'factors[2 * i] * state->l + factors[2 * i + 1] * state->l_of[i]'
    mutant "softmax: the sum of an empty row divided by" src/core/softmax_row.c \
        'end->empty ? 0.0f : m[i] * end->inverse' 'm[i] * end->inverse'
    mutant "softmax: the sink merged as if it were weightless" src/core/softmax_row.c \
        'row->sink, 1.0f)' 'row->sink, 0.0f)'
    mutant "softmax: distances not kept from overflow" src/core/softmax_row.c \
        'max64(-far, min64(far, position))' 'position'
    mutant "softmax: a causal row that sees no column more than the one before" src/core/softmax_rows.c \
        'short_rows(job, l, first, rows, n, n < p->cols)' 'short_rows(job, l, first, rows, n, 0)'
    mutant "softmax: the factors of the row before" src/core/softmax_rows.c \
        'step.w = last->factor[s]' 'step.w = last->factor[0]'
    mutant "softmax: shares that leave a segment out" src/core/softmax_split.c \
        'run->segments * index / run->job->plan->threads' 'run->segments / run->job->plan->threads * index'
    mutant "softmax: absent columns of a block at another place" src/core/softmax_strided.c \
        'b->row[r].cols - b->j' 'b->row[r].cols'
    mutant "softmax: matrices joined whose strides do not fit" src/core/softmax.c \
        '!goes_on(p, p->y_stride, p->y_batch_stride)' 'false'
    mutant "attention: a window to the right one key longer" src/core/attention_keys.c \
        'saturated_sum(position, keys->right)' 'saturated_sum(position, keys->right + (keys->right > 1))'
    mutant "attention: a window that saturates at extreme offsets" src/core/attention_keys.c \
        'saturated_sum(query, saturated_sum(keys->offset, 1 - keys->left))' \
        'saturated_sum(position, 1 - keys->left)'
    mutant "attention: the length of a batch entry ignored" src/core/attention_keys.c \
        'p->kv_lengths ? p->kv_lengths[batch] : p->kv_len' 'p->kv_len'
    mutant "attention: the offset counted from all keys" src/core/attention_keys.c \
        'keys.offset = keys.length - p->q_len' 'keys.offset = p->kv_len - p->q_len'
    mutant "attention: the prefix ignored" src/core/attention_keys.c \
        'if (keys->prefix > j0)' 'if (keys->prefix > j0 + n)'
    mutant "attention: later documents seen" src/core/attention_keys.c \
        'documents[j] == document' 'documents[j] >= document'
    mutant "attention: the documents of the first batch entry" src/core/attention_keys.c \
        'batch * p->kv_document_stride' '0 * p->kv_document_stride'
    mutant "attention: the position of ALiBi off by one" src/core/attention_keys.c \
        'saturated_sum(saturated_sum(query, keys->offset), -j)' \
        'saturated_sum(saturated_sum(query, keys->offset), 1 - j)'
    mutant "tiles: a block taken for seen by all" src/core/attention_strip.c \
        'j0 + to > s->all.to' 'j0 + to > s->all.to + 1'
    mutant "tiles: one document taken for all" src/core/attention_strip.c \
        'least == most && s->least_document == s->most_document' 'least == most'
    mutant "tiles: the sink skipped" src/core/attention_strip.c \
        'join_sinks(task, s);' ';'
    mutant "tiles: the sink without a fused step" src/core/attention_strip.c \
        'fmaf(a[i], s->l[i], b[i])' 'b[i] + a[i] * s->l[i]'
    mutant "tiles: rows spoilt by masked keys kept" src/core/attention_strip.c \
        's->masked && isnan(spoilt[i + r])' 's->masked && false'
    mutant "tiles: weights of hidden keys" src/core/attention_strip.c \
        'weights[j * p->weights_stride[3]] = hidden ? 0.0f :' 'weights[j * p->weights_stride[3]] ='
    mutant "tiles: weights of absent keys left" src/core/attention_tiles.c \
        'int64_t j = 0; j < p->kv_len; j++' 'int64_t j = 0; j < task->keys.length; j++'
    mutant "rows: a block taken for seen by all" src/core/attention_rows.c \
        'task->all.from <= keys->j' 'task->some.from <= keys->j'
    mutant "rows: the sink skipped" src/core/attention_rows.c \
        'if (p->sinks && sink != -INFINITY) {' 'if (p->sinks && sink == 1.0f) {'
    mutant "few: rows spoilt by masked keys of other parts kept" src/core/attention_few.c \
        'slot.state.rows.masked[i] |= other.state.rows.masked[i]' ';'
    mutant "few: the results of a block of another wave" src/core/attention_few.c \
        'if (run->wave == 0)' 'if (run->wave >= 0)'
    mutant "rows: outputs without the last addition" src/core/attention_rows.c \
        's[d] * inverse + 0.0f' 's[d] * inverse'
    mutant "blocks: the first block merged with nothing" src/core/attention_blocks.c \
        'values.c = begins ? state.o : at->s' 'values.c = at->s'
    mutant "blocks: packed keys at the stride of K" src/core/attention_blocks.c \
        'products->rs_b = tile->nr;' ';'
    mutant "blocks: queries apart taken for a run" src/core/attention_blocks.c \
        'p->q_stride[2] == p->head_dim' 'p->q_stride[2] >= p->head_dim'
    mutant "blocks: outputs of another head in a run" src/core/attention_blocks.c \
        'first + count - i, p->q_len - gml_rows_query(task, i)' 'first + count - i, task->rows'
    mutant "plain: masked values multiplied" src/core/attention_plain.c \
        'sees(block, j) && d < n' 'd < n'
    mutant "plain: the sink skipped" src/core/attention_plain.c \
        'if (p->sinks) {' 'if (p->sinks == p->alibi) {'
    mutant "merge: parts without keys read" src/core/attention_merge.c \
        'if (lse == -INFINITY)' 'if (false)'
    mutant "model: panels that end within a block of k" src/plan/model_gemm.c \
        'min64(most_panel / nr, GML_BLOCK_LIMIT)), kc0)' 'min64(most_panel / nr, GML_BLOCK_LIMIT)), 1)'
    mutant "model: strips of sums that are no whole vectors" src/plan/model_gemm.c \
        'max64(min64(most, sums / plan->mc), lanes), lanes)' 'max64(min64(most, sums / plan->mc), lanes), 1)'
    mutant "model: more few queries than there is room for" src/plan/model_attention.c \
        'GML_CHOOSE_ATTENTION_ROWS, FEW), GML_FEW_ROWS)' 'GML_CHOOSE_ATTENTION_ROWS, FEW), GML_BLOCKS_ROWS)'
    mutant "model: more parts of the keys than threads" src/plan/model_attention.c \
        'min64(threads, blocks)' 'blocks'
    mutant "choices: the name of another value" src/plan/choice.c \
        'p[i].names[value - 1]' 'p[i].names[0]'
    mutant "choices: a value that ends early" src/plan/choice.c \
        'value = 10 * value + (p.text[i] - ' 'value = value + (p.text[i] - '
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
