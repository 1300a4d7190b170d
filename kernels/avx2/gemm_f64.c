/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f64 GEMM blocks of AVX2: those of gemm_f32.c, with vectors of four columns.
 *
 *     tile    accumulators  registers  loads a k-step  loads per FMA
 *     6x8          12           15            8             0.67
 *     4x12         12           16            7             0.58
 *     12x4         12           14           13             1.08
 */
#include "kernels/avx2/f64.h"

#define FINISH gml_gemm_finish_f64_avx2

#include "kernels/avx2/gemm.inc"

KERNEL(gml_gemm_f64_6x8_avx2, 6, 8)
KERNEL(gml_gemm_f64_4x12_avx2, 4, 12)
KERNEL(gml_gemm_f64_12x4_avx2, 12, 4)
