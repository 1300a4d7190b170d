/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NEON: what the kernels of this folder share. Idioms that are no single intrinsic, and the list of the
 * folder's symbols. AArch64, 32 registers of 4 floats or 2 doubles; the FMA multiplies by one lane of a
 * register, without a broadcast. Loads and stores cannot be masked: tails go in pieces of two and one.
 */
#ifndef GML_NEON_H
#define GML_NEON_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <arm_neon.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define NEON_LANES 4 /* of float; 2 of double */

/* Functions that compile to one body for each set of constant arguments. */
#define NEON_INLINE static inline __attribute__((always_inline))

/* Functions with all general registers to themselves, so that no pointer of a k-loop is spilled. */
#define NEON_APART static __attribute__((noinline))

/* Before a loop over an array of registers: unrolled, or gcc 12 leaves the array in memory. Before a loop
 * over k: not unrolled, as a single step is long enough to hide its loop. */
#ifdef __clang__
#define NEON_UNROLL _Pragma("clang loop unroll(full)")
#define NEON_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define NEON_UNROLL _Pragma("GCC unroll 32")
#define NEON_ROLLED _Pragma("GCC unroll 1")
#endif

/* Makes the compiler forget what it knows of a pointer, so that it does not keep one for each row instead; of a stride,
 * so that it stays in a register; of a vector, so that it does not keep a broadcast of each lane. */
#define NEON_OPAQUE(x) __asm__("" : "+r"(x))
#define NEON_OPAQUE_VECTOR(x) __asm__("" : "+w"(x))

/* What is read through these pointers is read after x is formed. Otherwise compilers move the loads of an unrolled loop
 * to its top, for more registers than there are. */
#define NEON_AFTER(p, q, x) __asm__("" : "+r"(p), "+r"(q) : "w"(x))

NEON_INLINE int64_t neon_min(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* How many of the rows or columns that are left a tile takes. Where nothing is packed, what is more than one panel and
 * less than two is halved: a small rest would wait for the latency of its few sums. */
NEON_INLINE int64_t neon_piece(int64_t left, int64_t panel, bool packed, int64_t multiple)
{
    if (packed || left <= panel || left >= 2 * panel)
        return neon_min(left, panel);
    return (left / 2 + multiple - 1) / multiple * multiple;
}

/* Lanes 0 .. n-1, for n in 0 .. 4. */
NEON_INLINE uint32x4_t neon_mask(int64_t n)
{
    static const int32_t lane[NEON_LANES] = {0, 1, 2, 3};
    return vcltq_s32(vld1q_s32(lane), vdupq_n_s32((int32_t)n));
}

/* x[0 .. n-1], for n in 1 .. 4; the other lanes are 0. */
NEON_INLINE float32x4_t neon_load(int64_t n, const float *x)
{
    const float32x2_t zero = vdup_n_f32(0.0f);
    switch (n) {
    case 1:
        return vcombine_f32(vld1_lane_f32(x, zero, 0), zero);
    case 2:
        return vcombine_f32(vld1_f32(x), zero);
    case 3:
        return vcombine_f32(vld1_f32(x), vld1_lane_f32(x + 2, zero, 0));
    default:
        return vld1q_f32(x);
    }
}

/* y[0 .. n-1] = x, for n in 1 .. 4. */
NEON_INLINE void neon_store(int64_t n, float *y, float32x4_t x)
{
    switch (n) {
    case 1:
        vst1q_lane_f32(y, x, 0);
        break;
    case 2:
        vst1_f32(y, vget_low_f32(x));
        break;
    case 3:
        vst1_f32(y, vget_low_f32(x));
        vst1q_lane_f32(y + 2, x, 2);
        break;
    default:
        vst1q_f32(y, x);
    }
}

/* The same for double, n in 1 .. 2. */
NEON_INLINE float64x2_t neon_load_f64(int64_t n, const double *x)
{
    return n == 1 ? vcombine_f64(vld1_f64(x), vdup_n_f64(0.0)) : vld1q_f64(x);
}

NEON_INLINE void neon_store_f64(int64_t n, double *y, float64x2_t x)
{
    if (n == 1)
        vst1q_lane_f64(y, x, 0);
    else
        vst1q_f64(y, x);
}

/* x[0] in lane 0, zero in the others. Spelled, because compilers prefer to broadcast what is multiplied by lane, and
 * LD1R takes an arithmetic slot besides the load on most cores. */
NEON_INLINE float32x4_t neon_load_first(const float *x)
{
    float32x4_t y;
    __asm__("ldr %s0, %1" : "=w"(y) : "m"(*x));
    return y;
}

NEON_INLINE float64x2_t neon_load_first_f64(const double *x)
{
    float64x2_t y;
    __asm__("ldr %d0, %1" : "=w"(y) : "m"(*x));
    return y;
}

/* x[0], x[stride], ... in the lanes. */
NEON_INLINE float32x4_t neon_gather(const float *x, int64_t stride)
{
    float32x4_t y = neon_load_first(x);
    y = vld1q_lane_f32(x + stride, y, 1);
    y = vld1q_lane_f32(x + 2 * stride, y, 2);
    return vld1q_lane_f32(x + 3 * stride, y, 3);
}

NEON_INLINE float64x2_t neon_gather_f64(const double *x, int64_t stride)
{
    return vld1q_lane_f64(x + stride, neon_load_first_f64(x), 1);
}

/* acc + x * y[lane]. The instruction wants a literal; a constant lane leaves one of these. */
NEON_INLINE float32x4_t neon_fma_lane(float32x4_t acc, float32x4_t x, float32x4_t y, int lane)
{
    switch (lane) {
    case 0:
        return vfmaq_laneq_f32(acc, x, y, 0);
    case 1:
        return vfmaq_laneq_f32(acc, x, y, 1);
    case 2:
        return vfmaq_laneq_f32(acc, x, y, 2);
    default:
        return vfmaq_laneq_f32(acc, x, y, 3);
    }
}

NEON_INLINE float64x2_t neon_fma_lane_f64(float64x2_t acc, float64x2_t x, float64x2_t y, int lane)
{
    return lane == 0 ? vfmaq_laneq_f64(acc, x, y, 0) : vfmaq_laneq_f64(acc, x, y, 1);
}

/* Lane j of r[i] and lane i of r[j] change places. */
NEON_INLINE void neon_transpose(float32x4_t r[4])
{
    const float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
    const float64x2_t odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    const float64x2_t even23 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
    const float64x2_t odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(even01, even23));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(even01, even23));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23));
}

