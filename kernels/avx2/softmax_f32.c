/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax. The maximum of a row is a pass of loads, its final factor a pass of stores, and between them lie the
 * exponentials, nine FMAs for each vector and little else. So each loop here runs all three side by side, of three
 * segments: the maximum of the next, the exponentials of this one, the factor of the last. What bounds it are the FMA
 * ports, with 11 operations a vector.
 *
 * Exponentials go four vectors in lockstep, step by step of their chain, so that independent instructions follow one
 * another; and in two halves, the first of a block beside the second of the block before. The coefficients stay in
 * memory, as operands of the FMAs: registers are for the vectors. The 16 virtual lanes of the sum are the lanes of two
 * registers, for even and odd vectors; their chains of additions are shorter than the exponentials beside them.
 *
 * Scaling by a positive number is monotone, rounding included: the maximum of scale * x[j] is scale * (maximum of x).
 */
#include "kernels/avx2/avx2.h"

#define VECTORS 4 /* in lockstep, a multiple of two */
#define WIDTH   (VECTORS * AVX2_LANES)
#define SHORT   (2 * AVX2_LANES) /* columns of a row that stays in registers */
#define AHEAD   8192             /* bytes that prefetches run ahead where memory is the bound */
#define EACH    AVX2_UNROLL for (int u = 0; u < VECTORS; u++)

/* What is read here through a pointer that may be anything's stays in memory. */
#define EIGHT(x)                                                                                             \
    {                                                                                                        \
        x, x, x, x, x, x, x, x                                                                               \
    }
static const _Alignas(32) float polynomial[][AVX2_LANES] = {EIGHT(GML_EXP2_C5), EIGHT(GML_EXP2_C4),
                                                            EIGHT(GML_EXP2_C3), EIGHT(GML_EXP2_C2),
                                                            EIGHT(GML_EXP2_C1), EIGHT(1.0f)};

/* Of the 8 columns from j on, how many are below n. */
AVX2_INLINE int64_t lanes_of(int64_t j, int64_t n)
{
    return avx2_min(n - j, AVX2_LANES);
}

/* Exponentials half way: exp(x - z) = p(r) * 2^n, or 0 where `none`. */
typedef struct block {
    __m256 r[VECTORS], none[VECTORS];
    __m256i n[VECTORS];
} block;

/* The first half of avx2_exp, of scale * x - z, step by step. */
AVX2_INLINE void reduce_some(const int scaled, __m256 scale, __m256 z, const float *x, block *b)
{
    const __m256 log2e = _mm256_set1_ps(GML_LOG2E), magic = _mm256_set1_ps(0x1.8p23f);
    __m256 t[VECTORS], n[VECTORS];
    EACH t[u] = _mm256_loadu_ps(x + u * AVX2_LANES);
    if (scaled)
        EACH t[u] = _mm256_mul_ps(scale, t[u]);
    EACH t[u] = _mm256_sub_ps(t[u], z);
    EACH b->none[u] = _mm256_cmp_ps(t[u], _mm256_set1_ps(GML_EXP_LOW), _CMP_LT_OQ);
    EACH n[u] = _mm256_fmadd_ps(t[u], log2e, magic);
    EACH n[u] = _mm256_sub_ps(n[u], magic);
    EACH b->r[u] = _mm256_fmsub_ps(t[u], log2e, n[u]);
    EACH b->n[u] = _mm256_cvtps_epi32(n[u]);
    EACH b->r[u] = _mm256_fmadd_ps(t[u], _mm256_set1_ps(GML_LOG2E_LO), b->r[u]);
}

/* The second half. sum takes their sums, of even and odd ones. */
AVX2_INLINE void expand_some(const block *b, const float (*c)[AVX2_LANES], const int stored, float *e,
                             __m256 sum[2])
{
    __m256 p[VECTORS];
    EACH p[u] = _mm256_set1_ps(GML_EXP2_C6);
    AVX2_UNROLL
    for (int i = 0; i < 6; i++)
        EACH p[u] = _mm256_fmadd_ps(p[u], b->r[u], _mm256_load_ps(c[i]));
    EACH p[u] = avx2_scale_exp2(p[u], b->n[u], b->none[u]);
    if (stored)
        EACH _mm256_storeu_ps(e + u * AVX2_LANES, p[u]);
    EACH sum[u % 2] = _mm256_add_ps(sum[u % 2], p[u]);
}

