/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of attention: the path, and what is its own. Every number names the resource that bounds it; the
 * fractions leave room for what else passes through a cache at the same time.
 */
#include "kernels/arithmetic.h"
#include "src/core/runtime.h"
#include "src/plan/model.h"
#include "src/plan/work.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define PRODUCTS_OF_THREAD (INT64_C(1) << 20)

/* Rows that share a pass over K and V at the speed of memory; strips compute more of them faster. */
#define FEW 16

#define FEW_ELEMENTS_OF_THREAD (INT64_C(1) << 18)  /* of K and V: some twenty microseconds        */
#define FEW_SCORES             (INT64_C(32) << 10) /* bytes of a span, beside K and V in L2       */
#define FEW_HELD               (INT64_C(1) << 20)  /* bytes of the results that a part holds      */
#define FEW_PART               8 /* blocks of a part: two phases cost as much as one block        */

#define BLOCKS_STEP 192 /* rows: so many use what comes of K and V to L1          */
#define BLOCKS_DIMS 80  /* head_dim and v_head_dim: fewer are transposed for little */
#define BLOCKS_DIM  512 /* either, at most: a chain of products is one of GEMM      */
#define BLOCKS_L2   4   /* queries and outputs are more, and come from memory       */

#define STRIPS 4 /* enough for K and V to come from L3 once for about 200 queries */

/* A problem as the model sees it. */
typedef struct problem {
    const gml_kernel_set *set;
    const gml_attention_problem *of;
    const gml_choice *choice;
    int64_t dims;      /* head_dim and v_head_dim         */
    int64_t rows;      /* queries that share a key head   */
    int64_t sequences; /* key heads of all batch entries  */
} problem;

