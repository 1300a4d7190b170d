/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The descriptor of GEMM, read: sizes and choices checked, alpha and beta rounded to the type, and each operand taken
 * from the one place where it is given.
 */
#include "src/api/descriptor.h"
#include "src/api/gemm.h"
#include "src/api/status.h"
#include <inttypes.h>

/* A value of the type. Not inlined: GCC 12 loses the rounding where it makes one vector of alpha and beta. */
__attribute__((noinline)) static double rounded(gml_type type, double x)
{
    return type == GML_F32 ? (double)(float)x : x;
}

gml_status gml_gemm_read_shape(gml_gemm_args *args, const char *function, const gml_gemm_problem *p)
{
    if (p->type != GML_F32 && p->type != GML_F64)
        return gml_fail(GML_ERR_ARGUMENT, "%s: type is %d, must be a gml_type, 1 or 2", function, p->type);
    GML_TRY(gml_check_range(function, "m", p->m, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "n", p->n, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "k", p->k, 0, INT64_MAX));
    *args = (gml_gemm_args){.type = (gml_type)p->type,
                            .m = p->m,
                            .n = p->n,
                            .k = p->k,
                            .alpha = rounded((gml_type)p->type, p->alpha),
                            .beta = rounded((gml_type)p->type, p->beta),
                            .a = p->a,
                            .b = p->b,
                            .c = p->c,
                            .rs_a = p->rs_a,
                            .cs_a = p->cs_a,
                            .rs_b = p->rs_b,
                            .cs_b = p->cs_b,
                            .rs_c = p->rs_c,
                            .cs_c = p->cs_c,
                            .packed_a = NULL,
                            .packed_b = NULL,
                            .epilogue = {p->bias_m, p->bias_n, false, p->activation}};
    return GML_OK;
}

static gml_status check_choices(const char *function, const gml_gemm_problem *p)
{
    GML_TRY(gml_check_range(function, "threads", p->threads, 0, GML_MAX_THREADS));
    GML_TRY(gml_check_range(function, "batch", p->batch, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "bs_a", p->bs_a, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "bs_b", p->bs_b, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "bs_c", p->bs_c, 0, INT64_MAX));
    if (p->activation < GML_ACTIVATION_NONE || p->activation > GML_ACTIVATION_SILU)
        return gml_fail(GML_ERR_ARGUMENT, "%s: activation is %d, must be a gml_activation, 0 to 4", function,
                        p->activation);
    if (p->type == GML_F64 && p->activation > GML_ACTIVATION_RELU)
        return gml_fail(
            GML_ERR_ARGUMENT,
            "%s: activation is %d, must be GML_ACTIVATION_NONE or GML_ACTIVATION_RELU for GML_F64", function,
            p->activation);
    if (p->reserved != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: reserved is %d, must be 0", function, p->reserved);
    return GML_OK;
}

/* Of an address, a list and a packed operand at most one is given, and a list or a packed operand has no stride. */
static gml_status check_place(const char *function, char x, bool address, bool list, bool packed,
                              int64_t stride)
{
    if (address && list)
        return gml_fail(GML_ERR_ARGUMENT, "%s: both %c and %c_list are given", function, x, x);
    if (packed && (address || list))
        return gml_fail(GML_ERR_ARGUMENT, "%s: both %c%s and packed_%c are given", function, x,
                        list ? "_list" : "", x);
    if ((list || packed) && stride != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: bs_%c is %" PRId64 ", must be 0 with %s", function, x, stride,
                        packed ? "a packed operand" : "a list");
    return GML_OK;
}

/* Whether a packed operand is one of this problem in this context. */
static gml_status check_packed(const char *function, const gml_context *context, const gml_gemm_args *args,
                               const gml_gemm_packed *packed, bool as_b)
{
    const char x = as_b ? 'b' : 'a', extent_name = as_b ? 'n' : 'm';
    const gml_gemm_kernels *kernels = gml_gemm_kernels_of(packed->set, args->type);
    const int64_t extent = as_b ? args->n : args->m;
    if (packed->of_b != as_b)
        return gml_fail(GML_ERR_ARGUMENT, "%s: packed_%c was packed by gml_gemm_pack_%c", function, x,
                        packed->of_b ? 'b' : 'a');
    if (packed->kernels != kernels)
        return gml_fail(GML_ERR_ARGUMENT, "%s: packed_%c was packed for %s, this problem has %s", function, x,
                        packed->kernels->type, kernels->type);
    if (packed->set != context->runtime.set)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: packed_%c was packed for the instruction set %s, this context uses %s", function,
                        x, packed->set->isa, context->runtime.set->isa);
    if (packed->k != args->k)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: packed_%c was packed for k %" PRId64 ", this problem has k %" PRId64, function,
                        x, packed->k, args->k);
    if (packed->extent != extent)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: packed_%c was packed for %c %" PRId64 ", this problem has %c %" PRId64, function,
                        x, extent_name, packed->extent, extent_name, extent);
    const bool by_rows = args->cs_c == 1, by_columns = args->rs_c == 1; /* a row or a column is either */
    if (args->m > 1 && args->n > 1 && by_rows != by_columns && packed->transpose != by_columns)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: packed_%c was packed for a C stored by %s, this one is stored by %s", function,
                        x, packed->transpose ? "columns" : "rows", by_rows ? "rows" : "columns");
    return GML_OK;
}

