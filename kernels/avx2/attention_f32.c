/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. Queries lie along the lanes, so maxima,
 * sums and rescaling are vertical, and K and V are broadcast from where they lie. For each strip:
 *
 *     scores        tile of 4 keys x 24 queries:    K[key][d] broadcast, vectors of qt[d]; d inside
 *     mask          where there are bounds or a bias: one pass over the scores
 *     exponentials  one pass; the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        tile of 4 d x 24 queries:       V[key][d] broadcast, vectors of the scores; keys inside
 *
 * Both tiles hold 12 accumulators, 3 vectors and 1 broadcast: 16 registers, 7 loads for 12 FMAs. 16
 * queries take 6 rows of 2 vectors (15 registers, 8 loads for 12 FMAs), 8 queries 8 rows of 1 vector (10
 * registers, 9 loads for 8 FMAs). The step works on the vectors that hold queries.
 *
 * Scratch: [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for the
 * maximum of the block and the factors a and b of the merge.
 */
#include "kernels/avx2/avx2.h"

typedef struct workspace {
    float *scores, *lanes, *maximum, *a, *b;
} workspace;

/* Scores of `rows` keys from k on; the maximum of each query over them joins `maximum`. The vectors of qt are
 * loaded once a step, as nothing is stored between their uses. */
AVX2_INLINE void score_tile(const int rows, const int vectors, int64_t bq, int64_t head_dim, const float *k,
                            int64_t k_stride, const float *qt, float *scores, float *maximum)
{
    __m256 s[12];
    AVX2_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        s[i] = _mm256_setzero_ps();
    AVX2_ROLLED
    for (int64_t d = 0; d < head_dim; d++, qt += bq) {
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m256 ki = _mm256_broadcast_ss(k + i * k_stride + d);
            AVX2_UNROLL
            for (int v = 0; v < vectors; v++)
                s[i * vectors + v] =
                    _mm256_fmadd_ps(_mm256_load_ps(qt + v * AVX2_LANES), ki, s[i * vectors + v]);
        }
    }
    AVX2_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m256 m = _mm256_load_ps(maximum + v * AVX2_LANES);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            _mm256_store_ps(scores + i * bq + v * AVX2_LANES, s[i * vectors + v]);
            m = _mm256_max_ps(s[i * vectors + v], m);
        }
        _mm256_store_ps(maximum + v * AVX2_LANES, m);
    }
}

/* Keys in tiles of `rows`, 4 or 6 or 8; what is left in tiles of 4, 2 and 1. */
AVX2_INLINE void scores_of(const int rows, const int vectors, int64_t bq,
                           const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                           const workspace *w)
{
    const int64_t stride = block->k_stride;
    for (int v = 0; v < vectors; v++)
        _mm256_store_ps(w->maximum + v * AVX2_LANES, _mm256_set1_ps(-INFINITY));
#define TILE(rows)                                                                                           \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt,                 \
               w->scores + j * bq, w->maximum)
    int64_t j = 0;
    for (; j + rows <= block->keys; j += rows)
        TILE(rows);
    if (rows > 4 && j + 4 <= block->keys) {
        TILE(4);
        j += 4;
    }
    if (j + 2 <= block->keys) {
        TILE(2);
        j += 2;
    }
    if (j < block->keys)
        TILE(1);
#undef TILE
}

