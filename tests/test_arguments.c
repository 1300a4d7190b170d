/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bad arguments of GEMM's simple calls and of softmax: each gives its status and a sentence that names function, argument and value, and
 * touches no byte. What looks bad and is legal (empty problems with NULL, interleaved blocks) is accepted.
 */
#include "proof/generate.h"
#include "tests/refusal.h"
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static float *const a = memory, *const b = memory + 1024, *const c = memory + 2048, *const d = memory + 3072;

/* GEMM */

typedef struct gemm_args {
    int64_t m, n, k;
    float alpha;
    const float *a;
    int64_t rs_a, cs_a;
    const float *b;
    int64_t rs_b, cs_b;
    float beta;
    float *c;
    int64_t rs_c, cs_c;
} gemm_args;

static gemm_args good_gemm(void)
{
    return (gemm_args){.m = 3,
                       .n = 5,
                       .k = 7,
                       .alpha = 1.0f,
                       .a = a,
                       .rs_a = 7,
                       .cs_a = 1,
                       .b = b,
                       .rs_b = 5,
                       .cs_b = 1,
                       .beta = 0.0f,
                       .c = c,
                       .rs_c = 5,
                       .cs_c = 1};
}

static gml_status gemm(gemm_args x)
{
    return gml_gemm_f32(NULL, x.m, x.n, x.k, x.alpha, x.a, x.rs_a, x.cs_a, x.b, x.rs_b, x.cs_b, x.beta, x.c,
                        x.rs_c, x.cs_c);
}

#define GEMM_REFUSES(member, value, status, text)                                                            \
    do {                                                                                                     \
        gemm_args x = good_gemm();                                                                           \
        x.member = value;                                                                                    \
        expect_refusal(gemm(x), GML_ERR_##status, "gml_gemm_f32: " text);                                    \
    } while (0)

START_TEST(gemm_refuses)
{
    fill();
    GEMM_REFUSES(m, -1, ARGUMENT, "m is -1, must be at least 0");
    GEMM_REFUSES(n, -2, ARGUMENT, "n is -2, must be at least 0");
    GEMM_REFUSES(k, INT64_MIN, ARGUMENT, "k is -9223372036854775808, must be at least 0");
    GEMM_REFUSES(a, NULL, ARGUMENT, "a is NULL, but its extents describe elements");
    GEMM_REFUSES(b, NULL, ARGUMENT, "b is NULL, but its extents describe elements");
    GEMM_REFUSES(c, NULL, ARGUMENT, "c is NULL, but its extents describe elements");
    GEMM_REFUSES(rs_a, -7, ARGUMENT, "rs_a is -7, must not be negative");
    GEMM_REFUSES(cs_b, -1, ARGUMENT, "cs_b is -1, must not be negative");
    GEMM_REFUSES(rs_c, -5, ARGUMENT, "rs_c is -5, must not be negative");
    GEMM_REFUSES(rs_a, 6, ARGUMENT, "rs_a is 6, must be at least 7, which the smaller strides of a span");
    GEMM_REFUSES(rs_b, 3, ARGUMENT, "rs_b is 3, must be at least 5, which the smaller strides of b span");
    GEMM_REFUSES(rs_c, 4, ARGUMENT, "rs_c is 4, must be at least 5, which the smaller strides of c span");
    GEMM_REFUSES(cs_c, 0, ARGUMENT, "cs_c is 0, must be at least 1, which the smaller strides of c span");
    GEMM_REFUSES(rs_c, INT64_MAX, ARGUMENT, "the extents and strides of c exceed the address space");
    GEMM_REFUSES(rs_a, INT64_MAX / 4, ARGUMENT, "the extents and strides of a exceed the address space");
    GEMM_REFUSES(m, INT64_MAX, ARGUMENT, "the extents and strides of c exceed the address space");
    GEMM_REFUSES(k, INT64_MAX, ARGUMENT, "the extents and strides of a exceed the address space");
    GEMM_REFUSES(c, memory, OVERLAP, "c overlaps a");
    GEMM_REFUSES(c, memory + 1024, OVERLAP, "c overlaps b");
    GEMM_REFUSES(c, memory + 1024 + 34, OVERLAP, "c overlaps b");
}
END_TEST

START_TEST(gemm_accepts)
{
    fill();
    gemm_args x = {0};
    ck_assert_int_eq(gemm(x), GML_OK); /* 0 x 0 x 0 of nothing */
    x.n = 5;
    ck_assert_int_eq(gemm(x), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);

    x = good_gemm();
    x.a = x.b = NULL;
    x.alpha = 0.0f;
    ck_assert_int_eq(gemm(x), GML_OK);
    x = good_gemm();
    x.a = x.b = NULL;
    x.k = 0;
    ck_assert_int_eq(gemm(x), GML_OK);

    /* Strides of dimensions with one element mean nothing. */
    x = good_gemm();
    x.m = 1;
    x.rs_a = x.rs_c = 0;
    ck_assert_int_eq(gemm(x), GML_OK);

    /* The trailing update of LU: three blocks of one matrix, whose address ranges interleave. */
    x = good_gemm();
    x.m = x.n = 6;
    x.k = 2;
    x.rs_a = x.rs_b = x.rs_c = 8;
    x.a = d + 2 * 8;
    x.b = d + 2;
    x.c = d + 2 * 8 + 2;
    x.alpha = -1.0f;
    x.beta = 1.0f;
    ck_assert_int_eq(gemm(x), GML_OK);
}
END_TEST

/* The verdict on overlap against all pairs of elements: with equal strides it is exact, otherwise never wrong. */
START_TEST(overlap_is_decided_right)
{
    proof_random random = proof_random_seeded(1, 0);
    int overlapping = 0, disjoint = 0;
    for (int round = 0; round < 20000; round++) {
        gemm_args x = good_gemm();
        x.m = proof_between(&random, 1, 5);
        x.n = proof_between(&random, 1, 5);
        x.k = proof_between(&random, 1, 5);
        int64_t stride = proof_between(&random, 5, 12);
        const bool equal = proof_once_in(&random, 2);
        x.rs_a = x.rs_b = x.rs_c = stride;
        if (!equal)
            x.rs_c = proof_between(&random, 5, 12);
        x.b = memory + 4000;
        x.a = memory + proof_between(&random, 0, 80);
        x.c = memory + proof_between(&random, 0, 80);
        bool shared = false;
        for (int64_t i = 0; i < x.m * x.k; i++)
            for (int64_t j = 0; j < x.m * x.n; j++)
                shared |= x.a + i / x.k * x.rs_a + i % x.k == x.c + j / x.n * x.rs_c + j % x.n;
        const gml_status status = gemm(x);
        ck_assert(status == GML_OK || status == GML_ERR_OVERLAP);
        if (equal)
            ck_assert_int_eq(status == GML_ERR_OVERLAP, shared);
        else
            ck_assert(shared || status == GML_OK);
        overlapping += shared;
        disjoint += !shared;
    }
    ck_assert_int_gt(overlapping, 1000);
    ck_assert_int_gt(disjoint, 1000);
}
END_TEST

/* Softmax */

static gml_softmax_problem good_softmax(void)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = 3;
    p.cols = 5;
    p.x = a;
    p.x_stride = 5;
    p.y = c;
    p.y_stride = 6;
    return p;
}

