/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the formulas of kernel.h, one after the other.
 */
#include "kernels/ref/ref.h"

/* t of column j. */
static inline float score(const gml_softmax_scores_f32 *s, int64_t j, float x)
{
    const bool curved = s->cap != 0.0f || s->slope;
    if ((s->bias && s->bias[j] == -INFINITY) || (s->keep && !s->keep[j]))
        return -INFINITY;
    if (s->bias && !curved)
        return fmaf(s->scale, x, s->bias[j]);
    float t = s->scale * x;
    if (s->cap != 0.0f)
        t = s->cap * ref_tanh(t * s->inverse_cap);
    if (s->slope)
        t = fmaf(*s->slope, ref_distance(s->position, j), t);
    return s->bias ? t + s->bias[j] : t;
}

/* e = exp(t - m), unless e is NULL; returns the sum. */
static float exponentials(int64_t n, float scale, const float *x, float m, float *e)
{
    const float z = ref_finite_or_zero(m);
    float lane[GML_SUM_LANES] = {0.0f};
    for (int64_t j = 0; j < n; j++) {
        const float v = ref_exp(scale * x[j] - z);
        if (e)
            e[j] = v;
        lane[j % GML_SUM_LANES] += v;
    }
    return ref_sum_lanes(lane, 1);
}

void gml_softmax_reduce_f32_ref(const gml_softmax_scores_f32 *scores, int64_t n, const float *x,
                                bool logarithms, float *y, float *m, float *l)
{
    float max = -INFINITY;
    for (int64_t j = 0; j < n; j++) {
        y[j] = score(scores, j, x[j]);
        max = ref_max(y[j], max);
    }
    *m = max + 0.0f;
    *l = exponentials(n, 1.0f, y, *m, logarithms ? NULL : y);
}

void gml_softmax_scale_f32_ref(int64_t n, float w, const float *e, bool stream, float *y)
{
    (void)stream;
    for (int64_t j = 0; j < n; j++)
        y[j] = w * e[j];
}

void gml_softmax_log_f32_ref(int64_t n, float z, float g, const float *t, bool stream, float *y)
{
    (void)stream;
    for (int64_t j = 0; j < n; j++)
        y[j] = (t[j] - z) - g;
}

static float maximum(int64_t n, float scale, const float *x)
{
    float m = -INFINITY;
    for (int64_t j = 0; j < n; j++)
        m = ref_max(scale * x[j], m);
    return m + 0.0f;
}

void gml_softmax_step_f32_ref(const gml_softmax_step_f32 *step, float *m_next, float *l)
{
    gml_softmax_scale_f32_ref(step->n_last, step->w, step->e_last, step->stream, step->y);
    *m_next = maximum(step->n_next, step->scale, step->x_next);
    *l = exponentials(step->n, step->scale, step->x, step->m, step->e);
}

void gml_softmax_rows_f32_ref(const gml_softmax_rows_f32 *rows)
{
    for (int64_t i = 0; i < rows->rows; i++) {
        const int64_t n = rows->n + i * rows->grow;
        const float *x = rows->x + i * rows->x_stride;
        float *y = rows->y + i * rows->y_stride;
        const float m = maximum(n, rows->scale, x), l = exponentials(n, rows->scale, x, m, y);
        gml_softmax_scale_f32_ref(n, l == 0.0f ? 0.0f : 1.0f / l, y, rows->stream, y);
        if (rows->m)
            rows->m[i] = m, rows->l[i] = l;
    }
}

void gml_softmax_fence_ref(void) {}
