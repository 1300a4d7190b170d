/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Contexts. The machine and the environment are read once, when the first context is made; the default context is
 * made at the same moment, and others copy from it what their options leave open.
 */
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/record.h"
#include "src/api/snapshot.h"
#include "src/api/status.h"
#include "src/core/select.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gml_context default_context;
static gml_environment environment;
static pthread_once_t once = PTHREAD_ONCE_INIT;
_Atomic(gml_context *) gml_context_made;

static bool available(const gml_kernel_set *set, const gml_machine *machine)
{
    return !(set->needs & ~machine->features);
}

/* Keeps a variable for show; NULL when it is not set or empty. */
static const char *read_variable(const char *name, gml_variable *variable)
{
    const char *value = secure_getenv(name);
    if (!value || !*value)
        return NULL;
    snprintf(variable->value, sizeof variable->value, "%s", value);
    return value;
}

/* The positive number a variable holds, at most GML_MAX_THREADS, or 0. `end` may follow it. */
static int32_t read_threads(const char *name, char end, gml_variable *variable)
{
    const char *value = read_variable(name, variable);
    if (!value)
        return 0;
    char *rest;
    const long number = strtol(value, &rest, 10); /* LONG_MAX when too large */
    rest += strspn(rest, " \t");
    variable->ignored = rest == value || number <= 0 || (*rest != '\0' && *rest != end);
    if (variable->ignored)
        return 0;
    return number < GML_MAX_THREADS ? (int32_t)number : GML_MAX_THREADS;
}

/* The highest set that the environment allows, NULL for no limit. */
static const gml_kernel_set *read_isa(const gml_machine *machine)
{
    const char *value = read_variable("GEMMULE_ISA", &environment.isa);
    const gml_kernel_set *set = value ? gml_set_by_name(value) : NULL;
    environment.isa.ignored = value && !(set && available(set, machine));
    return environment.isa.ignored ? NULL : set;
}

static void choose_threads(gml_context *context)
{
    const int32_t own = read_threads("GEMMULE_NUM_THREADS", '\0', &environment.threads);
    const int32_t omp = read_threads("OMP_NUM_THREADS", ',', &environment.omp_threads);
    const int32_t cpus = gml_machine_cpus(&context->machine);
    if (own) {
        context->runtime.threads = own;
        context->threads_source = GML_THREADS_ENVIRONMENT;
    } else if (omp) {
        context->runtime.threads = omp;
        context->threads_source = GML_THREADS_OMP;
    } else {
        context->runtime.threads = cpus < GML_MAX_THREADS ? cpus : GML_MAX_THREADS;
        context->threads_source =
            cpus < context->machine.cpus_allowed ? GML_THREADS_QUOTA : GML_THREADS_AFFINITY;
    }
}

/* Whether GEMMULE_VERBOSE asks for traces. */
static bool read_verbose(void)
{
    const char *value = read_variable("GEMMULE_VERBOSE", &environment.verbose);
    environment.verbose.ignored = value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0;
    return value && !strcmp(value, "1");
}

/* Whether GEMMULE_RECORD asks for the distinct problems. */
static bool read_record(void)
{
    const char *value = read_variable("GEMMULE_RECORD", &environment.record);
    const bool begun = value && gml_record_begin(value);
    environment.record.ignored = value && !begun;
    return begun;
}

static void make_default(void)
{
    gml_context *context = &default_context;
    gml_machine_detect(&context->machine);
    context->runtime.set = gml_set_select(context->machine.features, read_isa(&context->machine));
    context->runtime.allocate = gml_default_allocate;
    context->runtime.release = gml_default_release;
    choose_threads(context);
    context->verbose = read_verbose();
    context->recording = read_record();
    context->first.machine = context->machine;
    atomic_store_explicit(&gml_context_made, context, memory_order_release);
}

/* At exit, and where the static library is part of a plugin that is unloaded. Calls that other threads are still in
 * may give blocks back later; those are lost. */
__attribute__((destructor)) static void clear_default(void)
{
    gml_scratch_clear(&default_context.runtime);
}

static void in_child(void)
{
    gml_snapshot_forked();
    gml_record_forked();
}

