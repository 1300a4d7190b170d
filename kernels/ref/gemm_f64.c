/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f64 GEMM blocks of the portable set: the body of gemm.inc at two shapes.
 *
 *     tile    sums  loads a k-step  loads per product
 *     4x8      32         12              0.38
 *     1x8       8          9              1.13
 */
#include "kernels/ref/ref.h"

#define REAL   double
#define FMA    fma
#define FINISH gml_gemm_finish_f64_ref

#define TILE gml_gemm_f64_4x8_ref
#define MR   4
#define NR   8
#include "kernels/ref/gemm.inc"

#define TILE gml_gemm_f64_1x8_ref
#define MR   1
#define NR   8
#include "kernels/ref/gemm.inc"
