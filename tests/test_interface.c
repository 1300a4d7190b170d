/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the operations share: descriptors of other versions, contexts that cannot be made, and the sentences.
 */
#include "tests/refusal.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

static gml_softmax_problem good_problem(void)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = 3;
    p.cols = 5;
    p.x = memory;
    p.x_stride = 5;
    p.y = memory + 2048;
    p.y_stride = 6;
    return p;
}

/* Descriptors of other versions. */

START_TEST(descriptors)
{
    fill();
    struct {
        gml_softmax_problem problem;
        unsigned char tail[64];
    } longer = {.problem = good_problem()};
    longer.problem.size = sizeof longer;
    ck_assert_int_eq(gml_softmax_f32(NULL, &longer.problem), GML_OK);
    fill();
    longer.tail[63] = 1;
    char sentence[256];
    snprintf(
        sentence, sizeof sentence,
        "gml_softmax_f32: size is %zu, and what lies beyond the %zu bytes known to this version is not zero",
        sizeof longer, sizeof(gml_softmax_problem));
    expect_refusal(gml_softmax_f32(NULL, &longer.problem), GML_ERR_DESCRIPTOR, sentence);

    gml_softmax_problem none = good_problem();
    none.size = 0;
    expect_refusal(gml_softmax_f32(NULL, &none), GML_ERR_DESCRIPTOR,
                   "gml_softmax_f32: size is 0, must be that of the structure, as its INIT macro sets");
    const gml_attention_problem zeros = {0};
    expect_refusal(gml_attention_f32(NULL, &zeros), GML_ERR_DESCRIPTOR,
                   "gml_attention_f32: size is 0, must be that of the structure, as its INIT macro sets");
    none.size = SIZE_MAX; /* not read to its end */
    ck_assert_int_eq(gml_softmax_f32(NULL, &none), GML_ERR_DESCRIPTOR);
    ck_assert_mem_eq(memory, before, sizeof memory);

    /* A shorter one comes from an older program: what it does not know is zero, whatever lies behind it. */
    gml_softmax_problem shorter = good_problem();
    shorter.size = offsetof(gml_softmax_problem, bias);
    shorter.bias = (const float *)(uintptr_t)1;
    shorter.threads = -1;
    ck_assert_int_eq(gml_softmax_f32(NULL, &shorter), GML_OK);

    gml_gemm_problem product = GML_GEMM_PROBLEM_INIT;
    ck_assert_uint_eq(product.size, sizeof product);
    ck_assert(product.alpha == 1.0 && product.beta == 0.0 && product.batch == 1 && !product.label);
    product.type = GML_F32;
    product.m = product.n = product.k = 2;
    product.a = memory, product.rs_a = 2, product.cs_a = 1;
    product.b = memory + 1024, product.rs_b = 2, product.cs_b = 1;
    product.c = memory + 2048, product.rs_c = 2, product.cs_c = 1;
    product.size = offsetof(gml_gemm_problem, bias_m);
    product.bias_m = (const void *)(uintptr_t)1;
    product.activation = -1;
    ck_assert_int_eq(gml_gemm(NULL, &product), GML_OK);
    product.size = SIZE_MAX;
    ck_assert_int_eq(gml_gemm(NULL, &product), GML_ERR_DESCRIPTOR);
}
END_TEST

/* Contexts */

static void expect_no_context(const gml_context_options *options, gml_status expected, const char *sentence)
{
    gml_context *const untouched = (gml_context *)memory;
    gml_context *context = untouched;
    expect_refusal(gml_context_create(&context, options), expected, sentence);
    ck_assert_ptr_eq(context, untouched);
}

static void *allocate(void *host, size_t bytes, size_t alignment)
{
    (void)host, (void)bytes, (void)alignment;
    return NULL;
}

static void release(void *host, void *pointer, size_t bytes)
{
    (void)host, (void)pointer, (void)bytes;
}

