/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The GEMM tiles of NEON: one body (gemm_f32.inc) at four shapes. Registers are accumulators, one row of
 * vectors of B and one column of A; loads are those of a k-step, beside MR * NV FMAs.
 *
 *     tile    accumulators  registers  loads a k-step  loads per FMA
 *     8x12         24           29            5             0.21
 *     6x16         24           30            6             0.25
 *     12x8         24           29            5             0.21
 *     4x20         20           26            6             0.30
 */
#include "kernels/neon/neon.h"

/* The update of c from sums in memory, where the last vector of a row is not whole. */
NEON_APART void update_ragged(int64_t m, int64_t n, float alpha, const float *s, int64_t lds, float beta,
                              float *c, int64_t ldc)
{
    for (int64_t i = 0; i < m; i++, s += lds, c += ldc)
        for (int64_t j = 0; j < n; j += NEON_LANES) {
            const int64_t lanes = n - j < NEON_LANES ? n - j : NEON_LANES;
            const float32x4_t sum = vld1q_f32(s + j);
            if (beta == 0.0f)
                neon_store(lanes, c + j, vmulq_n_f32(sum, alpha));
            else
                neon_store(lanes, c + j, vfmaq_n_f32(vmulq_n_f32(neon_load(lanes, c + j), beta), sum, alpha));
        }
}

#define TILE gml_gemm_f32_8x12_neon
#define MR 8
#define NV 3
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_6x16_neon
#define MR 6
#define NV 4
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_12x8_neon
#define MR 12
#define NV 2
#include "kernels/neon/gemm_f32.inc"

#define TILE gml_gemm_f32_4x20_neon
#define MR 4
#define NV 5
#include "kernels/neon/gemm_f32.inc"
