/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Section GEMM of docs/arithmetic.md, for float and for double.
 */
#include "kernels/arithmetic.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <stdbool.h>

void spec_gemm_f32(int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t rs_a, int64_t cs_a,
                   const float *b, int64_t rs_b, int64_t cs_b, float beta, float *c, int64_t rs_c,
                   int64_t cs_c)
{
    const bool read_c = beta != 0.0f;
    const bool no_product = alpha == 0.0f || k == 0;

    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float *element = &c[i * rs_c + j * cs_c];
            float value = 0.0f;
            if (read_c)
                value = beta * *element;
            for (int64_t block = 0; block < k && !no_product; block += GML_KC0_F32) {
                float s = 0.0f;
                for (int64_t p = block; p < k && p < block + GML_KC0_F32; p++)
                    s = fmaf(a[i * rs_a + p * cs_a], b[p * rs_b + j * cs_b], s);
                if (block == 0 && !read_c)
                    value = alpha * s;
                else
                    value = fmaf(alpha, s, value);
            }
            *element = value;
        }
}

void spec_gemm_f64(int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t rs_a, int64_t cs_a,
                   const double *b, int64_t rs_b, int64_t cs_b, double beta, double *c, int64_t rs_c,
                   int64_t cs_c)
{
    const bool read_c = beta != 0.0;
    const bool no_product = alpha == 0.0 || k == 0;

    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double *element = &c[i * rs_c + j * cs_c];
            double value = 0.0;
            if (read_c)
                value = beta * *element;
            for (int64_t block = 0; block < k && !no_product; block += GML_KC0_F64) {
                double s = 0.0;
                for (int64_t p = block; p < k && p < block + GML_KC0_F64; p++)
                    s = fma(a[i * rs_a + p * cs_a], b[p * rs_b + j * cs_b], s);
                if (block == 0 && !read_c)
                    value = alpha * s;
                else
                    value = fma(alpha, s, value);
            }
            *element = value;
        }
}
