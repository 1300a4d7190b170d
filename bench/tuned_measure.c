/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The model's plan, the plan of wisdom and the best that is known, in turns. Which is best comes from a recording or
 * from a race over the grid, whose first few run against each other once more; then all is measured anew, so that
 * nothing is judged by the samples that it owes its place to. Where operands lie in memory is a chance like any other: they
 * move every few rounds, so that intervals are those of a problem and not of its place.
 */
#include "bench/tuned.h"
#include "bench/tuning.h"
#include "src/plan/wisdom_files.h"
#include "tune/tune.h"
#include <fnmatch.h>
#include <gemmule/gemmule.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEST_MOST 4 /* plans that may be the best                       */
#define MOVE      3 /* rounds until operands move, as where they lie may suit a plan */

_Static_assert(TUNED_ROUNDS_MOST == TUNING_ROUNDS_MOST && TUNED_TEXT >= GML_KEY_TEXT &&
                   TUNED_TEXT >= GML_CHOICE_TEXT,
               "one is the other, in C++");

struct tuned_bench {
    tuned_options options;
    tuning_machine tuning;
    char machine[GML_FINGERPRINT_TEXT];
    gml_wisdom *wisdom;
    int64_t entries;
    int count;
    gml_key key[TUNING_PROBLEMS_MOST];
    gml_choice grid[TUNE_GRID_MOST];
    tuning_samples samples[TUNE_GRID_MOST];
};

/* Tunes the suite for the machine, which may be made up. */
static bool tune_suite_first(tuned_bench *tuned, char *sentence, size_t size)
{
    const tuned_options *o = &tuned->options;
    const int32_t threads = o->threads;
    const tune_selection selection = {.operations = o->operations ? tuning_operations(o->operations) : ~0u,
                                      .types = o->types ? tuning_types(o->types) : ~0u,
                                      .threads = &threads,
                                      .thread_counts = 1};
    tune_list list = {0};
    tune_report report;
    char why[TUNE_SENTENCE] = "there is no memory";
    bool done = tune_list_suite(&list, &selection);
    if (done) {
        const tune_request request = {.on = tuned->tuning.on,
                                      .list = &list,
                                      .budget = o->budget,
                                      .state = GML_STATE_ROTATED,
                                      .seed = o->seed,
                                      .root = o->root,
                                      .resume = true,
                                      .force = true};
        done = tune_perform(&request, &report, why) == TUNE_DONE;
        fprintf(stderr, "tuned in %.1f s: %d problems, %d proven, %d kept, %d pending; noise %.3f\n",
                report.result.seconds, (int)report.result.tasks, (int)report.result.proven,
                (int)report.result.kept, (int)report.result.pending, report.result.noise);
        tune_report_free(&report);
    }
    tune_list_free(&list);
    if (!done)
        snprintf(sentence, size, "%s", why);
    return done;
}

static bool load_wisdom(tuned_bench *tuned, char *sentence, size_t size)
{
    const gml_wisdom_filter filter = {.machine = gml_fingerprint(&tuned->tuning.machine, tuned->machine),
                                      .set = tuned->tuning.on.runtime->set};
    gml_wisdom_list list = {0};
    gml_wisdom_loaded loaded = {0};
    if (tuned->options.root)
        gml_wisdom_load_root(&list, tuned->options.root, &filter, &loaded, NULL);
    else
        gml_wisdom_search(&list, &filter, &loaded, NULL);
    tuned->entries = list.count;
    tuned->wisdom = gml_wisdom_build(&list);
    gml_wisdom_list_free(&list);
    if (!tuned->wisdom)
        snprintf(sentence, size, "there is no memory for wisdom");
    return tuned->wisdom;
}

