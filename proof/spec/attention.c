/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sections Attention and "Visible keys" of docs/arithmetic.md.
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
    int64_t batch, query;
    int64_t keys;   /* of this batch entry                          */
    int64_t offset; /* from a query to its position among them      */
    float c;        /* scale * log2 e                               */
    float cap, inverse_cap;
    float slope, sink; /* in base 2                                 */
    const float *q, *k, *v, *bias;
    const uint8_t *keep;
    float *weights;
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

/* j - i < offset + window and j - i > offset - window, for a window > 0. j - i does not overflow, and where a bound does,
 * every j - i is within it. */
static bool right_of_window(int64_t ahead, int64_t offset, int64_t window)
{
    return ahead >= saturated_sum(offset, window);
}

static bool left_of_window(int64_t ahead, int64_t offset, int64_t window)
{
    return ahead <= saturated_sum(offset, -window);
}

static bool visible(const spec_row *row, int64_t j)
{
    const gml_attention_problem *p = row->problem;
    const int64_t right = p->window_right ? p->window_right : p->causal != GML_CAUSAL_NONE;
    if (!p->prefix || j >= p->prefix[row->batch]) {
        if (right && right_of_window(j - row->query, row->offset, right))
            return false;
        if (p->window_left && left_of_window(j - row->query, row->offset, p->window_left))
            return false;
    }
    if (p->q_document && p->q_document[row->batch * p->q_document_stride + row->query] !=
                             p->kv_document[row->batch * p->kv_document_stride + j])
        return false;
    return !(row->bias && row->bias[j * p->bias_stride[3]] == -INFINITY) &&
           !(row->keep && row->keep[j * p->keep_stride[3]] == 0);
}

/* -|offset - ahead|, at most GML_ALIBI_FAR of it */
static float distance(int64_t offset, int64_t ahead)
{
    const int64_t d = saturated_sum(offset, -ahead);
    return d > GML_ALIBI_FAR || d < -GML_ALIBI_FAR ? -(float)GML_ALIBI_FAR : d > 0 ? (float)-d : (float)d;
}

static float score(const spec_row *row, int64_t j)
{
    const gml_attention_problem *p = row->problem;
    const int64_t step = p->k_dim_stride ? p->k_dim_stride : 1;
    const float *k = row->k + j * p->k_stride[2];
    float t = 0.0f;
    for (int64_t d = 0; d < p->head_dim; d++)
        t = fmaf(row->q[d] * row->c, k[d * step], t);
    if (p->softcap != 0.0f)
        t = row->cap * spec_tanh_f32(t * row->inverse_cap);
    if (p->alibi)
        t = fmaf(row->slope, distance(row->offset, j - row->query), t);
    if (row->bias)
        t = fmaf(row->bias[j * p->bias_stride[3]], GML_LOG2E, t);
    return t;
}

/* What has been reduced so far. */
typedef struct spec_state {
    float m, l;
} spec_state;

/* Joins a maximum and its sum; returns the factors of what was before and of what joins. */
static void merge(spec_state *state, float m_b, float l_b, float *a, float *b)
{
    const float merged = larger(m_b, state->m) + 0.0f, z = or_zero(merged);
    *a = spec_exp2_f32(state->m - z);
    *b = spec_exp2_f32(m_b - z);
    state->l = fmaf(*a, state->l, *b * l_b);
    state->m = merged;
}

/* The exponentials of a block of keys, in e, hidden ones being 0; false when all are hidden. */
static bool block(const spec_row *row, int64_t first, int64_t keys, bool *hidden, float *e, float *m_b)
{
    bool some = false;
    *m_b = -INFINITY;
    for (int64_t j = 0; j < keys; j++) {
        hidden[j] = !visible(row, first + j);
        some = some || !hidden[j];
        e[j] = hidden[j] ? -INFINITY : score(row, first + j);
        *m_b = larger(e[j], *m_b);
    }
    *m_b += 0.0f;
    for (int64_t j = 0; j < keys; j++)
        e[j] = spec_exp2_f32(e[j] - or_zero(*m_b));
    return some;
}

static int64_t keys_of_block(const spec_row *row, int64_t first)
{
    return row->keys - first < GML_KB0 ? row->keys - first : GML_KB0;
}

static void write_weights(const spec_row *row, const spec_state *state)
{
    const int64_t step = row->problem->weights_stride[3];
    bool hidden[GML_KB0];
    float e[GML_KB0], m_b;
    for (int64_t first = 0; first < row->keys; first += GML_KB0) {
        block(row, first, keys_of_block(row, first), hidden, e, &m_b);
        const float w = spec_exp2_f32(m_b - or_zero(state->m)) * (1.0f / state->l);
        for (int64_t j = 0; j < keys_of_block(row, first); j++)
            row->weights[(first + j) * step] = hidden[j] || state->l == 0.0f ? 0.0f : e[j] * w;
    }
    for (int64_t j = row->keys; j < row->problem->kv_len; j++)
        row->weights[j * step] = 0.0f;
}

