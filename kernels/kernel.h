/* SPDX-License-Identifier: BSD-3-Clause
 *
 * THE contract of a kernel.
 *
 * A kernel is a leaf: it knows one instruction set and one tile. It knows no threads, no allocation, no
 * globals and no other instruction set. Every folder beside this file defines one `gml_kernel_set`, a
 * constant table; dispatch, tests, benchmark, tuner and command are loops over these tables.
 *
 * The bits every kernel must give are those of docs/arithmetic.md, with the constants of arithmetic.h.
 * No kernel reads or writes one byte outside the elements described here. Function types, not pointer
 * types, are declared, so that one line declares a kernel:
 *
 *     gml_gemm_block_fn gml_gemm_f32_8x48_avx512;
 *
 * Symbols are gml_<op>_<type>[_<tile>]_<isa>; the name in the table is the symbol without "gml_".
 */
#ifndef GML_KERNEL_H
#define GML_KERNEL_H

#include <gemmule/types.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Packing, which is also the transposition of any strided rectangle:
 *
 *     dst[p * ldd + i] = src[i * stride_len + p * stride_k]   for i < len
 *     dst[p * ldd + i] = +0                                   for len <= i < width
 *
 * for p < k. len <= width <= ldd, all >= 0; dst does not overlap src. Elements beyond width are not
 * written. Fast where stride_len == 1 (copies of rows) and where stride_k == 1 (transposition).
 */
typedef void gml_pack_fn(int64_t len, int64_t width, int64_t k, const void *src, int64_t stride_len,
                         int64_t stride_k, void *dst, int64_t ldd);

/*
 * The kernels of GEMM. Elements are of the type of their table, float or double; so are alpha and beta, which
 * come as doubles that the type holds exactly. All strides count elements.
 *
 * Epilogue of a rectangle of C, after its last update (section Epilogue of docs/arithmetic.md):
 *
 *     c[i * rs_c + j * cs_c] = activation(c + bias_n[j] + bias_m[i])     bias_n first, or bias_m where m_first
 *
 * A NULL bias is not added. activation is a gml_activation.
 */
typedef struct gml_gemm_epilogue {
    const void *bias_m, *bias_n; /* of the rectangle's first row and column */
    bool m_first;
    int32_t activation;
} gml_gemm_epilogue;

typedef void gml_gemm_finish_fn(const gml_gemm_epilogue *epilogue, int64_t m, int64_t n, void *c, int64_t rs_c,
                                int64_t cs_c);

/*
 * GEMM block: any m and n, at most KC0 along k (section GEMM of docs/arithmetic.md).
 *
 *     s[i][j] = chain over p = 0 .. k-1 of fma(A[i][p], B[p][j], s), from +0
 *     beta == 0:  c[i * rs_c + j] = alpha * s                 (c is not read)
 *     otherwise:  c[i * rs_c + j] = fma(alpha, s, beta * c)   (a product rounded, then the fma)
 *
 * for i < m, j < n; m, n >= 1; 1 <= k <= KC0; then the epilogue, unless it is NULL. The operands lie in panels of mr
 * rows of A and nr columns of B, the register tile of the kernel:
 *
 *     A[i][p] = a[i / mr * ps_a + i % mr * rs_a + p * cs_a]
 *     B[p][j] = b[j / nr * ps_b + j % nr + p * rs_b]
 *
 * which is packed memory (rs_a 1, cs_a mr, ps_a mr * k; rs_b nr, ps_b nr * k) as well as a matrix where it stands (ps_a
 * mr * rs_a; ps_b nr). Nothing beyond row m and column n is read. No alignment is needed beyond that of an element.
 *
 * A kernel that `copies_b` can leave a B in place packed for the blocks to come, at a smaller price than a pass of its
 * own: where packed_b is not NULL it takes [panel][k][nr], zero beyond column n, aligned to a vector, and ps_b is nr.
 *
 * `stream_c` says that nobody reads C soon: where beta is 0 a kernel may then write whole lines past the caches. c and
 * the distance of rows are multiples of 64 bytes, and when the kernel returns its stores are as any others to threads.
 */
typedef struct gml_gemm_block {
    int64_t m, n, k;
    const void *a;
    int64_t rs_a, cs_a, ps_a;
    const void *b;
    int64_t rs_b, ps_b;
    void *c;
    int64_t rs_c;
    double alpha, beta;
    const gml_gemm_epilogue *epilogue;
    void *packed_b;
    bool stream_c;
} gml_gemm_block;

