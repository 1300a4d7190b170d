/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_softmax_f32: check, resolve, plan, run.
 */
#include "src/core/softmax.h"
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/problems.h"
#include "src/api/record.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include <math.h>

static const char function[] = "gml_softmax_f32";

/* The arguments as tensors; those that are NULL and may be have no elements. */
typedef struct softmax_tensors {
    gml_tensor y, x, lse, bias, keep, alibi, sinks;
} softmax_tensors;

static softmax_tensors tensors_of(const gml_softmax_problem *p)
{
    const int64_t b = p->batch, m = p->rows, n = p->cols;
    const int64_t x_step = p->x_col_stride ? p->x_col_stride : 1,
                  y_step = p->y_col_stride ? p->y_col_stride : 1;
    return (softmax_tensors){
        .y = {"y",
              "y_batch_stride\0y_stride\0y_col_stride",
              p->y,
              3,
              sizeof(float),
              {b, m, n},
              {p->y_batch_stride, p->y_stride, y_step}},
        .x = {"x",
              "x_batch_stride\0x_stride\0x_col_stride",
              p->x,
              3,
              sizeof(float),
              {b, m, n},
              {p->x_batch_stride, p->x_stride, x_step}},
        .lse = {"lse",
                "lse_batch_stride\0lse_stride",
                p->lse,
                2,
                sizeof(float),
                {p->lse ? b : 0, m},
                {p->lse_batch_stride, p->lse_stride}},
        .bias = {"bias",
                 "bias_batch_stride\0bias_stride\0-",
                 p->bias,
                 3,
                 sizeof(float),
                 {p->bias ? b : 0, m, n},
                 {p->bias_batch_stride, p->bias_stride, 1}},
        .keep = {"keep",
                 "keep_batch_stride\0keep_stride\0-",
                 p->keep,
                 3,
                 sizeof(uint8_t),
                 {p->keep ? b : 0, m, n},
                 {p->keep_batch_stride, p->keep_stride, 1}},
        .alibi = {"alibi", "-", p->alibi, 1, sizeof(float), {p->alibi ? b : 0}, {1}},
        .sinks = {"sinks", "-", p->sinks, 1, sizeof(float), {p->sinks ? b : 0}, {1}},
    };
}

static gml_status check_options(const gml_softmax_problem *p)
{
    GML_TRY(gml_check_knobs(function, p->scale, p->causal, p->causal_offset, p->threads, p->reserved));
    GML_TRY(gml_check_softcap(function, p->softcap));
    return gml_check_range(function, "log", p->log, 0, 1);
}

static gml_status check_outputs(const gml_softmax_problem *p, const softmax_tensors *t)
{
    const gml_tensor *const inputs[] = {&t->x, &t->bias, &t->keep, &t->alibi, &t->sinks};
    const bool in_place = p->x == p->y && t->x.stride[0] == t->y.stride[0] &&
                          t->x.stride[1] == t->y.stride[1] && t->x.stride[2] == t->y.stride[2];
    for (int i = 0; i < 5; i++) {
        if (i > 0 || !in_place)
            GML_TRY(gml_check_overlap(function, &t->y, inputs[i]));
        GML_TRY(gml_check_overlap(function, &t->lse, inputs[i]));
    }
    return gml_check_overlap(function, &t->lse, &t->y);
}

static gml_status check_problem(const gml_softmax_problem *p)
{
    GML_TRY(gml_check_range(function, "batch", p->batch, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "rows", p->rows, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "cols", p->cols, 0, INT64_MAX));
    GML_TRY(check_options(p));
    const softmax_tensors t = tensors_of(p);
    const gml_tensor *const all[] = {&t.y, &t.x, &t.lse, &t.bias, &t.keep, &t.alibi, &t.sinks};
    for (int i = 0; i < 7; i++) {
        GML_TRY(gml_check_tensor(function, all[i]));
        if (all[i]->data && i < 3)
            GML_TRY(gml_check_distinct(function, all[i]));
    }
    if (p->bias && p->bias_stride)
        GML_TRY(gml_check_stride(function, &t.bias, 1, p->cols));
    if (p->keep && p->keep_stride)
        GML_TRY(gml_check_stride(function, &t.keep, 1, p->cols));
    return check_outputs(p, &t);
}

gml_status gml_softmax_read(gml_softmax_problem *p, const gml_softmax_problem *problem)
{
    GML_TRY(gml_descriptor_read(p, sizeof *p, problem, function));
    return check_problem(p);
}

gml_status gml_softmax_f32(gml_context *context, const gml_softmax_problem *problem)
{
    gml_softmax_problem p;
    GML_TRY(gml_softmax_read(&p, problem));
    if (gml_softmax_empty(&p))
        return GML_OK;

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in the model */
    const int64_t begin = gml_trace_begin(context);
    const gml_softmax_problem resolved = gml_softmax_resolve(&p);
    const int32_t threads = gml_parallel_threads(&context->runtime, p.threads);
    if (gml_recording(context))
        gml_record_softmax(&resolved, threads);
    const gml_planner planner = gml_planner_of(context);
    gml_softmax_plan plan;
    gml_origin origin;
    if (!gml_plan_softmax(&planner, &resolved, threads, &plan, &origin))
        plan = (gml_softmax_plan){.threads = 1, .rows = 1};
    gml_softmax_run_f32(&context->runtime, &plan, &resolved);
    if (begin)
        gml_trace_softmax(context, function, &p, plan.threads, origin.source, begin);
    gml_fpenv_leave(found);
    return GML_OK;
}
