/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention of few queries: their products with a block of K, and with a block of V, at the speed of memory. Rows are
 * asked for in the order they lie in, a group of keys ahead of their use, four lines at a time between the arithmetic.
 * What is left of keys and columns at the edges, GEMM's kernels for few rows compute.
 */
#include "kernels/avx2/avx2.h"
#include <string.h>

#define GROUP 32 /* keys: 16 KB of 128 floats each, so that a group and the next one stay in L1 */
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
AVX2_INLINE void ask(const request *r, place *now)
{
    if (--now->wait > 0)
        return;
    AVX2_OPAQUE(r);
    now->wait = r->every;
    AVX2_UNROLL
    for (int i = 0; i < FOUR; i++)
        _mm_prefetch((const char *)(now->at + i * LINE), _MM_HINT_T0);
    now->left -= FOUR;
    const int64_t last = (now->left - 1) >> 63; /* all bits at the end of a row: no branch to mispredict */
    now->at += (uintptr_t)(FOUR * LINE + (r->skip & last));
    now->left += r->lines & last;
}

/*
 * Products of up to a panel of queries with 16 keys, and dim a multiple of 4. Keys lie along the lanes: 4 elements of 8
 * rows of K are loaded as halves of registers, rows i and i + 4 in one, and transposed there. Registers: 8 sums, 4
 * columns, temporaries. 4 steps of 8 keys: 8 halves, 8 shuffles, 4 broadcasts and 4 FMAs a query.
 */
AVX2_INLINE const float *columns_of(const float *k, int64_t stride, int64_t three, __m256 *c)
{
    const float *low = k, *high = k + 4 * stride;
    AVX2_OPAQUE(high);
#define HALVES(at)                                                                                           \
    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + (at))), _mm_loadu_ps(high + (at)), 1)
    const __m256 r0 = HALVES(0), r1 = HALVES(stride), r2 = HALVES(2 * stride), r3 = HALVES(three);
#undef HALVES
    const __m256 a = _mm256_unpacklo_ps(r0, r1), b = _mm256_unpackhi_ps(r0, r1);
    const __m256 x = _mm256_unpacklo_ps(r2, r3), y = _mm256_unpackhi_ps(r2, r3);
    c[0] = _mm256_shuffle_ps(a, x, 0x44);
    c[1] = _mm256_shuffle_ps(a, x, 0xee);
    c[2] = _mm256_shuffle_ps(b, y, 0x44);
    c[3] = _mm256_shuffle_ps(b, y, 0xee);
    return high + 4 * stride;
}

AVX2_INLINE void multiply_keys(const int rows, int64_t dim, const float *q, const float *k, int64_t k_stride,
                               float *t, int64_t t_stride, request *ahead)
{
    place now = ahead->now;
    __m256 sum[PANEL][2];
    AVX2_UNROLL
    for (int i = 0; i < rows; i++)
        sum[i][0] = sum[i][1] = _mm256_setzero_ps();
    int64_t three = 3 * k_stride;
    AVX2_OPAQUE(three);
    for (int64_t d = 0; d < dim; d += 4, q += 4 * PANEL) {
        const float *kd = k + d;
        AVX2_UNROLL
        for (int v = 0; v < 2; v++) {
            __m256 c[4];
            kd = columns_of(kd, k_stride, three, c);
            AVX2_OPAQUE(q); /* elements are loaded for each vector, not kept for both */
            ask(ahead, &now);
            AVX2_UNROLL
            for (int p = 0; p < 4; p++)
                AVX2_UNROLL
            for (int i = 0; i < rows; i++)
                sum[i][v] = _mm256_fmadd_ps(_mm256_broadcast_ss(q + p * PANEL + i), c[p], sum[i][v]);
        }
    }
    AVX2_UNROLL
    for (int i = 0; i < rows; i++) {
        _mm256_storeu_ps(t + i * t_stride, sum[i][0]);
        _mm256_storeu_ps(t + i * t_stride + AVX2_LANES, sum[i][1]);
    }
    ahead->now = now;
}

typedef void multiply_keys_fn(int64_t dim, const float *q, const float *k, int64_t k_stride, float *t,
                              int64_t t_stride, request *ahead);

#define KEYS(rows)                                                                                           \
    static void keys_##rows(int64_t dim, const float *q, const float *k, int64_t k_stride, float *t,         \
                            int64_t t_stride, request *ahead)                                                \
    {                                                                                                        \
        multiply_keys(rows, dim, q, k, k_stride, t, t_stride, ahead);                                        \
    }
KEYS(1)
KEYS(2)
KEYS(3)
KEYS(4)
#undef KEYS

/* The chains of n keys go on from step d. */
static void multiply_edge(int64_t rows, int64_t n, int64_t d, int64_t dim, const float *q, const float *k,
                          int64_t k_stride, float *t, int64_t t_stride)
{
    for (int64_t i = 0; d < dim && i < rows; i += PANEL)
        gml_gemm_dots_f32_avx2(avx2_min(rows - i, PANEL), n, dim - d, q + i * dim + d * PANEL, 1, PANEL,
                               k + d, k_stride, t + i * t_stride, t_stride);
}

