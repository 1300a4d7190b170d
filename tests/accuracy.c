/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Attention and softmax against the same formulas in double, and in float.
 */
#include "tests/accuracy.h"
#include "proof/generate.h"
#include <gemmule/gemmule.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define REAL       double
#define EXP        exp
#define LOG        log
#define TANH       tanh
#define NAME(name) name##_f64
#include "tests/accuracy_formulas.inc"

/* Functions of float that round correctly, but for one case in 10^8: kinder to the naive computation than any C library,
 * and the same on all. Not inlined, as gcc 12 drops the rounding of what it computes for two elements at a time. */
#define ROUNDED(name, function)                                                                              \
    __attribute__((noinline)) static float name(float x)                                                     \
    {                                                                                                        \
        return (float)function((double)x);                                                                   \
    }
ROUNDED(exp_f32, exp)
ROUNDED(log_f32, log)
ROUNDED(tanh_f32, tanh)
#define REAL       float
#define EXP        exp_f32
#define LOG        log_f32
#define TANH       tanh_f32
#define NAME(name) name##_f32
#include "tests/accuracy_formulas.inc"

static const double unit = 0x1p-24;

/* Errors of n elements in units of `scale * unit`, or where `relative` of the exact element, which is left out where it
 * is below 2^-20. */
static accuracy errors(int64_t n, const float *x, const double *exact, double scale, bool relative)
{
    double largest = 0.0, squares = 0.0;
    int64_t counted = 0;
    for (int64_t i = 0; i < n; i++) {
        if (relative && fabs(exact[i]) < 0x1p-20)
            continue;
        const double error = fabs((double)x[i] - exact[i]) / (unit * (relative ? fabs(exact[i]) : scale));
        largest = error > largest ? error : largest;
        squares += error * error;
        counted++;
    }
    return (accuracy){largest, counted ? sqrt(squares / (double)counted) : 0.0};
}

static double largest_of(int64_t n, const double *x)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = isfinite(x[i]) && fabs(x[i]) > largest ? fabs(x[i]) : largest;
    return largest;
}

/* Exact results, naive ones and ours, with their logsumexps. */
typedef struct results {
    int64_t n, rows;
    double *exact, *exact_lse, *work;
    float *naive, *naive_lse, *naive_work, *ours, *ours_lse;
} results;

/* Rows of `width` results, with room for `work` numbers of each type. */
static results make_results(int64_t rows, int64_t width, int64_t work)
{
    const int64_t n = rows * width, each = n + rows + work;
    results r = {.n = n, .rows = rows};
    r.exact = calloc((size_t)each, sizeof(double));
    r.naive = calloc((size_t)each, sizeof(float));
    r.ours = calloc((size_t)each, sizeof(float));
    if (r.exact && r.naive && r.ours) {
        r.exact_lse = r.exact + n, r.naive_lse = r.naive + n, r.ours_lse = r.ours + n;
        r.work = r.exact_lse + rows, r.naive_work = r.naive_lse + rows;
    }
    return r;
}

static void free_results(results *r)
{
    free(r->exact);
    free(r->naive);
    free(r->ours);
}

static accuracy_row row_of(const char *problem, const results *r, bool relative)
{
    const double scale = largest_of(r->n, r->exact), lse_scale = fmax(1.0, largest_of(r->rows, r->exact_lse));
    return (accuracy_row){problem, errors(r->n, r->ours, r->exact, scale, relative),
                          errors(r->n, r->naive, r->exact, scale, relative),
                          errors(r->rows, r->ours_lse, r->exact_lse, lse_scale, false),
                          errors(r->rows, r->naive_lse, r->exact_lse, lse_scale, false)};
}

/* n uniform numbers in [-size, size), or NULL. */
static float *uniform(int64_t n, float size, uint64_t seed)
{
    float *x = malloc((size_t)n * sizeof(float));
    proof_random random = proof_random_seeded(seed, 7);
    for (int64_t i = 0; x && i < n; i++)
        x[i] = size * proof_value(&random, PROOF_UNIFORM);
    return x;
}

