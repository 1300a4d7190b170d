/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The attention step: one block of keys against strips of queries. Queries lie along the lanes, so maxima, sums
 * and rescaling are vertical, and K and V are broadcast from where they lie. For each strip:
 *
 *     scores        tile of 8 keys x 48 queries:    K[key][d] broadcast, vectors of qt[d]; d inside
 *     finish        where there are a softcap, slopes, a bias or hidden keys: one pass over the scores
 *     exponentials  the row of keys j, j + 16, j + 32 ... is one virtual lane of the sum
 *     output        tile of 8 d x 48 queries:       V[key][d] broadcast, vectors of the exponentials; keys inside
 *
 * Both tiles hold 24 accumulators, 3 vectors and 1 broadcast: 28 registers, 11 loads for 24 FMAs. The step works on
 * the vectors that hold queries, so a strip of 16 costs little more than a third of one of 48.
 *
 * The exponentials of a strip are woven into the score tiles of the next one, those of the last strip into the output
 * tiles of the one before: between steps, one vector every 8 / vectors of them, until all are done. There, on a CPU
 * whose FMA ports are not those of additions, rounding, comparison and scaling, an exponential costs its 6 FMAs and
 * nothing else; a row of three vectors at one place would cost 2 more each. The only strip of a call has no other to
 * hide behind, as no exponential of a block can start before its last score.
 *
 * Where windows or causality end inside a block, vectors of queries that see none of 8 keys take no part in the products
 * of these: the edges of attention_tiles.inc.
 *
 * Scratch: two strips, each with [KB0][bq] scores, then exponentials; [SUM_LANES][bq] lanes of the sum; a row each for
 * the maximum of the block, what is subtracted for it, and the factors a and b of the merge.
 */
#include "kernels/avx512/avx512.h"

#include "kernels/avx512/attention_tiles.inc"

/* Whether a query of the vector from lane i on sees a key of the 8 that key j is one of. */
AVX512_INLINE bool some_see(int64_t bq, const gml_attention_strip_f32 *strip, int64_t i, int64_t j)
{
    const __m512i words = _mm512_load_si512(strip->seen + j / 32 * bq + i);
    return _mm512_test_epi32_mask(words, _mm512_set1_epi32((int)(0xffu << j % 32 / 8 * 8))) != 0;
}

/* Windows and causality move on by a key from one query to the next, so that the vectors of a strip differ in the first
 * and the last keys they see. Edges of any other form are not looked for. */
static void find_edges(const int64_t bq, item *w)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const int vectors = (int)(bq / LANES);
    w->edges = false;
    if (!strip->seen || strip->queries <= bq - LANES)
        return;
    bool ordered = true;
    for (int v = 0; v < vectors; v++) {
        int64_t lo = strip->from, hi = strip->to;
        while (lo < hi && !some_see(bq, strip, v * LANES, lo))
            lo += 8;
        while (lo < hi && !some_see(bq, strip, v * LANES, hi - 1))
            hi = (hi - 1) / 8 * 8;
        w->lo[v] = lo;
        w->hi[v] = hi;
        ordered &= lo < hi && (v == 0 || (w->lo[v - 1] <= lo && w->hi[v - 1] <= hi));
        w->edges |= lo > strip->from || hi < strip->to;
    }
    w->edges &= ordered && w->lo[vectors - 1] <= w->hi[0];
}

/* Tiles of fewer vectors, functions for the sake of their registers. */
typedef void narrow_fn(int64_t head_dim, const float *k, int64_t k_stride, const float *qt, float *scores,
                       float *maximum);
#define NARROW(bq, vectors)                                                                                  \
    static __attribute__((noinline)) void narrow_##bq##_##vectors(                                           \
        int64_t head_dim, const float *k, int64_t k_stride, const float *qt, float *scores, float *maximum)  \
    {                                                                                                        \
        score_tile(8, vectors, bq, head_dim, k, k_stride, qt, scores, maximum, NULL);                        \
    }
NARROW(48, 1)
NARROW(48, 2)
NARROW(32, 1)
#undef NARROW

/* Scores of 8 keys from j on, for the vectors that see some; false when these are all, which is left to others. What is
 * not formed is hidden later: it is never looked at. */
