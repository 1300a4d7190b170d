/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. For each strip:
 *
 *     scores        one key against bq queries; d innermost
 *     finish        where there are a softcap, slopes, a bias or hidden keys: one pass over the scores
 *     exponentials  one pass; the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        one element of the head against bq queries; keys innermost
 *
 * Scratch: [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for the
 * maximum of the block and the factors a and b of the merge.
 */
#include "kernels/ref/ref.h"

#define REF_BQ 8 /* the largest */

typedef struct workspace {
    float *scores, *lanes, *maximum, *a, *b;
} workspace;

/* Scores of one key; they join `maximum`. */
static void score_tile(int64_t bq, int64_t head_dim, const float *k, const float *qt, float *scores,
                       float *maximum)
{
    float s[REF_BQ] = {0.0f};
    for (int64_t d = 0; d < head_dim; d++, qt += bq)
        for (int64_t i = 0; i < bq; i++)
            s[i] = fmaf(qt[i], k[d], s[i]);
    for (int64_t i = 0; i < bq; i++) {
        scores[i] = s[i];
        maximum[i] = ref_max(s[i], maximum[i]);
    }
}

static void scores_of(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                      const workspace *w)
{
    for (int64_t i = 0; i < bq; i++)
        w->maximum[i] = -INFINITY;
    for (int64_t j = strip->from; j < strip->to; j++)
        score_tile(bq, block->head_dim, block->k + j * block->k_stride, strip->qt, w->scores + j * bq,
                   w->maximum);
}

/* Softcap, slope, bias and the selection of what each query sees; forms the maximum anew. */
static void finish(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                   const workspace *w)
{
    for (int64_t i = 0; i < bq; i++) {
        float m = -INFINITY;
        for (int64_t j = strip->from; j < strip->to; j++) {
            float t = w->scores[j * bq + i];
            if (block->cap != 0.0f)
                t = block->cap * ref_tanh(t * block->inverse_cap);
            if (strip->slope)
                t = fmaf(strip->slope[i], ref_distance(strip->position[i], j), t);
            if (strip->bias) {
                const float bias = strip->bias[j * bq + i];
                t = bias == -INFINITY ? -INFINITY : fmaf(bias, GML_LOG2E, t);
            }
            if (strip->seen && !ref_sees(strip->seen + i, bq, j))
                t = -INFINITY;
            w->scores[j * bq + i] = t;
            m = ref_max(t, m);
        }
        w->maximum[i] = m;
    }
}

/* Scores become exponentials; their sum and the block's maximum merge into l and m of the strip, and the
 * factors of the merge are left for the output. */
static void exponentials(int64_t bq, const gml_attention_strip_f32 *strip, const workspace *w)
{
    for (int64_t i = 0; i < bq; i++) {
        const float mb = w->maximum[i] + 0.0f, z = ref_finite_or_zero(mb);
        for (int64_t lane = 0; lane < GML_SUM_LANES; lane++)
            w->lanes[lane * bq + i] = 0.0f;
        for (int64_t j = strip->from; j < strip->to; j++) {
            const float e = ref_exp2(w->scores[j * bq + i] - z);
            w->scores[j * bq + i] = e;
            w->lanes[j % GML_SUM_LANES * bq + i] += e;
        }

        const float m = strip->m[i], top = ref_max(mb, m) + 0.0f, zero = ref_finite_or_zero(top);
        const float a = ref_exp2(m - zero), b = ref_exp2(mb - zero);
        strip->l[i] = fmaf(a, strip->l[i], b * ref_sum_lanes(w->lanes + i, bq));
        strip->m[i] = top;
        w->a[i] = a;
        w->b[i] = b;
    }
}

/* One element of the head over `keys` keys, merged into its row of the output. */
static void output_tile(int64_t bq, int64_t keys, const float *v, int64_t v_stride, const float *e,
                        const workspace *w, float *ot)
{
    float s[REF_BQ] = {0.0f};
    for (int64_t j = 0; j < keys; j++, v += v_stride, e += bq)
        for (int64_t i = 0; i < bq; i++)
            s[i] = fmaf(e[i], *v, s[i]);
    for (int64_t i = 0; i < bq; i++)
        ot[i] = fmaf(w->a[i], ot[i], w->b[i] * s[i]);
}

static void output(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strip,
                   const workspace *w)
{
    for (int64_t d = 0; d < block->v_head_dim; d++)
        output_tile(bq, strip->to - strip->from, block->v + strip->from * block->v_stride + d,
                    block->v_stride, w->scores + strip->from * bq, w, strip->ot + d * bq);
}

static void step(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                 int64_t n_strips, float *memory)
{
    const workspace w = {.scores = memory,
                         .lanes = memory + GML_KB0 * bq,
                         .maximum = memory + (GML_KB0 + GML_SUM_LANES) * bq,
                         .a = memory + (GML_KB0 + GML_SUM_LANES + 1) * bq,
                         .b = memory + (GML_KB0 + GML_SUM_LANES + 2) * bq};
    for (int64_t i = 0; i < n_strips; i++) {
        const gml_attention_strip_f32 *strip = &strips[i];
        scores_of(bq, block, strip, &w);
        if (block->cap != 0.0f || strip->slope || strip->bias || strip->seen)
            finish(bq, block, strip, &w);
        exponentials(bq, strip, &w);
        output(bq, block, strip, &w);
    }
}

void gml_attention_f32_8_ref(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                             int64_t n_strips, float *scratch)
{
    step(8, block, strips, n_strips, scratch);
}

void gml_attention_f32_4_ref(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                             int64_t n_strips, float *scratch)
{
    step(4, block, strips, n_strips, scratch);
}
