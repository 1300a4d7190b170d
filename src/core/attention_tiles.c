/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention in tiles. The rows of all query heads that share a key head are taken as one sequence (grouped heads
 * share their pass over K and V) and cut into strips of bq; a task is a few strips of one key head:
 *
 *     for each block of KB0 keys that any strip of the task sees     K and V of the block stay in L2
 *       kernel: the block against each such strip                    its state stays in L1 and L2
 *
 * Workers draw tasks, those with most keys first. Scores exist for one block and one strip only, so scratch memory
 * does not grow with the number of keys. The plan decides strips and threads; the bits of a row depend on neither.
 *
 * A K that is not contiguous along its dimensions is packed, a block at a time, for the strips of the task.
 */
#include "src/core/attention_strip.h"
#include "src/core/integers.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

typedef struct tiles_run {
    const gml_attention_view *view;
    const gml_attention_plan *plan;
    int64_t group, rows;   /* query heads of a key head, and their rows */
    int64_t chunks, tasks; /* tasks of a key head, and in all           */
    char *memory;
    size_t thread_bytes;
    _Atomic int64_t next;
} tiles_run;

static size_t block_bytes(const gml_attention_plan *plan, int64_t head_dim)
{
    return plan->pack_k ? (size_t)(GML_KB0 * head_dim) * sizeof(float) : 0;
}

size_t gml_attention_tiles_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim)
{
    const int64_t bq = plan->kernel->bq;
    return (size_t)plan->strips * gml_strip_place(&(gml_strip){0}, bq, head_dim, v_head_dim, NULL) +
           block_bytes(plan, head_dim) +
           ((size_t)GML_ATTENTION_SCRATCH_F32(bq) * sizeof(float) + GML_ALIGNMENT - 1) / GML_ALIGNMENT *
               GML_ALIGNMENT;
}

/* The block from key j0 on, for the kernel. */
static void point_at(const tiles_run *run, const gml_attention_task *task, int64_t j0, float *packed,
                     gml_attention_block_f32 *block)
{
    const gml_attention_problem *p = run->view->problem;
    const int64_t keys = min64(GML_KB0, task->keys.length - j0), step = p->k_dim_stride ? p->k_dim_stride : 1;
    block->k = p->k + gml_attention_at(p->k_stride, task->keys.batch, task->kv_head, j0);
    block->v = p->v + gml_attention_at(p->v_stride, task->keys.batch, task->kv_head, j0);
    block->k_stride = p->k_stride[2];
    if (run->plan->pack_k) {
        run->view->set->gemm_f32->pack(p->head_dim, p->head_dim, keys, block->k, step, p->k_stride[2], packed,
                                       p->head_dim);
        block->k = packed;
        block->k_stride = p->head_dim;
    }
}

/* A second pass of a strip over the keys it saw, each block from a state of its own. */
static void write_weights(const tiles_run *run, const gml_attention_task *task, gml_strip *s,
                          gml_attention_block_f32 block, float *packed, float *scratch)
{
    const gml_attention_problem *p = run->view->problem;
    for (int64_t i = 0; i < s->queries; i++) {
        const int64_t row = s->row + i, head = task->kv_head * task->group + row / p->q_len;
        float *weights =
            p->weights + gml_attention_at(p->weights_stride, task->keys.batch, head, row % p->q_len);
        for (int64_t j = 0; j < p->kv_len; j++)
            weights[j * p->weights_stride[3]] = 0.0f;
    }
    block.v_head_dim = 0;
    for (int64_t j = 0; j < task->keys.length; j += GML_KB0) {
        _Alignas(GML_ALIGNMENT) float m[GML_MAX_BQ], l[GML_MAX_BQ];
        gml_attention_strip_f32 met;
        if (!gml_strip_meet(task, s, j, &met))
            continue;
        for (int64_t i = 0; i < GML_MAX_BQ; i++) {
            m[i] = -INFINITY;
            l[i] = 0.0f;
        }
        met.m = m;
        met.l = l;
        point_at(run, task, j, packed, &block);
        task->kernel->step(&block, &met, 1, scratch);
        gml_strip_weights(task, s, j, &met, scratch);
    }
}

