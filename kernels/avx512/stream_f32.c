/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f32: the functions of stream.inc and dots.inc.
 */
#include "kernels/avx512/avx512.h"

#define REAL               float
#define VECTOR             __m512
#define MASK               __mmask16
#define LANES              16
#define SET1               _mm512_set1_ps
#define ZERO               _mm512_setzero_ps
#define LOADU              _mm512_loadu_ps
#define MASKZ_LOADU        _mm512_maskz_loadu_ps
#define STOREU             _mm512_storeu_ps
#define MASK_STOREU        _mm512_mask_storeu_ps
#define MUL                _mm512_mul_ps
#define FMADD              _mm512_fmadd_ps
#define FMA                fmaf
#define TRANSPOSE          avx512_transpose_f32
#define TRANSPOSE_LANES    avx512_transpose_lanes
#define TRANSPOSE_IN_LANES avx512_transpose_in_lanes
#define PACK               gml_pack_f32_avx512
#define ROWS               gml_gemm_rows_f32_avx512
#define DOTS               gml_gemm_dots_f32_avx512
#define UPDATE             gml_gemm_update_f32_avx512
#include "kernels/avx512/stream.inc"

#include "kernels/avx512/dots.inc"
