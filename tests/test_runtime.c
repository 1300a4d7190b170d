/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parallelism: bodies run exactly once whatever team OpenMP grants, the number of threads a call may use, and forked
 * children, which are serial. So Check must not fork here. To meet a thread limit, which OpenMP reads when it is
 * loaded, the program starts itself again with "bodies" as its argument.
 */
#define _GNU_SOURCE 1
#include "kernels/kernel.h"
#include "src/core/plan.h"
#include "src/core/runtime.h"
#include "tests/suite.h"
#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, BODIES = 40 };

/* Parallel regions inside each other: Archer, which tells ThreadSanitizer of OpenMP, crashes on the second level. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LEVELS 1
#endif
#endif
#ifndef LEVELS
#define LEVELS 2
#endif

static void make_runtime(gml_runtime *runtime)
{
    memset(runtime, 0, sizeof *runtime);
    runtime->threads = 4;
    runtime->allocate = gml_default_allocate;
    runtime->release = gml_default_release;
}

static void start_all(pthread_t *threads, int n, void *(*run)(void *), void *argument)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, argument), 0);
}

static void count_index(void *argument, int64_t index)
{
    atomic_fetch_add((atomic_int *)argument + index, 1);
}

/* Whether each of n bodies ran once, and no other. */
static bool exactly_once(gml_runtime *runtime, int32_t n)
{
    atomic_int counts[BODIES + 1] = {0};
    gml_parallel(runtime, n, count_index, counts);
    for (int32_t i = 0; i <= BODIES; i++)
        if (atomic_load(&counts[i]) != (i < n))
            return false;
    return true;
}

static bool all_exactly_once(gml_runtime *runtime)
{
    for (int32_t n = 0; n <= BODIES; n++)
        if (!exactly_once(runtime, n))
            return false;
    return true;
}

static void *run_bodies(void *runtime)
{
    return all_exactly_once(runtime) ? NULL : runtime;
}

START_TEST(bodies_run_exactly_once)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    ck_assert(all_exactly_once(&runtime));
    omp_set_dynamic(1); /* teams as small as OpenMP likes */
    ck_assert(all_exactly_once(&runtime));
    omp_set_dynamic(0);
    for (int levels = 1; levels <= LEVELS; levels++) { /* inside a region: teams of one, and of n */
        omp_set_max_active_levels(levels);
        int wrong = 0;
#pragma omp parallel num_threads(3) reduction(+ : wrong)
        wrong += !all_exactly_once(&runtime);
        ck_assert_int_eq(wrong, 0);
    }
    omp_set_max_active_levels(1);

    pthread_t threads[THREADS];
    start_all(threads, THREADS, run_bodies, &runtime);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
}
END_TEST

static void note_thread(void *argument, int64_t index)
{
    ((pthread_t *)argument)[index] = pthread_self();
}

START_TEST(one_body_runs_in_the_caller)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    pthread_t ran;
    gml_parallel(&runtime, 1, note_thread, &ran);
    ck_assert(pthread_equal(ran, pthread_self()));
}
END_TEST

/* The same bodies in a process whose OpenMP may use so many threads. */
static void run_again_with_limit(const char *limit)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        setenv("OMP_THREAD_LIMIT", limit, 1);
        execl("/proc/self/exe", "test_runtime", "bodies", (char *)NULL);
        _exit(errno == ENOEXEC ? SUITE_SKIPPED : 127);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == SUITE_SKIPPED)
        fprintf(stderr, "test_runtime: thread limit %s not tested, an emulated program cannot start itself\n",
                limit);
    else
        ck_assert_msg(WEXITSTATUS(status) == 0, "thread limit %s", limit);
}

START_TEST(bodies_run_exactly_once_under_a_thread_limit)
{
    run_again_with_limit("1");
    run_again_with_limit("2");
    run_again_with_limit("3");
}
END_TEST

START_TEST(threads_of_a_call)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    ck_assert_int_eq(gml_parallel_threads(&runtime, 0), 4);
    ck_assert_int_eq(gml_parallel_threads(&runtime, 9), 9);
    ck_assert_int_eq(gml_parallel_threads(&runtime, INT32_MAX), GML_MAX_THREADS);
    int inside = 0, asked_inside = 0, context_inside = 0, alone = 0;
    gml_runtime asking;
    make_runtime(&asking);
    asking.threads_asked = true;
#pragma omp parallel num_threads(2)
#pragma omp master
    if (omp_get_num_threads() == 2) {
        inside = gml_parallel_threads(&runtime, 0);
        asked_inside = gml_parallel_threads(&runtime, 9);
        context_inside = gml_parallel_threads(&asking, 0);
    }
#pragma omp parallel num_threads(1)
    alone = gml_parallel_threads(&runtime, 0); /* a team of one is no parallel region */
    ck_assert_int_eq(inside, 1);
    ck_assert_int_eq(asked_inside, 9);
    ck_assert_int_eq(context_inside, 4);
    ck_assert_int_eq(alone, 4);
}
END_TEST

