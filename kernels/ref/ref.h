/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Portable C11: what the kernels of this folder share, and the list of the folder's symbols. One element
 * at a time, for any CPU; written to be read beside docs/arithmetic.md, and without a thought of vectors.
 *
 * fmaf is the one library function: a compiler that targets fused multiply-add inlines it, otherwise the C
 * library computes the same bits in software.
 */
#ifndef GML_REF_H
#define GML_REF_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Adding 1.5 * 2^23 to |x| < 2^22 leaves x, rounded to nearest even, in the low bits of the sum. */
#define REF_MAGIC 0x1.8p23f

static inline uint32_t ref_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float ref_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 1 + r * (C1 + r * (C2 + ... + r * C6)), for |r| <= 1/2. */
static inline float ref_poly_exp2(float r)
{
    float p = GML_EXP2_C6;
    p = fmaf(p, r, GML_EXP2_C5);
    p = fmaf(p, r, GML_EXP2_C4);
    p = fmaf(p, r, GML_EXP2_C3);
    p = fmaf(p, r, GML_EXP2_C2);
    p = fmaf(p, r, GML_EXP2_C1);
    return fmaf(p, r, 1.0f);
}

/* 2^n for -126 <= n <= 127. */
static inline float ref_power(int32_t n)
{
    return ref_float((uint32_t)(n + 127) << 23);
}

/* p * 2^n, n being the integer in the low bits of t, by two exact multiplications: 2^128 is no float,
 * but p * 2^128 may be. Where p is NaN, t may be anything, and n nonsense. */
static inline float ref_scale_exp2(float p, float t)
{
    const int32_t n = (int32_t)(ref_bits(t) - ref_bits(REF_MAGIC));
    return p * ref_power(n >> 1) * ref_power(n - (n >> 1));
}

/* exp2 of any x. The upper bound gives infinity already; the comparisons let NaN pass. */
static inline float ref_exp2(float x)
{
    x = x > 129.0f ? 129.0f : x;
    const float t = x + REF_MAGIC, n = t - REF_MAGIC;
    return x < GML_EXP2_LOW ? 0.0f : ref_scale_exp2(ref_poly_exp2(x - n), t);
}

/* exp of z <= 0 or NaN. */
static inline float ref_exp(float z)
{
    const float t = fmaf(z, GML_LOG2E, REF_MAGIC), n = t - REF_MAGIC;
    float r = fmaf(z, GML_LOG2E, -n);
    r = fmaf(z, GML_LOG2E_LO, r);
    return z < GML_EXP_LOW ? 0.0f : ref_scale_exp2(ref_poly_exp2(r), t);
}

/* tanh of any x. */
static inline float ref_tanh(float x)
{
    if (fabsf(x) < GML_TANH_SPLIT) {
        const float z = x * x;
        float p = GML_TANH_C11;
        p = fmaf(p, z, GML_TANH_C9);
        p = fmaf(p, z, GML_TANH_C7);
        p = fmaf(p, z, GML_TANH_C5);
        p = fmaf(p, z, GML_TANH_C3);
        return fmaf(x * z, p, x);
    }
    const float e = ref_exp(-2.0f * fabsf(x));
    return copysignf(1.0f - (e + e) / (1.0f + e), x);
}

/* The larger one; m where x is NaN. */
static inline float ref_max(float x, float m)
{
    return x > m ? x : m;
}

/* m, or 0 where it is -infinity: what is subtracted before an exponential. */
static inline float ref_finite_or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

/* The tree over the 16 virtual lanes, which lie `stride` elements apart: i + 8, i + 4, i + 2, i + 1. */
static inline float ref_sum_lanes(float *lane, int64_t stride)
{
    for (int64_t half = GML_SUM_LANES / 2; half > 0; half /= 2)
        for (int64_t i = 0; i < half; i++)
            lane[i * stride] += lane[(i + half) * stride];
    return lane[0];
}

/* Whether bit j % 32 of word j / 32 is set; the words lie `stride` elements apart. */
static inline bool ref_sees(const uint32_t *seen, int64_t stride, int64_t j)
{
    return (seen[j / 32 * stride] >> j % 32 & 1) != 0;
}

/* The distance of ALiBi between a query and key j, negative. */
static inline float ref_distance(int32_t position, int64_t j)
{
    const int64_t d = position < j ? j - position : position - j;
    return -(float)(d < GML_ALIBI_FAR ? d : GML_ALIBI_FAR);
}

static inline int64_t ref_min(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* The symbols of this folder, in the order of its table (set.c). */
gml_gemm_block_fn gml_gemm_f32_8x8_ref, gml_gemm_f32_4x4_ref, gml_gemm_f32_1x16_ref;
gml_gemm_block_fn gml_gemm_f64_4x8_ref, gml_gemm_f64_1x8_ref;
gml_gemm_rows_fn gml_gemm_rows_f32_ref, gml_gemm_rows_f64_ref;
gml_gemm_dots_fn gml_gemm_dots_f32_ref, gml_gemm_dots_f64_ref;
gml_gemm_update_fn gml_gemm_update_f32_ref, gml_gemm_update_f64_ref;
gml_gemm_finish_fn gml_gemm_finish_f32_ref, gml_gemm_finish_f64_ref;
gml_pack_fn gml_pack_f32_ref, gml_pack_f64_ref;
gml_map_f32_fn gml_exp2_f32_ref, gml_exp_f32_ref;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_ref;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_ref;
gml_softmax_log_f32_fn gml_softmax_log_f32_ref;
gml_softmax_step_f32_fn gml_softmax_step_f32_ref;
gml_softmax_rows_f32_fn gml_softmax_rows_f32_ref;
gml_softmax_fence_fn gml_softmax_fence_ref;
gml_attention_step_f32_fn gml_attention_f32_8_ref, gml_attention_f32_4_ref;
gml_attention_scale_f32_fn gml_attention_scale_f32_ref;
gml_attention_keep_fn gml_attention_keep_ref;
gml_attention_products_f32_fn gml_attention_products_f32_ref;
gml_attention_weigh_f32_fn gml_attention_weigh_f32_ref;
gml_attention_values_f32_fn gml_attention_values_f32_ref;
gml_attention_merge_f32_fn gml_attention_merge_f32_ref;

#endif
