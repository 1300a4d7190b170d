/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp2 and exp as maps: the exponentials that softmax and attention inline, so that every input can be tested.
 */
#include "kernels/avx512/avx512.h"

void gml_exp2_f32_avx512(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + AVX512_LANES <= n; i += AVX512_LANES)
        _mm512_storeu_ps(y + i, avx512_exp2(_mm512_loadu_ps(x + i)));
    if (i < n) {
        const __mmask16 tail = avx512_mask(n - i);
        _mm512_mask_storeu_ps(y + i, tail, avx512_exp2(_mm512_maskz_loadu_ps(tail, x + i)));
    }
}

void gml_exp_f32_avx512(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + AVX512_LANES <= n; i += AVX512_LANES)
        _mm512_storeu_ps(y + i, avx512_exp(_mm512_loadu_ps(x + i)));
    if (i < n) {
        const __mmask16 tail = avx512_mask(n - i);
        _mm512_mask_storeu_ps(y + i, tail, avx512_exp(_mm512_maskz_loadu_ps(tail, x + i)));
    }
}