enum { CAUSAL = 1, KEEP = 2, BIAS = 4, LOWEST = 8, ALIBI = 16, SINKS = 32, LOGARITHMS = 64 };

/* Queries, keys and values are uniform in [-1, 1), queries times `spread`: scores have a third of that as deviation. */
typedef struct attention_case {
    const char *problem;
    int64_t heads, kv_heads, q_len, kv_len, head_dim, v_head_dim;
    float spread;
    unsigned options;
    int64_t window;
    float softcap;
} attention_case;

static const attention_case attention_cases[] = {
    {"head_dim 40, 1024 keys", 2, 2, 32, 1024, 40, 40, 3, 0, 0, 0},
    {"head_dim 64, 1024 keys", 2, 2, 32, 1024, 64, 64, 3, 0, 0, 0},
    {"head_dim 80, 1024 keys", 2, 2, 32, 1024, 80, 80, 3, 0, 0, 0},
    {"head_dim 128, 1024 keys", 2, 2, 32, 1024, 128, 128, 3, 0, 0, 0},
    {"head_dim 192, values of 128, 1024 keys", 2, 2, 16, 1024, 192, 128, 3, 0, 0, 0},
    {"head_dim 256, 1024 keys", 2, 2, 16, 1024, 256, 256, 3, 0, 0, 0},
    {"head_dim 576, values of 512, 1024 keys, 4 heads on 1", 4, 1, 4, 1024, 576, 512, 3, 0, 0, 0},
    {"head_dim 128, 1 key", 2, 2, 32, 1, 128, 128, 3, 0, 0, 0},
    {"head_dim 128, 77 keys", 2, 2, 32, 77, 128, 128, 3, 0, 0, 0},
    {"head_dim 128, 4096 keys, 4 heads on 2", 4, 2, 8, 4096, 128, 128, 3, 0, 0, 0},
    {"head_dim 128, 16384 keys", 1, 1, 8, 16384, 128, 128, 3, 0, 0, 0},
    {"head_dim 128, 65536 keys, 1 query", 1, 1, 1, 65536, 128, 128, 3, 0, 0, 0},
    {"equal scores, 4096 keys", 1, 1, 8, 4096, 64, 64, 0, 0, 0, 0},
    {"scores of deviation 0.01", 2, 2, 32, 1024, 64, 64, 0.03f, 0, 0, 0},
    {"scores of deviation 10", 2, 2, 32, 1024, 64, 64, 30, 0, 0, 0},
    {"scores of deviation 100", 2, 2, 32, 1024, 64, 64, 300, 0, 0, 0},
    {"scores to +-10000", 2, 2, 32, 1024, 64, 64, 9000, 0, 0, 0},
    {"scores to +-10000, head_dim 128, causal", 2, 2, 64, 1024, 128, 128, 9000, CAUSAL, 0, 0},
    {"scores that are denormal", 2, 2, 32, 1024, 64, 64, 0x1p-130f, 0, 0, 0},
    {"causal, 512 x 512", 1, 1, 512, 512, 64, 64, 3, CAUSAL, 0, 0},
    {"causal, window of 256", 2, 2, 64, 1024, 128, 128, 3, CAUSAL, 256, 0},
    {"boolean mask", 2, 2, 32, 1024, 128, 128, 3, KEEP, 0, 0},
    {"bias in [-4, 4)", 2, 2, 32, 1024, 128, 128, 3, BIAS, 0, 0},
    {"mask of the lowest float, added", 2, 2, 32, 1024, 128, 128, 3, LOWEST, 0, 0},
    {"ALiBi, causal", 4, 4, 32, 1024, 64, 64, 3, CAUSAL | ALIBI, 0, 0},
    {"ALiBi, 8192 keys", 4, 4, 8, 8192, 64, 64, 3, ALIBI, 0, 0},
    {"softcap 50, scores of deviation 10", 2, 2, 32, 1024, 128, 128, 30, 0, 0, 50},
    {"softcap 50, scores of deviation 100", 2, 2, 32, 1024, 128, 128, 300, 0, 0, 50},
    {"softcap 30, causal, scores of deviation 1", 2, 2, 32, 1024, 256, 256, 3, CAUSAL, 0, 30},
    {"sinks, 8 heads on 1, window of 128", 8, 1, 256, 1024, 64, 64, 3, CAUSAL | SINKS, 128, 0},
    {"softcap, ALiBi, bias and sinks", 4, 2, 32, 1024, 96, 96, 10, CAUSAL | ALIBI | BIAS | SINKS, 0, 20},
};

