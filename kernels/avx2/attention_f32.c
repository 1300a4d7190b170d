/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. Queries lie along the lanes, so maxima,
 * sums and rescaling are vertical, and K and V are broadcast from where they lie. For each strip:
 *
 *     scores        tile of 4 keys x 24 queries:    K[key][d] broadcast, vectors of qt[d]; d inside
 *     finish        where there are a softcap, slopes, a bias or hidden keys: one pass over the scores
 *     exponentials  the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        tile of 4 d x 24 queries:       V[key][d] broadcast, vectors of the scores; keys inside
 *
 * Both tiles hold 12 accumulators, 3 vectors and 1 broadcast: 16 registers, 7 loads for 12 FMAs. 16
 * queries take 6 rows of 2 vectors (15 registers, 8 loads for 12 FMAs), 8 queries 8 rows of 1 vector (10
 * registers, 9 loads for 8 FMAs). The step works on the vectors that hold queries.
 *
 * The exponentials of a strip of three vectors are woven into the score tiles of the next, one vector every few steps,
 * in the four registers that are free between two steps: what they do outside the ports of the FMA costs nothing there.
 *
 * Scratch: two strips, each with [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for
 * the maximum of the block, what is subtracted for it, and the factors a and b of the merge.
 */
#include "kernels/avx2/avx2.h"

/* A strip on its way through the block, and its half of the scratch memory. */
typedef struct item {
    const gml_attention_strip_f32 *strip;
    float *rows;  /* of bq elements, as listed below */
    int64_t next; /* the key whose exponentials come next */
} item;

enum { SCORES, LANES = GML_KB0, MAXIMUM = LANES + GML_SUM_LANES, Z, A, B, ITEM_ROWS };
_Static_assert(2 * ITEM_ROWS <= GML_ATTENTION_SCRATCH_F32(1), "two items fit the scratch");

AVX2_INLINE float *row_of(const item *w, int64_t bq, int64_t row)
{
    return w->rows + row * bq;
}

static int64_t vectors_of(const item *w)
{
    return (w->strip->queries + AVX2_LANES - 1) / AVX2_LANES;
}

/* Exponentials in place of scores t, and added to their lane of the sum. */
AVX2_INLINE void weigh_vector(float *t, const float *z, float *lane)
{
    const __m256 e = avx2_exp2_below(_mm256_sub_ps(_mm256_load_ps(t), _mm256_load_ps(z)));
    _mm256_store_ps(t, e);
    _mm256_store_ps(lane, _mm256_add_ps(_mm256_load_ps(lane), e));
}

/* n steps of a score tile, which advance k and qt. The vectors of qt are loaded once a step, as nothing is stored
 * between their uses. */
AVX2_INLINE void score_steps(const int rows, const int vectors, int64_t bq, int64_t n, const float **k,
                             int64_t k_stride, const float **qt, __m256 *s)
{
    const float *key = *k, *query = *qt;
    AVX2_ROLLED
    for (; n > 0; n--, key++, query += bq) {
        AVX2_OPAQUE(key);
        AVX2_OPAQUE(query);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m256 ki = _mm256_broadcast_ss(key + i * k_stride);
            AVX2_UNROLL
            for (int v = 0; v < vectors; v++)
                s[i * vectors + v] =
                    _mm256_fmadd_ps(_mm256_load_ps(query + v * AVX2_LANES), ki, s[i * vectors + v]);
        }
    }
    *k = key;
    *qt = query;
}

/* Scores of `rows` keys from k on; the maximum of each query over them joins `maximum`. Where another strip is pending,
 * the exponentials of as many of its keys are spread over the steps, each followed by the same number: were they even
 * over all steps, mispredicted branches would cost more than that gains. Its rows have no gaps: bq is all `vectors`. */
