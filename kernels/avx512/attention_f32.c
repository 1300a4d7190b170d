/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. Queries lie along the lanes, so maxima, sums
 * and rescaling are vertical, and K and V are broadcast from where they lie. For each strip:
 *
 *     scores        tile of 8 keys x 48 queries:    K[key][d] broadcast, vectors of qt[d]; d innermost
 *     mask          where there are bounds or a bias: one pass over the scores
 *     exponentials  one pass; the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        tile of 8 d x 48 queries:       V[key][d] broadcast, vectors of the scores; keys innermost
 *
 * Both tiles hold 24 accumulators, 3 vectors and 1 broadcast: 28 registers, 11 loads for 24 FMAs. The step
 * works on the vectors that hold queries, so a strip of 16 costs little more than a third of one of 48. The
 * exponentials of one strip are not interleaved with the tiles of the next: where all vector arithmetic shares
 * the ports of the FMA nothing is gained, and alone they already run at the rate of those ports.
 *
 * Scratch: [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for the
 * maximum of the block and the factors a and b of the merge.
 */
#include "kernels/avx512/avx512.h"

#define V_AHEAD 16 /* rows of V asked for before their use: about 200 cycles, the latency of L3 */

typedef struct workspace {
    float *scores, *lanes, *maximum, *a, *b;
} workspace;

/* Scores of `rows` keys from k on; the maximum of each query over them joins `maximum`. */
AVX512_INLINE void score_tile(const int rows, const int vectors, const int64_t bq, int64_t head_dim,
                              const float *k, int64_t k_stride, const float *qt, float *scores,
                              float *maximum)
{
    __m512 s[8][3];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            s[i][v] = _mm512_setzero_ps();

    /* Base, stride and scale of an address reach three rows, so every third row has a pointer. The stride is
     * opaque in each step: compilers would form eight pointers of it and run out of registers. */
    const float *row[3] = {k, k + 3 * k_stride, k + 6 * k_stride}, *ahead = k + 8 * k_stride;

#define STEP(p)                                                                                              \
    do {                                                                                                     \
        AVX512_OPAQUE(k_stride);                                                                             \
        _mm_prefetch((const char *)ahead, _MM_HINT_T0);                                                      \
        _mm_prefetch((const char *)(ahead + k_stride), _MM_HINT_T0);                                         \
        ahead += 2 * k_stride;                                                                               \
        for (int i = 0; i < rows; i++) {                                                                     \
            const __m512 ki = _mm512_set1_ps(row[i / 3][i % 3 * k_stride + (p)]);                            \
            for (int v = 0; v < vectors; v++)                                                                \
                s[i][v] = _mm512_fmadd_ps(_mm512_load_ps(qt + (p)*bq + v * AVX512_LANES), ki, s[i][v]);      \
        }                                                                                                    \
        AVX512_OPAQUE(head_dim);                                                                             \
        head_dim--;                                                                                          \
    } while (0)

    /* The exit after each step keeps gcc from spilling: see gemm.inc. Each step asks for its part of two of
     * the next 8 keys, which after the last tile are those of the next block. */
    do {
        STEP(0);
        if (AVX512_UNLIKELY(head_dim == 0))
            break;
        STEP(1);
        if (AVX512_UNLIKELY(head_dim == 0))
            break;
        STEP(2);
        if (AVX512_UNLIKELY(head_dim == 0))
            break;
        STEP(3);
        row[0] += 4;
        row[1] += 4;
        row[2] += 4;
        ahead += 4 - 8 * k_stride;
        qt += 4 * bq;
    } while (head_dim != 0);
#undef STEP

    for (int v = 0; v < vectors; v++) {
        __m512 m = _mm512_load_ps(maximum + v * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            _mm512_store_ps(scores + i * bq + v * AVX512_LANES, s[i][v]);
            m = _mm512_max_ps(s[i][v], m);
        }
        _mm512_store_ps(maximum + v * AVX512_LANES, m);
    }
}

AVX512_INLINE void scores_of(const int vectors, const int64_t bq, const gml_attention_block_f32 *block,
                             const gml_attention_strip_f32 *strip, const workspace *w)
{
    const int64_t stride = block->k_stride;
    for (int v = 0; v < vectors; v++)
        _mm512_store_ps(w->maximum + v * AVX512_LANES, _mm512_set1_ps(-INFINITY));
#define TILE(rows)                                                                                           \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt,                 \
               w->scores + j * bq, w->maximum)
    int64_t j = 0;
    for (; j + 8 <= block->keys; j += 8)
        TILE(8);
    if (block->keys & 4) {
        TILE(4);
        j += 4;
    }
    if (block->keys & 2) {
        TILE(2);
        j += 2;
    }
    if (block->keys & 1)
        TILE(1);
#undef TILE
}

