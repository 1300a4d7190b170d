/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `gemmule tune`: measures plans on this machine, and keeps those that are proven to be faster. The work is done by
 * tune/run.c; here options become a request, and its end an exit code.
 */
#include "cli/tune.h"
#include "cli/cli.h"
#include "src/api/context.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char command[] = "gemmule tune";

/* What the options say, as they say it. */
typedef struct words {
    const char *budget, *operations, *types, *threads, *shapes, *trace, *cache;
    int64_t seed;
} words;

static bool read_thread_counts(const char *text, int32_t counts[GML_MAX_THREADS], int32_t *count)
{
    *count = 0;
    for (const char *at = text;; at++) {
        char number[24];
        const size_t length = strcspn(at, ",");
        int64_t value;
        snprintf(number, sizeof number, "%.*s", (int)(length < 20 ? length : 20), at);
        if (!cli_number(command, "--threads", number, 1, GML_MAX_THREADS, &value))
            return false;
        if (*count == GML_MAX_THREADS) {
            cli_usage_error(command, "--threads has too many numbers");
            return false;
        }
        counts[(*count)++] = (int32_t)value;
        at += length;
        if (!*at)
            return true;
    }
}

/* The problems of the files, or the standard ones; otherwise a sentence. */
static bool read_problems(tune_list *list, const words *w, const tune_selection *selection)
{
    char sentence[TUNE_SENTENCE];
    const tune_threads threads = {selection->threads, selection->thread_counts, selection->threads_named};
    const char *const files[] = {w->shapes, w->trace};
    for (int i = 0; i < 2; i++)
        if (files[i] && !tune_problems_load(list, files[i], &threads, sentence, sizeof sentence)) {
            cli_usage_error(command, "%s", sentence);
            return false;
        }
    if (!w->shapes && !w->trace && !tune_list_suite(list, selection)) {
        cli_usage_error(command, "out of memory");
        return false;
    }
    tune_list_keep(list, selection);
    return true;
}

/* Runs, shows, and tells the exit code. */
static int run(tune_setting *with)
{
    char sentence[TUNE_SENTENCE];
    tune_diagnosis diagnosis;
    tune_report report;
    if (!with->json) {
        tune_doctor("", with->request.on.machine, with->request.on.runtime->threads, &diagnosis);
        tune_show_begin(with, &diagnosis);
    }
    tune_signals_watch();
    const tune_end end = tune_perform(&with->request, &report, sentence);
    tune_clear_progress(with);
    if (end == TUNE_DONE) {
        if (with->json)
            tune_show_json(with, &report);
        else if (with->dry_run)
            tune_show_plan(with, &report);
        else
            tune_show_end(with, &report);
    } else {
        fprintf(stderr, "%s: %s\n", command, sentence);
        if (report.result.saved)
            fprintf(stderr, "%s: what was finished before is in %s\n", command, report.result.file);
    }
    const bool noisy = report.result.noise > TUNE_NOISE_MOST && !with->force;
    const int code = end != TUNE_DONE   ? CLI_FAILED
                     : *report.mismatch ? CLI_FINDING
                     : noisy            ? CLI_INCONCLUSIVE
                                        : CLI_FINE;
    tune_report_free(&report);
    return code;
}

