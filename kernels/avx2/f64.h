/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the bodies that serve both types (gemm, stream, finish and pack.inc) call the operations on double.
 */
#ifndef GML_AVX2_F64_H
#define GML_AVX2_F64_H

#include "kernels/avx2/avx2.h"

#define REAL   double
#define LANES  4
#define VECTOR __m256d
#define HALF   (LANES / 2)

#define ZERO        _mm256_setzero_pd
#define SET1        _mm256_set1_pd
#define LOAD        _mm256_loadu_pd
#define STORE       _mm256_storeu_pd
#define LOAD_MASKED _mm256_maskload_pd
#define LOAD_PART   avx2_load_f64
#define STORE_PART  avx2_store_f64
#define BROADCAST   _mm256_broadcast_sd
#define ADD         _mm256_add_pd
#define AND         _mm256_and_pd
#define MUL         _mm256_mul_pd
#define FMA         _mm256_fmadd_pd
#define FMA_SCALAR  fma
#define MASK(n)     _mm256_castsi256_pd(avx2_mask(2 * (n)))
#define TRANSPOSE   avx2_transpose_f64

#endif
