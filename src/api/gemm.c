/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM in one call: check, plan, run. The environment of the contract holds from the first comparison of alpha on, as
 * a caller may flush denormal numbers to zero, or trap.
 */
#include "src/api/gemm.h"
#include "src/api/record.h"
#include "src/api/snapshot.h"
#include "src/api/trace.h"

/* Keeps the compiler from converting or comparing scalars before the environment is entered. */
#define GML_STAYS_HERE(x, y) __asm__ volatile("" : "+m"(x), "+m"(y))

static const gml_gemm_batch one = {.count = 1};

bool gml_gemm_plan_of(gml_gemm_plan *plan, gml_context *context, const gml_gemm_args *args, int64_t batch,
                      int32_t threads, gml_origin *origin)
{
    if (!gml_gemm_multiplies(args))
        return false;
    const gml_planner planner = gml_planner_of(context);
    return gml_plan_gemm(&planner, args, batch, threads, plan, origin);
}

static void execute(gml_context *context, const char *function, const char *label, const gml_gemm_args *args,
                    const gml_gemm_batch *batch, int32_t threads)
{
    const int64_t begin = gml_trace_begin(context);
    gml_gemm_plan plan;
    gml_origin origin;
    bool planned = false;
    const bool small =
        batch->count == 1 && gml_gemm_is_small(args) && gml_gemm_small(context->runtime.set, args);
    if (!small) {
        threads = gml_parallel_threads(&context->runtime, threads);
        if (gml_recording(context) && gml_gemm_multiplies(args))
            gml_record_gemm(args, batch->count, threads);
        planned = gml_gemm_plan_of(&plan, context, args, batch->count, threads, begin ? &origin : NULL);
        gml_gemm_run(&context->runtime, planned ? &plan : NULL, args, batch->count == 1 ? NULL : batch);
    }
    if (begin)
        gml_trace_gemm(context, function, label, args, batch, small, planned ? &plan : NULL,
                       planned ? origin.source : GML_SOURCE_MODEL, begin);
}

/* Small products of matrices stored by rows, at the price of their checks: false where anything is not plain to see, and
 * then nothing is touched. What is written twice here is what a call of a few nanoseconds would spend on passing it. */
