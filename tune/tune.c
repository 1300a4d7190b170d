/* SPDX-License-Identifier: BSD-3-Clause
 *
 * gml_tune: its options become a request (tune/tune.h), and what fails becomes a status.
 */
#include "tune/tune.h"
#include "src/api/context.h"
#include "src/api/descriptor.h"
#include "src/api/status.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The bits of a list of words, those of `names` having the values `bit`; all of them for NULL. Otherwise a sentence. */
static bool read_words(const char *what, const char *text, const char *const *names, const unsigned *bit,
                       unsigned *out, char *sentence, size_t size)
{
    unsigned all = 0, found = 0;
    for (int i = 0; names[i]; i++)
        all |= bit[i];
    for (const char *at = text; at; at = *at ? at + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        int i = 0;
        while (names[i] && !(strlen(names[i]) == length && !memcmp(names[i], at, length)))
            i++;
        if (!names[i]) {
            snprintf(sentence, size, "%s: '%.*s' is none of ", what, (int)(length < 40 ? length : 40), at);
            for (i = 0; names[i]; i++) {
                const size_t used = strlen(sentence);
                snprintf(sentence + used, size - used, "%s%s", i ? ", " : "", names[i]);
            }
            return false;
        }
        found |= bit[i];
        at += length;
    }
    *out = text ? found : all;
    return true;
}

bool tune_select(tune_selection *out, const gml_tune_options *options, int32_t context_threads,
                 char *sentence, size_t size)
{
    static const char *const operations[] = {"gemm", "softmax", "attention", NULL};
    static const unsigned operation[] = {1u << GML_OPERATION_GEMM, 1u << GML_OPERATION_SOFTMAX,
                                         1u << GML_OPERATION_ATTENTION};
    static const char *const types[] = {"f32", "f64", NULL};
    static const unsigned type[] = {1u << GML_F32, 1u << GML_F64};

    *out = (tune_selection){.own = {1, context_threads}};
    if (!read_words("operations", options->operations, operations, operation, &out->operations, sentence,
                    size) ||
        !read_words("types", options->types, types, type, &out->types, sentence, size))
        return false;
    out->threads = out->own;
    out->thread_counts = context_threads > 1 ? 2 : 1;
    if (options->thread_counts == 0 && !options->threads)
        return true;
    if (!options->threads || options->thread_counts < 1 || options->thread_counts > GML_MAX_THREADS) {
        snprintf(sentence, size, "thread_counts is %" PRId32 ", must be the length of threads, at most %d",
                 options->thread_counts, GML_MAX_THREADS);
        return false;
    }
    for (int i = 0; i < options->thread_counts; i++) {
        bool again = false;
        for (int j = 0; j < i; j++)
            again |= options->threads[j] == options->threads[i];
        if (options->threads[i] < 1 || options->threads[i] > GML_MAX_THREADS || again) {
            snprintf(sentence, size, "threads[%d] is %" PRId32 ", must be from 1 to %d%s", i,
                     options->threads[i], GML_MAX_THREADS, again ? ", and is there twice" : "");
            return false;
        }
    }
    out->threads = options->threads;
    out->thread_counts = options->thread_counts;
    out->threads_named = true;
    return true;
}

/* The size of a structure that is written to: those of older programs are shorter. */
static bool fits(size_t size, size_t known)
{
    return size >= sizeof(size_t) && size <= known;
}

static gml_status check(const gml_tune_options *o, const gml_tune_result *result)
{
    static const char function[] = "gml_tune";
    if (!result)
        return gml_fail(GML_ERR_ARGUMENT, "%s: result is NULL", function);
    if (!fits(result->size, sizeof *result))
        return gml_fail(GML_ERR_DESCRIPTOR, "%s: result->size is %zu, must be at most %zu", function,
                        result->size, sizeof *result);
    if (!(o->budget > 0.0) || isinf(o->budget))
        return gml_fail(GML_ERR_ARGUMENT, "%s: budget is %g, must be a number of seconds > 0", function,
                        o->budget);
    if (o->reserved != 0)
        return gml_fail(GML_ERR_ARGUMENT, "%s: reserved is %d, must be 0", function, o->reserved);
    const struct {
        const char *name;
        int32_t value;
    } flags[] = {{"resume", o->resume}, {"force", o->force}, {"dry_run", o->dry_run}, {"warm", o->warm}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].value != 0 && flags[i].value != 1)
            return gml_fail(GML_ERR_ARGUMENT, "%s: %s is %d, must be 0 or 1", function, flags[i].name,
                            flags[i].value);
    if (o->directory && !*o->directory)
        return gml_fail(GML_ERR_ARGUMENT, "%s: directory is \"\", must be NULL or a path", function);
    return GML_OK;
}

/* The tasks of the options; a status with a sentence otherwise. */
static gml_status make_list(tune_list *list, const gml_tune_options *o, int32_t context_threads)
{
    char sentence[TUNE_SENTENCE];
    tune_selection selection;
    if (!tune_select(&selection, o, context_threads, sentence, sizeof sentence))
        return gml_fail(GML_ERR_ARGUMENT, "gml_tune: %s", sentence);
    const tune_threads threads = {selection.threads, selection.thread_counts, selection.threads_named};
    if (o->problems && !tune_problems_read(list, "problems", o->problems, strlen(o->problems), &threads,
                                           sentence, sizeof sentence))
        return gml_fail(GML_ERR_ARGUMENT, "gml_tune: %s", sentence);
    if (!o->problems && !tune_list_suite(list, &selection))
        return gml_fail(GML_ERR_MEMORY, "gml_tune: no memory for the list of problems");
    tune_list_keep(list, &selection);
    return GML_OK;
}

gml_status gml_tune(gml_context *context, const gml_tune_options *options, gml_tune_result *result)
{
    gml_tune_options o = GML_TUNE_OPTIONS_INIT;
    if (options) {
        const gml_status status = gml_descriptor_read(&o, sizeof o, options, "gml_tune");
        if (status != GML_OK)
            return status;
    }
    gml_status status = check(&o, result);
    if (status != GML_OK)
        return status;
    context = gml_context_or_default(context);
    char root[sizeof result->file], sentence[TUNE_SENTENCE];
    if (!o.directory && !tune_user_root(root, sizeof root, sentence))
        return gml_fail(GML_ERR_ARGUMENT, "gml_tune: %s", sentence);
    tune_list list = {0};
    status = make_list(&list, &o, context->runtime.threads);
    if (status != GML_OK) {
        tune_list_free(&list);
        return status;
    }
    gml_machine machine; /* this one, wherever the context began */
    gml_machine_detect(&machine);
    const tune_request request = {
        .on = {&machine, &context->runtime},
        .list = &list,
        .budget = o.budget,
        .state = o.warm ? GML_STATE_WARM : GML_STATE_ROTATED,
        .seed = o.seed,
        .root = o.directory ? o.directory : root,
        .resume = o.resume,
        .force = o.force,
        .dry_run = o.dry_run,
        .progress = o.progress,
        .progress_host = o.progress_host,
    };
    tune_report report;
    const tune_end end = tune_perform(&request, &report, sentence);
    const size_t size = result->size;
    memcpy(result, &report.result, size);
    result->size = size;
    tune_report_free(&report);
    tune_list_free(&list);
    if (end == TUNE_DONE)
        return GML_OK;
    return gml_fail(end == TUNE_NO_MEMORY ? GML_ERR_MEMORY : GML_ERR_ARGUMENT, "gml_tune: %s", sentence);
}