static gml_status read_packed(gml_gemm_args *args, const char *function, const gml_context *context,
                              const gml_gemm_problem *p)
{
    if (p->packed_a) {
        args->packed_a = &p->packed_a->core;
        GML_TRY(check_packed(function, context, args, args->packed_a, false));
    }
    if (p->packed_b) {
        args->packed_b = &p->packed_b->core;
        GML_TRY(check_packed(function, context, args, args->packed_b, true));
    }
    if (!p->packed_a || !p->packed_b)
        return GML_OK;
    if (args->packed_a->transpose != args->packed_b->transpose)
        return gml_fail(GML_ERR_ARGUMENT,
                        "%s: packed_a was packed for a C stored by %s, packed_b for one stored by %s",
                        function, args->packed_a->transpose ? "columns" : "rows",
                        args->packed_b->transpose ? "columns" : "rows");
    if (args->packed_a->kernel != args->packed_b->kernel)
        return gml_fail(GML_ERR_ARGUMENT, "%s: packed_a was packed for the kernel %s, packed_b for %s",
                        function, args->packed_a->kernel->name, args->packed_b->kernel->name);
    return GML_OK;
}

/* The lists of one product are addresses. */
static void unlist(gml_gemm_args *args, gml_gemm_batch *batch)
{
    if (batch->a_list)
        args->a = batch->a_list[0];
    if (batch->b_list)
        args->b = batch->b_list[0];
    if (batch->c_list)
        args->c = batch->c_list[0];
    batch->a_list = batch->b_list = NULL;
    batch->c_list = NULL;
}

gml_status gml_gemm_read(gml_gemm_call *call, const char *function, const gml_context *context,
                         const gml_gemm_problem *problem, bool bare)
{
    gml_gemm_problem p;
    GML_TRY(gml_descriptor_read(&p, sizeof p, problem, function));
    gml_gemm_args *args = &call->args;
    GML_TRY(gml_gemm_read_shape(args, function, &p));
    GML_TRY(check_choices(function, &p));
    GML_TRY(check_place(function, 'c', p.c, p.c_list, false, p.bs_c));
    call->batch = (gml_gemm_batch){.count = p.batch, .bs_c = p.bs_c, .c_list = p.c_list};
    call->threads = p.threads;
    call->label = p.label;
    if (gml_gemm_multiplies(args) && !gml_gemm_empty(args, &call->batch)) {
        GML_TRY(check_place(function, 'a', p.a, p.a_list, p.packed_a, p.bs_a));
        GML_TRY(check_place(function, 'b', p.b, p.b_list, p.packed_b, p.bs_b));
        call->batch.bs_a = p.bs_a, call->batch.bs_b = p.bs_b;
        call->batch.a_list = p.a_list, call->batch.b_list = p.b_list;
        GML_TRY(read_packed(args, function, context, &p));
        if (bare && !p.a_list && !p.packed_a)
            args->a = GML_GEMM_LATER;
        if (bare && !p.b_list && !p.packed_b)
            args->b = GML_GEMM_LATER;
    } else {
        args->a = args->b = NULL;
    }
    if (bare && !p.c_list)
        args->c = GML_GEMM_LATER;
    const bool one = p.batch == 1 && !p.a_list && !p.b_list && !p.c_list && !p.packed_a && !p.packed_b;
    if (one && gml_gemm_surely_legal(args))
        return GML_OK;
    GML_TRY(gml_gemm_check_described(function, args, &call->batch));
    if (bare)
        return GML_OK;
    GML_TRY(gml_gemm_check_apart(function, args, &call->batch));
    if (p.batch == 1)
        unlist(args, &call->batch);
    return GML_OK;
}
