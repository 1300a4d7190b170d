/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f32 GEMM blocks of the portable set: one body (gemm.inc) at three shapes, none of them larger than a first-level
 * cache hides. 1x16 wastes nothing on single rows.
 *
 *     tile    sums  loads a k-step  loads per product
 *     8x8      64         16              0.25
 *     4x4      16          8              0.50
 *     1x16     16         17              1.06
 */
#include "kernels/ref/ref.h"

#define REAL   float
#define FMA    fmaf
#define FINISH gml_gemm_finish_f32_ref

#define TILE gml_gemm_f32_8x8_ref
#define MR   8
#define NR   8
#include "kernels/ref/gemm.inc"

#define TILE gml_gemm_f32_4x4_ref
#define MR   4
#define NR   4
#include "kernels/ref/gemm.inc"

#define TILE gml_gemm_f32_1x16_ref
#define MR   1
#define NR   16
#include "kernels/ref/gemm.inc"
