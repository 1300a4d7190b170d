/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The runtime: scratch memory under eight threads, bodies run exactly once whatever team OpenMP grants, forked
 * children, and the floating-point environment that every body sees.
 *
 * Check must not fork here, because a forked child is serial. To meet a thread limit, which OpenMP reads when it is
 * loaded, the program starts itself again with "bodies" as its argument.
 */
#define _GNU_SOURCE 1
#include "src/core/runtime.h"
#include "kernels/kernel.h"
#include "tests/suite.h"
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
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

static void join_all(const pthread_t *threads, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

static void start_all(pthread_t *threads, int n, void *(*run)(void *), void *argument)
{
    for (int i = 0; i < n; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, argument), 0);
}

/* Scratch memory. */

static struct {
    _Atomic int64_t bytes;
    atomic_int blocks, allocations;
    bool refuse, misalign;
} host;

static void *host_allocate(void *unused, size_t bytes, size_t alignment)
{
    (void)unused;
    if (host.refuse)
        return NULL;
    atomic_fetch_add(&host.bytes, (int64_t)bytes);
    atomic_fetch_add(&host.blocks, 1);
    atomic_fetch_add(&host.allocations, 1);
    char *data = aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment);
    return data ? data + host.misalign : NULL;
}

static void host_release(void *unused, void *pointer, size_t bytes)
{
    (void)unused;
    atomic_fetch_sub(&host.bytes, (int64_t)bytes);
    atomic_fetch_sub(&host.blocks, 1);
    free((char *)pointer - host.misalign);
}

static void make_runtime(gml_runtime *runtime)
{
    memset(&host, 0, sizeof host);
    memset(runtime, 0, sizeof *runtime);
    runtime->threads = 4;
    runtime->allocate = host_allocate;
    runtime->release = host_release;
}

static int64_t idle(gml_runtime *runtime)
{
    return atomic_load(&runtime->idle_bytes);
}

START_TEST(blocks_are_large_and_aligned)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    const size_t sizes[] = {0, 1, 63, 64, 5119, 5120, 5121, 65536, 1000003, ((size_t)2 << 20) - 1, (size_t)2 << 20,
                            ((size_t)5 << 20) + 1, GML_SCRATCH_KEEP, GML_SCRATCH_KEEP + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        gml_scratch scratch = gml_scratch_take(&runtime, sizes[i]);
        ck_assert_ptr_nonnull(scratch.data);
        ck_assert_uint_ge(scratch.bytes, sizes[i]);
        ck_assert_uint_le(scratch.bytes, sizes[i] < 4096 ? 5120 : sizes[i] + sizes[i] / 4); /* steps of a quarter */
        ck_assert_uint_eq((uintptr_t)scratch.data % GML_ALIGNMENT, 0);
        ck_assert_int_eq(idle(&runtime), 0);
        ((char *)scratch.data)[0] = ((char *)scratch.data)[scratch.bytes - 1] = 1;
        gml_scratch_give(&runtime, scratch);
        ck_assert_int_eq(idle(&runtime), sizes[i] > GML_SCRATCH_KEEP ? 0 : (int64_t)scratch.bytes);
        gml_scratch_clear(&runtime);
        ck_assert_int_eq(idle(&runtime), 0);
        ck_assert_int_eq(host.bytes, 0);
    }
    ck_assert_int_eq(host.blocks, 0);
}
END_TEST

START_TEST(blocks_are_reused)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    gml_scratch small = gml_scratch_take(&runtime, 10000), large = gml_scratch_take(&runtime, 1000000);
    gml_scratch_give(&runtime, large);
    gml_scratch_give(&runtime, small);
    ck_assert_int_eq(idle(&runtime), (int64_t)(small.bytes + large.bytes));
    gml_scratch again = gml_scratch_take(&runtime, 9999);
    ck_assert_ptr_eq(again.data, small.data); /* the smallest that will do */
    ck_assert_uint_eq(again.bytes, small.bytes);
    gml_scratch other = gml_scratch_take(&runtime, 9999);
    ck_assert_ptr_eq(other.data, large.data); /* rather too large than new */
    ck_assert_int_eq(host.allocations, 2);
    gml_scratch_give(&runtime, again);
    gml_scratch_give(&runtime, other);

    again = gml_scratch_take(&runtime, 2000000); /* larger than both: one of them goes */
    ck_assert_int_eq(host.allocations, 3);
    ck_assert_int_eq(host.blocks, 2);
    gml_scratch_give(&runtime, again);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