__attribute__((constructor)) static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL,
                         in_child); /* without memory for it, a child has what it was forked with */
}

gml_context *gml_context_default(void)
{
    pthread_once(&once, make_default);
    return &default_context;
}

const gml_environment *gml_environment_read(void)
{
    pthread_once(&once, make_default);
    return &environment;
}

/* Of two sets the one further down the list. */
static const gml_kernel_set *lower(const gml_kernel_set *x, const gml_kernel_set *y)
{
    const gml_kernel_set *const *set = gml_sets();
    while (*set != x && *set != y)
        set++;
    return *set == x ? y : x;
}

/* "avx512, avx2, ref" */
static void list_sets(char *text, size_t size)
{
    size_t used = 0;
    for (const gml_kernel_set *const *set = gml_sets(); *set && used < size; set++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", (*set)->isa);
}

static gml_status check_options(const gml_context_options *options, const gml_machine *machine)
{
    static const char function[] = "gml_context_create";
    if (options->threads < 0 || options->threads > GML_MAX_THREADS)
        return gml_fail(GML_ERR_ARGUMENT, "%s: threads is %d, must be in 0 to %d", function, options->threads,
                        GML_MAX_THREADS);
    if (options->reserved != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: reserved is %d, must be 0", function, options->reserved);
    if (!options->allocate != !options->release)
        return gml_fail(GML_ERR_ARGUMENT, "%s: %s is NULL, must be given when %s is", function,
                        options->allocate ? "release" : "allocate",
                        options->allocate ? "allocate" : "release");
    if (!options->isa)
        return GML_OK;
    const gml_kernel_set *set = gml_set_by_name(options->isa);
    if (!set) {
        char known[64];
        list_sets(known, sizeof known);
        return gml_fail(GML_ERR_ISA, "%s: isa is \"%.40s\", must be one of %s", function, options->isa,
                        known);
    }
    if (!available(set, machine))
        return gml_fail(GML_ERR_ISA, "%s: isa is \"%s\", which this CPU or operating system does not have",
                        function, options->isa);
    return GML_OK;
}

gml_status gml_context_create(gml_context **context, const gml_context_options *options)
{
    if (!context)
        return gml_fail(GML_ERR_ARGUMENT, "gml_context_create: context is NULL");
    gml_context_options o = GML_CONTEXT_OPTIONS_INIT;
    if (options) {
        const gml_status status = gml_descriptor_read(&o, sizeof o, options, "gml_context_create");
        if (status != GML_OK)
            return status;
    }
    const gml_context *base = gml_context_or_default(NULL);
    const gml_status status = check_options(&o, &base->machine);
    if (status != GML_OK)
        return status;

    gml_allocate_fn *allocate = o.allocate ? o.allocate : gml_default_allocate;
    gml_context *made = allocate(o.allocator_host, sizeof *made, GML_ALIGNMENT);
    if (!made)
        return gml_fail(GML_ERR_MEMORY,
                        "gml_context_create: %zu bytes for the context could not be allocated", sizeof *made);
    memset(made, 0, sizeof *made);
    made->machine = base->machine;
    made->verbose = base->verbose;
    made->recording = base->recording;
    made->first.machine = base->machine;
    made->threads_source = o.threads ? GML_THREADS_OPTION : base->threads_source;
    gml_runtime *runtime = &made->runtime;
    runtime->set = o.isa ? lower(gml_set_by_name(o.isa), base->runtime.set) : base->runtime.set;
    runtime->threads = o.threads ? o.threads : base->runtime.threads;
    runtime->threads_asked = o.threads != 0;
    runtime->parallel_for = o.parallel_for;
    runtime->parallel_host = o.parallel_host;
    runtime->allocate = allocate;
    runtime->release = o.allocate ? o.release : gml_default_release;
    runtime->allocator_host = o.allocator_host;
    *context = made;
    return GML_OK;
}

void gml_context_destroy(gml_context *context)
{
    if (!context)
        return;
    gml_scratch_clear(&context->runtime);
    gml_snapshot_clear(context);
    context->runtime.release(context->runtime.allocator_host, context, sizeof *context);
}
