/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Contexts: every way to fail and its sentence, with nothing touched; what the environment and the options decide; the
 * host's allocator and its pool.
 *
 * Tests of the environment run first, each in a fork of a process that has not called the library yet, because it
 * reads its environment once. The others run in this process: a forked child would be serial.
 */
#define _GNU_SOURCE 1
#include "src/api/context.h"
#include "src/core/select.h"
#include "tests/suite.h"
#include <gemmule/info.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Failing calls. */

static char untouched_place;
#define untouched ((gml_context *)(void *)&untouched_place)

/* Creating must fail so, with a sentence that has both words, and leave the context alone. */
static void expect_failure(const gml_context_options *options, gml_status status, const char *argument,
                           const char *value)
{
    char sentence[256];
    gml_context *context = untouched;
    ck_assert_int_eq(gml_context_create(&context, options), status);
    ck_assert_ptr_eq(context, untouched);
    const size_t length = gml_last_error(sentence, sizeof sentence);
    ck_assert_uint_eq(length, strlen(sentence));
    ck_assert_msg(strncmp(sentence, "gml_context_create: ", 20) == 0, "%s", sentence);
    ck_assert_msg(strstr(sentence, argument) && strstr(sentence, value), "'%s' names neither '%s' nor '%s'",
                  sentence, argument, value);
}

static gml_context *create(const gml_context_options *options)
{
    gml_context *context = NULL;
    if (gml_context_create(&context, options) != GML_OK) {
        char sentence[256];
        gml_last_error(sentence, sizeof sentence);
        ck_abort_msg("%s", sentence);
    }
    ck_assert_ptr_nonnull(context);
    return context;
}

static void *no_memory(void *host, size_t bytes, size_t alignment)
{
    (void)host, (void)bytes, (void)alignment;
    return NULL;
}

static void release_nothing(void *host, void *pointer, size_t bytes)
{
    (void)host, (void)pointer, (void)bytes;
}

START_TEST(bad_options_are_refused)
{
    gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
    o.threads = -1;
    expect_failure(&o, GML_ERR_ARGUMENT, "threads", "-1");
    o.threads = 1025;
    expect_failure(&o, GML_ERR_ARGUMENT, "threads", "1025");
    o.threads = INT32_MIN;
    expect_failure(&o, GML_ERR_ARGUMENT, "threads", "-2147483648");
    o = (gml_context_options)GML_CONTEXT_OPTIONS_INIT;
    o.reserved = 7;
    expect_failure(&o, GML_ERR_ARGUMENT, "reserved", "7");
    o = (gml_context_options)GML_CONTEXT_OPTIONS_INIT;
    o.allocate = no_memory;
    expect_failure(&o, GML_ERR_ARGUMENT, "release", "NULL");
    o.allocate = NULL, o.release = release_nothing;
    expect_failure(&o, GML_ERR_ARGUMENT, "allocate", "NULL");
    o.allocate = no_memory;
    expect_failure(&o, GML_ERR_MEMORY, "context", "bytes");

    ck_assert_int_eq(gml_context_create(NULL, NULL), GML_ERR_ARGUMENT);
    char sentence[256];
    gml_last_error(sentence, sizeof sentence);
    ck_assert_str_eq(sentence, "gml_context_create: context is NULL");
}
END_TEST

START_TEST(an_unknown_isa_is_refused)
{
    static const char *const names[] = {"", "avx9", "REF", "ref ",
                                        "a name that is longer than what a sentence quotes of it"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
        o.isa = names[i];
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%.40s\"", names[i]);
        expect_failure(&o, GML_ERR_ISA, "isa", quoted);
        for (const gml_kernel_set *const *set = gml_sets(); *set; set++)
            expect_failure(&o, GML_ERR_ISA, "isa", (*set)->isa); /* those that would do */
    }
}
END_TEST

START_TEST(an_isa_this_cpu_has_not_is_refused)
{
    gml_machine *machine = &gml_context_or_default(NULL)->machine;
    const uint64_t features = machine->features;
    machine->features = 0;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
        o.isa = (*set)->isa;
        ck_assert_int_eq(gml_isa_available(o.isa), (*set)->needs == 0);
        if ((*set)->needs)
            expect_failure(&o, GML_ERR_ISA, "isa", (*set)->isa);
        else
            gml_context_destroy(create(&o));
    }
    machine->features = features;
}
END_TEST

