/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention: the paths that a plan names, and what is left for want of memory.
 */
#include "src/core/attention.h"
#include "kernels/arithmetic.h"
#include <math.h>
#include <string.h>

gml_attention_view gml_attention_view_of(const gml_kernel_set *set, const gml_attention_problem *problem)
{
    gml_attention_view view = {.set = set, .problem = problem};
    view.c = (float)((double)problem->scale * GML_LOG2E_F64);
    if (problem->softcap != 0.0f) {
        const double cap = (double)problem->softcap * GML_LOG2E_F64;
        view.cap = (float)cap;
        view.inverse_cap = (float)(1.0 / cap);
    }
    return view;
}

float gml_attention_slope(const gml_attention_view *view, int64_t head)
{
    return view->problem->alibi ? (float)((double)view->problem->alibi[head] * GML_LOG2E_F64) : 0.0f;
}

float gml_attention_sink(const gml_attention_view *view, int64_t head)
{
    return view->problem->sinks ? view->problem->sinks[head] * GML_LOG2E : -INFINITY;
}

/* The path without memory: a single worker, row after row. */
static void plain_worker(void *argument, int64_t index)
{
    const gml_attention_view *view = argument;
    const gml_attention_problem *p = view->problem;
    (void)index;
    for (int64_t batch = 0; batch < p->batch; batch++) {
        const gml_attention_keys keys = gml_attention_keys_of(view->set, p, batch);
        for (int64_t r = 0; r < p->heads * p->q_len; r++) {
            const int64_t query = r % p->q_len, head = r / p->q_len;
            const float *q = p->q + gml_attention_at(p->q_stride, batch, head, query);
            float copy[GML_IN_PLACE_HEAD_DIM];
            if (p->o == p->q)
                q = memcpy(copy, q, (size_t)p->head_dim * sizeof(float));
            gml_attention_plain_f32(view, &keys, head, query, q, 1, view->c, true,
                                    p->o + gml_attention_at(p->o_stride, batch, head, query));
        }
    }
}

void gml_attention_run_f32(gml_runtime *runtime, const gml_attention_plan *plan,
                           const gml_attention_problem *problem)
{
    gml_attention_view view = gml_attention_view_of(runtime->set, problem);
    gml_scratch scratch = {0};
    int32_t threads = 1;
    size_t thread_bytes = 0;
    if (plan && (plan->path == GML_ATTENTION_TILES ? problem->k_dim_stride > 1 && !plan->pack_k
                                                   : problem->weights != NULL))
        plan = NULL; /* it was made for another problem */
    if (plan) {
        threads = plan->threads;
        thread_bytes = gml_attention_scratch_thread(plan, problem->head_dim, problem->v_head_dim);
        scratch = gml_scratch_take(runtime, thread_bytes * (size_t)threads);
        if (!scratch.data && threads > 1) {
            threads = 1;
            scratch = gml_scratch_take(runtime, thread_bytes);
        }
    }
    if (!scratch.data) {
        gml_parallel(runtime, 1, plain_worker, &view);
        return;
    }
    static void (*const paths[GML_ATTENTION_PATHS])(gml_runtime *, const gml_attention_plan *,
                                                    const gml_attention_view *, int32_t, void *, size_t) = {
        gml_attention_tiles_f32, gml_attention_few_f32, gml_attention_blocks_f32};
    paths[plan->path](runtime, plan, &view, threads, scratch.data, thread_bytes);
    gml_scratch_give(runtime, scratch);
}