NEON_INLINE void neon_transpose_f64(float64x2_t r[2])
{
    const float64x2_t even = vtrn1q_f64(r[0], r[1]);
    r[1] = vtrn2q_f64(r[0], r[1]);
    r[0] = even;
}

/* 1 + r * (C1 + r * (C2 + ... + r * C6)), for |r| <= 1/2. */
NEON_INLINE float32x4_t neon_poly_exp2(float32x4_t r)
{
    float32x4_t p = vdupq_n_f32(GML_EXP2_C6);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C5), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(GML_EXP2_C1), p, r);
    return vfmaq_f32(vdupq_n_f32(1.0f), p, r);
}

/* p * 2^n, selected to +0 in the lanes of `none`. n goes straight to the exponent, as no result is denormal.
 * The conversion makes 0 of NaN, so that a NaN in p stays what it is. */
NEON_INLINE float32x4_t neon_scale_exp2(float32x4_t p, float32x4_t n, uint32x4_t none)
{
    const uint32x4_t exponent = vreinterpretq_u32_s32(vshlq_n_s32(vcvtq_s32_f32(n), 23));
    const uint32x4_t y = vaddq_u32(vreinterpretq_u32_f32(p), exponent);
    return vreinterpretq_f32_u32(vbicq_u32(y, none));
}

/* exp2 of x <= 0 or NaN, as differences to a maximum are. n < -100 is selected away. */
NEON_INLINE float32x4_t neon_exp2_below(float32x4_t x)
{
    const uint32x4_t none = vcltq_f32(x, vdupq_n_f32(GML_EXP2_LOW));
    const float32x4_t n = vrndnq_f32(x);
    return neon_scale_exp2(neon_poly_exp2(vsubq_f32(x, n)), n, none);
}

/* exp2 of any x. FMIN lets NaN pass; 128 has n = 128 and p = 1, which make the bits of infinity. Below 128, n = 128
 * meets p < 1 only. */
NEON_INLINE float32x4_t neon_exp2(float32x4_t x)
{
    return neon_exp2_below(vminq_f32(x, vdupq_n_f32(128.0f)));
}

/* exp of z <= 0 or NaN. */
NEON_INLINE float32x4_t neon_exp(float32x4_t z)
{
    const float32x4_t log2e = vdupq_n_f32(GML_LOG2E), magic = vdupq_n_f32(0x1.8p23f);
    const uint32x4_t none = vcltq_f32(z, vdupq_n_f32(GML_EXP_LOW));
    const float32x4_t n = vsubq_f32(vfmaq_f32(magic, z, log2e), magic);
    float32x4_t r = vfmaq_f32(vnegq_f32(n), z, log2e);
    r = vfmaq_f32(r, z, vdupq_n_f32(GML_LOG2E_LO));
    return neon_scale_exp2(neon_poly_exp2(r), n, none);
}