AVX2_INLINE void score_tile(const int rows, const int vectors, int64_t bq, int64_t head_dim, const float *k,
                            int64_t k_stride, const float *qt, float *scores, float *maximum, item *pending)
{
    __m256 s[12];
    AVX2_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        s[i] = _mm256_setzero_ps();
    if (pending) {
        float *t = row_of(pending, bq, SCORES + pending->next);
        float *lane = row_of(pending, bq, LANES + pending->next % GML_SUM_LANES);
        const float *z = row_of(pending, bq, Z);
        const int64_t share = head_dim / (rows * vectors);
        int64_t v = 0;
        AVX2_ROLLED
        for (int i = 0; i < rows * vectors; i++) {
            weigh_vector(t, z + v, lane);
            t += AVX2_LANES;
            lane += AVX2_LANES;
            v = v == (vectors - 1) * AVX2_LANES ? 0 : v + AVX2_LANES;
            score_steps(rows, vectors, bq, share, &k, k_stride, &qt, s);
        }
        head_dim -= rows * vectors * share;
        pending->next += rows;
    }
    score_steps(rows, vectors, bq, head_dim, &k, k_stride, &qt, s);
    AVX2_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m256 m = _mm256_load_ps(maximum + v * AVX2_LANES);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            _mm256_store_ps(scores + i * bq + v * AVX2_LANES, s[i * vectors + v]);
            m = _mm256_max_ps(s[i * vectors + v], m);
        }
        _mm256_store_ps(maximum + v * AVX2_LANES, m);
    }
}

/* Keys in tiles of `rows`, 4 or 6 or 8; what is left in tiles of 4, 2 and 1. Where a strip is pending, `rows` divides
 * SUM_LANES, so that the lanes of its keys in a tile lie one behind the other. */
AVX2_INLINE void scores_of(const int rows, const int vectors, int64_t bq,
                           const gml_attention_block_f32 *block, const item *w, item *pending)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const int64_t stride = block->k_stride;
    float *maximum = row_of(w, bq, MAXIMUM);
    for (int v = 0; v < vectors; v++)
        _mm256_store_ps(maximum + v * AVX2_LANES, _mm256_set1_ps(-INFINITY));
#define TILE(rows, pending)                                                                                  \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt,                 \
               row_of(w, bq, SCORES + j), maximum, pending)
    int64_t j = strip->from;
    if (pending)
        for (; j + rows <= strip->to && pending->next + rows <= pending->strip->to; j += rows)
            TILE(rows, pending);
    for (; j + rows <= strip->to; j += rows)
        TILE(rows, NULL);
    if (rows > 4 && j + 4 <= strip->to) {
        TILE(4, NULL);
        j += 4;
    }
    if (j + 2 <= strip->to) {
        TILE(2, NULL);
        j += 2;
    }
    if (j < strip->to)
        TILE(1, NULL);
#undef TILE
}

/* Softcap, slope, bias and the selection of what each query sees; forms the maximum anew. */
AVX2_APART void finish(int64_t vectors, int64_t bq, const gml_attention_block_f32 *block, const item *w)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY), log2e = _mm256_set1_ps(GML_LOG2E);
    const __m256 cap = _mm256_set1_ps(block->cap), inverse_cap = _mm256_set1_ps(block->inverse_cap);
    for (int64_t i = 0; i < vectors * AVX2_LANES; i += AVX2_LANES) {
        const __m256 slope = strip->slope ? _mm256_load_ps(strip->slope + i) : _mm256_setzero_ps();
        const __m256i position =
            strip->slope ? _mm256_load_si256((const __m256i *)(strip->position + i)) : _mm256_setzero_si256();
        __m256 m = minus_infinity;
        for (int64_t j = strip->from; j < strip->to; j++) {
            __m256 t = _mm256_load_ps(row_of(w, bq, SCORES + j) + i);
            if (block->cap != 0.0f)
                t = _mm256_mul_ps(cap, avx2_tanh(_mm256_mul_ps(t, inverse_cap)));
            if (strip->slope)
                t = avx2_alibi(t, slope, position, _mm256_set1_epi32((int)j));
            if (strip->bias) {
                const __m256 bias = _mm256_load_ps(strip->bias + j * bq + i);
                t = _mm256_fmadd_ps(bias, log2e, t);
                t = _mm256_blendv_ps(t, minus_infinity, _mm256_cmp_ps(bias, minus_infinity, _CMP_EQ_OQ));
            }
            if (strip->seen) {
                const __m256i words = _mm256_load_si256((const __m256i *)(strip->seen + j / 32 * bq + i));
                const __m256i bit = _mm256_set1_epi32((int)(1u << j % 32));
                const __m256i seen = _mm256_cmpeq_epi32(_mm256_and_si256(words, bit), bit);
                t = _mm256_blendv_ps(minus_infinity, t, _mm256_castsi256_ps(seen));
            }
            _mm256_store_ps(row_of(w, bq, SCORES + j) + i, t);
            m = _mm256_max_ps(t, m);
        }
        _mm256_store_ps(row_of(w, bq, MAXIMUM) + i, m);
    }
}

