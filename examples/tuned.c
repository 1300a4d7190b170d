/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tuning from a program: one product is tuned for a second, what was found is handed from context to context as text, and
 * explained. What depends on the machine goes to standard error; the bits of the product do not.
 *
 *     cc -std=c11 tuned.c $(pkg-config --cflags --libs gemmule-tune) -o tuned
 */
#define _POSIX_C_SOURCE 200809L /* mkdtemp */
#include <gemmule/gemmule.h>
#include <gemmule/tune.h>
#include <gemmule/wisdom.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { M = 96, N = 200, K = 150 };

static float a[M * K], b[K * N], untuned[M * N], tuned[M * N];

static int fail(const char *what)
{
    char why[256];
    gml_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

static gml_gemm_problem product(float *c)
{
    gml_gemm_problem problem = GML_GEMM_PROBLEM_INIT;
    problem.type = GML_F32;
    problem.m = M;
    problem.n = N;
    problem.k = K;
    problem.a = a;
    problem.rs_a = K;
    problem.cs_a = 1;
    problem.b = b;
    problem.rs_b = N;
    problem.cs_b = 1;
    problem.c = c;
    problem.rs_c = N;
    problem.cs_c = 1;
    return problem;
}

/* Called after each problem and now and then; what it returns other than 0 would end the run. */
static int32_t on_progress(void *calls, const gml_tune_progress *progress)
{
    ++*(int *)calls;
    fprintf(stderr, "%5.1f s  %lld of %lld  %s\n", progress->seconds, (long long)progress->finished,
            (long long)progress->tasks, progress->problem);
    return 0;
}

/* Tunes the product, and has the context know what was found. */
static int tune(gml_context *context, char *directory)
{
    int calls = 0;
    gml_tune_options options = GML_TUNE_OPTIONS_INIT;
    options.budget = 1.0;
    options.problems = "gemm 96 200 150 threads=1\n";
    options.directory = directory; /* NULL would be the user's */
    options.force = 1;             /* saves also on a noisy machine */
    options.progress = on_progress;
    options.progress_host = &calls;
    gml_tune_result result = GML_TUNE_RESULT_INIT;
    if (gml_tune(context, &options, &result) != GML_OK)
        return fail("tune");
    printf("%lld problem, progress was %s\n", (long long)result.tasks, calls ? "told" : "not told");
    fprintf(stderr, "%lld proven, gain %.3f, noise %.3f\n", (long long)result.proven, result.gain,
            result.noise);
    if (result.saved && gml_wisdom_import_file(context, result.file, NULL) != GML_OK)
        return fail("import");
    if (result.saved) {
        unlink(result.file);
        *strrchr(result.file, '/') = '\0'; /* of the machine */
        rmdir(result.file);
    }
    rmdir(directory);
    return 0;
}

/* Hands the wisdom of a context to another, as text. */
static int hand_on(gml_context *from, gml_context *to)
{
    size_t size = 0;
    if (gml_wisdom_export_memory(from, NULL, &size) != GML_OK)
        return fail("export");
    char *text = malloc(size + 1);
    if (!text || gml_wisdom_export_memory(from, text, &size) != GML_OK)
        return fail("export");
    gml_wisdom_report report = GML_WISDOM_REPORT_INIT;
    const gml_status status = gml_wisdom_import_memory(to, text, size, &report);
    free(text);
    if (status != GML_OK)
        return fail("import");
    printf("handed on: %lld damaged, %lld stale, %lld foreign\n", (long long)report.damaged,
           (long long)report.stale, (long long)report.foreign);
    return 0;
}

int main(void)
{
    char directory[] = "/tmp/gemmule-tuned-XXXXXX";
    gml_context *first = NULL, *second = NULL;
    gml_context_options one_thread = GML_CONTEXT_OPTIONS_INIT;
    one_thread.threads = 1;
    if (!mkdtemp(directory) || gml_context_create(&first, &one_thread) != GML_OK ||
        gml_context_create(&second, &one_thread) != GML_OK)
        return fail("begin");
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i % 11) / 11.0f;
    for (int i = 0; i < K * N; i++)
        b[i] = (float)(i % 7) / 7.0f;
    gml_gemm_problem problem = product(untuned);
    if (gml_wisdom_forget(second) != GML_OK || gml_gemm(second, &problem) != GML_OK)
        return fail("product");

    if (tune(first, directory) || hand_on(first, second))
        return 1;

    gml_explanation explanation = GML_EXPLANATION_INIT;
    problem = product(tuned);
    if (gml_explain_gemm(second, &problem, &explanation) != GML_OK || gml_gemm(second, &problem) != GML_OK)
        return fail("product");
    fprintf(stderr, "%s\n%s\n", explanation.plan, explanation.why);
    printf("tuned and untuned: %s bits\n", memcmp(tuned, untuned, sizeof tuned) ? "other" : "the same");
    gml_context_destroy(first);
    gml_context_destroy(second);
    return 0;
}
