/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax. The maximum of a row is a pass of loads, its final factor a pass of stores, and between them lie the
 * exponentials, nine FMAs for each vector and little else. So each loop here runs all three side by side, of three
 * segments: the maximum of the next, the exponentials of this one, the factor of the last. What bounds it are the FMA
 * ports, with 11 operations a vector.
 *
 * Exponentials go four vectors in lockstep, step by step of their chain, so that independent instructions follow one
 * another; and in two halves, the first of a block beside the second of the block before, as a chain of fifty cycles is
 * longer than what schedulers hold. The 16 virtual lanes of the sum are the lanes of one register; its
 * chain of additions is shorter than the exponentials beside it.
 *
 * Scaling by a positive number is monotone, rounding included: the maximum of scale * x[j] is scale * (maximum of x).
 */
#include "kernels/avx512/avx512.h"

#define FULL   ((__mmask16)0xffff)
#define WIDTH  (4 * AVX512_LANES) /* columns of a step of the loops */
#define ACROSS 64                 /* columns of rows that go sixteen at a time */
#define SHORT  (4 * AVX512_LANES) /* columns of a row that stays in registers */
#define AHEAD  8192               /* bytes that prefetches run ahead where memory is the bound */
#define EACH   AVX512_UNROLL for (int u = 0; u < 4; u++)

/* Of the 16 columns from j on, those below n. */
AVX512_INLINE __mmask16 lanes_of(int64_t j, int64_t n)
{
    return avx512_mask(avx512_min(n - j, AVX512_LANES));
}

/* The constants of exponentials. What is read here through a pointer that may be anything's stays in memory, where it
 * costs a load that has ports of its own; as registers the constants leave too few for two blocks in flight. */
static const float polynomial[] = {GML_EXP2_C5, GML_EXP2_C4, GML_EXP2_C3, GML_EXP2_C2, GML_EXP2_C1, 1.0f};

/* Four exponentials half way: exp(x - z) = p(r) * 2^n, or 0 where not `some`. */
typedef struct block {
    __m512 n[4], r[4];
    __mmask16 some[4];
} block;

/* The first half of avx512_exp, of scale * x - z at four vectors, step by step. */
AVX512_INLINE void reduce_4(const int scaled, __m512 scale, __m512 z, const float *x, block *b)
{
    const __m512 log2e = _mm512_set1_ps(GML_LOG2E), magic = _mm512_set1_ps(0x1.8p23f);
    __m512 t[4];
    EACH t[u] = _mm512_loadu_ps(x + u * AVX512_LANES);
    if (scaled)
        EACH t[u] = _mm512_mul_ps(scale, t[u]);
    EACH t[u] = _mm512_sub_ps(t[u], z);
    EACH b->some[u] = _mm512_cmp_ps_mask(t[u], _mm512_set1_ps(GML_EXP_LOW), _CMP_NLT_UQ);
    EACH b->n[u] = _mm512_fmadd_ps(t[u], log2e, magic);
    EACH b->n[u] = _mm512_sub_ps(b->n[u], magic);
    EACH b->r[u] = _mm512_fmsub_ps(t[u], log2e, b->n[u]);
    EACH b->r[u] = _mm512_fmadd_ps(t[u], _mm512_set1_ps(GML_LOG2E_LO), b->r[u]);
}

/* The second half; returns the sum with theirs. */
AVX512_INLINE __m512 expand_4(const block *b, const float *c, const int stored, float *e, __m512 sum)
{
    __m512 p[4];
    EACH p[u] = _mm512_set1_ps(GML_EXP2_C6);
    AVX512_UNROLL
    for (int i = 0; i < 6; i++)
        EACH p[u] = _mm512_fmadd_ps(p[u], b->r[u], _mm512_set1_ps(c[i]));
    EACH p[u] = _mm512_maskz_scalef_ps(b->some[u], p[u], b->n[u]);
    if (stored)
        EACH _mm512_storeu_ps(e + u * AVX512_LANES, p[u]);
    EACH sum = _mm512_add_ps(sum, p[u]);
    return sum;
}

AVX512_INLINE void put(const int stream, float *y, __m512 v)
{
    if (stream)
        _mm512_stream_ps(y, v);
    else
        _mm512_storeu_ps(y, v);
}

/* Columns before the first whole cache line of y: where streaming stores may begin. */
AVX512_INLINE int64_t head_of(const int stream, const float *y, int64_t n)
{
    return stream ? avx512_min(n, (int64_t)(-(uintptr_t)y % 64 / sizeof(float))) : 0;
}

