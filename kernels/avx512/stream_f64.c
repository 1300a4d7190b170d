/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Few rows, f64: the functions of stream.inc and dots.inc.
 */
#include "kernels/avx512/avx512.h"

/* Transposes the 4 x 4 lanes of 128 bits; and the 2 x 2 elements inside each lane, of two pairs. */
AVX512_INLINE void lanes_f64(__m512d a, __m512d b, __m512d c, __m512d d, __m512d *out)
{
    __m512 lane[4];
    avx512_transpose_lanes(_mm512_castpd_ps(a), _mm512_castpd_ps(b), _mm512_castpd_ps(c), _mm512_castpd_ps(d),
                           lane);
    for (int q = 0; q < 4; q++)
        out[q] = _mm512_castps_pd(lane[q]);
}

AVX512_INLINE void in_lanes_f64(__m512d *r)
{
    for (int i = 0; i < 4; i += 2) {
        const __m512d low = _mm512_unpacklo_pd(r[i], r[i + 1]);
        r[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
        r[i] = low;
    }
}

#define REAL               double
#define VECTOR             __m512d
#define MASK               __mmask8
#define LANES              8
#define SET1               _mm512_set1_pd
#define ZERO               _mm512_setzero_pd
#define LOADU              _mm512_loadu_pd
#define MASKZ_LOADU        _mm512_maskz_loadu_pd
#define STOREU             _mm512_storeu_pd
#define MASK_STOREU        _mm512_mask_storeu_pd
#define MUL                _mm512_mul_pd
#define FMADD              _mm512_fmadd_pd
#define FMA                fma
#define TRANSPOSE          avx512_transpose_f64
#define TRANSPOSE_LANES    lanes_f64
#define TRANSPOSE_IN_LANES in_lanes_f64
#define PACK               gml_pack_f64_avx512
#define ROWS               gml_gemm_rows_f64_avx512
#define DOTS               gml_gemm_dots_f64_avx512
#define UPDATE             gml_gemm_update_f64_avx512
#include "kernels/avx512/stream.inc"

#include "kernels/avx512/dots.inc"
