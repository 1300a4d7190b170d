/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AVX2 and FMA: what the kernels of this folder share. Idioms that are no single intrinsic, and the list
 * of the folder's symbols. 16 registers of 8 floats; masked loads and stores take their mask from a
 * register, and lanes outside it touch no memory.
 */
#ifndef GML_AVX2_H
#define GML_AVX2_H

#include "kernels/arithmetic.h"
#include "kernels/kernel.h"
#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#define AVX2_LANES 8

/* Functions that compile to one body for each set of constant arguments. */
#define AVX2_INLINE static inline __attribute__((always_inline))

/* Functions with all general registers to themselves, so that no pointer of a k-loop is spilled. */
#define AVX2_APART static __attribute__((noinline))

/* Before a loop over an array of registers: unrolled, or the array stays in memory. Before a loop over
 * k: not unrolled, or gcc 12 spills, as it sees several steps at once and sixteen registers are just
 * enough for one. */
#ifdef __clang__
#define AVX2_UNROLL _Pragma("clang loop unroll(full)")
#define AVX2_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define AVX2_UNROLL _Pragma("GCC unroll 16")
#define AVX2_ROLLED _Pragma("GCC unroll 1")
#endif

/* Lanes 0 .. n-1, for n in 0 .. 8. */
AVX2_INLINE __m256i avx2_mask(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* x[0 .. n-1], for n in 1 .. 8; the other lanes are 0. */
AVX2_INLINE __m256 avx2_load(int64_t n, const float *x)
{
    return n == AVX2_LANES ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, avx2_mask(n));
}

/* y[0 .. n-1] = x, for n in 1 .. 8; in pieces of four, two and one, as masked stores are microcode on some
 * CPUs. */
AVX2_INLINE void avx2_store(int64_t n, float *y, __m256 x)
{
    if (n == AVX2_LANES) {
        _mm256_storeu_ps(y, x);
        return;
    }
    __m128 rest = _mm256_castps256_ps128(x);
    if (n & 4) {
        _mm_storeu_ps(y, rest);
        rest = _mm256_extractf128_ps(x, 1);
        y += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)y, rest);
        rest = _mm_movehl_ps(rest, rest);
        y += 2;
    }
    if (n & 1)
        _mm_store_ss(y, rest);
}

/* 1 + r * (C1 + r * (C2 + ... + r * C6)), for |r| <= 1/2. */
AVX2_INLINE __m256 avx2_poly_exp2(__m256 r)
{
    __m256 p = _mm256_set1_ps(GML_EXP2_C6);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(GML_EXP2_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(GML_EXP2_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(GML_EXP2_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(GML_EXP2_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(GML_EXP2_C1));
    return _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
}

/* p * 2^n, selected to +0 in the lanes of `none`. n goes straight to the exponent, as no result is
 * denormal. The conversion that made n gives 2^31 for NaN, which shifts to 0, so that a NaN in p stays
 * what it is. */
AVX2_INLINE __m256 avx2_scale_exp2(__m256 p, __m256i n, __m256 none)
{
    const __m256i y = _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(n, 23));
    return _mm256_andnot_ps(none, _mm256_castsi256_ps(y));
}

/* exp2 of any x. The minimum lets NaN pass; 128 has n = 128 and p = 1, which make the bits of
 * infinity. Below 128, n = 128 meets p < 1 only, and n < -100 is selected away. */
AVX2_INLINE __m256 avx2_exp2(__m256 x)
{
    const __m256 none = _mm256_cmp_ps(x, _mm256_set1_ps(GML_EXP2_LOW), _CMP_LT_OQ);
    x = _mm256_min_ps(_mm256_set1_ps(128.0f), x);
    const __m256i n = _mm256_cvtps_epi32(x);
    return avx2_scale_exp2(avx2_poly_exp2(_mm256_sub_ps(x, _mm256_cvtepi32_ps(n))), n, none);
}

/* exp of z <= 0 or NaN. */
AVX2_INLINE __m256 avx2_exp(__m256 z)
{
    const __m256 log2e = _mm256_set1_ps(GML_LOG2E), magic = _mm256_set1_ps(0x1.8p23f);
    const __m256 none = _mm256_cmp_ps(z, _mm256_set1_ps(GML_EXP_LOW), _CMP_LT_OQ);
    const __m256 n = _mm256_sub_ps(_mm256_fmadd_ps(z, log2e, magic), magic);
    __m256 r = _mm256_fmsub_ps(z, log2e, n);
    r = _mm256_fmadd_ps(z, _mm256_set1_ps(GML_LOG2E_LO), r);
    return avx2_scale_exp2(avx2_poly_exp2(r), _mm256_cvtps_epi32(n), none);
}

/* m, or 0 where it is -infinity: what is subtracted before an exponential. */
AVX2_INLINE __m256 avx2_finite_or_zero(__m256 m)
{
    return _mm256_andnot_ps(_mm256_cmp_ps(m, _mm256_set1_ps(-INFINITY), _CMP_EQ_OQ), m);
}

/* The tree over the 16 virtual lanes, eight in each register: i + 8, i + 4, i + 2, i + 1. */
AVX2_INLINE float avx2_sum_lanes(__m256 s0, __m256 s1)
{
    const __m256 x = _mm256_add_ps(s0, s1);
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}

/* The largest of eight lanes, none of them NaN. */
AVX2_INLINE float avx2_max_lanes(__m256 m)
{
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

/* The symbols of this folder, in the order of its table (set.c). */
gml_gemm_tile_f32_fn gml_gemm_f32_6x16_avx2, gml_gemm_f32_4x24_avx2, gml_gemm_f32_12x8_avx2;
gml_pack_f32_fn gml_pack_f32_avx2;
gml_map_f32_fn gml_exp2_f32_avx2, gml_exp_f32_avx2;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_avx2;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_avx2;
gml_attention_step_f32_fn gml_attention_f32_24_avx2, gml_attention_f32_16_avx2, gml_attention_f32_8_avx2;

#endif
