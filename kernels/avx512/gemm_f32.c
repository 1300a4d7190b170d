/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GEMM tiles of AVX-512: one body (gemm_f32.inc) at three shapes. Registers are accumulators, one row of
 * vectors of B and one broadcast element of A; loads are those of a k-step, beside MR * NV FMAs.
 *
 *     tile    accumulators  registers  loads a k-step  loads per FMA
 *     8x48         24           28           11             0.46
 *     6x64         24           29           10             0.42
 *     14x32        28           31           16             0.57
 */
#include "kernels/avx512/avx512.h"

#define TILE gml_gemm_f32_8x48_avx512
#define MR   8
#define NV   3
#include "kernels/avx512/gemm_f32.inc"

#define TILE gml_gemm_f32_6x64_avx512
#define MR   6
#define NV   4
#include "kernels/avx512/gemm_f32.inc"

#define TILE gml_gemm_f32_14x32_avx512
#define MR   14
#define NV   2
#include "kernels/avx512/gemm_f32.inc"