static const float slopes[8] = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.015625f, 0.0078125f, 0.00390625f};
static const float sinks[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static void set_strides(int64_t stride[3], int64_t tokens, int64_t dim)
{
    stride[1] = tokens * dim, stride[2] = dim;
}

static bool measure_attention(const attention_case *c, accuracy_row *row)
{
    const int64_t queries = c->heads * c->q_len, keys = c->kv_heads * c->kv_len, masks = c->q_len * c->kv_len;
    results r = make_results(queries, c->v_head_dim, c->kv_len);
    float *q = uniform(queries * c->head_dim, c->spread, 1), *k = uniform(keys * c->head_dim, 1.0f, 2);
    float *v = uniform(keys * c->v_head_dim, 1.0f, 3), *bias = uniform(masks, 4.0f, 4);
    uint8_t *keep = malloc((size_t)masks);
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    bool done = false;
    if (!r.exact || !r.naive || !r.ours || !q || !k || !v || !bias || !keep)
        goto end;

    for (int64_t i = 0; i < masks; i++) {
        keep[i] = bias[i] < 3.0f; /* one in eight is masked */
        if (c->options & LOWEST)
            bias[i] = keep[i] ? 0.0f : -0x1.fffffep127f;
    }
    p.batch = 1, p.heads = c->heads, p.kv_heads = c->kv_heads, p.q_len = c->q_len, p.kv_len = c->kv_len;
    p.head_dim = c->head_dim, p.v_head_dim = c->v_head_dim;
    p.q = q, p.k = k, p.v = v, p.o = r.ours, p.lse = r.ours_lse;
    set_strides(p.q_stride, c->q_len, c->head_dim);
    set_strides(p.k_stride, c->kv_len, c->head_dim);
    set_strides(p.v_stride, c->kv_len, c->v_head_dim);
    set_strides(p.o_stride, c->q_len, c->v_head_dim);
    set_strides(p.lse_stride, c->q_len, 1);
    if (c->options & (BIAS | LOWEST))
        p.bias = bias, p.bias_stride[2] = c->kv_len, p.bias_stride[3] = 1;
    if (c->options & KEEP)
        p.keep = keep, p.keep_stride[2] = c->kv_len, p.keep_stride[3] = 1;
    p.alibi = c->options & ALIBI ? slopes : NULL;
    p.sinks = c->options & SINKS ? sinks : NULL;
    p.causal = c->options & CAUSAL ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE;
    p.window_left = c->window, p.softcap = c->softcap;
    p.scale = (float)(1.0 / sqrt((double)c->head_dim)); /* the same number for all three */
    if (gml_attention_f32(NULL, &p) != GML_OK)
        goto end;
    attention_f64(&p, r.work, r.exact, r.exact_lse);
    attention_f32(&p, r.naive_work, r.naive, r.naive_lse);
    *row = row_of(c->problem, &r, false);
    done = true;
end:
    free_results(&r);
    free(q);
    free(k);
    free(v);
    free(bias);
    free(keep);
    return done;
}

int accuracy_of_attention(accuracy_row *rows)
{
    const int n = sizeof attention_cases / sizeof *attention_cases;
    for (int i = 0; i < n; i++)
        if (!measure_attention(&attention_cases[i], &rows[i]))
            return 0;
    return n;
}

/* Logits are uniform in [-1, 1) times `spread`. */
typedef struct softmax_case {
    const char *problem;
    int64_t rows, cols;
    float spread, scale;
    unsigned options;
    float softcap;
} softmax_case;

static const softmax_case softmax_cases[] = {
    {"64 columns, logits to +-2", 64, 64, 2, 1, 0, 0},
    {"512 columns, logits to +-2", 64, 512, 2, 1, 0, 0},
    {"4096 columns, logits to +-2", 16, 4096, 2, 1, 0, 0},
    {"16384 columns, logits to +-2", 4, 16384, 2, 1, 0, 0},
    {"128256 columns, logits to +-8", 1, 128256, 8, 1, 0, 0},
    {"4096 columns, logits to +-20", 16, 4096, 20, 1, 0, 0},
    {"4096 columns, logits to +-200", 16, 4096, 200, 1, 0, 0},
    {"4096 columns, logits to +-10000", 16, 4096, 10000, 1, 0, 0},
    {"4096 columns, scale 1/8, logits to +-16", 16, 4096, 16, 0.125f, 0, 0},
    {"4096 columns, scale 0.3, logits to +-100", 16, 4096, 100, 0.3f, 0, 0},
    {"512 x 512, causal", 512, 512, 2, 1, CAUSAL, 0},
    {"4096 columns, bias in [-4, 4)", 16, 4096, 2, 1, BIAS, 0},
    {"4096 columns, ALiBi", 16, 4096, 2, 1, ALIBI, 0},
    {"4096 columns, softcap 30, logits to +-100", 16, 4096, 100, 1, 0, 30},
    {"4096 columns, a sink", 16, 4096, 2, 1, SINKS, 0},
    {"4096 columns, logarithms", 16, 4096, 20, 1, LOGARITHMS, 0},
    {"128256 columns, logarithms", 1, 128256, 20, 1, LOGARITHMS, 0},
};

static bool measure_softmax(const softmax_case *c, accuracy_row *row)
{
    results r = make_results(c->rows, c->cols, 0);
    float *x = uniform(c->rows * c->cols, c->spread, 5), *bias = uniform(c->cols, 4.0f, 6);
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    bool done = false;
    if (!r.exact || !r.naive || !r.ours || !x || !bias)
        goto end;
    p.rows = c->rows, p.cols = c->cols;
    p.x = x, p.x_stride = c->cols;
    p.y = r.ours, p.y_stride = c->cols;
    p.lse = r.ours_lse, p.lse_stride = 1;
    p.bias = c->options & BIAS ? bias : NULL;
    p.alibi = c->options & ALIBI ? slopes + 5 : NULL;
    p.sinks = c->options & SINKS ? sinks + 7 : NULL;
    p.causal = c->options & CAUSAL ? GML_CAUSAL_BOTTOM_RIGHT : GML_CAUSAL_NONE;
    p.log = c->options & LOGARITHMS ? 1 : 0;
    p.scale = c->scale, p.softcap = c->softcap;
    if (gml_softmax_f32(NULL, &p) != GML_OK)
        goto end;
    softmax_f64(&p, r.exact, r.exact_lse);
    softmax_f32(&p, r.naive, r.naive_lse);
    *row = row_of(c->problem, &r, true);
    done = true;
end:
    free_results(&r);
    free(x);
    free(bias);
    return done;
}

int accuracy_of_softmax(accuracy_row *rows)
{
    const int n = sizeof softmax_cases / sizeof *softmax_cases;
    for (int i = 0; i < n; i++)
        if (!measure_softmax(&softmax_cases[i], &rows[i]))
            return 0;
    return n;
}