/* The parts of the keys of a task: as few as keep all threads busy nine tenths of the time. */
static int32_t choose_split(int64_t tasks, int64_t blocks, int32_t threads)
{
    int32_t best = 1;
    double best_share = 0;
    for (int32_t split = 1; split <= threads && best_share * 1.1 < 1; split++) {
        if (split > 1 && blocks / split < FEW_PART)
            break;
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
static int64_t keys_seen(const gml_attention_problem *of)
{
    const int64_t keys = of->kv_len, left = of->window_left, right = max64(of->window_right, 1);
    const bool bounded = left > 0 && (of->causal != GML_CAUSAL_NONE || of->window_right > 0);
    if (!bounded || of->prefix || left >= keys || right >= keys)
        return keys;
    return min64(keys, left + right + of->q_len);
}

/* Spans whose scores stay in L2 beside K and V, and parts whose results wait in a bounded memory. */
static void plan_few(const problem *p, int32_t threads, gml_attention_plan *plan)
{
    const gml_choice *choice = p->choice;
    const int64_t keys = keys_seen(p->of), blocks = ceil_div(keys, GML_KB0);
    const int64_t most = min64(wanted(choice, GML_CHOOSE_ATTENTION_ROWS, FEW), GML_FEW_ROWS);
    const int64_t rows = even_block(p->rows, most, 1);
    const int64_t tasks = rows == p->rows ? p->sequences : saturated(p->sequences, ceil_div(p->rows, rows));
    threads = wanted_threads(choice, GML_CHOOSE_ATTENTION_THREADS, saturated(saturated(tasks, keys), p->dims),
                             FEW_ELEMENTS_OF_THREAD, threads);
    plan->path = GML_ATTENTION_FEW;
    plan->rows = (int32_t)rows;
    const int64_t block = (int64_t)(GML_KB0 * sizeof(float)) * rows, v_head_dim = p->of->v_head_dim;
    const int64_t result =
        ((v_head_dim < (INT64_C(1) << 32) ? v_head_dim : 1) + 2) * rows * (int64_t)sizeof(float);
    const int64_t span = wanted(choice, GML_CHOOSE_ATTENTION_SPAN, max64(1, FEW_SCORES / block));
    plan->span = (int32_t)min64(span, GML_FEW_SPAN);
    if (choice->value[GML_CHOOSE_ATTENTION_SPLIT] > 0)
        plan->split =
            (int32_t)max64(1, min64(choice->value[GML_CHOOSE_ATTENTION_SPLIT], min64(threads, blocks)));
    else
        plan->split = choose_split(tasks, blocks, threads);
    plan->hold = (int32_t)max64(1, min64(ceil_div(blocks, plan->split), FEW_HELD / result));
    plan->threads = plan->split == 1 ? (int32_t)min64(threads, tasks) : threads;
}

/* Whether blocks of scores are faster than strips, whose queries and outputs are transposed: few keys do not pay for it.
 * Where queries and outputs come from memory they are better read and written in long runs, as blocks do. */
static bool pays_by_blocks(const problem *p, const gml_cache_budget *cache)
{
    const gml_attention_problem *of = p->of;
    if (of->keep || of->head_dim > BLOCKS_DIM || of->v_head_dim > BLOCKS_DIM)
        return false;
    return of->kv_len <= min64(GML_KB0, p->dims) && p->dims >= BLOCKS_DIMS && p->rows >= BLOCKS_STEP &&
           saturated(saturated(p->sequences, p->rows), p->dims * (int64_t)sizeof(float)) >
               BLOCKS_L2 * cache->l2;
}

/* Half of L2 for the state of a task's rows; and two tasks for each thread, to share them evenly. */
static void plan_by_blocks(const problem *p, const gml_cache_budget *cache, int32_t threads,
                           gml_attention_plan *plan)
{
    const gml_attention_problem *of = p->of;
    const gml_choice *choice = p->choice;
    plan->path = GML_ATTENTION_BLOCKS;
    plan->products = gml_model_tile(p->set->gemm_f32, BLOCKS_STEP, max64(1, min64(of->kv_len, GML_KB0)));
    plan->values = gml_model_tile(p->set->gemm_f32, BLOCKS_STEP, of->v_head_dim);
    const int64_t state = p->dims * (int64_t)sizeof(float);
    const int64_t most = min64(GML_BLOCKS_ROWS, max64(cache->l2 / 2 / state, BLOCKS_STEP));
    const int64_t chunks = max64(ceil_div(p->rows, most), min64(ceil_div(2 * (int64_t)threads, p->sequences),
                                                                ceil_div(p->rows, BLOCKS_STEP)));
    const int64_t rows = wanted(choice, GML_CHOOSE_ATTENTION_ROWS, ceil_div(p->rows, chunks));
    plan->rows = (int32_t)even_block(p->rows, min64(rows, GML_BLOCKS_ROWS), 1);
    plan->step = (int32_t)min64(wanted(choice, GML_CHOOSE_ATTENTION_STEP, BLOCKS_STEP), GML_BLOCKS_ROWS);
    while (plan->rows > 1 &&
           gml_attention_blocks_scratch(plan, of->head_dim, of->v_head_dim) > GML_SCRATCH_PER_THREAD)
        plan->rows = (plan->rows + 1) / 2;
    plan->threads = (int32_t)min64(threads, saturated(p->sequences, ceil_div(p->rows, plan->rows)));
}

/* The strip that is wanted, if the set has it; the narrowest that holds all rows, for few queries; otherwise the best. */
static const gml_attention_kernel_f32 *choose_strip(const problem *p)
{
    const gml_kernel_set *set = p->set;
    const gml_attention_kernel_f32 *best = set->attention_f32;
    const int64_t bq = wanted(p->choice, GML_CHOOSE_ATTENTION_BQ, 0);
    for (int i = 0; bq > 0 && i < set->n_attention_f32; i++)
        if (set->attention_f32[i].bq == bq)
            return &set->attention_f32[i];
    for (int i = 1; i < set->n_attention_f32; i++)
        if (set->attention_f32[i].bq >= p->rows && set->attention_f32[i].bq < best->bq)
            best = &set->attention_f32[i];
    return best;
}

/* Half of L2 for the strips, beside a block of K and V; and two tasks for each thread, to share them evenly. */
static bool too_many_strips(const problem *p, const gml_cache_budget *cache, const gml_attention_plan *plan,
                            int64_t strips, int32_t threads)
{
    const size_t bytes = gml_attention_tiles_scratch(plan, p->of->head_dim, p->of->v_head_dim);
    if (p->choice->value[GML_CHOOSE_ATTENTION_STRIPS] > 0)
        return bytes > GML_SCRATCH_PER_THREAD;
    return bytes > (size_t)cache->l2 / 2 ||
           saturated(p->sequences, ceil_div(strips, plan->strips)) < 2 * (int64_t)threads;
}

static void plan_tiles(const problem *p, const gml_cache_budget *cache, int32_t threads,
                       gml_attention_plan *plan)
{
    plan->path = GML_ATTENTION_TILES;
    plan->kernel = choose_strip(p);
    plan->pack_k = p->of->k_dim_stride > 1 || wanted_flag(p->choice, GML_CHOOSE_ATTENTION_PACK_K, false);
    plan->strips = (int32_t)min64(wanted(p->choice, GML_CHOOSE_ATTENTION_STRIPS, STRIPS), GML_MAX_STRIPS);
    const int64_t strips = ceil_div(p->rows, plan->kernel->bq); /* in all */
    while (plan->strips > 1 && too_many_strips(p, cache, plan, strips, threads))
        plan->strips--;
    plan->threads = (int32_t)min64(threads, saturated(p->sequences, ceil_div(strips, plan->strips)));
}

/* Whether a path can run the problem. */
static bool can_run(const problem *p, gml_attention_path path)
{
    switch (path) {
    case GML_ATTENTION_FEW:
        return !p->of->weights;
    case GML_ATTENTION_BLOCKS:
        return !p->of->weights && p->of->head_dim <= p->set->gemm_f32->kc0;
    default:
        return true;
    }
}

/* Whether a path is taken: the one that is wanted, where it can run the problem; otherwise the model's own. */
static bool takes(const problem *p, gml_attention_path path, bool otherwise)
{
    const int64_t instead = wanted(p->choice, GML_CHOOSE_ATTENTION_PATH, 0) - 1;
    if (instead >= 0 && instead < GML_ATTENTION_PATHS && can_run(p, (gml_attention_path)instead))
        return instead == path;
    return otherwise && can_run(p, path);
}

gml_attention_plan gml_model_attention(const gml_machine *machine, const gml_kernel_set *set,
                                       const gml_attention_problem *of, int32_t threads,
                                       const gml_choice *choice)
{
    problem p = {.set = set, .of = of, .choice = choice_or_none(choice)};
    p.dims = of->head_dim + of->v_head_dim;
    p.rows = of->heads / of->kv_heads * of->q_len;
    p.sequences = saturated(of->batch, of->kv_heads);
    gml_attention_plan plan = {.kernel = set->attention_f32};
    if (takes(&p, GML_ATTENTION_FEW, p.rows <= FEW)) {
        plan_few(&p, threads, &plan);
        return plan;
    }
    const int64_t products = saturated(saturated(saturated(p.sequences, p.rows), of->kv_len), p.dims);
    threads = wanted_threads(p.choice, GML_CHOOSE_ATTENTION_THREADS, products, PRODUCTS_OF_THREAD, threads);
    const gml_cache_budget cache = gml_cache_budget_of(machine, threads);
    if (takes(&p, GML_ATTENTION_BLOCKS, pays_by_blocks(&p, &cache)))
        plan_by_blocks(&p, &cache, threads, &plan);
    else
        plan_tiles(&p, &cache, threads, &plan);
    return plan;
}
