/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention one row at a time, without scratch memory and with true skips: the running output lies where the
 * result goes, the weights of one block and a piece of its sum on the stack.
 */
#include "src/core/attention.h"
#include "src/core/exponentials.h"
#include "src/core/integers.h"
#include <math.h>

#define GML_PIECE 256 /* elements of v_head_dim summed at a time, on the stack */

/* A row and its scaled query. */
typedef struct plain_row {
    const gml_attention_view *view;
    const gml_attention_keys *keys;
    int64_t head, query;
    const float *q;
    int64_t q_step;
    float factor;
} plain_row;

/* A block of keys, weighed. */
typedef struct plain_block {
    int64_t keys;
    uint32_t seen[GML_SEEN_WORDS];
    float e[GML_KB0];
    float m, l;
} plain_block;

float gml_attention_logsumexp(float m, float l)
{
    return l == 0.0f ? -INFINITY : (m + gml_log2f(l)) * GML_LN2;
}

static bool sees(const plain_block *block, int64_t j)
{
    return block->seen[j / 32] >> j % 32 & 1;
}

static float product(const plain_row *row, const float *k)
{
    const gml_attention_problem *p = row->view->problem;
    const int64_t step = p->k_dim_stride ? p->k_dim_stride : 1;
    float t = 0.0f;
    for (int64_t d = 0; d < p->head_dim; d++)
        t = fmaf(row->q[d * row->q_step] * row->factor, k[d * step], t);
    return t;
}

/* The bias of the block's keys; what it masks is not seen. */
static void gather_bias(const plain_row *row, int64_t j0, plain_block *block, float *bias)
{
    const gml_attention_problem *p = row->view->problem;
    const float *from = p->bias + gml_attention_at(p->bias_stride, row->keys->batch, row->head, row->query);
    for (int64_t j = 0; j < block->keys; j++) {
        bias[j] = from[(j0 + j) * p->bias_stride[3]];
        if (bias[j] == -INFINITY)
            block->seen[j / 32] &= ~(UINT32_C(1) << j % 32);
    }
}

/* Weighs the keys from j0 on; false when none is seen. */
static bool weigh(const plain_row *row, int64_t j0, plain_block *block)
{
    const gml_attention_view *view = row->view;
    const gml_attention_problem *p = view->problem;
    float bias[GML_KB0], slope = gml_attention_slope(view, row->head);
    block->keys = min64(GML_KB0, row->keys->length - j0);
    if (!gml_attention_see(row->keys, row->head, row->query, j0, block->keys, block->seen))
        return false;
    if (p->bias)
        gather_bias(row, j0, block, bias);
    const float *k =
        p->k + gml_attention_at(p->k_stride, row->keys->batch, row->head / (p->heads / p->kv_heads), j0);
    bool some = false;
    for (int64_t j = 0; j < block->keys; j++) {
        block->e[j] = sees(block, j) ? product(row, k + j * p->k_stride[2]) : 0.0f;
        some |= sees(block, j);
    }
    const gml_attention_scores_f32 scores = {.keys = block->keys,
                                             .cap = view->cap,
                                             .inverse_cap = view->inverse_cap,
                                             .seen = block->seen,
                                             .bias = p->bias ? bias : NULL,
                                             .slope = p->alibi ? &slope : NULL,
                                             .position = gml_attention_position(row->keys, row->query, j0)};
    if (some)
        view->set->attention_row_f32->weigh(&scores, block->e, &block->m, &block->l);
    return some;
}

/* m and l of what was joined by a maximum and its sum; ab are the factors of what was, and of what joins. */
static void join(const gml_kernel_set *set, float *m, float *l, float m_b, float l_b, float ab[2])
{
    const float top = (m_b > *m ? m_b : *m) + 0.0f;
    ab[0] = *m - finite_or_zero(top);
    ab[1] = m_b - finite_or_zero(top);
    set->exp2_f32(2, ab, ab);
    *l = fmaf(ab[0], *l, ab[1] * l_b);
    *m = top;
}

/* The output of a block joins o. */
static void add_values(const plain_row *row, int64_t j0, const plain_block *block, const float ab[2],
                       float *o)
{
    const gml_attention_problem *p = row->view->problem;
    const float *v =
        p->v + gml_attention_at(p->v_stride, row->keys->batch, row->head / (p->heads / p->kv_heads), j0);
    for (int64_t d0 = 0; d0 < p->v_head_dim; d0 += GML_PIECE) {
        const int64_t n = min64(p->v_head_dim - d0, GML_PIECE);
        float s[GML_PIECE] = {0};
        for (int64_t j = 0; j < block->keys; j++)
            for (int64_t d = 0; sees(block, j) && d < n; d++)
                s[d] = fmaf(block->e[j], v[j * p->v_stride[2] + d0 + d], s[d]);
        row->view->set->attention_row_f32->merge(n, ab[0], o + d0, ab[1], s);
    }
}

/* A second pass over the keys, when m and l of all are known. */
static void write_weights(const plain_row *row, float m, float l)
{
    const gml_attention_problem *p = row->view->problem;
    float *weights =
        p->weights + gml_attention_at(p->weights_stride, row->keys->batch, row->head, row->query);
    for (int64_t j = 0; j < p->kv_len; j++)
        weights[j * p->weights_stride[3]] = 0.0f;
    for (int64_t j0 = 0; l != 0.0f && j0 < row->keys->length; j0 += GML_KB0) {
        plain_block block;
        if (!weigh(row, j0, &block))
            continue;
        float w = block.m - finite_or_zero(m);
        row->view->set->exp2_f32(1, &w, &w);
        w *= 1.0f / l;
        for (int64_t j = 0; j < block.keys; j++)
            if (sees(&block, j))
                weights[(j0 + j) * p->weights_stride[3]] = block.e[j] * w;
    }
}

void gml_attention_plain_f32(const gml_attention_view *view, const gml_attention_keys *keys, int64_t head,
                             int64_t query, const float *q, int64_t q_step, float factor, bool all, float *o)
{
    const gml_attention_problem *p = view->problem;
    const plain_row row = {view, keys, head, query, q, q_step, factor};
    float m = -INFINITY, l = 0.0f, ab[2];
    for (int64_t d = 0; d < p->v_head_dim; d++)
        o[d] = 0.0f;
    for (int64_t j0 = 0; j0 < keys->length; j0 += GML_KB0) {
        plain_block block;
        if (!weigh(&row, j0, &block))
            continue;
        join(view->set, &m, &l, block.m, block.l, ab);
        add_values(&row, j0, &block, ab, o);
    }
    if (p->sinks) {
        join(view->set, &m, &l, gml_attention_sink(view, head), 1.0f, ab);
        for (int64_t d = 0; d < p->v_head_dim; d++)
            o[d] = ab[0] * o[d];
    }

    const float inverse = 1.0f / l;
    for (int64_t d = 0; d < p->v_head_dim; d++)
        o[d] = l == 0.0f ? 0.0f : o[d] * inverse + 0.0f;
    if (all && p->lse)
        p->lse[gml_attention_at(p->lse_stride, keys->batch, head, query)] = gml_attention_logsumexp(m, l);
    if (all && p->weights)
        write_weights(&row, m, l);
}
