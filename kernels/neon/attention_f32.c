/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. Queries lie along the lanes, so maxima,
 * sums and rescaling are vertical, and K and V are multiplied by lane from where they lie. For each strip:
 *
 *     scores        tile of 8 keys x 8 queries:    four d of each key, a vector of qt for each d; d innermost
 *     finish        where there are a softcap, slopes, a bias or hidden keys: one pass over the scores
 *     exponentials  one pass; the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        tile of 8 d x 12 queries:      eight d of a key, vectors of the scores; keys innermost
 *
 * The elements of a key lie along d, as the chain of a score does. To load one of each key is a broadcast;
 * four of each, in a register for each key, leave room for 16 accumulators and 2 vectors: 26 registers, 16
 * loads for 64 FMAs. The output has the eight multipliers of a step side by side: 24 accumulators, 3 vectors
 * and 2 of V, 29 registers, 5 loads for 24 FMAs. A strip of 24 is a multiple of both widths; the step works
 * on the vectors that hold queries, in narrower tiles at the edge.
 *
 * Scratch: [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for the
 * maximum of the block and the factors a and b of the merge.
 */
#include "kernels/neon/neon.h"

typedef struct workspace {
    float *scores, *lanes, *maximum, *a, *b;
} workspace;

/* Scores of `rows` keys from k on; the maximum of each query over them joins `maximum`. */
NEON_INLINE void score_tile(const int rows, const int vectors, int64_t bq, int64_t head_dim, const float *k,
                            int64_t k_stride, const float *qt, float *scores, float *maximum)
{
    float32x4_t s[8][2];
    NEON_UNROLL for (int i = 0; i < rows; i++)
        NEON_UNROLL for (int v = 0; v < vectors; v++)
            s[i][v] = vdupq_n_f32(0.0f);
    int64_t d = 0;
    NEON_ROLLED for (; d + 4 <= head_dim; d += 4) {
        float32x4_t kv[8];
        NEON_UNROLL for (int i = 0; i < rows; i++)
            kv[i] = vld1q_f32(k + i * k_stride + d);
        NEON_UNROLL for (int lane = 0; lane < 4; lane++, qt += bq)
            NEON_UNROLL for (int v = 0; v < vectors; v++) {
                const float32x4_t q = vld1q_f32(qt + v * NEON_LANES);
                NEON_UNROLL for (int i = 0; i < rows; i++)
                    s[i][v] = neon_fma_lane(s[i][v], q, kv[i], lane);
            }
    }
    NEON_ROLLED for (; d < head_dim; d++, qt += bq)
        NEON_UNROLL for (int i = 0; i < rows; i++) {
            const float32x4_t ki = vld1q_dup_f32(k + i * k_stride + d);
            NEON_UNROLL for (int v = 0; v < vectors; v++)
                s[i][v] = vfmaq_f32(s[i][v], vld1q_f32(qt + v * NEON_LANES), ki);
        }
    NEON_UNROLL for (int v = 0; v < vectors; v++) {
        float32x4_t m = vld1q_f32(maximum + v * NEON_LANES);
        NEON_UNROLL for (int i = 0; i < rows; i++) {
            vst1q_f32(scores + i * bq + v * NEON_LANES, s[i][v]);
            m = neon_max(s[i][v], m);
        }
        vst1q_f32(maximum + v * NEON_LANES, m);
    }
}

NEON_APART void scores_of(int64_t vectors, int64_t bq, const gml_attention_block_f32 *block,
                          const gml_attention_strip_f32 *strip, const workspace *w)
{
    const int64_t stride = block->k_stride, columns = vectors * NEON_LANES, keys = strip->to - strip->from;
    for (int64_t i = 0; i < columns; i += NEON_LANES)
        vst1q_f32(w->maximum + i, vdupq_n_f32(-INFINITY));
#define TILE(rows, vectors)                                                                                  \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt + i,             \
               w->scores + j * bq + i, w->maximum + i)
#define TILES(rows)                                                                                          \
    do {                                                                                                     \
        int64_t i = 0;                                                                                       \
        for (; i + 2 * NEON_LANES <= columns; i += 2 * NEON_LANES)                                           \
            TILE(rows, 2);                                                                                   \
        if (i < columns)                                                                                     \
            TILE(rows, 1);                                                                                   \
    } while (0)
    int64_t j = strip->from;
    for (; j + 8 <= strip->to; j += 8)
        TILES(8);
    if (keys & 4) {
        TILES(4);
        j += 4;
    }
    if (keys & 2) {
        TILES(2);
        j += 2;
    }
    if (keys & 1)
        TILES(1);
#undef TILES
#undef TILE
}

