/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax: the passes over a segment, four vectors at a time, one after the other. Scores are formed twice where they
 * are a product alone; where they are more, the first pass leaves them in y, as on most cores stores share no port
 * with the arithmetic.
 *
 * The 16 virtual lanes of a sum are four registers; exponentials take two of them at a time, as four side by side do
 * not fit beside their constants. Lanes beyond the end of a row join neither the maximum nor the sum.
 *
 * Stores do not stream: STNP is a hint that cores are free to ignore, and most do.
 */
#include "kernels/neon/neon.h"

#define WIDTH (4 * NEON_LANES)
#define EACH  NEON_UNROLL for (int v = 0; v < 4; v++)

/* All ones in the lanes where keep[0 .. n-1] is 0, for n in 1 .. 4. */
NEON_INLINE uint32x4_t dropped(int64_t n, const uint8_t *keep)
{
    uint32_t four = 0;
    if (n == NEON_LANES)
        memcpy(&four, keep, NEON_LANES);
    else
        for (int64_t i = 0; i < n; i++)
            four |= (uint32_t)keep[i] << 8 * i;
    const int8x8_t zero = vreinterpret_s8_u8(vceqz_u8(vreinterpret_u8_u32(vdup_n_u32(four))));
    return vreinterpretq_u32_s32(vmovl_s16(vget_low_s16(vmovl_s8(zero))));
}

/* t of n columns, 1 to 4, from j on. The other lanes are of no meaning. */
NEON_INLINE float32x4_t score(const int biased, const int kept, const int curved, const gml_softmax_scores_f32 *s,
                              int64_t n, int64_t j, const float *x)
{
    static const int32_t lane[NEON_LANES] = {0, 1, 2, 3};
    const float32x4_t minus_infinity = vdupq_n_f32(-INFINITY), xv = neon_load(n, x + j);
    const float32x4_t bias = biased ? neon_load(n, s->bias + j) : vdupq_n_f32(0.0f);
    float32x4_t t = biased && !curved ? vfmaq_n_f32(bias, xv, s->scale) : vmulq_n_f32(xv, s->scale);
    if (curved) {
        if (s->cap != 0.0f)
            t = vmulq_n_f32(neon_tanh(vmulq_n_f32(t, s->inverse_cap)), s->cap);
        if (s->slope)
            t = neon_alibi(t, vdupq_n_f32(*s->slope), vdupq_n_s32(s->position - (int32_t)j), vld1q_s32(lane));
        if (biased)
            t = vaddq_f32(t, bias);
    }
    if (biased)
        t = vbslq_f32(vceqq_f32(bias, minus_infinity), minus_infinity, t);
    if (kept)
        t = vbslq_f32(dropped(n, s->keep + j), minus_infinity, t);
    return t;
}

/* The maximum of t, and where it is stored, y = t. */
NEON_INLINE float scores(const int biased, const int kept, const int curved, const int stored,
                         const gml_softmax_scores_f32 *s, int64_t n, const float *x, float *y)
{
    float32x4_t m[4];
    EACH m[v] = vdupq_n_f32(-INFINITY);
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        float32x4_t t[4];
        EACH t[v] = score(biased, kept, curved, s, NEON_LANES, j + v * NEON_LANES, x);
        if (stored)
            EACH vst1q_f32(y + j + v * NEON_LANES, t[v]);
        EACH m[v] = neon_max(t[v], m[v]);
    }
    for (; j < n; j += NEON_LANES) {
        const int64_t lanes = neon_min(n - j, NEON_LANES);
        const float32x4_t t = score(biased, kept, curved, s, lanes, j, x);
        if (stored)
            neon_store(lanes, y + j, t);
        m[0] = neon_max(vbslq_f32(neon_mask(lanes), t, m[0]), m[0]);
    }
    return vmaxnmvq_f32(neon_max(neon_max(m[0], m[1]), neon_max(m[2], m[3]))) + 0.0f;
}

static float scores_of(const gml_softmax_scores_f32 *s, int64_t n, const float *x, float *y)
{
    switch ((s->cap != 0.0f || s->slope ? 4 : 0) + (s->bias ? 2 : 0) + (s->keep ? 1 : 0)) {
    case 0:
        return scores(0, 0, 0, 1, s, n, x, y);
    case 1:
        return scores(0, 1, 0, 1, s, n, x, y);
    case 2:
        return scores(1, 0, 0, 1, s, n, x, y);
    case 3:
        return scores(1, 1, 0, 1, s, n, x, y);
    case 4:
        return scores(0, 0, 1, 1, s, n, x, y);
    case 5:
        return scores(0, 1, 1, 1, s, n, x, y);
    case 6:
        return scores(1, 0, 1, 1, s, n, x, y);
    default:
        return scores(1, 1, 1, 1, s, n, x, y);
    }
}

