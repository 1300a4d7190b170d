/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans: a descriptor that has been read and checked, with its plan. A run checks what it brings, the addresses, and
 * goes on where a call in one piece would begin to work.
 */
#include "src/api/gemm.h"
#include "src/api/record.h"
#include "src/api/status.h"
#include "src/api/trace.h"
#include <string.h>

/* Where a run finds an operand. */
typedef enum place { PLACE_RUN, PLACE_LIST, PLACE_PACKED, PLACE_NOWHERE } place;

typedef enum plan_kind { PLAN_GEMM = 1 } plan_kind;

struct gml_plan {
    plan_kind kind;
    gml_context *context;
    gml_gemm_call call;
    place a, b, c;
    size_t bytes_a, bytes_b, bytes_c; /* of operands that a run brings, otherwise 0 */
    size_t bytes_m, bytes_n;          /* of the biases                              */
    bool empty, listed, small, planned;
    gml_gemm_direct direct;  /* where a run is one call of a kernel */
    gml_gemm_plan many, one; /* for the threads of the context; for one, inside a parallel region */
    gml_source source_many, source_one;
    char label[GML_TRACE_LABEL];
};

static place place_of(bool read, const void *list, const void *packed)
{
    return list ? PLACE_LIST : packed ? PLACE_PACKED : read ? PLACE_RUN : PLACE_NOWHERE;
}

static void fill(gml_plan *plan)
{
    gml_gemm_call *call = &plan->call;
    gml_gemm_args *args = &call->args;
    const gml_gemm_batch *batch = &call->batch;
    const gml_runtime *runtime = &plan->context->runtime;
    plan->empty = gml_gemm_empty(args, batch);
    const bool reads = !plan->empty && gml_gemm_multiplies(args);
    plan->a = place_of(reads, batch->a_list, args->packed_a);
    plan->b = place_of(reads, batch->b_list, args->packed_b);
    plan->c = place_of(!plan->empty, batch->c_list, NULL);
    plan->bytes_a = plan->a == PLACE_RUN ? gml_gemm_bytes(GML_GEMM_A, args, batch) : 0;
    plan->bytes_b = plan->b == PLACE_RUN ? gml_gemm_bytes(GML_GEMM_B, args, batch) : 0;
    plan->bytes_c = plan->c == PLACE_RUN ? gml_gemm_bytes(GML_GEMM_C, args, batch) : 0;
    plan->bytes_m = args->epilogue.bias_m ? (size_t)args->m * gml_gemm_element(args->type) : 0;
    plan->bytes_n = args->epilogue.bias_n ? (size_t)args->n * gml_gemm_element(args->type) : 0;
    plan->listed = batch->a_list || batch->b_list || batch->c_list;
    if (call->label)
        strncpy(plan->label, call->label, sizeof plan->label - 1);
    call->label = call->label ? plan->label : NULL;
    if (plan->empty)
        return;
    /* Asked for, so that a parallel region around this call does not count. */
    const int32_t threads = gml_parallel_threads(runtime, call->threads ? call->threads : runtime->threads);
    plan->small = batch->count == 1 && !plan->listed && gml_gemm_is_small(args);
    if (reads && batch->count == 1 && !plan->listed)
        plan->direct = gml_gemm_prepare(gml_gemm_kernels_of(runtime->set, args->type), args);
    if (plan->small && plan->direct.call)
        return; /* it never takes a plan, and so no wisdom */
    gml_origin many, one;
    plan->planned = gml_gemm_plan_of(&plan->many, plan->context, args, batch->count, threads, &many) &&
                    gml_gemm_plan_of(&plan->one, plan->context, args, batch->count, 1, &one);
    if (plan->planned) {
        plan->source_many = many.source;
        plan->source_one = one.source;
    }
}

static gml_status create(gml_plan **plan, gml_context *context, const gml_gemm_problem *problem)
{
    static const char function[] = "gml_plan_create_gemm";
    if (!plan)
        return gml_fail(GML_ERR_ARGUMENT, "%s: plan is NULL", function);
    gml_gemm_call call;
    GML_TRY(gml_gemm_read(&call, function, context, problem, true));
    const gml_runtime *runtime = &context->runtime;
    gml_plan *made = runtime->allocate(runtime->allocator_host, sizeof *made, GML_ALIGNMENT);
    if (!made)
        return gml_fail(GML_ERR_MEMORY, "%s: %zu bytes for the plan could not be allocated", function,
                        sizeof *made);
    *made = (gml_plan){.kind = PLAN_GEMM, .context = context, .call = call};
    fill(made);
    *plan = made;
    return GML_OK;
}