/* Descriptors. */

typedef struct longer_options {
    gml_context_options known;
    unsigned char tail[16];
} longer_options;

START_TEST(descriptors_of_other_versions)
{
    longer_options o = {.known = GML_CONTEXT_OPTIONS_INIT, .tail = {0}};
    o.known.threads = 3;
    o.known.isa = "no such set";
    o.known.size = offsetof(gml_context_options, isa); /* the first version knew threads only */
    gml_context *context = create(&o.known);
    ck_assert_int_eq(gml_context_threads(context), 3);
    gml_context_destroy(context);

    o.known.isa = "ref";
    o.known.size = sizeof o;
    context = create(&o.known);
    ck_assert_str_eq(gml_context_isa(context), "ref");
    gml_context_destroy(context);

    char size[32];
    snprintf(size, sizeof size, "%zu", sizeof o);
    for (size_t i = 0; i < sizeof o.tail; i++) {
        o.tail[i] = 1;
        expect_failure(&o.known, GML_ERR_DESCRIPTOR, "size", size);
        o.tail[i] = 0;
    }
    o.known.size = 0;
    expect_failure(&o.known, GML_ERR_DESCRIPTOR, "size", "0");
    o.known.size = sizeof(size_t) - 1;
    expect_failure(&o.known, GML_ERR_DESCRIPTOR, "size", "7");
    o.known.size = SIZE_MAX / 2; /* never initialised: what follows is not read */
    expect_failure(&o.known, GML_ERR_DESCRIPTOR, "size", "9223372036854775807");
}
END_TEST

/* With an option, the lower of it and of what the environment left to the default; sets are listed best first. */
static void expect_lower(void)
{
    bool below = false;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        below |= strcmp((*set)->isa, gml_context_isa(NULL)) == 0;
        if (!gml_isa_available((*set)->isa))
            continue;
        gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
        o.isa = (*set)->isa;
        gml_context *context = create(&o);
        ck_assert_str_eq(gml_context_isa(context), below ? (*set)->isa : gml_context_isa(NULL));
        gml_context_destroy(context);
    }
}

START_TEST(options_choose_isa_and_threads)
{
    const gml_context *base = gml_context_or_default(NULL);
    ck_assert_ptr_eq(base, gml_context_or_default(NULL));
    gml_context *context = create(NULL);
    ck_assert_ptr_eq(gml_context_or_default(context), context);
    ck_assert_ptr_eq(context->runtime.set, base->runtime.set);
    ck_assert_int_eq(context->runtime.threads, base->runtime.threads);
    ck_assert_int_eq(context->threads_source, base->threads_source);
    gml_context_destroy(context);

    gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
    o.threads = 1024;
    context = create(&o);
    ck_assert_int_eq(gml_context_threads(context), 1024);
    ck_assert_int_eq(context->threads_source, GML_THREADS_OPTION);
    gml_context_destroy(context);
    expect_lower();
    gml_context_destroy(NULL);
}
END_TEST

/* The host's allocator: counts what is out, and refuses the n-th request. */

typedef struct counting {
    int allocations, releases, refuse;
    size_t bytes;
} counting;

