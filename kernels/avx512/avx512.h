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

/* Keeps the exits of a loop out of its straight line. */
#define AVX512_UNLIKELY(condition) __builtin_expect(condition, 0)

/* Hides where an integer or pointer comes from, so that compilers do not derive further induction variables
 * from it, for which a register tile leaves no registers. */
#define AVX512_OPAQUE(x) __asm__("" : "+r"(x))

/* Lanes 0 .. n-1, for n in 0 .. 16. */
AVX512_INLINE __mmask16 avx512_mask(int64_t n)
{
    return (__mmask16)((1u << n) - 1u);
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

/* The symbols of this folder, in the order of its table (set.c). */
gml_gemm_tile_f32_fn gml_gemm_f32_8x48_avx512, gml_gemm_f32_6x64_avx512, gml_gemm_f32_14x32_avx512;
gml_pack_f32_fn gml_pack_f32_avx512;
gml_map_f32_fn gml_exp2_f32_avx512, gml_exp_f32_avx512;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_avx512;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_avx512;
gml_attention_step_f32_fn gml_attention_f32_48_avx512, gml_attention_f32_32_avx512;

#endif
