/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the reduction of one segment of a row, and its scaling.
 *
 * Two passes. The first leaves t in y and finds the maximum, the second turns t into its exponential.
 */
#include "kernels/ref/ref.h"
#include <stdbool.h>

/* t of column j. */
static inline float score(float scale, const float *x, const float *bias, const uint8_t *keep, int64_t j)
{
    const bool masked = (bias && bias[j] == -INFINITY) || (keep && !keep[j]);
    const float t = bias ? fmaf(scale, x[j], bias[j]) : scale * x[j];
    return masked ? -INFINITY : t;
}

/* Pass one: y = t; returns the maximum of t. */
static float scores(int64_t n, float scale, const float *x, const float *bias, const uint8_t *keep, float *y)
{
    float m = -INFINITY;
    for (int64_t j = 0; j < n; j++) {
        y[j] = score(scale, x, bias, keep, j);
        m = ref_max(y[j], m);
    }
    return m + 0.0f;
}

/* Pass two: y = exp(y - z); returns the sum. */
static float exponentials(int64_t n, float z, float *y)
{
    float lane[GML_SUM_LANES] = {0.0f};
    for (int64_t j = 0; j < n; j++) {
        y[j] = ref_exp(y[j] - z);
        lane[j % GML_SUM_LANES] += y[j];
    }
    return ref_sum_lanes(lane, 1);
}

void gml_softmax_reduce_f32_ref(int64_t n, float scale, const float *x, const float *bias,
                                const uint8_t *keep, float *y, float *m, float *l)
{
    *m = scores(n, scale, x, bias, keep, y);
    *l = exponentials(n, ref_finite_or_zero(*m), y);
}

void gml_softmax_scale_f32_ref(int64_t n, float w, float *y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = w * y[j];
}
