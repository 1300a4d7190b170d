/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fork after use: the threads of an OpenMP team do not exist in the child, which must neither wait for them nor give
 * other bits. Every process here has an alarm, so that a hang is a failure with a name.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/operations.h"
#include "tests/suite.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 120 }; /* seconds */

static gml_context *two_threads;

static void use(void)
{
    ck_assert_int_eq(operations_wrong(two_threads), 0);
    ck_assert_int_eq(operations_wrong(NULL), 0);
}

static int wrong_everywhere(void)
{
    return operations_wrong(two_threads) + operations_wrong(NULL);
}

static bool succeeded(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Forks `depth` generations, each of which calls all operations; true when all of them were right. */
static bool generations(int depth)
{
    const pid_t child = fork();
    if (child < 0)
        return false;
    if (child > 0)
        return succeeded(child);
    alarm(PATIENCE);
    bool right = wrong_everywhere() == 0;
    if (depth > 1)
        right = generations(depth - 1) && right;
    _exit(right ? 0 : 1);
}

static void setup(void)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    ck_assert_int_eq(gml_context_create(&two_threads, &options), GML_OK);
    alarm(2 * PATIENCE);
}

static void teardown(void)
{
    alarm(0);
    gml_context_destroy(two_threads);
}

START_TEST(a_child)
{
    setup();
    use();
    ck_assert(generations(1));
    use(); /* the parent still has its threads */
    ck_assert(generations(1));
    teardown();
}
END_TEST

START_TEST(a_child_of_a_child)
{
    setup();
    use();
    ck_assert(generations(3));
    teardown();
}
END_TEST

/* The library is used for the first time in the child. */
START_TEST(a_child_before_any_use)
{
    setup();
    ck_assert(generations(2));
    use();
    teardown();
}
END_TEST

#ifndef GML_TEST_SANITIZED
static void *fork_here(void *argument)
{
    bool *right = argument;
    *right = operations_wrong(two_threads) == 0 && generations(2);
    return NULL;
}

/* Each of two threads forks while the other may be in the middle of an operation. */
START_TEST(children_of_two_threads)
{
    setup();
    pthread_t thread[2];
    bool right[2] = {false, false};
    for (int t = 0; t < 2; t++)
        ck_assert_int_eq(pthread_create(&thread[t], NULL, fork_here, &right[t]), 0);
    for (int t = 0; t < 2; t++) {
        ck_assert_int_eq(pthread_join(thread[t], NULL), 0);
        ck_assert(right[t]);
    }
    use();
    teardown();
}
END_TEST

#endif

/* A child may make threads of its own, each of which calls. */
static void *call_all(void *argument)
{
    *(int *)argument = wrong_everywhere();
    return NULL;
}

START_TEST(threads_in_a_child)
{
    setup();
    use();
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(PATIENCE);
        pthread_t thread[2];
        int wrong[2] = {1, 1};
        for (int t = 0; t < 2; t++)
            if (pthread_create(&thread[t], NULL, call_all, &wrong[t]))
                _exit(2);
        for (int t = 0; t < 2; t++)
            pthread_join(thread[t], NULL);
        _exit(wrong[0] + wrong[1] ? 1 : 0);
    }
    ck_assert(succeeded(child));
    teardown();
}
END_TEST

int main(void)
{
    operations_prepare();
#ifdef GML_TEST_SANITIZED
    puts("fork: children_of_two_threads is left out: a sanitizer's malloc may be locked by the other thread "
         "for ever");
#endif
    return suite_run("fork", 3 * PATIENCE,
                     (const TTest *const[]){a_child, a_child_of_a_child, a_child_before_any_use,
#ifndef GML_TEST_SANITIZED
                                            children_of_two_threads,
#endif
                                            threads_in_a_child, NULL});
}