/* Forks. */

static void fail_parallel_for(void *unused, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    (void)unused, (void)n, (void)body, (void)argument;
    _exit(3);
}

/* What a forked child finds: 0 when it is serial and works. */
static int child_works(gml_runtime *runtime)
{
    pthread_t ran[THREADS];
    signal(SIGALRM, SIG_DFL); /* Check's handler kills the group of processes */
    alarm(20);                /* a child that waits for its parent's team would wait for ever */
    gml_parallel(runtime, THREADS, note_thread, ran);
    for (int i = 0; i < THREADS; i++)
        if (!pthread_equal(ran[i], pthread_self()))
            return 1;
    runtime->parallel_for = fail_parallel_for; /* the host's threads are not here, either */
    runtime->threads_asked = true;
    return all_exactly_once(runtime) && gml_parallel_threads(runtime, 0) == 1 &&
                   gml_parallel_threads(runtime, 9) == 1
               ? 0
               : 2;
}

static void fork_and_work(gml_runtime *runtime)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (child_works(runtime))
            _exit(1);
        const pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(child_works(runtime));
        int status;
        _exit(waitpid(grandchild, &status, 0) != grandchild || status != 0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static atomic_bool stop;

static void *run_bodies_until_stop(void *runtime)
{
    while (!atomic_load(&stop))
        if (!exactly_once(runtime, 4))
            return runtime;
    return NULL;
}

START_TEST(a_forked_child_is_serial)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    fork_and_work(&runtime);
    ck_assert(all_exactly_once(&runtime));
    fork_and_work(&runtime); /* after a team exists */
    ck_assert_int_eq(gml_parallel_threads(&runtime, 0), 4);

    pthread_t thread; /* and while another thread's team works */
    atomic_store(&stop, false);
    start_all(&thread, 1, run_bodies_until_stop, &runtime);
    for (int i = 0; i < 50; i++)
        fork_and_work(&runtime);
    atomic_store(&stop, true);
    void *wrong;
    ck_assert_int_eq(pthread_join(thread, &wrong), 0);
    ck_assert_ptr_null(wrong);
}
END_TEST

/* What a plan of a set with one tile of this size is refused for; "" when it is legal. */
static void refusal_of(int16_t mr, int16_t nr, gml_gemm_path path, int32_t grid_m, int32_t grid_batch,
                       char why[160])
{
    const gml_gemm_kernel tile = {.name = "tile", .mr = mr, .nr = nr};
    const gml_gemm_kernels kernels = {
        .type = "f64", .element = sizeof(double), .lanes = 8, .kc0 = 512, .n_tiles = 1, .tiles = &tile};
    const gml_kernel_set set = {.isa = "made up", .gemm_f64 = &kernels};
    const gml_gemm_plan plan = {.kernels = &kernels,
                                .kernel = &tile,
                                .path = path,
                                .mc = mr,
                                .kc = 512,
                                .nc = nr,
                                .grid_m = grid_m,
                                .grid_n = 1,
                                .grid_batch = grid_batch};
    why[0] = 0;
    ck_assert_int_eq(gml_gemm_plan_check(&plan, &set, why, 160), why[0] == 0);
}

START_TEST(plans_that_are_refused)
{
    char why[160];
    refusal_of(16, 32, GML_GEMM_PANELS, 2, 1, why);
    ck_assert_str_eq(why, ""); /* a tile of all the bytes there are for it */
    refusal_of(17, 32, GML_GEMM_PANELS, 1, 1, why);
    ck_assert_str_eq(why, "the tile is 17 x 32, may have 4096 bytes");
    refusal_of(8, 24, GML_GEMM_STREAM, 2, 1, why);
    ck_assert_str_eq(why, "grid_m is 2, must be 1 on the path stream");
    refusal_of(8, 24, GML_GEMM_PANELS, 2, 2, why);
    ck_assert_str_eq(why, "threads share both the batch (2) and its products (2 x 1)");
    refusal_of(8, 24, GML_GEMM_PANELS, 0, 1, why);
    ck_assert_str_eq(why, "the thread grid is 0 x 1 x 1, must be positive");
}
END_TEST

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "bodies") == 0) {
        gml_runtime runtime;
        make_runtime(&runtime);
        return all_exactly_once(&runtime) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    setenv("CK_FORK", "no", 1);
    /* clang-format off */
    return suite_run("runtime", 60, (const TTest *const[]){
        bodies_run_exactly_once,
        one_body_runs_in_the_caller,
        bodies_run_exactly_once_under_a_thread_limit,
        threads_of_a_call,
        a_forked_child_is_serial,
        plans_that_are_refused,
        NULL,
    });
    /* clang-format on */
}
