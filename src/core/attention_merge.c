/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Merging results over parts of the keys, row by row, in the order of the parts.
 */
#include "kernels/arithmetic.h"
#include "src/core/attention.h"
#include "src/core/exponentials.h"
#include "src/core/integers.h"
#include <math.h>
#include <stdatomic.h>

#define GML_ROWS_OF_TASK 64 /* a few microseconds */

typedef struct merge_run {
    const gml_kernel_set *set;
    const gml_attention_merge_problem *problem;
    int64_t rows;
    _Atomic int64_t next; /* row nobody has drawn yet */
} merge_run;

static void merge_row(const merge_run *run, int64_t batch, int64_t head, int64_t query)
{
    const gml_attention_merge_problem *p = run->problem;
    const int64_t dim = p->v_head_dim;
    const float *o_parts = p->o_parts + gml_attention_at(p->o_parts_stride + 1, batch, head, query);
    const float *lse_parts = p->lse_parts + gml_attention_at(p->lse_parts_stride + 1, batch, head, query);
    float *o = p->o + gml_attention_at(p->o_stride, batch, head, query);
    float m = -INFINITY, l = 0.0f;
    for (int64_t d = 0; d < dim; d++)
        o[d] = 0.0f;
    for (int64_t part = 0; part < p->parts; part++) {
        const float lse = lse_parts[part * p->lse_parts_stride[0]];
        if (lse == -INFINITY)
            continue;
        const float top = (lse > m ? lse : m) + 0.0f, z = finite_or_zero(top);
        float ab[2] = {m - z, lse - z};
        run->set->exp_f32(2, ab, ab);
        l = fmaf(ab[0], l, ab[1]);
        m = top;
        run->set->attention_row_f32->merge(dim, ab[0], o, ab[1], o_parts + part * p->o_parts_stride[0]);
    }
    const float inverse = 1.0f / l;
    for (int64_t d = 0; d < dim; d++)
        o[d] = l == 0.0f ? 0.0f : o[d] * inverse + 0.0f;
    if (p->lse)
        p->lse[gml_attention_at(p->lse_stride, batch, head, query)] =
            l == 0.0f ? -INFINITY : m + gml_log2f(l) * GML_LN2;
}

static void worker(void *argument, int64_t index)
{
    merge_run *run = argument;
    const gml_attention_merge_problem *p = run->problem;
    (void)index;
    for (int64_t first; (first = atomic_fetch_add(&run->next, GML_ROWS_OF_TASK)) < run->rows;)
        for (int64_t r = first; r < min64(first + GML_ROWS_OF_TASK, run->rows); r++)
            merge_row(run, r / p->q_len / p->heads, r / p->q_len % p->heads, r % p->q_len);
}

void gml_attention_merge_run_f32(gml_runtime *runtime, int32_t threads,
                                 const gml_attention_merge_problem *problem)
{
    merge_run run = {
        .set = runtime->set, .problem = problem, .rows = problem->batch * problem->heads * problem->q_len};
    gml_parallel(runtime, (int32_t)min64(threads, ceil_div(run.rows, GML_ROWS_OF_TASK)), worker, &run);
}
