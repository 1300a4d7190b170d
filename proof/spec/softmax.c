/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section Softmax of docs/arithmetic.md.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct spec_row {
    int64_t present;  /* columns that take part; those at or beyond the causal bound do not */
    int64_t position; /* of the row among the columns, saturated                            */
    float scale, softcap, slope, sink;
    bool alibi;
    const float *x, *bias;
    const uint8_t *keep;
    int64_t x_step;
} spec_row;

static float larger(float x, float m)
{
    return x > m ? x : m;
}

static float or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

static int64_t saturated_sum(int64_t x, int64_t y)
{
    int64_t sum;
    if (__builtin_add_overflow(x, y, &sum))
        return y < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* -|position - j|, at most GML_ALIBI_FAR of it */
static float distance(int64_t position, int64_t j)
{
    const int64_t d = saturated_sum(position, -j);
    return -(float)(d > GML_ALIBI_FAR || d < -GML_ALIBI_FAR ? GML_ALIBI_FAR : d < 0 ? -d : d);
}

static float score(const spec_row *row, int64_t j)
{
    const float x = row->x[j * row->x_step];
    if ((row->bias && row->bias[j] == -INFINITY) || (row->keep && row->keep[j] == 0))
        return -INFINITY;
    if (row->bias && row->softcap == 0.0f && !row->alibi)
        return fmaf(row->scale, x, row->bias[j]);
    float t = row->scale * x;
    if (row->softcap != 0.0f)
        t = row->softcap * spec_tanh_f32(t * (float)(1.0 / (double)row->softcap));
    if (row->alibi)
        t = fmaf(row->slope, distance(row->position, j), t);
    return row->bias ? t + row->bias[j] : t;
}

/* What has been reduced so far. */
typedef struct spec_state {
    float m, l;
} spec_state;

static void merge(spec_state *state, float m_s, float l_s)
{
    const float merged = larger(m_s, state->m) + 0.0f, z = or_zero(merged);
    const float a = spec_exp_f32(state->m - z), b = spec_exp_f32(m_s - z);
    state->l = fmaf(a, state->l, b * l_s);
    state->m = merged;
}

/* The maximum of each segment, and the state of all with the sink. t holds the scores, e is for the exponentials. */
static spec_state reduce_row(const spec_row *row, const float *t, float *e, float *segment_max)
{
    spec_state state = {-INFINITY, 0.0f};
    for (int64_t first = 0; first < row->present; first += GML_RS0) {
        const int64_t end = first + GML_RS0 < row->present ? first + GML_RS0 : row->present;
        float m_s = -INFINITY;
        for (int64_t j = first; j < end; j++)
            m_s = larger(t[j], m_s);
        m_s += 0.0f;
        for (int64_t j = first; j < end; j++)
            e[j] = spec_exp_f32(t[j] - or_zero(m_s));
        merge(&state, m_s, spec_sum_f32(end - first, e + first));
        segment_max[first / GML_RS0] = m_s;
    }
    if (row->sink != -INFINITY)
        merge(&state, row->sink, 1.0f);
    return state;
}

/* work: 3 * cols floats, so that y may be x. Returns the logsumexp. */
static float softmax_row(const spec_row *row, int64_t cols, bool logarithm, float *work, float *y,
                         int64_t y_step)
{
    float *t = work, *e = work + cols, *segment_max = work + 2 * cols;
    for (int64_t j = 0; j < row->present; j++)
        t[j] = score(row, j);
    const spec_state state = reduce_row(row, t, e, segment_max);
    const float log_l = spec_log2_f32(state.l == 0.0f ? 1.0f : state.l) * GML_LN2;
    for (int64_t j = 0; j < cols; j++) {
        float *to = y + j * y_step;
        if (j >= row->present || state.l == 0.0f)
            *to = logarithm ? -INFINITY : 0.0f;
        else if (logarithm)
            *to = (t[j] - or_zero(state.m)) - log_l;
        else
            *to = e[j] * (spec_exp_f32(segment_max[j / GML_RS0] - or_zero(state.m)) * (1.0f / state.l));
    }
    return state.l == 0.0f ? -INFINITY : state.m + log_l;
}

static int64_t position(const gml_softmax_problem *p, int64_t i)
{
    if (p->causal == GML_CAUSAL_TOP_LEFT)
        return i;
    return saturated_sum(i, p->causal == GML_CAUSAL_OFFSET ? p->causal_offset : p->cols - p->rows);
}

/* Row i sees column j where j <= position. */
static int64_t present_columns(const gml_softmax_problem *p, int64_t i)
{
    const int64_t at = position(p, i);
    if (p->causal == GML_CAUSAL_NONE || at >= p->cols - 1)
        return p->cols;
    return at < 0 ? 0 : at + 1;
}

void spec_softmax_f32(const gml_softmax_problem *p)
{
    const int64_t y_step = p->y_col_stride ? p->y_col_stride : 1;
    float *work = malloc((size_t)(3 * p->cols + 1) * sizeof(float));
    if (!work)
        abort(); /* a specification without an answer must not be taken for one */
    for (int64_t l = 0; l < p->batch; l++)
        for (int64_t i = 0; i < p->rows; i++) {
            const spec_row row = {
                .present = present_columns(p, i),
                .position = position(p, i),
                .scale = p->scale == 0.0f ? 1.0f : p->scale,
                .softcap = p->softcap,
                .alibi = p->alibi,
                .slope = p->alibi ? p->alibi[l] : 0.0f,
                .sink = p->sinks ? p->sinks[l] : -INFINITY,
                .x = p->x + l * p->x_batch_stride + i * p->x_stride,
                .x_step = p->x_col_stride ? p->x_col_stride : 1,
                .bias = p->bias ? p->bias + l * p->bias_batch_stride + i * p->bias_stride : NULL,
                .keep = p->keep ? p->keep + l * p->keep_batch_stride + i * p->keep_stride : NULL,
            };
            const float lse = softmax_row(&row, p->cols, p->log != 0, work,
                                          p->y + l * p->y_batch_stride + i * p->y_stride, y_step);
            if (p->lse)
                p->lse[l * p->lse_batch_stride + i * p->lse_stride] = lse;
        }
    free(work);
}
