/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention beside the tiles: rows of a strip are scaled, bytes of a mask become bits; of few queries a row of scores
 * becomes exponentials, and partial outputs are merged.
 *
 * Keys lie along the lanes. Two passes over at most sixteen vectors of scores, which stay in L1: the first finds the
 * maximum and, where there are options, leaves scores in place of products; the second forms the exponentials. The 16
 * virtual lanes of the sum are the lanes of two registers, which take turns. Lanes beyond the last key count as not
 * seen: their exponential is +0.
 */
#include "kernels/avx2/avx2.h"

/* Those of the 8 keys from j on that the query sees. */
AVX2_INLINE __m256 seen_of(const uint32_t *seen, int64_t j)
{
    const __m256i bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i word = _mm256_set1_epi32((int)(seen[j / 32] >> j % 32));
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(word, bit), bit));
}

/* Scores of the 8 keys from j on, of which n are there, from their chains of products; plain where there are
 * no options. */
AVX2_INLINE __m256 score(const bool plain, const gml_attention_scores_f32 *scores, int64_t j, const int64_t n,
                         const float *t)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY);
    __m256 x = avx2_load(n, t + j);
    if (!plain && scores->cap != 0.0f)
        x = _mm256_mul_ps(_mm256_set1_ps(scores->cap),
                          avx2_tanh(_mm256_mul_ps(x, _mm256_set1_ps(scores->inverse_cap))));
    if (!plain && scores->slope)
        x = avx2_alibi(x, _mm256_set1_ps(*scores->slope), _mm256_set1_epi32(scores->position - (int32_t)j),
                       lane);
    if (!plain && scores->bias) {
        const __m256 bias = avx2_load(n, scores->bias + j);
        x = _mm256_fmadd_ps(bias, _mm256_set1_ps(GML_LOG2E), x);
        x = _mm256_blendv_ps(x, minus_infinity, _mm256_cmp_ps(bias, minus_infinity, _CMP_EQ_OQ));
    }
    if (!plain && scores->seen)
        x = _mm256_blendv_ps(minus_infinity, x, seen_of(scores->seen, j));
    return n == AVX2_LANES ? x : _mm256_blendv_ps(minus_infinity, x, _mm256_castsi256_ps(avx2_mask(n)));
}

AVX2_INLINE void weigh(const bool plain, const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    const int64_t keys = scores->keys, whole = keys / AVX2_LANES * AVX2_LANES;
    __m256 tail = _mm256_set1_ps(-INFINITY), top = tail;
    for (int64_t j = 0; j < whole; j += AVX2_LANES) {
        const __m256 x = score(plain, scores, j, AVX2_LANES, t);
        if (!plain)
            _mm256_storeu_ps(t + j, x);
        top = _mm256_max_ps(x, top);
    }
    if (whole < keys) {
        tail = score(plain, scores, whole, keys - whole, t);
        top = _mm256_max_ps(tail, top);
    }
    *m = avx2_max_lanes(top) + 0.0f;

    const __m256 z = avx2_finite_or_zero(_mm256_set1_ps(*m));
    __m256 sum = _mm256_setzero_ps(), other = sum; /* of the vector in hand, and of its neighbours */
    for (int64_t j = 0; j < whole; j += AVX2_LANES) {
        const __m256 e = avx2_exp2_below(_mm256_sub_ps(_mm256_loadu_ps(t + j), z));
        _mm256_storeu_ps(t + j, e);
        const __m256 next = _mm256_add_ps(sum, e);
        sum = other;
        other = next;
    }
    if (whole < keys) {
        const __m256 e = avx2_exp2_below(_mm256_sub_ps(tail, z));
        avx2_store(keys - whole, t + whole, e);
        sum = _mm256_add_ps(sum, e);
    }
    *l = avx2_sum_lanes(sum, other);
}

void gml_attention_weigh_f32_avx2(const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    if (scores->cap != 0.0f || scores->slope || scores->bias || scores->seen)
        weigh(false, scores, t, m, l);
    else
        weigh(true, scores, t, m, l);
}

void gml_attention_merge_f32_avx2(int64_t n, float a, float *o, float b, const float *s)
{
    const __m256 av = _mm256_set1_ps(a), bv = _mm256_set1_ps(b);
    int64_t i = 0;
    for (; i + AVX2_LANES <= n; i += AVX2_LANES) {
        const __m256 product = _mm256_mul_ps(bv, _mm256_loadu_ps(s + i));
        _mm256_storeu_ps(o + i, _mm256_fmadd_ps(av, _mm256_loadu_ps(o + i), product));
    }
    if (i < n) {
        const __m256 product = _mm256_mul_ps(bv, avx2_load(n - i, s + i));
        avx2_store(n - i, o + i, _mm256_fmadd_ps(av, avx2_load(n - i, o + i), product));
    }
}

/* 0 times a finite number is 0, times any other NaN. */
void gml_attention_scale_f32_avx2(int64_t rows, int64_t bq, float *x, const float *w, float *spoilt)
{
    const __m256 zero = _mm256_setzero_ps();
    for (int64_t i = 0; i < bq; i += AVX2_LANES) {
        const __m256 factor = _mm256_load_ps(w + i);
        __m256 sum = zero;
        for (int64_t r = 0; r < rows; r++) {
            const __m256 y = _mm256_add_ps(_mm256_mul_ps(_mm256_load_ps(x + r * bq + i), factor), zero);
            _mm256_store_ps(x + r * bq + i, y);
            sum = _mm256_fmadd_ps(y, zero, sum);
        }
        if (spoilt)
            _mm256_store_ps(spoilt + i, sum);
    }
}

void gml_attention_keep_avx2(int64_t n, const uint8_t *keep, uint32_t *words)
{
    int64_t j = 0;
    for (; j + 32 <= n; j += 32) {
        const __m256i bytes = _mm256_loadu_si256((const __m256i *)(keep + j));
        words[j / 32] = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256()));
    }
    for (int64_t w = j / 32; w < GML_SEEN_WORDS; w++)
        words[w] = 0;
    for (; j < n; j++)
        words[j / 32] |= (uint32_t)(keep[j] != 0) << j % 32;
}
