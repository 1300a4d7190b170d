/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f64: the functions of stream.inc.
 */
#include "kernels/avx512/avx512.h"

#define REAL        double
#define VECTOR      __m512d
#define MASK        __mmask8
#define LANES       8
#define SET1        _mm512_set1_pd
#define ZERO        _mm512_setzero_pd
#define LOADU       _mm512_loadu_pd
#define MASKZ_LOADU _mm512_maskz_loadu_pd
#define STOREU      _mm512_storeu_pd
#define MASK_STOREU _mm512_mask_storeu_pd
#define MUL         _mm512_mul_pd
#define FMADD       _mm512_fmadd_pd
#define FMA         fma
#define TRANSPOSE   avx512_transpose_f64
#define ROWS        gml_gemm_rows_f64_avx512
#define DOTS        gml_gemm_dots_f64_avx512
#define UPDATE      gml_gemm_update_f64_avx512
#include "kernels/avx512/stream.inc"
