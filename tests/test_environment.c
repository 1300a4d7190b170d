/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The floating-point environment: whatever caller and workers have set (flush to zero, denormals are zero, another
 * rounding, traps), the bits are those of the specification and every thread finds its environment as it left it.
 */
#define _GNU_SOURCE /* feenableexcept */
#include "tests/operations.h"
#include "tests/suite.h"
#include <fenv.h>
#include <pthread.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>

enum {
    FLUSH = 0x8040, /* FTZ and DAZ */
    UPWARD = 0x4000,
    TRAPS = 0x1f80,
    FLAGS = 0x3f
};

static uint32_t control(void)
{
    return _mm_getcsr() & ~(uint32_t)FLAGS;
}

/* Control bits that differ from the usual ones. */
static void set_control(uint32_t wanted)
{
    _mm_setcsr(wanted);
}

static const uint32_t settings[] = {
    0x1f80,                           /* the usual */
    0x1f80 | FLUSH,                   /* as -ffast-math leaves it */
    0x1f80 | UPWARD,                  /* interval arithmetic */
    0x1f80 | UPWARD | 0x2000 | FLUSH, /* towards zero */
    0x1f80 & ~TRAPS,                  /* all traps, inexact too: a debugging build */
    (0x1f80 & ~0x0e80) | FLUSH,       /* invalid, division by zero and overflow */
};
#elif defined(__aarch64__)
static uint32_t control(void)
{
    uint64_t bits;
    __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
    return (uint32_t)bits;
}

static void set_control(uint32_t wanted)
{
    const uint64_t bits = wanted;
    __asm__ volatile("msr fpcr, %0" : : "r"(bits));
}

static const uint32_t settings[] = {
    0,
    1u << 24,            /* FZ */
    1u << 22,            /* upward */
    1u << 24 | 3u << 22, /* FZ, towards zero */
    1u << 25,            /* default NaN */
};
#endif

enum { SETTINGS = sizeof settings / sizeof *settings };

static float *results[OPERATIONS];

/* Each operation with these control bits in the caller: the number of those that were wrong, or changed them. */
static int wrong_with(uint32_t wanted, gml_context *context)
{
    const uint32_t usual = control();
    int wrong = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        set_control(wanted);
        const uint32_t given = control(); /* an implementation may lack some traps */
        const gml_status status = operations[i].run(context, results[i]);
        const uint32_t after = control();
        set_control(usual);
        wrong += status != GML_OK || after != given || !operation_expected(i, results[i]);
    }
    return wrong;
}

static gml_context *context_of(const gml_context_options *options)
{
    gml_context *context;
    ck_assert_int_eq(gml_context_create(&context, options), GML_OK);
    return context;
}

START_TEST(the_caller)
{
    for (int32_t threads = 1; threads <= 2; threads++) {
        gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
        options.threads = threads;
        gml_context *context = context_of(&options);
        for (int s = 0; s < SETTINGS; s++)
            ck_assert_msg(wrong_with(settings[s], context) == 0, "control bits %#x, %d threads", settings[s],
                          threads);
        gml_context_destroy(context);
    }
}
END_TEST

START_TEST(every_set)
{
    for (int32_t i = 0; gml_isa_name(i); i++) {
        if (!gml_isa_available(gml_isa_name(i)))
            continue;
        gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
        options.isa = gml_isa_name(i);
        options.threads = 1;
        gml_context *context = context_of(&options);
        for (int s = 0; s < SETTINGS; s++)
            ck_assert_msg(wrong_with(settings[s], context) == 0, "%s, control bits %#x", gml_isa_name(i),
                          settings[s]);
        gml_context_destroy(context);
    }
}
END_TEST

/* A host's pool whose threads each have another setting, which must be there again after each body. */
typedef struct worker {
    gml_parallel_body_fn *body;
    void *argument;
    int64_t index;
    uint32_t setting;
    bool kept;
} worker;

static void *work(void *argument)
{
    worker *self = argument;
    set_control(self->setting);
    const uint32_t given = control();
    self->body(self->argument, self->index);
    self->kept = control() == given;
    return NULL;
}

static bool all_kept;
static int64_t bodies;

static void parallel_for(void *host, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    const int *shift = host;
    ck_assert_int_le(n, 16);
    pthread_t thread[16];
    worker workers[16];
    for (int64_t i = 0; i < n; i++) {
        workers[i] = (worker){body, argument, i, settings[(i + *shift) % SETTINGS], false};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
    }
    for (int64_t i = 0; i < n; i++) {
        ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
        all_kept = all_kept && workers[i].kept;
        bodies++;
    }
}

START_TEST(the_workers_of_a_host)
{
    int shift = 0;
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 3;
    options.parallel_for = parallel_for;
    options.parallel_host = &shift;
    gml_context *context = context_of(&options);
    all_kept = true;
    for (; shift < SETTINGS; shift++)
        ck_assert_int_eq(wrong_with(settings[(shift + 1) % SETTINGS] & settings[0], context), 0);
    ck_assert(all_kept);
    ck_assert_int_gt(bodies, 0);
    gml_context_destroy(context);
}
END_TEST

/* OpenMP's threads are the program's too: what a region of its own set in them must not show, and must stay. */
START_TEST(the_workers_of_openmp)
{
    gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
    options.threads = 2;
    gml_context *context = context_of(&options);
    for (int s = 1; s < SETTINGS; s++) {
        const uint32_t usual = control();
        uint32_t given[2] = {0, 0}, after[2] = {1, 1};
#pragma omp parallel for num_threads(2) schedule(static, 1)
        for (int t = 0; t < 2; t++) {
            set_control(settings[(s + t) % SETTINGS]);
            given[t] = control();
        }
        set_control(usual);
        ck_assert_int_eq(operations_wrong(context), 0);
        set_control(given[0]);
#pragma omp parallel for num_threads(2) schedule(static, 1)
        for (int t = 0; t < 2; t++) {
            after[t] = control();
            set_control(usual);
        }
        ck_assert_uint_eq(after[0], given[0]);
        ck_assert_uint_eq(after[1], given[1]);
    }
    gml_context_destroy(context);
}
END_TEST

int main(void)
{
    operations_prepare();
    for (int i = 0; i < OPERATIONS; i++)
        if (!(results[i] = malloc(operations[i].floats * sizeof **results)))
            return EXIT_FAILURE;
    const int code = suite_run(
        "environment", 300,
        (const TTest *const[]){the_caller, every_set, the_workers_of_a_host, the_workers_of_openmp, NULL});
    for (int i = 0; i < OPERATIONS; i++)
        free(results[i]);
    return code;
}