typedef void gml_gemm_block_fn(const gml_gemm_block *block);

typedef struct gml_gemm_kernel {
    const char *name;    /* "gemm_f32_8x48_avx512"                                          */
    int16_t mr, nr;      /* the register tile; nr is a multiple of the lanes (ref: any)     */
    int16_t registers;   /* accumulators and operands, at most the set's; 0: not counted    */
    int16_t loads;       /* vector and broadcast loads per k-step                           */
    gml_gemm_block_fn *block;
    bool copies_b;       /* the block takes packed_b                                        */
} gml_gemm_kernel;

/*
 * Few rows: a thin A against a B that is read once, at the speed of memory. s holds sums that go on:
 *
 *     s[i * lds + j] = chain over p = 0 .. k-1 of fma(a[i * rs_a + p * cs_a], B[p][j], s[i * lds + j])
 *
 * for i < m, j < n; m, n, k >= 1. `rows` has B[p][j] = b[p * rs_b + j], contiguous along n; `dots` has B[p][j] =
 * b[p + j * cs_b], contiguous along k, which it transposes in registers. Made for m up to a dozen; any is legal.
 */
typedef void gml_gemm_rows_fn(int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
                              const void *b, int64_t rs_b, void *s, int64_t lds);
typedef void gml_gemm_dots_fn(int64_t m, int64_t n, int64_t k, const void *a, int64_t rs_a, int64_t cs_a,
                              const void *b, int64_t cs_b, void *s, int64_t lds);

/*
 * The update of C by sums that were formed elsewhere, for i < m, j < n:
 *
 *     beta == 0:  c[i * rs_c + j * cs_c] = alpha * s[i * lds + j]           (c is not read)
 *     otherwise:  c[i * rs_c + j * cs_c] = fma(alpha, s[i * lds + j], beta * c)
 */
typedef void gml_gemm_update_fn(int64_t m, int64_t n, double alpha, const void *s, int64_t lds, double beta,
                                void *c, int64_t rs_c, int64_t cs_c);

/* What GEMM on one type of elements needs. */
typedef struct gml_gemm_kernels {
    const char *type;    /* "f32"                                            */
    int16_t element;     /* bytes                                            */
    int16_t lanes;       /* elements of a vector register                    */
    int16_t kc0;         /* products of a chain: GML_KC0_F32 or GML_KC0_F64  */
    int16_t n_tiles;
    const gml_gemm_kernel *tiles; /* best guess first                        */
    gml_gemm_rows_fn *rows;
    gml_gemm_dots_fn *dots;
    gml_gemm_update_fn *update;
    gml_gemm_finish_fn *finish;
    gml_pack_fn *pack;
} gml_gemm_kernels;

/* y[i] = exp2(x[i]), or exp(x[i]) with x[i] <= 0 or NaN: the exponentials that the set's softmax and
 * attention inline, exposed so that every input can be tested. y may be x.                              */
typedef void gml_map_f32_fn(int64_t n, const float *x, float *y);

/*
 * Softmax: scores of the columns j of one segment, 1 <= n <= RS0 of them (section Softmax of docs/arithmetic.md):
 *
 *     t[j] = scale * x[j]
 *     t = cap * tanh(t * inverse_cap)                          where cap is not 0
 *     t = fma(*slope, -min(|position - j|, ALIBI_FAR), t)      where slope is not NULL
 *     t = t + bias[j]                                          where bias is not NULL, but with neither of both
 *     t[j] = fma(scale, x[j], bias[j])
 *     t[j] = -infinity, selected,                              where bias[j] is -infinity or keep[j] is 0
 *
 * position is that of the row counted from the segment's first column, within +-(ALIBI_FAR + RS0).
 */
typedef struct gml_softmax_scores_f32 {
    float scale;            /* not 0                       */
    float cap, inverse_cap; /* softcap, or 0               */
    const float *slope;     /* one, or NULL                */
    int32_t position;       /* with slope                  */
    const float *bias;      /* [n] or NULL                 */
    const uint8_t *keep;    /* [n] or NULL                 */
} gml_softmax_scores_f32;

/*
 * reduce, one segment. The scores are plain where scale is their only option.
 *
 *     *m = maximum of t + 0.0f;  e[j] = exp(t[j] - (*m == -infinity ? 0 : *m))
 *     *l = sum of e in SUM_LANES lanes, lane j % SUM_LANES ascending from +0, then the tree
 *     y[j] = e[j], or t[j] for a result in logarithms; y may be x
 *
 * Then scale: y[j] = w * e[j], or log: y[j] = (t[j] - z) - g, for j < n; y may be e, or t.
 */
