/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GEMMULE_RECORD: the distinct problems of a process and how often each was planned, in a file that is whole or not there.
 * The variable is read once, so the calls are made in processes of their own: this program, with arguments.
 */
#define _GNU_SOURCE
#include "src/api/record.h"
#include "tests/made_wisdom.h"
#include <gemmule/gemmule.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { THREADS = 4, ROUNDS = 50, MANY = 17500, OUTPUT = 1 << 16 };

/* What the child calls. */

static _Alignas(64) float a[1 << 12], b[1 << 12];
static _Thread_local _Alignas(64) float c[1 << 12];

static void multiply_by(int64_t m, int64_t n, int64_t k)
{
    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F32;
    p.m = m, p.n = n, p.k = k;
    p.a = a, p.rs_a = k, p.cs_a = 1;
    p.b = b, p.rs_b = n, p.cs_b = 1;
    p.c = c, p.rs_c = n, p.cs_c = 1;
    p.batch = 2;
    p.threads = 1;
    p.bs_c = m * n;
    if (gml_gemm(NULL, &p) != GML_OK)
        _exit(EXIT_FAILURE);
}

static void multiply(int64_t m)
{
    multiply_by(m, 3, 2);
}

static void reduce(int64_t cols, float *lse)
{
    gml_softmax_problem p = GML_SOFTMAX_PROBLEM_INIT;
    p.rows = 3, p.cols = cols;
    p.x = a, p.x_stride = 64;
    p.y = c, p.y_stride = 64;
    p.lse = lse, p.lse_stride = 1;
    p.threads = 1;
    if (gml_softmax_f32(NULL, &p) != GML_OK)
        _exit(EXIT_FAILURE);
}

static void attend(int64_t keys)
{
    gml_attention_problem p = GML_ATTENTION_PROBLEM_INIT;
    p.batch = 1, p.heads = 2, p.kv_heads = 1, p.q_len = 3, p.kv_len = keys, p.head_dim = 4, p.v_head_dim = 2;
    p.q = a, p.q_stride[1] = 12, p.q_stride[2] = 4;
    p.k = b, p.k_stride[2] = 4;
    p.v = b, p.v_stride[2] = 2;
    p.o = c, p.o_stride[1] = 6, p.o_stride[2] = 2;
    p.threads = 1;
    if (gml_attention_f32(NULL, &p) != GML_OK)
        _exit(EXIT_FAILURE);
}

static void call_each(void)
{
    static const float one[4] = {1, 2, 3, 4};
    for (int i = 0; i < 3; i++)
        multiply(5);
    multiply(6);
    reduce(7, NULL);
    attend(9);
    attend(9);

    gml_gemm_problem p = GML_GEMM_PROBLEM_INIT;
    p.type = GML_F64;
    p.m = 2000, p.n = 1, p.k = 1;
    p.a = a, p.rs_a = 1, p.cs_a = 1;
    p.b = b, p.rs_b = 1, p.cs_b = 1;
    p.c = c, p.rs_c = 1, p.cs_c = 1;
    p.beta = 1.0;
    p.threads = 1;
    gml_plan *plan;
    gml_plan_create_gemm(&plan, NULL, &p); /* counts when it runs */
    for (int i = 0; i < 5; i++)
        gml_plan_run_gemm(plan, a, b, c);
    gml_plan_destroy(plan);

    /* Nothing to tune: small, without products, empty, without columns, refused. */
    float result[4];
    gml_gemm_f32(NULL, 2, 2, 2, 1.0f, one, 2, 1, one, 2, 1, 0.0f, result, 2, 1);
    gml_gemm_f32(NULL, 2, 2, 2, 0.0f, one, 2, 1, one, 2, 1, 0.0f, result, 2, 1);
    gml_gemm_f32(NULL, 0, 2, 2, 1.0f, one, 2, 1, one, 2, 1, 0.0f, result, 2, 1);
    reduce(0, result);
    gml_gemm_f32(NULL, -1, 2, 2, 1.0f, one, 2, 1, one, 2, 1, 0.0f, result, 2, 1);
}

static void *call_often(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        reduce(1 + i % 5, NULL);
        attend(1 + i % 7);
    }
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