START_TEST(more_blocks_than_slots)
{
    enum { MANY = GML_SCRATCH_SLOTS + 10 };
    gml_runtime runtime;
    make_runtime(&runtime);
    gml_scratch blocks[MANY];
    for (int i = 0; i < MANY; i++)
        blocks[i] = gml_scratch_take(&runtime, 5000);
    ck_assert_int_eq(host.blocks, MANY);
    for (int i = 0; i < MANY; i++)
        gml_scratch_give(&runtime, blocks[i]);
    ck_assert_int_eq(host.blocks, GML_SCRATCH_SLOTS);
    ck_assert_int_eq(idle(&runtime), host.bytes);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

START_TEST(memory_that_cannot_be_had)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 64, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_ptr_null(gml_scratch_take(&runtime, sizes[i]).data);
        ck_assert_ptr_null(gml_default_allocate(NULL, sizes[i], GML_ALIGNMENT));
    }
    host.refuse = true;
    gml_scratch scratch = gml_scratch_take(&runtime, 100);
    ck_assert_ptr_null(scratch.data);
    ck_assert_uint_eq(scratch.bytes, 0);
    gml_scratch_give(&runtime, scratch); /* nothing to give */
    ck_assert_int_eq(idle(&runtime), 0);

    host.refuse = false, host.misalign = true;
    ck_assert_ptr_null(gml_scratch_take(&runtime, 100).data);
    ck_assert_int_eq(host.allocations, 1);
    ck_assert_int_eq(host.bytes, 0); /* given back */
}
END_TEST

START_TEST(the_default_allocator)
{
    const size_t sizes[] = {1, 64, 100, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)5 << 20) + 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t alignment = 64; alignment <= 4096; alignment *= 8) {
            char *data = gml_default_allocate(NULL, sizes[i], alignment);
            ck_assert_ptr_nonnull(data);
            ck_assert_uint_eq((uintptr_t)data % alignment, 0);
            memset(data, 0x5a, sizes[i]);
            gml_default_release(NULL, data, sizes[i]);
        }
}
END_TEST

/* Nobody else writes into a block between take and give. */
static void *use_blocks(void *argument)
{
    gml_runtime *runtime = argument;
    static atomic_uint next;
    unsigned seed = atomic_fetch_add(&next, 1);
    const unsigned char mine = (unsigned char)(seed + 1);
    for (int i = 0; i < 5000; i++) {
        seed = seed * 1664525 + 1013904223;
        const size_t bytes = (size_t)1 << (seed >> 28);
        gml_scratch scratch = gml_scratch_take(runtime, bytes);
        memset(scratch.data, mine, bytes);
        if (i % 8 == 0)
            sched_yield();
        for (size_t b = 0; b < bytes; b++)
            if (((unsigned char *)scratch.data)[b] != mine)
                return scratch.data;
        gml_scratch_give(runtime, scratch);
    }
    return NULL;
}

START_TEST(eight_threads_share_the_pool)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    pthread_t threads[THREADS];
    start_all(threads, THREADS, use_blocks, &runtime);
    for (int i = 0; i < THREADS; i++) {
        void *broken;
        ck_assert_int_eq(pthread_join(threads[i], &broken), 0);
        ck_assert_msg(broken == NULL, "two threads had one block");
    }
    ck_assert_int_eq(idle(&runtime), host.bytes);
    ck_assert_int_le(host.blocks, GML_SCRATCH_SLOTS);
    gml_scratch_clear(&runtime);
    ck_assert_int_eq(idle(&runtime), 0);
    ck_assert_int_eq(host.bytes, 0);
    ck_assert_int_eq(host.blocks, 0);
}
END_TEST

