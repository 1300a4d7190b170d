/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM as its public functions share it: from what a caller describes to operands that are known to be legal, and
 * from there to the executor. `function` is the name that sentences begin with.
 */
#ifndef GML_API_GEMM_H
#define GML_API_GEMM_H

#include "src/api/check.h"
#include "src/api/context.h"
#include "src/core/gemm.h"
#include "src/plan/planner.h"
#include <gemmule/gemm.h>

struct gml_packed {
    gml_gemm_packed core;
    gml_context *context;
    size_t bytes; /* of this object, the data behind it included */
};

/* Stands for an address that is not known yet, so that its operand can be checked for all else. */
#define GML_GEMM_LATER ((void *)(uintptr_t)GML_ALIGNMENT)

static inline size_t gml_gemm_element(gml_type type)
{
    return type == GML_F32 ? sizeof(float) : sizeof(double);
}

/* Without products there is only C = beta * C and the epilogue, and A and B are not read. */
static inline bool gml_gemm_multiplies(const gml_gemm_args *args)
{
    return args->k > 0 && args->alpha != 0.0;
}

static inline bool gml_gemm_empty(const gml_gemm_args *args, const gml_gemm_batch *batch)
{
    return args->m == 0 || args->n == 0 || batch->count == 0;
}

/* Certainly legal, seen without a look at what each argument is: extents and strides so small that nothing overflows,
 * rows or columns that are contiguous, and addresses that are apart. False means that the checks have to say. */
static inline bool gml_gemm_surely_legal(const gml_gemm_args *args)
{
    const int64_t m = args->m, n = args->n, k = args->k;
    const uint64_t sizes = ((uint64_t)m - 1) | ((uint64_t)n - 1) | ((uint64_t)k - 1) | (uint64_t)args->rs_a |
                           (uint64_t)args->cs_a | (uint64_t)args->rs_b | (uint64_t)args->cs_b | (uint64_t)args->rs_c |
                           (uint64_t)args->cs_c;
    const uintptr_t a = (uintptr_t)args->a, b = (uintptr_t)args->b, c = (uintptr_t)args->c;
    if (sizes >> 24 || (a | b | c) >> 62 || !a || !b || !c)
        return false;
    if (!((args->cs_a == 1 && args->rs_a >= k) || (args->rs_a == 1 && args->cs_a >= m)) ||
        !((args->cs_b == 1 && args->rs_b >= n) || (args->rs_b == 1 && args->cs_b >= k)) ||
        !((args->cs_c == 1 && args->rs_c >= n) || (args->rs_c == 1 && args->cs_c >= m)))
        return false;
    const size_t element = gml_gemm_element(args->type);
    const size_t span_a = (size_t)((m - 1) * args->rs_a + (k - 1) * args->cs_a + 1) * element;
    const size_t span_b = (size_t)((k - 1) * args->rs_b + (n - 1) * args->cs_b + 1) * element;
    const size_t span_c = (size_t)((m - 1) * args->rs_c + (n - 1) * args->cs_c + 1) * element;
    const gml_gemm_epilogue *epilogue = &args->epilogue;
    return gml_apart(args->c, span_c, args->a, span_a) && gml_apart(args->c, span_c, args->b, span_b) &&
           gml_apart(args->c, span_c, epilogue->bias_m, epilogue->bias_m ? (size_t)m * element : 0) &&
           gml_apart(args->c, span_c, epilogue->bias_n, epilogue->bias_n ? (size_t)n * element : 0);
}

/*
 * gemm_check.c: legality of operands, those that are read and are not packed. `described` looks at each on its own:
 * strides, spans, and NULL where there are elements. Then `apart` compares C with what is read.
 */
typedef enum gml_gemm_operand { GML_GEMM_A, GML_GEMM_B, GML_GEMM_C } gml_gemm_operand;

gml_status gml_gemm_check_operand(const char *function, gml_gemm_operand which, const gml_gemm_args *args,
                                  const gml_gemm_batch *batch);
gml_status gml_gemm_check_described(const char *function, const gml_gemm_args *args, const gml_gemm_batch *batch);
gml_status gml_gemm_check_apart(const char *function, const gml_gemm_args *args, const gml_gemm_batch *batch);

/* Bytes from the first to the last element of a legal operand, of all products, or of one where they are listed. */
size_t gml_gemm_bytes(gml_gemm_operand which, const gml_gemm_args *args, const gml_gemm_batch *batch);

/* gemm_problem.c: a descriptor, read. */
typedef struct gml_gemm_call {
    gml_gemm_args args;
    gml_gemm_batch batch;
    int32_t threads;
    const char *label; /* or NULL */
} gml_gemm_call;

/* Reads a descriptor and checks all of it that does not depend on the addresses a, b and c. `bare` is a descriptor
 * whose addresses come later. */
gml_status gml_gemm_read(gml_gemm_call *call, const char *function, const gml_context *context,
                         const gml_gemm_problem *problem, bool bare);

/* The type and the extents of a descriptor, which is all that packing shares with a call. */
gml_status gml_gemm_read_shape(gml_gemm_args *args, const char *function, const gml_gemm_problem *problem);

/* gemm.c: the plan of a legal call that is not empty, of at most `threads` threads; false: there are no products, or none
 * passes the check. origin may be NULL. */
bool gml_gemm_plan_of(gml_gemm_plan *plan, gml_context *context, const gml_gemm_args *args, int64_t batch,
                      int32_t threads, gml_origin *origin);

#endif
