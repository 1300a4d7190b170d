/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AVX-512: what the kernels of this folder share. Idioms that are no single intrinsic, and the list of the
 * folder's symbols. 32 registers of 16 floats; tails are opmasks, whose masked lanes touch no memory.
 *
 * Needs AVX512F, DQ (vreduceps, 256-bit extracts), BW and VL, AVX2 and FMA.
 */
#ifndef GML_AVX512_H
#define GML_AVX512_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#define AVX512_LANES 16

/* Functions that compile to one body for each set of constant arguments. */
#define AVX512_INLINE static inline __attribute__((always_inline))

/* Before a loop over rows of sums that a compiler might take for one to keep, and its array of sums in memory. */
#ifdef __clang__
#define AVX512_UNROLL _Pragma("clang loop unroll(full)")
#else
#define AVX512_UNROLL _Pragma("GCC unroll 16")
#endif

/* Keeps the exits of a loop out of its straight line. */
#define AVX512_UNLIKELY(condition) __builtin_expect(condition, 0)

/* Hides where an integer or pointer comes from, so that compilers do not derive further induction variables
 * from it, for which a register tile leaves no registers. */
#define AVX512_OPAQUE(x) __asm__("" : "+r"(x))

/* Makes a value of what was loaded: clang takes loading and keeping a vector for copying memory, and keeps it there. */
#define AVX512_VALUE(x) __asm__("" : "+v"(x))

/* Lanes 0 .. n-1, for n in 0 .. 16. */
AVX512_INLINE __mmask16 avx512_mask(int64_t n)
{
    return (__mmask16)((1u << n) - 1u);
}

AVX512_INLINE int64_t avx512_min(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* 1 + r * (C1 + r * (C2 + ... + r * C6)), for |r| <= 1/2. */
AVX512_INLINE __m512 avx512_poly_exp2(__m512 r)
{
    __m512 p = _mm512_set1_ps(GML_EXP2_C6);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(GML_EXP2_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(GML_EXP2_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(GML_EXP2_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(GML_EXP2_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(GML_EXP2_C1));
    return _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
}

/* exp2 of any x. vreduceps gives x - round(x) exactly, and 0 for infinities, so that n keeps them; vscalefps knows
 * infinite n. Lanes below the bound are masked, not clamped: no denormal arises, which on some CPUs costs a
 * microcode assist of hundreds of cycles. */
AVX512_INLINE __m512 avx512_exp2(__m512 x)
{
    const __mmask16 some = _mm512_cmp_ps_mask(x, _mm512_set1_ps(GML_EXP2_LOW), _CMP_NLT_UQ);
    const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEAREST_INT);
    const __m512 n = _mm512_sub_ps(x, r);
    return _mm512_maskz_scalef_ps(some, avx512_poly_exp2(r), n);
}

/* exp of z <= 0 or NaN. */
AVX512_INLINE __m512 avx512_exp(__m512 z)
{
    const __m512 log2e = _mm512_set1_ps(GML_LOG2E), magic = _mm512_set1_ps(0x1.8p23f);
    const __mmask16 some = _mm512_cmp_ps_mask(z, _mm512_set1_ps(GML_EXP_LOW), _CMP_NLT_UQ);
    const __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(z, log2e, magic), magic);
    __m512 r = _mm512_fmsub_ps(z, log2e, n);
    r = _mm512_fmadd_ps(z, _mm512_set1_ps(GML_LOG2E_LO), r);
    return _mm512_maskz_scalef_ps(some, avx512_poly_exp2(r), n);
}

/* tanh of any x. */
AVX512_INLINE __m512 avx512_tanh(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f), size = _mm512_abs_ps(x);
    const __m512 z = _mm512_mul_ps(x, x);
    __m512 p = _mm512_set1_ps(GML_TANH_C11);
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(GML_TANH_C9));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(GML_TANH_C7));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(GML_TANH_C5));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(GML_TANH_C3));
    const __m512 small = _mm512_fmadd_ps(_mm512_mul_ps(x, z), p, x);

    const __m512 e = avx512_exp(_mm512_mul_ps(size, _mm512_set1_ps(-2.0f)));
    __m512 large = _mm512_sub_ps(one, _mm512_div_ps(_mm512_add_ps(e, e), _mm512_add_ps(one, e)));
    large = _mm512_or_ps(large, _mm512_and_ps(x, _mm512_set1_ps(-0.0f)));
    return _mm512_mask_mov_ps(large, _mm512_cmp_ps_mask(size, _mm512_set1_ps(GML_TANH_SPLIT), _CMP_LT_OQ), small);
}

/* t + slope * -|position - key|, where the distance counts no further than ALIBI_FAR. */
AVX512_INLINE __m512 avx512_alibi(__m512 t, __m512 slope, __m512i position, __m512i key)
{
    const __m512i d = _mm512_abs_epi32(_mm512_sub_epi32(position, key)), far = _mm512_set1_epi32((int)GML_ALIBI_FAR);
    return _mm512_fnmadd_ps(slope, _mm512_cvtepi32_ps(_mm512_min_epi32(d, far)), t);
}