/* Adds the bias, selects -infinity where a key is masked, and forms the maximum anew. */
AVX2_INLINE void mask(const int biased, const int vectors, int64_t bq, int64_t keys,
                      const gml_attention_strip_f32 *strip, const workspace *w)
{
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY), log2e = _mm256_set1_ps(GML_LOG2E);
    for (int v = 0; v < vectors; v++) {
        const int64_t i = v * AVX2_LANES;
        const __m256i lo =
            strip->lo ? _mm256_load_si256((const __m256i *)(strip->lo + i)) : _mm256_setzero_si256();
        const __m256i hi =
            strip->hi ? _mm256_load_si256((const __m256i *)(strip->hi + i)) : _mm256_set1_epi32((int)keys);
        __m256 m = minus_infinity;
        for (int64_t j = 0; j < keys; j++) {
            const __m256i key = _mm256_set1_epi32((int)j);
            const __m256i seen =
                _mm256_andnot_si256(_mm256_cmpgt_epi32(lo, key), _mm256_cmpgt_epi32(hi, key));
            __m256 t = _mm256_load_ps(w->scores + j * bq + i);
            if (biased) {
                const __m256 bias = _mm256_load_ps(strip->bias + j * bq + i);
                t = _mm256_fmadd_ps(bias, log2e, t);
                t = _mm256_blendv_ps(t, minus_infinity, _mm256_cmp_ps(bias, minus_infinity, _CMP_EQ_OQ));
            }
            t = _mm256_blendv_ps(minus_infinity, t, _mm256_castsi256_ps(seen));
            _mm256_store_ps(w->scores + j * bq + i, t);
            m = _mm256_max_ps(t, m);
        }
        _mm256_store_ps(w->maximum + i, m);
    }
}

/* Scores become exponentials; their sum and the block's maximum merge into l and m of the strip, and the
 * factors of the merge are left for the output. */
AVX2_INLINE void exponentials(const int vectors, int64_t bq, int64_t keys,
                              const gml_attention_strip_f32 *strip, const workspace *w)
{
    __m256 mb[3], z[3];
    AVX2_UNROLL
    for (int v = 0; v < vectors; v++) {
        mb[v] = _mm256_add_ps(_mm256_load_ps(w->maximum + v * AVX2_LANES), _mm256_setzero_ps());
        z[v] = avx2_finite_or_zero(mb[v]);
    }
    for (int64_t lane = 0; lane < GML_SUM_LANES; lane++) {
        __m256 sum[3];
        AVX2_UNROLL
        for (int v = 0; v < vectors; v++)
            sum[v] = _mm256_setzero_ps();
        for (int64_t j = lane; j < keys; j += GML_SUM_LANES)
            AVX2_UNROLL
        for (int v = 0; v < vectors; v++) {
            float *t = w->scores + j * bq + v * AVX2_LANES;
            const __m256 e = avx2_exp2(_mm256_sub_ps(_mm256_load_ps(t), z[v]));
            _mm256_store_ps(t, e);
            sum[v] = _mm256_add_ps(sum[v], e);
        }
        AVX2_UNROLL
        for (int v = 0; v < vectors; v++)
            _mm256_store_ps(w->lanes + lane * bq + v * AVX2_LANES, sum[v]);
    }
    for (int v = 0; v < vectors; v++) {
        const int64_t i = v * AVX2_LANES;
        __m256 lane[GML_SUM_LANES];
        AVX2_UNROLL
        for (int r = 0; r < GML_SUM_LANES; r++)
            lane[r] = _mm256_load_ps(w->lanes + r * bq + i);
        AVX2_UNROLL
        for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
            AVX2_UNROLL
        for (int r = 0; r < half; r++)
            lane[r] = _mm256_add_ps(lane[r], lane[r + half]);

        const __m256 m = _mm256_load_ps(strip->m + i), block = mb[v];
        const __m256 top = _mm256_add_ps(_mm256_max_ps(block, m), _mm256_setzero_ps());
        const __m256 zero = avx2_finite_or_zero(top);
        const __m256 a = avx2_exp2(_mm256_sub_ps(m, zero)), b = avx2_exp2(_mm256_sub_ps(block, zero));
        const __m256 l = _mm256_fmadd_ps(a, _mm256_load_ps(strip->l + i), _mm256_mul_ps(b, lane[0]));
        _mm256_store_ps(strip->m + i, top);
        _mm256_store_ps(strip->l + i, l);
        _mm256_store_ps(w->a + i, a);
        _mm256_store_ps(w->b + i, b);
    }
}

