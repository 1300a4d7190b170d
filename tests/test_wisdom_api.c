/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Wisdom through the public functions: import, export, forget, explain, and what they refuse. Another process is this
 * program with an argument.
 */
#define _GNU_SOURCE
#include "tests/wisdom_product.h"
#include <malloc.h>
#include <regex.h>
#include <sys/resource.h>

static void expect_sentence(gml_status got, gml_status status, const char *words)
{
    char sentence[256];
    gml_last_error(sentence, sizeof sentence);
    ck_assert_int_eq(got, status);
    ck_assert_msg(strstr(sentence, words) != NULL, "'%s' does not say '%s'", sentence, words);
}

START_TEST(known_and_forgotten)
{
    gml_context *context = context_of(1), *other = context_of(1);
    gml_explanation x = explain(context);
    ck_assert_int_eq(x.source, GML_PLAN_MODEL);
    ck_assert(x.gain == 1.0);
    ck_assert_ptr_nonnull(strstr(x.why, "nothing was measured on this machine"));

    ck_assert_int_eq(import(context, "nc=64", NULL), GML_OK);
    x = explain(context);
    ck_assert_int_eq(x.source, GML_PLAN_MEASURED);
    ck_assert(x.gain == 1.5);
    ck_assert_ptr_nonnull(strstr(x.why, "20260101T000000Z-test"));
    ck_assert_ptr_nonnull(strstr(x.why, "nc=64"));
    ck_assert_int_eq(nc_of(context), 64);
    ck_assert_int_eq(explain(other).source, GML_PLAN_MODEL);

    ck_assert_int_eq(import(context, "nc=96", NULL), GML_OK); /* the last import counts */
    ck_assert_int_eq(nc_of(context), 96);
    ck_assert_int_eq(import(context, "model", NULL), GML_OK);
    x = explain(context);
    ck_assert_int_eq(x.source, GML_PLAN_MEASURED);
    ck_assert(x.gain == 1.0);
    ck_assert_ptr_nonnull(strstr(x.why, "nothing was faster"));

    /* Of nearly the same sizes: not this entry, which holds for its cell only where it says so. */
    gml_wisdom_entry near =
        made_entry("op=gemm type=f32 layout=nn0 threads=1 m=110 n=190 k=310 batch=1", "nc=32");
    near.scope = GML_SCOPE_CELL;
    size_t size;
    char *text = made_text(&near, 1, &size);
    ck_assert_int_eq(gml_wisdom_import_memory(other, text, size, NULL), GML_OK);
    free(text);
    x = explain(other);
    ck_assert_int_eq(x.source, GML_PLAN_CELL);
    ck_assert_ptr_nonnull(strstr(x.why, "nearly these sizes"));

    ck_assert_int_eq(gml_wisdom_forget(context), GML_OK);
    ck_assert_int_eq(explain(context).source, GML_PLAN_MODEL);
    ck_assert_int_eq(gml_wisdom_forget(context), GML_OK);
    gml_context_destroy(context);
    context = context_of(1);
    ck_assert_int_eq(gml_wisdom_forget(context), GML_OK); /* before there is any */
    ck_assert_int_eq(explain(context).source, GML_PLAN_MODEL);
    gml_context_destroy(context);
    gml_context_destroy(other);
}
END_TEST

