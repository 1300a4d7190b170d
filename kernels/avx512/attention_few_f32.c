/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries: their products with a block of K, and with a block of V, at the speed of memory. What that
 * takes was measured (Zen 5):
 *
 *   - Rows are asked for in the order they lie in, a group of keys ahead of their use: 32 rows of 128 floats are 16 KB,
 *     so that a group and the next one stay in L1.
 *   - Four lines at a time, spread over the arithmetic. Sixteen in a row cost a fifth of the speed: memory takes them
 *     one by one, and what waits for that keeps loads waiting.
 */
#include "kernels/avx512/avx512.h"

#define GROUP 32 /* keys  */
#define LINE  64 /* bytes */
#define FOUR  4  /* lines that are asked for at a time */
#define PANEL GML_QUERY_PANEL

/* Rows of memory to ask for. Where they lie does not matter to a prefetch, so addresses are numbers. */
typedef struct place {
    uintptr_t at;
    int64_t left; /* lines of the row at hand       */
    int64_t wait; /* calls until the next four lines */
} place;

typedef struct request {
    place now;
    int64_t lines; /* of a row                                   */
    int64_t skip;  /* bytes from its last line on to the next row */
    int64_t every; /* of so many calls, one asks                  */
} request;

/* Up to `rows` rows of `next`, in so many calls. Rows without gaps are one long row. */
static request request_rows(gml_attention_next_f32 next, int64_t rows, int64_t calls)
{
    const int64_t bytes = next.dim * (int64_t)sizeof(float), lines = (bytes + LINE - 1) / LINE;
    request r = {.now = {.at = (uintptr_t)next.rows, .wait = 1}};
    r.lines = (lines + FOUR - 1) / FOUR * FOUR;
    r.skip = (next.stride - r.lines * (LINE / (int64_t)sizeof(float))) * (int64_t)sizeof(float);
    int64_t all = rows * r.lines;
    if (next.stride == next.dim) {
        all = (rows * bytes + LINE - 1) / LINE;
        r.lines = INT64_MAX / FOUR * FOUR;
    }
    r.now.left = r.lines;
    r.every = calls * FOUR / all;
    return r;
}

/* `now` is in registers, the rest of the request is not: it is needed for one call in a few. */
AVX512_INLINE void ask(const request *r, place *now)
{
    if (--now->wait > 0)
        return;
    AVX512_OPAQUE(r);
    now->wait = r->every;
    AVX512_UNROLL
    for (int i = 0; i < FOUR; i++)
        _mm_prefetch((const char *)(now->at + i * LINE), _MM_HINT_T0);
    now->left -= FOUR;
    const int64_t last = (now->left - 1) >> 63; /* all bits at the end of a row: no branch to mispredict */
    now->at += (uintptr_t)(FOUR * LINE + (r->skip & last));
    now->left += r->lines & last;
}

/*
 * Products of up to a panel of queries with 32 keys, or 16 at the edge. Keys lie along the lanes: 8 elements of 16 rows
 * of K are loaded as halves of registers, rows i and i + 4 in one, and transposed there. Registers: 8 sums, 8 columns,
 * temporaries of the transposition. 8 steps of 32 keys: 32 halves, 48 shuffles, 16 FMAs a query, whose second operand
 * is broadcast from memory.
 */
AVX512_INLINE __m512 load_halves(const int whole, const float *low, const float *high, __mmask8 columns,
                                 bool some, bool more)
{
    if (whole)
        return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high), 1);
    const __m256 x = some ? _mm256_maskz_loadu_ps(columns, low) : _mm256_setzero_ps();
    const __m256 y = more ? _mm256_maskz_loadu_ps(columns, high) : _mm256_setzero_ps();
    return _mm512_insertf32x8(_mm512_castps256_ps512(x), y, 1);
}

/* Columns of up to 16 keys and 8 elements; returns the place of the 17th key. Rows are found from every fourth, by one
 * and three strides, so that they need few registers. */
