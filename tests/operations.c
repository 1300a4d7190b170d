/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/operations.h"
#include "proof/spec/spec.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    M = 53,
    N = 101,
    K = 1100, /* three blocks of KC0 */
    LDC = N + 3,
    ROWS = 19,
    COLS = 4500, /* two segments of RS0 */
    BATCH = 2,
    HEADS = 4,
    KV_HEADS = 2,
    Q = 37,
    KV = 300, /* three blocks of KB0 */
    DIM = 24,
    V_DIM = 20,
    MERGED = 600, /* queries of a merge */
    POOL = 1 << 18
};

static float *pool;     /* in [-1, 1) */
static double *doubles; /* the same   */
static float *denormal; /* the same, near the smallest normal number */
static uint8_t *keep;
static int32_t documents[KV + 16];
static const float slopes[HEADS] = {0.5f, 0.25f, -0.125f, 0.0f};
static float *expected[OPERATIONS];

static gml_status gemm(gml_context *context, float *c)
{
    memcpy(c, pool, (size_t)M * LDC * sizeof *c);
    return gml_gemm_f32(context, M, N, K, 1.5f, pool, K, 1, pool + 7, N, 1, -0.5f, c, LDC, 1);
}

static void specify_gemm(float *c)
{
    memcpy(c, pool, (size_t)M * LDC * sizeof *c);
    spec_gemm_f32(M, N, K, 1.5f, pool, K, 1, pool + 7, N, 1, -0.5f, c, LDC, 1);
}

/* Column-major operands and result, and a C that must not be read. */
static gml_status gemm_transposed(gml_context *context, float *c)
{
    memset(c, 0xff, (size_t)M * N * sizeof *c);
    return gml_gemm_f32(context, M, N, K, 1.0f, pool, 1, M, pool + 3, 1, K, 0.0f, c, 1, M);
}

static void specify_gemm_transposed(float *c)
{
    spec_gemm_f32(M, N, K, 1.0f, pool, 1, M, pool + 3, 1, K, 0.0f, c, 1, M);
}

/* Large enough to be worth threads in any plan. */
static gml_status gemm_large(gml_context *context, float *c)
{
    return gml_gemm_f32(context, 4 * M, 3 * N, K / 2, 1.0f, pool, K / 2, 1, pool + 1, 3 * N, 1, 0.0f, c,
                        3 * N, 1);
}

static void specify_gemm_large(float *c)
{
    spec_gemm_f32(4 * M, 3 * N, K / 2, 1.0f, pool, K / 2, 1, pool + 1, 3 * N, 1, 0.0f, c, 3 * N, 1);
}

/* Products that round to denormal numbers, and sums of them. */
static gml_status gemm_denormal(gml_context *context, float *c)
{
    return gml_gemm_f32(context, M, N, K / 4, 0.75f, denormal, K / 4, 1, pool, N, 1, 0.0f, c, N, 1);
}

static void specify_gemm_denormal(float *c)
{
    spec_gemm_f32(M, N, K / 4, 0.75f, denormal, K / 4, 1, pool, N, 1, 0.0f, c, N, 1);
}

/* Few rows, whose path has no blocks of A; and an alpha that is 0 where denormal numbers are. */
static gml_status gemm_thin(gml_context *context, float *c)
{
    return gml_gemm_f32(context, 3, 2 * N, K, 0x1p-130f, pool, K, 1, pool + 5, 1, K, 0.0f, c, 2 * N, 1);
}

static void specify_gemm_thin(float *c)
{
    spec_gemm_f32(3, 2 * N, K, 0x1p-130f, pool, K, 1, pool + 5, 1, K, 0.0f, c, 2 * N, 1);
}

static gml_status gemm_double(gml_context *context, float *c)
{
    return gml_gemm_f64(context, M, N, K, -1.5, doubles, K, 1, doubles + 7, N, 1, 0.0, (double *)c, N, 1);
}

static void specify_gemm_double(float *c)
{
    spec_gemm_f64(M, N, K, -1.5, doubles, K, 1, doubles + 7, N, 1, 0.0, (double *)c, N, 1);
}

/* A batch with an epilogue; B is the same for all. */
static gml_gemm_problem batch_problem(float *c)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = M, p.n = N, p.k = K;
    p.a = pool, p.rs_a = K, p.cs_a = 1;
    p.b = pool + 7, p.rs_b = N, p.cs_b = 1;
    p.c = c, p.rs_c = N, p.cs_c = 1;
    p.batch = BATCH;
    p.bs_a = M * K, p.bs_c = M * N;
    p.bias_m = pool + 3, p.bias_n = pool + 17;
    p.activation = GML_ACTIVATION_GELU_ERF;
    return p;
}

