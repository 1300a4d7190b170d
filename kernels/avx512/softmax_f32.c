/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the reduction of one segment of a row, and its scaling.
 *
 * Two passes over the row. The first finds the maximum of t, in four registers. The second forms t again and turns
 * it into its exponential, four vectors at a time: forming t twice costs one or two instructions of about 17, but
 * storing it would make the first pass wait for the lines of y. The 16 virtual lanes of the sum are the lanes of
 * one register; its chain of additions is shorter than the exponential beside it.
 */
#include "kernels/avx512/avx512.h"

/* t of 16 columns from j on. Lanes outside `lanes` are read as 0 and are of no meaning. */
AVX512_INLINE __m512 score(const int biased, const int kept, __mmask16 lanes, int64_t j, __m512 scale,
                           const float *x, const float *bias, const uint8_t *keep)
{
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY);
    const __m512 xv = _mm512_maskz_loadu_ps(lanes, x + j);
    __m512 t;
    if (biased) {
        const __m512 bv = _mm512_maskz_loadu_ps(lanes, bias + j);
        t = _mm512_fmadd_ps(scale, xv, bv);
        t = _mm512_mask_mov_ps(t, _mm512_cmp_ps_mask(bv, minus_infinity, _CMP_EQ_OQ), minus_infinity);
    } else {
        t = _mm512_mul_ps(scale, xv);
    }
    if (kept) {
        const __m128i kv = _mm_maskz_loadu_epi8(lanes, keep + j);
        t = _mm512_mask_mov_ps(t, _mm_testn_epi8_mask(kv, kv), minus_infinity);
    }
    return t;
}

/* Pass one: the maximum of t. */
AVX512_INLINE float maximum(const int biased, const int kept, int64_t n, __m512 scale, const float *x,
                            const float *bias, const uint8_t *keep)
{
    __m512 m[4];
    for (int u = 0; u < 4; u++)
        m[u] = _mm512_set1_ps(-INFINITY);
    int64_t j = 0;
    for (; j + 4 * AVX512_LANES <= n; j += 4 * AVX512_LANES)
        for (int u = 0; u < 4; u++)
            m[u] =
                _mm512_max_ps(score(biased, kept, 0xffff, j + u * AVX512_LANES, scale, x, bias, keep), m[u]);
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = avx512_mask(n - j < AVX512_LANES ? n - j : AVX512_LANES);
        m[0] = _mm512_mask_max_ps(m[0], lanes, score(biased, kept, lanes, j, scale, x, bias, keep), m[0]);
    }
    return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(m[0], m[1]), _mm512_max_ps(m[2], m[3]))) + 0.0f;
}

/* Pass two: y = exp(t - z); returns the sum. Masked lanes of the tail add +0. */
AVX512_INLINE float exponentials(const int biased, const int kept, int64_t n, __m512 scale, const float *x,
                                 const float *bias, const uint8_t *keep, float z, float *y)
{
    const __m512 zs = _mm512_set1_ps(z);
    __m512 sum = _mm512_setzero_ps();
    int64_t j = 0;
    for (; j + 4 * AVX512_LANES <= n; j += 4 * AVX512_LANES)
        for (int u = 0; u < 4; u++) {
            const __m512 t = score(biased, kept, 0xffff, j + u * AVX512_LANES, scale, x, bias, keep);
            const __m512 e = avx512_exp(_mm512_sub_ps(t, zs));
            _mm512_storeu_ps(y + j + u * AVX512_LANES, e);
            sum = _mm512_add_ps(sum, e);
        }
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = avx512_mask(n - j < AVX512_LANES ? n - j : AVX512_LANES);
        const __m512 t = score(biased, kept, lanes, j, scale, x, bias, keep);
        const __m512 e = avx512_exp(_mm512_sub_ps(t, zs));
        _mm512_mask_storeu_ps(y + j, lanes, e);
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(lanes, e));
    }
    return avx512_sum_lanes(sum);
}

AVX512_INLINE void reduce(const int biased, const int kept, int64_t n, float scale, const float *x,
                          const float *bias, const uint8_t *keep, float *y, float *m, float *l)
{
    const __m512 scales = _mm512_set1_ps(scale);
    *m = maximum(biased, kept, n, scales, x, bias, keep);
    *l = exponentials(biased, kept, n, scales, x, bias, keep, *m == -INFINITY ? 0.0f : *m, y);
}

void gml_softmax_reduce_f32_avx512(int64_t n, float scale, const float *x, const float *bias,
                                   const uint8_t *keep, float *y, float *m, float *l)
{
    if (bias && keep)
        reduce(1, 1, n, scale, x, bias, keep, y, m, l);
    else if (bias)
        reduce(1, 0, n, scale, x, bias, keep, y, m, l);
    else if (keep)
        reduce(0, 1, n, scale, x, bias, keep, y, m, l);
    else
        reduce(0, 0, n, scale, x, bias, keep, y, m, l);
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
