/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries: their products with a block of K, and with a block of V.
 */
#include "kernels/ref/ref.h"

void gml_attention_products_f32_ref(int64_t rows, int64_t keys, int64_t dim, const float *q, const float *k,
                                    int64_t k_stride, float *t, int64_t t_stride,
                                    const gml_attention_next_f32 *next)
{
    (void)next;
    for (int64_t i = 0; i < rows; i++) {
        const float *row = q + i / GML_QUERY_PANEL * GML_QUERY_PANEL * dim + i % GML_QUERY_PANEL;
        for (int64_t j = 0; j < keys; j++) {
            float sum = 0.0f;
            for (int64_t d = 0; d < dim; d++)
                sum = fmaf(row[d * GML_QUERY_PANEL], k[j * k_stride + d], sum);
            t[i * t_stride + j] = sum;
        }
    }
}

void gml_attention_values_f32_ref(int64_t rows, int64_t keys, int64_t dim, const float *e, int64_t e_stride,
                                  const float *v, int64_t v_stride, float *s, int64_t s_stride,
                                  const gml_attention_next_f32 *next)
{
    (void)next;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t d = 0; d < dim; d++)
            s[i * s_stride + d] = 0.0f;
        for (int64_t j = 0; j < keys; j++)
            for (int64_t d = 0; d < dim; d++)
                s[i * s_stride + d] = fmaf(e[i * e_stride + j], v[j * v_stride + d], s[i * s_stride + d]);
    }
}