/* Softcap, slope, bias and the selection of what each query sees; forms the maximum anew. */
NEON_APART void finish(int64_t vectors, int64_t bq, const gml_attention_block_f32 *block,
                       const gml_attention_strip_f32 *strip, const workspace *w)
{
    const float32x4_t minus_infinity = vdupq_n_f32(-INFINITY);
    for (int64_t i = 0; i < vectors * NEON_LANES; i += NEON_LANES) {
        const float32x4_t slope = strip->slope ? vld1q_f32(strip->slope + i) : vdupq_n_f32(0.0f);
        const int32x4_t position = strip->slope ? vld1q_s32(strip->position + i) : vdupq_n_s32(0);
        float32x4_t m = minus_infinity;
        for (int64_t j = strip->from; j < strip->to; j++) {
            float32x4_t t = vld1q_f32(w->scores + j * bq + i);
            if (block->cap != 0.0f)
                t = vmulq_n_f32(neon_tanh(vmulq_n_f32(t, block->inverse_cap)), block->cap);
            if (strip->slope)
                t = neon_alibi(t, slope, position, vdupq_n_s32((int32_t)j));
            if (strip->bias) {
                const float32x4_t bias = vld1q_f32(strip->bias + j * bq + i);
                t = vfmaq_n_f32(t, bias, GML_LOG2E);
                t = vbslq_f32(vceqq_f32(bias, minus_infinity), minus_infinity, t);
            }
            if (strip->seen) {
                const uint32x4_t words = vld1q_u32(strip->seen + j / 32 * bq + i);
                t = vbslq_f32(vtstq_u32(words, vdupq_n_u32(UINT32_C(1) << j % 32)), t, minus_infinity);
            }
            vst1q_f32(w->scores + j * bq + i, t);
            m = neon_max(t, m);
        }
        vst1q_f32(w->maximum + i, m);
    }
}

/* Scores of the queries from i on become exponentials; their sum and the block's maximum merge into l and m
 * of the strip, and the factors of the merge are left for the output. */
NEON_INLINE void exponentials(const int vectors, int64_t i, int64_t bq, const gml_attention_strip_f32 *strip,
                              const workspace *w)
{
    float32x4_t mb[2], z[2];
    NEON_UNROLL for (int v = 0; v < vectors; v++) {
        mb[v] = vaddq_f32(vld1q_f32(w->maximum + i + v * NEON_LANES), vdupq_n_f32(0.0f));
        z[v] = neon_finite_or_zero(mb[v]);
    }
    for (int64_t lane = 0; lane < GML_SUM_LANES; lane++) {
        float32x4_t sum[2];
        NEON_UNROLL for (int v = 0; v < vectors; v++)
            sum[v] = vdupq_n_f32(0.0f);
        for (int64_t j = strip->from + lane; j < strip->to; j += GML_SUM_LANES)
            NEON_UNROLL for (int v = 0; v < vectors; v++) {
                float *t = w->scores + j * bq + i + v * NEON_LANES;
                const float32x4_t e = neon_exp2_below(vsubq_f32(vld1q_f32(t), z[v]));
                vst1q_f32(t, e);
                sum[v] = vaddq_f32(sum[v], e);
            }
        NEON_UNROLL for (int v = 0; v < vectors; v++)
            vst1q_f32(w->lanes + lane * bq + i + v * NEON_LANES, sum[v]);
    }
    NEON_UNROLL for (int v = 0; v < vectors; v++) {
        const int64_t column = i + v * NEON_LANES;
        float32x4_t lane[GML_SUM_LANES];
        NEON_UNROLL for (int r = 0; r < GML_SUM_LANES; r++)
            lane[r] = vld1q_f32(w->lanes + r * bq + column);
        NEON_UNROLL for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
            NEON_UNROLL for (int r = 0; r < half; r++)
                lane[r] = vaddq_f32(lane[r], lane[r + half]);

        const float32x4_t m = vld1q_f32(strip->m + column);
        const float32x4_t top = vaddq_f32(neon_max(mb[v], m), vdupq_n_f32(0.0f));
        const float32x4_t zero = neon_finite_or_zero(top);
        const float32x4_t a = neon_exp2_below(vsubq_f32(m, zero)), b = neon_exp2_below(vsubq_f32(mb[v], zero));
        const float32x4_t l = vfmaq_f32(vmulq_f32(b, lane[0]), a, vld1q_f32(strip->l + column));
        vst1q_f32(strip->m + column, top);
        vst1q_f32(strip->l + column, l);
        vst1q_f32(w->a + column, a);
        vst1q_f32(w->b + column, b);
    }
}

