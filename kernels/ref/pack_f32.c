/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packing: any strided rectangle into rows of `width`, zero filled beyond `len`.
 */
#include "kernels/ref/ref.h"

void gml_pack_f32_ref(int64_t len, int64_t width, int64_t k, const float *src, int64_t stride_len,
                      int64_t stride_k, float *dst, int64_t ldd)
{
    for (int64_t p = 0; p < k; p++, src += stride_k, dst += ldd) {
        for (int64_t i = 0; i < len; i++)
            dst[i] = src[i * stride_len];
        for (int64_t i = len; i < width; i++)
            dst[i] = 0.0f;
    }
}
