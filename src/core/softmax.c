/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: what a problem's defaults stand for, and how its rows are shared out. Workers draw tasks of a few rows each,
 * or, where rows are few and long, share every row.
 */
#include "src/core/causal.h"
#include "src/core/softmax_paths.h"

/* Whether the rows of a matrix go on in the next. */
static bool goes_on(const gml_softmax_problem *p, int64_t stride, int64_t batch_stride)
{
    return batch_stride / p->rows == stride && batch_stride % p->rows == 0;
}

/* Matrices one behind the other are one, if their rows depend on nothing but their own elements. */
static void join_matrices(gml_softmax_problem *p)
{
    if (p->batch <= 1 || p->rows == 0 || p->causal != GML_CAUSAL_NONE || p->alibi || p->sinks)
        return;
    if (p->rows == 1) {
        p->x_stride = p->x_batch_stride;
        p->y_stride = p->y_batch_stride;
        p->bias_stride = p->bias_batch_stride;
        p->keep_stride = p->keep_batch_stride;
        p->lse_stride = p->lse_batch_stride;
    } else if (!goes_on(p, p->x_stride, p->x_batch_stride) || !goes_on(p, p->y_stride, p->y_batch_stride) ||
               (p->bias && !goes_on(p, p->bias_stride, p->bias_batch_stride)) ||
               (p->keep && !goes_on(p, p->keep_stride, p->keep_batch_stride)) ||
               (p->lse && !goes_on(p, p->lse_stride, p->lse_batch_stride))) {
        return;
    }
    if (!__builtin_mul_overflow(p->rows, p->batch, &p->rows))
        p->batch = 1;
}

gml_softmax_problem gml_softmax_resolve(const gml_softmax_problem *problem)
{
    gml_softmax_problem p = *problem;
    if (p.scale == 0.0f)
        p.scale = 1.0f;
    if (p.x_col_stride == 0 || p.cols == 1)
        p.x_col_stride = 1;
    if (p.y_col_stride == 0 || p.cols == 1)
        p.y_col_stride = 1;
    if (p.causal == GML_CAUSAL_NONE) {
        p.causal_offset = p.cols - p.rows;
    } else {
        p.causal_offset = gml_causal_offset(p.causal, p.causal_offset, p.rows, p.cols);
        p.causal = GML_CAUSAL_OFFSET;
    }
    join_matrices(&p);
    return p;
}

bool gml_softmax_contiguous(const gml_softmax_problem *problem)
{
    return problem->x_col_stride == 1 && problem->y_col_stride == 1;
}

static void worker(void *argument, int64_t index)
{
    gml_softmax_job *job = argument;
    const gml_softmax_problem *p = job->problem;
    const int64_t all = p->batch * p->rows;
    float *scratch =
        job->scratch ? (float *)(job->scratch + (size_t)index * gml_softmax_scratch_thread(job->plan)) : NULL;
    for (;;) {
        int64_t row = atomic_fetch_add(&job->next, job->plan->rows);
        if (row >= all)
            break;
        const int64_t end = all - row < job->plan->rows ? all : row + job->plan->rows;
        while (row < end) {
            const int64_t l = row / p->rows, first = row % p->rows, last = min64(p->rows, first + end - row);
            if (gml_softmax_contiguous(p))
                gml_softmax_rows(job, l, first, last, scratch);
            else
                gml_softmax_strided_rows(job, l, first, last, scratch);
            row += last - first;
        }
    }
    if (job->plan->stream)
        job->kernel->fence();
}

void gml_softmax_run_f32(gml_runtime *runtime, const gml_softmax_plan *plan,
                         const gml_softmax_problem *problem)
{
    const gml_softmax_problem *p = problem;
    gml_softmax_job job = {.set = runtime->set,
                           .kernel = runtime->set->softmax_f32,
                           .plan = plan,
                           .problem = p,
                           .plain =
                               p->softcap == 0.0f && !p->alibi && !p->bias && !p->keep && p->scale > 0.0f,
                           .inverse_cap = p->softcap == 0.0f ? 0.0f : (float)(1.0 / (double)p->softcap)};
    if (plan->split && gml_softmax_split(runtime, &job))
        return;
    const size_t bytes = (size_t)plan->threads * gml_softmax_scratch_thread(plan);
    gml_scratch scratch = bytes ? gml_scratch_take(runtime, bytes) : (gml_scratch){0};
    job.scratch = scratch.data;
    gml_parallel(runtime, plan->threads, worker, &job);
    gml_scratch_give(runtime, scratch);
}
