/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A run of the tuner: the doctor and the noise floor, what earlier runs have found, the search, and a file that is brought
 * up to date whenever a problem is finished, so that whatever ends the run, what was finished is there.
 */
#include "tune/measure.h"
#include "tune/tune.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERRORS_MOST 256 /* operations, types and thread counts of one run */

/* What has been seen of a task: TUNE_PENDING until its end. */
typedef struct counted {
    tune_verdict verdict;
    double log_gain; /* times its weight */
} counted;

typedef struct run {
    const tune_request *request;
    tune_report *report;
    tune_bench bench;
    double began;
    tune_store *store; /* NULL: nothing is saved */
    counted *counted;  /* of the tasks */
    int64_t finished, proven;
    double weight, log_gain; /* of finished tasks: sum, weighted sum of log gains */
    bool not_written;
    char *sentence;
} run;

/* The nearest directory there is must be one that can be written. So what could not be saved is said at once. */
static bool root_fits(const char *root, char *sentence)
{
    char path[sizeof((gml_tune_result *)0)->file];
    if (strlen(root) + 64 >= sizeof path) { /* the machine's directory, and the file */
        snprintf(sentence, TUNE_SENTENCE, "the path of the directory is too long: %.60s...", root);
        return false;
    }
    snprintf(path, sizeof path, "%s", root);
    for (;;) {
        struct stat status;
        if (!stat(path, &status)) {
            const bool directory = S_ISDIR(status.st_mode);
            if (directory && !access(path, W_OK | X_OK))
                return true;
            snprintf(sentence, TUNE_SENTENCE, "%.200s: %s", path,
                     directory ? "the directory cannot be written" : "is no directory");
            return false;
        }
        if (errno != ENOENT) {
            snprintf(sentence, TUNE_SENTENCE, "%.200s: %s", path, strerror(errno));
            return false;
        }
        char *slash = strrchr(path, '/');
        if (!slash)
            snprintf(path, sizeof path, ".");
        else if (slash == path)
            path[1] = '\0';
        else
            *slash = '\0';
    }
}

static gml_wisdom_entry entry_of(const run *r, const gml_key *key)
{
    const gml_kernel_set *set = r->request->on.runtime->set;
    return (gml_wisdom_entry){
        .isa = set->isa,
        .revision = gml_revision(set, (gml_operation)key->operation, (gml_type)key->type),
        .key = *key,
        .gain = 1.0,
        .low = 1.0,
        .high = 1.0,
        .state = (uint8_t)r->request->state,
    };
}

static void save(run *r, int task, const tune_outcome *outcome)
{
    if (!r->store || r->not_written)
        return;
    gml_wisdom_entry entry = entry_of(r, &r->request->list->task[task].key);
    entry.choice = outcome->choice;
    entry.gain = outcome->gain;
    entry.low = outcome->low;
    entry.high = outcome->high;
    entry.samples = outcome->samples;
    entry.scope = outcome->cell ? GML_SCOPE_CELL : GML_SCOPE_EXACT;
    if (tune_store_add(r->store, &entry, r->sentence))
        r->report->result.saved = 1;
    else
        r->not_written = true;
}

/* Takes note of a task that has ended; again where what was proven is no more. */
static void count(run *r, int task, const tune_outcome *outcome)
{
    counted *seen = &r->counted[task];
    const bool again = seen->verdict != TUNE_PENDING;
    if (outcome->verdict == seen->verdict)
        return;
    const double weight = outcome->verdict == TUNE_FAILED ? 0 : r->request->list->task[task].weight;
    r->finished += !again;
    r->weight += again ? 0 : weight;
    r->proven += (outcome->verdict == TUNE_PROVEN) - (seen->verdict == TUNE_PROVEN);
    r->log_gain -= seen->log_gain;
    *seen = (counted){outcome->verdict, weight * log(outcome->gain)};
    r->log_gain += seen->log_gain;
    if (outcome->verdict == TUNE_FAILED)
        return;
    if (!r->report->resumed[task])
        save(r, task, outcome);
}

static bool on_progress(void *host, int task, const tune_outcome *outcomes, double now)
{
    run *r = host;
    const tune_request *request = r->request;
    if (task >= 0)
        count(r, task, &outcomes[task]);
    if (r->not_written)
        return false;
    if (!request->progress)
        return true;
    char problem[TUNE_PROBLEM_TEXT];
    const double seconds = now - r->began;
    const gml_tune_progress progress = {
        .tasks = request->list->count,
        .finished = r->finished,
        .proven = r->proven,
        .gain = r->weight > 0.0 ? exp(r->log_gain / r->weight) : 1.0,
        .seconds = seconds,
        .remaining = seconds < request->budget ? request->budget - seconds : 0.0,
        .problem = task >= 0 ? tune_problem_text(&request->list->task[task].key, problem) : "the noise floor",
    };
    if (request->progress(request->progress_host, &progress)) {
        r->report->interrupted = true;
        return false;
    }
    return true;
}