/* tanh of any x. */
NEON_INLINE float32x4_t neon_tanh(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f), size = vabsq_f32(x);
    const float32x4_t z = vmulq_f32(x, x);
    float32x4_t p = vdupq_n_f32(GML_TANH_C11);
    p = vfmaq_f32(vdupq_n_f32(GML_TANH_C9), p, z);
    p = vfmaq_f32(vdupq_n_f32(GML_TANH_C7), p, z);
    p = vfmaq_f32(vdupq_n_f32(GML_TANH_C5), p, z);
    p = vfmaq_f32(vdupq_n_f32(GML_TANH_C3), p, z);
    const float32x4_t small = vfmaq_f32(x, vmulq_f32(x, z), p);

    const float32x4_t e = neon_exp(vmulq_f32(size, vdupq_n_f32(-2.0f)));
    const float32x4_t large = vsubq_f32(one, vdivq_f32(vaddq_f32(e, e), vaddq_f32(one, e)));
    const float32x4_t signed_large = vbslq_f32(vdupq_n_u32(UINT32_C(1) << 31), x, large);
    return vbslq_f32(vcltq_f32(size, vdupq_n_f32(GML_TANH_SPLIT)), small, signed_large);
}

/* t + slope * -|position - key|, where the distance counts no further than ALIBI_FAR. */
NEON_INLINE float32x4_t neon_alibi(float32x4_t t, float32x4_t slope, int32x4_t position, int32x4_t key)
{
    const int32x4_t d = vabdq_s32(position, key), far = vdupq_n_s32((int32_t)GML_ALIBI_FAR);
    return vfmsq_f32(t, slope, vcvtq_f32_s32(vminq_s32(d, far)));
}

/* x > m ? x : m for any x but a signalling NaN, up to the sign of zero: FMAXNM takes a quiet NaN for missing.
 * Results of arithmetic, of which all maxima here are taken, are never signalling. */
NEON_INLINE float32x4_t neon_max(float32x4_t x, float32x4_t m)
{
    return vmaxnmq_f32(x, m);
}

/* m, or 0 where it is -infinity: what is subtracted before an exponential. */
NEON_INLINE float32x4_t neon_finite_or_zero(float32x4_t m)
{
    const uint32x4_t none = vceqq_f32(m, vdupq_n_f32(-INFINITY));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(m), none));
}

/* The tree over the 16 virtual lanes, four in each register: i + 8, i + 4, i + 2, i + 1. */
NEON_INLINE float neon_sum_lanes(float32x4_t s0, float32x4_t s1, float32x4_t s2, float32x4_t s3)
{
    const float32x4_t x = vaddq_f32(vaddq_f32(s0, s2), vaddq_f32(s1, s3));
    return vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x)));
}

/* The symbols of this folder, in the order of its table (set.c). */
gml_gemm_block_fn gml_gemm_f32_8x12_neon, gml_gemm_f32_6x16_neon, gml_gemm_f32_12x8_neon, gml_gemm_f32_4x20_neon;
gml_gemm_block_fn gml_gemm_f64_8x6_neon, gml_gemm_f64_6x8_neon, gml_gemm_f64_4x10_neon;
gml_gemm_rows_fn gml_gemm_rows_f32_neon, gml_gemm_rows_f64_neon;
gml_gemm_dots_fn gml_gemm_dots_f32_neon, gml_gemm_dots_f64_neon;
gml_gemm_update_fn gml_gemm_update_f32_neon, gml_gemm_update_f64_neon;
gml_gemm_finish_fn gml_gemm_finish_f32_neon, gml_gemm_finish_f64_neon;
gml_pack_fn gml_pack_f32_neon, gml_pack_f64_neon;
gml_map_f32_fn gml_exp2_f32_neon, gml_exp_f32_neon;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_neon;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_neon;
gml_softmax_log_f32_fn gml_softmax_log_f32_neon;
gml_softmax_step_f32_fn gml_softmax_step_f32_neon;
gml_softmax_rows_f32_fn gml_softmax_rows_f32_neon;
gml_softmax_fence_fn gml_softmax_fence_neon;
gml_attention_step_f32_fn gml_attention_f32_24_neon, gml_attention_f32_8_neon, gml_attention_f32_4_neon;
gml_attention_scale_f32_fn gml_attention_scale_f32_neon;
gml_attention_keep_fn gml_attention_keep_neon;
gml_attention_products_f32_fn gml_attention_products_f32_neon;
gml_attention_weigh_f32_fn gml_attention_weigh_f32_neon;
gml_attention_values_f32_fn gml_attention_values_f32_neon;
gml_attention_merge_f32_fn gml_attention_merge_f32_neon;

#endif
