/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule info`: what the library found on this machine, what it chose, and why.
 */
#include "cli/info.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "src/api/context.h"
#include "src/core/select.h"
#include <gemmule/info.h>
#include <string.h>

typedef struct facts {
    const gml_machine *machine;
    const gml_environment *environment;
    const gml_kernel_set *set; /* in use */
    int32_t threads;
    gml_cache_budget budget;
    bool verbose;
    char why_isa[200], why_threads[200], why_verbose[100];
} facts;

static bool can_run(const facts *f, const gml_kernel_set *set)
{
    return !(set->needs & ~f->machine->features);
}

static void explain_isa(facts *f)
{
    const gml_variable *asked = &f->environment->isa;
    if (asked->ignored)
        snprintf(f->why_isa, sizeof f->why_isa, "the best this CPU can run; GEMMULE_ISA=%s is ignored, %s",
                 asked->value,
                 gml_set_by_name(asked->value) ? "this CPU cannot run it"
                                               : "there is no such kernel set in this build");
    else if (*asked->value)
        snprintf(f->why_isa, sizeof f->why_isa, "GEMMULE_ISA=%s", asked->value);
    else
        snprintf(f->why_isa, sizeof f->why_isa, "the best this CPU can run");
}

static void explain_threads(facts *f, gml_threads_source source)
{
    static const char *const reasons[] = {
        [GML_THREADS_OPTION] = "asked for by the context",
        [GML_THREADS_ENVIRONMENT] = "GEMMULE_NUM_THREADS",
        [GML_THREADS_OMP] = "OMP_NUM_THREADS",
        [GML_THREADS_QUOTA] = "the CPU quota of the cgroup, rounded up",
        [GML_THREADS_AFFINITY] = "the CPUs this process may run on",
    };
    const gml_variable *own = &f->environment->threads, *omp = &f->environment->omp_threads;
    snprintf(f->why_threads, sizeof f->why_threads, "%s%s%s%s%s%s%s", reasons[source],
             own->ignored ? "; GEMMULE_NUM_THREADS=" : "", own->ignored ? own->value : "",
             own->ignored ? " is ignored, no positive number" : "", omp->ignored ? "; OMP_NUM_THREADS=" : "",
             omp->ignored ? omp->value : "", omp->ignored ? " is ignored, no positive number" : "");
}

static void explain_verbose(facts *f)
{
    const gml_variable *asked = &f->environment->verbose;
    if (asked->ignored)
        snprintf(f->why_verbose, sizeof f->why_verbose, "GEMMULE_VERBOSE=%s is ignored, neither 0 nor 1",
                 asked->value);
    else if (*asked->value)
        snprintf(f->why_verbose, sizeof f->why_verbose, "GEMMULE_VERBOSE=%s", asked->value);
    else
        snprintf(f->why_verbose, sizeof f->why_verbose, "GEMMULE_VERBOSE is not set");
}

static facts find_facts(void)
{
    const gml_context *context = gml_context_or_default(NULL);
    facts f = {
        .machine = &context->machine, .environment = gml_environment_read(), .set = context->runtime.set};
    f.verbose = context->verbose;
    f.threads = gml_context_threads(NULL);
    f.budget = gml_cache_budget_of(f.machine, f.threads);
    explain_isa(&f);
    explain_threads(&f, context->threads_source);
    explain_verbose(&f);
    return f;
}

/* The loads of a k-step for each fused multiply-add on vectors. */
static double loads_per_fma(const gml_gemm_kernels *kernels, const gml_gemm_kernel *kernel)
{
    return (double)kernel->loads * kernels->lanes / ((double)kernel->mr * kernel->nr);
}

static void json_cache(json *out, const char *name, const gml_cache *cache, int64_t budget)
{
    json_object(out, name);
    json_integer(out, "bytes", cache->bytes);
    json_integer(out, "shared_by", cache->shared);
    json_integer(out, "budget", budget);
    json_end(out);
}

static void json_features(json *out, const char *key, uint64_t bits)
{
    json_array(out, key);
    for (const gml_cpu_feature *feature = gml_cpu_feature_names; feature->name; feature++)
        if (bits & feature->bit)
            json_text(out, NULL, feature->name);
    json_end(out);
}

static void json_variable(json *out, const gml_variable *variable)
{
    json_text(out, "environment", *variable->value ? variable->value : NULL);
    json_bool(out, "ignored", variable->ignored);
}

static void json_machine(json *out, const facts *f)
{
    const gml_machine *machine = f->machine;
    json_object(out, "cpu");
    json_text(out, "vendor", machine->vendor);
    json_text(out, "model", machine->model);
    json_features(out, "features", machine->features);
    json_integer(out, "online", machine->cpus_online);
    json_integer(out, "allowed", machine->cpus_allowed);
    json_integer(out, "quota", machine->cpus_quota);
    json_end(out);
    json_object(out, "caches");
    json_cache(out, "l1d", &machine->l1d, f->budget.l1d);
    json_cache(out, "l2", &machine->l2, f->budget.l2);
    json_cache(out, "l3", &machine->l3, f->budget.l3);
    json_end(out);
}

static void json_gemm_kernels(json *out, const gml_gemm_kernels *kernels)
{
    for (int i = 0; i < kernels->n_tiles; i++) {
        const gml_gemm_kernel *kernel = &kernels->tiles[i];
        json_object(out, NULL);
        json_text(out, "name", kernel->name);
        json_text(out, "type", kernels->type);
        json_integer(out, "mr", kernel->mr);
        json_integer(out, "nr", kernel->nr);
        json_integer(out, "registers", kernel->registers);
        json_real(out, "loads_per_fma", loads_per_fma(kernels, kernel));
        json_end(out);
    }
}

static void json_kernels(json *out, const gml_kernel_set *set)
{
    json_object(out, "kernels");
    json_array(out, "gemm");
    json_gemm_kernels(out, set->gemm_f32);
    json_gemm_kernels(out, set->gemm_f64);
    json_end(out);
    json_array(out, "attention");
    for (int i = 0; i < set->n_attention_f32; i++) {
        json_object(out, NULL);
        json_text(out, "name", set->attention_f32[i].name);
        json_integer(out, "bq", set->attention_f32[i].bq);
        json_integer(out, "registers", set->attention_f32[i].registers);
        json_end(out);
    }
    json_end(out);
    json_array(out, "softmax");
    json_object(out, NULL);
    json_text(out, "name", set->softmax_f32->name);
    json_end(out);
    json_end(out);
    json_end(out);
}

static void print_json(const facts *f)
{
    json out = json_open(stdout);
    json_object(&out, NULL);
    json_text(&out, "version", gml_version());
    json_integer(&out, "arithmetic_revision", gml_arithmetic_revision());
    json_text(&out, "compiler", gml_compiler());
    json_machine(&out, f);
    json_object(&out, "threads");
    json_integer(&out, "used", f->threads);
    json_text(&out, "why", f->why_threads);
    json_variable(&out, &f->environment->threads);
    json_end(&out);
    json_object(&out, "isa");
    json_text(&out, "chosen", f->set->isa);
    json_text(&out, "why", f->why_isa);
    json_variable(&out, &f->environment->isa);
    json_end(&out);
    json_object(&out, "traces");
    json_bool(&out, "on", f->verbose);
    json_text(&out, "why", f->why_verbose);
    json_variable(&out, &f->environment->verbose);
    json_end(&out);
    json_array(&out, "kernel_sets");
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++) {
        json_object(&out, NULL);
        json_text(&out, "isa", (*set)->isa);
        json_features(&out, "needs", (*set)->needs);
        json_integer(&out, "lanes", (*set)->lanes);
        json_integer(&out, "registers", (*set)->registers);
        json_bool(&out, "available", can_run(f, *set));
        json_end(&out);
    }
    json_end(&out);
    json_kernels(&out, f->set);
    info_wisdom_json(&out);
    json_close(&out);
}

static void print_features(uint64_t bits)
{
    for (const gml_cpu_feature *feature = gml_cpu_feature_names; feature->name; feature++)
        if (bits & feature->bit)
            printf(" %s", feature->name);
    printf("%s\n", bits ? "" : " none that a kernel set needs");
}

static void cache_row(table *t, const char *name, const gml_cache *cache, int64_t budget)
{
    char reported[CLI_BYTES], planned[CLI_BYTES], shared[32] = "unknown";
    if (cache->shared > 0)
        snprintf(shared, sizeof shared, "%d CPU%s", cache->shared, cache->shared == 1 ? "" : "s");
    table_row(t, "%s\t%s\t%s\t%s", name, cache->bytes > 0 ? cli_bytes(reported, cache->bytes) : "unknown",
              shared, budget > 0 ? cli_bytes(planned, budget) : "none");
}

static void print_machine(const facts *f)
{
    const gml_machine *machine = f->machine;
    printf("CPU       %s, %s\n", *machine->vendor ? machine->vendor : "unknown vendor",
           *machine->model ? machine->model : "unknown model");
    printf("Features ");
    print_features(machine->features);
    printf("CPUs      %d online, %d allowed, ", machine->cpus_online, machine->cpus_allowed);
    if (machine->cpus_quota)
        printf("quota of %d\n", machine->cpus_quota);
    else
        printf("no quota\n");
    printf("Threads   %d: %s\n", f->threads, f->why_threads);
    printf("Kernels   %s: %s\n", f->set->isa, f->why_isa);
    printf("Traces    %s: %s\n\n", f->verbose ? "on" : "off", f->why_verbose);

    table t = table_open("cache", ">reported", ">shared by", ">a thread plans with", NULL);
    cache_row(&t, "L1d", &machine->l1d, f->budget.l1d);
    cache_row(&t, "L2", &machine->l2, f->budget.l2);
    cache_row(&t, "L3", &machine->l3, f->budget.l3);
    table_print(&t, stdout);
}

static void print_sets(const facts *f)
{
    table t = table_open("kernel set", ">lanes", ">registers", "runs here", "in use", NULL);
    for (const gml_kernel_set *const *set = gml_sets(); *set; set++)
        table_row(&t, "%s\t%d\t%d\t%s\t%s", (*set)->isa, (*set)->lanes, (*set)->registers,
                  can_run(f, *set) ? "yes" : "no", *set == f->set ? "yes" : "");
    printf("\n");
    table_print(&t, stdout);
}

static void gemm_rows(table *t, const gml_gemm_kernels *kernels)
{
    for (int i = 0; i < kernels->n_tiles; i++) {
        const gml_gemm_kernel *kernel = &kernels->tiles[i];
        table_row(t, "%s\t%d x %d\t%d\t%.2f", kernel->name, kernel->mr, kernel->nr, kernel->registers,
                  loads_per_fma(kernels, kernel));
    }
}

static void print_kernels(const gml_kernel_set *set)
{
    table t = table_open("kernel", "tile", ">registers", ">loads per FMA", NULL);
    gemm_rows(&t, set->gemm_f32);
    gemm_rows(&t, set->gemm_f64);
    for (int i = 0; i < set->n_attention_f32; i++)
        table_row(&t, "%s\t%d queries\t%d\t", set->attention_f32[i].name, set->attention_f32[i].bq,
                  set->attention_f32[i].registers);
    table_row(&t, "%s\ta row\t\t", set->softmax_f32->name);
    printf("\n");
    table_print(&t, stdout);
}

int gemmule_info(int argc, char **argv)
{
    bool as_json = false;
    const cli_option options[] = {CLI_FLAG("--json", &as_json, "print JSON"), CLI_END};
    const cli_usage usage = {
        "gemmule info",
        "[--json]",
        "Prints the version and by what it was compiled, the CPU and its caches, the\n"
        "number of threads, the kernel sets: which were built, can run here, are in\n"
        "use, and why; and the wisdom that is in use.\n",
        options,
    };
    int code = CLI_FINE;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;

    const facts f = find_facts();
    if (as_json) {
        print_json(&f);
        return CLI_FINE;
    }
    printf("gemmule %s, arithmetic revision %d\ncompiled by %s\n\n", gml_version(), gml_arithmetic_revision(),
           gml_compiler());
    print_machine(&f);
    print_sets(&f);
    print_kernels(f.set);
    info_wisdom_print();
    return CLI_FINE;
}