AVX2_INLINE void put(const int stream, float *y, __m256 v)
{
    if (stream)
        _mm256_stream_ps(y, v);
    else
        _mm256_storeu_ps(y, v);
}

/* Columns before the first whole cache line of y: where streaming stores may begin. */
AVX2_INLINE int64_t head_of(const int stream, const float *y, int64_t n)
{
    return stream ? avx2_min(n, (int64_t)(-(uintptr_t)y % 64 / sizeof(float))) : 0;
}

AVX2_INLINE __m256 zero_if_infinite(float m)
{
    return _mm256_set1_ps(m == -INFINITY ? 0.0f : m);
}

/* The maximum so far, in two registers, and of x from column j to n. */
AVX2_INLINE float maximum(__m256 m0, __m256 m1, const float *x, int64_t j, int64_t n)
{
    for (; j + 2 * AVX2_LANES <= n; j += 2 * AVX2_LANES) {
        m0 = _mm256_max_ps(_mm256_loadu_ps(x + j), m0);
        m1 = _mm256_max_ps(_mm256_loadu_ps(x + j + AVX2_LANES), m1);
    }
    for (; j < n; j += AVX2_LANES) {
        const __m256 v = avx2_load(lanes_of(j, n), x + j);
        m0 = _mm256_max_ps(_mm256_blendv_ps(m0, v, _mm256_castsi256_ps(avx2_mask(lanes_of(j, n)))), m0);
    }
    return avx2_max_lanes(_mm256_max_ps(m0, m1));
}

/* e = exp(scale * x - z) from column j, a multiple of 16, to n; returns their sum and `sum`. Absent lanes add +0. */
AVX2_INLINE float weigh(const int scaled, __m256 scale, __m256 z, const float *x, const int stored, float *e,
                        __m256 sum[2], int64_t j, int64_t n)
{
    const float(*c)[AVX2_LANES] = polynomial;
    AVX2_OPAQUE(c);
    if (j + WIDTH <= n) {
        block b;
        reduce_some(scaled, scale, z, x + j, &b);
        for (; j + 2 * WIDTH <= n; j += WIDTH) {
            expand_some(&b, c, stored, e + j, sum);
            reduce_some(scaled, scale, z, x + j + WIDTH, &b);
        }
        expand_some(&b, c, stored, e + j, sum);
        j += WIDTH;
    }
    for (; j < n; j += AVX2_LANES) {
        const int64_t lanes = lanes_of(j, n);
        __m256 t = avx2_load(lanes, x + j);
        if (scaled)
            t = _mm256_mul_ps(scale, t);
        const __m256 v = avx2_exp(_mm256_sub_ps(t, z));
        if (stored)
            avx2_store(lanes, e + j, v);
        const __m256 present = _mm256_and_ps(_mm256_castsi256_ps(avx2_mask(lanes)), v);
        if (j & AVX2_LANES)
            sum[1] = _mm256_add_ps(sum[1], present);
        else
            sum[0] = _mm256_add_ps(sum[0], present);
    }
    return avx2_sum_lanes(sum[0], sum[1]);
}

/* y = w * e from column j to n; y + j is aligned where it streams. */
AVX2_INLINE void finish(const int stream, __m256 w, const float *e, float *y, int64_t j, int64_t n)
{
    for (; j + AVX2_LANES <= n; j += AVX2_LANES)
        put(stream, y + j, _mm256_mul_ps(w, _mm256_loadu_ps(e + j)));
    if (j < n)
        avx2_store(n - j, y + j, _mm256_mul_ps(w, avx2_load(n - j, e + j)));
}