/* Bodies. */

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
        fprintf(stderr, "test_runtime: thread limit %s not tested, an emulated program cannot start itself\n", limit);
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
    alarm(20); /* a child that waits for its parent's team would wait for ever */
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

/* The floating-point environment. */

#if defined(__x86_64__)
#define CONTROL(env) ((env).__mxcsr)
#define CONTROL_BITS 0xffc0u /* all but the exception flags */
#define CONTROL_DEFAULT 0x1f80u
#define FLUSH 0x8040u /* flush to zero, denormals are zero */
#else
#define CONTROL(env) ((env).__fpcr)
#define CONTROL_BITS 0xffffffffu
#define CONTROL_DEFAULT 0u
#define FLUSH (1u << 24)
#endif

static unsigned control(void)
{
    fenv_t env;
    fegetenv(&env);
    return CONTROL(env) & CONTROL_BITS;
}

/* What hosts do: a mode for each thread. Returns what the processor made of it. */
enum { MODE_DEFAULT, MODE_FLUSH, MODE_UPWARD, MODE_TRAPS, MODE_ALL, MODES };

static unsigned set_mode(int mode)
{
    fesetenv(FE_DFL_ENV);
    if (mode == MODE_FLUSH || mode == MODE_ALL) {
        fenv_t env;
        fegetenv(&env);
        CONTROL(env) |= FLUSH;
        fesetenv(&env);
    }
    if (mode == MODE_UPWARD || mode == MODE_ALL)
        fesetround(FE_UPWARD);
    if (mode == MODE_TRAPS || mode == MODE_ALL)
        feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    return control();
}

/* Rounding to nearest, denormals, and exceptions that would end the process if they trapped. */
static bool arithmetic_is_the_contracts(void)
{
    volatile float one = 1.0f, tiny = FLT_EPSILON / 4, least = FLT_MIN, zero = 0.0f, most = FLT_MAX;
    const volatile float sum = one + tiny, denormal = least / 2, back = denormal * 2;
    const volatile float nan = zero / zero, inf = one / zero, over = most * 2;
    return control() == CONTROL_DEFAULT && sum == 1.0f && denormal != 0.0f && back == FLT_MIN && nan != nan &&
           inf == over;
}

static void check_arithmetic(void *argument, int64_t index)
{
    (void)index;
    if (!arithmetic_is_the_contracts())
        atomic_fetch_add((atomic_int *)argument, 1);
}

START_TEST(enter_and_leave)
{
    for (int mode = 0; mode < MODES; mode++) {
        const unsigned before = set_mode(mode);
        feraiseexcept(FE_UNDERFLOW);
        const gml_fpenv found = gml_fpenv_enter();
        const bool right = arithmetic_is_the_contracts();
        gml_fpenv_leave(found);
        const unsigned after = control();
        const int flags = fetestexcept(FE_UNDERFLOW);
        set_mode(MODE_DEFAULT);
        ck_assert_msg(right, "mode %d", mode);
        ck_assert_uint_eq(after, before);
        ck_assert_uint_eq((unsigned)found, before);
        ck_assert_int_eq(flags, FE_UNDERFLOW); /* the caller's flag stays */
    }
}
END_TEST

START_TEST(flags_of_the_caller_stay)
{
    set_mode(MODE_DEFAULT);
    gml_fpenv_leave(gml_fpenv_enter());
    const int none = fetestexcept(FE_ALL_EXCEPT);
    set_mode(MODE_UPWARD);
    const gml_fpenv found = gml_fpenv_enter();
    feraiseexcept(FE_INEXACT);
    gml_fpenv_leave(found);
    const int raised = fetestexcept(FE_ALL_EXCEPT);
    set_mode(MODE_DEFAULT);
    ck_assert_int_eq(none, 0);
    ck_assert_int_eq(raised, FE_INEXACT);
}
END_TEST

