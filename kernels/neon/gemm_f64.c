/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f64 GEMM blocks of NEON: one body (gemm.inc) at three shapes. Registers are sums, one row of vectors of B and one
 * column of A; loads are those of a k-step, beside mr * nr / 2 FMAs.
 *
 *     tile    sums  registers  loads a k-step  loads per FMA
 *     8x6      24       31            7             0.29
 *     6x8      24       31            7             0.29
 *     4x10     20       27            7             0.35
 */
#include "kernels/neon/f64.h"

#define FINISH gml_gemm_finish_f64_neon

#define TILE gml_gemm_f64_8x6_neon
#define MR 8
#define NV 3
#include "kernels/neon/gemm.inc"

#define TILE gml_gemm_f64_6x8_neon
#define MR 6
#define NV 4
#include "kernels/neon/gemm.inc"

#define TILE gml_gemm_f64_4x10_neon
#define MR 4
#define NV 5
#include "kernels/neon/gemm.inc"
