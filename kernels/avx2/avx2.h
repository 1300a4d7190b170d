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

/* Makes the compilers forget what they know of a pointer, an integer or a vector, and keep it in a register. */
#define AVX2_OPAQUE(x)        __asm__("" : "+r"(x))
#define AVX2_OPAQUE_VECTOR(x) __asm__("" : "+x"(x))

AVX2_INLINE int64_t avx2_min(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

AVX2_INLINE int64_t avx2_max(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

/* The mask of the first `bytes` bytes of a vector, a multiple of 4 in 0 .. 32, in memory. */
AVX2_INLINE const int32_t *avx2_mask_of(int64_t bytes)
{
    static const int32_t masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return masks + 8 - bytes / 4;
}

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

/* The same for double, n in 1 .. 4. */
AVX2_INLINE __m256d avx2_load_f64(int64_t n, const double *x)
{
    return n == 4 ? _mm256_loadu_pd(x) : _mm256_maskload_pd(x, avx2_mask(2 * n));
}

AVX2_INLINE void avx2_store_f64(int64_t n, double *y, __m256d x)
{
    if (n == 4) {
        _mm256_storeu_pd(y, x);
        return;
    }
    __m128d rest = _mm256_castpd256_pd128(x);
    if (n & 2) {
        _mm_storeu_pd(y, rest);
        rest = _mm256_extractf128_pd(x, 1);
        y += 2;
    }
    if (n & 1)
        _mm_store_sd(y, rest);
}

/* Four columns from p on of eight rows: out[q] is column p + q. */
AVX2_INLINE void avx2_transpose_f32(const float *const *row, int64_t p, __m256 *out)
{
    __m256 r[4];
    AVX2_UNROLL
    for (int i = 0; i < 4; i++)
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + p)), _mm_loadu_ps(row[i + 4] + p), 1);
    const __m256 a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    const __m256 c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    out[0] = _mm256_shuffle_ps(a, c, 0x44);
    out[1] = _mm256_shuffle_ps(a, c, 0xee);
    out[2] = _mm256_shuffle_ps(b, d, 0x44);
    out[3] = _mm256_shuffle_ps(b, d, 0xee);
}

/* Two columns from p on of four rows. */
AVX2_INLINE void avx2_transpose_f64(const double *const *row, int64_t p, __m256d *out)
{
    __m256d r[2];
    AVX2_UNROLL
    for (int i = 0; i < 2; i++)
        r[i] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(row[i] + p)), _mm_loadu_pd(row[i + 2] + p), 1);
    out[0] = _mm256_unpacklo_pd(r[0], r[1]);
    out[1] = _mm256_unpackhi_pd(r[0], r[1]);
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

/* exp2 of x <= 0 or NaN, as differences to a maximum are. n < -100 is selected away. */
AVX2_INLINE __m256 avx2_exp2_below(__m256 x)
{
    const __m256 none = _mm256_cmp_ps(x, _mm256_set1_ps(GML_EXP2_LOW), _CMP_LT_OQ);
    const __m256i n = _mm256_cvtps_epi32(x);
    return avx2_scale_exp2(avx2_poly_exp2(_mm256_sub_ps(x, _mm256_cvtepi32_ps(n))), n, none);
}

/* exp2 of any x. The minimum lets NaN pass; 128 has n = 128 and p = 1, which make the bits of infinity. Below 128,
 * n = 128 meets p < 1 only. */
AVX2_INLINE __m256 avx2_exp2(__m256 x)
{
    return avx2_exp2_below(_mm256_min_ps(_mm256_set1_ps(128.0f), x));
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

/* tanh of any x. */
AVX2_INLINE __m256 avx2_tanh(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f), size = _mm256_andnot_ps(sign, x);
    const __m256 z = _mm256_mul_ps(x, x);
    __m256 p = _mm256_set1_ps(GML_TANH_C11);
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(GML_TANH_C9));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(GML_TANH_C7));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(GML_TANH_C5));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(GML_TANH_C3));
    const __m256 small = _mm256_fmadd_ps(_mm256_mul_ps(x, z), p, x);

    const __m256 e = avx2_exp(_mm256_mul_ps(size, _mm256_set1_ps(-2.0f)));
    __m256 large = _mm256_sub_ps(one, _mm256_div_ps(_mm256_add_ps(e, e), _mm256_add_ps(one, e)));
    large = _mm256_or_ps(large, _mm256_and_ps(x, sign));
    return _mm256_blendv_ps(large, small, _mm256_cmp_ps(size, _mm256_set1_ps(GML_TANH_SPLIT), _CMP_LT_OQ));
}

/* t + slope * -|position - key|, where the distance counts no further than ALIBI_FAR. */
AVX2_INLINE __m256 avx2_alibi(__m256 t, __m256 slope, __m256i position, __m256i key)
{
    const __m256i d = _mm256_abs_epi32(_mm256_sub_epi32(position, key)), far = _mm256_set1_epi32((int)GML_ALIBI_FAR);
    return _mm256_fnmadd_ps(slope, _mm256_cvtepi32_ps(_mm256_min_epi32(d, far)), t);
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
gml_gemm_block_fn gml_gemm_f32_6x16_avx2, gml_gemm_f32_4x24_avx2, gml_gemm_f32_12x8_avx2;
gml_gemm_block_fn gml_gemm_f64_6x8_avx2, gml_gemm_f64_4x12_avx2, gml_gemm_f64_12x4_avx2;
gml_gemm_rows_fn gml_gemm_rows_f32_avx2, gml_gemm_rows_f64_avx2;
gml_gemm_dots_fn gml_gemm_dots_f32_avx2, gml_gemm_dots_f64_avx2;
gml_gemm_update_fn gml_gemm_update_f32_avx2, gml_gemm_update_f64_avx2;
gml_gemm_finish_fn gml_gemm_finish_f32_avx2, gml_gemm_finish_f64_avx2;
gml_pack_fn gml_pack_f32_avx2, gml_pack_f64_avx2;
gml_map_f32_fn gml_exp2_f32_avx2, gml_exp_f32_avx2;
gml_softmax_reduce_f32_fn gml_softmax_reduce_f32_avx2;
gml_softmax_scale_f32_fn gml_softmax_scale_f32_avx2;
gml_softmax_log_f32_fn gml_softmax_log_f32_avx2;
gml_softmax_step_f32_fn gml_softmax_step_f32_avx2;
gml_softmax_rows_f32_fn gml_softmax_rows_f32_avx2;
gml_softmax_fence_fn gml_softmax_fence_avx2;
gml_attention_step_f32_fn gml_attention_f32_24_avx2, gml_attention_f32_16_avx2, gml_attention_f32_8_avx2;
gml_attention_scale_f32_fn gml_attention_scale_f32_avx2;
gml_attention_keep_fn gml_attention_keep_avx2;
gml_attention_products_f32_fn gml_attention_products_f32_avx2;
gml_attention_weigh_f32_fn gml_attention_weigh_f32_avx2;
gml_attention_values_f32_fn gml_attention_values_f32_avx2;
gml_attention_merge_f32_fn gml_attention_merge_f32_avx2;

#endif