/* The parent ends after its child, and so does its record. */
static void call_and_fork(void)
{
    multiply(5);
    const pid_t child = fork();
    if (child == 0) {
        multiply(6);
        exit(EXIT_SUCCESS);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        _exit(EXIT_FAILURE);
    multiply(7);
}

static void fill_disk(void)
{
    const struct rlimit limit = {.rlim_cur = 16, .rlim_max = 16};
    multiply(5); /* first: the runtime of OpenMP writes a file of its own */
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit))
        _exit(EXIT_FAILURE);
}

/* More problems than there is room for, with one that was there before them now and then. */
static void call_many(void)
{
    for (int64_t i = 0; i < MANY; i++) {
        if (i % 100 == 0)
            reduce(1, NULL);
        multiply_by(2 + i / 676, 2 + i / 26 % 26, 2 + i % 26);
    }
}

static int calls(const char *which)
{
    if (!strcmp(which, "each"))
        call_each();
    else if (!strcmp(which, "threads"))
        call_from_threads();
    else if (!strcmp(which, "fork"))
        call_and_fork();
    else if (!strcmp(which, "full"))
        fill_disk();
    else if (!strcmp(which, "many"))
        call_many();
    else if (!strcmp(which, "unused"))
        return EXIT_SUCCESS;
    return EXIT_SUCCESS;
}

/* What the parent sees. */

static char output[OUTPUT];

/* Runs the calls with the variable; what they say on standard error is in output. Returns the number of the process. */
static pid_t run(const char *which, const char *record, const char *verbose)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("GEMMULE_VERBOSE", verbose, 1);
        record ? setenv("GEMMULE_RECORD", record, 1) : unsetenv("GEMMULE_RECORD");
        if (chdir(made_root))
            _exit(127);
        execl("/proc/self/exe", "test_record", "calls", which, (char *)NULL);
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
    return child;
}

/* The sum of counts of a key in a file; -1: there is no such file. `lines` gets the number of problems. */
static int64_t counted(const char *name, const char *key, int *lines)
{
    char path[MADE_PATH], line[512];
    FILE *file = fopen(made_path(path, name), "r");
    if (!file)
        return -1;
    int64_t sum = 0;
    *lines = 0;
    while (fgets(line, sizeof line, file)) {
        long long count;
        char *end = strstr(line, " count=");
        if (*line == '#')
            continue;
        ck_assert_msg(end && sscanf(end, " count=%lld\n", &count) == 1 && count > 0, "%s", line);
        gml_key read;
        ck_assert_msg(gml_key_read(line, (size_t)(end - line), &read), "%s", line);
        *end = '\0';
        sum += strcmp(line, key) ? 0 : count;
        ++*lines;
    }
    fclose(file);
    return sum;
}

#define PRODUCT(m) "op=gemm type=f32 layout=nn0 threads=1 m=" #m " n=3 k=2 batch=2"

