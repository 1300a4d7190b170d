/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of softmax and attention. Every number names the resource that bounds it; the fractions leave room for what else
 * passes through a cache at the same time.
 */
#include "src/plan/model.h"
#include "kernels/arithmetic.h"
#include "src/core/runtime.h"
#include "src/core/softmax.h"
#include "src/plan/work.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define GML_ATTENTION_PRODUCTS_OF_THREAD (INT64_C(1) << 20)
#define GML_EXPONENTIALS_OF_THREAD       (INT64_C(1) << 15)

#define GML_SEGMENTS_OF_PHASE 4  /* softmax: work for the time a team takes to begin and end another phase */
#define GML_TASKS_OF_THREAD   16 /* enough to share rows evenly among threads of uneven speed             */
#define GML_STREAMED_COLS     128
#define GML_L3_UNKNOWN        ((int64_t)32 << 20)
#define GML_LINE              16 /* floats of a cache line */

#define GML_STRIPS 4 /* enough for K and V to come from L3 once for about 200 queries */

/* Rows at a time where columns are not contiguous: a quarter of L2, and a whole number of cache lines of neighbours. */
static void plan_blocks(const gml_cache_budget *cache, const gml_softmax_problem *p, int64_t all,
                        gml_softmax_plan *plan)
{
    plan->block_cols = max64(1, min64(p->cols, GML_RS0));
    const int64_t rows = cache->l2 / 4 / (int64_t)sizeof(float) / plan->block_cols / GML_LINE * GML_LINE;
    plan->block_rows = max64(GML_LINE, min64(rows, GML_MAX_BLOCK_ROWS));
    plan->rows = plan->block_rows;
    plan->threads = (int32_t)min64(plan->threads, ceil_div(all, plan->rows));
}

/* Whether sharing rows, in two phases, takes less time than rows as they are: `all` of them, in segments. */
static bool pays_to_split(const gml_softmax_problem *p, int64_t all, int32_t threads)
{
    const int64_t segments = ceil_div(p->cols, GML_RS0);
    const int64_t whole = saturated(ceil_div(all, threads), segments);
    const int64_t shared = ceil_div(saturated(all, segments), threads) + GML_SEGMENTS_OF_PHASE;
    return threads > 1 && shared < whole;
}

gml_softmax_plan gml_model_softmax(const gml_machine *machine, const gml_softmax_problem *problem,
                                   int32_t threads)
{
    const int64_t all = saturated(problem->batch, problem->rows), elements = saturated(all, problem->cols);
    gml_softmax_plan plan = {.threads = threads_for(elements, GML_EXPONENTIALS_OF_THREAD, threads)};
    const gml_cache_budget cache = gml_cache_budget_of(machine, plan.threads);
    if (!gml_softmax_contiguous(problem)) {
        plan_blocks(&cache, problem, all, &plan);
        return plan;
    }
    /* Lines of x are there already where y is x. Short rows would share lines of y that are stored whole. */
    plan.stream = problem->x != problem->y && problem->cols >= GML_STREAMED_COLS &&
                  elements / plan.threads >= (cache.l3 ? cache.l3 : GML_L3_UNKNOWN) / (int64_t)sizeof(float);
    plan.split = pays_to_split(problem, all, plan.threads);
    if (plan.stream && problem->cols > GML_RS0 &&
        saturated(problem->cols, sizeof(float)) <= (int64_t)GML_SCRATCH_PER_THREAD)
        plan.block_rows = 1, plan.block_cols = problem->cols;

    /* Where one task follows another, the first row's maximum and the last one's factor stand alone. */
    plan.rows = max64(GML_EXPONENTIALS_OF_THREAD / max64(problem->cols, 1),
                      plan.threads == 1 ? all : all / plan.threads / GML_TASKS_OF_THREAD);
    plan.rows = max64(1, plan.rows);
    if (!plan.split)
        plan.threads = (int32_t)min64(plan.threads, max64(1, ceil_div(all, plan.rows)));
    return plan;
}