START_TEST(refusals)
{
    gml_context *context = context_of(1);
    gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
    char path[MADE_PATH];
    size_t size = 0;
    ck_assert_int_eq(import(context, "nc=64", NULL), GML_OK);

    expect_sentence(gml_wisdom_import_file(context, NULL, NULL), GML_ERR_ARGUMENT, "path is NULL");
    expect_sentence(gml_wisdom_import_memory(context, NULL, 0, NULL), GML_ERR_ARGUMENT, "text is NULL");
    expect_sentence(gml_wisdom_export_file(context, NULL), GML_ERR_ARGUMENT, "path is NULL");
    expect_sentence(gml_wisdom_export_memory(context, NULL, NULL), GML_ERR_ARGUMENT, "size is NULL");
    expect_sentence(gml_wisdom_import_memory(context, "", 0, &report), GML_ERR_ARGUMENT, "begin as wisdom");
    ck_assert_int_eq(report.refused, 1);
    expect_sentence(gml_wisdom_import_file(context, "/nowhere/at/all", &report), GML_ERR_ARGUMENT,
                    "/nowhere/at/all cannot be read: No such file");
    ck_assert_int_eq(report.refused, 1);
    expect_sentence(gml_wisdom_import_file(context, made_root, &report), GML_ERR_ARGUMENT,
                    "is no regular file");
    made_file(made_path(path, "text"), "text", 4, 0644);
    expect_sentence(gml_wisdom_import_file(context, path, &report), GML_ERR_ARGUMENT, "begin as wisdom");
    char *text = text_of("nc=96", &size);
    made_file(path, text, size, 0666);
    free(text);
    expect_sentence(gml_wisdom_import_file(context, path, &report), GML_ERR_ARGUMENT,
                    "may be written by others");
    ck_assert_int_eq(report.files, 0);
    ck_assert_int_eq(report.refused, 1);
    ck_assert_int_eq(report.accepted, 0);

    report.size = 0;
    expect_sentence(gml_wisdom_import_file(context, path, &report), GML_ERR_DESCRIPTOR, "size is 0");
    expect_sentence(gml_wisdom_import_memory(context, "", 0, &report), GML_ERR_DESCRIPTOR, "size is 0");
    expect_sentence(gml_wisdom_refresh(context, &report), GML_ERR_DESCRIPTOR, "size is 0");
    expect_sentence(gml_wisdom_export_file(context, "/nowhere/at/all"), GML_ERR_ARGUMENT,
                    "cannot be written: No such");
    expect_sentence(gml_wisdom_export_file(context, made_root), GML_ERR_ARGUMENT,
                    "cannot be written: Is a dir");
    ck_assert_int_eq(mkfifo(made_path(path, "fifo"), 0600), 0);
    expect_sentence(gml_wisdom_export_file(context, path), GML_ERR_ARGUMENT, "cannot be written: Invalid");
    struct stat status;
    ck_assert(stat(path, &status) == 0 && S_ISFIFO(status.st_mode));
    expect_sentence(gml_explain_gemm(context, NULL, NULL), GML_ERR_ARGUMENT, "explanation is NULL");
    gml_explanation x = GML_EXPLANATION_INIT;
    expect_sentence(gml_explain_gemm(context, NULL, &x), GML_ERR_ARGUMENT, "problem is NULL");
    expect_sentence(gml_explain_softmax_f32(context, NULL, &x), GML_ERR_ARGUMENT, "problem is NULL");
    expect_sentence(gml_explain_attention_f32(context, NULL, &x), GML_ERR_ARGUMENT, "problem is NULL");
    gml_gemm_problem p = product();
    p.rs_c = 3;
    expect_sentence(gml_explain_gemm(context, &p, &x), GML_ERR_ARGUMENT, "rs_c is 3");
    x.size = 7;
    expect_sentence(gml_explain_gemm(context, &p, &x), GML_ERR_DESCRIPTOR, "size is 7");

    ck_assert_int_eq(nc_of(context), 64); /* through all of this */
    gml_context_destroy(context);
}
END_TEST