static bool score_edge(const int64_t bq, const gml_attention_block_f32 *block, const item *w, int64_t j)
{
    static narrow_fn *const narrow[2][2] = {{narrow_32_1, NULL}, {narrow_48_1, narrow_48_2}};
    const int vectors = (int)(bq / LANES);
    int first = 0, end = vectors;
    while (first < end && j >= w->hi[first])
        first++;
    while (first < end && j < w->lo[end - 1])
        end--;
    if (end - first == vectors)
        return false;
    if (first < end)
        narrow[vectors - 2][end - first - 1](
            block->head_dim, block->k + j * block->k_stride, block->k_stride, w->strip->qt + first * LANES,
            row_of(w, bq, SCORES + j) + first * LANES, row_of(w, bq, MAXIMUM) + first * LANES);
    return true;
}

AVX512_INLINE void scores_of(const int vectors, const int64_t bq, const gml_attention_block_f32 *block,
                             const item *w, item *pending)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const int64_t stride = block->k_stride, keys = strip->to - strip->from;
    float *maximum = row_of(w, bq, MAXIMUM);
    for (int64_t i = 0; i < bq; i += LANES)
        _mm512_store_ps(maximum + i, _mm512_set1_ps(-INFINITY));
#define TILE(rows, pending)                                                                                  \
    score_tile(rows, vectors, bq, block->head_dim, block->k + j * stride, stride, strip->qt,                 \
               row_of(w, bq, SCORES + j), maximum, pending)
    int64_t j = strip->from;
    if (vectors * LANES == bq && pending)
        for (; j + 8 <= strip->to && pending->next < pending->strip->to; j += 8)
            if (!w->edges || !score_edge(bq, block, w, j))
                TILE(8, pending);
    for (; j + 8 <= strip->to; j += 8)
        if (!w->edges || !score_edge(bq, block, w, j))
            TILE(8, NULL);
    if (keys & 4) {
        TILE(4, NULL);
        j += 4;
    }
    if (keys & 2) {
        TILE(2, NULL);
        j += 2;
    }
    if (keys & 1)
        TILE(1, NULL);
#undef TILE
}

/* Softcap, slope, bias and the selection of what each query sees; forms the maximum anew. */
static void finish(int64_t bq, const gml_attention_block_f32 *block, const item *w)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY), log2e = _mm512_set1_ps(GML_LOG2E);
    const __m512 cap = _mm512_set1_ps(block->cap), inverse_cap = _mm512_set1_ps(block->inverse_cap);
    const __m512i far = _mm512_set1_epi32((int)GML_ALIBI_FAR);
    for (int64_t i = 0; i < strip->queries; i += LANES) {
        const __m512 slope = strip->slope ? _mm512_load_ps(strip->slope + i) : _mm512_setzero_ps();
        const __m512i position =
            strip->slope ? _mm512_load_si512(strip->position + i) : _mm512_setzero_si512();
        __m512 m = minus_infinity;
        for (int64_t j = strip->from; j < strip->to; j++) {
            __m512 t = _mm512_load_ps(row_of(w, bq, SCORES + j) + i);
            if (block->cap != 0.0f)
                t = _mm512_mul_ps(cap, avx512_tanh(_mm512_mul_ps(t, inverse_cap)));
            if (strip->slope) {
                const __m512i away = _mm512_abs_epi32(_mm512_sub_epi32(position, _mm512_set1_epi32((int)j)));
                t = _mm512_fnmadd_ps(slope, _mm512_cvtepi32_ps(_mm512_min_epi32(away, far)), t);
            }
            if (strip->bias) {
                const __m512 bias = _mm512_load_ps(strip->bias + j * bq + i);
                t = _mm512_fmadd_ps(bias, log2e, t);
                t = _mm512_mask_mov_ps(t, _mm512_cmp_ps_mask(bias, minus_infinity, _CMP_EQ_OQ),
                                       minus_infinity);
            }
            if (strip->seen) {
                const __m512i words = _mm512_load_si512(strip->seen + j / 32 * bq + i);
                const __mmask16 seen = _mm512_test_epi32_mask(words, _mm512_set1_epi32((int)(1u << j % 32)));
                t = _mm512_mask_mov_ps(minus_infinity, seen, t);
            }
            _mm512_store_ps(row_of(w, bq, SCORES + j) + i, t);
            m = _mm512_max_ps(t, m);
        }
        _mm512_store_ps(row_of(w, bq, MAXIMUM) + i, m);
    }
}

