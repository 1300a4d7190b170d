/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f32: biases and activations. Vectors lie along the dimension of C that is contiguous, one bias
 * in their lanes and the other broadcast; a C that is contiguous along neither is done an element at a time.
 */
#include "kernels/avx512/avx512.h"

/* 1 / (1 + exp(-x)), from an exponential that is at most 1. */
AVX512_INLINE __m512 sigmoid(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    const __m512 e = avx512_exp(_mm512_or_ps(x, _mm512_set1_ps(-0.0f)));
    const __m512 r = _mm512_div_ps(one, _mm512_add_ps(one, e));
    return _mm512_mask_mul_ps(r, negative, e, r);
}

/* x * Phi(x), Phi being the normal distribution; its tail is exp(-x^2 / 2) times a polynomial in 1 / (1 + P * |x|). */
AVX512_INLINE __m512 gelu_erf(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f), size = _mm512_abs_ps(x);
    const __mmask16 negative = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    const __m512 t = _mm512_div_ps(one, _mm512_fmadd_ps(_mm512_set1_ps(GML_GELU_P), size, one));
    __m512 q = _mm512_set1_ps(GML_GELU_C8);
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C7));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C6));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C5));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C4));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C3));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C2));
    q = _mm512_fmadd_ps(q, t, _mm512_set1_ps(GML_GELU_C1));
    const __m512 e = avx512_exp(_mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(-0.5f), size), size));
    const __m512 tail = _mm512_mul_ps(_mm512_mul_ps(q, t), e);
    return _mm512_mul_ps(x, _mm512_mask_mov_ps(_mm512_sub_ps(one, tail), negative, tail));
}

AVX512_INLINE __m512 gelu_tanh(__m512 x)
{
    const __m512 c1 = _mm512_set1_ps(GML_GELU_TANH_C1), c3 = _mm512_set1_ps(GML_GELU_TANH_C3);
    return _mm512_mul_ps(x, sigmoid(_mm512_mul_ps(x, _mm512_fmadd_ps(_mm512_mul_ps(x, x), c3, c1))));
}

AVX512_INLINE __m512 activate(const int activation, __m512 x)
{
    switch (activation) {
    case GML_ACTIVATION_RELU:
        return _mm512_max_ps(_mm512_setzero_ps(), x); /* 0 > x ? 0 : x */
    case GML_ACTIVATION_GELU_ERF:
        return gelu_erf(x);
    case GML_ACTIVATION_GELU_TANH:
        return gelu_tanh(x);
    case GML_ACTIVATION_SILU:
        return _mm512_mul_ps(x, sigmoid(x));
    default:
        return x;
    }
}

/* n contiguous elements: `along` is NULL or their biases, `across` NULL or the one that they share. */
AVX512_INLINE void finish_row(const int activation, int64_t n, const float *along, const float *across,
                              bool across_first, float *c)
{
    const __m512 shared = across ? _mm512_set1_ps(*across) : _mm512_setzero_ps();
    for (int64_t j = 0; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = avx512_mask(avx512_min(n - j, AVX512_LANES));
        __m512 x = _mm512_maskz_loadu_ps(lanes, c + j);
        if (across && across_first)
            x = _mm512_add_ps(x, shared);
        if (along)
            x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(lanes, along + j));
        if (across && !across_first)
            x = _mm512_add_ps(x, shared);
        _mm512_mask_storeu_ps(c + j, lanes, activate(activation, x));
    }
}

AVX512_INLINE void finish(const int activation, const gml_gemm_epilogue *epilogue, int64_t m, int64_t n,
                          float *c, int64_t rs_c, int64_t cs_c)
{
    const float *bias_m = epilogue->bias_m, *bias_n = epilogue->bias_n;
    if (rs_c == 1 && cs_c != 1) {
        for (int64_t j = 0; j < n; j++)
            finish_row(activation, m, bias_m, bias_n ? bias_n + j : NULL, !epilogue->m_first, c + j * cs_c);
        return;
    }
    const int64_t run = cs_c == 1 ? n : 1;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j += run)
            finish_row(activation, run, bias_n ? bias_n + j : NULL, bias_m ? bias_m + i : NULL,
                       epilogue->m_first, c + i * rs_c + j * cs_c);
}

void gml_gemm_finish_f32_avx512(const gml_gemm_epilogue *epilogue, int64_t m, int64_t n, void *c,
                                int64_t rs_c, int64_t cs_c)
{
    switch (epilogue->activation) {
    case GML_ACTIVATION_RELU:
        finish(GML_ACTIVATION_RELU, epilogue, m, n, c, rs_c, cs_c);
        break;
    case GML_ACTIVATION_GELU_ERF:
        finish(GML_ACTIVATION_GELU_ERF, epilogue, m, n, c, rs_c, cs_c);
        break;
    case GML_ACTIVATION_GELU_TANH:
        finish(GML_ACTIVATION_GELU_TANH, epilogue, m, n, c, rs_c, cs_c);
        break;
    case GML_ACTIVATION_SILU:
        finish(GML_ACTIVATION_SILU, epilogue, m, n, c, rs_c, cs_c);
        break;
    default:
        finish(GML_ACTIVATION_NONE, epilogue, m, n, c, rs_c, cs_c);
    }
}
