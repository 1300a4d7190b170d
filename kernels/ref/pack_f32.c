/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing, and transposition of any strided rectangle.
 */
#include "kernels/ref/ref.h"

void gml_pack_f32_ref(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                      int64_t stride_k, float *dst, int64_t ldd)
{
    for (int64_t p = 0; p < k; p++) {
        for (int64_t i = 0; i < len; i++)
            dst[p * ldd + i] = src[i * stride_len + p * stride_k];
        for (int64_t i = len; i < width; i++)
            dst[p * ldd + i] = 0.0f;
    }
}
