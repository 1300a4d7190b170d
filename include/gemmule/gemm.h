/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM: general matrix multiplication, in three forms.
 *
 *     gml_gemm_f32, gml_gemm_f64      one product, all of it in the arguments
 *     gml_gemm                        a descriptor: batches, epilogues, packed operands, threads
 *     gml_plan_create_gemm, ...       everything but the pointers decided and checked once, for repeated calls
 *
 * All give the same bits (docs/arithmetic.md).
 */
#ifndef GEMMULE_GEMM_H
#define GEMMULE_GEMM_H

#include <gemmule/context.h>
#include <gemmule/status.h>
#include <gemmule/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * C = alpha * A * B + beta * C, with A of m x k, B of k x n and C of m x n elements.
 *
 * Element (i, j) of a matrix X is x[i * rs_x + j * cs_x]: a row stride and a column stride, counted
 * in elements. Row-major storage with leading dimension ldx is rs_x = ldx, cs_x = 1; column-major is
 * rs_x = 1, cs_x = ldx; exchanging the two strides transposes. Any pair is allowed whose elements do
 * not coincide: the larger stride must be at least the extent that the smaller one spans.
 *
 * Following the BLAS standard (Dongarra et al., ACM TOMS 16(1), 1990), with its corner cases fixed:
 *   alpha == 0 or k == 0   C = beta * C; a and b are not read and may be NULL
 *   beta == 0              C is not read, so it may hold NaN
 *   m == 0 or n == 0       nothing is touched
 * NaN and infinities propagate as the order of operations in docs/arithmetic.md says. No byte outside
 * the described elements is read or written, gaps between rows included. No alignment is required
 * beyond that of an element.
 *
 * c must not share elements with a or b. What is certain to overlap (equal strides and intersecting
 * rectangles) is refused; the rest is the caller's duty. Interleaved blocks of one matrix, as LU and
 * Cholesky factorisations make them, do not overlap and are legal.
 *
 * Never fails for lack of memory: a slower path with the same bits takes over.
 *
 *   GML_ERR_ARGUMENT  m, n or k is negative; a stride is negative or too small; a pointer is NULL
 *                     where elements are described; sizes times strides exceed the address space
 *   GML_ERR_OVERLAP   c certainly shares elements with a or b
 */
GML_API gml_status gml_gemm_f32(gml_context *context, int64_t m, int64_t n, int64_t k, float alpha,
                                const float *a, int64_t rs_a, int64_t cs_a, const float *b,
                                int64_t rs_b, int64_t cs_b, float beta, float *c, int64_t rs_c,
                                int64_t cs_c);
GML_API gml_status gml_gemm_f64(gml_context *context, int64_t m, int64_t n, int64_t k, double alpha,
                                const double *a, int64_t rs_a, int64_t cs_a, const double *b,
                                int64_t rs_b, int64_t cs_b, double beta, double *c, int64_t rs_c,
                                int64_t cs_c);

/* An operand packed once for many products; see gml_gemm_pack_a. */
typedef struct gml_packed gml_packed;

/*
 * The descriptor. For each product l of the batch, 0 <= l < batch:
 *
 *     C_l = activation(alpha * A_l * B_l + beta * C_l + bias_n + bias_m)
 *
 * where bias_n[j] is added to column j and then bias_m[i] to row i. Matrix X_l begins at x + l * bs_x elements, or at
 * x_list[l] where x_list is not NULL (then x is NULL and bs_x 0). bs_a and bs_b may be 0: one matrix for all.
 * No two C_l may share elements; strides bs_c that are too small for that are refused, lists are the caller's duty.
 *
 * alpha and beta are rounded to the type. Biases are contiguous arrays of the type, the same for the whole batch.
 */