AVX512_INLINE __m512 zero_if_infinite(float m)
{
    return _mm512_set1_ps(m == -INFINITY ? 0.0f : m);
}

/* The maximum so far, in two registers, and of x from column j to n. */
AVX512_INLINE float maximum(__m512 m[2], const float *x, int64_t j, int64_t n)
{
    for (; j + WIDTH <= n; j += WIDTH)
        EACH m[u % 2] = _mm512_max_ps(_mm512_loadu_ps(x + j + u * AVX512_LANES), m[u % 2]);
    for (; j < n; j += AVX512_LANES)
        m[0] = _mm512_mask_max_ps(m[0], lanes_of(j, n), _mm512_maskz_loadu_ps(lanes_of(j, n), x + j), m[0]);
    return _mm512_reduce_max_ps(_mm512_max_ps(m[0], m[1]));
}

/* e = exp(scale * x - z) from column j to n; returns their sum and `sum`. Absent lanes add +0. */
AVX512_INLINE float weigh(const int scaled, __m512 scale, __m512 z, const float *x, const int stored,
                          float *e, __m512 sum, int64_t j, int64_t n)
{
    const float *c = polynomial;
    AVX512_OPAQUE(c);
    if (j + WIDTH <= n) {
        block b;
        reduce_4(scaled, scale, z, x + j, &b);
        for (; j + 2 * WIDTH <= n; j += WIDTH) {
            sum = expand_4(&b, c, stored, e + j, sum);
            reduce_4(scaled, scale, z, x + j + WIDTH, &b);
        }
        sum = expand_4(&b, c, stored, e + j, sum);
        j += WIDTH;
    }
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = lanes_of(j, n);
        __m512 t = _mm512_maskz_loadu_ps(lanes, x + j);
        if (scaled)
            t = _mm512_mul_ps(scale, t);
        const __m512 v = avx512_exp(_mm512_sub_ps(t, z));
        if (stored)
            _mm512_mask_storeu_ps(e + j, lanes, v);
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(lanes, v));
    }
    return avx512_sum_lanes(sum);
}

/* y = w * e from column j to n; y + j is aligned where it streams. */
AVX512_INLINE void finish(const int stream, __m512 w, const float *e, float *y, int64_t j, int64_t n)
{
    for (; j + AVX512_LANES <= n; j += AVX512_LANES)
        put(stream, y + j, _mm512_mul_ps(w, _mm512_loadu_ps(e + j)));
    if (j < n)
        _mm512_mask_storeu_ps(y + j, lanes_of(j, n),
                              _mm512_mul_ps(w, _mm512_maskz_loadu_ps(lanes_of(j, n), e + j)));
}

AVX512_INLINE void step_of(const int stream, const int scaled, const gml_softmax_step_f32 *s, float *m_next,
                           float *l)
{
    const __m512 scale = _mm512_set1_ps(s->scale), z = zero_if_infinite(s->m), w = _mm512_set1_ps(s->w);
    const int64_t head = head_of(stream, s->y, s->n_last);
    const bool next = s->n_next >= WIDTH, last = s->n_last - head >= WIDTH;
    const int64_t both = avx512_min(next ? s->n_next : s->n, last ? s->n_last - head : s->n);
    const int64_t all = avx512_min(s->n, both) / WIDTH * WIDTH;
    const float *x_next = s->x_next, *x = s->x, *e_last = s->e_last + head, *c = polynomial;
    float *e = s->e, *y = s->y + head;
    __m512 m[2] = {_mm512_set1_ps(-INFINITY), _mm512_set1_ps(-INFINITY)}, sum = _mm512_setzero_ps();
    AVX512_OPAQUE(c);
    if (stream && s->n_last > 0) /* the line that the next row, or segment, shares is stored in two parts */
        _mm_prefetch((const char *)(s->y + s->n_last - 1), _MM_HINT_T0);
    if (head > 0)
        finish(0, w, s->e_last, s->y, 0, head);
    if (!last)
        finish(stream, w, e_last, y, 0, s->n_last - head);
    if (all > 0) {
        block b;
        reduce_4(scaled, scale, z, x, &b);
        for (int64_t j = 0;; j += WIDTH) {
            if (last)
                EACH put(stream, y + j + u * AVX512_LANES,
                         _mm512_mul_ps(w, _mm512_loadu_ps(e_last + j + u * AVX512_LANES)));
            if (next)
                EACH m[u % 2] = _mm512_max_ps(_mm512_loadu_ps(x_next + j + u * AVX512_LANES), m[u % 2]);
            if (stream)
                EACH _mm_prefetch((const char *)(x_next + j + u * AVX512_LANES) + AHEAD, _MM_HINT_T1);
            sum = expand_4(&b, c, 1, e + j, sum);
            if (j + WIDTH == all)
                break;
            reduce_4(scaled, scale, z, x + j + WIDTH, &b);
        }
    }
    if (last)
        finish(stream, w, e_last, y, all, s->n_last - head);
    *m_next = s->scale * maximum(m, x_next, next ? all : 0, s->n_next) + 0.0f;
    *l = weigh(scaled, scale, z, x, 1, e, sum, all, s->n);
}