/* Adds the bias, selects -infinity where a key is masked, and forms the maximum anew. */
AVX512_INLINE void mask(const int biased, const int vectors, const int64_t bq, int64_t keys,
                        const gml_attention_strip_f32 *strip, const workspace *w)
{
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY), log2e = _mm512_set1_ps(GML_LOG2E);
    for (int v = 0; v < vectors; v++) {
        const int64_t i = v * AVX512_LANES;
        const __m512i lo = strip->lo ? _mm512_load_si512(strip->lo + i) : _mm512_setzero_si512();
        const __m512i hi = strip->hi ? _mm512_load_si512(strip->hi + i) : _mm512_set1_epi32((int)keys);
        __m512 m = minus_infinity;
        for (int64_t j = 0; j < keys; j++) {
            const __m512i key = _mm512_set1_epi32((int)j);
            __mmask16 seen = _mm512_cmple_epi32_mask(lo, key) & _mm512_cmplt_epi32_mask(key, hi);
            __m512 t = _mm512_load_ps(w->scores + j * bq + i);
            if (biased) {
                const __m512 bias = _mm512_load_ps(strip->bias + j * bq + i);
                t = _mm512_fmadd_ps(bias, log2e, t);
                seen &= _mm512_cmp_ps_mask(bias, minus_infinity, _CMP_NEQ_UQ);
            }
            t = _mm512_mask_mov_ps(minus_infinity, seen, t);
            _mm512_store_ps(w->scores + j * bq + i, t);
            m = _mm512_max_ps(t, m);
        }
        _mm512_store_ps(w->maximum + i, m);
    }
}

/* Scores become exponentials; their sum and the block's maximum merge into l and m of the strip, and the
 * factors of the merge are left for the output. */
AVX512_INLINE void exponentials(const int vectors, const int64_t bq, int64_t keys,
                                const gml_attention_strip_f32 *strip, const workspace *w)
{
    __m512 mb[3], z[3];
    for (int v = 0; v < vectors; v++) {
        mb[v] = _mm512_add_ps(_mm512_load_ps(w->maximum + v * AVX512_LANES), _mm512_setzero_ps());
        z[v] = avx512_finite_or_zero(mb[v]);
    }
    for (int64_t lane = 0; lane < GML_SUM_LANES; lane++) {
        __m512 sum[3];
        for (int v = 0; v < vectors; v++)
            sum[v] = _mm512_setzero_ps();
        for (int64_t j = lane; j < keys; j += GML_SUM_LANES)
            for (int v = 0; v < vectors; v++) {
                float *t = w->scores + j * bq + v * AVX512_LANES;
                const __m512 e = avx512_exp2(_mm512_sub_ps(_mm512_load_ps(t), z[v]));
                _mm512_store_ps(t, e);
                sum[v] = _mm512_add_ps(sum[v], e);
            }
        for (int v = 0; v < vectors; v++)
            _mm512_store_ps(w->lanes + lane * bq + v * AVX512_LANES, sum[v]);
    }
    for (int v = 0; v < vectors; v++) {
        const int64_t i = v * AVX512_LANES;
        __m512 lane[GML_SUM_LANES];
        for (int r = 0; r < GML_SUM_LANES; r++)
            lane[r] = _mm512_load_ps(w->lanes + r * bq + i);
        for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
            for (int r = 0; r < half; r++)
                lane[r] = _mm512_add_ps(lane[r], lane[r + half]);

        const __m512 m = _mm512_load_ps(strip->m + i);
        const __m512 top = _mm512_add_ps(_mm512_max_ps(mb[v], m), _mm512_setzero_ps());
        const __m512 zero = avx512_finite_or_zero(top);
        const __m512 a = avx512_exp2(_mm512_sub_ps(m, zero)), b = avx512_exp2(_mm512_sub_ps(mb[v], zero));
        const __m512 l = _mm512_fmadd_ps(a, _mm512_load_ps(strip->l + i), _mm512_mul_ps(b, lane[0]));
        _mm512_store_ps(strip->m + i, top);
        _mm512_store_ps(strip->l + i, l);
        _mm512_store_ps(w->a + i, a);
        _mm512_store_ps(w->b + i, b);
    }
}

