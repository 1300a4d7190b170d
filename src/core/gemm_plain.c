/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMM without scratch memory: the path for want of memory, and for problems without products, where only
 * C = beta * C is left to do.
 */
#include "kernels/arithmetic.h"
#include "src/core/gemm.h"
#include <math.h>

static void scale_only(const gml_gemm_args_f32 *args)
{
    for (int64_t i = 0; i < args->m; i++)
        for (int64_t j = 0; j < args->n; j++) {
            float *c = args->c + i * args->rs_c + j * args->cs_c;
            *c = args->beta == 0.0f ? 0.0f : args->beta * *c;
        }
}

void gml_gemm_plain_f32(const gml_gemm_args_f32 *args)
{
    if (args->k == 0 || args->alpha == 0.0f) {
        scale_only(args);
        return;
    }
    for (int64_t i = 0; i < args->m; i++)
        for (int64_t j = 0; j < args->n; j++) {
            const float *a = args->a + i * args->rs_a, *b = args->b + j * args->cs_b;
            float *c = args->c + i * args->rs_c + j * args->cs_c;
            for (int64_t p = 0; p < args->k;) {
                const int64_t end = args->k - p < GML_KC0_F32 ? args->k : p + GML_KC0_F32;
                const float beta = p == 0 ? args->beta : 1.0f;
                float s = 0.0f;
                for (; p < end; p++)
                    s = fmaf(a[p * args->cs_a], b[p * args->rs_b], s);
                *c = beta == 0.0f ? args->alpha * s : fmaf(args->alpha, s, beta * *c);
            }
        }
}