START_TEST(contexts)
{
    fill();
    const gml_context_options good = GML_CONTEXT_OPTIONS_INIT;
    expect_refusal(gml_context_create(NULL, &good), GML_ERR_ARGUMENT, "gml_context_create: context is NULL");

    gml_context_options o = good;
    o.threads = -1;
    expect_no_context(&o, GML_ERR_ARGUMENT, "gml_context_create: threads is -1, must be in 0 to 1024");
    o.threads = 1025;
    expect_no_context(&o, GML_ERR_ARGUMENT, "gml_context_create: threads is 1025, must be in 0 to 1024");
    o = good;
    o.reserved = 5;
    expect_no_context(&o, GML_ERR_ARGUMENT, "gml_context_create: reserved is 5, must be 0");
    o = good;
    o.allocate = allocate;
    expect_no_context(&o, GML_ERR_ARGUMENT,
                      "gml_context_create: release is NULL, must be given when allocate is");
    o = good;
    o.release = release;
    expect_no_context(&o, GML_ERR_ARGUMENT,
                      "gml_context_create: allocate is NULL, must be given when release is");
    o.allocate = allocate;
    gml_context *context = NULL;
    ck_assert_int_eq(gml_context_create(&context, &o), GML_ERR_MEMORY);
    ck_assert_ptr_null(context);
    o = good;
    o.size = 3;
    expect_no_context(&o, GML_ERR_DESCRIPTOR,
                      "gml_context_create: size is 3, must be that of the structure, as its INIT macro sets");

    char known[128] = "", sentence[256];
    for (int32_t i = 0; gml_isa_name(i); i++) {
        strcat(known, i ? ", " : "");
        strcat(known, gml_isa_name(i));
    }
    o = good;
    o.isa = "sse9";
    snprintf(sentence, sizeof sentence, "gml_context_create: isa is \"sse9\", must be one of %s", known);
    expect_no_context(&o, GML_ERR_ISA, sentence);
    o.isa = "";
    ck_assert_int_eq(gml_context_create(&context, &o), GML_ERR_ISA);
    ck_assert_int_eq(gml_isa_available("sse9"), 0);
    ck_assert_int_eq(gml_isa_available(NULL), 0);
    ck_assert_ptr_null(gml_isa_name(-1));
    ck_assert_ptr_null(gml_isa_name(INT32_MAX));

    ck_assert_int_eq(gml_context_create(&context, NULL), GML_OK);
    gml_context_destroy(context);
    gml_context_destroy(NULL);
}
END_TEST

/* Sentences */

static void *fail_elsewhere(void *argument)
{
    ck_assert_uint_eq(gml_last_error(NULL, 0), 0); /* nothing has failed in this thread yet */
    gml_gemm_f32(NULL, 0, -1, 0, 0.0f, NULL, 0, 0, NULL, 0, 0, 0.0f, NULL, 0, 0);
    return argument;
}

START_TEST(sentences)
{
    gml_softmax_problem p = good_problem();
    p.rows = -1;
    gml_softmax_f32(NULL, &p);
    static const char expected[] = "gml_softmax_f32: rows is -1, must be at least 0";
    char said[sizeof expected + 4];
    memset(said, '#', sizeof said);
    ck_assert_uint_eq(gml_last_error(said, 5), sizeof expected - 1);
    ck_assert_str_eq(said, "gml_");
    ck_assert_int_eq(said[5], '#');
    ck_assert_uint_eq(gml_last_error(said, 1), sizeof expected - 1);
    ck_assert_str_eq(said, "");

    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    fill();
    p.rows = 1;
    ck_assert_int_eq(gml_softmax_f32(NULL, &p), GML_OK); /* a success keeps the sentence, too */
    ck_assert_uint_eq(gml_last_error(said, sizeof said), sizeof expected - 1);
    ck_assert_str_eq(said, expected);

    for (int status = GML_OK; status <= GML_ERR_MEMORY; status++)
        ck_assert_int_eq(strncmp(gml_status_name((gml_status)status), "GML_", 4), 0);
    ck_assert_str_eq(gml_status_name((gml_status)99), "unknown status");
}
END_TEST

int main(void)
{
    return suite_run("interface", 60, (const TTest *const[]){descriptors, contexts, sentences, NULL});
}