void gml_softmax_step_f32_avx512(const gml_softmax_step_f32 *step, float *m_next, float *l)
{
    if (step->stream)
        step_of(1, 1, step, m_next, l);
    else if (step->scale != 1.0f)
        step_of(0, 1, step, m_next, l);
    else
        step_of(0, 0, step, m_next, l);
}

/* Sixteen rows of up to ACROSS columns, transposed, so that a vector is a column: nothing is done across lanes, and a
 * virtual lane of the sum is a register of its own. */
static void rows_across(const gml_softmax_rows_f32 *r, int64_t first)
{
    _Alignas(64) float e[ACROSS][AVX512_LANES];
    const __m512 scale = _mm512_set1_ps(r->scale), zero = _mm512_setzero_ps();
    /* Sixteen rows are less than the processor's own prefetching looks ahead in each of so many streams. */
    const int64_t ahead = first + 2 * AVX512_LANES <= r->rows ? AVX512_LANES : 0;
    __m512 t[16], m = _mm512_set1_ps(-INFINITY);
    for (int64_t j = 0; j < r->n; j += AVX512_LANES) {
        const __mmask16 lanes = lanes_of(j, r->n);
        const float *x = r->x + first * r->x_stride + j, *y = r->y + first * r->y_stride + j;
        AVX512_UNROLL
        for (int i = 0; i < 16; i++, x += r->x_stride, y += r->y_stride) {
            t[i] = _mm512_maskz_loadu_ps(lanes, x);
            __builtin_prefetch(x + ahead * r->x_stride, 0);
            __builtin_prefetch(y + ahead * r->y_stride, 1);
        }
        avx512_transpose_f32(t);
        AVX512_UNROLL
        for (int i = 0; i < 16; i++)
            _mm512_store_ps(e[j + i], _mm512_mul_ps(scale, t[i]));
    }
    for (int64_t j = 0; j < r->n; j++)
        m = _mm512_max_ps(_mm512_load_ps(e[j]), m);
    m = _mm512_add_ps(m, zero);
    weigh(0, _mm512_set1_ps(1.0f), avx512_finite_or_zero(m), e[0], 1, e[0], zero, 0, r->n * AVX512_LANES);

    AVX512_UNROLL
    for (int i = 0; i < 16; i++)
        t[i] = i < r->n ? _mm512_load_ps(e[i]) : zero;
    for (int64_t j = AVX512_LANES; j < r->n; j += AVX512_LANES)
        AVX512_UNROLL
    for (int i = 0; i < 16; i++)
        if (j + i < r->n)
            t[i] = _mm512_add_ps(t[i], _mm512_load_ps(e[j + i]));
    AVX512_UNROLL
    for (int half = 8; half > 0; half /= 2)
        AVX512_UNROLL
    for (int i = 0; i < half; i++)
        t[i] = _mm512_add_ps(t[i], t[i + half]);
    const __mmask16 some = _mm512_cmp_ps_mask(t[0], zero, _CMP_NEQ_UQ);
    const __m512 w = _mm512_maskz_div_ps(some, _mm512_set1_ps(1.0f), t[0]);
    if (r->m) {
        _mm512_storeu_ps(r->m + first, m);
        _mm512_storeu_ps(r->l + first, t[0]);
    }

    for (int64_t j = 0; j < r->n; j += AVX512_LANES) {
        const __mmask16 lanes = lanes_of(j, r->n);
        float *y = r->y + first * r->y_stride + j;
        AVX512_UNROLL
        for (int i = 0; i < 16; i++)
            t[i] = _mm512_mul_ps(w, _mm512_load_ps(e[j + i]));
        avx512_transpose_f32(t);
        AVX512_UNROLL
        for (int i = 0; i < 16; i++, y += r->y_stride)
            _mm512_mask_storeu_ps(y, lanes, t[i]);
    }
}

