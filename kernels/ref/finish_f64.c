/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f64: biases and ReLU.
 */
#include "kernels/ref/ref.h"

void gml_gemm_finish_f64_ref(const gml_gemm_epilogue *epilogue, int64_t m, int64_t n, void *c, int64_t rs_c,
                             int64_t cs_c)
{
    const double *bias_m = epilogue->bias_m, *bias_n = epilogue->bias_n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double *to = (double *)c + i * rs_c + j * cs_c;
            double x = *to;
            if (bias_m && epilogue->m_first)
                x += bias_m[i];
            if (bias_n)
                x += bias_n[j];
            if (bias_m && !epilogue->m_first)
                x += bias_m[i];
            *to = epilogue->activation == GML_ACTIVATION_RELU && 0.0 > x ? 0.0 : x;
        }
}