/* Merges the maximum of the block into m, leaves what exponentials and output need, and clears the lanes of the sum. */
AVX512_INLINE void merge_maximum(const int64_t bq, const item *w)
{
    const __m512 zero = _mm512_setzero_ps();
    for (int64_t i = 0; i < bq; i += LANES) {
        const __m512 mb = _mm512_add_ps(_mm512_load_ps(row_of(w, bq, MAXIMUM) + i), zero);
        const __m512 m = _mm512_load_ps(w->strip->m + i);
        const __m512 top = _mm512_add_ps(_mm512_max_ps(mb, m), zero), z = avx512_finite_or_zero(top);
        _mm512_store_ps(w->strip->m + i, top);
        _mm512_store_ps(row_of(w, bq, Z) + i, avx512_finite_or_zero(mb));
        _mm512_store_ps(row_of(w, bq, A) + i, avx512_exp2(_mm512_sub_ps(m, z)));
        _mm512_store_ps(row_of(w, bq, B) + i, avx512_exp2(_mm512_sub_ps(mb, z)));
        for (int r = 0; r < GML_SUM_LANES; r++)
            _mm512_store_ps(row_of(w, bq, SUMS + r) + i, zero);
    }
}

/* The exponentials that were woven into no tile. */
AVX512_INLINE void weigh_rest(const int vectors, const int64_t bq, item *w)
{
    __m512 z[3];
    for (int v = 0; v < vectors; v++)
        z[v] = _mm512_load_ps(row_of(w, bq, Z) + v * LANES);
    for (; w->next < w->strip->to; w->next++) {
        float *t = row_of(w, bq, w->next), *sum = row_of(w, bq, SUMS + w->next % GML_SUM_LANES);
        for (int v = 0; v < vectors; v++) {
            const __m512 e = avx512_exp2(_mm512_sub_ps(_mm512_load_ps(t + v * LANES), z[v]));
            _mm512_store_ps(t + v * LANES, e);
            _mm512_store_ps(sum + v * LANES, _mm512_add_ps(_mm512_load_ps(sum + v * LANES), e));
        }
    }
}

AVX512_INLINE void merge_sum(const int64_t bq, const item *w)
{
    for (int64_t i = 0; i < bq; i += LANES) {
        __m512 lane[GML_SUM_LANES];
        for (int r = 0; r < GML_SUM_LANES; r++)
            lane[r] = _mm512_load_ps(row_of(w, bq, SUMS + r) + i);
        for (int half = GML_SUM_LANES / 2; half > 0; half /= 2)
            for (int r = 0; r < half; r++)
                lane[r] = _mm512_add_ps(lane[r], lane[r + half]);
        const __m512 a = _mm512_load_ps(row_of(w, bq, A) + i), b = _mm512_load_ps(row_of(w, bq, B) + i);
        float *l = w->strip->l + i;
        _mm512_store_ps(l, _mm512_fmadd_ps(a, _mm512_load_ps(l), _mm512_mul_ps(b, lane[0])));
    }
}

/* The elements of the head in groups of 8; returns how many these are. */
#define EDGES(bq)                                                                                            \
    static __attribute__((noinline))                                                                         \
    int64_t output_edges_##bq(const gml_attention_block_f32 *block, const item *w)                           \
    {                                                                                                        \
        const float *v = block->v + w->lo[0] * block->v_stride;                                              \
        int64_t d = 0;                                                                                       \
        for (; d + 8 <= block->v_head_dim; d += 8)                                                           \
            output_edge_tile(bq / LANES, bq, v + d, block->v_stride, w, w->strip->ot + d * bq);              \
        return d;                                                                                            \
    }
EDGES(48)
EDGES(32)
#undef EDGES

