/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_softmax_f32: check, resolve, plan, run.
 */
#include "src/core/softmax.h"
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/trace.h"
#include "src/core/causal.h"
#include "src/plan/model.h"

static const char function[] = "gml_softmax_f32";

static gml_status check_problem(const gml_softmax_problem *p)
{
    GML_TRY(gml_check_range(function, "rows", p->rows, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "cols", p->cols, 0, INT64_MAX));
    GML_TRY(gml_check_knobs(function, p->scale, p->causal, p->causal_offset, p->threads, p->reserved));

    const gml_tensor y = {"y", "y_stride\0-", p->y, 2, sizeof(float), {p->rows, p->cols}, {p->y_stride, 1}};
    const gml_tensor x = {"x", "x_stride\0-", p->x, 2, sizeof(float), {p->rows, p->cols}, {p->x_stride, 1}};
    const gml_tensor bias = {
        "bias", "bias_stride\0-", p->bias, 2, sizeof(float), {p->rows, p->cols}, {p->bias_stride, 1}};
    const gml_tensor keep = {
        "keep", "keep_stride\0-", p->keep, 2, sizeof(uint8_t), {p->rows, p->cols}, {p->keep_stride, 1}};
    GML_TRY(gml_check_tensor(function, &y));
    GML_TRY(gml_check_stride(function, &y, 0, p->cols));
    GML_TRY(gml_check_tensor(function, &x));
    GML_TRY(gml_check_stride(function, &x, 0, p->cols));
    if (p->x != p->y || p->x_stride != p->y_stride)
        GML_TRY(gml_check_overlap(function, &y, &x));
    if (p->bias) {
        GML_TRY(gml_check_tensor(function, &bias));
        if (p->bias_stride)
            GML_TRY(gml_check_stride(function, &bias, 0, p->cols));
        GML_TRY(gml_check_overlap(function, &y, &bias));
    }
    if (p->keep) {
        GML_TRY(gml_check_tensor(function, &keep));
        if (p->keep_stride)
            GML_TRY(gml_check_stride(function, &keep, 0, p->cols));
        GML_TRY(gml_check_overlap(function, &y, &keep));
    }
    return GML_OK;
}

gml_status gml_softmax_f32(gml_context *context, const gml_softmax_problem *problem)
{
    gml_softmax_problem p;
    GML_TRY(gml_descriptor_read(&p, sizeof p, problem, function));
    GML_TRY(check_problem(&p));
    if (p.rows == 0 || p.cols == 0)
        return GML_OK;
    if (p.scale == 0.0f)
        p.scale = 1.0f;
    if (p.causal != GML_CAUSAL_NONE) {
        p.causal_offset = gml_causal_offset(p.causal, p.causal_offset, p.rows, p.cols);
        p.causal = GML_CAUSAL_OFFSET;
    }

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in the model */
    const int64_t begin = gml_trace_begin(context);
    gml_softmax_plan plan =
        gml_model_softmax(&context->machine, &p, gml_parallel_threads(&context->runtime, p.threads));
    if (!gml_softmax_plan_check(&plan, NULL, 0))
        plan = (gml_softmax_plan){.threads = 1, .rows = 1};
    gml_softmax_run_f32(&context->runtime, &plan, &p);
    if (begin)
        gml_trace_softmax(context, function, &p, plan.threads, begin);
    gml_fpenv_leave(found);
    return GML_OK;
}
