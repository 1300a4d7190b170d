/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The epilogue of GEMM, f32: the functions of finish.inc, and the activations.
 */
#include "kernels/neon/f32.h"

NEON_INLINE float32x4_t identity(float32x4_t x)
{
    return x;
}

/* The mask is opaque, or clang 14 makes FMAX of this, which is +0 at -0. */
NEON_INLINE float32x4_t relu(float32x4_t x)
{
    uint32x4_t negative = vcltzq_f32(x);
    NEON_OPAQUE_VECTOR(negative);
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), negative));
}

/* 1 / (1 + exp(-x)), from an exponential that is at most 1. */
NEON_INLINE float32x4_t sigmoid(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f), e = neon_exp(vnegq_f32(vabsq_f32(x)));
    const float32x4_t r = vdivq_f32(one, vaddq_f32(one, e));
    return vbslq_f32(vcltzq_f32(x), vmulq_f32(e, r), r);
}

NEON_INLINE float32x4_t silu(float32x4_t x)
{
    return vmulq_f32(x, sigmoid(x));
}

NEON_INLINE float32x4_t gelu_tanh(float32x4_t x)
{
    const float32x4_t c1 = vdupq_n_f32(GML_GELU_TANH_C1), c3 = vdupq_n_f32(GML_GELU_TANH_C3);
    return vmulq_f32(x, sigmoid(vmulq_f32(x, vfmaq_f32(c1, vmulq_f32(x, x), c3))));
}

/* x * Phi(x), Phi being the normal distribution; its tail is exp(-x^2 / 2) times a polynomial in 1 / (1 + P * |x|). */
NEON_INLINE float32x4_t gelu_erf(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f), size = vabsq_f32(x);
    const float32x4_t t = vdivq_f32(one, vfmaq_f32(one, vdupq_n_f32(GML_GELU_P), size));
    float32x4_t q = vdupq_n_f32(GML_GELU_C8);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C7), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C6), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C5), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C4), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C3), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C2), q, t);
    q = vfmaq_f32(vdupq_n_f32(GML_GELU_C1), q, t);
    const float32x4_t power = vmulq_f32(vmulq_f32(vdupq_n_f32(-0.5f), size), size);
    const float32x4_t tail = vmulq_f32(vmulq_f32(q, t), neon_exp(power));
    return vmulq_f32(x, vbslq_f32(vcltzq_f32(x), tail, vsubq_f32(one, tail)));
}

#define FINISH gml_gemm_finish_f32_neon
#define ACTIVATIONS(X) X(NONE, identity) X(RELU, relu) X(GELU_ERF, gelu_erf) X(GELU_TANH, gelu_tanh) X(SILU, silu)
#include "kernels/neon/finish.inc"