enum { TEAM = 4 };

/* A team whose caller and workers have modes of their own, then a call, if any, then what is left of the modes. */
static void modes_of_team(int caller, int worker, gml_runtime *runtime, atomic_int *wrong, unsigned left[TEAM])
{
#pragma omp parallel num_threads(TEAM)
    set_mode(omp_get_thread_num() ? worker : caller);
    if (runtime) {
        gml_parallel(runtime, TEAM, check_arithmetic, wrong);
        gml_parallel(runtime, 1, check_arithmetic, wrong);
    }
#pragma omp parallel num_threads(TEAM)
    {
        left[omp_get_thread_num()] = control();
        set_mode(MODE_DEFAULT);
    }
    set_mode(MODE_DEFAULT);
}

/* Compared with a team that was not called: LLVM's OpenMP gives the caller's mode to its workers by itself. */
START_TEST(bodies_see_the_contract_in_openmp_threads)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    for (int caller = 0; caller < MODES; caller++)
        for (int worker = 0; worker < MODES; worker++) {
            unsigned expected[TEAM] = {0}, left[TEAM] = {0};
            atomic_int wrong = 0;
            modes_of_team(caller, worker, NULL, NULL, expected);
            modes_of_team(caller, worker, &runtime, &wrong, left);
            ck_assert_msg(atomic_load(&wrong) == 0, "caller in mode %d, workers in %d", caller, worker);
            ck_assert_mem_eq(left, expected, sizeof left);
        }
}
END_TEST

typedef struct pool_task {
    gml_parallel_body_fn *body;
    void *argument;
    int64_t index;
    bool kept;
} pool_task;

static void *run_pool_task(void *argument)
{
    pool_task *task = argument;
    const unsigned before = set_mode((int)(task->index % MODES));
    task->body(task->argument, task->index);
    task->kept = control() == before;
    return NULL;
}

static void pool_parallel_for(void *kept, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    pthread_t threads[BODIES];
    pool_task tasks[BODIES];
    for (int64_t i = 0; i < n; i++) {
        tasks[i] = (pool_task){.body = body, .argument = argument, .index = i};
        start_all(&threads[i], 1, run_pool_task, &tasks[i]);
    }
    join_all(threads, (int)n);
    for (int64_t i = 0; i < n; i++)
        *(bool *)kept &= tasks[i].kept;
}

START_TEST(bodies_see_the_contract_in_the_hosts_threads)
{
    gml_runtime runtime;
    make_runtime(&runtime);
    bool kept = true;
    runtime.parallel_for = pool_parallel_for;
    runtime.parallel_host = &kept;
    for (int caller = 0; caller < MODES; caller++) {
        atomic_int wrong = 0;
        const unsigned before = set_mode(caller);
        gml_parallel(&runtime, 2 * MODES, check_arithmetic, &wrong);
        const unsigned after = control();
        set_mode(MODE_DEFAULT);
        ck_assert_int_eq(atomic_load(&wrong), 0);
        ck_assert_uint_eq(after, before);
        ck_assert(kept);
    }
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
    return suite_run("runtime", 60, (const TTest *const[]){
                                        blocks_are_large_and_aligned,
                                        blocks_are_reused,
                                        more_blocks_than_slots,
                                        memory_that_cannot_be_had,
                                        the_default_allocator,
                                        eight_threads_share_the_pool,
                                        bodies_run_exactly_once,
                                        one_body_runs_in_the_caller,
                                        bodies_run_exactly_once_under_a_thread_limit,
                                        threads_of_a_call,
                                        a_forked_child_is_serial,
                                        enter_and_leave,
                                        flags_of_the_caller_stay,
                                        bodies_see_the_contract_in_openmp_threads,
                                        bodies_see_the_contract_in_the_hosts_threads,
                                        NULL,
                                    });
}
