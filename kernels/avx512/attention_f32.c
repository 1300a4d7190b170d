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
 * works on the vectors that hold queries, so a strip of 16 costs a third of one of 48.
 *
 * Scratch: [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for the
 * maximum of the block and the factors a and b of the merge.
 */
#include "kernels/avx512/avx512.h"

typedef struct scratch {
    float *scores, *lanes, *maximum, *a, *b;
} scratch;

/* Scores of `rows` keys from k on; the maximum of each query over them joins `maximum`. */
AVX512_INLINE void score_tile(const int rows, const int vectors, int64_t bq, int64_t head_dim, const float *k,
                              int64_t k_stride, const float *qt, float *scores, float *maximum)
{
    __m512 s[8][3];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            s[i][v] = _mm512_setzero_ps();
    for (int64_t d = 0; d < head_dim; d++, qt += bq) {
        __m512 q[3];
        for (int v = 0; v < vectors; v++)
            q[v] = _mm512_load_ps(qt + v * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            const __m512 ki = _mm512_set1_ps(k[i * k_stride + d]);
            for (int v = 0; v < vectors; v++)
                s[i][v] = _mm512_fmadd_ps(q[v], ki, s[i][v]);
        }
    }
    for (int v = 0; v < vectors; v++) {
        __m512 m = _mm512_load_ps(maximum + v * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            _mm512_store_ps(scores + i * bq + v * AVX512_LANES, s[i][v]);
            m = _mm512_max_ps(s[i][v], m);
        }
        _mm512_store_ps(maximum + v * AVX512_LANES, m);
    }
}

AVX512_INLINE void scores_of(const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                             const gml_attention_strip_f32 *strip, const scratch *w)
{
    const int64_t stride = block->k_stride;
    for (int v = 0; v < vectors; v++)
        _mm512_store_ps(w->maximum + v * AVX512_LANES, _mm512_set1_ps(-INFINITY));
#define TILE(rows) \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt, w->scores + j * bq, \
               w->maximum)
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
AVX512_INLINE void mask(const int biased, const int vectors, int64_t bq, int64_t keys,
                        const gml_attention_strip_f32 *strip, const scratch *w)
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
AVX512_INLINE void exponentials(const int vectors, int64_t bq, int64_t keys, const gml_attention_strip_f32 *strip,
                                const scratch *w)
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
AVX512_INLINE void output_tile(const int rows, const int vectors, int64_t bq, int64_t keys, const float *v,
                               int64_t v_stride, const scratch *w, float *ot)
{
    __m512 s[8][3];
    for (int i = 0; i < rows; i++)
        for (int u = 0; u < vectors; u++)
            s[i][u] = _mm512_setzero_ps();
    const float *e = w->scores;
    for (int64_t j = 0; j < keys; j++, v += v_stride, e += bq) {
        __m512 ej[3];
        for (int u = 0; u < vectors; u++)
            ej[u] = _mm512_load_ps(e + u * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            const __m512 vi = _mm512_set1_ps(v[i]);
            for (int u = 0; u < vectors; u++)
                s[i][u] = _mm512_fmadd_ps(ej[u], vi, s[i][u]);
        }
    }
    for (int u = 0; u < vectors; u++) {
        const __m512 a = _mm512_load_ps(w->a + u * AVX512_LANES), b = _mm512_load_ps(w->b + u * AVX512_LANES);
        for (int i = 0; i < rows; i++) {
            float *o = ot + i * bq + u * AVX512_LANES;
            _mm512_store_ps(o, _mm512_fmadd_ps(a, _mm512_load_ps(o), _mm512_mul_ps(b, s[i][u])));
        }
    }
}

AVX512_INLINE void output(const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                          const gml_attention_strip_f32 *strip, const scratch *w)
{
#define TILE(rows) \
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

AVX512_INLINE void strip_of(const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                            const gml_attention_strip_f32 *strip, const scratch *w)
{
    scores_of(vectors, bq, block, strip, w);
    if (strip->bias)
        mask(1, vectors, bq, block->keys, strip, w);
    else if (strip->lo)
        mask(0, vectors, bq, block->keys, strip, w);
    exponentials(vectors, bq, block->keys, strip, w);
    output(vectors, bq, block, strip, w);
}

static void strip_1(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                    const scratch *w)
{
    strip_of(1, bq, block, strip, w);
}

static void strip_2(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                    const scratch *w)
{
    strip_of(2, bq, block, strip, w);
}

static void strip_3(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                    const scratch *w)
{
    strip_of(3, bq, block, strip, w);
}

static void step(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                 int64_t n_strips, float *memory)
{
    const scratch w = {.scores = memory,
                       .lanes = memory + GML_KB0 * bq,
                       .maximum = memory + (GML_KB0 + GML_SUM_LANES) * bq,
                       .a = memory + (GML_KB0 + GML_SUM_LANES + 1) * bq,
                       .b = memory + (GML_KB0 + GML_SUM_LANES + 2) * bq};
    for (int64_t i = 0; i < n_strips; i++) {
        const gml_attention_strip_f32 *strip = &strips[i];
        if (strip->queries > 2 * AVX512_LANES)
            strip_3(bq, block, strip, &w);
        else if (strip->queries > AVX512_LANES)
            strip_2(bq, block, strip, &w);
        else
            strip_1(bq, block, strip, &w);
    }
}

void gml_attention_f32_48_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    step(48, block, strips, n_strips, scratch);
}

void gml_attention_f32_32_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    step(32, block, strips, n_strips, scratch);
}

void gml_attention_f32_16_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    step(16, block, strips, n_strips, scratch);
}
