/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention beside the tiles: rows of a strip are scaled, bytes of a mask become bits; of few queries a row of scores
 * becomes exponentials, and partial outputs are merged.
 *
 * Two passes over the scores. The first applies the options and finds the maximum, the second forms the exponentials.
 */
#include "kernels/ref/ref.h"

/* The score of key j from its chain of products. */
static float score(const gml_attention_scores_f32 *scores, int64_t j, float t)
{
    if (scores->cap != 0.0f)
        t = scores->cap * ref_tanh(t * scores->inverse_cap);
    if (scores->slope)
        t = fmaf(*scores->slope, ref_distance(scores->position, j), t);
    if (scores->bias)
        t = scores->bias[j] == -INFINITY ? -INFINITY : fmaf(scores->bias[j], GML_LOG2E, t);
    return scores->seen && !ref_sees(scores->seen, 1, j) ? -INFINITY : t;
}

void gml_attention_weigh_f32_ref(const gml_attention_scores_f32 *scores, float *t, float *m, float *l)
{
    float top = -INFINITY, lane[GML_SUM_LANES] = {0.0f};
    for (int64_t j = 0; j < scores->keys; j++) {
        t[j] = score(scores, j, t[j]);
        top = ref_max(t[j], top);
    }
    *m = top + 0.0f;
    const float z = ref_finite_or_zero(*m);
    for (int64_t j = 0; j < scores->keys; j++) {
        t[j] = ref_exp2(t[j] - z);
        lane[j % GML_SUM_LANES] += t[j];
    }
    *l = ref_sum_lanes(lane, 1);
}

void gml_attention_merge_f32_ref(int64_t n, float a, float *o, float b, const float *s)
{
    for (int64_t i = 0; i < n; i++)
        o[i] = fmaf(a, o[i], b * s[i]);
}

void gml_attention_scale_f32_ref(int64_t rows, int64_t bq, float *x, const float *w, float *spoilt)
{
    for (int64_t i = 0; i < bq; i++) {
        float sum = 0.0f;
        for (int64_t r = 0; r < rows; r++) {
            x[r * bq + i] = x[r * bq + i] * w[i] + 0.0f;
            sum += x[r * bq + i] * 0.0f;
        }
        if (spoilt)
            spoilt[i] = sum;
    }
}

void gml_attention_keep_ref(int64_t n, const uint8_t *keep, uint32_t *words)
{
    memset(words, 0, GML_SEEN_WORDS * sizeof *words);
    for (int64_t j = 0; j < n; j++)
        words[j / 32] |= (uint32_t)(keep[j] != 0) << j % 32;
}