#define SOFTMAX_REFUSES(member, value, status, text)                                                         \
    do {                                                                                                     \
        gml_softmax_problem p = good_softmax();                                                              \
        p.member = value;                                                                                    \
        expect_refusal(gml_softmax_f32(NULL, &p), GML_ERR_##status, "gml_softmax_f32: " text);               \
    } while (0)

#define SOFTMAX_REFUSES_2(member, value, member_2, value_2, status, text)                                    \
    do {                                                                                                     \
        gml_softmax_problem p = good_softmax();                                                              \
        p.member = value;                                                                                    \
        p.member_2 = value_2;                                                                                \
        expect_refusal(gml_softmax_f32(NULL, &p), GML_ERR_##status, "gml_softmax_f32: " text);               \
    } while (0)

START_TEST(softmax_refuses)
{
    fill();
    expect_refusal(gml_softmax_f32(NULL, NULL), GML_ERR_ARGUMENT, "gml_softmax_f32: problem is NULL");
    SOFTMAX_REFUSES(batch, -1, ARGUMENT, "batch is -1, must be at least 0");
    SOFTMAX_REFUSES(rows, -1, ARGUMENT, "rows is -1, must be at least 0");
    SOFTMAX_REFUSES(cols, -3, ARGUMENT, "cols is -3, must be at least 0");
    SOFTMAX_REFUSES(x, NULL, ARGUMENT, "x is NULL, but its extents describe elements");
    SOFTMAX_REFUSES(y, NULL, ARGUMENT, "y is NULL, but its extents describe elements");
    SOFTMAX_REFUSES(x_stride, 4, ARGUMENT,
                    "x_stride is 4, must be at least 5, which the smaller strides of x span");
    SOFTMAX_REFUSES(y_stride, 0, ARGUMENT,
                    "y_stride is 0, must be at least 1, which the smaller strides of y span");
    SOFTMAX_REFUSES(y_stride, -6, ARGUMENT, "y_stride is -6, must not be negative");
    SOFTMAX_REFUSES_2(bias, b, bias_stride, 4, ARGUMENT,
                      "bias_stride is 4, must be at least 5, the extent of a row of bias");
    SOFTMAX_REFUSES_2(keep, (const uint8_t *)b, keep_stride, 1, ARGUMENT,
                      "keep_stride is 1, must be at least 5, the extent of a row of keep");
    SOFTMAX_REFUSES(x_stride, INT64_MAX / 2, ARGUMENT,
                    "the extents and strides of x exceed the address space");
    SOFTMAX_REFUSES(rows, INT64_MAX, ARGUMENT, "the extents and strides of y exceed the address space");
    SOFTMAX_REFUSES(scale, INFINITY, ARGUMENT, "scale is inf, must be finite");
    SOFTMAX_REFUSES(causal, 4, ARGUMENT, "causal is 4, must be a gml_causal, 0 to 3");
    SOFTMAX_REFUSES(causal, -1, ARGUMENT, "causal is -1, must be a gml_causal, 0 to 3");
    SOFTMAX_REFUSES(causal_offset, 1, ARGUMENT,
                    "causal_offset is 1, must be 0 unless causal is GML_CAUSAL_OFFSET");
    SOFTMAX_REFUSES(softcap, -1, ARGUMENT, "softcap is -1, must be 0, or in [2^-100, 2^100]");
    SOFTMAX_REFUSES(softcap, 0x1p-101f, ARGUMENT, "softcap is 3.9443e-31, must be 0, or in [2^-100, 2^100]");
    SOFTMAX_REFUSES(softcap, NAN, ARGUMENT, "softcap is nan, must be 0, or in [2^-100, 2^100]");
    SOFTMAX_REFUSES(log, 2, ARGUMENT, "log is 2, must be at most 1");
    SOFTMAX_REFUSES(x_col_stride, -1, ARGUMENT, "x_col_stride is -1, must not be negative");
    SOFTMAX_REFUSES(y_col_stride, 2, ARGUMENT,
                    "y_stride is 6, must be at least 9, which the smaller strides of y span");
    SOFTMAX_REFUSES_2(batch, 2, y_batch_stride, -1, ARGUMENT, "y_batch_stride is -1, must not be negative");
    SOFTMAX_REFUSES_2(lse, memory + 2048, lse_stride, 0, ARGUMENT,
                      "lse_stride is 0, must be at least 1, which the smaller strides of lse span");
    SOFTMAX_REFUSES_2(lse, c, lse_stride, 1, OVERLAP, "lse overlaps y");
    SOFTMAX_REFUSES_2(lse, memory, lse_stride, 5, OVERLAP, "lse overlaps x");
    SOFTMAX_REFUSES(alibi, c, OVERLAP, "y overlaps alibi");
    SOFTMAX_REFUSES(sinks, c, OVERLAP, "y overlaps sinks");
    SOFTMAX_REFUSES(threads, -1, ARGUMENT, "threads is -1, must be at least 0");
    SOFTMAX_REFUSES(threads, 1025, ARGUMENT, "threads is 1025, must be at most 1024");
    SOFTMAX_REFUSES(reserved, 7, ARGUMENT, "reserved is 7, must be 0");
    SOFTMAX_REFUSES_2(y, memory + 3, y_stride, 5, OVERLAP, "y overlaps x");
    SOFTMAX_REFUSES(y, memory, OVERLAP, "y overlaps x"); /* not in place: the strides differ */
    SOFTMAX_REFUSES(bias, memory + 2048, OVERLAP, "y overlaps bias");
    SOFTMAX_REFUSES(keep, (const uint8_t *)(memory + 2048), OVERLAP, "y overlaps keep");
}
END_TEST

START_TEST(softmax_accepts)
{
    fill();
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    p.rows = INT64_MAX; /* of no columns */
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);

    p = good_softmax();
    p.y = a;
    p.y_stride = p.x_stride; /* in place */
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    p = good_softmax();
    p.rows = 1;
    p.x_stride = p.y_stride = 0; /* of one row */
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    p = good_softmax();
    p.causal = GML_CAUSAL_OFFSET;
    p.causal_offset = INT64_MIN;
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    for (int i = 0; i < 5; i++)
        ck_assert(p.y[i] == 0.0f);
    p.causal_offset = INT64_MAX;
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK);
    ck_assert(p.y[4] > 0.0f);
}
END_TEST

int main(void)
{
    return suite_run("arguments", 60,
                     (const TTest *const[]){gemm_refuses, gemm_accepts, overlap_is_decided_right,
                                            softmax_refuses, softmax_accepts, NULL});
}