/* What wisdom under the root already has of the tasks, for this machine, set and revision, in the same state. */
static bool resume(run *r)
{
    const tune_request *request = r->request;
    gml_wisdom_list list = {0};
    gml_wisdom_loaded loaded = {0};
    char text[GML_FINGERPRINT_TEXT];
    const gml_wisdom_filter filter = {gml_fingerprint(request->on.machine, text), request->on.runtime->set};
    gml_wisdom_load_root(&list, request->root, &filter, &loaded, NULL);
    gml_wisdom *wisdom = loaded.no_memory ? NULL : gml_wisdom_build(&list);
    gml_wisdom_list_free(&list);
    for (int i = 0; wisdom && i < request->list->count; i++) {
        gml_source source;
        const gml_wisdom_entry *entry;
        gml_wisdom_find(wisdom, &request->list->task[i].key, &source, &entry);
        if (source != GML_SOURCE_EXACT || !entry || entry->state != (uint8_t)request->state)
            continue;
        r->report->resumed[i] = true;
        r->report->outcome[i] = (tune_outcome){
            .verdict = gml_choice_is_model(&entry->choice) ? TUNE_KEPT : TUNE_PROVEN,
            .choice = entry->choice,
            .gain = entry->gain,
            .low = entry->low,
            .high = entry->high,
            .samples = entry->samples,
            .cell = entry->scope == GML_SCOPE_CELL,
            .weight = request->list->task[i].weight,
        };
    }
    gml_wisdom_free(wisdom);
    return wisdom;
}

/* Of one product; what disturbs the machine for a moment spoils one look of three. */
static double quietest(const run *r, const gml_key *key, double seconds)
{
    double noise = INFINITY;
    for (int look = 0; look < 3 && !(noise <= TUNE_NOISE_MOST); look++)
        noise = fmin(noise, tune_noise(&r->bench, key, seconds)); /* NaN: nothing could be measured */
    return noise;
}

/*
 * The noise floor, of the fewest and of the most threads: that of a product which fits the caches and takes a fraction of a
 * millisecond, so that hundreds of samples come from a fiftieth of the budget.
 */
static double noise_floor(const run *r)
{
    const tune_list *list = r->request->list;
    int32_t few = GML_MAX_THREADS, many = 1;
    for (int i = 0; i < list->count; i++) {
        few = list->task[i].key.threads < few ? list->task[i].key.threads : few;
        many = list->task[i].key.threads > many ? list->task[i].key.threads : many;
    }
    const double seconds = fmin(1.0, r->request->budget / 50.0);
    gml_key key = {
        .operation = GML_OPERATION_GEMM, .type = GML_F32, .threads = few, .size = {256, 256, 256, 1}};
    double noise = quietest(r, &key, seconds);
    if (many != few) {
        key.threads = many;
        noise = fmax(noise, quietest(r, &key, seconds));
    }
    return noise;
}

/* What saving takes at the end: some lines, a sync each, and joining files. */
static double reserve(double budget)
{
    return fmin(0.5, budget / 50.0);
}

static void search(run *r)
{
    const tune_request *request = r->request;
    gml_tune_result *result = &r->report->result;
    const double left = request->budget - (r->bench.now(r->bench.host) - r->began) - reserve(request->budget);
    const tune_search_options options = {
        .budget = fmax(left, 0.0),
        .noise = result->noise,
        .seed = request->seed,
        .error_rate = 0.01,
        .progress = on_progress,
        .progress_host = r,
        .done = r->report->resumed,
    };
    tune_search(&options, &r->bench, request->list->task, request->list->count, r->report->outcome);
    for (int i = 0; i < request->list->count; i++)
        count(r, i, &r->report->outcome[i]);
}

/* The errors of predictions, and the end of the file. */
static void end_file(run *r)
{
    const tune_list *list = r->request->list;
    gml_tune_result *result = &r->report->result;
    if (!r->store)
        return;
    snprintf(result->run, sizeof result->run, "%s", tune_store_run(r->store));
    snprintf(result->file, sizeof result->file, "%s", tune_store_path(r->store));
    tune_error *errors = result->saved ? malloc(ERRORS_MOST * sizeof *errors) : NULL;
    const int errors_count =
        errors ? tune_errors(list->task, r->report->outcome, list->count, errors, ERRORS_MOST) : 0;
    for (int i = 0; i < errors_count && !r->not_written; i++) {
        gml_wisdom_entry entry = entry_of(r, &errors[i].key);
        entry.error = true;
        entry.gain = errors[i].value;
        r->not_written = !tune_store_add(r->store, &entry, r->sentence);
    }
    free(errors);
    if (r->not_written)
        tune_store_discard(r->store);
    else
        r->not_written = !tune_store_close(r->store, r->sentence);
    if (!result->saved) {
        *strrchr(result->file, '/') = '\0';
        rmdir(result->file); /* the machine's directory, where it is empty */
        result->run[0] = result->file[0] = '\0';
    }
}

