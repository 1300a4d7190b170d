/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One segment of a softmax row, in two passes: scores and their maximum, then exponentials and their sum.
 */
#include "kernels/ref/ref.h"
#include <stdbool.h>

/* The score of one column. A masked one is selected, so that x never shows. */
static inline float score(float scale, const float *x, const float *bias, const uint8_t *keep, int64_t j)
{
    const bool masked = (bias && bias[j] == -INFINITY) || (keep && !keep[j]);
    const float t = bias ? fmaf(scale, x[j], bias[j]) : scale * x[j];
    return masked ? -INFINITY : t;
}

/* Scores into y; returns their maximum. */
static inline float scores(int64_t n, float scale, const float *x, const float *bias, const uint8_t *keep, float *y)
{
    float m = -INFINITY;
    for (int64_t j = 0; j < n; j++) {
        y[j] = score(scale, x, bias, keep, j);
        m = ref_max(y[j], m);
    }
    return m + 0.0f;
}

/* Exponentials in place; returns their sum. */
static inline float exponentials(int64_t n, float z, float *y)
{
    float lane[GML_SUM_LANES] = {0.0f};
    for (int64_t j = 0; j < n; j++) {
        y[j] = ref_exp(y[j] - z);
        lane[j % GML_SUM_LANES] += y[j];
    }
    return ref_sum(lane, 1);
}

void gml_softmax_reduce_f32_ref(int64_t n, float scale, const float *x, const float *bias, const uint8_t *keep,
                                float *y, float *m, float *l)
{
    *m = scores(n, scale, x, bias, keep, y);
    *l = exponentials(n, ref_pivot(*m), y);
}

void gml_softmax_scale_f32_ref(int64_t n, float w, float *y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] = w * y[j];
}