AVX2_INLINE void step_of(const int stream, const int scaled, const gml_softmax_step_f32 *s, float *m_next,
                         float *l)
{
    const __m256 scale = _mm256_set1_ps(s->scale), z = zero_if_infinite(s->m), w = _mm256_set1_ps(s->w);
    const int64_t head = head_of(stream, s->y, s->n_last);
    const bool next = s->n_next >= WIDTH, last = s->n_last - head >= WIDTH;
    const int64_t both = avx2_min(next ? s->n_next : s->n, last ? s->n_last - head : s->n);
    const int64_t all = avx2_min(s->n, both) / WIDTH * WIDTH;
    const float *x_next = s->x_next, *x = s->x, *e_last = s->e_last + head, (*c)[AVX2_LANES] = polynomial;
    float *e = s->e, *y = s->y + head;
    __m256 m[2] = {_mm256_set1_ps(-INFINITY), _mm256_set1_ps(-INFINITY)};
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    AVX2_OPAQUE(c);
    if (stream && s->n_last > 0) /* the line that the next row, or segment, shares is stored in two parts */
        _mm_prefetch((const char *)(s->y + s->n_last - 1), _MM_HINT_T0);
    if (head > 0)
        finish(0, w, s->e_last, s->y, 0, head);
    if (!last)
        finish(stream, w, e_last, y, 0, s->n_last - head);
    if (all > 0) {
        block b;
        reduce_some(scaled, scale, z, x, &b);
        for (int64_t j = 0;; j += WIDTH) {
            if (last)
                EACH put(stream, y + j + u * AVX2_LANES,
                         _mm256_mul_ps(w, _mm256_loadu_ps(e_last + j + u * AVX2_LANES)));
            if (next)
                EACH m[u % 2] = _mm256_max_ps(_mm256_loadu_ps(x_next + j + u * AVX2_LANES), m[u % 2]);
            if (stream)
                EACH _mm_prefetch((const char *)(x_next + j + u * AVX2_LANES) + AHEAD, _MM_HINT_T1);
            expand_some(&b, c, 1, e + j, sum);
            if (j + WIDTH == all)
                break;
            reduce_some(scaled, scale, z, x + j + WIDTH, &b);
        }
    }
    if (last)
        finish(stream, w, e_last, y, all, s->n_last - head);
    *m_next = s->scale * maximum(m[0], m[1], x_next, next ? all : 0, s->n_next) + 0.0f;
    *l = weigh(scaled, scale, z, x, 1, e, sum, all, s->n);
}

void gml_softmax_step_f32_avx2(const gml_softmax_step_f32 *step, float *m_next, float *l)
{
    if (step->stream)
        step_of(1, 1, step, m_next, l);
    else if (step->scale != 1.0f)
        step_of(0, 1, step, m_next, l);
    else
        step_of(0, 0, step, m_next, l);
}

/* A row of one vector, or two. */
AVX2_INLINE void short_row(const int vectors, int64_t n, float scale, const float *x, float *y, float *m,
                           float *l)
{
    const int64_t last = n - (vectors - 1) * AVX2_LANES;
    const __m256 present = _mm256_castsi256_ps(avx2_mask(last)), factor = _mm256_set1_ps(scale);
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY);
    __m256 t[2] = {minus_infinity, minus_infinity};
    if (vectors == 2)
        t[0] = _mm256_mul_ps(factor, _mm256_loadu_ps(x));
    const __m256 v = _mm256_mul_ps(factor, avx2_load(last, x + n - last));
    t[vectors - 1] = _mm256_blendv_ps(minus_infinity, v, present);
    *m = avx2_max_lanes(_mm256_max_ps(t[1], _mm256_max_ps(t[0], minus_infinity))) + 0.0f;
    const __m256 z = zero_if_infinite(*m);
    t[0] = avx2_exp(_mm256_sub_ps(t[0], z));
    t[1] = vectors == 2 ? avx2_exp(_mm256_sub_ps(t[1], z)) : _mm256_setzero_ps();
    *l = avx2_sum_lanes(t[0], t[1]);
    const __m256 w = _mm256_set1_ps(*l == 0.0f ? 0.0f : 1.0f / *l);
    if (vectors == 2)
        _mm256_storeu_ps(y, _mm256_mul_ps(w, t[0]));
    avx2_store(last, y + n - last, _mm256_mul_ps(w, t[vectors - 1]));
}

static void short_rows(const gml_softmax_rows_f32 *r)
{
    float m, l;
    for (int64_t i = 0; i < r->rows; i++) {
        const int64_t n = r->n + i * r->grow;
        if (n <= AVX2_LANES)
            short_row(1, n, r->scale, r->x + i * r->x_stride, r->y + i * r->y_stride, &m, &l);
        else
            short_row(2, n, r->scale, r->x + i * r->x_stride, r->y + i * r->y_stride, &m, &l);
        if (r->m)
            r->m[i] = m, r->l[i] = l;
    }
}

