/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_gemm_f32: check, plan, run.
 */
#include "src/core/gemm.h"
#include "src/api/check.h"
#include "src/api/context.h"
#include "src/plan/model.h"
#include <gemmule/gemm.h>

static gml_tensor matrix(const char *name, const char *stride_names, const float *data, int64_t rows,
                         int64_t cols, int64_t rs, int64_t cs)
{
    return (gml_tensor){.name = name,
                        .stride_names = stride_names,
                        .data = data,
                        .rank = 2,
                        .element = sizeof(float),
                        .extent = {rows, cols},
                        .stride = {rs, cs}};
}

static gml_status check_input(const char *function, const gml_tensor *input, const gml_tensor *c)
{
    GML_TRY(gml_check_tensor(function, input));
    GML_TRY(gml_check_distinct(function, input));
    return gml_check_overlap(function, c, input);
}

static gml_status check_args(const gml_gemm_args_f32 *args)
{
    static const char function[] = "gml_gemm_f32";
    GML_TRY(gml_check_range(function, "m", args->m, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "n", args->n, 0, INT64_MAX));
    GML_TRY(gml_check_range(function, "k", args->k, 0, INT64_MAX));
    const gml_tensor c = matrix("c", "rs_c\0cs_c", args->c, args->m, args->n, args->rs_c, args->cs_c);
    GML_TRY(gml_check_tensor(function, &c));
    GML_TRY(gml_check_distinct(function, &c));
    if (args->alpha == 0.0f || args->m == 0 || args->n == 0)
        return GML_OK; /* a and b are not read, and may be anything */
    const gml_tensor a = matrix("a", "rs_a\0cs_a", args->a, args->m, args->k, args->rs_a, args->cs_a);
    const gml_tensor b = matrix("b", "rs_b\0cs_b", args->b, args->k, args->n, args->rs_b, args->cs_b);
    GML_TRY(check_input(function, &a, &c));
    return check_input(function, &b, &c);
}

gml_status gml_gemm_f32(gml_context *context, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                        int64_t rs_a, int64_t cs_a, const float *b, int64_t rs_b, int64_t cs_b, float beta,
                        float *c, int64_t rs_c, int64_t cs_c)
{
    gml_gemm_args_f32 args = {.m = m,
                              .n = n,
                              .k = k,
                              .alpha = alpha,
                              .beta = beta,
                              .a = a,
                              .b = b,
                              .c = c,
                              .rs_a = rs_a,
                              .cs_a = cs_a,
                              .rs_b = rs_b,
                              .cs_b = cs_b,
                              .rs_c = rs_c,
                              .cs_c = cs_c};
    GML_TRY(check_args(&args));
    if (m == 0 || n == 0)
        return GML_OK;

    context = gml_context_or_default(context);
    const gml_fpenv found = gml_fpenv_enter(); /* a caller's traps must not spring in the model */
    args = gml_gemm_normalise_f32(args);
    const gml_gemm_plan plan = gml_model_gemm(&context->machine, context->runtime.set, args.m, args.n, args.k,
                                              gml_parallel_threads(&context->runtime, 0));
    const bool legal = gml_gemm_plan_check(&plan, context->runtime.set, NULL, 0);
    gml_gemm_run_f32(&context->runtime, legal ? &plan : NULL, &args);
    gml_fpenv_leave(found);
    return GML_OK;
}
