/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Choices: their text, which is read as hostile; their order; and that none changes a bit, which is for the harness.
 */
#include "proof/proof.h"
#include "src/core/plan.h"
#include "tests/any_choice.h"
#include "tests/suite.h"
#include <stdio.h>

START_TEST(tables_name_all_parameters_once)
{
    static const int last[GML_OPERATIONS] = {GML_CHOOSE_GRID_M, GML_CHOOSE_SOFTMAX_THREADS,
                                             GML_CHOOSE_ATTENTION_THREADS};
    static const char *const names[GML_OPERATIONS] = {"gemm", "softmax", "attention"};
    for (int o = 0; o < GML_OPERATIONS; o++) {
        int count;
        const gml_parameter *p = gml_parameters((gml_operation)o, &count);
        ck_assert_str_eq(gml_operation_name((gml_operation)o), names[o]);
        ck_assert_int_eq(count, last[o] + 1);
        ck_assert_ptr_null(p[count].name);
        for (int i = 0; i < count; i++) {
            ck_assert_msg(!!p[i].names != (p[i].most > 0), "%s", p[i].name);
            for (int j = 0; j < i; j++)
                ck_assert_str_ne(p[i].name, p[j].name);
        }
    }
    for (int path = 0; path < GML_GEMM_PATHS; path++)
        ck_assert_str_eq(gml_parameters(GML_OPERATION_GEMM, NULL)[GML_CHOOSE_PATH].names[path],
                         gml_gemm_path_name((gml_gemm_path)path));
    for (int path = 0; path < GML_ATTENTION_PATHS; path++)
        ck_assert_str_eq(gml_parameters(GML_OPERATION_ATTENTION, NULL)[GML_CHOOSE_ATTENTION_PATH].names[path],
                         gml_attention_path_name((gml_attention_path)path));
}
END_TEST

START_TEST(text_is_read_as_it_was_written)
{
    proof_random random = proof_random_seeded(1, 1);
    for (int i = 0; i < 30000; i++) {
        const gml_operation operation = (gml_operation)(i % GML_OPERATIONS);
        const gml_choice choice = any_choice(operation, &random);
        char text[GML_CHOICE_TEXT], shorter[GML_CHOICE_TEXT];
        const size_t length = gml_choice_write(operation, &choice, text, sizeof text);
        ck_assert_uint_eq(length, strlen(text));
        const gml_choice again = read_choice(operation, text);
        ck_assert_mem_eq(&again, &choice, sizeof choice);
        /* With too little room it is the beginning, terminated, and the length is still told. */
        const size_t size = (size_t)proof_below(&random, (int64_t)length + 2);
        memset(shorter, 'x', sizeof shorter);
        ck_assert_uint_eq(gml_choice_write(operation, &choice, shorter, size), length);
        ck_assert_int_eq(shorter[size], 'x');
        if (size > 0)
            ck_assert_uint_eq(strlen(shorter), size <= length ? size - 1 : length);
        ck_assert_mem_eq(shorter, text, size > 0 && size <= length ? size - 1 : 0);
    }
}
END_TEST

