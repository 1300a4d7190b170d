/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f64: biases and ReLU. Vectors as in finish_f32.c.
 */
#include "kernels/avx512/avx512.h"

#define LANES 8

/* n contiguous elements: `along` is NULL or their biases, `across` NULL or the one that they share. */
static void finish_row(int32_t activation, int64_t n, const double *along, const double *across,
                       bool across_first, double *c)
{
    const __m512d shared = across ? _mm512_set1_pd(*across) : _mm512_setzero_pd();
    for (int64_t j = 0; j < n; j += LANES) {
        const __mmask8 lanes = (__mmask8)avx512_mask(avx512_min(n - j, LANES));
        __m512d x = _mm512_maskz_loadu_pd(lanes, c + j);
        if (across && across_first)
            x = _mm512_add_pd(x, shared);
        if (along)
            x = _mm512_add_pd(x, _mm512_maskz_loadu_pd(lanes, along + j));
        if (across && !across_first)
            x = _mm512_add_pd(x, shared);
        if (activation == GML_ACTIVATION_RELU)
            x = _mm512_max_pd(_mm512_setzero_pd(), x); /* 0 > x ? 0 : x */
        _mm512_mask_storeu_pd(c + j, lanes, x);
    }
}

void gml_gemm_finish_f64_avx512(const gml_gemm_epilogue *epilogue, int64_t m, int64_t n, void *c,
                                int64_t rs_c, int64_t cs_c)
{
    const double *bias_m = epilogue->bias_m, *bias_n = epilogue->bias_n;
    const int32_t activation = epilogue->activation;
    if (rs_c == 1 && cs_c != 1) {
        for (int64_t j = 0; j < n; j++)
            finish_row(activation, m, bias_m, bias_n ? bias_n + j : NULL, !epilogue->m_first,
                       (double *)c + j * cs_c);
        return;
    }
    const int64_t run = cs_c == 1 ? n : 1;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j += run)
            finish_row(activation, run, bias_n ? bias_n + j : NULL, bias_m ? bias_m + i : NULL,
                       epilogue->m_first, (double *)c + i * rs_c + j * cs_c);
}