/* From the words to the request, and on. */
static int start(tune_setting *with, const words *w)
{
    static int32_t counts[GML_MAX_THREADS];
    gml_context *context = gml_context_or_default(NULL);
    gml_tune_options options = GML_TUNE_OPTIONS_INIT;
    char sentence[TUNE_SENTENCE], root[sizeof((gml_tune_result *)0)->file];
    options.operations = w->operations;
    options.types = w->types;
    if (w->threads) {
        if (!read_thread_counts(w->threads, counts, &options.thread_counts))
            return CLI_USAGE;
        options.threads = counts;
    }
    tune_selection selection;
    if (!tune_select(&selection, &options, context->runtime.threads, sentence, sizeof sentence))
        return cli_usage_error(command, "%s", sentence);
    if (!tune_duration(w->budget, &with->budget))
        return cli_usage_error(
            command, "--budget is '%.40s', must be a time of more than 0, as 90, 30s, 5m or 1.5h", w->budget);
    const bool warm = !strcmp(w->cache, "warm");
    if (!warm && strcmp(w->cache, "rotated") != 0)
        return cli_usage_error(command, "--cache is '%.40s', must be rotated or warm", w->cache);
    if (with->directory && !*with->directory)
        return cli_usage_error(command, "--directory is '', must be a path");
    if (!with->directory && !tune_user_root(root, sizeof root, sentence)) {
        fprintf(stderr, "%s: %s; --directory names another place\n", command, sentence);
        return CLI_FAILED;
    }
    tune_list list = {0};
    int code = CLI_USAGE;
    if (read_problems(&list, w, &selection)) {
        with->request = (tune_request){
            .on = {&context->machine, &context->runtime},
            .list = &list,
            .budget = with->budget,
            .state = warm ? GML_STATE_WARM : GML_STATE_ROTATED,
            .seed = (uint64_t)w->seed,
            .root = with->directory ? with->directory : root,
            .resume = with->resume,
            .force = with->force,
            .dry_run = with->dry_run,
            .progress = tune_show_progress,
            .progress_host = with,
        };
        code = run(with);
    }
    tune_list_free(&list);
    return code;
}

int gemmule_tune(int argc, char **argv)
{
    words w = {.budget = "60s", .cache = "rotated", .seed = 1};
    tune_setting with = {.quiet = !isatty(STDERR_FILENO)};
    const cli_option options[] = {
        CLI_TEXT("--budget", "TIME", &w.budget, "of all: 30s, 5m, 1.5h; default: 60s"),
        CLI_TEXT("--ops", "LIST", &w.operations, "of gemm,softmax,attention; default: all"),
        CLI_TEXT("--dtypes", "LIST", &w.types, "of f32,f64; default: all"),
        CLI_TEXT("--threads", "LIST", &w.threads, "thread counts; default: 1 and that of gemmule info"),
        CLI_TEXT("--shapes", "FILE", &w.shapes, "problems to tune, one a line, instead of the standard ones"),
        CLI_TEXT("--from", "TRACE", &w.trace, "problems that a program with GEMMULE_RECORD=TRACE computed"),
        CLI_TEXT("--cache", "STATE", &w.cache,
                 "rotated: what is streamed comes from memory; warm: all stays"),
        CLI_FLAG("--dry-run", &with.dry_run, "say what would be measured, and how long it would take"),
        CLI_FLAG("--resume", &with.resume, "leave out what earlier runs have found"),
        CLI_FLAG("--force", &with.force, "save even where the machine is too noisy"),
        CLI_TEXT("--directory", "DIR", &with.directory, "root of the wisdom; default: the user's"),
        CLI_NUMBER("--seed", "S", &w.seed, 0, INT64_MAX, "of random orders and numbers; default: 1"),
        CLI_FLAG("--json", &with.json, "print JSON"),
        CLI_END,
    };
    const cli_usage usage = {
        command,
        "[--budget TIME] [--ops LIST] [--dtypes LIST] [--threads LIST]\n"
        "             [--shapes FILE] [--from TRACE] [--cache STATE] [--dry-run]\n"
        "             [--resume] [--force] [--directory DIR] [--seed S] [--json]",
        "Measures plans on this machine, and saves those that are proven to be faster\n"
        "than the default ones. Results stay the same, bit for bit. Programs that are\n"
        "started afterwards find what was saved; Ctrl-C keeps what was finished.\n"
        "\n"
        "A line of FILE is, with any of type= layout= threads= count= behind it:\n"
        "  gemm M N K [batch=B]\n"
        "  softmax ROWS COLS\n"
        "  attention BATCH HEADS Q_LEN KV_LEN HEAD_DIM [kv_heads=H] [v_head_dim=D]\n"
        "\n"
        "Exit codes: 0 saved, or nothing better; 3 too noisy to be saved; 4 failed.\n",
        options,
    };
    int code = CLI_FINE;
    if (cli_parse(&usage, argc, argv, NULL, 0, &code) < 0)
        return code;
    return start(&with, &w);
}
