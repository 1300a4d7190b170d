/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What gml_tune makes of its options: selections, sentences for what is out of range, results of older programs; and how
 * problems are said.
 */
#include "tests/suite.h"
#include "tune/tune.h"
#include <math.h>
#include <string.h>

static char sentence[TUNE_SENTENCE];

/* A selection leaves out what is not asked for, and what takes no plan. */
START_TEST(selections)
{
    static const char text[] = "gemm 500 500 500\ngemm 500 500 500 type=f64\nsoftmax 1000 1000\ngemm 4 4 4\n"
                               "attention 1 8 256 256 64\n";
    const struct {
        const char *operations, *types;
        int kept;
    } cases[] = {{NULL, NULL, 4}, {"gemm", NULL, 2}, {"softmax,attention", "f32", 2}, {NULL, "f64", 1}};
    tune_list list = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gml_tune_options options = GML_TUNE_OPTIONS_INIT;
        options.operations = cases[i].operations;
        options.types = cases[i].types;
        tune_selection selection;
        ck_assert_msg(tune_select(&selection, &options, 1, sentence, sizeof sentence), "%s", sentence);
        const tune_threads threads = {selection.threads, selection.thread_counts, selection.threads_named};
        tune_list_free(&list);
        ck_assert(tune_problems_read(&list, "text", text, strlen(text), &threads, sentence, sizeof sentence));
        tune_list_keep(&list, &selection);
        ck_assert_int_eq(list.count, cases[i].kept);
        tune_list_free(&list);
        ck_assert(tune_list_suite(&list, &selection));
        ck_assert_int_gt(list.count, 0);
    }
    tune_list_free(&list);
}
END_TEST

START_TEST(texts)
{
    const struct {
        const char *key, *text;
    } cases[] = {
        {"op=gemm type=f32 layout=nt0 threads=2 m=1024 n=1024 k=64 batch=1",
         "gemm f32 nt0 1024x1024x64x1, 2 threads"},
        {"op=softmax type=f32 layout=- threads=1 rows=7 cols=9", "softmax f32 7x9, 1 thread"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gml_key key;
        char text[TUNE_PROBLEM_TEXT];
        ck_assert(gml_key_read(cases[i].key, strlen(cases[i].key), &key));
        ck_assert_str_eq(tune_problem_text(&key, text), cases[i].text);
    }
}
END_TEST

static void tune_refused(const gml_tune_options *options, gml_status status, const char *said)
{
    gml_tune_result result = GML_TUNE_RESULT_INIT;
    result.tasks = 99;
    char why[256];
    ck_assert_int_eq(gml_tune(NULL, options, &result), status);
    gml_last_error(why, sizeof why);
    ck_assert_msg(!strcmp(why, said), "'%s', not '%s'", why, said);
    ck_assert_int_eq(result.tasks, 99);
}

START_TEST(interface)
{
    const gml_tune_options init = GML_TUNE_OPTIONS_INIT;
    gml_tune_options o = init;
    o.budget = 0.0;
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: budget is 0, must be a number of seconds > 0");
    o.budget = NAN;
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: budget is nan, must be a number of seconds > 0");
    o = init;
    o.size = 4;
    tune_refused(&o, GML_ERR_DESCRIPTOR,
                 "gml_tune: size is 4, must be that of the structure, as its INIT macro sets");
    o = init;
    o.reserved = 1;
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: reserved is 1, must be 0");
    o = init;
    o.resume = 2;
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: resume is 2, must be 0 or 1");
    o = init;
    o.directory = "";
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: directory is \"\", must be NULL or a path");
    o = init;
    o.directory = "/nonexistent";
    o.dry_run = 1;
    o.operations = "gemm,fft";
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: operations: 'fft' is none of gemm, softmax, attention");
    o.operations = "";
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: operations: '' is none of gemm, softmax, attention");
    o.operations = NULL;
    o.types = "f16";
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: types: 'f16' is none of f32, f64");
    o.types = NULL;
    const int32_t counts[] = {1, 0, 1};
    o.threads = counts;
    o.thread_counts = 2;
    tune_refused(&o, GML_ERR_ARGUMENT, "gml_tune: threads[1] is 0, must be from 1 to 1024");
    o.threads = NULL;
    tune_refused(&o, GML_ERR_ARGUMENT,
                 "gml_tune: thread_counts is 2, must be the length of threads, at most 1024");
    o.thread_counts = 0;
    o.problems = "gemm 300 300 300\nwhat\n";
    tune_refused(&o, GML_ERR_ARGUMENT,
                 "gml_tune: problems:2: there is no operation 'what', only gemm, softmax and attention");
    ck_assert_int_eq(gml_tune(NULL, &o, NULL), GML_ERR_ARGUMENT);

    /* The result of an older program is shorter: nothing behind it is written. */
    gml_tune_result result = GML_TUNE_RESULT_INIT;
    result.size = offsetof(gml_tune_result, gain);
    result.gain = -5.0;
    o.problems = "gemm 300 300 300 threads=1\n";
    ck_assert_int_eq(gml_tune(NULL, &o, &result), GML_OK);
    ck_assert_int_eq(result.tasks, 1);
    ck_assert_uint_eq(result.size, offsetof(gml_tune_result, gain));
    ck_assert_double_eq(result.gain, -5.0);
    result.size = sizeof result + 8;
    ck_assert_int_eq(gml_tune(NULL, &o, &result), GML_ERR_DESCRIPTOR);
}
END_TEST

int main(void)
{
    return suite_run("tune_options", 60, (const TTest *const[]){selections, texts, interface, NULL});
}
