/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM: general matrix multiplication.
 */
#ifndef GEMMULE_GEMM_H
#define GEMMULE_GEMM_H

#include <gemmule/context.h>
#include <gemmule/status.h>
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
 * beyond that of a float.
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

#ifdef __cplusplus
}
#endif

#endif
