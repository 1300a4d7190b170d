/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The f64 GEMM blocks of AVX-512: one body (gemm.inc) at three shapes. Registers are sums, one row of vectors of B and
 * one broadcast element of A; loads are those of a k-step, beside mr * nr / 8 FMAs.
 *
 *     tile    sums  registers  loads a k-step  loads per FMA
 *     8x24     24       28           11             0.46
 *     6x32     24       29           10             0.42
 *     14x16    28       31           16             0.57
 */
#include "kernels/avx512/avx512.h"

#define REAL   double
#define VEC    __m512d
#define MASK   __mmask8
#define V(op)  _mm512_##op##_pd
#define LANES  8
#define FINISH gml_gemm_finish_f64_avx512
#define PACK   gml_pack_f64_avx512
#include "kernels/avx512/gemm.inc"

KERNEL(gml_gemm_f64_8x24_avx512, 8, 3)
KERNEL(gml_gemm_f64_6x32_avx512, 6, 4)
KERNEL(gml_gemm_f64_14x16_avx512, 14, 2)
