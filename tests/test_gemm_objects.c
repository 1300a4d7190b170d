/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packed operands and plans of GEMM: what does not fit together is refused with a sentence, and touches no byte; what
 * does gives the product, as often as it is used.
 */
#include "tests/gemm_problem.h"
#include <stdio.h>

/* Packed operands. */

static gml_packed *pack(gml_context *context, const gml_gemm_problem *p, bool of_b)
{
    gml_packed *packed = NULL;
    ck_assert_int_eq((of_b ? gml_gemm_pack_b : gml_gemm_pack_a)(&packed, context, p), GML_OK);
    ck_assert_ptr_nonnull(packed);
    return packed;
}

static void expect_packed_refusal(gml_context *context, const gml_gemm_problem *p, const char *sentence)
{
    expect_refusal(gml_gemm(context, p), GML_ERR_ARGUMENT, sentence);
}

START_TEST(packing_refuses)
{
    fill_small();
    gml_gemm_problem p = good();
    gml_packed *const untouched = (gml_packed *)memory;
    gml_packed *packed = untouched;
    expect_refusal(gml_gemm_pack_a(NULL, NULL, &p), GML_ERR_ARGUMENT, "gml_gemm_pack_a: packed is NULL");
    expect_refusal(gml_gemm_pack_b(&packed, NULL, NULL), GML_ERR_ARGUMENT,
                   "gml_gemm_pack_b: problem is NULL");
    p.type = 7;
    expect_refusal(gml_gemm_pack_b(&packed, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm_pack_b: type is 7, must be a gml_type, 1 or 2");
    p = good();
    p.b = NULL;
    expect_refusal(gml_gemm_pack_b(&packed, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm_pack_b: b is NULL, but its extents describe elements");
    p = good();
    p.rs_a = 6;
    expect_refusal(gml_gemm_pack_a(&packed, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm_pack_a: rs_a is 6, must be at least 7, which the smaller strides of a span");
    p = good();
    p.rs_c = 0;
    expect_refusal(gml_gemm_pack_a(&packed, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_gemm_pack_a: rs_c is 0, must be at least 1, which the smaller strides of c span");
    ck_assert_ptr_eq(packed, untouched);
    gml_packed_destroy(NULL);
    ck_assert_uint_eq(gml_packed_bytes(NULL), 0);

    p = good(); /* the rest is not looked at */
    p.a = p.c = NULL;
    p.rs_a = -1;
    p.batch = -1;
    packed = pack(NULL, &p, true);
    ck_assert_uint_ge(gml_packed_bytes(packed), K * N * sizeof(float));
    gml_packed_destroy(packed);
    p.k = 0;
    p.b = NULL;
    packed = pack(NULL, &p, true);
    ck_assert_uint_eq(gml_packed_bytes(packed), 0);
    gml_packed_destroy(packed);
}
END_TEST

START_TEST(packed_must_fit)
{
    fill_small();
    gml_gemm_problem p = good();
    gml_packed *const of_a = pack(NULL, &p, false), *const of_b = pack(NULL, &p, true);
    p.packed_b = of_b;
    expect_packed_refusal(NULL, &p, "gml_gemm: both b and packed_b are given");
    p.b = NULL;
    p.b_list = b_list;
    expect_packed_refusal(NULL, &p, "gml_gemm: both b_list and packed_b are given");
    p.b_list = NULL;
    p.bs_b = 35;
    expect_packed_refusal(NULL, &p, "gml_gemm: bs_b is 35, must be 0 with a packed operand");
    p.bs_b = 0;
    p.k = K - 1;
    expect_packed_refusal(NULL, &p, "gml_gemm: packed_b was packed for k 7, this problem has k 6");
    p.k = K;
    p.n = N - 1;
    expect_packed_refusal(NULL, &p, "gml_gemm: packed_b was packed for n 5, this problem has n 4");
    p.n = N;
    p.rs_c = 1, p.cs_c = M;
    expect_packed_refusal(
        NULL, &p, "gml_gemm: packed_b was packed for a C stored by rows, this one is stored by columns");
    p = good();
    p.packed_b = of_a;
    p.b = NULL;
    expect_packed_refusal(NULL, &p, "gml_gemm: packed_b was packed by gml_gemm_pack_a");
    p = good();
    p.a = NULL;
    p.packed_a = of_a;
    p.m = M + 1;
    expect_packed_refusal(NULL, &p, "gml_gemm: packed_a was packed for m 3, this problem has m 4");
    p = good();
    p.a = NULL;
    p.packed_a = of_a;
    p.type = GML_F64;
    expect_packed_refusal(NULL, &p, "gml_gemm: packed_a was packed for f32, this problem has f64");
    gml_packed_destroy(of_a);
    gml_packed_destroy(of_b);

    p = good();
    p.rs_c = 1, p.cs_c = M;
    gml_packed *const by_columns = pack(NULL, &p, false);
    p = good();
    gml_packed *const by_rows = pack(NULL, &p, true);
    p.a = NULL;
    p.packed_a = by_columns;
    expect_packed_refusal(
        NULL, &p, "gml_gemm: packed_a was packed for a C stored by columns, this one is stored by rows");
    p.b = NULL;
    p.packed_b = by_rows;
    p.rs_c = 10, p.cs_c = 2; /* neither; each alone would do */
    expect_packed_refusal(
        NULL, &p, "gml_gemm: packed_a was packed for a C stored by columns, packed_b for one stored by rows");
    gml_packed_destroy(by_columns);
    gml_packed_destroy(by_rows);
}
END_TEST

START_TEST(packed_is_of_one_instruction_set)
{
    fill_small();
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.isa = "ref";
    gml_context *portable;
    ck_assert_int_eq(gml_context_create(&portable, &options), GML_OK);
    gml_gemm_problem p = good();
    gml_packed *const packed = pack(portable, &p, true);
    p.b = NULL;
    p.packed_b = packed;
    if (strcmp(gml_context_isa(NULL), "ref") != 0) {
        char sentence[256];
        snprintf(sentence, sizeof sentence,
                 "gml_gemm: packed_b was packed for the instruction set ref, this context uses %s",
                 gml_context_isa(NULL));
        expect_packed_refusal(NULL, &p, sentence);
    }
    gml_context *same;
    ck_assert_int_eq(gml_context_create(&same, &options), GML_OK);
    ck_assert_int_eq(gml_gemm(same, &p), GML_OK);
    ck_assert(is_product(&p, a, b, c));
    gml_packed_destroy(packed);
    gml_context_destroy(same);
    gml_context_destroy(portable);
}
END_TEST

START_TEST(packed_products)
{
    for (int by_columns = 0; by_columns < 2; by_columns++)
        for (int which = 1; which < 4; which++) {
            fill_small();
            gml_gemm_problem p = good();
            if (by_columns)
                p.rs_c = 1, p.cs_c = 8;
            gml_packed *const of_a = pack(NULL, &p, false), *const of_b = pack(NULL, &p, true);
            p.packed_a = which & 1 ? of_a : NULL;
            p.packed_b = which & 2 ? of_b : NULL;
            p.a = which & 1 ? NULL : a;
            p.b = which & 2 ? NULL : b;
            p.batch = 2;
            p.bs_c = 64;
            p.beta = 2.0;
            p.bias_n = bias;
            ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
            ck_assert_msg(is_product(&p, a, b, c) && is_product(&p, a, b, c + 64), "packed %d", which);

            /* Any extent of the other operand: one row, many rows, of a B; and the same of an A. */
            for (int64_t m = 1; m <= 9 && which == 2; m += 4) {
                memcpy(memory, before, sizeof memory);
                p.m = m;
                p.cs_c = by_columns ? 12 : 1;
                p.bs_c = 128;
                ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
                ck_assert(is_product(&p, a, b, c));
            }
            for (int64_t n = 1; n <= 21 && which == 1; n += 10) {
                memcpy(memory, before, sizeof memory);
                p.n = n;
                p.rs_b = n;
                p.rs_c = by_columns ? 1 : n;
                p.bs_c = 256;
                ck_assert_int_eq(gml_gemm(NULL, &p), GML_OK);
                ck_assert(is_product(&p, a, b, c));
            }
            gml_packed_destroy(of_a);
            gml_packed_destroy(of_b);
        }
}
END_TEST

/* Plans. */

static gml_plan *plan_of(const gml_gemm_problem *p)
{
    gml_plan *plan = NULL;
    ck_assert_int_eq(gml_plan_create_gemm(&plan, NULL, p), GML_OK);
    ck_assert_ptr_nonnull(plan);
    return plan;
}

#define RUN_REFUSES(a_, b_, c_, status, text)                                                                \
    expect_refusal(gml_plan_run_gemm(plan, a_, b_, c_), GML_ERR_##status, "gml_plan_run_gemm: " text)

START_TEST(plans_refuse)
{
    fill_small();
    gml_gemm_problem p = good();
    gml_plan *const untouched = (gml_plan *)memory;
    gml_plan *plan = untouched;
    expect_refusal(gml_plan_create_gemm(NULL, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_plan_create_gemm: plan is NULL");
    expect_refusal(gml_plan_create_gemm(&plan, NULL, NULL), GML_ERR_ARGUMENT,
                   "gml_plan_create_gemm: problem is NULL");
    p.rs_b = 4;
    expect_refusal(
        gml_plan_create_gemm(&plan, NULL, &p), GML_ERR_ARGUMENT,
        "gml_plan_create_gemm: rs_b is 4, must be at least 5, which the smaller strides of b span");
    p = good();
    p.a = p.b = p.c = NULL;
    p.m = INT64_MAX;
    expect_refusal(gml_plan_create_gemm(&plan, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_plan_create_gemm: the extents and strides of c exceed the address space");
    p = good_lists();
    b_list[1] = NULL;
    expect_refusal(gml_plan_create_gemm(&plan, NULL, &p), GML_ERR_ARGUMENT,
                   "gml_plan_create_gemm: b_list[1] is NULL, but its extents describe elements");
    ck_assert_ptr_eq(plan, untouched);
    gml_plan_destroy(NULL);
    expect_refusal(gml_plan_run_gemm(NULL, a, b, c), GML_ERR_ARGUMENT, "gml_plan_run_gemm: plan is NULL");
}
END_TEST

START_TEST(runs_refuse)
{
    fill_small();
    gml_gemm_problem p = good_batch();
    p.a = p.b = p.c = NULL;
    p.bias_m = bias;
    gml_plan *plan = plan_of(&p);
    RUN_REFUSES(NULL, b, c, ARGUMENT, "a is NULL, but its extents describe elements");
    RUN_REFUSES(a, NULL, c, ARGUMENT, "b is NULL, but its extents describe elements");
    RUN_REFUSES(a, b, NULL, ARGUMENT, "c is NULL, but its extents describe elements");
    RUN_REFUSES(a, b, a, OVERLAP, "c overlaps a");
    RUN_REFUSES(a, b, b, OVERLAP, "c overlaps b");
    RUN_REFUSES(a, b, bias - 5, OVERLAP, "c overlaps bias_m");
    RUN_REFUSES(a, b, (void *)(UINTPTR_MAX - 63), ARGUMENT,
                "the extents and strides of c exceed the address space");
    gml_plan_destroy(plan);

    fill_small();
    p = good_lists();
    p.b_list = NULL;
    plan = plan_of(&p);
    RUN_REFUSES(a, b, NULL, ARGUMENT, "a is given, must be NULL, as the plan has a list");
    RUN_REFUSES(NULL, b, c, ARGUMENT, "c is given, must be NULL, as the plan has a list");
    RUN_REFUSES(NULL, c + 64, NULL, OVERLAP, "c_list[1] overlaps b");
    c_list[3] = NULL;
    RUN_REFUSES(NULL, b, NULL, ARGUMENT, "c_list[3] is NULL, but its extents describe elements");
    gml_plan_destroy(plan);

    fill_small();
    p = good();
    gml_packed *const packed = pack(NULL, &p, true);
    p.b = NULL;
    p.packed_b = packed;
    plan = plan_of(&p);
    RUN_REFUSES(a, b, c, ARGUMENT, "b is given, must be NULL, as the plan has it packed");
    ck_assert_int_eq(gml_plan_run_gemm(plan, a, NULL, c), GML_OK);
    ck_assert(is_product(&p, a, b, c));
    gml_plan_destroy(plan);
    gml_packed_destroy(packed);
}
END_TEST

START_TEST(plans_run)
{
    fill_small();
    gml_gemm_problem p = good_batch();
    p.a = p.b = p.c = NULL;
    p.beta = 1.0;
    p.bias_n = bias;
    p.label = "a name";
    gml_plan *plan = plan_of(&p);
    p.label = NULL; /* the plan has its own copy */
    for (int round = 0; round < 3; round++) {
        fill_small();
        ck_assert_int_eq(gml_plan_run_gemm(plan, a + round, b + 2 * round, c + 3 * round), GML_OK);
        for (int l = 0; l < BATCH; l++)
            ck_assert(is_product(&p, a + round + 64 * l, b + 2 * round + 64 * l, c + 3 * round + 64 * l));
    }
    gml_plan_destroy(plan);

    /* Lists are read by each run. */
    p = good_lists();
    plan = plan_of(&p);
    for (int round = 0; round < 2; round++) {
        fill_small();
        a_list[1] = a + round;
        ck_assert_int_eq(gml_plan_run_gemm(plan, NULL, NULL, NULL), GML_OK);
        for (int l = 0; l < BATCH; l++)
            ck_assert(is_product(&p, a_list[l], b_list[l], c_list[l]));
    }
    gml_plan_destroy(plan);

    p.batch = 1;
    plan = plan_of(&p);
    fill_small();
    ck_assert_int_eq(gml_plan_run_gemm(plan, NULL, NULL, NULL), GML_OK);
    ck_assert(is_product(&p, a_list[0], b_list[0], c_list[0]));
    gml_plan_destroy(plan);

    p = good();
    p.n = 0;
    plan = plan_of(&p);
    fill_small();
    ck_assert_int_eq(gml_plan_run_gemm(plan, NULL, NULL, NULL), GML_OK);
    ck_assert_mem_eq(memory, before, sizeof memory);
    gml_plan_destroy(plan);

    p = good();
    p.alpha = 0.0;
    p.beta = 2.0;
    plan = plan_of(&p);
    ck_assert_int_eq(gml_plan_run_gemm(plan, c, NULL, c), GML_OK); /* A and B may be anything */
    for (int i = 0; i < M * N; i++)
        ck_assert(c[i] == 2.0f * before[2048 + i]);
    gml_plan_destroy(plan);
}
END_TEST

int main(void)
{
    return suite_run("gemm_objects", 60,
                     (const TTest *const[]){packing_refuses, packed_must_fit,
                                            packed_is_of_one_instruction_set, packed_products, plans_refuse,
                                            runs_refuse, plans_run, NULL});
}
