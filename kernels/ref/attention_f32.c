/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of bq queries. For each strip
 *
 *     scores        t[j][i] = sum over d of qt[d][i] * k[j][d]      a tile of a key by bq queries
 *     mask          bias and bounds, where there are any
 *     maximum       of each query over the keys
 *     exponentials  in place, and their sums
 *     merge         ot[d][i] from sums over j of t[j][i] * v[j][d]  a tile of an element of V by bq queries
 *
 * Scratch holds the scores [keys][bq], the lanes of the sums [SUM_LANES][bq], and four rows [bq]: the maximum to
 * subtract, and the two factors of the merge.
 */
#include "kernels/ref/ref.h"

typedef struct scratch_rows {
    float *t;           /* [keys][bq]: scores, then exponentials         */
    float *lane;        /* [SUM_LANES][bq]                               */
    float *pivot;       /* [bq]: the block's maximum, 0 for an empty one */
    float *old, *block; /* [bq]: factors a and b of the merge            */
} scratch_rows;

/* s[i] = chain over p of fma(x[p * bq + i], y[p * step], s[i]). */
static inline void tile(int bq, int64_t n, const float *x, const float *y, int64_t step, float *s)
{
    for (int i = 0; i < bq; i++)
        s[i] = 0.0f;
    for (int64_t p = 0; p < n; p++)
        for (int i = 0; i < bq; i++)
            s[i] = fmaf(x[p * bq + i], y[p * step], s[i]);
}

static inline void scores(int bq, const gml_attention_block_f32 *block, const float *qt, float *t)
{
    for (int64_t j = 0; j < block->keys; j++)
        tile(bq, block->head_dim, qt, block->k + j * block->k_stride, 1, t + j * bq);
}

static inline void mask(int bq, int64_t keys, const gml_attention_strip_f32 *strip, float *t)
{
    for (int64_t j = 0; j < keys; j++)
        for (int64_t i = 0; i < bq; i++) {
            float *x = &t[j * bq + i];
            if (strip->bias) {
                const float bias = strip->bias[j * bq + i];
                *x = bias == -INFINITY ? -INFINITY : fmaf(bias, GML_LOG2E, *x);
            }
            if (strip->lo && (j < strip->lo[i] || j >= strip->hi[i]))
                *x = -INFINITY;
        }
}

/* The maxima of the block, merged into the strip's, and the factors that follow from them. */
static inline void maximum(int bq, int64_t keys, float *m, const scratch_rows *rows)
{
    for (int i = 0; i < bq; i++) {
        float mb = -INFINITY;
        for (int64_t j = 0; j < keys; j++)
            mb = ref_max(rows->t[j * bq + i], mb);
        mb += 0.0f;
        const float merged = ref_max(mb, m[i]) + 0.0f, z = ref_pivot(merged);
        rows->pivot[i] = ref_pivot(mb);
        rows->old[i] = ref_exp2(m[i] - z);
        rows->block[i] = ref_exp2(mb - z);
        m[i] = merged;
    }
}

static inline void exponentials(int bq, int64_t keys, float *l, const scratch_rows *rows)
{
    for (int64_t i = 0; i < GML_SUM_LANES * bq; i++)
        rows->lane[i] = 0.0f;
    for (int64_t j = 0; j < keys; j++)
        for (int64_t i = 0; i < bq; i++) {
            const float e = ref_exp2(rows->t[j * bq + i] - rows->pivot[i]);
            rows->t[j * bq + i] = e;
            rows->lane[j % GML_SUM_LANES * bq + i] += e;
        }
    for (int i = 0; i < bq; i++)
        l[i] = fmaf(rows->old[i], l[i], rows->block[i] * ref_sum(rows->lane + i, bq));
}

/* The lanes of the sums are free again: their first row holds one element of V against all queries. */
static inline void merge(int bq, const gml_attention_block_f32 *block, float *ot, const scratch_rows *rows)
{
    float *s = rows->lane;
    for (int64_t d = 0; d < block->v_head_dim; d++) {
        tile(bq, block->keys, rows->t, block->v + d, block->v_stride, s);
        for (int i = 0; i < bq; i++)
            ot[d * bq + i] = fmaf(rows->old[i], ot[d * bq + i], rows->block[i] * s[i]);
    }
}

static inline void step(int bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                        int64_t n_strips, float *scratch)
{
    scratch_rows rows = {.t = scratch, .lane = scratch + GML_KB0 * bq};
    rows.pivot = rows.lane + GML_SUM_LANES * bq;
    rows.old = rows.pivot + bq;
    rows.block = rows.old + bq;
    for (int64_t i = 0; i < n_strips; i++) {
        const gml_attention_strip_f32 *strip = &strips[i];
        scores(bq, block, strip->qt, rows.t);
        if (strip->bias || strip->lo)
            mask(bq, block->keys, strip, rows.t);
        maximum(bq, block->keys, strip->m, &rows);
        exponentials(bq, block->keys, strip->l, &rows);
        merge(bq, block, strip->ot, &rows);
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