gml_status gml_plan_create_gemm(gml_plan **plan, gml_context *context, const gml_gemm_problem *problem)
{
    const gml_fpenv found = gml_fpenv_enter();
    const gml_status status = create(plan, gml_context_or_default(context), problem);
    gml_fpenv_leave(found);
    return status;
}

static const char run_function[] = "gml_plan_run_gemm";

/* An address that is missing, or given where the plan has its own. */
static gml_status check_given(char name, place from, const void *address)
{
    if (from == PLACE_RUN && !address)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %c is NULL, but its extents describe elements", run_function,
                        name);
    if ((from == PLACE_LIST || from == PLACE_PACKED) && address)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %c is given, must be NULL, as the plan has %s", run_function,
                        name, from == PLACE_LIST ? "a list" : "it packed");
    return GML_OK;
}

static bool right_places(const gml_plan *plan, const void *a, const void *b, const void *c)
{
    return (plan->a == PLACE_NOWHERE || (plan->a == PLACE_RUN) == (a != NULL)) &&
           (plan->b == PLACE_NOWHERE || (plan->b == PLACE_RUN) == (b != NULL)) &&
           (plan->c == PLACE_NOWHERE || (plan->c == PLACE_RUN) == (c != NULL));
}

/* Seen from the addresses alone: C is apart from what is read, and nothing wraps around. */
static inline bool surely_apart(const gml_plan *plan, const void *a, const void *b, const void *c)
{
    const gml_gemm_epilogue *epilogue = &plan->call.args.epilogue;
    const uintptr_t addresses = (uintptr_t)a | (uintptr_t)b | (uintptr_t)c;
    if (plan->listed || (addresses | plan->bytes_a | plan->bytes_b | plan->bytes_c) >> 62)
        return false;
    return gml_apart(c, plan->bytes_c, a, plan->bytes_a) && gml_apart(c, plan->bytes_c, b, plan->bytes_b) &&
           gml_apart(c, plan->bytes_c, epilogue->bias_m, plan->bytes_m) &&
           gml_apart(c, plan->bytes_c, epilogue->bias_n, plan->bytes_n);
}

static void execute(const gml_plan *plan, const gml_gemm_args *args)
{
    gml_context *context = plan->context;
    gml_runtime *runtime = &context->runtime;
    const gml_gemm_batch *batch = &plan->call.batch;
    const int64_t begin = gml_trace_begin(context);
    const gml_gemm_plan *chosen = NULL;
    gml_source source = GML_SOURCE_MODEL;
    const bool small = plan->small && gml_gemm_small(runtime->set, args);
    if (!small) {
        const int32_t threads = gml_parallel_threads(runtime, plan->call.threads);
        if (gml_recording(context) && gml_gemm_multiplies(args))
            gml_record_gemm(args, batch->count, threads);
        if (plan->planned) {
            chosen = threads > 1 ? &plan->many : &plan->one;
            source = threads > 1 ? plan->source_many : plan->source_one;
        }
        gml_gemm_run(runtime, chosen, args, batch->count == 1 && !plan->listed ? NULL : batch);
    }
    if (begin)
        gml_trace_gemm(context, run_function, plan->call.label, args, batch, small, chosen, source, begin);
}

gml_status gml_plan_run_gemm(const gml_plan *plan, const void *a, const void *b, void *c)
{
    if (!plan)
        return gml_fail(GML_ERR_ARGUMENT, "%s: plan is NULL", run_function);
    if (!right_places(plan, a, b, c)) {
        GML_TRY(check_given('a', plan->a, a));
        GML_TRY(check_given('b', plan->b, b));
        GML_TRY(check_given('c', plan->c, c));
    }
    if (plan->empty)
        return GML_OK;
    if (plan->direct.call && !plan->context->verbose && surely_apart(plan, a, b, c)) {
        const gml_fpenv here = gml_fpenv_enter();
        gml_gemm_call_direct(&plan->direct, a, b, c);
        gml_fpenv_leave(here);
        return GML_OK;
    }
    gml_gemm_args args = plan->call.args;
    args.a = plan->a == PLACE_RUN ? a : NULL;
    args.b = plan->b == PLACE_RUN ? b : NULL;
    args.c = c;
    const gml_fpenv found = gml_fpenv_enter();
    gml_status status = GML_OK;
    if (!surely_apart(plan, args.a, args.b, args.c)) {
        status = gml_gemm_check_described(run_function, &args, &plan->call.batch);
        if (status == GML_OK)
            status = gml_gemm_check_apart(run_function, &args, &plan->call.batch);
    }
    if (status == GML_OK)
        execute(plan, &args);
    gml_fpenv_leave(found);
    return status;
}

void gml_plan_destroy(gml_plan *plan)
{
    if (!plan)
        return;
    const gml_runtime *runtime = &plan->context->runtime;
    runtime->release(runtime->allocator_host, plan, sizeof *plan);
}