typedef void gml_softmax_reduce_f32_fn(const gml_softmax_scores_f32 *scores, int64_t n, const float *x,
                                       bool logarithms, float *y, float *m, float *l);
typedef void gml_softmax_scale_f32_fn(int64_t n, float w, const float *e, bool stream, float *y);
typedef void gml_softmax_log_f32_fn(int64_t n, float z, float g, const float *t, bool stream, float *y);

/*
 * Stores of kernels that are told to `stream` pass the caches by, where the instruction set has such stores; they may
 * be seen late by other threads, until `fence`.
 */
typedef void gml_softmax_fence_fn(void);

/*
 * step: one segment between its neighbours, of plain scores with a scale above 0. Three passes run side by side, one of
 * each of three segments, so that loads and stores hide behind arithmetic:
 *
 *     the next one   *m_next = maximum of scale * x_next[j] + 0.0f, j < n_next; -infinity where n_next is 0
 *     this one       e[j] = exp(scale * x[j] - (m == -infinity ? 0 : m)), j < n; *l = their sum, as above
 *     the last one   y[j] = w * e_last[j], j < n_last
 *
 * Each n is 0 .. RS0. Element j of e_last is read before element j of e is written, so that both may be one buffer.
 * x_next may be where y is, as long as no element is y[j] of this step; x may be e.
 */
typedef struct gml_softmax_step_f32 {
    float scale;
    int64_t n_next, n, n_last;
    const float *x_next, *x;
    float m;
    float *e;
    const float *e_last;
    float w;
    float *y;
    bool stream;
} gml_softmax_step_f32;

typedef void gml_softmax_step_f32_fn(const gml_softmax_step_f32 *step, float *m_next, float *l);

/*
 * rows: whole rows of plain scores with a scale above 0, rows >= 1. Row i has n + i * grow columns, which are one
 * segment each: n >= 1, grow is 0 or 1.
 *
 *     y[i][j] = e * (l == 0 ? 0 : 1 / l);  m[i] and l[i] as above, where m is not NULL
 *
 * Row i of x is read before rows from i on of y are written; y may be x, with the same stride.
 */
typedef struct gml_softmax_rows_f32 {
    int64_t rows, n, grow;
    float scale;
    const float *x;
    int64_t x_stride;
    float *y;
    int64_t y_stride;
    float *m, *l; /* [rows], or both NULL */
    bool stream;
} gml_softmax_rows_f32;

typedef void gml_softmax_rows_f32_fn(const gml_softmax_rows_f32 *rows);

typedef struct gml_softmax_kernel_f32 {
    const char *name; /* "softmax_f32_avx512" */
    gml_softmax_reduce_f32_fn *reduce;
    gml_softmax_scale_f32_fn *scale;
    gml_softmax_log_f32_fn *log;
    gml_softmax_step_f32_fn *step;
    gml_softmax_rows_f32_fn *rows;
    gml_softmax_fence_fn *fence;
} gml_softmax_kernel_f32;

/*
 * Scores of attention, from the chain of products t of query i and key j of a block (section Attention of
 * docs/arithmetic.md):
 *
 *     t = cap * tanh(t * inverse_cap)                     where cap is not 0
 *     t = fma(slope[i], -min(|position[i] - j|, ALIBI_FAR), t)   where slope is not NULL
 *     t = fma(bias[i][j], LOG2E, t)                       where bias is not NULL
 *     t = -infinity, selected,                            where the query does not see the key, or its bias is -infinity
 *
 * cap, inverse_cap and slope are in base 2. position is that of the query counted from the block's first key, within
 * +-(ALIBI_FAR + KB0), and so fits an int32_t. What a query sees is a bit for each key: key j of query i in bit j % 32 of
 * seen[j / 32][i]; NULL where every query sees every key.
 *
 * A maximum is x > m ? x : m, of results of arithmetic, so never of a signalling NaN; NaN reaches a row through its sum.
 */
#define GML_SEEN_WORDS (GML_KB0 / 32)

/*
 * Attention step: one block of keys against strips of queries. Queries lie along the vector lanes, so that maxima, sums
 * and rescaling need no horizontal step.
 *
 * The block is shared by all strips of a call; K and V are read where they lie, row j of K being
 * head_dim contiguous floats at k + j * k_stride.
 */
