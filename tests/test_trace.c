/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMMULE_VERBOSE: a line for each call, of the form that include/gemmule/context.h documents, and none without it. The
 * variable is read once, so the calls are made in a process of their own: this program, with "calls" for its argument.
 */
#define _GNU_SOURCE
#include "tests/suite.h"
#include <errno.h>
#include <gemmule/gemmule.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 100, OUTPUT = 1 << 18 };

/* What the child calls. */

static float a[4096], b[4096], c[4096];

static gml_gemm_problem product(void)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = 4, p.n = 5, p.k = 6;
    p.a = a, p.rs_a = 6, p.cs_a = 1;
    p.b = b, p.rs_b = 5, p.cs_b = 1;
    p.c = c, p.rs_c = 5, p.cs_c = 1;
    return p;
}

static void call_gemm(void)
{
    gml_gemm_f32(NULL, 4, 5, 6, 1.5f, a, 6, 1, b, 5, 1, -0.25f, c, 5, 1);
    gml_gemm_f32(NULL, 4, 5, 0, 1.0f, NULL, 0, 0, NULL, 0, 0, 0.0f, c, 5, 1);
    gml_gemm_f64(NULL, 2, 2, 2, 1.0, (double *)a, 1, 2, (double *)b, 1, 2, 0.0, (double *)c, 2, 1);

    gml_gemm_problem p = product();
    const void *list[2] = {b, b};
    p.label = "attn out\n";
    p.batch = 2;
    p.bs_a = 24;
    p.b = NULL;
    p.b_list = list;
    p.bs_c = 20;
    p.bias_n = b;
    p.activation = GML_ACTIVATION_SILU;
    gml_gemm(NULL, &p);

    p = product();
    gml_packed *packed;
    gml_gemm_pack_b(&packed, NULL, &p);
    p.b = NULL;
    p.packed_b = packed;
    p.label = "weights";
    gml_plan *plan;
    gml_plan_create_gemm(&plan, NULL, &p);
    gml_plan_run_gemm(plan, a, NULL, c);
    gml_plan_destroy(plan);
    gml_packed_destroy(packed);

    /* Nothing is done, so nothing is said. */
    gml_gemm_f32(NULL, 0, 5, 6, 1.0f, a, 6, 1, b, 5, 1, 0.0f, c, 5, 1);
    gml_gemm_f32(NULL, -1, 5, 6, 1.0f, a, 6, 1, b, 5, 1, 0.0f, c, 5, 1);
}

static void call_others(void)
{
    gml_softmax_problem s = GML_SOFTMAX_PROBLEM_INIT;
    s.rows = 3, s.cols = 7;
    s.x = a, s.x_stride = 8;
    s.y = c, s.y_stride = 9;
    s.scale = 0.5f;
    gml_softmax_f32(NULL, &s);

    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1, p.heads = 2, p.kv_heads = 1, p.q_len = 3, p.kv_len = 4, p.head_dim = 4, p.v_head_dim = 2;
    p.q = a, p.q_stride[1] = 12, p.q_stride[2] = 4;
    p.k = b, p.k_stride[2] = 4;
    p.v = b, p.v_stride[2] = 2;
    p.o = c, p.o_stride[1] = 6, p.o_stride[2] = 2;
    p.causal = GML_CAUSAL_TOP_LEFT;
    gml_attention_f32(NULL, &p);

    static const int64_t lengths[1] = {3}, prefix[1] = {1};
    static const int32_t q_document[3], kv_document[4];
    static const float heads[2] = {0.5f, 0.25f};
    p.kv_lengths = lengths, p.prefix = prefix;
    p.q_document = q_document, p.kv_document = kv_document;
    p.alibi = p.sinks = heads;
    p.window_left = 7, p.window_right = 2;
    p.softcap = 2.5f;
    p.causal = GML_CAUSAL_NONE;
    p.k_dim_stride = 4, p.k_stride[2] = 1;
    p.lse = a + 1000, p.lse_stride[1] = 3, p.lse_stride[2] = 1;
    p.weights = a + 2000, p.weights_stride[1] = 12, p.weights_stride[2] = 4, p.weights_stride[3] = 1;
    gml_attention_f32(NULL, &p);

    gml_attention_merge_problem m = GML_ATTENTION_MERGE_PROBLEM_INIT;
    m.parts = 2, m.batch = 1, m.heads = 2, m.q_len = 3, m.v_head_dim = 4;
    m.o_parts = a, m.o_parts_stride[0] = 24, m.o_parts_stride[2] = 12, m.o_parts_stride[3] = 4;
    m.lse_parts = b, m.lse_parts_stride[0] = 6, m.lse_parts_stride[2] = 3, m.lse_parts_stride[3] = 1;
    m.o = c, m.o_stride[1] = 12, m.o_stride[2] = 4;
    gml_attention_merge_f32(NULL, &m);

    m.q_len = p.q_len = 0; /* nothing is said of nothing */
    gml_attention_f32(NULL, &p);
    gml_attention_merge_f32(NULL, &m);
}