/* From the maximum of the block: what exponentials need, and the merge of m. */
AVX2_APART void merge_maximum(int64_t vectors, int64_t bq, item *w)
{
    const __m256 zero = _mm256_setzero_ps();
    for (int64_t i = 0; i < vectors * AVX2_LANES; i += AVX2_LANES) {
        const __m256 mb = _mm256_add_ps(_mm256_load_ps(row_of(w, bq, MAXIMUM) + i), zero);
        const __m256 m = _mm256_load_ps(w->strip->m + i);
        const __m256 top = _mm256_add_ps(_mm256_max_ps(mb, m), zero), z = avx2_finite_or_zero(top);
        _mm256_store_ps(w->strip->m + i, top);
        _mm256_store_ps(row_of(w, bq, Z) + i, avx2_finite_or_zero(mb));
        _mm256_store_ps(row_of(w, bq, A) + i, avx2_exp2_below(_mm256_sub_ps(m, z)));
        _mm256_store_ps(row_of(w, bq, B) + i, avx2_exp2_below(_mm256_sub_ps(mb, z)));
        for (int r = 0; r < GML_SUM_LANES; r++)
            _mm256_store_ps(row_of(w, bq, LANES + r) + i, zero);
    }
    w->next = w->strip->from;
}

/* The exponentials that were not woven, and the merge of l. */
AVX2_APART void merge_sum(int64_t vectors, int64_t bq, const item *w)
{
    for (int64_t i = 0; i < vectors * AVX2_LANES; i += AVX2_LANES) {
        const __m256 z = _mm256_load_ps(row_of(w, bq, Z) + i);
        for (int64_t first = w->next; first < w->strip->to && first < w->next + GML_SUM_LANES; first++) {
            float *lane = row_of(w, bq, LANES + first % GML_SUM_LANES) + i;
            __m256 sum = _mm256_load_ps(lane);
            for (int64_t j = first; j < w->strip->to; j += GML_SUM_LANES) {
                float *t = row_of(w, bq, SCORES + j) + i;
                const __m256 e = avx2_exp2_below(_mm256_sub_ps(_mm256_load_ps(t), z));
                _mm256_store_ps(t, e);
                sum = _mm256_add_ps(sum, e);
            }
            _mm256_store_ps(lane, sum);
        }

        __m256 lane[GML_SUM_LANES];
        AVX2_UNROLL
        for (int r = 0; r < GML_SUM_LANES; r++)
            lane[r] = _mm256_load_ps(row_of(w, bq, LANES + r) + i);
        AVX2_UNROLL
        for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
            AVX2_UNROLL
        for (int r = 0; r < half; r++)
            lane[r] = _mm256_add_ps(lane[r], lane[r + half]);
        const __m256 a = _mm256_load_ps(row_of(w, bq, A) + i), b = _mm256_load_ps(row_of(w, bq, B) + i);
        float *l = w->strip->l + i;
        _mm256_store_ps(l, _mm256_fmadd_ps(a, _mm256_load_ps(l), _mm256_mul_ps(b, lane[0])));
    }
}

/* `rows` elements of the head from v on, over `keys` keys whose exponentials are e, merged into their rows of the
 * output. */
AVX2_INLINE void output_tile(const int rows, const int vectors, int64_t bq, int64_t keys, const float *v,
                             int64_t v_stride, const float *e, const item *w, float *ot)
{
    __m256 s[12];
    AVX2_UNROLL
    for (int i = 0; i < rows * vectors; i++)
        s[i] = _mm256_setzero_ps();
    AVX2_ROLLED
    for (int64_t j = 0; j < keys; j++, v += v_stride, e += bq) {
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m256 vi = _mm256_broadcast_ss(v + i);
            AVX2_UNROLL
            for (int u = 0; u < vectors; u++)
                s[i * vectors + u] =
                    _mm256_fmadd_ps(_mm256_load_ps(e + u * AVX2_LANES), vi, s[i * vectors + u]);
        }
    }
    AVX2_UNROLL
    for (int u = 0; u < vectors; u++) {
        const __m256 a = _mm256_load_ps(row_of(w, bq, A) + u * AVX2_LANES);
        const __m256 b = _mm256_load_ps(row_of(w, bq, B) + u * AVX2_LANES);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++) {
            float *o = ot + i * bq + u * AVX2_LANES;
            _mm256_store_ps(o, _mm256_fmadd_ps(a, _mm256_load_ps(o), _mm256_mul_ps(b, s[i * vectors + u])));
        }
    }
}

