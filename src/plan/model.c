/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The analytical model of softmax and attention. Every number names the resource that bounds it; the fractions leave room for what else
 * passes through a cache at the same time.
 */
#include "src/plan/model.h"
#include "src/core/runtime.h"
#include "src/plan/work.h"

/* Work below which one more thread costs more than it brings: some ten microseconds of a fast core, as a phase of a
 * team takes two to four. */
#define GML_ATTENTION_PRODUCTS_OF_THREAD (INT64_C(1) << 20)
#define GML_EXPONENTIALS_OF_THREAD       (INT64_C(1) << 15)

#define GML_STRIPS 4 /* enough for K and V to come from L3 once for about 200 queries */

gml_softmax_plan gml_model_softmax(const gml_machine *machine, const gml_softmax_problem *problem,
                                   int32_t threads)
{
    (void)machine;
    gml_softmax_plan plan;
    plan.rows = max64(1, GML_EXPONENTIALS_OF_THREAD / max64(problem->cols, 1));
    plan.threads = (int32_t)min64(
        threads_for(saturated(problem->rows, problem->cols), GML_EXPONENTIALS_OF_THREAD, threads),
        max64(1, ceil_div(problem->rows, plan.rows)));
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

gml_attention_plan gml_model_attention(const gml_machine *machine, const gml_kernel_set *set,
                                       const gml_attention_problem *problem, int32_t threads)
{
    const int64_t dims = problem->head_dim + problem->v_head_dim;
    const int64_t rows = problem->heads / problem->kv_heads * problem->q_len;
    const int64_t sequences = saturated(problem->batch, problem->kv_heads);
    const int64_t products = saturated(saturated(saturated(sequences, rows), problem->kv_len), dims);
    threads = threads_for(products, GML_ATTENTION_PRODUCTS_OF_THREAD, threads);
    const gml_cache_budget cache = gml_cache_budget_of(machine, threads);
    gml_attention_plan plan = {.kernel = choose_strip(set, rows), .threads = threads, .strips = GML_STRIPS};

    /* Half of L2 for the strips, beside a block of K and V; and two tasks for each thread, to share them evenly. */
    const int64_t strips = ceil_div(rows, plan.kernel->bq);
    while (plan.strips > 1 && (gml_attention_scratch_thread(&plan, problem->head_dim, problem->v_head_dim) >
                                   (size_t)cache.l2 / 2 ||
                               saturated(sequences, ceil_div(strips, plan.strips)) < 2 * (int64_t)threads))
        plan.strips--;
    plan.threads = (int32_t)min64(threads, saturated(sequences, ceil_div(strips, plan.strips)));
    return plan;
}
