/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention beside the tiles: rows of a strip are scaled, bytes of a mask become bits; of few queries a row of scores
 * becomes exponentials, and partial outputs are merged.
 *
 * Keys lie along the lanes. Two passes over at most 32 vectors of scores, which stay in L1: the first finds the maximum
 * and, where there are options, leaves scores in place of products; the second forms the exponentials. The 16 virtual
 * lanes of the sum are the lanes of four registers, which take turns. Lanes beyond the last key count as not seen:
 * their exponential is +0.
 */
#include "kernels/neon/neon.h"

/* All ones in the lanes of those of the 4 keys from j on that the query sees. */
NEON_INLINE uint32x4_t seen_of(const uint32_t *seen, int64_t j)
{
    static const uint32_t bit[NEON_LANES] = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32(seen[j / 32] >> j % 32), vld1q_u32(bit));
}

/* Scores of the 4 keys from j on, of which n are there, from their chains of products; plain where there are
 * no options. */
NEON_INLINE float32x4_t score(const bool plain, const gml_attention_scores_f32 *scores, int64_t j, const int64_t n,
                              const float *t)
{
    static const int32_t lane[NEON_LANES] = {0, 1, 2, 3};
    const float32x4_t minus_infinity = vdupq_n_f32(-INFINITY);
    float32x4_t x = neon_load(n, t + j);
    if (!plain && scores->cap != 0.0f)
        x = vmulq_n_f32(neon_tanh(vmulq_n_f32(x, scores->inverse_cap)), scores->cap);
    if (!plain && scores->slope)
        x = neon_alibi(x, vdupq_n_f32(*scores->slope), vdupq_n_s32(scores->position - (int32_t)j), vld1q_s32(lane));
    if (!plain && scores->bias) {
        const float32x4_t bias = neon_load(n, scores->bias + j);
        x = vfmaq_n_f32(x, bias, GML_LOG2E);
        x = vbslq_f32(vceqq_f32(bias, minus_infinity), minus_infinity, x);
    }
    if (!plain && scores->seen)
        x = vbslq_f32(seen_of(scores->seen, j), x, minus_infinity);
    return n == NEON_LANES ? x : vbslq_f32(neon_mask(n), x, minus_infinity);
}

NEON_INLINE void weigh(const bool plain, const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    const int64_t keys = scores->keys, whole = keys / NEON_LANES * NEON_LANES;
    float32x4_t tail = vdupq_n_f32(-INFINITY), top = tail;
    for (int64_t j = 0; j < whole; j += NEON_LANES) {
        const float32x4_t x = score(plain, scores, j, NEON_LANES, t);
        if (!plain)
            vst1q_f32(t + j, x);
        top = neon_max(x, top);
    }
    if (whole < keys) {
        tail = score(plain, scores, whole, keys - whole, t);
        top = neon_max(tail, top);
    }
    *m = vmaxnmvq_f32(top) + 0.0f;

    const float32x4_t z = neon_finite_or_zero(vdupq_n_f32(*m));
    float32x4_t s0 = vdupq_n_f32(0.0f), s1 = s0, s2 = s0, s3 = s0; /* s0: of the vector in hand; they go round */
    for (int64_t j = 0; j < whole; j += NEON_LANES) {
        const float32x4_t e = neon_exp2_below(vsubq_f32(vld1q_f32(t + j), z));
        vst1q_f32(t + j, e);
        const float32x4_t sum = vaddq_f32(s0, e);
        s0 = s1;
        s1 = s2;
        s2 = s3;
        s3 = sum;
    }
    if (whole < keys) {
        const float32x4_t e = neon_exp2_below(vsubq_f32(tail, z));
        neon_store(keys - whole, t + whole, e);
        s0 = vaddq_f32(s0, e);
    }
    *l = neon_sum_lanes(s0, s1, s2, s3);
}

void gml_attention_weigh_f32_neon(const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    if (scores->cap != 0.0f || scores->slope || scores->bias || scores->seen)
        weigh(false, scores, t, m, l);
    else
        weigh(true, scores, t, m, l);
}

void gml_attention_merge_f32_neon(int64_t n, float a, float *o, float b, const float *s)
{
    int64_t i = 0;
    for (; i + NEON_LANES <= n; i += NEON_LANES) {
        const float32x4_t product = vmulq_n_f32(vld1q_f32(s + i), b);
        vst1q_f32(o + i, vfmaq_n_f32(product, vld1q_f32(o + i), a));
    }
    if (i < n) {
        const float32x4_t product = vmulq_n_f32(neon_load(n - i, s + i), b);
        neon_store(n - i, o + i, vfmaq_n_f32(product, neon_load(n - i, o + i), a));
    }
}

/* 0 times a finite number is 0, times any other NaN. */
void gml_attention_scale_f32_neon(int64_t rows, int64_t bq, float *x, const float *w, float *spoilt)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    for (int64_t i = 0; i < bq; i += NEON_LANES) {
        const float32x4_t factor = vld1q_f32(w + i);
        float32x4_t sum = zero;
        for (int64_t r = 0; r < rows; r++) {
            const float32x4_t y = vaddq_f32(vmulq_f32(vld1q_f32(x + r * bq + i), factor), zero);
            vst1q_f32(x + r * bq + i, y);
            sum = vfmaq_f32(sum, y, zero);
        }
        if (spoilt)
            vst1q_f32(spoilt + i, sum);
    }
}

/* Each byte that is not 0 leaves its own bit in its half of 8 bytes; pairs are added until a half is one byte. */
void gml_attention_keep_neon(int64_t n, const uint8_t *keep, uint32_t *words)
{
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vld1q_u8(bit);
    int64_t j = 0;
    for (; j + 32 <= n; j += 32) {
        const uint8x16_t x = vld1q_u8(keep + j), y = vld1q_u8(keep + j + 16);
        const uint8x16_t pairs = vpaddq_u8(vandq_u8(vtstq_u8(x, x), bits), vandq_u8(vtstq_u8(y, y), bits));
        const uint8x16_t fours = vpaddq_u8(pairs, pairs), eights = vpaddq_u8(fours, fours);
        words[j / 32] = vgetq_lane_u32(vreinterpretq_u32_u8(eights), 0);
    }
    for (int64_t w = j / 32; w < GML_SEEN_WORDS; w++)
        words[w] = 0;
    for (; j < n; j++)
        words[j / 32] |= (uint32_t)(keep[j] != 0) << j % 32;
}
