/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f64: the functions of finish.inc, and ReLU.
 */
#include "kernels/neon/f64.h"

NEON_INLINE float64x2_t identity(float64x2_t x)
{
    return x;
}

/* The mask is opaque, or clang 14 makes FMAX of this, which is +0 at -0. */
NEON_INLINE float64x2_t relu(float64x2_t x)
{
    uint64x2_t negative = vcltzq_f64(x);
    NEON_OPAQUE_VECTOR(negative);
    return vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(x), negative));
}

#define FINISH gml_gemm_finish_f64_neon
#define ACTIVATIONS(X) X(NONE, identity) X(RELU, relu)
#include "kernels/neon/finish.inc"
