/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed operands: one block of memory, of this object and behind it the panels.
 */
#include "src/api/descriptor.h"
#include "src/api/gemm.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include "src/core/integers.h"

#define GML_PACKED_HEAD ((sizeof(gml_packed) + GML_ALIGNMENT - 1) / GML_ALIGNMENT * GML_ALIGNMENT)

/* Enough rows or columns for a product that the model sees in the storage order of C. */
#define GML_PACKED_MANY 64

static gml_gemm_plan plan_of(gml_context *context, const gml_gemm_args *args)
{
    const gml_planner planner = gml_planner_of(context);
    return gml_plan_packing(&planner, args, gml_parallel_threads(&context->runtime, 0));
}

/* The storage order of C decides the order, and the plan the kernel. Few rows or columns the plan may see from the other
 * side, but what is packed serves more of them, too. */
static void choose_order(gml_gemm_packed *packed, gml_context *context, const gml_gemm_args *args)
{
    gml_gemm_args shape = *args;
    shape.m = max64(shape.m, 1);
    shape.n = max64(shape.n, 1);
    shape.k = max64(shape.k, 1);
    packed->transpose = args->cs_c != 1 && args->rs_c == 1;
    gml_gemm_plan plan = plan_of(context, &shape);
    if (plan.transpose != packed->transpose) {
        shape.m = max64(shape.m, GML_PACKED_MANY); /* both: A and B packed for one problem have one kernel */
        shape.n = max64(shape.n, GML_PACKED_MANY);
        plan = plan_of(context, &shape);
    }
    packed->kernel = plan.kernel;
}

/* false when the size is beyond any memory, or more than there is. */
static bool allocate(gml_packed **made, const gml_gemm_packed *packed, gml_context *context)
{
    const int64_t panel = packed->kernel->mr + packed->kernel->nr;
    int64_t elements;
    if (__builtin_add_overflow(packed->extent, panel, &elements) ||
        __builtin_mul_overflow(elements, packed->k, &elements) ||
        elements > INT64_MAX / 2 / packed->kernels->element)
        return false;
    const size_t bytes = GML_PACKED_HEAD + gml_gemm_packed_bytes(packed);
    const gml_runtime *runtime = &context->runtime;
    gml_packed *object = runtime->allocate(runtime->allocator_host, bytes, GML_ALIGNMENT);
    if (!object)
        return false;
    *object = (gml_packed){.core = *packed, .context = context, .bytes = bytes};
    object->core.data = (char *)object + GML_PACKED_HEAD;
    *made = object;
    return true;
}

static gml_status pack(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem,
                       const char *function, bool of_b)
{
    if (!packed)
        return gml_fail(GML_ERR_ARGUMENT, "%s: packed is NULL", function);
    gml_gemm_problem p;
    GML_TRY(gml_descriptor_read(&p, sizeof p, problem, function));
    static const gml_gemm_batch one = {.count = 1};
    gml_gemm_args args;
    GML_TRY(gml_gemm_read_shape(&args, function, &p));
    args.c = GML_GEMM_LATER;
    GML_TRY(gml_gemm_check_operand(function, GML_GEMM_C, &args, &one));
    GML_TRY(gml_gemm_check_operand(function, of_b ? GML_GEMM_B : GML_GEMM_A, &args, &one));

    const gml_kernel_set *set = context->runtime.set;
    gml_gemm_packed core = {.set = set,
                            .kernels = gml_gemm_kernels_of(set, args.type),
                            .of_b = of_b,
                            .extent = of_b ? args.n : args.m,
                            .k = args.k};
    choose_order(&core, context, &args);
    gml_packed *made;
    if (!allocate(&made, &core, context))
        return gml_fail(GML_ERR_MEMORY, "%s: the packed operand could not be allocated", function);
    if (core.extent > 0 && core.k > 0)
        gml_gemm_pack(&context->runtime, &made->core, of_b ? args.b : args.a, of_b ? args.cs_b : args.rs_a,
                      of_b ? args.rs_b : args.cs_a);
    *packed = made;
    return GML_OK;
}

static gml_status pack_here(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem,
                            const char *function, bool of_b)
{
    const gml_fpenv found = gml_fpenv_enter();
    const gml_status status = pack(packed, gml_context_or_default(context), problem, function, of_b);
    gml_fpenv_leave(found);
    return status;
}

gml_status gml_gemm_pack_a(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem)
{
    return pack_here(packed, context, problem, "gml_gemm_pack_a", false);
}

gml_status gml_gemm_pack_b(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem)
{
    return pack_here(packed, context, problem, "gml_gemm_pack_b", true);
}

size_t gml_packed_bytes(const gml_packed *packed)
{
    return packed ? gml_gemm_packed_bytes(&packed->core) : 0;
}

void gml_packed_destroy(gml_packed *packed)
{
    if (!packed)
        return;
    const gml_runtime *runtime = &packed->context->runtime;
    runtime->release(runtime->allocator_host, packed, packed->bytes);
}
