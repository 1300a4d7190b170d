/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention beside the tiles: rows of a strip are scaled, bytes of a mask become bits; of few queries a row of scores
 * becomes exponentials, and partial outputs are merged.
 *
 * Keys lie along the lanes. Two passes over at most eight vectors of scores, which stay in L1: the first finds the
 * maximum and, where there are options, leaves scores in place of products; the second forms the exponentials. The 16
 * virtual lanes of the sum are the lanes of one register. Lanes beyond the last key count as not seen: their
 * exponential is +0.
 */
#include "kernels/avx512/avx512.h"

/* Scores of the 16 keys from j on, of which `present` are there, from their chains of products; plain where there are
 * no options. */
AVX512_INLINE __m512 score(const bool plain, const gml_attention_scores_f32 *scores, int64_t j,
                           const __mmask16 present, const float *t)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY);
    __m512 x = _mm512_mask_loadu_ps(minus_infinity, present, t + j);
    if (!plain && scores->cap != 0.0f)
        x = _mm512_mul_ps(_mm512_set1_ps(scores->cap),
                          avx512_tanh(_mm512_mul_ps(x, _mm512_set1_ps(scores->inverse_cap))));
    if (!plain && scores->slope)
        x = avx512_alibi(x, _mm512_set1_ps(*scores->slope), _mm512_set1_epi32(scores->position - (int32_t)j),
                         lane);
    if (!plain && scores->bias) {
        const __m512 bias = _mm512_maskz_loadu_ps(present, scores->bias + j);
        x = _mm512_fmadd_ps(bias, _mm512_set1_ps(GML_LOG2E), x);
        x = _mm512_mask_mov_ps(x, _mm512_cmp_ps_mask(bias, minus_infinity, _CMP_EQ_OQ), minus_infinity);
    }
    if (!plain && scores->seen)
        x = _mm512_mask_mov_ps(minus_infinity, (__mmask16)(scores->seen[j / 32] >> j % 32), x);
    return _mm512_mask_mov_ps(minus_infinity, present, x);
}

AVX512_INLINE void weigh(const bool plain, const gml_attention_scores_f32 *scores, float *t, float *m,
                         float *l)
{
    const int64_t keys = scores->keys, whole = keys / AVX512_LANES * AVX512_LANES;
    const __mmask16 rest = avx512_mask(keys - whole);
    __m512 tail = _mm512_set1_ps(-INFINITY), top = tail;
    for (int64_t j = 0; j < whole; j += AVX512_LANES) {
        const __m512 x = score(plain, scores, j, 0xffff, t);
        if (!plain)
            _mm512_storeu_ps(t + j, x);
        top = _mm512_max_ps(x, top);
    }
    if (rest) {
        tail = score(plain, scores, whole, rest, t);
        top = _mm512_max_ps(tail, top);
    }
    *m = _mm512_reduce_max_ps(top) + 0.0f;

    const __m512 z = avx512_finite_or_zero(_mm512_set1_ps(*m));
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < whole; j += AVX512_LANES) {
        const __m512 e = avx512_exp2(_mm512_sub_ps(_mm512_loadu_ps(t + j), z));
        _mm512_storeu_ps(t + j, e);
        sum = _mm512_add_ps(sum, e);
    }
    if (rest) {
        const __m512 e = avx512_exp2(_mm512_sub_ps(tail, z));
        _mm512_mask_storeu_ps(t + whole, rest, e);
        sum = _mm512_add_ps(sum, e);
    }
    *l = avx512_sum_lanes(sum);
}

void gml_attention_weigh_f32_avx512(const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    if (scores->cap != 0.0f || scores->slope || scores->bias || scores->seen)
        weigh(false, scores, t, m, l);
    else
        weigh(true, scores, t, m, l);
}

void gml_attention_merge_f32_avx512(int64_t n, float a, float *o, float b, const float *s)
{
    const __m512 av = _mm512_set1_ps(a), bv = _mm512_set1_ps(b);
    int64_t i = 0;
    for (; i + AVX512_LANES <= n; i += AVX512_LANES) {
        const __m512 product = _mm512_mul_ps(bv, _mm512_loadu_ps(s + i));
        _mm512_storeu_ps(o + i, _mm512_fmadd_ps(av, _mm512_loadu_ps(o + i), product));
    }
    if (i < n) {
        const __mmask16 lanes = avx512_mask(n - i);
        const __m512 product = _mm512_mul_ps(bv, _mm512_maskz_loadu_ps(lanes, s + i));
        _mm512_mask_storeu_ps(o + i, lanes,
                              _mm512_fmadd_ps(av, _mm512_maskz_loadu_ps(lanes, o + i), product));
    }
}

/* 0 times a finite number is 0, times any other NaN. */
void gml_attention_scale_f32_avx512(int64_t rows, int64_t bq, float *x, const float *w, float *spoilt)
{
    const __m512 zero = _mm512_setzero_ps();
    for (int64_t i = 0; i < bq; i += AVX512_LANES) {
        const __m512 factor = _mm512_load_ps(w + i);
        __m512 sum = zero;
        for (int64_t r = 0; r < rows; r++) {
            const __m512 y = _mm512_add_ps(_mm512_mul_ps(_mm512_load_ps(x + r * bq + i), factor), zero);
            _mm512_store_ps(x + r * bq + i, y);
            sum = _mm512_fmadd_ps(y, zero, sum);
        }
        if (spoilt)
            _mm512_store_ps(spoilt + i, sum);
    }
}

void gml_attention_keep_avx512(int64_t n, const uint8_t *keep, uint32_t *words)
{
    for (int64_t j = 0; j < GML_KB0; j += 64) {
        const int64_t present = n - j < 0 ? 0 : avx512_min(n - j, 64);
        const __mmask64 lanes = present == 64 ? ~UINT64_C(0) : (UINT64_C(1) << present) - 1;
        const __m512i bytes = _mm512_maskz_loadu_epi8(lanes, keep + j);
        const uint64_t bits = _mm512_test_epi8_mask(bytes, bytes);
        words[j / 32] = (uint32_t)bits;
        words[j / 32 + 1] = (uint32_t)(bits >> 32);
    }
}
