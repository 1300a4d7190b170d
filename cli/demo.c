/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule demo`: a self-attention layer of a real sentence encoder on a real text. It is computed by the
 * specification and by each kernel set this CPU can run, on one thread and on all; all results must have the
 * same bits, which lie within a limit of the result in double precision. Then everything is timed, in
 * rounds, so that whatever disturbs the machine for a while disturbs all alike.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */
#include "cli/demo.h"
#include "cli/cli.h"
#include "proof/sha256.h"
#include <gemmule/info.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOW_SECONDS 0.5 /* who has had so much time in LEAST_RUNS runs sits out the later rounds */
#define LEAST_RUNS   3

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int fail(void)
{
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "gemmule demo: %s\n", why);
    return CLI_FAILED;
}

static bool add_variant(demo *d, const char *isa, int32_t threads)
{
    demo_variant *v = &d->variant[d->variants];
    *v = (demo_variant){.isa = isa, .threads = threads};
    if (isa) {
        gml_context_options options = GML_CONTEXT_OPTIONS_INIT;
        options.isa = isa;
        options.threads = threads;
        if (gml_context_create(&v->context, &options) != GML_OK)
            return false;
        /* GEMMULE_ISA may have lowered the choice: then another variant is this one already. */
        if (strcmp(gml_context_isa(v->context), isa)) {
            gml_context_destroy(v->context);
            return true;
        }
    }
    snprintf(v->label, sizeof v->label, "%s, %d thread%s", isa ? isa : "plain C", threads,
             threads == 1 ? "" : "s");
    if (isa && !strcmp(isa, gml_context_isa(NULL)))
        d->chosen = d->variants;
    d->variants++;
    return true;
}

/* The specification, then the sets from the simplest to the best, each on one thread and on all. */
static bool add_variants(demo *d)
{
    int32_t sets = 0;
    while (gml_isa_name(sets))
        sets++;
    d->variant = cli_allocate((size_t)(1 + 2 * sets), sizeof *d->variant);
    if (!add_variant(d, NULL, 1))
        return false;
    const int32_t threads = gml_context_threads(NULL);
    for (int32_t i = sets - 1; i >= 0; i--) {
        const char *isa = gml_isa_name(i);
        if (gml_isa_available(isa) &&
            (!add_variant(d, isa, 1) || (threads > 1 && !add_variant(d, isa, threads))))
            return false;
    }
    return true;
}

static bool run(const demo *d, const demo_variant *v, layer_result *to)
{
    if (v->isa)
        return layer_run(&d->of, v->context, to) == GML_OK;
    layer_specify(&d->of, to);
    return true;
}

/* Runs every variant once, compares it with the specification and the golden result, and warms it up. */
static bool prove(demo *d)
{
    d->same = true;
    for (int i = 0; i < d->variants; i++) {
        demo_variant *v = &d->variant[i];
        const size_t bytes = (size_t)layer_count(&d->of) * sizeof(float);
        memset(d->result.output, 0xff, bytes); /* NaN: nothing of the variant before remains */
        if (!run(d, v, &d->result))
            return false;
        proof_sha256 sha;
        proof_sha256_begin(&sha);
        proof_sha256_add(&sha, d->result.output, bytes);
        proof_sha256_end(&sha, v->hash);
        d->same &= !strcmp(v->hash, d->variant[0].hash);
        if (i == d->chosen)
            d->error = layer_compare(&d->of, &d->result);
    }
    return true;
}

static int by_value(const void *left, const void *right)
{
    const double x = *(const double *)left, y = *(const double *)right;
    return (x > y) - (x < y);
}

static void progress(int64_t round, int64_t rounds)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (round < rounds)
        fprintf(stderr, "\rmeasuring, round %" PRId64 " of %" PRId64 " ", round + 1, rounds);
    else
        fputs("\r\033[K", stderr);
}

static bool measure(demo *d, int64_t rounds)
{
    for (int64_t round = 0; round < rounds; round++) {
        progress(round, rounds);
        for (int i = 0; i < d->variants; i++) {
            demo_variant *v = &d->variant[i];
            if (v->runs >= LEAST_RUNS && v->total > SLOW_SECONDS)
                continue;
            const double start = now();
            if (!run(d, v, &d->result))
                return false;
            v->seconds[v->runs] = now() - start;
            v->total += v->seconds[v->runs++];
        }
    }
    progress(rounds, rounds);
    for (int i = 0; i < d->variants; i++) {
        demo_variant *v = &d->variant[i];
        qsort(v->seconds, (size_t)v->runs, sizeof *v->seconds, by_value);
        v->least = v->seconds[0];
        v->median = 0.5 * (v->seconds[(v->runs - 1) / 2] + v->seconds[v->runs / 2]);
    }
    return true;
}

/* The data installed with this program, or else those of the tree it was built from. */
static const char *default_directory(char *path, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length > 0) {
        path[length] = '\0';
        char *name = strrchr(path, '/') + 1;
        const size_t left = size - (size_t)(name - path);
        if ((size_t)snprintf(name, left, "%s", GEMMULE_GOLDEN_FROM_BIN) < left && access(path, R_OK) == 0)
            return path;
    }
    return GEMMULE_GOLDEN_DIR;
}

int gemmule_demo(int argc, char **argv)
{
    bool as_json = false;
    const char *directory = NULL;
    int64_t rounds = 31;
    const cli_option options[] = {
        CLI_TEXT("--data", "DIR", &directory, "the .npy files of the layer; default: those that came along"),
        CLI_NUMBER("--repeat", "N", &rounds, 1, DEMO_MOST_ROUNDS, "rounds of measurement; default: 31"),
        CLI_FLAG("--json", &as_json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {
        "gemmule demo",
        "[--data DIR] [--repeat N] [--json]",
        "Computes a self-attention layer of a real sentence encoder on a real text with\n"
        "every kernel set this CPU can run. Fails with exit code 1 when their bits differ,\n"
        "or when the error against double precision exceeds 1e-5. Then times them.\n",
        options,
    };
    int code = CLI_FINE;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;

    demo d = {0};
    char path[4096], why[4500];
    if (!directory)
        directory = default_directory(path, sizeof path);
    if (layer_load(&d.of, directory, why, sizeof why)) {
        d.result = layer_result_new(&d.of);
        const bool done = add_variants(&d) && prove(&d) && measure(&d, rounds);
        code = done ? demo_show(&d, as_json) : fail();
        layer_result_free(&d.result);
    } else {
        code = cli_usage_error(usage.command, "%s", why);
    }
    for (int i = 0; i < d.variants; i++)
        if (d.variant[i].context)
            gml_context_destroy(d.variant[i].context);
    free(d.variant);
    layer_free(&d.of);
    return code;
}