static void *call_often(void *argument)
{
    float result[4];
    for (int i = 0; i < ROUNDS; i++)
        gml_gemm_f32(NULL, 2, 2, 2, 1.0f, a, 2, 1, b, 2, 1, 0.0f, result, 2, 1);
    return argument;
}

static void call_from_threads(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, call_often, NULL))
            _exit(EXIT_FAILURE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* With nobody to write to, errno stays. */
static void call_alone(void)
{
    close(STDERR_FILENO);
    gml_context_threads(NULL); /* the first call reads the machine */
    errno = EDOM;
    gml_gemm_f32(NULL, 2, 2, 2, 1.0f, a, 2, 1, b, 2, 1, 0.0f, c, 2, 1);
    if (errno != EDOM)
        _exit(EXIT_FAILURE);
}

static int calls(const char *which)
{
    if (!strcmp(which, "gemm"))
        call_gemm();
    else if (!strcmp(which, "others"))
        call_others();
    else if (!strcmp(which, "threads"))
        call_from_threads();
    else if (!strcmp(which, "alone"))
        call_alone();
    else
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* What the parent sees. */

static char output[OUTPUT];

static const char *wisdom = "off";

/* The standard error of the calls with a value of the variable, or without it. */
static void run(const char *which, const char *verbose)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("GEMMULE_NUM_THREADS", "2", 1);
        setenv("GEMMULE_WISDOM", wisdom, 1);
        setenv("XDG_DATA_HOME", "/nowhere", 1);
        if (verbose)
            setenv("GEMMULE_VERBOSE", verbose, 1);
        else
            unsetenv("GEMMULE_VERBOSE");
        execl("/proc/self/exe", "test_trace", "calls", which, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], output + length, sizeof output - 1 - length)) > 0)
        length += (size_t)got;
    close(ends[0]);
    output[length] = '\0';
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s ended with %d: %s", which, status,
                  output);
}

static void expect_match(const char *line, const char *pattern)
{
    regex_t expression;
    ck_assert_int_eq(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0);
    ck_assert_msg(regexec(&expression, line, 0, NULL, 0) == 0, "'%s' is not '%s'", line, pattern);
    regfree(&expression);
}

#define TAIL " isa=[a-z0-9]+ threads=[12] us=[0-9]+\\.[0-9]{3} gflops=[0-9]+\\.[0-9]$"
#define HEAD "^gemmule: call="

static void expect_lines(const char *const *patterns)
{
    char *rest = output;
    for (; *patterns; patterns++) {
        char *line = strsep(&rest, "\n");
        ck_assert_ptr_nonnull(rest);
        expect_match(line, *patterns);
    }
    ck_assert_str_eq(rest, "");
}

START_TEST(products)
{
    static const char *const lines[] = {
        HEAD "gml_gemm_f32 label=- type=f32 m=4 n=5 k=6 batch=1 rs_a=6 cs_a=1 rs_b=5 cs_b=1 rs_c=5 cs_c=1 "
             "bs_a=0 bs_b=0 bs_c=0 lists=none alpha=1\\.5 beta=-0\\.25 packed=none bias=none activation=none "
             "path=small kernel=gemm_f32_[0-9]+x[0-9]+_[a-z0-9]+" TAIL,
        HEAD "gml_gemm_f32 label=- type=f32 m=4 n=5 k=0 .* beta=0 .* path=scale kernel=- .* gflops=0\\.0$",
        HEAD
        "gml_gemm_f64 label=- type=f64 m=2 n=2 k=2 batch=1 rs_a=1 cs_a=2 rs_b=1 cs_b=2 rs_c=2 cs_c=1 .*" TAIL,
        HEAD "gml_gemm label=attn_out_ type=f32 .* batch=2 .* bs_a=24 bs_b=0 bs_c=20 lists=b alpha=1 beta=0 "
             "packed=none bias=n activation=silu path=[a-z]+ kernel=gemm_[0-9a-z_]+ plan=model" TAIL,
        HEAD "gml_plan_run_gemm label=weights .* packed=b bias=none activation=none path=[a-z]+ "
             "kernel=gemm_f32_[0-9x]+_[a-z0-9]+ plan=model" TAIL,
        NULL,
    };
    run("gemm", "1");
    expect_lines(lines);
}
END_TEST

