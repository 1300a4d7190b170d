/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The descriptor of GEMM: each bad argument gives its status and a sentence that names function, argument and value,
 * and touches no byte; what looks bad and is legal gives the product.
 */
#include "proof/generate.h"
#include "src/api/gemm.h"
#include "tests/gemm_problem.h"
#include <math.h>

/* Refusals of the descriptor. */

#define REFUSES_OF(make, member, value, status, text)                                                        \
    do {                                                                                                     \
        gml_gemm_problem spoilt = make();                                                                    \
        spoilt.member = value;                                                                               \
        expect_refusal(gml_gemm(NULL, &spoilt), GML_ERR_##status, "gml_gemm: " text);                        \
    } while (0)
#define REFUSES(member, value, status, text) REFUSES_OF(good, member, value, status, text)

START_TEST(sizes_and_choices)
{
    fill_small();
    expect_refusal(gml_gemm(NULL, NULL), GML_ERR_ARGUMENT, "gml_gemm: problem is NULL");
    REFUSES(size, 0, DESCRIPTOR, "size is 0, must be that of the structure, as its INIT macro sets");
    REFUSES(type, 0, ARGUMENT, "type is 0, must be a gml_type, 1 or 2");
    REFUSES(type, 3, ARGUMENT, "type is 3, must be a gml_type, 1 or 2");
    REFUSES(m, -1, ARGUMENT, "m is -1, must be at least 0");
    REFUSES(n, INT64_MIN, ARGUMENT, "n is -9223372036854775808, must be at least 0");
    REFUSES(k, -7, ARGUMENT, "k is -7, must be at least 0");
    REFUSES(threads, -1, ARGUMENT, "threads is -1, must be at least 0");
    REFUSES(threads, 1025, ARGUMENT, "threads is 1025, must be at most 1024");
    REFUSES(batch, -1, ARGUMENT, "batch is -1, must be at least 0");
    REFUSES(bs_a, -64, ARGUMENT, "bs_a is -64, must be at least 0");
    REFUSES(bs_b, -1, ARGUMENT, "bs_b is -1, must be at least 0");
    REFUSES(bs_c, INT64_MIN, ARGUMENT, "bs_c is -9223372036854775808, must be at least 0");
    REFUSES(activation, -1, ARGUMENT, "activation is -1, must be a gml_activation, 0 to 4");
    REFUSES(activation, 5, ARGUMENT, "activation is 5, must be a gml_activation, 0 to 4");
    REFUSES(reserved, 1, ARGUMENT, "reserved is 1, must be 0");
    gml_gemm_problem p = good();
    p.type = GML_F64;
    p.activation = GML_ACTIVATION_SILU;
    expect_refusal(
        gml_gemm(NULL, &p), GML_ERR_ARGUMENT,
        "gml_gemm: activation is 4, must be GML_ACTIVATION_NONE or GML_ACTIVATION_RELU for GML_F64");
}
END_TEST

START_TEST(operands)
{
    fill_small();
    REFUSES(a, NULL, ARGUMENT, "a is NULL, but its extents describe elements");
    REFUSES(b, NULL, ARGUMENT, "b is NULL, but its extents describe elements");
    REFUSES(c, NULL, ARGUMENT, "c is NULL, but its extents describe elements");
    REFUSES(rs_a, -7, ARGUMENT, "rs_a is -7, must not be negative");
    REFUSES(rs_a, 6, ARGUMENT, "rs_a is 6, must be at least 7, which the smaller strides of a span");
    REFUSES(rs_b, 3, ARGUMENT, "rs_b is 3, must be at least 5, which the smaller strides of b span");
    REFUSES(cs_c, 0, ARGUMENT, "cs_c is 0, must be at least 1, which the smaller strides of c span");
    REFUSES(rs_c, INT64_MAX, ARGUMENT, "the extents and strides of c exceed the address space");
    REFUSES(m, INT64_MAX, ARGUMENT, "the extents and strides of c exceed the address space");
    REFUSES(c, memory, OVERLAP, "c overlaps a");
    REFUSES(c, memory + 1024 + 34, OVERLAP, "c overlaps b");
    REFUSES(bias_m, memory + 2048 + 14, OVERLAP, "c overlaps bias_m");
    REFUSES(bias_n, memory + 2048 - 4, OVERLAP, "c overlaps bias_n");

    gml_gemm_problem p = good(); /* one row, whose row stride means nothing */
    p.m = 1;
    p.rs_c = 1;
    p.bias_m = c + 3;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c overlaps bias_m");
    p.bias_m = NULL;
    p.bias_n = c + 4;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c overlaps bias_n");
    p = good(); /* between the rows, and in them */
    p.rs_c = 12;
    p.bias_n = c + 12 + 5;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    memcpy(memory, before, sizeof memory);
    p.bias_n = c + 12 + 8;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c overlaps bias_n");
}
END_TEST

START_TEST(batches)
{
    fill_small();
    REFUSES_OF(good_batch, bs_c, 0, ARGUMENT,
               "bs_c is 0, must be at least 1, which the smaller strides of c span");
    REFUSES_OF(good_batch, bs_c, 1, ARGUMENT,
               "bs_c is 1, must be at least 5, which the smaller strides of c span");
    REFUSES_OF(good_batch, bs_c, 14, ARGUMENT,
               "bs_c is 14, must be at least 15, which the smaller strides of c span");
    REFUSES_OF(good_batch, batch, INT64_MAX, ARGUMENT,
               "the extents and strides of c exceed the address space");
    REFUSES_OF(good_batch, bs_b, INT64_MAX / 4, ARGUMENT,
               "the extents and strides of b exceed the address space");
    REFUSES_OF(good_batch, a, memory + 2048, OVERLAP, "c overlaps a");
    REFUSES_OF(good_batch, b, memory + 2048 + 64, OVERLAP, "c overlaps b");

    /* One A for all, between the last elements of one C and the first of the next, and then not. */
    gml_gemm_problem p = good_batch();
    p.bs_a = 0;
    p.m = p.k = 1;
    p.rs_a = p.rs_c;
    p.a = c + 64 + 4;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c overlaps a");
    p.a = c + 64 + 5;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
}
END_TEST

START_TEST(lists)
{
    fill_small();
    gml_gemm_problem p = good();
    p.a_list = a_list;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT, "gml_gemm: both a and a_list are given");
    p = good();
    p.b_list = b_list;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT, "gml_gemm: both b and b_list are given");
    p = good();
    p.c_list = c_list;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT, "gml_gemm: both c and c_list are given");
    REFUSES_OF(good_lists, bs_a, 64, ARGUMENT, "bs_a is 64, must be 0 with a list");
    REFUSES_OF(good_lists, bs_b, 1, ARGUMENT, "bs_b is 1, must be 0 with a list");
    REFUSES_OF(good_lists, bs_c, 64, ARGUMENT, "bs_c is 64, must be 0 with a list");
    REFUSES_OF(good_lists, rs_a, 2, ARGUMENT,
               "rs_a is 2, must be at least 7, which the smaller strides of a_list[0] span");
    REFUSES_OF(good_lists, cs_b, -1, ARGUMENT, "cs_b is -1, must not be negative");
    REFUSES_OF(good_lists, rs_c, INT64_MAX, ARGUMENT,
               "the extents and strides of c_list[0] exceed the address space");

    p = good_lists();
    a_list[2] = NULL;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm: a_list[2] is NULL, but its extents describe elements");
    fill_small();
    c_list[0] = NULL;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm: c_list[0] is NULL, but its extents describe elements");
    fill_small();
    b_list[3] = (const void *)(UINTPTR_MAX - 8);
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm: the extents and strides of b_list[3] exceed the address space");
    fill_small();
    a_list[3] = c + 64 * 3 + 14;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c_list[3] overlaps a_list[3]");
    fill_small();
    p.b_list = NULL;
    p.b = b;
    c_list[1] = b + 34;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c_list[1] overlaps b");
    fill_small();
    p.bias_n = c + 64 * 2 + 14;
    expect_refusal(gml_gemm(NULL, &p), GML_ERR_OVERLAP, "gml_gemm: c_list[2] overlaps bias_n");
}
END_TEST

