/* SPDX-License-Identifier: BSD-3-Clause */
#include "src/core/attention_few.h"
#include "src/core/integers.h"
#include <string.h>

/* A block, its products at t of the first row. */
typedef struct few_block {
    gml_rows_keys keys;
    bool seen; /* some row sees a key */
    float *t;
} few_block;

static float *panel_of(const gml_rows_task *task, const gml_few_state *state, int64_t i)
{
    return state->q + i / GML_QUERY_PANEL * GML_QUERY_PANEL * task->problem->head_dim + i % GML_QUERY_PANEL;
}

void gml_few_begin(const gml_rows_task *task, const gml_few_state *state)
{
    for (int64_t i = 0; i < task->rows; i++) {
        const float *q = gml_rows_q(task, i);
        float *to = panel_of(task, state, i);
        for (int64_t d = 0; d < task->problem->head_dim; d++)
            to[d * GML_QUERY_PANEL] = q[d] * task->view->c;
    }
    gml_rows_clear(task, &state->rows, task->rows);
}

void gml_few_end(const gml_rows_task *task, const gml_few_state *state, int64_t i)
{
    const gml_rows_state row = gml_rows_from(task, &state->rows, i);
    gml_rows_end(task, &row, i, panel_of(task, state, i), GML_QUERY_PANEL);
}

/* What is read after block i of the span: its K if there is one more, otherwise the V of the first. */
static gml_attention_next_f32 after_products(const gml_rows_task *task, const few_block *blocks,
                                             int64_t count, int64_t i)
{
    const gml_attention_problem *p = task->problem;
    if (i + 1 < count)
        return (gml_attention_next_f32){gml_rows_k(task, blocks[i + 1].keys.j), p->k_stride[2], p->head_dim};
    return (gml_attention_next_f32){gml_rows_v(task, blocks[0].keys.j), p->v_stride[2], p->v_head_dim};
}

/* And after its values: `then` is the first key of the next span. */
static gml_attention_next_f32 after_values(const gml_rows_task *task, const few_block *blocks, int64_t count,
                                           int64_t i, int64_t then)
{
    const gml_attention_problem *p = task->problem;
    if (i + 1 < count || p->k_dim_stride > 1 || then >= task->keys.length)
        return (gml_attention_next_f32){gml_rows_v(task, blocks[min64(i + 1, count - 1)].keys.j),
                                        p->v_stride[2], p->v_head_dim};
    return (gml_attention_next_f32){gml_rows_k(task, then), p->k_stride[2], p->head_dim};
}

/* A transposed K: keys are contiguous, and so are those of blocks that follow each other. */
static void multiply_transposed(const gml_rows_task *task, const gml_few_state *state,
                                const few_block *blocks, int64_t count, int64_t stride)
{
    const gml_attention_problem *p = task->problem;
    for (int64_t b = 0, run; b < count; b += run) {
        int64_t n = blocks[b].keys.n;
        for (run = 1; b + run < count && blocks[b + run].keys.j == blocks[b].keys.j + n; run++)
            n += blocks[b + run].keys.n;
        for (int64_t i = 0; i < task->rows; i += GML_QUERY_PANEL) {
            float *t = blocks[b].t + i * stride;
            const int64_t rows = min64(task->rows - i, GML_QUERY_PANEL);
            for (int64_t r = 0; r < rows; r++)
                memset(t + r * stride, 0, (size_t)n * sizeof(float));
            task->view->set->gemm_f32->rows(rows, n, p->head_dim, panel_of(task, state, i), 1,
                                            GML_QUERY_PANEL, gml_rows_k(task, blocks[b].keys.j),
                                            p->k_dim_stride, t, stride);
        }
    }
}

void gml_few_blocks(const gml_rows_task *task, int64_t span, const gml_few_state *state,
                    const gml_few_scratch *scratch, int64_t first, int64_t end, const gml_few_held *held)
{
    const gml_attention_problem *p = task->problem;
    const gml_attention_row_f32 *kernels = task->view->set->attention_row_f32;
    const int64_t rows = task->rows, v_head_dim = p->v_head_dim, stride = gml_few_score_stride(span);
    int64_t done = 0;
    for (int64_t b = first; b < end; b += span) {
        few_block blocks[GML_FEW_SPAN];
        int64_t count = 0, filled = 0;
        const int64_t stop = min64(b + span, end);
        for (int64_t i = b; i < stop; i++)
            if (gml_rows_meet(task, i, &blocks[count].keys)) {
                blocks[count].t = scratch->t + filled;
                filled += ceil_div(blocks[count++].keys.n, GML_SUM_LANES) * GML_SUM_LANES;
            }
        if (p->k_dim_stride > 1)
            multiply_transposed(task, state, blocks, count, stride);
        for (int64_t i = 0; i < count; i++) {
            const gml_attention_next_f32 next = after_products(task, blocks, count, i);
            if (p->k_dim_stride <= 1)
                kernels->products(rows, blocks[i].keys.n, p->head_dim, state->q,
                                  gml_rows_k(task, blocks[i].keys.j), p->k_stride[2], blocks[i].t, stride,
                                  &next);
            blocks[i].seen =
                gml_rows_weigh(task, &blocks[i].keys, 0, rows, blocks[i].t, stride, scratch->bias,
                               scratch->m + i * rows, scratch->l + i * rows, state->rows.masked);
        }
        for (int64_t i = 0; i < count; i++) {
            if (!blocks[i].seen)
                continue;
            const gml_attention_next_f32 next = after_values(task, blocks, count, i, stop * GML_KB0);
            float *s = held ? held->s + done * rows * v_head_dim : scratch->s;
            kernels->values(rows, blocks[i].keys.n, v_head_dim, blocks[i].t, stride,
                            gml_rows_v(task, blocks[i].keys.j), p->v_stride[2], s, v_head_dim, &next);
            if (!held) {
                gml_rows_join(task, &state->rows, rows, scratch->m + i * rows, scratch->l + i * rows, s);
                continue;
            }
            memcpy(held->m + done * rows, scratch->m + i * rows, (size_t)rows * sizeof(float));
            memcpy(held->l + done * rows, scratch->l + i * rows, (size_t)rows * sizeof(float));
            done++;
        }
    }
    if (held)
        *held->count = (int32_t)done;
}