static inline __attribute__((always_inline)) bool
multiply_at_once(const gml_context *context, size_t element, int64_t m, int64_t n, int64_t k, double alpha,
                 const void *a, int64_t rs_a, int64_t cs_a, const void *b, int64_t rs_b, int64_t cs_b,
                 double beta, void *c, int64_t rs_c, int64_t cs_c)
{
    if (!context)
        context = atomic_load_explicit(&gml_context_made, memory_order_acquire);
    const uint64_t extents = ((uint64_t)m - 1) | ((uint64_t)n - 1) | ((uint64_t)k - 1);
    const uint64_t strides = (uint64_t)rs_a | (uint64_t)cs_a | (uint64_t)rs_b | (uint64_t)rs_c;
    if (!context || context->verbose || extents >= GML_SMALL_K || strides >> 24 || cs_b != 1 || cs_c != 1 ||
        rs_b < n || rs_c < n || !((cs_a == 1 && rs_a >= k) || (rs_a == 1 && cs_a >= m)) ||
        m * n * k > GML_SMALL_PRODUCTS || alpha == 0.0 ||
        (m > GML_SMALL_ROWS && gml_gemm_rows_collide(rs_b, k, (int64_t)element)))
        return false;
    const size_t span_a = (size_t)((m - 1) * rs_a + (k - 1) * cs_a + 1) * element;
    const size_t span_b = (size_t)((k - 1) * rs_b + n) * element,
                 span_c = (size_t)((m - 1) * rs_c + n) * element;
    if (!a || !b || !c || ((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) >> 62 ||
        !gml_apart(c, span_c, a, span_a) || !gml_apart(c, span_c, b, span_b))
        return false;
    const gml_kernel_set *set = context->runtime.set;
    const gml_gemm_kernel *kernel =
        gml_gemm_small_tile(element == sizeof(float) ? set->gemm_f32 : set->gemm_f64, n);
    const gml_gemm_block block = {.m = m,
                                  .n = n,
                                  .k = k,
                                  .a = a,
                                  .rs_a = rs_a,
                                  .cs_a = cs_a,
                                  .ps_a = kernel->mr * rs_a,
                                  .b = b,
                                  .rs_b = rs_b,
                                  .ps_b = kernel->nr,
                                  .c = c,
                                  .rs_c = rs_c,
                                  .alpha = alpha,
                                  .beta = beta,
                                  .epilogue = NULL,
                                  .packed_b = NULL,
                                  .stream_c = false};
    kernel->block(&block);
    return true;
}

/* A product of one matrix by another, without a descriptor. Every member of args is given: gcc would clear the rest by a
 * string instruction that costs more than all checks. */
static inline __attribute__((always_inline)) gml_status
multiply(gml_context *context, const char *function, gml_type type, int64_t m, int64_t n, int64_t k,
         double alpha, const void *a, int64_t rs_a, int64_t cs_a, const void *b, int64_t rs_b, int64_t cs_b,
         double beta, void *c, int64_t rs_c, int64_t cs_c)
{
    if (multiply_at_once(context, gml_gemm_element(type), m, n, k, alpha, a, rs_a, cs_a, b, rs_b, cs_b, beta,
                         c, rs_c, cs_c))
        return GML_OK;
    const gml_gemm_args args = {.type = type,
                                .m = m,
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
                                .cs_c = cs_c,
                                .packed_a = NULL,
                                .packed_b = NULL,
                                .epilogue = {NULL, NULL, false, GML_ACTIVATION_NONE}};
    if (!gml_gemm_surely_legal(&args)) {
        GML_TRY(gml_check_range(function, "m", m, 0, INT64_MAX));
        GML_TRY(gml_check_range(function, "n", n, 0, INT64_MAX));
        GML_TRY(gml_check_range(function, "k", k, 0, INT64_MAX));
        GML_TRY(gml_gemm_check_described(function, &args, &one));
        GML_TRY(gml_gemm_check_apart(function, &args, &one));
        if (gml_gemm_empty(&args, &one))
            return GML_OK;
    }
    execute(gml_context_or_default(context), function, NULL, &args, &one, 0);
    return GML_OK;
}

gml_status gml_gemm_f32(gml_context *context, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                        int64_t rs_a, int64_t cs_a, const float *b, int64_t rs_b, int64_t cs_b, float beta,
                        float *c, int64_t rs_c, int64_t cs_c)
{
    const gml_fpenv found = gml_fpenv_enter();
    GML_STAYS_HERE(alpha, beta);
    const gml_status status = multiply(context, "gml_gemm_f32", GML_F32, m, n, k, alpha, a, rs_a, cs_a, b,
                                       rs_b, cs_b, beta, c, rs_c, cs_c);
    gml_fpenv_leave(found);
    return status;
}

gml_status gml_gemm_f64(gml_context *context, int64_t m, int64_t n, int64_t k, double alpha, const double *a,
                        int64_t rs_a, int64_t cs_a, const double *b, int64_t rs_b, int64_t cs_b, double beta,
                        double *c, int64_t rs_c, int64_t cs_c)
{
    const gml_fpenv found = gml_fpenv_enter();
    GML_STAYS_HERE(alpha, beta);
    const gml_status status = multiply(context, "gml_gemm_f64", GML_F64, m, n, k, alpha, a, rs_a, cs_a, b,
                                       rs_b, cs_b, beta, c, rs_c, cs_c);
    gml_fpenv_leave(found);
    return status;
}

gml_status gml_gemm(gml_context *context, const gml_gemm_problem *problem)
{
    static const char function[] = "gml_gemm";
    const gml_fpenv found = gml_fpenv_enter();
    context = gml_context_or_default(context);
    gml_gemm_call call;
    const gml_status status = gml_gemm_read(&call, function, context, problem, false);
    if (status == GML_OK && !gml_gemm_empty(&call.args, &call.batch))
        execute(context, function, call.label, &call.args, &call.batch, call.threads);
    gml_fpenv_leave(found);
    return status;
}