START_TEST(reports)
{
    char text[8 * GML_WISDOM_LINE];
    gml_wisdom_entry entry = made_entry(key_text, "nc=64");
    size_t size = gml_wisdom_write_begin(text);
    size += gml_wisdom_write(&entry, text + size);
    entry.machine ^= 1;
    size += gml_wisdom_write(&entry, text + size);
    entry.machine ^= 1;
    for (int i = 0; i < 2; i++) {
        entry.revision ^= 1 + (uint32_t)i;
        size += gml_wisdom_write(&entry, text + size);
    }
    size += gml_wisdom_write(&entry, text + size);
    text[size - 2] ^= 1;
    size += (size_t)sprintf(text + size, "entry of nothing\n");

    struct {
        gml_wisdom_report known;
        int64_t later[2];
    } longer = {.known = GML_WISDOM_REPORT_INIT};
    longer.known.size = sizeof longer;
    gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
    gml_context *context = context_of(1);
    ck_assert_int_eq(gml_wisdom_import_memory(context, text, size, &report), GML_OK);
    ck_assert_int_eq(report.files, 1);
    ck_assert_int_eq(report.refused, 0);
    ck_assert_int_eq(report.accepted, 1);
    ck_assert_int_eq(report.foreign, 1);
    ck_assert_int_eq(report.stale, 2);
    ck_assert_int_eq(report.damaged, 2);
    ck_assert_int_eq(report.invalid, 0);
    ck_assert_int_eq(nc_of(context), 64);

    /* Of programs that know more, and less. */
    ck_assert_int_eq(gml_wisdom_import_memory(context, text, size, &longer.known), GML_OK);
    ck_assert_uint_eq(longer.known.size, sizeof longer);
    ck_assert_int_eq(longer.known.stale, 2);
    ck_assert(longer.later[0] == 0 && longer.later[1] == 0);
    report = (gml_wisdom_report){.size = offsetof(gml_wisdom_report, accepted), .accepted = 77};
    ck_assert_int_eq(gml_wisdom_import_memory(context, text, size, &report), GML_OK);
    ck_assert_int_eq(report.files, 1);
    ck_assert_int_eq(report.accepted, 77);
    gml_context_destroy(context);
}
END_TEST

START_TEST(exports)
{
    gml_context *context = context_of(1), *other = context_of(1);
    char path[MADE_PATH], *text, small[4] = "abc";
    size_t size = 0, again;
    ck_assert_int_eq(import(context, "nc=64", NULL), GML_OK);
    ck_assert_int_eq(gml_wisdom_export_memory(context, NULL, &size), GML_OK);
    ck_assert_uint_gt(size, 100);
    ck_assert_int_eq(import(context, "nc=96", NULL),
                     GML_OK); /* of one problem the last import is kept alone */
    ck_assert_int_eq(import(context, "nc=64", NULL), GML_OK);
    ck_assert_int_eq(gml_wisdom_export_memory(context, NULL, &again), GML_OK);
    ck_assert_uint_eq(again, size);
    ck_assert_ptr_nonnull(text = malloc(size));
    again = sizeof small;
    expect_sentence(gml_wisdom_export_memory(context, small, &again), GML_ERR_ARGUMENT,
                    "size is 4, must be at least");
    ck_assert_uint_eq(again, size);
    ck_assert_str_eq(small, "abc");
    ck_assert_int_eq(gml_wisdom_export_memory(context, text, &size), GML_OK);
    ck_assert_uint_eq(again, size);
    ck_assert_int_eq(gml_wisdom_import_memory(other, text, size, NULL), GML_OK);
    ck_assert_int_eq(nc_of(other), 64);
    free(text);

    ck_assert_int_eq(mkdir(made_path(path, "export"), 0755), 0);
    made_path(path, "export/wisdom");
    for (int round = 0; round < 2; round++) /* it replaces what was there */
        ck_assert_int_eq(gml_wisdom_export_file(context, path), GML_OK);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0644);
    char command[128];
    snprintf(command, sizeof command, "test \"$(ls -A '%s/export')\" = wisdom", made_root);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(gml_wisdom_forget(other), GML_OK);
    gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
    ck_assert_int_eq(gml_wisdom_import_file(other, path, &report), GML_OK);
    ck_assert_int_eq(report.accepted, 1);
    ck_assert_int_eq(nc_of(other), 64);
    ck_assert_int_eq(nc_elsewhere(path, NULL), 64);

    /* Nothing is text, too. */
    ck_assert_int_eq(gml_wisdom_forget(other), GML_OK);
    ck_assert_int_eq(gml_wisdom_export_file(other, path), GML_OK);
    ck_assert_int_eq(gml_wisdom_import_file(context, path, &report), GML_OK);
    ck_assert_int_eq(report.accepted, 0);
    ck_assert_int_eq(nc_of(context), 64);
    gml_context_destroy(context);
    gml_context_destroy(other);
}
END_TEST