static gml_status gemm_batch(gml_context *context, float *c)
{
    const gml_gemm_problem p = batch_problem(c);
    return gml_gemm(context, &p);
}

static void specify_gemm_batch(float *c)
{
    for (int l = 0; l < BATCH; l++, c += M * N) {
        spec_gemm_f32(M, N, K, 1.0f, pool + l * M * K, K, 1, pool + 7, N, 1, 0.0f, c, N, 1);
        spec_epilogue_f32(M, N, pool + 3, pool + 17, GML_ACTIVATION_GELU_ERF, c, N, 1);
    }
}

/* Objects may fail for want of memory; the call without them does not. */
static gml_status gemm_plan(gml_context *context, float *c)
{
    gml_gemm_problem p = batch_problem(c);
    p.c = NULL;
    gml_plan *plan;
    gml_status status = gml_plan_create_gemm(&plan, context, &p);
    if (status == GML_ERR_MEMORY)
        return gemm_batch(context, c);
    if (status != GML_OK)
        return status;
    status = gml_plan_run_gemm(plan, p.a, p.b, c);
    gml_plan_destroy(plan);
    return status;
}

static gml_status gemm_packed(gml_context *context, float *c)
{
    gml_gemm_problem p = batch_problem(c);
    gml_packed *packed;
    gml_status status = gml_gemm_pack_b(&packed, context, &p);
    if (status == GML_ERR_MEMORY)
        return gemm_batch(context, c);
    if (status != GML_OK)
        return status;
    p.b = NULL;
    p.packed_b = packed;
    status = gml_gemm(context, &p);
    gml_packed_destroy(packed);
    return status;
}

/* A long k and a small C, by columns. */
static gml_status gemm_long(gml_context *context, float *c)
{
    return gml_gemm_f32(context, 9, 11, 8 * K, 1.0f, pool, 1, 9, pool, 1, 8 * K, 0.0f, c, 1, 9);
}

static void specify_gemm_long(float *c)
{
    spec_gemm_f32(9, 11, 8 * K, 1.0f, pool, 1, 9, pool, 1, 8 * K, 0.0f, c, 1, 9);
}

static gml_softmax_problem softmax_problem(float *y)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = ROWS;
    p.cols = COLS;
    p.x = pool;
    p.x_stride = COLS + 5;
    p.y = y;
    p.y_stride = COLS;
    p.bias = pool + 11;
    p.bias_stride = COLS;
    p.keep = keep;
    p.scale = 40.0f;
    p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    return p;
}

static gml_status softmax(gml_context *context, float *y)
{
    const gml_softmax_problem p = softmax_problem(y);
    return gml_softmax_f32(context, &p);
}

static void specify_softmax(float *y)
{
    const gml_softmax_problem p = softmax_problem(y);
    spec_softmax_f32(&p);
}

static gml_attention_problem attention_problem(float *o)
{
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = BATCH;
    p.heads = HEADS;
    p.kv_heads = KV_HEADS;
    p.q_len = Q;
    p.kv_len = KV;
    p.head_dim = DIM;
    p.v_head_dim = V_DIM;
    p.q = pool;
    p.q_stride[0] = HEADS * Q * DIM, p.q_stride[1] = Q * DIM, p.q_stride[2] = DIM;
    p.k = pool + 5;
    p.k_stride[0] = KV_HEADS * KV * DIM, p.k_stride[1] = DIM, p.k_stride[2] = KV_HEADS * DIM;
    p.v = pool + 9;
    p.v_stride[0] = KV_HEADS * KV * V_DIM, p.v_stride[1] = KV * V_DIM, p.v_stride[2] = V_DIM;
    p.o = o;
    p.o_stride[0] = HEADS * Q * V_DIM, p.o_stride[1] = V_DIM, p.o_stride[2] = HEADS * V_DIM;
    p.lse = o + BATCH * HEADS * Q * V_DIM;
    p.lse_stride[0] = HEADS * Q, p.lse_stride[1] = Q, p.lse_stride[2] = 1;
    p.scale = 20.0f;
    return p;
}

static gml_status attention(gml_context *context, float *o)
{
    const gml_attention_problem p = attention_problem(o);
    return gml_attention_f32(context, &p);
}

static void specify_attention(float *o)
{
    const gml_attention_problem p = attention_problem(o);
    spec_attention_f32(&p);
}