START_TEST(each_problem_once)
{
    int lines;
    run("each", "problems.txt", "0");
    ck_assert_str_eq(output, "");
    ck_assert_int_eq(counted("problems.txt", PRODUCT(5), &lines), 3);
    ck_assert_int_eq(lines, 5);
    ck_assert_int_eq(counted("problems.txt", PRODUCT(6), &lines), 1);
    ck_assert_int_eq(counted("problems.txt", "op=softmax type=f32 layout=- threads=1 rows=3 cols=7", &lines),
                     1);
    ck_assert_int_eq(counted("problems.txt",
                             "op=attention type=f32 layout=- threads=1 sequences=1 group=2 q_len=3 kv_len=9 "
                             "head_dim=4 v_head_dim=2",
                             &lines),
                     2);

    /* The file is replaced, and nothing lies beside it. */
    run("threads", "problems.txt", "0");
    ck_assert_int_eq(counted("problems.txt", PRODUCT(5), &lines), 0);
    char command[128];
    snprintf(command, sizeof command, "test \"$(ls '%s')\" = problems.txt", made_root);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(threads_add_up)
{
    char key[GML_KEY_TEXT];
    int lines;
    run("threads", "threads.txt", "0");
    for (int i = 1; i <= 5; i++) {
        snprintf(key, sizeof key, "op=softmax type=f32 layout=- threads=1 rows=3 cols=%d", i);
        ck_assert_int_eq(counted("threads.txt", key, &lines), THREADS * ROUNDS / 5);
    }
    ck_assert_int_ge(lines, 12);
}
END_TEST

#ifndef GML_TEST_SANITIZED /* the tools of OpenMP do not survive the exit of a forked child */
START_TEST(children)
{
    int lines;
    run("fork", "fork.txt", "0");
    ck_assert_int_eq(counted("fork.txt", PRODUCT(5), &lines), 1);
    ck_assert_int_eq(counted("fork.txt", PRODUCT(6), &lines), 0);
    ck_assert_int_eq(counted("fork.txt", PRODUCT(7), &lines), 1);
    ck_assert_int_eq(lines, 2);

    char name[64], command[512];
    const pid_t parent = run("fork", "fork-%p-%p.txt", "0");
    snprintf(name, sizeof name, "fork-%ld-%ld.txt", (long)parent, (long)parent);
    ck_assert_int_eq(counted(name, PRODUCT(5), &lines), 1);
    ck_assert_int_eq(counted(name, PRODUCT(7), &lines), 1);
    ck_assert_int_eq(lines, 2);
    snprintf(command, sizeof command,
             "cd '%s' && rm %s && set -- fork-*-*.txt && test $# = 1 && mv $1 child.txt", made_root, name);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(counted("child.txt", PRODUCT(6), &lines), 1);
    ck_assert_int_eq(lines, 1);
}
END_TEST

#endif

START_TEST(a_full_table)
{
    char path[MADE_PATH], line[512] = "";
    int lines, before = 0;
    long long left_out = 0;
    run("many", "many.txt", "0");
    FILE *file = fopen(made_path(path, "many.txt"), "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) && *line == '#')
        before += sscanf(line, "# The table was full for %lld calls.", &left_out) == 1;
    fclose(file);
    ck_assert_int_eq(counted("many.txt", "op=softmax type=f32 layout=- threads=1 rows=3 cols=1", &lines),
                     MANY / 100);
    ck_assert_int_eq(before, 1);
    ck_assert_int_gt(lines, 10000);
    ck_assert_int_eq(lines - 1 + left_out, MANY);
}
END_TEST

START_TEST(what_cannot_be_written)
{
    char path[MADE_PATH], *name = malloc(PATH_MAX + 2);
    int lines;
    ck_assert_ptr_nonnull(name);
    run("each", "nowhere/problems.txt", "0");
    ck_assert_str_eq(output, "");
    run("each", "nowhere/problems.txt", "1");
    ck_assert_ptr_nonnull(strstr(output, "\ngemmule: record problems=5 error=2 file=nowhere/problems.txt\n"));
    memset(name, 'x', PATH_MAX + 1);
    name[PATH_MAX + 1] = '\0';
    run("each", name, "0");
    memcpy(name + PATH_MAX - 3, "%p", 3);
    run("each", name, "0");
    free(name);

    /* A full disk leaves what was there. */
    made_file(made_path(path, "kept.txt"), "kept\n", 5, 0644);
    run("full", "kept.txt", "0");
    char kept[8] = "", command[128];
    FILE *file = fopen(path, "r");
    ck_assert(file && fgets(kept, sizeof kept, file));
    fclose(file);
    ck_assert_str_eq(kept, "kept\n");
    snprintf(command, sizeof command, "! ls '%s' | grep -q tmp", made_root);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(counted("never.txt", "", &lines), -1);
}
END_TEST

/* A process without calls leaves no file, and so does one that is not asked. */
START_TEST(what_is_not_recorded)
{
    int lines;
    run("unused", "unused.txt", "0");
    ck_assert_int_eq(counted("unused.txt", "", &lines), -1);
    run("each", NULL, "0");
    run("each", "", "0");
    char command[128];
    snprintf(command, sizeof command, "! ls '%s' | grep -qv txt", made_root);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "calls"))
        return calls(argv[2]);
    setenv("GEMMULE_WISDOM", "off", 1);
    unsetenv("GEMMULE_RECORD");
    if (!made_root_make())
        return EXIT_FAILURE;
    const int code =
        suite_run("record", 60,
                  (const TTest *const[]){each_problem_once, threads_add_up,
#ifndef GML_TEST_SANITIZED
                                         children,
#endif
                                         a_full_table, what_cannot_be_written, what_is_not_recorded, NULL});
    return made_root_remove() ? code : EXIT_FAILURE;
}
