/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section Attention of docs/arithmetic.md.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One query with its keys, values and masks; NULL pointers where there are none. */
typedef struct spec_row {
    const gml_attention_problem *problem;
    int64_t visible; /* keys below this one are not hidden by causality */
    float c;         /* scale * log2 e */
    const float *q, *k, *v, *bias;
    const uint8_t *keep;
} spec_row;

static float larger(float x, float m)
{
    return x > m ? x : m;
}

static float or_zero(float m)
{
    return m == -INFINITY ? 0.0f : m;
}

static bool masked(const spec_row *row, int64_t j)
{
    return j >= row->visible || (row->bias && row->bias[j * row->problem->bias_stride[3]] == -INFINITY) ||
           (row->keep && row->keep[j * row->problem->keep_stride[3]] == 0);
}

static float score(const spec_row *row, int64_t j)
{
    const float *k = row->k + j * row->problem->k_stride[2];
    float t = 0.0f;
    for (int64_t d = 0; d < row->problem->head_dim; d++)
        t = fmaf(row->q[d] * row->c, k[d], t);
    if (row->bias)
        t = fmaf(row->bias[j * row->problem->bias_stride[3]], GML_LOG2E, t);
    return t;
}

/* o has v_head_dim elements and is not q. Returns the logsumexp. */
static float attention_row(const spec_row *row, float *o)
{
    const gml_attention_problem *problem = row->problem;
    float m = -INFINITY, l = 0.0f;
    memset(o, 0, (size_t)problem->v_head_dim * sizeof(float));

    for (int64_t first = 0; first < problem->kv_len; first += GML_KB0) {
        const int64_t keys = problem->kv_len - first < GML_KB0 ? problem->kv_len - first : GML_KB0;
        bool hidden[GML_KB0], all_hidden = true;
        float e[GML_KB0], m_b = -INFINITY;
        for (int64_t j = 0; j < keys; j++) {
            hidden[j] = masked(row, first + j);
            all_hidden = all_hidden && hidden[j];
            e[j] = hidden[j] ? -INFINITY : score(row, first + j);
            m_b = larger(e[j], m_b);
        }
        if (all_hidden)
            continue;
        m_b += 0.0f;
        for (int64_t j = 0; j < keys; j++)
            e[j] = spec_exp2_f32(e[j] - or_zero(m_b));
        const float l_b = spec_sum_f32(keys, e);

        const float merged = larger(m_b, m) + 0.0f, z = or_zero(merged);
        const float a = spec_exp2_f32(m - z), b = spec_exp2_f32(m_b - z);
        l = fmaf(a, l, b * l_b);
        for (int64_t d = 0; d < problem->v_head_dim; d++) {
            float s = 0.0f;
            for (int64_t j = 0; j < keys; j++)
                if (!hidden[j])
                    s = fmaf(e[j], row->v[(first + j) * problem->v_stride[2] + d], s);
            o[d] = fmaf(a, o[d], b * s);
        }
        m = merged;
    }

    for (int64_t d = 0; d < problem->v_head_dim; d++)
        o[d] = l == 0.0f ? 0.0f : o[d] * (1.0f / l) + 0.0f;
    return l == 0.0f ? -INFINITY : (m + spec_log2_f32(l)) * GML_LN2;
}

/* Query i sees key j where j <= i + offset; the sum may not fit, the differences do. */
static int64_t visible_keys(const gml_attention_problem *problem, int64_t i)
{
    int64_t offset = 0; /* GML_CAUSAL_TOP_LEFT */
    if (problem->causal == GML_CAUSAL_NONE)
        return problem->kv_len;
    if (problem->causal == GML_CAUSAL_BOTTOM_RIGHT)
        offset = problem->kv_len - problem->q_len;
    if (problem->causal == GML_CAUSAL_OFFSET)
        offset = problem->causal_offset;
    if (offset >= problem->kv_len - 1 - i)
        return problem->kv_len;
    return offset < -i ? 0 : i + offset + 1;
}

static int64_t at(const int64_t stride[3], int64_t batch, int64_t head, int64_t token)
{
    return batch * stride[0] + head * stride[1] + token * stride[2];
}

void spec_attention_f32(const gml_attention_problem *problem)
{
    const float scale =
        problem->scale == 0.0f ? (float)(1.0 / sqrt((double)problem->head_dim)) : problem->scale;
    float *o = malloc((size_t)problem->v_head_dim * sizeof(float));
    if (!o)
        abort(); /* a specification without an answer must not be taken for one */

    for (int64_t batch = 0; batch < problem->batch; batch++)
        for (int64_t head = 0; head < problem->heads; head++)
            for (int64_t i = 0; i < problem->q_len; i++) {
                const int64_t kv_head = head / (problem->heads / problem->kv_heads);
                spec_row row = {
                    .problem = problem,
                    .visible = visible_keys(problem, i),
                    .c = (float)((double)scale * GML_LOG2E_F64),
                    .q = problem->q + at(problem->q_stride, batch, head, i),
                    .k = problem->k + at(problem->k_stride, batch, kv_head, 0),
                    .v = problem->v + at(problem->v_stride, batch, kv_head, 0),
                };
                if (problem->bias)
                    row.bias = problem->bias + at(problem->bias_stride, batch, head, i);
                if (problem->keep)
                    row.keep = problem->keep + at(problem->keep_stride, batch, head, i);
                const float lse = attention_row(&row, o);
                memcpy(problem->o + at(problem->o_stride, batch, head, i), o,
                       (size_t)problem->v_head_dim * sizeof(float));
                if (problem->lse)
                    problem->lse[at(problem->lse_stride, batch, head, i)] = lse;
            }
    free(o);
}