AVX512_INLINE void output(const int vectors, const int64_t bq, const gml_attention_block_f32 *block,
                          const item *w, item *pending)
{
    const gml_attention_strip_f32 *strip = w->strip;
    const float *v = block->v + strip->from * block->v_stride, *e = row_of(w, bq, SCORES + strip->from);
#define TILE(rows, pending)                                                                                  \
    output_tile(rows, vectors, bq, strip->to - strip->from, v + d, block->v_stride, e, w,                    \
                strip->ot + d * bq, pending)
    int64_t d = 0;
    if (vectors > 1 && vectors * LANES == bq && w->edges)
        d = bq == 48 ? output_edges_48(block, w) : output_edges_32(block, w);
    if (vectors * LANES == bq && pending)
        for (; d + 8 <= block->v_head_dim && pending->next < pending->strip->to; d += 8)
            TILE(8, pending);
    for (; d + 8 <= block->v_head_dim; d += 8)
        TILE(8, NULL);
    if (block->v_head_dim & 4) {
        TILE(4, NULL);
        d += 4;
    }
    if (block->v_head_dim & 2) {
        TILE(2, NULL);
        d += 2;
    }
    if (block->v_head_dim & 1)
        TILE(1, NULL);
#undef TILE
}

/* The two halves of a strip's way, for each number of vectors: functions, as compilers assign registers by function. */
typedef void first_half(const gml_attention_block_f32 *block, const item *w, item *pending);
typedef void second_half(const gml_attention_block_f32 *block, item *w, item *pending);

#define HALVES(bq, vectors)                                                                                  \
    static void first_##bq##_##vectors(const gml_attention_block_f32 *block, const item *w, item *pending)   \
    {                                                                                                        \
        scores_of(vectors, bq, block, w, pending);                                                           \
    }                                                                                                        \
    static void second_##bq##_##vectors(const gml_attention_block_f32 *block, item *w, item *pending)        \
    {                                                                                                        \
        weigh_rest(vectors, bq, w);                                                                          \
        merge_sum(bq, w);                                                                                    \
        output(vectors, bq, block, w, pending);                                                              \
    }
HALVES(48, 3)
HALVES(48, 2)
HALVES(48, 1)
HALVES(32, 2)
HALVES(32, 1)
#undef HALVES

/* The maximum of a strip merges when the next one has its scores to form, whose FMAs hide the latency. */
AVX512_INLINE void step(const int64_t bq, first_half *const *first, second_half *const *second,
                        const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                        int64_t n_strips, float *scratch)
{
    item items[2] = {{.rows = scratch}, {.rows = scratch + ITEM_ROWS * bq}};
    for (int64_t i = 0; i <= n_strips; i++) {
        item *w = &items[i % 2], *before = &items[(i + 1) % 2];
        bool full = false; /* both: weaving knows no gaps in the rows of an item */
        if (i > 0 && i < n_strips)
            merge_maximum(bq, before);
        if (i < n_strips) {
            *w = (item){.strip = &strips[i], .rows = w->rows, .next = strips[i].from};
            find_edges(bq, w);
            full = i > 0 && w->strip->queries > bq - LANES && before->strip->queries > bq - LANES;
            first[(w->strip->queries - 1) / LANES](block, w, full ? before : NULL);
            if (block->cap != 0.0f || w->strip->slope || w->strip->bias || w->strip->seen)
                finish(bq, block, w);
        }
        if (i == n_strips - 1)
            merge_maximum(bq, w);
        if (i > 0)
            second[(before->strip->queries - 1) / LANES](block, before, full && i == n_strips - 1 ? w : NULL);
    }
}

void gml_attention_f32_48_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    static first_half *const first[] = {first_48_1, first_48_2, first_48_3};
    static second_half *const second[] = {second_48_1, second_48_2, second_48_3};
    step(48, first, second, block, strips, n_strips, scratch);
}

void gml_attention_f32_32_avx512(const gml_attention_block_f32 *block, const gml_attention_strip_f32 *strips,
                                 int64_t n_strips, float *scratch)
{
    static first_half *const first[] = {first_32_1, first_32_2};
    static second_half *const second[] = {second_32_1, second_32_2};
    step(32, first, second, block, strips, n_strips, scratch);
}