/* A row of `vectors` registers, up to SHORT columns. */
AVX512_INLINE void short_row(const int vectors, int64_t n, float scale, const float *x, float *y, float *m,
                             float *l)
{
    __m512 t[4], top = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
    const __mmask16 last = lanes_of((vectors - 1) * AVX512_LANES, n);
    AVX512_UNROLL
    for (int u = 0; u < vectors; u++) {
        const __mmask16 lanes = u == vectors - 1 ? last : FULL;
        t[u] = _mm512_mul_ps(_mm512_set1_ps(scale), _mm512_maskz_loadu_ps(lanes, x + u * AVX512_LANES));
        top = _mm512_mask_max_ps(top, lanes, t[u], top);
    }
    *m = _mm512_reduce_max_ps(top) + 0.0f;
    const __m512 z = zero_if_infinite(*m);
    AVX512_UNROLL
    for (int u = 0; u < vectors; u++) {
        t[u] = avx512_exp(_mm512_sub_ps(t[u], z));
        sum = _mm512_add_ps(sum, u == vectors - 1 ? _mm512_maskz_mov_ps(last, t[u]) : t[u]);
    }
    *l = avx512_sum_lanes(sum);
    const __m512 w = _mm512_set1_ps(*l == 0.0f ? 0.0f : 1.0f / *l);
    AVX512_UNROLL
    for (int u = 0; u < vectors; u++)
        _mm512_mask_storeu_ps(y + u * AVX512_LANES, u == vectors - 1 ? last : FULL, _mm512_mul_ps(w, t[u]));
}

static void short_rows(const gml_softmax_rows_f32 *r)
{
    float m, l;
    for (int64_t i = 0; i < r->rows; i++) {
        const int64_t n = r->n + i * r->grow;
        const float *x = r->x + i * r->x_stride;
        float *y = r->y + i * r->y_stride;
        switch ((n - 1) / AVX512_LANES) {
        case 0:
            short_row(1, n, r->scale, x, y, &m, &l);
            break;
        case 1:
            short_row(2, n, r->scale, x, y, &m, &l);
            break;
        case 2:
            short_row(3, n, r->scale, x, y, &m, &l);
            break;
        default:
            short_row(4, n, r->scale, x, y, &m, &l);
        }
        if (r->m)
            r->m[i] = m, r->l[i] = l;
    }
}

AVX512_INLINE void long_rows(const int stream, const int scaled, const gml_softmax_rows_f32 *r)
{
    _Alignas(64) float e[GML_RS0];
    float l;
    gml_softmax_step_f32 s = {
        .scale = r->scale, .x_next = r->x, .n_next = r->n, .x = r->x, .e = e, .e_last = e, .y = r->y};
    __m512 m[2] = {_mm512_set1_ps(-INFINITY), _mm512_set1_ps(-INFINITY)};
    s.m = r->scale * maximum(m, r->x, 0, r->n) + 0.0f;
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
    finish(0, _mm512_set1_ps(s.w), e, s.y, 0, head);
    finish(stream, _mm512_set1_ps(s.w), e + head, s.y + head, 0, s.n_last - head);
}

void gml_softmax_rows_f32_avx512(const gml_softmax_rows_f32 *rows)
{
    gml_softmax_rows_f32 rest = *rows;
    if (rows->n <= ACROSS && rows->grow == 0) {
        for (; rest.rows >= AVX512_LANES; rest.rows -= AVX512_LANES)
            rows_across(rows, rows->rows - rest.rows);
        const int64_t done = rows->rows - rest.rows;
        rest.x += done * rest.x_stride;
        rest.y += done * rest.y_stride;
        if (rest.m)
            rest.m += done, rest.l += done;
    }
    if (rest.n + (rest.rows - 1) * rest.grow <= SHORT)
        short_rows(&rest);
    else if (rest.rows > 0 && rest.stream)
        long_rows(1, 1, &rest);
    else if (rest.rows > 0 && rest.scale != 1.0f)
        long_rows(0, 1, &rest);
    else if (rest.rows > 0)
        long_rows(0, 0, &rest);
}

