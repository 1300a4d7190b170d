/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `gemmule tune` says: what it is going to do, and what came of it, for people and as JSON.
 */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/tune.h"
#include "cli/wisdom.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GAINS_SHOWN 10

static const char *const verdicts[] = {"pending", "kept", "proven", "failed"};

static const char *state_name(gml_state state)
{
    return state == GML_STATE_WARM ? "warm" : "rotated";
}

static void show_findings(const tune_diagnosis *diagnosis)
{
    for (int i = 0; i < diagnosis->count; i++) {
        const tune_finding *f = &diagnosis->finding[i];
        if (f->severity == TUNE_WARNING)
            printf("Warning   %s%s%s\n", f->text, *f->advice ? " " : "", f->advice);
    }
}

void tune_show_begin(const tune_setting *with, const tune_diagnosis *diagnosis)
{
    const tune_request *request = &with->request;
    char machine[GML_FINGERPRINT_TEXT];
    const uint64_t fingerprint = gml_fingerprint(request->on.machine, machine);
    printf("Machine   %s (%016" PRIx64 "), kernels %s\n", machine, fingerprint,
           request->on.runtime->set->isa);
    printf("Problems  %d; operands %s\n", request->list->count,
           request->state == GML_STATE_WARM ? "stay in the caches" : "that are streamed come from memory");
    show_findings(diagnosis);
    fflush(stdout);
}

void tune_show_plan(const tune_setting *with, const tune_report *report)
{
    const tune_list *list = with->request.list;
    if (!list->count) {
        printf("\nNothing to tune: no problem of the list takes a plan.\n");
        return;
    }
    table t = table_open("problem", ">weight", ">seconds", NULL);
    for (int i = 0; i < list->count; i++) {
        char problem[TUNE_PROBLEM_TEXT];
        if (!report->resumed[i])
            table_row(&t, "%s\t%.0f\t%.1f", tune_problem_text(&list->task[i].key, problem),
                      list->task[i].weight, tune_expected_seconds(&with->request.on, &list->task[i].key));
    }
    putchar('\n');
    table_print(&t, stdout);
    printf("\n%" PRId64 " problems of %d are to be measured, which takes about %.0f s; the budget is %g s.\n",
           report->result.pending, list->count, report->result.seconds, with->budget);
    printf("Nothing was measured, and nothing written.\n");
}

static int by_gain(const void *x, const void *y)
{
    const tune_outcome *a = *(const tune_outcome *const *)x, *b = *(const tune_outcome *const *)y;
    return (a->gain < b->gain) - (a->gain > b->gain);
}

/* The largest gains. */
static void show_gains(const tune_setting *with, const tune_report *report)
{
    const tune_list *list = with->request.list;
    const tune_outcome **proven = cli_allocate((size_t)list->count, sizeof *proven);
    int count = 0;
    for (int i = 0; i < list->count; i++)
        if (report->outcome[i].verdict == TUNE_PROVEN)
            proven[count++] = &report->outcome[i];
    if (count == 0) {
        free(proven);
        return;
    }
    qsort(proven, (size_t)count, sizeof *proven, by_gain);
    table t = table_open("problem", ">gain", "95 %", "plan", NULL);
    for (int i = 0; i < count && i < GAINS_SHOWN; i++) {
        const gml_key *key = &list->task[proven[i] - report->outcome].key;
        char problem[TUNE_PROBLEM_TEXT], choice[GML_CHOICE_TEXT];
        gml_choice_write((gml_operation)key->operation, &proven[i]->choice, choice, sizeof choice);
        table_row(&t, "%s\t%.3f\t%.3f to %.3f\t%s", tune_problem_text(key, problem), proven[i]->gain,
                  proven[i]->low, proven[i]->high, choice);
    }
    putchar('\n');
    table_print(&t, stdout);
    if (count > GAINS_SHOWN)
        printf("and %d more: gemmule wisdom show\n", count - GAINS_SHOWN);
    putchar('\n');
    free(proven);
}

static void show_failures(const tune_setting *with, const tune_report *report)
{
    for (int i = 0; i < with->request.list->count; i++) {
        char problem[TUNE_PROBLEM_TEXT];
        if (report->outcome[i].verdict == TUNE_FAILED)
            printf("Failed    %s: %s\n", tune_problem_text(&with->request.list->task[i].key, problem),
                   report->outcome[i].why);
    }
    if (*report->mismatch)
        printf("MISMATCH  %s\n", report->mismatch);
}

static void show_saved(const tune_setting *with, const tune_report *report)
{
    const gml_tune_result *result = &report->result;
    const char *variable = getenv("GEMMULE_WISDOM");
    if (result->noise > TUNE_NOISE_MOST && !with->force) {
        printf("Not saved: two equal plans differ by %.1f %%, more than %.0f %%. gemmule doctor says what "
               "may be\n"
               "done about it; --force saves anyway.\n",
               100.0 * result->noise, 100.0 * TUNE_NOISE_MOST);
    } else if (!result->saved) {
        printf("Nothing new to save.\n");
    } else {
        printf("Saved     %s\n", result->file);
        wisdom_print_undo(result->run, with->directory);
        if (variable && !strcmp(variable, "off"))
            printf("Note      GEMMULE_WISDOM=off: programs that are started so will not read it\n");
        else if (with->directory)
            printf("Note      programs read it with GEMMULE_WISDOM='%s'\n", with->directory);
    }
}