static void expect_plan(const gml_explanation *x, const char *pattern)
{
    regex_t expression;
    ck_assert_int_eq(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&expression, x->plan, 0, NULL, 0) == 0, "'%s' is not '%s'", x->plan, pattern);
    regfree(&expression);
    ck_assert_uint_lt(strlen(x->plan), sizeof x->plan - 1); /* all of it */
    ck_assert_uint_gt(strlen(x->why), 10);
    ck_assert_int_ge(x->threads, 1);
}

START_TEST(explanations)
{
    gml_explanation x = explain(NULL);
    expect_plan(
        &x,
        "^path=panels kernel=gemm_f32_[0-9]+x[0-9]+_[a-z0-9]+ transpose=(yes|no) pack_a=(yes|no) "
        "pack_b=(yes|no) stream_c=(yes|no) mc=[0-9]+ kc=[0-9]+ nc=[0-9]+ grid_m=1 grid_n=1 grid_batch=1$");
    gml_gemm_problem p = product();
    p.m = 4, p.n = 4, p.k = 4;
    ck_assert_int_eq(gml_explain_gemm(NULL, &p, &x), GML_OK);
    ck_assert_int_eq(x.source, GML_PLAN_NONE);
    expect_plan(&x, "^path=small kernel=gemm_f32_[0-9]+x[0-9]+_[a-z0-9]+$");
    p.alpha = 0.0;
    ck_assert_int_eq(gml_explain_gemm(NULL, &p, &x), GML_OK);
    ck_assert_int_eq(x.source, GML_PLAN_NONE);
    expect_plan(&x, "^path=scale$");
    p.m = 0;
    ck_assert_int_eq(gml_explain_gemm(NULL, &p, &x), GML_OK);
    ck_assert_int_eq(x.source, GML_PLAN_NONE);
    expect_plan(&x, "^$");
    p = product();
    p.m = 1;
    ck_assert_int_eq(gml_explain_gemm(NULL, &p, &x), GML_OK);
    expect_plan(&x, "^path=(small|stream) ");
    const float untouched = c[0];

    gml_softmax_problem s = GML_SOFTMAX_PROBLEM_INIT;
    s.rows = 30, s.cols = 200;
    s.x = a, s.x_stride = 300;
    s.y = c, s.y_stride = 200;
    s.threads = 1;
    ck_assert_int_eq(gml_explain_softmax_f32(NULL, &s, &x), GML_OK);
    expect_plan(
        &x,
        "^path=rows kernel=softmax_f32_[a-z0-9]+ rows=[0-9]+ split=no stream=no block_rows=0 block_cols=0$");
    s.rows = 0;
    ck_assert_int_eq(gml_explain_softmax_f32(NULL, &s, &x), GML_OK);
    ck_assert_int_eq(x.source, GML_PLAN_NONE);

    gml_attention_problem t = GML_ATTENTION_PROBLEM_INIT;
    t.batch = t.heads = t.kv_heads = 1, t.head_dim = t.v_head_dim = 64;
    t.q = a, t.q_stride[2] = 64;
    t.k = t.v = b, t.k_stride[2] = t.v_stride[2] = 64;
    t.o = c, t.o_stride[2] = 64;
    t.threads = 1;
    int seen[3] = {0, 0, 0};
    for (t.q_len = 1; t.q_len <= 300; t.q_len += 23)
        for (t.kv_len = 1; t.kv_len <= 900; t.kv_len += 128) {
            ck_assert_int_eq(gml_explain_attention_f32(NULL, &t, &x), GML_OK);
            static const char *const patterns[] = {
                "^path=tiles kernel=attention_f32_[0-9]+_[a-z0-9]+ bq=[0-9]+ strips=[0-9]+ pack_k=(yes|no)$",
                "^path=few kernel=attention_row_f32_[a-z0-9]+ rows=[0-9]+ span=[0-9]+ split=[0-9]+ "
                "hold=[0-9]+$",
                "^path=blocks kernel=gemm_f32_[0-9x]+_[a-z0-9]+ values=gemm_f32_[0-9x]+_[a-z0-9]+ "
                "rows=[0-9]+ "
                "step=[0-9]+ pack_k=(yes|no)$"};
            const int path = !strncmp(x.plan, "path=tiles", 10) ? 0 : !strncmp(x.plan, "path=few", 8) ? 1 : 2;
            expect_plan(&x, patterns[path]);
            seen[path] = 1;
        }
    ck_assert_int_ge(seen[0] + seen[1] + seen[2], 2);
    t.q_len = 0;
    ck_assert_int_eq(gml_explain_attention_f32(NULL, &t, &x), GML_OK);
    ck_assert_int_eq(x.source, GML_PLAN_NONE);
    ck_assert_mem_eq(&c[0], &untouched, sizeof untouched);

    /* Of programs that know less, and more. */
    x = (gml_explanation){.size = offsetof(gml_explanation, why), .why = "mine"};
    p = product();
    ck_assert_int_eq(gml_explain_gemm(NULL, &p, &x), GML_OK);
    ck_assert_str_eq(x.why, "mine");
    ck_assert_uint_eq(x.size, offsetof(gml_explanation, why));
}
END_TEST

