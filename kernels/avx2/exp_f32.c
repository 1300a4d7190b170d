/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp2 and exp as maps: the exponentials that softmax and attention inline, so that every input can be
 * tested.
 */
#include "kernels/avx2/avx2.h"

void gml_exp2_f32_avx2(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + AVX2_LANES <= n; i += AVX2_LANES)
        _mm256_storeu_ps(y + i, avx2_exp2(_mm256_loadu_ps(x + i)));
    if (i < n)
        avx2_store(n - i, y + i, avx2_exp2(avx2_load(n - i, x + i)));
}

void gml_exp_f32_avx2(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + AVX2_LANES <= n; i += AVX2_LANES)
        _mm256_storeu_ps(y + i, avx2_exp(_mm256_loadu_ps(x + i)));
    if (i < n)
        avx2_store(n - i, y + i, avx2_exp(avx2_load(n - i, x + i)));
}