AVX512_INLINE const float *columns_of(const int whole, int64_t keys, __mmask8 depth, const float *k,
                                      int64_t stride, int64_t three, __m512 *c)
{
    __m512 r[8];
    AVX512_UNROLL
    for (int i = 0; i < 8; i += 4) {
        const float *low = k, *high = k + 4 * stride;
        AVX512_OPAQUE(high);
        r[i] = load_halves(whole, low, high, depth, 2 * i < keys, 2 * i + 4 < keys);
        r[i + 1] = load_halves(whole, low + stride, high + stride, depth, 2 * i + 1 < keys, 2 * i + 5 < keys);
        r[i + 2] = load_halves(whole, low + 2 * stride, high + 2 * stride, depth, 2 * i + 2 < keys,
                               2 * i + 6 < keys);
        r[i + 3] = load_halves(whole, low + three, high + three, depth, 2 * i + 3 < keys, 2 * i + 7 < keys);
        k = high + 4 * stride;
        AVX512_OPAQUE(k);
    }
    avx512_transpose_in_lanes(r);
    avx512_transpose_in_lanes(r + 4);
    AVX512_UNROLL
    for (int i = 0; i < 4; i++) {
        c[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        c[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    }
    return k;
}

AVX512_INLINE void multiply_keys(const int rows, const int vectors, const int whole, int64_t keys,
                                 int64_t dim, const float *q, const float *k, int64_t k_stride, float *t,
                                 int64_t t_stride, request *ahead)
{
    place now = ahead->now;
    __m512 sum[PANEL][2];
    AVX512_UNROLL
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = _mm512_setzero_ps();
    int64_t three = 3 * k_stride, d = 0;
    AVX512_OPAQUE(three);
    for (; d + 8 <= dim; d += 8, q += 8 * PANEL) {
        const float *kd = k + d;
        AVX512_UNROLL
        for (int v = 0; v < vectors; v++) {
            __m512 c[8];
            kd = columns_of(whole, keys - 16 * v, 0xff, kd, k_stride, three, c);
            AVX512_OPAQUE(q); /* elements are operands of the products, not registers kept for both vectors */
            AVX512_UNROLL
            for (int p = 0; p < 8; p++) {
                if (p % FOUR == 0)
                    ask(ahead, &now);
                AVX512_UNROLL
                for (int i = 0; i < rows; i++)
                    sum[i][v] = _mm512_fmadd_ps(_mm512_set1_ps(q[p * PANEL + i]), c[p], sum[i][v]);
            }
        }
    }
    if (d < dim) {
        const float *kd = k + d;
        for (int v = 0; v < vectors; v++) {
            __m512 c[8];
            kd = columns_of(0, keys - 16 * v, (__mmask8)avx512_mask(dim - d), kd, k_stride, three, c);
            AVX512_UNROLL
            for (int p = 0; p < 7; p++)
                if (d + p < dim)
                    for (int i = 0; i < rows; i++)
                        sum[i][v] = _mm512_fmadd_ps(_mm512_set1_ps(q[p * PANEL + i]), c[p], sum[i][v]);
        }
    }
    AVX512_UNROLL
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            _mm512_mask_storeu_ps(t + i * t_stride + 16 * v, avx512_mask(avx512_min(keys - 16 * v, 16)),
                                  sum[i][v]);
    ahead->now = now;
}

typedef void multiply_keys_fn(int64_t keys, int64_t dim, const float *q, const float *k, int64_t k_stride,
                              float *t, int64_t t_stride, request *ahead);

#define KEYS(name, rows, vectors, whole)                                                                     \
    static void name(int64_t keys, int64_t dim, const float *q, const float *k, int64_t k_stride, float *t,  \
                     int64_t t_stride, request *ahead)                                                       \
    {                                                                                                        \
        multiply_keys(rows, vectors, whole, keys, dim, q, k, k_stride, t, t_stride, ahead);                  \
    }
KEYS(keys_1, 1, 2, 1)
KEYS(keys_2, 2, 2, 1)
KEYS(keys_3, 3, 2, 1)
KEYS(keys_4, 4, 2, 1)
KEYS(edge_1, 1, 1, 0)
KEYS(edge_2, 2, 1, 0)
KEYS(edge_3, 3, 1, 0)
KEYS(edge_4, 4, 1, 0)
#undef KEYS

void gml_attention_products_f32_avx512(int64_t rows, int64_t keys, int64_t dim, const float *q,
                                       const float *k, int64_t k_stride, float *t, int64_t t_stride,
                                       const gml_attention_next_f32 *next)
{
    static multiply_keys_fn *const body[2][PANEL] = {{edge_1, edge_2, edge_3, edge_4},
                                                     {keys_1, keys_2, keys_3, keys_4}};
    const int64_t calls = (rows + PANEL - 1) / PANEL * (dim / 8) * 4;
    for (int64_t n; keys > 0; keys -= n, k += n * k_stride, t += n) {
        n = keys >= GROUP ? GROUP : avx512_min(keys, 16);
        const int64_t rest = avx512_min(keys - n, GROUP);
        request ahead =
            rest > 0 ? request_rows((gml_attention_next_f32){k + n * k_stride, k_stride, dim}, rest, calls)
                     : request_rows(*next, GROUP, calls);
        for (int64_t i = 0; i < rows; i += PANEL)
            body[n == GROUP][avx512_min(rows - i, PANEL) - 1](n, dim, q + i * dim, k, k_stride,
                                                              t + i * t_stride, t_stride, &ahead);
    }
}

/*
 * Values: up to 2 rows of exponentials, 8 vectors of columns and a group of keys. Sums are in registers for a group,
 * between groups in memory. Registers: 16 sums, 2 exponentials, a vector of V.
 */
AVX512_INLINE void multiply_values(const int rows, const int vectors, __mmask16 tail, int64_t keys,
                                   const float *e, int64_t e_stride, const float *v, int64_t v_stride,
                                   float *s, int64_t s_stride, bool first, request *ahead)
{
    place now = ahead->now;
    __m512 sum[2][8];
    AVX512_UNROLL
    for (int i = 0; i < rows; i++)
        AVX512_UNROLL
    for (int c = 0; c < vectors; c++) {
        const __mmask16 lanes = first ? 0 : c == vectors - 1 ? tail : 0xffff;
        sum[i][c] = _mm512_maskz_loadu_ps(lanes, s + i * s_stride + 16 * c);
        AVX512_VALUE(sum[i][c]);
    }
    for (int64_t j = 0; j < keys; j++, v += v_stride) {
        __m512 x[2];
        AVX512_UNROLL
        for (int i = 0; i < rows; i++)
            x[i] = _mm512_set1_ps(e[i * e_stride + j]);
        AVX512_UNROLL
        for (int c = 0; c < vectors; c++) {
            if (c % FOUR == 0)
                ask(ahead, &now);
            const __m512 y =
                c == vectors - 1 ? _mm512_maskz_loadu_ps(tail, v + 16 * c) : _mm512_loadu_ps(v + 16 * c);
            AVX512_UNROLL
            for (int i = 0; i < rows; i++)
                sum[i][c] = _mm512_fmadd_ps(x[i], y, sum[i][c]);
        }
    }
    AVX512_UNROLL
    for (int i = 0; i < rows; i++)
        AVX512_UNROLL
    for (int c = 0; c < vectors; c++) {
        AVX512_VALUE(sum[i][c]);
        _mm512_mask_storeu_ps(s + i * s_stride + 16 * c, c == vectors - 1 ? tail : 0xffff, sum[i][c]);
    }
    ahead->now = now;
}

typedef void multiply_values_fn(__mmask16 tail, int64_t keys, const float *e, int64_t e_stride,
                                const float *v, int64_t v_stride, float *s, int64_t s_stride, bool first,
                                request *ahead);

#define VALUES(rows, vectors)                                                                                \
    static void values_##rows##x##vectors(__mmask16 tail, int64_t keys, const float *e, int64_t e_stride,    \
                                          const float *v, int64_t v_stride, float *s, int64_t s_stride,      \
                                          bool first, request *ahead)                                        \
    {                                                                                                        \
        multiply_values(rows, vectors, tail, keys, e, e_stride, v, v_stride, s, s_stride, first, ahead);     \
    }
VALUES(1, 1)
VALUES(1, 2)
VALUES(1, 3)
VALUES(1, 4)
VALUES(1, 5)
VALUES(1, 6)
VALUES(1, 7)
VALUES(1, 8)
VALUES(2, 1)
VALUES(2, 2)
VALUES(2, 3)
VALUES(2, 4)
VALUES(2, 5)
VALUES(2, 6)
VALUES(2, 7)
VALUES(2, 8)
#undef VALUES

void gml_attention_values_f32_avx512(int64_t rows, int64_t keys, int64_t dim, const float *e,
                                     int64_t e_stride, const float *v, int64_t v_stride, float *s,
                                     int64_t s_stride, const gml_attention_next_f32 *next)
{
    static multiply_values_fn *const body[2][8] = {
        {values_1x1, values_1x2, values_1x3, values_1x4, values_1x5, values_1x6, values_1x7, values_1x8},
        {values_2x1, values_2x2, values_2x3, values_2x4, values_2x5, values_2x6, values_2x7, values_2x8}};
    bool first = true;
    for (int64_t n; keys > 0; keys -= n, e += n, v += n * v_stride, first = false) {
        n = avx512_min(keys, GROUP);
        const int64_t rest = avx512_min(keys - n, GROUP), calls = n * ((rows + 1) / 2) * ((dim + 63) / 64);
        request ahead =
            rest > 0 ? request_rows((gml_attention_next_f32){v + n * v_stride, v_stride, dim}, rest, calls)
                     : request_rows(*next, GROUP, calls);
        for (int64_t d = 0; d < dim; d += 128) {
            const int64_t columns = avx512_min(dim - d, 128), vectors = (columns + 15) / 16;
            const __mmask16 tail = avx512_mask(columns - 16 * (vectors - 1));
            for (int64_t i = 0; i < rows; i += 2)
                body[rows - i > 1][vectors - 1](tail, n, e + i * e_stride, e_stride, v + d, v_stride,
                                                s + i * s_stride + d, s_stride, first, &ahead);
        }
    }
}