/* Rows that share a pass over K and V at the speed of memory; strips compute more of them faster. */
#define GML_FEW 12

#define GML_FEW_ELEMENTS_OF_THREAD (INT64_C(1) << 18)  /* of K and V: some twenty microseconds        */
#define GML_FEW_SCORES             (INT64_C(32) << 10) /* bytes of a span, beside K and V in L2       */
#define GML_FEW_HELD               (INT64_C(1) << 20)  /* bytes of the results that a part holds      */
#define GML_FEW_PART               8 /* blocks of a part: two phases cost as much as one block        */

/* The parts of the keys of a task: as few as keep all threads busy nine tenths of the time. */
static int32_t choose_split(int64_t tasks, int64_t blocks, int32_t threads)
{
    int32_t best = 1;
    double best_share = 0;
    for (int32_t split = 1; split <= threads && (split == 1 || blocks / split >= GML_FEW_PART); split++) {
        /* With parts, so many tasks at a time; without, workers draw them. */
        const int64_t rounds = split == 1 ? ceil_div(tasks, threads) : ceil_div(tasks, threads / split);
        const double share = (double)tasks * split / ((double)rounds * threads);
        if (share > best_share * 1.1) {
            best = split;
            best_share = share;
        }
    }
    return best;
}

/* The keys that a few queries see, as far as windows tell. */
static int64_t keys_seen(const gml_attention_problem *problem)
{
    const int64_t keys = problem->kv_len, left = problem->window_left,
                  right = max64(problem->window_right, 1);
    const bool bounded = left > 0 && (problem->causal != GML_CAUSAL_NONE || problem->window_right > 0);
    if (!bounded || problem->prefix || left >= keys || right >= keys)
        return keys;
    return min64(keys, left + right + problem->q_len);
}

static gml_attention_plan plan_few(const gml_attention_problem *problem, const gml_kernel_set *set,
                                   int64_t rows, int64_t sequences, int32_t threads)
{
    const int64_t keys = keys_seen(problem), dims = problem->head_dim + problem->v_head_dim;
    threads = threads_for(saturated(saturated(sequences, keys), dims), GML_FEW_ELEMENTS_OF_THREAD, threads);
    gml_attention_plan plan = {.path = GML_ATTENTION_FEW,
                               .kernel = set->attention_f32,
                               .rows = (int32_t)rows,
                               .threads = threads,
                               .hold = 1};
    const int64_t block = (int64_t)(GML_KB0 * sizeof(float)) * rows;
    const int64_t result = ((problem->v_head_dim < (INT64_C(1) << 32) ? problem->v_head_dim : 1) + 2) * rows *
                           (int64_t)sizeof(float);
    const int64_t blocks = ceil_div(keys, GML_KB0);
    plan.span = (int32_t)max64(1, min64(GML_FEW_SPAN, GML_FEW_SCORES / block));
    plan.split = choose_split(sequences, blocks, threads);
    plan.hold = (int32_t)max64(1, min64(ceil_div(blocks, plan.split), GML_FEW_HELD / result));
    if (plan.split == 1)
        plan.threads = (int32_t)min64(threads, sequences);
    return plan;
}

/* The narrowest strip that holds all rows, for few queries; otherwise the best. */
static const gml_attention_kernel_f32 *choose_strip(const gml_kernel_set *set, int64_t rows)
{
    const gml_attention_kernel_f32 *best = set->attention_f32;
    for (int i = 1; i < set->n_attention_f32; i++)
        if (set->attention_f32[i].bq >= rows && set->attention_f32[i].bq < best->bq)
            best = &set->attention_f32[i];
    return best;
}

#define GML_BLOCKS_STEP 192 /* rows: so many use what comes of K and V to L1          */
#define GML_BLOCKS_DIMS 80  /* head_dim and v_head_dim: fewer are transposed for little */
#define GML_BLOCKS_DIM  512 /* either, at most: a chain of products is one of GEMM      */
#define GML_BLOCKS_L2   4   /* queries and outputs are more, and come from memory       */