static void *counted_allocate(void *host, size_t bytes, size_t alignment)
{
    counting *count = host;
    ck_assert(alignment > 0 && alignment <= 4096 && (alignment & (alignment - 1)) == 0);
    if (++count->allocations == count->refuse)
        return NULL;
    count->bytes += bytes;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void counted_release(void *host, void *pointer, size_t bytes)
{
    counting *count = host;
    count->releases++;
    count->bytes -= bytes;
    free(pointer);
}

START_TEST(the_hosts_allocator)
{
    counting count = {.refuse = 1};
    gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
    o.allocate = counted_allocate, o.release = counted_release, o.allocator_host = &count;
    expect_failure(&o, GML_ERR_MEMORY, "context", "bytes");
    ck_assert_int_eq(count.allocations, 1);
    ck_assert_int_eq(count.releases, 0);

    count = (counting){.refuse = 2}; /* the context is made, its first scratch is refused */
    gml_context *context = create(&o);
    gml_scratch scratch = gml_scratch_take(&context->runtime, 100000);
    ck_assert_ptr_null(scratch.data);
    gml_scratch_give(&context->runtime, scratch);
    ck_assert_int_eq(gml_context_scratch(context), 0);

    scratch = gml_scratch_take(&context->runtime, 100000);
    ck_assert_ptr_nonnull(scratch.data);
    ck_assert_int_eq(count.allocations, 3);
    gml_scratch_give(&context->runtime, scratch);
    ck_assert_int_eq(gml_context_scratch(context), (int64_t)scratch.bytes);
    gml_context_destroy(context);
    ck_assert_int_eq(count.releases, 2);
    ck_assert_uint_eq(count.bytes, 0);
}
END_TEST

/* The host's pool. */

typedef struct pool {
    int calls;
    int64_t n;
    bool threaded;
} pool;

typedef struct task {
    gml_parallel_body_fn *body;
    void *argument;
    int64_t index;
} task;

static void *run_task(void *argument)
{
    task *t = argument;
    t->body(t->argument, t->index);
    return NULL;
}

static void host_parallel_for(void *host, int64_t n, gml_parallel_body_fn *body, void *argument)
{
    pool *p = host;
    p->calls++;
    p->n = n;
    if (!p->threaded) { /* one after the other, backwards */
        while (n > 0)
            body(argument, --n);
        return;
    }
    pthread_t threads[64];
    task tasks[64];
    for (int64_t i = 0; i < n; i++) {
        tasks[i] = (task){body, argument, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_task, &tasks[i]), 0);
    }
    for (int64_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void count_index(void *argument, int64_t index)
{
    atomic_fetch_add((atomic_int *)argument + index, 1);
}

START_TEST(the_hosts_pool)
{
    for (int threaded = 0; threaded < 2; threaded++) {
        pool p = {.threaded = threaded};
        gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
        o.parallel_for = host_parallel_for, o.parallel_host = &p;
        gml_context *context = create(&o);
        for (int32_t n = 0; n <= 40; n++) {
            atomic_int counts[41] = {0};
            p.calls = 0;
            gml_parallel(&context->runtime, n, count_index, counts);
            ck_assert_int_eq(p.calls, n > 1); /* one body runs in the caller */
            ck_assert(n <= 1 || p.n == n);
            for (int32_t i = 0; i <= 40; i++)
                ck_assert_int_eq(atomic_load(&counts[i]), i < n);
        }
        gml_context_destroy(context);
    }
}
END_TEST

/* The environment: every case in a process that has not called the library yet. */

/* Runs a case in a forked child, whose failed assertions are reported and show in its exit code. */
static void in_child(void (*run)(const void *), const void *c, int index)
{
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        run(c);
        exit(EXIT_SUCCESS);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "case %d", index);
}

static void set_variable(const char *name, const char *value)
{
    if (value)
        ck_assert_int_eq(setenv(name, value, 1), 0);
    else
        ck_assert_int_eq(unsetenv(name), 0);
}

typedef struct threads_case {
    const char *threads, *omp;
    int32_t used; /* 0: as many as there are CPUs */
    gml_threads_source source;
    bool threads_ignored, omp_ignored;
} threads_case;

/* LLVM's OpenMP 14 aborts or hangs by itself on an OMP_NUM_THREADS that is empty or no number; 0 it can stand. */
static const threads_case threads_cases[] = {
    {NULL, NULL, 0, GML_THREADS_AFFINITY, false, false},
    {"", NULL, 0, GML_THREADS_AFFINITY, false, false},
    {"3", NULL, 3, GML_THREADS_ENVIRONMENT, false, false},
    {" 3 ", NULL, 3, GML_THREADS_ENVIRONMENT, false, false},
    {"3", "5", 3, GML_THREADS_ENVIRONMENT, false, false},
    {NULL, "5", 5, GML_THREADS_OMP, false, false},
    {NULL, "5,2", 5, GML_THREADS_OMP, false, false},
    {NULL, "5 , 2", 5, GML_THREADS_OMP, false, false},
    {"0", "5", 5, GML_THREADS_OMP, true, false},
    {"-1", "5", 5, GML_THREADS_OMP, true, false},
    {"3x", "5", 5, GML_THREADS_OMP, true, false},
    {"3,2", "5", 5, GML_THREADS_OMP, true, false},
    {"all", "0", 0, GML_THREADS_AFFINITY, true, true},
    {"0x4", NULL, 0, GML_THREADS_AFFINITY, true, false},
    {"2000", NULL, 1024, GML_THREADS_ENVIRONMENT, false, false},
    {"99999999999999999999", NULL, 1024, GML_THREADS_ENVIRONMENT, false, false},
    {"-99999999999999999999", NULL, 0, GML_THREADS_AFFINITY, true, false},
};

static void run_threads_case(const void *argument)
{
    const threads_case *c = argument;
    set_variable("GEMMULE_NUM_THREADS", c->threads);
    set_variable("OMP_NUM_THREADS", c->omp);
    const gml_context *context = gml_context_or_default(NULL);
    const gml_environment *environment = gml_environment_read();
    const int32_t cpus = gml_machine_cpus(&context->machine);
    const bool limited = c->used == 0 && cpus < context->machine.cpus_allowed;
    ck_assert_int_eq(context->runtime.threads, c->used ? c->used : cpus);
    ck_assert_int_eq(context->threads_source, limited ? GML_THREADS_QUOTA : c->source);
    ck_assert(!context->runtime.threads_asked);
    ck_assert_int_eq(environment->threads.ignored, c->threads_ignored);
    ck_assert_int_eq(environment->omp_threads.ignored, c->omp_ignored);
    ck_assert_str_eq(environment->threads.value, c->threads ? c->threads : "");
    ck_assert_str_eq(environment->omp_threads.value, c->omp ? c->omp : "");

    set_variable("GEMMULE_NUM_THREADS", "9"); /* too late */
    gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
    gml_context *other = create(&o);
    ck_assert_int_eq(other->runtime.threads, context->runtime.threads);
    gml_context_destroy(other);
    o.threads = 7;
    other = create(&o);
    ck_assert_int_eq(other->runtime.threads, 7);
    ck_assert(other->runtime.threads_asked);
    ck_assert_int_eq(gml_context_threads(other), 1); /* in a forked child */
    gml_context_destroy(other);
}

START_TEST(threads_of_the_environment)
{
    for (int i = 0; i < (int)(sizeof threads_cases / sizeof *threads_cases); i++)
        in_child(run_threads_case, &threads_cases[i], i);
}
END_TEST

static void run_isa_case(const void *isa)
{
    set_variable("GEMMULE_ISA", isa);
    const gml_context *context = gml_context_or_default(NULL);
    const gml_variable *variable = &gml_environment_read()->isa;
    const gml_kernel_set *best = gml_set_select(context->machine.features, NULL);
    const gml_kernel_set *known = isa ? gml_set_by_name(isa) : NULL;
    const bool usable = known && !(known->needs & ~context->machine.features);
    ck_assert_ptr_eq(context->runtime.set, usable ? known : best);
    ck_assert_int_eq(variable->ignored, isa && *(const char *)isa && !usable);
    ck_assert_int_eq(strncmp(variable->value, isa ? isa : "", sizeof variable->value - 1), 0);

    expect_lower();
}

START_TEST(isa_of_the_environment)
{
    int i = 0;
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++)
        in_child(run_isa_case, (*set)->isa, i++);
    static const char *const others[] = {
        NULL, "", "avx9", "REF", " ref", "a name that is longer than what is kept for show, and so is cut"};
    for (size_t n = 0; n < sizeof others / sizeof *others; n++)
        in_child(run_isa_case, others[n], i++);
}
END_TEST

int main(void)
{
    setenv("CK_FORK", "yes", 1); /* first: the library is not called in this process yet */
    /* clang-format off */
    const int environment = suite_run("environment", 60, (const TTest *const[]){
        threads_of_the_environment,
        isa_of_the_environment,
        NULL,
    });
    /* clang-format on */
    setenv("CK_FORK", "no", 1);
    /* clang-format off */
    const int context = suite_run("context", 60, (const TTest *const[]){
        bad_options_are_refused,
        an_unknown_isa_is_refused,
        an_isa_this_cpu_has_not_is_refused,
        descriptors_of_other_versions,
        options_choose_isa_and_threads,
        the_hosts_allocator,
        the_hosts_pool,
        NULL,
    });
    /* clang-format on */
    return environment == EXIT_SUCCESS ? context : environment;
}
