/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f32 GEMM blocks of NEON: one body (gemm.inc) at four shapes. Registers are sums, one row of vectors of B and one
 * column of A; loads are those of a k-step, beside mr * nr / 4 FMAs.
 *
 *     tile    sums  registers  loads a k-step  loads per FMA
 *     8x12     24       29            5             0.21
 *     6x16     24       30            6             0.25
 *     12x8     24       29            5             0.21
 *     4x20     20       26            6             0.30
 */
#include "kernels/neon/f32.h"

#define FINISH gml_gemm_finish_f32_neon

#define TILE gml_gemm_f32_8x12_neon
#define MR 8
#define NV 3
#include "kernels/neon/gemm.inc"

#define TILE gml_gemm_f32_6x16_neon
#define MR 6
#define NV 4
#include "kernels/neon/gemm.inc"

#define TILE gml_gemm_f32_12x8_neon
#define MR 12
#define NV 2
#include "kernels/neon/gemm.inc"

#define TILE gml_gemm_f32_4x20_neon
#define MR 4
#define NV 5
#include "kernels/neon/gemm.inc"
