/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sections exp2, exp, tanh, log2 and "Sums of exponentials" of docs/arithmetic.md.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <string.h>

/* 2^r for |r| <= 1/2. */
static float polynomial(float r)
{
    float p = GML_EXP2_C6;
    p = fmaf(p, r, GML_EXP2_C5);
    p = fmaf(p, r, GML_EXP2_C4);
    p = fmaf(p, r, GML_EXP2_C3);
    p = fmaf(p, r, GML_EXP2_C2);
    p = fmaf(p, r, GML_EXP2_C1);
    return fmaf(p, r, 1.0f);
}

/* p * 2^n, exact or infinite, for n of at least -100. */
static float scale(float p, float n)
{
    return (float)ldexp((double)p, (int)(n > 200.0f ? 200.0f : n));
}

float spec_exp2_f32(float x)
{
    if (isnan(x))
        return NAN;
    if (x < GML_EXP2_LOW)
        return 0.0f;
    const float n = rintf(x);
    const float r = isinf(x) ? 0.0f : x - n;
    return scale(polynomial(r), n);
}

float spec_exp_f32(float z)
{
    const float magic = 0x1.8p23f; /* adding it rounds to an integer */
    if (isnan(z))
        return NAN;
    if (z < GML_EXP_LOW)
        return 0.0f;
    const float n = fmaf(z, GML_LOG2E, magic) - magic;
    const float r = fmaf(z, GML_LOG2E_LO, fmaf(z, GML_LOG2E, -n));
    return scale(polynomial(r), n);
}

float spec_tanh_f32(float x)
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
    const float e = spec_exp_f32(-2.0f * fabsf(x));
    return copysignf(1.0f - (e + e) / (1.0f + e), x);
}

float spec_log2_f32(float x)
{
    if (isnan(x) || x == INFINITY)
        return x;

    /* x = f * 2^e with f in [sqrt(1/2), sqrt(2)) */
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (bits - GML_LOG2_SPLIT) / (1 << 23);
    if ((bits - GML_LOG2_SPLIT) % (1 << 23) < 0)
        e--;
    const int32_t mantissa = bits - e * (1 << 23);
    float f;
    memcpy(&f, &mantissa, sizeof f);

    const float u = f - 1.0f;
    const float s = u / (2.0f + u);
    const float z = s * s;
    float q = GML_LOG2_C7;
    q = fmaf(q, z, GML_LOG2_C5);
    q = fmaf(q, z, GML_LOG2_C3);
    q = fmaf(q, z, GML_LOG2_C1);
    return fmaf(s, q, (float)e);
}

float spec_sum_f32(int64_t n, const float *e)
{
    float lane[GML_SUM_LANES] = {0.0f};
    for (int64_t j = 0; j < n; j++)
        lane[j % GML_SUM_LANES] += e[j];
    for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}
