/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of softmax. Every number names the resource that bounds it; the fractions leave room for what else
 * passes through a cache at the same time.
 */
#include "kernels/arithmetic.h"
#include "src/core/softmax.h"
#include "src/plan/model.h"
#include "src/plan/work.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define EXPONENTIALS_OF_THREAD (INT64_C(1) << 15)

#define SEGMENTS_OF_PHASE 4  /* work for the time a team takes to begin and end another phase */
#define TASKS_OF_THREAD   16 /* enough to share rows evenly among threads of uneven speed     */
#define STREAMED_COLS     128
#define L3_UNKNOWN        ((int64_t)32 << 20)
#define LINE              16 /* floats of a cache line */

/* Rows at a time where columns are not contiguous: a quarter of L2, and a whole number of cache lines of neighbours. */
static void plan_strided(const gml_cache_budget *cache, const gml_softmax_problem *p, int64_t all,
                         const gml_choice *choice, gml_softmax_plan *plan)
{
    plan->block_cols = max64(1, min64(p->cols, GML_RS0));
    const int64_t rows = cache->l2 / 4 / (int64_t)sizeof(float) / plan->block_cols / LINE * LINE;
    plan->block_rows = wanted(choice, GML_CHOOSE_SOFTMAX_BLOCK_ROWS, max64(LINE, rows));
    plan->block_rows = min64(plan->block_rows, GML_MAX_BLOCK_ROWS);
    plan->rows = wanted(choice, GML_CHOOSE_SOFTMAX_ROWS, plan->block_rows);
    plan->threads = (int32_t)min64(plan->threads, ceil_div(all, plan->rows));
}

/* Whether sharing rows, in two phases, takes less time than rows as they are: `all` of them, in segments. */
static bool pays_to_split(const gml_softmax_problem *p, int64_t all, int32_t threads)
{
    const int64_t segments = ceil_div(p->cols, GML_RS0);
    const int64_t whole = saturated(ceil_div(all, threads), segments);
    const int64_t shared = ceil_div(saturated(all, segments), threads) + SEGMENTS_OF_PHASE;
    return threads > 1 && shared < whole;
}

/* Whether results are larger than the last cache; also in place, as the prefetching that comes with it counts for as much as
 * the lines that are not fetched. Short rows would share lines of y that are stored whole. */
static bool pays_to_stream(const gml_cache_budget *cache, const gml_softmax_problem *p,
                           int64_t elements_of_thread)
{
    return p->cols >= (p->x == p->y ? 2 * STREAMED_COLS : STREAMED_COLS) &&
           elements_of_thread >= (cache->l3 ? cache->l3 : L3_UNKNOWN) / (int64_t)sizeof(float);
}

/* Rows of a task. Where one task follows another, the first row's maximum and the last one's factor stand alone; which is
 * better for rows that are larger than L1: two of them at once, one half read and the other half written, meet in L2. */
static int64_t rows_of_task(const gml_cache_budget *cache, const gml_softmax_problem *p, int64_t all,
                            int32_t threads)
{
    if (p->cols > cache->l1d / (int64_t)sizeof(float))
        return 1;
    const int64_t least = EXPONENTIALS_OF_THREAD / max64(p->cols, 1);
    return max64(1, max64(least, threads == 1 ? all : all / threads / TASKS_OF_THREAD));
}

gml_softmax_plan gml_model_softmax(const gml_machine *machine, const gml_softmax_problem *problem,
                                   int32_t threads, const gml_choice *choice)
{
    choice = choice_or_none(choice);
    const int64_t all = saturated(problem->batch, problem->rows), elements = saturated(all, problem->cols);
    gml_softmax_plan plan = {.threads = wanted_threads(choice, GML_CHOOSE_SOFTMAX_THREADS, elements,
                                                       EXPONENTIALS_OF_THREAD, threads)};
    const gml_cache_budget cache = gml_cache_budget_of(machine, plan.threads);
    if (!gml_softmax_contiguous(problem)) {
        plan_strided(&cache, problem, all, choice, &plan);
        return plan;
    }
    plan.stream = wanted_flag(choice, GML_CHOOSE_SOFTMAX_STREAM,
                              pays_to_stream(&cache, problem, elements / plan.threads));
    plan.split = problem->cols > GML_RS0 &&
                 wanted_flag(choice, GML_CHOOSE_SOFTMAX_SPLIT, pays_to_split(problem, all, plan.threads));
    if (plan.stream && problem->cols > GML_RS0 &&
        saturated(problem->cols, sizeof(float)) <= (int64_t)GML_SCRATCH_PER_THREAD)
        plan.block_rows = 1, plan.block_cols = problem->cols;
    plan.rows = wanted(choice, GML_CHOOSE_SOFTMAX_ROWS, rows_of_task(&cache, problem, all, plan.threads));
    if (!plan.split)
        plan.threads = (int32_t)min64(plan.threads, max64(1, ceil_div(all, plan.rows)));
    return plan;
}
