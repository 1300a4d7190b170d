/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The NEON kernel set: AArch64 Advanced SIMD, 32 registers of four floats, fused multiply-add by a lane.
 *
 * This header holds what has no single instruction: the exponentials, the tree of a sum and the tails of one to
 * three elements, which NEON cannot mask.
 */
#ifndef GML_NEON_H
#define GML_NEON_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <arm_neon.h>
#include <math.h>
#include <string.h>

gml_gemm_tile_f32_fn gml_gemm_f32_8x12_neon, gml_gemm_f32_6x16_neon, gml_gemm_f32_12x8_neon,
    gml_gemm_f32_4x20_neon;
gml_pack_f32_fn gml_pack_f32_neon;
gml_map_f32_fn gml_exp2_f32_neon, gml_exp_f32_neon;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_neon;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_neon;
gml_attention_step_f32_fn gml_attention_f32_24_neon, gml_attention_f32_8_neon, gml_attention_f32_4_neon;

#define NEON_LANES 4

/* Adding 1.5 * 2^23 to |x| < 2^22 rounds x to the nearest even integer. */
#define NEON_MAGIC 0x1.8p23f

/* p(r) * 2^n. Half of the exponent is added to that of p, which is near 1, and the other half multiplied,
 * as 2^128 is no float. Conversion turns a NaN into 0, so that the NaN in p stays one. */
static inline float32x4_t neon_exp2_of(float32x4_t r, float32x4_t n)
{
    const int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), rest = vsubq_s32(i, half);
    float32x4_t p = vdupq_n_f32(GML_EXP2_C6);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C5), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C1), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    p = vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p), vshlq_n_s32(half, 23)));
    return vmulq_f32(p, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, vdupq_n_s32(127)), 23)));
}

/* y, or +0 in lanes where x < low; NaN is not below. */
static inline float32x4_t neon_zero_below(float32x4_t y, float32x4_t x, float low)
{
    const uint32x4_t below = vcltq_f32(x, vdupq_n_f32(low));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y), below));
}

/* Any x. The upper bound gives infinity already; FMIN lets NaN pass. */
static inline float32x4_t neon_exp2(float32x4_t x)
{
    x = vminq_f32(x, vdupq_n_f32(129.0f));
    const float32x4_t n = vrndnq_f32(x);
    return neon_zero_below(neon_exp2_of(vsubq_f32(x, n), n), x, GML_EXP2_LOW);
}

/* z <= 0 or NaN. */
static inline float32x4_t neon_exp(float32x4_t z)
{
    const float32x4_t log2e = vdupq_n_f32(GML_LOG2E), magic = vdupq_n_f32(NEON_MAGIC);
    const float32x4_t n = vsubq_f32(vfmaq_f32(magic, z, log2e), magic);
    float32x4_t r = vfmaq_f32(vnegq_f32(n), z, log2e);
    r = vfmaq_f32(r, z, vdupq_n_f32(GML_LOG2E_LO));
    return neon_zero_below(neon_exp2_of(r, n), z, GML_EXP_LOW);
}

/* The larger one; m where x is a quiet NaN, which is what FMAXNM gives. Results of arithmetic are never signalling. */
static inline float32x4_t neon_max(float32x4_t x, float32x4_t m)
{
    return vmaxnmq_f32(x, m);
}

/* What is subtracted before exponentiation: a maximum without elements counts as 0. */
static inline float32x4_t neon_pivot(float32x4_t m)
{
    return vbslq_f32(vceqq_f32(m, vdupq_n_f32(-INFINITY)), vdupq_n_f32(0.0f), m);
}

/* The tree of a sum over 16 virtual lanes: lanes 0 .. 3 are in s[0], 12 .. 15 in s[3]. */
static inline float neon_sum(const float32x4_t s[GML_SUM_LANES / NEON_LANES])
{
    const float32x4_t four = vaddq_f32(vaddq_f32(s[0], s[2]), vaddq_f32(s[1], s[3]));
    return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

/* acc + b * a[lane]. The instruction wants a literal; a constant lane leaves one of these. */
static inline __attribute__((always_inline)) float32x4_t neon_fma_lane(float32x4_t acc, float32x4_t b, float32x4_t a,
                                                                       int lane)
{
    switch (lane) {
    case 0:
        return vfmaq_laneq_f32(acc, b, a, 0);
    case 1:
        return vfmaq_laneq_f32(acc, b, a, 1);
    case 2:
        return vfmaq_laneq_f32(acc, b, a, 2);
    default:
        return vfmaq_laneq_f32(acc, b, a, 3);
    }
}

/* The first n elements, 1 <= n <= 3; the others are +0. */
static inline float32x4_t neon_load_tail(int64_t n, const float *x)
{
    const float32x2_t zero = vdup_n_f32(0.0f);
    if (n == 1)
        return vcombine_f32(vld1_lane_f32(x, zero, 0), zero);
    return vcombine_f32(vld1_f32(x), n == 2 ? zero : vld1_lane_f32(x + 2, zero, 0));
}

/* Stores the first n elements, 1 <= n <= 3. */
static inline void neon_store_tail(int64_t n, float *y, float32x4_t x)
{
    if (n == 1) {
        vst1q_lane_f32(y, x, 0);
        return;
    }
    vst1_f32(y, vget_low_f32(x));
    if (n == 3)
        vst1q_lane_f32(y + 2, x, 2);
}

#endif