START_TEST(text_is_in_the_order_of_the_table)
{
    static const char *const texts[][2] = {
        {"model", "model"},
        {"nc=960,pack_b=yes", "pack_b=yes,nc=960"},
        {"grid_m=1024,path=split,threads=7,mr=8,nr=48", "path=split,mr=8,nr=48,threads=7,grid_m=1024"},
        {"stream_c=no,transpose=yes,pack_a=no,kc=16777216,mc=1",
         "transpose=yes,pack_a=no,stream_c=no,mc=1,kc=16777216"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[GML_CHOICE_TEXT];
        const gml_choice choice = read_choice(GML_OPERATION_GEMM, texts[i][0]);
        gml_choice_write(GML_OPERATION_GEMM, &choice, text, sizeof text);
        ck_assert_str_eq(text, texts[i][1]);
    }
}
END_TEST

static void expect_refused(gml_operation operation, const char *text, size_t length)
{
    gml_choice choice, before;
    memset(&choice, 0x5a, sizeof choice);
    before = choice;
    ck_assert_msg(!gml_choice_read(operation, text, length, &choice), "'%.*s'", (int)length, text);
    ck_assert_mem_eq(&choice, &before, sizeof choice);
}

START_TEST(other_text_is_refused)
{
    static const char *const texts[] = {"",
                                        " ",
                                        ",",
                                        "=",
                                        "Model",
                                        "model ",
                                        "model,",
                                        "model,nc=96",
                                        "nc=96,model",
                                        "model=yes",
                                        "models",
                                        "nc",
                                        "nc=",
                                        "nc=0",
                                        "nc=-1",
                                        "nc=+1",
                                        "nc=01",
                                        "nc= 1",
                                        "nc=1 ",
                                        "nc=1.5",
                                        "nc=1e3",
                                        "nc=0x10",
                                        "nc=yes",
                                        "nc=16777217",
                                        "nc=4294967297",
                                        "nc=18446744073709551617",
                                        "nc=99999999999999999999999999999999",
                                        "nc=96,",
                                        ",nc=96",
                                        "nc=96,,kc=512",
                                        "nc=96,nc=96",
                                        "nc=96;kc=512",
                                        "nc=96 kc=512",
                                        "nc==96",
                                        "nc=96=",
                                        "nc=9=6",
                                        "NC=96",
                                        "ncc=96",
                                        "n=96",
                                        " nc=96",
                                        "nc =96",
                                        "path=panel",
                                        "path=1",
                                        "path=",
                                        "path=panelss",
                                        "path=tiles",
                                        "pack_b=1",
                                        "pack_b=true",
                                        "pack_b=Yes",
                                        "pack_b=yes,pack_b=no",
                                        "threads=1025",
                                        "grid_m=1025",
                                        "threads=0",
                                        "strips=4",
                                        "bq=48",
                                        "span=8",
                                        "nc=1\n",
                                        "nc=\xd9\xa1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_refused(GML_OPERATION_GEMM, texts[i], strlen(texts[i]));
    expect_refused(GML_OPERATION_GEMM, "nc=1\0", 5);
    expect_refused(GML_OPERATION_GEMM, "model\0", 6);
    expect_refused(GML_OPERATION_SOFTMAX, "block_rows=257", 14);
    expect_refused(GML_OPERATION_ATTENTION, "span=65", 7);
    expect_refused(GML_OPERATION_ATTENTION, "strips=17", 9);
}
END_TEST

/* What is read of a text that is cut or changed is what it says, or nothing; and not one byte beyond it. */
START_TEST(damaged_text_is_read_as_what_it_says)
{
    static const char whole[] =
        "path=panels,transpose=no,mr=8,nr=48,pack_a=no,pack_b=yes,mc=96,nc=960,threads=16";
    const size_t length = sizeof whole - 1;
    for (size_t cut = 0; cut < length; cut++) {
        char *exact = malloc(cut + 1); /* a sanitizer sees what is read behind it */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, whole, cut);
        gml_choice choice;
        if (gml_choice_read(GML_OPERATION_GEMM, exact, cut, &choice)) {
            char text[GML_CHOICE_TEXT];
            ck_assert_uint_eq(gml_choice_write(GML_OPERATION_GEMM, &choice, text, sizeof text), cut);
            ck_assert_mem_eq(text, whole, cut);
        }
        free(exact);
    }
    for (size_t at = 0; at < length; at++)
        for (int byte = 0; byte < 256; byte++) {
            char changed[sizeof whole], text[GML_CHOICE_TEXT];
            gml_choice choice;
            memcpy(changed, whole, sizeof whole);
            changed[at] = (char)byte;
            if (!gml_choice_read(GML_OPERATION_GEMM, changed, length, &choice))
                continue;
            ck_assert_uint_eq(gml_choice_write(GML_OPERATION_GEMM, &choice, text, sizeof text), length);
            ck_assert_mem_eq(text, changed, length);
        }
}
END_TEST

START_TEST(the_order_is_total)
{
    enum { CHOICES = 60 };
    static const char *const ascending[] = {"model",
                                            "grid_m=4",
                                            "nc=95",
                                            "nc=96",
                                            "pack_b=yes",
                                            "path=panels",
                                            "path=stream",
                                            "nc=96,threads=1",
                                            "path=panels,nc=1",
                                            "path=panels,pack_b=no,nc=1"};
    proof_random random = proof_random_seeded(2, 1);
    gml_choice c[CHOICES];
    for (int i = 0; i < CHOICES; i++)
        c[i] = i % 7 ? any_choice(GML_OPERATION_SOFTMAX, &random) : c[i / 2];
    for (int i = 0; i < CHOICES; i++)
        for (int j = 0; j < CHOICES; j++) {
            const int ij = gml_choice_compare(&c[i], &c[j]);
            ck_assert_int_eq(ij == 0, memcmp(&c[i], &c[j], sizeof c[i]) == 0);
            ck_assert_int_eq(ij<0, gml_choice_compare(&c[j], &c[i])> 0);
            for (int k = 0; k < CHOICES; k++)
                if (ij < 0 && gml_choice_compare(&c[j], &c[k]) < 0)
                    ck_assert_int_lt(gml_choice_compare(&c[i], &c[k]), 0);
        }
    for (size_t i = 1; i < sizeof ascending / sizeof *ascending; i++) {
        const gml_choice x = read_choice(GML_OPERATION_GEMM, ascending[i - 1]);
        const gml_choice y = read_choice(GML_OPERATION_GEMM, ascending[i]);
        ck_assert_msg(gml_choice_compare(&x, &y) < 0, "%s, %s", ascending[i - 1], ascending[i]);
        ck_assert_int_eq(gml_choice_is_model(&x), i == 1);
    }
}
END_TEST

/* Plans are legal, and bits those of the specification. */
static void prove(int32_t threads, uint64_t seed)
{
    static proof_report report;
    proof_options options = PROOF_OPTIONS_INIT;
    report = (proof_report){0};
    options.parts = PROOF_CHOICES;
    options.threads = threads;
    options.seed = seed;
    options.cases = 60;
    options.findings = stderr;
    ck_assert_msg(proof_run(&options, &report), "%lld failures %s", (long long)report.failures, report.error);
    ck_assert_int_gt(report.cases, 60);
}

START_TEST(no_choice_changes_a_bit)
{
    for (int32_t threads = 1; threads <= 3; threads++)
        prove(threads, (uint64_t)(40 + threads));
}
END_TEST

int main(void)
{
    return suite_run("choice", 300,
                     (const TTest *const[]){tables_name_all_parameters_once, text_is_read_as_it_was_written,
                                            text_is_in_the_order_of_the_table, other_text_is_refused,
                                            damaged_text_is_read_as_what_it_says, the_order_is_total,
                                            no_choice_changes_a_bit, NULL});
}