#ifndef GML_TEST_SANITIZED /* a sanitizer needs the address space itself */
/* Without memory a call keeps its wisdom, and says so; the first plan of a context is the model's. */
START_TEST(no_memory)
{
    enum { MANY = 4000 };
    gml_context *context = context_of(1), *unused = context_of(1);
    gml_wisdom_entry *entries = malloc(MANY * sizeof *entries);
    ck_assert_ptr_nonnull(entries);
    for (int i = 0; i < MANY; i++) {
        entries[i] = made_entry(key_text, "nc=96");
        entries[i].key.size[0] = 1 + i;
    }
    size_t size;
    char *text = made_text(entries, MANY, &size), path[MADE_PATH];
    made_file(made_path(path, "many"), text, size, 0644);
    free(entries);
    ck_assert_int_eq(import(context, "nc=64", NULL), GML_OK);
    malloc_trim(0);
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    const struct rlimit old = limit;
    limit.rlim_cur = 1;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    const gml_status memory = gml_wisdom_import_memory(context, text, size, NULL);
    const gml_status file = gml_wisdom_import_file(context, path, NULL);
    setenv("GEMMULE_WISDOM", path, 1);
    const gml_status refresh = gml_wisdom_refresh(context, NULL);
    const gml_status gemm = gml_gemm_f32(unused, M, N, K, 1.0f, a, K, 1, b, N, 1, 0.0f, c, N, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
    unsetenv("GEMMULE_WISDOM");
    free(text);
    ck_assert_int_eq(memory, GML_ERR_MEMORY);
    ck_assert_int_eq(file, GML_ERR_MEMORY);
    ck_assert_int_eq(refresh, GML_ERR_MEMORY);
    ck_assert_int_eq(gemm, GML_OK);
    ck_assert_int_eq(nc_of(context), 64);
    gml_context_destroy(context);
    gml_context_destroy(unused);
}
END_TEST

#endif

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "nc"))
        return nc_of(NULL);
    umask(022);
    mallopt(M_MMAP_THRESHOLD, 1 << 16); /* what is large and freed goes back, and has to be asked for again */
    setenv("XDG_DATA_HOME", "/nowhere", 1);
    unsetenv("GEMMULE_WISDOM");
    if (!made_root_make())
        return EXIT_FAILURE;
    const int code = suite_run("wisdom_api", 120,
                               (const TTest *const[]){
#ifndef GML_TEST_SANITIZED
                                   no_memory,
#endif
                                   known_and_forgotten, refusals, reports, exports, explanations, NULL});
    return made_root_remove() ? code : EXIT_FAILURE;
}
