/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_attention_merge_f32: check, run.
 */
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include "src/core/attention.h"
#include "src/plan/work.h"

static const char function[] = "gml_attention_merge_f32";

/* Elements that pay for one more thread: each is read, multiplied and added at the speed of a cache. */
#define GML_MERGED_OF_THREAD (INT64_C(1) << 17)

static gml_status check_problem(const gml_attention_merge_problem *p)
{
    GML_TRY(gml_check_range(function, "parts", p->parts, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "batch", p->batch, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "heads", p->heads, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "q_len", p->q_len, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "v_head_dim", p->v_head_dim, 1, INT64_MAX));
    GML_TRY(gml_check_range(function, "threads", p->threads, 0, GML_MAX_THREADS));
    if (p->reserved != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: reserved is %d, must be 0", function, p->reserved);

    const int64_t *os = p->o_parts_stride, *ls = p->lse_parts_stride;
    const gml_tensor o = {"o",
                          "o_stride[0]\0o_stride[1]\0o_stride[2]\0-",
                          p->o,
                          4,
                          sizeof(float),
                          {p->batch, p->heads, p->q_len, p->v_head_dim},
                          {p->o_stride[0], p->o_stride[1], p->o_stride[2], 1}};
    const gml_tensor lse = {"lse",
                            "lse_stride[0]\0lse_stride[1]\0lse_stride[2]",
                            p->lse,
                            3,
                            sizeof(float),
                            {p->batch, p->heads, p->q_len},
                            {p->lse_stride[0], p->lse_stride[1], p->lse_stride[2]}};
    const gml_tensor o_parts = {
        "o_parts",
        "o_parts_stride[0]\0o_parts_stride[1]\0o_parts_stride[2]\0o_parts_stride[3]\0-",
        p->o_parts,
        5,
        sizeof(float),
        {p->parts, p->batch, p->heads, p->q_len, p->v_head_dim},
        {os[0], os[1], os[2], os[3], 1}};
    const gml_tensor lse_parts = {
        "lse_parts",
        "lse_parts_stride[0]\0lse_parts_stride[1]\0lse_parts_stride[2]\0lse_parts_stride[3]",
        p->lse_parts,
        4,
        sizeof(float),
        {p->parts, p->batch, p->heads, p->q_len},
        {ls[0], ls[1], ls[2], ls[3]}};
    GML_TRY(gml_check_tensor(function, &o));
    GML_TRY(gml_check_distinct(function, &o));
    if (p->lse) {
        GML_TRY(gml_check_tensor(function, &lse));
        GML_TRY(gml_check_distinct(function, &lse));
        GML_TRY(gml_check_overlap(function, &o, &lse));
    }
    if (gml_tensor_empty(&o))
        return GML_OK; /* nothing is read, either */
    const gml_tensor *inputs[] = {&o_parts, &lse_parts};
    for (int i = 0; i < 2; i++) {
        GML_TRY(gml_check_tensor(function, inputs[i]));
        GML_TRY(gml_check_overlap(function, &o, inputs[i]));
        if (p->lse)
            GML_TRY(gml_check_overlap(function, &lse, inputs[i]));
    }
    return gml_check_stride(function, &o_parts, 3, p->v_head_dim);
}

gml_status gml_attention_merge_f32(gml_context *context, const gml_attention_merge_problem *problem)
{
    gml_attention_merge_problem p;
    GML_TRY(gml_descriptor_read(&p, sizeof p, problem, function));
    GML_TRY(check_problem(&p));
    if (p.batch == 0 || p.heads == 0 || p.q_len == 0)
        return GML_OK;

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter();
    const int64_t begin = gml_trace_begin(context);
    const int64_t work = saturated(saturated(saturated(p.batch, p.heads), saturated(p.q_len, p.v_head_dim)),
                                   max64(p.parts, 1));
    const int32_t threads =
        threads_for(work, GML_MERGED_OF_THREAD, gml_parallel_threads(&context->runtime, p.threads));
    gml_attention_merge_run_f32(&context->runtime, threads, &p);
    if (begin)
        gml_trace_merge(context, function, &p, threads, begin);
    gml_fpenv_leave(found);
    return GML_OK;
}