/* t of the 16 columns from j on. Lanes outside `lanes` are of no meaning. */
AVX512_INLINE __m512 score(const int biased, const int kept, const int curved,
                           const gml_softmax_scores_f32 *s, __mmask16 lanes, int64_t j, const float *x)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512 minus_infinity = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(s->scale);
    const __m512 xv = _mm512_maskz_loadu_ps(lanes, x + j);
    const __m512 bias = biased ? _mm512_maskz_loadu_ps(lanes, s->bias + j) : _mm512_setzero_ps();
    __m512 t = biased && !curved ? _mm512_fmadd_ps(scale, xv, bias) : _mm512_mul_ps(scale, xv);
    if (curved) {
        if (s->cap != 0.0f)
            t = _mm512_mul_ps(_mm512_set1_ps(s->cap),
                              avx512_tanh(_mm512_mul_ps(t, _mm512_set1_ps(s->inverse_cap))));
        if (s->slope)
            t = avx512_alibi(t, _mm512_set1_ps(*s->slope), _mm512_set1_epi32(s->position - (int32_t)j), lane);
        if (biased)
            t = _mm512_add_ps(t, bias);
    }
    if (biased)
        t = _mm512_mask_mov_ps(t, _mm512_cmp_ps_mask(bias, minus_infinity, _CMP_EQ_OQ), minus_infinity);
    if (kept) {
        const __m128i kv = _mm_maskz_loadu_epi8(lanes, s->keep + j);
        t = _mm512_mask_mov_ps(t, _mm_testn_epi8_mask(kv, kv), minus_infinity);
    }
    return t;
}

/* y = t; returns the maximum. */
AVX512_INLINE float scores(const int biased, const int kept, const int curved,
                           const gml_softmax_scores_f32 *s, int64_t n, const float *x, float *y)
{
    __m512 m[2] = {_mm512_set1_ps(-INFINITY), _mm512_set1_ps(-INFINITY)};
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        __m512 t[4];
        EACH t[u] = score(biased, kept, curved, s, FULL, j + u * AVX512_LANES, x);
        EACH _mm512_storeu_ps(y + j + u * AVX512_LANES, t[u]);
        EACH m[u % 2] = _mm512_max_ps(t[u], m[u % 2]);
    }
    for (; j < n; j += AVX512_LANES) {
        const __mmask16 lanes = lanes_of(j, n);
        const __m512 t = score(biased, kept, curved, s, lanes, j, x);
        _mm512_mask_storeu_ps(y + j, lanes, t);
        m[0] = _mm512_mask_max_ps(m[0], lanes, t, m[0]);
    }
    return maximum(m, y, n, n) + 0.0f;
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

void gml_softmax_reduce_f32_avx512(const gml_softmax_scores_f32 *s, int64_t n, const float *x,
                                   bool logarithms, float *y, float *m, float *l)
{
    const __m512 zero = _mm512_setzero_ps();
    if (s->cap == 0.0f && !s->slope && !s->bias && !s->keep && s->scale > 0.0f && !logarithms) {
        __m512 top[2] = {_mm512_set1_ps(-INFINITY), _mm512_set1_ps(-INFINITY)};
        *m = s->scale * maximum(top, x, 0, n) + 0.0f;
        *l = weigh(1, _mm512_set1_ps(s->scale), zero_if_infinite(*m), x, 1, y, zero, 0, n);
        return;
    }
    const __m512 one = _mm512_set1_ps(1.0f);
    *m = scores_of(s, n, x, y);
    if (logarithms)
        *l = weigh(0, one, zero_if_infinite(*m), y, 0, y, zero, 0, n);
    else
        *l = weigh(0, one, zero_if_infinite(*m), y, 1, y, zero, 0, n);
}

void gml_softmax_scale_f32_avx512(int64_t n, float w, const float *e, bool stream, float *y)
{
    const __m512 wv = _mm512_set1_ps(w);
    const int64_t head = head_of(stream, y, n);
    if (stream) {
        finish(0, wv, e, y, 0, head);
        finish(1, wv, e + head, y + head, 0, n - head);
    } else {
        finish(0, wv, e, y, 0, n);
    }
}

AVX512_INLINE void logarithm(const int stream, __m512 z, __m512 g, const float *t, float *y, int64_t n)
{
    int64_t j = 0;
    for (; j + AVX512_LANES <= n; j += AVX512_LANES)
        put(stream, y + j, _mm512_sub_ps(_mm512_sub_ps(_mm512_loadu_ps(t + j), z), g));
    if (j < n) {
        const __m512 v = _mm512_maskz_loadu_ps(lanes_of(j, n), t + j);
        _mm512_mask_storeu_ps(y + j, lanes_of(j, n), _mm512_sub_ps(_mm512_sub_ps(v, z), g));
    }
}

void gml_softmax_log_f32_avx512(int64_t n, float z, float g, const float *t, bool stream, float *y)
{
    const __m512 zv = _mm512_set1_ps(z), gv = _mm512_set1_ps(g);
    const int64_t head = head_of(stream, y, n);
    if (stream) {
        logarithm(0, zv, gv, t, y, head);
        logarithm(1, zv, gv, t + head, y + head, n - head);
    } else {
        logarithm(0, zv, gv, t, y, n);
    }
}

void gml_softmax_fence_avx512(void)
{
    _mm_sfence();
}
