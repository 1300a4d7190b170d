/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs of the tuner over a made-up bench, whose clock is a number: what is saved, and when; resuming; noise; budgets;
 * interruptions; and duels of earlier winners.
 */
#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
#include "src/api/context.h"
#include "tests/suite.h"
#include "tune/tune.h"
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Products of at least 1000 rows gain a fifth by packing B; all other choices cost a tenth. */
#define GAIN 1.2
#define LOSS 0.9
#define BAD  77 /* rows of a problem that cannot be opened, and an mc that gives other bits */

typedef struct world {
    double now, noise;
    uint64_t random;
    gml_key key;
    int opened;
} world;

static double uniform(world *w)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(w->random >> 11) / 9007199254740992.0;
}

static double now(void *host)
{
    return ((world *)host)->now;
}

static bool open_key(void *host, const gml_key *key, const char **why)
{
    world *w = host;
    w->now += 0.001;
    *why = "it is made up so";
    if (key->size[0] == BAD)
        return false;
    w->key = *key;
    w->opened++;
    return true;
}

static void close_key(void *host)
{
    ((world *)host)->now += 0.001;
}

static bool verify(void *host, const gml_choice *choice)
{
    ((world *)host)->now += 0.001;
    return choice->value[GML_CHOOSE_MC] != BAD;
}

static double time_choice(void *host, const gml_choice *choice, double least)
{
    world *w = host;
    const bool packs = w->key.operation == GML_OPERATION_GEMM && choice->value[GML_CHOOSE_PACK_B] == GML_YES;
    const double gain = gml_choice_is_model(choice) ? 1.0 : packs && w->key.size[0] >= 1000 ? GAIN : LOSS;
    w->now += least > 0.001 ? least : 0.001;
    return 0.001 / gain * exp(w->noise * (uniform(w) - 0.5));
}

static int seeds(void *host, const gml_choice *known, int count, gml_choice out[TUNE_SEEDS_MOST])
{
    (void)host;
    (void)known;
    (void)count;
    memset(out, 0, 4 * sizeof *out);
    out[1].value[GML_CHOOSE_PACK_B] = GML_NO;
    out[2].value[GML_CHOOSE_PACK_B] = GML_YES;
    out[3].value[GML_CHOOSE_NC] = 96;
    return 4;
}

static int steps(void *host, const gml_choice *from, gml_choice out[TUNE_STEPS_MOST])
{
    (void)host;
    (void)from;
    (void)out;
    return 0;
}

static world made_up;
static tune_bench bench;
static char root[64];
static tune_list list;
static char sentence[TUNE_SENTENCE];
static tune_report report;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

/* Files below the root, and entries that they hold; directories count as nothing. */
static int files, entries;

static int count_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    if (type != FTW_F)
        return 0;
    gml_wisdom_list found = {0};
    gml_wisdom_loaded loaded = {0};
    const gml_wisdom_filter filter = {0};
    ck_assert_int_eq(gml_wisdom_load_file(&found, path, &filter, &loaded, NULL), GML_WISDOM_READ);
    ck_assert_int_eq(loaded.lines.damaged + loaded.lines.invalid, 0);
    for (int64_t i = 0; i < found.count; i++)
        entries += !found.entry[i].error;
    gml_wisdom_list_free(&found);
    files++;
    return 0;
}

static void count_files(void)
{
    files = entries = 0;
    ck_assert_int_eq(nftw(root, count_entry, 8, FTW_PHYS), 0);
}

