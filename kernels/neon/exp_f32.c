/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp2 and exp as maps: the exponentials that softmax and attention inline, so that every input can be
 * tested.
 */
#include "kernels/neon/neon.h"

void gml_exp2_f32_neon(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + NEON_LANES <= n; i += NEON_LANES)
        vst1q_f32(y + i, neon_exp2(vld1q_f32(x + i)));
    if (i < n)
        neon_store(n - i, y + i, neon_exp2(neon_load(n - i, x + i)));
}

void gml_exp_f32_neon(int64_t n, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + NEON_LANES <= n; i += NEON_LANES)
        vst1q_f32(y + i, neon_exp(vld1q_f32(x + i)));
    if (i < n)
        neon_store(n - i, y + i, neon_exp(neon_load(n - i, x + i)));
}