/* Asks for the task's rows of o, which are far away when the last block comes. */
static void ask_for_output(const tiles_run *run, const gml_attention_task *task, int64_t first, int64_t end)
{
    const gml_attention_problem *p = run->view->problem;
    for (int64_t row = first; row < min64(end, run->rows); row++) {
        const int64_t head = task->kv_head * task->group + row / p->q_len;
        const float *o = p->o + gml_attention_at(p->o_stride, task->keys.batch, head, row % p->q_len);
        for (int64_t d = 0; d < p->v_head_dim; d += GML_ALIGNMENT / (int64_t)sizeof(float))
            __builtin_prefetch(o + d, 1);
    }
}

/* All strips of a task against all blocks of keys that any of them sees. */
static void run_task(const tiles_run *run, int64_t number, char *memory)
{
    const gml_attention_view *view = run->view;
    const gml_attention_problem *p = view->problem;
    const int64_t bq = run->plan->kernel->bq;
    const int64_t chunk = run->chunks - 1 - number % run->chunks; /* the last rows see the most keys */
    const gml_attention_task task = {
        .view = view,
        .kernel = run->plan->kernel,
        .keys = gml_attention_keys_of(view->set, p, number / run->chunks / p->kv_heads),
        .kv_head = number / run->chunks % p->kv_heads,
        .group = run->group};
    const int64_t first = chunk * run->plan->strips * bq;

    gml_strip strips[GML_MAX_STRIPS];
    int64_t count = 0;
    for (int64_t row = first; row < run->rows && count < run->plan->strips; row += bq, count++) {
        gml_strip *s = &strips[count];
        memory += gml_strip_place(s, bq, p->head_dim, p->v_head_dim, memory);
        s->row = row;
        s->queries = min64(bq, run->rows - row);
        gml_strip_begin(&task, s);
    }

    float *packed = (float *)memory, *scratch = (float *)(memory + block_bytes(run->plan, p->head_dim));
    gml_attention_block_f32 block = {.head_dim = p->head_dim,
                                     .v_head_dim = p->v_head_dim,
                                     .v_stride = p->v_stride[2],
                                     .cap = view->cap,
                                     .inverse_cap = view->inverse_cap};
    int64_t last = task.keys.prefix;
    for (int64_t i = 0; i < count; i++)
        last = max64(last, strips[i].some.to);
    for (int64_t j = 0; j < last; j += GML_KB0) {
        gml_attention_strip_f32 met[GML_MAX_STRIPS];
        int64_t n = 0;
        if (j + GML_KB0 >= last)
            ask_for_output(run, &task, first, first + count * bq);
        for (int64_t i = 0; i < count; i++)
            n += gml_strip_meet(&task, &strips[i], j, &met[n]);
        if (n == 0)
            continue;
        point_at(run, &task, j, packed, &block);
        run->plan->kernel->step(&block, met, n, scratch);
    }
    for (int64_t i = 0; i < count; i++) {
        gml_strip_end(&task, &strips[i]);
        if (p->weights)
            write_weights(run, &task, &strips[i], block, packed, scratch);
    }
}

static void worker(void *argument, int64_t index)
{
    tiles_run *run = argument;
    for (int64_t task; (task = atomic_fetch_add(&run->next, 1)) < run->tasks;)
        run_task(run, task, run->memory + (size_t)index * run->thread_bytes);
}

void gml_attention_tiles_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                             const gml_attention_view *view, int32_t threads, void *memory,
                             size_t thread_bytes)
{
    const gml_attention_problem *p = view->problem;
    tiles_run run = {.view = view,
                     .plan = plan,
                     .group = p->heads / p->kv_heads,
                     .memory = memory,
                     .thread_bytes = thread_bytes};
    run.rows = run.group * p->q_len;
    run.chunks = ceil_div(run.rows, (int64_t)plan->strips * plan->kernel->bq);
    run.tasks = run.chunks * p->kv_heads * p->batch;
    gml_parallel(runtime, threads, worker, &run);
}
