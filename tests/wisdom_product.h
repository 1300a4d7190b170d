/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A product whose wisdom is known by its nc: what tests of the public functions have in common.
 */
#ifndef GML_TESTS_WISDOM_PRODUCT_H
#define GML_TESTS_WISDOM_PRODUCT_H

#include "tests/made_wisdom.h"
#include <gemmule/gemmule.h>

enum { M = 100, N = 200, K = 300 };

static const char key_text[] = "op=gemm type=f32 layout=nn0 threads=1 m=100 n=200 k=300 batch=1";
static float a[M * K], b[K * N], c[M * N];

static inline gml_gemm_problem product(void)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = M, p.n = N, p.k = K;
    p.a = a, p.rs_a = K, p.cs_a = 1;
    p.b = b, p.rs_b = N, p.cs_b = 1;
    p.c = c, p.rs_c = N, p.cs_c = 1;
    p.threads = 1;
    return p;
}

/* These three are for the other processes as well, where Check is not at work. */
static inline gml_explanation explain(gml_context *context)
{
    const gml_gemm_problem p = product();
    gml_explanation x = GML_EXPLANATION_INIT;
    if (gml_explain_gemm(context, &p, &x) != GML_OK)
        abort();
    return x;
}

/* The nc that was measured to be best for the product; 0: none was. */
static inline int nc_of(gml_context *context)
{
    int nc = 0;
    const gml_explanation x = explain(context);
    const char *at = strstr(x.why, "faster with nc=");
    return at && sscanf(at, "faster with nc=%d", &nc) == 1 ? nc : 0;
}

static inline gml_context *context_of(int32_t threads)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    gml_context *context;
    if (gml_context_create(&context, &options) != GML_OK)
        abort();
    return context;
}

static inline char *text_of(const char *choice, size_t *size)
{
    const gml_wisdom_entry entry = made_entry(key_text, choice);
    return made_text(&entry, 1, size);
}

static inline gml_status import(gml_context *context, const char *choice, gml_wisdom_report *report)
{
    size_t size;
    char *text = text_of(choice, &size);
    const gml_status status = gml_wisdom_import_memory(context, text, size, report);
    free(text);
    return status;
}

/* In another process. */

static inline pid_t begin(const char *mode, const char *list, const char *data, const char *record)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child > 0)
        return child;
    list ? setenv("GEMMULE_WISDOM", list, 1) : unsetenv("GEMMULE_WISDOM");
    setenv("XDG_DATA_HOME", data ? data : "/nowhere", 1);
    record ? setenv("GEMMULE_RECORD", record, 1) : unsetenv("GEMMULE_RECORD");
    execl("/proc/self/exe", "test", mode, (char *)NULL);
    _exit(127);
}

static inline int end(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* The nc of the product in a new process. */
static inline int nc_elsewhere(const char *list, const char *data)
{
    return end(begin("nc", list, data, NULL));
}

#endif