/* `rows` elements of the head from v on, merged into their rows of the output. */
AVX512_INLINE void output_tile(const int rows, const int vectors, const int64_t bq, int64_t keys,
                               const float *v, int64_t v_stride, const workspace *w, float *ot)
{
    __m512 s[8][3];
    for (int i = 0; i < rows; i++)
        for (int u = 0; u < vectors; u++)
            s[i][u] = _mm512_setzero_ps();
    const float *e = w->scores;

#define STEP(p)                                                                                              \
    do {                                                                                                     \
        for (int i = 0; i < rows; i++) {                                                                     \
            const __m512 vi = _mm512_set1_ps(v[i]);                                                          \
            for (int u = 0; u < vectors; u++)                                                                \
                s[i][u] = _mm512_fmadd_ps(_mm512_load_ps(e + (p)*bq + u * AVX512_LANES), vi, s[i][u]);       \
        }                                                                                                    \
        _mm_prefetch((const char *)(v + V_AHEAD * v_stride), _MM_HINT_T0);                                   \
        v += v_stride;                                                                                       \
        AVX512_OPAQUE(v);                                                                                    \
        AVX512_OPAQUE(keys);                                                                                 \
        keys--;                                                                                              \
    } while (0)

    do {
        STEP(0);
        if (AVX512_UNLIKELY(keys == 0))
            break;
        STEP(1);
        if (AVX512_UNLIKELY(keys == 0))
            break;
        STEP(2);
        if (AVX512_UNLIKELY(keys == 0))
            break;
        STEP(3);
        e += 4 * bq;
    } while (keys != 0);
#undef STEP

    for (int u = 0; u < vectors; u++) {
        const __m512 a = _mm512_load_ps(w->a + u * AVX512_LANES), b = _mm512_load_ps(w->b + u * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            float *o = ot + i * bq + u * AVX512_LANES;
            _mm512_store_ps(o, _mm512_fmadd_ps(a, _mm512_load_ps(o), _mm512_mul_ps(b, s[i][u])));
        }
    }
}

AVX512_INLINE void output(const int vectors, const int64_t bq, const gml_attention_block_f32 *block,
                          const gml_attention_strip_f32 *strip, const workspace *w)
{
#define TILE(rows)                                                                                           \
    output_tile(rows, vectors, bq, block->keys, block->v + d, block->v_stride, w, strip->ot + d * bq)
    int64_t d = 0;
    for (; d + 8 <= block->v_head_dim; d += 8)
        TILE(8);
    if (block->v_head_dim & 4) {
        TILE(4);
        d += 4;
    }
    if (block->v_head_dim & 2) {
        TILE(2);
        d += 2;
    }
    if (block->v_head_dim & 1)
        TILE(1);
#undef TILE
}

AVX512_INLINE void strip_of(const int vectors, const int64_t bq, const gml_attention_block_f32 *block,
                            const gml_attention_strip_f32 *strip, const workspace *w)
{
    scores_of(vectors, bq, block, strip, w);
    if (strip->bias)
        mask(1, vectors, bq, block->keys, strip, w);
    else if (strip->lo)
        mask(0, vectors, bq, block->keys, strip, w);
    exponentials(vectors, bq, block->keys, strip, w);
    output(vectors, bq, block, strip, w);
}

/* A function of its own for each number of vectors, as compilers assign registers by function. */
#define STRIP(bq, vectors)                                                                                   \
    static __attribute__((noinline)) void strip_##bq##_##vectors(                                            \
        const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip, const workspace *w)      \
    {                                                                                                        \
        strip_of(vectors, bq, block, strip, w);                                                              \
    }
STRIP(48, 3)
STRIP(48, 2)
STRIP(48, 1)
STRIP(32, 2)
STRIP(32, 1)
#undef STRIP

static workspace workspace_of(int64_t bq, float *scratch)
{
    float *after = scratch + (GML_KB0 + GML_SUM_LANES) * bq;
    return (workspace){.scores = scratch,
                       .lanes = scratch + GML_KB0 * bq,
                       .maximum = after,
                       .a = after + bq,
                       .b = after + 2 * bq};
}

void gml_attention_f32_48_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    const workspace w = workspace_of(48, scratch);
    for (; n_strips > 0; n_strips--, strips++) {
        if (strips->queries > 2 * AVX512_LANES)
            strip_48_3(block, strips, &w);
        else if (strips->queries > AVX512_LANES)
            strip_48_2(block, strips, &w);
        else
            strip_48_1(block, strips, &w);
    }
}

void gml_attention_f32_32_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    const workspace w = workspace_of(32, scratch);
    for (; n_strips > 0; n_strips--, strips++) {
        if (strips->queries > AVX512_LANES)
            strip_32_2(block, strips, &w);
        else
            strip_32_1(block, strips, &w);
    }
}