/* o has v_head_dim elements and is not q. Returns the logsumexp. */
static float attention_row(const spec_row *row, float *o)
{
    const gml_attention_problem *p = row->problem;
    spec_state state = {-INFINITY, 0.0f};
    float a, b, m_b;
    memset(o, 0, (size_t)p->v_head_dim * sizeof(float));

    for (int64_t first = 0; first < row->keys; first += GML_KB0) {
        const int64_t keys = keys_of_block(row, first);
        bool hidden[GML_KB0];
        float e[GML_KB0];
        if (!block(row, first, keys, hidden, e, &m_b))
            continue;
        merge(&state, m_b, spec_sum_f32(keys, e), &a, &b);
        for (int64_t d = 0; d < p->v_head_dim; d++) {
            float s = 0.0f;
            for (int64_t j = 0; j < keys; j++)
                if (!hidden[j])
                    s = fmaf(e[j], row->v[(first + j) * p->v_stride[2] + d], s);
            o[d] = fmaf(a, o[d], b * s);
        }
    }
    if (row->sink != -INFINITY) {
        merge(&state, row->sink, 1.0f, &a, &b);
        for (int64_t d = 0; d < p->v_head_dim; d++)
            o[d] = a * o[d];
    }

    for (int64_t d = 0; d < p->v_head_dim; d++)
        o[d] = state.l == 0.0f ? 0.0f : o[d] * (1.0f / state.l) + 0.0f;
    if (row->weights)
        write_weights(row, &state);
    return state.l == 0.0f ? -INFINITY : (state.m + spec_log2_f32(state.l)) * GML_LN2;
}

static int64_t offset(const gml_attention_problem *p, int64_t keys)
{
    if (p->causal == GML_CAUSAL_TOP_LEFT)
        return 0;
    return p->causal == GML_CAUSAL_OFFSET ? p->causal_offset : keys - p->q_len;
}

static int64_t at(const int64_t stride[3], int64_t batch, int64_t head, int64_t token)
{
    return batch * stride[0] + head * stride[1] + token * stride[2];
}

static spec_row row_of(const gml_attention_problem *p, int64_t batch, int64_t head, int64_t i)
{
    const int64_t kv_head = head / (p->heads / p->kv_heads);
    const float scale = p->scale == 0.0f ? (float)(1.0 / sqrt((double)p->head_dim)) : p->scale;
    spec_row row = {
        .problem = p,
        .batch = batch,
        .query = i,
        .keys = p->kv_lengths ? p->kv_lengths[batch] : p->kv_len,
        .c = (float)((double)scale * GML_LOG2E_F64),
        .q = p->q + at(p->q_stride, batch, head, i),
        .k = p->k + at(p->k_stride, batch, kv_head, 0),
        .v = p->v + at(p->v_stride, batch, kv_head, 0),
        .sink = p->sinks ? p->sinks[head] * GML_LOG2E : -INFINITY,
    };
    row.offset = offset(p, row.keys);
    if (p->softcap != 0.0f) {
        row.cap = (float)((double)p->softcap * GML_LOG2E_F64);
        row.inverse_cap = (float)(1.0 / ((double)p->softcap * GML_LOG2E_F64));
    }
    if (p->alibi)
        row.slope = (float)((double)p->alibi[head] * GML_LOG2E_F64);
    if (p->bias)
        row.bias = p->bias + at(p->bias_stride, batch, head, i);
    if (p->keep)
        row.keep = p->keep + at(p->keep_stride, batch, head, i);
    if (p->weights)
        row.weights = p->weights + at(p->weights_stride, batch, head, i);
    return row;
}

void spec_attention_f32(const gml_attention_problem *problem)
{
    float *o = malloc((size_t)problem->v_head_dim * sizeof(float));
    if (!o)
        abort(); /* a specification without an answer must not be taken for one */
    for (int64_t batch = 0; batch < problem->batch; batch++)
        for (int64_t head = 0; head < problem->heads; head++)
            for (int64_t i = 0; i < problem->q_len; i++) {
                const spec_row row = row_of(problem, batch, head, i);
                const float lse = attention_row(&row, o);
                memcpy(problem->o + at(problem->o_stride, batch, head, i), o,
                       (size_t)problem->v_head_dim * sizeof(float));
                if (problem->lse)
                    problem->lse[at(problem->lse_stride, batch, head, i)] = lse;
            }
    free(o);
}