AVX2_INLINE void long_rows(const int stream, const int scaled, const gml_softmax_rows_f32 *r)
{
    _Alignas(64) float e[GML_RS0];
    float l;
    gml_softmax_step_f32 s = {.scale = r->scale, .e = e, .e_last = e, .y = r->y};
    s.m = r->scale * maximum(_mm256_set1_ps(-INFINITY), _mm256_set1_ps(-INFINITY), r->x, 0, r->n) + 0.0f;
    for (int64_t i = 0; i < r->rows; i++) {
        float m_next;
        s.x = r->x + i * r->x_stride;
        s.n = r->n + i * r->grow;
        s.x_next = s.x + (i + 1 < r->rows ? r->x_stride : 0);
        s.n_next = i + 1 < r->rows ? s.n + r->grow : 0;
        step_of(stream, scaled, &s, &m_next, &l);
        if (r->m)
            r->m[i] = s.m, r->l[i] = l;
        s.m = m_next;
        s.w = l == 0.0f ? 0.0f : 1.0f / l;
        s.y = r->y + i * r->y_stride;
        s.n_last = s.n;
    }
    const int64_t head = head_of(stream, s.y, s.n_last);
    finish(0, _mm256_set1_ps(s.w), e, s.y, 0, head);
    finish(stream, _mm256_set1_ps(s.w), e + head, s.y + head, 0, s.n_last - head);
}

void gml_softmax_rows_f32_avx2(const gml_softmax_rows_f32 *rows)
{
    if (rows->n + (rows->rows - 1) * rows->grow <= SHORT)
        short_rows(rows);
    else if (rows->stream)
        long_rows(1, 1, rows);
    else if (rows->scale != 1.0f)
        long_rows(0, 1, rows);
    else
        long_rows(0, 0, rows);
}

/* keep[0 .. n-1], for n in 1 .. 8, one in each lane. */
AVX2_INLINE __m256i load_keep(int64_t n, const uint8_t *keep)
{
    if (n == AVX2_LANES)
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)keep));
    uint64_t bytes = 0;
    for (int64_t i = 0; i < n; i++)
        bytes |= (uint64_t)keep[i] << (8 * i);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)bytes));
}

/* t of n columns, 1 to 8, from j on. The other lanes are of no meaning. */
AVX2_INLINE __m256 score(const int biased, const int kept, const int curved, const gml_softmax_scores_f32 *s,
                         int64_t n, int64_t j, const float *x)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256 minus_infinity = _mm256_set1_ps(-INFINITY), scale = _mm256_set1_ps(s->scale);
    const __m256 xv = avx2_load(n, x + j);
    const __m256 bias = biased ? avx2_load(n, s->bias + j) : _mm256_setzero_ps();
    __m256 t = biased && !curved ? _mm256_fmadd_ps(scale, xv, bias) : _mm256_mul_ps(scale, xv);
    if (curved) {
        if (s->cap != 0.0f)
            t = _mm256_mul_ps(_mm256_set1_ps(s->cap),
                              avx2_tanh(_mm256_mul_ps(t, _mm256_set1_ps(s->inverse_cap))));
        if (s->slope)
            t = avx2_alibi(t, _mm256_set1_ps(*s->slope), _mm256_set1_epi32(s->position - (int32_t)j), lane);
        if (biased)
            t = _mm256_add_ps(t, bias);
    }
    if (biased)
        t = _mm256_blendv_ps(t, minus_infinity, _mm256_cmp_ps(bias, minus_infinity, _CMP_EQ_OQ));
    if (kept) {
        const __m256i masked = _mm256_cmpeq_epi32(load_keep(n, s->keep + j), _mm256_setzero_si256());
        t = _mm256_blendv_ps(t, minus_infinity, _mm256_castsi256_ps(masked));
    }
    return t;
}