/* Masked in every way, with rows that see nothing. */
static gml_attention_problem attention_masked_problem(float *o)
{
    gml_attention_problem p = attention_problem(o);
    p.scale = 0.0f;
    p.bias = pool + 13;
    p.bias_stride[2] = KV, p.bias_stride[3] = 1;
    p.keep = keep;
    p.keep_stride[0] = KV, p.keep_stride[3] = 1;
    p.causal = GML_CAUSAL_OFFSET;
    p.causal_offset = 129;
    return p;
}

static gml_status attention_masked(gml_context *context, float *o)
{
    const gml_attention_problem p = attention_masked_problem(o);
    return gml_attention_f32(context, &p);
}

static void specify_attention_masked(float *o)
{
    const gml_attention_problem p = attention_masked_problem(o);
    spec_attention_f32(&p);
}

/* Values that become denormal when they are weighed. */
static gml_attention_problem attention_denormal_problem(float *o)
{
    gml_attention_problem p = attention_problem(o);
    p.v = denormal;
    p.causal = GML_CAUSAL_TOP_LEFT;
    return p;
}

static gml_status attention_denormal(gml_context *context, float *o)
{
    const gml_attention_problem p = attention_denormal_problem(o);
    return gml_attention_f32(context, &p);
}

static void specify_attention_denormal(float *o)
{
    const gml_attention_problem p = attention_denormal_problem(o);
    spec_attention_f32(&p);
}

/* Every option, K with contiguous tokens, and the weights behind the logsumexps. */
static gml_attention_problem attention_options_problem(float *o)
{
    static const int64_t lengths[BATCH] = {KV, 150}, prefix[BATCH] = {3, 0};
    gml_attention_problem p = attention_problem(o);
    p.scale = 4.0f;
    p.k_stride[0] = KV_HEADS * DIM * KV, p.k_stride[1] = DIM * KV, p.k_stride[2] = 1;
    p.k_dim_stride = KV;
    p.weights = o + BATCH * HEADS * Q * (V_DIM + 1);
    p.weights_stride[0] = HEADS * Q * KV, p.weights_stride[1] = Q * KV;
    p.weights_stride[2] = KV, p.weights_stride[3] = 1;
    p.bias = pool + 13;
    p.bias_stride[1] = KV, p.bias_stride[3] = 1;
    p.kv_lengths = lengths;
    p.prefix = prefix;
    p.q_document = documents;
    p.kv_document = documents + 5;
    p.kv_document_stride = 7;
    p.alibi = slopes;
    p.sinks = pool + 19;
    p.window_left = 140;
    p.window_right = 20;
    p.softcap = 5.0f;
    return p;
}

static gml_status attention_options(gml_context *context, float *o)
{
    const gml_attention_problem p = attention_options_problem(o);
    return gml_attention_f32(context, &p);
}

static void specify_attention_options(float *o)
{
    const gml_attention_problem p = attention_options_problem(o);
    spec_attention_f32(&p);
}

/* A step of decoding, two queries to each head. */
static gml_attention_problem attention_few_problem(float *o)
{
    gml_attention_problem p = attention_problem(o);
    p.q_len = 2;
    p.lse = o + BATCH * HEADS * 2 * V_DIM;
    p.o_stride[0] = HEADS * 2 * V_DIM;
    p.lse_stride[0] = HEADS * 2, p.lse_stride[1] = 2;
    p.causal = GML_CAUSAL_BOTTOM_RIGHT;
    p.sinks = pool + 19;
    return p;
}

static gml_status attention_few(gml_context *context, float *o)
{
    const gml_attention_problem p = attention_few_problem(o);
    return gml_attention_f32(context, &p);
}

static void specify_attention_few(float *o)
{
    const gml_attention_problem p = attention_few_problem(o);
    spec_attention_f32(&p);
}

/* Enough rows for two threads, and outputs that are denormal when they are weighed. */
static gml_attention_merge_problem merge_problem(float *o)
{
    gml_attention_merge_problem p = GML_ATTENTION_MERGE_PROBLEM_INIT;
    p.parts = 3;
    p.batch = BATCH, p.heads = HEADS, p.q_len = MERGED;
    p.v_head_dim = V_DIM;
    p.o_parts = denormal;
    p.o_parts_stride[0] = 31, p.o_parts_stride[1] = HEADS * MERGED * V_DIM;
    p.o_parts_stride[2] = V_DIM, p.o_parts_stride[3] = HEADS * V_DIM;
    p.lse_parts = pool;
    p.lse_parts_stride[0] = 17, p.lse_parts_stride[1] = HEADS * MERGED;
    p.lse_parts_stride[2] = MERGED, p.lse_parts_stride[3] = 1;
    p.o = o;
    p.o_stride[0] = HEADS * MERGED * V_DIM, p.o_stride[1] = MERGED * V_DIM, p.o_stride[2] = V_DIM;
    p.lse = o + BATCH * HEADS * MERGED * V_DIM;
    p.lse_stride[0] = HEADS * MERGED, p.lse_stride[1] = MERGED, p.lse_stride[2] = 1;
    return p;
}

