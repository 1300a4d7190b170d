/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans in words, for programs: made as a call would make them, and not run. The words are those of traces and of
 * `gemmule explain`.
 */
#include "src/api/check.h"
#include "src/api/descriptor.h"
#include "src/api/gemm.h"
#include "src/api/problems.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include "src/core/softmax.h"
#include <gemmule/wisdom.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static gml_status check_explanation(const char *function, const gml_explanation *explanation)
{
    gml_explanation known;
    if (!explanation)
        return gml_fail(GML_ERR_ARGUMENT, "%s: explanation is NULL", function);
    return gml_descriptor_read(&known, sizeof known, explanation, function);
}

/* As much of it as the caller's version has. */
static void hand_out(gml_explanation *to, gml_explanation *full)
{
    full->size = to->size;
    memcpy(to, full, to->size < sizeof *full ? to->size : sizeof *full);
}

static void add(gml_explanation *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more pair of the plan. */
static void add(gml_explanation *to, const char *format, ...)
{
    const size_t used = strlen(to->plan), room = sizeof to->plan - used;
    if (used && room > 1)
        strcat(to->plan, " ");
    va_list list;
    va_start(list, format);
    vsnprintf(to->plan + strlen(to->plan), sizeof to->plan - strlen(to->plan), format, list);
    va_end(list);
}

static void add_flag(gml_explanation *to, const char *name, bool value)
{
    add(to, "%s=%s", name, value ? "yes" : "no");
}

static void add_count(gml_explanation *to, const char *name, int64_t value)
{
    add(to, "%s=%" PRId64, name, value);
}

static gml_explanation without_plan(const char *path, const char *why)
{
    gml_explanation full = {.source = GML_PLAN_NONE, .threads = 1, .gain = 1.0};
    if (*path)
        add(&full, "path=%s", path);
    snprintf(full.why, sizeof full.why, "%s", why);
    return full;
}

/* Where a plan comes from, and why. */
static gml_explanation from(gml_operation operation, const gml_origin *origin, const gml_wisdom *wisdom)
{
    static const gml_plan_source sources[] = {[GML_SOURCE_MODEL] = GML_PLAN_MODEL,
                                              [GML_SOURCE_EXACT] = GML_PLAN_MEASURED,
                                              [GML_SOURCE_CELL] = GML_PLAN_CELL,
                                              [GML_SOURCE_PREDICTED] = GML_PLAN_PREDICTED};
    gml_explanation full = {.source = sources[origin->source], .threads = 1, .gain = 1.0};
    const gml_wisdom_entry *entry = origin->entry;
    if (origin->source == GML_SOURCE_MODEL || !entry) {
        snprintf(full.why, sizeof full.why, "%s: cache sizes and the problem decide",
                 origin->refused ? "what was measured nearby does not fit this problem"
                 : wisdom        ? "neither this problem nor one near it was measured"
                                 : "nothing was measured on this machine");
        return full;
    }
    static const char *const what[] = {[GML_SOURCE_EXACT] = "this problem",
                                       [GML_SOURCE_CELL] = "a problem of nearly these sizes",
                                       [GML_SOURCE_PREDICTED] = "problems around this one"};
    const bool model = gml_choice_is_model(&origin->choice);
    char choice[GML_CHOICE_TEXT];
    gml_choice_write(operation, &origin->choice, choice, sizeof choice);
    snprintf(full.why, sizeof full.why, "run %s measured %s: %s%.140s", entry->run, what[origin->source],
             model                                    ? "nothing was faster than the plan of the model"
             : origin->source == GML_SOURCE_PREDICTED ? "it should be faster with "
                                                      : "faster with ",
             model ? "" : choice);
    full.gain = model ? 1.0 : entry->gain;
    return full;
}

static void tell_gemm(gml_explanation *to, const gml_kernel_set *set, const gml_gemm_args *args,
                      const gml_gemm_plan *plan)
{
    char name[GML_TRACE_KERNEL];
    to->threads = plan->grid_m * plan->grid_n * plan->grid_batch;
    add(to, "path=%s", gml_gemm_path_name(plan->path));
    add(to, "kernel=%s", gml_trace_kernel(name, set, args, plan));
    add_flag(to, "transpose", plan->transpose);
    if (plan->path != GML_GEMM_STREAM) {
        add_flag(to, "pack_a", plan->pack_a);
        add_flag(to, "pack_b", plan->pack_b);
    }
    if (plan->path == GML_GEMM_PANELS)
        add_flag(to, "stream_c", plan->stream_c);
    add_count(to, "mc", plan->mc);
    if (plan->path != GML_GEMM_STREAM)
        add_count(to, "kc", plan->kc);
    add_count(to, "nc", plan->nc);
    add_count(to, "grid_m", plan->grid_m);
    add_count(to, "grid_n", plan->grid_n);
    add_count(to, "grid_batch", plan->grid_batch);
}

static gml_explanation explain_gemm(gml_context *context, const gml_gemm_call *call)
{
    const gml_gemm_args *args = &call->args;
    const gml_runtime *runtime = &context->runtime;
    if (gml_gemm_empty(args, &call->batch))
        return without_plan("", "there is nothing to compute");
    if (!gml_gemm_multiplies(args))
        return without_plan("scale", "without products nothing is left but beta * C, and what follows");
    if (call->batch.count == 1 && gml_gemm_is_small(args) &&
        gml_gemm_prepare(gml_gemm_kernels_of(runtime->set, args->type), args).call) {
        gml_explanation full = without_plan("small", "a product so small is one call of a kernel");
        add(&full, "kernel=%s", gml_gemm_small_kernel(runtime->set, args)->name);
        return full;
    }
    const gml_planner planner = gml_planner_of(context);
    gml_gemm_plan plan;
    gml_origin origin;
    if (!gml_plan_gemm(&planner, args, call->batch.count, gml_parallel_threads(runtime, call->threads), &plan,
                       &origin))
        return without_plan("plain", "no plan passes the check: it is computed without scratch memory");
    gml_explanation full = from(GML_OPERATION_GEMM, &origin, planner.wisdom);
    tell_gemm(&full, runtime->set, args, &plan);
    return full;
}

gml_status gml_explain_gemm(gml_context *context, const gml_gemm_problem *problem,
                            gml_explanation *explanation)
{
    GML_TRY(check_explanation("gml_explain_gemm", explanation));
    const gml_fpenv found = gml_fpenv_enter();
    context = gml_context_or_default(context);
    gml_gemm_call call;
    const gml_status status = gml_gemm_read(&call, "gml_gemm", context, problem, false);
    if (status == GML_OK) {
        gml_explanation full = explain_gemm(context, &call);
        hand_out(explanation, &full);
    }
    gml_fpenv_leave(found);
    return status;
}

static gml_explanation explain_softmax(gml_context *context, const gml_softmax_problem *p)
{
    if (gml_softmax_empty(p))
        return without_plan("", "there is nothing to compute");
    const gml_planner planner = gml_planner_of(context);
    const gml_softmax_problem resolved = gml_softmax_resolve(p);
    gml_softmax_plan plan;
    gml_origin origin;
    if (!gml_plan_softmax(&planner, &resolved, gml_parallel_threads(&context->runtime, p->threads), &plan,
                          &origin))
        return without_plan("rows", "no plan passes the check: it is computed without scratch memory");
    gml_explanation full = from(GML_OPERATION_SOFTMAX, &origin, planner.wisdom);
    full.threads = plan.threads;
    add(&full, "path=rows");
    add(&full, "kernel=%s", context->runtime.set->softmax_f32->name);
    add_count(&full, "rows", plan.rows);
    add_flag(&full, "split", plan.split);
    add_flag(&full, "stream", plan.stream);
    add_count(&full, "block_rows", plan.block_rows);
    add_count(&full, "block_cols", plan.block_cols);
    return full;
}

gml_status gml_explain_softmax_f32(gml_context *context, const gml_softmax_problem *problem,
                                   gml_explanation *explanation)
{
    GML_TRY(check_explanation("gml_explain_softmax_f32", explanation));
    gml_softmax_problem p;
    GML_TRY(gml_softmax_read(&p, problem));
    const gml_fpenv found = gml_fpenv_enter();
    gml_explanation full = explain_softmax(gml_context_or_default(context), &p);
    hand_out(explanation, &full);
    gml_fpenv_leave(found);
    return GML_OK;
}

static void tell_attention(gml_explanation *to, const gml_kernel_set *set, const gml_attention_plan *plan)
{
    const char *const kernels[GML_ATTENTION_PATHS] = {
        [GML_ATTENTION_TILES] = plan->kernel->name,
        [GML_ATTENTION_FEW] = set->attention_row_f32->name,
        [GML_ATTENTION_BLOCKS] = plan->path == GML_ATTENTION_BLOCKS ? plan->products->name : NULL};
    to->threads = plan->threads;
    add(to, "path=%s", gml_attention_path_name(plan->path));
    add(to, "kernel=%s", kernels[plan->path]);
    switch (plan->path) {
    case GML_ATTENTION_TILES:
        add_count(to, "bq", plan->kernel->bq);
        add_count(to, "strips", plan->strips);
        add_flag(to, "pack_k", plan->pack_k);
        break;
    case GML_ATTENTION_FEW:
        add_count(to, "rows", plan->rows);
        add_count(to, "span", plan->span);
        add_count(to, "split", plan->split);
        add_count(to, "hold", plan->hold);
        break;
    case GML_ATTENTION_BLOCKS:
        add(to, "values=%s", plan->values->name);
        add_count(to, "rows", plan->rows);
        add_count(to, "step", plan->step);
        add_flag(to, "pack_k", plan->pack_k);
    }
}

static gml_explanation explain_attention(gml_context *context, const gml_attention_problem *p)
{
    if (gml_attention_empty(p))
        return without_plan("", "there is nothing to compute");
    const gml_planner planner = gml_planner_of(context);
    gml_attention_plan plan;
    gml_origin origin;
    if (!gml_plan_attention(&planner, p, gml_parallel_threads(&context->runtime, p->threads), &plan, &origin))
        return without_plan("rows", "no plan passes the check: it is computed without scratch memory");
    gml_explanation full = from(GML_OPERATION_ATTENTION, &origin, planner.wisdom);
    tell_attention(&full, context->runtime.set, &plan);
    return full;
}

gml_status gml_explain_attention_f32(gml_context *context, const gml_attention_problem *problem,
                                     gml_explanation *explanation)
{
    GML_TRY(check_explanation("gml_explain_attention_f32", explanation));
    gml_attention_problem p;
    GML_TRY(gml_attention_read(&p, problem));
    const gml_fpenv found = gml_fpenv_enter();
    gml_explanation full = explain_attention(gml_context_or_default(context), &p);
    hand_out(explanation, &full);
    gml_fpenv_leave(found);
    return GML_OK;
}