/* What a descriptor computes. */

START_TEST(products)
{
    fill_small();
    gml_gemm_problem p = good_batch();
    p.alpha = 2.0;
    p.beta = -1.0;
    p.bias_m = bias, p.bias_n = bias + 8;
    p.activation = GML_ACTIVATION_RELU;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int l = 0; l < BATCH; l++)
        ck_assert(is_product(&p, a + 64 * l, b + 64 * l, c + 64 * l));
    for (int i = M * N; i < 64; i++)
        ck_assert(c[i] == before[2048 + i]); /* nothing between the matrices */

    fill_small();
    p.bs_a = 0; /* one A for all */
    p.activation = GML_ACTIVATION_NONE;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int l = 0; l < BATCH; l++)
        ck_assert(is_product(&p, a, b + 64 * l, c + 64 * l));

    fill_small();
    p = good_lists();
    p.beta = 1.0;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int l = 0; l < BATCH; l++)
        ck_assert(is_product(&p, a_list[l], b_list[l], c_list[l]));

    fill_small();
    p.batch = 1; /* a list of one, and a C by columns */
    p.rs_c = 1, p.cs_c = M;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    ck_assert(is_product(&p, a_list[0], b_list[0], c_list[0]));
    for (int i = M * N; i < 256; i++)
        ck_assert(c[i] == before[2048 + i]);
}
END_TEST