static float maximum(int64_t n, float scale, const float *x)
{
    const gml_softmax_scores_f32 plain = {.scale = scale};
    return scores(0, 0, 0, 0, &plain, n, x, NULL);
}

/* e = exp(scale * x - z) over eight of the virtual lanes, those from `lane` on; sum gets theirs. */
NEON_INLINE void exponentials_8(int64_t lane, int64_t n, float scale, const float *x, float z, const int stored,
                                float *e, float32x4_t sum[2])
{
    const float32x4_t zs = vdupq_n_f32(z);
    sum[0] = sum[1] = vdupq_n_f32(0.0f);
    int64_t j = lane;
    for (; j + 2 * NEON_LANES <= n; j += GML_SUM_LANES)
        NEON_UNROLL for (int v = 0; v < 2; v++) {
            const float32x4_t t = vmulq_n_f32(vld1q_f32(x + j + v * NEON_LANES), scale);
            const float32x4_t r = neon_exp(vsubq_f32(t, zs));
            if (stored)
                vst1q_f32(e + j + v * NEON_LANES, r);
            sum[v] = vaddq_f32(sum[v], r);
        }
    NEON_UNROLL for (int v = 0; v < 2; v++, j += NEON_LANES) {
        const int64_t lanes = neon_min(n - j, NEON_LANES);
        if (lanes > 0) {
            const float32x4_t r = neon_exp(vsubq_f32(vmulq_n_f32(neon_load(lanes, x + j), scale), zs));
            if (stored)
                neon_store(lanes, e + j, r);
            sum[v] = vaddq_f32(sum[v], vbslq_f32(neon_mask(lanes), r, vdupq_n_f32(0.0f)));
        }
    }
}

/* e = exp(scale * x - m), if it is stored; returns the sum. */
NEON_INLINE float exponentials(int64_t n, float scale, const float *x, float m, const int stored, float *e)
{
    const float z = m == -INFINITY ? 0.0f : m;
    float32x4_t low[2], high[2];
    exponentials_8(0, n, scale, x, z, stored, e, low);
    exponentials_8(2 * NEON_LANES, n, scale, x, z, stored, e, high);
    return neon_sum_lanes(low[0], low[1], high[0], high[1]);
}

void gml_softmax_reduce_f32_neon(const gml_softmax_scores_f32 *s, int64_t n, const float *x, bool logarithms, float *y,
                                 float *m, float *l)
{
    *m = scores_of(s, n, x, y);
    if (logarithms)
        *l = exponentials(n, 1.0f, y, *m, 0, y);
    else
        *l = exponentials(n, 1.0f, y, *m, 1, y);
}

void gml_softmax_scale_f32_neon(int64_t n, float w, const float *e, bool stream, float *y)
{
    (void)stream;
    int64_t j = 0;
    for (; j + NEON_LANES <= n; j += NEON_LANES)
        vst1q_f32(y + j, vmulq_n_f32(vld1q_f32(e + j), w));
    if (j < n)
        neon_store(n - j, y + j, vmulq_n_f32(neon_load(n - j, e + j), w));
}

void gml_softmax_log_f32_neon(int64_t n, float z, float g, const float *t, bool stream, float *y)
{
    (void)stream;
    const float32x4_t zs = vdupq_n_f32(z), gs = vdupq_n_f32(g);
    int64_t j = 0;
    for (; j + NEON_LANES <= n; j += NEON_LANES)
        vst1q_f32(y + j, vsubq_f32(vsubq_f32(vld1q_f32(t + j), zs), gs));
    if (j < n)
        neon_store(n - j, y + j, vsubq_f32(vsubq_f32(neon_load(n - j, t + j), zs), gs));
}

void gml_softmax_step_f32_neon(const gml_softmax_step_f32 *step, float *m_next, float *l)
{
    gml_softmax_scale_f32_neon(step->n_last, step->w, step->e_last, false, step->y);
    *m_next = maximum(step->n_next, step->scale, step->x_next);
    *l = exponentials(step->n, step->scale, step->x, step->m, 1, step->e);
}

void gml_softmax_rows_f32_neon(const gml_softmax_rows_f32 *rows)
{
    for (int64_t i = 0; i < rows->rows; i++) {
        const int64_t n = rows->n + i * rows->grow;
        const float *x = rows->x + i * rows->x_stride;
        float *y = rows->y + i * rows->y_stride;
        const float m = maximum(n, rows->scale, x), l = exponentials(n, rows->scale, x, m, 1, y);
        gml_softmax_scale_f32_neon(n, l == 0.0f ? 0.0f : 1.0f / l, y, false, y);
        if (rows->m)
            rows->m[i] = m, rows->l[i] = l;
    }
}

void gml_softmax_fence_neon(void)
{
}
