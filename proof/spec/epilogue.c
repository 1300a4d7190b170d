/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section Epilogue of docs/arithmetic.md: biases and activations, for float and for double.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <gemmule/types.h>
#include <math.h>

static float sigmoid(float x)
{
    const float e = spec_exp_f32(x < 0.0f ? x : -x);
    const float r = 1.0f / (1.0f + e);
    return x < 0.0f ? e * r : r;
}

static float gelu_erf(float x)
{
    const float a = fabsf(x);
    const float t = 1.0f / fmaf(GML_GELU_P, a, 1.0f);
    float q = GML_GELU_C8;
    q = fmaf(q, t, GML_GELU_C7);
    q = fmaf(q, t, GML_GELU_C6);
    q = fmaf(q, t, GML_GELU_C5);
    q = fmaf(q, t, GML_GELU_C4);
    q = fmaf(q, t, GML_GELU_C3);
    q = fmaf(q, t, GML_GELU_C2);
    q = fmaf(q, t, GML_GELU_C1);
    const float tail = q * t * spec_exp_f32(-0.5f * a * a);
    return x * (x < 0.0f ? tail : 1.0f - tail);
}

static float gelu_tanh(float x)
{
    return x * sigmoid(x * fmaf(x * x, GML_GELU_TANH_C3, GML_GELU_TANH_C1));
}

float spec_activation_f32(int32_t activation, float x)
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

void spec_epilogue_f32(int64_t m, int64_t n, const float *bias_m, const float *bias_n, int32_t activation,
                       float *c, int64_t rs_c, int64_t cs_c)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float value = c[i * rs_c + j * cs_c];
            if (bias_n)
                value = value + bias_n[j];
            if (bias_m)
                value = value + bias_m[i];
            c[i * rs_c + j * cs_c] = spec_activation_f32(activation, value);
        }
}

void spec_epilogue_f64(int64_t m, int64_t n, const double *bias_m, const double *bias_n, int32_t activation,
                       double *c, int64_t rs_c, int64_t cs_c)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double value = c[i * rs_c + j * cs_c];
            if (bias_n)
                value = value + bias_n[j];
            if (bias_m)
                value = value + bias_m[i];
            if (activation == GML_ACTIVATION_RELU)
                value = 0.0 > value ? 0.0 : value;
            c[i * rs_c + j * cs_c] = value;
        }
}