START_TEST(nothing_to_read)
{
    fill_small();
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F64;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK); /* 0 x 0 x 0 of nothing */
    p = good_lists();
    p.batch = 0;
    p.a_list = p.b_list = NULL;
    p.c_list = NULL;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);

    /* Factors are rounded to the type: 1 + 2^-30 is 1. */
    p = good();
    p.alpha = 1.0 + 0x1p-30;
    p.beta = -1.0 - 0x1p-30;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    p.alpha = 1.0, p.beta = -1.0;
    ck_assert(is_product(&p, a, b, c));

    /* A and B may be anything where they are not read. */
    fill_small();
    p = good();
    p.alpha = 1e-60; /* 0 when it is rounded to the type */
    p.beta = 3.0;
    p.a = NULL;
    p.rs_b = -5;
    p.b_list = b_list;
    p.bs_b = 9;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int i = 0; i < M * N; i++)
        ck_assert(c[i] == 3.0f * before[2048 + i]);
    p = good();
    p.k = 0;
    p.a = p.b = NULL;
    p.beta = 1e-60;
    p.bias_n = bias;
    c[0] = NAN; /* not read */
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int i = 0; i < M * N; i++)
        ck_assert(c[i] == bias[i % N]);
}
END_TEST

START_TEST(doubles)
{
    static double x[M * K], y[K * N], z[M * N], sums[N];
    for (int i = 0; i < M * K; i++)
        x[i] = i % 9 - 4;
    for (int i = 0; i < K * N; i++)
        y[i] = i % 5 + 0x1p-40;
    for (int i = 0; i < N; i++)
        sums[i] = -i;
    gml_gemm_problem p = good();
    p.type = GML_F64;
    p.a = x, p.b = y, p.c = z;
    p.bias_n = sums;
    p.activation = GML_ACTIVATION_RELU;
    p.alpha = 0.5;
    ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int q = 0; q < K; q++)
                sum += x[i * K + q] * y[q * N + j];
            sum = 0.5 * sum + sums[j];
            ck_assert(z[i * N + j] == (0.0 > sum ? 0.0 : sum));
        }
    ck_assert_int_eq(gml_gemm_f64(NULL, M, N, K, -1.0, x, K, 1, y, N, 1, 0.0, z, 1, M), GML_OK);
    double sum = 0.0;
    for (int q = 0; q < K; q++)
        sum -= x[K + q] * y[q * N + 4];
    ck_assert(z[1 + 4 * M] == sum);
    ck_assert_int_eq(gml_gemm_f64(NULL, M, N, K, -1.0, x, K, 1, y, N, 1, 0.0, z, 1, M - 1), GML_ERR_ARGUMENT);
    char said[256];
    gml_last_error(said, sizeof said);
    ck_assert_str_eq(said,
                     "gml_gemm_f64: cs_c is 2, must be at least 3, which the smaller strides of c span");
}
END_TEST

/* What is seen to be legal without the checks passes them, whatever it is; and what usual programs ask for is seen. */
START_TEST(a_first_look_accepts_nothing_illegal)
{
    fill_small();
    static const gml_gemm_batch one = {.count = 1};
    proof_random random = proof_random_seeded(3, 0);
    int legal = 0, seen = 0;
    for (int round = 0; round < 200000; round++) {
        gml_gemm_args x = {.type = proof_once_in(&random, 2) ? GML_F32 : GML_F64, .alpha = 1.0};
        int64_t *const numbers[] = {&x.m, &x.n, &x.k, &x.rs_a, &x.cs_a, &x.rs_b, &x.cs_b, &x.rs_c, &x.cs_c};
        for (int i = 0; i < 9; i++) {
            *numbers[i] = proof_between(&random, i < 3 ? 1 : 0, 5);
            if (i > 2 && proof_once_in(&random, 2))
                *numbers[i] = i % 2 ? *numbers[i] + 2 : 1;
            if (proof_once_in(&random, 100))
                *numbers[i] = proof_once_in(&random, 2)
                                  ? -1
                                  : INT64_MAX / (INT64_C(1) << proof_between(&random, 0, 40));
        }
        x.a = proof_once_in(&random, 50) ? NULL : memory + proof_between(&random, 0, 60);
        x.b = proof_once_in(&random, 50) ? NULL : memory + proof_between(&random, 20, 80);
        x.c = proof_once_in(&random, 50) ? NULL : memory + proof_between(&random, 60, 100);
        if (proof_once_in(&random, 4))
            x.epilogue.bias_n = memory + proof_between(&random, 50, 110);
        const bool right = x.m >= 0 && x.n >= 0 && x.k >= 0 &&
                           gml_gemm_check_described("test", &x, &one) == GML_OK &&
                           gml_gemm_check_apart("test", &x, &one) == GML_OK;
        const bool at_once = gml_gemm_surely_legal(&x);
        ck_assert(right || !at_once);
        legal += right;
        seen += at_once;
    }
    ck_assert_int_gt(legal, 10000);
    ck_assert_int_gt(seen, 5000);
}
END_TEST

int main(void)
{
    return suite_run("gemm_problem", 60,
                     (const TTest *const[]){sizes_and_choices, operands, batches, lists, products,
                                            nothing_to_read, doubles, a_first_look_accepts_nothing_illegal,
                                            NULL});
}