static void set_up(void)
{
    made_up = (world){.now = 100.0, .noise = 0.004, .random = 1};
    bench = (tune_bench){&made_up, now, open_key, NULL, NULL, close_key, verify, time_choice, seeds, steps};
    snprintf(root, sizeof root, "/tmp/gemmule-tune-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    tune_list_free(&list);
    for (int i = 0; i < 6; i++) {
        const gml_key key = {.operation = GML_OPERATION_GEMM,
                             .type = GML_F32,
                             .threads = 1,
                             .size = {i < 3 ? 1000 << i : 100 * i, 300, 400, 1}};
        ck_assert(tune_problems_add(&list, &key, 1.0));
    }
}

static void tear_down(void)
{
    tune_report_free(&report);
    tune_list_free(&list);
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static tune_request request_of(double budget)
{
    gml_context *context = gml_context_default();
    return (tune_request){.on = {&context->machine, &context->runtime},
                          .bench = &bench,
                          .list = &list,
                          .budget = budget,
                          .seed = 1,
                          .root = root};
}

static const gml_tune_result *run(const tune_request *request, tune_end end)
{
    tune_report_free(&report);
    made_up.opened = 0;
    ck_assert_int_eq(tune_perform(request, &report, sentence), end);
    ck_assert_msg((end == TUNE_DONE) == !*sentence, "%s", sentence);
    return &report.result;
}

START_TEST(saves)
{
    set_up();
    const tune_request request = request_of(60.0);
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->tasks, 6);
    ck_assert_int_eq(result->proven, 3);
    ck_assert_int_eq(result->kept, 3);
    ck_assert_int_eq(result->failed + result->pending, 0);
    ck_assert_double_eq_tol(result->gain, sqrt(GAIN), 0.01);
    ck_assert(result->gain_low <= result->gain && result->gain <= result->gain_high);
    ck_assert(result->worst > 1.1 && result->worst <= GAIN * 1.01);
    ck_assert(result->noise > 0.0 && result->noise < 0.01);
    ck_assert(result->seconds <= 60.0);
    ck_assert_int_eq(result->saved, 1);
    ck_assert_ptr_nonnull(strstr(result->file, result->run));
    for (int i = 0; i < 6; i++) {
        const tune_outcome *outcome = &report.outcome[i];
        ck_assert_int_eq(outcome->verdict, i < 3 ? TUNE_PROVEN : TUNE_KEPT);
        ck_assert_int_eq(outcome->choice.value[GML_CHOOSE_PACK_B], i < 3 ? GML_YES : 0);
    }
    count_files();
    ck_assert_int_eq(files, 1);
    ck_assert_int_eq(entries, 6);
    tear_down();
}
END_TEST

START_TEST(resumes)
{
    set_up();
    tune_request request = request_of(60.0);
    run(&request, TUNE_DONE);
    request.resume = true;
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->proven, 3);
    ck_assert_int_eq(result->kept, 3);
    ck_assert_int_eq(result->saved, 0);
    ck_assert_str_eq(result->file, "");
    ck_assert_str_eq(result->run, "");
    ck_assert_int_le(made_up.opened, 1); /* for the noise floor */
    for (int i = 0; i < 6; i++)
        ck_assert(report.resumed[i]);
    count_files();
    ck_assert_int_eq(files, 1);

    gml_key more = list.task[0].key;
    more.size[2] = 500;
    ck_assert(tune_problems_add(&list, &more, 1.0));
    result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->proven, 4);
    ck_assert(!report.resumed[6]);
    ck_assert_int_eq(result->saved, 1);
    count_files();
    ck_assert_int_eq(files, 2);
    ck_assert_int_eq(entries, 7);

    request.state = GML_STATE_WARM; /* other evidence */
    request.dry_run = true;
    result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->pending, 7);
    tear_down();
}
END_TEST

/* Too noisy: all is reported, nothing is left on the disk; unless it is forced. */
START_TEST(noise)
{
    set_up();
    made_up.noise = 2.0;
    tune_request request = request_of(60.0);
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_double_gt(result->noise, TUNE_NOISE_MOST);
    ck_assert_int_eq(result->saved, 0);
    ck_assert_int_eq(rmdir(root), 0); /* empty: no directory either */
    request.force = true;
    result = run(&request, TUNE_DONE);
    ck_assert_double_gt(result->noise, TUNE_NOISE_MOST);
    ck_assert_int_eq(result->saved, result->proven + result->kept > 0);
    tear_down();
}
END_TEST

START_TEST(dry_run)
{
    set_up();
    tune_request request = request_of(60.0);
    request.dry_run = true;
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->tasks, 6);
    ck_assert_int_eq(result->pending, 6);
    ck_assert_double_gt(result->seconds, 0.0);
    ck_assert_int_eq(made_up.opened, 0);
    ck_assert_double_eq(made_up.now, 100.0);
    ck_assert_int_eq(rmdir(root), 0);
    tear_down();
}
END_TEST

static int32_t stop_after_two(void *host, const gml_tune_progress *progress)
{
    ++*(int *)host;
    ck_assert_int_eq(progress->tasks, 6);
    ck_assert_ptr_nonnull(
        strstr(progress->problem, progress->seconds > 0.0 ? "x300x400x1, 1 thread" : "the noise floor"));
    ck_assert(progress->gain >= 1.0 && progress->seconds >= 0.0 && progress->remaining <= 60.0);
    return progress->finished == 2;
}

START_TEST(interrupted)
{
    set_up();
    int calls = 0;
    tune_request request = request_of(60.0);
    request.progress = stop_after_two;
    request.progress_host = &calls;
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert(report.interrupted);
    ck_assert_int_ge(calls, 2);
    ck_assert_int_eq(result->proven + result->kept, 2);
    ck_assert_int_eq(result->pending, 4);
    count_files();
    ck_assert_int_eq(files, 1);
    ck_assert_int_eq(entries, 2);
    tear_down();
}
END_TEST

