/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries: their products with a block of K, and with a block of V, by the kernels of GEMM that move a
 * matrix through the core once. These ask for what they read by themselves, and need no hint of what comes next.
 */
#include "kernels/neon/neon.h"
#include <string.h>

void gml_attention_products_f32_neon(int64_t rows, int64_t keys, int64_t dim, const float *q, const float *k,
                                     int64_t k_stride, float *t, int64_t t_stride,
                                     const gml_attention_next_f32 *next)
{
    (void)next;
    for (int64_t i = 0; i < rows; i++)
        memset(t + i * t_stride, 0, (size_t)keys * sizeof(float));
    for (int64_t i = 0; i < rows; i += GML_QUERY_PANEL) {
        const int64_t n = rows - i < GML_QUERY_PANEL ? rows - i : GML_QUERY_PANEL;
        gml_gemm_dots_f32_neon(n, keys, dim, q + i * dim, 1, GML_QUERY_PANEL, k, k_stride, t + i * t_stride,
                               t_stride);
    }
}

void gml_attention_values_f32_neon(int64_t rows, int64_t keys, int64_t dim, const float *e, int64_t e_stride,
                                   const float *v, int64_t v_stride, float *s, int64_t s_stride,
                                   const gml_attention_next_f32 *next)
{
    (void)next;
    for (int64_t i = 0; i < rows; i++)
        memset(s + i * s_stride, 0, (size_t)dim * sizeof(float));
    gml_gemm_rows_f32_neon(rows, dim, keys, e, e_stride, 1, v, v_stride, s, s_stride);
}