/* m, or 0 where it is -infinity: what is subtracted before an exponential. */
AVX512_INLINE __m512 avx512_finite_or_zero(__m512 m)
{
    const __mmask16 some = _mm512_cmp_ps_mask(m, _mm512_set1_ps(-INFINITY), _CMP_NEQ_UQ);
    return _mm512_maskz_mov_ps(some, m);
}

/* The tree over the 16 virtual lanes: i + 8, i + 4, i + 2, i + 1. */
AVX512_INLINE float avx512_sum_lanes(__m512 lanes)
{
    const __m256 x = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

/* Transposes the 4 x 4 elements inside each 128-bit lane: r[c] becomes, in lane q, column 4q + c of 4 rows. */
AVX512_INLINE void avx512_transpose_in_lanes(__m512 *r)
{
    const __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}

/* Transposes the 4 x 4 lanes of 128 bits: out[q] is lane q of a, b, c and d. */
AVX512_INLINE void avx512_transpose_lanes(__m512 a, __m512 b, __m512 c, __m512 d, __m512 *out)
{
    const __m512 ab_even = _mm512_shuffle_f32x4(a, b, 0x88), ab_odd = _mm512_shuffle_f32x4(a, b, 0xdd);
    const __m512 cd_even = _mm512_shuffle_f32x4(c, d, 0x88), cd_odd = _mm512_shuffle_f32x4(c, d, 0xdd);
    out[0] = _mm512_shuffle_f32x4(ab_even, cd_even, 0x88);
    out[1] = _mm512_shuffle_f32x4(ab_odd, cd_odd, 0x88);
    out[2] = _mm512_shuffle_f32x4(ab_even, cd_even, 0xdd);
    out[3] = _mm512_shuffle_f32x4(ab_odd, cd_odd, 0xdd);
}

/* Transposes 16 x 16 floats: r[c] becomes column c of the 16 rows. */
AVX512_INLINE void avx512_transpose_f32(__m512 *r)
{
    __m512 column[16];
    for (int i = 0; i < 16; i += 4)
        avx512_transpose_in_lanes(r + i);
    for (int c = 0; c < 4; c++) {
        __m512 row[4];
        avx512_transpose_lanes(r[c], r[4 + c], r[8 + c], r[12 + c], row);
        for (int q = 0; q < 4; q++)
            column[4 * q + c] = row[q];
    }
    for (int c = 0; c < 16; c++)
        r[c] = column[c];
}

/* Transposes 8 x 8 doubles: r[c] becomes column c of the 8 rows. */
AVX512_INLINE void avx512_transpose_f64(__m512d *r)
{
    __m512 pair[2][4], row[4];
    for (int i = 0; i < 4; i++) {
        pair[0][i] = _mm512_castpd_ps(_mm512_unpacklo_pd(r[2 * i], r[2 * i + 1]));
        pair[1][i] = _mm512_castpd_ps(_mm512_unpackhi_pd(r[2 * i], r[2 * i + 1]));
    }
    for (int c = 0; c < 2; c++) {
        avx512_transpose_lanes(pair[c][0], pair[c][1], pair[c][2], pair[c][3], row);
        for (int q = 0; q < 4; q++)
            r[2 * q + c] = _mm512_castps_pd(row[q]);
    }
}

/* The symbols of this folder, in the order of its table (set.c). */
gml_gemm_block_fn gml_gemm_f32_8x48_avx512, gml_gemm_f32_6x64_avx512, gml_gemm_f32_14x32_avx512;
gml_gemm_block_fn gml_gemm_f64_8x24_avx512, gml_gemm_f64_6x32_avx512, gml_gemm_f64_14x16_avx512;
gml_gemm_rows_fn gml_gemm_rows_f32_avx512, gml_gemm_rows_f64_avx512;
gml_gemm_dots_fn gml_gemm_dots_f32_avx512, gml_gemm_dots_f64_avx512;
gml_gemm_update_fn gml_gemm_update_f32_avx512, gml_gemm_update_f64_avx512;
gml_gemm_finish_fn gml_gemm_finish_f32_avx512, gml_gemm_finish_f64_avx512;
gml_pack_fn gml_pack_f32_avx512, gml_pack_f64_avx512;
gml_map_f32_fn gml_exp2_f32_avx512, gml_exp_f32_avx512;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_avx512;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_avx512;
gml_softmax_log_f32_fn gml_softmax_log_f32_avx512;
gml_softmax_step_f32_fn gml_softmax_step_f32_avx512;
gml_softmax_rows_f32_fn gml_softmax_rows_f32_avx512;
gml_softmax_fence_fn gml_softmax_fence_avx512;
gml_attention_step_f32_fn gml_attention_f32_48_avx512, gml_attention_f32_32_avx512;
gml_attention_scale_f32_fn gml_attention_scale_f32_avx512;
gml_attention_keep_fn gml_attention_keep_avx512;
gml_attention_products_f32_fn gml_attention_products_f32_avx512;
gml_attention_weigh_f32_fn gml_attention_weigh_f32_avx512;
gml_attention_values_f32_fn gml_attention_values_f32_avx512;
gml_attention_merge_f32_fn gml_attention_merge_f32_avx512;

#endif