static void summarise(run *r)
{
    const tune_list *list = r->request->list;
    gml_tune_result *result = &r->report->result;
    const tune_summary summary =
        tune_summarise(list->task, r->report->outcome, list->count, r->request->seed);
    result->proven = summary.proven;
    result->kept = summary.kept;
    result->failed = summary.failed;
    result->pending = summary.pending;
    result->gain = summary.gain;
    result->gain_low = summary.low;
    result->gain_high = summary.high;
    result->worst = summary.worst;
    result->regret = summary.regret;
    result->regret95 = summary.regret95;
}

/* From the bench on. */
static tune_end measure(run *r)
{
    const tune_request *request = r->request;
    gml_tune_result *result = &r->report->result;
    r->began = r->bench.now(r->bench.host);
    if (!on_progress(r, -1, r->report->outcome, r->began)) {
        summarise(r);
        return TUNE_DONE;
    }
    result->noise = noise_floor(r);
    if (request->root && (result->noise <= TUNE_NOISE_MOST || request->force)) {
        char text[GML_FINGERPRINT_TEXT];
        r->store = tune_store_open(request->root, gml_fingerprint(request->on.machine, text), request->seed,
                                   r->sentence);
        if (!r->store)
            return TUNE_NOT_WRITTEN;
    }
    for (int i = 0; i < request->list->count; i++)
        if (r->report->resumed[i])
            count(r, i, &r->report->outcome[i]);
    search(r);
    end_file(r);
    summarise(r);
    result->seconds = r->bench.now(r->bench.host) - r->began;
    return r->not_written ? TUNE_NOT_WRITTEN : TUNE_DONE;
}

/* What is to be done, and how long all of it would take. */
static void plan(run *r)
{
    const tune_list *list = r->request->list;
    gml_tune_result *result = &r->report->result;
    for (int i = 0; i < list->count; i++)
        if (!r->report->resumed[i]) {
            result->pending++;
            result->seconds += tune_expected_seconds(&r->request->on, &list->task[i].key);
        }
}

static tune_end start(run *r)
{
    const tune_request *request = r->request;
    tune_report *report = r->report;
    const size_t tasks = request->list->count ? (size_t)request->list->count : 1;
    report->outcome = calloc(tasks, sizeof *report->outcome);
    report->resumed = calloc(tasks, sizeof *report->resumed);
    r->counted = calloc(tasks, sizeof *r->counted);
    snprintf(r->sentence, TUNE_SENTENCE, "no memory for %zu problems", tasks);
    if (!report->outcome || !report->resumed || !r->counted)
        return TUNE_NO_MEMORY;
    if (request->root && request->resume && !resume(r))
        return TUNE_NO_MEMORY;
    if (request->dry_run) {
        plan(r);
        return TUNE_DONE;
    }
    if (request->root && !root_fits(request->root, r->sentence))
        return TUNE_NOT_WRITTEN;
    if (!request->list->count)
        return TUNE_DONE;
    if (request->bench) {
        r->bench = *request->bench;
        return measure(r);
    }
    tune_measure *subjects = tune_measure_create(&request->on, request->state, tune_memory());
    if (!subjects)
        return TUNE_NO_MEMORY;
    r->bench = tune_measure_bench(subjects);
    const tune_end end = measure(r);
    snprintf(report->mismatch, sizeof report->mismatch, "%s", tune_measure_mismatch(subjects));
    tune_measure_destroy(subjects);
    return end;
}

tune_end tune_perform(const tune_request *request, tune_report *report, char sentence[TUNE_SENTENCE])
{
    const gml_tune_result zero = GML_TUNE_RESULT_INIT;
    *report = (tune_report){.result = zero};
    report->result.tasks = request->list->count;
    report->result.gain = report->result.gain_low = report->result.gain_high = 1.0;
    report->result.worst = 1.0;
    report->result.regret = report->result.regret95 = NAN;
    tune_doctor("", request->on.machine, request->on.runtime->threads, &report->diagnosis);
    run r = {.request = request, .report = report, .sentence = sentence};
    const tune_end end = start(&r);
    free(r.counted);
    if (end == TUNE_DONE)
        sentence[0] = '\0';
    return end;
}

void tune_report_free(tune_report *report)
{
    free(report->outcome);
    free(report->resumed);
    report->outcome = NULL;
    report->resumed = NULL;
}
