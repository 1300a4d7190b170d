/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries, at the speed of memory. A task is a few rows of one key head, which share a pass over its K
 * and V:
 *
 *     for each span of blocks of KB0 keys
 *       products of its blocks, which become exponentials     K is read in one long run
 *       for each of its blocks: values, then the merge        so is V
 *
 * Where there are fewer tasks than threads, the keys of a task are split into parts of whole blocks. The first part
 * merges its blocks at once; the others hold the results of theirs, until all have finished and the results can be
 * merged in order. What may be held is bounded: the keys are taken in waves.
 */
#include "src/core/attention_few.h"
#include "src/core/integers.h"
#include <stdatomic.h>

/* The slots of memory, one a thread: each has all three, in this order. */
typedef struct few_slot {
    gml_few_state state;
    gml_few_held held;
    gml_few_scratch scratch;
} few_slot;

typedef struct few_run {
    const gml_attention_view *view;
    const gml_attention_plan *plan;
    int64_t rows;               /* of a key head                                      */
    int64_t chunks, tasks;      /* tasks of a key head, and in all                    */
    int64_t split;              /* parts of the keys of a task                        */
    int64_t first, count, wave; /* split: the tasks at hand, and their first block    */
    bool last;                  /* it is the last wave                                */
    char *memory;
    size_t thread_bytes;
    _Atomic int64_t next;
} few_run;

static few_slot slot_at(char *memory, const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim,
                        size_t *used)
{
    const int64_t rows = plan->rows, hold = plan->split > 1 ? plan->hold : 0;
    few_slot slot;
    *used = 0;
    slot.state.q =
        gml_scratch_carve(memory, used, ceil_div(rows, GML_QUERY_PANEL) * GML_QUERY_PANEL * head_dim);
    slot.state.rows.o = gml_scratch_carve(memory, used, rows * v_head_dim);
    slot.state.rows.m = gml_scratch_carve(memory, used, rows);
    slot.state.rows.l = gml_scratch_carve(memory, used, rows);
    slot.state.rows.masked = gml_scratch_carve(memory, used, rows);
    slot.held.s = gml_scratch_carve(memory, used, hold * rows * v_head_dim);
    slot.held.m = gml_scratch_carve(memory, used, hold * rows);
    slot.held.l = gml_scratch_carve(memory, used, hold * rows);
    slot.held.count = gml_scratch_carve(memory, used, 1);
    slot.scratch.t = gml_scratch_carve(memory, used, rows * gml_few_score_stride(plan->span));
    slot.scratch.s = gml_scratch_carve(memory, used, rows * v_head_dim);
    slot.scratch.m = gml_scratch_carve(memory, used, plan->span * rows);
    slot.scratch.l = gml_scratch_carve(memory, used, plan->span * rows);
    slot.scratch.bias = gml_scratch_carve(memory, used, GML_KB0);
    return slot;
}

size_t gml_attention_few_scratch(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim)
{
    size_t used;
    slot_at(NULL, plan, head_dim, v_head_dim, &used);
    return used;
}

static few_slot slot_of(const few_run *run, int64_t index)
{
    const gml_attention_problem *p = run->view->problem;
    size_t used;
    return slot_at(run->memory + (size_t)index * run->thread_bytes, run->plan, p->head_dim, p->v_head_dim,
                   &used);
}

static gml_rows_task task_of(const few_run *run, int64_t number)
{
    const int64_t heads = run->view->problem->kv_heads, sequence = number / run->chunks;
    const int64_t row = number % run->chunks * run->plan->rows;
    return gml_rows_task_of(run->view, sequence / heads, sequence % heads, row,
                            min64(run->plan->rows, run->rows - row));
}

/* Whole tasks, drawn by workers. */
static void task_worker(void *argument, int64_t index)
{
    few_run *run = argument;
    const few_slot slot = slot_of(run, index);
    for (int64_t number; (number = atomic_fetch_add(&run->next, 1)) < run->tasks;) {
        const gml_rows_task task = task_of(run, number);
        gml_few_begin(&task, &slot.state);
        gml_few_blocks(&task, run->plan->span, &slot.state, &slot.scratch, task.blocks.from, task.blocks.to,
                       NULL);
        for (int64_t i = 0; i < task.rows; i++)
            gml_few_end(&task, &slot.state, i);
    }
}

