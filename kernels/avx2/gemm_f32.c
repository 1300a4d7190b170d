/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f32 GEMM blocks of AVX2: three shapes of register tile (gemm.inc). Registers are accumulators, one
 * row of vectors of B and one broadcast element of A; loads are those of a k-step, beside twelve FMAs. Twelve
 * accumulators cover two FMAs a cycle of latency four or five; 12x8 is for narrow C, where the others would have too
 * few.
 *
 *     tile    accumulators  registers  loads a k-step  loads per FMA
 *     6x16         12           15            8             0.67
 *     4x24         12           16            7             0.58
 *     12x8         12           14           13             1.08
 */
#include "kernels/avx2/f32.h"

#define FINISH gml_gemm_finish_f32_avx2

#include "kernels/avx2/gemm.inc"

KERNEL(gml_gemm_f32_6x16_avx2, 6, 16)
KERNEL(gml_gemm_f32_4x24_avx2, 4, 24)
KERNEL(gml_gemm_f32_12x8_avx2, 12, 8)
