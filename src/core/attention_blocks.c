/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention in blocks of scores, which the register tiles of GEMM compute, keys along the lanes. It needs no transposition
 * of queries, outputs or masks. The rows of all query heads that share a key head are one sequence; a task is some of
 * them:
 *
 *     for each block of KB0 keys that any row of the task sees       its K, packed, and its V stay in L2
 *       for a few rows at a time                                     their scores stay in L1
 *         products; exponentials, row by row; values; the merge
 *
 * In the first block there is nothing to merge with: its results are the state. Chains of products are those of the
 * contract as long as head_dim is not more than one block of GEMM.
 */
#include "src/core/attention_rows.h"
#include "src/core/gemm_paths.h"
#include "src/core/integers.h"
#include <stdatomic.h>
#include <string.h>

typedef struct blocks_run {
    const gml_attention_view *view;
    const gml_attention_plan *plan;
    int64_t rows;          /* of a key head                   */
    int64_t chunks, tasks; /* tasks of a key head, and in all */
    char *memory;
    size_t thread_bytes;
    _Atomic int64_t next;
} blocks_run;

typedef struct blocks_scratch {
    float *q; /* [rows][head_dim], scaled */
    gml_rows_state state;
    float *m, *l; /* [step], of a block                           */
    float *t;     /* [step][STRIDE], products, then exponentials  */
    float *s;     /* [step][v_head_dim], values                   */
    float *k, *v; /* a block packed for the tiles                 */
    float *bias;  /* [KB0]                                        */
} blocks_scratch;

/* Rows of scores are not a multiple of a page apart: they would crowd into few sets of L1. */
#define STRIDE (GML_KB0 + GML_ALIGNMENT / (int64_t)sizeof(float))

/* Elements of n columns in panels, `depth` deep. */
static int64_t packed_elements(const gml_gemm_kernel *tile, int64_t n, int64_t depth)
{
    return ceil_div(n, tile->nr) * tile->nr * depth;
}

static blocks_scratch scratch_at(char *memory, const gml_attention_plan *plan, int64_t head_dim,
                                 int64_t v_head_dim, size_t *used)
{
    const int64_t rows = plan->rows, step = min64(plan->step, rows);
    blocks_scratch to;
    *used = 0;
    to.q = gml_scratch_carve(memory, used, rows * head_dim);
    to.state.o = gml_scratch_carve(memory, used, rows * v_head_dim);
    to.state.m = gml_scratch_carve(memory, used, rows);
    to.state.l = gml_scratch_carve(memory, used, rows);
    to.state.masked = gml_scratch_carve(memory, used, rows);
    to.m = gml_scratch_carve(memory, used, step);
    to.l = gml_scratch_carve(memory, used, step);
    to.t = gml_scratch_carve(memory, used, step * STRIDE);
    to.s = gml_scratch_carve(memory, used, step * v_head_dim);
    to.k = gml_scratch_carve(memory, used, packed_elements(plan->products, GML_KB0, head_dim));
    to.v = gml_scratch_carve(memory, used, packed_elements(plan->values, v_head_dim, GML_KB0));
    to.bias = gml_scratch_carve(memory, used, GML_KB0);
    return to;
}

size_t gml_attention_blocks_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim)
{
    size_t used;
    scratch_at(NULL, plan, head_dim, v_head_dim, &used);
    return used;
}

/* K of a block as the B of its products: where it stands if keys are contiguous, otherwise packed. */
static void place_k(const gml_rows_task *task, const gml_rows_keys *keys, const gml_gemm_kernel *tile,
                    float *packed, gml_gemm_block *products)
{
    const gml_attention_problem *p = task->problem;
    products->n = keys->n;
    products->b = gml_rows_k(task, keys->j);
    products->rs_b = p->k_dim_stride;
    products->ps_b = tile->nr;
    if (p->k_dim_stride > 1)
        return;
    gml_gemm_pack_panels(task->view->set->gemm_f32, keys->n, tile->nr, p->head_dim, products->b,
                         p->k_stride[2], 1, packed);
    products->b = packed;
    products->rs_b = tile->nr;
    products->ps_b = tile->nr * p->head_dim;
}

/* V of a block, packed where its rows would collide in L1. */
static void place_v(const gml_rows_task *task, const gml_rows_keys *keys, const gml_gemm_kernel *tile,
                    float *packed, gml_gemm_block *values)
{
    const gml_attention_problem *p = task->problem;
    values->k = keys->n;
    values->b = gml_rows_v(task, keys->j);
    values->rs_b = p->v_stride[2];
    values->ps_b = tile->nr;
    if (!gml_gemm_rows_collide(p->v_stride[2], keys->n, (int64_t)sizeof(float)))
        return;
    gml_gemm_pack_panels(task->view->set->gemm_f32, p->v_head_dim, tile->nr, keys->n, values->b, 1,
                         p->v_stride[2], packed);
    values->b = packed;
    values->rs_b = tile->nr;
    values->ps_b = tile->nr * keys->n;
}

