/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The floating-point environment: whatever modes the caller and the threads of a team are in, a body sees that of the
 * contract, and each thread finds its own again.
 */
#define _GNU_SOURCE 1
#include "kernels/kernel.h"
#include "src/core/runtime.h"
#include "tests/suite.h"
#include <fenv.h>
#include <float.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

static void make_runtime(gml_runtime *runtime)
{
    memset(runtime, 0, sizeof *runtime);
    runtime->threads = 4;
    runtime->allocate = gml_default_allocate;
    runtime->release = gml_default_release;
}

#if defined(__x86_64__)
#define CONTROL(env)    ((env).__mxcsr)
#define CONTROL_BITS    0xffc0u /* all but the exception flags */
#define CONTROL_DEFAULT 0x1f80u
#define FLUSH           0x8040u /* flush to zero, denormals are zero */
#else
#define CONTROL(env)    ((env).__fpcr)
#define CONTROL_BITS    0xffffffffu
#define CONTROL_DEFAULT 0u
#define FLUSH           (1u << 24)
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
        volatile float least = FLT_MIN;
        least *= least; /* underflows; feraiseexcept would raise the flag of the x87 unit */
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
    volatile float third = 3.0f;
    third = 1.0f / third;
    gml_fpenv_leave(found);
    const int raised = fetestexcept(FE_ALL_EXCEPT);
    set_mode(MODE_DEFAULT);
    ck_assert_int_eq(none, 0);
    ck_assert_int_eq(raised, FE_INEXACT);
}
END_TEST

enum { TEAM = 4 };

/* A team whose caller and workers have modes of their own, then a call, if any, then what is left of the modes. */
static void modes_of_team(int caller, int worker, gml_runtime *runtime, atomic_int *wrong,
                          unsigned left[TEAM])
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
    pthread_t threads[2 * MODES];
    pool_task tasks[2 * MODES];
    for (int64_t i = 0; i < n; i++) {
        tasks[i] = (pool_task){.body = body, .argument = argument, .index = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_pool_task, &tasks[i]), 0);
    }
    for (int64_t i = 0; i < n; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        *(bool *)kept &= tasks[i].kept;
    }
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

int main(void)
{
    setenv("CK_FORK", "no", 1); /* a forked child has no team */
    /* clang-format off */
    return suite_run("fpenv", 60, (const TTest *const[]){
        enter_and_leave,
        flags_of_the_caller_stay,
        bodies_see_the_contract_in_openmp_threads,
        bodies_see_the_contract_in_the_hosts_threads,
        NULL,
    });
    /* clang-format on */
}