AVX2_INLINE void output(const int rows, const int vectors, int64_t bq, const gml_attention_block_f32 *block,
                        const item *w)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const float *v = block->v + strip->from * block->v_stride, *e = row_of(w, bq, SCORES + strip->from);
#define TILE(rows)                                                                                           \
    output_tile(rows, vectors, bq, strip->to - strip->from, v + d, block->v_stride, e, w, strip->ot + d * bq)
    int64_t d = 0;
    for (; d + rows <= block->v_head_dim; d += rows)
        TILE(rows);
    if (rows > 4 && d + 4 <= block->v_head_dim) {
        TILE(4);
        d += 4;
    }
    if (d + 2 <= block->v_head_dim) {
        TILE(2);
        d += 2;
    }
    if (d < block->v_head_dim)
        TILE(1);
#undef TILE
}

/* What holds a k-loop stands apart for each number of vectors. */
#define APART(rows, vectors)                                                                                 \
    AVX2_APART void scores_##vectors(int64_t bq, const gml_attention_block_f32 *block, const item *w)        \
    {                                                                                                        \
        scores_of(rows, vectors, bq, block, w, NULL);                                                        \
    }                                                                                                        \
    AVX2_APART void output_##vectors(int64_t bq, const gml_attention_block_f32 *block, const item *w)        \
    {                                                                                                        \
        output(rows, vectors, bq, block, w);                                                                 \
    }
APART(8, 1)
APART(6, 2)
APART(4, 3)
#undef APART

AVX2_APART void scores_woven(int64_t bq, const gml_attention_block_f32 *block, const item *w, item *pending)
{
    scores_of(4, 3, bq, block, w, pending);
}

/* Up to the maximum of the block, with exponentials of a pending strip on the way. */
static void begin(int64_t bq, const gml_attention_block_f32 *block, item *w, item *pending)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const int64_t vectors = vectors_of(w);
    if (vectors == 3 && pending && vectors_of(pending) == 3)
        scores_woven(bq, block, w, pending);
    else if (vectors == 3)
        scores_3(bq, block, w);
    else if (vectors == 2)
        scores_2(bq, block, w);
    else
        scores_1(bq, block, w);
    if (block->cap != 0.0f || strip->slope || strip->bias || strip->seen)
        finish(vectors, bq, block, w);
    merge_maximum(vectors, bq, w);
}

static void complete(int64_t bq, const gml_attention_block_f32 *block, const item *w)
{
    const int64_t vectors = vectors_of(w);
    merge_sum(vectors, bq, w);
    if (block->v_head_dim == 0)
        return;
    if (vectors == 3)
        output_3(bq, block, w);
    else if (vectors == 2)
        output_2(bq, block, w);
    else
        output_1(bq, block, w);
}

static void step(int64_t bq, const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                 int64_t n_strips, float *memory)
{
    item items[2] = {{.rows = memory}, {.rows = memory + ITEM_ROWS * bq}}, *pending = NULL;
    for (int64_t i = 0; i < n_strips; i++) {
        item *w = &items[i % 2];
        w->strip = &strips[i];
        begin(bq, block, w, pending);
        if (pending)
            complete(bq, block, pending);
        pending = w;
    }
    if (pending)
        complete(bq, block, pending);
}

void gml_attention_f32_24_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                               int64_t n_strips, float *scratch)
{
    step(24, block, strips, n_strips, scratch);
}

void gml_attention_f32_16_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                               int64_t n_strips, float *scratch)
{
    step(16, block, strips, n_strips, scratch);
}

void gml_attention_f32_8_avx2(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                              int64_t n_strips, float *scratch)
{
    step(8, block, strips, n_strips, scratch);
}