START_TEST(budgets)
{
    const double budget[] = {0.001, 0.1, 0.5, 1.0, 2.0, 5.0, 20.0};
    int64_t finished = 0;
    for (size_t i = 0; i < sizeof budget / sizeof *budget; i++) {
        set_up();
        const tune_request request = request_of(budget[i]);
        const gml_tune_result *result = run(&request, TUNE_DONE);
        ck_assert_msg(result->seconds <= 1.02 * budget[i] + 0.02, "%g s of %g", result->seconds, budget[i]);
        ck_assert_int_eq(result->proven + result->kept + result->pending, 6);
        finished = result->proven + result->kept;
        ck_assert_int_eq(result->saved, finished > 0);
        ck_assert_int_eq(rmdir(root) == 0, finished == 0); /* empty again */
        tear_down();
    }
    ck_assert_int_eq(finished, 6);
}
END_TEST

START_TEST(failures)
{
    set_up();
    gml_key bad = list.task[0].key;
    bad.size[0] = BAD;
    ck_assert(tune_problems_add(&list, &bad, 1.0));
    tune_request request = request_of(60.0);
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->failed, 1);
    ck_assert_int_eq(report.outcome[6].verdict, TUNE_FAILED);
    ck_assert_str_eq(report.outcome[6].why, "it is made up so");
    count_files();
    ck_assert_int_eq(entries, 6);

    char path[sizeof root + 8], said[200];
    snprintf(path, sizeof path, "%s/file", root);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    request.root = path;
    run(&request, TUNE_NOT_WRITTEN);
    snprintf(said, sizeof said, "%s: is no directory", path);
    ck_assert_str_eq(sentence, said);
    ck_assert_int_eq(made_up.opened, 0); /* said at once */
    ck_assert_int_eq(unlink(path), 0);

    request.root = "/proc/gemmule";
    run(&request, TUNE_NOT_WRITTEN);
    ck_assert_ptr_nonnull(strstr(sentence, "/proc"));
    tear_down();
}
END_TEST

START_TEST(nothing)
{
    set_up();
    tune_list_free(&list);
    const tune_request request = request_of(60.0);
    const gml_tune_result *result = run(&request, TUNE_DONE);
    ck_assert_int_eq(result->tasks + result->saved, 0);
    ck_assert_double_eq(made_up.now, 100.0);
    ck_assert_int_eq(rmdir(root), 0);
    tear_down();
}
END_TEST

static bool count_told(void *host, int64_t done, const gml_wisdom_entry *entry, const tune_duel *duel)
{
    (void)entry;
    (void)duel;
    *(int64_t *)host = done;
    return true;
}

START_TEST(duels)
{
    set_up();
    gml_context *context = gml_context_default();
    char text[GML_FINGERPRINT_TEXT];
    gml_wisdom_entry entry[6];
    memset(entry, 0, sizeof entry);
    for (int i = 0; i < 6; i++) {
        entry[i] = (gml_wisdom_entry){.machine = gml_fingerprint(&context->machine, text),
                                      .isa = context->runtime.set->isa,
                                      .key = list.task[0].key,
                                      .gain = GAIN};
        entry[i].choice.value[GML_CHOOSE_PACK_B] = GML_YES;
    }
    entry[1].choice.value[GML_CHOOSE_PACK_B] = GML_NO;
    entry[2].choice.value[GML_CHOOSE_MC] = BAD;
    entry[3].machine++;
    entry[4].choice = (gml_choice){0};
    entry[5].error = true;
    const gml_wisdom_list of = {.entry = entry, .count = 6, .room = 6};
    tune_duel duel[6];
    int64_t told = 0;
    tune_duels with = {{&context->machine, &context->runtime}, &bench, 30.0, 1, count_told, &told};
    const double began = made_up.now;
    ck_assert(tune_duel_again(&with, &of, duel));
    ck_assert_double_le(made_up.now - began, 30.1);
    ck_assert_int_eq(told, 3);
    const tune_again expected[] = {TUNE_STANDS,      TUNE_NO_FASTER,   TUNE_WRONG,
                                   TUNE_NOT_REACHED, TUNE_NOT_REACHED, TUNE_NOT_REACHED};
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(duel[i].verdict, expected[i]);
    ck_assert_double_eq_tol(duel[0].gain, GAIN, 0.01);
    ck_assert(duel[0].low <= duel[0].gain && duel[0].gain <= duel[0].high);
    ck_assert_double_eq_tol(duel[1].gain, LOSS, 0.01);

    with.budget = 0.0;
    ck_assert(tune_duel_again(&with, &of, duel));
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(duel[i].verdict, TUNE_NOT_REACHED);
    tear_down();
}
END_TEST

int main(void)
{
    return suite_run("tune_run", 60,
                     (const TTest *const[]){saves, resumes, noise, dry_run, interrupted, budgets, failures,
                                            nothing, duels, NULL});
}