static void list_problems(tuned_bench *tuned)
{
    const tuned_options *o = &tuned->options;
    const unsigned operations = o->operations ? tuning_operations(o->operations) : ~0u;
    const unsigned types = o->types ? tuning_types(o->types) : ~0u;
    const int32_t threads = o->threads;
    const int all = o->held_out
                        ? tuning_held_out(operations, types, threads, tuned->key, TUNING_PROBLEMS_MOST)
                        : tune_suite(operations, types, &threads, 1, tuned->key, TUNING_PROBLEMS_MOST);
    for (int i = 0; i < all; i++) {
        char text[GML_KEY_TEXT];
        gml_key_write(&tuned->key[i], text, sizeof text);
        if (!o->only || fnmatch(o->only, text, 0) == 0)
            tuned->key[tuned->count++] = tuned->key[i];
    }
}

tuned_bench *tuned_open(const tuned_options *options, char *sentence, size_t size)
{
    tuned_bench *tuned = calloc(1, sizeof *tuned);
    if (!tuned) {
        snprintf(sentence, size, "there is no memory");
        return NULL;
    }
    tuned->options = *options;
    if (!tuning_open(&tuned->tuning, options->threads, options->isa, options->unknown_caches)) {
        gml_last_error(sentence, size);
        free(tuned);
        return NULL;
    }
    if ((options->budget > 0 && !tune_suite_first(tuned, sentence, size)) ||
        !load_wisdom(tuned, sentence, size)) {
        tuned_close(tuned);
        return NULL;
    }
    list_problems(tuned);
    return tuned;
}

void tuned_close(tuned_bench *tuned)
{
    gml_wisdom_free(tuned->wisdom);
    tuning_close(&tuned->tuning);
    free(tuned);
}

const char *tuned_machine(const tuned_bench *tuned)
{
    return tuned->machine;
}

const char *tuned_isa(const tuned_bench *tuned)
{
    return tuned->tuning.on.runtime->set->isa;
}

int64_t tuned_entries(const tuned_bench *tuned)
{
    return tuned->entries;
}

int tuned_count(const tuned_bench *tuned)
{
    return tuned->count;
}

/* The fastest of candidates by their samples, at most BEST_MOST, without the model's. */
static int fastest(const tuning_samples *candidates, int count, gml_choice best[BEST_MOST])
{
    int found = 0;
    double ratio[BEST_MOST];
    for (int i = 1; i < count; i++) {
        const double of_this = tuning_ratio(&candidates[i], candidates);
        int place = found < BEST_MOST ? found++ : BEST_MOST;
        for (; place > 0 && ratio[place - 1] < of_this; place--)
            if (place < BEST_MOST) {
                ratio[place] = ratio[place - 1];
                best[place] = best[place - 1];
            }
        if (place < BEST_MOST) {
            ratio[place] = of_this;
            best[place] = candidates[i].choice;
        }
    }
    return found;
}

static int best_of_grid(tuned_bench *tuned, const gml_key *key, tune_subject *subject,
                        gml_choice best[BEST_MOST])
{
    const tuning_race race = {.rounds = 6,
                              .more = 6,
                              .finalists = 8,
                              .least = tuned->options.milliseconds * 1e-3,
                              .drop_early = 1.5,
                              .drop_late = 1.1};
    const int count = tune_space_grid(&tuned->tuning.on, key, tuned->grid);
    for (int i = 0; i < count; i++)
        tuned->samples[i].choice = tuned->grid[i];
    tuning_run_race(&race, &tuned->tuning, key, subject, tuned->samples, count, 1, tuned->options.seed);
    return fastest(tuned->samples, count, best);
}

static int best_of_recording(tuned_bench *tuned, const gml_key *key, gml_choice best[BEST_MOST])
{
    const int count = tuning_read_samples(tuned->options.recording, key, tuned->samples, TUNE_GRID_MOST);
    return fastest(tuned->samples, count, best);
}