/* `rows` elements of the head from v on, merged into their rows of the output. */
AVX2_INLINE void output_tile(const int rows, const int vectors, int64_t bq, int64_t keys, const float *v,
                             int64_t v_stride, const workspace *w, float *ot)
{
    __m256 s[12];
    AVX2_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        s[i] = _mm256_setzero_ps();
    const float *e = w->scores;
    AVX2_ROLLED
    for (int64_t j = 0; j < keys; j++, v += v_stride, e += bq) {
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m256 vi = _mm256_broadcast_ss(v + i);
            AVX2_UNROLL
            for (int u = 0; u < vectors; u++)
                s[i * vectors + u] =
                    _mm256_fmadd_ps(_mm256_load_ps(e + u * AVX2_LANES), vi, s[i * vectors + u]);
        }
    }
    AVX2_UNROLL
    for (int u = 0; u < vectors; u++) {
        const __m256 a = _mm256_load_ps(w->a + u * AVX2_LANES), b = _mm256_load_ps(w->b + u * AVX2_LANES);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            float *o = ot + i * bq + u * AVX2_LANES;
            _mm256_store_ps(o, _mm256_fmadd_ps(a, _mm256_load_ps(o), _mm256_mul_ps(b, s[i * vectors + u])));
        }
    }
}

AVX2_INLINE void output(const int rows, const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                        const gml_attention_strip_f32 *strip, const workspace *w)
{
#define TILE(rows)                                                                                           \
    output_tile(rows, vectors, bq, block->keys, block->v + d, block->v_stride, w, strip->ot + d * bq)
    int64_t d = 0;
    for (; d + rows <= block->v_head_dim; d += rows)
        TILE(rows);
    if (rows > 4 && d + 4 <= block->v_head_dim) {
        TILE(4);
        d += 4;
    }
    if (d + 2 <= block->v_head_dim) {
        TILE(2);
        d += 2;
    }
    if (d < block->v_head_dim)
        TILE(1);
#undef TILE
}

AVX2_INLINE void strip_of(const int rows, const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                          const gml_attention_strip_f32 *strip, const workspace *w)
{
    scores_of(rows, vectors, bq, block, strip, w);
    if (strip->bias)
        mask(1, vectors, bq, block->keys, strip, w);
    else if (strip->lo)
        mask(0, vectors, bq, block->keys, strip, w);
    exponentials(vectors, bq, block->keys, strip, w);
    output(rows, vectors, bq, block, strip, w);
}

AVX2_APART void strip_1(int64_t bq, const gml_attention_block_f32 *block,
                        const gml_attention_strip_f32 *strip, const workspace *w)
{
    strip_of(8, 1, bq, block, strip, w);
}

AVX2_APART void strip_2(int64_t bq, const gml_attention_block_f32 *block,
                        const gml_attention_strip_f32 *strip, const workspace *w)
{
    strip_of(6, 2, bq, block, strip, w);
}

AVX2_APART void strip_3(int64_t bq, const gml_attention_block_f32 *block,
                        const gml_attention_strip_f32 *strip, const workspace *w)
{
    strip_of(4, 3, bq, block, strip, w);
}

static void step(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                 int64_t n_strips, float *memory)
{
    const workspace w = {.scores = memory,
                         .lanes = memory + GML_KB0 * bq,
                         .maximum = memory + (GML_KB0 + GML_SUM_LANES) * bq,
                         .a = memory + (GML_KB0 + GML_SUM_LANES + 1) * bq,
                         .b = memory + (GML_KB0 + GML_SUM_LANES + 2) * bq};
    for (int64_t i = 0; i < n_strips; i++) {
        const gml_attention_strip_f32 *strip = &strips[i];
        if (strip->queries > 2 * AVX2_LANES)
            strip_3(bq, block, strip, &w);
        else if (strip->queries > AVX2_LANES)
            strip_2(bq, block, strip, &w);
        else
            strip_1(bq, block, strip, &w);
    }
}

void gml_attention_f32_24_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                               int64_t n_strips, float *scratch)
{
    step(24, block, strips, n_strips, scratch);
}

void gml_attention_f32_16_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                               int64_t n_strips, float *scratch)
{
    step(16, block, strips, n_strips, scratch);
}

void gml_attention_f32_8_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                              int64_t n_strips, float *scratch)
{
    step(8, block, strips, n_strips, scratch);
}