/* Whether blocks of scores are faster than strips, whose queries and outputs are transposed: few keys do not pay for it.
 * Where queries and outputs come from memory they are better read and written in long runs, as blocks do. */
static bool pays_by_blocks(const gml_cache_budget *cache, const gml_attention_problem *p, int64_t rows,
                           int64_t sequences)
{
    const int64_t dims = p->head_dim + p->v_head_dim;
    if (p->weights || p->keep || p->head_dim > GML_BLOCKS_DIM || p->v_head_dim > GML_BLOCKS_DIM)
        return false;
    return p->kv_len <= min64(GML_KB0, dims) && dims >= GML_BLOCKS_DIMS && rows >= GML_BLOCKS_STEP &&
           saturated(saturated(sequences, rows), dims * (int64_t)sizeof(float)) > GML_BLOCKS_L2 * cache->l2;
}

/* Half of L2 for the state of a task's rows; and two tasks for each thread, to share them evenly. */
static gml_attention_plan plan_by_blocks(const gml_cache_budget *cache, const gml_attention_problem *p,
                                         const gml_kernel_set *set, int64_t rows, int64_t sequences,
                                         int32_t threads)
{
    gml_attention_plan plan = {
        .path = GML_ATTENTION_BLOCKS,
        .kernel = set->attention_f32,
        .products = gml_model_tile(set->gemm_f32, GML_BLOCKS_STEP, max64(1, min64(p->kv_len, GML_KB0))),
        .values = gml_model_tile(set->gemm_f32, GML_BLOCKS_STEP, p->v_head_dim),
        .step = GML_BLOCKS_STEP};
    const int64_t state = (p->head_dim + p->v_head_dim) * (int64_t)sizeof(float);
    const int64_t most = min64(GML_BLOCKS_ROWS, max64(cache->l2 / 2 / state, GML_BLOCKS_STEP));
    const int64_t chunks = max64(ceil_div(rows, most), min64(ceil_div(2 * (int64_t)threads, sequences),
                                                             ceil_div(rows, GML_BLOCKS_STEP)));
    plan.rows = (int32_t)ceil_div(rows, chunks);
    plan.threads = (int32_t)min64(threads, saturated(sequences, ceil_div(rows, plan.rows)));
    return plan;
}

gml_attention_plan gml_model_attention(const gml_machine *machine, const gml_kernel_set *set,
                                       const gml_attention_problem *problem, int32_t threads)
{
    const int64_t dims = problem->head_dim + problem->v_head_dim;
    const int64_t rows = problem->heads / problem->kv_heads * problem->q_len;
    const int64_t sequences = saturated(problem->batch, problem->kv_heads);
    const int64_t products = saturated(saturated(saturated(sequences, rows), problem->kv_len), dims);
    if (rows <= GML_FEW && !problem->weights)
        return plan_few(problem, set, rows, sequences, threads);
    threads = threads_for(products, GML_ATTENTION_PRODUCTS_OF_THREAD, threads);
    const gml_cache_budget cache = gml_cache_budget_of(machine, threads);
    if (pays_by_blocks(&cache, problem, rows, sequences))
        return plan_by_blocks(&cache, problem, set, rows, sequences, threads);
    gml_attention_plan plan = {.path = GML_ATTENTION_TILES,
                               .pack_k = problem->k_dim_stride > 1,
                               .kernel = choose_strip(set, rows),
                               .threads = threads,
                               .strips = GML_STRIPS};

    /* Half of L2 for the strips, beside a block of K and V; and two tasks for each thread, to share them evenly. */
    const int64_t strips = ceil_div(rows, plan.kernel->bq);
    while (plan.strips > 1 && (gml_attention_scratch_thread(&plan, problem->head_dim, problem->v_head_dim) >
                                   (size_t)cache.l2 / 2 ||
                               saturated(sequences, ceil_div(strips, plan.strips)) < 2 * (int64_t)threads))
        plan.strips--;
    plan.threads = (int32_t)min64(threads, saturated(sequences, ceil_div(strips, plan.strips)));
    return plan;
}