static gml_status attention_merge(gml_context *context, float *o)
{
    const gml_attention_merge_problem p = merge_problem(o);
    return gml_attention_merge_f32(context, &p);
}

static void specify_attention_merge(float *o)
{
    const gml_attention_merge_problem p = merge_problem(o);
    spec_attention_merge_f32(&p);
}

#define ATTENTION_FLOATS (BATCH * HEADS * Q * (V_DIM + 1))

const operation operations[OPERATIONS] = {
    {"gemm", (size_t)M *LDC, false, gemm, specify_gemm},
    {"gemm transposed", (size_t)M *N, false, gemm_transposed, specify_gemm_transposed},
    {"gemm large", (size_t)12 * M *N, false, gemm_large, specify_gemm_large},
    {"gemm denormal", (size_t)M *N, false, gemm_denormal, specify_gemm_denormal},
    {"gemm thin", (size_t)6 * N, false, gemm_thin, specify_gemm_thin},
    {"gemm long", 9 * 11, false, gemm_long, specify_gemm_long},
    {"gemm double", (size_t)2 * M *N, false, gemm_double, specify_gemm_double},
    {"gemm batch", (size_t)BATCH *M *N, false, gemm_batch, specify_gemm_batch},
    {"gemm plan", (size_t)BATCH *M *N, true, gemm_plan, specify_gemm_batch},
    {"gemm packed", (size_t)BATCH *M *N, true, gemm_packed, specify_gemm_batch},
    {"softmax", (size_t)ROWS *COLS, false, softmax, specify_softmax},
    {"attention", ATTENTION_FLOATS, false, attention, specify_attention},
    {"attention masked", ATTENTION_FLOATS, false, attention_masked, specify_attention_masked},
    {"attention denormal", ATTENTION_FLOATS, false, attention_denormal, specify_attention_denormal},
    {"attention options", ATTENTION_FLOATS + (size_t)BATCH *HEADS *Q *KV, false, attention_options,
     specify_attention_options},
    {"attention few", (size_t)BATCH *HEADS * 2 * (V_DIM + 1), false, attention_few, specify_attention_few},
    {"attention merge", (size_t)BATCH *HEADS *MERGED *(V_DIM + 1), false, attention_merge,
     specify_attention_merge},
};

static void *allocate(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory) {
        fputs("operations: no memory\n", stderr);
        abort();
    }
    return memory;
}

void operations_prepare(void)
{
    pool = allocate(POOL, sizeof *pool);
    denormal = allocate(POOL, sizeof *denormal);
    doubles = allocate(POOL, sizeof *doubles);
    keep = allocate(POOL, 1);
    uint32_t state = 1;
    for (int i = 0; i < POOL; i++) {
        state = state * 1664525u + 1013904223u;
        pool[i] = (float)((int32_t)state >> 8) * 0x1p-23f;
        denormal[i] = pool[i] * 0x1p-130f;
        doubles[i] = (double)pool[i] / 3.0;
        keep[i] = state % 7 != 0;
    }
    memset(keep + KV, 0, KV); /* the second batch entry of the masked attention sees nothing */
    for (int j = 0; j < KV + 16; j++)
        documents[j] = j / 120 - 1;
    for (int i = 0; i < OPERATIONS; i++) {
        expected[i] = allocate(operations[i].floats, sizeof *expected[i]);
        operations[i].specify(expected[i]);
    }
}

bool operation_expected(int i, const float *result)
{
    return !memcmp(result, expected[i], operations[i].floats * sizeof *result);
}

bool operation_right_in(int i, gml_context *context, float *result)
{
    return operations[i].run(context, result) == GML_OK && operation_expected(i, result);
}

bool operation_right(int i, gml_context *context)
{
    float *result = allocate(operations[i].floats, sizeof *result);
    const bool right = operation_right_in(i, context, result);
    free(result);
    return right;
}

int operations_wrong(gml_context *context)
{
    int wrong = 0;
    for (int i = 0; i < OPERATIONS; i++)
        wrong += !operation_right(i, context);
    return wrong;
}
