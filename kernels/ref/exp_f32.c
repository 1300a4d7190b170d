/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp2 and exp as maps: the exponentials that softmax and attention inline, so that every input can be
 * tested.
 */
#include "kernels/ref/ref.h"

void gml_exp2_f32_ref(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = ref_exp2(x[i]);
}

void gml_exp_f32_ref(int64_t n, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = ref_exp(x[i]);
}