void gml_attention_products_f32_avx2(int64_t rows, int64_t keys, int64_t dim, const float *q, const float *k,
                                     int64_t k_stride, float *t, int64_t t_stride,
                                     const gml_attention_next_f32 *next)
{
    static multiply_keys_fn *const body[PANEL] = {keys_1, keys_2, keys_3, keys_4};
    const int64_t depth = dim / 4 * 4, calls = (rows + PANEL - 1) / PANEL * depth;
    for (int64_t n; keys > 0; keys -= n, k += n * k_stride, t += n) {
        n = avx2_min(keys, GROUP);
        const int64_t rest = avx2_min(keys - n, GROUP), whole = n / 16 * 16;
        request ahead =
            rest > 0 ? request_rows((gml_attention_next_f32){k + n * k_stride, k_stride, dim}, rest, calls)
                     : request_rows(*next, GROUP, calls);
        for (int64_t i = 0; i < rows; i += PANEL)
            for (int64_t j = 0; j < whole; j += 16)
                body[avx2_min(rows - i, PANEL) - 1](depth, q + i * dim, k + j * k_stride, k_stride,
                                                    t + i * t_stride + j, t_stride, &ahead);
        multiply_edge(rows, whole, depth, dim, q, k, k_stride, t, t_stride);
        for (int64_t i = 0; whole < n && i < rows; i++)
            memset(t + i * t_stride + whole, 0, (size_t)(n - whole) * sizeof(float));
        if (whole < n)
            multiply_edge(rows, n - whole, 0, dim, q, k + whole * k_stride, k_stride, t + whole, t_stride);
    }
}

/*
 * Values: up to 2 rows of exponentials, 4 vectors of columns and a group of keys. Sums are in registers for a group,
 * between groups in memory. Registers: 8 sums, 2 exponentials, a vector of V.
 */
AVX2_INLINE void multiply_values(const int rows, const int vectors, int64_t keys, const float *e,
                                 int64_t e_stride, const float *v, int64_t v_stride, float *s,
                                 int64_t s_stride, request *ahead)
{
    place now = ahead->now;
    __m256 sum[2][4];
    AVX2_UNROLL
    for (int i = 0; i < rows; i++)
        AVX2_UNROLL
    for (int c = 0; c < vectors; c++) {
        sum[i][c] = _mm256_loadu_ps(s + i * s_stride + AVX2_LANES * c);
        AVX2_OPAQUE_VECTOR(sum[i][c]);
    }
    for (int64_t j = 0; j < keys; j++, v += v_stride, e++) {
        __m256 x[2];
        ask(ahead, &now);
        AVX2_UNROLL
        for (int i = 0; i < rows; i++)
            x[i] = _mm256_broadcast_ss(e + i * e_stride);
        AVX2_UNROLL
        for (int c = 0; c < vectors; c++) {
            const __m256 y = _mm256_loadu_ps(v + AVX2_LANES * c);
            AVX2_UNROLL
            for (int i = 0; i < rows; i++)
                sum[i][c] = _mm256_fmadd_ps(x[i], y, sum[i][c]);
        }
    }
    AVX2_UNROLL
    for (int i = 0; i < rows; i++)
        AVX2_UNROLL
    for (int c = 0; c < vectors; c++) {
        AVX2_OPAQUE_VECTOR(sum[i][c]);
        _mm256_storeu_ps(s + i * s_stride + AVX2_LANES * c, sum[i][c]);
    }
    ahead->now = now;
}

typedef void multiply_values_fn(int64_t keys, const float *e, int64_t e_stride, const float *v,
                                int64_t v_stride, float *s, int64_t s_stride, request *ahead);

#define VALUES(rows, vectors)                                                                                \
    static void values_##rows##x##vectors(int64_t keys, const float *e, int64_t e_stride, const float *v,    \
                                          int64_t v_stride, float *s, int64_t s_stride, request *ahead)      \
    {                                                                                                        \
        multiply_values(rows, vectors, keys, e, e_stride, v, v_stride, s, s_stride, ahead);                  \
    }
VALUES(1, 1)
VALUES(1, 2)
VALUES(1, 3)
VALUES(1, 4)
VALUES(2, 1)
VALUES(2, 2)
VALUES(2, 3)
VALUES(2, 4)
#undef VALUES

void gml_attention_values_f32_avx2(int64_t rows, int64_t keys, int64_t dim, const float *e, int64_t e_stride,
                                   const float *v, int64_t v_stride, float *s, int64_t s_stride,
                                   const gml_attention_next_f32 *next)
{
    static multiply_values_fn *const body[2][4] = {{values_1x1, values_1x2, values_1x3, values_1x4},
                                                   {values_2x1, values_2x2, values_2x3, values_2x4}};
    const int64_t whole = dim / AVX2_LANES * AVX2_LANES, most = 4 * AVX2_LANES;
    for (int64_t i = 0; i < rows; i++)
        memset(s + i * s_stride, 0, (size_t)dim * sizeof(float));
    for (int64_t n; keys > 0; keys -= n, e += n, v += n * v_stride) {
        n = avx2_min(keys, GROUP);
        const int64_t rest = avx2_min(keys - n, GROUP),
                      calls = n * ((rows + 1) / 2) * ((dim + most - 1) / most);
        request ahead =
            rest > 0 ? request_rows((gml_attention_next_f32){v + n * v_stride, v_stride, dim}, rest, calls)
                     : request_rows(*next, GROUP, calls);
        for (int64_t d = 0; d < whole; d += most)
            for (int64_t i = 0; i < rows; i += 2)
                body[rows - i > 1][avx2_min(whole - d, most) / AVX2_LANES - 1](
                    n, e + i * e_stride, e_stride, v + d, v_stride, s + i * s_stride + d, s_stride, &ahead);
        if (whole < dim)
            gml_gemm_rows_f32_avx2(rows, dim - whole, n, e, e_stride, 1, v + whole, v_stride, s + whole,
                                   s_stride);
    }
}