NEON_APART void exponentials_of(int64_t vectors, int64_t bq, const gml_attention_strip_f32 *strip, const workspace *w)
{
    int64_t i = 0;
    for (; i + 2 * NEON_LANES <= vectors * NEON_LANES; i += 2 * NEON_LANES)
        exponentials(2, i, bq, strip, w);
    if (i < vectors * NEON_LANES)
        exponentials(1, i, bq, strip, w);
}

/* `rows` elements of the head from v on, over `keys` keys whose exponentials are e, merged into their rows of the
 * output, for the queries from i on. */
NEON_INLINE void output_tile(const int rows, const int vectors, int64_t i, int64_t bq, int64_t keys, const float *v,
                             int64_t v_stride, const float *e, const workspace *w, float *ot)
{
    float32x4_t s[8][3];
    NEON_UNROLL for (int r = 0; r < rows; r++)
        NEON_UNROLL for (int u = 0; u < vectors; u++)
            s[r][u] = vdupq_n_f32(0.0f);
    e += i;
    NEON_ROLLED for (int64_t j = 0; j < keys; j++, v += v_stride, e += bq) {
        float32x4_t ej[3], vj[2];
        NEON_UNROLL for (int u = 0; u < vectors; u++)
            ej[u] = vld1q_f32(e + u * NEON_LANES);
        NEON_UNROLL for (int r = 0; r < rows; r += NEON_LANES)
            vj[r / NEON_LANES] = neon_load(rows < NEON_LANES ? rows : NEON_LANES, v + r);
        NEON_UNROLL for (int r = 0; r < rows; r++)
            NEON_UNROLL for (int u = 0; u < vectors; u++)
                s[r][u] = neon_fma_lane(s[r][u], ej[u], vj[r / NEON_LANES], r % NEON_LANES);
    }
    NEON_UNROLL for (int u = 0; u < vectors; u++) {
        const int64_t column = i + u * NEON_LANES;
        const float32x4_t a = vld1q_f32(w->a + column), b = vld1q_f32(w->b + column);
        NEON_UNROLL for (int r = 0; r < rows; r++) {
            float *o = ot + r * bq + column;
            vst1q_f32(o, vfmaq_f32(vmulq_f32(b, s[r][u]), a, vld1q_f32(o)));
        }
    }
}

NEON_APART void output(int64_t vectors, int64_t bq, const gml_attention_block_f32 *block,
                       const gml_attention_strip_f32 *strip, const workspace *w)
{
    const int64_t columns = vectors * NEON_LANES, keys = strip->to - strip->from;
    const float *v = block->v + strip->from * block->v_stride, *e = w->scores + strip->from * bq;
#define TILE(rows, vectors)                                                                                  \
    output_tile(rows, vectors, i, bq, keys, v + d, block->v_stride, e, w, strip->ot + d * bq)
#define TILES(rows)                                                                                          \
    do {                                                                                                     \
        int64_t i = 0;                                                                                       \
        for (; i + 3 * NEON_LANES <= columns; i += 3 * NEON_LANES)                                           \
            TILE(rows, 3);                                                                                   \
        if (i + 2 * NEON_LANES == columns)                                                                   \
            TILE(rows, 2);                                                                                   \
        else if (i < columns)                                                                                \
            TILE(rows, 1);                                                                                   \
    } while (0)
    int64_t d = 0;
    for (; d + 8 <= block->v_head_dim; d += 8)
        TILES(8);
    if (block->v_head_dim & 4) {
        TILES(4);
        d += 4;
    }
    if (block->v_head_dim & 2) {
        TILES(2);
        d += 2;
    }
    if (block->v_head_dim & 1)
        TILES(1);
#undef TILES
#undef TILE
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
        const int64_t vectors = (strip->queries + NEON_LANES - 1) / NEON_LANES;
        scores_of(vectors, bq, block, strip, &w);
        if (block->cap != 0.0f || strip->slope || strip->bias || strip->seen)
            finish(vectors, bq, block, strip, &w);
        exponentials_of(vectors, bq, strip, &w);
        if (block->v_head_dim > 0)
            output(vectors, bq, block, strip, &w);
    }
}

void gml_attention_f32_24_neon(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                               int64_t n_strips, float *scratch)
{
    step(24, block, strips, n_strips, scratch);
}

void gml_attention_f32_8_neon(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                              int64_t n_strips, float *scratch)
{
    step(8, block, strips, n_strips, scratch);
}

void gml_attention_f32_4_neon(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                              int64_t n_strips, float *scratch)
{
    step(4, block, strips, n_strips, scratch);
}
