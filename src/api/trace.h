/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Traces: a line on standard error for each call that did something, where GEMMULE_VERBOSE=1 asks for it. The form of
 * the line is documented in include/gemmule/context.h. A call that is not traced pays for one comparison:
 *
 *     const int64_t begin = gml_trace_begin(context);
 *     ...
 *     if (begin)
 *         gml_trace_softmax(context, function, &problem, threads, source, begin);
 *
 * inside the floating-point environment of the contract, in which no conversion traps.
 */
#ifndef GML_API_TRACE_H
#define GML_API_TRACE_H

#include "src/api/context.h"
#include "src/core/gemm.h"
#include "src/plan/planner.h"
#include "src/plan/wisdom_files.h"
#include <gemmule/attention.h>
#include <gemmule/softmax.h>

#define GML_TRACE_LABEL 64 /* characters that are kept of a label, with the terminating one */

int64_t gml_trace_clock(void); /* nanoseconds, never 0 */

static inline int64_t gml_trace_begin(const gml_context *context)
{
    return __builtin_expect(context->verbose, 0) ? gml_trace_clock() : 0;
}

/* The kernel that a plan runs on operands with these strides: "gemm_f32_8x48_avx512", "gemm_rows_f32_avx512". */
#define GML_TRACE_KERNEL 40
const char *gml_trace_kernel(char text[GML_TRACE_KERNEL], const gml_kernel_set *set, const gml_gemm_args *args,
                             const gml_gemm_plan *plan);

/* `plan` is NULL for a product that was small, or whose path needs none; `source` is that of a plan. label may be NULL. */
void gml_trace_gemm(const gml_context *context, const char *function, const char *label, const gml_gemm_args *args,
                    const gml_gemm_batch *batch, bool small, const gml_gemm_plan *plan, gml_source source,
                    int64_t begin);
void gml_trace_softmax(const gml_context *context, const char *function, const gml_softmax_problem *problem,
                       int32_t threads, gml_source source, int64_t begin);
void gml_trace_attention(const gml_context *context, const char *function, const gml_attention_problem *problem,
                         const gml_attention_plan *plan, gml_source source, int64_t begin);
void gml_trace_merge(const gml_context *context, const char *function, const gml_attention_merge_problem *problem,
                     int32_t threads, int64_t begin);

/* What reading wisdom came to, if it was not all used. */
void gml_trace_wisdom(const gml_context *context, const gml_wisdom_loaded *loaded);

/* What became of the record; `error` is 0, or the number of the error. */
void gml_trace_record(const char *name, int64_t problems, int error);

#endif