/* y = t; returns the maximum. */
AVX2_INLINE float scores(const int biased, const int kept, const int curved, const gml_softmax_scores_f32 *s,
                         int64_t n, const float *x, float *y)
{
    __m256 m[2] = {_mm256_set1_ps(-INFINITY), _mm256_set1_ps(-INFINITY)};
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        __m256 t[VECTORS];
        EACH t[u] = score(biased, kept, curved, s, AVX2_LANES, j + u * AVX2_LANES, x);
        EACH _mm256_storeu_ps(y + j + u * AVX2_LANES, t[u]);
        EACH m[u % 2] = _mm256_max_ps(t[u], m[u % 2]);
    }
    for (; j < n; j += AVX2_LANES) {
        const int64_t lanes = lanes_of(j, n);
        const __m256 t = score(biased, kept, curved, s, lanes, j, x);
        avx2_store(lanes, y + j, t);
        m[0] = _mm256_max_ps(_mm256_blendv_ps(m[0], t, _mm256_castsi256_ps(avx2_mask(lanes))), m[0]);
    }
    return avx2_max_lanes(_mm256_max_ps(m[0], m[1])) + 0.0f;
}

static float scores_of(const gml_softmax_scores_f32 *s, int64_t n, const float *x, float *y)
{
    switch ((s->cap != 0.0f || s->slope ? 4 : 0) + (s->bias ? 2 : 0) + (s->keep ? 1 : 0)) {
    case 0:
        return scores(0, 0, 0, s, n, x, y);
    case 1:
        return scores(0, 1, 0, s, n, x, y);
    case 2:
        return scores(1, 0, 0, s, n, x, y);
    case 3:
        return scores(1, 1, 0, s, n, x, y);
    case 4:
        return scores(0, 0, 1, s, n, x, y);
    case 5:
        return scores(0, 1, 1, s, n, x, y);
    case 6:
        return scores(1, 0, 1, s, n, x, y);
    default:
        return scores(1, 1, 1, s, n, x, y);
    }
}

void gml_softmax_reduce_f32_avx2(const gml_softmax_scores_f32 *s, int64_t n, const float *x, bool logarithms,
                                 float *y, float *m, float *l)
{
    const __m256 one = _mm256_set1_ps(1.0f), low = _mm256_set1_ps(-INFINITY);
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    if (s->cap == 0.0f && !s->slope && !s->bias && !s->keep && s->scale > 0.0f && !logarithms) {
        *m = s->scale * maximum(low, low, x, 0, n) + 0.0f;
        *l = weigh(1, _mm256_set1_ps(s->scale), zero_if_infinite(*m), x, 1, y, sum, 0, n);
        return;
    }
    *m = scores_of(s, n, x, y);
    if (logarithms)
        *l = weigh(0, one, zero_if_infinite(*m), y, 0, y, sum, 0, n);
    else
        *l = weigh(0, one, zero_if_infinite(*m), y, 1, y, sum, 0, n);
}

void gml_softmax_scale_f32_avx2(int64_t n, float w, const float *e, bool stream, float *y)
{
    const __m256 wv = _mm256_set1_ps(w);
    const int64_t head = head_of(stream, y, n);
    if (stream) {
        finish(0, wv, e, y, 0, head);
        finish(1, wv, e + head, y + head, 0, n - head);
    } else {
        finish(0, wv, e, y, 0, n);
    }
}

AVX2_INLINE void logarithm(const int stream, __m256 z, __m256 g, const float *t, float *y, int64_t n)
{
    int64_t j = 0;
    for (; j + AVX2_LANES <= n; j += AVX2_LANES)
        put(stream, y + j, _mm256_sub_ps(_mm256_sub_ps(_mm256_loadu_ps(t + j), z), g));
    if (j < n)
        avx2_store(n - j, y + j, _mm256_sub_ps(_mm256_sub_ps(avx2_load(n - j, t + j), z), g));
}

void gml_softmax_log_f32_avx2(int64_t n, float z, float g, const float *t, bool stream, float *y)
{
    const __m256 zv = _mm256_set1_ps(z), gv = _mm256_set1_ps(g);
    const int64_t head = head_of(stream, y, n);
    if (stream) {
        logarithm(0, zv, gv, t, y, head);
        logarithm(1, zv, gv, t + head, y + head, n - head);
    } else {
        logarithm(0, zv, gv, t, y, n);
    }
}

void gml_softmax_fence_avx2(void)
{
    _mm_sfence();
}