/* The blocks of a task that part `part` computes in this wave. */
static gml_key_range share_of(const few_run *run, const gml_rows_task *task, int64_t part)
{
    const int64_t first = task->blocks.from + run->wave, rest = max64(0, task->blocks.to - first);
    const int64_t blocks = min64(rest, run->split * run->plan->hold);
    return (gml_key_range){first + gml_share(blocks, part, run->split),
                           first + gml_share(blocks, part + 1, run->split)};
}

/* Parts of the tasks at hand. The state of a task is that of its first part's slot; the others hold their results. */
static void part_worker(void *argument, int64_t index)
{
    few_run *run = argument;
    const gml_few_scratch scratch = slot_of(run, index).scratch;
    for (int64_t number; (number = atomic_fetch_add(&run->next, 1)) < run->count * run->split;) {
        const int64_t part = number % run->split;
        const few_slot slot = slot_of(run, number);
        const gml_rows_task task = task_of(run, run->first + number / run->split);
        const gml_key_range share = share_of(run, &task, part);
        if (run->wave == 0)
            gml_few_begin(&task, &slot.state);
        gml_few_blocks(&task, run->plan->span, &slot.state, &scratch, share.from, share.to,
                       part ? &slot.held : NULL);
    }
}

/* What was held joins in order, row by row. */
static void join_worker(void *argument, int64_t index)
{
    few_run *run = argument;
    (void)index;
    for (int64_t number; (number = atomic_fetch_add(&run->next, 1)) < run->count * run->plan->rows;) {
        const int64_t at = number / run->plan->rows, i = number % run->plan->rows;
        const gml_rows_task task = task_of(run, run->first + at);
        if (i >= task.rows)
            continue;
        const few_slot slot = slot_of(run, at * run->split);
        const gml_rows_state state = gml_rows_from(&task, &slot.state.rows, i);
        for (int64_t part = 1; part < run->split; part++) {
            const few_slot other = slot_of(run, at * run->split + part);
            for (int64_t b = 0; b < *other.held.count; b++) {
                const int64_t at_row = b * task.rows + i;
                gml_rows_join(&task, &state, 1, other.held.m + at_row, other.held.l + at_row,
                              other.held.s + at_row * task.problem->v_head_dim);
            }
            slot.state.rows.masked[i] |= other.state.rows.masked[i];
        }
        if (run->last)
            gml_few_end(&task, &slot.state, i);
    }
}

/* Rounds of as many tasks as there are slots for; in each, waves of what their slots hold. */
static void run_split(gml_runtime *runtime, few_run *run, int32_t threads)
{
    const int64_t at_once = threads / run->split, step = run->split * run->plan->hold;
    for (run->first = 0; run->first < run->tasks; run->first += run->count) {
        run->count = min64(at_once, run->tasks - run->first);
        int64_t blocks = 1;
        for (int64_t i = 0; i < run->count; i++) {
            const gml_rows_task task = task_of(run, run->first + i);
            blocks = max64(blocks, task.blocks.to - task.blocks.from);
        }
        for (run->wave = 0; run->wave < blocks; run->wave += step) {
            run->last = run->wave + step >= blocks;
            atomic_store(&run->next, 0);
            gml_parallel(runtime, (int32_t)(run->count * run->split), part_worker, run);
            atomic_store(&run->next, 0);
            gml_parallel(runtime, (int32_t)min64(threads, run->count * run->plan->rows), join_worker, run);
        }
    }
}

void gml_attention_few_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                           const gml_attention_view *view, int32_t threads, void *memory, size_t thread_bytes)
{
    const gml_attention_problem *p = view->problem;
    few_run run = {.view = view,
                   .plan = plan,
                   .split = min64(plan->split, threads),
                   .memory = memory,
                   .thread_bytes = thread_bytes};
    run.rows = p->heads / p->kv_heads * p->q_len;
    run.chunks = ceil_div(run.rows, plan->rows);
    run.tasks = run.chunks * p->kv_heads * p->batch;
    if (run.split > 1)
        run_split(runtime, &run, threads);
    else
        gml_parallel(runtime, threads, task_worker, &run);
}
