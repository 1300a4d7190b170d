/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The executor of GEMM.
 */
#ifndef GML_CORE_GEMM_H
#define GML_CORE_GEMM_H

#include "src/core/plan.h"
#include "src/core/runtime.h"

/* The operands of gml_gemm_f32, checked. */
typedef struct gml_gemm_args_f32 {
    int64_t m, n, k;
    float alpha, beta;
    const float *a, *b;
    float *c;
    int64_t rs_a, cs_a, rs_b, cs_b, rs_c, cs_c;
} gml_gemm_args_f32;

/* The same problem with cs_c == 1 wherever C has a contiguous dimension: C^T = B^T * A^T has the same bits, as
 * a product does not depend on the order of its factors. Plans are made for the result. */
gml_gemm_args_f32 gml_gemm_normalise_f32(gml_gemm_args_f32 args);

/* Runs a checked plan on normalised operands, m and n > 0. When scratch memory for all threads cannot be had, one
 * thread runs it; when none can, or plan is NULL, gml_gemm_plain_f32 does. */
void gml_gemm_run_f32(gml_runtime *runtime, const gml_gemm_plan *plan, const gml_gemm_args_f32 *args);

/* The same bits without scratch memory, one chain at a time; also the place of C = beta * C. */
void gml_gemm_plain_f32(const gml_gemm_args_f32 *args);

#endif