typedef struct gml_attention_block_f32 {
    int64_t head_dim;             /* >= 1 */
    int64_t v_head_dim;           /* >= 0; without output, for its exponentials, 0 */
    const float *k, *v;           /* of the block's first key */
    int64_t k_stride, v_stride;   /* elements from one key to the next */
    float cap, inverse_cap;       /* softcap, or 0 */
} gml_attention_block_f32;

/*
 * A strip: up to bq queries, their running state, and the keys of the block that concern them, from `from`, a multiple
 * of SUM_LANES, up to `to`: 0 <= from < to <= KB0. K and V of other keys are not read by it. All arrays are 64-byte
 * aligned with bq elements a row; lanes from `queries` to bq are zero in qt, slope, position and seen, and may be
 * computed and left with any value in the rest. seen and bias are indexed by the keys of the block, whatever from is.
 * For each key j and query i:
 *
 *     t = chain over d ascending of fma(qt[d][i], k[j][d], t), from +0; then as above
 *     mb = maximum of t over j + 0.0f;             e = exp2(t - (mb == -infinity ? 0 : mb))
 *     lb = sum of e in SUM_LANES lanes by j % SUM_LANES, ascending from +0, then the tree
 *     s[d] = chain over j ascending of fma(e, v[j][d], s), from +0
 *
 * and the merge into the running state:
 *
 *     m' = max(m, mb) + 0.0f;  z = (m' == -infinity ? 0 : m')
 *     a = exp2(m - z);  b = exp2(mb - z);  l = fma(a, l, b * lb);  ot[d] = fma(a, ot[d], b * s[d])
 *
 * from m = -infinity, l = 0, ot = 0, which the caller sets. With e = 0 the product is still made: the caller recomputes
 * rows that come out non-finite while some of their keys were masked.
 */
typedef struct gml_attention_strip_f32 {
    int64_t queries;          /* 1 .. bq                                              */
    int64_t from, to;         /* keys of the block                                    */
    const float *qt;          /* [head_dim][bq]: q * scale * log2(e), transposed      */
    float *ot;                /* [v_head_dim][bq]: the output so far, transposed      */
    float *m, *l;             /* [bq]: maximum (base 2) and sum so far                */
    const uint32_t *seen;     /* [SEEN_WORDS][bq] or NULL                             */
    const float *bias;        /* [KB0][bq] in natural units or NULL                   */
    const float *slope;       /* [bq] or NULL                                         */
    const int32_t *position;  /* [bq], with slope                                     */
} gml_attention_strip_f32;

/* scratch: GML_ATTENTION_SCRATCH_F32(bq) floats, 64-byte aligned, contents undefined. After a call with one strip the
 * exponential of its key j and query i is scratch[j * bq + i]. */
typedef void gml_attention_step_f32_fn(const gml_attention_block_f32 *block,
                                       const gml_attention_strip_f32 *strips, int64_t n_strips,
                                       float *scratch);

#define GML_ATTENTION_SCRATCH_F32(bq) ((2 * GML_KB0 + 2 * GML_SUM_LANES + 8) * (int64_t)(bq))

#define GML_MAX_BQ 64 /* of any kernel */

typedef struct gml_attention_kernel_f32 {
    const char *name;  /* "attention_f32_48_avx512"                                    */
    int16_t bq;        /* queries of a strip, a multiple of the lanes                 */
    int16_t registers; /* of the larger of both tiles                                 */
    gml_attention_step_f32_fn *step;
} gml_attention_kernel_f32;

/* Bytes that are not 0 as bits: bit j % 32 of words[j / 32] for j < n, 1 <= n <= KB0; the other bits of all SEEN_WORDS
 * words are 0. */
typedef void gml_attention_keep_fn(int64_t n, const uint8_t *keep, uint32_t *words);

/*
 * Rows of bq elements, such as those of a strip, times a factor for each of their columns:
 *
 *     x[r * bq + i] = x[r * bq + i] * w[i] + 0.0f                   for r < rows, i < bq
 *     spoilt[i] = NaN where such an element is not finite, else 0   unless spoilt is NULL
 *
 * x, w and spoilt are 64-byte aligned, bq is a multiple of the lanes, and at most MAX_BQ.
 */
typedef void gml_attention_scale_f32_fn(int64_t rows, int64_t bq, float *x, const float *w, float *spoilt);

