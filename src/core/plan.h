/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Plans: every free choice of an executor, and the one check that each passes before it runs, whether it
 * comes from the model or, later, from a file. No choice in here can change a bit of a result.
 */
#ifndef GML_CORE_PLAN_H
#define GML_CORE_PLAN_H

#include "kernels/kernel.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gml_gemm_plan {
    const gml_gemm_kernel_f32 *kernel;
    int64_t mc;      /* rows of a packed block of A: mc * KC0 floats in a quarter of L2; a multiple of mr   */
    int64_t kc;      /* depth of both: two slices of B, kc * nr floats each, beside A in L2; a multiple of KC0 */
    int64_t nc;      /* columns of the packed panel of B: kc * nc floats in L3; a multiple of nr           */
    int32_t grid_m, grid_n; /* threads along m and n: their product is the number of threads               */
} gml_gemm_plan;

typedef struct gml_softmax_plan {
    int32_t threads;
    int64_t rows;    /* of one task, >= 1: large enough to pay for handing it out                          */
} gml_softmax_plan;

typedef struct gml_attention_plan {
    const gml_attention_kernel_f32 *kernel;
    int32_t strips;  /* strips of bq queries that share a block of K and V while it is in L2, >= 1         */
    int32_t threads;
} gml_attention_plan;

#define GML_MAX_STRIPS 16
#define GML_SCRATCH_PER_THREAD ((size_t)8 << 20)  /* bound of attention and of packed A                    */
#define GML_SCRATCH_SHARED ((size_t)128 << 20)    /* bound of the packed panel of B                        */

/* true when a plan is legal for the set and its scratch within bounds; otherwise false, and why (which may
 * be NULL with size 0) gets a sentence. */
bool gml_gemm_plan_check(const gml_gemm_plan *plan, const gml_kernel_set *set, char *why, size_t size);
bool gml_softmax_plan_check(const gml_softmax_plan *plan, char *why, size_t size);
bool gml_attention_plan_check(const gml_attention_plan *plan, const gml_kernel_set *set, int64_t head_dim,
                              int64_t v_head_dim, char *why, size_t size);

/* Scratch a plan needs, in bytes: used by the checks and by the executors alike. */
size_t gml_gemm_scratch_shared(const gml_gemm_plan *plan);     /* the packed panel of B */
size_t gml_gemm_scratch_thread(const gml_gemm_plan *plan);     /* the packed block of A and one tile of C */
size_t gml_attention_scratch_thread(const gml_attention_plan *plan, int64_t head_dim, int64_t v_head_dim);

#endif
