/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many callers at once: eight threads that call different operations, in the default context, in one of their own
 * and inside OpenMP regions, get the bits of the specification every time.
 */
#include "tests/operations.h"
#include "tests/suite.h"
#include <omp.h>
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 3 };

typedef struct caller {
    pthread_t thread;
    gml_context *context;
    int first; /* operation: neighbours start with different ones */
    int wrong;
} caller;

static void *call_all(void *argument)
{
    caller *self = argument;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < OPERATIONS; i++)
            self->wrong += !operation_right((self->first + i) % OPERATIONS, self->context);
    return NULL;
}

static void run_callers(gml_context *context)
{
    caller callers[THREADS];
    for (int t = 0; t < THREADS; t++) {
        callers[t] = (caller){.context = context, .first = t};
        ck_assert_int_eq(pthread_create(&callers[t].thread, NULL, call_all, &callers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        ck_assert_int_eq(pthread_join(callers[t].thread, NULL), 0);
        ck_assert_int_eq(callers[t].wrong, 0);
    }
}

static gml_context *context_of(int32_t threads)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    gml_context *context;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
    return context;
}

START_TEST(share_the_default_context)
{
    run_callers(NULL);
}
END_TEST

START_TEST(share_a_context_of_two_threads)
{
    gml_context *context = context_of(2);
    run_callers(context);
    gml_context_destroy(context);
}
END_TEST

START_TEST(share_a_context_of_one_thread)
{
    gml_context *context = context_of(1);
    run_callers(context);
    gml_context_destroy(context);
}
END_TEST

/* The number of threads is no part of the answer, nor is it a promise: more than the machine has are fine. */
START_TEST(any_number_of_threads)
{
    for (int32_t threads = 1; threads <= 7; threads += 2) {
        gml_context *context = context_of(threads);
        ck_assert_int_eq(gml_context_threads(context), threads);
        ck_assert_int_eq(operations_wrong(context), 0);
        gml_context_destroy(context);
    }
}
END_TEST

/* Inside a region an operation is serial; a context that asks for threads gets what OpenMP grants. */
START_TEST(inside_a_parallel_region)
{
    gml_context *asking = context_of(2);
    int wrong = 0;
#pragma omp parallel num_threads(4) reduction(+ : wrong)
    for (int i = 0; i < OPERATIONS; i++) {
        const int which = (omp_get_thread_num() + i) % OPERATIONS;
        wrong += !operation_right(which, NULL) + !operation_right(which, asking);
    }
    ck_assert_int_eq(wrong, 0);
    gml_context_destroy(asking);
}
END_TEST

/* Fewer threads than asked for: no call waits for those that never come. */
START_TEST(fewer_threads_than_asked)
{
    gml_context *context = context_of(16);
    omp_set_dynamic(1);
    omp_set_max_active_levels(1);
    ck_assert_int_eq(operations_wrong(context), 0);
    int wrong = 0;
#pragma omp parallel num_threads(2) reduction(+ : wrong)
    wrong += operations_wrong(context);
    ck_assert_int_eq(wrong, 0);
    gml_context_destroy(context);
}
END_TEST

int main(void)
{
    operations_prepare();
    return suite_run("concurrency", 300,
                     (const TTest *const[]){share_the_default_context, share_a_context_of_two_threads,
                                            share_a_context_of_one_thread, any_number_of_threads,
                                            inside_a_parallel_region, fewer_threads_than_asked, NULL});
}