/* Adds a choice whose plan is not there yet; its place. */
static int add(const tuned_bench *tuned, const gml_key *key, tuning_samples *entrants, int *count,
               const gml_choice *choice)
{
    tune_plan plan, other;
    if (!tune_plan_of(&tuned->tuning.on, key, choice, &plan))
        return 0;
    for (int i = 0; i < *count; i++)
        if (i != 1 && tune_plan_of(&tuned->tuning.on, key, &entrants[i].choice, &other) &&
            tune_plan_equal(&plan, &other))
            return i;
    entrants[*count] = (tuning_samples){.choice = *choice};
    return (*count)++;
}

static void run_rounds(const tuned_bench *tuned, const gml_key *key, tune_subject *subject, int rounds,
                       tuning_samples *entrants, int count, uint64_t seed)
{
    const tuning_race race = {.rounds = rounds, .least = tuned->options.milliseconds * 1e-3, .move = MOVE};
    tuning_run_race(&race, &tuned->tuning, key, subject, entrants, count, count, tuned->options.seed + seed);
}

/* Of plans that may be the best, and that of wisdom, the best by samples of their own. false: none are known. */
static bool find_best(tuned_bench *tuned, const gml_key *key, tune_subject *subject, const gml_choice *chosen,
                      gml_choice *best)
{
    gml_choice list[BEST_MOST];
    const int found = tuned->options.recording ? best_of_recording(tuned, key, list)
                                               : best_of_grid(tuned, key, subject, list);
    tuning_samples entrants[3 + BEST_MOST] = {{.choice = {.value = {0}}}, {.choice = {.value = {0}}}};
    int count = 2;
    if (chosen)
        add(tuned, key, entrants, &count, chosen);
    for (int i = 0; i < found; i++)
        add(tuned, key, entrants, &count, &list[i]);
    run_rounds(tuned, key, subject, tuned->options.rounds, entrants, count, 1);
    int at = 0;
    for (int i = 2; i < count; i++)
        if (tuning_ratio(&entrants[i], entrants) > tuning_ratio(&entrants[at], entrants))
            at = i;
    *best = entrants[at].choice;
    return found > 0;
}

bool tuned_measure(tuned_bench *tuned, int problem, tuned_result *result)
{
    static const char *const sources[] = {"model", "exact", "cell", "predicted"};
    const gml_key *key = &tuned->key[problem];
    const gml_operation operation = (gml_operation)key->operation;
    *result = (tuned_result){.rounds = tuned->options.rounds};
    gml_key_write(key, result->problem, sizeof result->problem);
    tune_subject *subject = tune_subject_create(&tuned->tuning.on, key, GML_STATE_ROTATED, TUNING_MEMORY);
    if (!subject)
        return false;
    gml_source source;
    gml_choice best = {.value = {0}};
    const gml_choice *chosen = gml_wisdom_find(tuned->wisdom, key, &source, NULL);
    result->known = tuned->options.oracle && find_best(tuned, key, subject, chosen, &best);

    /* The model's plan, the same again, and the others where they are others. */
    tuning_samples entrants[4] = {{.choice = {.value = {0}}}, {.choice = {.value = {0}}}};
    int count = 2;
    const int chosen_at = chosen ? add(tuned, key, entrants, &count, chosen) : 0;
    const int best_at = add(tuned, key, entrants, &count, &best);
    run_rounds(tuned, key, subject, result->rounds, entrants, count, 2);
    tune_subject_destroy(subject);

    gml_choice_write(operation, &entrants[chosen_at].choice, result->choice, sizeof result->choice);
    gml_choice_write(operation, &entrants[best_at].choice, result->best, sizeof result->best);
    result->source = sources[source];
    result->tuned = chosen_at != 0;
    memcpy(result->model, entrants[0].seconds, sizeof result->model);
    memcpy(result->again, entrants[1].seconds, sizeof result->again);
    memcpy(result->choice_seconds, entrants[chosen_at].seconds, sizeof result->choice_seconds);
    memcpy(result->best_seconds, entrants[best_at].seconds, sizeof result->best_seconds);
    return true;
}
