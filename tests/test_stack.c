/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All operations on threads with 64 KB of stack, the callers' and (by OMP_STACKSIZE, which ctest sets) the workers'.
 */
#include "tests/operations.h"
#include "tests/suite.h"
#include <pthread.h>

enum { STACK = 64 << 10 };

static float *result; /* allocated before: the stack is for the library */
static gml_context *context;

static void *call_all(void *argument)
{
    int *wrong = argument;
    for (int i = 0; i < OPERATIONS; i++)
        *wrong += !operation_right_in(i, context, result);
    return NULL;
}

static void call_on_a_small_stack(int32_t threads, const char *isa)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = threads;
    options.isa = isa;
    ck_assert_int_eq(gml_context_create(&context, &options), GML_OK);
    pthread_attr_t attributes;
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, STACK), 0);
    pthread_t thread;
    int wrong = 0;
    ck_assert_int_eq(pthread_create(&thread, &attributes, call_all, &wrong), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(wrong, 0);
    pthread_attr_destroy(&attributes);
    gml_context_destroy(context);
}

START_TEST(every_set_on_a_small_stack)
{
    for (int32_t i = 0; gml_isa_name(i); i++)
        if (gml_isa_available(gml_isa_name(i)))
            call_on_a_small_stack(1, gml_isa_name(i));
}
END_TEST

START_TEST(workers_on_small_stacks)
{
    call_on_a_small_stack(2, NULL);
}
END_TEST

int main(void)
{
    operations_prepare();
    size_t largest = 0;
    for (int i = 0; i < OPERATIONS; i++)
        largest = operations[i].floats > largest ? operations[i].floats : largest;
    result = malloc(largest * sizeof *result);
    if (!result)
        return EXIT_FAILURE;
    const int code = suite_run(
        "stack", 120, (const TTest *const[]){every_set_on_a_small_stack, workers_on_small_stacks, NULL});
    free(result);
    return code;
}
