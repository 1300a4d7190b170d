/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the reduction of one segment of a row, and its scaling.
 *
 * Two passes. The first leaves t in y and finds the maximum, four vectors at a time; a store is cheaper
 * than forming t twice, as stores do not share a port with the arithmetic. The second turns t into its
 * exponential. The 16 virtual lanes of the sum are the lanes of two registers, for even and odd vectors;
 * their chains of additions are shorter than the exponentials beside them. Absent lanes of a tail add +0.
 */
#include "kernels/avx2/avx2.h"

/* keep[0 .. n-1], for n in 1 .. 8, one in each lane. */
AVX2_INLINE __m256i load_keep(int64_t n, const uint8_t *keep)
{
    if (n == AVX2_LANES)
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)keep));
    uint64_t bytes = 0;
    for (int64_t i = 0; i < n; i++)
        bytes |= (uint64_t)keep[i] << (8 * i);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)bytes));
}

/* t of n columns, 1 to 8, from j on. The other lanes are read as 0 and are of no meaning. */
AVX2_INLINE __m256 score(const int biased, const int kept, int64_t n, __m256 scale, const float *x,
                         const float *bias, const uint8_t *keep)
{
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY);
    const __m256 xv = avx2_load(n, x);
    __m256 t;
    if (biased) {
        const __m256 bv = avx2_load(n, bias);
        t = _mm256_fmadd_ps(scale, xv, bv);
        t = _mm256_blendv_ps(t, minus_infinity, _mm256_cmp_ps(bv, minus_infinity, _CMP_EQ_OQ));
    } else {
        t = _mm256_mul_ps(scale, xv);
    }
    if (kept) {
        const __m256i masked = _mm256_cmpeq_epi32(load_keep(n, keep), _mm256_setzero_si256());
        t = _mm256_blendv_ps(t, minus_infinity, _mm256_castsi256_ps(masked));
    }
    return t;
}

/* Pass one: y = t; returns the maximum of t. */
AVX2_INLINE float scores(const int biased, const int kept, int64_t n, float scale, const float *x,
                         const float *bias, const uint8_t *keep, float *y)
{
    const __m256 scales = _mm256_set1_ps(scale);
    __m256 m0 = _mm256_set1_ps(-INFINITY), m1 = m0, m2 = m0, m3 = m0;
    int64_t j = 0;
#define SCORE(j, lanes)                                                                                      \
    score(biased, kept, lanes, scales, x + (j), biased ? bias + (j) : NULL, kept ? keep + (j) : NULL)
    for (; j + 4 * AVX2_LANES <= n; j += 4 * AVX2_LANES) {
        const __m256 t0 = SCORE(j, AVX2_LANES), t1 = SCORE(j + AVX2_LANES, AVX2_LANES);
        const __m256 t2 = SCORE(j + 2 * AVX2_LANES, AVX2_LANES), t3 = SCORE(j + 3 * AVX2_LANES, AVX2_LANES);
        _mm256_storeu_ps(y + j, t0);
        _mm256_storeu_ps(y + j + AVX2_LANES, t1);
        _mm256_storeu_ps(y + j + 2 * AVX2_LANES, t2);
        _mm256_storeu_ps(y + j + 3 * AVX2_LANES, t3);
        m0 = _mm256_max_ps(t0, m0);
        m1 = _mm256_max_ps(t1, m1);
        m2 = _mm256_max_ps(t2, m2);
        m3 = _mm256_max_ps(t3, m3);
    }
    for (; j + AVX2_LANES <= n; j += AVX2_LANES) {
        const __m256 t = SCORE(j, AVX2_LANES);
        _mm256_storeu_ps(y + j, t);
        m0 = _mm256_max_ps(t, m0);
    }
    if (j < n) {
        const __m256 t = SCORE(j, n - j);
        avx2_store(n - j, y + j, t);
        m1 = _mm256_max_ps(_mm256_blendv_ps(m1, t, _mm256_castsi256_ps(avx2_mask(n - j))), m1);
    }
#undef SCORE
    m0 = _mm256_max_ps(_mm256_max_ps(m0, m1), _mm256_max_ps(m2, m3));
    return avx2_max_lanes(m0) + 0.0f;
}

/* Pass two: y = exp(y - z); returns the sum. */
static float exponentials(int64_t n, float z, float *y)
{
    const __m256 zs = _mm256_set1_ps(z);
    __m256 sum0 = _mm256_setzero_ps(), sum1 = sum0;
    int64_t j = 0;
    for (; j + 4 * AVX2_LANES <= n; j += 4 * AVX2_LANES) {
        const __m256 e0 = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(y + j), zs));
        const __m256 e1 = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(y + j + AVX2_LANES), zs));
        const __m256 e2 = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(y + j + 2 * AVX2_LANES), zs));
        const __m256 e3 = avx2_exp(_mm256_sub_ps(_mm256_loadu_ps(y + j + 3 * AVX2_LANES), zs));
        _mm256_storeu_ps(y + j, e0);
        _mm256_storeu_ps(y + j + AVX2_LANES, e1);
        _mm256_storeu_ps(y + j + 2 * AVX2_LANES, e2);
        _mm256_storeu_ps(y + j + 3 * AVX2_LANES, e3);
        sum0 = _mm256_add_ps(_mm256_add_ps(sum0, e0), e2);
        sum1 = _mm256_add_ps(_mm256_add_ps(sum1, e1), e3);
    }
    for (; j < n; j += AVX2_LANES) {
        const int64_t lanes = n - j < AVX2_LANES ? n - j : AVX2_LANES;
        const __m256 e = avx2_exp(_mm256_sub_ps(avx2_load(lanes, y + j), zs));
        avx2_store(lanes, y + j, e);
        const __m256 present = _mm256_and_ps(_mm256_castsi256_ps(avx2_mask(lanes)), e);
        if (j & AVX2_LANES)
            sum1 = _mm256_add_ps(sum1, present);
        else
            sum0 = _mm256_add_ps(sum0, present);
    }
    return avx2_sum_lanes(sum0, sum1);
}

void gml_softmax_reduce_f32_avx2(int64_t n, float scale, const float *x, const float *bias,
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

void gml_softmax_scale_f32_avx2(int64_t n, float w, float *y)
{
    const __m256 ws = _mm256_set1_ps(w);
    int64_t j = 0;
    for (; j + AVX2_LANES <= n; j += AVX2_LANES)
        _mm256_storeu_ps(y + j, _mm256_mul_ps(ws, _mm256_loadu_ps(y + j)));
    if (j < n)
        avx2_store(n - j, y + j, _mm256_mul_ps(ws, avx2_load(n - j, y + j)));
}
