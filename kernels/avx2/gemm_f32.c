/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GEMM tiles of AVX2: one body (gemm_f32.inc) at three shapes. Registers are accumulators, one row of
 * vectors of B and one broadcast element of A; loads are those of a k-step, beside MR * NV FMAs. Twelve
 * accumulators cover two FMAs a cycle of latency four or five; 12x8 is for narrow C, where the others
 * would have too few.
 *
 *     tile    accumulators  registers  loads a k-step  loads per FMA
 *     6x16         12           15            8             0.67
 *     4x24         12           16            7             0.58
 *     12x8         12           14           13             1.08
 */
#include "kernels/avx2/avx2.h"

#define TILE gml_gemm_f32_6x16_avx2
#define MR   6
#define NV   2
#include "kernels/avx2/gemm_f32.inc"

#define TILE gml_gemm_f32_4x24_avx2
#define MR   4
#define NV   3
#include "kernels/avx2/gemm_f32.inc"

#define TILE gml_gemm_f32_12x8_avx2
#define MR   12
#define NV   1
#include "kernels/avx2/gemm_f32.inc"