/* The queries, scaled: a single run where they follow each other. */
static void load_queries(const gml_rows_task *task, float *q)
{
    const gml_attention_problem *p = task->problem;
    for (int64_t i = 0, n; i < task->rows; i += n) {
        n = p->q_stride[2] == p->head_dim ? min64(task->rows - i, p->q_len - gml_rows_query(task, i)) : 1;
        task->view->set->softmax_f32->scale(n * p->head_dim, task->view->c, gml_rows_q(task, i), false,
                                            q + i * p->head_dim);
    }
}

/* The values of rows whose only block this is, first .. first + count, where they are written, and their end. */
static void finish_rows(const gml_rows_task *task, const blocks_scratch *at, const gml_gemm_kernel *tile,
                        gml_gemm_block values, int64_t first, int64_t count)
{
    const gml_attention_problem *p = task->problem;
    values.rs_c = p->o_stride[2];
    for (int64_t i = first, n; i < first + count; i += n) {
        n = min64(first + count - i, p->q_len - gml_rows_query(task, i));
        values.m = n;
        values.a = at->t + (i - first) * STRIDE;
        values.c = gml_rows_o(task, i);
        tile->block(&values);
    }
    for (int64_t i = first; i < first + count; i++) {
        gml_rows_state row = gml_rows_from(task, &at->state, i);
        row.o = gml_rows_o(task, i);
        gml_rows_end(task, &row, i, at->q + i * p->head_dim, 1);
    }
}

/* All rows of a task against all blocks of keys that any of them sees. */
static void run_task(const gml_attention_plan *plan, const gml_rows_task *task, const blocks_scratch *at)
{
    const gml_attention_problem *p = task->problem;
    const int64_t step = plan->step, head_dim = p->head_dim, v_head_dim = p->v_head_dim;
    const bool single = task->blocks.to - task->blocks.from == 1;
    gml_gemm_block products = {.k = head_dim,
                               .rs_a = head_dim,
                               .cs_a = 1,
                               .ps_a = plan->products->mr * head_dim,
                               .c = at->t,
                               .rs_c = STRIDE,
                               .alpha = 1.0};
    gml_gemm_block values = {.n = v_head_dim,
                             .a = at->t,
                             .rs_a = STRIDE,
                             .cs_a = 1,
                             .ps_a = plan->values->mr * STRIDE,
                             .rs_c = v_head_dim,
                             .alpha = 1.0};
    load_queries(task, at->q);
    memset(at->state.masked, 0, (size_t)task->rows * sizeof *at->state.masked);
    if (task->blocks.from >= task->blocks.to)
        gml_rows_clear(task, &at->state, task->rows);
    for (int64_t b = task->blocks.from; b < task->blocks.to; b++) {
        const bool begins = b == task->blocks.from;
        gml_rows_keys keys;
        if (!gml_rows_meet(task, b, &keys))
            continue;
        place_k(task, &keys, plan->products, at->k, &products);
        place_v(task, &keys, plan->values, at->v, &values);
        for (int64_t i = 0; i < task->rows; i += step) {
            const gml_rows_state state = gml_rows_from(task, &at->state, i);
            products.m = values.m = min64(step, task->rows - i);
            products.a = at->q + i * head_dim;
            plan->products->block(&products);
            const bool some =
                gml_rows_weigh(task, &keys, i, products.m, at->t, STRIDE, at->bias, begins ? state.m : at->m,
                               begins ? state.l : at->l, state.masked);
            if (single) {
                finish_rows(task, at, plan->values, values, i, products.m);
                continue;
            }
            if (!some) {
                if (begins)
                    gml_rows_clear(task, &state, products.m);
                continue;
            }
            values.c = begins ? state.o : at->s;
            plan->values->block(&values);
            if (!begins)
                gml_rows_join(task, &state, values.m, at->m, at->l, at->s);
        }
    }
    for (int64_t i = 0; i < task->rows && !single; i++) {
        const gml_rows_state row = gml_rows_from(task, &at->state, i);
        gml_rows_end(task, &row, i, at->q + i * head_dim, 1);
    }
}

static void worker(void *argument, int64_t index)
{
    blocks_run *run = argument;
    const gml_attention_problem *p = run->view->problem;
    size_t used;
    const blocks_scratch at = scratch_at(run->memory + (size_t)index * run->thread_bytes, run->plan,
                                         p->head_dim, p->v_head_dim, &used);
    for (int64_t number; (number = atomic_fetch_add(&run->next, 1)) < run->tasks;) {
        const int64_t chunk = run->chunks - 1 - number % run->chunks; /* the last rows see the most keys */
        const int64_t sequence = number / run->chunks, row = chunk * run->plan->rows;
        const gml_rows_task task = gml_rows_task_of(run->view, sequence / p->kv_heads, sequence % p->kv_heads,
                                                    row, min64(run->plan->rows, run->rows - row));
        run_task(run->plan, &task, &at);
    }
}

void gml_attention_blocks_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                              const gml_attention_view *view, int32_t threads, void *memory,
                              size_t thread_bytes)
{
    const gml_attention_problem *p = view->problem;
    blocks_run run = {.view = view, .plan = plan, .memory = memory, .thread_bytes = thread_bytes};
    run.rows = p->heads / p->kv_heads * p->q_len;
    run.chunks = ceil_div(run.rows, plan->rows);
    run.tasks = run.chunks * p->kv_heads * p->batch;
    gml_parallel(runtime, threads, worker, &run);
}
