/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f64: biases and ReLU.
 */
#include "kernels/avx2/f64.h"

AVX2_INLINE __m256d activate(const int32_t activation, __m256d x)
{
    /* x where it is NaN. */
    return activation == GML_ACTIVATION_RELU ? _mm256_max_pd(_mm256_setzero_pd(), x) : x;
}

#define FINISH   gml_gemm_finish_f64_avx2
#define ACTIVATE activate
#include "kernels/avx2/finish.inc"
