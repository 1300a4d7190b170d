/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section Softmax of docs/arithmetic.md.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <stdlib.h>

typedef struct spec_row {
    int64_t present; /* columns that take part; those at or beyond the causal bound do not */
    float scale;
    const float *x, *bias;
    const uint8_t *keep;
    float *y;
} spec_row;

static float larger(float x, float m)
{
    return x > m ? x : m;
}

static float or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

static float score(const spec_row *row, int64_t j)
{
    if (row->bias && row->bias[j] == -INFINITY)
        return -INFINITY;
    if (row->keep && row->keep[j] == 0)
        return -INFINITY;
    return row->bias ? fmaf(row->scale, row->x[j], row->bias[j]) : row->scale * row->x[j];
}

/* y may be x: each element is read for the last time when its place is written. */
static void softmax_row(const spec_row *row, float *segment_max)
{
    float m = -INFINITY, l = 0.0f;
    for (int64_t first = 0; first < row->present; first += GML_RS0) {
        const int64_t end = first + GML_RS0 < row->present ? first + GML_RS0 : row->present;
        float m_s = -INFINITY;
        for (int64_t j = first; j < end; j++)
            m_s = larger(score(row, j), m_s);
        m_s += 0.0f;
        for (int64_t j = first; j < end; j++)
            row->y[j] = spec_exp_f32(score(row, j) - or_zero(m_s));
        const float l_s = spec_sum_f32(end - first, row->y + first);

        const float merged = larger(m_s, m) + 0.0f, z = or_zero(merged);
        const float a = spec_exp_f32(m - z), b = spec_exp_f32(m_s - z);
        l = fmaf(a, l, b * l_s);
        m = merged;
        segment_max[first / GML_RS0] = m_s;
    }

    float w = 0.0f;
    for (int64_t j = 0; j < row->present; j++) {
        if (j % GML_RS0 == 0)
            w = spec_exp_f32(segment_max[j / GML_RS0] - or_zero(m)) * (1.0f / l);
        row->y[j] = l == 0.0f ? 0.0f : row->y[j] * w;
    }
}

/* Row i sees column j where j <= i + offset; the sum may not fit, the differences do. */
static int64_t present_columns(const gml_softmax_problem *problem, int64_t i)
{
    int64_t offset = 0; /* GML_CAUSAL_TOP_LEFT */
    if (problem->causal == GML_CAUSAL_NONE)
        return problem->cols;
    if (problem->causal == GML_CAUSAL_BOTTOM_RIGHT)
        offset = problem->cols - problem->rows;
    if (problem->causal == GML_CAUSAL_OFFSET)
        offset = problem->causal_offset;
    if (offset >= problem->cols - 1 - i)
        return problem->cols;
    return offset < -i ? 0 : i + offset + 1;
}

void spec_softmax_f32(const gml_softmax_problem *problem)
{
    float *segment_max = malloc((size_t)(problem->cols / GML_RS0 + 1) * sizeof(float));
    if (!segment_max)
        abort(); /* a specification without an answer must not be taken for one */
    for (int64_t i = 0; i < problem->rows; i++) {
        const spec_row row = {
            .present = present_columns(problem, i),
            .scale = problem->scale == 0.0f ? 1.0f : problem->scale,
            .x = problem->x + i * problem->x_stride,
            .bias = problem->bias ? problem->bias + i * problem->bias_stride : NULL,
            .keep = problem->keep ? problem->keep + i * problem->keep_stride : NULL,
            .y = problem->y + i * problem->y_stride,
        };
        softmax_row(&row, segment_max);
        for (int64_t j = row.present; j < problem->cols; j++)
            row.y[j] = 0.0f;
    }
    free(segment_max);
}
