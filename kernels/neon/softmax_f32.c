/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the reduction of one segment of a row, and its scaling.
 *
 * Two passes. The first leaves t in y and finds the maximum, four vectors at a time; a store is cheaper than
 * forming t twice, as on most cores stores share no port with the arithmetic. The second turns t into its
 * exponential. The 16 virtual lanes of the sum are four registers; the second pass takes two of them at a
 * time, as four exponentials side by side do not fit beside their constants. Lanes beyond the end of a row
 * join neither the maximum nor the sum.
 */
#include "kernels/neon/neon.h"

/* All ones in the lanes where keep[0 .. n-1] is 0, for n in 1 .. 4. */
NEON_INLINE uint32x4_t dropped(int64_t n, const uint8_t *keep)
{
    uint32_t four = 0;
    if (n == NEON_LANES)
        memcpy(&four, keep, NEON_LANES);
    else
        for (int64_t i = 0; i < n; i++)
            four |= (uint32_t)keep[i] << 8 * i;
    const int8x8_t zero = vreinterpret_s8_u8(vceqz_u8(vreinterpret_u8_u32(vdup_n_u32(four))));
    return vreinterpretq_u32_s32(vmovl_s16(vget_low_s16(vmovl_s8(zero))));
}

/* t of n columns, for n in 1 .. 4. The other lanes are of no meaning. */
NEON_INLINE float32x4_t score(const int biased, const int kept, int64_t n, float scale, const float *x,
                              const float *bias, const uint8_t *keep)
{
    const float32x4_t minus_infinity = vdupq_n_f32(-INFINITY);
    const float32x4_t xv = neon_load(n, x);
    float32x4_t t;
    if (biased) {
        const float32x4_t bv = neon_load(n, bias);
        t = vfmaq_n_f32(bv, xv, scale);
        t = vbslq_f32(vceqq_f32(bv, minus_infinity), minus_infinity, t);
    } else {
        t = vmulq_n_f32(xv, scale);
    }
    if (kept)
        t = vbslq_f32(dropped(n, keep), minus_infinity, t);
    return t;
}

/* Pass one: y = t; returns the maximum of t. */
NEON_INLINE float scores(const int biased, const int kept, int64_t n, float scale, const float *x,
                         const float *bias, const uint8_t *keep, float *y)
{
    float32x4_t m0 = vdupq_n_f32(-INFINITY), m1 = m0, m2 = m0, m3 = m0;
    int64_t j = 0;
#define SCORE(j, lanes) \
    score(biased, kept, lanes, scale, x + (j), biased ? bias + (j) : NULL, kept ? keep + (j) : NULL)
    for (; j + 4 * NEON_LANES <= n; j += 4 * NEON_LANES) {
        const float32x4_t t0 = SCORE(j, NEON_LANES);
        const float32x4_t t1 = SCORE(j + NEON_LANES, NEON_LANES);
        const float32x4_t t2 = SCORE(j + 2 * NEON_LANES, NEON_LANES);
        const float32x4_t t3 = SCORE(j + 3 * NEON_LANES, NEON_LANES);
        vst1q_f32(y + j, t0);
        vst1q_f32(y + j + NEON_LANES, t1);
        vst1q_f32(y + j + 2 * NEON_LANES, t2);
        vst1q_f32(y + j + 3 * NEON_LANES, t3);
        m0 = neon_max(t0, m0);
        m1 = neon_max(t1, m1);
        m2 = neon_max(t2, m2);
        m3 = neon_max(t3, m3);
    }
    for (; j < n; j += NEON_LANES) {
        const int64_t lanes = n - j < NEON_LANES ? n - j : NEON_LANES;
        const float32x4_t t = SCORE(j, lanes);
        neon_store(lanes, y + j, t);
        m0 = neon_max(vbslq_f32(neon_mask(lanes), t, m0), m0);
    }
#undef SCORE
    return vmaxnmvq_f32(neon_max(neon_max(m0, m1), neon_max(m2, m3))) + 0.0f;
}

/* Pass two over eight of the virtual lanes, those from `lane` on: y = exp(y - z); sum gets theirs. */
NEON_INLINE void exponentials_8(int64_t lane, int64_t n, float z, float *y, float32x4_t sum[2])
{
    const float32x4_t zs = vdupq_n_f32(z);
    sum[0] = sum[1] = vdupq_n_f32(0.0f);
    int64_t j = lane;
    for (; j + 2 * NEON_LANES <= n; j += GML_SUM_LANES)
        NEON_UNROLL for (int v = 0; v < 2; v++) {
            const float32x4_t e = neon_exp(vsubq_f32(vld1q_f32(y + j + v * NEON_LANES), zs));
            vst1q_f32(y + j + v * NEON_LANES, e);
            sum[v] = vaddq_f32(sum[v], e);
        }
    NEON_UNROLL for (int v = 0; v < 2; v++, j += NEON_LANES) {
        const int64_t lanes = n - j < NEON_LANES ? n - j : NEON_LANES;
        if (lanes > 0) {
            const float32x4_t e = neon_exp(vsubq_f32(neon_load(lanes, y + j), zs));
            neon_store(lanes, y + j, e);
            sum[v] = vaddq_f32(sum[v], vbslq_f32(neon_mask(lanes), e, vdupq_n_f32(0.0f)));
        }
    }
}

/* Pass two: y = exp(y - z); returns the sum. */
static float exponentials(int64_t n, float z, float *y)
{
    float32x4_t low[2], high[2];
    exponentials_8(0, n, z, y, low);
    exponentials_8(2 * NEON_LANES, n, z, y, high);
    return neon_sum_lanes(low[0], low[1], high[0], high[1]);
}

void gml_softmax_reduce_f32_neon(int64_t n, float scale, const float *x, const float *bias,
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

void gml_softmax_scale_f32_neon(int64_t n, float w, float *y)
{
    int64_t j = 0;
    for (; j + NEON_LANES <= n; j += NEON_LANES)
        vst1q_f32(y + j, vmulq_n_f32(vld1q_f32(y + j), w));
    if (j < n)
        neon_store(n - j, y + j, vmulq_n_f32(neon_load(n - j, y + j), w));
}