typedef struct gml_gemm_problem {
    size_t size;        /* of this structure, set by GML_GEMM_PROBLEM_INIT                               */
    int32_t type;       /* gml_type                                                                      */
    int32_t threads;    /* of this call; 0: the context decides; at most 1024                            */
    int64_t m, n, k;
    double alpha, beta;
    const void *a;
    int64_t rs_a, cs_a;
    const void *b;
    int64_t rs_b, cs_b;
    void *c;
    int64_t rs_c, cs_c;
    int64_t batch;      /* products, >= 0                                                                */
    int64_t bs_a, bs_b, bs_c;                  /* elements from one matrix of the batch to the next      */
    const void *const *a_list, *const *b_list; /* `batch` pointers, or NULL                              */
    void *const *c_list;
    const gml_packed *packed_a, *packed_b;     /* instead of a or b, which is then NULL                  */
    const void *bias_m; /* m elements, one for each row; NULL: none                                      */
    const void *bias_n; /* n elements, one for each column; NULL: none                                   */
    int32_t activation; /* gml_activation; for GML_F64 NONE or RELU                                      */
    int32_t reserved;   /* 0                                                                             */
    const char *label;  /* the name of this call in traces (GEMMULE_VERBOSE); NULL: the function's own   */
} gml_gemm_problem;

/* alpha 1, beta 0, batch 1; the type must be set. */
#define GML_GEMM_PROBLEM_INIT                                                                                \
    {                                                                                                        \
        sizeof(gml_gemm_problem), 0, 0, 0, 0, 0, 1.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,   \
            0, 0, 0, 0, 0, 0, 0                                                                              \
    }

/*
 *   GML_ERR_ARGUMENT    as above; type, threads, batch or activation is out of its range; an entry of a list is NULL;
 *                       both a and a_list or packed_a are given, or none (so for b); a packed operand was
 *                       made for another type, shape, instruction set or storage order of C
 *   GML_ERR_OVERLAP     c certainly shares elements with a or b, or with a bias
 *   GML_ERR_DESCRIPTOR  problem->size is unknown to this version
 */
GML_API gml_status gml_gemm(gml_context *context, const gml_gemm_problem *problem);

/*
 * Packed operands: constant weights are brought into the order in which the kernels of a context read them, once.
 * problem describes the products they will serve: type, m, n and k (of the other operand's extent only the order of
 * magnitude is used: any m fits a packed B, any n a packed A), the strides of C, and the operand itself
 * (a, rs_a, cs_a or b, rs_b, cs_b); the rest is not looked at. The object holds a copy; it can be used by any number
 * of threads at once, in the context that made it or another with the same instruction set.
 *
 * What is packed fits C in one storage order: a problem whose C is contiguous along the other dimension is refused,
 * with a sentence, as is one of another type, k, m (of A) or n (of B).
 *
 *   GML_ERR_ARGUMENT, GML_ERR_DESCRIPTOR  as gml_gemm; packed is NULL
 *   GML_ERR_MEMORY                        the object could not be allocated
 */
GML_API gml_status gml_gemm_pack_a(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem);
GML_API gml_status gml_gemm_pack_b(gml_packed **packed, gml_context *context, const gml_gemm_problem *problem);

/* Bytes that a packed operand holds. */
GML_API size_t gml_packed_bytes(const gml_packed *packed);

/* Frees a packed operand, before its context. No operation or plan may be using it. NULL is allowed. */
GML_API void gml_packed_destroy(gml_packed *packed);

/*
 * Plans: a problem checked, and its path, kernel, blocks and threads decided, once. The plan copies the descriptor;
 * the pointers a, b and c in it may be NULL, as each run brings its own. Lists and biases are not copied and must stay
 * valid. A plan refers to its context, which must outlive it; it is immutable, and any number of threads may run it at
 * once.
 *
 *   GML_ERR_ARGUMENT, GML_ERR_DESCRIPTOR  as gml_gemm; plan is NULL
 *   GML_ERR_MEMORY                        the plan could not be allocated
 */
typedef struct gml_plan gml_plan;

GML_API gml_status gml_plan_create_gemm(gml_plan **plan, gml_context *context, const gml_gemm_problem *problem);

/*
 * Runs the plan's problem on these operands; one that is packed or comes from a list must be NULL.
 *
 *   GML_ERR_ARGUMENT  plan is NULL; a pointer is NULL where elements are described, or not NULL where it must be
 *   GML_ERR_OVERLAP   c certainly shares elements with a or b, or with a bias
 */
GML_API gml_status gml_plan_run_gemm(const gml_plan *plan, const void *a, const void *b, void *c);

/* Frees a plan. No run may be in progress. NULL is allowed. */
GML_API void gml_plan_destroy(gml_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
