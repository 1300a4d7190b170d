/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the bodies that serve both types (gemm, stream, finish and pack.inc) call the operations on float.
 */
#ifndef GML_AVX2_F32_H
#define GML_AVX2_F32_H

#include "kernels/avx2/avx2.h"

#define REAL   float
#define LANES  8
#define VECTOR __m256
#define HALF   (LANES / 2)

#define ZERO        _mm256_setzero_ps
#define SET1        _mm256_set1_ps
#define LOAD        _mm256_loadu_ps
#define STORE       _mm256_storeu_ps
#define LOAD_MASKED _mm256_maskload_ps
#define LOAD_PART   avx2_load
#define STORE_PART  avx2_store
#define BROADCAST   _mm256_broadcast_ss
#define ADD         _mm256_add_ps
#define AND         _mm256_and_ps
#define MUL         _mm256_mul_ps
#define FMA         _mm256_fmadd_ps
#define FMA_SCALAR  fmaf
#define MASK(n)     _mm256_castsi256_ps(avx2_mask(n))
#define TRANSPOSE   avx2_transpose_f32

#endif
