/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the reduction of one segment of a row, and its scaling.
 *
 * Two passes. The first leaves t in y and finds the maximum, four vectors at a time; a store is cheaper than
 * forming t twice, as stores do not share a port with the arithmetic. The second turns t into its exponential.
 * The 16 virtual lanes of the sum are the 16 lanes of one register; its chain of additions is shorter than the
 * exponential beside it. Masked lanes of a tail add +0.
 */
#include "kernels/avx512/avx512.h"

/* t of 16 columns from j on. Lanes outside `lanes` are read as 0 and are of no meaning. */
AVX512_INLINE __m512 score(const int biased, const int kept, __mmask16 lanes, __m512 scale, const float *x,
                           const float *bias, const uint8_t *keep)
{
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY);
    const __m512 xv = _mm512_maskz_loadu_ps(lanes, x);
    __m512 t;
    if (biased) {
        const __m512 bv = _mm512_maskz_loadu_ps(lanes, bias);
        t = _mm512_fmadd_ps(scale, xv, bv);
        t = _mm512_mask_mov_ps(t, _mm512_cmp_ps_mask(bv, minus_infinity, _CMP_EQ_OQ), minus_infinity);
    } else {
        t = _mm512_mul_ps(scale, xv);
    }
    if (kept) {
        const __m128i kv = _mm_maskz_loadu_epi8(lanes, keep);
        t = _mm512_mask_mov_ps(t, _mm_testn_epi8_mask(kv, kv), minus_infinity);
    }
    return t;
}

/* Pass one: y = t; returns the maximum of t. */
AVX512_INLINE float scores(const int biased, const int kept, int64_t n, float scale, const float *x,
                           const float *bias, const uint8_t *keep, float *y)
{
    const __m512 scales = _mm512_set1_ps(scale);
    __m512 m0 = _mm512_set1_ps(-INFINITY), m1 = m0, m2 = m0, m3 = m0;
    int64_t j = 0;
#define SCORE(j, lanes) \
    score(biased, kept, lanes, scales, x + (j), biased ? bias + (j) : NULL, kept ? keep + (j) : NULL)
    for (; j + 4 * AVX512_LANES <= n; j += 4 * AVX512_LANES) {
        const __m512 t0 = SCORE(j, 0xffff), t1 = SCORE(j + AVX512_LANES, 0xffff);
        const __m512 t2 = SCORE(j + 2 * AVX512_LANES, 0xffff), t3 = SCORE(j + 3 * AVX512_LANES, 0xffff);
        _mm512_storeu_ps(y + j, t0);
        _mm512_storeu_ps(y + j + AVX512_LANES, t1);
        _mm512_storeu_ps(y + j + 2 * AVX512_LANES, t2);
        _mm512_storeu_ps(y + j + 3 * AVX512_LANES, t3);
        m0 = _mm512_max_ps(t0, m0);
        m1 = _mm512_max_ps(t1, m1);
        m2 = _mm512_max_ps(t2, m2);
        m3 = _mm512_max_ps(t3, m3);
    }
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = avx512_mask(n - j < AVX512_LANES ? n - j : AVX512_LANES);
        const __m512 t = SCORE(j, lanes);
        _mm512_mask_storeu_ps(y + j, lanes, t);
        m0 = _mm512_mask_max_ps(m0, lanes, t, m0);
    }
#undef SCORE
    m0 = _mm512_max_ps(_mm512_max_ps(m0, m1), _mm512_max_ps(m2, m3));
    return _mm512_reduce_max_ps(m0) + 0.0f;
}

/* Pass two: y = exp(y - z); returns the sum. */
static float exponentials(int64_t n, float z, float *y)
{
    const __m512 zs = _mm512_set1_ps(z);
    __m512 sum = _mm512_setzero_ps();
    int64_t j = 0;
    for (; j + 4 * AVX512_LANES <= n; j += 4 * AVX512_LANES) {
        const __m512 e0 = avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(y + j), zs));
        const __m512 e1 = avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(y + j + AVX512_LANES), zs));
        const __m512 e2 = avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(y + j + 2 * AVX512_LANES), zs));
        const __m512 e3 = avx512_exp(_mm512_sub_ps(_mm512_loadu_ps(y + j + 3 * AVX512_LANES), zs));
        _mm512_storeu_ps(y + j, e0);
        _mm512_storeu_ps(y + j + AVX512_LANES, e1);
        _mm512_storeu_ps(y + j + 2 * AVX512_LANES, e2);
        _mm512_storeu_ps(y + j + 3 * AVX512_LANES, e3);
        sum = _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(_mm512_add_ps(sum, e0), e1), e2), e3);
    }
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = avx512_mask(n - j < AVX512_LANES ? n - j : AVX512_LANES);
        const __m512 e = avx512_exp(_mm512_sub_ps(_mm512_maskz_loadu_ps(lanes, y + j), zs));
        _mm512_mask_storeu_ps(y + j, lanes, e);
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(lanes, e));
    }
    return avx512_sum_lanes(sum);
}

void gml_softmax_reduce_f32_avx512(int64_t n, float scale, const float *x, const float *bias,
                                   const uint8_t *keep, float *y, float *m, float *l)
{
    if (bias && keep)
        *m = scores(1, 1, n, scale, x, bias, keep, y);
    else if (bias)
        *m = scores(1, 0, n, scale, x, bias, keep, y);
    else if (keep)
        *m = scores(0, 1, n, scale, x, bias, keep, y);
    else
        *m = scores(0, 0, n, scale, x, bias, keep, y);
    *l = exponentials(n, *m == -INFINITY ? 0.0f : *m, y);
}

void gml_softmax_scale_f32_avx512(int64_t n, float w, float *y)
{
    const __m512 ws = _mm512_set1_ps(w);
    int64_t j = 0;
    for (; j + AVX512_LANES <= n; j += AVX512_LANES)
        _mm512_storeu_ps(y + j, _mm512_mul_ps(ws, _mm512_loadu_ps(y + j)));
    if (j < n) {
        const __mmask16 lanes = avx512_mask(n - j);
        _mm512_mask_storeu_ps(y + j, lanes, _mm512_mul_ps(ws, _mm512_maskz_loadu_ps(lanes, y + j)));
    }
}
