/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f32: biases and activations.
 */
#include "kernels/avx2/f32.h"

/* 1 / (1 + exp(-x)), from an exponential that is at most 1. */
AVX2_INLINE __m256 sigmoid(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    const __m256 e = avx2_exp(_mm256_or_ps(x, sign)), r = _mm256_div_ps(one, _mm256_add_ps(one, e));
    const __m256 negative = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_blendv_ps(r, _mm256_mul_ps(e, r), negative);
}

/* x * Phi(x), Phi being the normal distribution; its tail is exp(-x^2 / 2) times a polynomial in 1 / (1 + P * |x|). */
AVX2_INLINE __m256 gelu_erf(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    const __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(_mm256_set1_ps(GML_GELU_P), size, one));
    __m256 q = _mm256_set1_ps(GML_GELU_C8);
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C7));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C6));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C5));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C4));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C3));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C2));
    q = _mm256_fmadd_ps(q, t, _mm256_set1_ps(GML_GELU_C1));
    const __m256 e = avx2_exp(_mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(-0.5f), size), size));
    const __m256 tail = _mm256_mul_ps(_mm256_mul_ps(q, t), e);
    const __m256 negative = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_mul_ps(x, _mm256_blendv_ps(_mm256_sub_ps(one, tail), tail, negative));
}

AVX2_INLINE __m256 gelu_tanh(__m256 x)
{
    const __m256 c1 = _mm256_set1_ps(GML_GELU_TANH_C1), c3 = _mm256_set1_ps(GML_GELU_TANH_C3);
    return _mm256_mul_ps(x, sigmoid(_mm256_mul_ps(x, _mm256_fmadd_ps(_mm256_mul_ps(x, x), c3, c1))));
}

AVX2_INLINE __m256 activate(const int32_t activation, __m256 x)
{
    switch (activation) {
    case GML_ACTIVATION_RELU:
        return _mm256_max_ps(_mm256_setzero_ps(), x); /* x where it is NaN */
    case GML_ACTIVATION_GELU_ERF:
        return gelu_erf(x);
    case GML_ACTIVATION_GELU_TANH:
        return gelu_tanh(x);
    case GML_ACTIVATION_SILU:
        return _mm256_mul_ps(x, sigmoid(x));
    default:
        return x;
    }
}

#define FINISH   gml_gemm_finish_f32_avx2
#define ACTIVATE activate
#include "kernels/avx2/finish.inc"
