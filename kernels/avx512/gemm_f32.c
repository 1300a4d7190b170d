/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f32 GEMM blocks of AVX-512: one body (gemm.inc) at three shapes. Registers are sums, one row of vectors of B and
 * one broadcast element of A; loads are those of a k-step, beside mr * nr / 16 FMAs.
 *
 *     tile    sums  registers  loads a k-step  loads per FMA
 *     8x48     24       28           11             0.46
 *     6x64     24       29           10             0.42
 *     14x32    28       31           16             0.57
 */
#include "kernels/avx512/avx512.h"

#define REAL   float
#define VEC    __m512
#define MASK   __mmask16
#define V(op)  _mm512_##op##_ps
#define LANES  16
#define FINISH gml_gemm_finish_f32_avx512
#define PACK   gml_pack_f32_avx512
#include "kernels/avx512/gemm.inc"

KERNEL(gml_gemm_f32_8x48_avx512, 8, 3)
KERNEL(gml_gemm_f32_6x64_avx512, 6, 4)
KERNEL(gml_gemm_f32_14x32_avx512, 14, 2)