void tune_show_end(const tune_setting *with, const tune_report *report)
{
    const gml_tune_result *r = &report->result;
    if (!r->tasks) {
        printf("Nothing to tune: no problem of the list takes a plan.\n");
        return;
    }
    show_gains(with, report);
    show_failures(with, report);
    if (report->interrupted)
        printf("Interrupted; what was finished counts.\n");
    printf("Noise     %.2f %%: what two equal plans differ by\n", 100.0 * r->noise);
    printf("Proven    %" PRId64 " gains; %" PRId64 " keep the default plan, nothing better being proven",
           r->proven, r->kept);
    if (r->pending)
        printf("; %" PRId64 " not reached%s", r->pending, with->resume ? "" : " (--resume goes on)");
    printf("\n");
    if (r->proven + r->kept)
        printf("Gain      %.3f [%.3f, %.3f], geometric mean over the finished and its 95 %% interval\n",
               r->gain, r->gain_low, r->gain_high);
    if (r->proven)
        printf("Worst     %.3f, the smallest lower bound of a gain\n", r->worst);
    if (isfinite(r->regret))
        printf("Held out  median regret %.1f %%, 95th percentile %.1f %%, of predictions for problems left "
               "out\n",
               100.0 * r->regret, 100.0 * r->regret95);
    printf("Time      %.1f s of %g s\n", r->seconds, with->budget);
    show_saved(with, report);
}

static void json_finding(json *to, const tune_finding *finding)
{
    json_object(to, NULL);
    json_text(to, "name", finding->name);
    json_text(to, "severity", finding->severity == TUNE_WARNING ? "warning" : "note");
    json_text(to, "text", finding->text);
    json_text(to, "advice", *finding->advice ? finding->advice : NULL);
    json_end(to);
}

static void json_task(json *to, const tune_setting *with, const tune_report *report, int i)
{
    const tune_task *task = &with->request.list->task[i];
    const tune_outcome *outcome = &report->outcome[i];
    char key[GML_KEY_TEXT], choice[GML_CHOICE_TEXT];
    gml_key_write(&task->key, key, sizeof key);
    gml_choice_write((gml_operation)task->key.operation, &outcome->choice, choice, sizeof choice);
    json_object(to, NULL);
    json_text(to, "problem", key);
    json_real(to, "weight", task->weight);
    json_text(to, "verdict", verdicts[outcome->verdict]);
    json_bool(to, "resumed", report->resumed[i]);
    if (with->dry_run) {
        json_real(to, "expected_seconds", tune_expected_seconds(&with->request.on, &task->key));
    } else if (outcome->verdict == TUNE_FAILED) {
        json_text(to, "why", outcome->why);
    } else if (outcome->verdict != TUNE_PENDING) {
        json_text(to, "choice", choice);
        json_real(to, "gain", outcome->gain);
        json_real(to, "low", outcome->low);
        json_real(to, "high", outcome->high);
        json_integer(to, "samples", outcome->samples);
        json_text(to, "scope", outcome->cell ? "cell" : "exact");
        json_real(to, "seconds", outcome->seconds);
    }
    json_end(to);
}

void tune_show_json(const tune_setting *with, const tune_report *report)
{
    const gml_tune_result *r = &report->result;
    const tune_request *request = &with->request;
    char machine[GML_FINGERPRINT_TEXT], fingerprint[20];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, gml_fingerprint(request->on.machine, machine));
    json to = json_open(stdout);
    json_object(&to, NULL);
    json_text(&to, "machine", machine);
    json_text(&to, "fingerprint", fingerprint);
    json_text(&to, "isa", request->on.runtime->set->isa);
    json_text(&to, "state", state_name(request->state));
    json_real(&to, "budget", with->budget);
    json_integer(&to, "seed", (int64_t)request->seed);
    json_bool(&to, "dry_run", with->dry_run);
    json_bool(&to, "interrupted", report->interrupted);
    json_array(&to, "findings");
    for (int i = 0; i < report->diagnosis.count; i++)
        json_finding(&to, &report->diagnosis.finding[i]);
    json_end(&to);
    json_real(&to, "noise", with->dry_run ? NAN : r->noise);
    json_integer(&to, "tasks", r->tasks);
    json_integer(&to, "proven", r->proven);
    json_integer(&to, "kept", r->kept);
    json_integer(&to, "failed", r->failed);
    json_integer(&to, "pending", r->pending);
    json_real(&to, "gain", r->gain);
    json_real(&to, "gain_low", r->gain_low);
    json_real(&to, "gain_high", r->gain_high);
    json_real(&to, "worst", r->worst);
    json_real(&to, "regret", r->regret);
    json_real(&to, "regret95", r->regret95);
    json_real(&to, with->dry_run ? "expected_seconds" : "seconds", r->seconds);
    json_text(&to, "mismatch", *report->mismatch ? report->mismatch : NULL);
    json_bool(&to, "saved", r->saved);
    json_text(&to, "file", r->saved ? r->file : NULL);
    json_text(&to, "run", r->saved ? r->run : NULL);
    json_array(&to, "problems");
    for (int i = 0; i < request->list->count; i++)
        json_task(&to, with, report, i);
    json_end(&to);
    json_close(&to);
}