START_TEST(other_operations)
{
    static const char *const lines[] = {
        HEAD
        "gml_softmax_f32 label=- type=f32 batch=1 rows=3 cols=7 x_stride=8 x_col_stride=0 x_batch_stride=0 "
        "y_stride=9 y_col_stride=0 y_batch_stride=0 scale=0\\.5 softcap=0 bias=0 keep=0 causal=0 alibi=0 "
        "sinks=0 log=0 lse=0 path=rows kernel=softmax_f32_[a-z0-9]+ plan=model" TAIL,
        HEAD "gml_attention_f32 label=- type=f32 batch=1 heads=2 kv_heads=1 q_len=3 kv_len=4 head_dim=4 "
             "v_head_dim=2 k_dim_stride=0 window_left=0 window_right=0 scale=0\\.5 softcap=0 bias=0 keep=0 "
             "causal=1 kv_lengths=0 prefix=0 documents=0 alibi=0 sinks=0 weights=0 lse=0 path=[a-z]+ "
             "kernel=attention_[a-z0-9_]+ plan=model" TAIL,
        HEAD
        "gml_attention_f32 label=- type=f32 .* k_dim_stride=4 window_left=7 window_right=2 scale=0\\.5 "
        "softcap=2\\.5 bias=0 keep=0 causal=0 kv_lengths=1 prefix=1 documents=1 alibi=1 sinks=1 weights=1 "
        "lse=1 path=[a-z]+ kernel=attention_[a-z0-9_]+ plan=model" TAIL,
        HEAD "gml_attention_merge_f32 label=- type=f32 parts=2 batch=1 heads=2 q_len=3 v_head_dim=4 lse=0 "
             "path=rows kernel=attention_row_f32_[a-z0-9]+" TAIL,
        NULL,
    };
    run("others", "1");
    expect_lines(lines);
}
END_TEST

/* What was read and is not used is told once, by the first call that plans; small products read nothing. */
START_TEST(wisdom_that_is_refused)
{
    wisdom = "/nowhere/at/all";
    run("others", "1");
    const char *end = strchr(output, '\n');
    ck_assert_ptr_nonnull(end);
    ck_assert_ptr_null(strstr(end, "gemmule: wisdom"));
    expect_match(output,
                 "^gemmule: wisdom isa=[a-z0-9]+ files=0 refused=1 accepted=0 foreign=0 stale=0 damaged=0 "
                 "invalid=0 memory=fine\n"
                 "gemmule: call=gml_softmax_f32");
    run("others", "0");
    ck_assert_str_eq(output, "");
    run("threads", "1");
    ck_assert_ptr_null(strstr(output, "gemmule: wisdom"));
    wisdom = "off";
}
END_TEST

START_TEST(lines_stay_whole)
{
    run("threads", "1");
    char *rest = output;
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        char *line = strsep(&rest, "\n");
        ck_assert_ptr_nonnull(rest);
        expect_match(line, HEAD "gml_gemm_f32 .* m=2 n=2 k=2 [^:]*" TAIL);
    }
    ck_assert_str_eq(rest, "");
}
END_TEST

START_TEST(silence)
{
    static const char *const values[] = {NULL, "", "0", "2", "yes", "1 "};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        run("gemm", values[i]);
        ck_assert_str_eq(output, "");
        run("others", values[i]);
        ck_assert_str_eq(output, "");
    }
    run("alone", "1");
    ck_assert_str_eq(output, "");
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "calls"))
        return calls(argv[2]);
    return suite_run("trace", 60,
                     (const TTest *const[]){products, other_operations, wisdom_that_is_refused,
                                            lines_stay_whole, silence, NULL});
}