/*
 * Attention of few queries: rows of scores, keys along the lanes. Four functions take them past a block of keys:
 *
 *     products: t[i * t_stride + j] = chain over d ascending of fma(q[d] of row i, k[j * k_stride + d], t), from +0
 *     weigh:    a row of t becomes exponentials, 0 where a key is not seen
 *     values:   s[i * s_stride + d] = chain over j ascending of fma(e[i * e_stride + j], v[j * v_stride + d], s), from +0
 *     merge:    o[i] = fma(a, o[i], b * s[i])
 *
 * for i < rows, j < keys, d < dim; all at least 1, keys at most KB0. Queries, scaled, lie in panels of QUERY_PANEL rows:
 * element d of row i is q[i / QUERY_PANEL * QUERY_PANEL * dim + d * QUERY_PANEL + i % QUERY_PANEL]. K and V pass through
 * the core once, at the speed of memory: `next` are rows that will be read after these, to be asked for in time. It is a
 * hint, of any addresses.
 */
#define GML_QUERY_PANEL 4

typedef struct gml_attention_next_f32 {
    const float *rows;
    int64_t stride, dim;
} gml_attention_next_f32;

typedef void gml_attention_products_f32_fn(int64_t rows, int64_t keys, int64_t dim, const float *q, const float *k,
                                           int64_t k_stride, float *t, int64_t t_stride,
                                           const gml_attention_next_f32 *next);
typedef void gml_attention_values_f32_fn(int64_t rows, int64_t keys, int64_t dim, const float *e, int64_t e_stride,
                                         const float *v, int64_t v_stride, float *s, int64_t s_stride,
                                         const gml_attention_next_f32 *next);

/*
 * weigh: t[j], j < keys, the chain of products of one query, becomes its exponential (0 where the key is not seen); then
 *
 *     *m = maximum of t + 0.0f;  *l = sum of e in SUM_LANES lanes by j % SUM_LANES, then the tree
 */
typedef struct gml_attention_scores_f32 {
    int64_t keys;          /* 1 .. KB0                                                */
    float cap, inverse_cap;
    const uint32_t *seen;  /* [SEEN_WORDS] or NULL                                    */
    const float *bias;     /* [keys] or NULL                                          */
    const float *slope;    /* one, or NULL                                            */
    int32_t position;
} gml_attention_scores_f32;

typedef void gml_attention_weigh_f32_fn(const gml_attention_scores_f32 *scores, float *t, float *m, float *l);
typedef void gml_attention_merge_f32_fn(int64_t n, float a, float *o, float b, const float *s);

typedef struct gml_attention_row_f32 {
    const char *name; /* "attention_row_f32_avx512" */
    gml_attention_products_f32_fn *products;
    gml_attention_weigh_f32_fn *weigh;
    gml_attention_values_f32_fn *values;
    gml_attention_merge_f32_fn *merge;
} gml_attention_row_f32;

/* Feature bits. A set runs where all its bits are present in CPU and operating system (src/core/cpu.h). */
#define GML_CPU_AVX2 (UINT64_C(1) << 0)
#define GML_CPU_FMA (UINT64_C(1) << 1)
#define GML_CPU_AVX512F (UINT64_C(1) << 2)
#define GML_CPU_AVX512DQ (UINT64_C(1) << 3)
#define GML_CPU_AVX512BW (UINT64_C(1) << 4)
#define GML_CPU_AVX512VL (UINT64_C(1) << 5)
#define GML_CPU_NEON (UINT64_C(1) << 6)

typedef struct gml_kernel_set {
    const char *isa;   /* "avx512": the name of info.h and of GEMMULE_ISA             */
    uint64_t needs;    /* feature bits                                                */
    int16_t lanes;     /* f32 elements of a vector register                           */
    int16_t registers; /* vector registers                                            */
    int16_t n_attention_f32;
    const gml_gemm_kernels *gemm_f32, *gemm_f64;
    const gml_attention_kernel_f32 *attention_f32; /* best guess first                 */
    gml_attention_scale_f32_fn *attention_scale_f32;
    gml_attention_keep_fn *attention_keep;
    const gml_attention_row_f32 *attention_row_f32;
    const gml_softmax_kernel_f32 *softmax_f32;
    gml_map_f32_fn *exp2_f32, *exp_f32;
} gml_kernel_set;

/* gml_set_<isa>, for each line of isa.def that is built. */
#define GML_SET(isa) extern const gml_kernel_set gml_set_##isa;
#include "isa.def"
#undef GML_SET

#endif
