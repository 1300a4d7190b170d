/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f32: biases and activations.
 */
#include "kernels/ref/ref.h"

/* 1 / (1 + exp(-x)), from an exponential that is at most 1. */
static float sigmoid(float x)
{
    const float e = ref_exp(x < 0.0f ? x : -x), r = 1.0f / (1.0f + e);
    return x < 0.0f ? e * r : r;
}

/* x * Phi(x), Phi being the normal distribution; its tail is exp(-x^2 / 2) times a polynomial in 1 / (1 + P * |x|). */
static float gelu_erf(float x)
{
    const float size = x < 0.0f ? -x : x;
    const float t = 1.0f / fmaf(GML_GELU_P, size, 1.0f);
    float q = GML_GELU_C8;
    q = fmaf(q, t, GML_GELU_C7);
    q = fmaf(q, t, GML_GELU_C6);
    q = fmaf(q, t, GML_GELU_C5);
    q = fmaf(q, t, GML_GELU_C4);
    q = fmaf(q, t, GML_GELU_C3);
    q = fmaf(q, t, GML_GELU_C2);
    q = fmaf(q, t, GML_GELU_C1);
    const float tail = q * t * ref_exp((-0.5f * size) * size);
    return x * (x < 0.0f ? tail : 1.0f - tail);
}

static float gelu_tanh(float x)
{
    return x * sigmoid(x * fmaf(x * x, GML_GELU_TANH_C3, GML_GELU_TANH_C1));
}

static float activate(int32_t activation, float x)
{
    switch (activation) {
    case GML_ACTIVATION_RELU:
        return 0.0f > x ? 0.0f : x;
    case GML_ACTIVATION_GELU_ERF:
        return gelu_erf(x);
    case GML_ACTIVATION_GELU_TANH:
        return gelu_tanh(x);
    case GML_ACTIVATION_SILU:
        return x * sigmoid(x);
    default:
        return x;
    }
}

void gml_gemm_finish_f32_ref(const gml_gemm_epilogue *epilogue, int64_t m, int64_t n, void *c, int64_t rs_c,
                             int64_t cs_c)
{
    const float *bias_m = epilogue->bias_m, *bias_n = epilogue->bias_n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float *to = (float *)c + i * rs_c + j * cs_c;
            float x = *to;
            if (bias_m && epilogue->m_first)
                x += bias_m[i];
            if (bias_n)
                x += bias_n[j];
            if (bias_m && !epilogue->m_first)
                x += bias_m[i];
            *to = activate(epilogue->activation, x);
        }
}
